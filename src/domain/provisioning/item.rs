//! Requests, items and attempts as they are held.

use super::{Counts, ItemKind, ItemState, PlanAt, RequestCause, RequestState};
use crate::domain::ids::{AccountId, ItemId, ProvisioningId};

/// A provisioning request as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Our id.
    pub id: ProvisioningId,
    /// Whose users and services are provisioned again.
    pub customer: AccountId,
    /// What made it necessary.
    pub cause: RequestCause,
    /// The move that did, if one did.
    pub move_id: Option<i64>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// How far it is.
    pub state: RequestState,
    /// Whether items besides the directory's may be taken.
    pub released: bool,
    /// How far its items are.
    pub counts: Counts,
    /// Microseconds since 1970.
    pub opened_at: i64,
    /// When somebody began, in microseconds since 1970.
    pub started_at: Option<i64>,
    /// When it came to its end, in microseconds since 1970; none while it is open.
    pub finished_at: Option<i64>,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// When what was left was cancelled, in microseconds since 1970.
    pub cancelled_at: Option<i64>,
    /// Why: [`SUPERSEDED`], or what somebody said.
    pub cancelled_why: Option<String>,
}

/// Why what waited of a request is cancelled when a later one of the same customer is opened.
pub const SUPERSEDED: &str = "superseded";

/// Why what waited of a request is cancelled when its customer is erased.
pub const ERASED: &str = "erased";

/// An item as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Our id.
    pub id: ItemId,
    /// Its request.
    pub request: ProvisioningId,
    /// Whose it is.
    pub customer: AccountId,
    /// What is provisioned again.
    pub kind: ItemKind,
    /// Plan and location as they were.
    pub from: PlanAt,
    /// Plan and location as they are to be.
    pub to: PlanAt,
    /// How far it is.
    pub state: ItemState,
    /// Whether it may be taken: it waits for the directory's item otherwise.
    pub ready: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// How many of these do not count, since somebody asked for it again afterwards.
    pub forgiven: i64,
    /// Microseconds since 1970 from which it may be taken.
    pub not_before: i64,
    /// Who tried it last.
    pub worker: Option<String>,
    /// Until when that one may, in microseconds since 1970; none unless it is running.
    pub lease_until: Option<i64>,
    /// What went wrong last, or why it was cancelled.
    pub reason: Option<String>,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// Microseconds since 1970 at which it was done, failed or was cancelled.
    pub finished_at: Option<i64>,
    /// Whether a later request took its place while somebody was at work on it: it is not tried again.
    pub superseded: bool,
}

/// One try at an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: i64,
    /// Its lease; none where a report came without one.
    pub lease: Option<String>,
    /// Who tried.
    pub worker: String,
    /// Microseconds since 1970.
    pub taken_at: i64,
    /// For how many seconds the lease was asked for; a report that it goes on gives as many more.
    pub lease_seconds: i64,
    /// Until when the lease lasts or lasted, in microseconds since 1970.
    pub lease_until: Option<i64>,
    /// What was reported at the end.
    pub ended: Option<AttemptEnd>,
}

/// What was reported at the end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Whether it was done.
    pub done: bool,
    /// What went wrong.
    pub reason: Option<String>,
    /// Whether it was said to be worth another try.
    pub retry: bool,
    /// What that made of the item.
    pub outcome: ItemState,
    /// From when the item may be tried again, in microseconds since 1970, where it may.
    pub next_try: Option<i64>,
}
