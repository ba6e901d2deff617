//! Accounts as people ask for them: listed, shown, counted, as a tree.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::asked::matching;
use super::condition::Condition;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::partners;
use super::records::{AccountRow, RelationRow};
use super::schema::{accounts, relations};
use crate::domain::account::{Account, AccountKind, AccountStatus};
use crate::domain::ids::{AccountId, ExternalId, PartnerId, PlatformId};
use crate::domain::partner::PartnerStatus;
use crate::domain::relation::{Axis, Relation, RelationState};

pub use super::asked::{AccountFilter, AskedState, asked_option};

/// An account and the reseller that its open relation is linked to.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The account.
    pub account: Account,
    /// Its reseller: platform ID, ExternalID and name.
    pub reseller: Option<(PlatformId, ExternalId, String)>,
    /// Whether that is the partner's account, since the platform names no reseller.
    pub by_partner: bool,
    /// The partner of the registry that its open relation is linked to.
    pub partner: Option<NamedPartner>,
}

/// A partner by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPartner {
    /// Its ID.
    pub id: PartnerId,
    /// Its name.
    pub name: String,
    /// Its status at this moment.
    pub status: PartnerStatus,
}

/// `r`, a relation, makes an account its customer's reseller: the platform's word, or where the platform names nobody who
/// could come, the partner's account, as long as that sells.
pub(super) const EFFECTIVE: &str = "r.valid_to IS NULL AND r.reseller_account_id IS NOT NULL AND (r.axis = 'reseller' OR \
     (NOT EXISTS (SELECT 1 FROM relations o WHERE o.account_id = r.account_id AND o.axis = 'reseller' AND o.valid_to IS NULL \
     AND o.state <> 'unprovisioned') AND EXISTS (SELECT 1 FROM accounts s WHERE s.id = r.reseller_account_id \
     AND s.kind = 'reseller' AND s.status = 'active')))";

/// A page of accounts behind `after`, by our id, whoever asks: what operators read is in [`super::seen`].
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    filter: &AccountFilter,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let mut query = matching(filter);
    if let Some(after) = after {
        query = query.filter(accounts::id.gt(after.0));
    }
    let rows = query.order(accounts::id).limit(limit).load::<AccountRow>(connection)?;
    complete(connection, rows)
}

/// The accounts of these ids, at most some hundred, in the order of their ids.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn by_ids(connection: &mut AnyConnection, ids: &[AccountId]) -> Result<Vec<Listed>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = accounts::table.filter(accounts::id.eq_any(ids)).order(accounts::id).load::<AccountRow>(connection)?;
    complete(connection, rows)
}

/// The relation to a reseller that ended last; none where none ever did.
///
/// # Errors
/// As [`by_ids`].
pub fn last_reseller(connection: &mut AnyConnection, account: AccountId) -> Result<Option<Relation>, StoreError> {
    let row = relations::table
        .filter(relations::account_id.eq(account.0))
        .filter(relations::axis.eq(Axis::Reseller.as_str()))
        .filter(relations::valid_to.is_not_null())
        .order((relations::closed_learned_at.desc(), relations::id.desc()))
        .limit(1)
        .load::<RelationRow>(connection)?
        .pop();
    row.map(RelationRow::into_relation).transpose()
}

