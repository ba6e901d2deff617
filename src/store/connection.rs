//! One connection type for both databases, opened by URL scheme.
//!
//! The connection enum's own `establish` is never used: it tries the variants in order and would take a PostgreSQL URL
//! for the name of a SQLite file.

use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};

use super::error::StoreError;

pub use any::AnyConnection;

mod any {
    #![allow(missing_docs)] // The derive adds items that cannot carry any.

    use diesel::{PgConnection, SqliteConnection};

    /// A connection to either database.
    #[derive(diesel::MultiConnection)]
    pub enum AnyConnection {
        /// SQLite, inside the process.
        Sqlite(SqliteConnection),
        /// PostgreSQL, or what speaks its protocol.
        Postgres(PgConnection),
    }
}

impl AnyConnection {
    /// How many ids or names may be asked for in one statement: SQLite takes 32,766 parameters, and one with very many is
    /// not prepared again. On PostgreSQL all of them are one parameter, as many as a list may name; it may go through a table
    /// for a thousand, and does so once then.
    #[must_use]
    pub fn asked_at_once(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1_000,
            Self::Postgres(_) => 100_000,
        }
    }
}

/// Where the data is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL; it may hold a password, so it is never shown whole.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The one writer.
    Write,
    /// Everything else.
    Read,
}

/// Pages of 4 KiB that the writer's SQLite connection may keep: 16 MiB. More costs time, not only memory: a commit whose
/// balancing borrowed the page number of the lock byte walks through the whole cache (`pcache1TruncateUnsafe`).
const WRITER_CACHE_KIB: u32 = 16 * 1024;

/// As above, for each reader: 2 MiB.
const READER_CACHE_KIB: u32 = 2 * 1024;

/// How long a connection waits for another process's lock, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 5_000;

impl Database {
    /// Reads `sqlite:FILE` or `postgres://…`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for any other scheme.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            // sqlite:///abs and sqlite://rel are common spellings of the same.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(StoreError::Unavailable("sqlite: names no file".to_owned()));
            }
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.to_owned()));
        }
        Err(StoreError::Unavailable("the database URL begins with neither sqlite: nor postgres://".to_owned()))
    }

    /// As it may be shown: without a password.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => match url::Url::parse(url) {
                Ok(mut url) => {
                    if url.password().is_some() {
                        let _ = url.set_password(Some("***"));
                    }
                    url.set_query(None);
                    url.to_string()
                }
                Err(_) => "postgres://***".to_owned(),
            },
        }
    }

    /// Whether it is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the database's own words.
    pub fn connect(&self, purpose: Use) -> Result<AnyConnection, StoreError> {
        match self {
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
                // busy_timeout first: setting the journal mode may have to wait for another process.
                connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}"))?;
                connection
                    .batch_execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY")?;
                match purpose {
                    // NORMAL only appends to the log at a commit; the writer flushes the log itself before it answers, see
                    // `durable`. No automatic checkpoints: they would run inside a commit; the checkpoint task does them.
                    Use::Write => connection.batch_execute(&format!(
                        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -{WRITER_CACHE_KIB}"
                    ))?,
                    Use::Read => connection.batch_execute(&format!(
                        "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -{READER_CACHE_KIB}; \
                         PRAGMA query_only = ON"
                    ))?,
                }
                Ok(AnyConnection::Sqlite(connection))
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::establish(&with_timeouts(url))?;
                // synchronous_commit: as with SQLite, an answer is a promise whatever the server's default is.
                // lc_messages: see StoreError.
                // jit: no statement here runs so long that compiling it first would pay, and those of long lists look as if.
                connection.batch_execute("SET synchronous_commit = on; SET jit = off")?;
                // A privilege that some servers keep; most of those speak English anyway.
                if let Err(error) = connection.batch_execute("SET lc_messages = 'C'") {
                    log::debug!("lc_messages stays as the server has it: {error}");
                }
                if purpose == Use::Write {
                    // Every statement of the writer looks rows up by key. Its plans are cached, and one made while the
                    // tables were empty would scan them for ever. No plan gets better by knowing the keys of a batch.
                    connection.batch_execute(
                        "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
                         SET plan_cache_mode = force_generic_plan; SET lock_timeout = '1s'",
                    )?;
                    // Whoever is stopped in the middle of a batch holds its accounts and the counter of the change feed,
                    // for which every other receiver waits.
                    connection.batch_execute("SET idle_in_transaction_session_timeout = '10s'")?;
                } else {
                    connection.batch_execute("SET default_transaction_read_only = on")?;
                }
                Ok(AnyConnection::Postgres(connection))
            }
        }
    }
}

/// libpq waits for ever by default; a server that is gone must be noticed (PostgreSQL manual, 34.1.2).
fn with_timeouts(url: &str) -> String {
    let mut with = url.to_owned();
    for (name, value) in [
        ("connect_timeout", "5"),
        ("keepalives_idle", "10"),
        ("keepalives_interval", "5"),
        ("keepalives_count", "3"),
        ("tcp_user_timeout", "15000"),
        ("application_name", "tiersync"),
    ] {
        if !url.contains(&format!("{name}=")) {
            with.push(if with.contains('?') { '&' } else { '?' });
            with.push_str(&format!("{name}={value}"));
        }
    }
    with
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(Database::parse("sqlite:a.db").ok(), Some(Database::Sqlite(PathBuf::from("a.db"))));
        assert_eq!(Database::parse("sqlite:///tmp/a.db").ok(), Some(Database::Sqlite(PathBuf::from("/tmp/a.db"))));
        for wrong in ["sqlite:", "sqlite::memory:", "mysql://x", ""] {
            assert!(Database::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let shown = Database::parse("postgres://me:hunter2@host/db?password=hunter3").map(|d| format!("{d:?}"));
        assert_eq!(shown.ok().as_deref(), Some("postgres://me:***@host/db"));
    }
}
