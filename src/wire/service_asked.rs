//! What operators say of services, in JSON and on the command line, as it is judged before anything is planned.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::service::attributes_of;
use super::time::parse_time;
use crate::domain::options::MAX_TEXT_CHARS;
use crate::domain::service::order::ServicePatch;
use crate::domain::service::{Direction, MAX_QUANTITY, ServiceKind, Transfer};

/// What is said of a service; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceBody {
    /// What it is called.
    pub name: Option<String>,
    /// subscription, domain, hosting, ssl, entitlement or other.
    pub kind: Option<String>,
    /// Which of the vendor's services.
    pub service: Option<String>,
    /// On which plan.
    pub plan: Option<String>,
    /// Where it runs.
    pub location: Option<String>,
    /// How many, such as licenses.
    pub quantity: Option<i64>,
    /// Whether it is not paid for.
    pub trial: Option<bool>,
    /// Whatever else describes it: the whole set, by name, each a text, a number, true or false. No secrets.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Box<RawValue>>,
    /// A transfer that is under way; null once it is over.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<TransferBody>)]
    pub transfer: Option<Option<TransferBody>>,
    /// When it expires unless it is renewed (RFC 3339, or a day); null for never.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Option<String>>,
    /// Of a new one: the subscription that it is an add-on of, by id or ExternalID.
    pub parent: Option<String>,
    /// Of a new one: the platform's own ID of it.
    pub platform_id: Option<String>,
    /// Of a new one: the ID that the platform is to send. Without it one is made.
    pub external_id: Option<String>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

/// A transfer that is under way.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferBody {
    /// incoming or outgoing.
    pub direction: String,
    /// How far it is, in the registry's words.
    pub state: String,
    /// What somebody has to do; null where it only takes time.
    #[serde(default)]
    pub action: Option<String>,
}

/// Tells null from what is left out.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A text as it is stored.
///
/// # Errors
/// A sentence, without its full stop, that names the field.
pub fn text(name: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        return Err(format!("{name} is longer than {MAX_TEXT_CHARS} characters or holds a control character"));
    }
    Ok(text.to_owned())
}

fn maybe(name: &str, said: Option<&String>) -> Result<Option<String>, String> {
    said.map(|said| text(name, said)).transpose()
}

impl ServiceBody {
    /// The names of what is said, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            ("kind", self.kind.is_some()),
            ("service", self.service.is_some()),
            ("plan", self.plan.is_some()),
            ("location", self.location.is_some()),
            ("quantity", self.quantity.is_some()),
            ("trial", self.trial.is_some()),
            ("attributes", self.attributes.is_some()),
            ("transfer", self.transfer.is_some()),
            ("expires_at", self.expires_at.is_some()),
            ("parent", self.parent.is_some()),
            ("platform_id", self.platform_id.is_some()),
            ("external_id", self.external_id.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, said)| said.then_some(name))
        .collect()
    }

    /// What is said, judged.
    ///
    /// # Errors
    /// A sentence, without its full stop, that names the first field that cannot be.
    pub fn patch(&self, is_secret: &dyn Fn(&str) -> bool) -> Result<ServicePatch, String> {
        let kind = self.kind.as_deref().map(|word| {
            ServiceKind::parse(word)
                .ok_or_else(|| "kind is none of subscription, domain, hosting, ssl, entitlement, other".to_owned())
        });
        if self.quantity.is_some_and(|quantity| !(0..=MAX_QUANTITY).contains(&quantity)) {
            return Err(format!("quantity is not a whole number from 0 to {MAX_QUANTITY}"));
        }
        let transfer = match &self.transfer {
            None => None,
            Some(None) => Some(None),
            Some(Some(said)) => Some(Some(said.judged()?)),
        };
        let expires_at = match &self.expires_at {
            None => None,
            Some(None) => Some(None),
            Some(Some(said)) => Some(Some(parse_time(said.trim()).ok_or_else(|| {
                "expires_at is not a time such as 2027-11-21T10:00:00Z or a day such as 2027-11-21".to_owned()
            })?)),
        };
        Ok(ServicePatch {
            kind: kind.transpose()?,
            service: maybe("service", self.service.as_ref())?,
            name: maybe("name", self.name.as_ref())?,
            plan: maybe("plan", self.plan.as_ref())?,
            location: maybe("location", self.location.as_ref())?,
            quantity: self.quantity,
            trial: self.trial,
            attributes: self.attributes.as_ref().map(|raw| attributes_of(raw.get(), is_secret)).transpose()?,
            transfer,
            expires_at,
        })
    }
}

