//! What an entry of the feed says.

use std::sync::Arc;

use crate::domain::account::{Account, AccountKind};
use crate::domain::dossier::Dossier;
use crate::domain::ids::{
    AccountId, DeliveryId, ExternalId, ItemId, MoveId, PlatformId, ProbeId, ProvisioningId, RelationId, ServiceId,
    SiteId, UserId,
};
use crate::domain::moves::Side;
use crate::domain::provisioning::{Counts, PlanAt, RequestCause, TargetKind};
use crate::domain::relation::{Axis, Cause, Relation, RelationState};
use crate::domain::service::{Happening, ServiceKind, ServiceStatus};
use crate::domain::site::{PlaceStatus, SiteHappening};
use crate::domain::user::{UserHappening, UserStatus};

/// What an entry is about. The numbers are stored: new kinds get new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// An account is here for the first time.
    AccountCreated = 1,
    /// What describes an account, or what is reported of it, changed.
    AccountUpdated = 2,
    /// An account became something else in the hierarchy.
    AccountKindChanged = 3,
    /// An account was ended.
    AccountDeleted = 4,
    /// An account's personal data was erased, and the account ended.
    AccountErased = 5,
    /// An ended account is alive again.
    AccountRevived = 6,
    /// A customer is related to a reseller or partner from now on.
    RelationOpened = 7,
    /// Such a relation ended.
    RelationClosed = 8,
    /// The other side of an open relation came.
    RelationLinked = 9,
    /// Synchronization options were set, changed or removed.
    OptionsChanged = 10,
    /// A service is here for the first time.
    ServiceCreated = 11,
    /// What describes a service changed.
    ServiceUpdated = 12,
    /// A service is not to be used for now.
    ServiceSuspended = 13,
    /// A service that was suspended or ended is in use again.
    ServiceActivated = 14,
    /// A service ended.
    ServiceEnded = 15,
    /// What a reseller may sell changed.
    PlansChanged = 19,
    /// A service became another account's.
    ServiceMoved = 20,
    /// A user is here for the first time.
    UserCreated = 21,
    /// What describes a user, or which services it has, changed.
    UserUpdated = 22,
    /// A user became another account's.
    UserMoved = 23,
    /// A user ended.
    UserEnded = 24,
    /// A site of a customer is here for the first time.
    SiteCreated = 25,
    /// What describes a site changed, or it is back with its account.
    SiteUpdated = 26,
    /// A site ended.
    SiteEnded = 27,
    /// A probe stands at a site for the first time.
    ProbeCreated = 28,
    /// What describes a probe changed, it stands at another site, or it is back with its account.
    ProbeUpdated = 29,
    /// A probe ended.
    ProbeEnded = 30,
    /// What the vendor's systems have to do again for a customer was gathered.
    ProvisioningOpened = 40,
    /// An item of it may be taken.
    ProvisioningItemPending = 41,
    /// What nobody had done yet of it is not to be done any longer.
    ProvisioningCancelled = 42,
    /// All of it is done.
    ProvisioningDone = 43,
    /// Nothing of it goes on by itself, and something failed.
    ProvisioningFailed = 44,
    /// One side asked the other for the move of a customer.
    MoveRequested = 45,
    /// The other side does not want it.
    MoveDeclined = 46,
    /// Whoever asked does not want it any longer, or the customer is not to be moved any longer.
    MoveWithdrawn = 47,
}

impl EventKind {
    /// All kinds.
    pub const ALL: [Self; 35] = [
        Self::AccountCreated,
        Self::AccountUpdated,
        Self::AccountKindChanged,
        Self::AccountDeleted,
        Self::AccountErased,
        Self::AccountRevived,
        Self::RelationOpened,
        Self::RelationClosed,
        Self::RelationLinked,
        Self::OptionsChanged,
        Self::ServiceCreated,
        Self::ServiceUpdated,
        Self::ServiceSuspended,
        Self::ServiceActivated,
        Self::ServiceEnded,
        Self::PlansChanged,
        Self::ServiceMoved,
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserMoved,
        Self::UserEnded,
        Self::SiteCreated,
        Self::SiteUpdated,
        Self::SiteEnded,
        Self::ProbeCreated,
        Self::ProbeUpdated,
        Self::ProbeEnded,
        Self::ProvisioningOpened,
        Self::ProvisioningItemPending,
        Self::ProvisioningCancelled,
        Self::ProvisioningDone,
        Self::ProvisioningFailed,
        Self::MoveRequested,
        Self::MoveDeclined,
        Self::MoveWithdrawn,
    ];

