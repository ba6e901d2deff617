//! Users of customers: looked up for acts, and written with the batch that changes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::having;
use super::schema::{user_services, users};
use crate::domain::feed::{self, Entry};
use crate::domain::ids::{AccountId, ServiceId, UserId};
use crate::domain::relation::Cause;
use crate::domain::user::{Lost, User, UserHappening, UserStatus, UserStep};
use crate::domain::world::Changes;

/// A row of `users`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct UserRow {
    pub id: i64,
    pub account_id: i64,
    pub login: String,
    pub name: String,
    pub email: String,
    pub status: String,
    pub created_at: i64,
    pub changed_at: i64,
    pub ended_at: Option<i64>,
    pub revision: i64,
}

impl UserRow {
    /// The user; `services` in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_user(self, services: Vec<ServiceId>) -> Result<User, StoreError> {
        Ok(User {
            id: UserId(self.id),
            account: AccountId(self.account_id),
            login: self.login,
            name: self.name,
            email: self.email,
            status: UserStatus::parse(&self.status).ok_or_else(|| StoreError::corrupt("users.status", &self.status))?,
            services,
            created_at: self.created_at,
            changed_at: self.changed_at,
            ended_at: self.ended_at,
            revision: self.revision,
        })
    }
}

/// The user of this id.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn by_id(connection: &mut AnyConnection, id: UserId) -> Result<Option<User>, StoreError> {
    let rows: Vec<UserRow> = users::table.filter(users::id.eq(id.0)).load(connection)?;
    Ok(whole(connection, rows)?.pop())
}

/// The users of an account that are not ended, at most `limit`, in the order of their ids.
///
/// # Errors
/// As [`by_id`].
pub fn living_of(connection: &mut AnyConnection, account: AccountId, limit: usize) -> Result<Vec<User>, StoreError> {
    let rows: Vec<UserRow> = users::table
        .filter(users::account_id.eq(account.0))
        .filter(users::status.ne(UserStatus::Ended.as_str()))
        .order(users::id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    whole(connection, rows)
}

/// As [`living_of`], for many accounts in a few statements: each with its users, at most `limit` of each.
///
/// # Errors
/// As [`by_id`].
pub fn living_of_many(
    connection: &mut AnyConnection,
    accounts: &[AccountId],
    limit: usize,
) -> Result<Vec<(AccountId, Vec<User>)>, StoreError> {
    let mut found = Vec::with_capacity(accounts.len());
    let (some, none) = having::some(connection, accounts, |postgres, ids| {
        let all = users::table.filter(users::account_id.eq_any(ids));
        all.select(users::account_id).distinct().load(postgres)
    })?;
    found.extend(none.into_iter().map(|account| (account, Vec::new())));
    for part in some.chunks(TOGETHER) {
        let ids: Vec<i64> = part.iter().map(|account| account.0).collect();
        let rows: Vec<UserRow> = users::table
            .filter(users::account_id.eq_any(ids))
            .filter(users::status.ne(UserStatus::Ended.as_str()))
            .order((users::account_id, users::id))
            .limit(MOST_TOGETHER)
            .load(connection)?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) >= MOST_TOGETHER {
            // Some of them have very many: one after the other then.
            for account in part {
                found.push((*account, living_of(connection, *account, limit)?));
            }
            continue;
        }
        let mut of: HashMap<AccountId, Vec<User>> = HashMap::new();
        for user in whole(connection, rows)? {
            let list = of.entry(user.account).or_default();
            if list.len() < limit {
                list.push(user);
            }
        }
        found.extend(part.iter().map(|account| (*account, of.remove(account).unwrap_or_default())));
    }
    Ok(found)
}

/// Most rows that are read for many accounts at once: so many are in memory then.
const MOST_TOGETHER: i64 = 20_000;

/// Most users whose services are asked for at once: fewer than a statement has parameters on SQLite.
const TOGETHER: usize = 1_000;

/// Users with the services that they have.
///
/// # Errors
/// As [`by_id`].
pub fn whole(connection: &mut AnyConnection, rows: Vec<UserRow>) -> Result<Vec<User>, StoreError> {
    let mut found = Vec::with_capacity(rows.len());
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let part: Vec<UserRow> = rows.by_ref().take(TOGETHER).collect();
        let ids: Vec<i64> = part.iter().map(|row| row.id).collect();
        let pairs: Vec<(i64, i64)> = user_services::table
            .filter(user_services::user_id.eq_any(ids))
            .order((user_services::user_id, user_services::service_id))
            .load(connection)?;
        let mut services: HashMap<i64, Vec<ServiceId>> = HashMap::new();
        for (user, service) in pairs {
            services.entry(user).or_default().push(ServiceId(service));
        }
        for row in part {
            let services = services.remove(&row.id).unwrap_or_default();
            found.push(row.into_user(services)?);
        }
    }
    Ok(found)
}

