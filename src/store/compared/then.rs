//! What accounts were at an earlier time, as far as the ledger tells. Relations have times of their own.

use std::collections::HashSet;

use diesel::prelude::*;

use super::{CHUNK, kind};
use crate::domain::account::AccountStatus;
use crate::domain::call::Endpoint;
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::Outcome;
use crate::domain::reconcile::{Ours, Since};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::deliveries;

/// Calls of one account that are looked at for its kind.
const MAX_CALLS: i64 = 100;

/// Takes back what calls changed after `at`, in microseconds since 1970: status and kind. What the platform reported then
/// stands in no column, so that nothing is said of it.
pub(super) fn rewind(connection: &mut AnyConnection, page: &mut [Ours], at: i64) -> Result<(), StoreError> {
    let last: Vec<i64> = page.iter().filter_map(|ours| ours.shown.delivery).map(|delivery| delivery.0).collect();
    let mut later: HashSet<i64> = HashSet::new();
    for chunk in last.chunks(CHUNK) {
        later.extend(
            deliveries::table
                .filter(deliveries::id.eq_any(chunk.to_vec()))
                .filter(deliveries::received_at.gt(at))
                .select(deliveries::id)
                .load::<i64>(connection)?,
        );
    }
    for ours in page.iter_mut().filter(|ours| ours.shown.delivery.is_some_and(|id| later.contains(&id.0))) {
        rewind_one(connection, ours, at)?;
    }
    Ok(())
}

fn rewind_one(connection: &mut AnyConnection, ours: &mut Ours, at: i64) -> Result<(), StoreError> {
    let calls = deliveries::table
        .filter(deliveries::account_id.eq(ours.id.0))
        .filter(deliveries::received_at.le(at))
        .filter(deliveries::outcome.eq_any([Outcome::Applied.as_str(), Outcome::Unchanged.as_str()]))
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(MAX_CALLS)
        .select((deliveries::id, deliveries::endpoint, deliveries::kind, deliveries::event_second))
        .load::<(i64, String, Option<String>, i64)>(connection)?;
    (ours.reported, ours.reported_external_id, ours.hold) = (None, None, None);
    let Some((id, endpoint, _, second)) = calls.first() else { return Ok(()) };
    ours.shown = Since { at: Some(second.saturating_mul(1_000_000)), delivery: Some(DeliveryId(*id)) };
    ours.status = if *endpoint == Endpoint::Delete.as_str() { AccountStatus::Deleted } else { AccountStatus::Active };
    if let Some(name) = calls.iter().find_map(|(_, _, kind, _)| kind.as_deref()) {
        ours.kind = kind(name)?;
    }
    Ok(())
}
