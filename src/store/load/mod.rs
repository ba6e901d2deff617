//! Looks up what a batch names, on PostgreSQL under lock and in key order, so that receivers that share accounts wait
//! for each other instead of deciding on what the other is about to change.

mod many;
mod postgres;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::aliases;
use super::connection::AnyConnection;
use super::dossiers;
use super::error::StoreError;
use super::records::{AccountRow, DeliveryRow, RelationRow, reference_of};
use super::schema::{accounts, deliveries, relations, webhook_ids};
use super::services;
use super::users;
use super::{branding, offers, operators, partners, places, sites};
use crate::domain::account::{Account, Standing};
use crate::domain::act::customers::MAX_CUSTOMERS;
use crate::domain::ids::{
    AccountId, AccountKey, DeliveryId, ExternalId, PartnerId, Scope, ServiceId, SourceId, UserId,
};
use crate::domain::outcome::{Answer, Code, Outcome};
use crate::domain::service::MAX_SERVICES;
use crate::domain::user::MAX_USERS;
use crate::domain::world::{Memory, NamedReseller, Need, Reference, ResellerName, Sought, World};

/// Accounts that are asked for at once from which on they are not looked up one by one on SQLite: a batch of calls has at
/// most 256, and its statement for one is prepared.
const MANY: usize = 300;

/// What is looked up for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To write: nobody else may change it until this transaction ends.
    Change,
    /// To write, in a transaction that began without the lock on places: it takes that as soon as it looks at more than
    /// the accounts that it is about, and goes on as [`Purpose::Change`].
    Update,
    /// To tell what would happen; takes no lock and works in a read-only transaction.
    Preview,
}

impl Purpose {
    /// Takes the lock on places if that is still to be done.
    fn share_places(&mut self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if *self == Self::Update {
            places::share_at_once(connection)?;
            *self = Self::Change;
        }
        Ok(())
    }
}

/// Whether what is needed rests on the places of other accounts than those that a batch is about.
fn rests_on_others(need: &Need) -> bool {
    !matches!(need, Need::Account(_) | Need::Reseller(_) | Need::Memory(..))
}

/// What came back for a batch, by what was asked.
#[derive(Default)]
struct Asked<'a> {
    /// These three in order, each once.
    accounts: Vec<&'a AccountKey>,
    references: Vec<&'a AccountKey>,
    externals: Vec<(&'a Scope, &'a ExternalId)>,
    /// References and ExternalIDs that are asked for where accounts turn out to have other resellers.
    resellers: Vec<&'a NamedReseller>,
    alike: Vec<&'a Sought>,
    aliases: BTreeSet<&'a AccountKey>,
    customers: Vec<&'a ResellerName>,
    memory: HashSet<(&'a SourceId, &'a Arc<str>)>,
    partners: BTreeSet<&'a Arc<str>>,
    services: BTreeSet<(&'a Scope, &'a Arc<str>)>,
    add_ons: Vec<ServiceId>,
    kept: Vec<(ServiceId, AccountId)>,
    services_of: Vec<AccountId>,
    crowds: Vec<AccountId>,
    users: Vec<UserId>,
    users_of: Vec<AccountId>,
    sellers: Vec<AccountId>,
    under_way: Vec<AccountId>,
    customers_of: Vec<AccountId>,
    lists: Vec<AccountId>,
    operator_names: Vec<&'a Arc<str>>,
    operators_of: Vec<AccountId>,
    dossiers: Vec<AccountId>,
    logins: BTreeSet<&'a Arc<str>>,
    sites_of: Vec<AccountId>,
    brandings: Vec<AccountId>,
}

impl<'a> Asked<'a> {
    /// Each reference and ExternalID once, and no reference to what is looked up whole.
    fn names_in_order(&mut self) {
        in_order(&mut self.references);
        in_order(&mut self.externals);
        self.references.retain(|key| self.accounts.binary_search(key).is_err());
    }

    /// Asks for a reseller, too.
    fn add(&mut self, named: &'a NamedReseller) {
        self.references.push(&named.reseller);
        self.externals.extend(named.external_id.as_ref().map(|id| (&named.customer.scope, id)));
    }
}

fn in_order<T: Ord>(all: &mut Vec<T>) {
    all.sort_unstable();
    all.dedup();
}

