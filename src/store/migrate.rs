//! Migrations, embedded in the binary.

use diesel::backend::Backend;
use diesel::dsl::{select, sql};
use diesel::migration::{Migration, MigrationSource};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::AnyConnection;
use super::error::StoreError;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Failed(format!("migration: {error}"))
}

/// Runs what is missing and returns the names of the migrations that were run.
///
/// # Errors
/// [`StoreError::Failed`] with the migration's own complaint.
pub fn run(connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
    let run = match connection {
        AnyConnection::Sqlite(connection) => {
            connection.run_pending_migrations(SQLITE).map(|run| run.iter().map(ToString::to_string).collect())
        }
        AnyConnection::Postgres(connection) => {
            use diesel::connection::SimpleConnection;
            // Two receivers that start together must not both migrate: the second waits here, then finds nothing to do.
            // Where advisory locks are not honoured the loser fails and says so; starting it again is enough.
            connection.batch_execute("SELECT pg_advisory_lock(7305815091)")?;
            let run =
                connection.run_pending_migrations(POSTGRES).map(|run| run.iter().map(ToString::to_string).collect());
            connection.batch_execute("SELECT pg_advisory_unlock(7305815091)")?;
            run
        }
    };
    run.map_err(failed)
}

/// The names of the migrations that this binary has and the database lacks. Only reads: diesel's own answer to this
/// question makes its table first.
///
/// # Errors
/// [`StoreError::Failed`] when the database does not tell.
pub fn missing(connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
    let table = "__diesel_schema_migrations";
    let (embedded, exists) = match connection {
        AnyConnection::Sqlite(sqlite) => (
            names::<Sqlite>(MigrationSource::migrations(&SQLITE).map_err(failed)?),
            select(sql::<Bool>(&format!("EXISTS (SELECT 1 FROM sqlite_master WHERE name = '{table}')")))
                .get_result(sqlite)?,
        ),
        AnyConnection::Postgres(postgres) => (
            names::<Pg>(MigrationSource::migrations(&POSTGRES).map_err(failed)?),
            select(sql::<Bool>(&format!("to_regclass('{table}') IS NOT NULL"))).get_result(postgres)?,
        ),
    };
    let done: Vec<String> =
        if exists { run_migrations::table.select(run_migrations::version).load(connection)? } else { Vec::new() };
    Ok(embedded.into_iter().filter(|(version, _)| !done.contains(version)).map(|(_, name)| name).collect())
}

diesel::table! {
    /// diesel's own table of what was run.
    #[sql_name = "__diesel_schema_migrations"]
    run_migrations (version) {
        /// The version, which is the date in the migration's name.
        version -> Text,
    }
}

/// Version and name of each migration.
fn names<DB: Backend>(migrations: Vec<Box<dyn Migration<DB>>>) -> Vec<(String, String)> {
    let name = |migration: &dyn Migration<DB>| (migration.name().version().to_string(), migration.name().to_string());
    migrations.iter().map(|migration| name(migration.as_ref())).collect()
}
