//! What a call comes to: an outcome for the ledger and an answer for the platform.

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Something changed.
    Applied,
    /// The account showed this already; only its event time advanced.
    Unchanged,
    /// A remembered id with the same content: answered as before.
    Repeated,
    /// Older than what the account shows: recorded, changes nothing.
    Stale,
    /// Refused.
    Rejected,
    /// A question, or a call with `checkonly`: nothing but its delivery was written.
    Checked,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 6] =
        [Self::Applied, Self::Unchanged, Self::Repeated, Self::Stale, Self::Rejected, Self::Checked];

    /// The name in database, API, metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Repeated => "repeated",
            Self::Stale => "stale",
            Self::Rejected => "rejected",
            Self::Checked => "checked",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// The codes that platforms see. They are stable: a number never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// Done.
    Done,
    /// `Exists`: it does.
    Exists,
    /// Not what an account call looks like.
    Malformed,
    /// Role and `ResellerID` make none of the three kinds.
    Unclassifiable,
    /// A synchronization option is missing or invalid.
    InvalidOption,
    /// It contradicts what is held.
    Conflict,
    /// Never heard of this account.
    UnknownAccount,
    /// A service, move or ordering rule was broken.
    RuleBroken,
    /// Not authenticated.
    NotAuthenticated,
    /// No such endpoint.
    NoSuchEndpoint,
    /// The endpoint answers another method.
    WrongMethod,
    /// The body came too slowly.
    BodyTooSlow,
    /// The body is too large.
    BodyTooLarge,
    /// Too many calls.
    TooManyCalls,
    /// Our fault.
    Internal,
    /// The database cannot take it now, or its answer was lost.
    Unavailable,
}

impl Code {
    /// All codes.
    pub const ALL: [Self; 16] = [
        Self::Done,
        Self::Exists,
        Self::Malformed,
        Self::Unclassifiable,
        Self::InvalidOption,
        Self::Conflict,
        Self::UnknownAccount,
        Self::RuleBroken,
        Self::NotAuthenticated,
        Self::NoSuchEndpoint,
        Self::WrongMethod,
        Self::BodyTooSlow,
        Self::BodyTooLarge,
        Self::TooManyCalls,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> i32 {
        match self {
            Self::Done => 0,
            Self::Exists => 1,
            Self::Malformed => 1001,
            Self::Unclassifiable => 1002,
            Self::InvalidOption => 1003,
            Self::Conflict => 1004,
            Self::UnknownAccount => 1005,
            Self::RuleBroken => 1006,
            Self::NotAuthenticated => 1401,
            Self::NoSuchEndpoint => 1404,
            Self::WrongMethod => 1405,
            Self::BodyTooSlow => 1408,
            Self::BodyTooLarge => 1413,
            Self::TooManyCalls => 1429,
            Self::Internal => 1500,
            Self::Unavailable => 1503,
        }
    }

    /// Whether a call refused with it is kept in quarantine: the vendor can put it right.
    #[must_use]
    pub fn is_quarantined(self) -> bool {
        matches!(self, Self::Unclassifiable | Self::InvalidOption | Self::Conflict | Self::RuleBroken)
    }

    /// Reads the number.
    #[must_use]
    pub fn parse(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }
}

/// What the platform is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub code: Code,
    /// One or two sentences for the person who ordered. Never a value of the call that may be personal or secret.
    pub message: String,
    /// `Result`: most often an ExternalID.
    pub result: Option<String>,
}

impl Answer {
    /// A refusal, which has no result.
    #[must_use]
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), result: None }
    }

    /// Code 0 with a result.
    #[must_use]
    pub fn done(message: &str, result: impl Into<String>) -> Self {
        Self { code: Code::Done, message: message.to_owned(), result: Some(result.into()) }
    }
}
