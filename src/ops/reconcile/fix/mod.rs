//! Applies proposals through the writer, in bounded batches, and takes them back.

mod acts;
mod undo;

use std::sync::Arc;

use super::ReconcileError;
use super::sort::Sorter;
use crate::domain::account::AccountKind;
use crate::domain::act::{Act, ActOutcome, Acted};
use crate::domain::ids::AccountKey;
use crate::domain::policy::Policies;
use crate::domain::reconcile::{Amend, Finding, Proposal};
use crate::store::AnyConnection;
use crate::store::audit;
use crate::wire::undo::{Done, Undo};
use crate::writer::acts::{ActList, preview};
use crate::writer::{SubmitError, Writer};

pub use undo::{UndoFile, take_back};

/// Accounts of one batch: one commit each, behind which calls wait.
const BATCH: usize = 100;

/// Corrections of the findings that were chosen, in the order in which they can be made: resellers before their customers.
#[derive(Debug, Default)]
pub struct Corrections {
    sorter: Sorter<Correction>,
    counts: std::collections::BTreeMap<&'static str, u64>,
}

/// One correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Correction {
    pub account: AccountKey,
    pub amend: Amend,
}

impl Corrections {
    /// Takes the proposal of a finding, if there is one.
    ///
    /// # Errors
    /// [`ReconcileError`] when a temporary file cannot be written.
    pub fn take(&mut self, finding: &Finding) -> Result<(), ReconcileError> {
        let Proposal::Amend(account, amend) = &finding.proposal else { return Ok(()) };
        let step: u8 = match amend {
            Amend::Import(entry) if entry.kind == AccountKind::Reseller => 0,
            Amend::Import(_) => 1,
            Amend::Revive => 2,
            Amend::SetKind(AccountKind::Reseller) => 3,
            Amend::Assign(_) => 4,
            Amend::SetKind(_) => 5,
            Amend::Release => 6,
            Amend::SetPartner { .. } => 7,
            Amend::SetName(_) | Amend::SetEmail(_) => 8,
            Amend::Delete(AccountKind::Reseller) => 10,
            Amend::Delete(_) => 9,
        };
        *self.counts.entry(amend.as_str()).or_default() += 1;
        self.sorter.push(&[step], &Correction { account: account.clone(), amend: amend.clone() })
    }

    /// How many there are of each act.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(act, count)| (*act, *count))
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// What became of corrections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixed {
    /// Accounts that were changed.
    pub applied: u64,
    /// Accounts that were so already.
    pub unchanged: u64,
    /// Accounts that were not changed.
    pub refused: u64,
}

/// Who corrects, by what rules.
pub struct Hand<'a> {
    /// The writer.
    pub writer: &'a Writer,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// Now, in microseconds since 1970.
    pub now: i64,
    /// Who and from where, for the audit trail.
    pub by: audit::Entry,
}

impl Hand<'_> {
    fn list(&self, acts: Vec<Act>, all_or_nothing: bool, action: &str) -> ActList {
        let entry = audit::Entry {
            action: action.to_owned(),
            subject: match &acts[..] {
                [one] => one.account.platform_id.to_string(),
                _ => String::new(),
            },
            detail: serde_json::json!({ "acts": acts.len() }).to_string(),
            ..self.by.clone()
        };
        ActList { acts, policies: Arc::clone(&self.policies), all_or_nothing, entry }
    }

    fn act(&self, acts: Vec<Act>, all_or_nothing: bool, action: &str) -> Result<Vec<ActOutcome>, ReconcileError> {
        self.writer.acts_blocking(self.list(acts, all_or_nothing, action)).map_err(|error| match error {
            SubmitError::Failed => {
                ReconcileError::Broken("a batch failed and was taken back; the batches before it stay".to_owned())
            }
            other => ReconcileError::Unreachable(format!(
                "{other}; what was applied so far stands in the undo file; run the command again for the rest"
            )),
        })
    }
}

