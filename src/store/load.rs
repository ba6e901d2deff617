//! Looks up what a batch names, on PostgreSQL under lock and in key order, so that receivers that share accounts wait
//! for each other instead of deciding on what the other is about to change.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::encode;
use super::error::StoreError;
use super::records::{AccountRow, DeliveryRow, RelationRow, reference_of};
use super::schema::{accounts, deliveries, relations, sync_options, webhook_ids};
use crate::domain::account::Account;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, Scope, SourceId};
use crate::domain::options::OptionSet;
use crate::domain::outcome::{Answer, Code, Outcome};
use crate::domain::relation::Relation;
use crate::domain::world::{Memory, Need, Reference, ResellerName, World};

/// A look-up on PostgreSQL by arrays of keys, with a fixed text, so that it is prepared once.
trait Lookup: 'static {
    /// What comes back.
    type SqlType;
    /// Behind the columns; `?` stands for each array of keys in turn.
    const FROM: &'static str;
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
        out.push_sql("SELECT ");
        L::columns(out.reborrow())?;
        let mut keys = self.keys.iter();
        for (at, part) in L::FROM.split('?').enumerate() {
            if at > 0 {
                match keys.next() {
                    Some(Keys::Texts(texts)) => out.push_bind_param::<Array<Text>, _>(texts)?,
                    Some(Keys::Numbers(numbers)) => out.push_bind_param::<Array<BigInt>, _>(numbers)?,
                    None => return Err(diesel::result::Error::QueryBuilderError("a look-up without its keys".into())),
                }
            }
            out.push_sql(part);
        }
        Ok(())
    }
}

macro_rules! lookup {
    ($name:ident, $columns:expr, $sql_type:ty, $from:expr) => {
        struct $name;
        impl Lookup for $name {
            type SqlType = $sql_type;
            const FROM: &'static str = $from;
            fn columns(out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
                $columns.walk_ast(out)
            }
        }
    };
}

type AccountSql = accounts::SqlType;
type RelationSql = relations::SqlType;

macro_rules! accounts_by {
    ($locked:ident, $seen:ident, $column:literal) => {
        lookup!(
            $locked,
            accounts::all_columns,
            AccountSql,
            concat!(
                accounts_by!($column),
                " ORDER BY accounts.source, accounts.tenant, accounts.platform_id FOR UPDATE OF accounts"
            )
        );
        lookup!($seen, accounts::all_columns, AccountSql, accounts_by!($column));
    };
    ($column:literal) => {
        concat!(
            " FROM unnest(?, ?, ?) AS k (source, tenant, name) JOIN accounts ON accounts.source = k.source \
             AND accounts.tenant = k.tenant AND accounts.",
            $column,
            " = k.name"
        )
    };
}

accounts_by!(AccountsByKey, AccountsSeenByKey, "platform_id");
accounts_by!(AccountsByExternalId, AccountsSeenByExternalId, "external_id");
// Options and open relations at once; options come with each of the relations, of which there are two at most. Not with
// the accounts themselves: behind a lock that had to be waited for, PostgreSQL shows the locked row as it is then, but
// everything else as it was when the statement began (PostgreSQL manual, 13.2.1).
struct Details;

impl Lookup for Details {
    type SqlType = (BigInt, Nullable<Text>, Nullable<RelationSql>);
    const FROM: &'static str = " FROM unnest(?) AS k (account_id) LEFT JOIN relations \
         ON relations.account_id = k.account_id AND relations.valid_to IS NULL";
    fn columns(mut out: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        out.push_sql("k.account_id, (SELECT json_object_agg(option_id, value)::text FROM sync_options");
        out.push_sql(" WHERE sync_options.account_id = k.account_id), ");
        relations::all_columns.walk_ast(out)
    }
}

/// What is looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To write: nobody else may change it until this transaction ends.
    Change,
    /// To tell what would happen; takes no lock and works in a read-only transaction.
    Preview,
}

