//! `tiersync services`.

mod change;
mod import;
mod products;

use std::io::Write;

use clap::{Args, Subcommand};

use crate::cli::output::{Format, Listing, pages};
use crate::cli::{CliError, Common};
use crate::domain::operator::Visible;
use crate::domain::service::{Service, ServiceKind, ServiceStatus};
use crate::ops::services::Turn;
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::services::{self, ServiceFilter, Transferring};
use crate::wire::service_show::ServiceView;

/// Rows read at once.
const PAGE: i64 = 500;

/// What accounts bought.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Services {
    /// List services
    List(List),
    /// Show one service with its history
    Show(Show),
    /// Make a service of an account
    Create(Box<change::Create>),
    /// Change what describes a service
    Set(Box<change::Set>),
    /// Suspend a service
    Suspend(change::Which),
    /// Put a service in use again, one that was suspended or one that ended
    Activate(change::Which),
    /// End a service with its add-ons
    End(change::Which),
    /// Take a list of services: make what is new, change what is there, start transfers
    Import(import::Import),
    /// Give services of one customer to another one of the same level
    Move(products::Move),
}

/// Which services.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// Only of this account: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only of this kind: subscription, domain, hosting, ssl, entitlement or other
    #[arg(long, value_parser = kind)]
    kind: Option<ServiceKind>,
    /// Only in this state: active, trial, suspended or ended
    #[arg(long, value_parser = status)]
    status: Option<ServiceStatus>,
    /// Only with a transfer under way: open for any, action where somebody has to do something, incoming or outgoing
    #[arg(long, value_parser = transferring)]
    transfer: Option<Transferring>,
    /// Only those that an operator gave to another account than the one that the platform orders them for
    #[arg(long)]
    held: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which service.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Our id, or the ExternalID
    service: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn kind(text: &str) -> Result<ServiceKind, String> {
    ServiceKind::parse(text)
        .ok_or_else(|| "it is none of subscription, domain, hosting, ssl, entitlement, other".to_owned())
}

fn status(text: &str) -> Result<ServiceStatus, String> {
    ServiceStatus::parse(text).ok_or_else(|| "it is none of active, trial, suspended, ended".to_owned())
}

fn transferring(text: &str) -> Result<Transferring, String> {
    Transferring::parse(text).ok_or_else(|| format!("it is none of {}", Transferring::WORDS))
}

/// The columns of a list of transfers.
const TRANSFERS: [&str; 8] = ["id", "account", "kind", "name", "direction", "state", "action", "status"];

fn transfer_row(listing: &mut Listing, view: &ServiceView) -> Result<(), CliError> {
    let transfer = view.transfer.as_ref();
    let cells = [
        &*view.id,
        &view.account,
        view.kind,
        &view.name,
        transfer.map_or("", |transfer| transfer.direction),
        transfer.map_or("", |transfer| &transfer.state),
        transfer.and_then(|transfer| transfer.action.as_deref()).unwrap_or_default(),
        view.status,
    ];
    listing.row(view, &cells)
}

const COLUMNS: [&str; 9] = ["id", "account", "parent", "kind", "service", "name", "plan", "quantity", "status"];

fn row(listing: &mut Listing, whole: &impl serde::Serialize, view: &ServiceView) -> Result<(), CliError> {
    let quantity = view.quantity.to_string();
    let parent = view.parent.as_deref().unwrap_or_default();
    let cells =
        [&*view.id, &view.account, parent, view.kind, &view.service, &view.name, &view.plan, &quantity, view.status];
    listing.row(whole, &cells)
}

/// The service that is called `name`, our id or the ExternalID.
fn find(connection: &mut AnyConnection, name: &str) -> Result<Service, CliError> {
    let mut found = services::named(connection, &Visible::All, name)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(CliError::Failed(format!("no service is called {name}; see `tiersync services list`"))),
        (Some(_), Some(_)) => {
            Err(CliError::Usage(format!("several services are called {name}; use the id that `services list` shows")))
        }
    }
}

impl Services {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Create(create) => create.run(common),
            Self::Set(set) => set.run(common),
            Self::Suspend(which) => which.run(common, Turn::Suspend),
            Self::Activate(which) => which.run(common, Turn::Activate),
            Self::End(which) => which.run(common, Turn::End),
            Self::Import(import) => import.run(common),
            Self::Move(products) => products.run(common),
        }
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = match &self.account {
            Some(name) => Some(crate::cli::accounts::find(connection, name, None, None)?.account.id),
            None => None,
        };
        let filter = ServiceFilter {
            account,
            kind: self.kind,
            status: self.status,
            transfer: self.transfer,
            held: self.held.then_some(true),
        };
        let page = |after| {
            let page = services::list(connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        if self.transfer.is_some() {
            return pages((self.format, self.limit), &TRANSFERS, page, |listing, service| {
                transfer_row(listing, &ServiceView::from(service))
            });
        }
        pages((self.format, self.limit), &COLUMNS, page, |listing, service| {
            let view = ServiceView::from(service);
            row(listing, &view, &view)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let service = find(connection, &self.service)?;
        let (mut history, mut after) = (Vec::new(), None);
        loop {
            let page = services::history(connection, &Visible::All, service.id, after, PAGE)?;
            history.extend(page.items.iter().map(shown::happened));
            match page.next {
                // Nobody reads more on a screen; /v1 pages through all of it.
                Some(next) if history.len() < 10_000 => after = Some(next),
                _ => break,
            }
        }
        let view = ServiceView::from(&service);
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
        let columns = ["revision", "from", "happening", "changed", "status", "plan", "quantity", "cause", "delivery"];
        let mut listing = Listing::start(Format::Table, &columns)?;
        for one in &history {
            let (revision, quantity) = (one.revision.to_string(), one.quantity.to_string());
            let changed = one.changed.join(" ");
            let delivery = one.delivery.as_deref().unwrap_or_default();
            let cells =
                [&*revision, &one.from, one.happening, &changed, one.status, &one.plan, &quantity, one.cause, delivery];
            listing.row(&(), &cells)?;
        }
        listing.end()
    }
}
