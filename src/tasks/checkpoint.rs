//! Moves SQLite's write-ahead log into the database file, off the writer's thread.

use std::time::{Duration, Instant};

use super::Stop;
use crate::store::checkpoint::{Thoroughness, log_bytes, open, run};
use crate::store::connection::Database;

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(250);

/// A log smaller than this is left alone: 4 MiB, SQLite's own measure of a thousand pages.
const WORTH_IT: u64 = 4 * 1024 * 1024;

/// A log larger than this is emptied even if the writer must wait a moment: passive checkpoints under steady load move
/// every page but never let the log begin anew. Raising it makes that rarer and recovery after a crash longer.
const TOO_LARGE: u64 = 128 * 1024 * 1024;

/// How long a thorough checkpoint is left alone after readers were in its way: each try stops the writer for a moment.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Runs until stopped. `seen` is told the size of the log.
pub fn run_until(stop: &Stop, database: &Database, seen: &dyn Fn(u64)) {
    let Some(file) = database.file() else {
        return;
    };
    let mut connection = None;
    let mut done_at = 0;
    let mut not_before = Instant::now();
    while !stop.within(EVERY) {
        let bytes = log_bytes(file);
        seen(bytes);
        if bytes < WORTH_IT {
            continue;
        }
        if connection.is_none() {
            connection = open(database).map_err(|error| log::warn!("checkpoint: {error}")).ok();
        }
        let Some(open) = &mut connection else {
            continue;
        };
        // The file keeps its size when the log begins anew, so growth alone says that there is something to do.
        let thorough = bytes >= TOO_LARGE && bytes > done_at && Instant::now() >= not_before;
        match run(open, if thorough { Thoroughness::Restart } else { Thoroughness::Passive }) {
            Ok(true) if thorough => done_at = bytes,
            Ok(false) if thorough => not_before = Instant::now() + BACK_OFF,
            Ok(_) => {}
            Err(error) => {
                log::debug!("checkpoint: {error}");
                connection = None;
            }
        }
    }
}
