//! What partners say of their customers, in JSON and on the command line, and what becomes of what is deleted.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::service_asked::text;
use crate::domain::call::ProfilePatch;
use crate::domain::customer;
use crate::domain::ids::ExternalId;

/// What is said of a customer; of one that is changed, what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerBody {
    /// What it is called: 1 to 50 characters. A new one needs it.
    #[schema(max_length = 50)]
    pub name: Option<String>,
    /// Its e-mail address. A new one needs it.
    pub email: Option<String>,
    /// Its code.
    pub code: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its fax number.
    pub fax: Option<String>,
    /// Its web site.
    pub website: Option<String>,
    /// More about it.
    pub description: Option<String>,
    /// Of a new one: the ID by which it is known elsewhere, so that it stays one account once a platform synchronizes it.
    /// Without one it gets its own.
    pub external_id: Option<String>,
    /// Refused: the partner is that of the path, and a customer gets another one by a move alone.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub partner: Option<()>,
    /// As `partner`.
    #[serde(deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub reseller: Option<()>,
    /// Why; kept in the audit trail.
    pub reason: Option<String>,
}

/// That something is said, whatever it is, null too.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

impl CustomerBody {
    /// The names of what is said, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        [
            ("name", self.name.is_some()),
            ("email", self.email.is_some()),
            ("code", self.code.is_some()),
            ("phone", self.phone.is_some()),
            ("fax", self.fax.is_some()),
            ("website", self.website.is_some()),
            ("description", self.description.is_some()),
            ("external_id", self.external_id.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, said)| said.then_some(name))
        .collect()
    }

    /// What describes a new customer, and the ID by which it is known elsewhere.
    ///
    /// # Errors
    /// A sentence, without its full stop, that names the field.
    pub fn new_customer(&self) -> Result<(ProfilePatch, Option<ExternalId>), String> {
        if self.partner.is_some() || self.reseller.is_some() {
            return Err(
                "The customer is added under the partner of the path; leave `partner` and `reseller` out".to_owned()
            );
        }
        customer::name(self.name.as_deref().unwrap_or_default()).map_err(|why| format!("name {why}"))?;
        customer::email(self.email.as_deref().unwrap_or_default()).map_err(|why| format!("email {why}"))?;
        let external_id = self.external_id.as_deref().map(ExternalId::parse).transpose();
        Ok((self.profile()?, external_id.map_err(|why| format!("external_id: {why}"))?))
    }

    /// What is changed of a customer.
    ///
    /// # Errors
    /// As [`CustomerBody::new_customer`].
    pub fn change(&self) -> Result<ProfilePatch, String> {
        if self.partner.is_some() || self.reseller.is_some() {
            return Err("The partner of a customer cannot be edited; POST /v1/moves moves it to another one".to_owned());
        }
        if self.external_id.is_some() {
            return Err("The external_id of a customer cannot be edited: others know it by that".to_owned());
        }
        if self.names().is_empty() {
            return Err("Nothing is to be changed; say what, such as `name`".to_owned());
        }
        self.profile()
    }

    fn profile(&self) -> Result<ProfilePatch, String> {
        let one = |name: &str, said: &Option<String>| said.as_ref().map(|said| text(name, said)).transpose();
        Ok(ProfilePatch {
            name: self.name.as_deref().map(customer::name).transpose().map_err(|why| format!("name {why}"))?,
            email: self.email.as_deref().map(customer::email).transpose().map_err(|why| format!("email {why}"))?,
            code: one("code", &self.code)?,
            phone: one("phone", &self.phone)?,
            fax: one("fax", &self.fax)?,
            website: one("website", &self.website)?,
            description: one("description", &self.description)?,
            ..ProfilePatch::default()
        })
    }
}

