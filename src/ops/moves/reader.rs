//! What long runs read with: a connection of their own, or one of the pool's for as long as a part takes. A server has few
//! of those, and whoever held one while it waits for the writer would keep others from reading.

use crate::store::pool::{self, Pool, Pooled};
use crate::store::{AnyConnection, StoreError};

/// See the module.
pub enum Reader<'a> {
    /// The caller's own.
    Own(&'a mut AnyConnection),
    /// One of the pool's, where one is held.
    Lent(&'a Pool, Option<Pooled>),
}

impl<'a> Reader<'a> {
    /// Reads with connections of this pool.
    #[must_use]
    pub fn of(pool: &'a Pool) -> Self {
        Self::Lent(pool, None)
    }

    /// A connection to read with; the same one until [`Reader::give_back`].
    ///
    /// # Errors
    /// [`StoreError`] when none is to be had in time.
    pub fn get(&mut self) -> Result<&mut AnyConnection, StoreError> {
        match self {
            Self::Own(connection) => Ok(connection),
            Self::Lent(pool, held) => {
                let taken = match held.take() {
                    Some(taken) => taken,
                    None => pool::get(pool)?,
                };
                Ok(held.insert(taken))
            }
        }
    }

    /// Lets others have the connection meanwhile.
    pub fn give_back(&mut self) {
        if let Self::Lent(_, held) = self {
            *held = None;
        }
    }

    /// The same, for a part of a run.
    pub fn part(&mut self) -> Reader<'_> {
        self.give_back();
        match self {
            Self::Own(connection) => Reader::Own(connection),
            Self::Lent(pool, _) => Reader::Lent(pool, None),
        }
    }
}
