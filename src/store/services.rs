//! Services: looked up for orders, and written with the batch that changes them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::having;
use super::schema::services;
use crate::domain::account::EventStamp;
use crate::domain::ids::{AccountId, DeliveryId, ExternalId, PlatformId, Scope, ServiceId, SourceId, Tenant};
use crate::domain::service::{Direction, Happening, Service, ServiceKind, ServiceStatus, Step, Transfer};

/// Accounts whose services are asked for in one statement. SQLite takes 32,766 parameters.
const TOGETHER: usize = 1_000;

/// Most rows of such a statement: so many are in memory at once, several times as many as such accounts usually have.
const MOST_TOGETHER: i64 = 20_000;

/// A row of `services`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct ServiceRow {
    pub id: i64,
    pub source: String,
    pub tenant: String,
    pub external_id: String,
    pub platform_id: Option<String>,
    pub account_id: i64,
    pub parent_id: Option<i64>,
    pub kind: String,
    pub service: String,
    pub name: String,
    pub plan: String,
    pub location: String,
    pub quantity: i64,
    pub status: String,
    pub trial: bool,
    pub attributes: String,
    pub transfer_direction: Option<String>,
    pub transfer_state: Option<String>,
    pub transfer_action: Option<String>,
    pub expires_at: Option<i64>,
    pub event_second: i64,
    pub event_live: bool,
    pub created_at: i64,
    pub changed_at: i64,
    pub ended_at: Option<i64>,
    pub revision: i64,
    pub last_delivery: Option<i64>,
    pub reported_account_id: Option<i64>,
}

fn word<T>(value: &str, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(value).ok_or_else(|| StoreError::corrupt(column, value))
}

impl ServiceRow {
    /// The service.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_service(self) -> Result<Service, StoreError> {
        let transfer = match self.transfer_direction {
            Some(direction) => Some(Transfer {
                direction: word(&direction, "services.transfer_direction", Direction::parse)?,
                state: self.transfer_state.unwrap_or_default(),
                action: self.transfer_action,
            }),
            None => None,
        };
        Ok(Service {
            id: ServiceId(self.id),
            scope: Scope { source: SourceId::stored(&self.source), tenant: Tenant::stored(&self.tenant) },
            external_id: ExternalId::stored(&self.external_id),
            platform_id: self.platform_id.as_deref().map(PlatformId::stored),
            account: AccountId(self.account_id),
            parent: self.parent_id.map(ServiceId),
            kind: word(&self.kind, "services.kind", ServiceKind::parse)?,
            service: self.service,
            name: self.name,
            plan: self.plan,
            location: self.location,
            quantity: self.quantity,
            status: word(&self.status, "services.status", ServiceStatus::parse)?,
            trial: self.trial,
            attributes: self.attributes,
            transfer,
            expires_at: self.expires_at,
            event: EventStamp { second: self.event_second, live: self.event_live },
            created_at: self.created_at,
            changed_at: self.changed_at,
            ended_at: self.ended_at,
            revision: self.revision,
            last_delivery: self.last_delivery.map(DeliveryId),
            reported_account: self.reported_account_id.map(AccountId),
        })
    }
}

/// The service that is called this within a scope: its ExternalID, or else the platform's own ID.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn named(connection: &mut AnyConnection, scope: &Scope, name: &str) -> Result<Option<Service>, StoreError> {
    let of_scope = || {
        services::table
            .filter(services::source.eq(scope.source.as_str().to_owned()))
            .filter(services::tenant.eq(scope.tenant.as_str().to_owned()))
    };
    let mut rows: Vec<ServiceRow> = of_scope().filter(services::external_id.eq(name.to_owned())).load(connection)?;
    if rows.is_empty() {
        rows = of_scope()
            .filter(services::platform_id.eq(name.to_owned()))
            .filter(services::platform_id.is_not_null())
            .order(services::id.desc())
            .load(connection)?;
    }
    rows.pop().map(ServiceRow::into_service).transpose()
}

/// The add-ons of a subscription that are not ended.
///
/// # Errors
/// As [`named`].
pub fn add_ons(connection: &mut AnyConnection, parent: ServiceId) -> Result<Vec<Service>, StoreError> {
    let rows: Vec<ServiceRow> = services::table
        .filter(services::parent_id.eq(parent.0))
        .filter(services::parent_id.is_not_null())
        .filter(services::status.ne(ServiceStatus::Ended.as_str()))
        .order(services::id)
        .load(connection)?;
    rows.into_iter().map(ServiceRow::into_service).collect()
}

