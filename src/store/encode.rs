//! How compound values stand in a column: as compact JSON, empty text for nothing. This is the database's own form, not
//! the wire's.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::StoreError;
use crate::domain::account::{Address, Contact};
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::redaction::REDACTED;

fn object(fields: &[(&str, &str)]) -> String {
    if fields.iter().all(|(_, text)| text.is_empty()) {
        return String::new();
    }
    let fields = fields.iter().filter(|(_, text)| !text.is_empty());
    let map: Map<String, Value> = fields.map(|(name, text)| ((*name).to_owned(), Value::from(*text))).collect();
    Value::Object(map).to_string()
}

fn fields(json: &str, column: &str) -> Result<Map<String, Value>, StoreError> {
    if json.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_str(json).map_err(|_| StoreError::corrupt_private(column))
}

fn take(map: &mut Map<String, Value>, name: &str) -> String {
    match map.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The column `accounts.contact`.
#[must_use]
pub fn contact(contact: &Contact) -> String {
    object(&[
        ("id", &contact.id),
        ("first_name", &contact.first_name),
        ("last_name", &contact.last_name),
        ("phone", &contact.phone),
        ("fax", &contact.fax),
        ("email", &contact.email),
    ])
}

/// Reads the column `accounts.contact`.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no JSON object.
pub fn read_contact(json: &str) -> Result<Contact, StoreError> {
    let mut map = fields(json, "accounts.contact")?;
    Ok(Contact {
        id: take(&mut map, "id"),
        first_name: take(&mut map, "first_name"),
        last_name: take(&mut map, "last_name"),
        phone: take(&mut map, "phone"),
        fax: take(&mut map, "fax"),
        email: take(&mut map, "email"),
    })
}

/// The column `accounts.address`.
#[must_use]
pub fn address(address: &Address) -> String {
    object(&[
        ("address1", &address.address1),
        ("address2", &address.address2),
        ("city", &address.city),
        ("post_code", &address.post_code),
        ("state_code", &address.state_code),
        ("state_name", &address.state_name),
        ("country_code", &address.country_code),
        ("country_name", &address.country_name),
    ])
}

/// Reads the column `accounts.address`.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is no JSON object.
pub fn read_address(json: &str) -> Result<Address, StoreError> {
    let mut map = fields(json, "accounts.address")?;
    Ok(Address {
        address1: take(&mut map, "address1"),
        address2: take(&mut map, "address2"),
        city: take(&mut map, "city"),
        post_code: take(&mut map, "post_code"),
        state_code: take(&mut map, "state_code"),
        state_name: take(&mut map, "state_name"),
        country_code: take(&mut map, "country_code"),
        country_name: take(&mut map, "country_name"),
    })
}

fn write_option(value: &OptionValue, out: &mut String) {
    match value {
        OptionValue::Text(text) => out.push_str(&Value::from(text.as_str()).to_string()),
        // Canonical decimal text is a JSON number, written as it is: no double in between.
        OptionValue::Number(number) => out.push_str(number),
        OptionValue::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        OptionValue::Secret(_) => out.push_str(&Value::from(REDACTED).to_string()),
        OptionValue::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_option(value, out);
            }
            out.push(']');
        }
    }
}

/// The column `accounts.sync_options`: one JSON object, without spaces, its keys in order. Filters rest on that form, see
/// [`option_patterns`].
#[must_use]
pub fn options(options: &OptionSet) -> String {
    let mut out = String::with_capacity(2 + options.len() * 32);
    out.push('{');
    for (at, (id, value)) in options.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(id.as_str()).to_string());
        out.push(':');
        write_option(value, &mut out);
    }
    out.push('}');
    out
}

/// Texts of which one stands in the column `accounts.sync_options` exactly when the option is set, to this value if one
/// is given. As a filter 7 and "7" are one. Inside a JSON text each quotation mark has a backslash before it, so that no
/// value can look like one of these.
#[must_use]
pub fn option_patterns(id: &str, value: Option<&str>) -> Vec<String> {
    let id = Value::from(id).to_string();
    let values = match value {
        None => vec![String::new()],
        Some(value) => {
            let ends = |value: String| [format!("{value},"), format!("{value}}}")];
            // What is a number, a flag or a list stands as itself, too.
            let plain = serde_json::from_str::<Value>(value).ok().filter(|it| !it.is_string() && !it.is_object());
            let plain = plain.map(|_| value.trim().to_owned());
            std::iter::once(Value::from(value).to_string()).chain(plain).flat_map(ends).collect()
        }
    };
    values.iter().flat_map(|value| ["{", ","].map(|begin| format!("{begin}{id}:{value}"))).collect()
}

