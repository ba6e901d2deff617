//! Services of an account: what it bought, on which plan, and in which state that is.
//!
//! A service hangs on one account. An add-on is a service with a parent. Rows are never removed: what is ended stays, and
//! so does each version, in the history.

pub mod order;

use super::account::EventStamp;
use super::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, Scope, ServiceId};
use super::relation::Cause;
use uuid::Uuid;

/// Largest quantity. More is a mistake, and sums of such would overflow somewhere else.
pub const MAX_QUANTITY: i64 = 1_000_000_000;

/// Longest canonical form of a service's attributes, in bytes.
pub const MAX_ATTRIBUTES: usize = 64 * 1024;

/// Most add-ons of one subscription that are not ended: each of them is looked up when the subscription ends.
pub const MAX_ADD_ONS: usize = 500;

/// Most services of one account that are not ended, for whatever looks at all of them at once, such as a move. An order
/// beyond them is refused; an account that had more before is refused there. Raising it raises what one such act holds in
/// memory.
pub const MAX_SERVICES: usize = 5_000;

/// Namespace of the name-based UUIDs that become ExternalIDs of services. Changing it would give the services of a
/// rebuilt database other IDs than the ones that platforms hold.
const EXTERNAL_ID_NAMESPACE: Uuid = Uuid::from_u128(0x2c5b_8f4e_90d3_5b6a_8d17_41f2_c3a6_0be9);

/// What is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceKind {
    /// A subscription, or an add-on of one.
    Subscription,
    /// A domain.
    Domain,
    /// Hosting.
    Hosting,
    /// A certificate.
    Ssl,
    /// A right to use something.
    Entitlement,
    /// Anything else.
    Other,
}

impl ServiceKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Subscription, Self::Domain, Self::Hosting, Self::Ssl, Self::Entitlement, Self::Other];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Domain => "domain",
            Self::Hosting => "hosting",
            Self::Ssl => "ssl",
            Self::Entitlement => "entitlement",
            Self::Other => "other",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// In which state a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceStatus {
    /// In use.
    Active,
    /// In use and not paid for.
    Trial,
    /// Not to be used for now.
    Suspended,
    /// Cancelled.
    Ended,
}

impl ServiceStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Trial, Self::Suspended, Self::Ended];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trial => "trial",
            Self::Suspended => "suspended",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Where something is transferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    Incoming,
    /// Away from us.
    Outgoing,
}

impl Direction {
    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Outgoing => "outgoing",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Incoming, Self::Outgoing].into_iter().find(|direction| direction.as_str() == name)
    }
}

/// A transfer that is under way, most often a domain's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Where to.
    pub direction: Direction,
    /// How far it is, in the registry's words.
    pub state: String,
    /// What somebody has to do, such as entering a code; none where it only takes time.
    pub action: Option<String>,
}

/// A service as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Our id.
    pub id: ServiceId,
    /// Source and tenant.
    pub scope: Scope,
    /// The vendor's ID, which the platform got as Result and sends ever after; never changes.
    pub external_id: ExternalId,
    /// The platform's own ID, where it sends one.
    pub platform_id: Option<PlatformId>,
    /// Whose it is.
    pub account: AccountId,
    /// The subscription that it is an add-on of.
    pub parent: Option<ServiceId>,
    /// What it is.
    pub kind: ServiceKind,
    /// Which of the vendor's services: the platform's product type.
    pub service: String,
    /// What it is called.
    pub name: String,
    /// The plan: the platform's product.
    pub plan: String,
    /// Where it runs.
    pub location: String,
    /// How many, such as licenses.
    pub quantity: i64,
    /// Its state.
    pub status: ServiceStatus,
    /// Whether it is not paid for, also while it is suspended.
    pub trial: bool,
    /// Whatever else describes it: one canonical JSON object, empty text for `{}`.
    pub attributes: String,
    /// A transfer that is under way.
    pub transfer: Option<Transfer>,
    /// Microseconds since 1970 at which it expires unless it is renewed.
    pub expires_at: Option<i64>,
    /// When what it shows happened, and whether a live call said it.
    pub event: EventStamp,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// Microseconds since 1970 at which it ended.
    pub ended_at: Option<i64>,
    /// Counts its changes, from 1.
    pub revision: i64,
    /// The delivery that made what it shows; none where an operator did.
    pub last_delivery: Option<DeliveryId>,
    /// The account under which the platform orders it, where an operator gave it to another one; none where the two agree.
    pub reported_account: Option<AccountId>,
}

impl ServiceId {
    /// Marks a service that has no row yet.
    pub(super) const UNISSUED: Self = Self(0);
}

impl Service {
    /// A new service of which nobody has said anything yet. `at` is in microseconds since 1970.
    #[must_use]
    pub fn unsaid(account: &AccountKey, id: AccountId, external_id: ExternalId, at: i64) -> Self {
        Self {
            id: ServiceId::UNISSUED,
            scope: account.scope.clone(),
            external_id,
            platform_id: None,
            account: id,
            parent: None,
            kind: ServiceKind::Subscription,
            service: String::new(),
            name: String::new(),
            plan: String::new(),
            location: String::new(),
            quantity: 1,
            status: ServiceStatus::Active,
            trial: false,
            attributes: String::new(),
            transfer: None,
            expires_at: None,
            event: EventStamp { second: 0, live: false },
            created_at: at,
            changed_at: at,
            ended_at: None,
            revision: 0,
            last_delivery: None,
            reported_account: None,
        }
    }

