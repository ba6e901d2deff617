//! One run, from the databases to the findings.

use super::lookups::Lookups;
use super::sort::{Sorted, Sorter};
use super::theirs::{Against, Opened, Troubled};
use super::{Halt, ReconcileError};
use crate::domain::ids::{SourceId, Tenant};
use crate::domain::reconcile::{
    self, Counts, Finding, Found, KeyField, Kinds, Matching, Ours, Rules, Tally, Theirs, Trouble,
};
use crate::store::compared::{Accounts, Wanted};
use crate::store::connection::{Database, Use};
use crate::store::{AnyConnection, snapshot};

/// Accounts between two words about progress.
const STEP: u64 = 4_096;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is looked for.
    pub kinds: Kinds,
    /// Whether what is looked for comes from the self-check, too, where a comparison and it can both find it.
    pub self_check: bool,
    /// Only accounts of this source; what a list has beyond them is missing here.
    pub source: Option<String>,
    /// Only accounts of this tenant.
    pub tenant: Option<String>,
    /// As it was, and as it was known, at this time in microseconds since 1970; none for now.
    pub as_of: Option<i64>,
    /// Now, in microseconds since 1970.
    pub now: i64,
    /// The field by which accounts of a list are matched.
    pub key: KeyField,
    /// How long a customer may wait for its reseller, in microseconds.
    pub pending_after: i64,
    /// How long a way to another reseller and back may take to be told, in microseconds.
    pub flapping_within: i64,
    /// The synchronization option that names a customer's partner.
    pub partner_option: Option<String>,
    /// The source that an account is imported into where neither its line nor `source` tells.
    pub only_source: Option<String>,
    /// Ends the run before its end.
    pub halt: Halt,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// What was looked at, and found and not acknowledged.
    pub tally: Tally,
    /// What was found that somebody has acknowledged.
    pub acknowledged: Counts,
    /// Lines that were not compared, or not whole.
    pub troubles: u64,
}

impl Report {
    fn without_acknowledged(mut self) -> Self {
        self.tally.counts = self.tally.counts.without(&self.acknowledged);
        self
    }

    /// Whether everything could be compared.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.troubles == 0 && self.tally.troubles == 0
    }
}

/// What a run comes upon, in the order of the key.
#[derive(Debug)]
pub enum Event {
    /// A disagreement.
    Finding(Box<Finding>),
    /// A disagreement that somebody has acknowledged, and that has not changed since.
    Acknowledged(Box<Finding>),
    /// A line that was not compared, or not whole.
    Trouble(Troubled),
}

/// Reads our accounts out of `database` and compares them. What is found is handed to `found` as it is found; `progress` is
/// told how many accounts were read.
///
/// # Errors
/// [`ReconcileError`] of a database or list, or what `found` fails with.
pub fn run(
    database: &Database,
    options: &Options,
    against: Against,
    progress: &(dyn Fn(u64) + Sync),
    found: &mut dyn FnMut(Event) -> Result<(), ReconcileError>,
) -> Result<Report, ReconcileError> {
    let wanted = Wanted {
        source: options.source.clone(),
        tenant: options.tenant.clone(),
        as_of: options.as_of,
        since: None,
        flapping_within: options.flapping_within,
    };
    let rules = Rules {
        kinds: options.kinds,
        self_check: options.self_check,
        now: options.as_of.unwrap_or(options.now),
        pending_after: options.pending_after,
        source: options.source.as_ref().or(options.only_source.as_ref()).map(|source| SourceId::stored(source)),
        tenant: options.tenant.as_deref().map_or_else(Tenant::none, Tenant::stored),
        partner_option: options.partner_option.clone(),
    };
    if options.as_of.is_some()
        && let Some(kind) = options.kinds.iter().find(|kind| kind.on_request())
    {
        return Err(ReconcileError::Usage(format!(
            "{} cannot be looked for as of an earlier time: names and addresses are only known as they are now",
            kind.as_str()
        )));
    }
    let opened = Opened::open(against, options.key, &wanted)?;
    let mut connection = database.connect(Use::Read)?;
    let mut lookups = Lookups::new(database.connect(Use::Read)?, rules.now)?;
    snapshot::begin(&mut connection)?;
    let pace = Pace { progress, halt: &options.halt };
    let report = match opened {
        None => check(&mut connection, &wanted, &rules, &mut lookups, &pace, found),
        Some((opened, matching)) => {
            opened.can_show(options.kinds)?;
            compare(&mut connection, opened, matching, &wanted, &rules, &mut lookups, &pace, found)
        }
    };
    snapshot::end(&mut connection);
    report
}

