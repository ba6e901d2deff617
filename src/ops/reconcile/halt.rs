//! Ends a run before its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ReconcileError;

/// Asks a run to end; clones ask the same one.
#[derive(Debug, Clone, Default)]
pub struct Halt(Arc<AtomicBool>);

impl Halt {
    /// Asks, from any thread.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes on unless somebody has asked.
    pub(super) fn check(&self) -> Result<(), ReconcileError> {
        if self.is_asked() { Err(ReconcileError::Halted) } else { Ok(()) }
    }
}
