//! The monthly book: what each reseller gained and lost between two times.

use super::record::{Ours, Since, Whom};

/// What became of a customer of a reseller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It had no reseller, or was not there, and has this one.
    Gained,
    /// It came from another reseller.
    MovedIn,
    /// It has no reseller any more.
    Lost,
    /// It went to another reseller.
    MovedOut,
    /// It was deleted.
    Ended,
    /// It was there before and is there still.
    Stayed,
}

impl Change {
    /// All changes.
    pub const ALL: [Self; 6] = [Self::Gained, Self::MovedIn, Self::Lost, Self::MovedOut, Self::Ended, Self::Stayed];

    /// The name in every output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gained => "gained",
            Self::MovedIn => "moved_in",
            Self::Lost => "lost",
            Self::MovedOut => "moved_out",
            Self::Ended => "ended",
            Self::Stayed => "stayed",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.as_str() == name)
    }
}

/// A line of a reseller's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Whose book it stands in.
    pub reseller: Whom,
    /// What happened.
    pub change: Change,
    /// Where the customer came from or went to.
    pub other: Option<Whom>,
    /// When, and by which delivery.
    pub at: Since,
}

/// What became of a customer: nothing, a line in one book, or in two.
#[must_use]
pub fn movements(ours: &Ours) -> Vec<Movement> {
    let (before, after) = (ours.earlier.clone(), ours.whose().filter(|_| ours.is_active()));
    let line = |reseller: Whom, change, other, at| Movement { reseller, change, other, at };
    let left = if ours.left.at.is_some() { ours.left } else { ours.shown };
    match (before, after) {
        (None, None) => Vec::new(),
        (None, Some(after)) => vec![line(after, Change::Gained, None, ours.reseller_since())],
        (Some(before), None) if !ours.is_active() => vec![line(before, Change::Ended, None, left)],
        (Some(before), None) => vec![line(before, Change::Lost, None, left)],
        (Some(before), Some(after)) if before.is(&after) => {
            vec![line(after, Change::Stayed, None, ours.reseller_since())]
        }
        (Some(before), Some(after)) => vec![
            line(before.clone(), Change::MovedOut, Some(after.clone()), ours.reseller_since()),
            line(after, Change::MovedIn, Some(before), ours.reseller_since()),
        ],
    }
}
