//! Services as shown: the same JSON from the API and from commands.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::time::{rfc3339, rfc3339_second};
use crate::domain::service::{Service, Transfer};

/// A service as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of docs/services.md.
pub struct ServiceView {
    pub id: String,
    pub external_id: String,
    pub platform_id: Option<String>,
    pub source: String,
    pub tenant: String,
    /// The account's id.
    pub account: String,
    /// The id of the subscription that it is an add-on of.
    pub parent: Option<String>,
    pub kind: &'static str,
    pub service: String,
    pub name: String,
    pub plan: String,
    pub location: String,
    pub quantity: i64,
    pub status: &'static str,
    /// Whether it is not paid for, also while it is suspended.
    pub trial: bool,
    #[schema(value_type = Object)]
    pub attributes: Box<RawValue>,
    pub transfer: Option<TransferView>,
    pub expires_at: Option<String>,
    pub created_at: String,
    pub changed_at: String,
    pub ended_at: Option<String>,
    /// When what the platform last ordered happened.
    pub last_event: String,
    pub revision: i64,
    /// The last order that changed it.
    pub last_delivery: Option<String>,
    /// Whether an operator gave it to another account than the one that the platform orders it for.
    pub held: bool,
    /// The account that the platform orders it for, where that is another one; its id.
    pub reported_account: Option<String>,
}

/// A transfer that is under way.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct TransferView {
    pub direction: &'static str,
    pub state: String,
    /// What somebody has to do.
    pub action: Option<String>,
}

impl From<&Transfer> for TransferView {
    fn from(transfer: &Transfer) -> Self {
        Self { direction: transfer.direction.as_str(), state: transfer.state.clone(), action: transfer.action.clone() }
    }
}

impl From<&Service> for ServiceView {
    fn from(service: &Service) -> Self {
        let attributes = if service.attributes.is_empty() { "{}" } else { &service.attributes };
        Self {
            id: service.id.to_string(),
            external_id: service.external_id.to_string(),
            platform_id: service.platform_id.as_ref().map(ToString::to_string),
            source: service.scope.source.to_string(),
            tenant: service.scope.tenant.as_str().to_owned(),
            account: service.account.to_string(),
            parent: service.parent.map(|id| id.to_string()),
            kind: service.kind.as_str(),
            service: service.service.clone(),
            name: service.name.clone(),
            plan: service.plan.clone(),
            location: service.location.clone(),
            quantity: service.quantity,
            status: service.status.as_str(),
            trial: service.trial,
            attributes: RawValue::from_string(attributes.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            transfer: service.transfer.as_ref().map(TransferView::from),
            expires_at: service.expires_at.map(rfc3339),
            created_at: rfc3339(service.created_at),
            changed_at: rfc3339(service.changed_at),
            ended_at: service.ended_at.map(rfc3339),
            last_event: rfc3339_second(service.event.second),
            revision: service.revision,
            last_delivery: service.last_delivery.map(|id| id.to_string()),
            held: service.reported_account.is_some(),
            reported_account: service.reported_account.map(|id| id.to_string()),
        }
    }
}

/// One thing that happened to a service.
#[derive(Debug, Serialize, ToSchema)]
pub struct HappenedView {
    /// The service's revision behind it.
    pub revision: i64,
    /// When it was stored.
    pub at: String,
    /// From when it holds.
    pub from: String,
    /// created, updated, suspended, activated, moved or ended.
    pub happening: &'static str,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// Whose it was: the account's id.
    pub account: String,
    /// Its plan.
    pub plan: String,
    /// Where it ran.
    pub location: String,
    /// How many there were.
    pub quantity: i64,
    /// In which state it was.
    pub status: &'static str,
    /// What made it happen.
    pub cause: &'static str,
    /// The delivery that made it happen.
    pub delivery: Option<String>,
}
