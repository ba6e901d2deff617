//! The writer's thread: forms batches, commits them, survives what databases do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::batch;
use super::faults::Place;
use super::now_micros;
use super::settle::{Committed, Settling, What};
use super::turn::{Line, Turn};
use super::work::Work;
use super::{Answered, BatchReport, Job, MAX_BATCH, Queued, Shared, SubmitError, WriterConfig};
use crate::domain::call::Call;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::partner::Answers;
use crate::store::chains::{self, Tail};
use crate::store::checkpoint::{self, Thoroughness};
use crate::store::connection::Use;
use crate::store::places::Places;
use crate::store::transaction::Locks;
use crate::store::{AnyConnection, StoreError, changes, deliveries, sources, transaction};

/// How often a batch is run again because another writer was in the way, and for how long at most.
pub(super) const MAX_RERUNS: u32 = 12;
const MAX_RERUN_TIME: Duration = Duration::from_secs(3);

/// How long a batch or a list of acts waits on PostgreSQL for its locks on the directory, which a long list of acts keeps
/// until it is done. Calls have more patience.
const MAX_DIRECTORY_WAIT: Duration = Duration::from_secs(15);

/// As [`MAX_RERUNS`], for the halves of a batch that was split because it waited in vain.
const HALVES_RERUNS: u32 = 1;

/// How often a lost commit is looked up before the calls are told to come again, and the pause between.
const MAX_RESOLVES: u32 = 8;
const RESOLVE_PAUSE: Duration = Duration::from_millis(250);

/// How often a database that went away is tried again.
const PROBE_EVERY: Duration = Duration::from_millis(250);

/// For how long a lane waits for more calls while others are at work.
const MOMENT: Duration = Duration::from_micros(500);

/// For how long a transaction stays open for which nothing has come yet.
const CHAINED: Duration = Duration::from_millis(5);

/// The state of the thread.
pub(super) struct Running {
    pub(super) config: WriterConfig,
    shared: Arc<Shared>,
    lane: usize,
    owner: String,
    line: Arc<Line>,
    turn: Option<Turn>,
    /// What was taken out of the queue and is no call.
    next: Option<Queued>,
    open: Option<Open>,
    /// Whether the disk refused a flush since the last connection.
    flush_failed: bool,
    /// What the registry of partners answered, for as long as it stands still.
    partners: Answers,
}

/// Says that a lane takes no calls any longer, however its thread ends.
struct Gone {
    shared: Arc<Shared>,
    lane: usize,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.shared.set_available(self.lane, false);
    }
}

/// Calls that a lane is at work on, however that ends.
struct AtWork {
    shared: Arc<Shared>,
    calls: usize,
}

impl AtWork {
    fn on(calls: usize, shared: &Arc<Shared>) -> Self {
        shared.at_work.fetch_add(calls, Ordering::Relaxed);
        Self { shared: shared.clone(), calls }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.shared.at_work.fetch_sub(self.calls, Ordering::Relaxed);
    }
}

/// What is no call is this lane's, until it is through with all of it. Should its thread end before, other lanes do what
/// comes then, and whoever waits for what is left is told that nobody does it.
struct Others {
    shared: Arc<Shared>,
    line: Arc<Line>,
}

impl Drop for Others {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.waiting.fetch_sub(self.line.let_go(), Ordering::Relaxed);
        }
    }
}

/// A connection, the end of its chain, and what answers behind its commits. The fields are dropped in this order:
/// everything is settled while the connection still keeps the log.
struct Open {
    settling: Settling,
    connection: AnyConnection,
    tail: Tail,
}

