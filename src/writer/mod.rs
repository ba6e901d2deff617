//! The one place that opens write transactions: a bounded queue, batches of what is waiting, one commit a batch, and
//! answers only behind the commit.

mod batch;
pub mod faults;
mod run;

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
use faults::Faults;

/// Most calls of one batch. Larger ones commit less often and make the first call of each wait longer.
const MAX_BATCH: usize = 256;

/// How long a call may wait for its commit before the platform is told to try again. Its commit may still happen, and
/// trying again is safe.
const PATIENCE: Duration = Duration::from_secs(25);

/// What the writer needs to start.
pub struct WriterConfig {
    /// Where to write.
    pub database: Database,
    /// How many calls may wait.
    pub queue: usize,
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
    /// Its commit.
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

/// What all handles and the writer's thread share.
struct Shared {
    waiting: AtomicUsize,
    available: AtomicBool,
    capacity: usize,
}

/// Hands calls to the writer; cheap to clone.
#[derive(Clone)]
pub struct Writer {
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
}

/// The writer's thread. Dropping every [`Writer`] lets it end behind its last call.
pub struct WriterThread(JoinHandle<()>);

impl WriterThread {
    /// Waits until every queued call is answered and the chain is given back. Blocks.
    pub fn join(self) {
        if self.0.join().is_err() {
            log::error!("the writer thread panicked");
        }
    }
}

impl Writer {
    /// Connects, checks what the sources were registered with, claims a chain and starts the thread.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be used as it is.
    pub fn start(config: WriterConfig) -> Result<(Self, WriterThread), StoreError> {
        let (queue, jobs) = sync_channel(config.queue);
        let shared =
            Arc::new(Shared { waiting: AtomicUsize::new(0), available: AtomicBool::new(true), capacity: config.queue });
        let mut running = run::Running::open(config, shared.clone())?;
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || running.run(&jobs))
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok((Self { queue, shared }, WriterThread(thread)))
    }

    /// A writer that answers every call and stores none: what the others are measured against.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no thread is to be had.
    #[doc(hidden)]
    pub fn storing_nothing(queue: usize) -> Result<(Self, WriterThread), StoreError> {
        let (sender, jobs) = sync_channel(queue);
        let shared =
            Arc::new(Shared { waiting: AtomicUsize::new(0), available: AtomicBool::new(true), capacity: queue });
        let seen = shared.clone();
        let thread = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || run::discard(&jobs, &seen))
            .map_err(|error| StoreError::Unavailable(format!("no thread for the writer: {error}")))?;
        Ok((Self { queue: sender, shared }, WriterThread(thread)))
    }

    /// Submits a call and waits for its commit.
    ///
    /// # Errors
    /// [`SubmitError`]; the call may be sent again whatever it is.
    pub async fn submit(&self, call: Call, policy: Arc<SourcePolicy>) -> Result<Answered, SubmitError> {
        if !self.is_available() {
            return Err(SubmitError::Unavailable);
        }
        let (reply, answered) = oneshot::channel();
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        match self.queue.try_send(Job { call, policy, reply }) {
            Ok(()) => {}
            Err(refused) => {
                self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                return Err(match refused {
                    TrySendError::Full(_) => SubmitError::Full,
                    TrySendError::Disconnected(_) => SubmitError::ShuttingDown,
                });
            }
        }
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) | Err(_) => Err(SubmitError::Unavailable),
        }
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

    /// Whether the database took the last batch.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.shared.available.load(Ordering::Relaxed)
    }
}
