//! A call as the planner sees it: authenticated, parsed, with its time, but not yet judged.

use std::sync::Arc;

use super::account::{Address, Contact, Profile};
use super::classify::Role;
use super::ids::{AccountKey, DeliveryId, ExternalId, PlatformId, Scope};
use super::options::OptionSet;
use super::outcome::Code;
use super::service::order::{Order, Verb};

/// The endpoints whose calls are deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// `Accounts/Synchronize`.
    Synchronize,
    /// `Accounts/Exists`.
    Exists,
    /// `Accounts/Delete`.
    Delete,
    /// `Accounts/IsReseller`.
    IsReseller,
    /// `Fields/Validate`.
    ValidateFields,
    /// `Subscriptions/…` and `Addons/…`.
    Service(Verb),
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Synchronize,
        Self::Exists,
        Self::Delete,
        Self::IsReseller,
        Self::ValidateFields,
        Self::Service(Verb::Create),
        Self::Service(Verb::Update),
        Self::Service(Verb::Cancel),
        Self::Service(Verb::Suspend),
        Self::Service(Verb::Activate),
        Self::Service(Verb::UpgradeToPaid),
        Self::Service(Verb::CreateAddOns),
        Self::Service(Verb::UpdateAddOns),
        Self::Service(Verb::CancelAddOns),
    ];

    /// The name in database, metrics and logs: the protocol's path.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synchronize => "Accounts/Synchronize",
            Self::Exists => "Accounts/Exists",
            Self::Delete => "Accounts/Delete",
            Self::IsReseller => "Accounts/IsReseller",
            Self::ValidateFields => "Fields/Validate",
            Self::Service(verb) => verb.as_str(),
        }
    }

    /// Whether its calls may write anything but their delivery.
    #[must_use]
    pub fn writes(self) -> bool {
        matches!(self, Self::Synchronize | Self::Delete | Self::Service(_))
    }

    /// Whether it is about a service.
    #[must_use]
    pub fn is_of_services(self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|endpoint| endpoint.as_str() == name)
    }
}

/// What was said in a field that may be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<T> {
    /// The field is absent.
    Absent,
    /// Null or empty: "none".
    Nothing,
    /// A value.
    Value(T),
}

/// Fields of an account that a call submits; none leaves a field as it is, empty text clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own (protocol.md, "The account").
pub struct ProfilePatch {
    pub name: Option<String>,
    pub code: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub fax: Option<String>,
    pub website: Option<String>,
    pub description: Option<String>,
    pub is_test: Option<bool>,
    pub contact: ContactPatch,
    pub address: AddressPatch,
    /// The whole map as canonical JSON, empty text for `{}`.
    pub extra_details: Option<String>,
}

/// As [`ProfilePatch`], for the primary contact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct ContactPatch {
    pub id: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub phone: Option<String>,
    pub fax: Option<String>,
    pub email: Option<String>,
}

/// As [`ProfilePatch`], for the postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct AddressPatch {
    pub address1: Option<String>,
    pub address2: Option<String>,
    pub city: Option<String>,
    pub post_code: Option<String>,
    pub state_code: Option<String>,
    pub state_name: Option<String>,
    pub country_code: Option<String>,
    pub country_name: Option<String>,
}

fn patch(field: &mut String, submitted: &Option<String>) {
    if let Some(text) = submitted {
        field.clone_from(text);
    }
}

impl ProfilePatch {
    /// The profile after this call: the same one where nothing of it changes.
    #[must_use]
    pub fn applied(&self, profile: Arc<Profile>) -> Arc<Profile> {
        let mut after = Profile::clone(&profile);
        self.apply_to(&mut after);
        if after == *profile { profile } else { Arc::new(after) }
    }

    fn apply_to(&self, profile: &mut Profile) {
        patch(&mut profile.name, &self.name);
        patch(&mut profile.code, &self.code);
        patch(&mut profile.email, &self.email);
        patch(&mut profile.phone, &self.phone);
        patch(&mut profile.fax, &self.fax);
        patch(&mut profile.website, &self.website);
        patch(&mut profile.description, &self.description);
        patch(&mut profile.extra_details, &self.extra_details);
        if let Some(is_test) = self.is_test {
            profile.is_test = is_test;
        }
        self.contact.apply_to(&mut profile.contact);
        self.address.apply_to(&mut profile.address);
    }
}

impl ContactPatch {
    fn apply_to(&self, contact: &mut Contact) {
        patch(&mut contact.id, &self.id);
        patch(&mut contact.first_name, &self.first_name);
        patch(&mut contact.last_name, &self.last_name);
        patch(&mut contact.phone, &self.phone);
        patch(&mut contact.fax, &self.fax);
        patch(&mut contact.email, &self.email);
    }
}

