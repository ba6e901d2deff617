//! Erases the personal data of an account, in pieces that hold the writer for a moment only.

use thiserror::Error;

use crate::domain::account::Account;
use crate::domain::ids::AccountId;
use crate::store::audit::{self, Entry};
use crate::store::erase::{self, Erasure};
use crate::writer::{SubmitError, Writer};

/// Bodies emptied in one transaction. More would make calls wait longer.
const BODIES: i64 = 200;

/// Why an account is not erased.
#[derive(Debug, Error)]
pub enum EraseError {
    /// Nothing of this id.
    #[error("there is no account {0}; see `tiersync accounts list`")]
    NoSuchAccount(AccountId),
    /// A reseller that still has customers.
    #[error("reseller {0} still has customers; move, delete or erase them first")]
    HasCustomers(AccountId),
    /// It is not erased.
    #[error("account {0} is not erased, so there is nothing to lift")]
    NotErased(AccountId),
    /// The writer could not do it now. Erasing again goes on where it stopped.
    #[error("the erasure is not complete: {0}; run it again")]
    Write(#[from] SubmitError),
}

/// Erases an account, notes that in the audit trail and returns how many bodies were emptied. `now` is in microseconds
/// since 1970. Blocks.
///
/// # Errors
/// [`EraseError`]; an erasure that broke off may be run again.
pub fn erase(writer: &Writer, account: &Account, now: i64, entry: &Entry) -> Result<usize, EraseError> {
    let (id, entry) = (account.id, entry.clone());
    let marked = writer.work_blocking(move |connection| {
        let erasure = erase::account(connection, id, now)?;
        if erasure == Erasure::Erased {
            audit::record(connection, &entry)?;
        }
        Ok(erasure)
    });
    match marked? {
        Erasure::Erased => {}
        Erasure::NoSuchAccount => return Err(EraseError::NoSuchAccount(id)),
        Erasure::HasCustomers => return Err(EraseError::HasCustomers(id)),
    }
    let mut emptied = 0;
    loop {
        let account = account.clone();
        match writer.work_blocking(move |connection| erase::bodies_of(connection, &account, BODIES))? {
            0 => return Ok(emptied),
            some => emptied += some,
        }
    }
}

/// Lifts an erasure: calls from before it may bring the account back. Blocks.
///
/// # Errors
/// [`EraseError`].
pub fn revive(writer: &Writer, id: AccountId, entry: &Entry) -> Result<(), EraseError> {
    let (entry, at) = (entry.clone(), entry.at);
    let lifted = writer.work_blocking(move |connection| {
        let lifted = erase::lift(connection, id, at)?;
        if lifted {
            audit::record(connection, &entry)?;
        }
        Ok(lifted)
    });
    match lifted? {
        true => Ok(()),
        false => Err(EraseError::NotErased(id)),
    }
}
