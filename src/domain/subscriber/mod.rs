//! Subscribers: who is told of which changes, in which order, and what happens when they cannot be told.

pub mod course;
pub mod pace;
pub mod wanted;

/// Longest id of a subscriber.
pub const MAX_ID_CHARS: usize = 64;

/// Whether a text may be a subscriber's id. It stands in webhook ids, which have no dot, and in paths.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Why nothing is sent to a subscriber any longer, until somebody resumes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParkedFor {
    /// It answered 410: it wants no more.
    Gone,
    /// It took nothing for as long as is tried.
    Dead,
    /// It refused events of so many accounts for as long as is tried that no more can be held back.
    Refusing,
}

impl ParkedFor {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Gone, Self::Dead, Self::Refusing];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Dead => "dead",
            Self::Refusing => "refusing",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// How a subscriber's endpoint does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Since when nothing was taken, in microseconds since 1970; none while it takes what it is sent.
    pub failing_since: Option<i64>,
    /// How many pauses were made since then.
    pub attempts: u32,
    /// Until when everything waits; then one event is tried.
    pub next_try: Option<i64>,
    /// When it last took something.
    pub delivered_at: Option<i64>,
    /// What went wrong last, and when. Says nothing of what was sent or answered but the status.
    pub last_error: Option<(i64, String)>,
}

/// An event that is held back: those behind a subscriber's position that are not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its position in the feed.
    pub position: i64,
    /// Its account.
    pub account: super::ids::AccountId,
    /// What became of trying it; none where it only waits behind another one of its account.
    pub trouble: Option<Trouble>,
}

/// An event that was tried in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// How often.
    pub attempts: u32,
    /// Since when, in microseconds since 1970.
    pub since: i64,
    /// When it is tried again; none where that was given up until somebody resumes the subscriber.
    pub next_try: Option<i64>,
}

/// What the database keeps of how far a subscriber is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Every event up to this position is done or held back.
    pub position: i64,
    /// Why it is parked, and since when.
    pub parked: Option<(i64, ParkedFor)>,
    /// How its endpoint does.
    pub health: Health,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["crm", "CRM-2", "a_b", &"a".repeat(64)] {
            assert!(is_id(good), "{good}");
        }
        for wrong in ["", "a.b", "a b", "é", "a/b", &"a".repeat(65)] {
            assert!(!is_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn reasons_have_names() {
        for reason in ParkedFor::ALL {
            assert_eq!(ParkedFor::parse(reason.as_str()), Some(reason));
        }
    }
}
