//! What happened in an account, as it is shown.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::ids::DeliveryId;
use crate::domain::ledger::Delivery;
use crate::domain::relation::{Cause, Relation};

/// One thing that happened in an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountEventView {
    /// When.
    pub at: String,
    /// What sort of thing: delivery, relation, service, user, site, of probes, too, or act.
    pub r#type: &'static str,
    /// What: the endpoint of a call, such as `Accounts/Synchronize`; what became of a relation, service, user, site or
    /// probe, such as `relation.opened`; the action of an operator, such as `accounts.set`.
    pub kind: String,
    /// applied, unchanged, repeated, stale, rejected or checked; what is no call was applied.
    pub outcome: &'static str,
    /// What the call was answered; null for what is no call.
    pub code: Option<i32>,
    /// What the call was told; null for what is no call.
    pub message: Option<String>,
    /// What made it happen; null for a call.
    pub cause: Option<&'static str>,
    /// The call, or the one that made it happen.
    pub delivery: Option<String>,
    /// The service, user, site or probe.
    pub subject: Option<String>,
    /// The reseller or the partner of a relation, as the platform or the customer names it.
    pub related: Option<String>,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// Who did it; null for what no operator did, and for who may not see it.
    pub operator: Option<String>,
    /// Why; null where nobody said, and for who may not see it.
    pub reason: Option<String>,
}

impl AccountEventView {
    fn new(at: i64, r#type: &'static str, kind: String) -> Self {
        Self {
            at: rfc3339(at),
            r#type,
            kind,
            outcome: "applied",
            code: None,
            message: None,
            cause: None,
            delivery: None,
            subject: None,
            related: None,
            changed: Vec::new(),
            operator: None,
            reason: None,
        }
    }

    /// A call.
    #[must_use]
    pub fn delivered(delivery: &Delivery) -> Self {
        Self {
            outcome: delivery.outcome.as_str(),
            code: Some(delivery.code),
            message: Some(delivery.message.clone()),
            delivery: Some(delivery.id.to_string()),
            ..Self::new(delivery.received_at, "delivery", delivery.endpoint.as_str().to_owned())
        }
    }

    /// A relation that began or, if `ended`, ended at this time in microseconds since 1970.
    #[must_use]
    pub fn related(at: i64, relation: &Relation, ended: bool) -> Self {
        let closing = relation.closing.filter(|_| ended);
        let delivery = closing.map_or(relation.delivery, |closing| closing.delivery);
        let named = relation.reseller_platform_id.as_ref().map(ToString::to_string);
        Self {
            cause: Some(closing.map_or(relation.cause, |closing| closing.cause).as_str()),
            delivery: delivery.map(|id| id.to_string()),
            related: named.or_else(|| relation.partner_id.clone()),
            ..Self::new(at, "relation", format!("relation.{}", if ended { "closed" } else { "opened" }))
        }
    }

    /// Something that happened to a service, user, site or probe: what it is, its id, and what happened to it.
    #[must_use]
    pub fn happened(
        at: i64,
        (what, id, happening): (&'static str, String, &str),
        (cause, delivery): (Cause, Option<DeliveryId>),
        changed: Vec<String>,
    ) -> Self {
        Self {
            cause: Some(cause.as_str()),
            delivery: delivery.map(|id| id.to_string()),
            subject: Some(id),
            changed,
            ..Self::new(at, what, format!("{what}.{happening}"))
        }
    }

    /// What an operator did; `detail` is the audit trail's.
    #[must_use]
    pub fn acted(at: i64, action: &str, operator: &str, detail: &str) -> Self {
        let detail: Value = serde_json::from_str(detail).unwrap_or_default();
        let fields = detail["fields"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Self {
            changed: fields.map(str::to_owned).collect(),
            operator: Some(operator.to_owned()),
            reason: detail["reason"].as_str().map(str::to_owned),
            ..Self::new(at, "act", action.to_owned())
        }
    }

    /// The same without who did it and why, which the vendor keeps to itself.
    #[must_use]
    pub fn without_names(self) -> Self {
        Self { operator: None, reason: None, ..self }
    }
}
