//! The one place that opens write transactions: a bounded queue, batches of what is waiting, one commit a batch, and
//! answers only behind the commit.

pub mod acts;
mod batch;
mod clock;
pub mod faults;
pub mod feed;
pub mod planning;
mod run;
mod settle;
mod turn;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::oneshot;

use crate::domain::call::Call;
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::{Answer, Outcome};
use crate::domain::policy::SourcePolicy;
use crate::store::StoreError;
use crate::store::connection::Database;
use crate::store::sources::Registered;
pub use clock::now_micros;
use faults::Faults;
use feed::Feed;

/// Most calls of one batch. Larger ones commit less often and make the first call of each wait longer.
const MAX_BATCH: usize = 256;

/// How long a call may wait for its commit before the platform is told to try again. Its commit may still happen, and
/// trying again is safe.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the writer needs to start.
#[derive(Clone)]
pub struct WriterConfig {
    /// Where to write.
    pub database: Database,
    /// How many calls may wait.
    pub queue: usize,
    /// How many threads write, each with a connection and a chain of its own. They take turns at what waits, so that calls
    /// about one account are written in their order. SQLite has one writer, whatever this says.
    pub lanes: usize,
    /// The sources of this configuration.
    pub sources: Vec<Registered>,
    /// Told about every batch.
    pub observer: Arc<dyn Observer>,
    /// Failures on demand; tests alone set any.
    pub faults: Faults,
}

/// What is told about a batch.
#[derive(Debug, Clone, Copy)]
pub struct BatchReport {
    /// How many calls it had.
    pub calls: usize,
    /// From its first statement to before its commit.
    pub work: Duration,
    /// From there until it was durable.
    pub commit: Duration,
}

/// Listens to the writer.
pub trait Observer: Send + Sync {
    /// A batch was committed.
    fn committed(&self, report: BatchReport);
    /// A batch has to run again, for this kind of reason.
    fn rerun(&self, reason: &'static str);
}

/// What a call came to, durably.
#[derive(Debug, Clone)]
pub struct Answered {
    /// Its ledger row.
    pub delivery: DeliveryId,
    /// For the ledger.
    pub outcome: Outcome,
    /// For the platform.
    pub answer: Answer,
}

/// Why a call was not answered. Sending it again is always safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubmitError {
    /// The queue is full.
    #[error("too many calls are waiting")]
    Full,
    /// The database cannot take it now, or its answer was lost.
    #[error("the database cannot take the call now")]
    Unavailable,
    /// The writer is shutting down.
    #[error("the receiver is shutting down")]
    ShuttingDown,
    /// It fails alone, too: a defect of ours.
    #[error("the call fails")]
    Failed,
}

/// A call that waits for its commit.
struct Job {
    call: Call,
    policy: Arc<SourcePolicy>,
    reply: oneshot::Sender<Result<Answered, SubmitError>>,
}

/// What waits in the queue.
enum Queued {
    Call(Box<Job>),
    Acts(Box<acts::ActsJob>),
    Work(Box<dyn work::Work>),
}

/// What all handles and the writer's threads share.
struct Shared {
    waiting: AtomicUsize,
    /// Calls that lanes have taken and not settled yet.
    at_work: AtomicUsize,
    capacity: usize,
    /// Whether each lane has its database.
    available: Vec<AtomicBool>,
    feed: Arc<Feed>,
}

impl Shared {
    fn new(capacity: usize, lanes: usize, feed: Arc<Feed>) -> Arc<Self> {
        let available = (0..lanes).map(|_| AtomicBool::new(true)).collect();
        Arc::new(Self { waiting: AtomicUsize::new(0), at_work: AtomicUsize::new(0), capacity, available, feed })
    }

    /// Whether there are more calls than these, so that there are about to be others.
    fn is_busy(&self, calls: usize) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0 || self.at_work.load(Ordering::Relaxed) > calls
    }

    /// Whether a lane other than this one has its database.
    fn has_other(&self, lane: usize) -> bool {
        self.available.iter().enumerate().any(|(other, available)| other != lane && available.load(Ordering::Relaxed))
    }

    fn set_available(&self, lane: usize, available: bool) {
        if let Some(flag) = self.available.get(lane) {
            flag.store(available, Ordering::Relaxed);
        }
    }
}

