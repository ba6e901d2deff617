//! Migrations, embedded in the binary.

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

/// The names of the migrations that this binary has and the database lacks.
///
/// # Errors
/// [`StoreError::Failed`] when the database does not tell.
pub fn missing(connection: &mut AnyConnection) -> Result<Vec<String>, StoreError> {
    fn names<DB: diesel::backend::Backend>(migrations: Vec<Box<dyn diesel::migration::Migration<DB>>>) -> Vec<String> {
        migrations.iter().map(|migration| migration.name().to_string()).collect()
    }
    match connection {
        AnyConnection::Sqlite(connection) => connection.pending_migrations(SQLITE).map(names),
        AnyConnection::Postgres(connection) => connection.pending_migrations(POSTGRES).map(names),
    }
    .map_err(failed)
}
