//! What accounts stand for in the hierarchy - their kind, their standing and whether they are alive - kept still on
//! PostgreSQL while others rest on it.
//!
//! Most calls name a reseller and change nothing of it. A row lock for each would write that row, and would make every
//! two batches with customers of the same reseller wait for each other. Instead one lock stands for the places of all
//! accounts: whoever only names others shares it, whoever changes the place of an account that exists takes it alone. The
//! latter is rare: a Delete, a change of kind or standing, a return. A new account needs neither, see `arrivals`.

use diesel::connection::SimpleConnection;

use super::connection::AnyConnection;
use super::error::StoreError;

/// The key of the lock among the advisory locks of the database, which know no schemas: one for each schema, so that
/// receivers that have nothing in common do not wait for each other.
const KEY: &str = "20820, hashtext(current_schema())";

/// What a write transaction does to the places of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// It may rest on them.
    Shared,
    /// It may change them.
    Alone,
}

impl Places {
    /// The statement that takes the lock until the transaction ends.
    pub(super) fn statement(self) -> String {
        match self {
            Self::Shared => format!("SELECT pg_advisory_xact_lock_shared({KEY})"),
            Self::Alone => format!("SELECT pg_advisory_xact_lock({KEY})"),
        }
    }
}

/// Takes the lock alone within a write transaction that did not begin with it; it must not have read places before.
///
/// # Errors
/// [`StoreError::Contended`] when others keep it for too long.
pub fn take_alone(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection {
        postgres.batch_execute(&Places::Alone.statement())?;
    }
    Ok(())
}
