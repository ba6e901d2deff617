//! Finds an account by any of its names: our id, its ExternalID, the platform's ID, or the ID that it had here before a
//! platform synchronized it.

use thiserror::Error;

use crate::domain::ids::AccountId;
use crate::store::accounts::{self, AccountFilter, Listed};
use crate::store::{AnyConnection, StoreError, aliases};

/// Most accounts of one name that are looked at: more than one is one too many.
const SOME: i64 = 10;

/// Why no single account is found.
#[derive(Debug, Error)]
pub enum FindError {
    /// Nobody is called so.
    #[error("no account is called {0}")]
    Nobody(String),
    /// Several are.
    #[error("{several} accounts are called {name}")]
    Several {
        /// What they are called.
        name: String,
        /// How many, up to a bound.
        several: usize,
    },
    /// The database cannot tell.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds one account, within a source and a tenant where those are given.
///
/// # Errors
/// [`FindError`].
pub fn account(
    connection: &mut AnyConnection,
    name: &str,
    source: Option<&str>,
    tenant: Option<&str>,
) -> Result<Listed, FindError> {
    let base = AccountFilter {
        source: source.map(str::to_owned),
        tenant: tenant.map(str::to_owned),
        ..AccountFilter::default()
    };
    let mut found = Vec::new();
    if let Some(id) = AccountId::parse(name) {
        let page = accounts::list(connection, &base, Some(AccountId(id.0 - 1)), 1)?;
        found.extend(page.into_iter().filter(|listed| listed.account.id == id));
    }
    let by_external_id = AccountFilter { external_id: Some(name.to_owned()), ..base.clone() };
    let by_platform_id = AccountFilter { platform_id: Some(name.to_owned()), ..base };
    for filter in [by_external_id, by_platform_id] {
        found.extend(accounts::list(connection, &filter, None, SOME)?);
    }
    if found.is_empty() {
        // What it was called before a platform synchronized it.
        for id in aliases::called(connection, name, source, tenant, SOME)? {
            found.extend(accounts::list(connection, &AccountFilter::default(), Some(AccountId(id.0 - 1)), 1)?);
        }
    }
    found.sort_by_key(|listed| listed.account.id);
    found.dedup_by_key(|listed| listed.account.id);
    let several = found.len();
    match (found.pop(), several) {
        (Some(one), 1) => Ok(one),
        (Some(_), several) => Err(FindError::Several { name: name.to_owned(), several }),
        (None, _) => Err(FindError::Nobody(name.to_owned())),
    }
}
