//! What a platform orders of a service, and what an operator does to one.

use super::{Service, ServiceKind, Transfer};
use crate::domain::call::Submitted;
use crate::domain::ids::{ExternalId, PlatformId};

/// What is ordered: the endpoints of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// `Subscriptions/Create`.
    Create,
    /// `Subscriptions/Update`.
    Update,
    /// `Subscriptions/Cancel`.
    Cancel,
    /// `Subscriptions/Suspend`.
    Suspend,
    /// `Subscriptions/Activate`.
    Activate,
    /// `Subscriptions/UpgradeToPaid`.
    UpgradeToPaid,
    /// `Addons/Create`.
    CreateAddOns,
    /// `Addons/Update`.
    UpdateAddOns,
    /// `Addons/Cancel`.
    CancelAddOns,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Create,
        Self::Update,
        Self::Cancel,
        Self::Suspend,
        Self::Activate,
        Self::UpgradeToPaid,
        Self::CreateAddOns,
        Self::UpdateAddOns,
        Self::CancelAddOns,
    ];

    /// The protocol's path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Subscriptions/Create",
            Self::Update => "Subscriptions/Update",
            Self::Cancel => "Subscriptions/Cancel",
            Self::Suspend => "Subscriptions/Suspend",
            Self::Activate => "Subscriptions/Activate",
            Self::UpgradeToPaid => "Subscriptions/UpgradeToPaid",
            Self::CreateAddOns => "Addons/Create",
            Self::UpdateAddOns => "Addons/Update",
            Self::CancelAddOns => "Addons/Cancel",
        }
    }

    /// Whether it only takes something away. Such an order brings no deleted account back.
    #[must_use]
    pub fn withdraws(self) -> bool {
        matches!(self, Self::Cancel | Self::Suspend | Self::CancelAddOns)
    }

    /// Whether it is about add-ons alone.
    #[must_use]
    pub fn is_of_add_ons(self) -> bool {
        matches!(self, Self::CreateAddOns | Self::UpdateAddOns | Self::CancelAddOns)
    }
}

/// Fields of a service that are submitted; none leaves a field as it is, empty text clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of `Service`.
pub struct ServicePatch {
    pub kind: Option<ServiceKind>,
    pub service: Option<String>,
    pub name: Option<String>,
    pub plan: Option<String>,
    pub location: Option<String>,
    pub quantity: Option<i64>,
    pub trial: Option<bool>,
    /// The whole object as canonical JSON, empty text for `{}`.
    pub attributes: Option<String>,
    /// None within ends the transfer.
    pub transfer: Option<Option<Transfer>>,
    /// None within takes it away.
    pub expires_at: Option<Option<i64>>,
}

fn patch<T: Clone>(field: &mut T, submitted: Option<&T>) {
    if let Some(value) = submitted {
        field.clone_from(value);
    }
}

impl ServicePatch {
    /// Makes a service what this says.
    pub fn apply_to(&self, service: &mut Service) {
        patch(&mut service.kind, self.kind.as_ref());
        patch(&mut service.service, self.service.as_ref());
        patch(&mut service.name, self.name.as_ref());
        patch(&mut service.plan, self.plan.as_ref());
        patch(&mut service.location, self.location.as_ref());
        patch(&mut service.quantity, self.quantity.as_ref());
        patch(&mut service.trial, self.trial.as_ref());
        patch(&mut service.attributes, self.attributes.as_ref());
        patch(&mut service.transfer, self.transfer.as_ref());
        patch(&mut service.expires_at, self.expires_at.as_ref());
    }
}

/// An add-on that an order names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddOn {
    /// Our ExternalID of it, or the platform's own ID, as sent in `ID`.
    pub id: Option<ExternalId>,
    /// What describes it; its plan tells it from the others where it has no ID.
    pub patch: ServicePatch,
    /// `ActionType` is `None`: it is only listed and stays as it is.
    pub listed_only: bool,
}

/// An order of the platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What is ordered.
    pub verb: Verb,
    /// The account, to be synchronized in the same commit.
    pub account: Submitted,
    /// `ID`: the ExternalID of the subscription, once the platform has it.
    pub id: Option<ExternalId>,
    /// `SubscriptionID`: the platform's own, where it sends it.
    pub platform_id: Option<PlatformId>,
    /// What describes the subscription.
    pub patch: ServicePatch,
    /// The add-ons that it names.
    pub add_ons: Vec<AddOn>,
}
