//! What operators keep about an account, as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::json;
use super::show::AddressView;
use super::time::rfc3339;
use crate::domain::account::Account;
use crate::domain::dossier::{CardField, ContactCard, Dossier, Login};

/// The settings of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView {
    /// The account's id.
    pub account: String,
    /// What it may do: enabled, disabled, fraud or frozen.
    pub standing: &'static str,
    /// Under which label it is; empty for none.
    pub label: String,
    /// Words to find it by, in order.
    pub tags: Vec<String>,
    /// unverified, pending, verified or rejected.
    pub verification: &'static str,
    /// The IP address from which it signed up.
    pub sign_up_address: Option<String>,
    /// The name of the price list that it buys by; empty for none.
    pub price_list: String,
    /// Whether it may change name servers and the DNS of its domains.
    pub dns_options: bool,
    /// The name servers that its domains get; none for the vendor's own.
    pub name_servers: Vec<String>,
    /// Where it is, by the name of its time zone; empty for none.
    pub time_zone: String,
}

impl ProfileView {
    /// The settings of an account.
    #[must_use]
    pub fn new(account: &Account, dossier: &Dossier) -> Self {
        let settings = &dossier.settings;
        Self {
            account: account.id.to_string(),
            standing: account.standing.as_str(),
            label: settings.label.clone(),
            tags: settings.tags.iter().cloned().collect(),
            verification: settings.verification.as_str(),
            sign_up_address: settings.sign_up_address.map(|ip| ip.to_string()),
            price_list: settings.price_list.clone(),
            dns_options: settings.dns_options,
            name_servers: settings.name_servers.clone(),
            time_zone: settings.time_zone.clone(),
        }
    }
}

/// A contact of an account.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of the account's primary contact.
pub struct CardView {
    /// Its number within the account.
    pub id: String,
    /// What registries call it.
    pub handle: String,
    pub organisation: String,
    pub first_name: String,
    pub last_name: String,
    pub email: String,
    pub phone: String,
    pub fax: String,
    pub address: AddressView,
    /// What each registry wants to know beside that, by the registry's name.
    #[schema(value_type = Object)]
    pub registries: BTreeMap<String, Box<RawValue>>,
    pub created_at: String,
    pub changed_at: String,
}

impl From<&ContactCard> for CardView {
    fn from(card: &ContactCard) -> Self {
        let text = |field| card.text(field).to_owned();
        let raw = |json: &String| RawValue::from_string(json.clone()).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self {
            id: card.number.to_string(),
            handle: text(CardField::Handle),
            organisation: text(CardField::Organisation),
            first_name: text(CardField::FirstName),
            last_name: text(CardField::LastName),
            email: text(CardField::Email),
            phone: text(CardField::Phone),
            fax: text(CardField::Fax),
            address: AddressView {
                address1: text(CardField::Address1),
                address2: text(CardField::Address2),
                city: text(CardField::City),
                post_code: text(CardField::PostCode),
                state_code: text(CardField::StateCode),
                state_name: text(CardField::StateName),
                country_code: text(CardField::CountryCode),
                country_name: text(CardField::CountryName),
            },
            registries: card.registries.iter().map(|(name, json)| (name.clone(), raw(json))).collect(),
            created_at: rfc3339(card.created_at),
            changed_at: rfc3339(card.changed_at),
        }
    }
}

/// A login of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginView {
    /// Its number within the account.
    pub id: String,
    /// The login name; empty where it is the account's e-mail address and there is none.
    pub login: String,
    /// Whether the login name is the account's e-mail address, whatever that is.
    pub follows_email: bool,
    /// Whether it may sign in.
    pub may_sign_in: bool,
}

impl LoginView {
    /// A login of an account with this e-mail address.
    #[must_use]
    pub fn new(login: &Login, email: &str) -> Self {
        Self {
            id: login.number.to_string(),
            login: login.shown(email).to_owned(),
            follows_email: login.name.is_none(),
            may_sign_in: login.may_sign_in,
        }
    }
}

/// Reads what a registry wants to know of a contact, as canonical JSON; none for `null`.
///
/// # Errors
/// What is wrong with it, to go on behind its name.
pub fn registry(raw: &str) -> Result<Option<String>, String> {
    let node = json::parse(raw.as_bytes()).map_err(|error| match error {
        json::JsonError::NotJson => "is no JSON".to_owned(),
        json::JsonError::Refused(why) => format!("cannot be read: {}", why.trim_end_matches('.')),
    })?;
    match node.value {
        json::Value::Null => Ok(None),
        json::Value::Object(_) => {
            let mut text = String::new();
            json::canonical(&node, &mut text);
            Ok(Some(text))
        }
        _ => Err("is no JSON object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::registry;

    #[test]
    fn what_registries_want_is_one_canonical_object() {
        let read = |text: &str| registry(text);
        assert_eq!(read("null"), Ok(None));
        assert_eq!(
            read(r#" { "vat" : "BE 1", "a": [1.50, true] } "#),
            Ok(Some(r#"{"a":[1.5,true],"vat":"BE 1"}"#.into()))
        );
        for (wrong, why) in
            [("[]", "no JSON object"), ("7", "no JSON object"), ("{", "no JSON"), (r#"{"a":1,"a":2}"#, "")]
        {
            assert!(read(wrong).is_err_and(|told| told.contains(why)), "{wrong}");
        }
    }
}