/// What came back for a batch, by what was asked.
#[derive(Default)]
struct Asked<'a> {
    accounts: BTreeSet<&'a AccountKey>,
    references: BTreeSet<&'a AccountKey>,
    externals: BTreeSet<(&'a Scope, &'a ExternalId)>,
    customers: Vec<&'a ResellerName>,
    memory: HashSet<(&'a SourceId, &'a std::sync::Arc<str>)>,
}

/// Looks up what is needed and tells the world. `cap` bounds how many customers of a reseller are listed: more than the
/// batch has calls need not be.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn load(
    connection: &mut AnyConnection,
    world: &mut World,
    needs: &[Need],
    cap: usize,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let mut asked = Asked::default();
    for need in needs.iter().filter(|need| !world.knows(need)) {
        match need {
            Need::Account(key) => {
                asked.accounts.insert(key);
            }
            Need::Reference(key) => {
                asked.references.insert(key);
            }
            Need::External(scope, id) => {
                asked.externals.insert((scope, id));
            }
            Need::Customers(name) => asked.customers.push(name),
            Need::Memory(source, id) => {
                asked.memory.insert((source, id));
            }
        }
    }
    asked.references.retain(|key| !asked.accounts.contains(*key));
    memories(connection, world, &asked.memory, purpose)?;
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            for key in asked.accounts {
                let account = match sqlite_row(sqlite, key)? {
                    Some(row) => Some(sqlite_account(sqlite, row)?),
                    None => None,
                };
                world.learn_account(key.clone(), account);
            }
            for key in asked.references {
                let reference = sqlite_reference(sqlite, key)?;
                world.learn_reference(key.clone(), reference);
            }
            for (scope, external_id) in asked.externals {
                let row = accounts::table
                    .filter(accounts::source.eq(scope.source.as_str()))
                    .filter(accounts::tenant.eq(scope.tenant.as_str()))
                    .filter(accounts::external_id.eq(external_id.as_str()))
                    .load::<AccountRow>(sqlite)?
                    .pop();
                let owner = row.map(|row| row.reference()).transpose()?;
                world.learn_external(scope.clone(), external_id.clone(), owner);
            }
        }
        AnyConnection::Postgres(_) => {
            postgres_accounts(connection, world, &asked, purpose)?;
        }
    }
    for name in asked.customers {
        let ids = customers(connection, name, cap)?;
        world.learn_customers(name.key.clone(), ids);
    }
    Ok(())
}

/// The key is unique. Not `first`: its LIMIT keeps diesel from caching the statement, and this is the hottest one.
fn sqlite_row(connection: &mut SqliteConnection, key: &AccountKey) -> Result<Option<AccountRow>, StoreError> {
    Ok(accounts::table
        .filter(accounts::source.eq(key.scope.source.as_str()))
        .filter(accounts::tenant.eq(key.scope.tenant.as_str()))
        .filter(accounts::platform_id.eq(key.platform_id.as_str()))
        .load::<AccountRow>(connection)?
        .pop())
}

/// Only what a reference needs: most calls name a reseller, and a whole row is read four times as slowly.
fn sqlite_reference(connection: &mut SqliteConnection, key: &AccountKey) -> Result<Option<Reference>, StoreError> {
    let row = accounts::table
        .filter(accounts::source.eq(key.scope.source.as_str()))
        .filter(accounts::tenant.eq(key.scope.tenant.as_str()))
        .filter(accounts::platform_id.eq(key.platform_id.as_str()))
        .select((accounts::id, accounts::external_id, accounts::kind, accounts::status))
        .load::<(i64, String, String, String)>(connection)?
        .pop();
    row.map(|row| reference_of(key.clone(), row)).transpose()
}

fn sqlite_account(connection: &mut SqliteConnection, row: AccountRow) -> Result<Account, StoreError> {
    let open = relations::table
        .filter(relations::account_id.eq(row.id))
        .filter(relations::valid_to.is_null())
        .load::<RelationRow>(connection)?;
    let options = sync_options::table
        .filter(sync_options::account_id.eq(row.id))
        .select((sync_options::option_id, sync_options::value))
        .load::<(String, String)>(connection)?;
    let options = read_options(options)?;
    let open = open.into_iter().map(RelationRow::into_relation).collect::<Result<_, _>>()?;
    row.into_account(options, open)
}

