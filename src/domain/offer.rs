//! What a reseller may sell: services, on which plans, at which locations.
//!
//! Names are compared as they are, letter by letter: they are keys of the vendor's catalogue, as services carry them.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use thiserror::Error;

/// Most offers of one reseller. A set is read and written whole, so raising it lengthens every look-up of a move and the
/// write that every call waits behind.
pub const MAX_OFFERS: usize = 10_000;

/// Most locations of one offer, for the same reason.
pub const MAX_LOCATIONS: usize = 256;

/// Longest name of a service, a plan or a location, in characters. Service and plan stand in one key of the database, of
/// which PostgreSQL takes 2,704 bytes at most.
pub const MAX_NAME_CHARS: usize = 256;

/// Longest directory OU, in characters.
pub const MAX_OU_CHARS: usize = 1_024;

/// A service on a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offer {
    /// The service, as [`Service::service`](super::service::Service::service) names it.
    pub service: String,
    /// The plan, as [`Service::plan`](super::service::Service::plan) names it.
    pub plan: String,
    /// Where it may run, sorted, each once; empty where there is no location to choose.
    pub locations: Vec<String>,
}

/// The offers of a reseller.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    /// Counts the changes of the list and of its directory OU, from 1; 0 where neither was ever set.
    pub revision: i64,
    /// By service and plan, each pair once.
    pub list: Vec<Offer>,
}

/// A reseller, as far as it sells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seller {
    /// What it may sell.
    pub offers: Offers,
    /// The organizational unit of the vendor's directory below which its customers stand, as a distinguished name.
    pub directory_ou: Option<String>,
}

/// What is set of a reseller's list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// By service and plan, each pair once ([`in_order`]).
    pub offers: Vec<Offer>,
    /// See [`Seller::directory_ou`].
    pub directory_ou: Option<String>,
}

/// A list as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The reseller, as far as it sells.
    pub seller: Seller,
    /// Microseconds since 1970 at which an operator promoted the account; none where none did.
    pub promoted_at: Option<i64>,
    /// Microseconds since 1970; none where nothing was ever set.
    pub changed_at: Option<i64>,
}

impl Listing {
    /// What it says, without when and how often.
    #[must_use]
    pub fn sheet(&self) -> Sheet {
        Sheet { offers: self.seller.offers.list.clone(), directory_ou: self.seller.directory_ou.clone() }
    }
}

/// How two lists differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Differences {
    /// Offers that are new.
    pub added: usize,
    /// Offers that have other locations.
    pub changed: usize,
    /// Offers that are gone.
    pub removed: usize,
    /// Whether the directory OU is another.
    pub directory_ou: bool,
}

impl Differences {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The names of what differs, as in the JSON of a list.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let offers = self.added + self.changed + self.removed > 0;
        [("offers", offers), ("directory_ou", self.directory_ou)]
            .into_iter()
            .filter_map(|(name, differs)| differs.then_some(name))
            .collect()
    }
}

impl Sheet {
    /// How it differs from what was before.
    #[must_use]
    pub fn differences(&self, before: &Self) -> Differences {
        let mut differences =
            Differences { directory_ou: self.directory_ou != before.directory_ou, ..Differences::default() };
        // Both are in the same order, so one walk over both tells.
        let (mut old, mut new) = (before.offers.iter().peekable(), self.offers.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return differences,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(old), Some(new)) => old.key().cmp(&new.key()),
            };
            match order {
                Ordering::Less => {
                    differences.removed += 1;
                    old.next();
                }
                Ordering::Greater => {
                    differences.added += 1;
                    new.next();
                }
                Ordering::Equal => {
                    differences.changed += usize::from(old.next() != new.next());
                }
            }
        }
    }
}

/// Why an offer cannot be as it is said to be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OfferError {
    /// A name is missing.
    #[error("its {0} is empty; name one")]
    Empty(&'static str),
    /// A name is too long.
    #[error("its {0} is longer than {MAX_NAME_CHARS} characters")]
    Long(&'static str),
    /// A name cannot be printed.
    #[error("its {0} holds a control character")]
    Control(&'static str),
    /// Too many locations.
    #[error("it has more than {MAX_LOCATIONS} locations")]
    Locations,
}

/// Why a list of offers cannot be one. Positions count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OffersError {
    /// Too many.
    #[error("it has more than {MAX_OFFERS} offers")]
    TooMany,
    /// A service on a plan stands there twice.
    #[error(
        "offer {again} repeats offer {first}: the service \"{service}\" on the plan \"{plan}\"; leave one of them out"
    )]
    Twice {
        /// The position of the first one.
        first: usize,
        /// The position of the second one.
        again: usize,
        /// The service of both.
        service: String,
        /// The plan of both.
        plan: String,
    },
}

