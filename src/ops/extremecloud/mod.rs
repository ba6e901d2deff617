//! Partners and tenants for clients of the ExtremeCloud dialect: shown, named, changed.

pub mod change;
pub mod list;
pub mod names;
pub mod resolve;

use thiserror::Error;

use crate::domain::msp::shown;
use crate::store::seen::msp::{self, Brief};
use crate::store::{AnyConnection, StoreError};

/// Accounts of one page: each is written as it is read.
const PAGE: i64 = 500;

/// Why something is not shown.
#[derive(Debug, Error)]
pub enum ShowError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is shown cannot be written down.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// The IDs under which accounts are shown, in their order.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn ids(connection: &mut AnyConnection, accounts: &[Brief]) -> Result<Vec<String>, StoreError> {
    let all: Vec<_> = accounts.iter().map(|one| one.id).collect();
    let aliases = msp::aliases(connection, &all)?;
    let id = |one: &Brief| {
        let before = aliases.get(&one.id).into_iter().flatten().map(String::as_str);
        shown(one.id, one.kind, std::iter::once(one.key.platform_id.as_str()).chain(before))
    };
    Ok(accounts.iter().map(id).collect())
}