/// Looks up what is needed and tells the world. `cap` bounds how many customers of a reseller are listed: more than the
/// batch has calls need not be.
///
/// # Errors
/// [`StoreError::PlacesTaken`] under [`Purpose::Update`], others of the first statement that fails.
pub fn load(
    connection: &mut AnyConnection,
    world: &mut World,
    needs: &[Need],
    cap: usize,
    purpose: &mut Purpose,
) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection
        && needs.iter().any(rests_on_others)
    {
        if *purpose == Purpose::Update && !world.has_nobody() {
            // Relations that wait for a reseller were read without the lock, and it may have come since.
            return Err(StoreError::PlacesTaken);
        }
        purpose.share_places(postgres)?;
    }
    let mut asked = Asked::default();
    for need in needs.iter().filter(|need| !world.knows(need)) {
        match need {
            Need::Account(key) => asked.accounts.push(key),
            Need::Reference(key) => asked.references.push(key),
            Need::Reseller(named) => asked.resellers.push(named),
            Need::External(scope, id) => asked.externals.push((scope, id)),
            Need::Alike(sought) => asked.alike.push(sought),
            Need::Alias(key) => {
                asked.aliases.insert(key);
            }
            Need::Customers(name) => asked.customers.push(name),
            Need::Memory(source, id) => {
                asked.memory.insert((source, id));
            }
            Need::Partner(id) => {
                asked.partners.insert(id);
            }
            Need::Service(scope, name) => {
                asked.services.insert((scope, name));
            }
            Need::AddOns(parent) => asked.add_ons.push(*parent),
            Need::Kept(service, account) => asked.kept.push((*service, *account)),
            Need::ServicesOf(account) => asked.services_of.push(*account),
            Need::Crowd(account) => asked.crowds.push(*account),
            Need::User(id) => asked.users.push(*id),
            Need::UsersOf(account) => asked.users_of.push(*account),
            Need::Seller(account) => asked.sellers.push(*account),
            Need::UnderWay(account) => asked.under_way.push(*account),
            Need::CustomersOf(account) => asked.customers_of.push(*account),
            Need::Listing(account) => asked.lists.push(*account),
            Need::OperatorName(name) => asked.operator_names.push(name),
            Need::OperatorsOf(account) => asked.operators_of.push(*account),
            Need::Dossier(account) => asked.dossiers.push(*account),
            Need::LoginName(name) => {
                asked.logins.insert(name);
            }
            Need::SitesOf(account) => asked.sites_of.push(*account),
            Need::Branding(account) => asked.brandings.push(*account),
        }
    }
    in_order(&mut asked.accounts);
    asked.names_in_order();
    memories(connection, world, &asked.memory, *purpose)?;
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            if asked.accounts.len() > MANY {
                many::accounts(sqlite, world, &asked.accounts)?;
            } else {
                for key in &asked.accounts {
                    let account = match sqlite_row(sqlite, key)? {
                        Some(row) => Some(sqlite_account(sqlite, row)?),
                        None => None,
                    };
                    world.learn_account((*key).clone(), account);
                }
            }
            for named in std::mem::take(&mut asked.resellers) {
                if !world.knows_reseller(named) {
                    asked.add(named);
                }
            }
            asked.names_in_order();
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
        AnyConnection::Postgres(postgres) => postgres::accounts(postgres, world, &mut asked, purpose)?,
    }
    let purpose = *purpose;
    for sought in asked.alike {
        let keys = aliases::alike(connection, sought)?;
        world.learn_alike(sought.clone(), keys);
    }
    for key in asked.aliases {
        let now = aliases::of(connection, key)?;
        world.learn_alias(key.clone(), now);
    }
    // Behind their accounts, whose locks keep their services still, too.
    services_named(connection, world, &asked.services, purpose)?;
    for parent in asked.add_ons {
        let add_ons = services::add_ons(connection, parent)?;
        world.learn_add_ons(parent, add_ons);
    }
    for (service, account) in asked.kept {
        let standing = keep_still(connection, account, purpose)?;
        let now = services::by_id(connection, service)?;
        world.learn_kept(service, account, standing, now);
    }
    for (account, living) in services::living_of_many(connection, &asked.services_of, MAX_SERVICES + 1)? {
        world.learn_services_of(account, (living.len() <= MAX_SERVICES).then_some(living));
    }
    if !asked.crowds.is_empty() {
        let living = services::count_living(connection, &asked.crowds)?;
        for account in asked.crowds {
            world.learn_crowd(account, living.get(&account).copied().unwrap_or(0));
        }
    }
    for id in asked.users {
        let user = users::by_id(connection, id)?;
        world.learn_user(id, user);
    }
    for (account, living) in users::living_of_many(connection, &asked.users_of, MAX_USERS + 1)? {
        world.learn_users_of(account, (living.len() <= MAX_USERS).then_some(living));
    }
    for account in asked.sellers {
        if world.knows(&Need::Seller(account)) {
            continue;
        }
        let seller = offers::of(connection, account)?;
        world.learn_seller(account, seller);
    }
    many::under_way(connection, world, &asked.under_way, purpose)?;
    for account in asked.customers_of {
        let found = many::customers_of(connection, account, MAX_CUSTOMERS + 1)?;
        world.learn_customers_of(account, (found.len() <= MAX_CUSTOMERS).then_some(found));
    }
    for account in asked.lists {
        let listing = offers::listing(connection, account)?;
        world.learn_listing(account, listing);
    }
    for name in asked.operator_names {
        let taken = operators::find(connection, name)?.is_some();
        world.learn_operator_name(name.clone(), taken);
    }
    for account in asked.operators_of {
        let operators = operators::of(connection, account)?;
        world.learn_operators_of(account, operators);
    }
    for account in asked.dossiers {
        let dossier = dossiers::of(connection, account)?;
        world.learn_dossier(account, dossier);
    }
    logins_named(connection, world, &asked.logins, purpose)?;
    for account in asked.sites_of {
        if !world.knows(&Need::SitesOf(account)) {
            let (sites, probes) = sites::living_of(connection, account)?;
            world.learn_sites_of(account, sites, probes);
        }
    }
    for account in asked.brandings {
        if !world.knows(&Need::Branding(account)) {
            let branding = branding::of(connection, account)?;
            world.learn_branding(account, branding);
        }
    }
    for name in asked.customers {
        let ids = customers(connection, name, cap)?;
        world.learn_customers(name.key.clone(), ids);
    }
    partners_named(connection, world, &asked.partners)
}

