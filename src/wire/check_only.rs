//! `checkonly`: in the body or the query, in any case, as true, "true" or 1 (protocol.md, "Answers").

use super::json::{Node, Value};

/// What a call says of `checkonly`; an error when it says two different things or something that is neither.
///
/// # Errors
/// A sentence for the caller. A call that might have been meant as a check must not be carried out.
pub fn check_only(body: Option<&Node<'_>>, query: &str) -> Result<bool, &'static str> {
    let mut said: Option<bool> = None;
    let mut hear = |value: Option<bool>| match (value, said) {
        (None, _) => Err("checkonly must be true or false."),
        (Some(value), Some(before)) if value != before => Err("checkonly says both true and false."),
        (Some(value), _) => {
            said = Some(value);
            Ok(())
        }
    };
    for (key, node) in body.and_then(Node::members).unwrap_or_default() {
        if key.eq_ignore_ascii_case("checkonly") {
            match &node.value {
                Value::Null => {}
                Value::Bool(value) => hear(Some(*value))?,
                Value::Text(text) => hear(word(text))?,
                Value::Number(number) => hear(word(number))?,
                Value::List(_) | Value::Object(_) => hear(None)?,
            }
        }
    }
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key.eq_ignore_ascii_case("checkonly") {
            hear(word(&value))?;
        }
    }
    Ok(said.unwrap_or(false))
}

fn word(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "" | "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    #[test]
    fn table() {
        for (body, query, expected) in [
            ("{}", "", Ok(false)),
            ("{\"checkonly\":true}", "", Ok(true)),
            ("{\"CheckOnly\":\"TRUE\"}", "", Ok(true)),
            ("{\"CHECKONLY\":1}", "", Ok(true)),
            ("{\"checkOnly\":false}", "", Ok(false)),
            ("{\"checkonly\":null}", "", Ok(false)),
            ("{}", "checkonly=true", Ok(true)),
            ("{}", "a=1&CheckOnly=1", Ok(true)),
            ("{}", "checkonly=0", Ok(false)),
            ("{\"checkonly\":true}", "checkonly=true", Ok(true)),
            ("{\"checkonly\":true}", "checkonly=false", Err("checkonly says both true and false.")),
            ("{\"checkonly\":true,\"CheckOnly\":false}", "", Err("checkonly says both true and false.")),
            ("{\"checkonly\":\"maybe\"}", "", Err("checkonly must be true or false.")),
            ("{}", "checkonly=maybe", Err("checkonly must be true or false.")),
            ("{\"checkonly\":{}}", "", Err("checkonly must be true or false.")),
        ] {
            let root = parse(body.as_bytes()).ok();
            assert_eq!(check_only(root.as_ref(), query), expected, "{body} ?{query}");
        }
    }
}
