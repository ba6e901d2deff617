//! Provisioning: what the vendor's own systems have to do again behind a move, as one request with many items.
//!
//! A request is opened in the commit that makes it necessary. Its items wait for the vendor's provisioner, who takes them
//! by lease or hears of them as a subscriber, and reports what became of each. The directory's item comes first: the
//! others may be taken once it is done.

mod gather;
mod item;
mod report;
mod state;

use super::ids::{AccountId, ItemId, ProvisioningId, ServiceId, UserId};
use super::relation::Cause;

pub use gather::items;
pub use item::{Attempt, AttemptEnd, ERASED, Item, Request, SUPERSEDED};
pub use report::{Attempts, Contradiction, MAX_ATTEMPTS, MAX_LEASE_SECONDS, Report, Rules, Verdict, Word, judge};
pub use state::{Counts, ItemState, RequestState};

/// Most items of a request. All are written in one commit, and told to subscribers in another, which calls wait behind.
pub const MAX_ITEMS: usize = 50_000;

/// Longest organizational unit, in characters.
pub const MAX_OU: usize = 1_024;

/// Longest reason that somebody gives, in characters; what is longer is cut.
pub const MAX_REASON: usize = 1_000;

/// What made a request necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestCause {
    /// A customer was moved to another reseller.
    Move,
    /// Users were moved from one customer to another.
    Users,
    /// Services were moved from one customer to another.
    Products,
    /// An operator asked for it.
    Manual,
}

impl RequestCause {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Move, Self::Users, Self::Products, Self::Manual];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Move => "move",
            Self::Users => "users",
            Self::Products => "products",
            Self::Manual => "manual",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }

    /// What made it happen, as the change feed tells it.
    #[must_use]
    pub fn told(self) -> Cause {
        match self {
            Self::Move | Self::Users | Self::Products => Cause::Move,
            Self::Manual => Cause::Operator,
        }
    }
}

/// What kind of thing is provisioned again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TargetKind {
    /// See [`ItemKind::Directory`].
    Directory,
    /// See [`ItemKind::Service`].
    Service,
    /// See [`ItemKind::User`].
    User,
}

impl TargetKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Directory, Self::Service, Self::User];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Service => "service",
            Self::User => "user",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is provisioned again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// The customer in the directory goes from one organizational unit to another. At most one of a request, and before
    /// all others.
    Directory {
        /// Where it is; none where the former reseller has none.
        from_ou: Option<String>,
        /// Where it belongs; none where the new reseller has none.
        to_ou: Option<String>,
    },
    /// A service that no user has.
    Service {
        /// Which.
        service: ServiceId,
    },
    /// A service for one of its users.
    User {
        /// Whose.
        user: UserId,
        /// Which.
        service: ServiceId,
    },
}

impl ItemKind {
    /// Its kind alone.
    #[must_use]
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Directory { .. } => TargetKind::Directory,
            Self::Service { .. } => TargetKind::Service,
            Self::User { .. } => TargetKind::User,
        }
    }

    /// The service, where it is about one.
    #[must_use]
    pub fn service(&self) -> Option<ServiceId> {
        match self {
            Self::Directory { .. } => None,
            Self::Service { service } | Self::User { service, .. } => Some(*service),
        }
    }

    /// The user, where it is about one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Directory { .. } | Self::Service { .. } => None,
            Self::User { user, .. } => Some(*user),
        }
    }
}

/// A plan and where it runs. Both are empty text where there is none to name, as of a directory's item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanAt {
    /// The plan.
    pub plan: String,
    /// The location.
    pub location: String,
}

impl PlanAt {
    /// Of these.
    #[must_use]
    pub fn new(plan: &str, location: &str) -> Self {
        Self { plan: plan.to_owned(), location: location.to_owned() }
    }
}

/// An item to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// Its id, which the world issues; see [`NewRequest::id`].
    pub id: ItemId,
    /// What is provisioned again.
    pub kind: ItemKind,
    /// Plan and location as they were.
    pub from: PlanAt,
    /// Plan and location as they are to be.
    pub to: PlanAt,
}

