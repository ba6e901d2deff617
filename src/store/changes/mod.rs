//! The change feed, packed: one row a commit, or several where a commit has very much to tell.
//!
//! Positions count every entry from 1 without a gap and in the order of the commits: they are taken from one counter row,
//! which on PostgreSQL stays locked from there until the commit. So a reader that sees a position sees every one before
//! it. docs/decisions.md tells what that costs.

mod packed;
mod provisioned;

use diesel::backend::Backend;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Text};
use diesel::sqlite::Sqlite;

use super::bulk::{Behind, Rows, Statement, Together, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{change_feed, changes};
use crate::domain::feed::Entry;

pub use super::seen::changes::{Change, Question, Read, Reading, after, at};
pub(super) use packed::unpack;

/// Most entries of a row. A reader takes a row in as a whole, so raising it raises what each one holds in memory.
pub const MAX_PACKED: usize = 1_000;

struct InsertChanges;

impl Statement for InsertChanges {
    const TABLE: &'static str = "changes";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] = &["first_position", "at", "entries", "last_position"];
}

/// Adds entries at the end of the feed, within the write transaction that makes them true, and returns the position of
/// the last one; none where there are none. `at` is now, in microseconds since 1970.
///
/// On PostgreSQL this locks the counter of all receivers until the commit: it comes last in a transaction.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub fn append(connection: &mut AnyConnection, at: i64, entries: &[Entry]) -> Result<Option<i64>, StoreError> {
    Told { rows: Vec::new(), rest: entries.to_vec() }.append(connection, at)
}

/// Entries of which whole rows are packed already, so that another thread than the writer's may do that.
#[derive(Debug)]
pub struct Told {
    rows: Vec<Row>,
    rest: Vec<Entry>,
}

/// A row of entries as it is stored, but for its positions.
#[derive(Debug)]
struct Row {
    count: i64,
    text: String,
}

impl Row {
    fn of(entries: &[Entry]) -> Self {
        Self { count: i64::try_from(entries.len()).unwrap_or(i64::MAX), text: packed::pack(entries) }
    }
}

impl Told {
    /// Packs whatever makes whole rows.
    #[must_use]
    pub fn of(mut entries: Vec<Entry>) -> Self {
        let rest = entries.split_off(entries.len() - entries.len() % MAX_PACKED);
        Self { rows: entries.chunks(MAX_PACKED).map(Row::of).collect(), rest }
    }

    /// These and, behind them, `more`.
    #[must_use]
    pub fn and(mut self, more: Vec<Entry>) -> Self {
        self.rest.extend(more);
        self
    }

    fn pack(&mut self) {
        self.rows.extend(std::mem::take(&mut self.rest).chunks(MAX_PACKED).map(Row::of));
    }

    /// Runs what was gathered on PostgreSQL with these behind it, in one round trip where they make one row, and returns how
    /// many rows the last statement touched, and as [`append`].
    ///
    /// # Errors
    /// As [`append`].
    pub fn append_behind<Q>(
        mut self,
        connection: &mut AnyConnection,
        at: i64,
        together: Together<'_>,
        last: &Q,
    ) -> Result<(usize, Option<i64>), StoreError>
    where
        Q: QueryFragment<Pg> + QueryFragment<Sqlite> + QueryId,
    {
        self.pack();
        match (self.rows.as_slice(), &mut *connection) {
            ([Row { count, text }], AnyConnection::Postgres(postgres)) => {
                let (touched, end) =
                    together.finish_behind(postgres, last, &TakeAndInsert { count: *count, at, text })?;
                Ok((usize::try_from(touched).unwrap_or(0), end))
            }
            _ => Ok((together.finish(connection, last)?, self.append(connection, at)?)),
        }
    }

    /// Adds these: as [`append`].
    ///
    /// # Errors
    /// As [`append`].
    pub fn append(mut self, connection: &mut AnyConnection, at: i64) -> Result<Option<i64>, StoreError> {
        self.pack();
        match (self.rows.as_slice(), &mut *connection) {
            ([], _) => Ok(None),
            ([Row { count, text }], AnyConnection::Postgres(postgres)) => {
                Ok(Some(TakeAndInsert { count: *count, at, text }.get_result(postgres)?))
            }
            (all, _) => {
                let count = all.iter().map(|row| row.count).sum();
                let last: i64 = Take { count }.get_result(connection)?;
                let mut behind = last - count;
                let mut rows = Rows::<InsertChanges>::default();
                for Row { count, text } in all {
                    let first = behind + 1;
                    behind += count;
                    rows.push([Value::BigInt(first), Value::BigInt(at), Value::Text(text), Value::BigInt(behind)]);
                }
                rows.write(connection)?;
                Ok(Some(last))
            }
        }
    }
}

