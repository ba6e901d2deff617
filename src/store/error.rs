//! What can go wrong between us and the database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use thiserror::Error;

/// A failure of the store. None of them reads as "not found".
#[derive(Debug, Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot write now; trying again later is right.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Another writer was in the way; the whole transaction can be run again.
    #[error("another writer was in the way: {0}")]
    Contended(String),
    /// Another writer keeps what a transaction locks as it begins: nothing of it happened yet, whatever it is about.
    #[error("another writer keeps the directory: {0}")]
    Held(String),
    /// Another writer has the lock on places, or waits for it: the whole transaction can be run again, with the lock from
    /// its beginning on.
    #[error("another writer changes the directory")]
    PlacesTaken,
    /// The connection was lost while committing: the transaction may have happened.
    #[error("the connection was lost while committing: {0}")]
    CommitLost(String),
    /// A row holds what this version does not know.
    #[error("the database holds {0}, which this version of tiersync does not know")]
    Corrupt(String),
    /// A statement failed.
    #[error("a statement failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// A row of `table` holds an unknown `value`, one of few words. At most 64 characters of it are told.
    #[must_use]
    pub fn corrupt(table: &str, value: &str) -> Self {
        let told: String = value.chars().take(64).collect();
        let more = if told.len() < value.len() { "…" } else { "" };
        Self::Corrupt(format!("\"{told}{more}\" in {table}"))
    }

    /// A row holds in `column` what cannot be read and may be about a person: errors stand in logs, so none of it is
    /// told.
    #[must_use]
    pub fn corrupt_private(column: &str) -> Self {
        Self::Corrupt(format!("something in {column}"))
    }
}

/// SQLite's and PostgreSQL's words for "not now". Both report these as errors of unknown kind through diesel, which
/// passes no SQLSTATE on; the texts are those of SQLite 3 (sqlite3ErrStr) and of PostgreSQL's backend in English, which
/// the writer's connection asks for (lc_messages).
const UNAVAILABLE: [&str; 16] = [
    "disk is full",
    "No space left",
    "out of memory",
    "recovery mode",
    "statement timeout",
    "disk I/O error",
    "unable to open database",
    "readonly database",
    "server closed the connection",
    "connection to server",
    "terminating connection",
    "shutting down",
    "starting up",
    "no connection to the server",
    "could not receive data",
    "could not send data",
];

const CONTENDED: [&str; 4] = ["database is locked", "database table is locked", "deadlock detected", "lock timeout"];

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        match &error {
            DieselError::DatabaseError(kind, info) => {
                let text = info.message();
                match kind {
                    DatabaseErrorKind::UniqueViolation | DatabaseErrorKind::SerializationFailure => {
                        Self::Contended(text.to_owned())
                    }
                    // A managed server turns read-only when its disk is full, and a standby is.
                    DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ReadOnlyTransaction => Self::Unavailable(text.to_owned()),
                    _ if CONTENDED.iter().any(|part| text.contains(part)) => Self::Contended(text.to_owned()),
                    _ if UNAVAILABLE.iter().any(|part| text.contains(part)) => Self::Unavailable(text.to_owned()),
                    _ => Self::Failed(text.to_owned()),
                }
            }
            DieselError::BrokenTransactionManager => Self::Unavailable(error.to_string()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<diesel::ConnectionError> for StoreError {
    fn from(error: diesel::ConnectionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<r2d2::Error> for StoreError {
    fn from(error: r2d2::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::StoreError;

    #[test]
    fn unknown_words_are_told_in_part() {
        let text = StoreError::corrupt("accounts.kind", "partner").to_string();
        assert!(text.contains("\"partner\" in accounts.kind"), "{text}");
        let text = StoreError::corrupt("accounts.kind", &"é".repeat(65)).to_string();
        assert!(text.contains(&format!("\"{}…\"", "é".repeat(64))), "{text}");
    }
}
