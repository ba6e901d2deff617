//! The settings that come to `Fields/Validate`: `{"Fields":[{"ID","Values":[…]}]}` as the platform's own library sends
//! them, or a plain map from ID to value.

use std::collections::BTreeMap;
use std::ops::Range;

use super::json::{Node, Value};
use crate::domain::decimal::decimal_text;

/// What was entered, and what of the body may be stored: settings may be passwords, wherever they stand.
#[derive(Debug, Default)]
pub struct Entered {
    /// By field ID.
    pub values: BTreeMap<String, String>,
    /// The IDs of the fields, in bytes of the body.
    pub ids: Vec<Range<usize>>,
}

/// Reads what was entered.
///
/// # Errors
/// A sentence when the body is none of the known shapes.
pub fn entered(root: &Node<'_>) -> Result<Entered, &'static str> {
    let mut entered = Entered::default();
    let fields = match (&root.value, root.get("Fields").map(|fields| &fields.value)) {
        (Value::List(fields), _) | (_, Some(Value::List(fields))) => fields,
        (_, None | Some(Value::Null)) => {
            for (id, node) in root.members().unwrap_or_default() {
                if !id.eq_ignore_ascii_case("checkonly") {
                    entered.take(id, node)?;
                }
            }
            return Ok(entered);
        }
        (_, Some(_)) => return Err("Fields must be a list."),
    };
    for field in fields {
        let id = match field.get("ID").map(|id| (&id.value, &id.span)) {
            Some((Value::Text(id), span)) if !id.trim().is_empty() => {
                entered.ids.push(span.clone());
                id.trim()
            }
            _ => return Err("A field has no ID."),
        };
        if let Some(node) = field.get("Values").or_else(|| field.get("Value")) {
            entered.take(id, node)?;
        }
    }
    Ok(entered)
}

impl Entered {
    fn take(&mut self, id: &str, node: &Node<'_>) -> Result<(), &'static str> {
        let single = match &node.value {
            Value::List(items) if items.len() > 1 => return Err("A field has several values."),
            Value::List(items) => match items.first() {
                Some(item) => item,
                None => return Ok(()),
            },
            _ => node,
        };
        let text = match &single.value {
            Value::Null => return Ok(()),
            Value::Text(text) => text.clone().into_owned(),
            Value::Number(number) => decimal_text(number).ok_or("A field is a number of too many digits.")?,
            Value::Bool(value) => value.to_string(),
            Value::List(_) | Value::Object(_) => return Err("A field must be a text, a number, true or false."),
        };
        if self.values.insert(id.to_owned(), text).is_some() {
            return Err("A field comes twice.");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    #[test]
    fn every_shape() {
        let read = |body: &str| {
            parse(body.as_bytes())
                .map_err(|_| "json")
                .and_then(|root| entered(&root))
                .map(|e| e.values.into_iter().collect::<Vec<_>>())
        };
        let one = Ok(vec![("Organisation".to_owned(), "x".to_owned())]);
        assert_eq!(read("{\"Fields\":[{\"ID\":\"Organisation\",\"Values\":[\"x\"]}]}"), one);
        assert_eq!(read("{\"Fields\":[{\"ID\":\"Organisation\",\"Value\":\"x\"}]}"), one);
        assert_eq!(read("[{\"ID\":\"Organisation\",\"Value\":\"x\"}]"), one);
        assert_eq!(read("{\"Organisation\":\"x\",\"checkonly\":true}"), one);
        assert_eq!(read("{\"Fields\":[]}"), Ok(vec![]));
        for wrong in [
            "{\"Fields\":1}",
            "{\"Fields\":[{}]}",
            "{\"F\":{}}",
            "{\"F\":[1,2]}",
            "{\"Fields\":[{\"ID\":\"a\",\"Value\":1},{\"ID\":\"a\",\"Value\":2}]}",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
