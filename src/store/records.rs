//! Rows as diesel reads them, and the domain's values that they hold.

use std::sync::Arc;

use diesel::prelude::Queryable;

use super::encode;
use super::error::StoreError;
use crate::domain::account::{
    Account, AccountKind, AccountStatus, BodyRef, EventStamp, Hold, Profile, Report, Standing,
};
use crate::domain::call::Endpoint;
use crate::domain::ids::{
    AccountId, AccountKey, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId, Scope, SourceId, Tenant,
};
use crate::domain::ledger::Delivery;
use crate::domain::outcome::Outcome;
use crate::domain::relation::{Axis, Cause, Closing, FoundBy, Relation, RelationState};
use crate::domain::world::Reference;

/// Reads a word that a column holds.
fn word<T>(value: &str, column: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    parse(value).ok_or_else(|| StoreError::corrupt(column, value))
}

fn maybe_word<T>(
    value: Option<&str>,
    column: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    value.map(|value| word(value, column, parse)).transpose()
}

fn digest(bytes: &[u8], column: &str) -> Result<[u8; 32], StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt(column, "a digest of another length"))
}

/// A row of `accounts`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct AccountRow {
    pub id: i64,
    pub source: String,
    pub tenant: String,
    pub platform_id: String,
    pub external_id: String,
    pub kind: String,
    pub status: String,
    pub name: String,
    pub code: String,
    pub email: String,
    pub phone: String,
    pub fax: String,
    pub website: String,
    pub description: String,
    pub is_test: bool,
    pub contact: String,
    pub address: String,
    pub extra_details: String,
    pub reported_kind: Option<String>,
    pub reported_reseller: Option<String>,
    pub reported_external_id: Option<String>,
    pub hold: Option<String>,
    pub event_second: i64,
    pub event_live: bool,
    pub first_seen: i64,
    pub revision: i64,
    pub last_delivery: Option<i64>,
    pub body_delivery: Option<i64>,
    pub body_digest: Option<Vec<u8>>,
    pub open_cases: bool,
    pub erased_second: Option<i64>,
    pub sync_options: String,
    pub standing: String,
}

impl AccountRow {
    /// Which account it is.
    #[must_use]
    pub fn key(&self) -> AccountKey {
        AccountKey {
            scope: Scope { source: SourceId::stored(&self.source), tenant: Tenant::stored(&self.tenant) },
            platform_id: PlatformId::stored(&self.platform_id),
        }
    }

    /// As much as others need who name it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn reference(&self) -> Result<Reference, StoreError> {
        let row = (self.id, self.external_id.clone(), self.kind.clone(), self.status.clone(), self.standing.clone());
        reference_of(self.key(), row)
    }

    /// The account with its open relations.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_account(self, relations: Vec<Relation>) -> Result<Account, StoreError> {
        let key = self.key();
        self.into_account_called(key, relations)
    }

    /// As [`AccountRow::into_account`], where its key is at hand.
    ///
    /// # Errors
    /// As [`AccountRow::into_account`].
    pub fn into_account_called(self, key: AccountKey, relations: Vec<Relation>) -> Result<Account, StoreError> {
        let reported = match maybe_word(self.reported_kind.as_deref(), "accounts.reported_kind", AccountKind::parse)? {
            Some(kind) => Some(Report { kind, reseller: self.reported_reseller.as_deref().map(PlatformId::stored) }),
            None => None,
        };
        let body = match (self.body_delivery, &self.body_digest) {
            (Some(delivery), Some(bytes)) => {
                Some(BodyRef { delivery: DeliveryId(delivery), digest: digest(bytes, "accounts.body_digest")? })
            }
            _ => None,
        };
        let mut account = Account {
            id: AccountId(self.id),
            key,
            external_id: ExternalId::stored(&self.external_id),
            kind: word(&self.kind, "accounts.kind", AccountKind::parse)?,
            status: word(&self.status, "accounts.status", AccountStatus::parse)?,
            standing: word(&self.standing, "accounts.standing", Standing::parse)?,
            profile: Arc::new(Profile {
                name: self.name,
                code: self.code,
                email: self.email,
                phone: self.phone,
                fax: self.fax,
                website: self.website,
                description: self.description,
                is_test: self.is_test,
                contact: encode::read_contact(&self.contact)?,
                address: encode::read_address(&self.address)?,
                extra_details: self.extra_details,
            }),
            options: encode::read_options(&self.sync_options)?,
            reported,
            reported_external_id: self.reported_external_id.as_deref().map(ExternalId::stored),
            hold: maybe_word(self.hold.as_deref(), "accounts.hold", Hold::parse)?,
            reseller: None,
            partner: None,
            event: EventStamp { second: self.event_second, live: self.event_live },
            first_seen: self.first_seen,
            revision: self.revision,
            last_delivery: self.last_delivery.map(DeliveryId),
            body,
            open_cases: self.open_cases,
            erased_second: self.erased_second,
        };
        relations.into_iter().for_each(|relation| account.relate(relation));
        Ok(account)
    }
}

