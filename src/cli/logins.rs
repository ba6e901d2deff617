//! `tiersync accounts logins`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::contacts::{Kept, keep, kept, say, told, wrong};
use super::output::{Format, Listing};
use super::set::{Named, reason};
use super::{CliError, Common};
use crate::domain::account::Account;
use crate::domain::dossier::{DossierAct, Login, LoginPatch, login_name};
use crate::wire::profile::LoginView;

/// Logins of an account: with what its people sign in to the vendor's systems, and whether they may.
#[derive(Debug, Subcommand)]
pub(super) enum Logins {
    /// List the logins of an account; number 0 is its own
    List(Kept),
    /// Add a login
    Add(Add),
    /// Change a login
    Set(Set),
    /// Take a login away
    Remove(Remove),
}

/// Whom to add.
#[derive(Debug, Args)]
pub(super) struct Add {
    #[command(flatten)]
    account: Named,
    /// Its login name; left out, the account's own login, which had been taken away
    #[arg(long, value_name = "TEXT")]
    login: Option<String>,
    /// It may not sign in
    #[arg(long)]
    may_not_sign_in: bool,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to change of whom.
#[derive(Debug, Args)]
pub(super) struct Set {
    #[command(flatten)]
    account: Named,
    /// The login's number; 0 is the account's own
    number: i64,
    /// Its login name
    #[arg(long, value_name = "TEXT", conflicts_with = "follow_email")]
    login: Option<String>,
    /// The account's own follows its e-mail address again
    #[arg(long)]
    follow_email: bool,
    /// It may sign in
    #[arg(long, conflicts_with = "may_not_sign_in")]
    may_sign_in: bool,
    /// It may not sign in
    #[arg(long)]
    may_not_sign_in: bool,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whom to take away.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    account: Named,
    /// The login's number; 0 is the account's own
    number: i64,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

const COLUMNS: [&str; 4] = ["id", "login", "follows_email", "may_sign_in"];

fn row(listing: &mut Listing, account: &Account, login: &Login) -> Result<(), CliError> {
    let view = LoginView::new(login, &account.profile.email);
    let word = |yes: bool| if yes { "yes" } else { "no" };
    listing.row(&view, &[&*view.id, &view.login, word(view.follows_email), word(view.may_sign_in)])
}

fn print(account: &Account, login: &Login, format: Format) -> Result<(), CliError> {
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, account, login)?;
    listing.end()
}

fn name(text: &str) -> Result<String, CliError> {
    login_name(text).map_err(|why| wrong("login", &why))
}

impl Logins {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(of) => {
                let mut connection = common.open()?;
                let account = of.account.find(&mut connection)?.account;
                let mut listing = Listing::start(of.format, &COLUMNS)?;
                for login in &kept(&mut connection, &account)?.logins {
                    row(&mut listing, &account, login)?;
                }
                listing.end()
            }
            Self::Add(add) => add.run(common),
            Self::Set(set) => set.run(common),
            Self::Remove(remove) => remove.run(common),
        }
    }
}

impl Add {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let named = self.login.as_deref().map(name).transpose()?;
        let mut connection = common.open()?;
        let account = self.account.find(&mut connection)?.account;
        let fields: Vec<&str> =
            named.iter().map(|_| "login").chain(self.may_not_sign_in.then_some("may_sign_in")).collect();
        let act = DossierAct::AddLogin { name: named.clone(), may_sign_in: !self.may_not_sign_in };
        keep(common, &account, act, ("logins.add", json!({"fields": fields, "reason": self.reason})))?;
        let now = kept(&mut connection, &account)?;
        let added = now.logins.iter().find(|login| match &named {
            Some(_) => login.name == named,
            None => login.number == Login::OWN,
        });
        let added = added.ok_or_else(|| CliError::Failed("the login is not there any longer".to_owned()))?;
        match self.format {
            Format::Table => say(&account, "login", added.number, "is added"),
            format => print(&account, added, format),
        }
    }
}

impl Set {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let named = match (&self.login, self.follow_email) {
            (Some(text), _) => Some(Some(name(text)?)),
            (None, true) => Some(None),
            (None, false) => None,
        };
        let may_sign_in = (self.may_sign_in || self.may_not_sign_in).then_some(self.may_sign_in);
        let patch = LoginPatch { name: named, may_sign_in };
        if patch == LoginPatch::default() {
            return Err(CliError::Usage("nothing is to be changed; say what, such as --may-not-sign-in".to_owned()));
        }
        let fields = [("login", patch.name.is_some()), ("may_sign_in", patch.may_sign_in.is_some())];
        let fields: Vec<&str> = fields.into_iter().filter_map(|(name, said)| said.then_some(name)).collect();
        let mut connection = common.open()?;
        let account = self.account.find(&mut connection)?.account;
        let detail = json!({"login": self.number, "fields": fields, "reason": self.reason});
        let changed = keep(common, &account, DossierAct::ChangeLogin(self.number, patch), ("logins.set", detail))?;
        let now = kept(&mut connection, &account)?;
        match (self.format, now.logins.iter().find(|login| login.number == self.number)) {
            (Format::Table, _) | (_, None) => say(&account, "login", self.number, told(&changed)),
            (format, Some(login)) => print(&account, login, format),
        }
    }
}

impl Remove {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let account = self.account.find(&mut common.open()?)?.account;
        let detail = json!({"login": self.number, "fields": [], "reason": self.reason});
        keep(common, &account, DossierAct::RemoveLogin(self.number), ("logins.remove", detail))?;
        say(&account, "login", self.number, "is taken away")
    }
}
