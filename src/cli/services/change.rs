//! `tiersync services create`, `set`, `suspend`, `activate` and `end`.

use std::io::Write;

use clap::Args;
use serde_json::json;
use serde_json::value::RawValue;

use super::find;
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing};
use crate::cli::{CliError, Common};
use crate::domain::service::{Direction, Service, ServiceKind};
use crate::ops::services::{self, Turn};
use crate::ops::{alone, set};
use crate::store::AnyConnection;
use crate::wire::service_asked::{ServiceBody, TransferBody};
use crate::wire::service_show::ServiceView;
use crate::writer::acts::ActList;

/// What is said of a service.
#[derive(Debug, Args)]
struct Said {
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// Which of the vendor's services it is
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// On which plan
    #[arg(long)]
    plan: Option<String>,
    /// Where it runs
    #[arg(long)]
    location: Option<String>,
    /// How many, such as licenses
    #[arg(long, value_name = "N")]
    quantity: Option<i64>,
    /// Whether it is not paid for: true or false
    #[arg(long, value_name = "BOOL")]
    trial: Option<bool>,
    /// Whatever else describes it, the whole set: a JSON object of texts, numbers, true and false
    #[arg(long, value_name = "JSON")]
    attributes: Option<String>,
    /// When it expires unless it is renewed (RFC 3339, or a day), or "never"
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// A transfer that is under way: incoming or outgoing; "none" once it is over
    #[arg(long, value_name = "DIRECTION", value_parser = transfer)]
    transfer: Option<String>,
    /// How far the transfer is, in the registry's words
    #[arg(long, value_name = "TEXT", requires = "transfer")]
    transfer_state: Option<String>,
    /// What somebody has to do for the transfer
    #[arg(long, value_name = "TEXT", requires = "transfer")]
    transfer_action: Option<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

/// What to make, and whose it is.
#[derive(Debug, Args)]
pub(in crate::cli) struct Create {
    /// The account: our id, the ExternalID, or the platform ID
    account: String,
    /// What it is: subscription, domain, hosting, ssl, entitlement or other
    #[arg(long, value_parser = super::kind)]
    kind: ServiceKind,
    /// The subscription that it is an add-on of: our id, or the ExternalID
    #[arg(long, value_name = "SERVICE")]
    parent: Option<String>,
    /// The platform's own ID of it
    #[arg(long, value_name = "ID")]
    platform_id: Option<String>,
    /// The ID that the platform is to send [default: a new one]
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    #[command(flatten)]
    said: Said,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to change of which service.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// Our id, or the ExternalID
    id: String,
    /// What it is: subscription, domain, hosting, ssl, entitlement or other
    #[arg(long, value_parser = super::kind)]
    kind: Option<ServiceKind>,
    #[command(flatten)]
    said: Said,
    /// Only if it still has this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which service.
#[derive(Debug, Args)]
pub(in crate::cli) struct Which {
    /// Our id, or the ExternalID
    id: String,
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

pub(super) fn reason(text: &str) -> Result<String, String> {
    set::reason(text).map_err(|why| format!("it {why}"))
}

fn transfer(text: &str) -> Result<String, String> {
    match text {
        "none" => Ok(text.to_owned()),
        other => Direction::parse(other)
            .map(|direction| direction.as_str().to_owned())
            .ok_or_else(|| "it is none of incoming, outgoing, none".to_owned()),
    }
}

impl Said {
    fn body(self, kind: Option<ServiceKind>) -> Result<ServiceBody, CliError> {
        let transfer = match (self.transfer.as_deref(), self.transfer_state) {
            (None, _) => None,
            (Some("none"), None) if self.transfer_action.is_none() => Some(None),
            (Some("none"), _) => {
                return Err(CliError::Usage(
                    "--transfer none takes no --transfer-state and --transfer-action".to_owned(),
                ));
            }
            (Some(_), None) => {
                return Err(CliError::Usage("say with --transfer-state how far the transfer is".to_owned()));
            }
            (Some(direction), Some(state)) => {
                Some(Some(TransferBody { direction: direction.to_owned(), state, action: self.transfer_action }))
            }
        };
        let attributes = self.attributes.map(RawValue::from_string).transpose();
        let attributes = attributes.map_err(|_| CliError::Usage("--attributes is no JSON object".to_owned()))?;
        Ok(ServiceBody {
            name: self.name,
            kind: kind.map(|kind| kind.as_str().to_owned()),
            service: self.service,
            plan: self.plan,
            location: self.location,
            quantity: self.quantity,
            trial: self.trial,
            attributes,
            transfer,
            expires_at: self.expires.map(|said| Some(said).filter(|said| said != "never")),
            parent: None,
            platform_id: None,
            external_id: None,
            reason: self.reason,
        })
    }
}

fn usage(why: String) -> CliError {
    CliError::Usage(why)
}

/// Does a list and gives the names of what changed.
fn done(common: &Common, list: ActList) -> Result<Vec<String>, CliError> {
    Ok(set::changed(&common.acts(list)?)?)
}

/// Prints what became of a service.
fn print(connection: &mut AnyConnection, format: Format, id: &str, done: &str) -> Result<(), CliError> {
    if format == Format::Table {
        return Ok(writeln!(std::io::stdout(), "service {id} {done}")?);
    }
    let view = ServiceView::from(&find(connection, id)?);
    let mut listing = Listing::start(format, &super::COLUMNS)?;
    super::row(&mut listing, &view, &view)?;
    listing.end()
}

fn told(changed: &[String]) -> String {
    if changed.is_empty() { "is so already".to_owned() } else { format!("changed: {}", changed.join(", ")) }
}

impl Create {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = crate::cli::accounts::find(&mut connection, &self.account, None, None)?.account;
        let parent = match &self.parent {
            Some(name) => Some(find(&mut connection, name)?.external_id),
            None => None,
        };
        let mut body = self.said.body(Some(self.kind))?;
        (body.platform_id, body.external_id) = (self.platform_id, self.external_id);
        let patch = body.patch(&|name| config.is_secret_option(name)).map_err(usage)?;
        let detail = json!({"fields": body.names(), "reason": body.reason});
        let entry = entry("services.create", &account.id.to_string(), &detail);
        let (list, external_id) =
            services::create(account.key.clone(), &body, patch, parent, alone::policies(&config), entry)
                .map_err(usage)?;
        done(common, list)?;
        let made = crate::store::services::named(&mut connection, &account.key.scope, external_id.as_str())?;
        let made = made.ok_or_else(|| CliError::Failed("the service is not there any longer".to_owned()))?;
        print(&mut connection, self.format, &made.id.to_string(), &format!("is made; its ExternalID is {external_id}"))
    }
}

/// The service and whose it is.
fn owned(connection: &mut AnyConnection, name: &str) -> Result<(Service, crate::domain::account::Account), CliError> {
    let service = find(connection, name)?;
    let account = crate::cli::accounts::find(connection, &service.account.to_string(), None, None)?.account;
    Ok((service, account))
}

impl Set {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (service, account) = owned(&mut connection, &self.id)?;
        let body = self.said.body(self.kind)?;
        if body.names().is_empty() {
            return Err(CliError::Usage("nothing is to be changed; say what, such as --plan gold".to_owned()));
        }
        let patch = body.patch(&|name| config.is_secret_option(name)).map_err(usage)?;
        let id = service.id.to_string();
        let entry = entry("services.set", &id, &json!({"fields": body.names(), "reason": body.reason}));
        let list = services::change(account.key, &service, patch, self.expect, alone::policies(&config), entry);
        let changed = done(common, list)?;
        print(&mut connection, self.format, &id, &told(&changed))
    }
}

impl Which {
    pub(super) fn run(self, common: &Common, turn: Turn) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (service, account) = owned(&mut connection, &self.id)?;
        let id = service.id.to_string();
        let entry = entry(turn.as_str(), &id, &json!({"reason": self.reason}));
        let list = services::turn(account.key, &service, turn, self.expect, alone::policies(&config), entry);
        let changed = done(common, list)?;
        print(&mut connection, self.format, &id, &told(&changed))
    }
}
