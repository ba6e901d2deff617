//! The rules that a vendor sets per source.

use std::collections::HashMap;
use std::sync::Arc;

use super::definition::OptionDefinition;
use super::ids::SourceId;

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

/// By what an account that was made here is found to be the one that a platform synchronizes for the first time. Its
/// ExternalID always tells; these do where the vendor says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// It has the same code.
    Code,
    /// It has the same e-mail address, whatever the case, and the same name.
    EmailAndName,
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
    /// By what accounts that were made here are adopted, besides their ExternalID.
    pub adopt: Vec<Likeness>,
    /// The synchronization options that the vendor asks for.
    pub options: Vec<OptionDefinition>,
}

impl SourcePolicy {
    /// Whether any option names a partner of the vendor's registry.
    #[must_use]
    pub fn names_partners(&self) -> bool {
        self.options.iter().any(|option| option.partner_id)
    }
}

/// The policies of all sources that are configured.
#[derive(Debug, Clone)]
pub struct Policies {
    of: HashMap<SourceId, Arc<SourcePolicy>>,
    other: Arc<SourcePolicy>,
}

impl Default for Policies {
    /// No source is configured: none asks for options, and all changes are taken.
    fn default() -> Self {
        let other = SourcePolicy {
            missing_role: MissingRole::Reject,
            reseller_change: ResellerChange::Accept,
            reseller_support: true,
            adopt: Vec::new(),
            options: Vec::new(),
        };
        Self { of: HashMap::new(), other: Arc::new(other) }
    }
}

impl Policies {
    /// The policy of a source. Accounts may be there of sources that are configured no longer, or that never called.
    #[must_use]
    pub fn of(&self, source: &SourceId) -> &Arc<SourcePolicy> {
        self.of.get(source).unwrap_or(&self.other)
    }
}

impl FromIterator<(SourceId, Arc<SourcePolicy>)> for Policies {
    fn from_iter<I: IntoIterator<Item = (SourceId, Arc<SourcePolicy>)>>(policies: I) -> Self {
        Self { of: policies.into_iter().collect(), ..Self::default() }
    }
}
