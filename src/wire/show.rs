//! Accounts and deliveries as people and tools see them: the same JSON from every command and, later, every API.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::time::{rfc3339, rfc3339_second};
use crate::domain::account::{Account, AccountKind, Hold};
use crate::domain::ids::{ExternalId, PartnerId, PlatformId};
use crate::domain::ledger::Delivery;
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::partner::PartnerStatus;
use crate::domain::redaction::REDACTED;
use crate::domain::relation::{Cause, Relation};

/// A reseller as its customers' accounts show it.
#[derive(Debug, Clone)]
pub struct ResellerShown {
    /// Its platform ID.
    pub platform_id: PlatformId,
    /// The vendor's ID.
    pub external_id: ExternalId,
    /// Its name.
    pub name: String,
    /// Whether it is the reseller by the partner, since the platform names none.
    pub by_partner: bool,
}

/// An account as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of design.md, "Endpoints".
pub struct AccountView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub kind: &'static str,
    pub status: &'static str,
    pub standing: &'static str,
    pub name: String,
    pub code: String,
    pub email: String,
    pub phone: String,
    pub fax: String,
    pub website: String,
    pub description: String,
    pub is_test: bool,
    pub contact: ContactView,
    pub address: AddressView,
    #[schema(value_type = Object)]
    pub extra_details: Box<RawValue>,
    #[schema(value_type = Object)]
    pub sync_options: Map<String, Value>,
    pub reseller: Option<ResellerView>,
    pub partner: Option<PartnerView>,
    pub reported: Option<ReportedView>,
    pub first_seen: String,
    pub last_event: String,
    pub revision: i64,
}

/// The primary contact as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ContactView {
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub fax: String,
    pub email: String,
}

/// The postal address as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct AddressView {
    pub address1: String,
    pub address2: String,
    pub city: String,
    pub post_code: String,
    pub state_code: String,
    pub state_name: String,
    pub country_code: String,
    pub country_name: String,
}

/// A customer's reseller as shown; `state` is `unassigned` where it has none. Also of an account that is no customer of a
/// reseller any longer, while the platform reports otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ResellerView {
    pub platform_id: Option<String>,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub state: &'static str,
    pub since: Option<String>,
    pub cause: Option<&'static str>,
    /// Whether what is held differs from what the platform reports.
    pub drift: bool,
}

/// A customer's partner as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PartnerView {
    /// The ID that the customer names.
    pub partner_id: String,
    /// The partner of the registry that it means; null until it is there, and for who may not see it.
    pub id: Option<String>,
    pub name: Option<String>,
    /// The partner's status at this moment.
    pub status: Option<&'static str>,
    pub state: &'static str,
    pub since: String,
    pub cause: &'static str,
    /// When a relation that had waited was linked.
    pub linked: Option<String>,
    /// What linked it; null where a call did.
    pub linked_cause: Option<&'static str>,
}

/// A partner of the registry as its customers' accounts show it.
#[derive(Debug, Clone)]
pub struct PartnerShown {
    /// Its ID.
    pub id: PartnerId,
    /// Its name.
    pub name: String,
    /// Its status at this moment.
    pub status: PartnerStatus,
}

/// What the platform last said.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ReportedView {
    pub kind: &'static str,
    pub reseller: Option<String>,
    /// The ExternalID that it sent where that is not ours; null while they agree.
    pub external_id: Option<String>,
}

fn option_json(value: &OptionValue) -> Value {
    match value {
        OptionValue::Text(text) => Value::from(text.as_str()),
        // A canonical decimal text is a JSON number; one beyond a double's reach is shown as text rather than rounded.
        OptionValue::Number(number) => match serde_json::from_str::<serde_json::Number>(number) {
            Ok(parsed) if parsed.to_string() == *number => Value::Number(parsed),
            _ => Value::from(number.as_str()),
        },
        OptionValue::Bool(value) => Value::Bool(*value),
        OptionValue::List(values) => Value::Array(values.iter().map(option_json).collect()),
        OptionValue::Secret(_) => Value::from(REDACTED),
    }
}

/// One synchronization option as JSON text; empty where it is not set.
#[must_use]
pub fn option_text(options: &OptionSet, id: &str) -> String {
    options.get(id).map_or_else(String::new, |value| option_json(value).to_string())
}

/// All options as one JSON object.
#[must_use]
pub fn options_json(options: &OptionSet) -> Map<String, Value> {
    options.iter().map(|(id, value)| (id.clone(), option_json(value))).collect()
}

fn reseller_view(
    account: &Account,
    relation: Option<&Relation>,
    shown: Option<&ResellerShown>,
) -> Option<ResellerView> {
    let drift = account.hold.is_some();
    if let (Some(shown), Some(partner)) = (shown.filter(|shown| shown.by_partner), &account.partner) {
        return Some(ResellerView {
            platform_id: Some(shown.platform_id.to_string()),
            external_id: Some(shown.external_id.to_string()),
            name: Some(shown.name.clone()),
            state: partner.state.as_str(),
            since: Some(rfc3339(partner.valid_from)),
            cause: Some(Cause::Partner.as_str()),
            drift,
        });
    }
    match relation {
        Some(relation) => Some(ResellerView {
            platform_id: shown
                .map(|shown| shown.platform_id.to_string())
                .or_else(|| relation.reseller_platform_id.as_ref().map(ToString::to_string)),
            external_id: shown
                .map(|shown| shown.external_id.to_string())
                .or_else(|| relation.reseller_external_id.as_ref().map(ToString::to_string)),
            name: shown.map(|shown| shown.name.clone()),
            state: relation.state.as_str(),
            since: Some(rfc3339(relation.valid_from)),
            cause: Some(relation.cause.as_str()),
            drift,
        }),
        // An operator's act may have taken it away, which has to be seen where the platform goes on naming it.
        None if account.is_active() && (drift || account.kind == AccountKind::ResellerCustomer) => Some(ResellerView {
            platform_id: None,
            external_id: None,
            name: None,
            state: "unassigned",
            since: None,
            cause: None,
            drift,
        }),
        None => None,
    }
}

