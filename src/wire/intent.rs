//! From the bytes of an authenticated call to what it wants. Nothing is refused silently: what cannot be read becomes
//! a refusal that is kept in the ledger like any other call.

use std::collections::BTreeMap;

use super::check_only::check_only;
use super::json::{self, JsonError, Node, Value};
use super::{account, fields, redact, service};
use crate::domain::call::{Endpoint, Intent};
use crate::domain::field::FieldDefinition;
use crate::domain::ids::PlatformId;
use crate::domain::outcome::Code;
use crate::domain::redaction::REDACTED;

/// What is needed to read a body.
pub struct Reading<'a> {
    /// Where the call came in.
    pub endpoint: Endpoint,
    /// The body as it came.
    pub body: &'a [u8],
    /// The query as it came.
    pub query: &'a str,
    /// Which synchronization options hold secrets.
    pub is_secret_option: &'a dyn Fn(&str) -> bool,
    /// The IDs of those that only the configuration makes secret.
    pub secret_options: &'a dyn Fn() -> Vec<String>,
    /// The settings that are asked for.
    pub fields: &'a [FieldDefinition],
    /// Settings that came in headers, by field ID.
    pub settings: BTreeMap<String, String>,
}

/// A body that was read.
#[derive(Debug)]
pub struct Read {
    /// What the call wants.
    pub intent: Intent,
    /// Whether nothing may be written.
    pub check_only: bool,
    /// The body as it may be stored.
    pub stored_body: Vec<u8>,
}

/// A refusal for something that is outside of the body.
#[must_use]
pub fn refused(message: &str, not_json: bool, platform_id: Option<PlatformId>) -> Intent {
    Intent::Refused { code: Code::Malformed, message: message.to_owned(), not_json, platform_id }
}

/// Reads a body.
#[must_use]
pub fn read(reading: Reading<'_>) -> Read {
    read_seen(reading, &|_| {})
}

/// As [`read`]; `seen` is shown the object that an account's call consists of, whatever comes of it.
#[must_use]
pub fn read_seen(reading: Reading<'_>, seen: &dyn Fn(&Node<'_>)) -> Read {
    let body = reading.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(reading.body);
    let root = match json::parse(body) {
        Ok(root) => root,
        Err(JsonError::NotJson) => {
            let message =
                if body.is_empty() { "The body is empty." } else { "The body is no JSON in UTF-8 (RFC 8259)." };
            return unread(&reading, body, message, true);
        }
        Err(JsonError::Refused(message)) => return unread(&reading, body, message, false),
    };
    if reading.endpoint == Endpoint::ValidateFields {
        return validate(reading, body, &root);
    }
    let stored_body = match reading.endpoint {
        Endpoint::Service(_) => redact::redact_order(body, &root, reading.is_secret_option),
        _ => redact::redact(body, &root, reading.is_secret_option),
    };
    if !matches!(root.value, Value::Object(_)) {
        return Read { intent: refused("The body is not a JSON object.", false, None), check_only: false, stored_body };
    }
    let account = match reading.endpoint {
        Endpoint::Service(_) => service::account_of(&root),
        _ => Some(&root),
    };
    if let Some(account) = account {
        seen(account);
    }
    let platform_id = account.and_then(|account| account::platform_id(account).ok());
    let check_only = match check_only(Some(&root), reading.query) {
        Ok(check_only) => check_only,
        Err(message) => return Read { intent: refused(message, false, platform_id), check_only: false, stored_body },
    };
    let intent = match intent(reading.endpoint, &root, reading.is_secret_option) {
        Ok(intent) => intent,
        Err(refusal) => Intent::Refused { code: refusal.code, message: refusal.message, not_json: false, platform_id },
    };
    Read { intent, check_only, stored_body }
}

/// A body that cannot be taken apart. What the query says of `checkonly` holds all the same.
#[must_use]
pub fn unread(reading: &Reading<'_>, body: &[u8], message: &str, not_json: bool) -> Read {
    let stored_body = match reading.endpoint {
        // Any of it may be a setting's value, and that a password.
        Endpoint::ValidateFields if body.is_empty() => Vec::new(),
        Endpoint::ValidateFields => REDACTED.as_bytes().to_vec(),
        _ => redact::redact_text(body, &(reading.secret_options)()),
    };
    let check_only = check_only(None, reading.query).unwrap_or(false);
    Read { intent: refused(message, not_json, None), check_only, stored_body }
}

fn intent(
    endpoint: Endpoint,
    root: &Node<'_>,
    is_secret_option: &dyn Fn(&str) -> bool,
) -> Result<Intent, account::Refusal> {
    Ok(match endpoint {
        Endpoint::Synchronize => Intent::Synchronize(Box::new(account::submitted(root, is_secret_option)?)),
        Endpoint::Delete => {
            Intent::Delete { id: account::platform_id(root)?, external_id: account::external_id(root)? }
        }
        Endpoint::Exists => Intent::Exists { id: account::platform_id(root)? },
        Endpoint::IsReseller => Intent::IsReseller { id: account::platform_id(root)? },
        Endpoint::Service(verb) => service::intent(verb, root, is_secret_option)?,
        // Read before, by a way of its own: there is no account in it.
        Endpoint::ValidateFields => Intent::Validated { complaints: "[]".to_owned() },
    })
}

fn validate(reading: Reading<'_>, body: &[u8], root: &Node<'_>) -> Read {
    let (entered, refusal) = match fields::entered(root) {
        Ok(entered) => (entered, None),
        Err(message) => (fields::Entered::default(), Some(message)),
    };
    let stored_body = match refusal {
        // Where values could not be told apart, none of them may be stored.
        Some(_) => redact::redact_whole(body, root),
        None => redact::redact_settings(body, root, &entered.ids),
    };
    let check = check_only(Some(root), reading.query);
    if let Some(message) = refusal.or(check.err()) {
        return Read { intent: refused(message, false, None), check_only: false, stored_body };
    }
    let complaints: Vec<String> = reading
        .fields
        .iter()
        .filter_map(|field| {
            let value = entered.values.get(&field.id).or_else(|| reading.settings.get(&field.id));
            field.judge(value.map(String::as_str)).err()
        })
        .collect();
    let complaints = serde_json::Value::from(complaints).to_string();
    Read { intent: Intent::Validated { complaints }, check_only: check.unwrap_or(false), stored_body }
}
