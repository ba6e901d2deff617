//! `tiersync accounts import`.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::operator::entry;
use super::prune::checkpoints;
use super::{CliError, Common};
use crate::config::Config;
use crate::domain::ids::{SourceId, Tenant};
use crate::ops::import::{self, Fate, Import as Plan, ImportError, Summary, Tenants, Told, Whose};
use crate::ops::{alone, shown};
use crate::store::connection::Database;
use crate::wire::book::{Book, BookError, BookFormat, Field, Reading, parse_mapping};
use crate::writer::now_micros;

/// What to import.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The list: CSV with a header, a JSON array or JSON lines; - for the standard input
    file: String,
    /// The source whose accounts they are; local for those that no platform sends yet
    #[arg(long)]
    source: String,
    /// The tenant of rows that name none
    #[arg(long)]
    tenant: Option<String>,
    /// Says what would become of each row, and writes nothing
    #[arg(long)]
    dry_run: bool,
    /// How the list calls a field, such as platform_id=CustomerNo; several with commas, or several times
    #[arg(long, value_name = "FIELD=COLUMN,…", value_delimiter = ',', value_parser = parse_mapping)]
    map: Vec<(Field, String)>,
    /// What separates the cells of a CSV list: one character, or "tab" [default: found out]
    #[arg(long, value_name = "CHARACTER", value_parser = separator)]
    separator: Option<u8>,
    /// How the list is written [default: by the file's ending, CSV where that says nothing]
    #[arg(long, value_enum)]
    input_format: Option<InputFormat>,
    /// Also tell of rows that are as the list says
    #[arg(long)]
    all: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Printed::Table)]
    format: Printed,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// A header and rows of cells
    Csv,
    /// An array of objects, or one object behind the other
    Json,
}

/// How to print what became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// A line a row, and a summary
    Table,
    /// One object with rows and summary
    Json,
}

fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        _ if text == "tab" || text == "\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r') => {
            Ok(*byte)
        }
        _ => Err("it is no single character such as ; or | and not \"tab\"".to_owned()),
    }
}

impl From<ImportError> for CliError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Book(BookError::Usage(why)) => Self::Usage(why),
            ImportError::Store(error) => error.into(),
            ImportError::Told(error) => error.into(),
            ImportError::Write { .. } => Self::Unreachable(error.to_string()),
            ImportError::Book(BookError::Broken(_)) | ImportError::Broken { .. } | ImportError::TooLong => {
                Self::Failed(error.to_string())
            }
        }
    }
}

/// Finds a source of the configuration, or the one of accounts that no platform sends yet.
fn whose(config: &Config, name: &str) -> Result<Whose, CliError> {
    Whose::of(config, name).ok_or_else(|| {
        let known: Vec<String> = config.sources.iter().map(|source| source.credentials.id.to_string()).collect();
        let known = known.into_iter().chain([SourceId::LOCAL.to_owned()]).collect::<Vec<_>>().join(", ");
        CliError::Usage(format!("no source is called {name}; there are {known}"))
    })
}

/// Tells of rows as they come, and counts at the end.
struct Teller {
    out: BufWriter<Box<dyn Write>>,
    printed: Printed,
    all: bool,
    rows: usize,
    bar: ProgressBar,
}

impl Teller {
    fn begin(&mut self) -> std::io::Result<()> {
        match self.printed {
            Printed::Json => self.out.write_all(b"{\"rows\":["),
            Printed::Table => Ok(()),
        }
    }