/// Adds open relations and the resellers' names to rows, in two statements whatever their number.
pub(super) fn complete(connection: &mut AnyConnection, rows: Vec<AccountRow>) -> Result<Vec<Listed>, StoreError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut open: HashMap<i64, Vec<Relation>> = HashMap::new();
    for chunk in ids.chunks(500) {
        let found = relations::table
            .filter(relations::account_id.eq_any(chunk.to_vec()))
            .filter(relations::valid_to.is_null())
            .load::<RelationRow>(connection)?;
        for row in found {
            open.entry(row.account_id).or_default().push(row.into_relation()?);
        }
    }
    let registered = registered(connection, open.values().flatten())?;
    let mut resellers: Vec<i64> =
        open.values().flatten().filter_map(|relation| relation.reseller_account).map(|id| id.0).collect();
    resellers.sort_unstable();
    resellers.dedup();
    let mut named: HashMap<i64, (PlatformId, ExternalId, String)> = HashMap::new();
    let mut selling: HashSet<i64> = HashSet::new();
    for chunk in resellers.chunks(500) {
        let found = accounts::table
            .filter(accounts::id.eq_any(chunk.to_vec()))
            .select((
                accounts::id,
                accounts::platform_id,
                accounts::external_id,
                accounts::name,
                accounts::kind,
                accounts::status,
            ))
            .load::<(i64, String, String, String, String, String)>(connection)?;
        for (id, platform_id, external_id, name, kind, status) in found {
            if kind == "reseller" && status == "active" {
                selling.insert(id);
            }
            named.insert(id, (PlatformId::stored(&platform_id), ExternalId::stored(&external_id), name));
        }
    }
    rows.into_iter()
        .map(|row| {
            let open = open.remove(&row.id).unwrap_or_default();
            let account = row.into_account(open)?;
            let linked = |relation: &Option<Relation>| relation.as_ref().and_then(|relation| relation.reseller_account);
            let nobody = account.reseller.as_ref().is_none_or(|one| one.state == RelationState::Unprovisioned);
            let partners = linked(&account.partner).filter(|id| nobody && selling.contains(&id.0));
            let (reseller, by_partner) = match (linked(&account.reseller), partners) {
                (Some(reseller), _) => (Some(reseller), false),
                (None, partners) => (partners, partners.is_some()),
            };
            let partner =
                account.partner.as_ref().and_then(|relation| registered.get(relation.partner.as_ref()?).cloned());
            Ok(Listed { reseller: reseller.and_then(|id| named.get(&id.0).cloned()), by_partner, partner, account })
        })
        .collect()
}

/// The partners that relations are linked to.
fn registered<'a>(
    connection: &mut AnyConnection,
    relations: impl Iterator<Item = &'a Relation>,
) -> Result<HashMap<PartnerId, NamedPartner>, StoreError> {
    let ids: BTreeSet<&PartnerId> = relations.filter_map(|relation| relation.partner.as_ref()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let found = partners::by_ids(connection, ids)?;
    let named = |stored: partners::Stored| NamedPartner {
        status: stored.partner.standing.at(now),
        id: stored.partner.id,
        name: stored.partner.name,
    };
    Ok(found.into_iter().map(|(id, stored)| (id, named(stored))).collect())
}

/// The account of this id.
///
/// # Errors
/// [`StoreError`] when a statement fails or the row holds what this version does not know.
pub fn by_id(connection: &mut AnyConnection, id: AccountId) -> Result<Option<Account>, StoreError> {
    let rows = accounts::table.filter(accounts::id.eq(id.0)).load::<AccountRow>(connection)?;
    Ok(complete(connection, rows)?.pop().map(|listed| listed.account))
}

/// All relations of an account, oldest first.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn history(connection: &mut AnyConnection, account: AccountId) -> Result<Vec<Relation>, StoreError> {
    let rows = relations::table
        .filter(relations::account_id.eq(account.0))
        .order((relations::valid_from, relations::id))
        .load::<RelationRow>(connection)?;
    rows.into_iter().map(RelationRow::into_relation).collect()
}

/// The accounts that stand at the top of the tree: resellers and direct customers, and customers that are linked to no
/// reseller, behind `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn roots(
    connection: &mut AnyConnection,
    kind: AccountKind,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Listed>, StoreError> {
    let mut query = accounts::table
        .filter(accounts::status.eq(AccountStatus::Active.as_str()))
        .filter(accounts::kind.eq(kind.as_str()))
        .into_boxed();
    if kind == AccountKind::ResellerCustomer {
        query = query.filter(
            Condition::new("NOT EXISTS (SELECT 1 FROM relations r WHERE r.account_id = accounts.id AND ")
                .sql(EFFECTIVE)
                .sql(")"),
        );
    }
    if let Some(after) = after {
        query = query.filter(accounts::id.gt(after.0));
    }
    let rows = query.order(accounts::id).limit(limit).load::<AccountRow>(connection)?;
    complete(connection, rows)
}

/// How many accounts are alive, by kind.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn count_by_kind(connection: &mut AnyConnection) -> Result<Vec<(AccountKind, i64)>, StoreError> {
    AccountKind::ALL
        .into_iter()
        .map(|kind| {
            let count = accounts::table
                .filter(accounts::status.eq(AccountStatus::Active.as_str()))
                .filter(accounts::kind.eq(kind.as_str()))
                .count()
                .get_result(connection)?;
            Ok((kind, count))
        })
        .collect()
}

/// How many open relations wait for their reseller.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn count_pending(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(relations::table
        .filter(diesel::dsl::sql::<Bool>(
            "valid_to IS NULL AND reseller_account_id IS NULL AND axis = 'reseller' AND state = 'pending'",
        ))
        .count()
        .get_result(connection)?)
}
