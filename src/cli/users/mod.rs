//! `tiersync users`.

mod change;
pub(super) mod import;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::cli::output::{Format, Listing, pages};
use crate::cli::{CliError, Common};
use crate::domain::ids::ServiceId;
use crate::domain::operator::Visible;
use crate::domain::user::{User, UserStatus};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::services;
use crate::store::seen::users::{self, UserFilter};
use crate::wire::user_show::UserView;

/// Rows read at once.
const PAGE: i64 = 500;

/// The users of customers.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Users {
    /// List the users of customers
    List(List),
    /// Show one user with its history
    Show(Show),
    /// Add a user to an account
    Add(change::Add),
    /// Change a user, or which services it has
    Set(change::Set),
    /// End a user, which loses its services
    End(change::End),
    /// Take a list of users in: add those that are new and change the others, by login
    Import(import::Import),
}

/// Which users.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only of this account: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only in this state: active, disabled or ended
    #[arg(long, value_parser = any_status)]
    status: Option<UserStatus>,
    /// Only who has this service: our id, or the ExternalID
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Only with this login, whatever the case
    #[arg(long)]
    login: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which user.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Our id
    user: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn any_status(text: &str) -> Result<UserStatus, String> {
    UserStatus::parse(text).ok_or_else(|| "it is none of active, disabled, ended".to_owned())
}

const COLUMNS: [&str; 7] = ["id", "account", "login", "name", "email", "status", "services"];

fn row(listing: &mut Listing, whole: &impl serde::Serialize, view: &UserView) -> Result<(), CliError> {
    let services = view.services.join(" ");
    listing.row(whole, &[&view.id, &view.account, &view.login, &view.name, &view.email, view.status, &services])
}

impl Users {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Add(add) => add.run(common),
            Self::Set(set) => set.run(common),
            Self::End(end) => end.run(common),
            Self::Import(import) => import.run(common),
        }
    }
}

/// The id of the service that is called `name`, our id or the ExternalID.
fn service(connection: &mut AnyConnection, name: &str) -> Result<ServiceId, CliError> {
    let mut found = services::named(connection, &Visible::All, name)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one.id),
        (None, _) => Err(CliError::Failed(format!("no service is called {name}; see `tiersync services list`"))),
        (Some(_), Some(_)) => {
            Err(CliError::Usage(format!("several services are called {name}; use the id that `services list` shows")))
        }
    }
}

/// The user of this id.
fn find(connection: &mut AnyConnection, id: &str) -> Result<User, CliError> {
    users::one(connection, &Visible::All, id)?
        .ok_or_else(|| CliError::Failed(format!("there is no user {id}; see `tiersync users list`")))
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = match &self.account {
            Some(name) => Some(crate::cli::accounts::find(connection, name, None, None)?.account.id),
            None => None,
        };
        let service = match &self.service {
            Some(name) => Some(service(connection, name)?),
            None => None,
        };
        let filter = UserFilter { account, status: self.status, service, login: self.login };
        let page = |after| {
            let page = users::list(connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, |listing, user| {
            let view = UserView::from(user);
            row(listing, &view, &view)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let user = find(connection, &self.user)?;
        let (mut history, mut after) = (Vec::new(), None);
        loop {
            let page = users::history(connection, &Visible::All, user.id, after, PAGE)?;
            history.extend(page.items.iter().map(shown::user_happened));
            match page.next {
                // Nobody reads more on a screen; /v1 pages through all of it.
                Some(next) if history.len() < 10_000 => after = Some(next),
                _ => break,
            }
        }
        let view = UserView::from(&user);
        let failed = |error: serde_json::Error| CliError::Failed(error.to_string());
        let mut whole = serde_json::to_value(&view).map_err(failed)?;
        if self.format != Format::Table {
            if let Some(object) = whole.as_object_mut() {
                object.insert("history".to_owned(), serde_json::to_value(&history).map_err(failed)?);
            }
            let mut listing = Listing::start(self.format, &COLUMNS)?;
            row(&mut listing, &whole, &view)?;
            return listing.end();
        }
        let mut listing = Listing::start(Format::Table, &["", ""])?;
        for (name, value) in whole.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            listing.row(&(), &[name, &text])?;
        }
        listing.end()?;
        writeln!(std::io::stdout(), "\nHistory, newest first:")?;
        let columns = ["revision", "at", "happening", "changed", "gained", "lost", "status", "cause", "delivery"];
        let mut listing = Listing::start(Format::Table, &columns)?;
        for one in &history {
            let revision = one.revision.to_string();
            let (changed, gained, lost) = (one.changed.join(" "), one.gained.join(" "), one.lost.join(" "));
            let delivery = one.delivery.as_deref().unwrap_or_default();
            let cells = [&*revision, &one.at, one.happening, &changed, &gained, &lost, one.status, one.cause, delivery];
            listing.row(&(), &cells)?;
        }
        listing.end()
    }
}
