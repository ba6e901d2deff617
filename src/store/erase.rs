//! Removes the personal data of an account. Ids, relations, outcomes and hashes stay.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::encode;
use super::error::StoreError;
use super::schema::{accounts, bodies, deliveries, relations};
use super::{
    accounts as accounts_of, acknowledgements, branding, cases, changes, dossiers, moves, offers, partners, places,
    provisioning, reconciliations, services, shape, sites, users,
};
use crate::domain::account::{Account, Address, Contact};
use crate::domain::case::ClosedAs;
use crate::domain::feed::{self, Entry, Event, Fields};
use crate::domain::ids::AccountId;
use crate::domain::options::OptionSet;
use crate::domain::relation::Cause;

/// What became of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasure {
    /// Everything but bodies is gone.
    Erased,
    /// No account of this id.
    NoSuchAccount,
    /// It is a reseller that still has customers.
    HasCustomers,
}

/// Empties an account's row, ends its relations and cases, and marks it erased, within a write transaction.
/// `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn account(connection: &mut AnyConnection, id: AccountId, now: i64) -> Result<Erasure, StoreError> {
    places::take_alone(connection)?;
    // The registry may be about to open a relation of it.
    partners::share(connection)?;
    // First, so that a batch that is about to change the account comes before all of this or behind it.
    let locked = diesel::update(accounts::table.filter(accounts::id.eq(id.0)))
        .set(accounts::revision.eq(accounts::revision + 1))
        .execute(connection)?;
    let Some(account) = accounts_of::by_id(connection, id)?.filter(|_| locked == 1) else {
        return Ok(Erasure::NoSuchAccount);
    };
    if account.sells() && has_customers(connection, id)? {
        return Ok(Erasure::HasCustomers);
    }
    let second = now.div_euclid(1_000_000);
    empty(connection, id, second)?;
    services::erase(connection, id)?;
    offers::erase(connection, id, now)?;
    moves::erase(connection, id)?;
    let given_up = moves::give_up(connection, &[id], moves::ERASED, now)?;
    dossiers::erase(connection, id)?;
    branding::erase(connection, id)?;
    shape::forget(connection, account.key.scope.source.as_str(), &account.options)?;
    let until = end_relations(connection, &account, now)?;
    cases::close_all_of(connection, &account.key.scope, &account.key.platform_id, ClosedAs::Erased, now)?;
    // What a list said of the account, and what somebody noted about that.
    reconciliations::forget(connection, &account.key)?;
    acknowledgements::forget(connection, &account.key)?;
    let mut entries = users::erase(connection, id, now)?;
    entries.extend(sites::erase(connection, id, now)?);
    entries.extend(provisioning::erase(connection, id, now)?);
    entries.extend(given_up.iter().flat_map(|one| feed::asked(one, Cause::Erase)));
    entries.extend(feed::erased(&account, account.revision, until));
    changes::append(connection, now, &entries)?;
    Ok(Erasure::Erased)
}

fn empty(connection: &mut AnyConnection, id: AccountId, second: i64) -> Result<(), StoreError> {
    let nothing = String::new;
    diesel::update(accounts::table.filter(accounts::id.eq(id.0)))
        .set((
            accounts::name.eq(nothing()),
            accounts::code.eq(nothing()),
            accounts::email.eq(nothing()),
            accounts::phone.eq(nothing()),
            accounts::fax.eq(nothing()),
            accounts::website.eq(nothing()),
            accounts::description.eq(nothing()),
            accounts::contact.eq(encode::contact(&Contact::default())),
            accounts::address.eq(encode::address(&Address::default())),
            accounts::extra_details.eq(nothing()),
            accounts::sync_options.eq(encode::options(&OptionSet::default())),
            accounts::hold.eq(None::<String>),
            accounts::status.eq("deleted"),
            accounts::body_delivery.eq(None::<i64>),
            accounts::body_digest.eq(None::<Vec<u8>>),
            accounts::open_cases.eq(false),
            accounts::erased_second.eq(Some(second)),
        ))
        .execute(connection)?;
    Ok(())
}

fn has_customers(connection: &mut AnyConnection, id: AccountId) -> Result<bool, StoreError> {
    let customers: Vec<i64> = relations::table
        .filter(relations::reseller_account_id.eq(id.0))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(
            "valid_to IS NULL AND reseller_account_id IS NOT NULL AND axis = 'reseller'",
        ))
        .select(relations::id)
        .limit(1)
        .load(connection)?;
    Ok(!customers.is_empty())
}

/// Ends an account's open relations and returns the time at which they ended, in microseconds since 1970.
fn end_relations(connection: &mut AnyConnection, account: &Account, now: i64) -> Result<i64, StoreError> {
    let at = now.div_euclid(1_000_000).max(account.event.second).saturating_mul(1_000_000);
    diesel::update(
        relations::table.filter(relations::account_id.eq(account.id.0)).filter(relations::valid_to.is_null()),
    )
    .set((
        relations::valid_to.eq(Some(at)),
        relations::closed_learned_at.eq(Some(now)),
        relations::closed_cause.eq(Some(Cause::Erase.as_str())),
    ))
    .execute(connection)?;
    Ok(at)
}

/// Empties at most `limit` bodies of calls about an account, within a write transaction, and returns how many were
/// there. The account must be marked erased, or another could come at any moment.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn bodies_of(connection: &mut AnyConnection, account: &Account, limit: i64) -> Result<usize, StoreError> {
    // Joined from the account's deliveries: the index of those is all that is read.
    let mut found: Vec<i64> = deliveries::table
        .inner_join(bodies::table.on(bodies::delivery_id.eq(deliveries::id)))
        .filter(deliveries::account_id.eq(account.id.0))
        .select(deliveries::id)
        .limit(limit)
        .load(connection)?;
    if found.is_empty() {
        found = deliveries::table
            .inner_join(bodies::table.on(bodies::delivery_id.eq(deliveries::id)))
            .filter(deliveries::account_id.is_null())
            .filter(deliveries::platform_id.eq(account.key.platform_id.as_str().to_owned()))
            .filter(deliveries::source.eq(account.key.scope.source.as_str().to_owned()))
            .filter(deliveries::tenant.eq(account.key.scope.tenant.as_str().to_owned()))
            .select(deliveries::id)
            .limit(limit)
            .load(connection)?;
    }
    Ok(diesel::delete(bodies::table.filter(bodies::delivery_id.eq_any(found))).execute(connection)?)
}

/// Lifts an erasure: what is replayed from before it may bring the account back. False when it is not erased. `now` is in
/// microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn lift(connection: &mut AnyConnection, id: AccountId, now: i64) -> Result<bool, StoreError> {
    let lifted: Vec<i64> =
        diesel::update(accounts::table.filter(accounts::id.eq(id.0)).filter(accounts::erased_second.is_not_null()))
            .set((
                accounts::erased_second.eq(None::<i64>),
                // Nothing is shown any longer that an old call could be older than.
                accounts::event_second.eq(0_i64),
                accounts::event_live.eq(false),
                accounts::revision.eq(accounts::revision + 1),
            ))
            .returning(accounts::revision)
            .get_results(connection)?;
    let Some(revision) = lifted.first().copied() else { return Ok(false) };
    let event = Event::Updated(Fields::ERASED);
    let entry = Entry { account: id, revision: Some(revision), cause: Cause::Erase, delivery: None, event };
    changes::append(connection, now, &[entry])?;
    Ok(true)
}
