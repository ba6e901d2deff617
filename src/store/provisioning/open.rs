//! Opening requests, and what that does to those that wait.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::rows::{InsertItem, InsertRequest, insert_item, insert_request};
use super::tell::tell_new;
use super::{ItemRow, TELL_AT_ONCE, TOGETHER, entry, locked, locking, settle, shift, write};
use crate::domain::feed::{Entry, Event, ProvisioningTold, Stage};
use crate::domain::ids::{ProvisioningId, ServiceId, UserId};
use crate::domain::provisioning::{
    Counts, Item, ItemKind, ItemState, NewRequest, RequestCause, SUPERSEDED, TargetKind,
};
use crate::store::bulk::Rows;
use crate::store::condition::Condition;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{provisioning_items, provisioning_requests};

/// Items inserted at once.
const ROWS: usize = 5_000;

/// What an item is about, whichever request it belongs to.
type Target = (TargetKind, Option<ServiceId>, Option<UserId>);

fn target(kind: &ItemKind) -> Target {
    (kind.kind(), kind.service(), kind.user())
}

/// Opens requests, which have their ids, within the write transaction that makes them necessary. What waits of the
/// customers' earlier ones is cancelled; where that was never done, the new item begins where it would have begun. Returns
/// what is to be told: the beginning of each request, and which items may be taken at once. The others are told soon
/// (`tell`).
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn open(connection: &mut AnyConnection, requests: &[NewRequest]) -> Result<Vec<Entry>, StoreError> {
    lock_all(connection, requests)?;
    let mut entries = Vec::new();
    for request in requests {
        let (told, replaced) = supersede(connection, request)?;
        entries.extend(told);
        let counts = Counts { pending: i64::try_from(request.items.len()).unwrap_or(i64::MAX), ..Counts::default() };
        let mut rows = Rows::<InsertRequest>::default();
        insert_request(&mut rows, request, &counts);
        rows.write(connection)?;
        for items in request.items.chunks(ROWS) {
            let mut rows = Rows::<InsertItem>::default();
            for item in items {
                let before = replaced.get(&target(&item.kind));
                let from = before.map_or(&item.from, |before| &before.from);
                let from_ou = match (before.map(|before| &before.kind), &item.kind) {
                    (Some(ItemKind::Directory { from_ou, .. }), _) | (None, ItemKind::Directory { from_ou, .. }) => {
                        from_ou.as_deref()
                    }
                    _ => None,
                };
                insert_item(&mut rows, request, item, from, from_ou);
            }
            rows.write(connection)?;
        }
        let told = ProvisioningTold { request: request.id, cause: request.cause, counts };
        entries.push(Entry {
            account: request.customer,
            revision: None,
            cause: request.cause.told(),
            delivery: None,
            event: Event::Provisioning(Stage::Opened, told),
        });
        entries.extend(tell_new(connection, request.id, request.at, TELL_AT_ONCE)?);
    }
    Ok(entries)
}

/// States of what is not at its end for good, spelled as the partial indices have them.
const OPEN: &str = "provisioning_items.state IN ('pending', 'running', 'failed')";

/// Services that a request is about for nobody in particular: they may have come from another customer.
fn lone_services(request: &NewRequest) -> HashSet<ServiceId> {
    let lone = request.items.iter().filter(|item| item.kind.user().is_none());
    lone.filter_map(|item| item.kind.service()).collect()
}

/// The requests whose items a new one may take the place of: the customer's, and those of other customers for which its
/// services and users were opened before. In the order of their ids.
fn earlier(connection: &mut AnyConnection, request: &NewRequest) -> Result<Vec<i64>, StoreError> {
    use {provisioning_items as i, provisioning_requests as p};
    let mut earlier: Vec<i64> = p::table
        .filter(p::customer_id.eq(request.customer.0))
        .filter((p::pending + p::running + p::failed).gt(0))
        .select(p::id)
        .load(connection)?;
    // What belongs to the whole customer was opened for it.
    if !request.is_whole() {
        let services: Vec<i64> = lone_services(request).into_iter().map(|service| service.0).collect();
        for some in services.chunks(TOGETHER) {
            let found: Vec<i64> = i::table
                .filter(i::service_id.is_not_null())
                .filter(i::service_id.assume_not_null().eq_any(some.to_vec()))
                .filter(Condition::new(OPEN))
                .select(i::request_id)
                .load(connection)?;
            earlier.extend(found);
        }
        let users: BTreeSet<i64> =
            request.items.iter().filter_map(|item| item.kind.user()).map(|user| user.0).collect();
        let users: Vec<i64> = users.into_iter().collect();
        for some in users.chunks(TOGETHER) {
            let found: Vec<i64> = i::table
                .filter(i::user_id.is_not_null())
                .filter(i::user_id.assume_not_null().eq_any(some.to_vec()))
                .filter(Condition::new(OPEN))
                .select(i::request_id)
                .load(connection)?;
            earlier.extend(found);
        }
    }
    earlier.sort_unstable();
    earlier.dedup();
    Ok(earlier)
}

