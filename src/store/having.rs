//! Which of very many accounts have any of something, asked before all of it is looked up.

use std::collections::HashSet;

use diesel::PgConnection;
use diesel::result::QueryResult;

use super::connection::AnyConnection;
use super::error::StoreError;
use crate::domain::ids::AccountId;

/// Accounts that are looked up without asking first.
const FEW: usize = 1_000;

/// Of many accounts those that may have something, and those that have nothing. On PostgreSQL `having` tells with one
/// statement, and most of a long list have nothing; on SQLite it would take as long as looking.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn some(
    connection: &mut AnyConnection,
    accounts: &[AccountId],
    having: impl FnOnce(&mut PgConnection, Vec<i64>) -> QueryResult<Vec<i64>>,
) -> Result<(Vec<AccountId>, Vec<AccountId>), StoreError> {
    match connection {
        AnyConnection::Postgres(postgres) if accounts.len() > FEW => {
            let ids = accounts.iter().map(|account| account.0).collect();
            let having: HashSet<i64> = having(postgres, ids)?.into_iter().collect();
            Ok(accounts.iter().partition(|account| having.contains(&account.0)))
        }
        _ => Ok((accounts.to_vec(), Vec::new())),
    }
}
