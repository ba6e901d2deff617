//! `tiersync deliveries prune`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::output::{Format, Listing};
use super::{CliError, Common};
use crate::ops::alone;
use crate::ops::retention::{self, Emptying, Reached, Report, RetentionError, Walk};
use crate::store::AnyConnection;
use crate::store::connection::Database;
use crate::tasks::{self, Tasks};
use crate::wire::time::rfc3339;
use crate::writer::SubmitError;

/// Longest age that can be asked for, in seconds: a hundred years.
const MAX_AGE: u64 = 36_500 * 86_400;

/// What to empty.
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Older than this: a number and s, m, h or d, such as 90d [default: the configuration's retention_days]
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    /// Only say what would be emptied
    #[arg(long)]
    dry_run: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn age(text: &str) -> Result<Duration, String> {
    let unit = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let read = unit.into_iter().find_map(|(unit, seconds)| {
        let number: u64 = text.trim().strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds).filter(|seconds| *seconds <= MAX_AGE)
    });
    read.map(Duration::from_secs)
        .ok_or_else(|| "it is no age such as 90d, 12h, 30m or 45s, of a hundred years at most".to_owned())
}

impl From<RetentionError> for CliError {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Store(error) => error.into(),
            RetentionError::Writer(SubmitError::Failed) => Self::Failed("a body could not be emptied".to_owned()),
            RetentionError::Writer(error) => {
                Self::Unreachable(format!("{error}; what was emptied stays emptied, run it again for the rest"))
            }
        }
    }
}

impl Prune {
    pub(super) fn run(self, common: &Common, connection: &mut AnyConnection) -> Result<(), CliError> {
        let config = common.load()?;
        let Some(keep) = self.older_than.or_else(|| config.retention()) else {
            return Err(CliError::Usage(
                "retention_days is 0, so bodies are kept for ever; say which to empty with --older-than".to_owned(),
            ));
        };
        let before = retention::cutoff(keep);
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} bodies, {per_sec}") {
            bar.set_style(style);
        }
        let mut report = Report::default();
        let mut walk = Walk::begin(connection, before, Reached::new())?;
        let mut read = || walk.next(connection);
        let progress = |report: &Report| bar.set_position(report.emptied);
        let done = if self.dry_run {
            retention::run(before, &mut read, None, &mut report, &progress)
        } else {
            let _tasks = checkpoints(&Database::parse(&config.database_url)?)?;
            let (writer, thread) = alone::writer(&config)?;
            let pause = |pause| {
                std::thread::sleep(pause);
                false
            };
            let emptying = Emptying::new(&writer, &pause);
            let done = retention::run(before, &mut read, Some(emptying), &mut report, &progress);
            drop(writer);
            thread.join();
            done
        };
        bar.finish_and_clear();
        self.print(before, &report)?;
        Ok(done?)
    }

    fn print(&self, before: i64, report: &Report) -> Result<(), CliError> {
        let Report { emptied, bytes, kept } = report;
        let mut out = std::io::stdout();
        match self.format {
            Format::Json => {
                let before = rfc3339(before);
                let dry_run = self.dry_run;
                let report =
                    json!({"before": before, "dry_run": dry_run, "emptied": emptied, "bytes": bytes, "kept": kept});
                writeln!(out, "{report}")?;
            }
            Format::Csv => {
                let mut listing = Listing::start(Format::Csv, &["before", "dry_run", "emptied", "bytes", "kept"])?;
                let cells = [rfc3339(before), self.dry_run.to_string(), emptied.to_string()];
                listing.row(&(), &[&cells[0], &cells[1], &cells[2], &bytes.to_string(), &kept.to_string()])?;
                listing.end()?;
            }
            Format::Table => {
                let did = if self.dry_run { "would be emptied" } else { "were emptied" };
                writeln!(out, "{emptied} bodies ({bytes} bytes) from before {} {did}", rfc3339(before))?;
                if *kept > 0 {
                    writeln!(out, "{kept} stay: newer deliveries or open cases need them")?;
                }
            }
        }
        Ok(())
    }
}

/// Without a receiver on the database nobody else keeps SQLite's write-ahead log short.
pub(super) fn checkpoints(database: &Database) -> Result<Tasks, CliError> {
    let mut tasks = Tasks::default();
    if database.file().is_some() {
        let database = database.clone();
        tasks.start("checkpoint", move |stop| tasks::checkpoint::run_until(stop, &database, &|_| {}))?;
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("30m", 1_800), ("45s", 45), ("0s", 0)] {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "90", "d", "-1d", "1.5d", "36501d", "99999999999999999999d", "18446744073709551615d", "1w"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
