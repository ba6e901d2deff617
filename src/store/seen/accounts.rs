//! Accounts as an operator sees them.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Page, WINDOW, visible};
use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::store::accounts::{AccountFilter, EFFECTIVE, Listed, complete};
use crate::store::asked::{Query, matching};
use crate::store::condition::Condition;
use crate::store::records::AccountRow;
use crate::store::schema::{accounts, relations};
use crate::store::{AnyConnection, StoreError};

/// Most accounts that are counted; "at least so many" is told beyond.
pub const MOST_COUNTED: i64 = 10_000;

fn seen(see: &Visible, filter: &AccountFilter) -> Query<'static> {
    let query = matching(filter);
    match visible::accounts(see) {
        Some(condition) => query.filter(condition),
        None => query,
    }
}

/// A page of accounts behind `after`, by our id.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &AccountFilter,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Page<Listed, AccountId>, StoreError> {
    let mut query = seen(see, filter);
    if let Some(after) = after {
        query = query.filter(accounts::id.gt(after.0));
    }
    let indexed = filter.is_selective() || *see != Visible::All;
    let window = if indexed || !filter.skips_rows() { None } else { window(connection, after)? };
    if let Some(end) = window {
        query = query.filter(accounts::id.le(end.0));
    }
    let rows = query.order(accounts::id).limit(limit + 1).load::<AccountRow>(connection)?;
    let page = Page::cut(rows, limit, |row| AccountId(row.id), window);
    shown(connection, see, page)
}

/// The last account of the window behind `after`; none when the table ends within it.
fn window(connection: &mut AnyConnection, after: Option<AccountId>) -> Result<Option<AccountId>, StoreError> {
    let end: Option<i64> = accounts::table
        .filter(accounts::id.gt(after.map_or(i64::MIN, |after| after.0)))
        .order(accounts::id)
        .offset(WINDOW - 1)
        .limit(1)
        .select(accounts::id)
        .first(connection)
        .optional()?;
    Ok(end.map(AccountId))
}

/// Adds what belongs to the rows, and takes away what names others.
fn shown(
    connection: &mut AnyConnection,
    see: &Visible,
    page: Page<AccountRow, AccountId>,
) -> Result<Page<Listed, AccountId>, StoreError> {
    let mut items = complete(connection, page.items)?;
    if let Visible::Resellers(resellers) = see {
        for listed in &mut items {
            cover(listed, resellers);
        }
    }
    Ok(Page { items, next: page.next })
}

/// Under a hold the platform reports another reseller than the one that is held, which is none of this one's business.
fn cover(listed: &mut Listed, resellers: &[AccountId]) {
    let account = &mut listed.account;
    let theirs = account.reseller.as_ref().and_then(|relation| relation.reseller_platform_id.as_ref());
    if let Some(reported) = &account.reported
        && reported.reseller.is_some()
        && reported.reseller.as_ref() != theirs
    {
        account.reported = None;
        account.reported_external_id = None;
    }
    // A partner that is somebody else's account is known here by the ID that the customer names, and by no more.
    if let Some(partner) = &mut account.partner
        && !partner.reseller_account.is_some_and(|id| resellers.contains(&id))
    {
        partner.reseller_account = None;
        partner.partner = None;
        listed.partner = None;
        if listed.by_partner {
            listed.by_partner = false;
            listed.reseller = None;
        }
    }
    // An account that became a reseller's own is still shown with nobody above it.
    if account
        .reseller
        .as_ref()
        .and_then(|relation| relation.reseller_account)
        .is_some_and(|id| !resellers.contains(&id))
    {
        account.reseller = None;
        listed.reseller = None;
    }
}

/// The accounts that are called `name`, our id or an ExternalID; at most two, since one is meant.
///
/// # Errors
/// As [`list`].
pub fn named(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Vec<Listed>, StoreError> {
    if let Some(id) = AccountId::parse(name) {
        let rows = seen(see, &AccountFilter::default()).filter(accounts::id.eq(id.0)).load::<AccountRow>(connection)?;
        if !rows.is_empty() {
            return Ok(shown(connection, see, Page { items: rows, next: None })?.items);
        }
    }
    let filter = AccountFilter { external_id: Some(name.to_owned()), ..AccountFilter::default() };
    Ok(list(connection, see, &filter, None, 2)?.items)
}

/// Accounts that are called as somebody wrote, by code and by name, as far as that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Called {
    /// Those with this code.
    pub by_code: Vec<AccountId>,
    /// Those with this name and another code.
    pub by_name: Vec<AccountId>,
    /// Behind which account to look on; none at the end.
    pub next: Option<AccountId>,
}

