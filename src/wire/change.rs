//! Entries of the change feed as readers see them: the same JSON from the API, from commands and to subscribers.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::account::AccountKind;
use crate::domain::feed::{Entry, Event, ItemTold, ProvisioningTold, Related};
use crate::domain::ids::{AccountKey, ExternalId};
use crate::domain::provisioning::{Counts, PlanAt, TargetKind};

/// The account that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of design.md, "Endpoints".
pub struct ChangedAccountView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
}

/// The reseller of a relation that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedResellerView {
    /// Its account; null while it has not come.
    pub id: Option<String>,
    pub platform_id: Option<String>,
    pub external_id: Option<String>,
}

/// The relation that an entry is about, as it was then.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedRelationView {
    pub id: String,
    /// `reseller`, or `partner` for one of the vendor's registry.
    pub axis: &'static str,
    pub reseller: Option<ChangedResellerView>,
    pub partner_id: Option<String>,
    pub state: &'static str,
    /// From when it holds.
    pub from: String,
    /// Until when it held; null while it is open.
    pub to: Option<String>,
}

/// The service that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedServiceView {
    pub id: String,
    pub kind: &'static str,
    /// Its state behind what happened.
    pub status: &'static str,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The account that it left, by id, where it was moved.
    pub from: Option<String>,
    /// The account that it came to, by id, where it was moved.
    pub to: Option<String>,
}

/// The user that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedUserView {
    pub id: String,
    /// Its state behind what happened.
    pub status: &'static str,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The account that it left, by id, where it was moved.
    pub from: Option<String>,
    /// The account that it came to, by id, where it was moved.
    pub to: Option<String>,
}

/// The site that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedSiteView {
    pub id: String,
    /// Its state behind what happened.
    pub status: &'static str,
    /// Its revision behind what happened.
    pub revision: i64,
}

/// The probe that an entry is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedProbeView {
    pub id: String,
    /// The site at which it stands.
    pub site: String,
    /// Its state behind what happened.
    pub status: &'static str,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The site at which it stood before, where it was moved.
    pub from: Option<String>,
}

/// The provisioning request that an entry is about, as it stood then.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // Counts of items.
pub struct ChangedProvisioningView {
    pub id: String,
    /// What made it necessary: move, users, products or manual.
    pub cause: &'static str,
    pub pending: i64,
    pub running: i64,
    pub done: i64,
    pub failed: i64,
    pub cancelled: i64,
}

/// The item of a provisioning request that may be taken: what is to be done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedItemView {
    /// Where to report: `POST /v1/provisioning-items/{id}/report`.
    pub id: String,
    /// Its provisioning request.
    pub request: String,
    /// The attempt that it waits for, from 1; send it along with a report.
    pub attempt: i64,
    /// directory, service or user.
    pub kind: &'static str,
    pub service: Option<String>,
    pub user: Option<String>,
    /// Plan and location as they were; null for a reseller_admin, and of a directory's item, whose organizational units the
    /// item itself shows.
    pub from: Option<PlanView>,
    /// Plan and location as they are to be.
    pub to: Option<PlanView>,
}

/// The request for a move that an entry is about; `GET /v1/moves/{id}` shows it to whoever stands on a side of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ChangedMoveView {
    pub id: String,
    /// Who would be moved: an id.
    pub customer: String,
    /// Which side asks: `from`, which has the customer, or `to`.
    pub side: &'static str,
}

/// A plan and where it runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PlanView {
    pub plan: String,
    pub location: String,
}

impl From<&PlanAt> for PlanView {
    fn from(at: &PlanAt) -> Self {
        Self { plan: at.plan.clone(), location: at.location.clone() }
    }
}

/// An entry of the change feed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangeView {
    /// Its place in the feed: from 1, without gaps.
    pub position: i64,
    /// When it was stored. Readers go by position: clocks of receivers may differ.
    pub at: String,
    /// What happened, such as `account.updated`.
    #[schema(example = "account.updated")]
    pub kind: &'static str,
    /// The account; of a relation the customer.
    pub account: ChangedAccountView,
    /// The account's revision behind it; null where only the other side of its relation changed.
    pub revision: Option<i64>,
    /// Fields that changed, as the account's JSON names them; of `options.changed` the IDs of the options; of
    /// `service.…`, `user.…`, `site.…` and `probe.…` those of the service, user, site or probe; of `plans.changed` those of the list.
    pub changed: Vec<String>,
    /// What the account is, where it is new, revived or of another kind than before.
    pub account_kind: Option<&'static str>,
    /// What it was, where its kind changed.
    pub account_kind_before: Option<&'static str>,
    /// The relation, of `relation.…`.
    pub relation: Option<ChangedRelationView>,
    /// The service, of `service.…`.
    pub service: Option<ChangedServiceView>,
    /// The user, of `user.…`.
    pub user: Option<ChangedUserView>,
    /// The site, of `site.…`.
    pub site: Option<ChangedSiteView>,
    /// The probe, of `probe.…`.
    pub probe: Option<ChangedProbeView>,
    /// The provisioning request, of `provisioning.…` but for `provisioning.item_pending`.
    pub provisioning: Option<ChangedProvisioningView>,
    /// The item that may be taken, of `provisioning.item_pending`.
    pub item: Option<ChangedItemView>,
    /// The request for a move, of `move.…`; `account` is then the reseller of whoever reads it.
    #[serde(rename = "move")]
    pub asked: Option<ChangedMoveView>,
    /// What made it happen: sync, partner, move, promote, import, erase or operator.
    pub cause: &'static str,
    /// The delivery that made it happen; null for what no call did.
    pub delivery: Option<String>,
}

