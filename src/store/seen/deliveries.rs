//! The ledger as an operator sees it, newest first.

use diesel::prelude::*;

use super::names::Names;
use super::{Page, WINDOW, visible};
use crate::domain::ids::DeliveryId;
use crate::domain::ledger::Delivery;
use crate::domain::operator::Visible;
use crate::store::deliveries::{DeliveryFilter, Query, matching};
use crate::store::records::DeliveryRow;
use crate::store::schema::deliveries;
use crate::store::{AnyConnection, StoreError};

/// A minute in microseconds.
const MINUTE: i64 = 60_000_000;

/// A delivery with the hash that its row holds.
pub type Hashed = (Delivery, Vec<u8>);

/// Where a list goes on: time of receipt in microseconds since 1970, and id.
pub type Place = (i64, DeliveryId);

/// How many customers a list is made from by their accounts. Above this it is made by time, as for who sees everything:
/// gathering and sorting the calls of all customers for each page would cost more.
const FEW_CUSTOMERS: i64 = 2_000;

/// The deliveries that are asked for and may be seen.
fn seen(see: &Visible, query: Query<'static>, by_time: bool) -> Query<'static> {
    match visible::deliveries(see, by_time) {
        Some(condition) => query.filter(condition),
        None => query,
    }
}

/// Whether the rows to look at are found by time: for who sees everything or many customers.
fn by_time(connection: &mut AnyConnection, see: &Visible, filter: &DeliveryFilter) -> Result<bool, StoreError> {
    Ok(!filter.is_selective()
        && match see {
            Visible::All => filter.skips_rows(),
            Visible::Resellers(resellers) => {
                visible::customers(connection, resellers, FEW_CUSTOMERS + 1)? > FEW_CUSTOMERS
            }
        })
}

/// A page of deliveries, newest first, behind `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &DeliveryFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Page<Hashed, Place>, StoreError> {
    let by_time = by_time(connection, see, filter)?;
    let mut query = seen(see, matching(connection, filter)?, by_time);
    let mut window = if by_time { window(connection, filter, after)? } else { None };
    if *see != Visible::All {
        // The cursor must not tell of a delivery that is not seen: it names the beginning of a minute.
        window = window.map(|(received_at, _)| (received_at - received_at.rem_euclid(MINUTE), DeliveryId(i64::MIN)));
    }
    if let Some((received_at, id)) = window {
        query = query
            .filter(deliveries::received_at.ge(received_at))
            .filter(deliveries::received_at.gt(received_at).or(deliveries::id.ge(id.0)));
    }
    let rows = behind(query, after)
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .limit(limit + 1)
        .load::<DeliveryRow>(connection)?;
    let page = Page::cut(rows, limit, |row| (row.received_at, DeliveryId(row.id)), window);
    let items = page.items.into_iter().map(DeliveryRow::into_delivery).collect::<Result<Vec<_>, _>>()?;
    Ok(Page { items: without_others(connection, see, items)?, next: page.next })
}

fn behind(query: Query<'static>, after: Option<Place>) -> Query<'static> {
    match after {
        // The first half is what an index can begin at.
        Some((received_at, id)) => query
            .filter(deliveries::received_at.le(received_at))
            .filter(deliveries::received_at.lt(received_at).or(deliveries::id.lt(id.0))),
        None => query,
    }
}

/// The last delivery of the window behind `after` and within the times that are asked for; none when these end before.
fn window(
    connection: &mut AnyConnection,
    filter: &DeliveryFilter,
    after: Option<Place>,
) -> Result<Option<Place>, StoreError> {
    let times = DeliveryFilter { since: filter.since, until: filter.until, ..DeliveryFilter::default() };
    let end: Option<(i64, i64)> = behind(matching(connection, &times)?, after)
        .order((deliveries::received_at.desc(), deliveries::id.desc()))
        .offset(WINDOW - 1)
        .limit(1)
        .select((deliveries::received_at, deliveries::id))
        .first(connection)
        .optional()?;
    Ok(end.map(|(received_at, id)| (received_at, DeliveryId(id))))
}

/// Leaves out what names other resellers than those that are seen.
fn without_others(connection: &mut AnyConnection, see: &Visible, rows: Vec<Hashed>) -> Result<Vec<Hashed>, StoreError> {
    let Visible::Resellers(resellers) = see else { return Ok(rows) };
    let mut names = Names::of(connection, resellers)?;
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if !names.others_in(connection, &row.0)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// One delivery.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: DeliveryId) -> Result<Option<Hashed>, StoreError> {
    let row = seen(see, deliveries::table.into_boxed(), false)
        .filter(deliveries::id.eq(id.0))
        .first::<DeliveryRow>(connection)
        .optional()?;
    let rows = row.map(DeliveryRow::into_delivery).transpose()?.into_iter().collect();
    Ok(without_others(connection, see, rows)?.pop())
}
