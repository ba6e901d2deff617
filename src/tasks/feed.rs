//! Looks now and then whether others added to the change feed: receivers on the same PostgreSQL, and commands.

use std::time::Duration;

use super::Stop;
use crate::store::pool::{self, Pool};
use crate::store::{StoreError, changes};
use crate::writer::Writer;

/// How often. Who waits hears so much later of what another process stored.
const EVERY: Duration = Duration::from_millis(250);

/// Runs until stopped. On PostgreSQL it only looks while somebody waits. On SQLite, where nobody reads what is not known
/// to be durable, it always looks, and has the writer flush what another process left behind.
pub fn run_until(stop: &Stop, pool: &Pool, writer: &Writer, seen_is_durable: bool) {
    let feed = writer.feed().clone();
    let mut seen = 0;
    while !stop.within(EVERY) {
        if seen_is_durable && feed.waiting() == 0 {
            continue;
        }
        match pool::get(pool).and_then(|mut connection| changes::end(&mut connection)) {
            Ok(end) if seen_is_durable => feed.raise(end),
            // Not of a commit of ours that is being flushed: it was there the last time, too.
            Ok(end) if end > feed.end() && end == seen => flush(writer),
            Ok(end) => seen = end,
            Err(error) => log::debug!("the end of the change feed: {error}"),
        }
    }
}

/// Work that does nothing: it is answered behind a flush, and with it everything that was committed before.
fn flush(writer: &Writer) {
    let done = writer.work_blocking(|_| Ok::<(), StoreError>(()));
    if let Err(error) = done {
        log::debug!("what others added to the change feed is not flushed yet: {error}");
    }
}