    /// Whether it is not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.status != ServiceStatus::Ended
    }

    /// What it is while it is neither suspended nor ended.
    #[must_use]
    pub fn in_use(&self) -> ServiceStatus {
        if self.trial { ServiceStatus::Trial } else { ServiceStatus::Active }
    }

    /// The names of what differs, as in its JSON.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        [
            ("account", self.account != other.account),
            ("reported_account", self.reported_account != other.reported_account),
            ("platform_id", self.platform_id != other.platform_id),
            ("kind", self.kind != other.kind),
            ("service", self.service != other.service),
            ("name", self.name != other.name),
            ("plan", self.plan != other.plan),
            ("location", self.location != other.location),
            ("quantity", self.quantity != other.quantity),
            ("status", self.status != other.status),
            ("trial", self.trial != other.trial),
            ("attributes", self.attributes != other.attributes),
            ("transfer", self.transfer != other.transfer),
            ("expires_at", self.expires_at != other.expires_at),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// The ExternalID that every receiver gives a service of this account, as a UUID of version 5 (RFC 9562, 5.5).
///
/// `name` is what tells it from the account's others. The parts go in with their lengths, so that no two spell the same.
#[must_use]
pub fn derived_external_id(account: &AccountKey, what: &str, name: &str) -> ExternalId {
    let parts =
        [account.scope.source.as_str(), account.scope.tenant.as_str(), account.platform_id.as_str(), what, name];
    let text = parts.iter().fold(Vec::with_capacity(160), |mut text: Vec<u8>, part| {
        text.extend_from_slice(part.len().to_string().as_bytes());
        text.push(b':');
        text.extend_from_slice(part.as_bytes());
        text
    });
    ExternalId::stored(&Uuid::new_v5(&EXTERNAL_ID_NAMESPACE, &text).hyphenated().to_string())
}

/// One change of a service, as history and feed tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// As it was; none where it is new.
    pub before: Option<std::sync::Arc<Service>>,
    /// As it is.
    pub after: std::sync::Arc<Service>,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen.
    pub delivery: Option<DeliveryId>,
}

/// What a step is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// It is here for the first time.
    Created,
    /// What describes it changed.
    Updated,
    /// It is not to be used for now.
    Suspended,
    /// It is in use again.
    Activated,
    /// It ended.
    Ended,
    /// It is another account's.
    Moved,
}

impl Happening {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Updated, Self::Suspended, Self::Activated, Self::Ended, Self::Moved];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Suspended => "suspended",
            Self::Activated => "activated",
            Self::Ended => "ended",
            Self::Moved => "moved",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.as_str() == name)
    }
}

impl Step {
    /// What it is called: a change of state before one of what describes the service.
    #[must_use]
    pub fn happening(&self) -> Happening {
        let Some(before) = &self.before else { return Happening::Created };
        match (before.status, self.after.status) {
            (before, ServiceStatus::Ended) if before != ServiceStatus::Ended => Happening::Ended,
            (before, ServiceStatus::Suspended) if before != ServiceStatus::Suspended => Happening::Suspended,
            (ServiceStatus::Suspended | ServiceStatus::Ended, ServiceStatus::Active | ServiceStatus::Trial) => {
                Happening::Activated
            }
            _ if before.account != self.after.account => Happening::Moved,
            _ => Happening::Updated,
        }
    }

    /// The names of what changed, as in the service's JSON; none of a service that is new.
    #[must_use]
    pub fn changed(&self) -> Vec<&'static str> {
        self.before.as_ref().map(|before| before.differing(&self.after)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{SourceId, Tenant};

    #[test]
    fn the_external_id_is_pinned_for_ever() {
        let key = |id: &str| AccountKey {
            scope: Scope { source: SourceId::stored("interworks-eu"), tenant: Tenant::none() },
            platform_id: PlatformId::stored(id),
        };
        let pinned = derived_external_id(&key("1082801"), "subscription", "77");
        // A literal: were the derivation to change, rebuilt databases would issue other IDs than platforms hold.
        assert_eq!(pinned.as_str(), "53669bfb-bcf3-5e46-b402-ef063479174c");
        assert_ne!(pinned, derived_external_id(&key("1082801"), "add-on", "77"));
        assert_ne!(pinned, derived_external_id(&key("108280"), "1subscription", "77"));
    }

    #[test]
    fn words_read_what_they_write() {
        for kind in ServiceKind::ALL {
            assert_eq!(ServiceKind::parse(kind.as_str()), Some(kind));
        }
        for status in ServiceStatus::ALL {
            assert_eq!(ServiceStatus::parse(status.as_str()), Some(status));
        }
        for happening in Happening::ALL {
            assert_eq!(Happening::parse(happening.as_str()), Some(happening));
        }
        assert_eq!((ServiceKind::parse("x"), ServiceStatus::parse(""), Direction::parse("x")), (None, None, None));
    }
}