/// How far a run is, and whether it goes on.
struct Pace<'a> {
    progress: &'a (dyn Fn(u64) + Sync),
    halt: &'a Halt,
}

fn counted<'c>(
    connection: &'c mut AnyConnection,
    wanted: &Wanted,
    pace: &'c Pace<'_>,
) -> impl Iterator<Item = Result<Ours, ReconcileError>> + 'c {
    Accounts::read(connection, wanted.clone()).zip(1_u64..).map(move |(ours, read)| {
        if read.is_multiple_of(STEP) {
            (pace.progress)(STEP);
            pace.halt.check()?;
        }
        ours.map_err(ReconcileError::from)
    })
}

fn check(
    connection: &mut AnyConnection,
    wanted: &Wanted,
    rules: &Rules,
    lookups: &mut Lookups,
    pace: &Pace<'_>,
    found: &mut dyn FnMut(Event) -> Result<(), ReconcileError>,
) -> Result<Report, ReconcileError> {
    let ours = counted(connection, wanted, pace);
    let lookups = std::cell::RefCell::new(lookups);
    let mut acknowledged = Counts::default();
    let tally = reconcile::check(ours, rules, &mut |id| lookups.borrow_mut().partner(id), &mut |one| {
        hand_out(one, &mut lookups.borrow_mut(), &mut acknowledged, found)
    })?;
    Ok(Report { tally, acknowledged, troubles: 0 }.without_acknowledged())
}

#[allow(clippy::too_many_arguments)] // Both sides, and what is done with them.
fn compare(
    connection: &mut AnyConnection,
    opened: Opened,
    matching: Matching,
    wanted: &Wanted,
    rules: &Rules,
    lookups: &mut Lookups,
    pace: &Pace<'_>,
    found: &mut dyn FnMut(Event) -> Result<(), ReconcileError>,
) -> Result<Report, ReconcileError> {
    let (told, troubles) = std::sync::mpsc::sync_channel::<Troubled>(1_024);
    let mut report = Report::default();
    // Both sides are read side by side. What is wrong with the list is told meanwhile.
    let (ours, theirs) = std::thread::scope(|scope| -> Result<_, ReconcileError> {
        // Gone when this ends, however it does: nobody waits then for being heard.
        let troubles = troubles;
        let halt = pace.halt;
        let theirs = scope.spawn(move || {
            // Whoever listens went away with an error of its own.
            opened.sorted(matching, wanted, halt, &mut |trouble| drop(told.send(trouble)))
        });
        let mut ours = Sorter::<Ours>::default();
        let mut key = Vec::new();
        let mut listen = |report: &mut Report| -> Result<(), ReconcileError> {
            while let Ok(trouble) = troubles.try_recv() {
                report.troubles += 1;
                found(Event::Trouble(trouble))?;
            }
            Ok(())
        };
        for (one, read) in counted(connection, wanted, pace).zip(1_u64..) {
            let one = one?;
            key.clear();
            // One without such a name comes first, under none.
            matching.of_ours(&one, &mut key);
            ours.push(&key, &one)?;
            if read.is_multiple_of(STEP) {
                listen(&mut report)?;
            }
        }
        while let Ok(trouble) = troubles.recv() {
            report.troubles += 1;
            found(Event::Trouble(trouble))?;
        }
        let broken = |_| ReconcileError::Broken("the list's reader failed".to_owned());
        let theirs: Sorted<Theirs> = theirs.join().map_err(broken)??;
        Ok((ours.sorted()?, theirs))
    })?;
    let lookups = std::cell::RefCell::new(lookups);
    let mut acknowledged = Counts::default();
    report.tally = reconcile::compare(ours, theirs, rules, &mut |id| lookups.borrow_mut().partner(id), &mut |one| {
        hand_out(one, &mut lookups.borrow_mut(), &mut acknowledged, found)
    })?;
    report.acknowledged = acknowledged;
    Ok(report.without_acknowledged())
}

fn hand_out(
    one: Found,
    lookups: &mut Lookups,
    acknowledged: &mut Counts,
    found: &mut dyn FnMut(Event) -> Result<(), ReconcileError>,
) -> Result<(), ReconcileError> {
    match one {
        Found::Finding(mut finding) => {
            lookups.complete(&mut finding)?;
            if lookups.is_acknowledged(&finding)? {
                acknowledged.add(finding.kind);
                return found(Event::Acknowledged(finding));
            }
            found(Event::Finding(finding))
        }
        Found::Trouble(trouble) => {
            let line = match &trouble {
                Trouble::Twice { again, .. } => (*again > 0).then_some(*again),
                Trouble::Ambiguous { line, .. } => *line,
            };
            found(Event::Trouble(Troubled { line, why: trouble.to_string() }))
        }
    }
}
