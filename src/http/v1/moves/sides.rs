//! Who stands on which side of a move: a provider_admin decides, and so does whoever has both sides; one side asks the
//! other.
//!
//! The side that somebody does not see is named by its ExternalID, which its own side knows and nobody guesses: ids count
//! up. What such a name means is all that is read of what is not seen.

use super::super::accounts::one;
use super::super::problem::Problem;
use crate::domain::account::Account;
use crate::domain::moves::Side;
use crate::domain::operator::Visible;
use crate::store::AnyConnection;
use crate::store::accounts::AccountFilter;
use crate::store::seen::accounts;

/// What the caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Make the move.
    Commit,
    /// Ask the other side for it, from this one.
    Request(Side),
}

/// The two accounts that a move names.
pub struct Sides {
    /// Who is moved.
    pub customer: Account,
    /// To whom; none for a customer of nobody.
    pub reseller: Option<Account>,
    /// What the caller may do.
    pub may: May,
}

/// The account of this ExternalID that is on the side which the caller does not see.
fn unseen(connection: &mut AnyConnection, external_id: &str) -> Result<Option<Account>, Problem> {
    let filter = AccountFilter { external_id: Some(external_id.to_owned()), ..AccountFilter::default() };
    let mut found = accounts::list(connection, &Visible::All, &filter, None, 2)?.items;
    match (found.pop(), found.pop()) {
        (one, None) => Ok(one.map(|listed| listed.account)),
        (_, Some(_)) => Ok(None),
    }
}

/// Whether a customer is theirs by the platform's word or an act, and not only seen since its partner is.
fn is_theirs(see: &Visible, customer: &Account) -> bool {
    match see {
        Visible::All => true,
        Visible::Resellers(own) => {
            let held = customer.reseller.as_ref().and_then(|held| held.reseller_account);
            // What is no customer at all is refused with a reason of its own.
            held.is_some_and(|id| own.contains(&id)) || own.contains(&customer.id)
        }
    }
}

fn no_reseller() -> Problem {
    Problem::BadRequest(
        "No account has the reseller's id or ExternalID. One that you do not see is named by its ExternalID."
            .to_owned(),
    )
}

/// Finds both.
///
/// # Errors
/// [`Problem`] where one is not there, or the caller is on neither side.
pub fn of(
    connection: &mut AnyConnection,
    see: &Visible,
    customer: &str,
    reseller: Option<&str>,
) -> Result<Sides, Problem> {
    let ours = one(connection, see, customer)?.map(|listed| listed.account);
    let theirs = match reseller {
        Some(name) => one(connection, see, name)?.map(|listed| listed.account),
        None => None,
    };
    let all = *see == Visible::All;
    match (ours, reseller, theirs) {
        (Some(customer), None, _) if all => Ok(Sides { customer, reseller: None, may: May::Commit }),
        (Some(_), None, _) => {
            Err(Problem::Conflict("Only a provider_admin leaves a customer without a reseller. (1006)".to_owned()))
        }
        (Some(customer), Some(_), Some(reseller)) if is_theirs(see, &customer) => {
            Ok(Sides { customer, reseller: Some(reseller), may: May::Commit })
        }
        (Some(_), Some(_), Some(_)) => Err(Problem::Conflict(
            "The platform names no reseller of yours for this customer. A provider_admin moves it. (1006)".to_owned(),
        )),
        (Some(_), Some(_), None) if all => Err(no_reseller()),
        (Some(customer), Some(name), None) => {
            let reseller = unseen(connection, name)?.ok_or_else(no_reseller)?;
            Ok(Sides { customer, reseller: Some(reseller), may: May::Request(Side::From) })
        }
        (None, Some(_), Some(reseller)) if !all => {
            let customer = unseen(connection, customer)?.ok_or(Problem::NotFound)?;
            Ok(Sides { customer, reseller: Some(reseller), may: May::Request(Side::To) })
        }
        (None, _, _) => Err(Problem::NotFound),
    }
}
