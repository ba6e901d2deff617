//! Whether the receiver could serve: configuration, database, migrations, clock.

use std::time::{SystemTime, UNIX_EPOCH};

use diesel::prelude::*;

use crate::config::Config;
use crate::store::connection::{Database, Use};
use crate::store::{AnyConnection, StoreError, migrate, sources};

/// A clock before this is wrong: 2026-01-01, when this was written.
const EARLIEST: i64 = 1_767_225_600;

/// Farthest that our clock may be from the database server's, in seconds: half the usual tolerance of signatures.
const MAX_SKEW: i64 = 150;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What.
    pub what: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// How it is, and what to do if it is not well.
    pub detail: String,
}

fn checked(what: &'static str, ok: bool, detail: impl Into<String>) -> Checked {
    Checked { what, ok, detail: detail.into() }
}

/// Looks at everything without changing anything. `configured` are the sources as the database would register them.
///
/// # Errors
/// [`StoreError`] when the database cannot be reached, which makes the rest unknowable.
pub fn check(config: &Config, configured: &[sources::Registered]) -> Result<Vec<Checked>, StoreError> {
    let mut report = Vec::new();
    let fields = (config.sources.len(), config.sync_options.len(), config.fields.len());
    let detail = format!("{} sources, {} synchronization options, {} fields", fields.0, fields.1, fields.2);
    let hint = "no [[source]]: nobody could call; `tiersync serve` without a configuration writes one";
    report.push(checked("configuration", fields.0 > 0, if fields.0 > 0 { detail } else { hint.to_owned() }));
    let database = Database::parse(&config.database_url)?;
    if database.file().is_some_and(|file| !file.exists()) {
        let detail = format!("{} is not there yet; `tiersync migrate` makes it", database.shown());
        report.push(checked("database", false, detail));
        report.push(clock(now(), None));
        return Ok(report);
    }
    let mut connection = database.connect(Use::Read)?;
    report.push(checked("database", true, database.shown()));
    let missing = migrate::missing(&mut connection)?;
    if missing.is_empty() {
        report.push(checked("migrations", true, "none is missing"));
        let changed = sources::changed(&mut connection, configured)?;
        let detail = match changed.first() {
            None => "as their accounts were made".to_owned(),
            Some(source) => format!("source \"{source}\" has another tenant_setting than its accounts were made with"),
        };
        report.push(checked("tenant settings", changed.is_empty(), detail));
    } else {
        let detail = format!("{} missing; run `tiersync migrate`", missing.join(", "));
        report.push(checked("migrations", false, detail));
    }
    let theirs = server_second(&mut connection)?;
    report.push(clock(now(), theirs));
    Ok(report)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn clock(ours: i64, theirs: Option<i64>) -> Checked {
    let shown = crate::wire::time::rfc3339_second(ours);
    if ours < EARLIEST {
        return checked("clock", false, format!("{shown} cannot be: set the clock, or every signature is refused"));
    }
    match theirs {
        Some(theirs) if (theirs - ours).abs() > MAX_SKEW => checked(
            "clock",
            false,
            format!("{} s away from the database server's: synchronize both (NTP)", (theirs - ours).abs()),
        ),
        _ => checked("clock", true, shown),
    }
}

/// The server's clock; none for SQLite, which has ours.
fn server_second(connection: &mut AnyConnection) -> Result<Option<i64>, StoreError> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(None),
        AnyConnection::Postgres(postgres) => {
            let second = diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>(
                "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)",
            ))
            .get_result(postgres)?;
            Ok(Some(second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        for (ours, theirs, ok) in [
            (0, None, false),
            (EARLIEST, None, true),
            (EARLIEST, Some(EARLIEST + MAX_SKEW), true),
            (EARLIEST, Some(EARLIEST + MAX_SKEW + 1), false),
            (EARLIEST, Some(EARLIEST - MAX_SKEW - 1), false),
        ] {
            assert_eq!(clock(ours, theirs).ok, ok, "{ours} {theirs:?}");
        }
    }
}
