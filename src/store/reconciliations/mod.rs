//! Runs of the reconciliation that receivers work on, and what they found.

mod findings;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::domain::reconcile::{Counts, RunState};
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::schema::{reconciliation_counts, reconciliation_findings, reconciliations};

pub(super) use findings::FindingRow;
pub use findings::{Stored, forget, store};

/// The condition of the partial index, which a bound parameter would not be seen to match.
const UNFINISHED: &str = "reconciliations.finished_at IS NULL";

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id: when it was asked for, in microseconds since 1970.
    pub id: i64,
    /// How it stands.
    pub state: RunState,
    /// Whether it compares with a list; else it is a self-check.
    pub has_list: bool,
    /// Whether the schedule asked for it.
    pub scheduled: bool,
    /// The operator who asked for it.
    pub requested_by: Option<String>,
    /// When it began, in microseconds since 1970.
    pub started_at: Option<i64>,
    /// When it ended, in microseconds since 1970.
    pub finished_at: Option<i64>,
    /// What was asked for, as one JSON object.
    pub options: String,
    /// Why it failed.
    pub reason: Option<String>,
    /// Our accounts that were read.
    pub ours: i64,
    /// Their accounts that were compared.
    pub theirs: i64,
    /// Findings that are stored.
    pub stored: i64,
    /// Lines that could not be compared, or not whole.
    pub troubles: i64,
    /// The first of these in words, one a line.
    pub told: String,
}

/// A run that is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Whether it compares with a list.
    pub has_list: bool,
    /// The turn of the schedule; none where an operator asks.
    pub slot: Option<i64>,
    /// The operator.
    pub requested_by: Option<String>,
    /// What is asked for, as one JSON object.
    pub options: String,
    /// The receiver that works on it.
    pub worker: String,
}

/// Adds a run, within a write transaction, and returns its id; none where somebody has taken this turn of the schedule.
///
/// # Errors
/// [`StoreError`] when a statement fails; [`StoreError::Contended`] where another receiver adds one at the same moment.
pub fn add(connection: &mut AnyConnection, asked: &Asked) -> Result<Option<i64>, StoreError> {
    if let Some(slot) = asked.slot
        && is_taken(connection, slot)?
    {
        return Ok(None);
    }
    let mut id = asked.at;
    while find(connection, id)?.is_some() {
        id += 1;
    }
    diesel::insert_into(reconciliations::table)
        .values((
            reconciliations::id.eq(id),
            reconciliations::state.eq(RunState::Queued.as_str()),
            reconciliations::against.eq(if asked.has_list { "list" } else { "nothing" }),
            reconciliations::scheduled.eq(asked.slot.is_some()),
            reconciliations::slot.eq(asked.slot),
            reconciliations::requested_by.eq(asked.requested_by.clone()),
            reconciliations::options.eq(asked.options.clone()),
            reconciliations::worker.eq(asked.worker.clone()),
            reconciliations::worked_at.eq(asked.at),
            reconciliations::ours.eq(0_i64),
            reconciliations::theirs.eq(0_i64),
            reconciliations::stored.eq(0_i64),
            reconciliations::troubles.eq(0_i64),
            reconciliations::told.eq(String::new()),
        ))
        .execute(connection)?;
    Ok(Some(id))
}

/// Whether somebody has taken a turn of the schedule.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn is_taken(connection: &mut AnyConnection, slot: i64) -> Result<bool, StoreError> {
    let taken: Option<i64> = reconciliations::table
        .filter(reconciliations::slot.ge(slot))
        .select(reconciliations::id)
        .first(connection)
        .optional()?;
    Ok(taken.is_some())
}

/// Begins a run, within a write transaction; false where it was ended meanwhile.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn begin(connection: &mut AnyConnection, id: i64, now: i64) -> Result<bool, StoreError> {
    let begun =
        diesel::update(reconciliations::table.filter(reconciliations::id.eq(id)).filter(sql::<Bool>(UNFINISHED)))
            .set((
                reconciliations::state.eq(RunState::Running.as_str()),
                reconciliations::started_at.eq(Some(now)),
                reconciliations::worked_at.eq(now),
            ))
            .execute(connection)?;
    Ok(begun == 1)
}

