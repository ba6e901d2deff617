//! Provisioning requests and items as shown: the same JSON from the API and from commands.

use serde::Serialize;
use utoipa::ToSchema;

use super::change::PlanView;
use super::time::rfc3339;
use crate::domain::ids::MoveId;
use crate::domain::provisioning::{Attempt, Counts, Item, ItemKind, ItemState, Request};

/// Whose a request is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProvisionedCustomerView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub name: String,
}

/// A provisioning request: a bulk view of its items.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of docs/provisioning.md.
pub struct ProvisioningView {
    pub id: String,
    pub customer: ProvisionedCustomerView,
    /// What made it necessary: move, users, products or manual.
    pub cause: &'static str,
    /// The move that did.
    #[serde(rename = "move")]
    pub move_id: Option<String>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// pending, running, done, failed or cancelled.
    pub state: &'static str,
    /// How much of what is to be done is done, rounded down: 100 says all of it.
    pub percent: i64,
    /// How many items it has.
    pub items: i64,
    pub pending: i64,
    pub running: i64,
    pub done: i64,
    pub failed: i64,
    pub cancelled: i64,
    pub opened_at: String,
    /// When somebody began.
    pub started_at: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<String>,
    pub cancelled_at: Option<String>,
    /// Why what was left was cancelled; `superseded` by a later request of the customer, or `erased` with it.
    pub cancelled_why: Option<String>,
}

impl ProvisioningView {
    /// A request of this customer.
    #[must_use]
    pub fn new(request: &Request, customer: ProvisionedCustomerView) -> Self {
        let Counts { pending, running, done, failed, cancelled } = request.counts;
        Self {
            id: request.id.to_string(),
            customer,
            cause: request.cause.as_str(),
            move_id: request.move_id.map(|id| MoveId(id).to_string()),
            reason: request.reason.clone(),
            state: request.state.as_str(),
            percent: request.counts.percent(),
            items: request.counts.total(),
            pending,
            running,
            done,
            failed,
            cancelled,
            opened_at: rfc3339(request.opened_at),
            started_at: request.started_at.map(rfc3339),
            finished_at: request.finished_at.map(rfc3339),
            cancelled_at: request.cancelled_at.map(rfc3339),
            cancelled_why: request.cancelled_why.clone(),
        }
    }
}

/// The service that an item is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProvisionedServiceView {
    pub id: String,
    pub external_id: Option<String>,
    pub platform_id: Option<String>,
    /// Which of the vendor's services it is.
    pub service: Option<String>,
    pub name: Option<String>,
}

/// The user that an item is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProvisionedUserView {
    pub id: String,
    pub login: Option<String>,
}

/// An item of a provisioning request.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ProvisioningItemView {
    pub id: String,
    /// Its provisioning request.
    pub request: String,
    /// The account's id.
    pub customer: String,
    /// directory, service or user.
    pub kind: &'static str,
    pub service: Option<ProvisionedServiceView>,
    pub user: Option<ProvisionedUserView>,
    /// Plan and location as they were; null of a directory's item, and for a reseller_admin.
    pub from: Option<PlanView>,
    /// Plan and location as they are to be.
    pub to: Option<PlanView>,
    /// The organizational unit where the customer is in the directory; of a directory's item, and not for who sees a part.
    pub from_ou: Option<String>,
    /// The one where it belongs.
    pub to_ou: Option<String>,
    /// pending, running, done, failed or cancelled.
    pub state: &'static str,
    /// Whether it waits until the directory's item is done.
    pub waits_for_directory: bool,
    /// How often it was tried.
    pub attempts: i64,
    /// From when it may be tried, where it is pending.
    pub not_before: Option<String>,
    /// Who tried it last.
    pub worker: Option<String>,
    /// Until when that one may.
    pub lease_until: Option<String>,
    /// What went wrong last, or why it was cancelled.
    pub reason: Option<String>,
    pub created_at: String,
    pub changed_at: String,
    pub finished_at: Option<String>,
}

