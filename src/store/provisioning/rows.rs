//! The rows of provisioning and the statements that take them.

use diesel::prelude::*;

use crate::domain::ids::{AccountId, ItemId, ProvisioningId, ServiceId, UserId};
use crate::domain::provisioning::{
    Attempt, AttemptEnd, Counts, Item, ItemKind, ItemState, NewItem, NewRequest, PlanAt, Request, RequestCause,
    RequestState, TargetKind,
};
use crate::store::bulk::{Rows, Statement, Value, Verb};
use crate::store::error::StoreError;

fn word<T>(value: &str, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(value).ok_or_else(|| StoreError::corrupt(column, value))
}

/// A row of `provisioning_requests`, its columns in order.
#[derive(Debug, Clone, Queryable)]
pub(in crate::store) struct RequestRow {
    pub id: i64,
    customer_id: i64,
    cause: String,
    move_id: Option<i64>,
    reason: Option<String>,
    state: String,
    released: bool,
    pending: i64,
    running: i64,
    done: i64,
    failed: i64,
    cancelled: i64,
    pub opened_at: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    changed_at: i64,
    cancelled_at: Option<i64>,
    cancelled_why: Option<String>,
}

impl RequestRow {
    /// The request.
    pub fn into_request(self) -> Result<Request, StoreError> {
        let Self { pending, running, done, failed, cancelled, .. } = self;
        Ok(Request {
            id: ProvisioningId(self.id),
            customer: AccountId(self.customer_id),
            cause: word(&self.cause, "provisioning_requests.cause", RequestCause::parse)?,
            move_id: self.move_id,
            reason: self.reason,
            state: word(&self.state, "provisioning_requests.state", RequestState::parse)?,
            released: self.released,
            counts: Counts { pending, running, done, failed, cancelled },
            opened_at: self.opened_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
            changed_at: self.changed_at,
            cancelled_at: self.cancelled_at,
            cancelled_why: self.cancelled_why,
        })
    }
}

/// A row of `provisioning_items`, its columns in order.
#[derive(Debug, Clone, Queryable)]
pub(in crate::store) struct ItemRow {
    pub id: i64,
    request_id: i64,
    customer_id: i64,
    kind: String,
    service_id: Option<i64>,
    user_id: Option<i64>,
    from_plan: String,
    from_location: String,
    to_plan: String,
    to_location: String,
    from_ou: Option<String>,
    to_ou: Option<String>,
    state: String,
    ready: bool,
    #[allow(dead_code)] // What is told is looked for by condition alone.
    told: bool,
    attempts: i64,
    forgiven: i64,
    not_before: i64,
    worker: Option<String>,
    lease_until: Option<i64>,
    reason: Option<String>,
    created_at: i64,
    changed_at: i64,
    finished_at: Option<i64>,
    superseded: bool,
}

impl ItemRow {
    /// The item.
    pub fn into_item(self) -> Result<Item, StoreError> {
        let missing = |what: &str| StoreError::corrupt("provisioning_items.kind", what);
        let service = || self.service_id.map(ServiceId).ok_or_else(|| missing("an item without its service"));
        let kind = match word(&self.kind, "provisioning_items.kind", TargetKind::parse)? {
            TargetKind::Directory => ItemKind::Directory { from_ou: self.from_ou.clone(), to_ou: self.to_ou.clone() },
            TargetKind::Service => ItemKind::Service { service: service()? },
            TargetKind::User => {
                let user = self.user_id.map(UserId).ok_or_else(|| missing("an item without its user"))?;
                ItemKind::User { user, service: service()? }
            }
        };
        Ok(Item {
            id: ItemId(self.id),
            request: ProvisioningId(self.request_id),
            customer: AccountId(self.customer_id),
            kind,
            from: PlanAt { plan: self.from_plan, location: self.from_location },
            to: PlanAt { plan: self.to_plan, location: self.to_location },
            state: word(&self.state, "provisioning_items.state", ItemState::parse)?,
            ready: self.ready,
            attempts: self.attempts,
            forgiven: self.forgiven,
            not_before: self.not_before,
            worker: self.worker,
            lease_until: self.lease_until,
            reason: self.reason,
            created_at: self.created_at,
            changed_at: self.changed_at,
            finished_at: self.finished_at,
            superseded: self.superseded,
        })
    }
}

