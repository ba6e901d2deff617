//! Look-ups on PostgreSQL: whatever a batch asks for in one statement, and meeting other receivers at names that have no
//! row yet.

use diesel::connection::DefaultLoadingMode;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Integer, Text};

use super::{Asked, Purpose};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, ExternalId, Scope};
use crate::domain::world::{Reference, World};
use crate::store::bulk::{Rows, Statement, Value, Verb};
use crate::store::error::StoreError;
use crate::store::records::{AccountRow, RelationRow};
use crate::store::schema::{accounts, relations};

/// A look-up by arrays of keys, with a fixed text, so that it is prepared once.
trait Lookup: 'static {
    /// What comes back.
    type SqlType;
    /// The statement; `?` stands for each array of keys in turn, `*` for the columns.
    const TEXT: &'static str;
    /// Writes the columns.
    fn columns(out: AstPass<'_, '_, Pg>) -> QueryResult<()>;
}

enum Keys<'a> {
    Texts(Vec<&'a str>),
    Numbers(Vec<i64>),
}

struct PgLookup<'a, L> {
    keys: Vec<Keys<'a>>,
    lookup: std::marker::PhantomData<L>,
}

impl<'a, L: Lookup> PgLookup<'a, L> {
    fn by(keys: Vec<Keys<'a>>) -> Self {
        Self { keys, lookup: std::marker::PhantomData }
    }
}

impl<L: Lookup> QueryId for PgLookup<'_, L> {
    type QueryId = PgLookup<'static, L>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<L: Lookup> Query for PgLookup<'_, L> {
    type SqlType = L::SqlType;
}

impl<L: Lookup, C> RunQueryDsl<C> for PgLookup<'_, L> {}

