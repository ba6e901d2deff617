//! A site and a probe as they are held.

use crate::domain::ids::{AccountId, ProbeId, SiteId};

/// Most sites of one account that are not ended. All of them are looked at with each act on one: raising it raises what
/// that holds in memory, and how long calls wait behind it.
pub const MAX_SITES: usize = 1_000;

/// Most probes of one account that are not ended, at all its sites together; as [`MAX_SITES`].
pub const MAX_PROBES: usize = 5_000;

/// Longest name of a site or probe, in characters. Raising it makes lists wider than a screen.
pub const MAX_NAME_CHARS: usize = 100;

/// Longest description of a site, in characters. All of an account's are held in memory at once.
pub const MAX_DESCRIPTION_CHARS: usize = 1_000;

/// Whether a site or probe is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PlaceStatus {
    /// It is there.
    Active,
    /// It is gone.
    Ended,
}

impl PlaceStatus {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Active, Self::Ended];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A site as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Our id.
    pub id: SiteId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is called; no two sites of an account that are not ended are called the same, whatever the case.
    pub name: String,
    /// More about it; may be empty.
    pub description: String,
    /// Whether it is there.
    pub status: PlaceStatus,
    /// Whether it ended because its account did, so that it comes back with that.
    pub with_account: bool,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// Microseconds since 1970 at which it ended.
    pub ended_at: Option<i64>,
    /// Counts its changes, from 1.
    pub revision: i64,
}

impl SiteId {
    /// Marks a site that has no row yet.
    pub(in crate::domain) const UNISSUED: Self = Self(0);
}

impl Site {
    /// Whether it is not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.status == PlaceStatus::Active
    }

    /// The next version of it. `at` is in microseconds since 1970.
    #[must_use]
    pub fn sealed(mut self, at: i64) -> Self {
        self.revision += 1;
        self.changed_at = at;
        self
    }

    /// It, ended. `with_account` says whether because its account did; `at` is in microseconds since 1970.
    #[must_use]
    pub fn ended(self, with_account: bool, at: i64) -> Self {
        Self { status: PlaceStatus::Ended, with_account, ended_at: Some(at), ..self }.sealed(at)
    }

    /// It, back with its account. `at` is in microseconds since 1970.
    #[must_use]
    pub fn returned(self, at: i64) -> Self {
        Self { status: PlaceStatus::Active, with_account: false, ended_at: None, ..self }.sealed(at)
    }

    /// The names of what differs, as in its JSON.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        named([
            ("name", self.name != other.name),
            ("description", self.description != other.description),
            ("status", self.status != other.status),
        ])
    }
}

/// A probe as it is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Our id.
    pub id: ProbeId,
    /// Whose it is.
    pub account: AccountId,
    /// At which of the account's sites it stands.
    pub site: SiteId,
    /// What it is called; no two probes of an account that are not ended are called the same, whatever the case, so that
    /// one can move to any site.
    pub name: String,
    /// Whether it is there.
    pub status: PlaceStatus,
    /// Whether it ended because its account did, so that it comes back with that.
    pub with_account: bool,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
    /// Microseconds since 1970 at which it ended.
    pub ended_at: Option<i64>,
    /// Counts its changes, from 1.
    pub revision: i64,
}

impl ProbeId {
    /// Marks a probe that has no row yet.
    pub(in crate::domain) const UNISSUED: Self = Self(0);
}

impl Probe {
    /// Whether it is not ended.
    #[must_use]
    pub fn lives(&self) -> bool {
        self.status == PlaceStatus::Active
    }

    /// The next version of it. `at` is in microseconds since 1970.
    #[must_use]
    pub fn sealed(mut self, at: i64) -> Self {
        self.revision += 1;
        self.changed_at = at;
        self
    }

    /// As [`Site::ended`].
    #[must_use]
    pub fn ended(self, with_account: bool, at: i64) -> Self {
        Self { status: PlaceStatus::Ended, with_account, ended_at: Some(at), ..self }.sealed(at)
    }

    /// As [`Site::returned`].
    #[must_use]
    pub fn returned(self, at: i64) -> Self {
        Self { status: PlaceStatus::Active, with_account: false, ended_at: None, ..self }.sealed(at)
    }

    /// The names of what differs, as in its JSON.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<&'static str> {
        named([
            ("site", self.site != other.site),
            ("name", self.name != other.name),
            ("status", self.status != other.status),
        ])
    }
}

fn named<const N: usize>(differ: [(&'static str, bool); N]) -> Vec<&'static str> {
    differ.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
}

/// A name as it is compared: two that differ in case alone are the same to whoever reads a list.
#[must_use]
pub fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// A name as it is kept: trimmed, of 1 to [`MAX_NAME_CHARS`] characters on one line.
///
/// # Errors
/// What is wrong with it, to go on behind the name of the field, without a full stop.
pub fn name(text: &str) -> Result<String, String> {
    let name = line(text, MAX_NAME_CHARS)?;
    if name.is_empty() { Err("is empty".to_owned()) } else { Ok(name) }
}

/// A description as it is kept: trimmed, of at most [`MAX_DESCRIPTION_CHARS`] characters on one line.
///
/// # Errors
/// As [`name`].
pub fn description(text: &str) -> Result<String, String> {
    line(text, MAX_DESCRIPTION_CHARS)
}

fn line(text: &str, most: usize) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > most {
        return Err(format!("is longer than {most} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds() {
        let longest = "é".repeat(MAX_NAME_CHARS);
        for (text, taken) in [
            (" North ", Ok("North")),
            (longest.as_str(), Ok(longest.as_str())),
            (&format!("{longest}x"), Err("is longer than 100 characters")),
            (" \t ", Err("is empty")),
            ("a\u{0}b", Err("holds a control character")),
        ] {
            assert_eq!(name(text), taken.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert_eq!(description("  "), Ok(String::new()));
        assert!(description(&"x".repeat(MAX_DESCRIPTION_CHARS)).is_ok());
        assert!(description(&"x".repeat(MAX_DESCRIPTION_CHARS + 1)).is_err());
        assert_eq!(name_key(" ÉCOLE "), "école");
    }

    #[test]
    fn words_read_what_they_write() {
        for status in PlaceStatus::ALL {
            assert_eq!(PlaceStatus::parse(status.as_str()), Some(status));
        }
        assert_eq!(PlaceStatus::parse("gone"), None);
    }

    #[test]
    fn what_ends_and_returns_goes_on_counting() {
        let site = Site {
            id: SiteId(1),
            account: AccountId(1),
            name: "North".to_owned(),
            description: String::new(),
            status: PlaceStatus::Active,
            with_account: false,
            created_at: 1,
            changed_at: 1,
            ended_at: None,
            revision: 1,
        };
        let ended = site.clone().ended(true, 5);
        assert_eq!((ended.lives(), ended.ended_at, ended.revision, ended.changed_at), (false, Some(5), 2, 5));
        assert_eq!(site.differing(&ended), ["status"]);
        let back = ended.returned(7);
        assert_eq!(back, Site { revision: 3, changed_at: 7, ..site });
    }
}
