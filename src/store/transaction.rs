//! Write transactions. Called by the writer alone.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::partners;
use super::places::Places;

/// What others may not change until a transaction ends, or what they must leave alone, on PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locks {
    /// The lock on places.
    pub places: Places,
    /// Whether accounts may name partners in it, so that the registry stands still.
    pub partners: bool,
}

impl Locks {
    /// The places first, and the registry behind them, everywhere: so nobody waits in a circle.
    fn begin(self) -> String {
        let mut sql = format!("BEGIN; {}", self.places.statement());
        if self.partners {
            sql.push_str("; ");
            sql.push_str(partners::SHARE);
        }
        sql
    }
}

/// Begins one, with the locks that it needs, if any: in the same round trip. On SQLite it takes the write lock at once: a
/// transaction that reads first and writes later could find that another process wrote in between.
///
/// # Errors
/// [`StoreError::Held`] when others keep the locks for too long, others when the database does not let us.
pub fn begin(connection: &mut AnyConnection, locks: Option<Locks>) -> Result<(), StoreError> {
    match (connection, locks) {
        (AnyConnection::Sqlite(sqlite), _) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        (AnyConnection::Postgres(postgres), None) => AnsiTransactionManager::begin_transaction(postgres)?,
        (AnyConnection::Postgres(postgres), Some(locks)) => {
            let begun = AnsiTransactionManager::begin_transaction_sql(postgres, &locks.begin());
            if let Err(error) = begun {
                // It has begun all the same if it was a lock that failed, and diesel does not know.
                let _ = postgres.batch_execute("ROLLBACK");
                return Err(match StoreError::from(error) {
                    StoreError::Contended(reason) => StoreError::Held(reason),
                    error => error,
                });
            }
        }
    }
    Ok(())
}

/// Does something within a write transaction and takes it back again: what comes of it is told, and nothing stays.
///
/// # Errors
/// What `work` fails with, or [`StoreError`] when the database does not let us.
pub fn taken_back<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |connection: &mut AnyConnection, sql: &str| match connection {
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute(sql),
        AnyConnection::Postgres(postgres) => postgres.batch_execute(sql),
    };
    run(connection, "SAVEPOINT taken_back")?;
    let done = work(connection)?;
    run(connection, "ROLLBACK TO SAVEPOINT taken_back; RELEASE SAVEPOINT taken_back")?;
    Ok(done)
}

/// Commits it.
///
/// # Errors
/// [`StoreError::CommitLost`] when nobody knows whether it happened, others when it did not.
pub fn commit(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let (committed, remote) = match connection {
        AnyConnection::Sqlite(sqlite) => (AnsiTransactionManager::commit_transaction(sqlite), false),
        AnyConnection::Postgres(postgres) => (AnsiTransactionManager::commit_transaction(postgres), true),
    };
    committed.map_err(|error| match StoreError::from(error) {
        // Whatever a remote server's failing COMMIT says, the commit record may have been written before it.
        StoreError::Contended(text) => StoreError::Contended(text),
        error if remote => StoreError::CommitLost(error.to_string()),
        error => error,
    })
}

/// Takes it back, as far as the connection still lives.
pub fn roll_back(connection: &mut AnyConnection) {
    let rolled_back = match connection {
        AnyConnection::Sqlite(sqlite) => AnsiTransactionManager::rollback_transaction(sqlite),
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::rollback_transaction(postgres),
    };
    if let Err(error) = rolled_back {
        log::debug!("rollback: {error}");
    }
}
