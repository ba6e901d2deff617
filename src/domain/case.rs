//! Quarantine: refused calls that the vendor can put right, one case an account, content and code.

use std::fmt;

use super::call::Endpoint;
use super::ids::{DeliveryId, PlatformId, Scope};
use super::outcome::{Code, Outcome};

/// What makes two refusals the same case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseKey {
    /// Source and tenant.
    pub scope: Scope,
    /// The account that the call names.
    pub platform_id: PlatformId,
    /// Where it came in.
    pub endpoint: Endpoint,
    /// The code answered.
    pub code: i32,
    /// SHA-256 of the redacted body.
    pub digest: [u8; 32],
}

/// Refusals of a batch that belong to one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusals {
    /// The first of them: it names the case if there is none yet.
    pub first: DeliveryId,
    /// Microseconds since 1970 at which the first was received.
    pub first_at: i64,
    /// The last of them.
    pub last: DeliveryId,
    /// Microseconds since 1970 at which the last was received.
    pub last_at: i64,
    /// The last one's event time, in whole seconds since 1970.
    pub event_second: i64,
    /// How many.
    pub times: i64,
}

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClosedAs {
    /// A call about the account succeeded later, or reprocessing did.
    Succeeded,
    /// Something newer is known of the account: reprocessing would be a step back.
    Stale,
    /// Reprocessing was refused for another reason, which is a case of its own.
    Replaced,
    /// An operator closed it.
    Resolved,
    /// The account was erased.
    Erased,
}

impl ClosedAs {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Stale, Self::Replaced, Self::Resolved, Self::Erased];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Stale => "stale",
            Self::Replaced => "replaced",
            Self::Resolved => "resolved",
            Self::Erased => "erased",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|closed| closed.as_str() == name)
    }

    /// How a case ends whose call was run again; none where it stays open.
    #[must_use]
    pub fn of_reprocessing(outcome: Outcome, before: i32, after: Code) -> Option<Self> {
        match outcome {
            Outcome::Applied | Outcome::Unchanged => Some(Self::Succeeded),
            Outcome::Stale => Some(Self::Stale),
            Outcome::Rejected => (after.number() != before).then_some(Self::Replaced),
            Outcome::Repeated | Outcome::Checked => None,
        }
    }
}

impl fmt::Display for ClosedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A case as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The delivery that opened it.
    pub id: DeliveryId,
    /// What it is about.
    pub key: CaseKey,
    /// The refusals.
    pub refusals: Refusals,
    /// Its end; none while it is open.
    pub closed: Option<Closed>,
}

/// The end of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// How.
    pub how: ClosedAs,
    /// Microseconds since 1970.
    pub at: i64,
    /// The delivery that ended it.
    pub delivery: Option<DeliveryId>,
    /// What the operator said who ended it.
    pub why: Option<String>,
}

/// A success, which closes the open cases of its account that are not newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Success {
    /// Source and tenant.
    pub scope: Scope,
    /// The account.
    pub platform_id: PlatformId,
    /// The second since 1970 up to which cases are closed.
    pub event_second: i64,
    /// Microseconds since 1970 at which it was received.
    pub at: i64,
    /// Its delivery.
    pub delivery: DeliveryId,
    /// SHA-256 of its body: of cases of services it closes those of the same order alone.
    pub digest: [u8; 32],
    /// Whether the account is new, so that nobody noted whether it has cases.
    pub unsure: bool,
}

/// A case whose call was run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reprocessed {
    /// The case.
    pub case: DeliveryId,
    /// How that ended it.
    pub how: ClosedAs,
    /// Microseconds since 1970.
    pub at: i64,
    /// The delivery of the second run.
    pub delivery: DeliveryId,
}

/// Something that happened to the quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseEvent {
    /// Calls were refused.
    Refused(CaseKey, Refusals),
    /// A call was taken.
    Succeeded(Success),
    /// A case was run again.
    Reprocessed(Reprocessed),
}
