//! Users of a customer: people and mailboxes, and which of the customer's services each has.
//!
//! A user hangs on one account and has services of that account alone. A service that ends, or becomes another account's,
//! is lost by all who have it. Rows are never removed: who is ended stays, and so does what happened, in the history.

use std::sync::Arc;

use super::ids::{AccountId, DeliveryId, ServiceId, UserId};
use super::relation::Cause;

/// Most users of one account that are not ended. All of them are looked at when one more comes, and when the account moves:
/// raising it raises what that holds in memory, and how long calls wait behind it.
pub const MAX_USERS: usize = 20_000;

/// Most services of one user. Raising it raises what a list of users takes.
pub const MAX_SERVICES_OF_USER: usize = 500;

/// In which state a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserStatus {
    /// May sign in.
    Active,
    /// May not sign in; keeps its services.
    Disabled,
    /// Gone; has no services.
    Ended,
}

impl UserStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Disabled, Self::Ended];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A user as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Our id.
    pub id: UserId,
    /// Whose user it is.
    pub account: AccountId,
    /// With what it signs in; no two users of an account that are not ended have the same, whatever the case.
    pub login: String,
    /// What it is called.
    pub name: String,
    /// Its e-mail address.
    pub email: String,
    /// Its state.
    pub status: UserStatus,
    /// The services that it has, in the order of their ids, each once.
    pub services: Vec<ServiceId>,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// Microseconds since 1970 at which it ended.
    pub ended_at: Option<i64>,
    /// Counts its changes, from 1.
    pub revision: i64,
}

impl UserId {
    /// Marks a user that has no row yet.
    pub(super) const UNISSUED: Self = Self(0);
}

impl User {
    /// Whether it is not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.status != UserStatus::Ended
    }

    /// The login as it is compared.
    #[must_use]
    pub fn login_key(&self) -> String {
        login_key(&self.login)
    }

    /// Whether it has a service.
    #[must_use]
    pub fn has(&self, service: ServiceId) -> bool {
        self.services.binary_search(&service).is_ok()
    }

    /// The next version of it. `at` is in microseconds since 1970.
    #[must_use]
    pub fn sealed(mut self, at: i64) -> Self {
        self.revision += 1;
        self.changed_at = at;
        self
    }

    /// The names of what differs, as in its JSON.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        [
            ("account", self.account != other.account),
            ("login", self.login != other.login),
            ("name", self.name != other.name),
            ("email", self.email != other.email),
            ("status", self.status != other.status),
            ("services", self.services != other.services),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

/// A login as it is compared: two that differ in case alone are the same to whoever signs in.
#[must_use]
pub fn login_key(login: &str) -> String {
    login.trim().to_lowercase()
}

/// One change of a user, as history and feed tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserStep {
    /// As it was; none where it is new.
    pub before: Option<Arc<User>>,
    /// As it is.
    pub after: Arc<User>,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen: one that ended a service which the user had.
    pub delivery: Option<DeliveryId>,
}

/// What a step is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserHappening {
    /// It is here for the first time.
    Created,
    /// What describes it, or which services it has, changed.
    Updated,
    /// It is another account's.
    Moved,
    /// It ended.
    Ended,
}

impl UserHappening {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Moved, Self::Ended];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Moved => "moved",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happening| happening.as_str() == name)
    }
}

impl UserStep {
    /// What it is called: its end before a change of account, and that before all else.
    #[must_use]
    pub fn happening(&self) -> UserHappening {
        let Some(before) = &self.before else { return UserHappening::Created };
        if before.lives() && !self.after.lives() {
            UserHappening::Ended
        } else if before.account != self.after.account {
            UserHappening::Moved
        } else {
            UserHappening::Updated
        }
    }

    /// The names of what changed, as in the user's JSON; none of a user that is new.
    #[must_use]
    pub fn changed(&self) -> Vec<&'static str> {
        self.before.as_ref().map(|before| before.differing(&self.after)).unwrap_or_default()
    }

    /// The services that it has now and had not.
    pub fn gained(&self) -> impl Iterator<Item = ServiceId> {
        let had = |service: &ServiceId| self.before.as_ref().is_some_and(|before| before.has(*service));
        self.after.services.iter().filter(move |service| !had(service)).copied()
    }

    /// The services that it had and has no longer.
    pub fn lost(&self) -> impl Iterator<Item = ServiceId> {
        let before = self.before.iter().flat_map(|before| &before.services);
        before.filter(|service| !self.after.has(**service)).copied()
    }
}

/// A service that nobody has any longer, since it ended or became another account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Which.
    pub service: ServiceId,
    /// Microseconds since 1970.
    pub at: i64,
    /// What made it so.
    pub cause: Cause,
    /// The delivery that made it so.
    pub delivery: Option<DeliveryId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(services: &[i64]) -> User {
        User {
            id: UserId(1),
            account: AccountId(1),
            login: " Ann@Example.COM ".to_owned(),
            name: String::new(),
            email: String::new(),
            status: UserStatus::Active,
            services: services.iter().map(|id| ServiceId(*id)).collect(),
            created_at: 0,
            changed_at: 0,
            ended_at: None,
            revision: 1,
        }
    }

    fn step(before: Option<User>, after: User) -> UserStep {
        UserStep { before: before.map(Arc::new), after: Arc::new(after), cause: Cause::Move, delivery: None }
    }

    #[test]
    fn words_read_what_they_write() {
        for status in UserStatus::ALL {
            assert_eq!(UserStatus::parse(status.as_str()), Some(status));
        }
        for happening in UserHappening::ALL {
            assert_eq!(UserHappening::parse(happening.as_str()), Some(happening));
        }
        assert_eq!((UserStatus::parse("x"), UserHappening::parse("")), (None, None));
        assert_eq!(user(&[]).login_key(), "ann@example.com");
    }

    #[test]
    fn a_step_tells_what_was_gained_and_lost() {
        let step_of = step(Some(user(&[1, 2, 3])), user(&[2, 4]));
        assert_eq!(step_of.gained().collect::<Vec<_>>(), [ServiceId(4)]);
        assert_eq!(step_of.lost().collect::<Vec<_>>(), [ServiceId(1), ServiceId(3)]);
        assert_eq!((step_of.happening(), step_of.changed()), (UserHappening::Updated, vec!["services"]));
        let made = step(None, user(&[2]));
        assert_eq!(made.gained().collect::<Vec<_>>(), [ServiceId(2)]);
        assert_eq!((made.happening(), made.changed().len()), (UserHappening::Created, 0));
        let elsewhere = User { account: AccountId(2), ..user(&[]) };
        assert_eq!(step(Some(user(&[])), elsewhere.clone()).happening(), UserHappening::Moved);
        let gone = User { status: UserStatus::Ended, ..elsewhere };
        assert_eq!(step(Some(user(&[])), gone.clone()).happening(), UserHappening::Ended);
        assert_eq!(step(Some(gone.clone()), gone).happening(), UserHappening::Updated);
    }
}
