//! Provisioning requests and their items, as they are opened, taken, reported, tried again and given up.
//!
//! Everything here runs within a write transaction. Several receivers on one PostgreSQL meet in these rows: each locks
//! the items that it changes before their requests, and both in the order of their ids, so that nobody waits in a circle.
//! Whoever looks for something to take passes over what another one has locked.

mod manage;
mod open;
mod report;
mod rows;
mod stale;
mod take;
mod tell;

use std::collections::{BTreeMap, HashSet};

use diesel::prelude::*;

use crate::domain::account::AccountStatus;
use crate::domain::feed::{Entry, Event, ProvisioningTold, Stage};
use crate::domain::ids::{AccountId, ItemId, ProvisioningId};
use crate::domain::provisioning::{ItemState, Request, RequestState};
use crate::store::bulk::Rows;
use crate::store::condition::Condition;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{accounts, provisioning_items, provisioning_numbers, provisioning_requests};

pub(super) use manage::attempts;
pub use manage::{Managed, cancel, erase, give_up, retry};
pub use open::open;
pub use report::{Answer, Told, report};
pub(super) use rows::{AttemptRow, ItemRow, RequestRow};
pub use take::{Handed, Leased, Taking, expire, is_any, is_due, lease};
pub use tell::{TELL_AT_ONCE, tell};

/// Numbers the requests that operators ask for, and their items. No writer claims this chain, nor the registry of partners.
pub const CHAIN: i64 = (1 << 22) - 3;

/// The condition of the partial indices: what may be taken, now or later.
const READY: &str = "provisioning_items.state = 'pending' AND provisioning_items.ready";

/// The condition that nobody is at work, at a time in microseconds since 1970, on the same thing for an earlier request: its
/// user and service, or anything of the customer's where either is the directory's; nor, for the customer where it was
/// before, on the service or on anything of the user's. What was at work stays so when a later request is opened.
macro_rules! unhindered {
    ($at:expr) => {
        diesel::dsl::sql::<diesel::sql_types::Bool>(
            "NOT EXISTS (SELECT 1 FROM provisioning_items r \
             WHERE r.customer_id = provisioning_items.customer_id AND r.state = 'running' \
             AND r.request_id <> provisioning_items.request_id \
             AND (r.kind = 'directory' OR provisioning_items.kind = 'directory') AND r.lease_until > ",
        )
        .bind::<diesel::sql_types::BigInt, _>($at)
        .sql(
            ") AND NOT EXISTS (SELECT 1 FROM provisioning_items r \
             WHERE r.service_id = provisioning_items.service_id AND r.state = 'running' \
             AND r.request_id <> provisioning_items.request_id \
             AND (r.customer_id <> provisioning_items.customer_id OR r.user_id = provisioning_items.user_id \
             OR (r.user_id IS NULL AND provisioning_items.user_id IS NULL)) AND r.lease_until > ",
        )
        .bind::<diesel::sql_types::BigInt, _>($at)
        .sql(
            ") AND NOT EXISTS (SELECT 1 FROM provisioning_items r \
             WHERE r.user_id = provisioning_items.user_id AND r.state = 'running' \
             AND r.request_id <> provisioning_items.request_id \
             AND r.customer_id <> provisioning_items.customer_id AND r.lease_until > ",
        )
        .bind::<diesel::sql_types::BigInt, _>($at)
        .sql(")")
    };
}

/// Runs a query of whole rows, which are locked on PostgreSQL; SQLite has one writer.
macro_rules! locking {
    ($connection:expr, $row:ty, $query:expr) => {
        match $connection {
            $crate::store::AnyConnection::Sqlite(sqlite) => $query.load::<$row>(sqlite),
            $crate::store::AnyConnection::Postgres(postgres) => $query.for_update().load::<$row>(postgres),
        }
    };
}

/// As [`locking`], passing over rows that others have locked.
macro_rules! locking_free {
    ($connection:expr, $row:ty, $query:expr) => {
        match $connection {
            $crate::store::AnyConnection::Sqlite(sqlite) => $query.load::<$row>(sqlite),
            $crate::store::AnyConnection::Postgres(postgres) => {
                $query.for_update().skip_locked().load::<$row>(postgres)
            }
        }
    };
}
use {locking, locking_free, unhindered};

/// Takes so many numbers for ids, and gives the first one.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn issue(connection: &mut AnyConnection, rows: usize) -> Result<i64, StoreError> {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let issued: i64 = diesel::update(provisioning_numbers::table.filter(provisioning_numbers::id.eq(1)))
        .set(provisioning_numbers::rows_issued.eq(provisioning_numbers::rows_issued + rows))
        .returning(provisioning_numbers::rows_issued)
        .get_result(connection)?;
    Ok(issued - rows + 1)
}

/// Whether an account is alive, which nobody changes from now on; none where there is none.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn locked_account(connection: &mut AnyConnection, id: AccountId) -> Result<Option<bool>, StoreError> {
    let query = accounts::table.filter(accounts::id.eq(id.0)).select(accounts::status);
    let found = locking!(connection, String, query)?;
    Ok(found.first().map(|status| status == AccountStatus::Active.as_str()))
}