fn read_options(rows: impl IntoIterator<Item = (String, String)>) -> Result<OptionSet, StoreError> {
    rows.into_iter().map(|(id, value)| Ok((id, encode::read_option(&value)?))).collect()
}

fn key_arrays<'a>(keys: impl Iterator<Item = (&'a Scope, &'a str)>) -> Vec<Keys<'a>> {
    let (mut sources, mut tenants, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (scope, name) in keys {
        sources.push(scope.source.as_str());
        tenants.push(scope.tenant.as_str());
        names.push(name);
    }
    vec![Keys::Texts(sources), Keys::Texts(tenants), Keys::Texts(names)]
}

fn by_key(
    connection: &mut AnyConnection,
    keys: &BTreeSet<&AccountKey>,
    purpose: Purpose,
) -> Result<Vec<AccountRow>, StoreError> {
    let AnyConnection::Postgres(postgres) = connection else { return Ok(Vec::new()) };
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let keys = key_arrays(keys.iter().map(|key| (&key.scope, key.platform_id.as_str())));
    Ok(match purpose {
        Purpose::Change => PgLookup::<AccountsByKey>::by(keys).load(postgres)?,
        Purpose::Preview => PgLookup::<AccountsSeenByKey>::by(keys).load(postgres)?,
    })
}

fn by_external_id(
    connection: &mut AnyConnection,
    ids: &BTreeSet<(&Scope, &ExternalId)>,
    purpose: Purpose,
) -> Result<Vec<AccountRow>, StoreError> {
    let AnyConnection::Postgres(postgres) = connection else { return Ok(Vec::new()) };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let keys = key_arrays(ids.iter().map(|(scope, id)| (*scope, id.as_str())));
    Ok(match purpose {
        Purpose::Change => PgLookup::<AccountsByExternalId>::by(keys).load(postgres)?,
        Purpose::Preview => PgLookup::<AccountsSeenByExternalId>::by(keys).load(postgres)?,
    })
}

fn postgres_accounts(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &Asked<'_>,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let Asked { accounts: whole, references, externals, .. } = asked;
    let named: BTreeSet<&AccountKey> = whole.iter().chain(references).copied().collect();
    let mut rows = by_key(connection, &named, purpose)?;
    let found: HashSet<AccountKey> = rows.iter().map(AccountRow::key).collect();
    let missing: BTreeSet<&AccountKey> = named.iter().filter(|key| !found.contains(**key)).copied().collect();
    let mut owners = by_external_id(connection, externals, purpose)?;
    let owned: HashSet<(Scope, ExternalId)> = owners.iter().map(owner_of).collect();
    let unowned: BTreeSet<(&Scope, &ExternalId)> =
        externals.iter().filter(|(scope, id)| !owned.contains(&((*scope).clone(), (*id).clone()))).copied().collect();
    if purpose == Purpose::Change && (!missing.is_empty() || !unowned.is_empty()) {
        // No row, no lock: another receiver may be making one of these at this moment. Meet at the name instead, and
        // look again once whoever came first is through.
        let keys = missing.iter().map(|key| arriving('p', &key.scope, key.platform_id.as_str()));
        let ids = unowned.iter().map(|(scope, id)| arriving('e', scope, id.as_str()));
        await_arrivals(connection, keys.chain(ids).collect())?;
        rows.extend(by_key(connection, &missing, purpose)?);
        owners.extend(by_external_id(connection, &unowned, purpose)?);
    }
    let ids: Vec<i64> = rows.iter().filter(|row| whole.contains(&row.key())).map(|row| row.id).collect();
    let (mut open, mut options) = postgres_details(connection, &ids)?;
    let mut rows: HashMap<AccountKey, AccountRow> = rows.into_iter().map(|row| (row.key(), row)).collect();
    for key in whole {
        let account = match rows.remove(*key) {
            Some(row) => {
                let (open, options) = (open.remove(&row.id), options.remove(&row.id));
                Some(row.into_account(options.unwrap_or_default(), open.unwrap_or_default())?)
            }
            None => None,
        };
        world.learn_account((*key).clone(), account);
    }
    for key in references {
        let reference = rows.get(*key).map(AccountRow::reference).transpose()?;
        world.learn_reference((*key).clone(), reference);
    }
    let owners: HashMap<(Scope, ExternalId), &AccountRow> = owners.iter().map(|row| (owner_of(row), row)).collect();
    for (scope, id) in externals {
        let owner = owners.get(&((*scope).clone(), (*id).clone())).map(|row| row.reference()).transpose()?;
        world.learn_external((*scope).clone(), (*id).clone(), owner);
    }
    Ok(())
}

fn owner_of(row: &AccountRow) -> (Scope, ExternalId) {
    (row.key().scope, ExternalId::stored(&row.external_id))
}

type Found = (HashMap<i64, Vec<Relation>>, HashMap<i64, OptionSet>);

fn postgres_details(connection: &mut AnyConnection, ids: &[i64]) -> Result<Found, StoreError> {
    let (mut open, mut options): Found = (HashMap::new(), HashMap::new());
    let AnyConnection::Postgres(postgres) = connection else { return Ok((open, options)) };
    if ids.is_empty() {
        return Ok((open, options));
    }
    let rows: Vec<(i64, Option<String>, Option<RelationRow>)> =
        PgLookup::<Details>::by(vec![Keys::Numbers(ids.to_vec())]).load(postgres)?;
    for (account, values, relation) in rows {
        if let Some(relation) = relation {
            open.entry(account).or_default().push(relation.into_relation()?);
        }
        if let (Some(values), Entry::Vacant(entry)) = (values, options.entry(account)) {
            let values: BTreeMap<String, String> = serde_json::from_str(&values)
                .map_err(|error| StoreError::corrupt("sync_options", &error.to_string()))?;
            entry.insert(read_options(values)?);
        }
    }
    Ok((open, options))
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
fn arriving(kind: char, scope: &Scope, id: &str) -> String {
    let (source, tenant) = (scope.source.as_str(), scope.tenant.as_str());
    format!("{kind}{}:{source}{}:{tenant}{id}", source.len(), tenant.len())
}

/// Waits for every other transaction that is about to make one of these names or to wait for it, and makes others wait
/// for this one. The rows are deleted at once: until this transaction ends, an insert of the same name waits all the same.
fn await_arrivals(connection: &mut AnyConnection, mut names: Vec<String>) -> Result<(), StoreError> {
    names.sort();
    let mut rows = Rows::<Arrive>::default();
    for name in &names {
        rows.push([Value::Text(name)]);
    }
    rows.write(connection)?;
    let mut rows = Rows::<Arrived>::default();
    for name in &names {
        rows.push([Value::Text(name)]);
    }
    rows.write(connection)?;
    Ok(())
}

/// Whether a relation is open, within a scope, and waits for its reseller.
///
/// The literal conditions are those of the partial indices, which a bound parameter would not be seen to match. The scope
/// is asked of each relation's account, not joined: a join may begin at the thousands of accounts of the scope.
pub(super) fn waits_in<'a>(scope: &'a Scope) -> Box<RelationCondition<'a>> {
    let (source, tenant): (&'a str, &'a str) = (scope.source.as_str(), scope.tenant.as_str());
    let account = accounts::table
        .filter(accounts::id.eq(relations::account_id))
        .filter(accounts::source.eq(source))
        .filter(accounts::tenant.eq(tenant));
    Box::new(sql::<Bool>(WAITING).and(diesel::dsl::exists(account)))
}

