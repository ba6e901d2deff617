//! Readers' connections, pooled.

use std::time::Duration;

use diesel::r2d2::R2D2Connection;

use super::connection::{AnyConnection, Database, Use};
use super::error::StoreError;

/// Connections for readers. Each costs a page cache on SQLite and a process on PostgreSQL.
const READERS: u32 = 4;

/// How long a reader waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// Opens readers' connections by URL scheme.
#[derive(Debug)]
pub struct Manager(Database);

impl r2d2::ManageConnection for Manager {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        self.0.connect(Use::Read).map_err(|error| {
            diesel::r2d2::Error::ConnectionError(diesel::ConnectionError::BadConnection(error.to_string()))
        })
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Self::Error> {
        connection.ping().map_err(diesel::r2d2::Error::QueryError)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        connection.is_broken()
    }
}

/// The readers' pool.
pub type Pool = r2d2::Pool<Manager>;

/// A connection of the pool, which goes back when it is dropped.
pub type Pooled = r2d2::PooledConnection<Manager>;

/// Builds the pool; connections are opened when they are first needed.
#[must_use]
pub fn build(database: &Database) -> Pool {
    r2d2::Pool::builder()
        .max_size(READERS)
        .min_idle(Some(0))
        .connection_timeout(WAIT)
        .error_handler(Box::new(Quiet))
        .build_unchecked(Manager(database.clone()))
}

/// The pool's own complaints at every retry would fill the log while a database is away.
#[derive(Debug)]
struct Quiet;

impl r2d2::HandleError<diesel::r2d2::Error> for Quiet {
    fn handle_error(&self, error: diesel::r2d2::Error) {
        log::debug!("reader connection: {error}");
    }
}

/// Takes a connection.
///
/// # Errors
/// [`StoreError::Unavailable`] when none is to be had in time.
pub fn get(pool: &Pool) -> Result<Pooled, StoreError> {
    Ok(pool.get()?)
}
