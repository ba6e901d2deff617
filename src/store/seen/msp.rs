//! Partners and tenants as clients of the ExtremeCloud dialect see them: living accounts within its bounds, as far as the
//! operator sees them. A customer that was made here and has a reseller of another source is none of theirs.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::visible;
use crate::domain::account::{Account, AccountKind, AccountStatus};
use crate::domain::dossier::Login;
use crate::domain::ids::{AccountId, AccountKey, PlatformId, Scope, SourceId, Tenant};
use crate::domain::msp::{Bounds, Entitlement};
use crate::domain::operator::Visible;
use crate::domain::service::{ServiceKind, ServiceStatus};
use crate::store::condition::Condition;
use crate::store::records::AccountRow;
use crate::store::schema::{account_aliases, accounts, logins, profiles, relations, services};
use crate::store::{AnyConnection, StoreError};

/// Accounts of one page whose details are asked for at once.
const TOGETHER: usize = 1_000;

/// As much of an account as its ID takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Our id.
    pub id: AccountId,
    /// Source, tenant and platform ID.
    pub key: AccountKey,
    /// What it is.
    pub kind: AccountKind,
}

/// The columns of a [`Brief`].
type BriefColumns = (accounts::id, accounts::source, accounts::tenant, accounts::platform_id, accounts::kind);

const BRIEF: BriefColumns = (accounts::id, accounts::source, accounts::tenant, accounts::platform_id, accounts::kind);

type BriefRow = (i64, String, String, String, String);

fn brief((id, source, tenant, platform_id, kind): BriefRow) -> Result<Brief, StoreError> {
    Ok(Brief {
        id: AccountId(id),
        key: AccountKey {
            scope: Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) },
            platform_id: PlatformId::stored(&platform_id),
        },
        kind: AccountKind::parse(&kind).ok_or_else(|| StoreError::corrupt("accounts.kind", &kind))?,
    })
}

fn among(mut condition: Condition, bounds: &Bounds) -> Condition {
    for (at, source) in bounds.sources.iter().enumerate() {
        condition = condition.sql(if at > 0 { ", " } else { "" }).text(source.as_str());
    }
    condition
}

/// The living accounts of the sources and the tenant of bounds, as a condition.
fn own(bounds: &Bounds) -> Condition {
    // By none of these alone does a database find the few that are named otherwise, and both would try: SQLite through all
    // living accounts, PostgreSQL through all of a source. So no index fits them.
    let condition = Condition::new("accounts.status || '' = 'active' AND accounts.tenant || '' = ")
        .text(bounds.tenant.as_str())
        .sql(" AND accounts.source || '' IN (");
    among(condition, bounds).sql(")")
}

fn seen(condition: Condition, see: &Visible) -> Condition {
    match visible::accounts(see) {
        Some(seen) => condition.sql(" AND ").then(seen),
        None => condition,
    }
}

/// The living accounts within bounds that the operator sees, as a condition.
fn within(see: &Visible, bounds: &Bounds) -> Condition {
    // One in the other, so that both are looked up account by account: PostgreSQL may have `NOT EXISTS` go through all
    // relations first, and sorts for a join each time. Who has no reseller has none of another source.
    let within = own(bounds).sql(
        " AND (accounts.source <> 'local' OR coalesce((SELECT s.source FROM accounts s WHERE s.id = (SELECT r.reseller_account_id \
         FROM relations r WHERE r.account_id = accounts.id AND r.axis = 'reseller' AND r.valid_to IS NULL)), accounts.source) IN (",
    );
    seen(among(within, bounds).sql("))"), see)
}

/// The accounts of a kind behind `after`, by our id, at most `limit`. Their relations are left out.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub fn page(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    kind: AccountKind,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = accounts::table
        .filter(accounts::status.eq(AccountStatus::Active.as_str()))
        .filter(accounts::kind.eq(kind.as_str()))
        .filter(accounts::id.gt(after.map_or(i64::MIN, |after| after.0)))
        .filter(within(see, bounds))
        .order(accounts::id)
        .limit(limit)
        .load(connection)?;
    rows.into_iter().map(|row| row.into_account(Vec::new())).collect()
}

/// A tenant by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Which.
    pub account: Brief,
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: String,
}

