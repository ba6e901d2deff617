//! What operators do to requests: have what failed tried again, and give up what waits.

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::{AttemptRow, ItemRow, RequestRow, TELL_AT_ONCE, entry, locked, locking, open, settle, shift, tell, write};
use crate::domain::feed::{Entry, Stage};
use crate::domain::ids::{AccountId, ItemId, ProvisioningId};
use crate::domain::provisioning::{Attempt, ERASED, ItemState, Request, RequestState};
use crate::store::condition::Condition;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{provisioning_attempts, provisioning_items, provisioning_requests};

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    /// The request as it is now.
    pub request: Request,
    /// How many items it did something to.
    pub items: i64,
    /// What is to be told.
    pub entries: Vec<Entry>,
}

/// Items of a request in these states, locked.
fn items_in(
    connection: &mut AnyConnection,
    id: ProvisioningId,
    states: &[ItemState],
) -> Result<Vec<(i64, ItemState)>, StoreError> {
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    let query = provisioning_items::table
        .filter(provisioning_items::request_id.eq(id.0))
        .filter(provisioning_items::state.eq_any(states))
        .order(provisioning_items::id);
    let rows = locking!(connection, ItemRow, query)?;
    rows.into_iter().map(|row| row.into_item().map(|item| (item.id.0, item.state))).collect()
}

/// Has what failed of a request tried again, with as many attempts as at first, within a write transaction. None where
/// there is no such request; a cancelled one stays as it is. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn retry(connection: &mut AnyConnection, id: ProvisioningId, now: i64) -> Result<Option<Managed>, StoreError> {
    let failed = items_in(connection, id, &[ItemState::Failed])?;
    let Some(mut request) = locked(connection, [id])?.remove(&id) else { return Ok(None) };
    if request.cancelled_at.is_some() || failed.is_empty() {
        return Ok(Some(Managed { request, items: 0, entries: Vec::new() }));
    }
    let ids: Vec<i64> = failed.iter().map(|(id, _)| *id).collect();
    for ids in ids.chunks(super::TOGETHER) {
        diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
            .set((
                provisioning_items::state.eq(ItemState::Pending.as_str()),
                provisioning_items::told.eq(false),
                provisioning_items::forgiven.eq(provisioning_items::attempts),
                provisioning_items::not_before.eq(now),
                provisioning_items::changed_at.eq(now),
                provisioning_items::finished_at.eq(None::<i64>),
            ))
            .execute(connection)?;
    }
    let items = i64::try_from(failed.len()).unwrap_or(i64::MAX);
    shift(&mut request, ItemState::Failed, ItemState::Pending, items);
    let mut entries: Vec<Entry> = settle(&mut request, now).into_iter().collect();
    write(connection, [&request])?;
    entries.extend(tell(connection, Some(id), now, TELL_AT_ONCE)?.1);
    // What was not to be done any longer was given up meanwhile.
    let request = locked(connection, [id])?.remove(&id).unwrap_or(request);
    Ok(Some(Managed { request, items, entries }))
}

/// Gives up what waits or failed of a request, within a write transaction; what somebody is at work on may still be
/// reported, and is not tried again. None where there is no such request; one that is at its end stays as it is. `now` is
/// in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn cancel(
    connection: &mut AnyConnection,
    id: ProvisioningId,
    why: &str,
    now: i64,
) -> Result<Option<Managed>, StoreError> {
    let waiting = items_in(connection, id, &[ItemState::Pending, ItemState::Failed])?;
    let Some(mut request) = locked(connection, [id])?.remove(&id) else { return Ok(None) };
    if request.cancelled_at.is_some() || waiting.is_empty() && !request.state.is_open() {
        return Ok(Some(Managed { request, items: 0, entries: Vec::new() }));
    }
    let ids: Vec<i64> = waiting.iter().map(|(id, _)| *id).collect();
    for ids in ids.chunks(super::TOGETHER) {
        diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
            .set((
                provisioning_items::state.eq(ItemState::Cancelled.as_str()),
                provisioning_items::reason.eq(why.to_owned()),
                provisioning_items::changed_at.eq(now),
                provisioning_items::finished_at.eq(now),
            ))
            .execute(connection)?;
    }
    for (_, state) in &waiting {
        shift(&mut request, *state, ItemState::Cancelled, 1);
    }
    request.cancelled_at = Some(now);
    request.cancelled_why = Some(why.to_owned());
    settle(&mut request, now);
    write(connection, [&request])?;
    let entries = vec![entry(&request, Stage::Cancelled)];
    Ok(Some(Managed { request, items: i64::try_from(waiting.len()).unwrap_or(i64::MAX), entries }))
}