/// Reads the column `accounts.sync_options`.
///
/// # Errors
/// [`StoreError::Corrupt`] when it is none of the objects that are written there.
pub fn read_options(json: &str) -> Result<OptionSet, StoreError> {
    if json == "{}" {
        return Ok(OptionSet::default());
    }
    let values: BTreeMap<String, &RawValue> =
        serde_json::from_str(json).map_err(|_| StoreError::corrupt_private("accounts.sync_options"))?;
    values.into_iter().map(|(id, value)| Ok((id, read_option(value.get())?))).collect()
}

fn read_option(json: &str) -> Result<OptionValue, StoreError> {
    let corrupt = || StoreError::corrupt_private("accounts.sync_options");
    match json.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|_| corrupt())?;
            Ok(if text == REDACTED { OptionValue::Secret(None) } else { OptionValue::Text(text) })
        }
        Some(b't') => Ok(OptionValue::Bool(true)),
        Some(b'f') => Ok(OptionValue::Bool(false)),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).map_err(|_| corrupt())?;
            let values = items.iter().map(|item| read_option(item.get()));
            Ok(OptionValue::List(values.collect::<Result<_, _>>()?))
        }
        Some(b'-' | b'0'..=b'9') => Ok(OptionValue::Number(json.to_owned())),
        _ => Err(corrupt()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_find_what_is_set_and_nothing_else() {
        let mut set = OptionSet::default();
        set.insert("MPNID".to_owned(), OptionValue::Text("7".to_owned()));
        set.insert("Plan".to_owned(), OptionValue::Number("12".to_owned()));
        set.insert("Trap".to_owned(), OptionValue::Text("{\"Gone\":1,\"MPNID\":\"8\",".to_owned()));
        let column = options(&set);
        for (id, value, there) in [
            ("MPNID", None, true),
            ("MPNID", Some("7"), true),
            ("MPNID", Some("8"), false),
            ("Plan", Some("12"), true),
            ("Plan", Some("1"), false),
            ("Plan", Some("12,\"Trap\":1"), false),
            ("Trap", None, true),
            ("Gone", None, false),
            ("PNID", None, false),
        ] {
            let found = option_patterns(id, value).iter().any(|pattern| column.contains(pattern.as_str()));
            assert_eq!(found, there, "{id} {value:?} in {column}");
        }
    }

    #[test]
    fn options_come_back_as_they_went() -> Result<(), StoreError> {
        let text = |text: &str| OptionValue::Text(text.to_owned());
        for value in [
            text("a \"quoted\" é"),
            text(""),
            OptionValue::Number("10000000000000000000000.5".to_owned()),
            OptionValue::Bool(true),
            OptionValue::Bool(false),
            OptionValue::List(vec![text("a"), OptionValue::Number("-1".to_owned()), OptionValue::Secret(None)]),
            OptionValue::List(vec![]),
            OptionValue::Secret(None),
        ] {
            let set = OptionSet::from_iter([("A \"b\"".to_owned(), value), ("C".to_owned(), text("d"))]);
            assert_eq!(read_options(&options(&set))?, set);
        }
        assert_eq!(read_options("{}")?, OptionSet::default());
        assert!(["null", "", "[]", "{\"a\":null}", "{\"a\":{}}"].iter().all(|broken| read_options(broken).is_err()));
        Ok(())
    }

    #[test]
    fn errors_name_the_column_and_nothing_of_what_it_holds() {
        let broken = "{\"email\":\"maria@example.org\"";
        for (error, column) in [
            (read_contact(broken).err(), "accounts.contact"),
            (read_options(broken).err(), "accounts.sync_options"),
            (read_address(broken).err(), "accounts.address"),
            (read_option("\"maria@example.org").err(), "accounts.sync_options"),
            (read_option("[\"maria@example.org\"").err(), "accounts.sync_options"),
            (read_option("maria@example.org").err(), "accounts.sync_options"),
        ] {
            let text = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(text.contains(column) && !text.contains("maria"), "{text}");
        }
    }

    #[test]
    fn contacts_and_addresses_come_back_as_they_went() -> Result<(), StoreError> {
        assert_eq!(contact(&Contact::default()), "");
        let maria = Contact { first_name: "Maria".to_owned(), last_name: "O'Neil".to_owned(), ..Contact::default() };
        assert_eq!(read_contact(&contact(&maria))?, maria);
        let home =
            Address { city: "Θεσσαλονίκη".to_owned(), country_code: "GR".to_owned(), ..Address::default() };
        assert_eq!(read_address(&address(&home))?, home);
        Ok(())
    }
}
