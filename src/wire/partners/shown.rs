//! Partners as they are written and shown.

use serde::Serialize;
use utoipa::ToSchema;

use super::COLUMNS;
use crate::domain::partner::Partner;
use crate::wire::time::rfc3339;

/// A partner as it is written into a list: what is read back makes the same partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // Named as the columns.
pub struct PartnerRecord {
    pub partner_id: String,
    pub name: String,
    pub status: &'static str,
    pub status_from: Option<String>,
    pub status_until: Option<String>,
    pub aliases: Vec<String>,
    pub successor: Option<String>,
    pub successor_from: Option<String>,
    pub reseller: Option<String>,
}

impl PartnerRecord {
    /// A partner with the name of its account.
    #[must_use]
    pub fn new(partner: &Partner, reseller: Option<String>) -> Self {
        Self {
            partner_id: partner.id.to_string(),
            name: partner.name.clone(),
            status: partner.standing.status.as_str(),
            status_from: partner.standing.from.map(rfc3339),
            status_until: partner.standing.until.map(rfc3339),
            aliases: partner.aliases.iter().map(ToString::to_string).collect(),
            successor: partner.successor.as_ref().map(|successor| successor.id.to_string()),
            successor_from: partner.successor.as_ref().map(|successor| rfc3339(successor.from)),
            reseller,
        }
    }

    /// The cells of its columns.
    #[must_use]
    pub fn cells(&self) -> [String; COLUMNS.len()] {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        [
            self.partner_id.clone(),
            self.name.clone(),
            self.status.to_owned(),
            text(&self.status_from),
            text(&self.status_until),
            self.aliases.join("|"),
            text(&self.successor),
            text(&self.successor_from),
            text(&self.reseller),
        ]
    }
}

/// The account of a partner as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct PartnerResellerView {
    pub id: String,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub name: String,
}

/// A partner of the registry as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct RegisteredView {
    pub partner_id: String,
    pub name: String,
    /// The status that is set, between its times.
    pub status: &'static str,
    pub status_from: Option<String>,
    pub status_until: Option<String>,
    /// The status of this moment.
    pub status_now: &'static str,
    pub aliases: Vec<String>,
    pub successor: Option<String>,
    pub successor_from: Option<String>,
    pub reseller: Option<PartnerResellerView>,
    pub created_at: String,
    pub updated_at: String,
    /// How many customers are related to it; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customers: Option<i64>,
}

impl RegisteredView {
    /// A partner; the times are microseconds since 1970.
    #[must_use]
    pub fn new(
        partner: &Partner,
        reseller: Option<PartnerResellerView>,
        (created_at, updated_at): (i64, i64),
        now: i64,
    ) -> Self {
        let record = PartnerRecord::new(partner, None);
        Self {
            partner_id: record.partner_id,
            name: record.name,
            status: record.status,
            status_from: record.status_from,
            status_until: record.status_until,
            status_now: partner.standing.at(now).as_str(),
            aliases: record.aliases,
            successor: record.successor,
            successor_from: record.successor_from,
            reseller,
            created_at: rfc3339(created_at),
            updated_at: rfc3339(updated_at),
            customers: None,
        }
    }
}
