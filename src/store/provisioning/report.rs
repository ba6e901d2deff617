//! Reports: judged under the locks of item and request, and written.

use diesel::prelude::*;

use super::rows::{AttemptRow, UpdateItem, UpsertAttempt, update_item, upsert_attempt};
use super::{TELL_AT_ONCE, locked, locked_item, locking, settle, shift, tell, write};
use crate::domain::feed::Entry;
use crate::domain::ids::{ItemId, ProvisioningId};
use crate::domain::provisioning::{
    Attempt, AttemptEnd, Attempts, Contradiction, Item, ItemState, Report, Rules, TargetKind, Verdict, Word, judge,
};
use crate::store::bulk::Rows;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{provisioning_attempts, provisioning_items};

/// What a report came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The item as it is now.
    pub item: Item,
    /// What it is answered with.
    pub answer: Answer,
    /// What is to be told.
    pub entries: Vec<Entry>,
}

/// What a report is answered with: the same whenever it comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The attempt goes on.
    Extended {
        /// Which.
        attempt: i64,
        /// Until when, in microseconds since 1970.
        until: i64,
    },
    /// The attempt is at its end.
    Ended {
        /// Which.
        attempt: i64,
        /// How it ended.
        end: AttemptEnd,
        /// Whether it was reported before, so that nothing happened now.
        repeated: bool,
    },
    /// It contradicts what is there.
    Refused(Contradiction),
}

fn one(
    connection: &mut AnyConnection,
    item: ItemId,
    which: impl FnOnce(
        provisioning_attempts::BoxedQuery<'static, <AnyConnection as diesel::Connection>::Backend>,
    ) -> provisioning_attempts::BoxedQuery<'static, <AnyConnection as diesel::Connection>::Backend>,
) -> Result<Option<Attempt>, StoreError> {
    let query = which(provisioning_attempts::table.filter(provisioning_attempts::item_id.eq(item.0)).into_boxed());
    let rows: Vec<AttemptRow> = query.order(provisioning_attempts::attempt.desc()).limit(1).load(connection)?;
    rows.into_iter().next().map(AttemptRow::into_attempt).transpose()
}

/// Locks what the directory's item releases, before the request: who cancels the request has these items first, too.
fn lock_waiting(connection: &mut AnyConnection, request: ProvisioningId) -> Result<(), StoreError> {
    let query = provisioning_items::table
        .filter(provisioning_items::request_id.eq(request.0))
        .filter(provisioning_items::state.eq(ItemState::Pending.as_str()))
        .order(provisioning_items::id)
        .select(provisioning_items::id);
    if matches!(connection, AnyConnection::Postgres(_)) {
        locking!(connection, i64, query)?;
    }
    Ok(())
}

/// Takes a report, within a write transaction. None where there is no such item. `now` is in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn report(
    connection: &mut AnyConnection,
    id: ItemId,
    report: &Report,
    rules: &Rules,
    now: i64,
) -> Result<Option<Told>, StoreError> {
    let Some(row) = locked_item(connection, id)? else { return Ok(None) };
    let item = row.into_item()?;
    let last = one(connection, id, |query| query)?;
    let meant = match (&report.lease, report.attempt) {
        (Some(lease), _) => one(connection, id, |query| query.filter(provisioning_attempts::lease.eq(lease.clone())))?,
        (None, Some(number)) => one(connection, id, |query| query.filter(provisioning_attempts::attempt.eq(number)))?,
        (None, None) => None,
    };
    if item.kind.kind() == TargetKind::Directory && report.word == Word::Done {
        lock_waiting(connection, item.request)?;
    }
    let mut requests = locked(connection, [item.request])?;
    let Some(request) = requests.get_mut(&item.request) else {
        return Err(StoreError::corrupt("provisioning_items.request_id", &item.request.to_string()));
    };
    let known = Attempts { meant: meant.as_ref(), last: last.as_ref(), given_up: request.cancelled_at.is_some() };
    let mut after = Item { changed_at: now, ..item.clone() };
    let (attempt, answer) = match judge(&item, &known, report, rules, now) {
        Verdict::Refused(why) => return Ok(Some(Told { item, answer: Answer::Refused(why), entries: Vec::new() })),
        Verdict::Repeated(end) => {
            let attempt = meant.or(last).map_or(item.attempts, |attempt| attempt.number);
            let answer = Answer::Ended { attempt, end, repeated: true };
            return Ok(Some(Told { item, answer, entries: Vec::new() }));
        }
        Verdict::Extended(until) => {
            let Some(attempt) = meant else { return Ok(None) };
            after.state = ItemState::Running;
            after.lease_until = Some(until);
            after.finished_at = None;
            let answer = Answer::Extended { attempt: attempt.number, until };
            (Attempt { lease_until: Some(until), ..attempt }, answer)
        }
        Verdict::Ended { end, unleased } => {
            let attempt = match meant.filter(|_| !unleased) {
                Some(attempt) => attempt,
                None => Attempt {
                    number: item.attempts + 1,
                    lease: None,
                    worker: report.worker.clone(),
                    taken_at: now,
                    lease_seconds: 0,
                    lease_until: None,
                    ended: None,
                },
            };
            after.state = end.outcome;
            after.attempts = attempt.number;
            after.worker = Some(attempt.worker.clone());
            after.lease_until = None;
            after.reason = end.reason.clone();
            after.not_before = end.next_try.unwrap_or(after.not_before);
            after.finished_at = end.outcome.is_final().then_some(now);
            let answer = Answer::Ended { attempt: attempt.number, end: end.clone(), repeated: false };
            (Attempt { ended: Some(end), ..attempt }, answer)
        }
    };
    let (mut items, mut attempts) = (Rows::<UpdateItem>::default(), Rows::<UpsertAttempt>::default());
    update_item(&mut items, &after);
    upsert_attempt(&mut attempts, id, &attempt);
    items.write(connection)?;
    attempts.write(connection)?;
    shift(request, item.state, after.state, 1);
    request.started_at.get_or_insert(now);
    let releases = after.kind.kind() == TargetKind::Directory && after.state == ItemState::Done && !request.released;
    if releases {
        request.released = true;
        diesel::update(
            provisioning_items::table
                .filter(provisioning_items::request_id.eq(item.request.0))
                .filter(provisioning_items::state.eq(ItemState::Pending.as_str())),
        )
        .set(provisioning_items::ready.eq(true))
        .execute(connection)?;
    }
    let mut entries: Vec<Entry> = settle(request, now).into_iter().collect();
    write(connection, requests.values())?;
    if releases {
        entries.extend(tell(connection, Some(item.request), now, TELL_AT_ONCE)?.1);
    }
    Ok(Some(Told { item: after, answer, entries }))
}
