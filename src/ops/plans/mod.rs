//! What resellers may sell: one list set, or many taken in at once.

pub mod import;

use serde_json::json;
use thiserror::Error;

use crate::domain::account::{AccountKind, AccountStatus};
use crate::domain::feed::plans_changed;
use crate::domain::ids::AccountId;
use crate::domain::offer::{Differences, Offer, Sheet};
use crate::domain::outcome::Code;
use crate::domain::relation::Cause;
use crate::store::audit::{self, Entry};
use crate::store::offers::{self, Listing};
use crate::store::{AnyConnection, StoreError, changes, places};

/// What is to be set of a list; none leaves it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The offers, exactly these; in order ([`crate::domain::offer::in_order`]).
    pub offers: Option<Vec<Offer>>,
    /// The directory OU; none within for none.
    pub directory_ou: Option<Option<String>>,
}

impl Wanted {
    /// The list as it is to be.
    #[must_use]
    pub fn onto(&self, before: Sheet) -> Sheet {
        Sheet {
            offers: self.offers.clone().unwrap_or(before.offers),
            directory_ou: self.directory_ou.clone().unwrap_or(before.directory_ou),
        }
    }
}

/// Why a list is not set.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SetError {
    /// It is no reseller's.
    #[error("{0}")]
    Refused(String),
    /// Somebody set it meanwhile.
    #[error("What the reseller may sell was changed meanwhile. Look at it again, then decide.")]
    Changed,
}

impl SetError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(_) => Code::RuleBroken,
            Self::Changed => Code::Conflict,
        }
    }
}

/// Why an account of this kind and state has no list; none where it has one.
#[must_use]
pub fn refusal(place: Option<(AccountKind, AccountStatus)>) -> Option<&'static str> {
    match place {
        Some((AccountKind::Reseller, AccountStatus::Active)) => None,
        Some((AccountKind::Reseller, AccountStatus::Deleted)) => {
            Some("This reseller is deleted. Bring it back first, then say what it may sell.")
        }
        Some(_) => {
            Some("Only resellers have plans, and this account is a customer. Promote it first, or name another.")
        }
        None => Some("This account is not known. Import it or have it synchronized first."),
    }
}

/// Sets a list, within a write transaction that has read no places yet. `expect` is the revision that it must still
/// have. What is so already is not set again.
///
/// # Errors
/// [`StoreError`] of the first statement that fails; within, why it is refused.
pub fn set(
    connection: &mut AnyConnection,
    account: AccountId,
    wanted: &Wanted,
    expect: Option<i64>,
    entry: &Entry,
) -> Result<Result<Differences, SetError>, StoreError> {
    places::take_alone(connection)?;
    if let Some(why) = refusal(offers::place(connection, account)?) {
        return Ok(Err(SetError::Refused(why.to_owned())));
    }
    let before = offers::listing(connection, account)?;
    if expect.is_some_and(|expected| expected != before.seller.offers.revision) {
        return Ok(Err(SetError::Changed));
    }
    let sheet = wanted.onto(before.sheet());
    let differences = sheet.differences(&before.sheet());
    if differences.is_empty() {
        return Ok(Ok(differences));
    }
    let revision = offers::write(connection, account, &before, &sheet, before.promoted_at, entry.at)?;
    let detail = json!({
        "revision": revision,
        "added": differences.added,
        "changed": differences.changed,
        "removed": differences.removed,
        "fields": differences.names(),
    });
    audit::record(connection, &Entry { detail: detail.to_string(), ..entry.clone() })?;
    // Last: on PostgreSQL no other receiver gets a position from here to the commit.
    changes::append(connection, entry.at, &[plans_changed(account, &differences, Cause::Move)])?;
    Ok(Ok(differences))
}

/// Whether a list says nothing, as one that was never set.
#[must_use]
pub fn is_blank(listing: &Listing) -> bool {
    listing.sheet() == Sheet::default()
}
