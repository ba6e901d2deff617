//! `tiersync reconcile`.

mod acknowledge;
mod book;
mod fix;
mod report;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::deliveries::time;
use super::{CliError, Common};
use crate::config::Config;
use crate::domain::reconcile::{Counts, FindingKind, KeyField, Kinds, parse_duration};
use crate::ops::reconcile::fix::Corrections;
use crate::ops::reconcile::{
    Against, Event, Halt, Options, ReconcileError, Report, looked_for, only_source, partner_option, run,
};
use crate::store::connection::Database;
use crate::wire::list::{Column, Meaning, Reading, Words, parse_word};
use crate::wire::reconcile::asked::{self, Chosen};
use crate::wire::reconcile::show::FindingView;
use crate::writer::now_micros;

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Printed {
    /// Columns for reading
    Table,
    /// Everything that is known, separated by commas
    Csv,
    /// An array of objects with everything that is known
    Json,
    /// One file with counts, a chart and filters that opens anywhere
    Html,
}

/// What to compare, and what to do about it.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --against, what is wrong with our own data; with it, where the list and we disagree.\n\
                        docs/reconcile.md is the guide."
)]
pub(super) struct Reconcile {
    /// Compare with this: a CSV or JSON file, - for standard input, or another database (sqlite:FILE or postgres://…)
    #[arg(long, value_name = "FILE|URL")]
    against: Option<String>,
    #[command(flatten)]
    list: ListFlags,
    /// Only accounts of this source; what the list has beyond them is missing here
    #[arg(long)]
    source: Option<String>,
    /// Only accounts of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// As it was, and as it was known, at this time (RFC 3339, or the beginning of a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    as_of: Option<i64>,
    /// Print the book instead: what each reseller gained and lost from this time until now or --as-of
    #[arg(long, value_name = "TIME", value_parser = time,
          conflicts_with_all = ["against", "check", "also", "with_self_check", "fail_on", "fix"])]
    since: Option<i64>,
    /// Look for these kinds of findings only
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = asked::kind)]
    check: Vec<FindingKind>,
    /// Look for these, too: name_differs and email_differs are only found when they are asked for
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = asked::kind, conflicts_with = "check")]
    also: Vec<FindingKind>,
    /// With --against: look also for what is wrong with our own data
    #[arg(long, requires = "against")]
    with_self_check: bool,
    /// How long a customer may wait for its reseller before that is a finding, such as 36h or 7d [default: the
    /// configuration's, else 1d]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pending_after: Option<i64>,
    /// From one reseller to another and back within this time is a finding [default: the configuration's, else 30d]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    flapping_within: Option<i64>,
    /// Show also what was acknowledged
    #[arg(long, conflicts_with = "since")]
    show_acknowledged: bool,
    /// Acknowledge what is found of these kinds, or with these fingerprints: it stays quiet until it changes
    #[arg(long, value_name = "KIND|FINGERPRINT", num_args = 1.., value_delimiter = ',', value_parser = asked::chosen,
          requires = "note", conflicts_with_all = ["as_of", "since"])]
    acknowledge: Vec<Chosen>,
    /// With --acknowledge: why it may stay
    #[arg(long, value_name = "TEXT", requires = "acknowledge", value_parser = note)]
    note: Option<String>,
    /// Take acknowledgements back of what is found of these kinds, or with these fingerprints
    #[arg(long, value_name = "KIND|FINGERPRINT", num_args = 1.., value_delimiter = ',', value_parser = asked::chosen,
          conflicts_with_all = ["acknowledge", "as_of", "since"])]
    withdraw: Vec<Chosen>,
    /// How to print what is found
    #[arg(long, value_enum, default_value_t = Printed::Table)]
    format: Printed,
    /// Write to this file, which only you may read [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// At most so many findings [default: 100 for a table, else all]
    #[arg(long, value_name = "N", conflicts_with = "since")]
    limit: Option<usize>,
    /// Exit with 1 for these kinds of findings only [default: for any]
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = asked::kind)]
    fail_on: Vec<FindingKind>,
    /// Apply what is proposed for these kinds of findings, after showing and asking
    #[arg(long, value_name = "KIND", num_args = 1.., value_delimiter = ',', value_parser = asked::kind, conflicts_with_all = ["as_of", "limit"])]
    fix: Vec<FindingKind>,
    /// With --fix: do not ask
    #[arg(long, requires = "fix")]
    yes: bool,
    /// With --fix: where to write what takes it back [default: tiersync-undo-TIME.jsonl]
    #[arg(long, value_name = "FILE", requires = "fix")]
    undo_file: Option<PathBuf>,
    /// Take back what an earlier --fix did, by its undo file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against", "check", "also", "fix", "since", "as_of", "fail_on", "output", "limit", "source", "tenant", "acknowledge", "withdraw", "show_acknowledged"])]
    undo: Option<PathBuf>,
}

