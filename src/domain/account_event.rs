//! What happens in an account, as one list has it: the calls about it, its relations, its services, users, sites and
//! probes, and what operators did to it.

use super::call::Endpoint;
use super::service::Happening;
use super::site::SiteHappening;
use super::user::UserHappening;

/// What sort of thing happened. The order is that of things of the same moment: a call, and what it made behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// A call came.
    Delivery,
    /// A relation to a reseller or partner began or ended.
    Relation,
    /// Something happened to a service.
    Service,
    /// Something happened to a user.
    User,
    /// Something happened to a site, or to a probe at one.
    Site,
    /// An operator did something.
    Act,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Delivery, Self::Relation, Self::Service, Self::User, Self::Site, Self::Act];

    /// The name in API and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Relation => "relation",
            Self::Service => "service",
            Self::User => "user",
            Self::Site => "site",
            Self::Act => "act",
        }
    }
}

/// What is asked for: all of a sort, or one kind of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedKind {
    /// All of a sort.
    All(Sort),
    /// Calls at one endpoint, such as `Accounts/Synchronize`.
    Delivery(Endpoint),
    /// `relation.opened`, or, if true, `relation.closed`.
    Relation(bool),
    /// Such as `service.suspended`.
    Service(Happening),
    /// Such as `user.created`.
    User(UserHappening),
    /// Such as `site.created`.
    Site(SiteHappening),
    /// Such as `probe.ended`.
    Probe(SiteHappening),
    /// An action of the audit trail, such as `accounts.set`.
    Act(String),
}

impl AskedKind {
    /// Reads a sort, an endpoint, or the name of what happened.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(sort) = Sort::ALL.into_iter().find(|sort| sort.as_str() == text) {
            return Some(Self::All(sort));
        }
        if let Some(endpoint) = Endpoint::parse(text) {
            return Some(Self::Delivery(endpoint));
        }
        let (of, what) = text.split_once('.')?;
        match (of, what) {
            ("relation", "opened") => Some(Self::Relation(false)),
            ("relation", "closed") => Some(Self::Relation(true)),
            ("relation", _) => None,
            ("service", what) => Happening::parse(what).map(Self::Service),
            ("user", what) => UserHappening::parse(what).map(Self::User),
            ("site", what) => SiteHappening::parse(what).map(Self::Site),
            ("probe", what) => SiteHappening::parse(what).map(Self::Probe),
            (of, what) => {
                let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                (word(of) && word(what)).then(|| Self::Act(text.to_owned()))
            }
        }
    }

    /// Of which sort that is.
    #[must_use]
    pub fn sort(&self) -> Sort {
        match self {
            Self::All(sort) => *sort,
            Self::Delivery(_) => Sort::Delivery,
            Self::Relation(_) => Sort::Relation,
            Self::Service(_) => Sort::Service,
            Self::User(_) => Sort::User,
            Self::Site(_) | Self::Probe(_) => Sort::Site,
            Self::Act(_) => Sort::Act,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_elsewhere() {
        for sort in Sort::ALL {
            assert_eq!(AskedKind::parse(sort.as_str()), Some(AskedKind::All(sort)));
        }
        for endpoint in Endpoint::ALL {
            assert_eq!(AskedKind::parse(endpoint.as_str()), Some(AskedKind::Delivery(endpoint)));
        }
        for (text, kind) in [
            ("relation.opened", Some(AskedKind::Relation(false))),
            ("relation.closed", Some(AskedKind::Relation(true))),
            ("service.ended", Some(AskedKind::Service(Happening::Ended))),
            ("user.moved", Some(AskedKind::User(UserHappening::Moved))),
            ("site.ended", Some(AskedKind::Site(SiteHappening::Ended))),
            ("probe.created", Some(AskedKind::Probe(SiteHappening::Created))),
            ("probe.moved", None),
            ("accounts.set", Some(AskedKind::Act("accounts.set".to_owned()))),
            ("relation.linked", None),
            ("service.exploded", None),
            ("accounts", None),
            ("Accounts/Nothing", None),
            (".", None),
            ("A.b", None),
        ] {
            assert_eq!(AskedKind::parse(text), kind, "{text}");
        }
    }
}
