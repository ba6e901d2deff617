//! Telling subscribers which items may be taken: each attempt once, when its time has come.

use std::collections::HashMap;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::{ItemRow, READY, locked, locking_free, stale, unhindered, write};
use crate::domain::feed::{Entry, Event, ItemTold};
use crate::domain::ids::ProvisioningId;
use crate::domain::provisioning::{Item, RequestCause};
use crate::domain::relation::Cause;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{provisioning_items, provisioning_requests};

/// Most items that are told of in the commit that lets them be taken; a task tells of the others, as many at a time. More
/// would make calls wait longer.
pub const TELL_AT_ONCE: i64 = 500;

/// The items that may be taken from now on and that nobody was told of, of one request or of all, at most `most`, within
/// a write transaction. What is not to be done any longer is given up instead. Gives how many items that is together, and
/// what is to be told. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn tell(
    connection: &mut AnyConnection,
    request: Option<ProvisioningId>,
    now: i64,
    most: i64,
) -> Result<(usize, Vec<Entry>), StoreError> {
    let items = untold(connection, request, now, most)?;
    let count = items.len();
    let (items, stale) = stale::sort(connection, items)?;
    let mut entries = Vec::new();
    if !stale.is_empty() {
        let mut requests = locked(connection, stale.iter().map(|(item, _)| item.request))?;
        entries = stale::give_up(connection, stale, &mut requests, now)?;
        write(connection, requests.values())?;
    }
    entries.extend(told(connection, items)?);
    Ok((count, entries))
}

/// As [`tell`], of a request that is opened in this transaction: services and users are what it says, whether or not their
/// rows are written yet.
pub(super) fn tell_new(
    connection: &mut AnyConnection,
    request: ProvisioningId,
    now: i64,
    most: i64,
) -> Result<Vec<Entry>, StoreError> {
    let items = untold(connection, Some(request), now, most)?;
    told(connection, items)
}

/// What may be taken and nobody was told of, the oldest first.
fn untold(
    connection: &mut AnyConnection,
    request: Option<ProvisioningId>,
    now: i64,
    most: i64,
) -> Result<Vec<Item>, StoreError> {
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>(READY))
            .filter(sql::<Bool>("NOT provisioning_items.told"))
            .filter(provisioning_items::not_before.le(now))
            .filter(unhindered!(now))
            .order((provisioning_items::not_before, provisioning_items::id))
            .limit(most)
    };
    let rows = match request {
        Some(id) => {
            let query = || due().filter(provisioning_items::request_id.eq(id.0));
            locking_free!(&mut *connection, ItemRow, query())?
        }
        None => locking_free!(&mut *connection, ItemRow, due())?,
    };
    rows.into_iter().map(ItemRow::into_item).collect()
}

/// Notes that these are told, and says how.
fn told(connection: &mut AnyConnection, items: Vec<Item>) -> Result<Vec<Entry>, StoreError> {
    let causes = causes(connection, &items)?;
    let ids: Vec<i64> = items.iter().map(|item| item.id.0).collect();
    for ids in ids.chunks(super::TOGETHER) {
        diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
            .set(provisioning_items::told.eq(true))
            .execute(connection)?;
    }
    let cause = |item: &Item| causes.get(&item.request.0).copied().unwrap_or(Cause::Move);
    Ok(items.into_iter().map(|item| (cause(&item), item)).map(|(cause, item)| entry(item, cause)).collect())
}

/// What made the requests of these items necessary, as the feed tells it.
fn causes(connection: &mut AnyConnection, items: &[Item]) -> Result<HashMap<i64, Cause>, StoreError> {
    let mut ids: Vec<i64> = items.iter().map(|item| item.request.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut causes = HashMap::new();
    for ids in ids.chunks(super::TOGETHER) {
        let rows: Vec<(i64, String)> = provisioning_requests::table
            .filter(provisioning_requests::id.eq_any(ids.to_vec()))
            .select((provisioning_requests::id, provisioning_requests::cause))
            .load(connection)?;
        causes.extend(rows.into_iter().filter_map(|(id, cause)| Some((id, RequestCause::parse(&cause)?.told()))));
    }
    Ok(causes)
}

fn entry(item: Item, cause: Cause) -> Entry {
    let told = ItemTold {
        request: item.request,
        item: item.id,
        attempt: item.attempts + 1,
        kind: item.kind.kind(),
        service: item.kind.service(),
        user: item.kind.user(),
        from: Some(item.from),
        to: item.to,
    };
    Entry { account: item.customer, revision: None, cause, delivery: None, event: Event::ItemPending(told) }
}
