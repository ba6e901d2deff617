//! Since when the platform has been saying something, as the traces of its calls tell.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::deliveries;
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::outcome::Outcome;
use crate::domain::reconcile::Since;

/// Calls that are looked at, the latest ones. What has been said for longer is told as since the earliest of these.
const MAX_CALLS: i64 = 500;

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
    Ok(run.map_or_else(Since::default, |(id, second, _)| Since {
        at: Some(second.saturating_mul(1_000_000)),
        delivery: Some(DeliveryId(id)),
    }))
}

/// When the event of a delivery happened, in microseconds since 1970; none for one that is not there.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn event(connection: &mut AnyConnection, delivery: DeliveryId) -> Result<Option<i64>, StoreError> {
    let second: Option<i64> = deliveries::table
        .filter(deliveries::id.eq(delivery.0))
        .select(deliveries::event_second)
        .first(connection)
        .optional()?;
    Ok(second.map(|second| second.saturating_mul(1_000_000)))
}
