//! What happened to an account, newest first: its relations by when they were learned, its deliveries by when they came.

use super::Page;
use super::deliveries::{self, Hashed};
use super::relations::{self, Related};
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::operator::Visible;
use crate::store::deliveries::DeliveryFilter;
use crate::store::{AnyConnection, StoreError};

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Happened {
    /// A relation was learned of.
    Related(Box<Related>),
    /// A call came.
    Delivered(Box<Hashed>),
}

impl Happened {
    /// Its place in the order: microseconds since 1970, a relation before the delivery that made it, its id.
    fn place(&self) -> Place {
        match self {
            Self::Related(related) => [related.relation.learned_at, 1, related.relation.id.0],
            Self::Delivered(delivered) => [delivered.0.received_at, 0, delivered.0.id.0],
        }
    }
}

/// Where the history goes on.
pub type Place = [i64; 3];

/// A page of what happened to an account behind `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    after: Option<Place>,
    limit: i64,
) -> Result<Page<Happened, Place>, StoreError> {
    let (related_after, delivered_after) = match after {
        None => (None, None),
        // At the same time the relations come first.
        Some([at, 1, id]) => (Some((at, id)), Some((at, DeliveryId(i64::MAX)))),
        Some([at, _, id]) => (Some((at, i64::MIN)), Some((at, DeliveryId(id)))),
    };
    let related = relations::learned(connection, see, account, related_after, limit + 1)?;
    let filter = DeliveryFilter { account: Some(account), ..DeliveryFilter::default() };
    let delivered = deliveries::list(connection, see, &filter, delivered_after, limit + 1)?;
    let mut happened: Vec<Happened> = related
        .into_iter()
        .map(|related| Happened::Related(Box::new(related)))
        .chain(delivered.items.into_iter().map(|delivered| Happened::Delivered(Box::new(delivered))))
        .collect();
    happened.sort_by_key(|one| std::cmp::Reverse(one.place()));
    // Deliveries that name others are left out behind their page was cut: it may end before the relations do.
    let end = delivered.next.map(|(at, id)| [at, 0, id.0]);
    if let Some(end) = end {
        happened.retain(|one| one.place() >= end);
    }
    Ok(Page::cut(happened, limit, Happened::place, end))
}
