//! Contacts of an account beyond the primary one: the handles that domains are registered on.

use std::collections::BTreeMap;

use super::{Complaint, line};

/// Most contacts of one account. All of them are looked up when one changes.
pub const MAX_CONTACTS: usize = 100;

/// Longest text of a contact, in characters.
const MAX_TEXT: usize = 256;

/// Most registries that a contact has something of its own for.
pub const MAX_REGISTRIES: usize = 20;

/// Longest canonical form of what one registry wants to know, in bytes.
pub const MAX_REGISTRY_BYTES: usize = 4_096;

/// Longest name of a registry, in characters.
const MAX_REGISTRY_NAME: usize = 64;

/// A field of a contact that every registry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // Named as in the JSON.
pub enum CardField {
    Handle,
    Organisation,
    FirstName,
    LastName,
    Email,
    Phone,
    Fax,
    Address1,
    Address2,
    City,
    PostCode,
    StateCode,
    StateName,
    CountryCode,
    CountryName,
}

impl CardField {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 15] = [
        Self::Handle,
        Self::Organisation,
        Self::FirstName,
        Self::LastName,
        Self::Email,
        Self::Phone,
        Self::Fax,
        Self::Address1,
        Self::Address2,
        Self::City,
        Self::PostCode,
        Self::StateCode,
        Self::StateName,
        Self::CountryCode,
        Self::CountryName,
    ];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Handle => "handle",
            Self::Organisation => "organisation",
            Self::FirstName => "first_name",
            Self::LastName => "last_name",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Fax => "fax",
            Self::Address1 => "address1",
            Self::Address2 => "address2",
            Self::City => "city",
            Self::PostCode => "post_code",
            Self::StateCode => "state_code",
            Self::StateName => "state_name",
            Self::CountryCode => "country_code",
            Self::CountryName => "country_name",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// Whether it tells somebody from others: a contact needs one of these.
    fn tells(self) -> bool {
        matches!(self, Self::Handle | Self::Organisation | Self::FirstName | Self::LastName | Self::Email)
    }
}

/// A contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactCard {
    /// Its number within the account, from 1; never given twice.
    pub number: i64,
    /// What every registry asks for; a field that is not here is empty.
    pub texts: BTreeMap<CardField, String>,
    /// What each registry wants to know beside that: one canonical JSON object for each, by the registry's name.
    pub registries: BTreeMap<String, String>,
    /// Microseconds since 1970.
    pub created_at: i64,
    /// Microseconds since 1970 of its last change.
    pub changed_at: i64,
}

/// What is to be changed of a contact, or what a new one shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardPatch {
    /// Fields by name; empty text clears one.
    pub texts: BTreeMap<CardField, String>,
    /// What a registry wants to know, whole, as canonical JSON; none takes that away.
    pub registries: BTreeMap<String, Option<String>>,
}

impl CardPatch {
    /// Takes in a field.
    ///
    /// # Errors
    /// [`Complaint`].
    pub fn text(&mut self, field: CardField, text: &str) -> Result<(), Complaint> {
        self.texts.insert(field, line(text, MAX_TEXT)?);
        Ok(())
    }

    /// Takes in what a registry wants to know: a canonical JSON object, or none to take it away.
    ///
    /// # Errors
    /// [`Complaint`].
    pub fn registry(&mut self, name: &str, object: Option<String>) -> Result<(), Complaint> {
        let name = line(name, MAX_REGISTRY_NAME)?.to_lowercase();
        if name.is_empty() {
            return Err("names a registry by an empty text".to_owned());
        }
        if object.as_ref().is_some_and(|object| object.len() > MAX_REGISTRY_BYTES) {
            return Err(format!("has more than {MAX_REGISTRY_BYTES} bytes for the registry {name}"));
        }
        if self.registries.insert(name.clone(), object).is_some() {
            return Err(format!("names the registry {name} twice"));
        }
        Ok(())
    }

    /// The names of what is to be changed, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let registries = (!self.registries.is_empty()).then_some("registries");
        self.texts.keys().map(|field| field.as_str()).chain(registries).collect()
    }
}

impl ContactCard {
    /// A contact that shows nothing yet.
    pub(super) fn new(number: i64, at: i64) -> Self {
        Self { number, texts: BTreeMap::new(), registries: BTreeMap::new(), created_at: at, changed_at: at }
    }

    /// A field; empty text for none.
    #[must_use]
    pub fn text(&self, field: CardField) -> &str {
        self.texts.get(&field).map_or("", String::as_str)
    }

    /// Whether this shows what a patch says.
    #[must_use]
    pub fn shows(&self, patch: &CardPatch) -> bool {
        patch.texts.iter().all(|(field, text)| self.text(*field) == text)
            && patch.registries.iter().all(|(name, object)| self.registries.get(name) == object.as_ref())
    }

    /// Makes the contact what a patch says.
    pub(super) fn change(&mut self, patch: &CardPatch, at: i64) -> Result<(), String> {
        let before = self.clone();
        for (field, text) in &patch.texts {
            match text.is_empty() {
                true => self.texts.remove(field),
                false => self.texts.insert(*field, text.clone()),
            };
        }
        for (name, object) in &patch.registries {
            match object {
                Some(object) => self.registries.insert(name.clone(), object.clone()),
                None => self.registries.remove(name),
            };
        }
        if !self.texts.keys().any(|field| field.tells()) {
            return Err("A contact needs a handle, an organisation, a name or an e-mail address. Send one.".to_owned());
        }
        if self.registries.len() > MAX_REGISTRIES {
            return Err(format!("A contact has {MAX_REGISTRIES} registries at most. Take one away first."));
        }
        if *self != before {
            self.changed_at = at;
        }
        Ok(())
    }
}
