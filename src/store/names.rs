//! Single accounts by one of their names.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::accounts;
use crate::domain::account::AccountKind;
use crate::domain::ids::{AccountKey, ExternalId, PlatformId, Scope};

/// How the platform calls the account that has this ExternalID.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn platform_id(
    connection: &mut AnyConnection,
    scope: &Scope,
    external_id: &ExternalId,
) -> Result<Option<PlatformId>, StoreError> {
    let found: Option<String> = accounts::table
        .filter(accounts::external_id.eq(external_id.as_str()))
        .filter(accounts::source.eq(scope.source.as_str()))
        .filter(accounts::tenant.eq(scope.tenant.as_str()))
        .select(accounts::platform_id)
        .first(connection)
        .optional()?;
    Ok(found.as_deref().map(PlatformId::stored))
}

fn column<T>(
    connection: &mut AnyConnection,
    key: &AccountKey,
    read: impl FnOnce(String, i64, String) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let found: Option<(String, i64, String)> = accounts::table
        .filter(accounts::platform_id.eq(key.platform_id.as_str()))
        .filter(accounts::source.eq(key.scope.source.as_str()))
        .filter(accounts::tenant.eq(key.scope.tenant.as_str()))
        .select((accounts::kind, accounts::revision, accounts::name))
        .first(connection)
        .optional()?;
    found.map(|(kind, revision, name)| read(kind, revision, name)).transpose()
}

/// Whether there is such an account, alive or not.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn is_there(connection: &mut AnyConnection, key: &AccountKey) -> Result<bool, StoreError> {
    Ok(column(connection, key, |_, _, _| Ok(()))?.is_some())
}

/// What it is; none for one that is not there.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn kind(connection: &mut AnyConnection, key: &AccountKey) -> Result<Option<AccountKind>, StoreError> {
    let read =
        |kind: String, _, _| AccountKind::parse(&kind).ok_or_else(|| StoreError::corrupt("accounts.kind", &kind));
    column(connection, key, read)
}

/// Its revision; none for one that is not there.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn revision(connection: &mut AnyConnection, key: &AccountKey) -> Result<Option<i64>, StoreError> {
    column(connection, key, |_, revision, _| Ok(revision))
}

/// Its name; none for one that is not there.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn name(connection: &mut AnyConnection, key: &AccountKey) -> Result<Option<String>, StoreError> {
    column(connection, key, |_, _, name| Ok(name))
}
