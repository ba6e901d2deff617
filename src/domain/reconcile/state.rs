//! How a run stands that a receiver works on.

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It waits for the runs before it.
    Queued,
    /// It is worked on.
    Running,
    /// It went to its end.
    Done,
    /// It did not, and its reason says why.
    Failed,
}

impl RunState {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Queued, Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing of it changes any more.
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}