/// Applies corrections. Each account's are done or refused together; what is refused is handed to `refused` with the reason.
///
/// # Errors
/// [`ReconcileError`] when the database, the undo file or `refused` fails. What was applied until then can be undone.
pub fn apply(
    connection: &mut AnyConnection,
    hand: &Hand<'_>,
    corrections: Corrections,
    undo: &mut UndoFile,
    progress: &dyn Fn(u64),
    refused: &mut dyn FnMut(&AccountKey, &str) -> Result<(), ReconcileError>,
) -> Result<Fixed, ReconcileError> {
    let mut fixed = Fixed::default();
    let mut batch: Vec<Vec<Act>> = Vec::with_capacity(BATCH);
    for correction in corrections.sorter.sorted()? {
        let correction = correction?.record;
        match acts::acts(connection, hand.now, &correction)? {
            Ok(acts) => batch.push(acts),
            Err(why) => {
                fixed.refused += 1;
                refused(&correction.account, &why)?;
            }
        }
        if batch.len() >= BATCH {
            apply_batch(connection, hand, std::mem::take(&mut batch), undo, &mut fixed, refused)?;
            progress(BATCH as u64);
        }
    }
    if !batch.is_empty() {
        let last = batch.len() as u64;
        apply_batch(connection, hand, batch, undo, &mut fixed, refused)?;
        progress(last);
    }
    Ok(fixed)
}

/// What one act of a batch would do, and whose it is.
fn apply_batch(
    connection: &mut AnyConnection,
    hand: &Hand<'_>,
    batch: Vec<Vec<Act>>,
    undo: &mut UndoFile,
    fixed: &mut Fixed,
    refused: &mut dyn FnMut(&AccountKey, &str) -> Result<(), ReconcileError>,
) -> Result<(), ReconcileError> {
    const ACTION: &str = "reconcile.fix";
    // Several acts of one account stand or fall together, so that they go as a list of their own.
    let (single, several): (Vec<Vec<Act>>, Vec<Vec<Act>>) = batch.into_iter().partition(|acts| acts.len() == 1);
    let lists = several.into_iter().map(|acts| (acts, true)).chain([(single.concat(), false)]);
    for (acts, together) in lists {
        if acts.is_empty() {
            continue;
        }
        let would = preview(connection, &hand.list(acts.clone(), together, ACTION))?;
        let mut go = Vec::new();
        let mut lines = Vec::new();
        for (act, outcome) in acts.into_iter().zip(&would) {
            match &outcome.acted {
                Acted::Applied(applied) => {
                    lines.push(Undo::Act(Box::new(Done {
                        account: act.account.clone(),
                        at: act.at,
                        cause: act.cause,
                        revision: applied.revision,
                        before: applied.before.clone(),
                    })));
                    go.push(act.expecting(applied.revision - 1));
                }
                other => note(&act.account, other, fixed, refused)?,
            }
        }
        if go.is_empty() {
            continue;
        }
        let first = undo.lines + 1;
        undo.write(&lines)?;
        let mut void = Vec::new();
        for (outcome, line) in hand.act(go, together, ACTION)?.iter().zip(first..) {
            if outcome.applied().is_none() {
                void.push(Undo::Void(line));
            }
            note(&outcome.account, &outcome.acted, fixed, refused)?;
        }
        if !void.is_empty() {
            undo.write(&void)?;
        }
    }
    Ok(())
}

fn note(
    account: &AccountKey,
    acted: &Acted,
    fixed: &mut Fixed,
    refused: &mut dyn FnMut(&AccountKey, &str) -> Result<(), ReconcileError>,
) -> Result<(), ReconcileError> {
    match acted {
        Acted::Applied(_) => fixed.applied += 1,
        Acted::Unchanged => fixed.unchanged += 1,
        // The act that was refused tells why.
        Acted::Withheld => {}
        Acted::Kept { why } | Acted::Refused { message: why, .. } => {
            fixed.refused += 1;
            refused(account, why)?;
        }
    }
    Ok(())
}
