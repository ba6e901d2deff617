//! Read transactions: many statements that see one state of the database.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};

use super::connection::AnyConnection;
use super::error::StoreError;

/// Begins one. What is committed from now on is not seen until [`end`]. On SQLite the log cannot begin anew meanwhile.
///
/// # Errors
/// [`StoreError`] when the database does not let us.
pub fn begin(connection: &mut AnyConnection) -> Result<(), StoreError> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN DEFERRED")?;
            // A deferred transaction takes its snapshot with its first read.
            sqlite.batch_execute("SELECT 1 FROM sources LIMIT 1")?;
        }
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        )?,
    }
    Ok(())
}

/// Ends it.
pub fn end(connection: &mut AnyConnection) {
    let ended = match connection {
        AnyConnection::Sqlite(sqlite) => AnsiTransactionManager::commit_transaction(sqlite),
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::commit_transaction(postgres),
    };
    if let Err(error) = ended {
        log::debug!("end of a read transaction: {error}");
    }
}
