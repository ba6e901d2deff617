//! Which accounts are asked for.

use diesel::prelude::*;

use super::accounts::EFFECTIVE;
use super::condition::{self, Condition};
use super::connection::AnyConnection;
use super::encode;
use super::schema::accounts;
use crate::domain::account::{AccountKind, AccountStatus, Standing};
use crate::domain::ids::AccountId;
use crate::domain::relation::RelationState;

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct AccountFilter {
    /// Of this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// With this platform ID.
    pub platform_id: Option<String>,
    /// With this ExternalID.
    pub external_id: Option<String>,
    /// Of this kind.
    pub kind: Option<AccountKind>,
    /// Alive or ended.
    pub status: Option<AccountStatus>,
    /// With this standing.
    pub standing: Option<Standing>,
    /// With this tag.
    pub tag: Option<String>,
    /// Under this label.
    pub label: Option<String>,
    /// Customers of this reseller.
    pub reseller: Option<AccountId>,
    /// With a relation in this state.
    pub state: Option<AskedState>,
    /// With this partner ID.
    pub partner_id: Option<String>,
    /// With this synchronization option, and with this text, number or flag as its value if one is given.
    pub option: Option<(String, Option<String>)>,
    /// With this text in the name or in the e-mail address, in any case.
    pub text: Option<String>,
    /// Whose last delivery was received at or after this, in microseconds since 1970.
    pub changed_since: Option<i64>,
}

/// The state of a customer's relation to its reseller, as one may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedState {
    /// There is an open relation in this state.
    Related(RelationState),
    /// A reseller's customer without an open relation.
    Unassigned,
}

impl AskedState {
    /// Reads the name: one of [`RelationState`], or `unassigned`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "unassigned" => Some(Self::Unassigned),
            name => RelationState::parse(name).map(Self::Related),
        }
    }
}

/// Reads `ID` or `ID:VALUE`.
#[must_use]
pub fn asked_option(text: &str) -> (String, Option<String>) {
    match text.split_once(':') {
        Some((id, value)) => (id.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), None),
    }
}

impl AccountFilter {
    /// Whether an index finds what is asked for.
    #[must_use]
    pub fn is_selective(&self) -> bool {
        self.platform_id.is_some()
            || self.external_id.is_some()
            || self.reseller.is_some()
            || self.standing.is_some_and(|standing| standing != Standing::Enabled)
            || self.tag.is_some()
            || self.label.as_ref().is_some_and(|label| !label.is_empty())
    }

    /// Whether rows are looked at that are not handed out.
    #[must_use]
    pub fn skips_rows(&self) -> bool {
        self.source.is_some()
            || self.tenant.is_some()
            || self.kind.is_some()
            || self.status.is_some()
            || self.standing.is_some()
            || self.label.is_some()
            || self.state.is_some()
            || self.partner_id.is_some()
            || self.option.is_some()
            || self.text.is_some()
            || self.changed_since.is_some()
    }
}

/// A query for accounts, its filters still open.
pub(super) type Query<'a> = accounts::BoxedQuery<'a, <AnyConnection as diesel::connection::Connection>::Backend>;

