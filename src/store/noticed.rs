//! Since when the platform has been saying something, as the ledger of its calls tells.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{bodies, deliveries, relations};
use crate::domain::account::AccountKind;
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::outcome::Outcome;
use crate::domain::reconcile::Since;
use crate::domain::relation::Axis;

/// Calls that are looked at, the latest ones. What has been said for longer is told as since the earliest of these.
const MAX_CALLS: i64 = 500;

/// Calls whose bodies are looked at, one behind the other. Raising it lengthens what a single finding may take.
const MAX_BODIES: i64 = 100;

/// A call as it dates what it says.
fn since_call(id: i64, second: i64) -> Since {
    Since { at: Some(second.saturating_mul(1_000_000)), delivery: Some(DeliveryId(id)) }
}

/// The call with which an account came that was first heard of at `first_seen`, in microseconds since 1970; none for one
/// that a list brought.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn first(
    connection: &mut AnyConnection,
    account: AccountId,
    first_seen: i64,
) -> Result<Option<DeliveryId>, StoreError> {
    let id: Option<i64> = deliveries::table
        .filter(deliveries::account_id.eq(account.0))
        .filter(deliveries::received_at.eq(first_seen))
        .filter(deliveries::outcome.eq(Outcome::Applied.as_str()))
        .order(deliveries::id)
        .select(deliveries::id)
        .first(connection)
        .optional()?;
    Ok(id.map(DeliveryId))
}

/// The start of the unbroken run of calls, up to the last one that was received by `until`, in microseconds since 1970,
/// that made an account this kind. Nothing where the last one made it another, because an operator or a list decided.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn kind(
    connection: &mut AnyConnection,
    account: AccountId,
    kind: AccountKind,
    until: i64,
) -> Result<Since, StoreError> {
    let calls = deliveries::table
        .filter(deliveries::account_id.eq(account.0))
        .filter(deliveries::received_at.le(until))
        .filter(deliveries::outcome.eq_any([Outcome::Applied.as_str(), Outcome::Unchanged.as_str()]))
        .filter(deliveries::kind.is_not_null())
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(MAX_CALLS)
        .select((deliveries::id, deliveries::event_second, deliveries::kind))
        .load::<(i64, i64, Option<String>)>(connection)?;
    let run = calls.into_iter().take_while(|(_, _, said)| said.as_deref() == Some(kind.as_str())).last();
    Ok(run.map_or_else(Since::default, |(id, second, _)| since_call(id, second)))
}

/// The Delete that ended an account, received by `until`, in microseconds since 1970. Nothing where the platform had it
/// alive last, because an operator or a list ended it.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn deleted(connection: &mut AnyConnection, account: AccountId, until: i64) -> Result<Since, StoreError> {
    let delete = Endpoint::Delete.as_str();
    let last = deliveries::table
        .filter(deliveries::account_id.eq(account.0))
        .filter(deliveries::received_at.le(until))
        .filter(deliveries::outcome.eq(Outcome::Applied.as_str()))
        .filter(deliveries::kind.is_not_null().or(deliveries::endpoint.eq(delete)))
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .select((deliveries::id, deliveries::event_second, deliveries::endpoint))
        .first::<(i64, i64, String)>(connection)
        .optional()?;
    let last = last.filter(|(_, _, endpoint)| endpoint == delete);
    Ok(last.map_or_else(Since::default, |(id, second, _)| since_call(id, second)))
}

/// When an account's last relation on an axis ended, of those that ended by `until`, in microseconds since 1970; nothing
/// where it never had one.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn ended(connection: &mut AnyConnection, account: AccountId, axis: Axis, until: i64) -> Result<Since, StoreError> {
    let last = relations::table
        .filter(relations::account_id.eq(account.0))
        .filter(relations::axis.eq(axis.as_str()))
        .filter(relations::valid_to.le(until))
        .order((relations::valid_to.desc(), relations::id.desc()))
        .select((relations::valid_to, relations::closed_delivery_id))
        .first::<(Option<i64>, Option<i64>)>(connection)
        .optional()?;
    Ok(last.map_or_else(Since::default, |(at, delivery)| Since { at, delivery: delivery.map(DeliveryId) }))
}

/// Whether a call says what is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// That, and nothing else.
    It,
    /// Something else.
    Other,
    /// Nothing about it.
    Nothing,
}

/// The start of the unbroken run of an account's calls, up to the last one, whose bodies say something. `says` reads a
/// call of this endpoint with this body; one whose body was emptied ends the run, since nobody knows what it said.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn said(
    connection: &mut AnyConnection,
    account: AccountId,
    says: &dyn Fn(Endpoint, &[u8]) -> Says,
) -> Result<Since, StoreError> {
    let calls = deliveries::table
        .filter(deliveries::account_id.eq(account.0))
        .filter(deliveries::outcome.eq(Outcome::Applied.as_str()))
        .filter(deliveries::kind.is_not_null())
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(MAX_BODIES)
        .select((deliveries::id, deliveries::event_second, deliveries::endpoint, deliveries::body_of))
        .load::<(i64, i64, String, i64)>(connection)?;
    let mut since = Since::default();
    for (id, second, endpoint, carrier) in calls {
        let endpoint =
            Endpoint::parse(&endpoint).ok_or_else(|| StoreError::corrupt("deliveries.endpoint", &endpoint))?;
        let body: Option<Vec<u8>> =
            bodies::table.filter(bodies::delivery_id.eq(carrier)).select(bodies::body).first(connection).optional()?;
        match body.as_deref().map_or(Says::Other, |body| says(endpoint, body)) {
            Says::It => since = since_call(id, second),
            Says::Nothing => {}
            Says::Other => break,
        }
    }
    Ok(since)
}

/// The start of the unbroken run of Synchronize calls of an account, up to the last one, whose trace tells of this.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn since(connection: &mut AnyConnection, account: AccountId, told: &str) -> Result<Since, StoreError> {
    let calls = deliveries::table
        .filter(deliveries::account_id.eq(account.0))
        .filter(deliveries::endpoint.eq(Endpoint::Synchronize.as_str()))
        .filter(deliveries::outcome.eq_any([Outcome::Applied.as_str(), Outcome::Unchanged.as_str()]))
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(MAX_CALLS)
        .select((deliveries::id, deliveries::event_second, deliveries::trace))
        .load::<(i64, i64, String)>(connection)?;
    let run = calls.into_iter().take_while(|(_, _, trace)| trace.contains(told)).last();
    Ok(run.map_or_else(Since::default, |(id, second, _)| since_call(id, second)))
}
