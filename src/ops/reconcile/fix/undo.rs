//! The undo file: written before anything is done, and read from its end to take everything back.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::{BATCH, Fixed, Hand, note};
use crate::domain::act::{Act, What};
use crate::domain::ids::AccountKey;
use crate::ops::reconcile::ReconcileError;
use crate::store::names;
use crate::store::{AnyConnection, StoreError};
use crate::wire::undo::{self, Done, Undo};

/// The file that takes everything back. Its lines are on disk before what they take back is done.
#[derive(Debug)]
pub struct UndoFile {
    file: File,
    pub(super) lines: u64,
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

    /// Adds lines.
    pub(super) fn write(&mut self, undos: &[Undo]) -> Result<(), ReconcileError> {
        let text: String = undos.iter().map(|undo| undo::line(undo) + "\n").collect();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| ReconcileError::Broken(format!("cannot write the undo file: {error}; stopped")))?;
        self.lines += undos.len() as u64;
        Ok(())
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
    while let Some(batch) = lines.last(BATCH)? {
        progress(batch.len() as u64);
        let mut came_to_be = Vec::with_capacity(batch.len());
        for done in batch {
            match undone.meets(connection, &done)? {
                Some(revision) => came_to_be.push(Done { revision, ..done }),
                // The process ended between the line and the act.
                None => fixed.unchanged += 1,
            }
        }
        let batch = came_to_be;
        if batch.is_empty() {
            continue;
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
            note(&done.account, &outcome.acted, &mut fixed, refused)?;
        }
    }
    Ok(fixed)
}

/// Where the accounts stand whose later acts are undone. Each undo is a version of its own, so that an earlier act of the
/// same account meets another revision than it left. Accounts are known by a digest: 40 bytes each.
#[derive(Default)]
struct Undone(HashMap<[u8; 16], i64>);

impl Undone {
    /// The revision that the account must have for this act of it to be undone; none if the act never came to be.
    fn meets(&mut self, connection: &mut AnyConnection, done: &Done) -> Result<Option<i64>, StoreError> {
        let account = &done.account;
        let mut hash = Sha256::new();
        for part in [account.scope.source.as_str(), account.scope.tenant.as_str(), account.platform_id.as_str()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut digest = [0; 16];
        for (to, from) in digest.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        let next = match self.0.entry(digest) {
            Entry::Occupied(next) => next.into_mut(),
            // Revisions only grow: an account that has not come so far was not brought there.
            Entry::Vacant(_) if names::revision(connection, account)?.unwrap_or(0) < done.revision => return Ok(None),
            Entry::Vacant(next) => next.insert(done.revision),
        };
        let revision = *next;
        *next += 1;
        Ok(Some(revision))
    }
}

/// The lines of an undo file, from the last to the first.
struct Lines {
    file: File,
    /// Where each begins, and where the last one ends.
    starts: Vec<u64>,
    void: HashSet<u64>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReconcileError> {
        let file = File::open(path)
            .map_err(|error| ReconcileError::Unreachable(format!("cannot read {}: {error}", path.display())))?;
        let mut lines = Self { file, starts: vec![0], void: HashSet::new() };
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