/// Why a text is no directory OU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OuError {
    /// Too long.
    #[error("it is longer than {MAX_OU_CHARS} characters")]
    Long,
    /// It cannot be printed.
    #[error("it holds a control character")]
    Control,
    /// It is none.
    #[error("it is no distinguished name, such as OU=Example,DC=vendor,DC=example")]
    NoName,
}

impl Offer {
    /// An offer, its names without the space around them and its locations in order.
    ///
    /// # Errors
    /// [`OfferError`] names the first thing that cannot be.
    pub fn new(
        service: &str,
        plan: &str,
        locations: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, OfferError> {
        let mut sorted = BTreeSet::new();
        for location in locations {
            sorted.insert(name("location", location.as_ref())?);
            if sorted.len() > MAX_LOCATIONS {
                return Err(OfferError::Locations);
            }
        }
        Ok(Self {
            service: name("service", service)?,
            plan: name("plan", plan)?,
            locations: sorted.into_iter().collect(),
        })
    }

    /// Whether it may run there. Where there is no location to choose, any will do.
    #[must_use]
    pub fn runs_at(&self, location: &str) -> bool {
        self.locations.is_empty() || self.locations.binary_search_by(|held| held.as_str().cmp(location)).is_ok()
    }

    fn key(&self) -> (&str, &str) {
        (&self.service, &self.plan)
    }
}

fn name(what: &'static str, text: &str) -> Result<String, OfferError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(OfferError::Empty(what));
    }
    if text.chars().count() > MAX_NAME_CHARS {
        return Err(OfferError::Long(what));
    }
    if text.chars().any(char::is_control) {
        return Err(OfferError::Control(what));
    }
    Ok(text.to_owned())
}

/// Puts offers in their order.
///
/// # Errors
/// [`OffersError`] where there are too many, or names the first two that offer the same, by their positions in `offers`.
pub fn in_order(offers: Vec<Offer>) -> Result<Vec<Offer>, OffersError> {
    if offers.len() > MAX_OFFERS {
        return Err(OffersError::TooMany);
    }
    let mut placed: Vec<(usize, Offer)> = offers.into_iter().enumerate().collect();
    // Stable, so that the earlier of two stands first.
    placed.sort_by(|(_, one), (_, other)| one.key().cmp(&other.key()));
    let twice = placed.windows(2).filter(|pair| pair[0].1.key() == pair[1].1.key()).min_by_key(|pair| pair[1].0);
    if let Some([(first, _), (again, offer)]) = twice {
        let (service, plan) = (offer.service.clone(), offer.plan.clone());
        return Err(OffersError::Twice { first: first + 1, again: again + 1, service, plan });
    }
    Ok(placed.into_iter().map(|(_, offer)| offer).collect())
}

impl Offers {
    /// What it may sell a service on, by plan; none where it does not sell that service.
    #[must_use]
    pub fn plans_of(&self, service: &str) -> &[Offer] {
        let from = self.list.partition_point(|offer| offer.service.as_str() < service);
        let many = self.list[from..].partition_point(|offer| offer.service == service);
        &self.list[from..from + many]
    }

    /// Its offer of a service on a plan.
    #[must_use]
    pub fn offer(&self, service: &str, plan: &str) -> Option<&Offer> {
        let plans = self.plans_of(service);
        plans.binary_search_by(|offer| offer.plan.as_str().cmp(plan)).ok().map(|at| &plans[at])
    }

    /// Whether it may sell this service on any plan.
    #[must_use]
    pub fn sells(&self, service: &str) -> bool {
        !self.plans_of(service).is_empty()
    }
}

/// Reads a directory OU: a distinguished name, taken as it is but for the space around it. Only its beginning is looked
/// at, since directories differ in what they take behind that.
///
/// # Errors
/// [`OuError`] says what is wrong.
pub fn directory_ou(text: &str) -> Result<String, OuError> {
    let text = text.trim();
    if text.chars().count() > MAX_OU_CHARS {
        return Err(OuError::Long);
    }
    if text.chars().any(char::is_control) {
        return Err(OuError::Control);
    }
    // RFC 4514, 3: attribute types are names (letter, then letters, digits, hyphens) or numbers with dots.
    let is_type = |name: &str| {
        !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.'))
    };
    match text.split_once('=') {
        Some((kind, value)) if is_type(kind.trim()) && !value.trim().is_empty() => Ok(text.to_owned()),
        _ => Err(OuError::NoName),
    }
}

#[cfg(test)]
mod tests {
    // Tests stop where something is not as it must be; that is what unwrap says.
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn pairs() -> impl Strategy<Value = BTreeMap<(String, String), bool>> {
        prop::collection::btree_map(("[a-b]", "[a-c]"), any::<bool>(), 0..6)
    }

    fn offer(service: &str, plan: &str) -> Offer {
        Offer::new(service, plan, [""; 0]).unwrap()
    }

