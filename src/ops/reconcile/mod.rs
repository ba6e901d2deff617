//! Reconciliation as it is run: reads our accounts and the other side, puts both into one order, and hands out what the
//! pure engine ([`crate::domain::reconcile`]) finds.

mod asked;
pub mod book;
mod codec;
pub mod fix;
mod halt;
mod lookups;
mod quiet;
mod run;
pub mod runs;
mod sort;
mod theirs;

use thiserror::Error;

use crate::store::StoreError;
use crate::wire::list::ListError;

pub use asked::{looked_for, only_source, partner_option};
pub use halt::Halt;
pub use quiet::Quiet;
pub use run::{Event, Options, Report, run};
pub use theirs::{Against, Troubled};

/// Why a reconciliation does not work out.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// It was asked for wrongly.
    #[error("{0}")]
    Usage(String),
    /// A list or a row is broken, or something cannot be written.
    #[error("{0}")]
    Broken(String),
    /// A database or a file cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Somebody ended it before its end.
    #[error("it was stopped")]
    Halted,
    /// Whoever reads what is found went away.
    #[error("the output was closed")]
    Closed,
}

impl From<StoreError> for ReconcileError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unreachable(error.to_string()),
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<ListError> for ReconcileError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Usage(why) => Self::Usage(why),
            ListError::Broken(why) => Self::Broken(why),
        }
    }
}

impl From<std::io::Error> for ReconcileError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Broken(error.to_string()),
        }
    }
}