/// Asks the registry what IDs mean: first whether it changed, which is all that most batches need to know.
fn partners_named(
    connection: &mut AnyConnection,
    world: &mut World,
    ids: &BTreeSet<&Arc<str>>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    if !world.knows_registry() {
        world.learn_registry(partners::revision(connection)?);
    }
    let unknown = ids.iter().filter(|id| !world.knows(&Need::Partner(Arc::clone(id))));
    let unknown: BTreeSet<PartnerId> = unknown.map(|id| PartnerId::stored(id)).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut meanings = partners::meanings(connection, &unknown)?;
    for id in unknown {
        let meaning = meanings.remove(&id);
        world.learn_partner(id.as_str().into(), meaning);
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
        .select((accounts::id, accounts::external_id, accounts::kind, accounts::status, accounts::standing))
        .load::<(i64, String, String, String, String)>(connection)?
        .pop();
    row.map(|row| reference_of(key.clone(), row)).transpose()
}

fn sqlite_account(connection: &mut SqliteConnection, row: AccountRow) -> Result<Account, StoreError> {
    let open = relations::table
        .filter(relations::account_id.eq(row.id))
        .filter(relations::valid_to.is_null())
        .load::<RelationRow>(connection)?;
    let open = open.into_iter().map(RelationRow::into_relation).collect::<Result<_, _>>()?;
    row.into_account(open)
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
                .filter(sql::<Bool>("valid_to IS NULL AND reseller_account_id IS NOT NULL AND axis = 'reseller'"))
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

/// Locks an account that is named by its id alone, to change a service of it, and tells how it stands. Out of the order of the keys, so two receivers may deadlock here, and
/// one of them runs again.
fn keep_still(connection: &mut AnyConnection, account: AccountId, purpose: Purpose) -> Result<Standing, StoreError> {
    let found = || accounts::table.filter(accounts::id.eq(account.0)).select(accounts::standing);
    let standings: Vec<String> = match connection {
        AnyConnection::Postgres(postgres) if purpose == Purpose::Change => found().for_update().load(postgres)?,
        other => found().load(other)?,
    };
    let Some(standing) = standings.first() else {
        return Err(StoreError::corrupt("services.account_id", "no account"));
    };
    Standing::parse(standing).ok_or_else(|| StoreError::corrupt("accounts.standing", standing))
}

/// Looks up services. On PostgreSQL another receiver may be making one of the same name at this moment, for another
/// account: meet at the names that have no row yet, and look again.
fn services_named(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &BTreeSet<(&Scope, &std::sync::Arc<str>)>,
    purpose: Purpose,
) -> Result<(), StoreError> {
    let mut open = Vec::new();
    for (scope, name) in asked {
        match services::named(connection, scope, name)? {
            None if purpose == Purpose::Change && matches!(connection, AnyConnection::Postgres(_)) => {
                open.push((*scope, *name));
            }
            found => world.learn_service((*scope).clone(), (*name).clone(), found),
        }
    }
    if let (AnyConnection::Postgres(postgres), false) = (&mut *connection, open.is_empty()) {
        let names = open.iter().map(|(scope, name)| postgres::arriving('s', scope, name)).collect();
        postgres::await_arrivals(postgres, names)?;
    }
    for (scope, name) in open {
        let found = services::named(connection, scope, name)?;
        world.learn_service(scope.clone(), name.clone(), found);
    }
    Ok(())
}

/// Looks up who has logins of these names. On PostgreSQL another receiver may be giving one of them to somebody at this
/// moment: meet at the names first.
fn logins_named(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &BTreeSet<&Arc<str>>,
    purpose: Purpose,
) -> Result<(), StoreError> {
    if let (AnyConnection::Postgres(postgres), Purpose::Change, false) = (&mut *connection, purpose, asked.is_empty()) {
        postgres::await_arrivals(postgres, asked.iter().map(|name| format!("l{name}")).collect())?;
    }
    for name in asked {
        let holders = dossiers::with_login(connection, name)?;
        world.learn_login(Arc::clone(name), holders);
    }
    Ok(())
}

/// Looks up what is remembered of signed ids. On PostgreSQL another receiver may be judging a call under the same id at
/// this moment: meet at the ids that have no answer yet, before anything else is locked, and look again.
fn memories(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &HashSet<(&SourceId, &Arc<str>)>,
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
        let name =
            |(source, id): &(&SourceId, &Arc<str>)| format!("m{}:{}{id}", source.as_str().len(), source.as_str());
        if let AnyConnection::Postgres(postgres) = connection {
            postgres::await_arrivals(postgres, open.iter().map(name).collect())?;
        }
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