    #[test]
    fn names_are_trimmed_bounded_and_sorted() {
        let offer = Offer::new(" Workspace ", "Gold", ["south", " north", "south"]).unwrap();
        assert_eq!((offer.service.as_str(), offer.plan.as_str()), ("Workspace", "Gold"));
        assert_eq!(offer.locations, ["north", "south"]);
        assert!(offer.runs_at("north") && !offer.runs_at("North"));
        assert!(Offer::new("a", "b", [""; 0]).unwrap().runs_at("anywhere"));
        let long = "x".repeat(MAX_NAME_CHARS + 1);
        let places: Vec<String> = (0..=MAX_LOCATIONS).map(|n| n.to_string()).collect();
        for (service, plan, locations, error) in [
            ("  ", "b", vec![], OfferError::Empty("service")),
            ("a", "", vec![], OfferError::Empty("plan")),
            ("a", "b", vec![" ".to_owned()], OfferError::Empty("location")),
            (long.as_str(), "b", vec![], OfferError::Long("service")),
            ("a", long.as_str(), vec![], OfferError::Long("plan")),
            ("a", "b", vec![long.clone()], OfferError::Long("location")),
            ("a\u{7}b", "b", vec![], OfferError::Control("service")),
            ("a", "b", places, OfferError::Locations),
        ] {
            assert_eq!(Offer::new(service, plan, locations), Err(error));
        }
    }

    #[test]
    fn what_is_offered_twice_is_told_by_position() {
        let list = vec![offer("b", "2"), offer("a", "1"), offer("b", "1"), offer("a", "1"), offer("b", "2")];
        let twice = |first, again, service: &str, plan: &str| OffersError::Twice {
            first,
            again,
            service: service.to_owned(),
            plan: plan.to_owned(),
        };
        assert_eq!(in_order(list.clone()), Err(twice(2, 4, "a", "1")));
        assert_eq!(in_order(list[..3].to_vec()).unwrap(), [offer("a", "1"), offer("b", "1"), offer("b", "2")]);
        let many = (0..=MAX_OFFERS).map(|n| offer("a", &n.to_string())).collect();
        assert_eq!(in_order(many), Err(OffersError::TooMany));
    }

    #[test]
    fn directory_ous_are_loosely_names() {
        for good in ["OU=HNP,OU=Resellers,DC=example,DC=com", "ou=a", "2.5.4.11=Müller\\, Ltd", " OU = x "] {
            assert_eq!(directory_ou(good), Ok(good.trim().to_owned()));
        }
        let long = format!("OU={}", "x".repeat(MAX_OU_CHARS));
        for (bad, error) in [
            ("", OuError::NoName),
            ("HNP", OuError::NoName),
            ("OU=", OuError::NoName),
            ("=x", OuError::NoName),
            ("O U=x", OuError::NoName),
            ("OU=a\nb", OuError::Control),
            (long.as_str(), OuError::Long),
        ] {
            assert_eq!(directory_ou(bad), Err(error), "{bad}");
        }
    }

    proptest! {
        /// What is counted takes one list to the other.
        #[test]
        fn differences_are_those_of_sets(old in pairs(), new in pairs()) {
            let sheet = |pairs: &BTreeMap<(String, String), bool>| {
                let offers = pairs.iter().map(|((service, plan), near)| {
                    Offer::new(service, plan, near.then_some("near")).unwrap()
                });
                Sheet { offers: in_order(offers.collect()).unwrap(), ..Sheet::default() }
            };
            let found = sheet(&new).differences(&sheet(&old));
            let removed = old.keys().filter(|key| !new.contains_key(*key)).count();
            let added = new.keys().filter(|key| !old.contains_key(*key)).count();
            let changed = old.iter().filter(|(key, near)| new.get(*key).is_some_and(|now| now != *near)).count();
            prop_assert_eq!((found.removed, found.added, found.changed), (removed, added, changed));
            prop_assert_eq!(found.is_empty(), old == new);
            prop_assert_eq!(found.names().is_empty(), old == new);
        }

        /// Looking up finds exactly what going through the list finds.
        #[test]
        fn look_ups_are_those_of_the_list(pairs in prop::collection::btree_set(("[a-c]{1,2}", "[a-c]{1,2}"), 0..30), service in "[a-c]{0,2}", plan in "[a-c]{0,2}") {
            let list = in_order(pairs.iter().rev().map(|(service, plan)| offer(service, plan)).collect()).unwrap();
            let offers = Offers { revision: 1, list };
            let of: Vec<&Offer> = offers.list.iter().filter(|offer| offer.service == service).collect();
            prop_assert_eq!(offers.plans_of(&service).iter().collect::<Vec<_>>(), of.clone());
            prop_assert_eq!(offers.sells(&service), !of.is_empty());
            prop_assert_eq!(offers.offer(&service, &plan), of.into_iter().find(|offer| offer.plan == plan));
        }
    }
}
