//! Telling subscribers which items may be taken: each attempt once, when its time has come.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::{ItemRow, READY, UNHINDERED, locking_free};
use crate::domain::feed::{Entry, Event, ItemTold};
use crate::domain::ids::ProvisioningId;
use crate::domain::provisioning::Item;
use crate::domain::relation::Cause;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::provisioning_items;

/// Most items that are told of in the commit that lets them be taken; a task tells of the others, as many at a time. More
/// would make calls wait longer.
pub const TELL_AT_ONCE: i64 = 500;

/// The items that may be taken from now on and that nobody was told of, of one request or of all, at most `most`, within
/// a write transaction. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn tell(
    connection: &mut AnyConnection,
    request: Option<ProvisioningId>,
    now: i64,
    most: i64,
) -> Result<Vec<Entry>, StoreError> {
    let due = || {
        provisioning_items::table
            .filter(sql::<Bool>(READY))
            .filter(sql::<Bool>("NOT provisioning_items.told"))
            .filter(provisioning_items::not_before.le(now))
            .filter(sql::<Bool>(UNHINDERED))
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
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let entries = rows.into_iter().map(|row| row.into_item().map(entry)).collect::<Result<_, _>>()?;
    for ids in ids.chunks(super::TOGETHER) {
        diesel::update(provisioning_items::table.filter(provisioning_items::id.eq_any(ids.to_vec())))
            .set(provisioning_items::told.eq(true))
            .execute(connection)?;
    }
    Ok(entries)
}

fn entry(item: Item) -> Entry {
    let told = ItemTold {
        request: item.request,
        item: item.id,
        attempt: item.attempts + 1,
        kind: item.kind.kind(),
        service: item.kind.service(),
        user: item.kind.user(),
        from: item.from,
        to: item.to,
    };
    Entry {
        account: item.customer,
        revision: None,
        cause: Cause::Move,
        delivery: None,
        event: Event::ItemPending(told),
    }
}
