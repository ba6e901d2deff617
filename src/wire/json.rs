//! A JSON tree that borrows from the body: numbers keep their text, duplicate keys and depth are seen, and each value
//! knows where it stands, so that a secret can be cut out without rewriting the rest.
//!
//! `serde_json::Value` keeps the last of two equal keys and the nearest double of a long number; both would be guesses.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Deepest nesting that is read. Raising it lengthens the work that a small hostile body can cause.
pub const MAX_DEPTH: usize = 64;

/// Above this many keys duplicates are looked for by hash instead of by comparing each with each.
const SMALL_OBJECT: usize = 16;

/// One value of a body.
#[derive(Debug)]
pub struct Node<'a> {
    /// Where it stands in the body, in bytes.
    pub span: Range<usize>,
    /// What it is.
    pub value: Value<'a>,
}

/// What a value is.
#[derive(Debug)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Node<'a>>),
    /// An object, in its order.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// Why a body is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonError {
    /// It is no JSON (RFC 8259): answered 400.
    NotJson,
    /// It is JSON that no account call can be: answered 200.
    Refused(&'static str),
}

impl<'a> Node<'a> {
    /// The value of a key of an object; none for an absent key and for what is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node<'a>> {
        match &self.value {
            Value::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }

    /// The members of an object; none for what is no object.
    #[must_use]
    pub fn members(&self) -> Option<&[(Cow<'a, str>, Node<'a>)]> {
        match &self.value {
            Value::Object(members) => Some(members),
            _ => None,
        }
    }
}

/// Reads a body whose byte-order mark, if any, was skipped.
///
/// # Errors
/// [`JsonError`] tells what is no JSON from what is no call.
pub fn parse(body: &[u8]) -> Result<Node<'_>, JsonError> {
    let text = std::str::from_utf8(body).map_err(|_| JsonError::NotJson)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(|_| JsonError::NotJson)?;
    read(text, raw.get(), 0)
}

/// Where `part`, which is a slice of `whole`, stands in it.
fn span_of(whole: &str, part: &str) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start + part.len()
}

fn read<'a>(whole: &'a str, raw: &'a str, depth: usize) -> Result<Node<'a>, JsonError> {
    if depth > MAX_DEPTH {
        return Err(JsonError::Refused("The body is nested deeper than 64 levels."));
    }
    let value = match raw.as_bytes().first() {
        Some(b'{') => object(whole, raw, depth)?,
        Some(b'[') => {
            let items: RawList<'a> = serde_json::from_str(raw).map_err(|_| JsonError::NotJson)?;
            let items = items.0.into_iter().map(|item| read(whole, item.get(), depth + 1));
            Value::List(items.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(text(raw)?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') => Value::Null,
        _ => Value::Number(raw),
    };
    Ok(Node { span: span_of(whole, raw), value })
}

fn object<'a>(whole: &'a str, raw: &'a str, depth: usize) -> Result<Value<'a>, JsonError> {
    let members: RawMembers<'a> = serde_json::from_str(raw)
        .map_err(|_| JsonError::Refused("A key of the body holds half a surrogate pair, which is no text."))?;
    let mut read_members = Vec::with_capacity(members.0.len());
    for (key, value) in members.0 {
        if key.contains('\0') {
            return Err(JsonError::Refused("A key of the body holds a NUL character."));
        }
        read_members.push((key, read(whole, value.get(), depth + 1)?));
    }
    let duplicate = if read_members.len() <= SMALL_OBJECT {
        read_members
            .iter()
            .enumerate()
            .any(|(at, (key, _))| read_members.iter().skip(at + 1).any(|(other, _)| other == key))
    } else {
        let mut seen = HashSet::with_capacity(read_members.len());
        !read_members.iter().all(|(key, _)| seen.insert(key.as_ref()))
    };
    if duplicate {
        return Err(JsonError::Refused("An object of the body has the same key twice."));
    }
    Ok(Value::Object(read_members))
}

fn text(raw: &str) -> Result<Cow<'_, str>, JsonError> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    // The grammar was checked before: what is left to go wrong is an escape such as a lone \ud800.
    let Text(text) = serde_json::from_str(raw)
        .map_err(|_| JsonError::Refused("A text of the body holds half a surrogate pair, which is no text."))?;
    if text.contains('\0') {
        return Err(JsonError::Refused("A text of the body holds a NUL character."));
    }
    Ok(text)
}

struct RawList<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for RawList<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = RawList<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element::<&'de RawValue>()? {
                    list.push(item);
                }
                Ok(RawList(list))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

struct RawMembers<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawMembers<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = RawMembers<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::with_capacity(24);
                while let Some((Key(key), value)) = members.next_entry::<Key<'de>, &'de RawValue>()? {
                    list.push((key, value));
                }
                Ok(RawMembers(list))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Writes a value as canonical JSON: keys in order, no white space, numbers as their decimal text where they have one.
pub fn canonical(node: &Node<'_>, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match crate::domain::decimal::decimal_text(number) {
            Some(text) => out.push_str(&text),
            None => out.push_str(number),
        },
        Value::Text(text) => write_text(text, out),
        Value::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                if crate::domain::redaction::is_secret_name(key) && !matches!(value.value, Value::Null) {
                    write_text(crate::domain::redaction::REDACTED, out);
                } else {
                    canonical(value, out);
                }
            }
            out.push('}');
        }
    }
}

