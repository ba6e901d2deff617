//! What accounts stand for in the hierarchy - their kind, their standing and whether they are alive - kept still on
//! PostgreSQL while others rest on it.
//!
//! Most calls name a reseller and change nothing of it. A row lock for each would write that row, and would make every
//! two batches with customers of the same reseller wait for each other. Instead one lock stands for the places of all
//! accounts: whoever only names others shares it, whoever changes the place of an account that exists takes it alone. The
//! latter is rare: a Delete, a change of kind or standing, a return. A new account needs neither, see `arrivals`. Who
//! comes again with the reseller that it has rests on no place: a reseller stays one while it has customers.

use diesel::connection::SimpleConnection;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Bool;

use super::connection::AnyConnection;
use super::error::StoreError;

/// The key of the lock among the advisory locks of the database, which know no schemas: one for each schema, so that
/// receivers that have nothing in common do not wait for each other.
macro_rules! lock {
    ($function:literal) => {
        concat!("SELECT ", $function, "(20820, hashtext(current_schema()))")
    };
}

const ALONE: &str = lock!("pg_advisory_xact_lock");

/// What a write transaction does to the places of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Places {
    /// It rests on none yet; where it turns out that it does, it takes the lock then.
    Apart,
    /// It may rest on them.
    Shared,
    /// It may change them.
    Alone,
}

impl Places {
    /// The statement that takes the lock until the transaction ends, if any.
    pub(super) fn statement(self) -> Option<&'static str> {
        match self {
            Self::Apart => None,
            Self::Shared => Some(lock!("pg_advisory_xact_lock_shared")),
            Self::Alone => Some(ALONE),
        }
    }
}

/// Shares the lock if nobody has it alone or waits for that. Written by hand, since diesel caches no literal SQL.
struct TryShare;

impl QueryId for TryShare {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for TryShare {
    type SqlType = Bool;
}

impl<C> RunQueryDsl<C> for TryShare {}

impl QueryFragment<Pg> for TryShare {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(lock!("pg_try_advisory_xact_lock_shared"));
        Ok(())
    }
}

/// Shares the lock within a write transaction that began apart and has accounts locked already. It does not wait: whoever
/// has the lock alone may be waiting for one of those.
///
/// # Errors
/// [`StoreError::PlacesTaken`] when others have it alone or wait for that.
pub(super) fn share_at_once(connection: &mut PgConnection) -> Result<(), StoreError> {
    let shared: bool = TryShare.get_result(connection)?;
    if shared { Ok(()) } else { Err(StoreError::PlacesTaken) }
}

/// Takes the lock alone within a write transaction that did not begin with it; it must not have read places before.
///
/// # Errors
/// [`StoreError::Contended`] when others keep it for too long.
pub fn take_alone(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection {
        postgres.batch_execute(ALONE)?;
    }
    Ok(())
}
