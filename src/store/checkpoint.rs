//! SQLite's write-ahead log: how large it is, and moving it into the database file.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Integer;

use super::connection::{AnyConnection, Database, Use};
use super::error::StoreError;

/// How thorough a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// As far as it goes without making anybody wait.
    Passive,
    /// Wholly, so that the log begins anew; the writer waits for the part that passive ones left over.
    Restart,
    /// Wholly, and the log is emptied: nothing that was committed depends on it any longer.
    Truncate,
}

/// How long a thorough checkpoint may keep the writer waiting for readers, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 50;

/// What SQLite answers to a checkpoint. That it was busy is no error to it.
#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Integer)]
    busy: i32,
    #[diesel(sql_type = Integer)]
    log: i32,
}

/// What a checkpoint came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Whether nobody was in the way.
    pub complete: bool,
    /// How much of the log holds pages since it last began anew, in bytes. The file never shrinks, so its size does not
    /// tell.
    pub used: u64,
}

/// A page of the log and the header in front of it, in bytes (sqlite.org/fileformat2.html, 4.1).
const FRAME: u64 = 4_096 + 24;

/// Bytes in the log.
#[must_use]
pub fn log_bytes(database: &Path) -> u64 {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Opens a connection for checkpoints, which gives up early instead of holding the writer up.
///
/// # Errors
/// [`StoreError`] when the database cannot be opened.
pub fn open(database: &Database) -> Result<AnyConnection, StoreError> {
    let mut connection = database.connect(Use::Write)?;
    if let AnyConnection::Sqlite(sqlite) = &mut connection {
        sqlite.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"))?;
    }
    Ok(connection)
}

/// Moves the log into the file.
///
/// # Errors
/// [`StoreError`] when SQLite does not do it.
pub fn run(connection: &mut AnyConnection, thoroughness: Thoroughness) -> Result<Progress, StoreError> {
    let AnyConnection::Sqlite(sqlite) = connection else {
        return Ok(Progress { complete: true, used: 0 });
    };
    let row: Row = diesel::sql_query(match thoroughness {
        Thoroughness::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        Thoroughness::Restart => "PRAGMA wal_checkpoint(RESTART)",
        Thoroughness::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    })
    .get_result(sqlite)?;
    // The log is -1 where there is none.
    Ok(Progress { complete: row.busy == 0, used: u64::try_from(row.log).unwrap_or(0) * FRAME })
}