    /// The name in API, commands and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountCreated => "account.created",
            Self::AccountUpdated => "account.updated",
            Self::AccountKindChanged => "account.kind_changed",
            Self::AccountDeleted => "account.deleted",
            Self::AccountErased => "account.erased",
            Self::AccountRevived => "account.revived",
            Self::RelationOpened => "relation.opened",
            Self::RelationClosed => "relation.closed",
            Self::RelationLinked => "relation.linked",
            Self::OptionsChanged => "options.changed",
            Self::ServiceCreated => "service.created",
            Self::ServiceUpdated => "service.updated",
            Self::ServiceSuspended => "service.suspended",
            Self::ServiceActivated => "service.activated",
            Self::ServiceEnded => "service.ended",
            Self::PlansChanged => "plans.changed",
            Self::ServiceMoved => "service.moved",
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserMoved => "user.moved",
            Self::UserEnded => "user.ended",
            Self::SiteCreated => "site.created",
            Self::SiteUpdated => "site.updated",
            Self::SiteEnded => "site.ended",
            Self::ProbeCreated => "probe.created",
            Self::ProbeUpdated => "probe.updated",
            Self::ProbeEnded => "probe.ended",
            Self::ProvisioningOpened => "provisioning.opened",
            Self::ProvisioningItemPending => "provisioning.item_pending",
            Self::ProvisioningCancelled => "provisioning.cancelled",
            Self::ProvisioningDone => "provisioning.done",
            Self::ProvisioningFailed => "provisioning.failed",
            Self::MoveRequested => "move.requested",
            Self::MoveDeclined => "move.declined",
            Self::MoveWithdrawn => "move.withdrawn",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The number in the database.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Reads the number.
    #[must_use]
    pub fn numbered(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A set of an account's fields, named as in its JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fields(u32);

/// The fields and their bits. The order is stored: new ones are added at the end.
const FIELDS: [&str; 29] = [
    "name",
    "code",
    "email",
    "phone",
    "fax",
    "website",
    "description",
    "is_test",
    "contact",
    "address",
    "extra_details",
    "reported",
    "reseller.drift",
    "erased",
    "standing",
    "label",
    "tags",
    "verification",
    "sign_up_address",
    "price_list",
    "dns_options",
    "name_servers",
    "contacts",
    "logins",
    "source",
    "tenant",
    "platform_id",
    "time_zone",
    "branding",
];

/// Where in [`FIELDS`] the names of the account itself begin.
const CALLED: u32 = 24;

/// Where in [`FIELDS`] the time zone is.
const TIME_ZONE: u32 = 27;

impl Fields {
    /// That an account counts as erased.
    pub const ERASED: Self = Self(1 << 13);

    /// How the account's pages look.
    pub const BRANDING: Self = Self(1 << 28);

    /// From the number in the database; none where this version does not know a field.
    #[must_use]
    pub fn stored(bits: u32) -> Option<Self> {
        (bits >> FIELDS.len() == 0).then_some(Self(bits))
    }

    /// The number in the database.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        FIELDS.into_iter().enumerate().filter(move |(at, _)| self.0 >> at & 1 == 1).map(|(_, name)| name)
    }

    /// In what two versions of what is kept about an account differ.
    #[must_use]
    pub fn kept(before: &Dossier, after: &Dossier) -> Self {
        let (a, b) = (&before.settings, &after.settings);
        let differ = [
            a.label != b.label,
            a.tags != b.tags,
            a.verification != b.verification,
            a.sign_up_address != b.sign_up_address,
            a.price_list != b.price_list,
            a.dns_options != b.dns_options,
            a.name_servers != b.name_servers,
            before.contacts != after.contacts,
            before.logins != after.logins,
        ];
        let bits = (15..).zip(differ).fold(0, |bits, (at, differs)| bits | u32::from(differs) << at);
        Self(bits | u32::from(a.time_zone != b.time_zone) << TIME_ZONE)
    }

    /// These and others.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// The fields in which two versions of an account differ.
    #[must_use]
    pub fn differing(before: &Account, after: &Account) -> Self {
        let (a, b) = (&before.profile, &after.profile);
        let described = if Arc::ptr_eq(a, b) {
            [false; 11]
        } else {
            [
                a.name != b.name,
                a.code != b.code,
                a.email != b.email,
                a.phone != b.phone,
                a.fax != b.fax,
                a.website != b.website,
                a.description != b.description,
                a.is_test != b.is_test,
                a.contact != b.contact,
                a.address != b.address,
                a.extra_details != b.extra_details,
            ]
        };
        let placed = [
            before.reported != after.reported || before.reported_external_id != after.reported_external_id,
            before.hold.is_some() != after.hold.is_some(),
            // What is erased is told where that happens.
            false,
            before.standing != after.standing,
        ];
        let (was, now) = (&before.key, &after.key);
        let called = [
            was.scope.source != now.scope.source,
            was.scope.tenant != now.scope.tenant,
            was.platform_id != now.platform_id,
        ];
        let numbered = (0..).zip(described.into_iter().chain(placed)).chain((CALLED..).zip(called));
        Self(numbered.fold(0, |bits, (at, differs)| bits | u32::from(differs) << at))
    }
}

/// A relation as an entry names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Its row.
    pub relation: RelationId,
    /// To a reseller or to a partner.
    pub axis: Axis,
    /// The reseller's account, once it is here.
    pub reseller: Option<AccountId>,
    /// The reseller's platform ID.
    pub reseller_platform_id: Option<PlatformId>,
    /// The reseller's ExternalID.
    pub reseller_external_id: Option<ExternalId>,
    /// The partner's ID in the vendor's registry.
    pub partner_id: Option<String>,
    /// Whether the other side is here.
    pub state: RelationState,
    /// Microseconds since 1970 from which it holds.
    pub since: i64,
    /// Microseconds since 1970 until which it held; none while it is open.
    pub until: Option<i64>,
}