/// Says that a receiver still works on its runs, within a write transaction, and returns those.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn beat(connection: &mut AnyConnection, worker: &str, now: i64) -> Result<Vec<i64>, StoreError> {
    let own =
        || reconciliations::table.filter(sql::<Bool>(UNFINISHED)).filter(reconciliations::worker.eq(worker.to_owned()));
    diesel::update(own()).set(reconciliations::worked_at.eq(now)).execute(connection)?;
    Ok(own().select(reconciliations::id).load(connection)?)
}

/// How a run went to its end.
#[derive(Debug, Clone, Default)]
pub struct Ended {
    /// Our accounts that were read.
    pub ours: i64,
    /// Their accounts that were compared.
    pub theirs: i64,
    /// Lines that could not be compared, or not whole.
    pub troubles: i64,
    /// The first of these in words, one a line.
    pub told: String,
    /// What was found, acknowledged or not.
    pub found: Counts,
    /// What of that was acknowledged and is not stored.
    pub hidden: Counts,
}

/// Ends a run, within a write transaction; false where it was ended meanwhile.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn end(connection: &mut AnyConnection, id: i64, now: i64, ended: &Ended) -> Result<bool, StoreError> {
    let done =
        diesel::update(reconciliations::table.filter(reconciliations::id.eq(id)).filter(sql::<Bool>(UNFINISHED)))
            .set((
                reconciliations::state.eq(RunState::Done.as_str()),
                reconciliations::finished_at.eq(Some(now)),
                reconciliations::ours.eq(ended.ours),
                reconciliations::theirs.eq(ended.theirs),
                reconciliations::troubles.eq(ended.troubles),
                reconciliations::told.eq(ended.told.clone()),
            ))
            .execute(connection)?;
    if done == 0 {
        return Ok(false);
    }
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    for (kind, found) in ended.found.iter().filter(|(_, found)| *found > 0) {
        diesel::insert_into(reconciliation_counts::table)
            .values((
                reconciliation_counts::run_id.eq(id),
                reconciliation_counts::kind.eq(kind.as_str()),
                reconciliation_counts::found.eq(number(found)),
                reconciliation_counts::hidden.eq(number(ended.hidden.of(kind))),
            ))
            .execute(connection)?;
    }
    Ok(true)
}

/// Ends a run before its end, within a write transaction; false where it has ended already. Its turn of the schedule is
/// free again if `again`.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn fail(connection: &mut AnyConnection, id: i64, now: i64, why: &str, again: bool) -> Result<bool, StoreError> {
    let unfinished = || reconciliations::table.filter(reconciliations::id.eq(id)).filter(sql::<Bool>(UNFINISHED));
    if again {
        diesel::update(unfinished()).set(reconciliations::slot.eq(None::<i64>)).execute(connection)?;
    }
    let failed = diesel::update(unfinished())
        .set((
            reconciliations::state.eq(RunState::Failed.as_str()),
            reconciliations::finished_at.eq(Some(now)),
            reconciliations::reason.eq(Some(why.to_owned())),
        ))
        .execute(connection)?;
    Ok(failed == 1)
}

/// The unfinished runs of receivers of which nothing was heard since `silent_since`, in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn abandoned(connection: &mut AnyConnection, silent_since: i64) -> Result<Vec<i64>, StoreError> {
    Ok(reconciliations::table
        .filter(sql::<Bool>(UNFINISHED))
        .filter(reconciliations::worked_at.lt(silent_since))
        .select(reconciliations::id)
        .load(connection)?)
}

