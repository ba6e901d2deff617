//! `tiersync promote` and `tiersync demote`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::accounts::find;
use super::operator::entry;
use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::auth::token::new_token;
use crate::domain::account::Account;
use crate::domain::act::{ActOutcome, OffersOf};
use crate::domain::dossier::price_list;
use crate::domain::ids::AccountKey;
use crate::domain::offer::directory_ou;
use crate::domain::operator::Role;
use crate::ops::promote::{self, NameError, Wanted};
use crate::ops::{alone, set, shown};
use crate::store::{AnyConnection, dossiers, offers};
use crate::wire::plans::read_one;
use crate::wire::time::rfc3339;
use crate::writer::acts::ActList;
use crate::writer::now_micros;

/// Whom to promote, and how.
#[derive(Debug, Args)]
pub(super) struct Promote {
    /// The customer: our id, its ExternalID or its platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// The reseller whose offers it gets, by any of its names [default: the one that it is a customer of]
    #[arg(long, value_name = "RESELLER", conflicts_with = "plans")]
    plans_from: Option<String>,
    /// What it may sell: CSV, a JSON array or JSON lines with service, plan, locations and directory_ou; `-` reads standard
    /// input
    #[arg(long, value_name = "FILE")]
    plans: Option<PathBuf>,
    /// What its price list is called [default: as the one that it gets]
    #[arg(long, value_name = "NAME", value_parser = list_name)]
    price_list: Option<String>,
    /// The distinguished name of its organizational unit, such as OU=Example,DC=vendor,DC=example
    #[arg(long, value_name = "DN", value_parser = ou)]
    directory_ou: Option<String>,
    /// The name of its login: letters, digits and . _ - @; never given twice [default: made of its id]
    #[arg(long, value_name = "NAME", value_parser = super::operator::name)]
    operator: Option<String>,
    /// When the login's token ends, such as 12h, 90d or 52w [default: never]
    #[arg(long, value_name = "TIME", value_parser = super::operator::lifetime)]
    expires: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whom to make a customer again.
#[derive(Debug, Args)]
pub(super) struct Demote {
    /// The reseller: our id, its ExternalID or its platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// Whose customer it becomes, by any of its names, or "none" [default: whose it was when it was promoted]
    #[arg(long, value_name = "RESELLER")]
    reseller: Option<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn list_name(text: &str) -> Result<String, String> {
    price_list(text).map_err(|why| format!("it {why}"))
}

fn ou(text: &str) -> Result<String, String> {
    directory_ou(text).map_err(|error| error.to_string())
}

impl From<NameError> for CliError {
    fn from(error: NameError) -> Self {
        match error {
            NameError::Taken => Self::Failed("no name is left for its login; choose one with --operator".to_owned()),
            NameError::Store(error) => error.into(),
        }
    }
}

/// Another account of the same source and tenant, by any of its names.
fn beside(connection: &mut AnyConnection, account: &Account, name: &str) -> Result<AccountKey, CliError> {
    let scope = &account.key.scope;
    let found = find(connection, name, Some(scope.source.as_str()), Some(scope.tenant.as_str()));
    Ok(found?.account.key)
}

/// Does what a list says, or tells why not.
fn done(common: &Common, list: ActList) -> Result<Vec<ActOutcome>, CliError> {
    let outcomes = common.acts(list)?;
    set::changed(&outcomes)?;
    Ok(outcomes)
}

impl Promote {
    /// What it may sell, and what the list says beside that.
    fn wanted(&self, connection: &mut AnyConnection, account: &Account, now: i64) -> Result<Wanted, CliError> {
        let mut wanted = Wanted {
            offers: OffersOf::Former,
            price_list: self.price_list.clone(),
            directory_ou: self.directory_ou.clone(),
            expires_at: self.expires.map(|length| now.saturating_add(length)),
        };
        if let Some(file) = &self.plans {
            let sheet = read_one(&super::plans::bytes(file)?)
                .map_err(|why| CliError::Failed(format!("{}: {why}", file.display())))?;
            wanted.offers = OffersOf::Given(sheet.offers);
            wanted.directory_ou = wanted.directory_ou.or(sheet.directory_ou);
        } else if let Some(name) = &self.plans_from {
            // Its own source and tenant first: platform IDs are told apart by them.
            let from = match beside(connection, account, name) {
                Ok(key) => key,
                Err(_) => find(connection, name, None, None)?.account.key,
            };
            wanted.offers = OffersOf::Reseller(from);
        }
        Ok(wanted)
    }

    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = find(&mut connection, &self.account, self.source.as_deref(), self.tenant.as_deref())?.account;
        let now = now_micros();
        let wanted = self.wanted(&mut connection, &account, now)?;
        let login = match &self.operator {
            Some(name) => name.clone(),
            None => promote::free_name(&mut connection, account.id)?,
        };
        let expires_at = wanted.expires_at.map(rfc3339);
        let detail = wanted.detail(&login, &self.reason);
        let entry = entry("accounts.promote", &account.id.to_string(), &detail);
        let (token, hash) = new_token();
        let policies = alone::policies(&config);
        let list = promote::promotion(&account, wanted, login.clone(), *hash.as_bytes(), policies, entry);
        let outcomes = done(common, list)?;
        if self.format == Format::Table {
            // Before anything else can fail: it is shown this once.
            writeln!(std::io::stdout(), "{token}")?;
        }
        let id = account.id.to_string();
        if self.format == Format::Table {
            let listing = offers::listing(&mut connection, account.id)?;
            let mut told = std::io::stderr();
            let many = listing.seller.offers.list.len();
            writeln!(told, "Account {id} is a reseller now and may sell {many} offers.")?;
            for note in promote::notes(&outcomes) {
                writeln!(told, "Note: {note}.")?;
            }
            writeln!(told, "This is the token of {login}, shown this once. Send it as `Authorization: Bearer …`.")?;
            return Ok(());
        }
        // The token is shown whether or not the rest can be read.
        let listed = find(&mut connection, &id, None, None).ok();
        let plans = offers::listing(&mut connection, account.id).ok();
        let plans = listed.as_ref().zip(plans).map(|(listed, listing)| shown::plans(&listed.account, &listing));
        let kept = dossiers::of(&mut connection, account.id).ok();
        let role = Role::ResellerAdmin.as_str();
        let whole = json!({
            "account": listed.as_ref().map(shown::account),
            "plans": plans,
            "price_list": kept.map(|kept| kept.settings.price_list),
            "operator": {"name": login, "role": role, "token": token, "expires_at": expires_at},
            "notes": promote::notes(&outcomes),
        });
        if self.format == Format::Json {
            writeln!(std::io::stdout(), "{whole}")?;
            return Ok(());
        }
        let mut out = Listing::start(self.format, &["id", "operator", "role", "token"])?;
        out.row(&whole, &[&id, &login, role, &token])?;
        out.end()
    }
}

impl Demote {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = find(&mut connection, &self.account, self.source.as_deref(), self.tenant.as_deref())?.account;
        let reseller = match self.reseller.as_deref() {
            None => promote::former(&mut connection, &account)?,
            Some("none") => None,
            Some(name) => Some(beside(&mut connection, &account, name)?),
        };
        let id = account.id.to_string();
        let to = reseller.as_ref().map(|key| key.platform_id.to_string());
        let entry = entry("accounts.demote", &id, &json!({"reseller": to, "reason": self.reason}));
        let list = promote::demotion(&account, reseller, alone::policies(&config), entry);
        let outcomes = done(common, list)?;
        let notes = promote::notes(&outcomes);
        if self.format == Format::Table {
            let whose = to.map_or_else(|| "nobody".to_owned(), |id| format!("reseller {id}"));
            writeln!(std::io::stdout(), "account {id} is a customer of {whose} now")?;
            for note in notes {
                writeln!(std::io::stdout(), "{note}")?;
            }
            return Ok(());
        }
        let view = shown::account(&find(&mut connection, &id, None, None)?);
        let cells = [id, view.kind.to_owned(), to.unwrap_or_default(), notes.join("; ")];
        let whole = json!({"account": view, "notes": notes});
        if self.format == Format::Json {
            writeln!(std::io::stdout(), "{whole}")?;
            return Ok(());
        }
        let mut out = Listing::start(self.format, &["id", "kind", "reseller", "notes"])?;
        out.row(&whole, &cells.each_ref().map(String::as_str))?;
        out.end()
    }
}
