//! An account as it is held, and what the platform last said about it.

use std::sync::Arc;

use super::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId};
use super::options::OptionSet;
use super::relation::{Axis, Relation};
use super::world::NamedReseller;

/// What an account is in the hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccountKind {
    /// Sells to end customers.
    Reseller,
    /// End customer of a reseller.
    ResellerCustomer,
    /// Buys without a reseller.
    DirectCustomer,
}

impl AccountKind {
    /// All kinds, in the order in which they are counted.
    pub const ALL: [Self; 3] = [Self::Reseller, Self::ResellerCustomer, Self::DirectCustomer];

    /// The name in database, API and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reseller => "reseller",
            Self::ResellerCustomer => "reseller_customer",
            Self::DirectCustomer => "direct_customer",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Whether an account is alive. Rows are never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountStatus {
    /// In use.
    Active,
    /// Ended by `Delete`; a later Synchronize revives it.
    Deleted,
}

impl AccountStatus {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Deleted].into_iter().find(|status| status.as_str() == name)
    }
}

/// What an account may do, as an operator set it. Platforms never say it, so no call changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Everything.
    #[default]
    Enabled,
    /// Nothing is ordered for it.
    Disabled,
    /// Marked as fraud: nothing is ordered for it.
    Fraud,
    /// A reseller that gets no new customers; those that it has go on.
    Frozen,
}

impl Standing {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Enabled, Self::Disabled, Self::Fraud, Self::Frozen];

    /// The name in database, API and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Fraud => "fraud",
            Self::Frozen => "frozen",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.as_str() == name)
    }

    /// Why nothing may be ordered for the account, in a sentence for whoever orders; none where it may.
    #[must_use]
    pub fn refuses_orders(self) -> Option<&'static str> {
        match self {
            Self::Enabled | Self::Frozen => None,
            Self::Disabled => Some(
                "This account is disabled at the vendor, so nothing can be ordered for it. Ask the vendor to enable it, \
                 then order again.",
            ),
            Self::Fraud => Some(
                "This account is marked as fraud at the vendor, so nothing can be ordered for it. Ask the vendor to \
                 clear it, then order again.",
            ),
        }
    }

    /// Why the account, as a reseller, gets no new customer, in a sentence for whoever sends one; none where it does.
    #[must_use]
    pub fn refuses_customers(self) -> Option<&'static str> {
        match self {
            Self::Enabled | Self::Disabled | Self::Fraud => None,
            Self::Frozen => Some(
                "The reseller is frozen at the vendor and takes no new customers. Ask the vendor to enable it, or name \
                 another reseller.",
            ),
        }
    }
}

/// The primary contact. Empty text is "none".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own (protocol.md, "The account").
pub struct Contact {
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub fax: String,
    pub email: String,
}

/// The postal address. Empty text is "none"; an end customer's may be empty altogether.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own (protocol.md, "The account").
pub struct Address {
    pub address1: String,
    pub address2: String,
    pub city: String,
    pub post_code: String,
    pub state_code: String,
    pub state_name: String,
    pub country_code: String,
    pub country_name: String,
}

/// What describes an account and decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own (protocol.md, "The account").
pub struct Profile {
    pub name: String,
    pub code: String,
    pub email: String,
    pub phone: String,
    pub fax: String,
    pub website: String,
    pub description: String,
    pub is_test: bool,
    pub contact: Contact,
    pub address: Address,
    /// The map `ExtraDetails` as one canonical JSON object; empty text for an empty map.
    pub extra_details: String,
}

/// What the platform last said of an account's place; "none" is a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The kind that its words make.
    pub kind: AccountKind,
    /// The `ResellerID` of a reseller's customer.
    pub reseller: Option<PlatformId>,
}

/// Why what is held may differ from what the platform reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// An operator moved, promoted or assigned the account; it holds until the platform reports something else than it
    /// had reported then, which is what `reported` still says.
    Operator,
    /// The source's `reseller_change = "review"`: a reported change waits for an operator.
    Review,
}

impl Hold {
    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Review => "review",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Operator, Self::Review].into_iter().find(|hold| hold.as_str() == name)
    }
}

/// When what an account shows happened, and whether a live call said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventStamp {
    /// Whole seconds since 1970, UTC.
    pub second: i64,
    /// False when it came from a call under a replay secret.
    pub live: bool,
}

/// Where the last stored body of an account is, so that the same one is not stored twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyRef {
    /// The delivery that carries it.
    pub delivery: DeliveryId,
    /// SHA-256 of the redacted body.
    pub digest: [u8; 32],
}

