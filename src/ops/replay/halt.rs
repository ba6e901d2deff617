//! Ends a run before its end.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::Notify;

/// Asks a run to end: calls under way are waited for, no others are sent.
#[derive(Debug, Default)]
pub struct Halt {
    why: OnceLock<String>,
    changed: Notify,
}

impl Halt {
    /// Asks, from any thread. The first reason stays.
    pub fn ask(&self, why: &str) {
        self.why.get_or_init(|| why.to_owned());
        self.changed.notify_waiters();
    }

    pub(super) fn asked(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Waits until somebody asks.
    pub(super) async fn until_asked(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        // Whoever asks between the look and the wait is heard, too.
        changed.as_mut().enable();
        if self.asked().is_none() {
            changed.await;
        }
    }

    /// Waits this long, or until somebody asks. Whether somebody did.
    pub(super) async fn wait(&self, pause: Duration) -> bool {
        tokio::time::timeout(pause, self.until_asked()).await.is_ok()
    }
}
