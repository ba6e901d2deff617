//! Two ordered sequences in, findings out. Nothing is kept but the record at hand.

use std::cmp::Ordering;

use super::finding::Finding;
use super::key;
use super::kind::Counts;
use super::own;
use super::pair;
use super::record::{Ours, Theirs};
use super::rules::{Registry, Rules};

/// Why something was not compared: it is told and never guessed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Several lines of the list name one account.
    Twice {
        /// The name.
        key: String,
        /// The first line; 0 for what comes from no list of lines.
        first: u64,
        /// Another one, or 0.
        again: u64,
    },
    /// Several of our accounts have one name.
    Ambiguous {
        /// The name.
        key: String,
        /// How many accounts have it.
        accounts: u64,
        /// The line that names it; none where no line does.
        line: Option<u64>,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Twice { key, again: 0, .. } => {
                write!(f, "{key} names several accounts on the other side, which are not compared")
            }
            Self::Twice { key, first, again } => {
                write!(f, "line {again}: {key} stands in line {first} already; neither is compared")
            }
            Self::Ambiguous { key, accounts, line } => {
                if let Some(line) = line {
                    write!(f, "line {line}: ")?;
                }
                write!(
                    f,
                    "{key} names {accounts} accounts here, which are not compared; limit them with --source and \
                           --tenant, or map columns for source and tenant"
                )
            }
        }
    }
}

/// What a run comes upon.
#[derive(Debug)]
pub enum Found {
    /// A disagreement.
    Finding(Box<Finding>),
    /// Something that was not compared.
    Trouble(Trouble),
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Our accounts that were looked at.
    pub ours: u64,
    /// Their accounts that were looked at.
    pub theirs: u64,
    /// Ours that lack the field by which accounts are matched.
    pub unmatched: u64,
    /// Findings by kind.
    pub counts: Counts,
    /// Names that were not compared.
    pub troubles: u64,
}

/// One that is ordered by its key.
#[derive(Debug)]
pub struct Keyed<T> {
    /// What it is ordered by, as [`key::Matching`] makes it; empty for one without.
    pub key: Vec<u8>,
    /// The account.
    pub record: T,
}

/// The self-check alone: our accounts in any order.
///
/// # Errors
/// The first error of `ours`, `registry` or `found`.
pub fn check<E>(
    ours: impl Iterator<Item = Result<Ours, E>>,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    for ours in ours {
        tally.ours += 1;
        alone(&ours?, rules, registry, &mut tally.counts, found)?;
    }
    Ok(tally)
}

/// Compares two sequences that are ordered by the same keys; what both of them hold is compared, what one of them holds
/// is missing in the other. What the self-check looks for is found on the way, if `rules` asks for it. Ours without a key
/// come first; they are checked for themselves and are missing nowhere.
///
/// # Errors
/// The first error of either sequence, `registry` or `found`.
pub fn compare<E>(
    ours: impl Iterator<Item = Result<Keyed<Ours>, E>>,
    theirs: impl Iterator<Item = Result<Keyed<Theirs>, E>>,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    let (mut ours, mut theirs) = (Ahead::new(ours), Ahead::new(theirs));
    loop {
        let order = match (ours.key()?, theirs.key()?) {
            (None, None) => return Ok(tally),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(here), Some(there)) => here.cmp(there),
        };
        if order.is_lt() {
            let Some(here) = ours.take()? else { continue };
            tally.ours += 1;
            if here.key.is_empty() {
                tally.unmatched += 1;
            } else if let Some(finding) = pair::missing_there(&here.record, None) {
                tell(finding, rules, &mut tally.counts, found)?;
            }
            alone(&here.record, rules, registry, &mut tally.counts, found)?;
            continue;
        }
        let Some(there) = theirs.take()? else { continue };
        tally.theirs += 1;
        let twice = swallow(&mut theirs, &there, &mut tally, found)?;
        if order.is_gt() {
            if !twice && !there.record.deleted {
                let finding = pair::missing_here(&there.record, &key::shown(&there.key), rules);
                tell(finding, rules, &mut tally.counts, found)?;
            }
            continue;
        }
        let Some(mut here) = ours.take()? else { continue };
        let (mut accounts, mut living, mut one_scope) = (1, u64::from(here.record.is_active()), true);
        while ours.key()? == Some(&here.key) {
            let Some(mut one) = ours.take()? else { break };
            accounts += 1;
            living += u64::from(one.record.is_active());
            one_scope &= one.record.key.scope == here.record.key.scope;
            if !here.record.is_active() && one.record.is_active() {
                std::mem::swap(&mut here, &mut one);
            }
            alone(&one.record, rules, registry, &mut tally.counts, found)?;
        }
        tally.ours += accounts;
        // What was deleted and came again under another ID left its name to that one.
        if accounts > 1 && !(living == 1 && one_scope) {
            // Each of several that share a name is still checked for itself; the comparison would be a guess.
            alone(&here.record, rules, registry, &mut tally.counts, found)?;
            tally.troubles += 1;
            let line = (there.record.line > 0).then_some(there.record.line);
            found(Found::Trouble(Trouble::Ambiguous { key: key::shown(&here.key), accounts, line }))?;
        } else if twice {
            alone(&here.record, rules, registry, &mut tally.counts, found)?;
        } else {
            both(&here.record, &there.record, rules, registry, &mut tally.counts, found)?;
        }
    }
}