/// A row of `provisioning_attempts`, its columns in order.
#[derive(Debug, Clone, Queryable)]
pub(in crate::store) struct AttemptRow {
    #[allow(dead_code)] // Asked for by it.
    item_id: i64,
    attempt: i64,
    lease: Option<String>,
    worker: String,
    taken_at: i64,
    lease_seconds: i64,
    lease_until: Option<i64>,
    reported_at: Option<i64>,
    reported: Option<String>,
    reported_reason: Option<String>,
    retry: bool,
    outcome: Option<String>,
    next_try: Option<i64>,
}

/// What is reported of an attempt that was done.
pub(super) const REPORTED_DONE: &str = "done";

/// What is reported of one that was not.
pub(super) const REPORTED_FAILED: &str = "failed";

impl AttemptRow {
    /// The attempt.
    pub fn into_attempt(self) -> Result<Attempt, StoreError> {
        let ended = match (self.reported_at, self.reported.as_deref(), self.outcome.as_deref()) {
            (Some(at), Some(reported), Some(outcome)) => Some(AttemptEnd {
                at,
                done: match reported {
                    REPORTED_DONE => true,
                    REPORTED_FAILED => false,
                    other => return Err(StoreError::corrupt("provisioning_attempts.reported", other)),
                },
                reason: self.reported_reason,
                retry: self.retry,
                outcome: word(outcome, "provisioning_attempts.outcome", ItemState::parse)?,
                next_try: self.next_try,
            }),
            _ => None,
        };
        Ok(Attempt {
            number: self.attempt,
            lease: self.lease,
            worker: self.worker,
            taken_at: self.taken_at,
            lease_seconds: self.lease_seconds,
            lease_until: self.lease_until,
            ended,
        })
    }
}

macro_rules! statement {
    ($(#[$doc:meta])* $name:ident, $table:literal, $verb:ident, $keys:literal, [$($column:literal),+ $(,)?]) => {
        $(#[$doc])*
        pub(super) struct $name;
        impl Statement for $name {
            const TABLE: &'static str = $table;
            const VERB: Verb = Verb::$verb;
            const KEYS: usize = $keys;
            const COLUMNS: &'static [&'static str] = &[$($column),+];
        }
    };
}

statement!(
    /// Inserts requests.
    InsertRequest,
    "provisioning_requests",
    Insert,
    1,
    [
        "customer_id",
        "cause",
        "move_id",
        "reason",
        "state",
        "released",
        "pending",
        "running",
        "done",
        "failed",
        "cancelled",
        "opened_at",
        "changed_at",
        "id",
    ]
);
statement!(
    /// Updates what changes of requests.
    UpdateRequest,
    "provisioning_requests",
    Update,
    1,
    [
        "state",
        "released",
        "pending",
        "running",
        "done",
        "failed",
        "cancelled",
        "started_at",
        "finished_at",
        "changed_at",
        "cancelled_at",
        "cancelled_why",
        "id",
    ]
);
statement!(
    /// Inserts items that nobody was told of.
    InsertItem,
    "provisioning_items",
    Insert,
    1,
    [
        "request_id",
        "customer_id",
        "kind",
        "service_id",
        "user_id",
        "from_plan",
        "from_location",
        "to_plan",
        "to_location",
        "from_ou",
        "to_ou",
        "state",
        "ready",
        "told",
        "attempts",
        "forgiven",
        "not_before",
        "created_at",
        "changed_at",
        "id",
    ]
);
statement!(
    /// Updates what changes of items. Where one waits again, nobody was told of it.
    UpdateItem,
    "provisioning_items",
    Update,
    1,
    [
        "state",
        "told",
        "attempts",
        "forgiven",
        "not_before",
        "worker",
        "lease_until",
        "reason",
        "changed_at",
        "finished_at",
        "id",
    ]
);
statement!(
    /// Inserts attempts, or writes what became of them.
    UpsertAttempt,
    "provisioning_attempts",
    Upsert,
    2,
    [
        "lease",
        "worker",
        "taken_at",
        "lease_seconds",
        "lease_until",
        "reported_at",
        "reported",
        "reported_reason",
        "retry",
        "outcome",
        "next_try",
        "item_id",
        "attempt",
    ]
);

/// Adds a new request to the rows to insert.
pub(super) fn insert_request<'a>(rows: &mut Rows<'a, InsertRequest>, request: &'a NewRequest, counts: &Counts) {
    let state = counts.state(false, request.released());
    rows.push([
        Value::BigInt(request.customer.0),
        Value::Text(request.cause.as_str()),
        Value::MaybeBigInt(request.move_id),
        Value::MaybeText(request.reason.as_deref()),
        Value::Text(state.as_str()),
        Value::Bool(request.released()),
        Value::BigInt(counts.pending),
        Value::BigInt(counts.running),
        Value::BigInt(counts.done),
        Value::BigInt(counts.failed),
        Value::BigInt(counts.cancelled),
        Value::BigInt(request.at),
        Value::BigInt(request.at),
        Value::BigInt(request.id.0),
    ]);
}

