//! The quarantine as an operator sees it.

use super::{Page, visible};
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
    Ok(Page::cut(cases, limit, |case| (case.refusals.event_second, case.id), None))
}

/// The case of this id, if it may be seen.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: DeliveryId) -> Result<Option<Case>, StoreError> {
    cases::find_where(connection, id, visible::cases(see))
}
