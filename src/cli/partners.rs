//! `tiersync partners`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::operator::entry;
use super::output::{Format, Listing, pages};
use super::{CliError, Common};
use crate::domain::ids::PartnerId;
use crate::domain::operator::Visible;
use crate::domain::partner::PartnerStatus;
use crate::ops::alone;
use crate::ops::partners::import::{self, How, ImportError, Report};
use crate::ops::partners::{self as registry, RemoveError};
use crate::ops::shown;
use crate::store::partners::list::PartnerFilter;
use crate::store::seen::partners;
use crate::wire::partners::{COLUMNS, PartnerRecord, read};
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 500;

/// Largest list, in bytes: it is held in memory while it is at work.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// The vendor's partners, such as those behind MPN IDs.
#[derive(Debug, Subcommand)]
pub(super) enum Partners {
    /// Take a list of partners in, and relate the customers that name them
    Import(Import),
    /// Print the whole registry as a list that can be imported
    Export(Export),
    /// List partners
    List(List),
    /// Take partners out of the registry that were a mistake; their customers wait again
    Remove(Remove),
}

/// Which list, and how to take it.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// CSV, a JSON array or JSON lines with partner_id, name, status, status_from, status_until, aliases, successor,
    /// successor_from and reseller; `-` reads standard input
    file: PathBuf,
    /// End every partner that is not in the list
    #[arg(long)]
    replace: bool,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print what became of it; csv gives the rows that were not taken
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How to print the registry.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// csv or json
    #[arg(long, value_parser = list_format, default_value = "csv")]
    format: Format,
}

/// Which partners.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only active, suspended or ended ones, at this moment
    #[arg(long, value_parser = status)]
    status: Option<PartnerStatus>,
    /// Only with this text in ID, alias or name, in any case
    #[arg(long, value_name = "TEXT")]
    q: Option<String>,
    /// Only with this ID or alias
    #[arg(long, value_name = "ID", value_parser = id)]
    named: Option<PartnerId>,
    /// Only with an account as a reseller
    #[arg(long, conflicts_with = "unlinked")]
    linked: bool,
    /// Only without one
    #[arg(long)]
    unlinked: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which partners.
#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Their IDs
    #[arg(required = true, value_parser = id)]
    partner: Vec<PartnerId>,
}

fn id(text: &str) -> Result<PartnerId, String> {
    PartnerId::parse(text).map_err(|error| format!("the ID {error}"))
}

fn status(text: &str) -> Result<PartnerStatus, String> {
    PartnerStatus::parse(text).ok_or_else(|| "it is none of active, suspended, ended".to_owned())
}

pub(super) fn list_format(text: &str) -> Result<Format, String> {
    match text {
        "csv" => Ok(Format::Csv),
        "json" => Ok(Format::Json),
        _ => Err("it is neither csv nor json".to_owned()),
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NothingLeft => Self::Failed(error.to_string()),
            ImportError::Write(_) => Self::Unreachable(error.to_string()),
        }
    }
}

impl From<RemoveError> for CliError {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::NoSuchPartner(_) | RemoveError::IsSuccessor(..) => Self::Failed(error.to_string()),
            RemoveError::Write(_) => Self::Unreachable(error.to_string()),
        }
    }
}

impl Partners {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Import(import) => import.run(common),
            Self::Export(export) => export.run(common),
            Self::List(list) => list.run(common),
            Self::Remove(remove) => remove.run(common),
        }
    }
}

/// Reads a list whole, up to what one may have.
fn bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    let unreadable = |error: std::io::Error| CliError::Unreachable(format!("cannot read {}: {error}", file.display()));
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_LIST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).map_err(unreadable)?.take(MAX_LIST + 1).read_to_end(&mut bytes)
    };
    let length = u64::try_from(read.map_err(unreadable)?).unwrap_or(u64::MAX);
    if length > MAX_LIST {
        let why = format!("{} is larger than 64 MiB; cut it into several lists, without --replace", file.display());
        return Err(CliError::Usage(why));
    }
    Ok(bytes)
}

