//! The account object of the protocol: names, types and lengths of its fields.

use std::fmt::Display;

use super::json::{Node, Value, canonical};
use crate::domain::call::{AddressPatch, ContactPatch, ProfilePatch, Said, Submitted};
use crate::domain::classify::Role;
use crate::domain::decimal::decimal_text;
use crate::domain::ids::{ExternalId, IdError, PlatformId};
use crate::domain::options::{MAX_OPTIONS, MAX_TEXT_CHARS, OptionSet, OptionValue, SecretText};
use crate::domain::outcome::Code;
use crate::domain::redaction::{REDACTED, is_secret_name};

/// Longest canonical form of `ExtraDetails`, in bytes.
const MAX_EXTRA_DETAILS: usize = 64 * 1024;

/// Why an account object is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// 1001, or 1003 for a single option.
    pub code: Code,
    /// In words; names the field, never its value.
    pub message: String,
}

fn malformed(message: impl Display) -> Refusal {
    Refusal { code: Code::Malformed, message: message.to_string() }
}

/// A field that is a text, or a number taken as its decimal text. Null is as absent.
pub(super) fn text_of(node: Option<&Node<'_>>, name: &str) -> Result<Option<String>, Refusal> {
    let text = match node.map(|node| &node.value) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Text(text)) => text.clone().into_owned(),
        Some(Value::Number(number)) => {
            decimal_text(number).ok_or_else(|| malformed(format_args!("{name} is a number of too many digits.")))?
        }
        Some(Value::Bool(_) | Value::List(_) | Value::Object(_)) => {
            return Err(malformed(format_args!("{name} must be a text.")));
        }
    };
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        return Err(malformed(format_args!("{name} is longer than {MAX_TEXT_CHARS} characters.")));
    }
    Ok(Some(text))
}

fn id_of<T>(
    node: Option<&Node<'_>>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Said<T>, Refusal> {
    if node.is_none() {
        return Ok(Said::Absent);
    }
    let Some(text) = text_of(node, name)? else {
        return Ok(Said::Nothing);
    };
    match parse(&text) {
        Ok(id) => Ok(Said::Value(id)),
        Err(IdError::Empty) => Ok(Said::Nothing),
        Err(error) => Err(malformed(format_args!("{name} {error}."))),
    }
}

/// The account's `ID`.
///
/// # Errors
/// A [`Refusal`] when it is absent, empty, too long or no text or number.
pub fn platform_id(root: &Node<'_>) -> Result<PlatformId, Refusal> {
    match id_of(root.get("ID"), "ID", PlatformId::parse)? {
        Said::Value(id) => Ok(id),
        Said::Absent | Said::Nothing => Err(malformed("The call has no ID: send the account's platform ID in \"ID\".")),
    }
}

/// The account's `ExternalID`; an empty one says nothing.
///
/// # Errors
/// A [`Refusal`] when it is too long or no text or number.
pub fn external_id(root: &Node<'_>) -> Result<Option<ExternalId>, Refusal> {
    Ok(match id_of(root.get("ExternalID"), "ExternalID", ExternalId::parse)? {
        Said::Value(id) => Some(id),
        Said::Absent | Said::Nothing => None,
    })
}