/// A reference from its columns: id, ExternalID, kind, status and standing.
///
/// # Errors
/// [`StoreError::Corrupt`] for a word that this version does not know.
pub fn reference_of(
    key: AccountKey,
    (id, external_id, kind, status, standing): (i64, String, String, String, String),
) -> Result<Reference, StoreError> {
    Ok(Reference {
        key,
        id: AccountId(id),
        external_id: ExternalId::stored(&external_id),
        kind: word(&kind, "accounts.kind", AccountKind::parse)?,
        status: word(&status, "accounts.status", AccountStatus::parse)?,
        standing: word(&standing, "accounts.standing", Standing::parse)?,
    })
}

/// A row of `relations`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct RelationRow {
    pub id: i64,
    pub account_id: i64,
    pub axis: String,
    pub reseller_platform_id: Option<String>,
    pub reseller_external_id: Option<String>,
    pub reseller_account_id: Option<i64>,
    pub partner_id: Option<String>,
    pub state: String,
    pub found_by: Option<String>,
    pub valid_from: i64,
    pub learned_at: i64,
    pub linked_at: Option<i64>,
    pub cause: String,
    pub delivery_id: Option<i64>,
    pub valid_to: Option<i64>,
    pub closed_learned_at: Option<i64>,
    pub closed_cause: Option<String>,
    pub closed_delivery_id: Option<i64>,
    pub linked_partner: Option<String>,
    pub linked_cause: Option<String>,
}

impl RelationRow {
    /// The relation.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_relation(self) -> Result<Relation, StoreError> {
        let closing = match (self.valid_to, self.closed_learned_at) {
            (Some(valid_to), Some(learned_at)) => Some(Closing {
                valid_to,
                learned_at,
                cause: word(self.closed_cause.as_deref().unwrap_or_default(), "relations.closed_cause", Cause::parse)?,
                delivery: self.closed_delivery_id.map(DeliveryId),
            }),
            _ => None,
        };
        Ok(Relation {
            id: RelationId(self.id),
            axis: word(&self.axis, "relations.axis", Axis::parse)?,
            reseller_platform_id: self.reseller_platform_id.as_deref().map(PlatformId::stored),
            reseller_external_id: self.reseller_external_id.as_deref().map(ExternalId::stored),
            reseller_account: self.reseller_account_id.map(AccountId),
            partner_id: self.partner_id,
            partner: self.linked_partner.as_deref().map(PartnerId::stored),
            state: word(&self.state, "relations.state", RelationState::parse)?,
            found_by: maybe_word(self.found_by.as_deref(), "relations.found_by", FoundBy::parse)?,
            valid_from: self.valid_from,
            learned_at: self.learned_at,
            linked_at: self.linked_at,
            linked_cause: maybe_word(self.linked_cause.as_deref(), "relations.linked_cause", Cause::parse)?,
            cause: word(&self.cause, "relations.cause", Cause::parse)?,
            delivery: self.delivery_id.map(DeliveryId),
            closing,
        })
    }
}

/// A row of `deliveries`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct DeliveryRow {
    pub id: i64,
    pub source: String,
    pub tenant: String,
    pub endpoint: String,
    pub path: String,
    pub received_at: i64,
    pub event_second: i64,
    pub replayed: bool,
    pub check_only: bool,
    pub webhook_id: Option<String>,
    pub track_id: Option<String>,
    pub headers: String,
    pub body_of: i64,
    pub body_digest: Vec<u8>,
    pub outcome: String,
    pub code: i32,
    pub message: String,
    pub result: Option<String>,
    pub kind: Option<String>,
    pub rule: Option<String>,
    pub account_id: Option<i64>,
    pub platform_id: Option<String>,
    pub trace: String,
    pub hash: Vec<u8>,
}

impl DeliveryRow {
    /// The delivery, and the hash that its row holds.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_delivery(self) -> Result<(Delivery, Vec<u8>), StoreError> {
        let delivery = Delivery {
            id: DeliveryId(self.id),
            source: self.source,
            tenant: self.tenant,
            endpoint: word(&self.endpoint, "deliveries.endpoint", Endpoint::parse)?,
            path: self.path,
            received_at: self.received_at,
            event_second: self.event_second,
            replayed: self.replayed,
            check_only: self.check_only,
            webhook_id: self.webhook_id,
            track_id: self.track_id,
            headers: self.headers,
            body_of: DeliveryId(self.body_of),
            body_digest: digest(&self.body_digest, "deliveries.body_digest")?,
            outcome: word(&self.outcome, "deliveries.outcome", Outcome::parse)?,
            code: self.code,
            message: self.message,
            result: self.result,
            kind: maybe_word(self.kind.as_deref(), "deliveries.kind", AccountKind::parse)?,
            rule: self.rule,
            account: self.account_id.map(AccountId),
            platform_id: self.platform_id,
            trace: self.trace,
        };
        Ok((delivery, self.hash))
    }
}
