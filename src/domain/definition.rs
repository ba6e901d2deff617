//! What the vendor asks for in synchronization options, and whether a value is an answer to it (protocol.md,
//! "Synchronization options").

use regex::Regex;
use url::Url;

use super::account::AccountKind;
use super::decimal::decimal_text;
use super::ids::is_id;
use super::options::{OptionSet, OptionValue};

/// How a value is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own.
pub enum OptionKind {
    SimpleValue,
    List,
    TextArea,
    ListMultiSelect,
    Boolean,
    Link,
    Mask,
    File,
}

impl OptionKind {
    /// All kinds of the protocol.
    pub const ALL: [Self; 8] = [
        Self::SimpleValue,
        Self::List,
        Self::TextArea,
        Self::ListMultiSelect,
        Self::Boolean,
        Self::Link,
        Self::Mask,
        Self::File,
    ];

    /// The protocol's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SimpleValue => "SimpleValue",
            Self::List => "List",
            Self::TextArea => "TextArea",
            Self::ListMultiSelect => "ListMultiSelect",
            Self::Boolean => "Boolean",
            Self::Link => "Link",
            Self::Mask => "Mask",
            Self::File => "File",
        }
    }

    /// Reads the protocol's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What a value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own.
pub enum DataType {
    Text,
    Number,
    Currency,
    Date,
}

impl DataType {
    /// All data types of the protocol.
    pub const ALL: [Self; 4] = [Self::Text, Self::Number, Self::Currency, Self::Date];

    /// The protocol's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Number => "Number",
            Self::Currency => "Currency",
            Self::Date => "Date",
        }
    }

    /// Reads the protocol's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|data_type| data_type.as_str() == name)
    }
}

/// One of the values to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // The names are the protocol's own.
pub struct PredefinedValue {
    pub id: String,
    pub sort_order: i64,
    pub name: String,
    pub description: Option<String>,
    pub is_default: bool,
}

/// One synchronization option that the vendor asks for.
#[derive(Debug, Clone)]
pub struct OptionDefinition {
    /// Its ID, the key in `SyncOptions`.
    pub id: String,
    /// Shown to the buyer.
    pub name: String,
    /// Shown to the buyer.
    pub description: Option<String>,
    /// How it is entered.
    pub kind: OptionKind,
    /// What its values mean.
    pub data_type: DataType,
    /// Its place in the form.
    pub sort_order: i64,
    /// Whether an account that it applies to must have it.
    pub required: bool,
    /// Shown, not entered.
    pub read_only: bool,
    /// Whether the storefront shows it.
    pub available_to_storefront: bool,
    /// The values to choose from.
    pub predefined_values: Vec<PredefinedValue>,
    /// The kinds of account that it is asked of.
    pub applies_to: Vec<AccountKind>,
    /// What the text of a value must match, wholly where it is anchored.
    pub pattern: Option<Regex>,
    /// Whether its value names a partner of the vendor's registry.
    pub partner_id: bool,
    /// Whether that partner must be in the registry.
    pub must_exist: bool,
}

impl OptionDefinition {
    /// Whether it is asked of accounts of this kind.
    #[must_use]
    pub fn applies_to(&self, kind: AccountKind) -> bool {
        self.applies_to.contains(&kind)
    }

    /// Judges a value, none for a missing one.
    ///
    /// # Errors
    /// A sentence for the person who ordered. It names the option, never the value.
    pub fn judge(&self, value: Option<&OptionValue>) -> Result<(), String> {
        let value = match value {
            Some(value) if !value.is_blank() => value,
            _ if self.required => return Err(format!("\"{}\" ({}) is required.", self.name, self.id)),
            _ => return Ok(()),
        };
        if matches!(value, OptionValue::Secret(None)) {
            return Ok(());
        }
        match self.kind {
            OptionKind::SimpleValue | OptionKind::TextArea | OptionKind::Mask | OptionKind::File => self.scalar(value),
            OptionKind::List => self.choice(value),
            OptionKind::ListMultiSelect => match value {
                OptionValue::List(values) => values.iter().try_for_each(|value| self.choice(value)),
                single => self.choice(single),
            },
            OptionKind::Boolean => self.boolean(value),
            OptionKind::Link => self.link(value),
        }
    }