impl AccountView {
    /// An account with its reseller and the partner that it means.
    #[must_use]
    pub fn new(account: &Account, reseller: Option<&ResellerShown>, registered: Option<&PartnerShown>) -> Self {
        let (profile, contact, address) = (&account.profile, &account.profile.contact, &account.profile.address);
        let extra_details = if profile.extra_details.is_empty() { "{}" } else { &profile.extra_details };
        Self {
            id: account.id.to_string(),
            source: account.key.scope.source.to_string(),
            tenant: account.key.scope.tenant.as_str().to_owned(),
            platform_id: account.key.platform_id.to_string(),
            external_id: account.external_id.to_string(),
            kind: account.kind.as_str(),
            status: account.status.as_str(),
            standing: account.standing.as_str(),
            name: profile.name.clone(),
            code: profile.code.clone(),
            email: profile.email.clone(),
            phone: profile.phone.clone(),
            fax: profile.fax.clone(),
            website: profile.website.clone(),
            description: profile.description.clone(),
            is_test: profile.is_test,
            contact: ContactView {
                id: contact.id.clone(),
                first_name: contact.first_name.clone(),
                last_name: contact.last_name.clone(),
                phone: contact.phone.clone(),
                fax: contact.fax.clone(),
                email: contact.email.clone(),
            },
            address: AddressView {
                address1: address.address1.clone(),
                address2: address.address2.clone(),
                city: address.city.clone(),
                post_code: address.post_code.clone(),
                state_code: address.state_code.clone(),
                state_name: address.state_name.clone(),
                country_code: address.country_code.clone(),
                country_name: address.country_name.clone(),
            },
            extra_details: RawValue::from_string(extra_details.to_owned())
                .unwrap_or_else(|_| RawValue::NULL.to_owned()),
            sync_options: options_json(&account.options),
            reseller: reseller_view(account, account.reseller.as_ref(), reseller),
            partner: account.partner.as_ref().map(|partner| PartnerView {
                partner_id: partner.partner_id.clone().unwrap_or_default(),
                id: registered.map(|registered| registered.id.to_string()),
                name: registered.map(|registered| registered.name.clone()),
                status: registered.map(|registered| registered.status.as_str()),
                state: partner.state.as_str(),
                since: rfc3339(partner.valid_from),
                cause: partner.cause.as_str(),
                linked: partner.linked_at.map(rfc3339),
                linked_cause: partner.linked_cause.map(Cause::as_str),
            }),
            reported: account.reported.as_ref().map(|reported| ReportedView {
                kind: reported.kind.as_str(),
                reseller: reported.reseller.as_ref().map(ToString::to_string),
                external_id: account.reported_external_id.as_ref().map(ToString::to_string),
            }),
            first_seen: rfc3339(account.first_seen),
            last_event: rfc3339_second(account.event.second),
            revision: account.revision,
        }
    }

    /// Why the place of the account differs from the report, in a word.
    #[must_use]
    pub fn hold(account: &Account) -> &'static str {
        account.hold.map_or("", Hold::as_str)
    }
}

/// A delivery as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of the ledger's columns.
pub struct DeliveryView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub endpoint: &'static str,
    pub path: String,
    pub received_at: String,
    pub event_time: String,
    pub replayed: bool,
    pub check_only: bool,
    pub webhook_id: Option<String>,
    pub track_id: Option<String>,
    #[schema(value_type = Object)]
    pub headers: Box<RawValue>,
    pub body_of: String,
    pub body_digest: String,
    pub outcome: &'static str,
    pub code: i32,
    pub message: String,
    pub result: Option<String>,
    pub kind: Option<&'static str>,
    pub rule: Option<String>,
    pub account: Option<String>,
    pub platform_id: Option<String>,
    pub trace: String,
    pub hash: String,
    /// The redacted body; absent in lists, null once it is emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub body: Option<Option<String>>,
}

impl DeliveryView {
    /// A row of the ledger with its hash.
    #[must_use]
    pub fn new(delivery: &Delivery, hash: &[u8]) -> Self {
        Self {
            id: delivery.id.to_string(),
            source: delivery.source.clone(),
            tenant: delivery.tenant.clone(),
            endpoint: delivery.endpoint.as_str(),
            path: delivery.path.clone(),
            received_at: rfc3339(delivery.received_at),
            event_time: rfc3339_second(delivery.event_second),
            replayed: delivery.replayed,
            check_only: delivery.check_only,
            webhook_id: delivery.webhook_id.clone(),
            track_id: delivery.track_id.clone(),
            headers: RawValue::from_string(delivery.headers.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
            body_of: delivery.body_of.to_string(),
            body_digest: hex::encode(delivery.body_digest),
            outcome: delivery.outcome.as_str(),
            code: delivery.code,
            message: delivery.message.clone(),
            result: delivery.result.clone(),
            kind: delivery.kind.map(AccountKind::as_str),
            rule: delivery.rule.clone(),
            account: delivery.account.map(|account| account.to_string()),
            platform_id: delivery.platform_id.clone(),
            trace: delivery.trace.clone(),
            hash: hex::encode(hash),
            body: None,
        }
    }
}
