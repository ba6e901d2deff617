//! Moves SQLite's write-ahead log into the database file, off the writer's thread.

use std::time::Duration;

use super::Stop;
use crate::store::checkpoint::{Thoroughness, log_bytes, run};
use crate::store::connection::{Database, Use};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// A log smaller than this is left alone: 4 MiB, SQLite's own measure of a thousand pages.
const WORTH_IT: u64 = 4 * 1024 * 1024;

/// A log larger than this is emptied even if the writer must wait a moment: passive checkpoints under steady load move
/// every page but never let the log begin anew. Raising it makes that rarer and recovery after a crash longer.
const TOO_LARGE: u64 = 128 * 1024 * 1024;

/// Runs until stopped. `seen` is told the size of the log.
pub fn run_until(stop: &Stop, database: &Database, seen: &dyn Fn(u64)) {
    let Some(file) = database.file() else {
        return;
    };
    let mut connection = None;
    let mut done_at = 0;
    while !stop.within(EVERY) {
        let bytes = log_bytes(file);
        seen(bytes);
        // The file keeps its size when the log begins anew, so growth alone says that there is something to do.
        if bytes < WORTH_IT {
            continue;
        }
        if connection.is_none() {
            connection = database.connect(Use::Write).map_err(|error| log::warn!("checkpoint: {error}")).ok();
        }
        let Some(open) = &mut connection else {
            continue;
        };
        let thoroughness =
            if bytes >= TOO_LARGE && bytes > done_at { Thoroughness::Restart } else { Thoroughness::Passive };
        match run(open, thoroughness) {
            Ok(()) if thoroughness == Thoroughness::Restart => done_at = bytes,
            Ok(()) => {}
            Err(error) => {
                log::debug!("checkpoint: {error}");
                connection = None;
            }
        }
    }
}
