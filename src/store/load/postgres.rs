//! Look-ups on PostgreSQL: whatever a batch asks for in one statement, and meeting other receivers at names that have no
//! row yet.

use diesel::connection::DefaultLoadingMode;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::LoadQuery;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use super::{Asked, Purpose};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::world::{Reference, World};
use crate::store::bulk::{Rows, Statement, Value, Verb};
use crate::store::error::StoreError;
use crate::store::records::{AccountRow, RelationRow, reference_of};
use crate::store::schema::{accounts, relations};

/// A look-up by arrays of keys, with a fixed text, so that it is prepared once.
trait Lookup: 'static {
    /// What comes back.
    type SqlType;
    /// The statement; `?` stands for each array of keys in turn, `*` for the columns of accounts, `#` for those of
    /// relations.
    const TEXT: &'static str;
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

    /// Runs it and hands each row over.
    fn each<'q, Row>(
        self,
        connection: &'q mut PgConnection,
        take: impl FnMut(QueryResult<Row>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>
    where
        Self: LoadQuery<'q, PgConnection, Row> + 'q,
    {
        self.load_iter::<Row, DefaultLoadingMode>(connection)?.try_for_each(take)
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
        for part in L::TEXT.split_inclusive(['?', '*', '#']) {
            out.push_sql(part.trim_end_matches(['?', '*', '#']));
            match part.chars().next_back() {
                Some('?') => match keys.next() {
                    Some(Keys::Texts(texts)) => out.push_bind_param::<Array<Text>, _>(texts)?,
                    Some(Keys::Numbers(numbers)) => out.push_bind_param::<Array<BigInt>, _>(numbers)?,
                    None => return Err(diesel::result::Error::QueryBuilderError("a look-up without its keys".into())),
                },
                Some('*') => accounts::all_columns.walk_ast(out.reborrow())?,
                Some('#') => relations::all_columns.walk_ast(out.reborrow())?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The accounts that calls are about, whole and with their open relations: a row for each relation, or one without any.
/// Each with the number of the name that found it, from 1, and whether the account is older than the statement. One that
/// is not may have been locked by another receiver: behind a lock that had to be waited for, PostgreSQL shows the locked
/// row as it is then, but everything else, its relations too, as it was when the statement began (PostgreSQL manual,
/// 13.2.1).
///
/// `OFFSET 0` keeps the planner from turning the join around: a plan that is made while there are few relations, and kept,
/// would go through all accounts for each open relation, which takes minutes for an exact list of many customers.
macro_rules! whole {
    ($name:ident, $lock:literal, $older:literal) => {
        struct $name;
        impl Lookup for $name {
            type SqlType = (BigInt, Bool, accounts::SqlType, Nullable<relations::SqlType>);
            const TEXT: &'static str = concat!(
                "WITH whole AS (SELECT k.number, accounts.xmin AS made, * FROM unnest(?, ?, ?) WITH ORDINALITY \
                 AS k (source, tenant, name, number) JOIN accounts ON accounts.platform_id = k.name \
                 AND accounts.source = k.source AND accounts.tenant = k.tenant",
                $lock,
                ") SELECT number, ",
                $older,
                ", *, # FROM whole AS accounts LEFT JOIN LATERAL (SELECT # FROM relations \
                 WHERE relations.account_id = accounts.id AND relations.valid_to IS NULL OFFSET 0) AS relations ON true"
            );
        }
    };
}

whole!(
    Whole,
    " ORDER BY accounts.source, accounts.tenant, accounts.platform_id FOR UPDATE OF accounts",
    "age(made) > (SELECT age(pg_snapshot_xmin(pg_current_snapshot())::xid))"
);
whole!(WholeUnlocked, "", "true");

type WholeRow = (i64, bool, AccountRow, Option<RelationRow>);

/// Most accounts that are looked up with their relations. Each column of a row costs the client something, whether it holds
/// anything or not: many thousands are looked up faster by themselves, and their relations behind them.
const WITH_RELATIONS: usize = 1_000;

/// As [`Whole`], without relations.
macro_rules! alone {
    ($name:ident, $lock:literal) => {
        struct $name;
        impl Lookup for $name {
            type SqlType = (BigInt, accounts::SqlType);
            const TEXT: &'static str = concat!(
                "SELECT k.number, * FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) \
                 JOIN accounts ON accounts.platform_id = k.name AND accounts.source = k.source \
                 AND accounts.tenant = k.tenant",
                $lock
            );
        }
    };
}

alone!(Alone, " ORDER BY accounts.source, accounts.tenant, accounts.platform_id FOR UPDATE OF accounts");
alone!(AloneUnlocked, "");

type AloneRow = (i64, AccountRow);

/// Of those who are merely named as much as a reference needs, by platform ID and by ExternalID, and no lock (see
/// `places`). Each with whether its platform ID found it, and the number of the name that did, from 1.
struct Named;

impl Lookup for Named {
    type SqlType = (Bool, BigInt, BigInt, Text, Text, Text, Text, Text, Text, Text);
    const TEXT: &'static str = "SELECT true, k.number, id, accounts.source, accounts.tenant, platform_id, external_id, kind, \
         status, standing FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) JOIN accounts \
         ON accounts.platform_id = k.name AND accounts.source = k.source AND accounts.tenant = k.tenant \
         UNION ALL SELECT false, k.number, id, accounts.source, accounts.tenant, platform_id, external_id, kind, \
         status, standing FROM unnest(?, ?, ?) WITH ORDINALITY AS k (source, tenant, name, number) JOIN accounts \
         ON accounts.external_id = k.name AND accounts.source = k.source AND accounts.tenant = k.tenant";
}

type NamedRow = (bool, i64, i64, String, String, String, String, String, String, String);

/// Open relations by themselves, each with the number of the id that found it, from 1. `OFFSET 0` as above.
struct OpenRelations;

impl Lookup for OpenRelations {
    type SqlType = (BigInt, relations::SqlType);
    const TEXT: &'static str = "SELECT k.number, # FROM unnest(?) WITH ORDINALITY AS k (account_id, number) CROSS JOIN \
         LATERAL (SELECT # FROM relations WHERE relations.account_id = k.account_id AND relations.valid_to IS NULL \
         OFFSET 0) AS relations";
}

/// Names that are looked up, each with its place among those that were asked for.
#[derive(Default)]
struct Names<'a> {
    whole: Vec<(usize, &'a AccountKey)>,
    references: Vec<(usize, &'a AccountKey)>,
    externals: Vec<(usize, (&'a Scope, &'a ExternalId))>,
}

impl<'a> Names<'a> {
    /// As the table of arrivals has them.
    fn arriving(&self) -> Vec<String> {
        let keys = self.whole.iter().chain(&self.references);
        let keys = keys.map(|(_, key)| arriving('p', &key.scope, key.platform_id.as_str()));
        keys.chain(self.externals.iter().map(|(_, (scope, id))| arriving('e', scope, id.as_str()))).collect()
    }

    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.references.is_empty() && self.externals.is_empty()
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
#[derive(Default)]
struct Found {
    whole: Vec<Option<Account>>,
    references: Vec<Option<Reference>>,
    externals: Vec<Option<Reference>>,
    /// Whether relations may be older than what else was found.
    outdated: bool,
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

fn nothing<T>(many: usize) -> Vec<Option<T>> {
    std::iter::repeat_with(|| None).take(many).collect()
}

/// What was asked for and not found.
fn missing<T: Copy, F>(asked: &[T], found: &[Option<F>]) -> Vec<(usize, T)> {
    asked.iter().copied().enumerate().filter(|(at, _)| found.get(*at).is_none_or(Option::is_none)).collect()
}

impl Found {
    fn look(&mut self, connection: &mut PgConnection, names: &Names<'_>, purpose: Purpose) -> Result<(), StoreError> {
        self.look_whole(connection, &names.whole, purpose)?;
        self.look_named(connection, names)
    }

    fn look_whole(
        &mut self,
        connection: &mut PgConnection,
        names: &[(usize, &AccountKey)],
        purpose: Purpose,
    ) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let mut keys = Vec::with_capacity(3);
        push_keys(&mut keys, names.iter().map(|(_, key)| (&key.scope, key.platform_id.as_str())));
        // A row at a time: a list may find very many.
        let with = |found: &mut Self, row: QueryResult<WholeRow>| found.take_whole(names, row?);
        let alone = |found: &mut Self, row: QueryResult<AloneRow>| {
            let (number, row) = row?;
            found.take_whole(names, (number, false, row, None))
        };
        let locked = purpose != Purpose::Preview;
        match (names.len() <= WITH_RELATIONS, locked) {
            (true, true) => PgLookup::<Whole>::by(keys).each(connection, |row| with(self, row)),
            (true, false) => PgLookup::<WholeUnlocked>::by(keys).each(connection, |row| with(self, row)),
            (false, true) => PgLookup::<Alone>::by(keys).each(connection, |row| alone(self, row)),
            (false, false) => PgLookup::<AloneUnlocked>::by(keys).each(connection, |row| alone(self, row)),
        }
    }

    fn take_whole(
        &mut self,
        names: &[(usize, &AccountKey)],
        (number, older, row, relation): WholeRow,
    ) -> Result<(), StoreError> {
        self.outdated |= !older;
        let Some((at, key)) = named(names, number) else { return Ok(()) };
        let Some(whole) = self.whole.get_mut(at) else { return Ok(()) };
        // It comes again with its other relation.
        let account = match whole {
            Some(account) => account,
            None => whole.insert(row.into_account_called((*key).clone(), Vec::new())?),
        };
        if let Some(relation) = relation {
            account.relate(relation.into_relation()?);
        }
        Ok(())
    }

    fn look_named(&mut self, connection: &mut PgConnection, names: &Names<'_>) -> Result<(), StoreError> {
        if names.references.is_empty() && names.externals.is_empty() {
            return Ok(());
        }
        let mut keys = Vec::with_capacity(6);
        push_keys(&mut keys, names.references.iter().map(|(_, key)| (&key.scope, key.platform_id.as_str())));
        push_keys(&mut keys, names.externals.iter().map(|(_, (scope, id))| (*scope, id.as_str())));
        for row in PgLookup::<Named>::by(keys).load_iter::<NamedRow, DefaultLoadingMode>(connection)? {
            let (by_platform_id, number, id, source, tenant, platform_id, external_id, kind, status, standing) = row?;
            let scope = Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) };
            let key = AccountKey { scope, platform_id: PlatformId::stored(&platform_id) };
            let reference = reference_of(key, (id, external_id, kind, status, standing))?;
            if by_platform_id {
                if let Some((at, _)) = named(&names.references, number) {
                    put(&mut self.references, at, reference);
                }
            } else if let Some((at, _)) = named(&names.externals, number) {
                put(&mut self.externals, at, reference);
            }
        }
        Ok(())
    }

    /// Looks again at the open relations of all accounts.
    fn look_at_relations(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let mut accounts: Vec<&mut Account> = self.whole.iter_mut().flatten().collect();
        if accounts.is_empty() {
            return Ok(());
        }
        let ids = accounts.iter().map(|account| account.id.0).collect();
        for account in &mut accounts {
            (account.reseller, account.partner) = (None, None);
        }
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
}

/// Looks accounts up and tells the world. Whoever is merely named is looked up behind the lock on places, and relations
/// once more behind that: they may have been linked meanwhile.
pub(super) fn accounts(
    connection: &mut PgConnection,
    world: &mut World,
    asked: &mut Asked<'_>,
    purpose: &mut Purpose,
) -> Result<(), StoreError> {
    let mut found = Found { whole: nothing(asked.accounts.len()), ..Found::default() };
    let whole: Vec<_> = asked.accounts.iter().copied().enumerate().collect();
    found.look_whole(connection, &whole, *purpose)?;
    // Whoever comes to another reseller leaves one that may come at this moment, also where the other one is at hand.
    let mut rests_on_others = !(asked.references.is_empty() && asked.externals.is_empty());
    for named in std::mem::take(&mut asked.resellers) {
        let customer = asked.accounts.binary_search(&&named.customer).ok();
        let customer = customer.and_then(|at| found.whole.get(at)?.as_ref());
        if !customer.is_some_and(|customer| customer.has_reseller(named)) && !world.knows_reseller(named) {
            asked.add(named);
            rests_on_others = true;
        }
    }
    asked.names_in_order();
    let whole = missing(&asked.accounts, &found.whole);
    if rests_on_others || !whole.is_empty() {
        purpose.share_places(connection)?;
        (found.references, found.externals) = (nothing(asked.references.len()), nothing(asked.externals.len()));
        let references = asked.references.iter().copied().enumerate().collect();
        let externals = asked.externals.iter().copied().enumerate().collect();
        found.look_named(connection, &Names { references, externals, ..Names::default() })?;
        if *purpose != Purpose::Preview {
            let references = missing(&asked.references, &found.references);
            let names = Names { whole, references, externals: missing(&asked.externals, &found.externals) };
            if !names.is_empty() {
                // No row, no lock: another receiver may be making one of these at this moment. Meet at the name instead,
                // and look again once whoever came first is through.
                await_arrivals(connection, names.arriving())?;
                found.look(connection, &names, *purpose)?;
            }
            found.outdated = true;
        }
    }
    if found.outdated {
        found.look_at_relations(connection)?;
    }
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
