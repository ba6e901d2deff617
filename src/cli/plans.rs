//! `tiersync plans`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::operator::entry;
use super::output::{Format, Listing, limit, more};
use super::{CliError, Common, accounts};
use crate::domain::ids::AccountId;
use crate::domain::offer::directory_ou;
use crate::ops::plans::import::{self, How, ImportError, Report};
use crate::ops::plans::{self as lists, Wanted};
use crate::ops::{alone, shown};
use crate::store::AnyConnection;
use crate::store::accounts::{Listed, by_ids};
use crate::store::offers;
use crate::wire::plans::{COLUMNS, OfferRecord, read};

/// Resellers read at once.
const PAGE: i64 = 100;

/// Largest list, in bytes: it is held in memory while it is at work.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// What resellers may sell.
#[derive(Debug, Subcommand)]
pub(super) enum Plans {
    /// Take a list in: which reseller may sell which service on which plan, at which locations
    Import(Import),
    /// Print everything as a list that can be imported
    Export(Export),
    /// List what resellers may sell
    List(List),
    /// Set a reseller's directory OU
    Set(Set),
}

/// Which list, and how to take it.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// CSV, a JSON array or JSON lines with reseller, service, plan, locations and directory_ou; `-` reads standard input
    file: PathBuf,
    /// Take away what the resellers of the list sell and the list does not have
    #[arg(long)]
    replace: bool,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print what became of it; csv gives the rows that were not taken
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// How to print everything.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only what this reseller may sell, by any of its names
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// csv or json
    #[arg(long, value_parser = super::partners::list_format, default_value = "csv")]
    format: Format,
}

/// Which offers.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only what this reseller may sell, by any of its names
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// Only this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only on this plan
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to set of which reseller.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// The reseller: our id, its ExternalID or its platform ID
    reseller: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// The distinguished name of its organizational unit, such as OU=Example,DC=vendor,DC=example; "none" for none
    #[arg(long, value_name = "DN", value_parser = ou)]
    directory_ou: Named,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// A name, or "none".
#[derive(Debug, Clone)]
struct Named(Option<String>);

fn ou(text: &str) -> Result<Named, String> {
    match text {
        "none" => Ok(Named(None)),
        text => directory_ou(text).map(|ou| Named(Some(ou))).map_err(|error| error.to_string()),
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        Self::Unreachable(error.to_string())
    }
}

impl Plans {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::Import(import) => import.run(common),
            Self::Export(export) => export.run(common),
            Self::List(list) => list.run(common),
            Self::Set(set) => set.run(common),
        }
    }
}

/// Reads a list whole, up to what one may have.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, CliError> {
    let unreadable = |error: std::io::Error| CliError::Unreachable(format!("cannot read {}: {error}", file.display()));
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(MAX_LIST + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).map_err(unreadable)?.take(MAX_LIST + 1).read_to_end(&mut bytes)
    };
    let length = u64::try_from(read.map_err(unreadable)?).unwrap_or(u64::MAX);
    if length > MAX_LIST {
        let why = format!("{} is larger than 64 MiB; cut it into several, a reseller in one of them", file.display());
        return Err(CliError::Usage(why));
    }
    Ok(bytes)
}

/// How lists call a reseller.
fn path(reseller: &Listed) -> String {
    let key = &reseller.account.key;
    format!("{}/{}/{}", key.scope.source, key.scope.tenant.as_str(), key.platform_id)
}

/// Goes through the lists of all resellers that have one, or of one, until `each` says that it is enough.
fn each_list(
    connection: &mut AnyConnection,
    only: Option<&str>,
    mut each: impl FnMut(&Listed, &offers::Listing) -> Result<bool, CliError>,
) -> Result<(), CliError> {
    if let Some(name) = only {
        let reseller = accounts::find(connection, name, None, None)?;
        if let Some(why) = lists::refusal(Some((reseller.account.kind, crate::domain::account::AccountStatus::Active)))
        {
            return Err(CliError::Failed(why.to_owned()));
        }
        let listing = offers::listing(connection, reseller.account.id)?;
        if !lists::is_blank(&listing) {
            each(&reseller, &listing)?;
        }
        return Ok(());
    }
    let mut after: Option<AccountId> = None;
    loop {
        let ids = offers::sellers(connection, after, PAGE)?;
        let Some(last) = ids.last().copied() else { return Ok(()) };
        for reseller in by_ids(connection, &ids)? {
            // One that is no reseller any longer sells nothing.
            let place = Some((reseller.account.kind, reseller.account.status));
            if lists::refusal(place).is_some() {
                continue;
            }
            let listing = offers::listing(connection, reseller.account.id)?;
            if !lists::is_blank(&listing) && !each(&reseller, &listing)? {
                return Ok(());
            }
        }
        after = Some(last);
    }
}

