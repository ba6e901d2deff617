//! What a preview was of, so that a move is not made on anything that nobody looked at.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::account::Account;
use crate::domain::ids::AccountId;
use crate::domain::service::Service;
use crate::domain::user::User;

/// The revision of a move: short digests of what it rests on. Written as text, `m1.` and five hexadecimal numbers.
///
/// A digest rather than revisions: a customer's new telephone number is nothing to its move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Basis {
    /// Where the customer stands.
    place: u64,
    /// Which reseller it is to have.
    reseller: u64,
    /// What that one may sell.
    offers: u64,
    /// The services.
    services: u64,
    /// The users.
    users: u64,
}

fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn numbers(numbers: impl IntoIterator<Item = i64>) -> u64 {
    let bytes: Vec<[u8; 8]> = numbers.into_iter().map(i64::to_be_bytes).collect();
    digest(bytes.iter().map(<[u8; 8]>::as_slice))
}

impl Basis {
    /// The revision of a move of `customer` with these services and users to a reseller that sells this, or to nobody.
    /// `offers` is the revision of its offers.
    #[must_use]
    pub fn of<'a>(
        customer: &Account,
        reseller: Option<AccountId>,
        offers: i64,
        services: impl IntoIterator<Item = &'a Service>,
        users: impl IntoIterator<Item = &'a User>,
    ) -> Self {
        let held = customer.reseller.as_ref();
        let named = held.and_then(|held| held.reseller_platform_id.as_ref()).map_or("", |id| id.as_str());
        let relation =
            [held.map_or(0, |held| held.id.0), held.and_then(|held| held.reseller_account).map_or(0, |id| id.0)];
        let relation = numbers(relation).to_be_bytes();
        let hold = customer.hold.map_or("", |hold| hold.as_str());
        let words = [customer.kind.as_str(), customer.status.as_str(), hold, named];
        Self {
            place: digest(words.into_iter().map(str::as_bytes).chain([relation.as_slice()])),
            reseller: numbers([reseller.map_or(0, |reseller| reseller.0)]),
            offers: numbers([offers]),
            services: numbers(services.into_iter().flat_map(|service| [service.id.0, service.revision])),
            users: numbers(users.into_iter().flat_map(|user| [user.id.0, user.revision])),
        }
    }

    /// Reads the form that `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().strip_prefix("m1.")?.split('.');
        let mut next = || {
            let part = parts.next().filter(|part| part.len() == 16)?;
            u64::from_str_radix(part, 16).ok()
        };
        let basis = Self { place: next()?, reseller: next()?, offers: next()?, services: next()?, users: next()? };
        parts.next().is_none().then_some(basis)
    }

    /// What is not as it was, in words that follow "since the preview".
    #[must_use]
    pub fn differing(&self, now: &Self) -> Vec<&'static str> {
        [
            ("where the customer stands", self.place != now.place),
            ("the reseller that was named", self.reseller != now.reseller),
            ("what the reseller may sell", self.offers != now.offers && self.reseller == now.reseller),
            ("the customer's services", self.services != now.services),
            ("the customer's users", self.users != now.users),
        ]
        .into_iter()
        .filter_map(|(what, differs)| differs.then_some(what))
        .collect()
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, reseller, offers, services, users } = self;
        write!(f, "m1.{place:016x}.{reseller:016x}.{offers:016x}.{services:016x}.{users:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(numbers: [u64; 5]) -> Basis {
        let [place, reseller, offers, services, users] = numbers;
        Basis { place, reseller, offers, services, users }
    }

    #[test]
    fn it_reads_what_it_writes_and_nothing_else() {
        let one = basis([1, u64::MAX, 3, 4, 5]);
        assert_eq!(Basis::parse(&one.to_string()), Some(one));
        let short = one.to_string().replace("m1.0", "m1.");
        for bad in ["", "m1.", "m2.1.2.3.4.5", &format!("{one}.6"), &short, "m1.1.2.3.4.5"] {
            assert_eq!(Basis::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_says_what_changed() {
        let one = basis([1, 2, 3, 4, 5]);
        assert_eq!(one.differing(&one), Vec::<&str>::new());
        let cases: [([u64; 5], &[&str]); 4] = [
            ([9, 2, 3, 4, 5], &["where the customer stands"]),
            // Another reseller has other offers; that says nothing new.
            ([1, 9, 9, 4, 5], &["the reseller that was named"]),
            ([1, 2, 9, 4, 5], &["what the reseller may sell"]),
            ([1, 2, 3, 9, 9], &["the customer's services", "the customer's users"]),
        ];
        for (now, changed) in cases {
            assert_eq!(one.differing(&basis(now)), changed);
        }
    }
}
