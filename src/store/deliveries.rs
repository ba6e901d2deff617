//! The ledger as people and `deliveries verify` read it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::records::DeliveryRow;
use super::schema::{bodies, deliveries, sources, webhook_ids};
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::ledger::Delivery;
use crate::domain::outcome::Outcome;

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// At this endpoint.
    pub endpoint: Option<Endpoint>,
    /// About this account.
    pub account: Option<AccountId>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Answered with this code.
    pub code: Option<i32>,
    /// Received at or after, in microseconds since 1970.
    pub since: Option<i64>,
    /// Received before, in microseconds since 1970.
    pub until: Option<i64>,
    /// With this signed id.
    pub webhook_id: Option<String>,
    /// With this `X-CloudPlatform-TrackId`.
    pub track_id: Option<String>,
    /// That name this platform ID.
    pub platform_id: Option<String>,
}

impl DeliveryFilter {
    /// Whether an index finds what is asked for.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        self.account.is_some() || self.webhook_id.is_some()
    }

    /// Whether rows are looked at that are not handed out.
    #[must_use]
    pub fn skips_rows(&self) -> bool {
        self.source.is_some()
            || self.tenant.is_some()
            || self.endpoint.is_some()
            || self.outcome.is_some()
            || self.code.is_some()
            || self.track_id.is_some()
            || self.platform_id.is_some()
    }
}

/// A query for deliveries, its filters still open.
pub(super) type Query<'a> = deliveries::BoxedQuery<'a, <AnyConnection as diesel::connection::Connection>::Backend>;

/// The deliveries that are asked for, all of them in no order.
pub(super) fn matching(connection: &mut AnyConnection, filter: &DeliveryFilter) -> Result<Query<'static>, StoreError> {
    let mut query = deliveries::table.into_boxed();
    if let Some(source) = &filter.source {
        query = query.filter(deliveries::source.eq(source.clone()));
    }
    if let Some(tenant) = &filter.tenant {
        query = query.filter(deliveries::tenant.eq(tenant.clone()));
    }
    if let Some(endpoint) = filter.endpoint {
        query = query.filter(deliveries::endpoint.eq(endpoint.as_str()));
    }
    if let Some(account) = filter.account {
        query = query.filter(deliveries::account_id.eq(account.0));
    }
    if let Some(outcome) = filter.outcome {
        query = query.filter(deliveries::outcome.eq(outcome.as_str()));
    }
    if let Some(code) = filter.code {
        query = query.filter(deliveries::code.eq(code));
    }
    if let Some(since) = filter.since {
        query = query.filter(deliveries::received_at.ge(since));
    }
    if let Some(until) = filter.until {
        query = query.filter(deliveries::received_at.lt(until));
    }
    if let Some(track_id) = &filter.track_id {
        query = query.filter(deliveries::track_id.eq(track_id.clone()));
    }
    if let Some(platform_id) = &filter.platform_id {
        query = query.filter(deliveries::platform_id.eq(platform_id.clone()));
    }
    if let Some(webhook_id) = &filter.webhook_id {
        let remembered = remembered(connection, webhook_id)?;
        // What repeats it is about the same account.
        let accounts = deliveries::table
            .filter(deliveries::id.eq_any(remembered.clone()))
            .filter(deliveries::account_id.is_not_null())
            .select(deliveries::account_id)
            .load::<Option<i64>>(connection)?;
        query = query
            .filter(deliveries::webhook_id.eq(webhook_id.clone()))
            .filter(deliveries::id.eq_any(remembered).or(deliveries::account_id.eq_any(accounts)));
    }
    Ok(query)
}

/// The deliveries that answer for a signed id, one a source: the ledger itself has no index of these.
fn remembered(connection: &mut AnyConnection, webhook_id: &str) -> Result<Vec<i64>, StoreError> {
    let known: Vec<String> = sources::table.select(sources::id).load(connection)?;
    let mut found = Vec::new();
    for source in known {
        let id: Option<i64> = webhook_ids::table
            .filter(webhook_ids::source.eq(source))
            .filter(webhook_ids::webhook_id.eq(webhook_id.to_owned()))
            .select(webhook_ids::delivery_id)
            .first(connection)
            .optional()?;
        found.extend(id);
    }
    Ok(found)
}

/// A page of deliveries, newest first, behind the one received at `after`, whoever asks: what operators read
/// is in [`super::seen`].
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    filter: &DeliveryFilter,
    after: Option<(i64, DeliveryId)>,
    limit: i64,
) -> Result<Vec<(Delivery, Vec<u8>)>, StoreError> {
    let mut query = matching(connection, filter)?;
    if let Some((received_at, id)) = after {
        query = query.filter(
            deliveries::received_at
                .lt(received_at)
                .or(deliveries::received_at.eq(received_at).and(deliveries::id.lt(id.0))),
        );
    }
    let rows = query
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(limit)
        .load::<DeliveryRow>(connection)?;
    rows.into_iter().map(DeliveryRow::into_delivery).collect()
}

