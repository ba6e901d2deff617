//! The quarantine as an operator sees it: a case is seen by whoever sees the last call that belongs to it.

use super::{Page, deliveries, visible};
use crate::domain::case::Case;
use crate::domain::ids::DeliveryId;
use crate::domain::operator::Visible;
use crate::store::cases::{self, CaseFilter};
use crate::store::{AnyConnection, StoreError};

/// Where a list goes on: event time in seconds since 1970, and id.
pub type Place = (i64, DeliveryId);

/// A page of cases in the order of their events, behind `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &CaseFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Page<Case, Place>, StoreError> {
    let cases = cases::list_where(connection, filter, visible::cases(see), after, limit + 1)?;
    let page = Page::cut(cases, limit, |case| (case.refusals.event_second, case.id), None);
    Ok(Page { items: without_others(connection, see, page.items)?, next: page.next })
}

/// The case of this id, if it may be seen.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: DeliveryId) -> Result<Option<Case>, StoreError> {
    let case = cases::find_where(connection, id, visible::cases(see))?;
    Ok(without_others(connection, see, case.into_iter().collect())?.pop())
}

/// Leaves out cases whose calls name other resellers.
fn without_others(connection: &mut AnyConnection, see: &Visible, cases: Vec<Case>) -> Result<Vec<Case>, StoreError> {
    if *see == Visible::All {
        return Ok(cases);
    }
    let mut kept = Vec::with_capacity(cases.len());
    for case in cases {
        if deliveries::find(connection, see, case.refusals.last)?.is_some() {
            kept.push(case);
        }
    }
    Ok(kept)
}