impl Running {
    pub(super) fn open(
        config: WriterConfig,
        shared: Arc<Shared>,
        lane: usize,
        line: Arc<Line>,
    ) -> Result<Self, StoreError> {
        let mut running = Self {
            config,
            shared,
            lane,
            owner: uuid::Uuid::new_v4().to_string(),
            line,
            turn: None,
            next: None,
            open: None,
            flush_failed: false,
            partners: Answers::default(),
        };
        let mut connection = running.config.database.connect(Use::Write)?;
        let changed = sources::changed(&mut connection, &running.config.sources)?;
        if let Some(source) = changed.first() {
            return Err(StoreError::Failed(format!(
                "source \"{source}\" has another tenant_setting than its accounts were made with; put the old one back, \
                 or start with an empty database"
            )));
        }
        until_uncontended(&mut connection, |connection| {
            sources::register(connection, &running.config.sources, now_micros())
        })?;
        running.open = Some(running.opened(connection)?);
        Ok(running)
    }

    /// Makes a fresh connection ready for batches.
    fn opened(&self, mut connection: AnyConnection) -> Result<Open, StoreError> {
        let tail = self.claim(&mut connection)?;
        let (observer, feed) = (self.config.observer.clone(), self.shared.feed.clone());
        let feed_end = changes::end(&mut connection)?;
        let settling = Settling::open(&self.config.database, observer, feed, feed_end)?;
        Ok(Open { settling, connection, tail })
    }

    fn claim(&self, connection: &mut AnyConnection) -> Result<Tail, StoreError> {
        until_uncontended(connection, |connection| chains::claim(connection, &self.owner, now_micros()))
    }

