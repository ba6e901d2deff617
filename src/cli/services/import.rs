//! `tiersync services import`.

use std::fs::File;
use std::io::{BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::operator::entry;
use crate::cli::output::{Format, csv_line};
use crate::cli::users::import::found;
use crate::cli::{CliError, Common};
use crate::ops::alone;
use crate::ops::services_list::{Fate, Import as Taking, ListError, Told};
use crate::store::AnyConnection;
use crate::wire::services_list::read;

/// Which list, and how to take it.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// CSV with a header: account, kind, name, external_id, service, plan, location, quantity, trial, expires_at, attributes (a
    /// JSON object), transfer (incoming or outgoing), transfer_state, transfer_action, platform_id. An empty cell leaves what
    /// is there; `none` ends a transfer or takes an expiry away. `-` reads standard input
    file: PathBuf,
    /// The account of rows that name none: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Tell of every row, not only of those that were not taken
    #[arg(long)]
    all: bool,
    /// Why; kept in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = crate::cli::set::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl From<ListError> for CliError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Store(error) => error.into(),
            ListError::Write { .. } => Self::Unreachable(error.to_string()),
            ListError::Told(error) => error.into(),
            ListError::List(_) => Self::Failed(error.to_string()),
        }
    }
}

/// Tells of rows as they come; none of them is held.
struct Teller {
    out: BufWriter<Box<dyn Write>>,
    format: Format,
    all: bool,
    told: usize,
    bar: ProgressBar,
    made: u64,
    changed: u64,
    unchanged: u64,
    refused: u64,
}

impl Teller {
    fn new(format: Format, all: bool) -> Result<Self, CliError> {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} services, {per_sec}") {
            bar.set_style(style);
        }
        let mut out: BufWriter<Box<dyn Write>> = BufWriter::new(Box::new(std::io::stdout()));
        match format {
            Format::Json => out.write_all(b"{\"rows\":[")?,
            Format::Csv => out.write_all(b"line,account,service,external_id,outcome,changed,reason\n")?,
            Format::Table => {}
        }
        Ok(Self { out, format, all, told: 0, bar, made: 0, changed: 0, unchanged: 0, refused: 0 })
    }

    fn tell(&mut self, told: &Told) -> std::io::Result<()> {
        self.bar.inc(1);
        let (mut changed, mut reason) = (&[][..], None);
        match &told.fate {
            Fate::Made => self.made += 1,
            Fate::Changed(names) => {
                self.changed += 1;
                changed = names;
            }
            Fate::Unchanged => self.unchanged += 1,
            Fate::Refused(why) => {
                self.refused += 1;
                reason = Some(why.as_str());
            }
        }
        if !self.all && reason.is_none() {
            return Ok(());
        }
        let id = told.external_id.as_ref().map(ToString::to_string);
        match self.format {
            Format::Json => {
                let row = json!({"line": told.line, "account": told.account, "service": told.called, "external_id": id,
                    "outcome": told.fate.as_str(), "changed": changed, "reason": reason});
                write!(self.out, "{}{row}", if self.told == 0 { "\n" } else { ",\n" })?;
            }
            Format::Csv => {
                let (line, changed) = (told.line.to_string(), changed.join(" "));
                let id = id.unwrap_or_default();
                let cells = [
                    &*line,
                    &told.account,
                    &told.called,
                    &id,
                    told.fate.as_str(),
                    &changed,
                    reason.unwrap_or_default(),
                ];
                let line = csv_line(&cells).map_err(|error| std::io::Error::other(error.to_string()))?;
                self.out.write_all(&line)?;
            }
            Format::Table => {
                // What others typed must not steer the terminal that shows it.
                let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
                let more = match reason {
                    Some(why) => format!(": {}", plain(why)),
                    None if changed.is_empty() => String::new(),
                    None => format!(": {}", changed.join(", ")),
                };
                writeln!(self.out, "line {}, {}: {}{more}", told.line, plain(&told.called), told.fate.as_str())?;
            }
        }
        self.told += 1;
        Ok(())
    }

    /// Ends the list, with how many rows came to what.
    fn end(mut self, dry_run: bool) -> Result<u64, CliError> {
        self.bar.finish_and_clear();
        let Self { made, changed, unchanged, refused, .. } = self;
        match self.format {
            Format::Json => {
                let summary = json!({"dry_run": dry_run, "rows": made + changed + unchanged + refused, "made": made,
                    "changed": changed, "unchanged": unchanged, "refused": refused});
                let newline = if self.told == 0 { "" } else { "\n" };
                writeln!(self.out, "{newline}],\n\"summary\":{summary}}}")?;
            }
            Format::Table => {
                let would = if dry_run { "nothing is changed; it would be: " } else { "" };
                writeln!(self.out, "{would}{made} made, {changed} changed, {unchanged} unchanged, {refused} refused")?;
            }
            Format::Csv => {}
        }
        self.out.flush()?;
        Ok(refused)
    }
}

impl Import {
    fn open(&self) -> Result<Box<dyn Read>, CliError> {
        if self.file.as_os_str() == "-" {
            return Ok(Box::new(std::io::stdin()));
        }
        let unreadable = |error| CliError::Unreachable(format!("cannot read {}: {error}", self.file.display()));
        Ok(Box::new(BufReader::new(File::open(&self.file).map_err(unreadable)?)))
    }

    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let is_secret = {
            let config = config.clone();
            Box::new(move |name: &str| config.is_secret_option(name))
        };
        let rows =
            read(self.open()?, is_secret).map_err(|why| CliError::Failed(format!("{}: {why}", self.file.display())))?;
        let mut connection = common.open()?;
        let name = self.file.file_name().map_or_else(|| "-".to_owned(), |name| name.to_string_lossy().into_owned());
        let entry = entry("services.import", &name, &json!({"reason": self.reason}));
        let default = self.account.clone().unwrap_or_default();
        let mut find = |connection: &mut AnyConnection, name: &str| {
            found(connection, if name.is_empty() { &default } else { name })
        };
        let mut teller = Teller::new(self.format, self.all)?;
        let mut tell = |told: &Told| teller.tell(told);
        let writer = if self.dry_run { None } else { Some(alone::writer(&config)?) };
        let taking = Taking {
            find: &mut find,
            connection: &mut connection,
            writer: writer.as_ref().map(|(writer, _)| writer),
            policies: alone::policies(&config),
            entry,
        };
        let done = taking.run(rows, &mut tell);
        // The chain is given back whether or not everything worked.
        if let Some((writer, thread)) = writer {
            drop(writer);
            thread.join();
        }
        let refused = teller.end(self.dry_run)?;
        done?;
        match refused {
            0 => Ok(()),
            1 => Err(CliError::Failed("1 row was not taken; correct it and import the list again".to_owned())),
            rows => {
                Err(CliError::Failed(format!("{rows} rows were not taken; correct them and import the list again")))
            }
        }
    }
}