/// How to read a list.
#[derive(Debug, Args)]
struct ListFlags {
    /// How the list calls our columns, such as platform_id=CustomerNo,reseller_id=PartnerNo
    #[arg(long, value_name = "OURS=THEIRS", value_delimiter = ',', value_parser = asked::mapped, requires = "against")]
    map: Vec<(Column, String)>,
    /// By what accounts are matched: platform_id, external_id, code or email
    #[arg(long, default_value = "platform_id", value_parser = asked::key)]
    key: KeyField,
    /// What separates cells: one character, or tab [default: found in the header]
    #[arg(long, value_name = "CHAR", value_parser = asked::separator, requires = "against")]
    separator: Option<u8>,
    /// The list's encoding, such as windows-1253 [default: utf-8]
    #[arg(long, value_name = "NAME", requires = "against")]
    encoding: Option<String>,
    /// What a word of the list means: a kind of account, active or deleted, such as "End Customer=reseller_customer"
    #[arg(long, value_name = "WORD=MEANING", value_parser = parse_word, requires = "against")]
    word: Vec<(String, Meaning)>,
}

/// Longest note, in characters.
const MAX_NOTE: usize = 500;

fn note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > MAX_NOTE {
        return Err(format!("has 1 to {MAX_NOTE} characters"));
    }
    Ok(text.to_owned())
}

fn duration(text: &str) -> Result<i64, String> {
    parse_duration(text).map_err(str::to_owned)
}

impl From<ReconcileError> for CliError {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Usage(why) => Self::Usage(why),
            ReconcileError::Broken(why) => Self::Failed(why),
            ReconcileError::Unreachable(why) => Self::Unreachable(why),
            ReconcileError::Halted => Self::Failed(error.to_string()),
            ReconcileError::Closed => Self::Closed,
        }
    }
}