/// What goes with something that is deleted, counted; of a site its probes alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct WithItView {
    /// Sites, which end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sites: Option<i64>,
    /// Probes, which end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probes: Option<i64>,
    /// Services: they stay on record and cannot be used while the account is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<i64>,
    /// Users: as services.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// Requests to move it, which are withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub move_requests: Option<i64>,
    /// Provisioning requests, which are cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioning_requests: Option<i64>,
}

/// What became of one thing that is to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeletedView {
    /// As it was named.
    pub id: String,
    /// What it is called; null where nothing of that name was found.
    pub name: Option<String>,
    /// deleted; unchanged: it was gone already; refused; withheld: another one was refused, and all are one thing. Of a
    /// preview what would become of it.
    pub outcome: &'static str,
    /// Why it was refused, ending with the code of the rule where one is against it.
    pub reason: Option<String>,
    /// What goes with it.
    pub with_it: WithItView,
}

/// What became of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeletionView {
    /// Whether this only says what would be.
    pub preview: bool,
    /// How many are, or would be, deleted.
    pub deleted: usize,
    /// How many were gone already.
    pub unchanged: usize,
    /// How many were refused.
    pub refused: usize,
    /// How many were not deleted since another one was refused.
    pub withheld: usize,
    /// Each, in the order in which they were named.
    pub items: Vec<DeletedView>,
}

impl DeletionView {
    /// Counts what became of each.
    #[must_use]
    pub fn new(preview: bool, items: Vec<DeletedView>) -> Self {
        let count = |outcome: &str| items.iter().filter(|item| item.outcome == outcome).count();
        let (deleted, unchanged) = (count("deleted"), count("unchanged"));
        Self { preview, deleted, unchanged, refused: count("refused"), withheld: count("withheld"), items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<CustomerBody, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_customer_needs_name_and_address() -> Result<(), String> {
        let (profile, external_id) =
            read(r#"{"name":" Bakery ","email":"info@bakery.example","phone":"1","external_id":"X-1"}"#)?
                .new_customer()?;
        assert_eq!((profile.name.as_deref(), profile.phone.as_deref()), (Some("Bakery"), Some("1")));
        assert_eq!((external_id, profile.code), (Some(ExternalId::stored("X-1")), None));
        let email = r#""email":"info@bakery.example""#;
        for (text, why) in [
            (format!("{{{email}}}"), "name is empty"),
            (format!(r#"{{"name":"{}",{email}}}"#, "x".repeat(51)), "name is longer than 50"),
            (r#"{"name":"Bakery"}"#.to_owned(), "email is empty"),
            (r#"{"name":"Bakery","email":"bakery"}"#.to_owned(), "email is no e-mail address"),
            (format!(r#"{{"name":"Bakery",{email},"external_id":" "}}"#), "external_id"),
            (format!(r#"{{"name":"Bakery",{email},"code":"a\u0000"}}"#), "code"),
            (format!(r#"{{"name":"Bakery",{email},"partner":"0-1"}}"#), "partner of the path"),
        ] {
            let told = read(&text)?.new_customer().err().unwrap_or_default();
            assert!(told.contains(why), "{text}: {told}");
        }
        Ok(())
    }

    #[test]
    fn the_partner_is_not_edited() -> Result<(), String> {
        assert_eq!(read(r#"{"name":"B"}"#)?.change()?.name.as_deref(), Some("B"));
        for (text, why) in [
            (r#"{"name":"B","partner":"0-1"}"#, "POST /v1/moves"),
            (r#"{"reseller":null}"#, "POST /v1/moves"),
            (r#"{"external_id":"x"}"#, "cannot be edited"),
            ("{}", "Nothing is to be changed"),
            (r#"{"email":""}"#, "email is empty"),
            (r#"{"name":" "}"#, "name is empty"),
        ] {
            let told = read(text)?.change().err().unwrap_or_default();
            assert!(told.contains(why), "{text}: {told}");
        }
        assert!(read(r#"{"colour":1}"#).is_err());
        Ok(())
    }
}
