//! `tiersync accounts erase` and `accounts revive`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::operator::entry;
use super::{CliError, Common};
use crate::ops::alone;
use crate::ops::erase::{self, EraseError};
use crate::store::AnyConnection;
use crate::writer::now_micros;

/// Which account.
#[derive(Debug, Args)]
pub(super) struct Which {
    /// Our id, the ExternalID, or the platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
}

impl From<EraseError> for CliError {
    fn from(error: EraseError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Which {
    fn find(&self, connection: &mut AnyConnection) -> Result<crate::domain::account::Account, CliError> {
        super::accounts::find(connection, &self.account, self.source.as_deref(), self.tenant.as_deref())
            .map(|listed| listed.account)
    }

    /// Removes its personal data everywhere.
    pub(super) fn erase(&self, common: &Common, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = self.find(connection)?;
        let (writer, thread) = alone::writer(&common.load()?)?;
        let done = erase::erase(
            &writer,
            &account,
            now_micros(),
            &entry("accounts.erase", &account.id.to_string(), &json!({})),
        );
        drop(writer);
        thread.join();
        let emptied = done?;
        writeln!(
            std::io::stdout(),
            "account {} is erased; {emptied} bodies were emptied; ids, relations and hashes stay",
            account.id
        )?;
        Ok(())
    }

    /// Lifts an erasure.
    pub(super) fn revive(&self, common: &Common, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = self.find(connection)?;
        let (writer, thread) = alone::writer(&common.load()?)?;
        let done = erase::revive(&writer, account.id, &entry("accounts.revive", &account.id.to_string(), &json!({})));
        drop(writer);
        thread.join();
        done?;
        writeln!(std::io::stdout(), "account {}: calls from before its erasure may bring it back", account.id)?;
        Ok(())
    }
}