/// As [`page`], names alone.
///
/// # Errors
/// As [`page`].
pub fn names(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    kind: AccountKind,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Called>, StoreError> {
    let rows: Vec<(BriefRow, String, String)> = accounts::table
        .filter(accounts::status.eq(AccountStatus::Active.as_str()))
        .filter(accounts::kind.eq(kind.as_str()))
        .filter(accounts::id.gt(after.map_or(i64::MIN, |after| after.0)))
        .filter(within(see, bounds))
        .order(accounts::id)
        .limit(limit)
        .select((BRIEF, accounts::name, accounts::code))
        .load(connection)?;
    rows.into_iter().map(|(row, name, code)| Ok(Called { account: brief(row)?, name, code })).collect()
}

/// The customers of a partner that is within bounds, behind `after`, by our id, at most `limit`: those that are its by the
/// platform's or an operator's word.
///
/// # Errors
/// As [`page`].
pub fn customers(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    partner: AccountId,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<Brief>, StoreError> {
    // The first part is the condition of the index that is in this order.
    let open =
        "relations.valid_to IS NULL AND relations.reseller_account_id IS NOT NULL AND relations.axis = 'reseller'";
    let rows: Vec<BriefRow> = relations::table
        .inner_join(accounts::table.on(accounts::id.eq(relations::account_id)))
        .filter(relations::reseller_account_id.eq(partner.0))
        .filter(Condition::new(open))
        .filter(relations::account_id.gt(after.map_or(i64::MIN, |after| after.0)))
        // An account has one such relation, to this partner: to none of another source.
        .filter(seen(own(bounds), see))
        .order(relations::account_id)
        .limit(limit)
        .select(BRIEF)
        .load(connection)?;
    rows.into_iter().map(brief).collect()
}

/// What accounts were called before, oldest first.
///
/// # Errors
/// As [`page`].
pub fn aliases(
    connection: &mut AnyConnection,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Vec<String>>, StoreError> {
    let mut found: HashMap<AccountId, Vec<String>> = HashMap::new();
    for part in ids.chunks(connection.asked_at_once()) {
        let ids: Vec<i64> = part.iter().map(|id| id.0).collect();
        let rows: Vec<(i64, String)> = account_aliases::table
            .filter(account_aliases::account_id.eq_any(ids))
            .order((account_aliases::account_id, account_aliases::since, account_aliases::platform_id))
            .select((account_aliases::account_id, account_aliases::platform_id))
            .load(connection)?;
        for (account, platform_id) in rows {
            found.entry(AccountId(account)).or_default().push(platform_id);
        }
    }
    Ok(found)
}

/// What the dialect shows of an account beside the account itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// The name of its own login, where it has one of its own.
    pub user_id: Option<String>,
    /// Its time zone; empty for none.
    pub time_zone: String,
    /// Its entitlements.
    pub entitlements: BTreeSet<Entitlement>,
}

/// The details of accounts that were found here, some hundred at once.
///
/// # Errors
/// As [`page`].
pub fn details(connection: &mut AnyConnection, ids: &[AccountId]) -> Result<HashMap<AccountId, Details>, StoreError> {
    let mut found: HashMap<AccountId, Details> = HashMap::new();
    for part in ids.chunks(TOGETHER) {
        let ids: Vec<i64> = part.iter().map(|id| id.0).collect();
        let zones: Vec<(i64, String)> = profiles::table
            .filter(profiles::account_id.eq_any(ids.clone()))
            .select((profiles::account_id, profiles::time_zone))
            .load(connection)?;
        for (account, time_zone) in zones {
            found.entry(AccountId(account)).or_default().time_zone = time_zone;
        }
        let named: Vec<(i64, Option<String>)> = logins::table
            .filter(logins::account_id.eq_any(ids.clone()))
            .filter(logins::number.eq(Login::OWN))
            .select((logins::account_id, logins::name))
            .load(connection)?;
        for (account, name) in named {
            found.entry(AccountId(account)).or_default().user_id = name;
        }
        let rights: Vec<(i64, String)> = services::table
            .filter(services::account_id.eq_any(ids))
            .filter(services::kind.eq(ServiceKind::Entitlement.as_str()))
            .filter(services::status.ne(ServiceStatus::Ended.as_str()))
            .select((services::account_id, services::attributes))
            .load(connection)?;
        for (account, attributes) in rights {
            found.entry(AccountId(account)).or_default().entitlements.extend(Entitlement::of_attributes(&attributes));
        }
    }
    Ok(found)
}

/// The account of this id, with its relations left out.
///
/// # Errors
/// As [`page`].
pub fn whole(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    id: AccountId,
) -> Result<Option<Account>, StoreError> {
    let mut rows: Vec<AccountRow> =
        accounts::table.filter(accounts::id.eq(id.0)).filter(within(see, bounds)).load(connection)?;
    rows.pop().map(|row| row.into_account(Vec::new())).transpose()
}

/// The accounts of these ids.
///
/// # Errors
/// As [`page`].
pub fn by_ids(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    ids: &[AccountId],
) -> Result<HashMap<AccountId, Brief>, StoreError> {
    let mut found = HashMap::with_capacity(ids.len());
    for part in ids.chunks(connection.asked_at_once()) {
        let ids: Vec<i64> = part.iter().map(|id| id.0).collect();
        let rows: Vec<BriefRow> = accounts::table
            .filter(accounts::id.eq_any(ids))
            .filter(within(see, bounds))
            .select(BRIEF)
            .load(connection)?;
        for row in rows {
            let one = brief(row)?;
            found.insert(one.id, one);
        }
    }
    Ok(found)
}

/// The accounts that their platform calls so, or called so before. Several may have come with one ID, by two ways.
///
/// # Errors
/// As [`page`].
pub fn by_held(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    names: &[&str],
) -> Result<HashMap<String, Vec<Brief>>, StoreError> {
    let mut found: HashMap<String, Vec<Brief>> = HashMap::with_capacity(names.len());
    for part in names.chunks(connection.asked_at_once()) {
        let rows: Vec<BriefRow> = accounts::table
            .filter(accounts::platform_id.eq_any(part.to_vec()))
            .filter(within(see, bounds))
            .order(accounts::id)
            .select(BRIEF)
            .load(connection)?;
        for row in rows {
            let one = brief(row)?;
            found.entry(one.key.platform_id.as_str().to_owned()).or_default().push(one);
        }
        let rows: Vec<(String, BriefRow)> = account_aliases::table
            .inner_join(accounts::table.on(accounts::id.eq(account_aliases::account_id)))
            .filter(account_aliases::platform_id.eq_any(part.to_vec()))
            .filter(account_aliases::tenant.eq(bounds.tenant.as_str().to_owned()))
            .filter(within(see, bounds))
            .order(accounts::id)
            .select((account_aliases::platform_id, BRIEF))
            .load(connection)?;
        for (alias, row) in rows {
            let (one, all) = (brief(row)?, found.entry(alias).or_default());
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    Ok(found)
}
