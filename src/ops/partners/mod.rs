//! The vendor's registry of partners: lists taken in, single partners changed, hand-overs carried out when they are due.

pub mod due;
pub mod import;
mod judge;

use thiserror::Error;

use crate::domain::ids::PartnerId;
use crate::store::audit::{self, Entry};
use crate::store::partners::change::{self, Change};
use crate::store::partners::{self, relate::Affected, relate::Became};
use crate::writer::{SubmitError, Writer};

/// Customers whose relations change in one commit, unless one partner alone has more. More would make calls wait longer.
const CUSTOMERS: i64 = 5_000;

/// What became of customers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Relations that had waited and are linked.
    pub linked: u64,
    /// Relations that went on to another partner or account.
    pub moved: u64,
    /// Relations whose partner is nobody any longer.
    pub unlinked: u64,
}

impl Moved {
    /// Counts what was touched.
    #[must_use]
    pub fn of(affected: &[Affected]) -> Self {
        let mut moved = Self::default();
        for one in affected {
            match (one.became, &one.partner) {
                (Became::Linked, _) => moved.linked += 1,
                (Became::Opened, Some(_)) => moved.moved += 1,
                (Became::Opened, None) => moved.unlinked += 1,
                (Became::Closed, _) => {}
            }
        }
        moved
    }

    fn add(&mut self, other: Self) {
        self.linked += other.linked;
        self.moved += other.moved;
        self.unlinked += other.unlinked;
    }
}

/// Why a partner is not taken away.
#[derive(Debug, Error)]
pub enum RemoveError {
    /// Nobody of this ID.
    #[error("there is no partner {0}; see `tiersync partners list`")]
    NoSuchPartner(PartnerId),
    /// Others hand over to it.
    #[error("partner {0} is the successor of {1}; give that one another successor first")]
    IsSuccessor(PartnerId, PartnerId),
    /// The writer could not do it now.
    #[error("the partner is not taken away: {0}; try again")]
    Write(#[from] SubmitError),
}

/// Takes a partner that was a mistake out of the registry: its customers wait again. Blocks.
///
/// # Errors
/// [`RemoveError`] says what stands in the way.
pub fn remove(writer: &Writer, id: &PartnerId, entry: &Entry) -> Result<Moved, RemoveError> {
    let (gone, entry) = (id.clone(), entry.clone());
    let removed = writer.work_blocking(move |connection| {
        partners::take(connection)?;
        if partners::find(connection, &gone)?.is_none() {
            return Ok(Err(None));
        }
        if let Some(predecessor) = partners::predecessor(connection, &gone)? {
            return Ok(Err(Some(predecessor)));
        }
        let affected = change::write(connection, &[Change::Remove(gone.clone())], entry.at)?;
        audit::record(connection, &entry)?;
        Ok(Ok(Moved::of(&affected)))
    });
    removed?.map_err(|stands| match stands {
        None => RemoveError::NoSuchPartner(id.clone()),
        Some(predecessor) => RemoveError::IsSuccessor(id.clone(), predecessor),
    })
}
