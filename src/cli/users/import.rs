//! `tiersync users import`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::operator::entry;
use crate::cli::output::{Format, Listing};
use crate::cli::{CliError, Common};
use crate::ops::alone;
use crate::ops::users::{self, Fate, ImportError, Target, Told};
use crate::store::{AnyConnection, StoreError};
use crate::wire::users::read;

/// Largest list, in bytes: it is held in memory while it is at work.
const MAX_LIST: u64 = 64 * 1024 * 1024;

/// Which list, and how to take it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// CSV with a header: account, login, name, email, status (active or disabled) and services (ids or ExternalIDs,
    /// separated by spaces). A column that is left out stays as it is; `-` reads standard input
    file: PathBuf,
    /// The account of rows that name none: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// How to print what became of it; csv gives the rows that were not taken
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Store(error) => error.into(),
            ImportError::Write(_) => Self::Unreachable(error.to_string()),
        }
    }
}

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
        return Err(CliError::Usage(format!("{} is larger than 64 MiB; cut it into several lists", file.display())));
    }
    Ok(bytes)
}

/// What a list came to.
#[derive(Default)]
struct Report {
    changed: usize,
    unchanged: usize,
    refused: Vec<(u64, String, String)>,
}

impl Report {
    fn take(&mut self, told: Told) {
        match told.fate {
            Fate::Changed => self.changed += 1,
            Fate::Unchanged => self.unchanged += 1,
            Fate::Refused(why) => self.refused.push((told.line, told.login, why)),
        }
    }
}

impl Import {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let rows =
            read(&bytes(&self.file)?).map_err(|why| CliError::Failed(format!("{}: {why}", self.file.display())))?;
        let config = common.load()?;
        let mut connection = common.open()?;
        let name = self.file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let entry = entry("users.import", &name, &json!({"rows": rows.len()}));
        let bar = ProgressBar::new(u64::try_from(rows.len()).unwrap_or(0));
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} to go") {
            bar.set_style(style);
        }
        let default = self.account.clone().unwrap_or_default();
        let mut find = |connection: &mut AnyConnection, name: &str| {
            found(connection, if name.is_empty() { &default } else { name })
        };
        let mut report = Report::default();
        let mut told = |one: Told| {
            report.take(one);
            bar.inc(1);
        };
        let policies = alone::policies(&config);
        let done = if self.dry_run {
            users::import(&mut connection, rows, &mut find, (&policies, &entry), &Target::Preview, &mut told)
        } else {
            let (writer, thread) = alone::writer(&config)?;
            let target = Target::Writer(&writer);
            let done = users::import(&mut connection, rows, &mut find, (&policies, &entry), &target, &mut told);
            // The chain is given back whether or not everything worked.
            drop(writer);
            thread.join();
            done
        };
        bar.finish_and_clear();
        self.print(&report)?;
        done?;
        match report.refused.len() {
            0 => Ok(()),
            1 => Err(CliError::Failed("1 row was not taken; correct it and import the list again".to_owned())),
            rows => {
                Err(CliError::Failed(format!("{rows} rows were not taken; correct them and import the list again")))
            }
        }
    }

    fn print(&self, report: &Report) -> Result<(), CliError> {
        let Report { changed, unchanged, refused } = report;
        let mut out = std::io::stdout();
        if self.format == Format::Json {
            let bad: Vec<_> = refused
                .iter()
                .map(|(line, login, reason)| json!({"line": line, "login": login, "reason": reason}))
                .collect();
            let whole = json!({"dry_run": self.dry_run, "changed": changed, "unchanged": unchanged, "bad": bad});
            return Ok(writeln!(out, "{whole}")?);
        }
        if self.format == Format::Csv || !refused.is_empty() {
            let mut listing = Listing::start(self.format, &["line", "login", "reason"])?;
            for (line, login, reason) in refused {
                listing.row(&(), &[&line.to_string(), login, reason])?;
            }
            listing.end()?;
        }
        if self.format == Format::Table {
            let would = if self.dry_run { "nothing is changed; it would be: " } else { "" };
            writeln!(out, "{would}{changed} added or changed, {unchanged} unchanged, {} not taken", refused.len())?;
        }
        Ok(())
    }
}

/// The account that a list calls so: by our id, ExternalID or platform ID.
pub(in crate::cli) fn found(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Result<crate::domain::account::Account, String>, StoreError> {
    if name.is_empty() {
        return Ok(Err("it names no account; add a column account, or say it with --account".to_owned()));
    }
    match crate::cli::accounts::find(connection, name, None, None) {
        Ok(listed) => Ok(Ok(listed.account)),
        Err(CliError::Unreachable(why)) => Err(StoreError::Unavailable(why)),
        Err(why) => Ok(Err(why.to_string())),
    }
}
