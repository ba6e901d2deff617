//! Relations as people and tools see them: the same JSON from every command and every API.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::relation::Relation;

/// The customer of a relation as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct CustomerView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub kind: &'static str,
    pub name: String,
}

/// The reseller of a relation as shown: its account, or the names that the platform gives one that has not come.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RelatedResellerView {
    pub id: Option<String>,
    pub platform_id: Option<String>,
    pub external_id: Option<String>,
    pub name: Option<String>,
}

/// A relation as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RelationView {
    pub id: String,
    /// `reseller`, or `partner` for one of the vendor's registry.
    pub axis: &'static str,
    pub customer: CustomerView,
    pub reseller: Option<RelatedResellerView>,
    /// The partner's ID as the customer names it.
    pub partner_id: Option<String>,
    /// The partner of the registry that it means, once it is there.
    pub partner: Option<String>,
    pub state: &'static str,
    /// Which of its names found the reseller.
    pub found_by: Option<&'static str>,
    /// From when it holds.
    pub from: String,
    /// Until when; null while it is open.
    pub to: Option<String>,
    /// When it was learned of.
    pub learned: String,
    /// When a pending one was linked.
    pub linked: Option<String>,
    /// What linked it: `partner` for the registry; null where a call did.
    pub linked_cause: Option<&'static str>,
    /// When its end was learned of.
    pub end_learned: Option<String>,
    pub cause: &'static str,
    pub end_cause: Option<&'static str>,
    pub delivery: Option<String>,
    pub end_delivery: Option<String>,
}

impl RelationView {
    /// A relation with its two sides; `reseller` is the account that it is linked to.
    #[must_use]
    pub fn new(relation: &Relation, customer: CustomerView, reseller: Option<RelatedResellerView>) -> Self {
        let named = || {
            let named = RelatedResellerView {
                id: relation.reseller_account.map(|id| id.to_string()),
                platform_id: relation.reseller_platform_id.as_ref().map(ToString::to_string),
                external_id: relation.reseller_external_id.as_ref().map(ToString::to_string),
                name: None,
            };
            (named.platform_id.is_some() || named.external_id.is_some()).then_some(named)
        };
        Self {
            id: relation.id.to_string(),
            axis: relation.axis.as_str(),
            customer,
            reseller: reseller.or_else(named),
            partner_id: relation.partner_id.clone(),
            partner: relation.partner.as_ref().map(ToString::to_string),
            state: relation.state.as_str(),
            found_by: relation.found_by.map(|found| found.as_str()),
            from: rfc3339(relation.valid_from),
            to: relation.closing.map(|closing| rfc3339(closing.valid_to)),
            learned: rfc3339(relation.learned_at),
            linked: relation.linked_at.map(rfc3339),
            linked_cause: relation.linked_cause.map(|cause| cause.as_str()),
            end_learned: relation.closing.map(|closing| rfc3339(closing.learned_at)),
            cause: relation.cause.as_str(),
            end_cause: relation.closing.map(|closing| closing.cause.as_str()),
            delivery: relation.delivery.map(|id| id.to_string()),
            end_delivery: relation.closing.and_then(|closing| closing.delivery).map(|id| id.to_string()),
        }
    }
}
