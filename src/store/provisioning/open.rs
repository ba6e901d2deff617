//! Opening requests, and what that does to those that wait.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;

use super::rows::{InsertItem, InsertRequest, insert_item, insert_request};
use super::{ItemRow, TELL_AT_ONCE, TOGETHER, entry, locked, locking, settle, shift, tell, write};
use crate::domain::feed::{Entry, Event, ProvisioningTold, Stage};
use crate::domain::ids::{ProvisioningId, ServiceId, UserId};
use crate::domain::provisioning::{
    Counts, Item, ItemKind, ItemState, NewRequest, RequestCause, SUPERSEDED, TargetKind,
};
use crate::store::bulk::Rows;
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
        entries.extend(tell(connection, Some(request.id), request.at, TELL_AT_ONCE)?);
    }
    Ok(entries)
}

/// Cancels what waits for the same customer and things. Gives what is to be told, and what was cancelled.
fn supersede(
    connection: &mut AnyConnection,
    request: &NewRequest,
) -> Result<(Vec<Entry>, HashMap<Target, Item>), StoreError> {
    // Users that move leave nothing behind that would still be provisioned where they were.
    let users: HashSet<UserId> = match request.cause {
        RequestCause::Users => request.items.iter().filter_map(|item| item.kind.user()).collect(),
        _ => HashSet::new(),
    };
    let mut earlier: Vec<i64> = provisioning_requests::table
        .filter(provisioning_requests::customer_id.eq(request.customer.0))
        .filter((provisioning_requests::pending + provisioning_requests::failed).gt(0))
        .order(provisioning_requests::id)
        .select(provisioning_requests::id)
        .load(connection)?;
    let all: Vec<i64> = users.iter().map(|user| user.0).collect();
    for some in all.chunks(TOGETHER) {
        let elsewhere: Vec<i64> = provisioning_items::table
            .filter(provisioning_items::user_id.is_not_null())
            .filter(provisioning_items::user_id.assume_not_null().eq_any(some.to_vec()))
            .filter(provisioning_items::state.eq_any([ItemState::Pending.as_str(), ItemState::Failed.as_str()]))
            .select(provisioning_items::request_id)
            .distinct()
            .load(connection)?;
        earlier.extend(elsewhere);
    }
    earlier.sort_unstable();
    earlier.dedup();
    let wanted: Option<HashSet<Target>> =
        (!request.is_whole()).then(|| request.items.iter().map(|item| target(&item.kind)).collect());
    // Where the directory has the customer is not decided by a request that says nothing of it.
    let says = request.items.iter().any(|item| item.kind.kind() == TargetKind::Directory);
    let takes = |kind: &ItemKind| match &wanted {
        Some(wanted) => wanted.contains(&target(kind)) || kind.user().is_some_and(|user| users.contains(&user)),
        None => says || kind.kind() != TargetKind::Directory,
    };
    let mut replaced: HashMap<Target, Item> = HashMap::new();
    let mut gone: BTreeMap<ProvisioningId, Vec<Item>> = BTreeMap::new();
    for earlier in earlier {
        let waiting = [ItemState::Pending.as_str(), ItemState::Failed.as_str()];
        let query = provisioning_items::table
            .filter(provisioning_items::request_id.eq(earlier))
            .filter(provisioning_items::state.eq_any(waiting))
            .order(provisioning_items::id);
        for row in locking!(&mut *connection, ItemRow, query)? {
            let item = row.into_item()?;
            if takes(&item.kind) {
                // What waited first says where it is.
                replaced.entry(target(&item.kind)).or_insert_with(|| item.clone());
                gone.entry(item.request).or_default().push(item);
            }
        }
    }
    let mut requests = locked(connection, gone.keys().copied())?;
    let mut entries = Vec::new();
    for (id, items) in &gone {
        let ids: Vec<i64> = items.iter().map(|item| item.id.0).collect();
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
        let Some(before) = requests.get_mut(id) else { continue };
        for item in items {
            shift(before, item.state, ItemState::Cancelled, 1);
        }
        if before.counts.pending == 0 && before.cancelled_at.is_none() {
            before.cancelled_at = Some(request.at);
            before.cancelled_why = Some(SUPERSEDED.to_owned());
        }
        let ended = settle(before, request.at);
        // Of one that goes on, who comes to a cancelled item learns of it there.
        entries.extend(ended.or_else(|| (before.counts.pending == 0).then(|| entry(before, Stage::Cancelled))));
    }
    write(connection, requests.values())?;
    Ok((entries, replaced))
}
