//! Runs that a receiver works on, one behind the other, and keeps what they found.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Against, Event, Halt, Options, ReconcileError, only_source, partner_option, run};
use crate::config::Config;
use crate::config::reconcile::Reconciling;
use crate::domain::operator::Visible;
use crate::domain::reconcile::{Counts, Finding, KeyField, Kinds};
use crate::store::connection::Database;
use crate::store::reconciliations::{self, Asked, Ended, Stored};
use crate::store::{AnyConnection, StoreError, seen};
use crate::wire::list::Reading;
use crate::wire::reconcile::show::ProposalView;
use crate::writer::{SubmitError, Writer};

/// Runs that may be under way or wait in one receiver. Each may have a list of some hundred MiB on disk.
pub const MAX_PLACES: usize = 5;

/// What is said of a run that the receiver did not bring to its end.
pub const INTERRUPTED: &str = "interrupted; start it again";

/// A receiver of which nothing was heard for so long, in microseconds, does not work on its runs any more.
const SILENCE: i64 = 60_000_000;

/// Findings of one write transaction: a few milliseconds, behind which calls wait.
const BATCH: usize = 500;

/// Findings that are removed at once.
const PIECE: i64 = 2_000;

/// Between two pieces.
const PAUSE: Duration = Duration::from_millis(5);

/// How often the writer is asked again that cannot take something, a second apart.
const MAX_TRIES: u32 = 60;

/// Lines that could not be compared and are told in words; the rest is counted.
const MAX_TOLD: usize = 100;

/// Longest of these words, in characters.
const MAX_WORDS: usize = 500;

/// A place among the runs of a receiver; free again when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A run that waits.
#[derive(Debug)]
pub struct Job {
    id: i64,
    list: Option<(File, Reading)>,
    options: Options,
    scheduled: bool,
    _place: Place,
}

impl Job {
    /// Whether the schedule asked for it.
    #[must_use]
    pub fn is_scheduled(&self) -> bool {
        self.scheduled
    }
}

/// The runs of a receiver.
#[derive(Debug)]
pub struct Runs {
    worker: String,
    jobs: SyncSender<Job>,
    places: Arc<AtomicUsize>,
    halts: Mutex<HashMap<i64, Halt>>,
}

impl Runs {
    /// None yet, and where they come from for whoever works on them.
    #[must_use]
    pub fn new() -> (Arc<Self>, Receiver<Job>) {
        let (jobs, waiting) = sync_channel(MAX_PLACES);
        let worker = uuid::Uuid::new_v4().to_string();
        let runs = Self { worker, jobs, places: Arc::default(), halts: Mutex::default() };
        (Arc::new(runs), waiting)
    }

