//! Failures on demand, at named places: what a database does once a year is tested every day.

use std::fmt;
use std::sync::Arc;

use crate::domain::call::Call;
use crate::store::StoreError;

/// Where a batch can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before its transaction begins.
    Begin,
    /// Before what it names is looked up.
    Load,
    /// Before anything is written.
    Write,
    /// Before it commits.
    Commit,
    /// Behind its commit, as if the answer of the database had been lost.
    Committed,
}

type Hook = dyn Fn(Place, &[&Call]) -> Option<StoreError> + Send + Sync;

/// Decides whether a batch fails at a place; none ever does by default.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Fails where `hook` gives an error.
    #[must_use]
    pub fn new(hook: impl Fn(Place, &[&Call]) -> Option<StoreError> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn at(&self, place: Place, calls: &[&Call]) -> Result<(), StoreError> {
        match self.0.as_ref().and_then(|hook| hook(place, calls)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(some)" } else { "Faults(none)" })
    }
}
