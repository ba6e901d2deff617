//! Applies proposals through the writer, in bounded batches, and takes them back.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ReconcileError;
use super::sort::Sorter;
use crate::domain::account::AccountKind;
use crate::domain::act::{Act, ActOutcome, Acted, Imported, What};
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{AccountKey, PlatformId};
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::policy::Policies;
use crate::domain::reconcile::{Amend, Entry, Finding, Named, Proposal};
use crate::domain::relation::Cause;
use crate::store::audit;
use crate::store::names;
use crate::store::{AnyConnection, StoreError};
use crate::wire::undo::{self, Done, Undo};
use crate::writer::acts::{ActList, preview};
use crate::writer::{SubmitError, Writer};

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

/// The file that takes everything back. Its lines are on disk before what they take back is done.
#[derive(Debug)]
pub struct UndoFile {
    file: File,
    lines: u64,
}

impl UndoFile {
    /// Makes it. It may not be there yet, and only its owner may read it: it tells of people.
    ///
    /// # Errors
    /// [`ReconcileError::Unreachable`] when it is there or cannot be made.
    pub fn create(path: &Path) -> Result<Self, ReconcileError> {
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|error| {
            ReconcileError::Unreachable(format!("cannot make the undo file {}: {error}", path.display()))
        })?;
        Ok(Self { file, lines: 0 })
    }

    fn write(&mut self, undos: &[Undo]) -> Result<(), ReconcileError> {
        let text: String = undos.iter().map(|undo| undo::line(undo) + "\n").collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| ReconcileError::Broken(format!("cannot write the undo file: {error}; stopped")))?;
        self.lines += undos.len() as u64;
        Ok(())
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
        match acts(connection, hand.now, &correction)? {
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

/// The acts of a correction, or why there are none.
fn acts(
    connection: &mut AnyConnection,
    now: i64,
    correction: &Correction,
) -> Result<Result<Vec<Act>, String>, StoreError> {
    let account = &correction.account;
    let act = |cause, what| Act::new(account.clone(), now, cause, what);
    let one = |cause, what| Ok(vec![act(cause, what)]);
    let mut reseller = |named: &Named| -> Result<Result<PlatformId, String>, StoreError> {
        Ok(match named {
            Named::PlatformId(id) => Ok(id.clone()),
            Named::ExternalId(id) => names::platform_id(connection, &account.scope, id)?
                .ok_or_else(|| format!("nobody here has the ExternalID {id} that the list gives its reseller")),
        })
    };
    Ok(match &correction.amend {
        Amend::Import(entry) => {
            let reseller = match &entry.reseller {
                Some(named) => match reseller(named)? {
                    Ok(id) => Some(id),
                    Err(why) => return Ok(Err(why)),
                },
                None => None,
            };
            let import = act(Cause::Import, What::Import(Box::new(imported(entry, reseller))));
            if names::is_there(connection, account)? {
                // An import that was undone left it behind, deleted.
                Ok(vec![act(Cause::Import, What::Revive), import])
            } else {
                Ok(vec![import])
            }
        }
        Amend::Assign(None) => one(Cause::Move, What::Assign { reseller: None }),
        Amend::Assign(Some(named)) => match reseller(named)? {
            Ok(platform_id) => {
                let reseller = Some(AccountKey { platform_id, ..account.clone() });
                let assign = act(Cause::Move, What::Assign { reseller });
                if names::kind(connection, account)? == Some(AccountKind::Reseller) {
                    // A reseller has none; it becomes a customer first.
                    Ok(vec![act(Cause::Move, What::SetKind(AccountKind::DirectCustomer)), assign])
                } else {
                    Ok(vec![assign])
                }
            }
            Err(why) => Err(why),
        },
        Amend::SetKind(kind) => one(Cause::Promote, What::SetKind(*kind)),
        Amend::SetPartner { option, value } => {
            one(Cause::Move, What::SetOption { id: option.clone(), value: value.clone().map(OptionValue::Text) })
        }
        Amend::SetName(name) => {
            let patch = ProfilePatch { name: Some(name.clone()), ..ProfilePatch::default() };
            one(Cause::Move, What::Describe(Box::new(patch)))
        }
        Amend::SetEmail(email) => {
            let patch = ProfilePatch { email: Some(email.clone()), ..ProfilePatch::default() };
            one(Cause::Move, What::Describe(Box::new(patch)))
        }
        Amend::Delete(_) => one(Cause::Move, What::Delete),
        Amend::Revive => one(Cause::Move, What::Revive),
        Amend::Release => one(Cause::Move, What::Release),
    })
}

fn imported(entry: &Entry, reseller: Option<PlatformId>) -> Imported {
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    let partner = entry.partner.iter().map(|(id, value)| (id.clone(), OptionValue::Text(value.clone())));
    Imported {
        external_id: entry.external_id.clone(),
        kind: entry.kind,
        reseller,
        since: None,
        profile: ProfilePatch {
            name: filled(&entry.name),
            code: filled(&entry.code),
            email: filled(&entry.email),
            ..ProfilePatch::default()
        },
        options: partner.collect::<OptionSet>(),
    }
}

/// Takes back what an undo file tells of, the last first. What is refused is handed to `refused` with the reason.
///
/// # Errors
/// [`ReconcileError`] when the file is none, or the database or `refused` fails.
pub fn take_back(
    connection: &mut AnyConnection,
    hand: &Hand<'_>,
    path: &Path,
    progress: &dyn Fn(u64),
    refused: &mut dyn FnMut(&AccountKey, &str) -> Result<(), ReconcileError>,
) -> Result<Fixed, ReconcileError> {
    let mut lines = Lines::open(path)?;
    let mut fixed = Fixed::default();
    let mut undone = Undone::default();
    while let Some(mut batch) = lines.last(BATCH)? {
        let read = batch.len() as u64;
        for done in &mut batch {
            done.revision = undone.revision(&done.account, done.revision);
        }
        let acts: Vec<Act> = batch
            .iter()
            .map(|done| {
                let what = match &done.before {
                    Some(before) => What::Restore(Box::new(before.clone())),
                    // Rows are never removed: an account that was made is ended.
                    None => What::Delete,
                };
                // As of the act itself, so that what it did held for no time at all.
                Act::new(done.account.clone(), done.at, done.cause, what).expecting(done.revision)
            })
            .collect();
        for (outcome, done) in hand.act(acts, false, "reconcile.undo")?.iter().zip(&batch) {
            let never = outcome.refused().is_some()
                && names::revision(connection, &done.account)?.unwrap_or(0) == done.revision - 1;
            if never {
                // The process ended between the line and the act, or this file was undone before.
                fixed.unchanged += 1;
            } else {
                note(&outcome.account, &outcome.acted, &mut fixed, refused)?;
            }
        }
        progress(read);
    }
    Ok(fixed)
}

/// Where the accounts stand whose later acts are undone. Each undo is a version of its own, so that an earlier act of the
/// same account meets another revision than it left. Accounts are known by a digest: 40 bytes each.
#[derive(Default)]
struct Undone(std::collections::HashMap<[u8; 16], i64>);

impl Undone {
    /// The revision that an account must have for this act of it to be undone, whose own revision was this.
    fn revision(&mut self, account: &AccountKey, own: i64) -> i64 {
        let mut hash = Sha256::new();
        for part in [account.scope.source.as_str(), account.scope.tenant.as_str(), account.platform_id.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        let next = self.0.entry(digest).or_insert(own);
        let revision = *next;
        *next += 1;
        revision
    }
}

/// The lines of an undo file, from the last to the first.
struct Lines {
    file: File,
    /// Where each begins, and where the last one ends.
    starts: Vec<u64>,
    void: std::collections::HashSet<u64>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReconcileError> {
        let file = File::open(path)
            .map_err(|error| ReconcileError::Unreachable(format!("cannot read {}: {error}", path.display())))?;
        let mut lines = Self { file, starts: vec![0], void: std::collections::HashSet::new() };
        let mut reader = BufReader::new(&lines.file);
        let (mut text, mut at) = (String::new(), 0);
        loop {
            text.clear();
            let read = reader.read_line(&mut text)? as u64;
            if read == 0 {
                break;
            }
            if !text.ends_with('\n') {
                // The process ended while it was written, so that what it tells of was not done.
                break;
            }
            at += read;
            let number = lines.starts.len();
            match undo::read(text.trim_end()) {
                Ok(Undo::Void(void)) => {
                    lines.void.insert(void);
                    lines.void.insert(number as u64);
                }
                Ok(Undo::Act(_)) => {}
                Err(why) => {
                    return Err(ReconcileError::Usage(format!("{}, line {number}: {why}", path.display())));
                }
            }
            lines.starts.push(at);
        }
        Ok(lines)
    }

    /// The next lines towards the beginning, the last one first; none before the first.
    fn last(&mut self, most: usize) -> Result<Option<Vec<Done>>, ReconcileError> {
        let mut batch = Vec::new();
        while let [.., start, end] = self.starts[..] {
            if batch.len() == most {
                break;
            }
            self.starts.pop();
            if self.void.contains(&(self.starts.len() as u64)) {
                continue;
            }
            self.file.seek(SeekFrom::Start(start))?;
            let mut text = String::new();
            (&self.file).take(end - start).read_to_string(&mut text)?;
            match undo::read(text.trim_end()).map_err(ReconcileError::Broken)? {
                Undo::Act(done) => batch.push(*done),
                Undo::Void(_) => {}
            }
        }
        Ok((!batch.is_empty()).then_some(batch))
    }
}