impl ProvisioningItemView {
    /// An item about this service and user. `whole` says whether everything may be told: the former organizational unit
    /// names another reseller, and the former plan is of its list.
    #[must_use]
    pub fn new(
        item: &Item,
        service: Option<ProvisionedServiceView>,
        user: Option<ProvisionedUserView>,
        whole: bool,
    ) -> Self {
        let (from_ou, to_ou) = match &item.kind {
            ItemKind::Directory { from_ou, to_ou } => (from_ou.clone().filter(|_| whole), to_ou.clone()),
            ItemKind::Service { .. } | ItemKind::User { .. } => (None, None),
        };
        let planned = item.kind.service().is_some();
        let pending = item.state == ItemState::Pending;
        Self {
            id: item.id.to_string(),
            request: item.request.to_string(),
            customer: item.customer.to_string(),
            kind: item.kind.kind().as_str(),
            service,
            user,
            from: (planned && whole).then(|| PlanView::from(&item.from)),
            to: planned.then(|| PlanView::from(&item.to)),
            from_ou,
            to_ou,
            state: item.state.as_str(),
            waits_for_directory: pending && !item.ready,
            attempts: item.attempts,
            not_before: pending.then(|| rfc3339(item.not_before)),
            worker: item.worker.clone(),
            lease_until: item.lease_until.map(rfc3339),
            reason: item.reason.clone(),
            created_at: rfc3339(item.created_at),
            changed_at: rfc3339(item.changed_at),
            finished_at: item.finished_at.map(rfc3339),
        }
    }
}

/// One attempt at an item.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AttemptView {
    pub attempt: i64,
    pub worker: String,
    /// Whether it was made under a lease.
    pub leased: bool,
    pub taken_at: String,
    pub lease_until: Option<String>,
    /// running, ran_out, done or failed.
    pub state: &'static str,
    pub reported_at: Option<String>,
    /// What went wrong.
    pub reason: Option<String>,
    /// From when it was to be tried again.
    pub next_try: Option<String>,
}

impl AttemptView {
    /// An attempt at this item.
    #[must_use]
    pub fn new(item: &Item, attempt: &Attempt) -> Self {
        let end = attempt.ended.as_ref();
        Self {
            attempt: attempt.number,
            worker: attempt.worker.clone(),
            leased: attempt.lease.is_some(),
            taken_at: rfc3339(attempt.taken_at),
            lease_until: attempt.lease_until.map(rfc3339),
            state: match end {
                Some(end) if end.done => "done",
                Some(_) => "failed",
                None if item.state == ItemState::Running && item.attempts == attempt.number => "running",
                None => "ran_out",
            },
            reported_at: end.map(|end| rfc3339(end.at)),
            reason: end.and_then(|end| end.reason.clone()),
            next_try: end.and_then(|end| end.next_try).map(rfc3339),
        }
    }
}

/// An item with what was tried.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProvisioningItemWhole {
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub item: ProvisioningItemView,
    /// What was tried, newest first; at most 200.
    pub history: Vec<AttemptView>,
}

/// An item that was taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasedView {
    /// Report under it: it stands for this attempt alone.
    pub lease: String,
    /// The attempt, from 1.
    pub attempt: i64,
    /// Whose item it is.
    pub account: ProvisionedCustomerView,
    #[allow(missing_docs)]
    pub item: ProvisioningItemView,
}

/// What a report came to: the same whenever it comes again.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ReportedView {
    pub item: String,
    pub request: String,
    pub attempt: i64,
    /// What was reported: done, failed or running.
    pub reported: &'static str,
    /// What that made of the item: done, failed, pending, running or cancelled.
    pub state: &'static str,
    pub reason: Option<String>,
    pub reported_at: Option<String>,
    /// From when it may be tried again.
    pub next_try: Option<String>,
    /// Until when the lease lasts, where it goes on.
    pub lease_until: Option<String>,
}
