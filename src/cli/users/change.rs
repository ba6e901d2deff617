//! `tiersync users add`, `set` and `end`.

use std::io::Write;

use clap::Args;
use serde_json::json;

use super::{find, row, service};
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing};
use crate::cli::{CliError, Common};
use crate::domain::act::user::{UserAct, UserDeed, UserPatch};
use crate::domain::operator::Visible;
use crate::domain::user::UserStatus;
use crate::ops::{alone, set, users};
use crate::store::AnyConnection;
use crate::store::seen;
use crate::wire::service_asked::text;
use crate::wire::user_show::UserView;

/// Whom to add.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The account: our id, the ExternalID, or the platform ID
    account: String,
    /// With what it signs in; unique among the users of the account, whatever the case
    login: String,
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// Its e-mail address
    #[arg(long)]
    email: Option<String>,
    /// active, or disabled: may not sign in
    #[arg(long, value_parser = status)]
    status: Option<UserStatus>,
    /// A service that it has: our id, or the ExternalID; several times
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to change of which user.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// Our id
    user: String,
    /// With what it signs in
    #[arg(long)]
    login: Option<String>,
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// Its e-mail address
    #[arg(long)]
    email: Option<String>,
    /// active, or disabled: may not sign in and keeps its services
    #[arg(long, value_parser = status)]
    status: Option<UserStatus>,
    /// A service that it has: our id, or the ExternalID; several times. Those that are not named are taken away
    #[arg(long = "service", value_name = "SERVICE", conflicts_with = "no_services")]
    services: Vec<String>,
    /// Take all services away
    #[arg(long)]
    no_services: bool,
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

/// Whom to end.
#[derive(Debug, Args)]
pub(in crate::cli) struct End {
    /// Our id
    user: String,
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

fn status(text: &str) -> Result<UserStatus, String> {
    UserStatus::parse(text)
        .filter(|status| *status != UserStatus::Ended)
        .ok_or_else(|| "it is neither active nor disabled".to_owned())
}

fn reason(text: &str) -> Result<String, String> {
    set::reason(text).map_err(|why| format!("it {why}"))
}

fn checked(name: &str, said: Option<String>) -> Result<Option<String>, CliError> {
    said.map(|said| text(name, &said)).transpose().map_err(CliError::Usage)
}

fn print(connection: &mut AnyConnection, format: Format, id: &str, done: &str) -> Result<(), CliError> {
    if format == Format::Table {
        return Ok(writeln!(std::io::stdout(), "user {id} {done}")?);
    }
    let view = UserView::from(&find(connection, id)?);
    let mut listing = Listing::start(format, &super::COLUMNS)?;
    row(&mut listing, &view, &view)?;
    listing.end()
}

fn told(changed: &[String]) -> String {
    if changed.is_empty() { "is so already".to_owned() } else { format!("changed: {}", changed.join(", ")) }
}

impl Add {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = crate::cli::accounts::find(&mut connection, &self.account, None, None)?.account;
        let mut services = Vec::with_capacity(self.services.len());
        for name in &self.services {
            services.push(service(&mut connection, name)?);
        }
        let login = text("login", &self.login).map_err(CliError::Usage)?;
        let patch = UserPatch {
            login: Some(login.clone()),
            name: checked("name", self.name)?,
            email: checked("email", self.email)?,
            status: self.status,
            services: Some(services),
        };
        let act = UserAct { user: None, expect: None, deed: UserDeed::Create(patch) };
        let entry = entry("users.add", &account.id.to_string(), &json!({"reason": self.reason}));
        set::changed(&common.acts(users::list(account.key, act, alone::policies(&config), entry))?)?;
        let made = seen::users::with_login(&mut connection, &Visible::All, account.id, &login)?;
        let made = made.ok_or_else(|| CliError::Failed("the user is not there any longer".to_owned()))?;
        print(&mut connection, self.format, &made.id.to_string(), "is added")
    }
}

impl Set {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let user = find(&mut connection, &self.user)?;
        let account = crate::cli::accounts::find(&mut connection, &user.account.to_string(), None, None)?.account;
        let mut services = Vec::with_capacity(self.services.len());
        for name in &self.services {
            services.push(service(&mut connection, name)?);
        }
        let patch = UserPatch {
            login: checked("login", self.login)?,
            name: checked("name", self.name)?,
            email: checked("email", self.email)?,
            status: self.status,
            services: (self.no_services || !services.is_empty()).then_some(services),
        };
        if patch == UserPatch::default() {
            return Err(CliError::Usage("nothing is to be changed; say what, such as --status disabled".to_owned()));
        }
        let act = UserAct { user: Some(user.id), expect: self.expect, deed: UserDeed::Change(patch) };
        let id = user.id.to_string();
        let entry = entry("users.set", &id, &json!({"reason": self.reason}));
        let changed = set::changed(&common.acts(users::list(account.key, act, alone::policies(&config), entry))?)?;
        print(&mut connection, self.format, &id, &told(&changed))
    }
}

impl End {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let user = find(&mut connection, &self.user)?;
        let account = crate::cli::accounts::find(&mut connection, &user.account.to_string(), None, None)?.account;
        let act = UserAct { user: Some(user.id), expect: self.expect, deed: UserDeed::End };
        let id = user.id.to_string();
        let entry = entry("users.end", &id, &json!({"reason": self.reason}));
        let changed = set::changed(&common.acts(users::list(account.key, act, alone::policies(&config), entry))?)?;
        print(&mut connection, self.format, &id, if changed.is_empty() { "is ended already" } else { "is ended" })
    }
}
