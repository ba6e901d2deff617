//! Names of things: who an account belongs to, how the platform calls it and how we call it.

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use uuid::Uuid;

/// Longest ID accepted from outside, in characters. Raising it widens every key of the database.
pub const MAX_ID_CHARS: usize = 128;

/// Bits of a row number that count rows; the bits above them name the ledger chain that issued it.
const ROW_BITS: u32 = 40;

/// Namespace of the name-based UUIDs that become ExternalIDs. Changing it would give every account of a rebuilt
/// database another ExternalID than the one the platform already holds.
const EXTERNAL_ID_NAMESPACE: Uuid = Uuid::from_u128(0x7d0b_2f0e_5f0a_5d0c_9a51_6f1c_8b7e_2d43);

/// Why a text is no ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// More than [`MAX_ID_CHARS`] characters.
    #[error("is longer than 128 characters")]
    TooLong,
    /// A control character, which no ID of a platform has and which would make logs and lists unreadable.
    #[error("holds a control character")]
    Control,
}

fn checked(text: &str) -> Result<&str, IdError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.chars().count() > MAX_ID_CHARS {
        return Err(IdError::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(IdError::Control);
    }
    Ok(text)
}

/// Whether a trimmed text can be an ID.
#[must_use]
pub fn is_id(text: &str) -> bool {
    checked(text).is_ok()
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes a text from outside: trimmed, not empty, at most [`MAX_ID_CHARS`] characters, no control character.
            ///
            /// # Errors
            /// [`IdError`] says which of these it breaks.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                checked(text).map(|text| Self(Arc::from(text)))
            }

            /// Takes a text that was parsed before and comes back from our own database.
            #[must_use]
            pub fn stored(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// One platform installation, as named in the configuration.
    SourceId
}
text_id! {
    /// The platform's ID of an account, unique within source and tenant.
    PlatformId
}
text_id! {
    /// The vendor's ID of an account, issued by us or adopted, unique within source and tenant.
    ExternalId
}

text_id! {
    /// A partner of the vendor's registry, such as an MPN ID; also an alias of one.
    PartnerId
}

impl SourceId {
    /// The name of the source that accounts made here belong to; no platform may have it.
    pub const LOCAL: &'static str = "local";

    /// The source of accounts that were made here: by hand, by a dialect or by a list. No platform can be called so.
    #[must_use]
    pub fn local() -> Self {
        Self::stored(Self::LOCAL)
    }

    /// Whether it is that one.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.as_str() == Self::LOCAL
    }
}

/// The partner of an installation that a call belongs to; empty where the source tells no tenants apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

impl Tenant {
    /// The tenant of a source that has none.
    #[must_use]
    pub fn none() -> Self {
        Self(Arc::from(""))
    }

    /// Takes a tenant's name from outside.
    ///
    /// # Errors
    /// [`IdError`] as for every ID.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        checked(text).map(|text| Self(Arc::from(text)))
    }

    /// Takes a name back from our own database.
    #[must_use]
    pub fn stored(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The name, empty for no tenant.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Within which IDs are unique.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// The platform installation.
    pub source: SourceId,
    /// The partner of that installation.
    pub tenant: Tenant,
}

impl Scope {
    /// Whether accounts of the two may be each other's reseller and customer: of the same source and tenant, or of the same
    /// tenant where one of them was made here and may be synchronized by the other's platform some day.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.tenant == other.tenant
            && (self.source == other.source || self.source.is_local() || other.source.is_local())
    }
}

/// What an account is: source, tenant and the platform's ID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey {
    /// Source and tenant.
    pub scope: Scope,
    /// The platform's ID.
    pub platform_id: PlatformId,
}

impl AccountKey {
    /// The ExternalID that every receiver gives this account, as a UUID of version 5 (RFC 9562, 5.5).
    ///
    /// The three parts go in with their lengths, so that no two keys spell the same name. `attempt` is 1 for the plain
    /// UUID; from 2 on it is added as a suffix, for the case that somebody adopted the plain one.
    #[must_use]
    pub fn derived_external_id(&self, attempt: u32) -> ExternalId {
        let mut name = Vec::with_capacity(96);
        for part in [self.scope.source.as_str(), self.scope.tenant.as_str(), self.platform_id.as_str()] {
            name.extend_from_slice(part.len().to_string().as_bytes());
            name.push(b':');
            name.extend_from_slice(part.as_bytes());
        }
        let uuid = Uuid::new_v5(&EXTERNAL_ID_NAMESPACE, &name);
        if attempt <= 1 {
            ExternalId(Arc::from(uuid.hyphenated().to_string()))
        } else {
            ExternalId(Arc::from(format!("{}-{attempt}", uuid.hyphenated())))
        }
    }
}

/// Which chain issued a row number, and the how manieth it was. Chains number their rows without asking each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowNumber(i64);

