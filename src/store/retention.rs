//! Bodies that are older than they are kept. Readers find them, page by page; the writer empties them, a few at a time,
//! and decides again: a body may have been referred to since it was found.
//!
//! Rows, digests and hashes of the ledger stay as they are. An emptied body is a row of `bodies` that is gone, so no walk
//! through that table meets it again.

use std::collections::BTreeSet;

use diesel::dsl::{not, sql};
use diesel::expression::{AsExpression, SqlLiteral, UncheckedBind};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{accounts, bodies, deliveries};
use crate::domain::ids::{AccountId, DeliveryId};

/// A body as a reader found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The delivery that carries it.
    pub delivery: DeliveryId,
    /// When that was received, in microseconds since 1970.
    pub received_at: i64,
    /// How long the body is.
    pub bytes: u64,
    /// Whether it has to stay, however old it is.
    pub exempt: bool,
}

/// What was emptied in one transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emptied {
    /// How many bodies.
    pub bodies: u64,
    /// How long they were together.
    pub bytes: u64,
}

/// SQL with one bound number in it.
type Condition = SqlLiteral<Bool, UncheckedBind<SqlLiteral<Bool>, <i64 as AsExpression<BigInt>>::Expression>>;

/// Whether a row of `bodies`, joined with its delivery, has to stay though that was received before `before`: a delivery
/// that was not refers to it, or it belongs to an open case of the quarantine, which may be run again.
///
/// OFFSET says nothing but to PostgreSQL's planner, which would else read all references into a hash for every page
/// (simplify_EXISTS_query in its source); with it each body costs two look-ups.
fn exempt(before: i64) -> Condition {
    sql::<Bool>(
        "(EXISTS (SELECT 1 FROM deliveries AS later WHERE later.body_of = bodies.delivery_id \
         AND later.body_of <> later.id AND later.received_at >= ",
    )
    .bind::<BigInt, _>(before)
    .sql(
        " LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1 FROM cases WHERE cases.state = 'open' AND cases.platform_id = deliveries.platform_id \
         AND cases.source = deliveries.source AND cases.tenant = deliveries.tenant \
         AND cases.endpoint = deliveries.endpoint AND cases.code = deliveries.code \
         AND cases.body_digest = deliveries.body_digest LIMIT 1 OFFSET 0))",
    )
}

/// The length of a body. Neither database reads it for that.
fn length() -> SqlLiteral<BigInt> {
    sql::<BigInt>("CAST(length(bodies.body) AS BIGINT)")
}

fn bytes(length: i64) -> u64 {
    u64::try_from(length).unwrap_or(0)
}

/// The next bodies of a chain behind `after`, in order, of whatever age; `before` only says what [`Found::exempt`] means.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn find(
    connection: &mut AnyConnection,
    chain: i64,
    after: DeliveryId,
    before: i64,
    limit: i64,
) -> Result<Vec<Found>, StoreError> {
    let rows: Vec<(i64, i64, i64, bool)> = bodies::table
        .inner_join(deliveries::table.on(deliveries::id.eq(bodies::delivery_id)))
        .filter(bodies::delivery_id.gt(after.0))
        .filter(bodies::delivery_id.le(DeliveryId::last(chain).0))
        .order(bodies::delivery_id)
        .limit(limit)
        .select((bodies::delivery_id, deliveries::received_at, length(), exempt(before)))
        .load(connection)?;
    let found = |(id, received_at, length, exempt)| Found {
        delivery: DeliveryId(id),
        received_at,
        bytes: bytes(length),
        exempt,
    };
    Ok(rows.into_iter().map(found).collect())
}

/// Empties those of these bodies that were received before `before` and do not have to stay, within a write transaction.
/// An account whose current body goes forgets it, so that the next call that says the same brings a body of its own.
///
/// Bodies of accounts that another receiver is at work on are left alone: waiting would hold the writer up, and there is
/// a next time.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn empty(connection: &mut AnyConnection, these: &[DeliveryId], before: i64) -> Result<Emptied, StoreError> {
    let ids: Vec<i64> = these.iter().map(|delivery| delivery.0).collect();
    let ours = lock(connection, &ids)?;
    let rows: Vec<(i64, Option<i64>, i64)> = bodies::table
        .inner_join(deliveries::table.on(deliveries::id.eq(bodies::delivery_id)))
        .filter(bodies::delivery_id.eq_any(ids))
        .filter(deliveries::received_at.lt(before))
        .filter(not(exempt(before)))
        .select((bodies::delivery_id, deliveries::account_id, length()))
        .load(connection)?;
    let free = |account: &Option<i64>| match (account, &ours) {
        (Some(account), Some(ours)) => ours.contains(&AccountId(*account)),
        _ => true,
    };
    let rows: Vec<_> = rows.into_iter().filter(|(_, account, _)| free(account)).collect();
    if rows.is_empty() {
        return Ok(Emptied::default());
    }
    let going: Vec<i64> = rows.iter().map(|(id, ..)| *id).collect();
    let about: Vec<i64> = rows.iter().filter_map(|(_, account, _)| *account).collect();
    let gone = diesel::delete(bodies::table.filter(bodies::delivery_id.eq_any(going.clone()))).execute(connection)?;
    diesel::update(accounts::table.filter(accounts::id.eq_any(about)).filter(accounts::body_delivery.eq_any(going)))
        .set((accounts::body_delivery.eq(None::<i64>), accounts::body_digest.eq(None::<Vec<u8>>)))
        .execute(connection)?;
    Ok(Emptied {
        bodies: u64::try_from(gone).unwrap_or(0),
        bytes: rows.iter().map(|(_, _, length)| bytes(*length)).sum(),
    })
}

/// Locks the accounts that these deliveries are about, as a batch does before it plans: what it refers to then stays.
/// None on SQLite, where nobody else writes meanwhile; else those that were to be had without waiting.
fn lock(connection: &mut AnyConnection, ids: &[i64]) -> Result<Option<BTreeSet<AccountId>>, StoreError> {
    let AnyConnection::Postgres(postgres) = connection else { return Ok(None) };
    let named: Vec<Option<i64>> = deliveries::table
        .filter(deliveries::id.eq_any(ids))
        .filter(deliveries::account_id.is_not_null())
        .select(deliveries::account_id)
        .load(postgres)?;
    let named: Vec<i64> = named.into_iter().flatten().collect();
    let locked: Vec<i64> = accounts::table
        .filter(accounts::id.eq_any(named))
        .select(accounts::id)
        .for_update()
        .skip_locked()
        .load(postgres)?;
    Ok(Some(locked.into_iter().map(AccountId).collect()))
}
