//! Leases: taking items, and taking them back from who had them too long.

use std::collections::{BTreeMap, BTreeSet};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::rows::{UpdateItem, UpsertAttempt, update_item, upsert_attempt};
use super::stale::{self, Stale};
use super::{ItemRow, READY, locked, locking_free, settle, shift, unhindered, write};
use crate::domain::feed::Entry;
use crate::domain::ids::{ItemId, ProvisioningId};
use crate::domain::provisioning::{Attempt, Item, ItemState, Request, Rules, SUPERSEDED, TargetKind};
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

/// What was handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handed {
    /// What was taken.
    pub leased: Vec<Leased>,
    /// What is to be told.
    pub entries: Vec<Entry>,
    /// Whether so much was given up that nobody looked at what is behind it: asking again may give more.
    pub unseen: bool,
}

/// How much of what is not to be done any longer is given up at once, about: calls wait behind it.
const STALE_AT_ONCE: usize = 1_000;

/// A page behind the first: more, since the first one held what is not to be done.
const PAGE: i64 = 500;

/// What may be taken of one kind behind a place, the oldest first.
fn takeable(
    connection: &mut AnyConnection,
    taking: &Taking,
    kind: TargetKind,
    behind: Option<(i64, i64)>,
    most: i64,
) -> Result<Vec<Item>, StoreError> {
    let (at, id) = behind.unwrap_or((i64::MIN, i64::MIN));
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>(READY))
            .filter(provisioning_items::kind.eq(kind.as_str()))
            .filter(provisioning_items::not_before.le(taking.at))
            .filter(provisioning_items::not_before.ge(at))
            .filter(provisioning_items::not_before.gt(at).or(provisioning_items::id.gt(id)))
            .filter(unhindered!(taking.at))
            .order((provisioning_items::not_before, provisioning_items::id))
            .limit(most)
    };
    let rows = if taking.items.is_empty() {
        locking_free!(connection, ItemRow, due())?
    } else {
        let ids: Vec<i64> = taking.items.iter().map(|id| id.0).collect();
        let query = || due().filter(provisioning_items::id.eq_any(ids.clone()));
        locking_free!(connection, ItemRow, query())?
    };
    rows.into_iter().map(ItemRow::into_item).collect()
}

/// What may be taken, the oldest first, what was found that is not to be done any longer, and whether that was so much that
/// nobody looked behind it. All of it is locked; nobody is waited for.
fn found(connection: &mut AnyConnection, taking: &Taking) -> Result<(Vec<Item>, Vec<Stale>, bool), StoreError> {
    let most = i64::try_from(taking.leases.len()).unwrap_or(0);
    let (mut found, mut given_up, mut unseen) = (Vec::new(), Vec::new(), false);
    'kinds: for kind in &taking.kinds {
        let (mut behind, mut of_kind) = (None, 0);
        loop {
            let wanted = if behind.is_none() { most } else { PAGE };
            let items = takeable(connection, taking, *kind, behind, wanted)?;
            let is_last = i64::try_from(items.len()).unwrap_or(i64::MAX) < wanted;
            behind = items.last().map(|item| (item.not_before, item.id.0));
            let (fit, stale) = stale::sort(connection, items)?;
            of_kind += fit.len();
            found.extend(fit);
            given_up.extend(stale);
            if is_last || of_kind >= taking.leases.len() {
                break;
            }
            if given_up.len() >= STALE_AT_ONCE {
                unseen = true;
                break 'kinds;
            }
        }
    }
    // What is behind the first of all kinds together stays locked until the commit, and nothing more.
    found.sort_unstable_by_key(|item| (item.not_before, item.id));
    found.truncate(taking.leases.len());
    Ok((found, given_up, unseen))
}

