//! The quarantine.

use std::collections::HashSet;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::bulk::{Rows, Statement, Value, Verb};
use super::condition::Condition;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::cases;
use crate::domain::call::Endpoint;
use crate::domain::case::{Case, CaseEvent, CaseKey, Closed, ClosedAs, Refusals, Success};
use crate::domain::ids::{DeliveryId, PlatformId, Scope, SourceId, Tenant};

/// The condition of the partial index, which a bound parameter would not be seen to match.
const OPEN: &str = "cases.state = 'open'";

struct UpsertCase;

impl Statement for UpsertCase {
    const TABLE: &'static str = "cases";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &[
        "source",
        "tenant",
        "endpoint",
        "platform_id",
        "body_digest",
        "code",
        "first_at",
        "last_at",
        "last_delivery",
        "event_second",
        "times",
        "state",
        "id",
    ];
    const TAIL: &'static str = " ON CONFLICT (platform_id, source, tenant, endpoint, code, body_digest) WHERE state = 'open' \
         DO UPDATE SET last_at = excluded.last_at, last_delivery = excluded.last_delivery, times = cases.times + \
         excluded.times, event_second = CASE WHEN excluded.event_second > cases.event_second THEN \
         excluded.event_second ELSE cases.event_second END";
}

/// Writes what a batch means for the quarantine.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn save(connection: &mut AnyConnection, events: &[CaseEvent]) -> Result<(), StoreError> {
    let unsure: Vec<&Success> = events
        .iter()
        .filter_map(|event| match event {
            CaseEvent::Succeeded(success) if success.unsure => Some(success),
            _ => None,
        })
        .collect();
    let found = if unsure.is_empty() { HashSet::new() } else { with_open(connection, &unsure)? };
    let mut refused = Rows::<UpsertCase>::default();
    for event in events {
        match event {
            CaseEvent::Refused(key, refusals) => refused.push(row(key, refusals)),
            CaseEvent::Succeeded(success) => {
                if !success.unsure || found.contains(&name(&success.scope, &success.platform_id)) {
                    std::mem::take(&mut refused).write(connection)?;
                    succeed(connection, success)?;
                }
            }
            CaseEvent::Reprocessed(run) => {
                std::mem::take(&mut refused).write(connection)?;
                let closed = Closed { how: run.how, at: run.at, delivery: Some(run.delivery), why: None };
                close(connection, run.case, &closed)?;
            }
        }
    }
    refused.write(connection)?;
    Ok(())
}

fn row<'a>(key: &'a CaseKey, refusals: &'a Refusals) -> [Value<'a>; 13] {
    [
        Value::Text(key.scope.source.as_str()),
        Value::Text(key.scope.tenant.as_str()),
        Value::Text(key.endpoint.as_str()),
        Value::Text(key.platform_id.as_str()),
        Value::Binary(&key.digest),
        Value::Integer(key.code),
        Value::BigInt(refusals.first_at),
        Value::BigInt(refusals.last_at),
        Value::BigInt(refusals.last.0),
        Value::BigInt(refusals.event_second),
        Value::BigInt(refusals.times),
        Value::Text("open"),
        Value::BigInt(refusals.first.0),
    ]
}

type Name = (String, String, String);

fn name(scope: &Scope, platform_id: &PlatformId) -> Name {
    (platform_id.as_str().to_owned(), scope.source.as_str().to_owned(), scope.tenant.as_str().to_owned())
}

/// Which of the new accounts have open cases.
fn with_open(connection: &mut AnyConnection, successes: &[&Success]) -> Result<HashSet<Name>, StoreError> {
    let columns = (cases::platform_id, cases::source, cases::tenant);
    let open = || sql::<Bool>(OPEN);
    Ok(match connection {
        AnyConnection::Sqlite(sqlite) => {
            let mut found = HashSet::new();
            for success in successes {
                let rows: Vec<Name> = cases::table
                    .filter(open())
                    .filter(cases::platform_id.eq(success.platform_id.as_str()))
                    .filter(cases::source.eq(success.scope.source.as_str()))
                    .filter(cases::tenant.eq(success.scope.tenant.as_str()))
                    .select(columns)
                    .load(sqlite)?;
                found.extend(rows);
            }
            found
        }
        AnyConnection::Postgres(postgres) => {
            let ids: Vec<&str> = successes.iter().map(|success| success.platform_id.as_str()).collect();
            let rows: Vec<Name> =
                cases::table.filter(open()).filter(cases::platform_id.eq_any(ids)).select(columns).load(postgres)?;
            rows.into_iter().collect()
        }
    })
}

