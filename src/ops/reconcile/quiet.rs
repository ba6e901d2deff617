//! Which findings somebody knows of.

use std::collections::HashSet;

use crate::domain::reconcile::Fingerprint;
use crate::store::{AnyConnection, StoreError, acknowledgements};

/// Most that are kept in memory: some 16 MiB. Where there are more, each finding is looked up.
const MOST: i64 = 500_000;

/// The acknowledged findings as they were at the beginning of a run.
#[derive(Debug)]
pub struct Quiet(Option<HashSet<Fingerprint>>);

impl Quiet {
    /// Reads them.
    ///
    /// # Errors
    /// [`StoreError`] when the statement fails.
    pub fn read(connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let all = acknowledgements::fingerprints(connection, MOST + 1)?;
        let few = i64::try_from(all.len()).is_ok_and(|count| count <= MOST);
        Ok(Self(few.then(|| all.into_iter().collect())))
    }

    /// Whether somebody knows of this one.
    ///
    /// # Errors
    /// [`StoreError`] when a look-up fails.
    pub fn has(&self, connection: &mut AnyConnection, one: Fingerprint) -> Result<bool, StoreError> {
        match &self.0 {
            Some(all) => Ok(all.contains(&one)),
            None => Ok(!acknowledgements::of(connection, &[one])?.is_empty()),
        }
    }
}
