//! What is kept about an account, for who sees the account.

use super::accounts;
use crate::domain::dossier::Dossier;
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::store::{AnyConnection, StoreError, dossiers};

/// What is kept about an account; none where it is not seen.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(connection: &mut AnyConnection, see: &Visible, account: AccountId) -> Result<Option<Dossier>, StoreError> {
    if !accounts::sees(connection, see, account)? {
        return Ok(None);
    }
    dossiers::of(connection, account).map(Some)
}