fn succeed(connection: &mut AnyConnection, success: &Success) -> Result<(), StoreError> {
    diesel::update(
        cases::table
            .filter(sql::<Bool>(OPEN))
            .filter(cases::platform_id.eq(success.platform_id.as_str().to_owned()))
            .filter(cases::source.eq(success.scope.source.as_str().to_owned()))
            .filter(cases::tenant.eq(success.scope.tenant.as_str().to_owned()))
            .filter(cases::event_second.le(success.event_second))
            .filter(
                cases::endpoint
                    .not_like("Subscriptions/%")
                    .and(cases::endpoint.not_like("Addons/%"))
                    .or(cases::body_digest.eq(success.digest.to_vec())),
            ),
    )
    .set((
        cases::state.eq("closed"),
        cases::closed_as.eq(ClosedAs::Succeeded.as_str()),
        cases::closed_at.eq(success.at),
        cases::closed_delivery.eq(success.delivery.0),
    ))
    .execute(connection)?;
    Ok(())
}

/// Closes a case; false when it is closed already or was never there.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn close(connection: &mut AnyConnection, case: DeliveryId, closed: &Closed) -> Result<bool, StoreError> {
    let closed = diesel::update(cases::table.filter(cases::id.eq(case.0)).filter(sql::<Bool>(OPEN)))
        .set((
            cases::state.eq("closed"),
            cases::closed_as.eq(closed.how.as_str()),
            cases::closed_at.eq(closed.at),
            cases::closed_delivery.eq(closed.delivery.map(|id| id.0)),
            cases::closed_why.eq(closed.why.clone()),
        ))
        .execute(connection)?;
    Ok(closed == 1)
}

/// Closes every open case of an account.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn close_all_of(
    connection: &mut AnyConnection,
    scope: &Scope,
    platform_id: &PlatformId,
    how: ClosedAs,
    at: i64,
) -> Result<(), StoreError> {
    diesel::update(
        cases::table
            .filter(sql::<Bool>(OPEN))
            .filter(cases::platform_id.eq(platform_id.as_str().to_owned()))
            .filter(cases::source.eq(scope.source.as_str().to_owned()))
            .filter(cases::tenant.eq(scope.tenant.as_str().to_owned())),
    )
    .set((cases::state.eq("closed"), cases::closed_as.eq(how.as_str()), cases::closed_at.eq(at)))
    .execute(connection)?;
    Ok(())
}

/// A row of `cases`, its columns in order.
#[derive(Debug, Queryable)]
struct CaseRow {
    id: i64,
    source: String,
    tenant: String,
    endpoint: String,
    platform_id: String,
    body_digest: Vec<u8>,
    code: i32,
    first_at: i64,
    last_at: i64,
    last_delivery: i64,
    event_second: i64,
    times: i64,
    state: String,
    closed_as: Option<String>,
    closed_at: Option<i64>,
    closed_delivery: Option<i64>,
    closed_why: Option<String>,
}

impl CaseRow {
    fn into_case(self) -> Result<Case, StoreError> {
        let closed = match (self.state.as_str(), self.closed_as, self.closed_at) {
            ("open", _, _) => None,
            (_, Some(how), Some(at)) => Some(Closed {
                how: ClosedAs::parse(&how).ok_or_else(|| StoreError::corrupt("cases.closed_as", &how))?,
                at,
                delivery: self.closed_delivery.map(DeliveryId),
                why: self.closed_why,
            }),
            (state, _, _) => return Err(StoreError::corrupt("cases.state", state)),
        };
        let digest = self
            .body_digest
            .try_into()
            .map_err(|_| StoreError::corrupt("cases.body_digest", "a digest of another length"))?;
        Ok(Case {
            id: DeliveryId(self.id),
            key: CaseKey {
                scope: Scope { source: SourceId::stored(&self.source), tenant: Tenant::stored(&self.tenant) },
                platform_id: PlatformId::stored(&self.platform_id),
                endpoint: Endpoint::parse(&self.endpoint)
                    .ok_or_else(|| StoreError::corrupt("cases.endpoint", &self.endpoint))?,
                code: self.code,
                digest,
            },
            refusals: Refusals {
                first: DeliveryId(self.id),
                first_at: self.first_at,
                last: DeliveryId(self.last_delivery),
                last_at: self.last_at,
                event_second: self.event_second,
                times: self.times,
            },
            closed,
        })
    }
}

