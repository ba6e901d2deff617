//! Ends a run before its end.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Asks a run to end: calls under way are waited for, no others are sent.
#[derive(Debug, Default)]
pub struct Halt {
    why: Mutex<Option<String>>,
    changed: Condvar,
}

impl Halt {
    /// Asks. The first reason stays.
    pub fn ask(&self, why: &str) {
        lock(&self.why).get_or_insert_with(|| why.to_owned());
        self.changed.notify_all();
    }

    pub(super) fn asked(&self) -> Option<String> {
        lock(&self.why).clone()
    }

    /// Waits this long, or until somebody asks. Whether somebody did.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(lock(&self.why), pause, |why| why.is_none());
        waited.map_or(true, |(why, _)| why.is_some())
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a thread that panicked left behind is counts and queues, which are whole after each statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
