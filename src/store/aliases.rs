//! What accounts that were made here were called before a platform synchronized them.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{account_aliases, accounts};
use crate::domain::ids::{AccountKey, PlatformId, Scope, SourceId, Tenant};

/// What the account is called now that was called this before; none where nobody was.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn of(connection: &mut AnyConnection, key: &AccountKey) -> Result<Option<AccountKey>, StoreError> {
    let row: Option<(String, String, String)> = account_aliases::table
        .inner_join(accounts::table.on(accounts::id.eq(account_aliases::account_id)))
        .filter(account_aliases::source.eq(key.scope.source.as_str().to_owned()))
        .filter(account_aliases::tenant.eq(key.scope.tenant.as_str().to_owned()))
        .filter(account_aliases::platform_id.eq(key.platform_id.as_str().to_owned()))
        .select((accounts::source, accounts::tenant, accounts::platform_id))
        .load(connection)?
        .pop();
    Ok(row.map(|(source, tenant, platform_id)| AccountKey {
        scope: Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) },
        platform_id: PlatformId::stored(&platform_id),
    }))
}
