//! `tiersync reconcile --fix` and `--undo`.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::super::CliError;
use super::super::operator::entry;
use super::{Reconcile, bar};
use crate::config::Config;
use crate::domain::ids::AccountKey;
use crate::domain::reconcile::{Counts, Kinds};
use crate::ops::alone;
use crate::ops::reconcile::ReconcileError;
use crate::ops::reconcile::fix::{self, Corrections, Fixed, Hand, UndoFile};
use crate::store::connection::{Database, Use};
use crate::wire::time::rfc3339_second;
use crate::writer::now_micros;
use crate::writer::{Writer, WriterThread};

/// Applies corrections after asking, and returns what is left of the findings.
pub(super) fn apply(
    asked: &Reconcile,
    config: &Config,
    database: &Database,
    corrections: Corrections,
    found: &Counts,
) -> Result<Counts, CliError> {
    let total = corrections.total();
    let mut err = std::io::stderr();
    if total == 0 {
        writeln!(err, "There is nothing to correct: no finding of these kinds has a proposal.")?;
        return Ok(*found);
    }
    let acts: Vec<String> = corrections.counts().map(|(act, count)| format!("{act} {count}")).collect();
    writeln!(err, "To correct: {}", acts.join(", "))?;
    if !asked.yes {
        if !std::io::stdin().is_terminal() {
            return Err(CliError::Usage("nothing was changed; say --yes to have the corrections made".to_owned()));
        }
        write!(err, "Make {total} corrections? They can be taken back. [y/N] ")?;
        err.flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(CliError::Failed("nothing was changed".to_owned()));
        }
    }
    let now = now_micros();
    let path = asked.undo_file.clone().unwrap_or_else(|| default_path(now));
    let mut undo = UndoFile::create(&path)?;
    let fixed = with_hand(config, now, |hand| {
        let mut connection = database.connect(Use::Read)?;
        let bar = bar("corrections");
        let fixed =
            fix::apply(&mut connection, hand, corrections, &mut undo, &|done| bar.inc(done), &mut |account, why| {
                bar.suspend(|| refused(account, why))
            });
        bar.finish_and_clear();
        fixed
    })?;
    tell(&fixed)?;
    writeln!(err, "`tiersync reconcile --undo {}` takes it back", path.display())?;
    Ok(left(asked, found, &fixed, total))
}

/// Takes back what an undo file tells of.
pub(super) fn undo(config: &Config, database: &Database, path: &Path) -> Result<(), CliError> {
    let fixed = with_hand(config, now_micros(), |hand| {
        let mut connection = database.connect(Use::Read)?;
        let bar = bar("corrections");
        let fixed = fix::take_back(&mut connection, hand, path, &|done| bar.inc(done), &mut |account, why| {
            bar.suspend(|| refused(account, why))
        });
        bar.finish_and_clear();
        fixed
    })?;
    tell(&fixed)?;
    match fixed.refused {
        0 => Ok(()),
        count => Err(CliError::Failed(format!("{count} could not be taken back"))),
    }
}

fn default_path(now: i64) -> PathBuf {
    let stamp = rfc3339_second(now / 1_000_000).replace([':', '-'], "");
    PathBuf::from(format!("tiersync-undo-{stamp}.jsonl"))
}

/// A writer for as long as it is needed, which gives its chain back afterwards.
fn with_hand<T>(
    config: &Config,
    now: i64,
    work: impl FnOnce(&Hand<'_>) -> Result<T, ReconcileError>,
) -> Result<T, CliError> {
    let (writer, thread): (Writer, WriterThread) = alone::writer(config)?;
    let hand = Hand {
        writer: &writer,
        policies: alone::policies(config),
        now,
        by: entry("reconcile", "", &serde_json::json!({})),
    };
    let done = work(&hand);
    drop(hand);
    drop(writer);
    thread.join();
    Ok(done?)
}

fn refused(account: &AccountKey, why: &str) -> Result<(), ReconcileError> {
    let scope = &account.scope;
    let tenant = if scope.tenant.as_str().is_empty() { String::new() } else { format!("/{}", scope.tenant.as_str()) };
    writeln!(std::io::stderr(), "refused: {}{tenant} {}: {why}", scope.source, account.platform_id)?;
    Ok(())
}

fn tell(fixed: &Fixed) -> Result<(), CliError> {
    let Fixed { applied, unchanged, refused } = fixed;
    writeln!(std::io::stderr(), "{applied} changed, {unchanged} were so already, {refused} refused")?;
    Ok(())
}

/// What is left: findings of other kinds, those without a proposal, and those whose correction was refused.
fn left(asked: &Reconcile, found: &Counts, fixed: &Fixed, corrections: u64) -> Counts {
    let fixes: Kinds = asked.fix.iter().copied().collect();
    let chosen: u64 = fixes.iter().map(|kind| found.of(kind)).sum();
    let mut open = chosen.saturating_sub(corrections) + fixed.refused;
    let mut left = Counts::default();
    for (kind, count) in found.iter() {
        let mut count = count;
        if fixes.has(kind) {
            // Which of the chosen kinds are left nobody counts; how many are is what decides.
            count = count.min(open);
            open -= count;
        }
        (0..count).for_each(|_| left.add(kind));
    }
    left
}