/// A condition on the table of relations, for either database.
pub(super) type RelationCondition<'a> =
    dyn BoxableExpression<relations::table, <AnyConnection as Connection>::Backend, SqlType = Bool> + 'a;

const WAITING: &str =
    "relations.valid_to IS NULL AND relations.reseller_account_id IS NULL AND relations.axis = 'reseller'";

/// The customers linked to a reseller and those whose relation waits for it, at most `cap` of each.
fn customers(connection: &mut AnyConnection, name: &ResellerName, cap: usize) -> Result<Vec<AccountId>, StoreError> {
    let cap = i64::try_from(cap).unwrap_or(i64::MAX);
    let mut found: Vec<i64> = Vec::new();
    if let Some(id) = name.id {
        found.extend(
            relations::table
                .filter(relations::reseller_account_id.eq(id.0))
                .filter(sql::<Bool>("valid_to IS NULL AND reseller_account_id IS NOT NULL"))
                .select(relations::account_id)
                .limit(cap)
                .load::<i64>(connection)?,
        );
    }
    found.extend(
        relations::table
            .filter(waits_in(&name.key.scope))
            .filter(relations::reseller_platform_id.eq(name.key.platform_id.as_str().to_owned()))
            .select(relations::account_id)
            .limit(cap)
            .load::<i64>(connection)?,
    );
    found.extend(
        relations::table
            .filter(waits_in(&name.key.scope))
            .filter(relations::reseller_external_id.eq(name.external_id.as_str().to_owned()))
            .filter(sql::<Bool>("relations.reseller_external_id IS NOT NULL"))
            .select(relations::account_id)
            .limit(cap)
            .load::<i64>(connection)?,
    );
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(AccountId).collect())
}