/// An item that somebody is at work on, of a request that goes on.
const RUNNING: &str = "provisioning_items.state = 'running' AND NOT EXISTS (SELECT 1 FROM provisioning_requests q \
     WHERE q.id = provisioning_items.request_id AND q.cancelled_at IS NOT NULL)";

/// Those of many customers on an item of whom somebody is at work now, of a request that nobody cancelled.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn running_of_many(
    connection: &mut AnyConnection,
    customers: &[AccountId],
) -> Result<HashSet<AccountId>, StoreError> {
    let mut found = HashSet::new();
    for part in customers.chunks(connection.asked_at_once()) {
        let ids: Vec<i64> = part.iter().map(|customer| customer.0).collect();
        let running: Vec<i64> = provisioning_items::table
            .filter(provisioning_items::customer_id.eq_any(ids))
            .filter(Condition::new(RUNNING))
            .select(provisioning_items::customer_id)
            .distinct()
            .load(connection)?;
        found.extend(running.into_iter().map(AccountId));
    }
    Ok(found)
}

/// What is open, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// Items that wait.
    pub pending: i64,
    /// Items that somebody is at work on.
    pub running: i64,
    /// Items that failed.
    pub failed: i64,
    /// When the oldest open request was opened, in microseconds since 1970.
    pub oldest: Option<i64>,
}

/// Counts what is open or failed.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn count(connection: &mut AnyConnection) -> Result<Open, StoreError> {
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;
    type Sums = (i64, i64, i64, Option<i64>);
    let sums: Sums = provisioning_requests::table
        .filter(provisioning_requests::state.eq_any([
            RequestState::Pending.as_str(),
            RequestState::Running.as_str(),
            RequestState::Failed.as_str(),
        ]))
        .select((
            sql::<BigInt>("CAST(COALESCE(SUM(pending), 0) AS BIGINT)"),
            sql::<BigInt>("CAST(COALESCE(SUM(running), 0) AS BIGINT)"),
            sql::<BigInt>("CAST(COALESCE(SUM(failed), 0) AS BIGINT)"),
            sql::<diesel::sql_types::Nullable<BigInt>>("MIN(CASE WHEN state <> 'failed' THEN opened_at END)"),
        ))
        .first(connection)?;
    Ok(Open { pending: sums.0, running: sums.1, failed: sums.2, oldest: sums.3 })
}

/// An item, locked; none where there is none.
fn locked_item(connection: &mut AnyConnection, id: ItemId) -> Result<Option<ItemRow>, StoreError> {
    Ok(locking!(connection, ItemRow, provisioning_items::table.filter(provisioning_items::id.eq(id.0)))?.pop())
}

/// Requests, locked in the order of their ids.
fn locked(
    connection: &mut AnyConnection,
    ids: impl IntoIterator<Item = ProvisioningId>,
) -> Result<BTreeMap<ProvisioningId, Request>, StoreError> {
    let mut ids: Vec<i64> = ids.into_iter().map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut requests = BTreeMap::new();
    for ids in ids.chunks(TOGETHER) {
        let query = provisioning_requests::table
            .filter(provisioning_requests::id.eq_any(ids.to_vec()))
            .order(provisioning_requests::id);
        for row in locking!(&mut *connection, RequestRow, query)? {
            requests.insert(ProvisioningId(row.id), row.into_request()?);
        }
    }
    Ok(requests)
}

/// Most ids in one statement: fewer than SQLite takes parameters.
const TOGETHER: usize = 1_000;

/// Takes items of a request from one state to another in its counts.
fn shift(request: &mut Request, from: ItemState, to: ItemState, items: i64) {
    request.counts.add(from, -items);
    request.counts.add(to, items);
}

/// Says what the counts of a request make of it, at `now` in microseconds since 1970. Gives what is to be told, if it came
/// to its end.
fn settle(request: &mut Request, now: i64) -> Option<Entry> {
    let before = request.state;
    request.state = request.counts.state(request.started_at.is_some(), request.released);
    request.changed_at = now;
    request.finished_at = match (request.state.is_open(), request.finished_at) {
        (true, _) => None,
        (false, at) => at.or(Some(now)),
    };
    let stage = match request.state {
        RequestState::Done => Stage::Done,
        RequestState::Failed => Stage::Failed,
        RequestState::Pending | RequestState::Running | RequestState::Cancelled => return None,
    };
    (before != request.state).then(|| entry(request, stage))
}

/// How a request stands, as the feed tells it.
fn entry(request: &Request, stage: Stage) -> Entry {
    let told = ProvisioningTold { request: request.id, cause: request.cause, counts: request.counts };
    Entry {
        account: request.customer,
        revision: None,
        cause: request.cause.told(),
        delivery: None,
        event: Event::Provisioning(stage, told),
    }
}

/// Writes requests as they are now.
fn write<'a>(
    connection: &mut AnyConnection,
    requests: impl IntoIterator<Item = &'a Request>,
) -> Result<(), StoreError> {
    let mut updates = Rows::<rows::UpdateRequest>::default();
    for request in requests {
        rows::update_request(&mut updates, request);
    }
    updates.write(connection)?;
    Ok(())
}
