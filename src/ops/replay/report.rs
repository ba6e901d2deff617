//! What a replay came to.

use std::collections::BTreeMap;

/// Most calls that are listed one by one. All of them are counted.
pub const MAX_LISTED: usize = 100;

/// One call that is worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Which one of the capture, from 1.
    pub position: u64,
    /// The id that it was sent under.
    pub id: String,
    /// Where to.
    pub endpoint: &'static str,
    /// The platform ID that it is about.
    pub account: Option<String>,
    /// What is to be seen.
    pub what: String,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Calls read.
    pub read: u64,
    /// Calls that `--only` left out.
    pub left_out: u64,
    /// Calls that an earlier run had finished.
    pub finished_before: u64,
    /// Calls whose body was emptied, so that they could not be sent.
    pub without_body: u64,
    /// Calls that were refused when they were captured, and therefore only asked.
    pub only_asked: u64,
    /// Entries of archives that are no calls of the protocol.
    pub others: u64,
    /// Answers, by what the receiver says of them and `Code`.
    pub answers: BTreeMap<(Option<String>, i32), u64>,
    /// Answers whose code is another than the one that was captured.
    pub differ: u64,
    /// The first of those.
    pub differing: Vec<Noted>,
    /// Calls that were not answered.
    pub failed: u64,
    /// The first of those.
    pub failing: Vec<Noted>,
    /// Attempts beyond the first.
    pub retries: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Why it ended before its end, if it did.
    pub stopped: Option<String>,
}

impl Report {
    /// Calls that were answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answers.values().sum()
    }

    /// Answered calls a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        // Counts of calls are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let answered = self.answered() as f64;
        if self.seconds > 0.0 { answered / self.seconds } else { 0.0 }
    }

    pub(super) fn answered_with(&mut self, outcome: Option<String>, code: i32) {
        *self.answers.entry((outcome, code)).or_default() += 1;
    }

    pub(super) fn failed(&mut self, noted: Noted) {
        self.failed += 1;
        if self.failing.len() < MAX_LISTED {
            self.failing.push(noted);
        }
    }

    pub(super) fn differs(&mut self, noted: Noted) {
        self.differ += 1;
        if self.differing.len() < MAX_LISTED {
            self.differing.push(noted);
        }
    }
}