/// Takes whatever else their list has under the same name, and tells of each. True if there was any.
fn swallow<E>(
    theirs: &mut Ahead<Theirs, impl Iterator<Item = Result<Keyed<Theirs>, E>>>,
    first: &Keyed<Theirs>,
    tally: &mut Tally,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<bool, E> {
    let mut twice = false;
    while theirs.key()? == Some(&first.key) {
        let Some(again) = theirs.take()? else { break };
        twice = true;
        tally.theirs += 1;
        tally.troubles += 1;
        let (key, first, again) = (key::shown(&first.key), first.record.line, again.record.line);
        found(Found::Trouble(Trouble::Twice { key, first, again }))?;
    }
    Ok(twice)
}

fn tell<E>(
    finding: Finding,
    rules: &Rules,
    counts: &mut Counts,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    if !rules.kinds.has(finding.kind) {
        return Ok(());
    }
    counts.add(finding.kind);
    found(Found::Finding(Box::new(finding)))
}

fn alone<E>(
    ours: &Ours,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    counts: &mut Counts,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    own::check(ours, rules, registry, &mut |finding| tell(finding, rules, counts, found))?;
    match own::other_external_id(ours).filter(|_| rules.self_check) {
        Some(finding) => tell(finding, rules, counts, found),
        None => Ok(()),
    }
}

fn both<E>(
    ours: &Ours,
    theirs: &Theirs,
    rules: &Rules,
    registry: &mut Registry<'_, E>,
    counts: &mut Counts,
    found: &mut dyn FnMut(Found) -> Result<(), E>,
) -> Result<(), E> {
    let told = pair::both_sides(ours, theirs, rules, registry, &mut |finding| {
        tell(finding, rules, &mut *counts, &mut *found)
    })?;
    own::check(ours, rules, registry, &mut |finding| tell(finding, rules, &mut *counts, &mut *found))?;
    match own::other_external_id(ours).filter(|_| rules.self_check && !told) {
        Some(finding) => tell(finding, rules, counts, found),
        None => Ok(()),
    }
}

/// A sequence of which the next one is known.
struct Ahead<T, I> {
    rest: I,
    next: Option<Keyed<T>>,
}

impl<T, E, I: Iterator<Item = Result<Keyed<T>, E>>> Ahead<T, I> {
    fn new(rest: I) -> Self {
        Self { rest, next: None }
    }

    fn key(&mut self) -> Result<Option<&Vec<u8>>, E> {
        if self.next.is_none() {
            self.next = self.rest.next().transpose()?;
        }
        Ok(self.next.as_ref().map(|next| &next.key))
    }

    fn take(&mut self) -> Result<Option<Keyed<T>>, E> {
        self.key()?;
        Ok(self.next.take())
    }
}
