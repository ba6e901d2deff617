//! Write transactions. Called by the writer alone.

use diesel::PgConnection;
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
    /// These. Whoever needs the registry begins with the places, too, since that lock cannot be taken behind it.
    #[must_use]
    pub fn new(places: Places, partners: bool) -> Self {
        match places {
            Places::Apart if partners => Self { places: Places::Shared, partners },
            places => Self { places, partners },
        }
    }

    /// The statements that take them: the places first, and the registry behind them, everywhere: so nobody waits in a
    /// circle.
    fn statements(self) -> impl Iterator<Item = &'static str> {
        self.places.statement().into_iter().chain(self.partners.then_some(partners::SHARE))
    }
}

/// Begins one, with the locks that it needs, if any: in the same round trip. On SQLite it takes the write lock at once: a
/// transaction that reads first and writes later could find that another process wrote in between.
///
/// One that [`commit_and_chain`] left open goes on.
///
/// # Errors
/// [`StoreError::Held`] when others keep the locks for too long, others when the database does not let us.
pub fn begin(connection: &mut AnyConnection, locks: Option<Locks>) -> Result<(), StoreError> {
    let postgres = match connection {
        AnyConnection::Sqlite(sqlite) => {
            return Ok(AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?);
        }
        AnyConnection::Postgres(postgres) => postgres,
    };
    let statements: Vec<&str> = locks.into_iter().flat_map(Locks::statements).collect();
    let begun = if !is_open(postgres) {
        let begin = std::iter::once("BEGIN").chain(statements.iter().copied()).collect::<Vec<_>>();
        AnsiTransactionManager::begin_transaction_sql(postgres, &begin.join("; "))
    } else if statements.is_empty() {
        return Ok(());
    } else {
        postgres.batch_execute(&statements.join("; "))
    };
    begun.map_err(|error| {
        // It has begun all the same if it was a lock that failed, and diesel may not know.
        if AnsiTransactionManager::rollback_transaction(postgres).is_err() {
            let _ = postgres.batch_execute("ROLLBACK");
        }
        match StoreError::from(error) {
            StoreError::Contended(reason) => StoreError::Held(reason),
            error => error,
        }
    })
}

/// Whether a transaction is open, as [`commit_and_chain`] leaves it.
fn is_open(postgres: &mut PgConnection) -> bool {
    let status = AnsiTransactionManager::transaction_manager_status_mut(postgres);
    status.transaction_depth().is_ok_and(|depth| depth.is_some())
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
    match connection {
        AnyConnection::Sqlite(sqlite) => Ok(AnsiTransactionManager::commit_transaction(sqlite)?),
        AnyConnection::Postgres(postgres) => {
            AnsiTransactionManager::commit_transaction(postgres).map_err(|error| uncommitted(error.into()))
        }
    }
}

/// Commits it and begins the next, for which something waits already, in one round trip where that helps: on PostgreSQL,
/// which lends an open transaction nothing as long as it has asked for nothing. [`begin`] takes it up.
///
/// # Errors
/// As [`commit`].
pub fn commit_and_chain(connection: &mut AnyConnection) -> Result<(), StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => commit(connection),
        AnyConnection::Postgres(postgres) => {
            postgres.batch_execute("COMMIT AND CHAIN").map_err(|error| uncommitted(error.into()))
        }
    }
}

/// Whether [`commit_and_chain`] left a transaction open that nothing used yet. Between transactions alone.
pub fn is_chained(connection: &mut AnyConnection) -> bool {
    match connection {
        AnyConnection::Sqlite(_) => false,
        AnyConnection::Postgres(postgres) => is_open(postgres),
    }
}

/// Ends what [`commit_and_chain`] began, if anything, where nothing comes next.
///
/// # Errors
/// [`StoreError`] when the connection is gone.
pub fn unchain(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection
        && is_open(postgres)
    {
        AnsiTransactionManager::rollback_transaction(postgres)?;
    }
    Ok(())
}

/// Whatever a remote server's failing COMMIT says, the commit record may have been written before it.
fn uncommitted(error: StoreError) -> StoreError {
    match error {
        StoreError::Contended(text) => StoreError::Contended(text),
        error => StoreError::CommitLost(error.to_string()),
    }
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
