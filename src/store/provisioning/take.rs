//! Leases: taking items, and taking them back from who had them too long.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::rows::{UpdateItem, UpsertAttempt, update_item, upsert_attempt};
use super::{ItemRow, READY, UNHINDERED, locked, locking_free, settle, shift, write};
use crate::domain::feed::Entry;
use crate::domain::ids::ItemId;
use crate::domain::provisioning::{Attempt, Item, ItemState, Rules, TargetKind};
use crate::store::bulk::Rows;
use crate::store::condition::Condition;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::provisioning_items;

/// Most leases that are taken back at once.
const EXPIRED_AT_ONCE: i64 = 500;

/// Who takes what.
#[derive(Debug, Clone)]
pub struct Taking {
    /// Who works on it, for whoever asks.
    pub worker: String,
    /// A lease for each item that may be taken: so many at most.
    pub leases: Vec<String>,
    /// For how many seconds.
    pub seconds: i64,
    /// Of these kinds.
    pub kinds: Vec<TargetKind>,
    /// These items alone; whichever there are, where none are named.
    pub items: Vec<ItemId>,
    /// Now, in microseconds since 1970.
    pub at: i64,
}

/// An item that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The item as it is now.
    pub item: Item,
    /// Its lease.
    pub lease: String,
}

/// What may be taken of one kind, the oldest first.
fn takeable(connection: &mut AnyConnection, taking: &Taking, kind: TargetKind) -> Result<Vec<ItemRow>, StoreError> {
    let most = i64::try_from(taking.leases.len()).unwrap_or(0);
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>(READY))
            .filter(provisioning_items::kind.eq(kind.as_str()))
            .filter(provisioning_items::not_before.le(taking.at))
            .filter(sql::<Bool>(UNHINDERED))
            .order((provisioning_items::not_before, provisioning_items::id))
            .limit(most)
    };
    if taking.items.is_empty() {
        return Ok(locking_free!(connection, ItemRow, due())?);
    }
    let ids: Vec<i64> = taking.items.iter().map(|id| id.0).collect();
    let query = || due().filter(provisioning_items::id.eq_any(ids.clone()));
    Ok(locking_free!(connection, ItemRow, query())?)
}

/// Takes items within a write transaction, the oldest first. Leases that ran out are taken back before. Gives what was
/// taken, and what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn lease(
    connection: &mut AnyConnection,
    taking: &Taking,
    rules: &Rules,
) -> Result<(Vec<Leased>, Vec<Entry>), StoreError> {
    let (_, entries) = expire(connection, rules, taking.at)?;
    let mut found = Vec::new();
    for kind in &taking.kinds {
        for row in takeable(connection, taking, *kind)? {
            found.push(row.into_item()?);
        }
    }
    // What is behind the first of all kinds together stays locked until the commit, and nothing more.
    found.sort_unstable_by_key(|item| (item.not_before, item.id));
    let until = taking.at.saturating_add(taking.seconds.saturating_mul(1_000_000));
    let taken: Vec<(Item, Attempt)> = found
        .into_iter()
        .zip(&taking.leases)
        .map(|(mut item, lease)| {
            item.state = ItemState::Running;
            item.attempts += 1;
            item.worker = Some(taking.worker.clone());
            item.lease_until = Some(until);
            item.changed_at = taking.at;
            let attempt = Attempt {
                number: item.attempts,
                lease: Some(lease.clone()),
                worker: taking.worker.clone(),
                taken_at: taking.at,
                lease_seconds: taking.seconds,
                lease_until: Some(until),
                ended: None,
            };
            (item, attempt)
        })
        .collect();
    let mut requests = locked(connection, taken.iter().map(|(item, _)| item.request))?;
    let (mut items, mut attempts) = (Rows::<UpdateItem>::default(), Rows::<UpsertAttempt>::default());
    for (item, attempt) in &taken {
        update_item(&mut items, item);
        upsert_attempt(&mut attempts, item.id, attempt);
        if let Some(request) = requests.get_mut(&item.request) {
            shift(request, ItemState::Pending, ItemState::Running, 1);
            request.started_at.get_or_insert(taking.at);
        }
    }
    items.write(connection)?;
    attempts.write(connection)?;
    for request in requests.values_mut() {
        settle(request, taking.at);
    }
    write(connection, requests.values())?;
    let leased =
        taken.into_iter().map(|(item, attempt)| Leased { item, lease: attempt.lease.unwrap_or_default() }).collect();
    Ok((leased, entries))
}

