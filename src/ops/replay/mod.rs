//! Sends captured calls to a receiver: as they were, in an order that gives the same accounts, as fast as it takes them.
//! docs/replay.md is the guide.

mod answer;
mod before;
pub mod claims;
mod feed;
mod halt;
pub mod input;
pub mod letter;
mod line;
pub mod only;
pub mod order;
pub mod predict;
pub mod progress;
pub mod report;
mod run;
mod send;
mod worker;

use thiserror::Error;

pub use before::{Overview, overview, reach};
pub use halt::Halt;
pub use line::Receiver;
pub use run::{Replay, run};

/// Why a replay does not begin or does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplayError {
    /// Something was asked for wrongly.
    #[error("{0}")]
    Usage(String),
    /// A file or the receiver cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// What was read is not what it should be.
    #[error("{0}")]
    Broken(String),
}