/// The accounts that are asked for, all of them in no order.
pub(super) fn matching(filter: &AccountFilter) -> Query<'static> {
    let mut query = accounts::table.into_boxed();
    if let Some(source) = &filter.source {
        query = query.filter(accounts::source.eq(source.clone()));
    }
    if let Some(tenant) = &filter.tenant {
        query = query.filter(accounts::tenant.eq(tenant.clone()));
    }
    if let Some(platform_id) = &filter.platform_id {
        query = query.filter(accounts::platform_id.eq(platform_id.clone()));
    }
    if let Some(external_id) = &filter.external_id {
        query = query.filter(accounts::external_id.eq(external_id.clone()));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(accounts::kind.eq(kind.as_str()));
    }
    if let Some(status) = filter.status {
        query = query.filter(accounts::status.eq(status.as_str()));
    }
    if let Some(standing) = filter.standing {
        query = query.filter(match standing {
            Standing::Enabled => Condition::new("accounts.standing = 'enabled'"),
            // The first half is what the partial index begins at.
            other => Condition::new("accounts.standing <> 'enabled' AND accounts.standing = ").text(other.as_str()),
        });
    }
    if let Some(tag) = &filter.tag {
        query = query.filter(
            Condition::new("accounts.id IN (SELECT t.account_id FROM account_tags t WHERE t.tag = ").text(tag).sql(")"),
        );
    }
    match filter.label.as_deref() {
        Some("") => {
            query = query.filter(Condition::new(
                "NOT EXISTS (SELECT 1 FROM profiles p WHERE p.account_id = accounts.id AND p.label <> '')",
            ));
        }
        Some(label) => {
            query = query.filter(
                Condition::new(
                    "accounts.id IN (SELECT p.account_id FROM profiles p WHERE p.label <> '' AND p.label = ",
                )
                .text(label)
                .sql(")"),
            );
        }
        None => {}
    }
    if let Some(reseller) = filter.reseller {
        query = query.filter(
            Condition::new("accounts.id IN (SELECT r.account_id FROM relations r WHERE r.reseller_account_id = ")
                .number(reseller.0)
                .sql(" AND ")
                .sql(EFFECTIVE)
                .sql(")"),
        );
    }
    match filter.state {
        Some(AskedState::Related(state)) => {
            query = query.filter(
                Condition::new(
                    "EXISTS (SELECT 1 FROM relations r WHERE r.account_id = accounts.id AND r.axis = 'reseller' \
                     AND r.valid_to IS NULL AND r.state = ",
                )
                .text(state.as_str())
                .sql(")"),
            );
        }
        Some(AskedState::Unassigned) => {
            query = query.filter(Condition::new(
                "accounts.kind = 'reseller_customer' AND accounts.status = 'active' AND NOT EXISTS (SELECT 1 \
                 FROM relations r WHERE r.account_id = accounts.id AND r.axis = 'reseller' AND r.valid_to IS NULL)",
            ));
        }
        None => {}
    }
    if let Some(partner_id) = &filter.partner_id {
        query = query.filter(
            Condition::new(
                "EXISTS (SELECT 1 FROM relations r WHERE r.account_id = accounts.id AND r.axis = 'partner' \
                 AND r.valid_to IS NULL AND r.partner_id = ",
            )
            .text(partner_id)
            .sql(")"),
        );
    }
    if let Some((option, value)) = &filter.option {
        // LIKE would take one letter case for the other on SQLite.
        let mut with = Condition::new("accounts.sync_options <> '{}' AND (1 = 0");
        for pattern in encode::option_patterns(option, value.as_deref()) {
            with = with.sql(" OR REPLACE(accounts.sync_options, ").text(&pattern).sql(", '') <> accounts.sync_options");
        }
        query = query.filter(with.sql(")"));
    }
    if let Some(text) = &filter.text {
        // SQLite folds the case of ASCII letters only; the text as it was typed finds the others as they are written.
        let (typed, lower) = (condition::containing(text), condition::containing(&text.to_lowercase()));
        query = query.filter(
            Condition::new("accounts.name LIKE ")
                .text(&typed)
                .sql(" ESCAPE '!' OR LOWER(accounts.name) LIKE ")
                .text(&lower)
                .sql(" ESCAPE '!' OR accounts.email LIKE ")
                .text(&typed)
                .sql(" ESCAPE '!' OR LOWER(accounts.email) LIKE ")
                .text(&lower)
                .sql(" ESCAPE '!'"),
        );
    }
    if let Some(since) = filter.changed_since {
        query = query.filter(
            Condition::new(
                "EXISTS (SELECT 1 FROM deliveries d WHERE d.id = accounts.last_delivery AND d.received_at >= ",
            )
            .number(since)
            .sql(")"),
        );
    }
    query
}