/// Locks what requests that are opened together may take the place of: all items before all requests, so that who opens
/// one behind the other does not hold requests while it waits for items. SQLite has one writer.
fn lock_all(connection: &mut AnyConnection, requests: &[NewRequest]) -> Result<(), StoreError> {
    if matches!(connection, AnyConnection::Sqlite(_)) || requests.len() < 2 {
        return Ok(());
    }
    let mut all = BTreeSet::new();
    for request in requests {
        all.extend(earlier(connection, request)?);
    }
    lock(connection, &all)
}

/// Locks requests and what is open of them: all items before all requests, whatever is done to one behind the other.
/// SQLite has one writer.
pub(super) fn lock(connection: &mut AnyConnection, requests: &BTreeSet<i64>) -> Result<(), StoreError> {
    if matches!(connection, AnyConnection::Sqlite(_)) {
        return Ok(());
    }
    for id in requests {
        open_items(connection, *id)?;
    }
    locked(connection, requests.iter().copied().map(ProvisioningId))?;
    Ok(())
}

/// What is open of a request, locked in the order of the ids.
fn open_items(connection: &mut AnyConnection, request: i64) -> Result<Vec<ItemRow>, StoreError> {
    let query = provisioning_items::table
        .filter(provisioning_items::request_id.eq(request))
        .filter(sql::<Bool>(OPEN))
        .order(provisioning_items::id);
    Ok(locking!(connection, ItemRow, query)?)
}

/// Cancels what waits for the same customer and things, and sees to it that what somebody is at work on is not tried again.
/// Gives what is to be told, and what was cancelled.
fn supersede(
    connection: &mut AnyConnection,
    request: &NewRequest,
) -> Result<(Vec<Entry>, HashMap<Target, Item>), StoreError> {
    // Users and services that move leave nothing behind that would still be provisioned where they were.
    let users: HashSet<UserId> = match request.cause {
        RequestCause::Users => request.items.iter().filter_map(|item| item.kind.user()).collect(),
        _ => HashSet::new(),
    };
    let services = lone_services(request);
    let wanted: Option<HashSet<Target>> =
        (!request.is_whole()).then(|| request.items.iter().map(|item| target(&item.kind)).collect());
    // Where the directory has the customer is not decided by a request that says nothing of it.
    let says = request.items.iter().any(|item| item.kind.kind() == TargetKind::Directory);
    let takes = |item: &Item| {
        let here = item.customer == request.customer;
        let kind = &item.kind;
        match &wanted {
            Some(wanted) => {
                wanted.contains(&target(kind))
                    || kind.user().is_some_and(|user| users.contains(&user))
                    || !here && kind.service().is_some_and(|service| services.contains(&service))
            }
            None => here && (says || kind.kind() != TargetKind::Directory),
        }
    };
    let mut replaced: HashMap<Target, Item> = HashMap::new();
    let mut gone: BTreeMap<ProvisioningId, Gone> = BTreeMap::new();
    for earlier in earlier(connection, request)? {
        let mut of_request = Gone::default();
        for row in open_items(connection, earlier)? {
            let item = row.into_item()?;
            if !takes(&item) {
                of_request.left = true;
            } else if item.state == ItemState::Running {
                of_request.at_work.push(item.id.0);
            } else {
                // What waited first says where it is.
                replaced.entry(target(&item.kind)).or_insert_with(|| item.clone());
                of_request.waiting.push((item.id.0, item.state));
            }
        }
        if !of_request.waiting.is_empty() || !of_request.at_work.is_empty() {
            gone.insert(ProvisioningId(earlier), of_request);
        }
    }
    let mut requests = locked(connection, gone.keys().copied())?;
    let mut entries = Vec::new();
    for (id, items) in &gone {
        let ids: Vec<i64> = items.waiting.iter().map(|(id, _)| *id).collect();
        for ids in ids.chunks(TOGETHER) {
            diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
                .set((
                    provisioning_items::state.eq(ItemState::Cancelled.as_str()),
                    provisioning_items::reason.eq(SUPERSEDED),
                    provisioning_items::changed_at.eq(request.at),
                    provisioning_items::finished_at.eq(request.at),
                ))
                .execute(connection)?;
        }
        for ids in items.at_work.chunks(TOGETHER) {
            diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
                .set(provisioning_items::superseded.eq(true))
                .execute(connection)?;
        }
        let Some(before) = requests.get_mut(id) else { continue };
        for (_, state) in &items.waiting {
            shift(before, *state, ItemState::Cancelled, 1);
        }
        let given_up = !items.left && before.cancelled_at.is_none();
        if given_up {
            before.cancelled_at = Some(request.at);
            before.cancelled_why = Some(SUPERSEDED.to_owned());
        }
        let ended = settle(before, request.at);
        // Of one that goes on, who comes to a cancelled item learns of it there.
        entries.extend(ended.or_else(|| given_up.then(|| entry(before, Stage::Cancelled))));
    }
    write(connection, requests.values())?;
    Ok((entries, replaced))
}

/// What a later request takes the place of, of one request.
#[derive(Default)]
struct Gone {
    /// What waits or failed: it is cancelled.
    waiting: Vec<(i64, ItemState)>,
    /// What somebody is at work on.
    at_work: Vec<i64>,
    /// Whether something else of the request is open.
    left: bool,
}
