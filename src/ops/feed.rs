//! The change feed outside of the server: read by commands, shortened when it is old.

use std::time::Duration;

use crate::domain::operator::Visible;
use crate::store::changes::{self, Question, Read};
use crate::store::connection::Database;
use crate::store::durable::LogFlush;
use crate::store::{AnyConnection, StoreError};
use crate::writer::{SubmitError, Writer};

/// Rows removed in one transaction. Every call waits behind it; more would make it wait longer.
const PIECE: i64 = 100;

/// Between two pieces, so that calls have most of the writer's time.
const PAUSE: Duration = Duration::from_millis(10);

/// Removes what was stored before `before`, in microseconds since 1970, oldest first, and returns how many rows went, one
/// for each commit. `pause` sleeps, and says when it is time to stop. Blocks.
///
/// # Errors
/// [`SubmitError`] when the writer does not take the work; what went before is gone.
pub fn prune(writer: &Writer, before: i64, pause: &dyn Fn(Duration) -> bool) -> Result<usize, SubmitError> {
    let mut gone = 0;
    loop {
        let piece = writer.work_blocking(move |connection| changes::prune(connection, before, PIECE))?;
        gone += piece;
        if piece == 0 || pause(PAUSE) {
            return Ok(gone);
        }
    }
}

/// Reads the feed with a connection of its own, beside whoever writes.
pub struct Follower {
    connection: AnyConnection,
    database: Database,
    log: Option<LogFlush>,
    /// Up to where everything is durable.
    durable: i64,
}

impl Follower {
    /// With this connection to this database.
    #[must_use]
    pub fn new(connection: AnyConnection, database: Database) -> Self {
        Self { connection, database, log: None, durable: 0 }
    }

    /// The position of the last entry, and the last position that is kept no longer.
    ///
    /// # Errors
    /// [`StoreError`] when a statement fails.
    pub fn ends(&mut self) -> Result<(i64, i64), StoreError> {
        changes::ends(&mut self.connection)
    }

    /// Reads behind a position; [`Question::up_to`] is set here.
    ///
    /// # Errors
    /// [`StoreError`] when a statement or the flush fails.
    pub fn read(&mut self, question: &Question) -> Result<Read, StoreError> {
        let end = changes::end(&mut self.connection)?;
        if end > self.durable {
            self.flush()?;
            self.durable = end;
        }
        changes::after(&mut self.connection, &Visible::All, &Question { up_to: end, ..question.clone() })
    }

    /// On SQLite a receiver may still be flushing what is seen here, and it must not be told before.
    fn flush(&mut self) -> Result<(), StoreError> {
        let Some(file) = self.database.file() else { return Ok(()) };
        if self.log.is_none() {
            self.log = Some(LogFlush::open(file)?);
        }
        self.log.as_ref().map_or(Ok(()), LogFlush::flush)
    }
}