/// Takes items within a write transaction, the oldest first. Leases that ran out are taken back before, and what is not to be
/// done any longer is given up, so much at once.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn lease(connection: &mut AnyConnection, taking: &Taking, rules: &Rules) -> Result<Handed, StoreError> {
    // All items before all requests, and these at once: whoever held some of them while it waits for others would meet
    // somebody who does the same the other way round.
    let expired = ran_out(connection, taking.at)?;
    let (mut items, mut stale, mut unseen) = found(connection, taking)?;
    let about = expired.iter().chain(&items).chain(stale.iter().map(|(item, _)| item)).map(|item| item.request);
    let mut requests = locked(connection, about)?;
    let mut touched = BTreeSet::new();
    let mut entries = Vec::new();
    if !expired.is_empty() {
        touched.extend(expired.iter().map(|item| item.request));
        entries.extend(take_back(connection, expired, &mut requests, rules, taking.at)?);
        // What came back may be taken at once; what is of other requests was found before, or comes next time.
        (items, stale, unseen) = found(connection, taking)?;
        items.retain(|item| requests.contains_key(&item.request));
        stale.retain(|(item, _)| requests.contains_key(&item.request));
    }
    touched.extend(stale.iter().map(|(item, _)| item.request));
    entries.extend(stale::give_up(connection, stale, &mut requests, taking.at)?);
    let until = taking.at.saturating_add(taking.seconds.saturating_mul(1_000_000));
    let taken: Vec<(Item, Attempt)> = items
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
    let (mut items, mut attempts) = (Rows::<UpdateItem>::default(), Rows::<UpsertAttempt>::default());
    let mut begun = BTreeSet::new();
    for (item, attempt) in &taken {
        update_item(&mut items, item);
        upsert_attempt(&mut attempts, item.id, attempt);
        if let Some(request) = requests.get_mut(&item.request) {
            shift(request, ItemState::Pending, ItemState::Running, 1);
            request.started_at.get_or_insert(taking.at);
            begun.insert(item.request);
        }
    }
    items.write(connection)?;
    attempts.write(connection)?;
    for id in &begun {
        if let Some(request) = requests.get_mut(id) {
            settle(request, taking.at);
        }
    }
    touched.extend(begun);
    write(connection, requests.values().filter(|request| touched.contains(&request.id)))?;
    let leased =
        taken.into_iter().map(|(item, attempt)| Leased { item, lease: attempt.lease.unwrap_or_default() }).collect();
    Ok(Handed { leased, entries, unseen })
}

/// What leases ran out of, at most so many at once, locked.
fn ran_out(connection: &mut AnyConnection, now: i64) -> Result<Vec<Item>, StoreError> {
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>("provisioning_items.state = 'running'"))
            .filter(provisioning_items::lease_until.le(now))
            .order((provisioning_items::lease_until, provisioning_items::id))
            .limit(EXPIRED_AT_ONCE)
    };
    let rows = locking_free!(&mut *connection, ItemRow, due())?;
    rows.into_iter().map(ItemRow::into_item).collect()
}

/// Takes back what leases ran out of, at most so many at once, within a write transaction: it waits again, with one attempt
/// used up, or has failed; what a later request took the place of is cancelled. Gives how many there were, and what is to be
/// told. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn expire(connection: &mut AnyConnection, rules: &Rules, now: i64) -> Result<(usize, Vec<Entry>), StoreError> {
    let expired = ran_out(connection, now)?;
    if expired.is_empty() {
        return Ok((0, Vec::new()));
    }
    let count = expired.len();
    let mut requests = locked(connection, expired.iter().map(|item| item.request))?;
    let entries = take_back(connection, expired, &mut requests, rules, now)?;
    write(connection, requests.values())?;
    Ok((count, entries))
}

/// Takes items back under the locks of their requests, which the caller writes.
fn take_back(
    connection: &mut AnyConnection,
    mut expired: Vec<Item>,
    requests: &mut BTreeMap<ProvisioningId, Request>,
    rules: &Rules,
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    let mut touched = BTreeSet::new();
    for item in &mut expired {
        let Some(request) = requests.get_mut(&item.request) else { continue };
        let (state, next_try) = rules.after_failure(item, now, false, request.cancelled_at.is_some());
        shift(request, item.state, state, 1);
        touched.insert(item.request);
        let worker = item.worker.as_deref().unwrap_or_default();
        item.reason = Some(match item.superseded {
            true => SUPERSEDED.to_owned(),
            false => format!("the lease of {worker} ran out"),
        });
        item.state = state;
        item.lease_until = None;
        item.not_before = next_try.unwrap_or(item.not_before);
        item.changed_at = now;
        item.finished_at = state.is_final().then_some(now);
    }
    let mut items = Rows::<UpdateItem>::default();
    expired.iter().for_each(|item| update_item(&mut items, item));
    items.write(connection)?;
    let settled = touched.iter().filter_map(|id| requests.get_mut(id).and_then(|request| settle(request, now)));
    Ok(settled.collect())
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
            .filter(unhindered!(now))
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
        .filter(unhindered!(now))
        .select(provisioning_items::id)
        .first(connection)
        .optional()?;
    Ok(untold.is_some())
}