impl NewItem {
    /// An item that has no id yet.
    #[must_use]
    pub fn new(kind: ItemKind, from: PlanAt, to: PlanAt) -> Self {
        Self { id: ItemId(0), kind, from, to }
    }

    /// The directory's item.
    #[must_use]
    pub fn directory(from_ou: Option<String>, to_ou: Option<String>) -> Self {
        Self::new(ItemKind::Directory { from_ou, to_ou }, PlanAt::default(), PlanAt::default())
    }
}

/// A request to be opened. Opening it cancels what still waits of the customer's earlier ones; what somebody is at work
/// on stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRequest {
    /// Its id. Whoever plans leaves it unissued; the world issues it, and the ids of the items behind it.
    pub id: ProvisioningId,
    /// Whose users and services are provisioned again.
    pub customer: AccountId,
    /// What made it necessary.
    pub cause: RequestCause,
    /// The move that did, if one did.
    pub move_id: Option<i64>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
    /// Microseconds since 1970.
    pub at: i64,
    /// At most [`MAX_ITEMS`].
    pub items: Vec<NewItem>,
}

impl NewRequest {
    /// A request that has no ids yet. `at` is in microseconds since 1970.
    #[must_use]
    pub fn new(customer: AccountId, cause: RequestCause, at: i64, items: Vec<NewItem>) -> Self {
        Self { id: ProvisioningId(0), customer, cause, move_id: None, reason: None, at, items }
    }

    /// Gives it and its items ids, the directory's item first, since the order of ids is the order in which items are
    /// handed out. `next` gives the next number of a chain.
    pub fn issue(&mut self, chain: i64, mut next: impl FnMut() -> i64) {
        self.id = ProvisioningId::issue(chain, next());
        self.items.sort_by_key(|item| item.kind.kind() != TargetKind::Directory);
        for item in &mut self.items {
            item.id = ItemId::issue(chain, next());
        }
    }

    /// Whether it is about all that a customer has, so that it takes the place of everything that waits for the customer.
    /// Otherwise it takes the place of what waits for the same users and services.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        matches!(self.cause, RequestCause::Move | RequestCause::Manual)
    }

    /// Whether all items may be taken at once, since none is the directory's.
    #[must_use]
    pub fn released(&self) -> bool {
        self.items.iter().all(|item| item.kind.kind() != TargetKind::Directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_comes_first_and_ids_count_on() {
        let service = |id| {
            NewItem::new(ItemKind::Service { service: ServiceId(id) }, PlanAt::new("a", ""), PlanAt::new("b", "x"))
        };
        let items = vec![service(7), service(8), NewItem::directory(None, Some("OU=B".to_owned()))];
        let mut request = NewRequest::new(AccountId::issue(0, 1), RequestCause::Move, 0, items);
        assert!(!request.released());
        let mut issued = 4;
        request.issue(3, || {
            issued += 1;
            issued
        });
        assert_eq!(request.id.to_string(), "3-5");
        let told: Vec<(String, Option<ServiceId>)> =
            request.items.iter().map(|item| (item.id.to_string(), item.kind.service())).collect();
        let expected = [("3-6", None), ("3-7", Some(7)), ("3-8", Some(8))];
        assert_eq!(told, expected.map(|(id, service)| (id.to_owned(), service.map(ServiceId))));
        request.items.remove(0);
        assert!(request.released());
    }

    #[test]
    fn words_read_what_they_write() {
        for cause in RequestCause::ALL {
            assert_eq!(RequestCause::parse(cause.as_str()), Some(cause));
        }
        for kind in TargetKind::ALL {
            assert_eq!(TargetKind::parse(kind.as_str()), Some(kind));
        }
        assert_eq!((RequestCause::parse("sync"), TargetKind::parse("")), (None, None));
    }
}