/// The living accounts whose code or else name is `name`, letter by letter: of the window behind `after` where everything
/// is seen, since neither has an index (see docs/decisions.md). At most `most`, those with the code first.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn called(
    connection: &mut AnyConnection,
    see: &Visible,
    name: &str,
    after: Option<AccountId>,
    most: i64,
) -> Result<Called, StoreError> {
    let next = if *see == Visible::All { window(connection, after)? } else { None };
    // The index of statuses would be followed to every living account, so it is kept from seeing the column.
    let named = Condition::new("accounts.status || '' = 'active' AND (accounts.code = ")
        .text(name)
        .sql(" OR accounts.name = ")
        .text(name)
        .sql(")");
    let mut query = seen(see, &AccountFilter::default()).filter(named);
    if let Some(after) = after {
        query = query.filter(accounts::id.gt(after.0));
    }
    if let Some(end) = next {
        query = query.filter(accounts::id.le(end.0));
    }
    let code_first = Condition::new("accounts.code = ").text(name).desc();
    let rows: Vec<(i64, String)> =
        query.order((code_first, accounts::id)).limit(most).select((accounts::id, accounts::code)).load(connection)?;
    let mut called = Called { next, ..Called::default() };
    for (id, code) in rows {
        let list = if code == name { &mut called.by_code } else { &mut called.by_name };
        list.push(AccountId(id));
    }
    Ok(called)
}

/// Whether an account is seen.
pub(super) fn sees(connection: &mut AnyConnection, see: &Visible, id: AccountId) -> Result<bool, StoreError> {
    let query = seen(see, &AccountFilter::default()).filter(accounts::id.eq(id.0));
    let found: Option<i64> = query.select(accounts::id).first(connection).optional()?;
    Ok(found.is_some())
}

/// How many accounts there are, and whether counting stopped there. Counts at most [`MOST_COUNTED`] and looks at no more
/// rows than a page does.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn count(connection: &mut AnyConnection, see: &Visible, filter: &AccountFilter) -> Result<(i64, bool), StoreError> {
    let mut query = seen(see, filter);
    let indexed = filter.is_selective() || *see != Visible::All;
    let window = if indexed || !filter.skips_rows() { None } else { window(connection, None)? };
    if let Some(end) = window {
        query = query.filter(accounts::id.le(end.0));
    }
    let ids: Vec<i64> = query.select(accounts::id).limit(MOST_COUNTED + 1).load(connection)?;
    let counted = i64::try_from(ids.len()).unwrap_or(MOST_COUNTED);
    Ok((counted.min(MOST_COUNTED), counted > MOST_COUNTED || window.is_some()))
}

/// How many customers each of these accounts has; none for one that has none. Whoever sees a reseller sees all of its
/// customers.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn customers(connection: &mut AnyConnection, of: &[AccountId]) -> Result<HashMap<AccountId, i64>, StoreError> {
    let theirs = Condition::new("relations.id IN (SELECT r.id FROM relations r WHERE r.reseller_account_id IN (")
        .ids(of)
        .sql(") AND r.state = 'linked' AND ")
        .sql(EFFECTIVE)
        .sql(")");
    let counted = relations::table
        .filter(theirs)
        .group_by(relations::reseller_account_id)
        .select((relations::reseller_account_id, diesel::dsl::count_star()))
        .load::<(Option<i64>, i64)>(connection)?;
    Ok(counted.into_iter().filter_map(|(id, count)| Some((AccountId(id?), count))).collect())
}

/// The top of the tree: resellers, then customers that are linked to no reseller, then direct customers.
pub const ROOTS: [AccountKind; 3] = [AccountKind::Reseller, AccountKind::ResellerCustomer, AccountKind::DirectCustomer];

/// A page of the accounts of one kind that stand at the top of the tree, behind `after`.
///
/// # Errors
/// As [`list`].
pub fn roots(
    connection: &mut AnyConnection,
    see: &Visible,
    kind: AccountKind,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Page<Listed, AccountId>, StoreError> {
    let filter = AccountFilter { kind: Some(kind), status: Some(AccountStatus::Active), ..AccountFilter::default() };
    let mut query = seen(see, &filter);
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
    let rows = query.order(accounts::id).limit(limit + 1).load::<AccountRow>(connection)?;
    shown(connection, see, Page::cut(rows, limit, |row| AccountId(row.id), None))
}