impl AddressPatch {
    fn apply_to(&self, address: &mut Address) {
        patch(&mut address.address1, &self.address1);
        patch(&mut address.address2, &self.address2);
        patch(&mut address.city, &self.city);
        patch(&mut address.post_code, &self.post_code);
        patch(&mut address.state_code, &self.state_code);
        patch(&mut address.state_name, &self.state_name);
        patch(&mut address.country_code, &self.country_code);
        patch(&mut address.country_name, &self.country_name);
    }
}

/// What a Synchronize submits.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The account.
    pub id: PlatformId,
    /// `Role`.
    pub role: Role,
    /// `ResellerID`.
    pub reseller_id: Said<PlatformId>,
    /// `ExternalID`; an empty one says nothing.
    pub external_id: Option<ExternalId>,
    /// `ResellerExternalID`; absence leaves what was named before.
    pub reseller_external_id: Said<ExternalId>,
    /// Everything that describes the account.
    pub profile: ProfilePatch,
    /// The whole set of options; none leaves the stored set.
    pub options: Option<OptionSet>,
}

/// What a call wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// It could not be read: refused before anything is looked up.
    Refused {
        /// Why.
        code: Code,
        /// Why, in words.
        message: String,
        /// Whether the body is no JSON at all, which is answered 400.
        not_json: bool,
        /// The account that it names, where that much could be read.
        platform_id: Option<PlatformId>,
    },
    /// Create or update an account.
    Synchronize(Box<Submitted>),
    /// End an account.
    Delete {
        /// The account.
        id: PlatformId,
        /// `ExternalID` as sent, which the answer repeats.
        external_id: Option<ExternalId>,
    },
    /// Ask whether an account exists.
    Exists {
        /// The account.
        id: PlatformId,
    },
    /// Ask whether an account is a reseller.
    IsReseller {
        /// The account.
        id: PlatformId,
    },
    /// Order something of a service, with the account that it is for.
    Service(Box<Order>),
    /// Settings were validated; the complaints as a JSON list.
    Validated {
        /// The answer.
        complaints: String,
    },
}

/// An id that a valid signature covers: remembered for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedId(pub Arc<str>);

/// Why a call that is in the ledger already is run once more, under the rules of today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// Its delivery.
    pub original: DeliveryId,
    /// The case of the quarantine that it belongs to, and the code answered then.
    pub case: Option<(DeliveryId, i32)>,
    /// Whether an operator takes a change of reseller over that was held back, so that what the account shows at the
    /// same second does not make it stale.
    pub accept: bool,
}

/// What the ledger keeps of the request itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The path as it came, without the query.
    pub path: String,
    /// `X-CloudPlatform-TrackId`.
    pub track_id: Option<String>,
    /// The headers that matter, as one JSON object, secrets left out.
    pub headers: String,
    /// The body as stored: redacted.
    pub body: Vec<u8>,
    /// SHA-256 of that.
    pub digest: [u8; 32],
}

/// One authenticated call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Whose IDs these are.
    pub scope: Scope,
    /// Where it came in.
    pub endpoint: Endpoint,
    /// `checkonly`: nothing but the delivery may be written.
    pub check_only: bool,
    /// Signed with a replay secret: it may be late.
    pub replayed: bool,
    /// When what it says happened, in whole seconds since 1970.
    pub event_second: i64,
    /// When it came, in microseconds since 1970.
    pub received_at: i64,
    /// Its id, if a valid signature covers one.
    pub signed_id: Option<SignedId>,
    /// What it wants.
    pub intent: Intent,
    /// What the ledger keeps of it.
    pub request: Request,
    /// Why it is run once more; none for a call that came in.
    pub again: Option<Again>,
}

impl Call {
    /// The platform ID that the call is about, where one could be read.
    #[must_use]
    pub fn platform_id(&self) -> Option<&PlatformId> {
        match &self.intent {
            Intent::Refused { platform_id, .. } => platform_id.as_ref(),
            Intent::Synchronize(submitted) => Some(&submitted.id),
            Intent::Service(order) => Some(&order.account.id),
            Intent::Delete { id, .. } | Intent::Exists { id } | Intent::IsReseller { id } => Some(id),
            Intent::Validated { .. } => None,
        }
    }

    /// The account that it submits, if any.
    #[must_use]
    pub fn submitted(&self) -> Option<&Submitted> {
        match &self.intent {
            Intent::Synchronize(submitted) => Some(submitted),
            Intent::Service(order) => Some(&order.account),
            Intent::Refused { .. }
            | Intent::Delete { .. }
            | Intent::Exists { .. }
            | Intent::IsReseller { .. }
            | Intent::Validated { .. } => None,
        }
    }

    /// The account of this ID within the call's source and tenant.
    #[must_use]
    pub fn key(&self, id: &PlatformId) -> AccountKey {
        AccountKey { scope: self.scope.clone(), platform_id: id.clone() }
    }
}