impl Import {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let rows =
            read(&bytes(&self.file)?).map_err(|why| CliError::Failed(format!("{}: {why}", self.file.display())))?;
        common.open()?;
        let name = self.file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let entry = entry("plans.import", &name, &json!({}));
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
        let Report { resellers, added, changed, removed, unchanged, not_replaced, bad } = report;
        let mut out = std::io::stdout();
        if self.format == Format::Json {
            let whole = json!({"dry_run": self.dry_run, "resellers": resellers, "added": added, "changed": changed,
                "removed": removed, "unchanged": unchanged, "not_replaced": not_replaced, "bad": bad});
            writeln!(out, "{whole}")?;
        } else if self.format == Format::Csv || !bad.is_empty() {
            let mut listing = Listing::start(self.format, &["line", "reseller", "reason"])?;
            for row in bad {
                listing.row(row, &[&row.line.to_string(), &row.reseller, &row.reason])?;
            }
            listing.end()?;
        }
        if self.format == Format::Table {
            let would = if self.dry_run { "nothing is changed; it would be: " } else { "" };
            writeln!(
                out,
                "{would}{resellers} resellers changed; offers: {added} new, {changed} changed, {removed} removed; \
                 {unchanged} rows say nothing new"
            )?;
            if *not_replaced > 0 {
                writeln!(
                    out,
                    "{not_replaced} resellers keep what the list does not have, since rows of theirs are bad"
                )?;
            }
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
        each_list(&mut connection, self.reseller.as_deref(), |reseller, list| {
            for record in OfferRecord::of(&path(reseller), &list.seller) {
                let cells = record.cells();
                listing.row(&record, &cells.each_ref().map(String::as_str))?;
            }
            Ok(true)
        })?;
        listing.end()
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let mut listing = Listing::start(self.format, &COLUMNS)?;
        let most = limit(self.format, self.limit);
        let among = |asked: &Option<String>, held: &Option<String>| asked.is_none() || asked == held;
        let mut cut = false;
        each_list(&mut connection, self.reseller.as_deref(), |reseller, list| {
            for record in OfferRecord::of(&path(reseller), &list.seller) {
                if !among(&self.service, &record.service) || !among(&self.plan, &record.plan) {
                    continue;
                }
                if listing.rows() >= most {
                    cut = true;
                    return Ok(false);
                }
                let cells = record.cells();
                listing.row(&record, &cells.each_ref().map(String::as_str))?;
            }
            Ok(true)
        })?;
        listing.end()?;
        if cut { more(self.format, self.limit) } else { Ok(()) }
    }
}

impl Set {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let found = accounts::find(&mut connection, &self.reseller, self.source.as_deref(), self.tenant.as_deref())?;
        let id = found.account.id;
        let Named(directory_ou) = self.directory_ou;
        let wanted = Wanted { offers: None, directory_ou: Some(directory_ou) };
        let entry = entry("plans.set", &id.to_string(), &json!({}));
        let set = common.write(move |connection| lists::set(connection, id, &wanted, None, &entry))?;
        let differences = set.map_err(|error| CliError::Failed(format!("{error} ({})", error.code().number())))?;
        let view = shown::plans(&found.account, &offers::listing(&mut connection, id)?);
        if self.format == Format::Table {
            let done = match differences.names() {
                names if names.is_empty() => "is so already".to_owned(),
                names => format!("changed: {}", names.join(", ")),
            };
            writeln!(std::io::stdout(), "reseller {id} {done}")?;
            return Ok(());
        }
        let mut listing = Listing::start(self.format, &["id", "name", "directory_ou", "offers"])?;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let cells = [
            view.reseller.id.clone(),
            view.reseller.name.clone(),
            text(&view.directory_ou),
            view.offers.len().to_string(),
        ];
        listing.row(&view, &cells.each_ref().map(String::as_str))?;
        listing.end()
    }
}
