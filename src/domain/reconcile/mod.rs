//! Reconciliation: where the platform, the vendor's own list and what we hold disagree about who resells to whom, since
//! when, and what could be done.
//!
//! Pure and streaming. [`check`] looks at our accounts alone; [`compare`] merges two sequences that are in the order of
//! one key. Both hand out findings as they come upon them and keep nothing.

mod book;
mod duration;
mod finding;
mod fingerprint;
mod key;
mod kind;
mod merge;
mod own;
mod pair;
mod past;
mod record;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use book::{Change, Movement, movements};
pub use duration::parse_duration;
pub use finding::{Amend, Entry, Finding, Named, Proposal};
pub use fingerprint::Fingerprint;
pub use key::{KeyField, Matching};
pub use kind::{Counts, FindingKind, Kinds};
pub use merge::{Found, Keyed, Tally, Trouble, check, compare};
pub use past::{Past, Stretch, Target};
pub use record::{Flap, Held, HeldPartner, Other, Ours, Since, Theirs, Whom};
pub use rules::{PartnerState, Registry, Rules, Standing};
pub use state::RunState;