/// Removes a piece of a finished run, within a write transaction: at most so many findings, and itself with the last of
/// them. True when it is gone.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn remove(connection: &mut AnyConnection, id: i64, most: i64) -> Result<bool, StoreError> {
    let end: Option<i64> = reconciliation_findings::table
        .filter(reconciliation_findings::run_id.eq(id))
        .order(reconciliation_findings::position)
        .offset(most)
        .limit(1)
        .select(reconciliation_findings::position)
        .first(connection)
        .optional()?;
    let findings = reconciliation_findings::table.filter(reconciliation_findings::run_id.eq(id));
    if let Some(end) = end {
        diesel::delete(findings.filter(reconciliation_findings::position.lt(end))).execute(connection)?;
        return Ok(false);
    }
    diesel::delete(findings).execute(connection)?;
    diesel::delete(reconciliation_counts::table.filter(reconciliation_counts::run_id.eq(id))).execute(connection)?;
    diesel::delete(reconciliations::table.filter(reconciliations::id.eq(id))).execute(connection)?;
    Ok(true)
}

/// The finished runs behind the newest `keep`, at most a hundred. The newest one of the schedule stays: metrics tell of it.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn old(connection: &mut AnyConnection, keep: i64) -> Result<Vec<i64>, StoreError> {
    let mut ids: Vec<i64> = reconciliations::table
        .filter(reconciliations::finished_at.is_not_null())
        .order(reconciliations::id.desc())
        .offset(keep)
        .limit(100)
        .select(reconciliations::id)
        .load(connection)?;
    let newest = last_scheduled(connection)?.map(|run| run.id);
    ids.retain(|id| Some(*id) != newest);
    Ok(ids)
}

/// A row of `reconciliations`, its columns in order.
#[derive(Debug, Queryable)]
struct RunRow {
    id: i64,
    state: String,
    against: String,
    scheduled: bool,
    _slot: Option<i64>,
    requested_by: Option<String>,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    options: String,
    _worker: String,
    _worked_at: i64,
    reason: Option<String>,
    ours: i64,
    theirs: i64,
    stored: i64,
    troubles: i64,
    told: String,
}

impl RunRow {
    fn into_run(self) -> Result<Run, StoreError> {
        Ok(Run {
            id: self.id,
            state: RunState::parse(&self.state)
                .ok_or_else(|| StoreError::corrupt("reconciliations.state", &self.state))?,
            has_list: self.against == "list",
            scheduled: self.scheduled,
            requested_by: self.requested_by,
            started_at: self.started_at,
            finished_at: self.finished_at,
            options: self.options,
            reason: self.reason,
            ours: self.ours,
            theirs: self.theirs,
            stored: self.stored,
            troubles: self.troubles,
            told: self.told,
        })
    }
}

/// The run of this id.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn find(connection: &mut AnyConnection, id: i64) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> = reconciliations::table.filter(reconciliations::id.eq(id)).first(connection).optional()?;
    row.map(RunRow::into_run).transpose()
}

/// A page of runs, newest first, behind `after`.
///
/// # Errors
/// As [`find`].
pub fn list(connection: &mut AnyConnection, after: Option<i64>, limit: i64) -> Result<Vec<Run>, StoreError> {
    let mut query = reconciliations::table.into_boxed();
    if let Some(after) = after {
        query = query.filter(reconciliations::id.lt(after));
    }
    let rows: Vec<RunRow> = query.order(reconciliations::id.desc()).limit(limit).load(connection)?;
    rows.into_iter().map(RunRow::into_run).collect()
}

/// The newest run of the schedule that went to its end.
///
/// # Errors
/// As [`find`].
pub fn last_scheduled(connection: &mut AnyConnection) -> Result<Option<Run>, StoreError> {
    let row: Option<RunRow> = reconciliations::table
        .filter(reconciliations::scheduled.eq(true))
        .filter(reconciliations::state.eq(RunState::Done.as_str()))
        .order(reconciliations::id.desc())
        .first(connection)
        .optional()?;
    row.map(RunRow::into_run).transpose()
}
