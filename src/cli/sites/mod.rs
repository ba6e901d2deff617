//! `tiersync sites`.

mod probes;

pub(in crate::cli) use probes::Probes;

use std::collections::BTreeSet;
use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::customers::reason;
use crate::cli::deletion::{self, Asked};
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing, pages};
use crate::cli::{CliError, Common};
use crate::domain::account::Account;
use crate::domain::act::site::{SiteDeed, SitePatch};
use crate::domain::operator::Visible;
use crate::domain::site::{PlaceStatus, Site, description, name};
use crate::ops::delete::{Found, Named};
use crate::ops::{alone, set, shown, sites};
use crate::store::AnyConnection;
use crate::store::seen::sites as seen;
use crate::wire::customer::WithItView;
use crate::wire::site_show::{SiteHappenedView, SiteView};
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 500;

/// Most entries of a history that are printed; /v1 pages through all of it.
const HISTORY: usize = 10_000;

/// The sites of customers, of partners' and of direct ones.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Sites {
    /// Add a site to a customer
    Add(Add),
    /// List the sites of a customer
    List(List),
    /// Show one site with its history
    Show(Show),
    /// Give a site another name
    Rename(Rename),
    /// Change a site's name or description
    Set(Set),
    /// Delete sites, with the probes at them
    Delete(Delete),
}

/// What to add to whom.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The customer: our id, the ExternalID, or the platform ID
    account: String,
    /// What the site is called: 1 to 100 characters, unique among the sites of the customer
    #[arg(value_parser = named)]
    name: String,
    /// More about it
    #[arg(long, value_name = "TEXT", value_parser = described)]
    description: Option<String>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whose sites.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The customer: our id, the ExternalID, or the platform ID
    account: String,
    /// Those that are there (active), those that are ended, or all
    #[arg(long, default_value = "active", value_parser = status)]
    status: Asking,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which site.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Our id
    site: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to call it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rename {
    /// Our id
    site: String,
    /// What it is called from now on
    #[arg(value_parser = named)]
    name: String,
    #[command(flatten)]
    way: Way,
}

/// What to change.
#[derive(Debug, Args)]
pub(in crate::cli) struct Set {
    /// Our id
    site: String,
    /// What it is called from now on
    #[arg(long, value_parser = named)]
    name: Option<String>,
    /// More about it; empty takes it away
    #[arg(long, value_name = "TEXT", value_parser = described)]
    description: Option<String>,
    #[command(flatten)]
    way: Way,
}

/// How something is changed.
#[derive(Debug, Args)]
struct Way {
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

/// Which sites.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// Each by our id
    #[arg(required = true)]
    sites: Vec<String>,
    /// Say what would be deleted, and what would go with it, and change nothing
    #[arg(long)]
    preview: bool,
    /// Delete each that can be; otherwise one that cannot keeps all others
    #[arg(long)]
    each: bool,
    /// Only if it still has this revision; for one alone
    #[arg(long, value_name = "REVISION")]
    expect: Option<i64>,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which are asked for; none for all.
#[derive(Debug, Clone, Copy)]
struct Asking(Option<PlaceStatus>);

fn status(text: &str) -> Result<Asking, String> {
    match (text, PlaceStatus::parse(text)) {
        ("all", _) => Ok(Asking(None)),
        (_, Some(status)) => Ok(Asking(Some(status))),
        (_, None) => Err("it is none of active, ended, all".to_owned()),
    }
}

fn named(text: &str) -> Result<String, String> {
    name(text).map_err(|why| format!("it {why}"))
}

fn described(text: &str) -> Result<String, String> {
    description(text).map_err(|why| format!("it {why}"))
}

const COLUMNS: [&str; 5] = ["id", "account", "name", "status", "description"];

fn row(listing: &mut Listing, whole: &impl serde::Serialize, view: &SiteView) -> Result<(), CliError> {
    listing.row(whole, &[&view.id, &view.account, &view.name, view.status, &view.description])
}

/// The site of this id.
fn find(connection: &mut AnyConnection, id: &str) -> Result<Site, CliError> {
    seen::one(connection, &Visible::All, id)?
        .ok_or_else(|| CliError::Failed(format!("there is no site {id}; see `tiersync sites list`")))
}

/// A site and whose it is.
fn with_owner(connection: &mut AnyConnection, id: &str) -> Result<(Site, Account), CliError> {
    let site = find(connection, id)?;
    let account = crate::cli::accounts::find(connection, &site.account.to_string(), None, None)?.account;
    Ok((site, account))
}

fn print(connection: &mut AnyConnection, format: Format, id: &str, done: &str) -> Result<(), CliError> {
    if format == Format::Table {
        return Ok(writeln!(std::io::stdout(), "site {id} {done}")?);
    }
    let view = SiteView::from(&find(connection, id)?);
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, &view, &view)?;
    listing.end()
}

fn told(changed: &[String]) -> String {
    if changed.is_empty() { "is so already".to_owned() } else { format!("changed: {}", changed.join(", ")) }
}

impl Sites {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(common),
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Rename(Rename { site, name, way }) => {
                change(common, &site, SitePatch { name: Some(name), description: None }, way)
            }
            Self::Set(Set { site, name, description, way }) => {
                if name.is_none() && description.is_none() {
                    let why = "nothing is to be changed; say --name or --description";
                    return Err(CliError::Usage(why.to_owned()));
                }
                change(common, &site, SitePatch { name, description }, way)
            }
            Self::Delete(delete) => delete.run(common),
        }
    }
}

