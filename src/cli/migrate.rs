//! `tiersync migrate`.

use std::io::Write;

use super::{CliError, Common};
use crate::store::connection::{Database, Use};
use crate::store::migrate;

pub(super) fn run(common: &Common) -> Result<(), CliError> {
    let database = Database::parse(&common.load()?.database_url)?;
    let mut connection = database
        .connect(Use::Write)
        .map_err(|error| CliError::Unreachable(format!("cannot use {}: {error}", database.shown())))?;
    let run = migrate::run(&mut connection)?;
    let mut out = std::io::stdout();
    if run.is_empty() {
        writeln!(out, "{}: up to date", database.shown())?;
    }
    for name in run {
        writeln!(out, "{}: migrated {name}", database.shown())?;
    }
    Ok(())
}
