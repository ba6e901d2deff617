//! Makes SQLite's commits durable apart from the commits themselves.
//!
//! With `synchronous = FULL` SQLite flushes its write-ahead log to the disk inside every COMMIT, and the writer stands
//! still for as long. Here a commit only appends to the log (`synchronous = NORMAL`), and whoever waits for its
//! durability flushes the log as a whole afterwards: the same call on the same file that FULL makes, at a time when the
//! writer is at work on the next batch. docs/decisions.md tells what was weighed.

use std::fs::File;
use std::path::Path;

use super::error::StoreError;

/// SQLite's write-ahead log, open for flushing.
///
/// SQLite keeps the file as long as a connection is open, so this must not outlive the writer's. No lock of SQLite's is
/// on this file (its locks are on the database and the `-shm` file), so closing it again drops none (fcntl(2)).
#[derive(Debug)]
pub struct LogFlush(File);

impl LogFlush {
    /// Opens the log of a database that a connection has open in WAL mode.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none.
    pub fn open(database: &Path) -> Result<Self, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map(Self)
            .map_err(|error| StoreError::Unavailable(format!("the write-ahead log cannot be opened: {error}")))
    }

    /// Returns once everything that was committed before is on the disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the disk does not take it; what was committed since the last flush may be lost.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.0.sync_data().map_err(|error| StoreError::Unavailable(format!("the log cannot be flushed: {error}")))
    }
}