    fn refuse<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("\"{}\" ({}) {what}.", self.name, self.id))
    }

    fn scalar(&self, value: &OptionValue) -> Result<(), String> {
        let Some(text) = value.as_text() else {
            return self.refuse("must be a single text or number");
        };
        match self.data_type {
            DataType::Text => {}
            DataType::Number => {
                if decimal_text(text.trim()).is_none() {
                    return self.refuse("must be a number");
                }
            }
            DataType::Currency => {
                // ISO 4217 knows at most four decimal places.
                let places =
                    decimal_text(text.trim()).map(|text| text.split_once('.').map_or(0, |(_, places)| places.len()));
                if places.is_none_or(|places| places > 4) {
                    return self.refuse("must be an amount with at most four decimal places");
                }
            }
            DataType::Date => {
                if matches!(value, OptionValue::Number(_)) || !is_date(text.trim()) {
                    return self.refuse("must be a date such as 2026-11-21");
                }
            }
        }
        self.matches_pattern(text)
    }

    fn matches_pattern(&self, text: &str) -> Result<(), String> {
        match &self.pattern {
            Some(pattern) if !pattern.is_match(text) => self.refuse("does not have the form that is asked for"),
            _ => Ok(()),
        }
    }

    fn choice(&self, value: &OptionValue) -> Result<(), String> {
        if self.predefined_values.is_empty() {
            return self.scalar(value);
        }
        let Some(text) = value.as_text() else {
            return self.refuse("must be one of the values to choose from");
        };
        if self.predefined_values.iter().any(|choice| choice.id == text) {
            return Ok(());
        }
        self.refuse("must be one of the values to choose from")
    }

    fn boolean(&self, value: &OptionValue) -> Result<(), String> {
        match value {
            OptionValue::Bool(_) => Ok(()),
            OptionValue::Text(text) if ["true", "false"].iter().any(|word| text.trim().eq_ignore_ascii_case(word)) => {
                Ok(())
            }
            _ => self.refuse("must be true or false"),
        }
    }

    fn link(&self, value: &OptionValue) -> Result<(), String> {
        let link = match value {
            OptionValue::Text(text) => Url::parse(text.trim()).ok(),
            _ => None,
        };
        match link {
            Some(link) if matches!(link.scheme(), "http" | "https") && link.has_host() => {
                self.matches_pattern(value.as_text().unwrap_or_default())
            }
            _ => self.refuse("must be a link that begins with http:// or https://"),
        }
    }
}

/// Dates as browsers, .NET and ISO 8601 write them: a day, or a day and a time, with or without an offset.
fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
        || text.parse::<jiff::civil::DateTime>().is_ok()
        || text.parse::<jiff::Timestamp>().is_ok()
}

/// Judges the whole set that an account of this kind would have.
///
/// # Errors
/// Every complaint, in the order of the definitions, as one text.
pub fn judge_all(definitions: &[OptionDefinition], kind: AccountKind, options: &OptionSet) -> Result<(), String> {
    let complaints: Vec<String> = definitions
        .iter()
        .filter(|definition| definition.applies_to(kind))
        .filter_map(|definition| definition.judge(options.get(&definition.id)).err())
        .collect();
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join(" ")) }
}

/// The definition whose value names the partner of accounts of this kind.
#[must_use]
pub fn partner_definition(definitions: &[OptionDefinition], kind: AccountKind) -> Option<&OptionDefinition> {
    definitions.iter().find(|definition| definition.partner_id && definition.applies_to(kind))
}

