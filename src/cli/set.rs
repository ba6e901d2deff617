//! `tiersync accounts set`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::operator::entry;
use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::call::ProfilePatch;
use crate::domain::options::MAX_TEXT_CHARS;
use crate::ops::set::{self, SetError, Wanted};
use crate::ops::{alone, shown};
use crate::writer::SubmitError;

/// What to change of which account.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// Our id, the ExternalID, or the platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// Its reseller, by any of its names, or "none": held until the platform reports something else than now
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// What it is: reseller, reseller_customer or direct_customer; held as the reseller is
    #[arg(long, value_parser = super::accounts::kind)]
    kind: Option<AccountKind>,
    /// Alive or ended: active or deleted
    #[arg(long, value_parser = super::accounts::status)]
    status: Option<AccountStatus>,
    /// Its name, until the platform says another
    #[arg(long, value_parser = text)]
    name: Option<String>,
    /// Its e-mail address, until the platform says another
    #[arg(long, value_parser = text)]
    email: Option<String>,
    /// Its code, until the platform says another
    #[arg(long, value_parser = text)]
    code: Option<String>,
    /// End a hold or a review: what the platform last reported applies
    #[arg(long)]
    release: bool,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn text(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        return Err(format!("it is longer than {MAX_TEXT_CHARS} characters or holds a control character"));
    }
    Ok(text.to_owned())
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    set::reason(text).map_err(|why| format!("it {why}"))
}

impl From<SetError> for CliError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Usage(why) => Self::Usage(why.to_owned()),
            SetError::Refused(code, why) => Self::Failed(format!("{why} ({})", code.number())),
        }
    }
}

impl Set {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (source, tenant) = (self.source.as_deref(), self.tenant.as_deref());
        let account = super::accounts::find(&mut connection, &self.account, source, tenant)?.account;
        let reseller = match self.reseller.as_deref() {
            None => None,
            Some("none") => Some(None),
            Some(name) => {
                let scope = &account.key.scope;
                let within = super::accounts::find(
                    &mut connection,
                    name,
                    Some(scope.source.as_str()),
                    Some(scope.tenant.as_str()),
                );
                Some(Some(within?.account.key))
            }
        };
        let wanted = Wanted {
            reseller,
            kind: self.kind,
            status: self.status,
            release: self.release,
            profile: ProfilePatch { name: self.name, email: self.email, code: self.code, ..ProfilePatch::default() },
        };
        let id = account.id;
        let detail = json!({"fields": wanted.names(), "reason": self.reason});
        let list = wanted.list(&account, alone::policies(&config), entry("accounts.set", &id.to_string(), &detail))?;
        let (writer, thread) = alone::writer(&config)?;
        let done = writer.acts_blocking(list);
        drop(writer);
        thread.join();
        let outcomes = done.map_err(|error| match error {
            SubmitError::Failed => {
                CliError::Failed("the change failed and was taken back; nothing is written".to_owned())
            }
            other => CliError::Unreachable(format!("{other}; run the command again")),
        })?;
        let changed = set::changed(&outcomes)?;
        if self.format == Format::Table {
            let done = if changed.is_empty() {
                "is so already".to_owned()
            } else {
                format!("changed: {}", changed.join(", "))
            };
            writeln!(std::io::stdout(), "account {id} {done}")?;
            for note in outcomes.iter().filter_map(|outcome| outcome.applied()).flat_map(|applied| &applied.notes) {
                writeln!(std::io::stdout(), "{note}")?;
            }
            return Ok(());
        }
        let listed = super::accounts::find(&mut connection, &id.to_string(), source, tenant)?;
        let view = shown::account(&listed);
        let mut listing =
            Listing::start(self.format, &["id", "source", "tenant", "platform_id", "kind", "status", "name"])?;
        let cells = [&*view.id, &view.source, &view.tenant, &view.platform_id, view.kind, view.status, &view.name];
        listing.row(&view, &cells)?;
        listing.end()
    }
}
