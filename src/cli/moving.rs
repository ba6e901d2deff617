//! `tiersync move`.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write};

use clap::{ArgGroup, Args};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::accounts::find;
use super::operator::entry;
use super::output::{Format, Listing};
use super::prune::checkpoints;
use super::{CliError, Common};
use crate::domain::moves::{Look, Moving, Refusal};
use crate::domain::operator::Visible;
use crate::domain::outcome::Code;
use crate::ops::find::{self as names, FindError};
use crate::ops::moves::Reader;
use crate::ops::moves::many::{Fate, Many, ManyError, Told};
use crate::ops::{alone, moves, shown};
use crate::store::AnyConnection;
use crate::store::connection::Database;
use crate::wire::moves::{LookView, choices_of_text};
use crate::wire::moves_list::{self, BadRow, MAX_LIST, Row};

/// Whom to move, and where.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true).args(["account", "csv"]))]
pub(super) struct Move {
    /// The customer: our id, its ExternalID or its platform ID
    #[arg(requires = "to")]
    account: Option<String>,
    /// The new reseller, by any of its names, or "none" for a customer of nobody
    #[arg(long, value_name = "RESELLER", conflicts_with = "csv")]
    to: Option<String>,
    /// A list of moves: CSV with customer and reseller, and plans and location where something is to be chosen; - for the
    /// standard input
    #[arg(long, value_name = "FILE")]
    csv: Option<String>,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// What is chosen where plans differ: SERVICE:PLAN=NEW or ID=NEW, with @LOCATION behind it; several with semicolons
    #[arg(long, value_name = "CHOICE", conflicts_with = "csv")]
    plan: Vec<String>,
    /// The new location of every service that may run there
    #[arg(long, conflicts_with = "csv")]
    location: Option<String>,
    /// Only looks at it, and says of each service what would become of it
    #[arg(long)]
    preview: bool,
    /// Moves all of a list or, where one row is refused, none, in one commit
    #[arg(long, requires = "csv")]
    all_or_nothing: bool,
    /// Also tell of rows of a list that are moved, or were there already
    #[arg(long, requires = "csv")]
    all: bool,
    /// Why; kept with the move and in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        Self::Failed(format!("{} ({})", refusal.message, refusal.code.number()))
    }
}

impl From<ManyError> for CliError {
    fn from(error: ManyError) -> Self {
        match error {
            ManyError::Store(error) => error.into(),
            ManyError::Told(error) => error.into(),
            ManyError::TooMany => Self::Usage(format!("the list has {error}")),
            ManyError::Write { .. } => Self::Unreachable(error.to_string()),
        }
    }
}