/// The position of the last entry; 0 before the first.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn end(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    Ok(change_feed::table.select(change_feed::position).first(connection)?)
}

/// The position of the last entry, and the last position that is kept no longer: a reader that stands before that has
/// missed some.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn ends(connection: &mut AnyConnection) -> Result<(i64, i64), StoreError> {
    // Read first: what is added meanwhile must not look as if it had been removed.
    let end = end(connection)?;
    let first: Option<i64> =
        changes::table.order(changes::last_position).select(changes::first_position).first(connection).optional()?;
    Ok((end, first.map_or(end, |first| first - 1)))
}

/// How far receivers' clocks may differ, in microseconds: by so much times may run against positions.
const CLOCKS: i64 = 300_000_000;

/// The position behind which everything stands that was committed at or after a time, in microseconds since 1970.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn before(connection: &mut AnyConnection, since: i64) -> Result<i64, StoreError> {
    let (end, gone) = ends(connection)?;
    let (mut low, mut high) = (gone, end);
    // Times run with positions but for the clocks of receivers: halve by what is surely too old.
    while low < high {
        let middle = low + (high - low) / 2;
        let row: Option<(i64, i64)> = changes::table
            .filter(changes::last_position.gt(middle))
            .order(changes::last_position)
            .select((changes::last_position, changes::at))
            .first(connection)
            .optional()?;
        match row {
            Some((last, at)) if at < since.saturating_sub(CLOCKS) => low = last,
            Some(_) | None => high = middle,
        }
    }
    let first: Option<i64> = changes::table
        .filter(changes::last_position.gt(low))
        .filter(changes::at.ge(since))
        .order(changes::last_position)
        .select(changes::first_position)
        .first(connection)
        .optional()?;
    Ok(first.map_or(end, |first| first - 1))
}

/// Removes the oldest rows while they are from before `before`, in microseconds since 1970, at most `most` of them, within
/// a write transaction. Returns how many went.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn prune(connection: &mut AnyConnection, before: i64, most: i64) -> Result<usize, StoreError> {
    let oldest: Vec<(i64, i64)> = changes::table
        .order(changes::last_position)
        .select((changes::last_position, changes::at))
        .limit(most)
        .load(connection)?;
    // Receivers' clocks may differ: what is kept has no hole, whatever they say.
    let Some((last, _)) = oldest.into_iter().take_while(|(_, at)| *at < before).last() else { return Ok(0) };
    Ok(diesel::delete(changes::table.filter(changes::last_position.le(last))).execute(connection)?)
}

/// Takes positions. Written by hand, since every batch runs it and diesel caches no UPDATE of its own.
#[derive(Debug, Clone, Copy)]
struct Take {
    count: i64,
}

impl QueryId for Take {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Take {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for Take {}

impl<B: Backend> QueryFragment<B> for Take
where
    i64: ToSql<BigInt, B>,
    B: HasSqlType<BigInt>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, B>) -> QueryResult<()> {
        out.push_sql("UPDATE change_feed SET position = position + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(" RETURNING position");
        Ok(())
    }
}

/// Takes positions and adds the row in one round trip.
#[derive(Debug, Clone, Copy)]
struct TakeAndInsert<'a> {
    count: i64,
    at: i64,
    text: &'a str,
}

impl QueryId for TakeAndInsert<'_> {
    type QueryId = TakeAndInsert<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TakeAndInsert<'_> {
    type SqlType = BigInt;
}

impl<C> RunQueryDsl<C> for TakeAndInsert<'_> {}

impl TakeAndInsert<'_> {
    /// `given` says when the first part may run.
    fn walk_parts<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>, given: &'static str) -> QueryResult<()> {
        out.push_sql("taken AS (UPDATE change_feed SET position = position + ");
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(given);
        out.push_sql(
            " RETURNING position), behind AS (INSERT INTO changes (last_position, first_position, at, entries) \
             SELECT position, position - ",
        );
        out.push_bind_param::<BigInt, _>(&self.count)?;
        out.push_sql(" + 1, ");
        out.push_bind_param::<BigInt, _>(&self.at)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.text)?;
        out.push_sql(" FROM taken RETURNING last_position)");
        Ok(())
    }
}

impl Behind for TakeAndInsert<'_> {
    /// Positions are taken last: from there to the commit nobody else gets any.
    fn walk_parts<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Self::walk_parts(self, out, " WHERE (SELECT touched FROM done) > 0")
    }
}

impl QueryFragment<Pg> for TakeAndInsert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        Self::walk_parts(self, out.reborrow(), "")?;
        out.push_sql(" SELECT last_position FROM behind");
        Ok(())
    }
}