/// The whole account object of a Synchronize.
///
/// # Errors
/// A [`Refusal`] names the first field that has the wrong type or length.
pub fn submitted(root: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> Result<Submitted, Refusal> {
    Ok(Submitted {
        id: platform_id(root)?,
        role: Role::parse(text_of(root.get("Role"), "Role")?.as_deref()),
        reseller_id: id_of(root.get("ResellerID"), "ResellerID", PlatformId::parse)?,
        external_id: external_id(root)?,
        reseller_external_id: id_of(root.get("ResellerExternalID"), "ResellerExternalID", ExternalId::parse)?,
        profile: profile(root)?,
        options: options(root.get("SyncOptions"), is_secret_option)?,
    })
}

fn profile(root: &Node<'_>) -> Result<ProfilePatch, Refusal> {
    let text = |name: &str| text_of(root.get(name), name);
    let is_test = match root.get("IsTest").map(|node| &node.value) {
        None | Some(Value::Null) => None,
        Some(Value::Bool(is_test)) => Some(*is_test),
        Some(_) => return Err(malformed("IsTest must be true or false.")),
    };
    Ok(ProfilePatch {
        name: text("Name")?,
        code: text("Code")?,
        email: text("Email")?,
        phone: text("Phone")?,
        fax: text("Fax")?,
        website: text("WebSite")?,
        description: text("Description")?,
        is_test,
        contact: contact(root.get("ContactDetails"))?,
        address: address(root.get("Address"))?,
        extra_details: extra_details(root.get("ExtraDetails"))?,
    })
}

/// The members of a field that is an object; none where the field says nothing.
fn object<'n, 'a>(node: Option<&'n Node<'a>>, name: &str) -> Result<Option<&'n Node<'a>>, Refusal> {
    match node {
        None => Ok(None),
        Some(node) => match &node.value {
            Value::Null => Ok(None),
            Value::Object(_) => Ok(Some(node)),
            _ => Err(malformed(format_args!("{name} must be an object."))),
        },
    }
}

fn contact(node: Option<&Node<'_>>) -> Result<ContactPatch, Refusal> {
    let Some(contact) = object(node, "ContactDetails")? else {
        return Ok(ContactPatch::default());
    };
    let text = |name: &str| text_of(contact.get(name), &format!("ContactDetails.{name}"));
    Ok(ContactPatch {
        id: text("ID")?,
        first_name: text("FirstName")?,
        last_name: text("LastName")?,
        phone: text("Phone")?,
        fax: text("Fax")?,
        email: text("Email")?,
    })
}

fn address(node: Option<&Node<'_>>) -> Result<AddressPatch, Refusal> {
    let Some(address) = object(node, "Address")? else {
        return Ok(AddressPatch::default());
    };
    let text = |name: &str| text_of(address.get(name), &format!("Address.{name}"));
    let part = |part: &str, name: &str| match object(address.get(part), &format!("Address.{part}"))? {
        Some(node) => text_of(node.get(name), &format!("Address.{part}.{name}")),
        None => Ok(None),
    };
    Ok(AddressPatch {
        address1: text("Address1")?,
        address2: text("Address2")?,
        city: text("City")?,
        post_code: text("PostCode")?,
        state_code: part("State", "Code")?,
        state_name: part("State", "Name")?,
        country_code: part("Country", "Code")?,
        country_name: part("Country", "Name")?,
    })
}

fn extra_details(node: Option<&Node<'_>>) -> Result<Option<String>, Refusal> {
    let Some(details) = object(node, "ExtraDetails")? else {
        return Ok(None);
    };
    if details.members().is_some_and(<[_]>::is_empty) {
        return Ok(Some(String::new()));
    }
    let mut text = String::new();
    canonical(details, &mut text);
    if text.len() > MAX_EXTRA_DETAILS {
        return Err(malformed("ExtraDetails is larger than 64 KiB."));
    }
    Ok(Some(text))
}

pub(super) fn options(
    node: Option<&Node<'_>>,
    is_secret_option: &dyn Fn(&str) -> bool,
) -> Result<Option<OptionSet>, Refusal> {
    let Some(options) = object(node, "SyncOptions")? else {
        return Ok(None);
    };
    let members = options.members().unwrap_or_default();
    if members.len() > MAX_OPTIONS {
        return Err(malformed(format_args!("SyncOptions has more than {MAX_OPTIONS} options.")));
    }
    let mut set = OptionSet::default();
    for (id, node) in members {
        let id = id.trim();
        if id.is_empty() || id.chars().count() > crate::domain::ids::MAX_ID_CHARS || id.chars().any(char::is_control) {
            return Err(malformed(
                "SyncOptions has an option whose ID is empty, longer than 128 characters or unprintable.",
            ));
        }
        if set.get(id).is_some() {
            return Err(malformed("SyncOptions has the same option twice."));
        }
        if matches!(node.value, Value::Null) {
            continue; // An option without a value is one that was not filled in.
        }
        let secret = is_secret_name(id) || is_secret_option(id);
        let value = match (secret, option_value(id, node, 0)?) {
            (_, OptionValue::Text(text)) if text == REDACTED => OptionValue::Secret(None),
            (true, value) if !value.is_blank() => {
                OptionValue::Secret(Some(SecretText::new(value.as_text().unwrap_or_default().to_owned())))
            }
            (_, value) => value,
        };
        set.insert(id.to_owned(), value);
    }
    Ok(Some(set))
}

fn option_value(id: &str, node: &Node<'_>, depth: usize) -> Result<OptionValue, Refusal> {
    let invalid =
        |what: &str| Refusal { code: Code::InvalidOption, message: format!("Synchronization option {id} {what}.") };
    match &node.value {
        Value::Bool(value) => Ok(OptionValue::Bool(*value)),
        Value::Number(number) => {
            decimal_text(number).map(OptionValue::Number).ok_or_else(|| invalid("is a number of too many digits"))
        }
        Value::Text(text) if text.chars().count() > MAX_TEXT_CHARS => {
            Err(malformed(format_args!("Synchronization option {id} is longer than {MAX_TEXT_CHARS} characters.")))
        }
        Value::Text(text) => Ok(OptionValue::Text(text.clone().into_owned())),
        Value::List(items) if depth == 0 => {
            if items.len() > MAX_OPTIONS {
                return Err(malformed(format_args!(
                    "Synchronization option {id} lists more than {MAX_OPTIONS} values."
                )));
            }
            let values = items.iter().map(|item| option_value(id, item, depth + 1));
            Ok(OptionValue::List(values.collect::<Result<_, _>>()?))
        }
        Value::Null | Value::List(_) | Value::Object(_) => {
            Err(invalid("must be a text, a number, true or false, or a list of these"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    fn read(body: &str) -> Result<Submitted, Refusal> {
        match parse(body.as_bytes()) {
            Ok(root) => submitted(&root, &|id| id == "Pin"),
            Err(error) => Err(malformed(format!("{error:?}"))),
        }
    }

    #[test]
    fn ids_of_every_type() {
        let id = |json: &str| read(&format!("{{\"ID\":{json}}}")).map(|s| s.id.to_string()).map_err(|r| r.code);
        assert_eq!(id("\" 1082733 \""), Ok("1082733".to_owned()));
        assert_eq!(id("1082733"), Ok("1082733".to_owned()));
        assert_eq!(id("1082733.0"), Ok("1082733".to_owned()));
        for wrong in ["null", "\"\"", "\"  \"", "{}", "[]", "true", "1e400", "\"a\\u0007b\""] {
            assert_eq!(id(wrong), Err(Code::Malformed), "{wrong}");
        }
        assert_eq!(id(&format!("\"{}\"", "9".repeat(10_000))), Err(Code::Malformed));
        assert_eq!(read("{}").map_err(|r| r.code), Err(Code::Malformed));
    }

    #[test]
    fn absent_null_and_empty_differ_where_they_must() -> Result<(), Refusal> {
        let said = |json: &str| read(&format!("{{\"ID\":\"1\"{json}}}"));
        assert_eq!(said("")?.reseller_id, Said::Absent);
        assert_eq!(said(",\"ResellerID\":null")?.reseller_id, Said::Nothing);
        assert_eq!(said(",\"ResellerID\":\" \"")?.reseller_id, Said::Nothing);
        assert_eq!(said(",\"ResellerID\":9")?.reseller_id, Said::Value(PlatformId::stored("9")));
        assert_eq!(said(",\"Name\":null")?.profile.name, None);
        assert_eq!(said(",\"Name\":\"\"")?.profile.name, Some(String::new()));
        assert_eq!(said(",\"SyncOptions\":null")?.options, None);
        assert_eq!(said(",\"SyncOptions\":{}")?.options, Some(OptionSet::default()));
        assert_eq!(said(",\"ExtraDetails\":{}")?.profile.extra_details, Some(String::new()));
        assert_eq!(said(",\"Unknown\":{\"deep\":[1]}")?.profile, ProfilePatch::default());
        Ok(())
    }

    #[test]
    fn wrong_types_are_named() {
        for (json, field) in [
            ("\"Name\":{}", "Name"),
            ("\"IsTest\":\"yes\"", "IsTest"),
            ("\"ContactDetails\":[]", "ContactDetails"),
            ("\"ContactDetails\":{\"Email\":{}}", "ContactDetails.Email"),
            ("\"Address\":{\"State\":\"BE\"}", "Address.State"),
            ("\"Address\":{\"Country\":{\"Code\":[]}}", "Address.Country.Code"),
            ("\"SyncOptions\":[]", "SyncOptions"),
            ("\"ExtraDetails\":1", "ExtraDetails"),
            ("\"Role\":{}", "Role"),
        ] {
            let refusal = read(&format!("{{\"ID\":\"1\",{json}}}")).err();
            assert!(
                refusal.as_ref().is_some_and(|r| r.code == Code::Malformed && r.message.starts_with(field)),
                "{json}: {refusal:?}"
            );
        }
        let long = "x".repeat(MAX_TEXT_CHARS + 1);
        assert!(read(&format!("{{\"ID\":\"1\",\"Name\":\"{long}\"}}")).is_err());
        assert!(read(&format!("{{\"ID\":\"1\",\"Name\":\"{}\"}}", "é".repeat(MAX_TEXT_CHARS))).is_ok());
    }

    #[test]
    fn options_keep_their_type_and_seal_secrets() -> Result<(), Refusal> {
        let read = read(
            "{\"ID\":1,\"SyncOptions\":{\"MPNID\":3456890,\"T\":\"x\",\"B\":false,\"L\":[\"a\",1],\"N\":null,\"Pin\":12,\"Back\":\"[redacted]\"}}",
        )?;
        let options = read.options.unwrap_or_default();
        assert_eq!(options.get("MPNID"), Some(&OptionValue::Number("3456890".to_owned())));
        assert_eq!(
            options.get("L"),
            Some(&OptionValue::List(vec![OptionValue::Text("a".to_owned()), OptionValue::Number("1".to_owned())]))
        );
        assert_eq!(options.get("N"), None);
        assert!(matches!(options.get("Pin"), Some(OptionValue::Secret(Some(_)))));
        assert!(matches!(options.get("Back"), Some(OptionValue::Secret(None))));
        Ok(())
    }

    #[test]
    fn options_are_bounded_and_flat() {
        let many: Vec<String> = (0..10_000).map(|at| format!("\"o{at}\":1")).collect();
        assert_eq!(
            read(&format!("{{\"ID\":1,\"SyncOptions\":{{{}}}}}", many.join(","))).map_err(|r| r.code),
            Err(Code::Malformed)
        );
        for nested in ["{\"a\":1}", "[[1]]", "[{}]", "[null]"] {
            let refusal = read(&format!("{{\"ID\":1,\"SyncOptions\":{{\"Deep\":{nested}}}}}")).err();
            assert!(refusal.is_some_and(|r| r.code == Code::InvalidOption && r.message.contains("Deep")), "{nested}");
        }
    }
}
