//! What is no longer to be done: its service or its user ended, or went to another customer, since the request was opened.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::prelude::*;

use super::rows::{UpdateItem, update_item};
use super::{TOGETHER, entry, settle, shift};
use crate::domain::feed::{Entry, Stage};
use crate::domain::ids::ProvisioningId;
use crate::domain::provisioning::{Item, ItemKind, ItemState, Request};
use crate::domain::service::ServiceStatus;
use crate::domain::user::UserStatus;
use crate::store::bulk::Rows;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{services, user_services, users};

/// An item that is not to be done, and why.
pub(super) type Stale = (Item, &'static str);

/// Whose something is, and whether it lives.
type Owned = HashMap<i64, (i64, bool)>;

/// What a service or a user is to an item of this customer; none where it is as it was. What nobody knows of is left to
/// whoever opened the request.
fn changed(owned: &Owned, id: i64, customer: i64, why: [&'static str; 2]) -> Option<&'static str> {
    let (account, lives) = *owned.get(&id)?;
    match (lives, account == customer) {
        (false, _) => Some(why[0]),
        (true, false) => Some(why[1]),
        (true, true) => None,
    }
}

/// Tells items that are still to be done from those that are not, within the transaction that hands them out. The order
/// stays.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub(super) fn sort(connection: &mut AnyConnection, items: Vec<Item>) -> Result<(Vec<Item>, Vec<Stale>), StoreError> {
    let (mut of_services, mut of_users) = (Owned::new(), Owned::new());
    let mut had = HashSet::new();
    for items in items.chunks(TOGETHER) {
        let ids: Vec<i64> = items.iter().filter_map(|item| item.kind.service()).map(|id| id.0).collect();
        let rows: Vec<(i64, i64, String)> = services::table
            .filter(services::id.eq_any(ids))
            .select((services::id, services::account_id, services::status))
            .load(connection)?;
        let lives = |status: &str| status != ServiceStatus::Ended.as_str();
        of_services.extend(rows.into_iter().map(|(id, account, status)| (id, (account, lives(&status)))));
        let ids: Vec<i64> = items.iter().filter_map(|item| item.kind.user()).map(|id| id.0).collect();
        if ids.is_empty() {
            continue;
        }
        let with: Vec<i64> = items
            .iter()
            .filter(|item| item.kind.user().is_some())
            .filter_map(|item| item.kind.service())
            .map(|id| id.0)
            .collect();
        let rows: Vec<(i64, i64, String)> = users::table
            .filter(users::id.eq_any(ids.clone()))
            .select((users::id, users::account_id, users::status))
            .load(connection)?;
        let lives = |status: &str| status != UserStatus::Ended.as_str();
        of_users.extend(rows.into_iter().map(|(id, account, status)| (id, (account, lives(&status)))));
        had.extend(
            user_services::table
                .filter(user_services::user_id.eq_any(ids))
                .filter(user_services::service_id.eq_any(with))
                .select((user_services::user_id, user_services::service_id))
                .load::<(i64, i64)>(connection)?,
        );
    }
    let why = |item: &Item| {
        let of_service = |id: i64| {
            changed(&of_services, id, item.customer.0, ["the service ended", "the service went to another customer"])
        };
        match &item.kind {
            ItemKind::Directory { .. } => None,
            ItemKind::Service { service } => of_service(service.0),
            ItemKind::User { user, service } => {
                changed(&of_users, user.0, item.customer.0, ["the user ended", "the user went to another customer"])
                    .or_else(|| of_service(service.0))
                    .or_else(|| {
                        let known = of_users.contains_key(&user.0) && of_services.contains_key(&service.0);
                        (known && !had.contains(&(user.0, service.0))).then_some("the user no longer has the service")
                    })
            }
        }
    };
    let (mut fit, mut stale) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match why(&item) {
            None => fit.push(item),
            Some(why) => stale.push((item, why)),
        }
    }
    Ok((fit, stale))
}

/// Gives up items that wait and are not to be done, under the locks of their requests, which the caller writes. Gives
/// what is to be told. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn give_up(
    connection: &mut AnyConnection,
    stale: Vec<Stale>,
    requests: &mut BTreeMap<ProvisioningId, Request>,
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    if stale.is_empty() {
        return Ok(Vec::new());
    }
    let mut last: BTreeMap<ProvisioningId, &'static str> = BTreeMap::new();
    let mut given_up = Vec::with_capacity(stale.len());
    for (mut item, why) in stale {
        let Some(request) = requests.get_mut(&item.request) else { continue };
        shift(request, item.state, ItemState::Cancelled, 1);
        last.insert(item.request, why);
        item.state = ItemState::Cancelled;
        item.reason = Some(why.to_owned());
        item.changed_at = now;
        item.finished_at = Some(now);
        given_up.push(item);
    }
    let mut rows = Rows::<UpdateItem>::default();
    given_up.iter().for_each(|item| update_item(&mut rows, item));
    rows.write(connection)?;
    let mut entries = Vec::new();
    for (id, why) in last {
        let Some(request) = requests.get_mut(&id) else { continue };
        let counts = request.counts;
        let nothing_left = counts.pending + counts.running + counts.failed == 0;
        let first = nothing_left && request.cancelled_at.is_none();
        if first {
            request.cancelled_at = Some(now);
            request.cancelled_why = Some(why.to_owned());
        }
        entries.extend(settle(request, now).or_else(|| first.then(|| entry(request, Stage::Cancelled))));
    }
    Ok(entries)
}