    fn tell(&mut self, told: &Told) -> std::io::Result<()> {
        self.bar.inc(1);
        if !self.all && !matches!(told.fate, Fate::Kept(_) | Fate::Refused(..)) {
            return Ok(());
        }
        match self.printed {
            Printed::Json => {
                let row = serde_json::to_string(&shown::told(told))?;
                write!(self.out, "{}{row}", if self.rows == 0 { "\n" } else { ",\n" })?;
            }
            Printed::Table => {
                // What others typed must not steer the terminal that shows it.
                let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
                let (id, why) = (plain(&told.platform_id), plain(told.fate.why()));
                let id = if id.is_empty() { "-".to_owned() } else { id };
                let colon = if why.is_empty() { "" } else { ": " };
                writeln!(self.out, "line {}, {id}: {}{colon}{why}", told.line, told.fate.as_str())?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    fn end(mut self, summary: &Summary, dry_run: bool) -> std::io::Result<()> {
        self.bar.finish_and_clear();
        let Summary { rows, created, changed, unchanged, kept, refused } = summary;
        match self.printed {
            Printed::Json => {
                let summary = serde_json::to_string(&shown::summary(summary, dry_run))?;
                let newline = if self.rows == 0 { "" } else { "\n" };
                writeln!(self.out, "{newline}],\n\"summary\":{summary}}}")?;
            }
            Printed::Table => {
                let ended = if dry_run { "; nothing is written (--dry-run)" } else { "" };
                writeln!(
                    self.out,
                    "{rows} rows: {created} created, {changed} changed, {unchanged} unchanged, {kept} kept, {refused} refused{ended}"
                )?;
            }
        }
        self.out.flush()
    }
}

impl Import {
    fn input(&self) -> Result<(Box<dyn Read + Send>, BookFormat), CliError> {
        let input: Box<dyn Read + Send> = if self.file == "-" {
            Box::new(std::io::stdin())
        } else {
            let file = File::open(&self.file)
                .map_err(|error| CliError::Unreachable(format!("cannot open {}: {error}", self.file)))?;
            if file.metadata().is_ok_and(|data| data.is_dir()) {
                return Err(CliError::Unreachable(format!("cannot open {}: it is a folder", self.file)));
            }
            Box::new(file)
        };
        let format = match self.input_format {
            Some(InputFormat::Csv) => BookFormat::Csv,
            Some(InputFormat::Json) => BookFormat::Json,
            None => BookFormat::of_name(&self.file),
        };
        if format == BookFormat::Json && self.separator.is_some() {
            return Err(CliError::Usage("--separator means nothing to a JSON list".to_owned()));
        }
        Ok((input, format))
    }

    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let whose = whose(&config, &self.source)?;
        let tenant = match self.tenant.as_deref().map(Tenant::parse).transpose() {
            Ok(tenant) => tenant,
            Err(error) => return Err(CliError::Usage(format!("--tenant {error}"))),
        };
        if tenant.is_some() && whose.tenants == Tenants::None {
            return Err(CliError::Usage(format!("source {} tells no tenants apart; leave --tenant out", self.source)));
        }
        let (input, format) = self.input()?;
        let reading = Reading {
            format,
            map: self.map.clone(),
            separator: self.separator,
            secret_options: config.secret_options(),
        };
        let book = Book::open(input, reading).map_err(ImportError::from)?;
        if !book.unused().is_empty() {
            let unused = book.unused().join(", ").chars().filter(|c| !c.is_control()).take(500).collect::<String>();
            writeln!(std::io::stderr(), "Columns that are not read: {unused}")?;
        }
        // Whoever is asked about a database that is not there must not make one.
        let mut connection = common.open()?;
        let plan = Plan {
            whose: &whose,
            tenant,
            policies: alone::policies(&config),
            at: now_micros(),
            entry: entry("accounts.import", &self.source, &json!({})),
        };
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} rows, {per_sec}, {elapsed}") {
            bar.set_style(style);
        }
        let out: Box<dyn Write> = Box::new(std::io::stdout());
        let mut teller = Teller { out: BufWriter::new(out), printed: self.format, all: self.all, rows: 0, bar };
        teller.begin()?;
        let mut tell = |told: &Told| teller.tell(told);
        let done = if self.dry_run {
            import::run(&plan, book, import::Target::Preview(&mut connection), &mut tell)
        } else {
            drop(connection);
            let _tasks = checkpoints(&Database::parse(&config.database_url)?)?;
            let (writer, thread) = alone::writer(&config)?;
            let done = import::run(&plan, book, import::Target::Writer(&writer), &mut tell);
            drop(writer);
            thread.join();
            done
        };
        let summary = match done {
            Ok(summary) => summary,
            Err(error) => {
                teller.bar.finish_and_clear();
                teller.out.flush()?;
                return Err(error.into());
            }
        };
        teller.end(&summary, self.dry_run)?;
        match summary.refused {
            0 => Ok(()),
            1 => Err(CliError::Failed("1 row was refused; correct it and import the list again".to_owned())),
            some => Err(CliError::Failed(format!("{some} rows were refused; correct them and import the list again"))),
        }
    }
}