/// Which cases; none is "any".
#[derive(Debug, Clone, Default)]
pub struct CaseFilter {
    /// Open ones, or closed ones.
    pub open: Option<bool>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this account.
    pub platform_id: Option<String>,
    /// With one of these codes; empty for any.
    pub codes: Vec<i32>,
}

/// A page of cases in the order of their events, behind the one at `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    filter: &CaseFilter,
    after: Option<(i64, DeliveryId)>,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    list_where(connection, filter, None, after, limit)
}

/// As [`list`], of those that also meet a condition.
pub(super) fn list_where(
    connection: &mut AnyConnection,
    filter: &CaseFilter,
    condition: Option<Condition>,
    after: Option<(i64, DeliveryId)>,
    limit: i64,
) -> Result<Vec<Case>, StoreError> {
    let mut query = cases::table.into_boxed();
    if let Some(condition) = condition {
        query = query.filter(condition);
    }
    match filter.open {
        Some(true) => query = query.filter(cases::state.eq("open")),
        Some(false) => query = query.filter(cases::state.eq("closed")),
        None => {}
    }
    if let Some(source) = &filter.source {
        query = query.filter(cases::source.eq(source.clone()));
    }
    if let Some(tenant) = &filter.tenant {
        query = query.filter(cases::tenant.eq(tenant.clone()));
    }
    if let Some(platform_id) = &filter.platform_id {
        query = query.filter(cases::platform_id.eq(platform_id.clone()));
    }
    if !filter.codes.is_empty() {
        query = query.filter(cases::code.eq_any(filter.codes.clone()));
    }
    if let Some((event_second, id)) = after {
        query = query.filter(
            cases::event_second.gt(event_second).or(cases::event_second.eq(event_second).and(cases::id.gt(id.0))),
        );
    }
    let rows = query.order((cases::event_second, cases::id)).limit(limit).load::<CaseRow>(connection)?;
    rows.into_iter().map(CaseRow::into_case).collect()
}

/// The case of this id.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn find(connection: &mut AnyConnection, id: DeliveryId) -> Result<Option<Case>, StoreError> {
    find_where(connection, id, None)
}

/// As [`find`], if it also meets a condition.
pub(super) fn find_where(
    connection: &mut AnyConnection,
    id: DeliveryId,
    condition: Option<Condition>,
) -> Result<Option<Case>, StoreError> {
    let mut query = cases::table.filter(cases::id.eq(id.0)).into_boxed();
    if let Some(condition) = condition {
        query = query.filter(condition);
    }
    let row = query.first::<CaseRow>(connection).optional()?;
    row.map(CaseRow::into_case).transpose()
}

/// The open case that a refused call belongs to.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn open_of(connection: &mut AnyConnection, key: &CaseKey) -> Result<Option<Case>, StoreError> {
    let row = cases::table
        .filter(sql::<Bool>(OPEN))
        .filter(cases::platform_id.eq(key.platform_id.as_str().to_owned()))
        .filter(cases::source.eq(key.scope.source.as_str().to_owned()))
        .filter(cases::tenant.eq(key.scope.tenant.as_str().to_owned()))
        .filter(cases::endpoint.eq(key.endpoint.as_str()))
        .filter(cases::code.eq(key.code))
        .filter(cases::body_digest.eq(key.digest.to_vec()))
        .first::<CaseRow>(connection)
        .optional()?;
    row.map(CaseRow::into_case).transpose()
}
