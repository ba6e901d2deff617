//! What runs beside the server, each on a thread of its own that sleeps until it is time or until the server stops.

pub mod checkpoint;
pub mod feed;
pub mod gauges;
pub mod partners;
pub mod provisioning;
pub mod reconcile;
pub mod retention;
pub mod shape;
pub mod subscribers;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::store::StoreError;

/// Tells a task when to stop.
pub struct Stop(Receiver<()>);

impl Stop {
    /// Sleeps; true when it is time to stop.
    #[must_use]
    pub fn within(&self, pause: Duration) -> bool {
        !matches!(self.0.recv_timeout(pause), Err(RecvTimeoutError::Timeout))
    }
}

/// The running tasks. Dropping it stops them.
#[derive(Default)]
pub struct Tasks {
    running: Vec<(Option<Sender<()>>, JoinHandle<()>)>,
}

impl Tasks {
    /// Starts a task.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when no thread is to be had.
    pub fn start(&mut self, name: &str, task: impl FnOnce(&Stop) + Send + 'static) -> Result<(), StoreError> {
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || task(&Stop(receiver)))
            .map_err(|error| StoreError::Unavailable(format!("no thread for {name}: {error}")))?;
        self.running.push((Some(sender), thread));
        Ok(())
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for (sender, _) in &mut self.running {
            *sender = None;
        }
        for (_, thread) in self.running.drain(..) {
            if thread.join().is_err() {
                log::error!("a background task panicked");
            }
        }
    }
}
