//! How a customer's pages look, for who sees the customer.

use super::accounts;
use crate::domain::branding::{Branding, Media};
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::store::{AnyConnection, StoreError, branding};

/// How an account's pages look; none where the account is not seen.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(connection: &mut AnyConnection, see: &Visible, account: AccountId) -> Result<Option<Branding>, StoreError> {
    if !accounts::sees(connection, see, account)? {
        return Ok(None);
    }
    branding::of(connection, account).map(Some)
}

/// The logo of an account that is seen: its media type and its bytes; none where there is none.
///
/// # Errors
/// As [`of`].
pub fn logo(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
) -> Result<Option<(Media, Vec<u8>)>, StoreError> {
    if !accounts::sees(connection, see, account)? {
        return Ok(None);
    }
    branding::logo(connection, account)
}
