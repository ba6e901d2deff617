//! What resellers may sell: read whole, and written with what differs.

use std::collections::HashMap;

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{accounts, offer_lists, offers};
use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::ids::AccountId;
use crate::domain::offer::{Offer, Offers, Seller, Sheet};

pub use crate::domain::offer::Listing;

/// Readings of a list that somebody changes meanwhile, before giving up.
const READINGS: usize = 20;

#[derive(Debug, Queryable)]
struct ListRow {
    _account_id: i64,
    revision: i64,
    directory_ou: String,
    promoted_at: Option<i64>,
    changed_at: i64,
}

fn said(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn head(connection: &mut AnyConnection, account: AccountId) -> Result<Option<ListRow>, StoreError> {
    Ok(offer_lists::table.filter(offer_lists::account_id.eq(account.0)).load::<ListRow>(connection)?.pop())
}

fn offer((service, plan, locations): (String, String, String)) -> Result<Offer, StoreError> {
    let locations =
        serde_json::from_str(&locations).map_err(|_| StoreError::corrupt("offers.locations", &locations))?;
    Ok(Offer { service, plan, locations })
}

fn rows(connection: &mut AnyConnection, account: AccountId) -> Result<Vec<Offer>, StoreError> {
    let rows: Vec<(String, String, String)> = offers::table
        .filter(offers::account_id.eq(account.0))
        .order((offers::service, offers::plan))
        .select((offers::service, offers::plan, offers::locations))
        .load(connection)?;
    rows.into_iter().map(offer).collect()
}

/// What an account may sell: nothing, with revision 0, where nobody ever set anything.
///
/// Within a write transaction it stays so until the end where that has taken the places alone, or shares them
/// ([`super::places`]): whoever changes lists takes them alone.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(connection: &mut AnyConnection, account: AccountId) -> Result<Seller, StoreError> {
    Ok(listing(connection, account)?.seller)
}

/// As [`of`], with all that is known of the list.
///
/// # Errors
/// As [`of`]; [`StoreError::Contended`] where it is changed again and again while it is read.
pub fn listing(connection: &mut AnyConnection, account: AccountId) -> Result<Listing, StoreError> {
    for _ in 0..READINGS {
        let Some(head) = head(connection, account)? else { return Ok(Listing::default()) };
        let list = rows(connection, account)?;
        // Two statements may see two states of the database: what came between shows in the revision.
        if self::head(connection, account)?.map(|again| again.revision) == Some(head.revision) {
            return Ok(Listing {
                seller: Seller {
                    offers: Offers { revision: head.revision, list },
                    directory_ou: said(head.directory_ou),
                },
                promoted_at: head.promoted_at,
                changed_at: Some(head.changed_at),
            });
        }
    }
    Err(StoreError::Contended("what the reseller may sell is being changed".to_owned()))
}

/// The accounts behind `after` for which anything was ever set, in the order of their ids, at most `limit`.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn sellers(
    connection: &mut AnyConnection,
    after: Option<AccountId>,
    limit: i64,
) -> Result<Vec<AccountId>, StoreError> {
    let ids: Vec<i64> = offer_lists::table
        .filter(offer_lists::account_id.gt(after.map_or(i64::MIN, |after| after.0)))
        .order(offer_lists::account_id)
        .select(offer_lists::account_id)
        .limit(limit)
        .load(connection)?;
    Ok(ids.into_iter().map(AccountId).collect())
}

struct PutOffer;

impl Statement for PutOffer {
    const TABLE: &'static str = "offers";
    const VERB: Verb = Verb::Upsert;
    const KEYS: usize = 3;
    const COLUMNS: &'static [&'static str] = &["locations", "account_id", "service", "plan"];
}

struct TakeOffer;

impl Statement for TakeOffer {
    const TABLE: &'static str = "offers";
    const VERB: Verb = Verb::Delete;
    const KEYS: usize = 3;
    const COLUMNS: &'static [&'static str] = &["account_id", "service", "plan"];
}

struct PutList;

impl Statement for PutList {
    const TABLE: &'static str = "offer_lists";
    const VERB: Verb = Verb::Upsert;
    const COLUMNS: &'static [&'static str] = &["revision", "directory_ou", "promoted_at", "changed_at", "account_id"];
}

/// Makes an account's list say `sheet`, within a write transaction that has the places alone, and returns its revision.
/// `before` is what was read in the same transaction; `promoted_at` and `at` are in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn write(
    connection: &mut AnyConnection,
    account: AccountId,
    before: &Listing,
    sheet: &Sheet,
    promoted_at: Option<i64>,
    at: i64,
) -> Result<i64, StoreError> {
    let key = |offer: &Offer| (offer.service.clone(), offer.plan.clone());
    let mut gone: HashMap<(String, String), &Offer> =
        before.seller.offers.list.iter().map(|offer| (key(offer), offer)).collect();
    let mut put: Vec<(&Offer, String)> = Vec::new();
    for offer in &sheet.offers {
        if gone.remove(&key(offer)).is_none_or(|held| held.locations != offer.locations) {
            let locations = serde_json::to_string(&offer.locations)
                .map_err(|error| StoreError::Failed(format!("locations cannot be written: {error}")))?;
            put.push((offer, locations));
        }
    }
    let mut taken = Rows::<TakeOffer>::default();
    for offer in gone.into_values() {
        taken.push([Value::BigInt(account.0), Value::Text(&offer.service), Value::Text(&offer.plan)]);
    }
    taken.write(connection)?;
    let mut given = Rows::<PutOffer>::default();
    for (offer, locations) in &put {
        given.push([
            Value::Text(locations),
            Value::BigInt(account.0),
            Value::Text(&offer.service),
            Value::Text(&offer.plan),
        ]);
    }
    given.write(connection)?;
    let revision = before.seller.offers.revision + 1;
    let mut list = Rows::<PutList>::default();
    list.push([
        Value::BigInt(revision),
        Value::Text(sheet.directory_ou.as_deref().unwrap_or_default()),
        Value::MaybeBigInt(promoted_at),
        Value::BigInt(at),
        Value::BigInt(account.0),
    ]);
    list.write(connection)?;
    Ok(revision)
}

/// Takes the name of an erased reseller's organizational unit away, within a write transaction: it is called after it.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId, at: i64) -> Result<(), StoreError> {
    diesel::update(offer_lists::table.filter(offer_lists::account_id.eq(account.0)))
        .filter(offer_lists::directory_ou.ne(String::new()))
        .set((
            offer_lists::directory_ou.eq(String::new()),
            offer_lists::revision.eq(offer_lists::revision + 1),
            offer_lists::changed_at.eq(at),
        ))
        .execute(connection)?;
    Ok(())
}

/// What an account is, and whether it is alive; none where there is no such account.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn place(
    connection: &mut AnyConnection,
    account: AccountId,
) -> Result<Option<(AccountKind, AccountStatus)>, StoreError> {
    let row: Option<(String, String)> = accounts::table
        .filter(accounts::id.eq(account.0))
        .select((accounts::kind, accounts::status))
        .load(connection)?
        .pop();
    row.map(|(kind, status)| {
        Ok((
            AccountKind::parse(&kind).ok_or_else(|| StoreError::corrupt("accounts.kind", &kind))?,
            AccountStatus::parse(&status).ok_or_else(|| StoreError::corrupt("accounts.status", &status))?,
        ))
    })
    .transpose()
}
