//! Look-ups on PostgreSQL: whatever a batch asks for in one statement, and meeting other receivers at names that have no
//! row yet.

use std::collections::{BTreeSet, HashMap};

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Text};

use super::{Asked, Purpose};
use crate::domain::ids::{AccountKey, ExternalId, Scope};
use crate::domain::relation::Relation;
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
/// ID and by ExternalID: one statement, and no lock for the latter (see `places`).
macro_rules! named {
    ($name:ident, $lock:literal) => {
        struct $name;
        impl Lookup for $name {
            type SqlType = (Bool, accounts::SqlType);
            const TEXT: &'static str = concat!(
                "WITH whole AS (SELECT * FROM unnest(?, ?, ?) AS k (source, tenant, name) JOIN accounts \
                 ON accounts.platform_id = k.name AND accounts.source = k.source AND accounts.tenant = k.tenant",
                $lock,
                ") SELECT true, * FROM whole AS accounts UNION ALL SELECT false, ",
                named!(),
                " FROM unnest(?, ?, ?) AS k (source, tenant, name) JOIN accounts ON accounts.platform_id = k.name \
                 AND accounts.source = k.source AND accounts.tenant = k.tenant UNION ALL SELECT false, ",
                named!(),
                " FROM unnest(?, ?, ?) AS k (source, tenant, name) JOIN accounts ON accounts.external_id = k.name \
                 AND accounts.source = k.source AND accounts.tenant = k.tenant"
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

/// Open relations. Not with the accounts themselves: behind a lock that had to be waited for, PostgreSQL shows the locked
/// row as it is then, but everything else as it was when the statement began (PostgreSQL manual, 13.2.1).
///
/// `OFFSET 0` keeps the planner from turning the join around: a plan that is made while there are few relations, and kept,
/// would go through all ids for each open relation, which takes minutes for an exact list of many customers.
struct OpenRelations;

impl Lookup for OpenRelations {
    type SqlType = relations::SqlType;
    const TEXT: &'static str = "SELECT * FROM unnest(?) AS k (account_id) CROSS JOIN LATERAL (SELECT * FROM relations \
         WHERE account_id = k.account_id AND valid_to IS NULL OFFSET 0) AS relations";
    fn columns(out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        relations::all_columns.walk_ast(out)
    }
}

/// Names that are looked up.
#[derive(Default)]
struct Names<'a> {
    whole: BTreeSet<&'a AccountKey>,
    references: BTreeSet<&'a AccountKey>,
    externals: BTreeSet<(&'a Scope, &'a ExternalId)>,
}

impl<'a> Names<'a> {
    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.references.is_empty() && self.externals.is_empty()
    }

    fn keys(&self) -> Vec<Keys<'a>> {
        let mut keys = Vec::with_capacity(9);
        push_keys(&mut keys, self.whole.iter().map(|key| (&key.scope, key.platform_id.as_str())));
        push_keys(&mut keys, self.references.iter().map(|key| (&key.scope, key.platform_id.as_str())));
        push_keys(&mut keys, self.externals.iter().map(|(scope, id)| (*scope, id.as_str())));
        keys
    }

    /// What has no row.
    fn missing(&self, found: &Found) -> Self {
        let known = |key: &&&AccountKey| !found.whole.contains_key(**key) && !found.references.contains_key(**key);
        Self {
            whole: self.whole.iter().filter(known).copied().collect(),
            references: self.references.iter().filter(known).copied().collect(),
            externals: self
                .externals
                .iter()
                .filter(|(scope, id)| !found.externals.contains_key(&((*scope).clone(), (*id).clone())))
                .copied()
                .collect(),
        }
    }

    /// As the table of arrivals has them.
    fn arriving(&self) -> Vec<String> {
        let keys = self.whole.iter().chain(&self.references);
        let keys = keys.map(|key| arriving('p', &key.scope, key.platform_id.as_str()));
        keys.chain(self.externals.iter().map(|(scope, id)| arriving('e', scope, id.as_str()))).collect()
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

/// What was found.
#[derive(Default)]
struct Found {
    whole: HashMap<AccountKey, AccountRow>,
    references: HashMap<AccountKey, Reference>,
    externals: HashMap<(Scope, ExternalId), Reference>,
}

impl Found {
    fn look(&mut self, connection: &mut PgConnection, names: &Names<'_>, purpose: Purpose) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let rows: Vec<(bool, AccountRow)> = match purpose {
            Purpose::Change => PgLookup::<Named>::by(names.keys()).load(connection)?,
            Purpose::Preview => PgLookup::<NamedUnlocked>::by(names.keys()).load(connection)?,
        };
        for (whole, row) in rows {
            let reference = row.reference()?;
            let external = (reference.key.scope.clone(), reference.external_id.clone());
            if whole {
                self.whole.insert(reference.key.clone(), row);
            } else {
                self.references.insert(reference.key.clone(), reference.clone());
            }
            self.externals.insert(external, reference);
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
    let names = Names {
        whole: asked.accounts.clone(),
        references: asked.references.clone(),
        externals: asked.externals.clone(),
    };
    let mut found = Found::default();
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
    let ids: Vec<i64> = found.whole.values().map(|row| row.id).collect();
    let mut open = open_relations(connection, ids)?;
    for key in &asked.accounts {
        let account = match found.whole.remove(*key) {
            Some(row) => {
                let open = open.remove(&row.id).unwrap_or_default();
                Some(row.into_account(open)?)
            }
            None => None,
        };
        world.learn_account((*key).clone(), account);
    }
    for key in &asked.references {
        world.learn_reference((*key).clone(), found.references.remove(*key));
    }
    for (scope, id) in &asked.externals {
        let owner = found.externals.remove(&((*scope).clone(), (*id).clone()));
        world.learn_external((*scope).clone(), (*id).clone(), owner);
    }
    Ok(())
}

fn open_relations(connection: &mut PgConnection, ids: Vec<i64>) -> Result<HashMap<i64, Vec<Relation>>, StoreError> {
    let mut open: HashMap<i64, Vec<Relation>> = HashMap::new();
    if ids.is_empty() {
        return Ok(open);
    }
    let rows: Vec<RelationRow> = PgLookup::<OpenRelations>::by(vec![Keys::Numbers(ids)]).load(connection)?;
    for row in rows {
        open.entry(row.account_id).or_default().push(row.into_relation()?);
    }
    Ok(open)
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
