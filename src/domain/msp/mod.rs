//! What managed service providers and their clients say of partners and tenants, as ExtremeCloud's table of attributes
//! bounds it. A partner is a reseller here, a tenant any other account.

mod country;
mod email;
mod entitlement;
mod ids;
mod text;

pub use country::Country;
pub use email::{contact_email, user_id};
pub use entitlement::{Entitlement, MAX_ENTITLEMENTS};
pub use ids::{MspId, Named, PARTNER, TENANT, derived_msp_id, is_account_form, shown};
pub use text::{account_name, contact_name, phone};

use super::ids::{SourceId, Tenant};

/// Most tenants of one partner's list: they are assigned in one transaction, and every call waits behind it.
pub const MAX_TENANTS: usize = 50_000;

/// Whose accounts are seen: those of a platform's tenant, and those that were made here for the same tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The sources.
    pub sources: Vec<SourceId>,
    /// The tenant of both.
    pub tenant: Tenant,
}

/// Why something is not taken, in words that go on behind the name of its attribute, without a full stop.
pub type Complaint = String;
