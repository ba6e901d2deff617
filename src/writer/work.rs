//! Small write transactions that are no calls: an operator's command, a task's next few rows. They wait in the same
//! queue as calls, run in a transaction of their own between two batches, and are answered once they are durable.

use tokio::sync::oneshot;

use super::{PATIENCE, Queued, SubmitError, Writer};
use crate::store::{AnyConnection, StoreError};

/// Work that waits for the writer.
pub(super) trait Work: Send {
    /// Does it within an open transaction. May run again after a rollback.
    fn run(&mut self, connection: &mut AnyConnection) -> Result<(), StoreError>;
    /// Answers whoever waits for it.
    fn answer(self: Box<Self>, done: Result<(), SubmitError>);
}

struct Waiting<T, F> {
    work: F,
    result: Option<T>,
    reply: oneshot::Sender<Result<T, SubmitError>>,
}

impl<T, F> Work for Waiting<T, F>
where
    T: Send,
    F: FnMut(&mut AnyConnection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, done: Result<(), SubmitError>) {
        let answer = match (done, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(SubmitError::Failed),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone; what is committed stays.
        let _ = self.reply.send(answer);
    }
}

impl Writer {
    /// Queues work. It must be quick: every call waits behind it. It may be run again when other writers were in the
    /// way, and its error takes everything back that it wrote.
    fn enqueue<T, F>(&self, work: F) -> Result<oneshot::Receiver<Result<T, SubmitError>>, SubmitError>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    {
        if !self.is_available() {
            return Err(SubmitError::Unavailable);
        }
        let (reply, answered) = oneshot::channel();
        self.put(Queued::Work(Box::new(Waiting { work, result: None, reply })))?;
        Ok(answered)
    }

    /// Runs work in a write transaction and waits until it is durable.
    ///
    /// # Errors
    /// [`SubmitError`]; [`SubmitError::Failed`] when the work itself failed, which takes back what it wrote.
    pub async fn work<T, F>(&self, work: F) -> Result<T, SubmitError>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    {
        match tokio::time::timeout(PATIENCE, self.enqueue(work)?).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) | Err(_) => Err(SubmitError::Unavailable),
        }
    }

    /// As [`Writer::work`], for threads that may block: commands and tasks.
    ///
    /// # Errors
    /// As [`Writer::work`].
    pub fn work_blocking<T, F>(&self, work: F) -> Result<T, SubmitError>
    where
        T: Send + 'static,
        F: FnMut(&mut AnyConnection) -> Result<T, StoreError> + Send + 'static,
    {
        self.enqueue(work)?.blocking_recv().unwrap_or(Err(SubmitError::Unavailable))
    }
}