/// The service of this id.
///
/// # Errors
/// As [`named`].
pub fn by_id(connection: &mut AnyConnection, id: ServiceId) -> Result<Option<Service>, StoreError> {
    let mut rows: Vec<ServiceRow> = services::table.filter(services::id.eq(id.0)).load(connection)?;
    rows.pop().map(ServiceRow::into_service).transpose()
}

/// The services of an account that are not ended, at most `limit`, in the order of their ids.
///
/// # Errors
/// As [`named`].
pub fn living_of(connection: &mut AnyConnection, account: AccountId, limit: usize) -> Result<Vec<Service>, StoreError> {
    let rows: Vec<ServiceRow> = services::table
        .filter(services::account_id.eq(account.0))
        .filter(services::status.ne(ServiceStatus::Ended.as_str()))
        .order(services::id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    rows.into_iter().map(ServiceRow::into_service).collect()
}

/// As [`living_of`], for many accounts in a few statements: each with its services, at most `limit` of each.
///
/// # Errors
/// As [`named`].
pub fn living_of_many(
    connection: &mut AnyConnection,
    accounts: &[AccountId],
    limit: usize,
) -> Result<Vec<(AccountId, Vec<Service>)>, StoreError> {
    let mut found = Vec::with_capacity(accounts.len());
    let (some, none) = having::some(connection, accounts, |postgres, ids| {
        let all = services::table.filter(services::account_id.eq_any(ids));
        all.select(services::account_id).distinct().load(postgres)
    })?;
    found.extend(none.into_iter().map(|account| (account, Vec::new())));
    for part in some.chunks(TOGETHER) {
        let ids: Vec<i64> = part.iter().map(|account| account.0).collect();
        let rows: Vec<ServiceRow> = services::table
            .filter(services::account_id.eq_any(ids))
            .filter(services::status.ne(ServiceStatus::Ended.as_str()))
            .order((services::account_id, services::id))
            .limit(MOST_TOGETHER)
            .load(connection)?;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) >= MOST_TOGETHER {
            // Some of them have very much: one after the other then.
            for account in part {
                found.push((*account, living_of(connection, *account, limit)?));
            }
            continue;
        }
        let mut of: HashMap<AccountId, Vec<Service>> = HashMap::new();
        for row in rows {
            let service = row.into_service()?;
            let list = of.entry(service.account).or_default();
            if list.len() < limit {
                list.push(service);
            }
        }
        found.extend(part.iter().map(|account| (*account, of.remove(account).unwrap_or_default())));
    }
    Ok(found)
}

/// How many services of accounts are not ended; accounts without any are left out. There are as many as a batch has calls.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn count_living(
    connection: &mut AnyConnection,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, i64>, StoreError> {
    let ids: Vec<i64> = accounts.iter().map(|account| account.0).collect();
    let counted: Vec<(i64, i64)> = services::table
        .filter(services::account_id.eq_any(ids))
        .filter(services::status.ne(ServiceStatus::Ended.as_str()))
        .group_by(services::account_id)
        .select((services::account_id, diesel::dsl::count_star()))
        .load(connection)?;
    Ok(counted.into_iter().map(|(account, living)| (AccountId(account), living)).collect())
}

/// What is written of a service: first what never changes.
const COLUMNS: [&str; 28] = [
    "source",
    "tenant",
    "external_id",
    "created_at",
    "parent_id",
    "platform_id",
    "account_id",
    "kind",
    "service",
    "name",
    "plan",
    "location",
    "quantity",
    "status",
    "trial",
    "attributes",
    "transfer_direction",
    "transfer_state",
    "transfer_action",
    "expires_at",
    "event_second",
    "event_live",
    "changed_at",
    "ended_at",
    "revision",
    "last_delivery",
    "reported_account_id",
    "id",
];

/// How many of [`COLUMNS`] never change.
const LASTING: usize = 5;

/// Inserts services.
pub(super) struct InsertService;

impl Statement for InsertService {
    const TABLE: &'static str = "services";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &COLUMNS;
}

/// Updates services.
pub(super) struct UpdateService;

