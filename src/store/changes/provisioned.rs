//! Provisioning requests and their items, as lines of a row of the feed have them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::domain::feed::{ItemTold, ProvisioningTold};
use crate::domain::ids::{ItemId, ProvisioningId, ServiceId, UserId};
use crate::domain::provisioning::{Counts, PlanAt, RequestCause, TargetKind};

#[derive(Serialize, Deserialize)]
pub(super) struct LineProvisioning<'a> {
    #[serde(rename = "i")]
    id: i64,
    #[serde(rename = "c", borrow)]
    cause: Cow<'a, str>,
    /// Pending, running, done, failed, cancelled.
    #[serde(rename = "n")]
    counts: [i64; 5],
}

impl From<&ProvisioningTold> for LineProvisioning<'_> {
    fn from(told: &ProvisioningTold) -> Self {
        let Counts { pending, running, done, failed, cancelled } = told.counts;
        Self {
            id: told.request.0,
            cause: Cow::Borrowed(told.cause.as_str()),
            counts: [pending, running, done, failed, cancelled],
        }
    }
}

impl LineProvisioning<'_> {
    /// None where it holds what this version does not know.
    pub(super) fn told(&self) -> Option<ProvisioningTold> {
        let [pending, running, done, failed, cancelled] = self.counts;
        Some(ProvisioningTold {
            request: ProvisioningId(self.id),
            cause: RequestCause::parse(&self.cause)?,
            counts: Counts { pending, running, done, failed, cancelled },
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct LineItem<'a> {
    #[serde(rename = "r")]
    request: i64,
    #[serde(rename = "i")]
    id: i64,
    #[serde(rename = "n")]
    attempt: i64,
    #[serde(rename = "k", borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    service: Option<i64>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    user: Option<i64>,
    /// Plan and location, before and behind; absent where none is named.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none", borrow)]
    plans: Option<[Cow<'a, str>; 4]>,
}

impl<'a> From<&'a ItemTold> for LineItem<'a> {
    fn from(told: &'a ItemTold) -> Self {
        let (plan, location) = told.from.as_ref().map_or(("", ""), |from| (&from.plan, &from.location));
        let plans = [plan, location, &told.to.plan, &told.to.location];
        let named = plans.iter().any(|text| !text.is_empty());
        Self {
            request: told.request.0,
            id: told.item.0,
            attempt: told.attempt,
            kind: Cow::Borrowed(told.kind.as_str()),
            service: told.service.map(|service| service.0),
            user: told.user.map(|user| user.0),
            plans: named.then(|| plans.map(Cow::Borrowed)),
        }
    }
}

impl LineItem<'_> {
    /// None where it holds what this version does not know.
    pub(super) fn told(&self) -> Option<ItemTold> {
        let (from, to) = match &self.plans {
            Some([plan, location, to_plan, to_location]) => {
                (PlanAt::new(plan, location), PlanAt::new(to_plan, to_location))
            }
            None => (PlanAt::default(), PlanAt::default()),
        };
        Some(ItemTold {
            request: ProvisioningId(self.request),
            item: ItemId(self.id),
            attempt: self.attempt,
            kind: TargetKind::parse(&self.kind)?,
            service: self.service.map(ServiceId),
            user: self.user.map(UserId),
            from: Some(from),
            to,
        })
    }
}
