//! Moves as an operator sees them: a reseller those in which it is one of the two sides.

use diesel::prelude::*;

use super::{Page, visible};
use crate::domain::ids::{AccountId, MoveId};
use crate::domain::moves::{Move, MoveState};
use crate::domain::operator::Visible;
use crate::store::moves::MoveRow;
use crate::store::schema::moves;
use crate::store::{AnyConnection, StoreError};

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct MoveFilter {
    /// Of this customer.
    pub customer: Option<AccountId>,
    /// From or to this reseller.
    pub reseller: Option<AccountId>,
    /// In this state.
    pub state: Option<MoveState>,
}

type Query<'a> = moves::BoxedQuery<'a, <AnyConnection as diesel::Connection>::Backend>;

fn seen(see: &Visible) -> Query<'static> {
    let query = moves::table.into_boxed();
    match visible::moves(see) {
        Some(seen) => query.filter(seen),
        None => query,
    }
}

/// A page of moves behind `after`, newest first.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &MoveFilter,
    after: Option<MoveId>,
    limit: i64,
) -> Result<Page<Move, MoveId>, StoreError> {
    // A filter that no index serves looks at a window of rows.
    let end: Option<i64> = if filter.customer.is_none() && (filter.state.is_some() || *see != Visible::All) {
        moves::table
            .filter(moves::id.lt(after.map_or(i64::MAX, |after| after.0)))
            .order(moves::id.desc())
            .offset(super::WINDOW - 1)
            .limit(1)
            .select(moves::id)
            .first(connection)
            .optional()?
    } else {
        None
    };
    let mut query = seen(see);
    if let Some(customer) = filter.customer {
        query = query.filter(moves::customer_id.eq(customer.0));
    }
    if let Some(AccountId(reseller)) = filter.reseller {
        let from = moves::from_id.is_not_null().and(moves::from_id.assume_not_null().eq(reseller));
        query = query.filter(from.or(moves::to_id.is_not_null().and(moves::to_id.assume_not_null().eq(reseller))));
    }
    if let Some(state) = filter.state {
        query = query.filter(moves::state.eq(state.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(moves::id.lt(after.0));
    }
    if let Some(end) = end {
        query = query.filter(moves::id.ge(end));
    }
    let rows = query.order(moves::id.desc()).limit(limit + 1).load::<MoveRow>(connection)?;
    let page = Page::cut(rows, limit, |row| MoveId(row.id), end.map(MoveId));
    let items = page.items.into_iter().map(MoveRow::into_move).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The move of this id.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: MoveId) -> Result<Option<Move>, StoreError> {
    let row: Option<MoveRow> = seen(see).filter(moves::id.eq(id.0)).load(connection)?.pop();
    row.map(MoveRow::into_move).transpose()
}
