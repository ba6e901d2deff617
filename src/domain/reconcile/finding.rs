//! What is found, and what could be done about it.

use super::kind::FindingKind;
use crate::domain::account::AccountKind;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId};

/// How a reseller is named where it is not looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// By the platform's ID, within the customer's source and tenant.
    PlatformId(PlatformId),
    /// By the vendor's ID, within the customer's source and tenant.
    ExternalId(ExternalId),
}

impl Named {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::PlatformId(id) => id.as_str(),
            Self::ExternalId(id) => id.as_str(),
        }
    }
}

/// An account as their list has it, to be made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: AccountKind,
    /// Its reseller.
    pub reseller: Option<Named>,
    /// The ExternalID that the list has for it.
    pub external_id: Option<ExternalId>,
    /// Its name; empty where the list tells none.
    pub name: String,
    /// Its code; empty where the list tells none.
    pub code: String,
    /// Its e-mail address; empty where the list tells none.
    pub email: String,
    /// The option of its partner ID and the value.
    pub partner: Option<(String, String)>,
}

/// One correction of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amend {
    /// Make it as the list has it.
    Import(Box<Entry>),
    /// Give it this reseller, or none.
    Assign(Option<Named>),
    /// Make it this kind.
    SetKind(AccountKind),
    /// Set the option that names its partner, or take it away.
    SetPartner {
        /// The option.
        option: String,
        /// Its value.
        value: Option<String>,
    },
    /// Call it so.
    SetName(String),
    /// Give it this address.
    SetEmail(String),
    /// End it, which is of this kind.
    Delete(AccountKind),
    /// Bring it back.
    Revive,
    /// End the hold: what the platform reports applies.
    Release,
}

impl Amend {
    /// The name in every output.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Import(_) => "import",
            Self::Assign(_) => "assign",
            Self::SetKind(_) => "set_kind",
            Self::SetPartner { .. } => "set_partner",
            Self::SetName(_) => "set_name",
            Self::SetEmail(_) => "set_email",
            Self::Delete(_) => "delete",
            Self::Revive => "revive",
            Self::Release => "release",
        }
    }
}

/// What could be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposal {
    /// This, to this account: most often the one that the finding is about.
    Amend(AccountKey, Amend),
    /// Nothing that we could do, and why not.
    Nothing(String),
}

impl Proposal {
    pub(super) fn nothing(why: impl Into<String>) -> Self {
        Self::Nothing(why.into())
    }
}

/// One disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub kind: FindingKind,
    /// Our id of the account; none where it is missing here.
    pub account: Option<AccountId>,
    /// Its source; empty where nothing tells.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// The platform's ID; empty where the list is by other names.
    pub platform_id: String,
    /// The vendor's ID; empty where nothing tells.
    pub external_id: String,
    /// What we have; none for nothing.
    pub ours: Option<String>,
    /// What they have: the list, the platform's report or the registry; none for nothing.
    pub theirs: Option<String>,
    /// Since when it is so here, in microseconds since 1970.
    pub since: Option<i64>,
    /// The delivery that made it so here.
    pub delivery: Option<DeliveryId>,
    /// The line of their list; none where it has none.
    pub line: Option<u64>,
    /// What could be done.
    pub proposal: Proposal,
    /// All of it in a sentence.
    pub explanation: String,
}