impl Import {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let rows =
            read(&bytes(&self.file)?).map_err(|why| CliError::Failed(format!("{}: {why}", self.file.display())))?;
        common.open()?;
        let name = self.file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let entry = entry("partners.import", &name, &json!({}));
        let bar = ProgressBar::new(u64::try_from(rows.len()).unwrap_or(0));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} to go") {
            bar.set_style(style);
        }
        let (writer, thread) = alone::writer(&common.load()?)?;
        let how = How { replace: self.replace, dry_run: self.dry_run };
        let done = import::run(&writer, rows, how, &entry, &|done| bar.set_position(u64::try_from(done).unwrap_or(0)));
        bar.finish_and_clear();
        // The chain is given back whether or not everything worked.
        drop(writer);
        thread.join();
        self.print(&done?)
    }

    fn print(&self, report: &Report) -> Result<(), CliError> {
        let Report { new, changed, unchanged, ended, customers, bad } = report;
        let mut out = std::io::stdout();
        if self.format == Format::Json {
            let whole = json!({"dry_run": self.dry_run, "new": new, "changed": changed, "unchanged": unchanged,
                "ended": ended, "customers_linked": customers.linked, "customers_moved": customers.moved,
                "customers_unlinked": customers.unlinked, "bad": bad});
            writeln!(out, "{whole}")?;
        } else if self.format == Format::Csv || !bad.is_empty() {
            let mut listing = Listing::start(self.format, &["line", "partner_id", "reason"])?;
            for row in bad {
                listing.row(row, &[&row.line.to_string(), &row.partner_id, &row.reason])?;
            }
            listing.end()?;
        }
        if self.format == Format::Table {
            let would = if self.dry_run { "nothing is changed; it would be: " } else { "" };
            writeln!(
                out,
                "{would}{new} new, {changed} changed, {unchanged} unchanged, {ended} ended; customers: {} linked, {} moved, {} \
                 unlinked",
                customers.linked, customers.moved, customers.unlinked
            )?;
        }
        match bad.len() {
            0 => Ok(()),
            1 => Err(CliError::Failed("1 row was not taken; correct it and import the list again".to_owned())),
            rows => {
                Err(CliError::Failed(format!("{rows} rows were not taken; correct them and import the list again")))
            }
        }
    }
}

impl Export {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let mut listing = Listing::start(self.format, &COLUMNS)?;
        let mut after: Option<PartnerId> = None;
        loop {
            let filter = PartnerFilter::default();
            let (page, next) = partners::list(&mut connection, &Visible::All, &filter, after.as_ref(), PAGE)?;
            for listed in &page {
                let reseller = listed.reseller.as_ref().map(partners::PartnerAccount::path);
                let record = PartnerRecord::new(&listed.stored.partner, reseller);
                let cells = record.cells();
                listing.row(&record, &cells.each_ref().map(String::as_str))?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return listing.end(),
            }
        }
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let now = now_micros();
        let filter = PartnerFilter {
            status: self.status.map(|status| (status, now)),
            text: self.q,
            named: self.named,
            linked: if self.linked { Some(true) } else { self.unlinked.then_some(false) },
        };
        let columns = ["partner_id", "name", "status", "aliases", "successor", "from", "reseller"];
        let page = |after: Option<PartnerId>| {
            Ok(partners::list(&mut connection, &Visible::All, &filter, after.as_ref(), PAGE)?)
        };
        pages((self.format, self.limit), &columns, page, |listing, listed| {
            let view = shown::partner(listed, now);
            let cells = [
                &*view.partner_id,
                &view.name,
                view.status_now,
                &view.aliases.join(" "),
                view.successor.as_deref().unwrap_or_default(),
                view.successor_from.as_deref().unwrap_or_default(),
                &listed.reseller.as_ref().map(partners::PartnerAccount::path).unwrap_or_default(),
            ];
            listing.row(&view, &cells)
        })
    }
}

impl Remove {
    fn run(self, common: &Common) -> Result<(), CliError> {
        common.open()?;
        let (writer, thread) = alone::writer(&common.load()?)?;
        let done = self.partner.iter().try_for_each(|id| {
            let entry = entry("partners.remove", id.as_str(), &json!({}));
            let moved = registry::remove(&writer, id, &entry)?;
            writeln!(std::io::stdout(), "partner {id} is taken away; {} customers wait", moved.unlinked)?;
            Ok(())
        });
        drop(writer);
        thread.join();
        done
    }
}