impl TransferBody {
    fn judged(&self) -> Result<Transfer, String> {
        let direction = Direction::parse(self.direction.trim());
        let direction = direction.ok_or_else(|| "transfer.direction is neither incoming nor outgoing".to_owned())?;
        let state = text("transfer.state", &self.state)?;
        if state.is_empty() {
            return Err("transfer.state is empty; say how far the transfer is".to_owned());
        }
        let action = maybe("transfer.action", self.action.as_ref())?.filter(|action| !action.is_empty());
        Ok(Transfer { direction, state, action })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServicePatch, String> {
        let body: ServiceBody = serde_json::from_str(text).map_err(|error| error.to_string())?;
        body.patch(&|name| name == "Pin")
    }

    #[test]
    fn what_is_said_is_told_from_what_is_left_out() -> Result<(), String> {
        assert_eq!(read("{}")?, ServicePatch::default());
        let patch = read(r#"{"transfer":null,"expires_at":null,"attributes":{}}"#)?;
        assert_eq!((patch.transfer, patch.expires_at, patch.attributes.as_deref()), (Some(None), Some(None), Some("")));
        let patch = read(
            r#"{"kind":"domain","name":" x.example ","expires_at":"2027-01-01","attributes":{"b":1.0,"a":"é","c":true},
                "transfer":{"direction":"incoming","state":"pending","action":" "}}"#,
        )?;
        assert_eq!((patch.kind, patch.name.as_deref()), (Some(ServiceKind::Domain), Some("x.example")));
        assert_eq!(patch.attributes.as_deref(), Some(r#"{"a":"é","b":1,"c":true}"#));
        assert_eq!(patch.expires_at, Some(Some(1_798_761_600_000_000)));
        let transfer = Transfer { direction: Direction::Incoming, state: "pending".to_owned(), action: None };
        assert_eq!(patch.transfer, Some(Some(transfer)));
        Ok(())
    }

    #[test]
    fn what_cannot_be_is_named() {
        let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(MAX_TEXT_CHARS + 1));
        let many: Vec<String> = (0..501).map(|at| format!(r#""a{at}":1"#)).collect();
        let many = format!(r#"{{"attributes":{{{}}}}}"#, many.join(","));
        for (text, named) in [
            (r#"{"kind":"car"}"#, "kind"),
            (r#"{"quantity":-1}"#, "quantity"),
            (r#"{"quantity":1000000001}"#, "quantity"),
            (r#"{"expires_at":"soon"}"#, "expires_at"),
            (r#"{"transfer":{"direction":"up","state":"x"}}"#, "transfer.direction"),
            (r#"{"transfer":{"direction":"incoming","state":" "}}"#, "transfer.state"),
            (r#"{"plan":"a\u0000b"}"#, "plan"),
            (long.as_str(), "name"),
            (r#"{"attributes":{"Pin":1}}"#, "attributes: Pin is a secret"),
            (r#"{"attributes":{"a":{}}}"#, "attributes: a is"),
            (r#"{"attributes":{"a":1,"a":2}}"#, "attributes"),
            (r#"{"attributes":[]}"#, "attributes"),
            (many.as_str(), "attributes"),
            (r#"{"colour":1}"#, "unknown field `colour`"),
        ] {
            let why = read(text).err().unwrap_or_default();
            assert!(why.contains(named), "{text}: {why}");
        }
    }
}
