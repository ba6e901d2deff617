//! Write transactions. Called by the writer alone.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::places::Places;

/// Begins one, with the lock on places that it needs, if any: in the same round trip. On SQLite it takes the write lock
/// at once: a transaction that reads first and writes later could find that another process wrote in between.
///
/// # Errors
/// [`StoreError`] when the database does not let us.
pub fn begin(connection: &mut AnyConnection, places: Option<Places>) -> Result<(), StoreError> {
    match (connection, places) {
        (AnyConnection::Sqlite(sqlite), _) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?,
        (AnyConnection::Postgres(postgres), None) => AnsiTransactionManager::begin_transaction(postgres)?,
        (AnyConnection::Postgres(postgres), Some(places)) => {
            let begun =
                AnsiTransactionManager::begin_transaction_sql(postgres, &format!("BEGIN; {}", places.statement()));
            if let Err(error) = begun {
                // It has begun all the same if it was the lock that failed, and diesel does not know.
                let _ = postgres.batch_execute("ROLLBACK");
                return Err(error.into());
            }
        }
    }
    Ok(())
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