impl ChangeView {
    /// The entry at a position, stored at a time in microseconds since 1970, about the account with these names.
    #[must_use]
    pub fn new(position: i64, at: i64, entry: &Entry, key: &AccountKey, external_id: &ExternalId) -> Self {
        let (account_kind_before, account_kind) = match &entry.event {
            Event::Created(kind) | Event::Revived(kind, _) => (None, Some(*kind)),
            Event::KindChanged { from, to } => (Some(*from), Some(*to)),
            _ => (None, None),
        };
        Self {
            position,
            at: rfc3339(at),
            kind: entry.event.kind().as_str(),
            account: ChangedAccountView {
                id: entry.account.to_string(),
                source: key.scope.source.to_string(),
                tenant: key.scope.tenant.as_str().to_owned(),
                platform_id: key.platform_id.to_string(),
                external_id: external_id.to_string(),
            },
            revision: entry.revision,
            changed: changed(&entry.event),
            account_kind: account_kind.map(AccountKind::as_str),
            account_kind_before: account_kind_before.map(AccountKind::as_str),
            relation: entry.event.related().map(relation),
            service: match &entry.event {
                Event::Service(_, told) => Some(ChangedServiceView {
                    id: told.service.to_string(),
                    kind: told.kind.as_str(),
                    status: told.status.as_str(),
                    revision: told.revision,
                    from: told.moved.map(|(from, _)| from.to_string()),
                    to: told.moved.map(|(_, to)| to.to_string()),
                }),
                _ => None,
            },
            user: match &entry.event {
                Event::User(_, told) => Some(ChangedUserView {
                    id: told.user.to_string(),
                    status: told.status.as_str(),
                    revision: told.revision,
                    from: told.moved.map(|(from, _)| from.to_string()),
                    to: told.moved.map(|(_, to)| to.to_string()),
                }),
                _ => None,
            },
            site: match &entry.event {
                Event::Site(_, told) if told.probe.is_none() => Some(ChangedSiteView {
                    id: told.site.to_string(),
                    status: told.status.as_str(),
                    revision: told.revision,
                }),
                _ => None,
            },
            probe: match &entry.event {
                Event::Site(_, told) => told.probe.map(|probe| ChangedProbeView {
                    id: probe.to_string(),
                    site: told.site.to_string(),
                    status: told.status.as_str(),
                    revision: told.revision,
                    from: told.from.map(|site| site.to_string()),
                }),
                _ => None,
            },
            provisioning: match &entry.event {
                Event::Provisioning(_, told) => Some(provisioning(told)),
                _ => None,
            },
            item: match &entry.event {
                Event::ItemPending(told) => Some(item(told)),
                _ => None,
            },
            asked: match &entry.event {
                Event::Asked(_, told) => Some(ChangedMoveView {
                    id: told.id.to_string(),
                    customer: told.customer.to_string(),
                    side: told.side.as_str(),
                }),
                _ => None,
            },
            cause: entry.cause.as_str(),
            delivery: entry.delivery.map(|id| id.to_string()),
        }
    }
}

fn changed(event: &Event) -> Vec<String> {
    match event {
        Event::Updated(fields) | Event::Revived(_, fields) => fields.names().map(str::to_owned).collect(),
        Event::KindChanged { .. } => vec!["kind".to_owned()],
        Event::OptionsChanged(options) => options.clone(),
        Event::PlansChanged(names) => names.clone(),
        Event::Service(_, told) => told.changed.clone(),
        Event::User(_, told) => told.changed.clone(),
        Event::Site(_, told) => told.changed.clone(),
        Event::Created(_)
        | Event::Deleted
        | Event::Erased
        | Event::Opened(_)
        | Event::Closed(_)
        | Event::Linked(_)
        | Event::Provisioning(..)
        | Event::ItemPending(_)
        | Event::Asked(..) => Vec::new(),
    }
}

fn provisioning(told: &ProvisioningTold) -> ChangedProvisioningView {
    let Counts { pending, running, done, failed, cancelled } = told.counts;
    ChangedProvisioningView {
        id: told.request.to_string(),
        cause: told.cause.as_str(),
        pending,
        running,
        done,
        failed,
        cancelled,
    }
}

fn item(told: &ItemTold) -> ChangedItemView {
    let named = told.kind != TargetKind::Directory;
    ChangedItemView {
        id: told.item.to_string(),
        request: told.request.to_string(),
        attempt: told.attempt,
        kind: told.kind.as_str(),
        service: told.service.map(|id| id.to_string()),
        user: told.user.map(|id| id.to_string()),
        from: told.from.as_ref().filter(|_| named).map(PlanView::from),
        to: named.then(|| PlanView::from(&told.to)),
    }
}

fn relation(related: &Related) -> ChangedRelationView {
    let reseller = ChangedResellerView {
        id: related.reseller.map(|id| id.to_string()),
        platform_id: related.reseller_platform_id.as_ref().map(ToString::to_string),
        external_id: related.reseller_external_id.as_ref().map(ToString::to_string),
    };
    let named = reseller.id.is_some() || reseller.platform_id.is_some() || reseller.external_id.is_some();
    ChangedRelationView {
        id: related.relation.to_string(),
        axis: related.axis.as_str(),
        reseller: named.then_some(reseller),
        partner_id: related.partner_id.clone(),
        state: related.state.as_str(),
        from: rfc3339(related.since),
        to: related.until.map(rfc3339),
    }
}
