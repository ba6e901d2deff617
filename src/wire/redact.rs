//! Cuts secrets out of a body before anything of it is stored.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::json::{Node, Value};
use crate::domain::redaction::{REDACTED, is_secret_name};

/// The body with every secret replaced by [`REDACTED`], the rest byte for byte.
///
/// A secret is the value of a key whose name says so, anywhere, and of a synchronization option that `is_secret_option`
/// names by its id without the spaces around it, as the account's reader takes ids. Null and empty text are no secrets.
#[must_use]
pub fn redact(body: &[u8], root: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut spans = Vec::new();
    collect(root, &mut spans);
    options(root, is_secret_option, &mut spans);
    cut(body, spans)
}

/// As [`redact`], of a call about a service: the account with its options stands within, and attributes are called by
/// what stands beside their values.
#[must_use]
pub fn redact_order(body: &[u8], root: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool) -> Vec<u8> {
    let mut spans = Vec::new();
    collect(root, &mut spans);
    options(root, is_secret_option, &mut spans);
    if let Some(account) = super::service::account_of(root) {
        options(account, is_secret_option, &mut spans);
    }
    let mut secrets = Vec::new();
    super::service::secrets(root, is_secret_option, &mut secrets);
    spans.extend(secrets.into_iter().filter(|node| !is_empty(node)).map(|node| node.span.clone()));
    cut(body, spans)
}

fn options(account: &Node<'_>, is_secret_option: &dyn Fn(&str) -> bool, spans: &mut Vec<Range<usize>>) {
    if let Some(options) = account.get("SyncOptions").and_then(Node::members) {
        for (id, value) in options {
            if is_secret_option(id.trim()) && !is_empty(value) {
                spans.push(value.span.clone());
            }
        }
    }
}

/// The body of a `Fields/Validate` with everything replaced but the IDs of its fields and `checkonly`.
///
/// What is no known value of a known shape may be a password all the same.
#[must_use]
pub fn redact_settings(body: &[u8], root: &Node<'_>, ids: &[Range<usize>]) -> Vec<u8> {
    let mut spans = Vec::new();
    match &root.value {
        Value::Object(members) => {
            let entered = members.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("checkonly"));
            entered.for_each(|(_, value)| leaves(value, ids, &mut spans));
        }
        _ => leaves(root, ids, &mut spans),
    }
    cut(body, spans)
}

/// A body of which nothing can be told apart, replaced as a whole.
#[must_use]
pub fn redact_whole(body: &[u8], root: &Node<'_>) -> Vec<u8> {
    cut(body, vec![root.span.clone()])
}

/// Every value that holds no others, but those to be kept and those that say nothing.
fn leaves(node: &Node<'_>, kept: &[Range<usize>], spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Object(members) => members.iter().for_each(|(_, value)| leaves(value, kept, spans)),
        Value::List(items) => items.iter().for_each(|item| leaves(item, kept, spans)),
        _ if is_empty(node) || kept.contains(&node.span) => {}
        _ => spans.push(node.span.clone()),
    }
}

fn cut(body: &[u8], mut spans: Vec<Range<usize>>) -> Vec<u8> {
    if spans.is_empty() {
        return body.to_vec();
    }
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    for span in spans {
        if span.start < at {
            continue; // Inside one that was cut already.
        }
        out.extend_from_slice(body.get(at..span.start).unwrap_or_default());
        out.push(b'"');
        out.extend_from_slice(REDACTED.as_bytes());
        out.push(b'"');
        at = span.end;
    }
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    out
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn collect(node: &Node<'_>, spans: &mut Vec<Range<usize>>) {
    match &node.value {
        Value::Object(members) => {
            for (key, value) in members {
                if is_secret_name(key) && !is_empty(value) {
                    spans.push(value.span.clone());
                } else {
                    collect(value, spans);
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, spans)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Anything in a text that is no JSON but looks like a secret with its value.
static LOOKS_SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)([\w.\- ]*(?:pass(?:word|wd|phrase|code)|pwd|secret|token|api[_\-. ]?key|private[_\-. ]?key|credential)[\w.\- ]*["']?\s*[:=>]\s*)("(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&}<\]]+)"#,
    )
    .ok()
});

/// A body that is no JSON, as text, with what looks like a secret replaced: it is kept for people who ask what came.
///
/// `secret_names` are further keys whose values are secrets, as whole words whatever their case.
///
/// Bytes that are no UTF-8 become U+FFFD, UTF-16 is decoded, so that no secret hides between zero bytes.
#[must_use]
pub fn redact_text(body: &[u8], secret_names: &[String]) -> Vec<u8> {
    let with = format!("${{1}}\"{REDACTED}\"");
    let whole = || REDACTED.as_bytes().to_vec();
    let Some(pattern) = LOOKS_SECRET.as_ref() else { return whole() };
    let text = pattern.replace_all(&decode(body), &with).into_owned();
    let names: Vec<String> =
        secret_names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).map(regex::escape).collect();
    if names.is_empty() {
        return text.into_bytes();
    }
    // Not \b: a name may begin or end with something else than a letter. A list may be cut off like the rest.
    let named = format!(
        r#"(?i)((?:^|[^\w])(?:{})\s*\\?["']?\s*[:=]\s*)(\[[^\]]*\]?|\\?"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&}}<\]]+)"#,
        names.join("|")
    );
    match Regex::new(&named) {
        Ok(pattern) => pattern.replace_all(&text, &with).into_owned().into_bytes(),
        Err(_) => whole(),
    }
}