struct InsertUser;

impl Statement for InsertUser {
    const TABLE: &'static str = "users";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] =
        &["created_at", "account_id", "login", "name", "email", "status", "changed_at", "ended_at", "revision", "id"];
}

struct UpdateUser;

impl Statement for UpdateUser {
    const TABLE: &'static str = "users";
    const VERB: Verb = Verb::Update;
    const COLUMNS: &'static [&'static str] =
        &["account_id", "login", "name", "email", "status", "changed_at", "ended_at", "revision", "id"];
}

/// Takes a service from a user that was not looked up.
struct TouchUser;

impl Statement for TouchUser {
    const TABLE: &'static str = "users";
    const VERB: Verb = Verb::Update;
    const COLUMNS: &'static [&'static str] = &["changed_at", "revision", "id"];
}

struct Give;

impl Statement for Give {
    const TABLE: &'static str = "user_services";
    const VERB: Verb = Verb::Insert;
    const KEYS: usize = 2;
    const COLUMNS: &'static [&'static str] = &["user_id", "service_id"];
}

struct Take;

impl Statement for Take {
    const TABLE: &'static str = "user_services";
    const VERB: Verb = Verb::Delete;
    const KEYS: usize = 2;
    const COLUMNS: &'static [&'static str] = &["user_id", "service_id"];
}

struct InsertStep;

impl Statement for InsertStep {
    const TABLE: &'static str = "user_history";
    const VERB: Verb = Verb::Insert;
    const KEYS: usize = 2;
    const COLUMNS: &'static [&'static str] = &[
        "at",
        "happening",
        "changed",
        "gained",
        "lost",
        "account_id",
        "status",
        "cause",
        "delivery_id",
        "user_id",
        "revision",
    ];
}

fn row_of(user: &User) -> [Value<'_>; 9] {
    [
        Value::BigInt(user.account.0),
        Value::Text(&user.login),
        Value::Text(&user.name),
        Value::Text(&user.email),
        Value::Text(user.status.as_str()),
        Value::BigInt(user.changed_at),
        Value::MaybeBigInt(user.ended_at),
        Value::BigInt(user.revision),
        Value::BigInt(user.id.0),
    ]
}

fn ids_text(ids: impl Iterator<Item = ServiceId>) -> String {
    ids.map(|id| id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Writes what a batch came to of users, and takes services that ended or moved from all who have them. Returns what is
/// to be told of those that were not looked up.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn save(connection: &mut AnyConnection, changes: &Changes) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for lost in changes.lost_services.chunks(TOGETHER_LOST) {
        // Behind the locks of the services' accounts, so nobody gives one to somebody at this moment.
        entries.extend(take_from_all(connection, lost, changes)?);
    }
    let (mut inserts, mut updates) = (Rows::<InsertUser>::default(), Rows::<UpdateUser>::default());
    let (mut given, mut taken) = (Rows::<Give>::default(), Rows::<Take>::default());
    for user in &changes.users_created {
        inserts.push_joined([Value::BigInt(user.created_at)], row_of(user));
        user.services.iter().for_each(|service| given.push([Value::BigInt(user.id.0), Value::BigInt(service.0)]));
    }
    for (before, after) in &changes.users_updated {
        updates.push(row_of(after));
        let pair = |service: &ServiceId| [Value::BigInt(after.id.0), Value::BigInt(service.0)];
        before.services.iter().filter(|service| !after.has(**service)).for_each(|service| taken.push(pair(service)));
        after.services.iter().filter(|service| !before.has(**service)).for_each(|service| given.push(pair(service)));
    }
    inserts.write(connection)?;
    updates.write(connection)?;
    taken.write(connection)?;
    given.write(connection)?;
    let told: Vec<[String; 3]> = changes
        .user_steps
        .iter()
        .map(|step| [step.changed().join(" "), ids_text(step.gained()), ids_text(step.lost())])
        .collect();
    let mut steps = Rows::<InsertStep>::default();
    for (step, [changed, gained, lost]) in changes.user_steps.iter().zip(&told) {
        let after = &step.after;
        steps.push([
            Value::BigInt(after.changed_at),
            Value::Text(UserHappening::as_str(step.happening())),
            Value::Text(changed),
            Value::Text(gained),
            Value::Text(lost),
            Value::BigInt(after.account.0),
            Value::Text(after.status.as_str()),
            Value::Text(step.cause.as_str()),
            Value::MaybeBigInt(step.delivery.map(|delivery| delivery.0)),
            Value::BigInt(after.id.0),
            Value::BigInt(after.revision),
        ]);
    }
    steps.write(connection)?;
    Ok(entries)
}