/// Hands calls to the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Queued>,
    shared: Arc<Shared>,
}

/// The writer's threads. Dropping every [`Writer`] lets them end behind their last call.
pub struct WriterThread(Vec<JoinHandle<()>>);

impl WriterThread {
    /// Waits until every queued call is answered and the chains are given back. Blocks.
    pub fn join(self) {
        for thread in self.0 {
            if thread.join().is_err() {
                log::error!("a writer thread panicked");
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, StoreError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|error| StoreError::Unavailable(format!("no thread for the {name}: {error}")))
}

impl Writer {
    /// Connects, checks what the sources were registered with, claims a chain for each lane and starts the threads.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be used as it is.
    pub fn start(config: WriterConfig) -> Result<(Self, WriterThread), StoreError> {
        let count = if config.database.is_postgres() { config.lanes.max(1) } else { 1 };
        let shared = Shared::new(config.queue, count, Feed::new(config.database.is_postgres()));
        let (queue, jobs) = sync_channel(config.queue);
        let line = turn::Line::new(jobs);
        let mut threads = Vec::with_capacity(count);
        for lane in 0..count {
            let mut running = run::Running::open(config.clone(), shared.clone(), lane, line.clone())?;
            threads.push(spawn("writer", move || running.run())?);
        }
        Ok((Self { queue, shared }, WriterThread(threads)))
    }

    /// A writer that answers every call and stores none: what the others are measured against.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no thread is to be had.
    #[doc(hidden)]
    pub fn storing_nothing(queue: usize) -> Result<(Self, WriterThread), StoreError> {
        let shared = Shared::new(queue, 1, Feed::new(false));
        let (queue, jobs) = sync_channel(queue);
        let seen = shared.clone();
        let thread = spawn("writer", move || run::discard(&jobs, &seen))?;
        Ok((Self { queue, shared }, WriterThread(vec![thread])))
    }

    /// Puts something into the queue.
    fn put(&self, queued: Queued) -> Result<(), SubmitError> {
        if self.shared.waiting.fetch_add(1, Ordering::Relaxed) >= self.shared.capacity {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(SubmitError::Full);
        }
        self.queue.try_send(queued).map_err(|refused| {
            self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
            match refused {
                TrySendError::Full(_) => SubmitError::Full,
                TrySendError::Disconnected(_) => SubmitError::ShuttingDown,
            }
        })
    }

    fn enqueue_call(
        &self,
        call: Call,
        policy: Arc<SourcePolicy>,
    ) -> Result<oneshot::Receiver<Result<Answered, SubmitError>>, SubmitError> {
        if !self.is_available() {
            return Err(SubmitError::Unavailable);
        }
        let (reply, answered) = oneshot::channel();
        self.put(Queued::Call(Box::new(Job { call, policy, reply })))?;
        Ok(answered)
    }

    /// Submits a call and waits for its commit.
    ///
    /// # Errors
    /// [`SubmitError`]; the call may be sent again whatever it is.
    pub async fn submit(&self, call: Call, policy: Arc<SourcePolicy>) -> Result<Answered, SubmitError> {
        match tokio::time::timeout(PATIENCE, self.enqueue_call(call, policy)?).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) | Err(_) => Err(SubmitError::Unavailable),
        }
    }

    /// As [`Writer::submit`], for threads that may block.
    ///
    /// # Errors
    /// As [`Writer::submit`].
    pub fn submit_blocking(&self, call: Call, policy: Arc<SourcePolicy>) -> Result<Answered, SubmitError> {
        self.enqueue_call(call, policy)?.blocking_recv().unwrap_or(Err(SubmitError::Unavailable))
    }

    /// How far the change feed is.
    #[must_use]
    pub fn feed(&self) -> &Arc<Feed> {
        &self.shared.feed
    }

    /// Calls that wait.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Whether no more calls can wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.depth() >= self.shared.capacity
    }

    /// Whether the database took the last batch of some lane.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.shared.available.iter().any(|available| available.load(Ordering::Relaxed))
    }
}