impl Reconcile {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        // Says in words what is wrong with the database before anything else is asked of it.
        drop(common.open()?);
        let config = common.load()?;
        let database = Database::parse(&config.database_url)?;
        if let Some(path) = &self.undo {
            return fix::undo(&config, &database, path);
        }
        let options = self.options(&config)?;
        if let Some(since) = self.since {
            return book::print(&self, &database, &options, since);
        }
        self.compare(&config, &database, &options)
    }

    fn compare(&self, config: &Config, database: &Database, options: &Options) -> Result<(), CliError> {
        let against = self.opened()?;
        let fixes: Kinds = self.fix.iter().copied().collect();
        let mut corrections = Corrections::default();
        let mut known = acknowledge::Known::new(self, config, database)?;
        let mut report = report::Printing::start(self.format, self.limit, self.sink()?)?;
        let bar = bar("accounts");
        let done = run(database, options, against, &|read| bar.inc(read), &mut |event| match event {
            Event::Finding(finding) => {
                if known.takes(&finding)? && !self.show_acknowledged {
                    return Ok(());
                }
                if fixes.has(finding.kind) {
                    corrections.take(&finding)?;
                }
                report.finding(&FindingView::from(&*finding))
            }
            Event::Acknowledged(finding) => match known.still(&finding)? {
                Some(_) if !self.show_acknowledged => Ok(()),
                shown => report.finding(&FindingView { acknowledged: shown, ..FindingView::from(&*finding) }),
            },
            Event::Trouble(trouble) => {
                bar.suspend(|| report.trouble(&trouble.why));
                Ok(())
            }
        });
        bar.finish_and_clear();
        let mut done = done?;
        known.end(&mut done)?;
        report.end(&self.about(database, options), &done)?;
        let mut left = done.tally.counts;
        if !self.fix.is_empty() {
            left = fix::apply(self, config, database, corrections, &left)?;
        }
        self.judge(&left, &done)
    }

    fn options(&self, config: &Config) -> Result<Options, CliError> {
        Ok(Options {
            kinds: self.kinds()?,
            self_check: self.against.is_none() || self.with_self_check,
            source: self.source.clone(),
            tenant: self.tenant.clone(),
            as_of: self.as_of,
            now: now_micros(),
            key: self.list.key,
            pending_after: self.pending_after.unwrap_or(config.reconcile.pending_older_than),
            flapping_within: self.flapping_within.unwrap_or(config.reconcile.flapping_within),
            partner_option: partner_option(config),
            only_source: only_source(config),
            halt: Halt::default(),
        })
    }

    /// What is looked for.
    fn kinds(&self) -> Result<Kinds, CliError> {
        let only: Kinds = self.check.iter().copied().collect();
        let also: Kinds = self.also.iter().chain(&self.fix).copied().collect();
        looked_for(self.against.is_some(), self.with_self_check, only, also)
            .map_err(|error| CliError::Usage(format!("{error}; name it with --against")))
    }

    fn opened(&self) -> Result<Against, CliError> {
        let Some(against) = &self.against else { return Ok(Against::Nothing) };
        if ["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| against.starts_with(scheme)) {
            let lists = [
                self.list.map.is_empty(),
                self.list.separator.is_none(),
                self.list.encoding.is_none(),
                self.list.word.is_empty(),
            ];
            if lists.contains(&false) {
                let why =
                    "--map, --separator, --encoding and --word are about lists; another database needs none of them";
                return Err(CliError::Usage(why.to_owned()));
            }
            return Ok(Against::Database(Database::parse(against)?));
        }
        let reading = Reading {
            key: self.list.key,
            map: self.list.map.clone(),
            separator: self.list.separator,
            encoding: self.list.encoding.clone(),
            words: Words::new(self.list.word.clone()),
        };
        if against == "-" {
            return Ok(Against::List(Box::new(std::io::stdin()), reading));
        }
        let unreadable = |error: std::io::Error| CliError::Unreachable(format!("cannot read {against}: {error}"));
        let file = File::open(against).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(Against::List(Box::new(file), reading))
    }

    /// Where to print.
    fn sink(&self) -> Result<Box<dyn Write>, CliError> {
        match &self.output {
            None => Ok(Box::new(std::io::stdout())),
            Some(path) => {
                let mut options = File::options();
                options.write(true).create(true).truncate(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let file = options
                    .open(path)
                    .map_err(|error| CliError::Unreachable(format!("cannot write {}: {error}", path.display())))?;
                Ok(Box::new(file))
            }
        }
    }

    /// What was compared with what, for people.
    fn about(&self, database: &Database, options: &Options) -> Vec<String> {
        let at = |time| crate::wire::time::rfc3339(time);
        let mut about = vec![match &self.against {
            None => format!("Self-check of {}", database.shown()),
            Some(against) => {
                let other = match Database::parse(against) {
                    Ok(other) => other.shown(),
                    Err(_) if against == "-" => "standard input".to_owned(),
                    Err(_) => against.clone(),
                };
                format!("{} against {other}, by {}", database.shown(), self.list.key.as_str())
            }
        }];
        if let Some(source) = &self.source {
            about.push(format!("Source {source}"));
        }
        if let Some(tenant) = &self.tenant {
            about.push(format!("Tenant {tenant}"));
        }
        about.push(match options.as_of {
            Some(time) => format!("As of {}, as known then", at(time)),
            None => format!("As of {}", at(options.now / 1_000_000 * 1_000_000)),
        });
        about
    }

    fn judge(&self, left: &Counts, done: &Report) -> Result<(), CliError> {
        let fails = |kind: FindingKind| self.fail_on.is_empty() || self.fail_on.contains(&kind);
        let count: u64 = left.iter().filter(|(kind, _)| fails(*kind)).map(|(_, count)| count).sum();
        match (count, done.is_whole() || !self.fail_on.is_empty()) {
            (0, true) => Ok(()),
            (0, false) => Err(CliError::Failed("not everything could be compared; mend what is told above".to_owned())),
            (1, _) => Err(CliError::Failed("1 finding".to_owned())),
            (count, _) => Err(CliError::Failed(format!("{count} findings"))),
        }
    }
}

/// How far the work is.
fn bar(what: &str) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template(&format!("{{spinner}} {{human_pos}} {what}, {{per_sec}}")) {
        bar.set_style(style);
    }
    bar
}