impl RowNumber {
    /// Row `position` (from 1) of `chain`.
    #[must_use]
    pub fn new(chain: i64, position: i64) -> Self {
        Self((chain << ROW_BITS) | position)
    }

    /// The chain that issued it.
    #[must_use]
    pub fn chain(self) -> i64 {
        self.0 >> ROW_BITS
    }

    /// The position in its chain, from 1.
    #[must_use]
    pub fn position(self) -> i64 {
        self.0 & ((1 << ROW_BITS) - 1)
    }
}

macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub i64);

        impl $name {
            /// Issues the id of row `position` of `chain`.
            #[must_use]
            pub fn issue(chain: i64, position: i64) -> Self {
                Self(RowNumber::new(chain, position).0)
            }

            /// The last id that this chain can issue.
            #[must_use]
            pub fn last(chain: i64) -> Self {
                Self::issue(chain, (1 << ROW_BITS) - 1)
            }

            /// Which chain issued it, and where in that chain.
            #[must_use]
            pub fn row(self) -> RowNumber {
                RowNumber(self.0)
            }

            /// Reads the form that `Display` writes; none when it is no such text.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let (chain, position) = text.trim().split_once('-')?;
                let (chain, position) = (chain.parse::<i64>().ok()?, position.parse::<i64>().ok()?);
                let fits = (0..1 << 22).contains(&chain) && (1..1 << ROW_BITS).contains(&position);
                fits.then(|| Self::issue(chain, position))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}-{}", self.row().chain(), self.row().position())
            }
        }
    };
}

row_id! {
    /// Our own id of an account: opaque to everybody else, written `chain-position`.
    AccountId
}
row_id! {
    /// A row of the ledger, written `chain-position`: positions of one chain have no gaps.
    DeliveryId
}
row_id! {
    /// A relation of a customer to a reseller or partner.
    RelationId
}
row_id! {
    /// Our own id of a service: opaque to everybody else, written `chain-position`.
    ServiceId
}
row_id! {
    /// Our own id of a user of a customer: opaque to everybody else, written `chain-position`.
    UserId
}
row_id! {
    /// Our own id of a site of a customer: opaque to everybody else, written `chain-position`.
    SiteId
}
row_id! {
    /// Our own id of a probe at a site: opaque to everybody else, written `chain-position`.
    ProbeId
}
row_id! {
    /// A provisioning request: opaque to everybody else, written `chain-position`.
    ProvisioningId
}
row_id! {
    /// A move of a customer: opaque to everybody else, written `chain-position`.
    MoveId
}
row_id! {
    /// An item of a provisioning request: opaque to everybody else, written `chain-position`.
    ItemId
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(source: &str, tenant: &str, id: &str) -> AccountKey {
        AccountKey {
            scope: Scope { source: SourceId::stored(source), tenant: Tenant::stored(tenant) },
            platform_id: PlatformId::stored(id),
        }
    }

    #[test]
    fn ids_are_trimmed_and_bounded() {
        assert_eq!(PlatformId::parse("  1082733\t").map(|id| id.to_string()), Ok("1082733".to_owned()));
        assert_eq!(PlatformId::parse(" \u{a0} "), Err(IdError::Empty));
        assert!(PlatformId::parse(&"é".repeat(128)).is_ok());
        assert_eq!(PlatformId::parse(&"é".repeat(129)), Err(IdError::TooLong));
        assert_eq!(PlatformId::parse("a\u{0}b"), Err(IdError::Control));
    }

    #[test]
    fn the_external_id_is_pinned_for_ever() {
        // A literal: were the derivation to change, rebuilt databases would issue other IDs than platforms hold.
        assert_eq!(
            key("interworks-eu", "", "1082733").derived_external_id(1).as_str(),
            "5681a165-87d0-53b4-92ad-4f3e1c3aebc8"
        );
        assert_eq!(
            key("interworks-eu", "", "1082733").derived_external_id(2).as_str(),
            "5681a165-87d0-53b4-92ad-4f3e1c3aebc8-2"
        );
    }

    #[test]
    fn no_two_keys_spell_the_same_name() {
        let a = key("s", "t1:1", "2").derived_external_id(1);
        let b = key("s", "t", "1:12").derived_external_id(1);
        let c = key("s", "", "2").derived_external_id(1);
        assert!(a != b && b != c && a != c);
    }

    #[test]
    fn row_ids_read_what_they_write() {
        let id = DeliveryId::issue(3, 77);
        assert_eq!(id.to_string(), "3-77");
        assert_eq!(DeliveryId::parse("3-77"), Some(id));
        for wrong in ["", "3", "3-", "-1-2", "3-0", "x-1", "99999999999-1", "3-1099511627776"] {
            assert_eq!(DeliveryId::parse(wrong), None, "{wrong}");
        }
    }
}