impl From<&Relation> for Related {
    fn from(relation: &Relation) -> Self {
        Self {
            relation: relation.id,
            axis: relation.axis,
            reseller: relation.reseller_account,
            reseller_platform_id: relation.reseller_platform_id.clone(),
            reseller_external_id: relation.reseller_external_id.clone(),
            partner_id: relation.partner_id.clone(),
            state: relation.state,
            since: relation.valid_from,
            until: relation.closing.map(|closing| closing.valid_to),
        }
    }
}

/// A service as an entry tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTold {
    /// Which.
    pub service: ServiceId,
    /// What it is.
    pub kind: ServiceKind,
    /// Its state behind what happened.
    pub status: ServiceStatus,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// From which account to which, where it became another one's.
    pub moved: Option<(AccountId, AccountId)>,
}

/// A user as an entry tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTold {
    /// Which.
    pub user: UserId,
    /// Its state behind what happened.
    pub status: UserStatus,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// From which account to which, where it became another one's.
    pub moved: Option<(AccountId, AccountId)>,
}

/// A site, or a probe, as an entry tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteTold {
    /// The site, or the one at which the probe stands.
    pub site: SiteId,
    /// The probe, if it is about one.
    pub probe: Option<ProbeId>,
    /// Its state behind what happened.
    pub status: PlaceStatus,
    /// Its revision behind what happened.
    pub revision: i64,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The site at which the probe stood before, where it stands at another one.
    pub from: Option<SiteId>,
}

/// How a provisioning request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It is opened.
    Opened,
    /// What was left of it is cancelled.
    Cancelled,
    /// All of it is done.
    Done,
    /// Something failed, and nothing goes on by itself.
    Failed,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Opened, Self::Cancelled, Self::Done, Self::Failed];
}

/// A provisioning request as an entry tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisioningTold {
    /// Which.
    pub request: ProvisioningId,
    /// What made it necessary.
    pub cause: RequestCause,
    /// How many of its items were how far then.
    pub counts: Counts,
}

/// An item of a provisioning request as an entry tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemTold {
    /// Its request.
    pub request: ProvisioningId,
    /// Which.
    pub item: ItemId,
    /// The attempt that it waits for, from 1.
    pub attempt: i64,
    /// What is provisioned again.
    pub kind: TargetKind,
    /// The service.
    pub service: Option<ServiceId>,
    /// The user.
    pub user: Option<UserId>,
    /// Plan and location as they were; none where that is not for who reads it. Empty of a directory's item.
    pub from: Option<PlanAt>,
    /// Plan and location as they are to be.
    pub to: PlanAt,
}

/// How a request for a move stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asking {
    /// It waits for the other side.
    Requested,
    /// The other side does not want it.
    Declined,
    /// It came to nothing otherwise.
    Withdrawn,
}

impl Asking {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Requested, Self::Declined, Self::Withdrawn];
}