/// Reads a list of moves.
pub(super) fn list(file: &str) -> Result<Vec<Result<Row, BadRow>>, CliError> {
    let cannot = |error: std::io::Error| CliError::Unreachable(format!("cannot read {file}: {error}"));
    let input: Box<dyn Read> =
        if file == "-" { Box::new(std::io::stdin()) } else { Box::new(File::open(file).map_err(cannot)?) };
    let mut bytes = Vec::new();
    input.take(MAX_LIST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_LIST {
        return Err(CliError::Failed(format!("{file} is larger than {} MiB; split it", MAX_LIST >> 20)));
    }
    moves_list::read(&bytes).map_err(|why| CliError::Failed(format!("{file} cannot be taken: {why}")))
}

/// A refusal for a name that means nobody, or too many.
pub(super) fn unnamed(error: FindError) -> Result<Refusal, crate::store::StoreError> {
    match error {
        FindError::Store(error) => Err(error),
        FindError::Nobody(_) => Ok(Refusal { code: Code::UnknownAccount, message: format!("{error}.") }),
        FindError::Several { .. } => {
            Ok(Refusal { code: Code::Conflict, message: format!("{error}; narrow it with --source and --tenant.") })
        }
    }
}

/// Tells of rows as they come.
pub(super) struct Teller {
    out: BufWriter<Box<dyn Write>>,
    format: Format,
    all: bool,
    rows: usize,
    bar: ProgressBar,
}

impl Teller {
    pub(super) fn new(format: Format, all: bool, rows: Option<u64>) -> Result<Self, CliError> {
        let bar = match rows {
            _ if !std::io::stderr().is_terminal() => ProgressBar::hidden(),
            Some(rows) => ProgressBar::new(rows),
            None => ProgressBar::new_spinner(),
        };
        let template = "{bar:40} {pos}/{len} moves, {per_sec}, {eta} left";
        if let Ok(style) =
            ProgressStyle::with_template(if rows.is_some() { template } else { "{spinner} {pos} moves, {per_sec}" })
        {
            bar.set_style(style);
        }
        let mut out: BufWriter<Box<dyn Write>> = BufWriter::new(Box::new(std::io::stdout()));
        match format {
            Format::Json => out.write_all(b"{\"rows\":[")?,
            Format::Csv => out.write_all(b"line,customer,outcome,code,reason,move\n")?,
            Format::Table => {}
        }
        Ok(Self { out, format, all, rows: 0, bar })
    }

    pub(super) fn tell(&mut self, told: &Told) -> std::io::Result<()> {
        self.bar.inc(1);
        if !self.all && !matches!(told.fate, Fate::Refused(..)) {
            return Ok(());
        }
        let view = shown::moved(told);
        match self.format {
            Format::Json => {
                let row = serde_json::to_string(&view)?;
                write!(self.out, "{}{row}", if self.rows == 0 { "\n" } else { ",\n" })?;
            }
            Format::Csv => {
                let code = view.code.map(|code| code.to_string()).unwrap_or_default();
                let (reason, moved) = (view.reason.unwrap_or_default(), view.moved.unwrap_or_default());
                let cells = [&*view.row.to_string(), &view.customer, view.outcome, &code, &reason, &moved];
                let line = super::output::csv_line(&cells).map_err(|error| std::io::Error::other(error.to_string()))?;
                self.out.write_all(&line)?;
            }
            Format::Table => {
                // What others typed must not steer the terminal that shows it.
                let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
                let why = view.reason.as_deref().map(|why| format!(": {}", plain(why))).unwrap_or_default();
                writeln!(self.out, "line {}, {}: {}{why}", view.row, plain(&view.customer), view.outcome)?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends the list, with a summary for JSON and for people.
    pub(super) fn end(mut self, summary: &impl serde::Serialize, words: &str) -> Result<(), CliError> {
        self.bar.finish_and_clear();
        match self.format {
            Format::Json => {
                let newline = if self.rows == 0 { "" } else { "\n" };
                let summary = serde_json::to_string(summary).map_err(|error| CliError::Failed(error.to_string()))?;
                writeln!(self.out, "{newline}],\n\"summary\":{summary}}}")?;
            }
            Format::Table => writeln!(self.out, "{words}")?,
            Format::Csv => {}
        }
        Ok(self.out.flush()?)
    }
}

impl Move {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match &self.csv {
            Some(file) => self.many(common, file),
            None => self.one(common),
        }
    }

    fn one(&self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (source, tenant) = (self.source.as_deref(), self.tenant.as_deref());
        let name = self.account.as_deref().unwrap_or_default();
        let customer = find(&mut connection, name, source, tenant)?.account;
        let reseller = match self.to.as_deref() {
            None | Some("none") => None,
            Some(name) => {
                let scope = &customer.key.scope;
                let (source, tenant) = (Some(scope.source.as_str()), Some(scope.tenant.as_str()));
                Some(find(&mut connection, name, source, tenant)?.account.key)
            }
        };
        let chosen = choices_of_text(&self.plan.join(";"), self.location.as_deref())
            .map_err(|why| CliError::Usage(format!("--plan: {why}")))?;
        let mut moving = Moving {
            reseller,
            choices: chosen,
            by: crate::domain::operator::COMMAND_LINE.to_owned(),
            reason: self.reason.clone(),
            ..Moving::default()
        };
        let look = moves::preview(&mut connection, &customer.key, &moving)??;
        let view = LookView::new(&look);
        if self.preview {
            return self.show(&look, &view);
        }
        // What is made is what was looked at.
        moving.basis = Some(look.basis());
        let detail = json!({"reseller": view.to, "reason": self.reason});
        let entry = entry("moves.commit", &customer.id.to_string(), &detail);
        let list = moves::list(customer.key.clone(), moving, alone::policies(&config), entry);
        let outcomes = common.acts(list)?;
        let moved = moves::settled(&outcomes)?;
        let kept = match moved {
            Some(id) => crate::store::moves::by_id(&mut connection, id)?,
            None => None,
        };
        let Some(kept) = kept else { return Err(CliError::Failed("the move is not kept".to_owned())) };
        let view = crate::wire::moves::MoveView::new(&kept, &Visible::All);
        match self.format {
            Format::Json => {
                let json = serde_json::to_string(&view).map_err(|error| CliError::Failed(error.to_string()))?;
                writeln!(std::io::stdout(), "{json}")?;
            }
            Format::Csv => {
                let mut listing = Listing::start(self.format, &super::moves::COLUMNS)?;
                super::moves::row(&mut listing, &kept)?;
                listing.end()?;
            }
            Format::Table => {
                let to = view.to.as_deref().unwrap_or("nobody");
                writeln!(std::io::stdout(), "account {} is moved to {to}: move {}", view.customer, view.id)?;
                if let Some(request) = &view.provisioning_request {
                    writeln!(std::io::stdout(), "what has to be provisioned again is request {request}")?;
                }
            }
        }
        Ok(())
    }

    /// Prints a preview, and fails where the move cannot be made.
    fn show(&self, look: &Look, view: &LookView) -> Result<(), CliError> {
        show(self.format, look, view)
    }

    fn many(&self, common: &Common, file: &str) -> Result<(), CliError> {
        let config = common.load()?;
        let rows = list(file)?;
        let mut connection = common.open()?;
        let (source, tenant) = (self.source.clone(), self.tenant.clone());
        let mut resolve = |connection: &mut AnyConnection, name: &str| match names::account(
            connection,
            name,
            source.as_deref(),
            tenant.as_deref(),
        ) {
            Ok(listed) => Ok(Ok(listed.account.key)),
            Err(error) => unnamed(error).map(Err),
        };
        let mut teller = Teller::new(self.format, self.all, Some(rows.len() as u64))?;
        let entry = entry("moves.batch", file, &json!({"reason": self.reason}));
        let mut tell = |told: &Told| teller.tell(told);
        let mut run = |connection: &mut AnyConnection, writer: Option<&crate::writer::Writer>| {
            let many = Many {
                resolve: &mut resolve,
                reader: Reader::Own(connection),
                writer,
                policies: alone::policies(&config),
                all_or_nothing: self.all_or_nothing,
                entry: entry.clone(),
                reason: self.reason.clone(),
                within: None,
            };
            many.run(rows.clone().into_iter(), &mut tell)
        };
        let done = if self.preview {
            run(&mut connection, None)
        } else {
            let _tasks = checkpoints(&Database::parse(&config.database_url)?)?;
            let (writer, thread) = alone::writer(&config)?;
            let done = run(&mut connection, Some(&writer));
            drop(writer);
            thread.join();
            done
        };
        let summary = done?;
        let ended = if self.preview { "; nothing is written (--preview)" } else { "" };
        let words = format!(
            "{} rows: {} moved, {} unchanged, {} refused, {} withheld{ended}",
            summary.rows, summary.moved, summary.unchanged, summary.refused, summary.withheld
        );
        teller.end(&shown::moved_summary(&summary), &words)?;
        match summary.refused {
            0 => Ok(()),
            refused => Err(CliError::Failed(format!("{refused} rows are refused; put them right and run it again"))),
        }
    }
}

/// Prints a preview of a move, and fails where it cannot be made.
pub(super) fn show(format: Format, look: &Look, view: &LookView) -> Result<(), CliError> {
    if format == Format::Json {
        let json = serde_json::to_string(view).map_err(|error| CliError::Failed(error.to_string()))?;
        writeln!(std::io::stdout(), "{json}")?;
    } else {
        let columns =
            ["service", "name", "sold_as", "plan", "location", "outcome", "new_plan", "new_location", "choose"];
        let mut listing = Listing::start(format, &columns)?;
        for service in &view.services {
            let candidates: Vec<&str> = service.candidates.iter().map(|one| one.plan.as_str()).collect();
            let choose = if candidates.is_empty() { service.locations.join(", ") } else { candidates.join(", ") };
            let cells = [
                &*service.id,
                &service.name,
                &service.sold_as,
                &service.plan,
                &service.location,
                service.outcome,
                service.new_plan.as_deref().unwrap_or_default(),
                service.new_location.as_deref().unwrap_or_default(),
                &choose,
            ];
            listing.row(service, &cells)?;
        }
        listing.end()?;
    }
    if format == Format::Table {
        for refusal in &view.refusals {
            writeln!(std::io::stdout(), "{} ({})", refusal.reason, refusal.code)?;
        }
    }
    match look.all_refusals().len() {
        0 => Ok(()),
        several => Err(CliError::Failed(format!(
            "the move cannot be made as it is asked for; {several} reasons are against it"
        ))),
    }
}
