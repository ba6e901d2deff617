//! From the texts of a row to an account.

use super::{Cells, Listed, Row};
use crate::domain::account::AccountKind;
use crate::domain::act::Imported;
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{ExternalId, IdError, MAX_ID_CHARS, PlatformId};
use crate::domain::options::MAX_TEXT_CHARS;
use crate::wire::time::parse_time;

/// What a list may tell of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of an account in JSON.
pub enum Field {
    PlatformId,
    ExternalId,
    Kind,
    Reseller,
    Since,
    Name,
    Email,
    Code,
    Status,
    Source,
    Tenant,
    /// All options, as one JSON object.
    Options,
    /// One option, by its ID.
    Option(String),
}

impl Field {
    const FIXED: [Self; 12] = [
        Self::PlatformId,
        Self::ExternalId,
        Self::Kind,
        Self::Reseller,
        Self::Since,
        Self::Name,
        Self::Email,
        Self::Code,
        Self::Status,
        Self::Source,
        Self::Tenant,
        Self::Options,
    ];

    /// How a list may call it unasked, its own name first. Case, white space and `_ - .` do not count.
    fn aliases(&self) -> &'static [&'static str] {
        match self {
            Self::PlatformId => &["platform_id", "id", "account_id"],
            Self::ExternalId => &["external_id"],
            Self::Kind => &["kind", "role", "type"],
            Self::Reseller => &["reseller", "reseller_id", "reseller_platform_id"],
            Self::Since => &["since", "reseller_since", "valid_from"],
            Self::Name => &["name", "account_name", "company"],
            Self::Email => &["email", "e_mail", "email_address"],
            Self::Code => &["code", "account_code"],
            Self::Status => &["status"],
            Self::Source => &["source"],
            Self::Tenant => &["tenant"],
            Self::Options => &["options", "sync_options"],
            Self::Option(_) => &[],
        }
    }

    /// The name in a map and in messages.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Option(id) => id,
            fixed => fixed.aliases().first().copied().unwrap_or_default(),
        }
    }

    /// The names of all fields but single options.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::FIXED.iter().filter_map(|field| field.aliases().first().copied()).collect()
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::option(name).or_else(|| Self::FIXED.into_iter().find(|field| field.as_str() == name))
    }

    /// The field that a column of this name is unless it is mapped otherwise, and how good a name that is.
    pub(super) fn usual(name: &str) -> Option<(Self, usize)> {
        if let Some(option) = Self::option(name) {
            return Some((option, 0));
        }
        Self::FIXED.into_iter().find_map(|field| {
            let rank = field.aliases().iter().position(|alias| is_called(name, alias))?;
            Some((field, rank))
        })
    }

    fn option(name: &str) -> Option<Self> {
        let (prefix, id) = name.trim().split_once('.')?;
        let id = id.trim();
        let fits = !id.is_empty() && id.chars().count() <= MAX_ID_CHARS && !id.chars().any(char::is_control);
        (prefix.eq_ignore_ascii_case("option") && fits).then(|| Self::Option(id.to_owned()))
    }
}

/// Whether two names are the same but for case, white space and punctuation.
pub(super) fn is_called(name: &str, other: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '.'))
            .flat_map(char::to_lowercase)
            .collect()
    };
    letters(name) == letters(other)
}

impl Cells {
    /// A cell of a row; empty ones say nothing.
    pub(super) fn set(&mut self, field: &Field, text: &str) {
        if !text.trim().is_empty() {
            self.texts.push((field.clone(), text.trim().to_owned()));
        }
    }

    fn get(&self, field: &Field) -> Option<&str> {
        self.texts.iter().find(|(of, _)| of == field).map(|(_, text)| text.as_str())
    }

    /// The row that these cells make.
    pub(super) fn row(self, line: u64) -> Row {
        let platform_id = self.get(&Field::PlatformId).unwrap_or_default().chars().take(MAX_ID_CHARS).collect();
        Row { line, platform_id, account: self.listed().map(Box::new) }
    }

    fn text(&self, field: &Field) -> Result<Option<String>, String> {
        match self.get(field) {
            Some(text) if text.chars().count() > MAX_TEXT_CHARS => {
                Err(format!("{} is longer than {MAX_TEXT_CHARS} characters", field.as_str()))
            }
            Some(text) if text.contains('\0') => Err(format!("{} holds a NUL character", field.as_str())),
            text => Ok(text.map(str::to_owned)),
        }
    }

    fn id<T>(&self, field: &Field, parse: impl Fn(&str) -> Result<T, IdError>) -> Result<Option<T>, String> {
        self.get(field).map(|text| parse(text).map_err(|error| format!("{} {error}", field.as_str()))).transpose()
    }

    fn listed(self) -> Result<Listed, String> {
        let Some(platform_id) = self.id(&Field::PlatformId, PlatformId::parse)? else {
            return Err("platform_id is empty".to_owned());
        };
        match self.get(&Field::Status).map(str::to_lowercase).as_deref() {
            None | Some("active") => {}
            Some("deleted") => {
                return Err("the list says that it is deleted; only what is active is imported".to_owned());
            }
            Some(_) => return Err("status is neither active nor deleted".to_owned()),
        }
        let reseller = self.id(&Field::Reseller, PlatformId::parse)?.filter(|reseller| *reseller != platform_id);
        let since = match self.get(&Field::Since) {
            Some(text) => Some(
                parse_time(text)
                    .ok_or("since is no time such as 2026-11-21T10:00:00Z and no day such as 2026-11-21")?,
            ),
            None => None,
        };
        let account = Imported {
            external_id: self.id(&Field::ExternalId, ExternalId::parse)?,
            kind: kind(self.get(&Field::Kind), reseller.is_some())?,
            reseller,
            since,
            profile: ProfilePatch {
                name: self.text(&Field::Name)?,
                email: self.text(&Field::Email)?,
                code: self.text(&Field::Code)?,
                ..ProfilePatch::default()
            },
            options: self.options.clone(),
        };
        let short = |field| self.id(&field, PlatformId::parse).map(|id| id.map(|id| id.to_string()));
        Ok(Listed { source: short(Field::Source)?, tenant: short(Field::Tenant)?, platform_id, account })
    }
}

/// The kind that a word means: our own words, and those of the protocol.
fn kind(word: Option<&str>, has_reseller: bool) -> Result<AccountKind, String> {
    let customer = if has_reseller { AccountKind::ResellerCustomer } else { AccountKind::DirectCustomer };
    let Some(word) = word else {
        // Who has a reseller can be one thing only.
        return if has_reseller {
            Ok(customer)
        } else {
            Err("kind is empty; it is reseller, reseller_customer or direct_customer".to_owned())
        };
    };
    let folded = word.to_lowercase().replace([' ', '-'], "_");
    match (AccountKind::parse(&folded), folded.as_str()) {
        (Some(kind), _) => Ok(kind),
        (None, "user" | "customer") => Ok(customer),
        (None, "end_customer") => Ok(AccountKind::ResellerCustomer),
        (None, _) => {
            let word: String = word.chars().filter(|c| !c.is_control()).take(40).collect();
            Err(format!("kind \"{word}\" is none of reseller, reseller_customer and direct_customer"))
        }
    }
}
