//! `tiersync accounts add`.

use std::io::Write;

use clap::Args;

use super::operator::entry;
use super::output::{Format, Listing};
use super::set::{reason, text};
use super::{CliError, Common};
use crate::domain::account::AccountKind;
use crate::domain::act::Created;
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{ExternalId, PlatformId, Tenant};
use crate::ops::create::{self, New};
use crate::ops::{alone, shown};
use crate::writer::SubmitError;

/// Which account to make.
#[derive(Debug, Args)]
pub(super) struct Add {
    /// Its name
    #[arg(value_parser = named)]
    name: String,
    /// What it is: reseller, reseller_customer or direct_customer [default: a customer]
    #[arg(long, value_parser = super::accounts::kind)]
    kind: Option<AccountKind>,
    /// Its reseller, by any of its names
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// Its e-mail address
    #[arg(long, value_parser = text)]
    email: Option<String>,
    /// Its code
    #[arg(long, value_parser = text)]
    code: Option<String>,
    /// Its telephone number
    #[arg(long, value_parser = text)]
    phone: Option<String>,
    /// Its web site
    #[arg(long, value_parser = text)]
    website: Option<String>,
    /// What it is about
    #[arg(long, value_parser = text)]
    description: Option<String>,
    /// Its ID here, until a platform synchronizes it [default: one is issued]
    #[arg(long, value_name = "ID", value_parser = platform_id)]
    platform_id: Option<PlatformId>,
    /// The ExternalID that it is known by already [default: one is issued]
    #[arg(long, value_name = "ID", value_parser = external_id)]
    external_id: Option<ExternalId>,
    /// Its tenant, where sources tell tenants apart [default: its reseller's]
    #[arg(long, value_parser = tenant)]
    tenant: Option<Tenant>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn named(name: &str) -> Result<String, String> {
    if name.trim().is_empty() {
        return Err("it is empty; an account needs a name".to_owned());
    }
    text(name)
}

fn platform_id(text: &str) -> Result<PlatformId, String> {
    PlatformId::parse(text).map_err(|why| format!("it {why}"))
}

fn external_id(text: &str) -> Result<ExternalId, String> {
    ExternalId::parse(text).map_err(|why| format!("it {why}"))
}

fn tenant(text: &str) -> Result<Tenant, String> {
    Tenant::parse(text).map_err(|why| format!("it {why}"))
}

impl Add {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let reseller = match &self.reseller {
            Some(name) => Some(super::accounts::find(&mut connection, name, None, None)?.account.key),
            None => None,
        };
        let customer = if reseller.is_some() { AccountKind::ResellerCustomer } else { AccountKind::DirectCustomer };
        let profile = ProfilePatch {
            name: Some(self.name),
            email: self.email,
            code: self.code,
            phone: self.phone,
            website: self.website,
            description: self.description,
            ..ProfilePatch::default()
        };
        let kind = self.kind.unwrap_or(customer);
        let new = New {
            platform_id: self.platform_id,
            tenant: self.tenant,
            created: Created { external_id: self.external_id, kind, reseller, profile },
        };
        if let Some(why) = create::known_already(&mut connection, &new)? {
            return Err(CliError::Failed(format!("{why} (1004)")));
        }
        let key = new.key();
        let entry = entry("accounts.create", "", &new.detail(&key, self.reason.as_deref()));
        let list = new.list(key, alone::policies(&config), entry);
        let (writer, thread) = alone::writer(&config)?;
        let done = writer.acts_blocking(list);
        drop(writer);
        thread.join();
        let outcomes = done.map_err(|error| match error {
            SubmitError::Failed => CliError::Failed("it failed and was taken back; nothing is written".to_owned()),
            other => CliError::Unreachable(format!("{other}; run the command again")),
        })?;
        let id = create::made(&outcomes)?.to_string();
        let view = shown::account(&super::accounts::find(&mut connection, &id, None, None)?);
        if self.format == Format::Table {
            let (external_id, platform_id) = (&view.external_id, &view.platform_id);
            writeln!(std::io::stdout(), "account {id} made: {} {platform_id}, ExternalID {external_id}", view.source)?;
            return Ok(());
        }
        let columns = ["id", "source", "tenant", "platform_id", "external_id", "kind", "name"];
        let mut listing = Listing::start(self.format, &columns)?;
        let cells =
            [&*view.id, &view.source, &view.tenant, &view.platform_id, &view.external_id, view.kind, &view.name];
        listing.row(&view, &cells)?;
        listing.end()
    }
}
