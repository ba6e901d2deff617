//! Whom a call names, read without judging the rest of it: for those who order and choose calls, not for the receiver.

use super::json::{self, Node};
use crate::domain::classify::{Role, classify};
use crate::domain::decimal::decimal_text;
use crate::domain::ids::{ExternalId, PlatformId};

/// Whom a body names, as far as that can be read; the rest of it may be as wrong as it likes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// `ID`.
    pub id: Option<PlatformId>,
    /// `ExternalID`.
    pub external_id: Option<ExternalId>,
    /// `ResellerID`, where it is another account's.
    pub reseller_id: Option<PlatformId>,
    /// `ResellerExternalID`.
    pub reseller_external_id: Option<ExternalId>,
    /// The kind that `Role` and `ResellerID` make; none where they make none.
    pub kind: Option<&'static str>,
}

impl Named {
    /// Reads a body.
    #[must_use]
    pub fn of(body: &str) -> Self {
        let Ok(root) = json::parse(body.trim_start_matches('\u{feff}').as_bytes()) else { return Self::default() };
        // Calls about services carry the account inside.
        let account = root.get("Account").filter(|account| account.members().is_some()).unwrap_or(&root);
        let id = text(account, "ID").and_then(|id| PlatformId::parse(&id).ok());
        let reseller_id = text(account, "ResellerID").and_then(|id| PlatformId::parse(&id).ok());
        let external = |name| text(account, name).and_then(|id| ExternalId::parse(&id).ok());
        let role = Role::parse(text(account, "Role").as_deref());
        let kind = id.as_ref().and_then(|id| classify(id, reseller_id.as_ref(), &role));
        Self {
            external_id: external("ExternalID"),
            reseller_external_id: external("ResellerExternalID"),
            kind: kind.map(|kind| kind.kind.as_str()),
            reseller_id: reseller_id.filter(|reseller| id.as_ref() != Some(reseller)),
            id,
        }
    }
}

fn text(node: &Node<'_>, name: &str) -> Option<String> {
    match &node.get(name)?.value {
        json::Value::Text(text) => Some(text.to_string()),
        json::Value::Number(number) => decimal_text(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_texts_and_numbers() {
        let named = Named::of(r#"{"ID":" 7 ","Role":"user","ResellerID":12,"ResellerExternalID":"X"}"#);
        assert_eq!(named.id, PlatformId::parse("7").ok());
        assert_eq!(named.reseller_id, PlatformId::parse("12").ok());
        assert_eq!((named.kind, named.external_id), (Some("reseller_customer"), None));
        let own = Named::of(r#"{"ID":"7","Role":"Reseller","ResellerID":7}"#);
        assert_eq!((own.reseller_id, own.kind), (None, Some("reseller")));
        assert_eq!(Named::of("no json"), Named::default());
    }
}
