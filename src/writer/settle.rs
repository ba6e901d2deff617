//! Answers what is committed as soon as it is durable.
//!
//! On PostgreSQL a commit is durable when it returns, and its calls are answered at once. On SQLite a thread flushes the
//! write-ahead log behind the commit, one flush for all batches that came while the last one ran, and answers then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Instant;

use super::acts::ActsJob;
use super::feed::Feed;
use super::work::Work;
use super::{Answered, BatchReport, Job, Observer, SubmitError, spawn};
use crate::domain::act::ActOutcome;
use crate::store::StoreError;
use crate::store::connection::Database;
use crate::store::durable::LogFlush;

/// Batches that may be committed and not yet durable. More would only wait longer for the disk.
const UNSETTLED: usize = 4;

/// What was committed and who waits for it.
pub(super) struct Committed {
    pub what: What,
    /// Where the change feed ends with it, if it ends elsewhere than before.
    pub feed_end: Option<i64>,
    /// When the commit began.
    pub since: Instant,
}

/// See [`Committed`].
pub(super) enum What {
    /// A batch of calls with its answers.
    Batch { jobs: Vec<Job>, answered: Vec<Answered>, report: BatchReport },
    /// A list of acts with what they came to.
    Acts(ActsJob, Vec<ActOutcome>),
    /// Work that is no call.
    Work(Box<dyn Work>),
}

impl Committed {
    fn answer(self, observer: &dyn Observer, feed: &Feed) {
        if let Some(end) = self.feed_end {
            feed.raise(end);
        }
        match self.what {
            What::Batch { jobs, answered, report } => {
                observer.committed(BatchReport { commit: self.since.elapsed(), ..report });
                for (job, answered) in jobs.into_iter().zip(answered) {
                    // Whoever asked may have gone; what is committed stays.
                    let _ = job.reply.send(Ok(answered));
                }
            }
            What::Acts(job, outcomes) => {
                let _ = job.reply.send(Ok(outcomes));
            }
            What::Work(work) => work.answer(Ok(())),
        }
    }

    /// Tells everybody to send the call again.
    pub(super) fn give_up(self) {
        match self.what {
            What::Batch { jobs, .. } => {
                for job in jobs {
                    let _ = job.reply.send(Err(SubmitError::Unavailable));
                }
            }
            What::Acts(job, _) => {
                let _ = job.reply.send(Err(SubmitError::Unavailable));
            }
            What::Work(work) => work.answer(Err(SubmitError::Unavailable)),
        }
    }
}

/// Settles committed batches.
pub(super) enum Settling {
    /// Commits are durable as they return.
    AtOnce(Arc<dyn Observer>, Arc<Feed>),
    /// A thread flushes the log behind them.
    Behind(Option<SyncSender<Committed>>, Option<JoinHandle<()>>, Arc<AtomicBool>),
}

impl Settling {
    /// For a database whose writing connection is open and where the change feed ends at `feed_end`.
    pub(super) fn open(
        database: &Database,
        observer: Arc<dyn Observer>,
        feed: Arc<Feed>,
        feed_end: i64,
    ) -> Result<Self, StoreError> {
        let Some(file) = database.file() else {
            feed.raise(feed_end);
            return Ok(Self::AtOnce(observer, feed));
        };
        let log = LogFlush::open(file)?;
        // What was committed before may be durable or not: whoever wrote it may have been killed before its flush.
        log.flush()?;
        feed.raise(feed_end);
        let (sender, committed) = sync_channel(UNSETTLED);
        let failed = Arc::new(AtomicBool::new(false));
        let seen = failed.clone();
        let thread = spawn("flush", move || flush(&log, &committed, (observer.as_ref(), &feed), &seen))?;
        Ok(Self::Behind(Some(sender), Some(thread), failed))
    }

    /// Answers a committed batch, now or once it is durable.
    pub(super) fn settle(&self, committed: Committed) {
        match self {
            Self::AtOnce(observer, feed) => committed.answer(observer.as_ref(), feed),
            Self::Behind(Some(sender), ..) => {
                if let Err(refused) = sender.send(committed) {
                    refused.0.give_up();
                }
            }
            Self::Behind(None, ..) => committed.give_up(),
        }
    }

    /// Whether the disk refused a flush: what this connection shows may not last.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self, Self::Behind(_, _, failed) if failed.load(Ordering::Relaxed))
    }
}

impl Drop for Settling {
    /// Waits until everything that was committed is answered.
    fn drop(&mut self) {
        if let Self::Behind(sender, thread, _) = self {
            *sender = None;
            if let Some(thread) = thread.take()
                && thread.join().is_err()
            {
                log::error!("the flush thread panicked");
            }
        }
    }
}

fn flush(
    log: &LogFlush,
    committed: &Receiver<Committed>,
    (observer, feed): (&dyn Observer, &Feed),
    failed: &AtomicBool,
) {
    while let Ok(first) = committed.recv() {
        let batches = std::iter::once(first).chain(committed.try_iter()).collect::<Vec<_>>();
        // Once refused, the kernel may have dropped the pages and would say "done" next time (fsync(2)).
        let flushed = if failed.load(Ordering::Relaxed) { Ok(false) } else { log.flush().map(|()| true) };
        match flushed {
            Ok(true) => batches.into_iter().for_each(|batch| batch.answer(observer, feed)),
            Ok(false) => batches.into_iter().for_each(Committed::give_up),
            Err(error) => {
                log::error!("{error}");
                failed.store(true, Ordering::Relaxed);
                batches.into_iter().for_each(Committed::give_up);
            }
        }
    }
}
