//! Provisioning requests: opened by hand, taken, reported, tried again, given up. Each function here runs within a write
//! transaction of the writer and tells the change feed what it did.

use thiserror::Error;

use crate::domain::ids::{AccountId, ItemId, ProvisioningId};
use crate::domain::provisioning::{
    MAX_ITEMS, MAX_REASON, NewRequest, PlanAt, Report, Request, RequestCause, Rules, items,
};
use crate::domain::service::{MAX_SERVICES, Service};
use crate::domain::user::MAX_USERS;
use crate::store::audit::{self, Entry};
use crate::store::pool::{self, Pool};
use crate::store::provisioning::{self as store, Handed, Leased, Taking, Told};
use crate::store::{AnyConnection, StoreError, changes, provisioning::locked_account, services, users};
use crate::writer::Writer;

/// Most items that are told of in one commit.
const TOLD_AT_ONCE: i64 = store::TELL_AT_ONCE;

/// Why a request is not opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OpenError {
    /// No such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// The account is deleted.
    #[error("the account is deleted; revive it first")]
    Deleted,
    /// It has nothing to provision.
    #[error("the account has no service that is not ended, so there is nothing to provision again")]
    NothingToDo,
    /// It has too much.
    #[error("the account has more than {MAX_ITEMS} items, which is more than one request takes")]
    TooMuch,
}

/// Why something is not done to a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ManageError {
    /// No such request.
    #[error("there is no such provisioning request")]
    NoSuchRequest,
    /// Nothing failed.
    #[error("no item of this request failed, so there is nothing to try again")]
    NothingFailed,
    /// It is cancelled.
    #[error("this request is cancelled ({0}); open a new one for its customer instead")]
    Cancelled(String),
    /// It is at its end.
    #[error("this request is done, so there is nothing to cancel")]
    Done,
}

/// A reason as it is kept: one line, cut where it is too long; none where nothing is left.
#[must_use]
pub fn reason(text: Option<&str>) -> Option<String> {
    let line: String = text?
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .chars()
        .take(MAX_REASON)
        .collect();
    (!line.is_empty()).then_some(line)
}

/// Opens a request that provisions all users and services of a customer again, on the plans and where they are. `entry`
/// goes to the audit trail; its time is the request's.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn open(
    connection: &mut AnyConnection,
    customer: AccountId,
    reason: Option<&str>,
    entry: &Entry,
) -> Result<Result<ProvisioningId, OpenError>, StoreError> {
    // As a batch would: nobody changes the account's services meanwhile.
    match locked_account(connection, customer)? {
        None => return Ok(Err(OpenError::NoSuchAccount)),
        Some(false) => return Ok(Err(OpenError::Deleted)),
        Some(true) => {}
    }
    let living = services::living_of(connection, customer, MAX_SERVICES + 1)?;
    let all_users = users::living_of(connection, customer, MAX_USERS + 1)?;
    let stays = |service: &Service| PlanAt::new(&service.plan, &service.location);
    let items = items(&living, &all_users, stays);
    if items.is_empty() {
        return Ok(Err(OpenError::NothingToDo));
    }
    if items.len() > MAX_ITEMS || living.len() > MAX_SERVICES || all_users.len() > MAX_USERS {
        return Ok(Err(OpenError::TooMuch));
    }
    let mut request = NewRequest::new(customer, RequestCause::Manual, entry.at, items);
    request.reason = reason.map(str::to_owned);
    let mut next = store::issue(connection, request.items.len() + 1)? - 1;
    request.issue(store::CHAIN, || {
        next += 1;
        next
    });
    let id = request.id;
    let entries = store::open(connection, &[request])?;
    audit::record(connection, &Entry { subject: id.to_string(), ..entry.clone() })?;
    changes::append(connection, entry.at, &entries)?;
    Ok(Ok(id))
}

/// Takes items, and whether asking again at once may give more.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn lease(
    connection: &mut AnyConnection,
    taking: &Taking,
    rules: &Rules,
) -> Result<(Vec<Leased>, bool), StoreError> {
    let Handed { leased, entries, unseen } = store::lease(connection, taking, rules)?;
    changes::append(connection, taking.at, &entries)?;
    Ok((leased, unseen))
}

/// Takes a report; none where there is no such item. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn report(
    connection: &mut AnyConnection,
    item: ItemId,
    report: &Report,
    rules: &Rules,
    now: i64,
) -> Result<Option<Told>, StoreError> {
    let told = store::report(connection, item, report, rules, now)?;
    if let Some(told) = &told {
        changes::append(connection, now, &told.entries)?;
    }
    Ok(told)
}

/// Has what failed of a request tried again. Returns the request and how many items that is.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn retry(
    connection: &mut AnyConnection,
    id: ProvisioningId,
    entry: &Entry,
) -> Result<Result<(Request, i64), ManageError>, StoreError> {
    let Some(managed) = store::retry(connection, id, entry.at)? else { return Ok(Err(ManageError::NoSuchRequest)) };
    if managed.items == 0 {
        let why = managed.request.cancelled_why;
        return Ok(Err(why.map_or(ManageError::NothingFailed, ManageError::Cancelled)));
    }
    audit::record(connection, entry)?;
    changes::append(connection, entry.at, &managed.entries)?;
    Ok(Ok((managed.request, managed.items)))
}

/// Gives up what waits or failed of a request. Returns the request and how many items that is: none where it was cancelled
/// before.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn cancel(
    connection: &mut AnyConnection,
    id: ProvisioningId,
    why: &str,
    entry: &Entry,
) -> Result<Result<(Request, i64), ManageError>, StoreError> {
    let Some(managed) = store::cancel(connection, id, why, entry.at)? else {
        return Ok(Err(ManageError::NoSuchRequest));
    };
    if managed.entries.is_empty() {
        let done = managed.request.cancelled_at.is_none();
        return Ok(if done { Err(ManageError::Done) } else { Ok((managed.request, 0)) });
    }
    audit::record(connection, entry)?;
    changes::append(connection, entry.at, &managed.entries)?;
    Ok(Ok((managed.request, managed.items)))
}

/// Takes back what leases ran out of and tells of what may be taken now, piece by piece until nothing is left. Returns how
/// many leases ran out. Blocks. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked; what was done before stays.
pub fn look_after(pool: &Pool, writer: &Writer, rules: Rules, now: i64) -> Result<usize, StoreError> {
    let mut ran_out = 0;
    while store::is_due(&mut *pool::get(pool)?, now)? {
        // One behind the other: who holds requests takes no more items.
        let done = writer.work_blocking(move |connection| {
            let (expired, entries) = store::expire(connection, &rules, now)?;
            changes::append(connection, now, &entries)?;
            Ok(expired)
        });
        let expired = done.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let done = writer.work_blocking(move |connection| {
            let (told, entries) = store::tell(connection, None, now, TOLD_AT_ONCE)?;
            changes::append(connection, now, &entries)?;
            Ok(told)
        });
        let told = done.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        ran_out += expired;
        if expired == 0 && told == 0 {
            // Another receiver has its hands on them.
            break;
        }
    }
    Ok(ran_out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_one_line_of_a_bounded_length() {
        assert_eq!(reason(None), None);
        assert_eq!(reason(Some(" \n\t")), None);
        assert_eq!(reason(Some(" quota\nexceeded ")).as_deref(), Some("quota exceeded"));
        assert_eq!(reason(Some(&"ä".repeat(MAX_REASON + 5))), Some("ä".repeat(MAX_REASON)));
    }
}
