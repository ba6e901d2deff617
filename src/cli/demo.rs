//! `tiersync demo`.

use clap::Args;

use super::CliError;

/// A throw-away receiver.
#[derive(Debug, Args)]
pub(super) struct Demo {}

impl Demo {
    pub(super) fn run(self) -> Result<(), CliError> {
        Ok(())
    }
}