    /// Until every handle is gone.
    pub(super) fn run(&mut self) {
        let _gone = Gone { shared: self.shared.clone(), lane: self.lane };
        loop {
            if self.open.is_none() && self.next.is_none() && self.shared.has_other(self.lane) {
                // What waits is for the lanes that have their connections.
                self.reconnect();
                if self.open.is_none() {
                    std::thread::sleep(PROBE_EVERY);
                    continue;
                }
                self.shared.set_available(self.lane, true);
            }
            let first = match self.next.take() {
                Some(next) => Some(next),
                None => match self.wait() {
                    Ok(first) => Some(first),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            if self.open.is_none() {
                // Connecting may take long, and others may have their connections.
                self.turn = None;
                self.reconnect();
            }
            match first {
                Some(Queued::Call(job)) => {
                    let batch = self.batch(*job);
                    if let Some(turn) = &mut self.turn {
                        turn.look();
                    }
                    let calls = batch.len();
                    self.shared.waiting.fetch_sub(calls, Ordering::Relaxed);
                    let _at_work = AtWork::on(calls, &self.shared);
                    self.settle(batch, MAX_RERUNS);
                }
                Some(other) => self.settle_others(other),
                None => {}
            }
            self.turn = None;
            if self.open.as_ref().is_some_and(|open| open.settling.has_failed()) {
                self.open = None;
                self.flush_failed = true;
            }
            self.shared.set_available(self.lane, self.open.is_some());
        }
        if let Some(Open { settling, mut connection, tail }) = self.open.take() {
            drop(settling);
            let released =
                in_transaction(&mut connection, |connection| chains::release(connection, tail.head.chain, &self.owner));
            if let Err(error) = released {
                log::warn!("the ledger chain was not given back: {error}");
            }
        }
    }

    /// Waits for the turn and for work, or for as long as a database that is away is left alone.
    fn wait(&mut self) -> Result<Queued, RecvTimeoutError> {
        let patience = match &mut self.open {
            None => Some(PROBE_EVERY),
            Some(open) => transaction::is_chained(&mut open.connection).then_some(CHAINED),
        };
        let waited = self.wait_for(patience);
        if let (Err(RecvTimeoutError::Timeout), Some(open)) = (&waited, &mut self.open)
            && let Err(error) = transaction::unchain(&mut open.connection)
        {
            self.lost(&error.to_string());
        }
        waited
    }

    fn wait_for(&mut self, patience: Option<Duration>) -> Result<Queued, RecvTimeoutError> {
        let turn = self.line.turn(patience).ok_or(RecvTimeoutError::Timeout)?;
        let jobs = turn.jobs().ok_or(RecvTimeoutError::Disconnected)?;
        let first = match patience {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected)?,
            Some(patience) => jobs.recv_timeout(patience)?,
        };
        self.turn = Some(turn);
        Ok(first)
    }

    /// A call and all that wait behind it, up to a list of acts or other work. While other lanes are at work, those that
    /// come in a moment are waited for: few calls cost nearly as much as many.
    fn batch(&mut self, first: Job) -> Vec<Job> {
        let mut batch = vec![first];
        let Some(jobs) = self.turn.as_ref().and_then(Turn::jobs) else { return batch };
        let until = Instant::now() + MOMENT;
        while batch.len() < MAX_BATCH {
            let queued = jobs.try_recv().ok().or_else(|| {
                let enough = self.shared.at_work.load(Ordering::Relaxed) / 2;
                let moment = until.saturating_duration_since(Instant::now());
                (batch.len() < enough).then(|| jobs.recv_timeout(moment).ok()).flatten()
            });
            match queued {
                Some(Queued::Call(job)) => batch.push(*job),
                other => {
                    self.next = other;
                    break;
                }
            }
        }
        batch
    }

    /// Settles what is no call, and whatever of that kind comes meanwhile: nobody waits for its turn with it.
    fn settle_others(&mut self, first: Queued) {
        self.turn = None;
        let mut next = self.line.take_up(first);
        let _others = next.is_some().then(|| Others { shared: self.shared.clone(), line: self.line.clone() });
        while let Some(other) = next {
            // Until then it waits, and counts as one that does.
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            match other {
                Queued::Acts(acts) => self.settle_acts(*acts),
                Queued::Work(work) => self.settle_work(work),
                Queued::Call(job) => self.settle(vec![*job], MAX_RERUNS),
            }
            next = self.line.take_next();
        }
    }

    fn reconnect(&mut self) {
        let opened = self.config.database.connect(Use::Write).and_then(|mut connection| {
            // The kernel may take pages that it could not write for written (fsync(2)), so that a later flush would say
            // "done" over a hole. Only when everything stands in the database file is nothing left to doubt.
            if self.flush_failed && !checkpoint::run(&mut connection, Thoroughness::Truncate)?.complete {
                return Err(StoreError::Unavailable("readers keep the write-ahead log from being emptied".to_owned()));
            }
            self.opened(connection)
        });
        match opened {
            Ok(open) => {
                self.flush_failed = false;
                log::info!("the database is back");
                self.open = Some(open);
            }
            Err(error) => log::debug!("the database is still away: {error}"),
        }
    }

    /// Runs work in a transaction of its own until whoever waits for it is answered.
    fn settle_work(&mut self, mut work: Box<dyn Work>) {
        let since = Instant::now();
        let done = match &mut self.open {
            Some(open) => until_uncontended(&mut open.connection, |connection| {
                work.run(connection)?;
                changes::end(connection)
            }),
            None => Err(StoreError::Unavailable("no connection".to_owned())),
        };
        match (done, &self.open) {
            (Ok(feed_end), Some(open)) => {
                open.settling.settle(Committed { what: What::Work(work), feed_end: Some(feed_end), since });
            }
            (Err(StoreError::Unavailable(reason) | StoreError::CommitLost(reason)), _) => {
                if self.open.take().is_some() {
                    log::error!("the database is away: {reason}");
                }
                work.answer(Err(SubmitError::Unavailable));
            }
            (Err(StoreError::Contended(reason)), _) => {
                log::warn!("work gave up behind other writers: {reason}");
                work.answer(Err(SubmitError::Unavailable));
            }
            (Err(error), _) => {
                log::error!("work failed: {error}");
                work.answer(Err(SubmitError::Failed));
            }
            (Ok(_), None) => work.answer(Err(SubmitError::Unavailable)),
        }
    }

    /// Runs a batch until its calls are answered, in halves where one of them makes the others fail.
    fn settle(&mut self, jobs: Vec<Job>, reruns: u32) {
        match self.commit(&jobs, reruns) {
            Ok(Attempted { value: answered, feed_end, work, since }) => {
                let report = BatchReport { calls: jobs.len(), work, commit: Duration::ZERO };
                self.settle_committed(What::Batch { jobs, answered, report }, feed_end, since);
            }
            Err(StoreError::Unavailable(reason) | StoreError::CommitLost(reason)) => {
                self.lost(&reason);
                for job in jobs {
                    let _ = job.reply.send(Err(SubmitError::Unavailable));
                }
            }
            // In halves it would wait for the same once more, and again.
            Err(error) if matches!(error, StoreError::Held(_)) || (jobs.len() == 1 && is_contended(&error)) => {
                log::warn!("a batch of {} gave up behind other writers: {error}", jobs.len());
                for job in jobs {
                    let _ = job.reply.send(Err(SubmitError::Unavailable));
                }
            }
            Err(error) if jobs.len() > 1 => {
                log::warn!("a batch of {} failed and is split: {error}", jobs.len());
                self.config.observer.rerun("split");
                let mut first = jobs;
                let second = first.split_off(first.len() / 2);
                // Somebody who holds one account must not hold up the others: each half waits for itself.
                let reruns = if is_contended(&error) { HALVES_RERUNS } else { reruns };
                self.settle(first, reruns);
                self.settle(second, reruns);
            }
            Err(error) => {
                for job in jobs {
                    log::error!("a call at {} failed: {error}", job.call.endpoint.as_str());
                    let _ = job.reply.send(Err(SubmitError::Failed));
                }
            }
        }
    }

    /// Answers what was committed, now or once it is durable.
    pub(super) fn settle_committed(&mut self, what: What, feed_end: Option<i64>, since: Instant) {
        let committed = Committed { what, feed_end, since };
        match &self.open {
            Some(open) => open.settling.settle(committed),
            // A commit leaves its connection open; without one there is nobody who could make it durable.
            None => committed.give_up(),
        }
    }

    /// The database went away.
    pub(super) fn lost(&mut self, reason: &str) {
        if self.open.take().is_some() {
            log::error!("the database is away: {reason}");
        }
    }

    /// Commits a batch, running it again while only other writers are in the way.
    fn commit(&mut self, jobs: &[Job], most: u32) -> Result<Attempted<Vec<Answered>>, StoreError> {
        let jobs: Vec<&Job> = jobs.iter().collect();
        let calls: Vec<&Call> = jobs.iter().map(|job| &job.call).collect();
        self.until_free(most, |running| running.attempt(&jobs, &calls))
    }

    /// Tries something again while only other writers are in the way.
    pub(super) fn until_free<T>(
        &mut self,
        most: u32,
        mut attempt: impl FnMut(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut reruns = 0;
        let waiting = Instant::now();
        let mut began = waiting;
        loop {
            match attempt(self) {
                // Each attempt waits by itself, and what it waited for is nobody's of the batch.
                Err(StoreError::Held(_)) if waiting.elapsed() < MAX_DIRECTORY_WAIT => {
                    self.config.observer.rerun("directory");
                    began = Instant::now();
                }
                Err(StoreError::Contended(reason)) if reruns < most && began.elapsed() < MAX_RERUN_TIME => {
                    reruns += 1;
                    log::debug!("a batch runs again: {reason}");
                    self.config.observer.rerun("contended");
                    // Receivers that met once would meet again in step: wait for different times.
                    let jitter = rand::random_range(0..2_000 * u64::from(reruns));
                    std::thread::sleep(Duration::from_micros(jitter));
                    self.look_at_chain()?;
                }
                done => return done,
            }
        }
    }

    /// Somebody else may have moved our chain: claim one again.
    fn look_at_chain(&mut self) -> Result<(), StoreError> {
        let Some(mut open) = self.open.take() else {
            return Err(StoreError::Unavailable("no connection".to_owned()));
        };
        open.tail = self.claim(&mut open.connection)?;
        self.open = Some(open);
        Ok(())
    }

    fn attempt(&mut self, jobs: &[&Job], calls: &[&Call]) -> Result<Attempted<Vec<Answered>>, StoreError> {
        let faults = self.config.faults.clone();
        let partners = jobs.iter().any(|job| job.policy.names_partners());
        let locks = Locks::new(batch::foreseen_places(calls), partners);
        self.in_transaction(calls, locks, |connection, run| {
            let done = batch::run(connection, jobs, calls, run, &faults)?;
            Ok(done.map(|done| Worked { value: done.answered, tail: done.tail, feed_end: done.feed_end }))
        })
    }

    /// Runs something in a write transaction that moves the end of this writer's chain to what it gives, and commits it.
    /// It begins with its locks; where they turn out not to be enough, it runs again with those that are.
    pub(super) fn in_transaction<T>(
        &mut self,
        calls: &[&Call],
        mut locks: Locks,
        mut work: impl FnMut(&mut AnyConnection, Run<'_>) -> Result<Ran<Worked<T>>, StoreError>,
    ) -> Result<Attempted<T>, StoreError> {
        let faults = self.config.faults.clone();
        let Some(Open { connection, tail, .. }) = &mut self.open else {
            return Err(StoreError::Unavailable("no connection".to_owned()));
        };
        let began = Instant::now();
        faults.at(Place::Begin, calls)?;
        let Worked { value, tail: to, feed_end } = loop {
            transaction::begin(connection, Some(locks))?;
            let run = Run { tail, owner: &self.owner, locks, partners: &mut self.partners, turn: &mut self.turn };
            let worked = work(connection, run).and_then(|done| {
                faults.at(Place::Commit, calls)?;
                Ok(done)
            });
            match worked {
                Ok(Ran::Done(done)) => break done,
                Ok(Ran::Lacks(needed)) => {
                    transaction::roll_back(connection);
                    self.config.observer.rerun("places");
                    locks = needed;
                }
                Err(StoreError::PlacesTaken) => {
                    transaction::roll_back(connection);
                    self.config.observer.rerun("places");
                    locks.places = Places::Shared;
                }
                Err(error) => {
                    transaction::roll_back(connection);
                    return Err(error);
                }
            }
        };
        let (work, since) = (began.elapsed(), Instant::now());
        let from = *tail;
        let committed = if self.shared.is_busy(calls.len()) {
            transaction::commit_and_chain(connection)
        } else {
            transaction::commit(connection)
        };
        match committed.and_then(|()| faults.at(Place::Committed, calls)) {
            Ok(()) => *tail = to,
            Err(StoreError::CommitLost(reason)) => self.resolve(&from, &to, &reason)?,
            Err(error) => {
                transaction::roll_back(connection);
                return Err(error);
            }
        }
        Ok(Attempted { value, feed_end, work, since })
    }

    /// The connection was lost in COMMIT: the ledger itself tells whether it happened.
    fn resolve(&mut self, from: &Tail, to: &Tail, reason: &str) -> Result<(), StoreError> {
        log::warn!("a commit's answer was lost ({reason}); looking up what it wrote");
        self.config.observer.rerun("commit_lost");
        self.open = None;
        for _ in 0..MAX_RESOLVES {
            let looked_up = self.config.database.connect(Use::Write).and_then(|mut connection| {
                let happened = happened(&mut connection, from, to)?;
                Ok((self.opened(connection)?, happened))
            });
            match looked_up {
                Ok((open, happened)) => {
                    self.open = Some(open);
                    return if happened {
                        Ok(())
                    } else {
                        Err(StoreError::Contended("the commit did not happen".to_owned()))
                    };
                }
                Err(error) => {
                    log::debug!("cannot look a lost commit up yet: {error}");
                    std::thread::sleep(RESOLVE_PAUSE);
                }
            }
        }
        Err(StoreError::CommitLost(reason.to_owned()))
    }
}

fn is_contended(error: &StoreError) -> bool {
    matches!(error, StoreError::Contended(_))
}

/// What became of work in a transaction.
pub(super) enum Ran<T> {
    /// It may commit.
    Done(T),
    /// It must begin again, with these locks.
    Lacks(Locks),
}

impl<T> Ran<T> {
    pub(super) fn map<U>(self, done: impl FnOnce(T) -> U) -> Ran<U> {
        match self {
            Self::Done(value) => Ran::Done(done(value)),
            Self::Lacks(locks) => Ran::Lacks(locks),
        }
    }
}

/// What a transaction is run with.
pub(super) struct Run<'a> {
    /// Where the chain ends.
    pub tail: &'a Tail,
    /// Who writes it.
    pub owner: &'a str,
    /// The locks that it began with.
    pub locks: Locks,
    /// What is kept of the registry's answers.
    pub partners: &'a mut Answers,
    /// This lane's turn, which ends once everything is planned.
    pub turn: &'a mut Option<Turn>,
}

/// What a transaction gave, if it commits.
pub(super) struct Worked<T> {
    pub value: T,
    /// Where the chain ends then.
    pub tail: Tail,
    /// Where the change feed ends then, if it ends elsewhere than before.
    pub feed_end: Option<i64>,
}

/// What a committed transaction gave.
pub(super) struct Attempted<T> {
    pub value: T,
    /// As in [`Worked`].
    pub feed_end: Option<i64>,
    /// From its first statement to before its commit.
    pub work: Duration,
    /// When its commit began.
    pub since: Instant,
}

/// Whether a commit that was to move the end of a chain did so: its last delivery is there, or, where it had none, the
/// chain has numbered its rows.
fn happened(connection: &mut AnyConnection, from: &Tail, to: &Tail) -> Result<bool, StoreError> {
    if to.head.position == from.head.position {
        return chains::has_issued(connection, to);
    }
    let last = crate::domain::ids::DeliveryId::issue(to.head.chain, to.head.position);
    deliveries::has(connection, last, &to.head.hash)
}

/// Runs a small write transaction.
fn in_transaction<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    transaction::begin(connection, None)?;
    match work(connection).and_then(|value| transaction::commit(connection).map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => {
            transaction::roll_back(connection);
            Err(error)
        }
    }
}

/// As [`in_transaction`], again while receivers that start at the same moment are in the way.
fn until_uncontended<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut attempt = 0;
    loop {
        match in_transaction(connection, &mut work) {
            Err(StoreError::Contended(_)) if attempt < MAX_RERUNS => attempt += 1,
            done => return done,
        }
    }
}

/// The loop of the writer that stores nothing.
pub(super) fn discard(jobs: &Receiver<Queued>, shared: &Shared) {
    while let Ok(first) = jobs.recv() {
        for queued in std::iter::once(first).chain(jobs.try_iter().take(MAX_BATCH - 1)) {
            shared.waiting.fetch_sub(1, Ordering::Relaxed);
            let job = match queued {
                Queued::Call(job) => job,
                Queued::Work(work) => {
                    work.answer(Err(SubmitError::Unavailable));
                    continue;
                }
                Queued::Acts(acts) => {
                    let _ = acts.reply.send(Err(SubmitError::Unavailable));
                    continue;
                }
            };
            let result = job.call.platform_id().map(|id| job.call.key(id).derived_external_id(1).as_str().to_owned());
            let answer =
                Answer { code: crate::domain::outcome::Code::Done, message: "Account updated.".to_owned(), result };
            let delivery = crate::domain::ids::DeliveryId::issue(0, 1);
            let _ = job.reply.send(Ok(Answered { delivery, outcome: Outcome::Applied, answer }));
        }
    }
}