/// The partner that an account of this kind names, as decimal text; none where no option asks for one, and where the
/// value is longer than an ID can be.
#[must_use]
pub fn partner_named<'a>(
    definitions: &[OptionDefinition],
    kind: AccountKind,
    options: &'a OptionSet,
) -> Option<&'a str> {
    let definition = partner_definition(definitions, kind)?;
    options.get(&definition.id).and_then(OptionValue::as_text).map(str::trim).filter(|text| is_id(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: OptionKind, data_type: DataType) -> OptionDefinition {
        OptionDefinition {
            id: "X".to_owned(),
            name: "Option".to_owned(),
            description: None,
            kind,
            data_type,
            sort_order: 0,
            required: false,
            read_only: false,
            available_to_storefront: true,
            predefined_values: Vec::new(),
            applies_to: AccountKind::ALL.to_vec(),
            pattern: None,
            partner_id: false,
            must_exist: false,
        }
    }

    fn choices() -> Vec<PredefinedValue> {
        ["a", "7"]
            .into_iter()
            .map(|id| PredefinedValue {
                id: id.to_owned(),
                sort_order: 0,
                name: id.to_uppercase(),
                description: None,
                is_default: false,
            })
            .collect()
    }

    fn text(text: &str) -> OptionValue {
        OptionValue::Text(text.to_owned())
    }

    fn number(text: &str) -> OptionValue {
        OptionValue::Number(text.to_owned())
    }

    fn list(values: &[OptionValue]) -> OptionValue {
        OptionValue::List(values.to_vec())
    }

    #[test]
    fn every_kind_and_data_type_accepts_and_refuses() {
        use DataType::{Currency, Date, Number, Text};
        use OptionKind::{Boolean, File, Link, List, ListMultiSelect, Mask, SimpleValue, TextArea};
        let yes = OptionValue::Bool(true);
        for kind in [SimpleValue, TextArea, Mask, File] {
            for (data_type, good, bad) in [
                (Text, vec![text("a"), number("3456890")], vec![yes.clone(), list(&[text("a")])]),
                (Number, vec![number("1.5"), text("-3"), text(" 4 ")], vec![text("1,5"), text("x"), yes.clone()]),
                (Currency, vec![number("12.5"), text("12.5000")], vec![text("12.50001"), text("€5"), list(&[])]),
                (
                    Date,
                    vec![text("2026-11-21"), text("2026-11-21T10:00:00"), text("2026-11-21T10:00:00Z")],
                    vec![text("21/11/2026"), text("2026-02-30"), number("20261121")],
                ),
            ] {
                let definition = definition(kind, data_type);
                for value in good {
                    assert_eq!(definition.judge(Some(&value)), Ok(()), "{kind:?} {data_type:?} {value:?}");
                }
                for value in bad.iter().filter(|value| !value.is_blank()) {
                    assert!(definition.judge(Some(value)).is_err(), "{kind:?} {data_type:?} {value:?}");
                }
            }
        }
        let mut one = definition(List, Text);
        one.predefined_values = choices();
        let mut many = definition(ListMultiSelect, Text);
        many.predefined_values = choices();
        for (definition, value, good) in [
            (&one, text("a"), true),
            (&one, number("7"), true),
            (&one, text("A"), false),
            (&one, list(&[text("a")]), false),
            (&many, list(&[text("a"), number("7")]), true),
            (&many, text("a"), true),
            (&many, list(&[text("a"), text("b")]), false),
            (&many, text("a,7"), false),
            (&definition(List, Number), number("5"), true),
            (&definition(List, Number), text("five"), false),
            (&definition(Boolean, Text), yes.clone(), true),
            (&definition(Boolean, Text), text("False"), true),
            (&definition(Boolean, Text), number("1"), false),
            (&definition(Boolean, Text), text("yes"), false),
            (&definition(Link, Text), text("https://example.com/a"), true),
            (&definition(Link, Text), text("ftp://example.com"), false),
            (&definition(Link, Text), text("javascript:alert(1)"), false),
            (&definition(Link, Text), number("5"), false),
        ] {
            assert_eq!(definition.judge(Some(&value)).is_ok(), good, "{:?} {value:?}", definition.kind);
        }
    }

    #[test]
    fn required_is_judged_on_what_is_filled_in() {
        let mut definition = definition(OptionKind::SimpleValue, DataType::Text);
        assert_eq!(definition.judge(None), Ok(()));
        definition.required = true;
        for missing in [None, Some(text("")), Some(text("  ")), Some(list(&[]))] {
            assert_eq!(definition.judge(missing.as_ref()), Err("\"Option\" (X) is required.".to_owned()));
        }
        assert_eq!(definition.judge(Some(&OptionValue::Secret(None))), Ok(()));
    }

    #[test]
    fn patterns_see_decimal_text() {
        let mut definition = definition(OptionKind::SimpleValue, DataType::Text);
        definition.pattern = Regex::new("^[0-9]{5,10}$").ok();
        assert_eq!(definition.judge(Some(&number("3456890"))), Ok(()));
        assert_eq!(definition.judge(Some(&text("3456890"))), Ok(()));
        assert!(definition.judge(Some(&text("12"))).is_err());
        assert!(definition.judge(Some(&number("3456890.5"))).is_err());
    }

    #[test]
    fn a_number_and_its_text_name_one_partner() {
        let mut mpn = definition(OptionKind::SimpleValue, DataType::Text);
        mpn.partner_id = true;
        mpn.applies_to = vec![AccountKind::ResellerCustomer];
        let definitions = [mpn];
        let named = |value: OptionValue, kind| {
            let options = [("X".to_owned(), value)].into_iter().collect();
            partner_named(&definitions, kind, &options).map(str::to_owned)
        };
        assert_eq!(named(number("3456890"), AccountKind::ResellerCustomer).as_deref(), Some("3456890"));
        assert_eq!(named(text(" 3456890 "), AccountKind::ResellerCustomer).as_deref(), Some("3456890"));
        assert_eq!(named(number("3456890"), AccountKind::DirectCustomer), None);
        assert_eq!(named(text(""), AccountKind::ResellerCustomer), None);
    }
}
