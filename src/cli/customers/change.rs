//! `tiersync customers add` and `set`.

use clap::Args;
use serde_json::json;

use super::{customer, partner, print, reason};
use crate::cli::operator::entry;
use crate::cli::output::Format;
use crate::cli::{CliError, Common};
use crate::ops::{alone, customers, set};
use crate::wire::customer::CustomerBody;

/// What describes a customer beside name and address.
#[derive(Debug, Args)]
struct More {
    /// Its code
    #[arg(long)]
    code: Option<String>,
    /// Its telephone number
    #[arg(long)]
    phone: Option<String>,
    /// Its fax number
    #[arg(long)]
    fax: Option<String>,
    /// Its web site
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    /// More about it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

impl More {
    fn body(self, name: Option<String>, email: Option<String>) -> CustomerBody {
        let Self { code, phone, fax, website, description } = self;
        CustomerBody { name, email, code, phone, fax, website, description, ..CustomerBody::default() }
    }
}

/// Whom to add under which partner.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The partner: our id, the ExternalID, or the platform ID
    partner: String,
    /// What the customer is called: 1 to 50 characters
    #[arg(long)]
    name: String,
    /// Its e-mail address
    #[arg(long)]
    email: String,
    #[command(flatten)]
    more: More,
    /// The ID by which it is known elsewhere, so that it stays one account once a platform synchronizes it
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to change of which customer.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// Our id, the ExternalID, or the platform ID
    customer: String,
    /// What it is called: 1 to 50 characters
    #[arg(long)]
    name: Option<String>,
    /// Its e-mail address
    #[arg(long)]
    email: Option<String>,
    #[command(flatten)]
    more: More,
    /// Only if it still has this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Add {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let partner = partner(&mut connection, &self.partner)?.account;
        let mut body = self.more.body(Some(self.name), Some(self.email));
        body.external_id = self.external_id;
        let (profile, external_id) = body.new_customer().map_err(CliError::Usage)?;
        let detail = json!({"fields": body.names(), "reason": self.reason});
        let entry = entry("customers.add", &partner.id.to_string(), &detail);
        let list = customers::add(&partner, profile, external_id, alone::policies(&config), entry);
        let outcomes = common.acts(list)?;
        set::changed(&outcomes)?;
        let id = outcomes.first().and_then(|outcome| outcome.id);
        let id = id.ok_or_else(|| CliError::Failed("the customer is not there any longer".to_owned()))?;
        print(&mut connection, self.format, &id.to_string(), &format!("is added under {}", partner.profile.name))
    }
}

impl Set {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = customer(&mut connection, &self.customer)?.account;
        let body = self.more.body(self.name, self.email);
        if body.names().is_empty() {
            return Err(CliError::Usage("nothing is to be changed; say what, such as --name Bakery".to_owned()));
        }
        let profile = body.change().map_err(CliError::Usage)?;
        let id = account.id.to_string();
        let detail = json!({"fields": body.names(), "reason": self.reason});
        let entry = entry("customers.set", &id, &detail);
        let list = customers::change(&account, self.expect, profile, alone::policies(&config), entry);
        let changed = set::changed(&common.acts(list)?)?;
        let told =
            if changed.is_empty() { "is so already".to_owned() } else { format!("changed: {}", changed.join(", ")) };
        print(&mut connection, self.format, &id, &told)
    }
}
