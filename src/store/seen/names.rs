//! Whether a body names other resellers than those of an operator.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;
use serde_json::Value;

use crate::domain::decimal::decimal_text;
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::ledger::Delivery;
use crate::store::schema::accounts;
use crate::store::{AnyConnection, StoreError, deliveries};

/// The keys of a body that name a reseller (protocol.md, "The account"), in any case and at any depth: calls about
/// services carry a whole account.
const KEYS: [&str; 2] = ["resellerid", "resellerexternalid"];

/// The names of an operator's resellers, and what is known of bodies so far.
pub(super) struct Names {
    own: HashSet<String>,
    known: HashMap<(DeliveryId, Option<String>), bool>,
}

impl Names {
    /// Looks the resellers up.
    pub(super) fn of(connection: &mut AnyConnection, resellers: &[AccountId]) -> Result<Self, StoreError> {
        let ids: Vec<i64> = resellers.iter().map(|id| id.0).collect();
        let rows: Vec<(String, String)> = accounts::table
            .filter(accounts::id.eq_any(ids))
            .select((accounts::platform_id, accounts::external_id))
            .load(connection)?;
        let own = rows.into_iter().flat_map(|(platform_id, external_id)| [platform_id, external_id]).collect();
        Ok(Self { own, known: HashMap::new() })
    }

    /// Whether the body of a delivery names a reseller that is none of these. A body that was emptied names nobody, and
    /// what else is shown of a delivery never does.
    pub(super) fn others_in(
        &mut self,
        connection: &mut AnyConnection,
        delivery: &Delivery,
    ) -> Result<bool, StoreError> {
        // Deliveries that say the same share a body.
        let key = (delivery.body_of, delivery.platform_id.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let others = match deliveries::body(connection, delivery.body_of)? {
            None => false,
            Some(body) => match serde_json::from_slice(&body) {
                Ok(body) => self.others(&body, delivery.platform_id.as_deref()),
                // Whoever cannot be read may be named.
                Err(_) => !body.is_empty(),
            },
        };
        self.known.insert(key, others);
        Ok(others)
    }

    fn others(&self, value: &Value, account: Option<&str>) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(key, value)| {
                let names = KEYS.iter().any(|known| key.trim().eq_ignore_ascii_case(known));
                (names && self.is_other(value, account)) || self.others(value, account)
            }),
            Value::Array(items) => items.iter().any(|item| self.others(item, account)),
            _ => false,
        }
    }

    fn is_other(&self, value: &Value, account: Option<&str>) -> bool {
        let name = match value {
            Value::Null => return false,
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => decimal_text(&number.to_string()).unwrap_or_default(),
            // Nothing that names a reseller looks like this.
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => return true,
        };
        // An account that names itself has no reseller.
        !name.is_empty() && account != Some(name.as_str()) && !self.own.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_let_through() {
        let names = Names { own: ["10".to_owned(), "x-10".to_owned()].into(), known: HashMap::new() };
        for (body, others) in [
            (r#"{"ID":"1","ResellerID":"10","ResellerExternalID":"x-10"}"#, false),
            (r#"{"ID":"1","ResellerID":10.0}"#, false),
            (r#"{"ID":"1","ResellerID":" 10 ","ResellerExternalID":""}"#, false),
            (r#"{"ID":"1","ResellerID":"1"}"#, false),
            (r#"{"ID":"1","ResellerID":null}"#, false),
            (r#"{"ID":"1"}"#, false),
            (r#"{"ID":"1","ResellerID":"20"}"#, true),
            (r#"{"ID":"1","resellerexternalid":"x-20"}"#, true),
            (r#"{"ID":"1","ResellerID":20}"#, true),
            (r#"{"ID":"1","ResellerID":["10"]}"#, true),
            (r#"{"Account":{"ID":"1","ResellerID":"20"}}"#, true),
            (r#"[{"ResellerID":"20"}]"#, true),
        ] {
            let value: Value = serde_json::from_str(body).unwrap_or_default();
            assert_eq!(names.others(&value, Some("1")), others, "{body}");
        }
    }
}
