//! By what two accounts are the same.

use std::borrow::Cow;

use super::record::{Ours, Theirs};
use crate::domain::call::Said;

/// The field that names an account on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyField {
    /// The platform's ID.
    PlatformId,
    /// The vendor's ID.
    ExternalId,
    /// The account's code, whatever its case is not: codes are compared as they are written.
    Code,
    /// The e-mail address, in any case.
    Email,
}

impl KeyField {
    /// All fields.
    pub const ALL: [Self; 4] = [Self::PlatformId, Self::ExternalId, Self::Code, Self::Email];

    /// The name in commands and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PlatformId => "platform_id",
            Self::ExternalId => "external_id",
            Self::Code => "code",
            Self::Email => "email",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }
}

/// How accounts are matched: by one field, within source and tenant where the list tells these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Matching {
    /// The field.
    pub field: KeyField,
    /// Whether the list names each account's source.
    pub by_source: bool,
    /// Whether the list names each account's tenant.
    pub by_tenant: bool,
}

impl Matching {
    /// By this field alone.
    #[must_use]
    pub fn by(field: KeyField) -> Self {
        Self { field, by_source: false, by_tenant: false }
    }

    /// Appends what one of ours is ordered by; false if it has no such name.
    pub fn of_ours(&self, ours: &Ours, key: &mut Vec<u8>) -> bool {
        let text = match self.field {
            KeyField::PlatformId => Cow::Borrowed(ours.key.platform_id.as_str()),
            KeyField::ExternalId => Cow::Borrowed(ours.external_id.as_str()),
            KeyField::Code => Cow::Borrowed(ours.code.trim()),
            KeyField::Email => folded(&ours.email),
        };
        let scope = &ours.key.scope;
        self.write(&text, scope.source.as_str(), scope.tenant.as_str(), key)
    }

    /// Appends what one of theirs is ordered by; false if it has no such name.
    pub fn of_theirs(&self, theirs: &Theirs, key: &mut Vec<u8>) -> bool {
        let said = |said: &'_ Said<String>| match said {
            Said::Value(text) => text.clone(),
            Said::Nothing | Said::Absent => String::new(),
        };
        let text = match self.field {
            KeyField::PlatformId => Cow::Borrowed(theirs.platform_id.as_ref().map_or("", |id| id.as_str())),
            KeyField::ExternalId => Cow::Borrowed(theirs.external_id.as_ref().map_or("", |id| id.as_str())),
            KeyField::Code => Cow::Owned(said(&theirs.code).trim().to_owned()),
            KeyField::Email => Cow::Owned(folded(&said(&theirs.email)).into_owned()),
        };
        let source = theirs.source.as_ref().map_or("", |source| source.as_str());
        let tenant = theirs.tenant.as_ref().map_or("", |tenant| tenant.as_str());
        self.write(&text, source, tenant, key)
    }

    /// NUL stands in no text of a database and sorts before everything that does.
    fn write(&self, text: &str, source: &str, tenant: &str, key: &mut Vec<u8>) -> bool {
        if text.is_empty() {
            return false;
        }
        key.extend_from_slice(text.as_bytes());
        if self.by_source {
            key.push(0);
            key.extend_from_slice(source.as_bytes());
        }
        if self.by_tenant {
            key.push(0);
            key.extend_from_slice(tenant.as_bytes());
        }
        true
    }
}

/// An e-mail address as it is compared.
#[must_use]
pub fn folded(email: &str) -> Cow<'_, str> {
    let email = email.trim();
    if email.chars().any(char::is_uppercase) { Cow::Owned(email.to_lowercase()) } else { Cow::Borrowed(email) }
}

/// A key as it may be told: without the parts that only order it.
#[must_use]
pub fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
}