fn decode(body: &[u8]) -> String {
    let units = |big: bool| {
        let units = body.chunks_exact(2).filter_map(|pair| <[u8; 2]>::try_from(pair).ok());
        let units: Vec<u16> =
            units.map(|pair| if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }).collect();
        String::from_utf16_lossy(&units)
    };
    match body {
        [0xff, 0xfe, ..] => units(false),
        [0xfe, 0xff, ..] => units(true),
        [0, first, ..] if *first != 0 => units(true),
        [first, 0, ..] if *first != 0 => units(false),
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    fn redacted(body: &str) -> String {
        match parse(body.as_bytes()) {
            Ok(root) => String::from_utf8_lossy(&redact(body.as_bytes(), &root, &|id| id == "Pin")).into_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn secrets_go_and_the_rest_stays_byte_for_byte() {
        assert_eq!(
            redacted("{ \"ID\": \"1\",  \"RandomPassword\" : \"hunter2\",\"x\":[{\"apiKey\":{\"a\":1}}]}"),
            "{ \"ID\": \"1\",  \"RandomPassword\" : \"[redacted]\",\"x\":[{\"apiKey\":\"[redacted]\"}]}"
        );
        assert_eq!(
            redacted("{\"SyncOptions\":{\"Pin\":1234,\"MPNID\":7}}"),
            "{\"SyncOptions\":{\"Pin\":\"[redacted]\",\"MPNID\":7}}"
        );
        // The account's reader trims ids, too.
        assert_eq!(redacted(r#"{"SyncOptions":{" Pin\t":1234}}"#), r#"{"SyncOptions":{" Pin\t":"[redacted]"}}"#);
        let plain = "{\"ID\":1,\"Password\":\"\",\"Token\":null}";
        assert_eq!(redacted(plain), plain);
    }

    #[test]
    fn orders_hide_attributes_by_their_names() {
        let body = r#"{"ID":"1","Account":{"ID":1,"SyncOptions":{"Pin":7,"MPNID":8}},"AttributeList":[
            {"Name":"AdminPassword","Value":"hunter2","Code":"hunter3"},{"ID":"Pin","Value":4321},{"Name":"Storage","Value":"100"}],
            "Addons":[{"Name":"x","AttributeList":[{"Name":"api key","Value":"hunter4"}]}]}"#;
        let text = match parse(body.as_bytes()) {
            Ok(root) => String::from_utf8_lossy(&redact_order(body.as_bytes(), &root, &|id| id == "Pin")).into_owned(),
            Err(error) => format!("{error:?}"),
        };
        assert!(!text.contains("hunter") && !text.contains("4321") && !text.contains("\"Pin\":7"), "{text}");
        assert!(text.contains("\"MPNID\":8") && text.contains("\"Storage\",\"Value\":\"100\""), "{text}");
    }

    #[test]
    fn what_is_no_json_is_searched_for_secrets_too() {
        let text = |body: &[u8]| String::from_utf8_lossy(&redact_text(body, &[])).into_owned();
        assert_eq!(text(b"{\"RandomPassword\":\"hunter2\", broken"), "{\"RandomPassword\":\"[redacted]\", broken");
        assert_eq!(text(b"user=a&password=hunter2&x=1"), "user=a&password=\"[redacted]\"&x=1");
        let utf16: Vec<u8> = "{\"password\":\"hunter2\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(!text(&utf16).contains("hunter2"));
        assert!(text(b"\xff\xff plain").ends_with(" plain"));
    }

    #[test]
    fn configured_names_are_secrets_in_what_is_no_json() {
        let names = ["Pin".to_owned(), "a.b (c)".to_owned(), String::new()];
        for (body, expected) in [
            (r#"{"Pin":"1234", broken"#, r#"{"Pin":"[redacted]", broken"#),
            (r#"{"pin" : 1234, broken"#, r#"{"pin" : "[redacted]", broken"#),
            (r#"{"PIN":["12","34"],"x":1"#, r#"{"PIN":"[redacted]","x":1"#),
            (r#"{"Pin":["12","34"#, r#"{"Pin":"[redacted]""#),
            (r#"{" Pin ":"1234""#, r#"{" Pin ":"[redacted]""#),
            ("a=1&pin=1234&x=1", "a=1&pin=\"[redacted]\"&x=1"),
            ("pin: 1234", "pin: \"[redacted]\""),
            ("a.B (c)=1234 x", "a.B (c)=\"[redacted]\" x"),
            // Other words.
            (r#"{"Shipping":"1234","Pint":"5","axb (c)":6"#, r#"{"Shipping":"1234","Pint":"5","axb (c)":6"#),
        ] {
            assert_eq!(String::from_utf8_lossy(&redact_text(body.as_bytes(), &names)), expected, "{body}");
        }
    }
}