    /// What this receiver is called in its runs.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// A place for one more; none where too many wait.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        let place = |taken: usize| (taken < MAX_PLACES).then_some(taken + 1);
        self.places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, place).ok()?;
        Some(Place(self.places.clone()))
    }

    fn halts(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Halt>> {
        // Nothing in there is ever half done.
        self.halts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a run that is stored. Whoever has a place finds room; without it (the receiver stops) the run is found to be
    /// interrupted later.
    pub fn submit(&self, id: i64, list: Option<(File, Reading)>, options: Options, scheduled: bool, place: Place) {
        self.halts().insert(id, options.halt.clone());
        if self.jobs.try_send(Job { id, list, options, scheduled, _place: place }).is_err() {
            self.halts().remove(&id);
        }
    }

    /// Ends what is under way, before its end.
    pub fn halt(&self) {
        self.halts().values().for_each(Halt::ask);
    }

    /// Says that this receiver is still there, and ends what somebody has cancelled. Does nothing where nothing runs.
    ///
    /// # Errors
    /// [`SubmitError`] when the writer cannot take it now.
    pub fn beat(&self, writer: &Writer, now: i64) -> Result<(), SubmitError> {
        // As they were before the look: what is added meanwhile was not there to be seen.
        let own: Vec<(i64, Halt)> = self.halts().iter().map(|(id, halt)| (*id, halt.clone())).collect();
        if own.is_empty() {
            return Ok(());
        }
        let worker = self.worker.clone();
        let alive = writer.work_blocking(move |connection| reconciliations::beat(connection, &worker, now))?;
        for (_, halt) in own.iter().filter(|(id, _)| !alive.contains(id)) {
            halt.ask();
        }
        Ok(())
    }

    /// Says of what is left that it was interrupted. For the end of the receiver.
    pub fn interrupt(&self, writer: &Writer, now: i64) {
        let worker = self.worker.clone();
        let done = writer.work_blocking(move |connection| {
            for id in reconciliations::beat(connection, &worker, now)? {
                reconciliations::fail(connection, id, now, INTERRUPTED, true)?;
            }
            Ok(())
        });
        if let Err(error) = done {
            log::warn!("reconciliations under way are found to be interrupted later: {error}");
        }
    }

    /// Takes a turn of the schedule and queues its self-check, unless somebody has taken it. False where there is no place.
    ///
    /// # Errors
    /// [`SubmitError`] when the writer cannot take it now.
    pub fn take_turn(&self, writer: &Writer, config: &Config, turn: i64, now: i64) -> Result<bool, SubmitError> {
        let Some(place) = self.place() else { return Ok(false) };
        let asked = Asked {
            at: now,
            has_list: false,
            slot: Some(turn),
            requested_by: None,
            options: "{}".to_owned(),
            worker: self.worker.clone(),
        };
        if let Some(id) = writer.work_blocking(move |connection| reconciliations::add(connection, &asked))? {
            self.submit(id, None, self_check(config, now), true, place);
        }
        Ok(true)
    }

    /// Works on a run until it has ended, and then removes what is kept no longer. Blocks.
    pub fn work(&self, job: Job, database: &Database, writer: &Writer, limits: &Reconciling, clock: &dyn Fn() -> i64) {
        let id = job.id;
        let ended = attempt(job, database, writer, limits, clock);
        self.halts().remove(&id);
        let (why, again) = match ended {
            Ok(()) => (None, false),
            // Where somebody cancelled it, it has ended with a reason of its own.
            Err(ReconcileError::Halted | ReconcileError::Closed) => (Some(INTERRUPTED.to_owned()), true),
            // Texts are those of the command line, whose flags are parameters here.
            Err(error) => (Some(error.to_string().replace("--", "")), false),
        };
        if let Some(why) = why {
            log::info!("reconciliation {id} failed: {why}");
            let now = clock();
            let patience = Halt::default();
            let failed = patiently(&patience, || {
                let why = why.clone();
                writer.work_blocking(move |connection| reconciliations::fail(connection, id, now, &why, again))
            });
            if let Err(error) = failed {
                log::warn!("reconciliation {id} is found to be interrupted later: {error}");
            }
        }
        if let Err(error) = tidy(writer, limits.keep_runs) {
            log::warn!("old reconciliations are removed later: {error}");
        }
    }
}

/// What a self-check looks for that nobody said more about.
#[must_use]
pub fn self_check(config: &Config, now: i64) -> Options {
    Options {
        kinds: Kinds::self_check(),
        self_check: true,
        source: None,
        tenant: None,
        as_of: None,
        now,
        key: KeyField::PlatformId,
        pending_after: config.reconcile.pending_older_than,
        flapping_within: config.reconcile.flapping_within,
        partner_option: partner_option(config),
        only_source: only_source(config),
        halt: Halt::default(),
    }
}

/// Says of the unfinished runs of receivers that are gone that they were interrupted, and returns how many there were. With
/// `alone` no other receiver can be there, so that all of them are.
///
/// # Errors
/// [`StoreError`] when the look fails, or [`StoreError::Unavailable`] when the writer cannot take it now.
pub fn sweep(connection: &mut AnyConnection, writer: &Writer, now: i64, alone: bool) -> Result<usize, StoreError> {
    let silent_since = if alone { i64::MAX } else { now - SILENCE };
    if reconciliations::abandoned(connection, silent_since)?.is_empty() {
        return Ok(0);
    }
    let swept = writer.work_blocking(move |connection| {
        // Again, within the transaction: it may have been heard of since.
        let mut swept = 0;
        for id in reconciliations::abandoned(connection, silent_since)? {
            swept += usize::from(reconciliations::fail(connection, id, now, INTERRUPTED, true)?);
        }
        Ok(swept)
    });
    swept.map_err(|error| StoreError::Unavailable(error.to_string()))
}

/// The newest scheduled self-check: when it ended, in microseconds since 1970, and what nobody has acknowledged of it.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn last(connection: &mut AnyConnection) -> Result<Option<(i64, Counts)>, StoreError> {
    let Some(run) = reconciliations::last_scheduled(connection)? else { return Ok(None) };
    let sums = seen::reconciliations::sums(connection, &Visible::All, &[run.id])?;
    let loud = sums.get(&run.id).map(|sums| sums.loud).unwrap_or_default();
    Ok(run.finished_at.map(|at| (at, loud)))
}