/// A request for a move as an entry tells of it: no more than both sides know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoveTold {
    /// Which.
    pub id: MoveId,
    /// Who would be moved.
    pub customer: AccountId,
    /// Which side asks.
    pub side: Side,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// See [`EventKind::AccountCreated`].
    Created(AccountKind),
    /// See [`EventKind::AccountUpdated`]. No field at all where an account changed and changed back within one commit.
    Updated(Fields),
    /// See [`EventKind::AccountKindChanged`].
    KindChanged {
        /// What it was.
        from: AccountKind,
        /// What it is.
        to: AccountKind,
    },
    /// See [`EventKind::AccountDeleted`].
    Deleted,
    /// See [`EventKind::AccountErased`].
    Erased,
    /// See [`EventKind::AccountRevived`], with what it is and what else changed.
    Revived(AccountKind, Fields),
    /// See [`EventKind::RelationOpened`].
    Opened(Related),
    /// See [`EventKind::RelationClosed`].
    Closed(Related),
    /// See [`EventKind::RelationLinked`].
    Linked(Related),
    /// See [`EventKind::OptionsChanged`]: the IDs of the options.
    OptionsChanged(Vec<String>),
    /// See [`EventKind::ServiceCreated`] and those behind it.
    Service(Happening, ServiceTold),
    /// See [`EventKind::UserCreated`] and those behind it.
    User(UserHappening, UserTold),
    /// See [`EventKind::SiteCreated`] and those behind it.
    Site(SiteHappening, SiteTold),
    /// See [`EventKind::PlansChanged`]: `offers`, `directory_ou` or both.
    PlansChanged(Vec<String>),
    /// See [`EventKind::ProvisioningOpened`] and those behind it.
    Provisioning(Stage, ProvisioningTold),
    /// See [`EventKind::ProvisioningItemPending`].
    ItemPending(ItemTold),
    /// See [`EventKind::MoveRequested`] and those behind it. Told to each side, about its reseller.
    Asked(Asking, MoveTold),
}

impl Event {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Created(_) => EventKind::AccountCreated,
            Self::Updated(_) => EventKind::AccountUpdated,
            Self::KindChanged { .. } => EventKind::AccountKindChanged,
            Self::Deleted => EventKind::AccountDeleted,
            Self::Erased => EventKind::AccountErased,
            Self::Revived(..) => EventKind::AccountRevived,
            Self::Opened(_) => EventKind::RelationOpened,
            Self::Closed(_) => EventKind::RelationClosed,
            Self::Linked(_) => EventKind::RelationLinked,
            Self::OptionsChanged(_) => EventKind::OptionsChanged,
            Self::Service(Happening::Created, _) => EventKind::ServiceCreated,
            Self::Service(Happening::Updated, _) => EventKind::ServiceUpdated,
            Self::Service(Happening::Suspended, _) => EventKind::ServiceSuspended,
            Self::Service(Happening::Activated, _) => EventKind::ServiceActivated,
            Self::Service(Happening::Ended, _) => EventKind::ServiceEnded,
            Self::PlansChanged(_) => EventKind::PlansChanged,
            Self::Service(Happening::Moved, _) => EventKind::ServiceMoved,
            Self::User(UserHappening::Created, _) => EventKind::UserCreated,
            Self::User(UserHappening::Updated, _) => EventKind::UserUpdated,
            Self::User(UserHappening::Moved, _) => EventKind::UserMoved,
            Self::User(UserHappening::Ended, _) => EventKind::UserEnded,
            Self::Site(SiteHappening::Created, SiteTold { probe: None, .. }) => EventKind::SiteCreated,
            Self::Site(SiteHappening::Updated, SiteTold { probe: None, .. }) => EventKind::SiteUpdated,
            Self::Site(SiteHappening::Ended, SiteTold { probe: None, .. }) => EventKind::SiteEnded,
            Self::Site(SiteHappening::Created, _) => EventKind::ProbeCreated,
            Self::Site(SiteHappening::Updated, _) => EventKind::ProbeUpdated,
            Self::Site(SiteHappening::Ended, _) => EventKind::ProbeEnded,
            Self::Provisioning(Stage::Opened, _) => EventKind::ProvisioningOpened,
            Self::Provisioning(Stage::Cancelled, _) => EventKind::ProvisioningCancelled,
            Self::Provisioning(Stage::Done, _) => EventKind::ProvisioningDone,
            Self::Provisioning(Stage::Failed, _) => EventKind::ProvisioningFailed,
            Self::ItemPending(_) => EventKind::ProvisioningItemPending,
            Self::Asked(Asking::Requested, _) => EventKind::MoveRequested,
            Self::Asked(Asking::Declined, _) => EventKind::MoveDeclined,
            Self::Asked(Asking::Withdrawn, _) => EventKind::MoveWithdrawn,
        }
    }

    /// The relation that it is about.
    #[must_use]
    pub fn related(&self) -> Option<&Related> {
        match self {
            Self::Opened(related) | Self::Closed(related) | Self::Linked(related) => Some(related),
            _ => None,
        }
    }

    /// From which account to which a service or user moved.
    #[must_use]
    pub fn moved(&self) -> Option<(AccountId, AccountId)> {
        match self {
            Self::Service(_, told) => told.moved,
            Self::User(_, told) => told.moved,
            _ => None,
        }
    }

    /// Leaves out between whom a service or user moved, unless both may be told.
    pub fn cover_move(&mut self, told: &dyn Fn(AccountId, AccountId) -> bool) {
        let moved = match self {
            Self::Service(_, told) => &mut told.moved,
            Self::User(_, told) => &mut told.moved,
            _ => return,
        };
        *moved = moved.filter(|(from, to)| told(*from, *to));
    }

    /// Leaves out on which plan and where something was before it is provisioned again: that is its former reseller's.
    pub fn cover_origin(&mut self) {
        if let Self::ItemPending(told) = self {
            told.from = None;
        }
    }

    /// As [`Event::related`], to leave out what is not for everybody.
    pub fn related_mut(&mut self) -> Option<&mut Related> {
        match self {
            Self::Opened(related) | Self::Closed(related) | Self::Linked(related) => Some(related),
            _ => None,
        }
    }
}