/// Gives up what waits for customers, within a write transaction. `now` is in microseconds since 1970. Returns what is to
/// be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn give_up(
    connection: &mut AnyConnection,
    customers: &[AccountId],
    why: &str,
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut ids = BTreeSet::new();
    for customers in customers.chunks(super::TOGETHER) {
        let customers: Vec<i64> = customers.iter().map(|customer| customer.0).collect();
        let open: Vec<i64> = provisioning_requests::table
            .filter(provisioning_requests::customer_id.eq_any(customers))
            .filter(provisioning_requests::cancelled_at.is_null())
            .filter(provisioning_requests::state.ne(RequestState::Done.as_str()))
            .select(provisioning_requests::id)
            .load(connection)?;
        ids.extend(open);
    }
    open::lock(connection, &ids)?;
    let mut entries = Vec::new();
    for id in ids {
        let managed = cancel(connection, ProvisioningId(id), why, now)?;
        entries.extend(managed.into_iter().flat_map(|managed| managed.entries));
    }
    Ok(entries)
}

/// Gives up what waits for a customer and forgets what anybody wrote about it, within the write transaction that erases
/// the customer. Returns what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn erase(connection: &mut AnyConnection, customer: AccountId, now: i64) -> Result<Vec<Entry>, StoreError> {
    let rows: Vec<RequestRow> = provisioning_requests::table
        .filter(provisioning_requests::customer_id.eq(customer.0))
        .order(provisioning_requests::id)
        .load(connection)?;
    open::lock(connection, &rows.iter().map(|row| row.id).collect())?;
    let mut entries = Vec::new();
    for row in rows {
        let id = ProvisioningId(row.id);
        if let Some(managed) = cancel(connection, id, ERASED, now)? {
            entries.extend(managed.entries);
        }
        diesel::update(provisioning_requests::table.filter(provisioning_requests::id.eq(id.0)))
            .set(provisioning_requests::reason.eq(None::<String>))
            .execute(connection)?;
        let of_items = Condition::new(
            "provisioning_attempts.item_id IN (SELECT i.id FROM provisioning_items i WHERE i.request_id = ",
        )
        .number(id.0)
        .sql(")");
        diesel::update(provisioning_attempts::table.filter(of_items))
            .set(provisioning_attempts::reported_reason.eq(None::<String>))
            .execute(connection)?;
        diesel::update(provisioning_items::table.filter(provisioning_items::request_id.eq(id.0)))
            .set(provisioning_items::reason.eq(None::<String>))
            .execute(connection)?;
    }
    Ok(entries)
}

/// The attempts at an item, newest first, at most `limit`.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub(in crate::store) fn attempts(
    connection: &mut AnyConnection,
    item: ItemId,
    limit: i64,
) -> Result<Vec<Attempt>, StoreError> {
    let rows: Vec<AttemptRow> = provisioning_attempts::table
        .filter(provisioning_attempts::item_id.eq(item.0))
        .order(provisioning_attempts::attempt.desc())
        .limit(limit)
        .load(connection)?;
    rows.into_iter().map(AttemptRow::into_attempt).collect()
}
