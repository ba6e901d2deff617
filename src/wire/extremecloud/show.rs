//! Partners and tenants as they are shown: with the members of the guide's element, in its order.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::account::Account;
use crate::domain::msp::Entitlement;

/// The contact of a partner or a tenant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MspContactView<'a> {
    /// Always null.
    pub cust_id: Option<&'a str>,
    /// Always null.
    pub id: Option<&'a str>,
    /// The e-mail address; null for none.
    pub contact_email: Option<&'a str>,
    /// The name; null for none.
    pub contact_name: Option<String>,
    /// The telephone number; null for none.
    pub contact_phone_number: Option<&'a str>,
}

/// An entitlement.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntitlementView<'a> {
    /// What is applied.
    pub entitlement_id: &'a str,
    /// The device.
    pub serial_number: &'a str,
}

/// A partner or a tenant; here for its description, since lists of tenants are written as they are read.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElementView<'a> {
    /// Its ID; in the answer to a PUT that of the provider itself.
    #[schema(example = "MspPartner-tenantid-YLp4lKdq8n6nQNXf")]
    pub cust_id: &'a str,
    /// Always null.
    pub id: Option<&'a str>,
    /// Its name: 1 to 64 characters.
    pub account_name: &'a str,
    /// Its country, a code of ISO 3166-1; left out where there is none.
    pub country: Option<&'a str>,
    /// The name of its time zone; left out where there is none.
    pub time_zone: Option<&'a str>,
    /// Its contact.
    pub msp_contact: MspContactView<'a>,
    /// The user ID of its first power administrator; null where it has none of its own.
    pub user_id: Option<&'a str>,
    /// Of a partner: the IDs of its tenants, the exact list.
    pub tenants: Vec<&'a str>,
    /// Its entitlements, the exact list.
    pub entitlements: Vec<EntitlementView<'a>>,
}

/// What is shown of a partner or a tenant.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// As whose element.
    pub cust_id: &'a str,
    /// The account.
    pub account: &'a Account,
    /// The user ID.
    pub user_id: Option<&'a str>,
    /// The time zone; empty for none.
    pub time_zone: &'a str,
    /// The entitlements.
    pub entitlements: &'a BTreeSet<Entitlement>,
}

/// Writes a value as JSON.
///
/// # Errors
/// Those of `out`.
pub fn text(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

fn maybe(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// The name of an account's contact; none where it has none.
#[must_use]
pub fn contact_name(account: &Account) -> Option<String> {
    let contact = &account.profile.contact;
    let name = format!("{} {}", contact.first_name, contact.last_name);
    maybe(name.trim()).map(str::to_owned)
}

/// The e-mail address that an account is shown with; none where it has none.
#[must_use]
pub fn contact_email(account: &Account) -> Option<&str> {
    maybe(&account.profile.email).or(maybe(&account.profile.contact.email))
}

/// The telephone number that an account is shown with; none where it has none.
#[must_use]
pub fn contact_phone(account: &Account) -> Option<&str> {
    maybe(&account.profile.contact.phone).or(maybe(&account.profile.phone))
}

impl Shown<'_> {
    /// Writes all up to the tenants.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn begin(&self, out: &mut dyn Write) -> io::Result<()> {
        let profile = &self.account.profile;
        out.write_all(b"{\"custId\":")?;
        text(out, self.cust_id)?;
        out.write_all(b",\"id\":null,\"accountName\":")?;
        text(out, &profile.name)?;
        for (name, value) in [("country", profile.address.country_code.as_str()), ("timeZone", self.time_zone)] {
            if !value.is_empty() {
                write!(out, ",\"{name}\":")?;
                text(out, value)?;
            }
        }
        out.write_all(b",\"mspContact\":")?;
        text(
            out,
            &MspContactView {
                cust_id: None,
                id: None,
                contact_email: contact_email(self.account),
                contact_name: contact_name(self.account),
                contact_phone_number: contact_phone(self.account),
            },
        )?;
        out.write_all(b",\"userId\":")?;
        text(out, &self.user_id)
    }

    /// Writes what comes behind the tenants.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b",\"entitlements\":")?;
        let views = self
            .entitlements
            .iter()
            .map(|one| EntitlementView { entitlement_id: &one.id, serial_number: &one.serial_number });
        text(out, &views.collect::<Vec<_>>())?;
        out.write_all(b"}")
    }
}