impl Add {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let account = crate::cli::accounts::find(&mut connection, &self.account, None, None)?.account;
        let entry = entry("sites.add", &account.id.to_string(), &json!({"reason": self.reason}));
        let patch = SitePatch { name: Some(self.name.clone()), description: self.description };
        let policies = alone::policies(&config);
        set::changed(&common.acts(sites::list(account.key, None, SiteDeed::Add(patch), policies, entry))?)?;
        let made = seen::named(&mut connection, &Visible::All, account.id, &self.name)?;
        let made = made.ok_or_else(|| CliError::Failed("the site is not there any longer".to_owned()))?;
        print(&mut connection, self.format, &made.id.to_string(), "is added")
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let account = crate::cli::accounts::find(connection, &self.account, None, None)?.account.id;
        let page = |after| {
            let page = seen::list(connection, &Visible::All, account, self.status.0, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, |listing, site| {
            let view = SiteView::from(site);
            row(listing, &view, &view)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let site = find(connection, &self.site)?;
        let view = SiteView::from(&site);
        shown_with_history(connection, self.format, site.id.0, &view, &COLUMNS, |listing, whole| {
            row(listing, whole, &view)
        })
    }
}

/// Prints a site or probe with its history.
fn shown_with_history(
    connection: &mut AnyConnection,
    format: Format,
    thing: i64,
    view: &impl serde::Serialize,
    columns: &[&str],
    row: impl FnOnce(&mut Listing, &serde_json::Value) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut history: Vec<SiteHappenedView> = Vec::new();
    let mut after = None;
    loop {
        let page = seen::history(connection, &Visible::All, thing, after, PAGE)?;
        history.extend(page.items.iter().map(shown::site_happened));
        match page.next {
            Some(next) if history.len() < HISTORY => after = Some(next),
            _ => break,
        }
    }
    let failed = |error: serde_json::Error| CliError::Failed(error.to_string());
    let mut whole = serde_json::to_value(view).map_err(failed)?;
    if format != Format::Table {
        if let Some(object) = whole.as_object_mut() {
            object.insert("history".to_owned(), serde_json::to_value(&history).map_err(failed)?);
        }
        let mut listing = Listing::start(format, columns)?;
        row(&mut listing, &whole)?;
        return listing.end();
    }
    let mut listing = Listing::start(Format::Table, &["", ""])?;
    for (name, value) in whole.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        listing.row(&(), &[name, &text])?;
    }
    listing.end()?;
    writeln!(std::io::stdout(), "\nHistory, newest first:")?;
    let columns = ["revision", "at", "happening", "changed", "site", "from", "status", "cause", "delivery"];
    let mut listing = Listing::start(Format::Table, &columns)?;
    for one in &history {
        let (revision, changed) = (one.revision.to_string(), one.changed.join(" "));
        let (from, delivery) = (one.from.as_deref().unwrap_or_default(), one.delivery.as_deref().unwrap_or_default());
        let cells = [&*revision, &one.at, one.happening, &changed, &one.site, from, one.status, one.cause, delivery];
        listing.row(&(), &cells)?;
    }
    listing.end()
}

fn change(common: &Common, site: &str, patch: SitePatch, way: Way) -> Result<(), CliError> {
    let config = common.load()?;
    let mut connection = common.open()?;
    let (site, account) = with_owner(&mut connection, site)?;
    let id = site.id.to_string();
    let entry = entry("sites.set", &id, &json!({"reason": way.reason}));
    let list = sites::list(account.key, way.expect, SiteDeed::Change(site.id, patch), alone::policies(&config), entry);
    let changed = set::changed(&common.acts(list)?)?;
    print(&mut connection, way.format, &id, &told(&changed))
}

impl Delete {
    fn run(self, common: &Common) -> Result<(), CliError> {
        deletion::alone(self.expect, self.sites.len())?;
        let mut connection = common.open()?;
        let mut named: Vec<Named> = Vec::with_capacity(self.sites.len());
        let mut owners = BTreeSet::new();
        for called in &self.sites {
            let judged = match with_owner(&mut connection, called) {
                Ok((site, account)) => {
                    let probes = seen::count_probes(&mut connection, &Visible::All, site.id)?;
                    owners.insert(account.id);
                    Ok(Found {
                        id: site.id.to_string(),
                        name: site.name.clone(),
                        act: sites::act(account.key, self.expect, SiteDeed::End(site.id), now_micros()),
                        with_it: WithItView { probes: Some(probes), ..WithItView::default() },
                    })
                }
                Err(CliError::Unreachable(why)) => return Err(CliError::Unreachable(why)),
                Err(why) => Err(why.to_string()),
            };
            named.push((called.clone(), judged));
        }
        let asked = Asked {
            action: "sites.delete",
            subject: owners.first().filter(|_| owners.len() == 1).map(ToString::to_string),
            preview: self.preview,
            each: self.each,
            reason: self.reason.as_deref(),
            format: self.format,
        };
        deletion::run(common, &mut connection, named, &asked)
    }
}
