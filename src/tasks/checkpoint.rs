//! Moves SQLite's write-ahead log into the database file, off the writer's thread.

use std::time::{Duration, Instant};

use super::Stop;
use crate::store::checkpoint::{Thoroughness, log_bytes, open, run};
use crate::store::connection::Database;
use crate::store::{AnyConnection, StoreError};

/// How often the log is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// A log smaller than this is left alone: 4 MiB, SQLite's own measure of a thousand pages.
const WORTH_IT: u64 = 4 * 1024 * 1024;

/// A log larger than this is emptied even if the writer must wait a moment: passive checkpoints under steady load move
/// every page but never let the log begin anew, and a file that grows costs more than one that is written over. Raising
/// it makes that rarer, and recovery after a crash longer.
const TOO_LARGE: u64 = 64 * 1024 * 1024;

/// How long a thorough checkpoint is left alone after readers were in its way: each try stops the writer for a moment.
const BACK_OFF: Duration = Duration::from_secs(5);

/// Runs until stopped. `seen` is told the size of the log.
pub fn run_until(stop: &Stop, database: &Database, seen: &dyn Fn(u64)) {
    let Some(file) = database.file() else {
        return;
    };
    let mut connection = None;
    let mut emptied_at = 0;
    let mut left_alone_until = Instant::now();
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
        match move_pages(open, &mut emptied_at, &mut left_alone_until) {
            Ok(()) => {}
            Err(error) => {
                log::debug!("checkpoint: {error}");
                connection = None;
            }
        }
    }
}

/// Moves what can be moved without making anybody wait, and the rest when the log has become too large.
fn move_pages(
    connection: &mut AnyConnection,
    emptied_at: &mut u64,
    left_alone_until: &mut Instant,
) -> Result<(), StoreError> {
    let used = run(connection, Thoroughness::Passive)?.used;
    // Once emptied, a log shows what it held until something is written again.
    if used < TOO_LARGE || used == *emptied_at || Instant::now() < *left_alone_until {
        return Ok(());
    }
    let emptied = run(connection, Thoroughness::Restart)?;
    if emptied.complete {
        *emptied_at = emptied.used;
    } else {
        *left_alone_until = Instant::now() + BACK_OFF;
    }
    Ok(())
}
