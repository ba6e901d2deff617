//! `--only`: which calls of a capture are sent.

use crate::domain::call::Endpoint;
use crate::domain::ids::PlatformId;
use crate::domain::outcome::Outcome;
use crate::wire::capture::{self, Captured};
use crate::wire::named::Named;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Only {
    /// About this platform ID.
    Account(PlatformId),
    /// Captured with this outcome.
    Outcome(Outcome),
    /// Captured with this code.
    Code(i32),
    /// Whose words make this kind.
    Kind(String),
    /// At this endpoint.
    Endpoint(Endpoint),
    /// Of this tenant.
    Tenant(String),
    /// Received for this source.
    Source(String),
}

impl Only {
    /// Reads `what=value`.
    ///
    /// # Errors
    /// A sentence that says what can stand there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let all = "it is none of account=ID, outcome=…, code=…, kind=…, endpoint=…, tenant=…, source=…";
        let (what, value) = text.split_once('=').ok_or(all)?;
        let value = value.trim();
        let kinds = ["reseller", "reseller_customer", "direct_customer"];
        match what.trim() {
            "account" => PlatformId::parse(value).map(Self::Account).map_err(|error| format!("the account {error}")),
            "outcome" => Outcome::parse(value).map(Self::Outcome).ok_or_else(|| {
                let names: Vec<&str> = Outcome::ALL.into_iter().map(Outcome::as_str).collect();
                format!("the outcome is none of {}", names.join(", "))
            }),
            "code" => value.parse().map(Self::Code).map_err(|_| "the code is no number".to_owned()),
            "kind" if kinds.contains(&value) => Ok(Self::Kind(value.to_owned())),
            "kind" => Err(format!("the kind is none of {}", kinds.join(", "))),
            "endpoint" => capture::endpoint(value).map(Self::Endpoint).ok_or_else(|| {
                let names: Vec<&str> = Endpoint::ALL.into_iter().map(Endpoint::as_str).collect();
                format!("the endpoint is none of {}", names.join(", "))
            }),
            "tenant" => Ok(Self::Tenant(value.to_owned())),
            "source" => Ok(Self::Source(value.to_owned())),
            _ => Err(all.to_owned()),
        }
    }

    /// Whether it asks for calls that were refused.
    #[must_use]
    pub fn wants_refused(&self) -> bool {
        match self {
            Self::Outcome(outcome) => *outcome == Outcome::Rejected,
            Self::Code(code) => !matches!(code, 0 | 1),
            _ => false,
        }
    }

    /// Whether a call meets it. What is not known of a call is met by no condition.
    #[must_use]
    pub fn meets(&self, call: &Captured, named: &Named) -> bool {
        match self {
            Self::Account(id) => named.id.as_ref() == Some(id),
            Self::Outcome(outcome) => call.outcome == Some(*outcome),
            Self::Code(code) => call.code == Some(*code),
            Self::Kind(kind) => named.kind == Some(kind),
            Self::Endpoint(endpoint) => call.endpoint == *endpoint,
            Self::Tenant(tenant) => call.tenant == *tenant,
            Self::Source(source) => call.source.as_ref() == Some(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        assert_eq!(Only::parse("account= 7 "), PlatformId::parse("7").map(Only::Account).map_err(|e| e.to_string()));
        assert_eq!(Only::parse("endpoint=accounts/delete"), Ok(Only::Endpoint(Endpoint::Delete)));
        assert_eq!(Only::parse("tenant="), Ok(Only::Tenant(String::new())));
        for wrong in ["", "account", "account=", "outcome=lost", "kind=partner", "endpoint=x", "code=x", "colour=red"] {
            assert!(Only::parse(wrong).is_err(), "{wrong}");
        }
    }
}