/// Writes a JSON string.
pub fn write_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_and_what_is_not() {
        for not_json in [&b""[..], b"{", b"{\"ID\":}", b"nul", b"\xff\xfe{", b"{'ID':1}", b"{} x", b"\x1f\x8b\x08"] {
            assert_eq!(parse(not_json).err(), Some(JsonError::NotJson), "{not_json:?}");
        }
        for refused in ["{\"a\":\"\\ud800\"}", "{\"a\":\"\\u0000\"}", "{\"\\ud800\":1}", "{\"a\":1,\"\\u0061\":2}"] {
            assert!(matches!(parse(refused.as_bytes()), Err(JsonError::Refused(_))), "{refused}");
        }
        assert!(parse(b" [1, 2.50, \"\\u00e9\"] ").is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(parse(nested(MAX_DEPTH + 1).as_bytes()), Err(JsonError::Refused(_))));
        assert!(matches!(parse(nested(10_000).as_bytes()), Err(JsonError::Refused(_))));
    }

    #[test]
    fn duplicates_are_seen_in_small_and_large_objects() {
        let object = |keys: usize| {
            let members: Vec<String> = (0..keys).map(|at| format!("\"k{}\":1", at % (keys - 1))).collect();
            format!("{{{}}}", members.join(","))
        };
        for keys in [2, 16, 17, 400] {
            assert!(matches!(parse(object(keys).as_bytes()), Err(JsonError::Refused(_))), "{keys}");
        }
    }

    #[test]
    fn canonical_form_has_one_text_for_one_meaning() {
        let text = |body: &str| {
            let mut out = String::new();
            if let Ok(node) = parse(body.as_bytes()) {
                canonical(&node, &mut out);
            }
            out
        };
        assert_eq!(text("{\"b\": [1.0, null], \"a\": \"\\u00e9\"}"), "{\"a\":\"é\",\"b\":[1,null]}");
        assert_eq!(text("{\"RandomPassword\":\"x\"}"), "{\"RandomPassword\":\"[redacted]\"}");
    }

    #[test]
    fn spans_point_into_the_body() {
        let body = "{\"a\": \"x\", \"b\": [1]}";
        let spans: Vec<&str> = match parse(body.as_bytes()) {
            Ok(node) => node.members().unwrap_or_default().iter().map(|(_, node)| &body[node.span.clone()]).collect(),
            Err(_) => Vec::new(),
        };
        assert_eq!(spans, ["\"x\"", "[1]"]);
    }
}