/// Looks up what is remembered of signed ids. On PostgreSQL another receiver may be judging a call under the same id at
/// this moment: meet at the ids that have no answer yet, before anything else is locked, and look again.
fn memories(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &HashSet<(&SourceId, &std::sync::Arc<str>)>,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for (source, id) in asked {
        match memory(connection, source, id)? {
            Some(memory) if memory.outcome != Outcome::Rejected => {
                world.learn_memory((*source).clone(), (*id).clone(), Some(memory));
            }
            memory if purpose == Purpose::Preview || matches!(connection, AnyConnection::Sqlite(_)) => {
                world.learn_memory((*source).clone(), (*id).clone(), memory);
            }
            _ => open.push((*source, *id)),
        }
    }
    if !open.is_empty() {
        let name = |(source, id): &(&SourceId, &std::sync::Arc<str>)| {
            format!("m{}:{}{id}", source.as_str().len(), source.as_str())
        };
        await_arrivals(connection, open.iter().map(name).collect())?;
        for (source, id) in open {
            let memory = memory(connection, source, id)?;
            world.learn_memory(source.clone(), id.clone(), memory);
        }
    }
    Ok(())
}

fn memory(connection: &mut AnyConnection, source: &SourceId, id: &str) -> Result<Option<Memory>, StoreError> {
    let row = webhook_ids::table
        .inner_join(deliveries::table.on(deliveries::id.eq(webhook_ids::delivery_id)))
        .filter(webhook_ids::source.eq(source.as_str().to_owned()))
        .filter(webhook_ids::webhook_id.eq(id.to_owned()))
        .select(deliveries::all_columns)
        .load::<DeliveryRow>(connection)?
        .pop();
    let Some(row) = row else {
        return Ok(None);
    };
    let (delivery, _) = row.into_delivery()?;
    let code =
        Code::parse(delivery.code).ok_or_else(|| StoreError::corrupt("deliveries.code", &delivery.code.to_string()))?;
    Ok(Some(Memory {
        delivery: delivery.id,
        body_of: DeliveryId(delivery.body_of.0),
        scope: Scope {
            source: SourceId::stored(&delivery.source),
            tenant: crate::domain::ids::Tenant::stored(&delivery.tenant),
        },
        endpoint: delivery.endpoint,
        content: delivery.body_digest,
        outcome: delivery.outcome,
        answer: Answer { code, message: delivery.message, result: delivery.result },
        account: delivery.account,
    }))
}
