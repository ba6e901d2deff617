//! SQLite's write-ahead log: how large it is, and moving it into the database file.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;

use super::connection::AnyConnection;
use super::error::StoreError;

/// How thorough a checkpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoroughness {
    /// As far as it goes without making anybody wait.
    Passive,
    /// Wholly, so that the log begins anew; the writer waits for the part that passive ones left over.
    Restart,
}

/// Bytes in the log.
#[must_use]
pub fn log_bytes(database: &Path) -> u64 {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    std::fs::metadata(PathBuf::from(path)).map_or(0, |file| file.len())
}

/// Moves the log into the file.
///
/// # Errors
/// [`StoreError`] when SQLite does not do it.
pub fn run(connection: &mut AnyConnection, thoroughness: Thoroughness) -> Result<(), StoreError> {
    if let AnyConnection::Sqlite(sqlite) = connection {
        sqlite.batch_execute(match thoroughness {
            Thoroughness::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            Thoroughness::Restart => "PRAGMA wal_checkpoint(RESTART)",
        })?;
    }
    Ok(())
}
