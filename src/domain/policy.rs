//! The rules that a vendor sets per source.

use super::definition::OptionDefinition;

/// What to do with a call that has no `Role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingRole {
    /// Refuse it as unclassifiable.
    Reject,
    /// Take it as `User`: the older dialect has no `Role`.
    User,
}

/// What to do when a known customer gains, loses or changes its reseller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResellerChange {
    /// The platform's word holds.
    Accept,
    /// The old relation holds until an operator decides; the platform is answered 0.
    Review,
    /// Refuse the call as a conflict.
    Refuse,
}

/// The policy of one source, carried by each job.
#[derive(Debug, Clone)]
pub struct SourcePolicy {
    /// Calls without `Role`.
    pub missing_role: MissingRole,
    /// Changes of reseller.
    pub reseller_change: ResellerChange,
    /// Whether the platform sends resellers at all.
    pub reseller_support: bool,
    /// The synchronization options that the vendor asks for.
    pub options: Vec<OptionDefinition>,
}