/// One entry of the feed, before it has a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account that it is about; of a relation the customer.
    pub account: AccountId,
    /// The account's revision behind it; none where only the other side of its relation, or one of its services, changed.
    pub revision: Option<i64>,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen; none for what no call did.
    pub delivery: Option<DeliveryId>,
    /// What happened.
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_kinds_are_pinned() {
        // Stored and sent: neither may ever mean something else.
        let known: Vec<(u8, &str)> = EventKind::ALL.into_iter().map(|kind| (kind.number(), kind.as_str())).collect();
        assert_eq!(
            known,
            [
                (1, "account.created"),
                (2, "account.updated"),
                (3, "account.kind_changed"),
                (4, "account.deleted"),
                (5, "account.erased"),
                (6, "account.revived"),
                (7, "relation.opened"),
                (8, "relation.closed"),
                (9, "relation.linked"),
                (10, "options.changed"),
                (11, "service.created"),
                (12, "service.updated"),
                (13, "service.suspended"),
                (14, "service.activated"),
                (15, "service.ended"),
                (19, "plans.changed"),
                (20, "service.moved"),
                (21, "user.created"),
                (22, "user.updated"),
                (23, "user.moved"),
                (24, "user.ended"),
                (25, "site.created"),
                (26, "site.updated"),
                (27, "site.ended"),
                (28, "probe.created"),
                (29, "probe.updated"),
                (30, "probe.ended"),
                (40, "provisioning.opened"),
                (41, "provisioning.item_pending"),
                (42, "provisioning.cancelled"),
                (43, "provisioning.done"),
                (44, "provisioning.failed"),
                (45, "move.requested"),
                (46, "move.declined"),
                (47, "move.withdrawn"),
            ]
        );
        for kind in EventKind::ALL {
            assert_eq!((EventKind::parse(kind.as_str()), EventKind::numbered(kind.number())), (Some(kind), Some(kind)));
        }
        assert_eq!((EventKind::parse("account"), EventKind::numbered(0)), (None, None));
    }

    #[test]
    fn fields_have_their_bits_for_ever() {
        let names = |bits| Fields::stored(bits).map(|fields| fields.names().collect::<Vec<_>>());
        assert_eq!(names(0), Some(vec![]));
        assert_eq!(names(0b101), Some(vec!["name", "email"]));
        assert_eq!(names(Fields::ERASED.bits()), Some(vec!["erased"]));
        assert_eq!(names(1 << 14 | 1 << 23), Some(vec!["standing", "logins"]));
        assert_eq!(names(0b111 << CALLED), Some(vec!["source", "tenant", "platform_id"]));
        assert_eq!(names(1 << 27), Some(vec!["time_zone"]));
        assert_eq!(names(Fields::BRANDING.bits()), Some(vec!["branding"]));
        assert_eq!(names((1 << 29) - 1), Some(FIELDS.to_vec()));
        assert_eq!(names(1 << 29), None);
    }
}
