//! Carries out what was dated ahead: customers go to a successor when its day has come.

use super::CUSTOMERS;
use crate::domain::ids::PartnerId;
use crate::store::partners::{self, change, relate};
use crate::store::{AnyConnection, StoreError};
use crate::writer::Writer;

/// Hand-overs so far back are looked at once more, in microseconds: a call that was planned just before the date may be
/// committed just behind it.
const MARGIN: i64 = 600_000_000;

/// Partners that are read at once, and handed over in one commit unless their customers are too many.
const PAGE: i64 = 100;

/// Carries out the hand-overs whose date has come, and says how many relations went on. `now` is in microseconds since
/// 1970. Blocks.
///
/// # Errors
/// [`StoreError`] when a statement fails or the writer cannot take it now; the next time goes on.
pub fn run(connection: &mut AnyConnection, writer: &Writer, now: i64) -> Result<u64, StoreError> {
    let settled = change::settled_until(connection)?;
    let (mut moved, mut any) = (0, false);
    let mut after: Option<(i64, PartnerId)> = None;
    loop {
        let behind = after.as_ref().map(|(at, id)| (*at, id));
        let page = change::due(connection, settled.saturating_sub(MARGIN), now, behind, PAGE)?;
        let Some(last) = page.last().cloned() else { break };
        after = Some(last);
        any = true;
        let mut ids: Vec<PartnerId> = page.into_iter().map(|(_, id)| id).collect();
        while !ids.is_empty() {
            let some = few(connection, &mut ids)?;
            let work = move |connection: &mut AnyConnection| {
                partners::take(connection)?;
                change::hand_over(connection, &some, now)
            };
            let affected = writer.work_blocking(work).map_err(|error| StoreError::Unavailable(error.to_string()))?;
            moved += super::Moved::of(&affected).moved;
        }
    }
    if any {
        let settle = move |connection: &mut AnyConnection| change::settle(connection, now);
        writer.work_blocking(settle).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    }
    Ok(moved)
}

/// Takes as many partners as one commit should.
fn few(connection: &mut AnyConnection, ids: &mut Vec<PartnerId>) -> Result<Vec<PartnerId>, StoreError> {
    let (mut some, mut customers) = (Vec::new(), 0);
    while let Some(id) = ids.pop() {
        let names = partners::names_of(connection, [id.clone()])?;
        customers += relate::count(connection, &names)?;
        if customers > CUSTOMERS && !some.is_empty() {
            ids.push(id);
            break;
        }
        some.push(id);
    }
    Ok(some)
}
