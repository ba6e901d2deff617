//! How far an item is, and what the items of a request make of the whole.

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemState {
    /// It waits for somebody who does it.
    Pending,
    /// Somebody is at work on it, for as long as the lease lasts.
    Running,
    /// It is done.
    Done,
    /// It was tried as often as it may be, or whoever tried it said that trying again is of no use.
    Failed,
    /// It is not to be done any longer.
    Cancelled,
}

impl ItemState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing happens to it any more unless somebody asks for it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// How far a request is as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestState {
    /// Nobody has begun.
    Pending,
    /// Somebody has begun, and there is more to do.
    Running,
    /// Everything is done.
    Done,
    /// Nothing goes on by itself, and something failed.
    Failed,
    /// Nothing goes on, since the rest was cancelled.
    Cancelled,
}

impl RequestState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether items of it are, or will be, worked on.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// How many items of a request are how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items that wait.
    pub pending: i64,
    /// Items that somebody is at work on.
    pub running: i64,
    /// Items that are done.
    pub done: i64,
    /// Items that failed.
    pub failed: i64,
    /// Items that are not to be done any longer.
    pub cancelled: i64,
}

impl Counts {
    /// The number of a state.
    #[must_use]
    pub fn of(&self, state: ItemState) -> i64 {
        match state {
            ItemState::Pending => self.pending,
            ItemState::Running => self.running,
            ItemState::Done => self.done,
            ItemState::Failed => self.failed,
            ItemState::Cancelled => self.cancelled,
        }
    }

    /// Adds to the number of a state.
    pub fn add(&mut self, state: ItemState, items: i64) {
        let count = match state {
            ItemState::Pending => &mut self.pending,
            ItemState::Running => &mut self.running,
            ItemState::Done => &mut self.done,
            ItemState::Failed => &mut self.failed,
            ItemState::Cancelled => &mut self.cancelled,
        };
        *count += items;
    }

    /// All items.
    #[must_use]
    pub fn total(&self) -> i64 {
        ItemState::ALL.into_iter().map(|state| self.of(state)).sum()
    }

    /// How much of what is to be done is done, in whole percent, rounded down so that 100 means all of it. What was
    /// cancelled is not to be done; where nothing is, nothing is missing.
    #[must_use]
    pub fn percent(&self) -> i64 {
        match self.total() - self.cancelled {
            0 => 100,
            wanted => self.done * 100 / wanted,
        }
    }

    /// What the items make of the whole. `begun` says whether anybody ever took or reported one of them, `released`
    /// whether all may be taken: where they may not, the directory's item comes before them.
    #[must_use]
    pub fn state(&self, begun: bool, released: bool) -> RequestState {
        // Before the release only the directory's item can have failed, and the others wait for it in vain.
        let stuck = !released && self.failed > 0;
        if self.running > 0 {
            RequestState::Running
        } else if self.pending > 0 && !stuck {
            if begun { RequestState::Running } else { RequestState::Pending }
        } else if self.cancelled > 0 && !stuck {
            RequestState::Cancelled
        } else if self.failed > 0 {
            RequestState::Failed
        } else {
            RequestState::Done
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts([pending, running, done, failed, cancelled]: [i64; 5]) -> Counts {
        Counts { pending, running, done, failed, cancelled }
    }

    #[test]
    fn words_read_what_they_write() {
        for state in ItemState::ALL {
            assert_eq!(ItemState::parse(state.as_str()), Some(state));
        }
        for state in RequestState::ALL {
            assert_eq!(RequestState::parse(state.as_str()), Some(state));
        }
        assert_eq!((ItemState::parse("open"), RequestState::parse("")), (None, None));
    }

    #[test]
    fn percent_says_100_only_when_nothing_is_missing() {
        for (of, percent) in [
            ([1, 0, 0, 0, 0], 0),
            ([1, 0, 999, 0, 0], 99),
            ([0, 0, 3, 0, 0], 100),
            ([0, 0, 1, 1, 0], 50),
            ([0, 0, 1, 0, 5], 100),
            ([0, 0, 0, 0, 5], 100),
            ([0, 0, 0, 0, 0], 100),
        ] {
            assert_eq!(counts(of).percent(), percent, "{of:?}");
        }
    }

    #[test]
    fn the_whole_follows_from_its_items() {
        use RequestState::{Cancelled, Done, Failed, Pending, Running};
        // Items, whether anybody began, whether all may be taken.
        for (of, begun, released, state) in [
            ([3, 0, 0, 0, 0], false, true, Pending),
            ([3, 0, 0, 0, 0], false, false, Pending),
            ([2, 1, 0, 0, 0], true, false, Running),
            // Its lease ran out: nobody is at work, and it goes on.
            ([3, 0, 0, 0, 0], true, false, Running),
            ([2, 0, 1, 0, 0], true, true, Running),
            ([2, 0, 0, 1, 0], true, true, Running),
            ([0, 1, 2, 1, 0], true, true, Running),
            ([0, 0, 3, 0, 0], true, true, Done),
            ([0, 0, 0, 0, 0], false, true, Done),
            ([0, 0, 2, 1, 0], true, true, Failed),
            // The directory's item failed: what waits for it will not go on by itself.
            ([2, 0, 0, 1, 0], true, false, Failed),
            ([0, 0, 2, 0, 1], true, true, Cancelled),
            ([0, 0, 1, 1, 1], true, true, Cancelled),
            ([0, 0, 0, 0, 3], false, false, Cancelled),
            ([0, 1, 0, 0, 2], true, false, Running),
        ] {
            assert_eq!(counts(of).state(begun, released), state, "{of:?} {begun} {released}");
        }
    }
}