/// An account as it is held.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Our id.
    pub id: AccountId,
    /// Source, tenant and platform ID.
    pub key: AccountKey,
    /// The vendor's ID; never changes.
    pub external_id: ExternalId,
    /// What it is.
    pub kind: AccountKind,
    /// Alive or ended.
    pub status: AccountStatus,
    /// What it may do.
    pub standing: Standing,
    /// What describes it; shared, since most versions of an account differ in something else.
    pub profile: Arc<Profile>,
    /// The whole set of synchronization options.
    pub options: OptionSet,
    /// What the platform last said; none for an account it never sent.
    pub reported: Option<Report>,
    /// The ExternalID that the platform sent and that is not ours; none while they agree.
    pub reported_external_id: Option<ExternalId>,
    /// Why kind and reseller may differ from `reported`.
    pub hold: Option<Hold>,
    /// The open relation to a reseller.
    pub reseller: Option<Relation>,
    /// The open relation to a partner of the vendor's registry.
    pub partner: Option<Relation>,
    /// When what it shows happened.
    pub event: EventStamp,
    /// Microseconds since 1970 at which we first heard of it.
    pub first_seen: i64,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// The delivery that made what it shows.
    pub last_delivery: Option<DeliveryId>,
    /// Its last stored body.
    pub body: Option<BodyRef>,
    /// Whether refused calls about it may still be open cases of the quarantine.
    pub open_cases: bool,
    /// When its personal data was erased, in whole seconds since 1970; replayed calls that are not newer are stale.
    pub erased_second: Option<i64>,
}

impl Account {
    /// A new account of which nobody has said anything yet. `first_seen` is in microseconds since 1970.
    #[must_use]
    pub fn unsaid(key: AccountKey, external_id: ExternalId, event: EventStamp, first_seen: i64) -> Self {
        Self {
            id: AccountId(0),
            key,
            external_id,
            kind: AccountKind::DirectCustomer,
            status: AccountStatus::Active,
            standing: Standing::Enabled,
            profile: Arc::default(),
            options: OptionSet::default(),
            reported: None,
            reported_external_id: None,
            hold: None,
            reseller: None,
            partner: None,
            event,
            first_seen,
            revision: 0,
            last_delivery: None,
            body: None,
            open_cases: false,
            erased_second: None,
        }
    }

    /// Gives it an open relation, in place of one to the same kind of other side.
    pub fn relate(&mut self, relation: Relation) {
        match relation.axis {
            Axis::Reseller => self.reseller = Some(relation),
            Axis::Partner => self.partner = Some(relation),
        }
    }

    /// Whether this is the reseller that it has, so that nobody need look who that is.
    #[must_use]
    pub fn has_reseller(&self, named: &NamedReseller) -> bool {
        let found = |held: &Relation| held.is_found_by(&named.reseller.platform_id, named.external_id.as_ref());
        self.is_active() && self.reseller.as_ref().is_some_and(found)
    }

    /// Whether it is alive.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == AccountStatus::Active
    }

    /// Whether customers may be related to it.
    #[must_use]
    pub fn sells(&self) -> bool {
        self.is_active() && self.kind == AccountKind::Reseller
    }

    /// Whether two versions differ in what others rest on who only name the account: kind, life and standing.
    #[must_use]
    pub fn moves_place(&self, other: &Self) -> bool {
        self.kind != other.kind || self.status != other.status || self.standing != other.standing
    }

    /// Whether all that is said of an account is the same in two versions: they may differ in their places, their holds,
    /// their relations and their revisions, which is what a move changes.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        // Named one by one, so that a new one is decided on here.
        let Self {
            id,
            key,
            external_id,
            kind: _,
            status: _,
            standing: _,
            profile,
            options,
            reported,
            reported_external_id,
            hold: _,
            reseller: _,
            partner: _,
            event,
            first_seen,
            revision: _,
            last_delivery,
            body,
            open_cases,
            erased_second,
        } = self;
        *id == other.id
            && *key == other.key
            && *external_id == other.external_id
            && *event == other.event
            && *first_seen == other.first_seen
            && *last_delivery == other.last_delivery
            && *body == other.body
            && *open_cases == other.open_cases
            && *erased_second == other.erased_second
            && *reported == other.reported
            && *reported_external_id == other.reported_external_id
            && *profile == other.profile
            && *options == other.options
    }

    /// Whether two versions show the same, whatever their event times, revisions and deliveries are.
    #[must_use]
    pub fn shows_the_same(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.status == other.status
            && self.standing == other.standing
            && self.hold == other.hold
            && self.reported == other.reported
            && self.reported_external_id == other.reported_external_id
            && self.reseller == other.reseller
            && self.partner == other.partner
            && self.profile == other.profile
            && self.options == other.options
    }
}
