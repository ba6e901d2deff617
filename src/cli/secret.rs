//! `tiersync secret`.

use std::io::Write;

use clap::{Args, Subcommand};

use super::CliError;
use crate::auth::secret::{new_api_key, new_signing_secret};

/// Secrets and keys.
#[derive(Debug, Subcommand)]
pub(super) enum Secret {
    /// Print a new random secret for signing_secrets or replay_secrets, or a key for api_keys
    New(New),
}

/// What to make.
#[derive(Debug, Args)]
pub(super) struct New {
    /// Make an API key instead of a signing secret
    #[arg(long)]
    api_key: bool,
}

impl Secret {
    pub(super) fn run(self) -> Result<(), CliError> {
        let Self::New(new) = self;
        writeln!(std::io::stdout(), "{}", if new.api_key { new_api_key() } else { new_signing_secret() })?;
        Ok(())
    }
}
