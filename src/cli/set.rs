//! `tiersync accounts set`.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::operator::entry;
use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::call::ProfilePatch;
use crate::domain::dossier::{self, SettingsPatch, Verification};
use crate::domain::options::MAX_TEXT_CHARS;
use crate::ops::set::{self, SetError, Wanted};
use crate::ops::{alone, shown};
use crate::store::AnyConnection;
use crate::store::accounts::Listed;
use crate::writer::SubmitError;

/// What to change of which account.
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    account: Named,
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
    /// What it may do: enabled, disabled, fraud, or frozen for a reseller
    #[arg(long, value_parser = standing)]
    standing: Option<Standing>,
    /// Its label; empty takes it away
    #[arg(long, value_name = "TEXT", value_parser = label)]
    label: Option<String>,
    /// How far it is known who it is: unverified, pending, verified or rejected
    #[arg(long, value_parser = verification)]
    verification: Option<Verification>,
    /// The IP address from which it signed up; empty takes it away
    #[arg(long, value_name = "IP", value_parser = address)]
    sign_up_address: Option<Address>,
    /// The name of its price list; empty takes it away
    #[arg(long, value_name = "NAME", value_parser = price_list)]
    price_list: Option<String>,
    /// Whether it may change name servers and the DNS of its domains
    #[arg(long, value_enum)]
    dns_options: Option<Switch>,
    /// The name servers that its domains get, separated by commas; empty for the vendor's own
    #[arg(long, value_name = "HOST,…", value_parser = servers)]
    name_servers: Option<Servers>,
    /// Where it is, by the name of its time zone, such as Europe/Athens; empty takes it away
    #[arg(long, value_name = "ZONE", value_parser = time_zone)]
    time_zone: Option<String>,
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

pub(super) fn text(text: &str) -> Result<String, String> {
    if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        return Err(format!("it is longer than {MAX_TEXT_CHARS} characters or holds a control character"));
    }
    Ok(text.to_owned())
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Switch {
    /// It may
    On,
    /// It may not
    Off,
}

/// An address that is set, or taken away.
#[derive(Debug, Clone)]
struct Address(Option<std::net::IpAddr>);

/// Name servers, in order.
#[derive(Debug, Clone)]
struct Servers(Vec<String>);

pub(super) fn standing(text: &str) -> Result<Standing, String> {
    Standing::parse(text).ok_or_else(|| "it is none of enabled, disabled, fraud, frozen".to_owned())
}

fn verification(text: &str) -> Result<Verification, String> {
    Verification::parse(text).ok_or_else(|| "it is none of unverified, pending, verified, rejected".to_owned())
}

fn label(text: &str) -> Result<String, String> {
    dossier::label(text).map_err(|why| format!("it {why}"))
}

fn price_list(text: &str) -> Result<String, String> {
    dossier::price_list(text).map_err(|why| format!("it {why}"))
}

fn time_zone(text: &str) -> Result<String, String> {
    dossier::time_zone(text).map_err(|why| format!("it {why}"))
}

fn address(text: &str) -> Result<Address, String> {
    dossier::sign_up_address(text).map(Address).map_err(|why| format!("it {why}"))
}

fn servers(text: &str) -> Result<Servers, String> {
    let names = text.split(',').filter(|name| !name.trim().is_empty());
    let list = names.map(|name| dossier::name_server(name).map_err(|why| format!("{} {why}", name.trim())));
    list.collect::<Result<_, _>>().map(Servers)
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

/// An account by any of its names.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Our id, the ExternalID, or the platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
}

impl Named {
    /// The account.
    pub(super) fn find(&self, connection: &mut AnyConnection) -> Result<Listed, CliError> {
        super::accounts::find(connection, &self.account, self.source.as_deref(), self.tenant.as_deref())
    }
}

/// Changes an account and says what changed. `wanted` tells what, once the account is known.
pub(super) fn carry_out(
    common: &Common,
    named: &Named,
    reason: Option<&str>,
    format: Format,
    wanted: impl FnOnce(&mut AnyConnection, &Account) -> Result<Wanted, CliError>,
) -> Result<(), CliError> {
    let config = common.load()?;
    let mut connection = common.open()?;
    let account = named.find(&mut connection)?.account;
    let wanted = wanted(&mut connection, &account)?;
    let id = account.id;
    let entry = entry("accounts.set", &id.to_string(), &wanted.detail(reason));
    let list = wanted.list(&account, alone::policies(&config), entry)?;
    let (writer, thread) = alone::writer(&config)?;
    let done = writer.acts_blocking(list);
    drop(writer);
    thread.join();
    let outcomes = done.map_err(|error| match error {
        SubmitError::Failed => CliError::Failed("the change failed and was taken back; nothing is written".to_owned()),
        other => CliError::Unreachable(format!("{other}; run the command again")),
    })?;
    let changed = set::changed(&outcomes)?;
    if format == Format::Table {
        let done =
            if changed.is_empty() { "is so already".to_owned() } else { format!("changed: {}", changed.join(", ")) };
        writeln!(std::io::stdout(), "account {id} {done}")?;
        for note in outcomes.iter().filter_map(|outcome| outcome.applied()).flat_map(|applied| &applied.notes) {
            writeln!(std::io::stdout(), "{note}")?;
        }
        return Ok(());
    }
    let listed = super::accounts::find(&mut connection, &id.to_string(), None, None)?;
    let view = shown::account(&listed);
    let mut listing = Listing::start(format, &["id", "source", "tenant", "platform_id", "kind", "status", "name"])?;
    let cells = [&*view.id, &view.source, &view.tenant, &view.platform_id, view.kind, view.status, &view.name];
    listing.row(&view, &cells)?;
    listing.end()
}

impl Set {
    fn settings(&self) -> SettingsPatch {
        SettingsPatch {
            label: self.label.clone(),
            verification: self.verification,
            sign_up_address: self.sign_up_address.clone().map(|Address(address)| address),
            price_list: self.price_list.clone(),
            dns_options: self.dns_options.map(|on| on == Switch::On),
            name_servers: self.name_servers.clone().map(|Servers(list)| list),
            time_zone: self.time_zone.clone(),
            ..SettingsPatch::default()
        }
    }

    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let settings = self.settings();
        carry_out(common, &self.account, self.reason.as_deref(), self.format, |connection, account| {
            let reseller = match self.reseller.as_deref() {
                None => None,
                Some("none") => Some(None),
                Some(name) => {
                    let scope = &account.key.scope;
                    let (source, tenant) = (Some(scope.source.as_str()), Some(scope.tenant.as_str()));
                    Some(Some(super::accounts::find(connection, name, source, tenant)?.account.key))
                }
            };
            Ok(Wanted {
                reseller,
                kind: self.kind,
                status: self.status,
                release: self.release,
                standing: self.standing,
                profile: ProfilePatch {
                    name: self.name,
                    email: self.email,
                    code: self.code,
                    ..ProfilePatch::default()
                },
                settings,
            })
        })
    }
}
