//! `tiersync probes`.

use std::collections::BTreeSet;
use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Asking, PAGE, Way, named, shown_with_history, status, told, with_owner};
use crate::cli::customers::reason;
use crate::cli::deletion::{self, Asked};
use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing, pages};
use crate::cli::{CliError, Common};
use crate::domain::account::Account;
use crate::domain::act::site::{ProbePatch, SiteDeed};
use crate::domain::operator::Visible;
use crate::domain::site::Probe;
use crate::ops::delete::{Found, Named};
use crate::ops::{alone, set, sites};
use crate::store::AnyConnection;
use crate::store::seen::sites::{self as seen, ProbesOf};
use crate::wire::customer::WithItView;
use crate::wire::site_show::ProbeView;
use crate::writer::now_micros;

/// The probes that stand at customers' sites.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Probes {
    /// Associate a probe with a site
    Add(Add),
    /// List the probes at a site, or of a customer
    List(List),
    /// Show one probe with its history
    Show(Show),
    /// Move a probe to another site of its customer
    Move(Move),
    /// Give a probe another name
    Rename(Rename),
    /// Remove probes
    Delete(Delete),
}

/// What to associate with what.
#[derive(Debug, Args)]
pub(in crate::cli) struct Add {
    /// The site: our id
    site: String,
    /// What the probe is called: 1 to 100 characters, unique among the probes of the customer
    #[arg(value_parser = named)]
    name: String,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which probes.
#[derive(Debug, Args)]
#[group(id = "of", required = true, multiple = false)]
pub(in crate::cli) struct Of {
    /// Those at this site: our id
    #[arg(long, value_name = "SITE")]
    site: Option<String>,
    /// Those of this customer, at all its sites: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

/// Which probes.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    of: Of,
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

/// Which probe.
#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// Our id
    probe: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Where to.
#[derive(Debug, Args)]
pub(in crate::cli) struct Move {
    /// Our id
    probe: String,
    /// The site at which it is to stand, of the same customer: our id
    site: String,
    #[command(flatten)]
    way: Way,
}

/// What to call it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rename {
    /// Our id
    probe: String,
    /// What it is called from now on
    #[arg(value_parser = named)]
    name: String,
    #[command(flatten)]
    way: Way,
}

/// Which probes.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// Each by our id
    #[arg(required = true)]
    probes: Vec<String>,
    /// Say what would be removed, and change nothing
    #[arg(long)]
    preview: bool,
    /// Remove each that can be; otherwise one that cannot keeps all others
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

const COLUMNS: [&str; 5] = ["id", "account", "site", "name", "status"];

fn row(listing: &mut Listing, whole: &impl serde::Serialize, view: &ProbeView) -> Result<(), CliError> {
    listing.row(whole, &[&view.id, &view.account, &view.site, &view.name, view.status])
}

/// The probe of this id.
fn find(connection: &mut AnyConnection, id: &str) -> Result<Probe, CliError> {
    seen::probe(connection, &Visible::All, id)?
        .ok_or_else(|| CliError::Failed(format!("there is no probe {id}; see `tiersync probes list`")))
}

/// A probe and whose it is.
fn found(connection: &mut AnyConnection, id: &str) -> Result<(Probe, Account), CliError> {
    let probe = find(connection, id)?;
    let account = crate::cli::accounts::find(connection, &probe.account.to_string(), None, None)?.account;
    Ok((probe, account))
}

fn print(connection: &mut AnyConnection, format: Format, id: &str, done: &str) -> Result<(), CliError> {
    if format == Format::Table {
        return Ok(writeln!(std::io::stdout(), "probe {id} {done}")?);
    }
    let view = ProbeView::from(&find(connection, id)?);
    let mut listing = Listing::start(format, &COLUMNS)?;
    row(&mut listing, &view, &view)?;
    listing.end()
}

impl Probes {
    pub(in crate::cli) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Add(add) => add.run(common),
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Move(Move { probe, site, way }) => {
                let site = super::find(&mut common.open()?, &site)?.id;
                change(common, &probe, ProbePatch { name: None, site: Some(site) }, way)
            }
            Self::Rename(Rename { probe, name, way }) => {
                change(common, &probe, ProbePatch { name: Some(name), site: None }, way)
            }
            Self::Delete(delete) => delete.run(common),
        }
    }
}

impl Add {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (site, account) = with_owner(&mut connection, &self.site)?;
        let entry = entry("probes.add", &site.id.to_string(), &json!({"reason": self.reason}));
        let deed = SiteDeed::AddProbe(site.id, self.name.clone());
        set::changed(&common.acts(sites::list(account.key, None, deed, alone::policies(&config), entry))?)?;
        let made = seen::probe_named(&mut connection, &Visible::All, account.id, &self.name)?;
        let made = made.ok_or_else(|| CliError::Failed("the probe is not there any longer".to_owned()))?;
        print(&mut connection, self.format, &made.id.to_string(), &format!("is added to {}", site.name))
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let of = match (&self.of.site, &self.of.account) {
            (Some(site), _) => ProbesOf::Site(super::find(connection, site)?.id),
            (None, account) => {
                let name = account.as_deref().unwrap_or_default();
                ProbesOf::Account(crate::cli::accounts::find(connection, name, None, None)?.account.id)
            }
        };
        let page = |after| {
            let page = seen::probes(connection, &Visible::All, of, self.status.0, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, |listing, probe| {
            let view = ProbeView::from(probe);
            row(listing, &view, &view)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let probe = find(connection, &self.probe)?;
        let view = ProbeView::from(&probe);
        shown_with_history(connection, self.format, probe.id.0, &view, &COLUMNS, |listing, whole| {
            row(listing, whole, &view)
        })
    }
}

fn change(common: &Common, probe: &str, patch: ProbePatch, way: Way) -> Result<(), CliError> {
    let config = common.load()?;
    let mut connection = common.open()?;
    let (probe, account) = found(&mut connection, probe)?;
    let id = probe.id.to_string();
    let entry = entry("probes.set", &id, &json!({"reason": way.reason}));
    let deed = SiteDeed::ChangeProbe(probe.id, patch);
    let list = sites::list(account.key, way.expect, deed, alone::policies(&config), entry);
    let changed = set::changed(&common.acts(list)?)?;
    print(&mut connection, way.format, &id, &told(&changed))
}

impl Delete {
    fn run(self, common: &Common) -> Result<(), CliError> {
        deletion::alone(self.expect, self.probes.len())?;
        let mut connection = common.open()?;
        let mut named: Vec<Named> = Vec::with_capacity(self.probes.len());
        let mut owners = BTreeSet::new();
        for called in &self.probes {
            let judged = match found(&mut connection, called) {
                Ok((probe, account)) => {
                    owners.insert(account.id);
                    Ok(Found {
                        id: probe.id.to_string(),
                        name: probe.name.clone(),
                        act: sites::act(account.key, self.expect, SiteDeed::EndProbe(probe.id), now_micros()),
                        with_it: WithItView::default(),
                    })
                }
                Err(CliError::Unreachable(why)) => return Err(CliError::Unreachable(why)),
                Err(why) => Err(why.to_string()),
            };
            named.push((called.clone(), judged));
        }
        let asked = Asked {
            action: "probes.delete",
            subject: owners.first().filter(|_| owners.len() == 1).map(ToString::to_string),
            preview: self.preview,
            each: self.each,
            reason: self.reason.as_deref(),
            format: self.format,
        };
        deletion::run(common, &mut connection, named, &asked)
    }
}