impl Statement for UpdateService {
    const TABLE: &'static str = "services";
    const VERB: Verb = Verb::Update;
    const COLUMNS: &'static [&'static str] = COLUMNS.split_at(LASTING).1;
}

/// Inserts what happened to services.
pub(super) struct InsertStep;

impl Statement for InsertStep {
    const TABLE: &'static str = "service_history";
    const VERB: Verb = Verb::Insert;
    const KEYS: usize = 2;
    const COLUMNS: &'static [&'static str] = &[
        "at",
        "valid_from",
        "happening",
        "changed",
        "account_id",
        "plan",
        "location",
        "quantity",
        "status",
        "cause",
        "delivery_id",
        "service_id",
        "revision",
    ];
}

fn changing(service: &Service) -> [Value<'_>; 23] {
    let transfer = service.transfer.as_ref();
    [
        Value::MaybeText(service.platform_id.as_ref().map(PlatformId::as_str)),
        Value::BigInt(service.account.0),
        Value::Text(service.kind.as_str()),
        Value::Text(&service.service),
        Value::Text(&service.name),
        Value::Text(&service.plan),
        Value::Text(&service.location),
        Value::BigInt(service.quantity),
        Value::Text(service.status.as_str()),
        Value::Bool(service.trial),
        Value::Text(&service.attributes),
        Value::MaybeText(transfer.map(|transfer| transfer.direction.as_str())),
        Value::MaybeText(transfer.map(|transfer| transfer.state.as_str())),
        Value::MaybeText(transfer.and_then(|transfer| transfer.action.as_deref())),
        Value::MaybeBigInt(service.expires_at),
        Value::BigInt(service.event.second),
        Value::Bool(service.event.live),
        Value::BigInt(service.changed_at),
        Value::MaybeBigInt(service.ended_at),
        Value::BigInt(service.revision),
        Value::MaybeBigInt(service.last_delivery.map(|delivery| delivery.0)),
        Value::MaybeBigInt(service.reported_account.map(|account| account.0)),
        Value::BigInt(service.id.0),
    ]
}

/// Adds a new service to the rows to insert.
pub(super) fn insert<'a>(rows: &mut Rows<'a, InsertService>, service: &'a Service) {
    let lasting: [Value<'_>; LASTING] = [
        Value::Text(service.scope.source.as_str()),
        Value::Text(service.scope.tenant.as_str()),
        Value::Text(service.external_id.as_str()),
        Value::BigInt(service.created_at),
        Value::MaybeBigInt(service.parent.map(|parent| parent.0)),
    ];
    rows.push_joined(lasting, changing(service));
}

/// Adds a service to the rows to update.
pub(super) fn update<'a>(rows: &mut Rows<'a, UpdateService>, service: &'a Service) {
    rows.push(changing(service));
}

/// The names of what a step changed, as its row has them.
pub(super) fn changed_text(step: &Step) -> String {
    step.changed().join(" ")
}

/// Adds a step to the rows to insert; `changed` is its [`changed_text`].
pub(super) fn insert_step<'a>(rows: &mut Rows<'a, InsertStep>, step: &'a Step, changed: &'a str) {
    let after = &step.after;
    // What an operator did happened when it was done.
    let valid = if step.delivery.is_some() { after.event.second.saturating_mul(1_000_000) } else { after.changed_at };
    rows.push([
        Value::BigInt(after.changed_at),
        Value::BigInt(valid),
        Value::Text(Happening::as_str(step.happening())),
        Value::Text(changed),
        Value::BigInt(after.account.0),
        Value::Text(&after.plan),
        Value::Text(&after.location),
        Value::BigInt(after.quantity),
        Value::Text(after.status.as_str()),
        Value::Text(step.cause.as_str()),
        Value::MaybeBigInt(step.delivery.map(|delivery| delivery.0)),
        Value::BigInt(after.id.0),
        Value::BigInt(after.revision),
    ]);
}

/// Empties what may be personal in an account's services, within a write transaction.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId) -> Result<(), StoreError> {
    diesel::update(services::table.filter(services::account_id.eq(account.0)))
        .set((
            services::name.eq(String::new()),
            services::attributes.eq(String::new()),
            services::transfer_state.eq(None::<String>),
            services::transfer_action.eq(None::<String>),
            services::transfer_direction.eq(None::<String>),
        ))
        .execute(connection)?;
    Ok(())
}
