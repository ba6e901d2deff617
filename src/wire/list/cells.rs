//! From the texts of a row to an account.

use super::{Reading, Row};
use crate::domain::account::AccountKind;
use crate::domain::call::Said;
use crate::domain::ids::{ExternalId, IdError, PlatformId, SourceId, Tenant};
use crate::domain::options::MAX_TEXT_CHARS;
use crate::domain::reconcile::{KeyField, Theirs};

/// What a list may tell of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names are those of an account in JSON.
pub enum Column {
    PlatformId,
    ExternalId,
    Code,
    Name,
    Email,
    Kind,
    Status,
    ResellerId,
    ResellerExternalId,
    PartnerId,
    Source,
    Tenant,
}

impl Column {
    /// All columns.
    pub const ALL: [Self; 12] = [
        Self::PlatformId,
        Self::ExternalId,
        Self::Code,
        Self::Name,
        Self::Email,
        Self::Kind,
        Self::Status,
        Self::ResellerId,
        Self::ResellerExternalId,
        Self::PartnerId,
        Self::Source,
        Self::Tenant,
    ];

    /// The name in a map.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == name)
    }

    /// How a list may call it unasked: the name, and where it stands in the JSON of `accounts list`.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::PlatformId => &["platform_id"],
            Self::ExternalId => &["external_id"],
            Self::Code => &["code"],
            Self::Name => &["name"],
            Self::Email => &["email"],
            Self::Kind => &["kind"],
            Self::Status => &["status"],
            Self::ResellerId => &["reseller_id", "reseller.platform_id"],
            Self::ResellerExternalId => &["reseller_external_id", "reseller.external_id"],
            Self::PartnerId => &["partner_id", "partner.partner_id"],
            Self::Source => &["source"],
            Self::Tenant => &["tenant"],
        }
    }

    /// The column of a key.
    #[must_use]
    pub fn of_key(key: KeyField) -> Self {
        match key {
            KeyField::PlatformId => Self::PlatformId,
            KeyField::ExternalId => Self::ExternalId,
            KeyField::Code => Self::Code,
            KeyField::Email => Self::Email,
        }
    }
}

/// What a word of a list means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// This kind of account.
    Kind(AccountKind),
    /// Alive.
    Active,
    /// Ended.
    Deleted,
}

/// How a list calls kinds and states, besides our own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(Vec<(String, Meaning)>);

impl Words {
    /// These words; case and surrounding white space do not count.
    #[must_use]
    pub fn new(words: Vec<(String, Meaning)>) -> Self {
        Self(words.into_iter().map(|(word, meaning)| (fold(&word), meaning)).collect())
    }

    fn meaning(&self, word: &str) -> Option<Meaning> {
        self.0.iter().find(|(known, _)| known == word).map(|(_, meaning)| *meaning)
    }
}

fn fold(word: &str) -> String {
    word.trim().to_lowercase().replace([' ', '-'], "_")
}

/// One cell: none where the row does not have it.
pub(super) type Cell<'a> = Option<&'a str>;