/// Empties what is personal in the users of an account and ends those that are not, within a write transaction. `now` is in
/// microseconds since 1970. Returns what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId, now: i64) -> Result<Vec<Entry>, StoreError> {
    // However many there are: what is left behind would be personal.
    let living = living_of(connection, account, usize::MAX)?;
    let nothing = String::new;
    diesel::update(users::table.filter(users::account_id.eq(account.0)))
        .set((users::login.eq(nothing()), users::name.eq(nothing()), users::email.eq(nothing())))
        .execute(connection)?;
    let steps: Vec<UserStep> = living
        .into_iter()
        .map(|before| {
            let after = User {
                login: nothing(),
                name: nothing(),
                email: nothing(),
                status: UserStatus::Ended,
                services: Vec::new(),
                ended_at: Some(now),
                ..before.clone()
            };
            let (before, after) = (Some(Arc::new(before)), Arc::new(after.sealed(now)));
            UserStep { before, after, cause: Cause::Erase, delivery: None }
        })
        .collect();
    let updated = steps.iter().filter_map(|step| Some((step.before.clone()?, step.after.clone()))).collect();
    let changes = Changes { users_updated: updated, user_steps: steps, ..Changes::default() };
    save(connection, &changes)?;
    Ok(feed::entries(&changes))
}

/// Most services that are taken from their users at once: each may be had by all users of an account.
const TOGETHER_LOST: usize = 50;

/// A user, its account, status and revision, and the service that it loses.
type Having = (i64, i64, String, i64, i64);

/// Takes services from all who have them and are not at hand.
fn take_from_all(connection: &mut AnyConnection, lost: &[Lost], changes: &Changes) -> Result<Vec<Entry>, StoreError> {
    let services: Vec<i64> = lost.iter().map(|lost| lost.service.0).collect();
    let having: Vec<Having> = user_services::table
        .inner_join(users::table.on(users::id.eq(user_services::user_id)))
        .filter(user_services::service_id.eq_any(services))
        .order((users::id, user_services::service_id))
        .select((users::id, users::account_id, users::status, users::revision, user_services::service_id))
        .load(connection)?;
    let lost: HashMap<i64, (&Lost, String)> =
        lost.iter().map(|lost| (lost.service.0, (lost, lost.service.to_string()))).collect();
    let (mut touched, mut taken, mut steps) =
        (Rows::<TouchUser>::default(), Rows::<Take>::default(), Rows::<InsertStep>::default());
    let mut entries = Vec::new();
    // Who loses several has a revision for each, and is written once.
    let mut behind: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for (id, account, status, revision, service) in &having {
        let Some((lost, service_text)) = lost.get(service) else { continue };
        if changes.users_known.contains(&UserId(*id)) {
            continue;
        }
        let (revision, at) = {
            let now = behind.entry(*id).or_insert((*revision, lost.at));
            *now = (now.0 + 1, lost.at);
            *now
        };
        let known = UserStatus::parse(status).ok_or_else(|| StoreError::corrupt("users.status", status))?;
        taken.push([Value::BigInt(*id), Value::BigInt(*service)]);
        steps.push([
            Value::BigInt(at),
            Value::Text(UserHappening::Updated.as_str()),
            Value::Text("services"),
            Value::Text(""),
            Value::Text(service_text),
            Value::BigInt(*account),
            Value::Text(status),
            Value::Text(lost.cause.as_str()),
            Value::MaybeBigInt(lost.delivery.map(|delivery| delivery.0)),
            Value::BigInt(*id),
            Value::BigInt(revision),
        ]);
        entries.push(feed::lost_service(UserId(*id), AccountId(*account), known, revision, lost));
    }
    for (id, (revision, at)) in &behind {
        touched.push([Value::BigInt(*at), Value::BigInt(*revision), Value::BigInt(*id)]);
    }
    touched.write(connection)?;
    taken.write(connection)?;
    steps.write(connection)?;
    Ok(entries)
}
