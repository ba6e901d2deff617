//! The chains of the ledger: who writes which, and where each ends.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Text};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::ledger_chains;
use crate::domain::ledger::{GENESIS, Head};

/// A chain whose owner has not written for this long may be taken over, in microseconds. Taking over one that is still
/// in use costs reruns, never correctness: the head is moved by compare-and-set.
const ABANDONED_MICROS: i64 = 60_000_000;

/// The end of a chain, and how many rows besides deliveries it has numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Chain, number of deliveries, hash of the last.
    pub head: Head,
    /// Numbered accounts and relations.
    pub rows_issued: i64,
}

type ChainRow = (i64, i64, i64, Vec<u8>);

fn tail((chain, position, rows_issued, hash): ChainRow) -> Result<Tail, StoreError> {
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("ledger_chains.hash", "a digest of another length"))?;
    Ok(Tail { head: Head { chain, position, hash }, rows_issued })
}

/// Claims a chain for a writer, within its write transaction. On SQLite there is one chain; on PostgreSQL the first that
/// nobody uses, or a new one.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn claim(connection: &mut AnyConnection, owner: &str, now: i64) -> Result<Tail, StoreError> {
    let columns = (ledger_chains::chain, ledger_chains::deliveries, ledger_chains::rows_issued, ledger_chains::hash);
    let free: Option<ChainRow> = match connection {
        AnyConnection::Sqlite(sqlite) => ledger_chains::table.select(columns).first(sqlite).optional()?,
        AnyConnection::Postgres(postgres) => ledger_chains::table
            .filter(
                ledger_chains::owner
                    .eq("")
                    .or(ledger_chains::owner.eq(owner))
                    .or(ledger_chains::claimed_at.lt(now - ABANDONED_MICROS)),
            )
            .order(ledger_chains::chain)
            .select(columns)
            .for_update()
            .skip_locked()
            .first(postgres)
            .optional()?,
    };
    if let Some(row) = free {
        diesel::update(ledger_chains::table.filter(ledger_chains::chain.eq(row.0)))
            .set((ledger_chains::owner.eq(owner.to_owned()), ledger_chains::claimed_at.eq(now)))
            .execute(connection)?;
        return tail(row);
    }
    let last: Option<i64> = ledger_chains::table.select(diesel::dsl::max(ledger_chains::chain)).first(connection)?;
    let chain = last.map_or(0, |last| last + 1);
    // Two receivers that start together may both want this number; the loser is told so and tries again.
    diesel::insert_into(ledger_chains::table)
        .values((
            ledger_chains::chain.eq(chain),
            ledger_chains::deliveries.eq(0_i64),
            ledger_chains::rows_issued.eq(0_i64),
            ledger_chains::hash.eq(GENESIS.to_vec()),
            ledger_chains::owner.eq(owner.to_owned()),
            ledger_chains::claimed_at.eq(now),
        ))
        .execute(connection)?;
    Ok(Tail { head: Head { chain, position: 0, hash: GENESIS }, rows_issued: 0 })
}

/// Gives a chain back, so that the next start need not open another.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn release(connection: &mut AnyConnection, chain: i64, owner: &str) -> Result<(), StoreError> {
    diesel::update(
        ledger_chains::table.filter(ledger_chains::chain.eq(chain)).filter(ledger_chains::owner.eq(owner.to_owned())),
    )
    .set(ledger_chains::owner.eq(String::new()))
    .execute(connection)?;
    Ok(())
}

/// Moves the end of a chain from where the writer believes it is; no row means that somebody else wrote this chain.
///
/// A compare-and-set written by hand: every batch runs it, and diesel caches no UPDATE of its own.
#[derive(Debug, Clone, Copy)]
pub struct Advance<'a> {
    /// Where it ends.
    pub from: &'a Tail,
    /// Where it is to end.
    pub to: &'a Tail,
    /// Who writes it.
    pub owner: &'a str,
    /// Microseconds since 1970.
    pub now: i64,
}

impl QueryId for Advance<'_> {
    type QueryId = Advance<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<DB> QueryFragment<DB> for Advance<'_>
where
    DB: Backend,
    i64: ToSql<BigInt, DB>,
    str: ToSql<Text, DB>,
    [u8]: ToSql<Binary, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ledger_chains SET deliveries = ");
        out.push_bind_param::<BigInt, _>(&self.to.head.position)?;
        out.push_sql(", rows_issued = ");
        out.push_bind_param::<BigInt, _>(&self.to.rows_issued)?;
        out.push_sql(", hash = ");
        out.push_bind_param::<Binary, [u8]>(&self.to.head.hash)?;
        out.push_sql(", owner = ");
        out.push_bind_param::<Text, str>(self.owner)?;
        out.push_sql(", claimed_at = ");
        out.push_bind_param::<BigInt, _>(&self.now)?;
        out.push_sql(" WHERE chain = ");
        out.push_bind_param::<BigInt, _>(&self.from.head.chain)?;
        out.push_sql(" AND deliveries = ");
        out.push_bind_param::<BigInt, _>(&self.from.head.position)?;
        out.push_sql(" AND rows_issued = ");
        out.push_bind_param::<BigInt, _>(&self.from.rows_issued)?;
        out.push_sql(" AND hash = ");
        out.push_bind_param::<Binary, [u8]>(&self.from.head.hash)
    }
}

/// Whether a chain has numbered rows up to this end of it.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn has_issued(connection: &mut AnyConnection, to: &Tail) -> Result<bool, StoreError> {
    let issued: Option<i64> = ledger_chains::table
        .filter(ledger_chains::chain.eq(to.head.chain))
        .select(ledger_chains::rows_issued)
        .first(connection)
        .optional()?;
    Ok(issued.is_some_and(|issued| issued >= to.rows_issued))
}

/// The ends of all chains, in order.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn heads(connection: &mut AnyConnection) -> Result<Vec<Head>, StoreError> {
    let rows: Vec<ChainRow> = ledger_chains::table
        .order(ledger_chains::chain)
        .select((ledger_chains::chain, ledger_chains::deliveries, ledger_chains::rows_issued, ledger_chains::hash))
        .load(connection)?;
    rows.into_iter().map(|row| Ok(tail(row)?.head)).collect()
}