/// Adds a request to the rows to update.
pub(super) fn update_request<'a>(rows: &mut Rows<'a, UpdateRequest>, request: &'a Request) {
    let Counts { pending, running, done, failed, cancelled } = request.counts;
    rows.push([
        Value::Text(request.state.as_str()),
        Value::Bool(request.released),
        Value::BigInt(pending),
        Value::BigInt(running),
        Value::BigInt(done),
        Value::BigInt(failed),
        Value::BigInt(cancelled),
        Value::MaybeBigInt(request.started_at),
        Value::MaybeBigInt(request.finished_at),
        Value::BigInt(request.changed_at),
        Value::MaybeBigInt(request.cancelled_at),
        Value::MaybeText(request.cancelled_why.as_deref()),
        Value::BigInt(request.id.0),
    ]);
}

/// Adds an item of a new request to the rows to insert; `ou` and `from` are where it really is.
pub(super) fn insert_item<'a>(
    rows: &mut Rows<'a, InsertItem>,
    request: &NewRequest,
    item: &'a NewItem,
    from: &'a PlanAt,
    from_ou: Option<&'a str>,
) {
    let to_ou = match &item.kind {
        ItemKind::Directory { to_ou, .. } => to_ou.as_deref(),
        ItemKind::Service { .. } | ItemKind::User { .. } => None,
    };
    let ready = request.released() || item.kind.kind() == TargetKind::Directory;
    rows.push([
        Value::BigInt(request.id.0),
        Value::BigInt(request.customer.0),
        Value::Text(item.kind.kind().as_str()),
        Value::MaybeBigInt(item.kind.service().map(|service| service.0)),
        Value::MaybeBigInt(item.kind.user().map(|user| user.0)),
        Value::Text(&from.plan),
        Value::Text(&from.location),
        Value::Text(&item.to.plan),
        Value::Text(&item.to.location),
        Value::MaybeText(from_ou),
        Value::MaybeText(to_ou),
        Value::Text(ItemState::Pending.as_str()),
        Value::Bool(ready),
        Value::Bool(false),
        Value::BigInt(0),
        Value::BigInt(0),
        Value::BigInt(request.at),
        Value::BigInt(request.at),
        Value::BigInt(request.at),
        Value::BigInt(item.id.0),
    ]);
}

/// Adds an item to the rows to update.
pub(super) fn update_item<'a>(rows: &mut Rows<'a, UpdateItem>, item: &'a Item) {
    rows.push([
        Value::Text(item.state.as_str()),
        Value::Bool(false),
        Value::BigInt(item.attempts),
        Value::BigInt(item.forgiven),
        Value::BigInt(item.not_before),
        Value::MaybeText(item.worker.as_deref()),
        Value::MaybeBigInt(item.lease_until),
        Value::MaybeText(item.reason.as_deref()),
        Value::BigInt(item.changed_at),
        Value::MaybeBigInt(item.finished_at),
        Value::BigInt(item.id.0),
    ]);
}

/// Adds an attempt to the rows to write.
pub(super) fn upsert_attempt<'a>(rows: &mut Rows<'a, UpsertAttempt>, item: ItemId, attempt: &'a Attempt) {
    let end = attempt.ended.as_ref();
    rows.push([
        Value::MaybeText(attempt.lease.as_deref()),
        Value::Text(&attempt.worker),
        Value::BigInt(attempt.taken_at),
        Value::BigInt(attempt.lease_seconds),
        Value::MaybeBigInt(attempt.lease_until),
        Value::MaybeBigInt(end.map(|end| end.at)),
        Value::MaybeText(end.map(|end| if end.done { REPORTED_DONE } else { REPORTED_FAILED })),
        Value::MaybeText(end.and_then(|end| end.reason.as_deref())),
        Value::Bool(end.is_some_and(|end| end.retry)),
        Value::MaybeText(end.map(|end| end.outcome.as_str())),
        Value::MaybeBigInt(end.and_then(|end| end.next_try)),
        Value::BigInt(item.0),
        Value::BigInt(attempt.number),
    ]);
}