impl<L: Lookup> QueryFragment<Pg> for PgLookup<'_, L> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut keys = self.keys.iter();
        for part in L::TEXT.split_inclusive(['?', '*']) {
            out.push_sql(part.trim_end_matches(['?', '*']));
            match (part.ends_with('?'), part.ends_with('*')) {
                (true, _) => match keys.next() {
                    Some(Keys::Texts(texts)) => out.push_bind_param::<Array<Text>, _>(texts)?,
                    Some(Keys::Numbers(numbers)) => out.push_bind_param::<Array<BigInt>, _>(numbers)?,
                    None => return Err(diesel::result::Error::QueryBuilderError("a look-up without its keys".into())),
                },
                (_, true) => L::columns(out.reborrow())?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The accounts that calls are about, whole, and of those that are merely named as much as a reference needs, by platform
/// ID and by ExternalID: one statement, and no lock for the latter (see `places`). Each with which of the three it is and
/// the number of the name that found it, from 1.
macro_rules! named {
    ($name:ident, $lock:literal) => {
        struct $name;
        impl Lookup for $name {
            type SqlType = (Integer, BigInt, accounts::SqlType);
            const TEXT: &'static str = concat!(
                "WITH whole AS (SELECT k.number, * FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) \
                 JOIN accounts ON accounts.platform_id = k.name AND accounts.source = k.source \
                 AND accounts.tenant = k.tenant",
                $lock,
                ") SELECT 1, number, * FROM whole AS accounts UNION ALL SELECT 2, k.number, ",
                named!(),
                " FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) JOIN accounts \
                 ON accounts.platform_id = k.name AND accounts.source = k.source AND accounts.tenant = k.tenant \
                 UNION ALL SELECT 3, k.number, ",
                named!(),
                " FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) JOIN accounts \
                 ON accounts.external_id = k.name AND accounts.source = k.source AND accounts.tenant = k.tenant"
            );
            fn columns(out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
                accounts::all_columns.walk_ast(out)
            }
        }
    };
    () => {
        "accounts.id, accounts.source, accounts.tenant, accounts.platform_id, accounts.external_id, accounts.kind, \
         accounts.status, '', '', '', '', '', '', '', false, '', '', '', NULL, NULL, NULL, NULL, 0, false, 0, 0, NULL, \
         NULL, NULL, false, NULL, '{}', accounts.standing"
    };
}

named!(Named, " ORDER BY accounts.source, accounts.tenant, accounts.platform_id FOR UPDATE OF accounts");
named!(NamedUnlocked, "");

type NamedRow = (i32, i64, AccountRow);

const WHOLE: i32 = 1;
const REFERENCE: i32 = 2;

/// Open relations, each with the number of the id that found it, from 1. Not with the accounts themselves: behind a lock
/// that had to be waited for, PostgreSQL shows the locked row as it is then, but everything else as it was when the
/// statement began (PostgreSQL manual, 13.2.1).
///
/// `OFFSET 0` keeps the planner from turning the join around: a plan that is made while there are few relations, and kept,
/// would go through all ids for each open relation, which takes minutes for an exact list of many customers.
struct OpenRelations;

impl Lookup for OpenRelations {
    type SqlType = (BigInt, relations::SqlType);
    const TEXT: &'static str = "SELECT k.number, * FROM unnest(?) WITH ORDINALITY AS k (account_id, number) CROSS JOIN \
         LATERAL (SELECT * FROM relations WHERE account_id = k.account_id AND valid_to IS NULL OFFSET 0) AS relations";
    fn columns(out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        relations::all_columns.walk_ast(out)
    }
}

/// Names that are looked up, each with its place among those that were asked for.
struct Names<'a> {
    whole: Vec<(usize, &'a AccountKey)>,
    references: Vec<(usize, &'a AccountKey)>,
    externals: Vec<(usize, (&'a Scope, &'a ExternalId))>,
}

impl<'a> Names<'a> {
    fn of(asked: &Asked<'a>) -> Self {
        Self {
            whole: asked.accounts.iter().copied().enumerate().collect(),
            references: asked.references.iter().copied().enumerate().collect(),
            externals: asked.externals.iter().copied().enumerate().collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.references.is_empty() && self.externals.is_empty()
    }

    fn keys(&self) -> Vec<Keys<'a>> {
        let mut keys = Vec::with_capacity(9);
        push_keys(&mut keys, self.whole.iter().map(|(_, key)| (&key.scope, key.platform_id.as_str())));
        push_keys(&mut keys, self.references.iter().map(|(_, key)| (&key.scope, key.platform_id.as_str())));
        push_keys(&mut keys, self.externals.iter().map(|(_, (scope, id))| (*scope, id.as_str())));
        keys
    }

    /// What has no row.
    fn missing(mut self, found: &Found) -> Self {
        self.whole.retain(|(place, _)| found.whole.get(*place).is_none_or(Option::is_none));
        self.references.retain(|(place, _)| found.references.get(*place).is_none_or(Option::is_none));
        self.externals.retain(|(place, _)| found.externals.get(*place).is_none_or(Option::is_none));
        self
    }

    /// As the table of arrivals has them.
    fn arriving(&self) -> Vec<String> {
        let keys = self.whole.iter().chain(&self.references);
        let keys = keys.map(|(_, key)| arriving('p', &key.scope, key.platform_id.as_str()));
        keys.chain(self.externals.iter().map(|(_, (scope, id))| arriving('e', scope, id.as_str()))).collect()
    }
}

fn push_keys<'a>(keys: &mut Vec<Keys<'a>>, named: impl Iterator<Item = (&'a Scope, &'a str)>) {
    let (mut sources, mut tenants, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (scope, name) in named {
        sources.push(scope.source.as_str());
        tenants.push(scope.tenant.as_str());
        names.push(name);
    }
    keys.extend([Keys::Texts(sources), Keys::Texts(tenants), Keys::Texts(names)]);
}

/// What was found, in the order of what was asked for.
struct Found {
    /// Their relations left out.
    whole: Vec<Option<Account>>,
    references: Vec<Option<Reference>>,
    externals: Vec<Option<Reference>>,
}

/// The name of this number, and its place among what was asked for.
fn named<T>(names: &[(usize, T)], number: i64) -> Option<(usize, &T)> {
    let at = usize::try_from(number).ok()?.checked_sub(1)?;
    names.get(at).map(|(place, name)| (*place, name))
}

fn put<T>(found: &mut [Option<T>], at: usize, one: T) {
    if let Some(free) = found.get_mut(at) {
        *free = Some(one);
    }
}

impl Found {
    fn nothing(names: &Names<'_>) -> Self {
        Self {
            whole: names.whole.iter().map(|_| None).collect(),
            references: names.references.iter().map(|_| None).collect(),
            externals: names.externals.iter().map(|_| None).collect(),
        }
    }

    fn look(&mut self, connection: &mut PgConnection, names: &Names<'_>, purpose: Purpose) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        match purpose {
            Purpose::Change => {
                let named = PgLookup::<Named>::by(names.keys());
                let mut rows = named.load_iter::<NamedRow, DefaultLoadingMode>(connection)?;
                rows.try_for_each(|row| self.take(names, row?))
            }
            Purpose::Preview => {
                let named = PgLookup::<NamedUnlocked>::by(names.keys());
                let mut rows = named.load_iter::<NamedRow, DefaultLoadingMode>(connection)?;
                rows.try_for_each(|row| self.take(names, row?))
            }
        }
    }

    /// Takes in a row as it is read: a list may find very many.
    fn take(&mut self, names: &Names<'_>, (what, number, row): NamedRow) -> Result<(), StoreError> {
        match what {
            WHOLE => {
                if let Some((at, key)) = named(&names.whole, number) {
                    put(&mut self.whole, at, row.into_account_called((*key).clone(), Vec::new())?);
                }
            }
            REFERENCE => {
                if let Some((at, _)) = named(&names.references, number) {
                    put(&mut self.references, at, row.reference()?);
                }
            }
            _ => {
                if let Some((at, _)) = named(&names.externals, number) {
                    put(&mut self.externals, at, row.reference()?);
                }
            }
        }
        Ok(())
    }
}

/// Looks accounts up and tells the world.
pub(super) fn accounts(
    connection: &mut PgConnection,
    world: &mut World,
    asked: &Asked<'_>,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let names = Names::of(asked);
    let mut found = Found::nothing(&names);
    found.look(connection, &names, purpose)?;
    if purpose == Purpose::Change {
        let missing = names.missing(&found);
        if !missing.is_empty() {
            // No row, no lock: another receiver may be making one of these at this moment. Meet at the name instead, and
            // look again once whoever came first is through.
            await_arrivals(connection, missing.arriving())?;
            found.look(connection, &missing, purpose)?;
        }
    }
    let mut whole: Vec<&mut Account> = found.whole.iter_mut().flatten().collect();
    open_relations(connection, &mut whole)?;
    for (key, account) in asked.accounts.iter().zip(found.whole) {
        world.learn_account((*key).clone(), account);
    }
    for (key, reference) in asked.references.iter().zip(found.references) {
        world.learn_reference((*key).clone(), reference);
    }
    for ((scope, id), owner) in asked.externals.iter().zip(found.externals) {
        world.learn_external((*scope).clone(), (*id).clone(), owner);
    }
    Ok(())
}

/// Gives accounts their open relations.
fn open_relations(connection: &mut PgConnection, accounts: &mut [&mut Account]) -> Result<(), StoreError> {
    if accounts.is_empty() {
        return Ok(());
    }
    let ids = accounts.iter().map(|account| account.id.0).collect();
    let rows = PgLookup::<OpenRelations>::by(vec![Keys::Numbers(ids)]);
    for row in rows.load_iter::<(i64, RelationRow), DefaultLoadingMode>(connection)? {
        let (number, row) = row?;
        let at = usize::try_from(number).unwrap_or_default().wrapping_sub(1);
        if let Some(account) = accounts.get_mut(at) {
            account.relate(row.into_relation()?);
        }
    }
    Ok(())
}

struct Arrive;

impl Statement for Arrive {
    const TABLE: &'static str = "arrivals";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &["name"];
    const TAIL: &'static str = " ON CONFLICT DO NOTHING";
}

struct Arrived;

impl Statement for Arrived {
    const TABLE: &'static str = "arrivals";
    const VERB: Verb = Verb::Delete;
    const COLUMNS: &'static [&'static str] = &["name"];
}

/// A name of an account as the table of arrivals has it: no two spell the same.
pub(super) fn arriving(kind: char, scope: &Scope, id: &str) -> String {
    let (source, tenant) = (scope.source.as_str(), scope.tenant.as_str());
    format!("{kind}{}:{source}{}:{tenant}{id}", source.len(), tenant.len())
}

/// Waits for every other transaction that is about to make one of these names or to wait for it, and makes others wait
/// for this one. The rows are deleted at once: until this transaction ends, an insert of the same name waits all the same.
pub(super) fn await_arrivals(connection: &mut PgConnection, mut names: Vec<String>) -> Result<(), StoreError> {
    names.sort();
    let mut rows = Rows::<Arrive>::default();
    for name in &names {
        rows.push([Value::Text(name)]);
    }
    rows.write_postgres(connection)?;
    let mut rows = Rows::<Arrived>::default();
    for name in &names {
        rows.push([Value::Text(name)]);
    }
    rows.write_postgres(connection)?;
    Ok(())
}