/// One delivery with the hash that its row holds.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn find(connection: &mut AnyConnection, id: DeliveryId) -> Result<Option<(Delivery, Vec<u8>)>, StoreError> {
    let row = deliveries::table.filter(deliveries::id.eq(id.0)).first::<DeliveryRow>(connection).optional()?;
    row.map(DeliveryRow::into_delivery).transpose()
}

/// The body that a delivery carries; none where it carries none or was emptied.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn body(connection: &mut AnyConnection, carrier: DeliveryId) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(bodies::table.filter(bodies::delivery_id.eq(carrier.0)).select(bodies::body).first(connection).optional()?)
}

/// A delivery with the body that it came with; none where that was emptied.
pub type WithBody = (Delivery, Option<Vec<u8>>);

/// The next deliveries of a chain that are asked for, behind position `after` and up to `to`, in order, with the bodies
/// that they came with, whichever rows carry those.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn chain_page(
    connection: &mut AnyConnection,
    filter: &DeliveryFilter,
    chain: i64,
    (after, to): (i64, i64),
    limit: i64,
) -> Result<Vec<WithBody>, StoreError> {
    let rows = matching(connection, filter)?
        .filter(deliveries::id.gt(DeliveryId::issue(chain, after).0))
        .filter(deliveries::id.le(DeliveryId::issue(chain, to).0))
        .order(deliveries::id)
        .limit(limit)
        .load::<DeliveryRow>(connection)?;
    let carriers: Vec<i64> = rows.iter().map(|row| row.body_of).collect();
    let carried: HashMap<i64, Vec<u8>> = bodies::table
        .filter(bodies::delivery_id.eq_any(carriers))
        .load::<(i64, Vec<u8>)>(connection)?
        .into_iter()
        .collect();
    rows.into_iter()
        .map(|row| {
            // Several rows may share one body.
            let body = carried.get(&row.body_of).cloned();
            row.into_delivery().map(|(delivery, _)| (delivery, body))
        })
        .collect()
}

/// A row of a chain as `verify` reads it: it may hold anything.
pub struct VerifyRow {
    /// The id that the row claims.
    pub id: DeliveryId,
    /// The delivery and its hash, or why it cannot be read.
    pub delivery: Result<(Delivery, Vec<u8>), StoreError>,
    /// The body that it carries itself, if it is there.
    pub body: Option<Vec<u8>>,
}

/// The next rows of a chain behind `after` and up to `to`, in order.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn chain_rows(
    connection: &mut AnyConnection,
    chain: i64,
    after: i64,
    to: i64,
    limit: i64,
) -> Result<Vec<VerifyRow>, StoreError> {
    let rows = deliveries::table
        .left_join(bodies::table.on(bodies::delivery_id.eq(deliveries::id)))
        .filter(deliveries::id.gt(DeliveryId::issue(chain, after).0))
        .filter(deliveries::id.le(DeliveryId::issue(chain, to).0))
        .order(deliveries::id)
        .limit(limit)
        .select((deliveries::all_columns, bodies::body.nullable()))
        .load::<(DeliveryRow, Option<Vec<u8>>)>(connection)?;
    Ok(rows
        .into_iter()
        .map(|(row, body)| VerifyRow { id: DeliveryId(row.id), delivery: row.into_delivery(), body })
        .collect())
}

/// The last row of a chain, whatever the table of chains says.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn last_of_chain(connection: &mut AnyConnection, chain: i64) -> Result<Option<DeliveryId>, StoreError> {
    let last: Option<i64> = deliveries::table
        .filter(deliveries::id.ge(DeliveryId::issue(chain, 0).0))
        .filter(deliveries::id.le(DeliveryId::last(chain).0))
        .select(diesel::dsl::max(deliveries::id))
        .first(connection)?;
    Ok(last.map(DeliveryId))
}

/// Rows with ids that no chain issues, and the first row of each chain that rows exist of, whatever the table of chains
/// says; at most `limit` of each. Goes from chain to chain by the primary key.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn edges(connection: &mut AnyConnection, limit: i64) -> Result<(Vec<DeliveryId>, Vec<DeliveryId>), StoreError> {
    let outside: Vec<i64> = deliveries::table
        .filter(deliveries::id.le(0))
        .order(deliveries::id)
        .limit(limit)
        .select(deliveries::id)
        .load(connection)?;
    let mut firsts = Vec::new();
    let mut behind = 0;
    for _ in 0..limit {
        let first: Option<i64> = deliveries::table
            .filter(deliveries::id.gt(behind))
            .select(diesel::dsl::min(deliveries::id))
            .first(connection)?;
        let Some(first) = first.map(DeliveryId) else { break };
        behind = DeliveryId::last(first.row().chain()).0;
        firsts.push(first);
    }
    Ok((outside.into_iter().map(DeliveryId).collect(), firsts))
}

/// Whether these rows are in the ledger with these hashes: resolves a commit whose answer was lost.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn has(connection: &mut AnyConnection, id: DeliveryId, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let stored: Option<Vec<u8>> =
        deliveries::table.filter(deliveries::id.eq(id.0)).select(deliveries::hash).first(connection).optional()?;
    Ok(stored.as_deref() == Some(hash.as_slice()))
}