/// Takes back what leases ran out of, at most so many at once, within a write transaction: it waits again, with one attempt
/// used up, or has failed. Gives how many there were, and what is to be told. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn expire(connection: &mut AnyConnection, rules: &Rules, now: i64) -> Result<(usize, Vec<Entry>), StoreError> {
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>("provisioning_items.state = 'running'"))
            .filter(provisioning_items::lease_until.le(now))
            .order((provisioning_items::lease_until, provisioning_items::id))
            .limit(EXPIRED_AT_ONCE)
    };
    let rows = locking_free!(&mut *connection, ItemRow, due())?;
    if rows.is_empty() {
        return Ok((0, Vec::new()));
    }
    let mut expired = rows.into_iter().map(ItemRow::into_item).collect::<Result<Vec<Item>, _>>()?;
    let mut requests = locked(connection, expired.iter().map(|item| item.request))?;
    for item in &mut expired {
        let Some(request) = requests.get_mut(&item.request) else { continue };
        let (state, next_try) = rules.after_failure(item, now, false, request.cancelled_at.is_some());
        shift(request, item.state, state, 1);
        let worker = item.worker.as_deref().unwrap_or_default();
        item.reason = Some(format!("the lease of {worker} ran out"));
        item.state = state;
        item.lease_until = None;
        item.not_before = next_try.unwrap_or(item.not_before);
        item.changed_at = now;
        item.finished_at = state.is_final().then_some(now);
    }
    let mut items = Rows::<UpdateItem>::default();
    expired.iter().for_each(|item| update_item(&mut items, item));
    items.write(connection)?;
    let entries: Vec<Entry> = requests.values_mut().filter_map(|request| settle(request, now)).collect();
    write(connection, requests.values())?;
    Ok((expired.len(), entries))
}

/// Whether anything may be taken now of these kinds: what is asked before a writer is troubled. A lease that ran out counts.
/// `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn is_any(connection: &mut AnyConnection, kinds: &[TargetKind], now: i64) -> Result<bool, StoreError> {
    if has_ran_out(connection, now)? {
        return Ok(true);
    }
    for kind in kinds {
        let found: Option<i64> = provisioning_items::table
            .filter(Condition::new(READY))
            .filter(provisioning_items::kind.eq(kind.as_str()))
            .filter(provisioning_items::not_before.le(now))
            .filter(Condition::new(UNHINDERED))
            .select(provisioning_items::id)
            .first(connection)
            .optional()?;
        if found.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_ran_out(connection: &mut AnyConnection, now: i64) -> Result<bool, StoreError> {
    let found: Option<i64> = provisioning_items::table
        .filter(Condition::new("provisioning_items.state = 'running'"))
        .filter(provisioning_items::lease_until.le(now))
        .select(provisioning_items::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// Whether a lease ran out, or something may be taken that nobody was told of. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn is_due(connection: &mut AnyConnection, now: i64) -> Result<bool, StoreError> {
    if has_ran_out(connection, now)? {
        return Ok(true);
    }
    let untold: Option<i64> = provisioning_items::table
        .filter(Condition::new(READY).sql(" AND NOT provisioning_items.told"))
        .filter(provisioning_items::not_before.le(now))
        .filter(Condition::new(UNHINDERED))
        .select(provisioning_items::id)
        .first(connection)
        .optional()?;
    Ok(untold.is_some())
}