/// Removes a finished run, piece by piece. Blocks.
///
/// # Errors
/// [`SubmitError`] when the writer cannot take it now; removing it again goes on where it stopped.
pub fn remove(writer: &Writer, id: i64) -> Result<(), SubmitError> {
    while !writer.work_blocking(move |connection| reconciliations::remove(connection, id, PIECE))? {
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn tidy(writer: &Writer, keep: i64) -> Result<(), SubmitError> {
    loop {
        let old = writer.work_blocking(move |connection| reconciliations::old(connection, keep))?;
        if old.is_empty() {
            return Ok(());
        }
        for id in old {
            remove(writer, id)?;
        }
    }
}

/// Asks a writer again that cannot take something now.
fn patiently<T>(halt: &Halt, mut attempt: impl FnMut() -> Result<T, SubmitError>) -> Result<T, ReconcileError> {
    let mut tries = 0;
    loop {
        match attempt() {
            Err(SubmitError::Full | SubmitError::Unavailable) if tries < MAX_TRIES && !halt.is_asked() => {
                tries += 1;
                std::thread::sleep(Duration::from_secs(1));
            }
            other => return other.map_err(|error| ReconcileError::Unreachable(error.to_string())),
        }
    }
}

fn attempt(
    job: Job,
    database: &Database,
    writer: &Writer,
    limits: &Reconciling,
    clock: &dyn Fn() -> i64,
) -> Result<(), ReconcileError> {
    let Job { id, list, options, .. } = job;
    let now = clock();
    if !patiently(&options.halt, || {
        writer.work_blocking(move |connection| reconciliations::begin(connection, id, now))
    })? {
        return Err(ReconcileError::Halted);
    }
    let against = match list {
        None => Against::Nothing,
        Some((file, reading)) => Against::List(Box::new(file), reading),
    };
    let mut keeping = Keeping::new(id, writer, options.halt.clone(), limits.keep_findings.unsigned_abs());
    let report = run(database, &options, against, &|_| {}, &mut |event| match event {
        Event::Finding(finding) => keeping.take(&finding, false),
        Event::Acknowledged(finding) => keeping.take(&finding, true),
        Event::Trouble(trouble) => {
            keeping.tell(&trouble.why);
            options.halt.check()
        }
    })?;
    keeping.flush()?;
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let ended = Ended {
        ours: number(report.tally.ours),
        theirs: number(report.tally.theirs),
        troubles: number(keeping.troubles),
        told: keeping.told.join("\n"),
        found: keeping.found,
        hidden: keeping.hidden,
    };
    let now = clock();
    let done = patiently(&options.halt, || {
        let ended = ended.clone();
        writer.work_blocking(move |connection| reconciliations::end(connection, id, now, &ended))
    })?;
    if !done {
        return Err(ReconcileError::Halted);
    }
    log::info!("reconciliation {id} is done: {} findings of {} accounts", ended.found.total(), ended.ours);
    Ok(())
}

/// What a run finds, being stored.
struct Keeping<'a> {
    id: i64,
    writer: &'a Writer,
    halt: Halt,
    most: u64,
    batch: Vec<Stored>,
    position: i64,
    loud: u64,
    quiet: u64,
    found: Counts,
    hidden: Counts,
    troubles: u64,
    told: Vec<String>,
}

impl<'a> Keeping<'a> {
    fn new(id: i64, writer: &'a Writer, halt: Halt, most: u64) -> Self {
        Self {
            id,
            writer,
            halt,
            most,
            batch: Vec::with_capacity(BATCH),
            position: 0,
            loud: 0,
            quiet: 0,
            found: Counts::default(),
            hidden: Counts::default(),
            troubles: 0,
            told: Vec::new(),
        }
    }

    fn take(&mut self, finding: &Finding, acknowledged: bool) -> Result<(), ReconcileError> {
        self.halt.check()?;
        self.found.add(finding.kind);
        // What is acknowledged takes no room away from what is not.
        let kept = if acknowledged { &mut self.quiet } else { &mut self.loud };
        if *kept >= self.most {
            if acknowledged {
                self.hidden.add(finding.kind);
            }
            return Ok(());
        }
        *kept += 1;
        self.position += 1;
        self.batch.push(stored(finding, self.position)?);
        if self.batch.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn tell(&mut self, why: &str) {
        self.troubles += 1;
        if self.told.len() < MAX_TOLD {
            let words = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS);
            self.told.push(words.collect());
        }
    }

    fn flush(&mut self) -> Result<(), ReconcileError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (id, batch) = (self.id, Arc::new(std::mem::take(&mut self.batch)));
        let wanted = patiently(&self.halt, || {
            let batch = batch.clone();
            self.writer.work_blocking(move |connection| reconciliations::store(connection, id, &batch))
        })?;
        if wanted { Ok(()) } else { Err(ReconcileError::Halted) }
    }
}

fn stored(finding: &Finding, position: i64) -> Result<Stored, ReconcileError> {
    let proposal = serde_json::to_string(&ProposalView::from(&finding.proposal))
        .map_err(|error| ReconcileError::Broken(error.to_string()))?;
    Ok(Stored {
        position,
        fingerprint: finding.fingerprint(),
        kind: finding.kind,
        account: finding.account,
        source: finding.source.clone(),
        tenant: finding.tenant.clone(),
        platform_id: finding.platform_id.clone(),
        external_id: finding.external_id.clone(),
        ours: finding.ours.clone(),
        theirs: finding.theirs.clone(),
        since: finding.since,
        delivery: finding.delivery,
        line: finding.line.and_then(|line| i64::try_from(line).ok()),
        proposal,
        explanation: finding.explanation.clone(),
    })
}
