//! The registry as people ask for it: listed and searched.

use diesel::prelude::*;

use super::{PartnerRow, Stored, complete};
use crate::domain::ids::PartnerId;
use crate::domain::operator::Visible;
use crate::domain::partner::PartnerStatus;
use crate::store::condition::{self, Condition};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::partners;

/// Which partners; none is "any".
#[derive(Debug, Clone, Default)]
pub struct PartnerFilter {
    /// With this status, at a time in microseconds since 1970.
    pub status: Option<(PartnerStatus, i64)>,
    /// With this text in ID, alias or name, in any case.
    pub text: Option<String>,
    /// With this ID, or this alias.
    pub named: Option<PartnerId>,
    /// With an account as a reseller, or without one.
    pub linked: Option<bool>,
}

fn with_status(status: PartnerStatus, at: i64) -> Condition {
    let within = |outside: &'static str| {
        Condition::new(outside)
            .sql("(partners.status_from IS NULL OR partners.status_from <= ")
            .number(at)
            .sql(") AND (partners.status_until IS NULL OR partners.status_until > ")
            .number(at)
            .sql("))")
    };
    match status {
        PartnerStatus::Active => Condition::new("(partners.status = 'active' AND ")
            .then(within("("))
            .sql(") OR (partners.status <> 'active' AND ")
            .then(within("NOT ("))
            .sql(")"),
        PartnerStatus::Suspended => Condition::new("partners.status = 'suspended' AND ").then(within("(")),
        PartnerStatus::Ended => Condition::new("(partners.status = 'ended' AND ")
            .then(within("("))
            .sql(") OR (partners.status = 'active' AND ")
            .then(within("NOT ("))
            .sql(")"),
    }
}

/// A page of partners behind `after`, by their IDs, of those that are seen: an operator of some resellers sees the
/// partners that are these resellers.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &PartnerFilter,
    after: Option<&PartnerId>,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    let mut query = partners::table.into_boxed();
    if let Visible::Resellers(resellers) = see {
        let ids: Vec<i64> = resellers.iter().map(|id| id.0).collect();
        query = query.filter(partners::reseller_account_id.eq_any(ids));
    }
    if let Some((status, at)) = filter.status {
        query = query.filter(with_status(status, at));
    }
    if let Some(text) = &filter.text {
        // SQLite folds the case of ASCII letters only; the text as it was typed finds the others as they are written.
        let (typed, lower) = (condition::containing(text), condition::containing(&text.to_lowercase()));
        query = query.filter(
            Condition::new("partners.name LIKE ")
                .text(&typed)
                .sql(" ESCAPE '!' OR LOWER(partners.name) LIKE ")
                .text(&lower)
                .sql(" ESCAPE '!' OR LOWER(partners.partner_id) LIKE ")
                .text(&lower)
                .sql(
                    " ESCAPE '!' OR EXISTS (SELECT 1 FROM partner_aliases a WHERE a.partner_id = partners.partner_id \
                     AND LOWER(a.alias) LIKE ",
                )
                .text(&lower)
                .sql(" ESCAPE '!')"),
        );
    }
    if let Some(named) = &filter.named {
        query = query.filter(
            Condition::new("partners.partner_id = ")
                .text(named.as_str())
                .sql(" OR partners.partner_id = (SELECT a.partner_id FROM partner_aliases a WHERE a.alias = ")
                .text(named.as_str())
                .sql(")"),
        );
    }
    match filter.linked {
        Some(true) => query = query.filter(partners::reseller_account_id.is_not_null()),
        Some(false) => query = query.filter(partners::reseller_account_id.is_null()),
        None => {}
    }
    if let Some(after) = after {
        query = query.filter(partners::partner_id.gt(after.to_string()));
    }
    let rows = query.order(partners::partner_id).limit(limit).load::<PartnerRow>(connection)?;
    complete(connection, rows)
}
