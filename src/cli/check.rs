//! `tiersync check`.

use clap::Args;
use serde_json::json;

use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::config::Config;
use crate::ops::alone::registered;
use crate::ops::check;

/// Verify without serving.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Where `serve` would listen
    #[arg(long, value_name = "ADDRESS:PORT", env = "TIERSYNC_LISTEN")]
    listen: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Check {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = Config::load(&common.overrides(self.listen))?;
        let report = check::check(&config, &registered(&config))?;
        let mut listing = Listing::start(self.format, &["check", "ok", "detail"])?;
        for checked in &report {
            let ok = if checked.ok { "yes" } else { "NO" };
            listing.row(
                &json!({"check": checked.what, "ok": checked.ok, "detail": checked.detail}),
                &[checked.what, ok, &checked.detail],
            )?;
        }
        listing.end()?;
        match report.iter().filter(|checked| !checked.ok).count() {
            0 => Ok(()),
            findings => Err(CliError::Failed(format!("{findings} of {} checks failed", report.len()))),
        }
    }
}
