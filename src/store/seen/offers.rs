//! What resellers may sell, as an operator sees it: its own resellers' alone, since another's list is that one's price
//! list.

use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::store::offers::{self, Listing};
use crate::store::{AnyConnection, StoreError};

/// The list of an account; none where it is not for this operator to see.
///
/// # Errors
/// As [`offers::listing`].
pub fn listing(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
) -> Result<Option<Listing>, StoreError> {
    match see {
        Visible::Resellers(resellers) if !resellers.contains(&account) => Ok(None),
        Visible::All | Visible::Resellers(_) => Ok(Some(offers::listing(connection, account)?)),
    }
}