/// Reads a row, whose cells are asked for by column.
pub(super) fn read<'a>(line: u64, reading: &Reading, cell: &dyn Fn(Column) -> Cell<'a>) -> Row {
    let mut account = Theirs::at(line);
    let mut wrong: Option<String> = None;
    let mut note = |column: Column, why: String| {
        wrong.get_or_insert_with(|| format!("{} {why}", shown(reading, column)));
    };
    // The names first: they tell which account it is, whatever is wrong with the rest.
    account.platform_id = id(cell, Column::PlatformId, PlatformId::parse, &mut note).into_value();
    account.external_id = id(cell, Column::ExternalId, ExternalId::parse, &mut note).into_value();
    account.source = id(cell, Column::Source, SourceId::parse, &mut note).into_value();
    account.tenant = match id(cell, Column::Tenant, Tenant::parse, &mut note) {
        Said::Absent => None,
        Said::Nothing => Some(Tenant::none()),
        Said::Value(tenant) => Some(tenant),
    };
    account.code = text(cell, Column::Code, &mut note);
    account.email = text(cell, Column::Email, &mut note);
    account.name = text(cell, Column::Name, &mut note);
    let named = match reading.key {
        KeyField::PlatformId => account.platform_id.is_some(),
        KeyField::ExternalId => account.external_id.is_some(),
        KeyField::Code => matches!(account.code, Said::Value(_)),
        KeyField::Email => matches!(account.email, Said::Value(_)),
    };
    if !named {
        let column = Column::of_key(reading.key);
        let why = wrong.unwrap_or_else(|| format!("{} is empty, and names the account", shown(reading, column)));
        return Row::Spoiled { line, why, account: None };
    }
    account.reseller = id(cell, Column::ResellerId, PlatformId::parse, &mut note);
    account.reseller_external_id = id(cell, Column::ResellerExternalId, ExternalId::parse, &mut note);
    account.partner = text(cell, Column::PartnerId, &mut note);
    if let Some(word) = cell(Column::Kind).map(fold).filter(|word| !word.is_empty()) {
        match kind(&word, &account, reading) {
            Some(kind) => account.kind = Some(kind),
            None => {
                note(Column::Kind, format!("\"{}\" is no kind of account; say what it means with --word", told(&word)))
            }
        }
    }
    if let Some(word) = cell(Column::Status).map(fold).filter(|word| !word.is_empty()) {
        match (word.as_str(), reading.words.meaning(&word)) {
            (_, Some(Meaning::Active)) | ("active", None) => {}
            (_, Some(Meaning::Deleted)) | ("deleted", None) => account.deleted = true,
            _ => note(Column::Status, format!("\"{}\" is no state; say what it means with --word", told(&word))),
        }
    }
    match wrong {
        None => Row::Account(account),
        Some(why) => Row::Spoiled { line, why, account: Some(Theirs { spoiled: true, ..account }) },
    }
}

/// A kind by our words, by the list's, or by the protocol's Role, which says with the reseller what an account is.
fn kind(word: &str, account: &Theirs, reading: &Reading) -> Option<AccountKind> {
    match reading.words.meaning(word) {
        Some(Meaning::Kind(kind)) => return Some(kind),
        Some(_) => return None,
        None => {}
    }
    let has_reseller = match (&account.reseller, &account.reseller_external_id) {
        (Said::Value(reseller), _) => Some(account.platform_id.as_ref() != Some(reseller)),
        (_, Said::Value(reseller)) => Some(account.external_id.as_ref() != Some(reseller)),
        (Said::Absent, Said::Absent) => None,
        _ => Some(false),
    };
    match (AccountKind::parse(word), word, has_reseller) {
        (Some(kind), ..) => Some(kind),
        (None, "user", Some(true)) => Some(AccountKind::ResellerCustomer),
        (None, "user", Some(false)) => Some(AccountKind::DirectCustomer),
        _ => None,
    }
}

fn shown(reading: &Reading, column: Column) -> String {
    reading.names(column).first().map(|name| (*name).to_owned()).unwrap_or_default()
}

/// Enough of a word to find it by.
fn told(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}

trait IntoValue<T> {
    fn into_value(self) -> Option<T>;
}

impl<T> IntoValue<T> for Said<T> {
    fn into_value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing | Self::Absent => None,
        }
    }
}

fn id<'a, T>(
    cell: &dyn Fn(Column) -> Cell<'a>,
    column: Column,
    parse: impl Fn(&str) -> Result<T, IdError>,
    note: &mut dyn FnMut(Column, String),
) -> Said<T> {
    match cell(column) {
        None => Said::Absent,
        Some(text) => match parse(text) {
            Ok(id) => Said::Value(id),
            Err(IdError::Empty) => Said::Nothing,
            Err(why) => {
                note(column, why.to_string());
                Said::Absent
            }
        },
    }
}

fn text<'a>(cell: &dyn Fn(Column) -> Cell<'a>, column: Column, note: &mut dyn FnMut(Column, String)) -> Said<String> {
    let Some(text) = cell(column).map(str::trim) else { return Said::Absent };
    if text.is_empty() {
        return Said::Nothing;
    }
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        note(column, format!("is longer than {MAX_TEXT_CHARS} characters"));
        return Said::Absent;
    }
    if text.contains('\0') {
        note(column, "holds a NUL".to_owned());
        return Said::Absent;
    }
    Said::Value(text.to_owned())
}
