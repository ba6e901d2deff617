//! What a run looks for, and when.

use super::kind::Kinds;
use crate::domain::ids::{SourceId, Tenant};

/// The rules of a run.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What is looked for.
    pub kinds: Kinds,
    /// Whether an ExternalID counts as different because the platform reports another, whatever a list says.
    pub self_check: bool,
    /// The time that ages are counted to, in microseconds since 1970.
    pub now: i64,
    /// How long a customer may wait for its reseller, in microseconds.
    pub pending_after: i64,
    /// The source of an account that is missing here, where its line tells none.
    pub source: Option<SourceId>,
    /// The tenant of an account that is missing here, where its line tells none.
    pub tenant: Tenant,
    /// The synchronization option that names a customer's partner.
    pub partner_option: Option<String>,
}

/// How a partner stands in the vendor's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerState {
    /// In business.
    Active,
    /// Suspended since then, in microseconds since 1970; none where the registry tells no date.
    Suspended(Option<i64>),
    /// Ended then, in microseconds since 1970, without a successor.
    Ended(Option<i64>),
}

/// A partner of the vendor's registry, as its ID, an alias or a predecessor's ID finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The ID that it has now: of two names of one partner both stand for this.
    pub id: String,
    /// How it stands.
    pub state: PartnerState,
}

/// Looks a partner up by any ID; none for one that the registry does not know.
pub type Registry<'a, E> = dyn FnMut(&str) -> Result<Option<Standing>, E> + 'a;
