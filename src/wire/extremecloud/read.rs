//! What is asked of a partner or a tenant, judged attribute by attribute.
//!
//! Members that the table of attributes does not have are ignored: clients send whole elements back, with whatever their
//! own service knows of them.

use std::collections::{BTreeSet, HashSet};

use crate::domain::dossier;
use crate::domain::msp::{
    Complaint, Country, Entitlement, MAX_ENTITLEMENTS, MAX_TENANTS, account_name, contact_email, contact_name, phone,
    user_id,
};
use crate::wire::json::{self, JsonError, Node, Value};

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A partner that is there.
    PutPartner,
    /// A new partner.
    PostPartner,
    /// A new tenant.
    PostTenant,
}

/// What is asked; none leaves an attribute as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Whose element it says to be.
    pub cust_ids: Vec<String>,
    /// The name.
    pub account_name: String,
    /// The contact's e-mail address.
    pub contact_email: Option<String>,
    /// The contact's name.
    pub contact_name: Option<String>,
    /// The contact's telephone number; empty takes it away.
    pub phone: Option<String>,
    /// The country.
    pub country: Option<Country>,
    /// The time zone.
    pub time_zone: Option<String>,
    /// The user ID of the first power administrator.
    pub user_id: Option<String>,
    /// The exact list of a partner's tenants: IDs as they were sent, each once.
    pub tenants: Option<Vec<String>>,
    /// The exact list of entitlements.
    pub entitlements: Option<BTreeSet<Entitlement>>,
}

impl Asked {
    /// The names of what is asked for, for the audit trail.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let contact = self.contact_email.is_some() || self.contact_name.is_some() || self.phone.is_some();
        [
            ("accountName", true),
            ("mspContact", contact),
            ("country", self.country.is_some()),
            ("timeZone", self.time_zone.is_some()),
            ("userId", self.user_id.is_some()),
            ("tenants", self.tenants.is_some()),
            ("entitlements", self.entitlements.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, asked)| asked.then_some(name))
        .collect()
    }
}

/// Why a body is not taken, in sentences for whoever sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread(pub String);

/// Reads a body.
///
/// # Errors
/// [`Unread`] with everything that is wrong.
pub fn read(body: &[u8], what: Body) -> Result<Asked, Unread> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let node = json::parse(body).map_err(|error| match error {
        JsonError::NotJson => Unread("The body is no JSON.".to_owned()),
        JsonError::Refused(why) => Unread(why.to_owned()),
    })?;
    if node.members().is_none() {
        return Err(Unread("The body is no JSON object.".to_owned()));
    }
    let mut reader = Reader { complaints: Vec::new() };
    let asked = reader.asked(&node, what);
    match reader.complaints.as_slice() {
        [] => Ok(asked),
        all => Err(Unread(all.join(" "))),
    }
}

/// A member that is there and not null.
fn said<'n, 'b>(node: &'n Node<'b>, name: &str) -> Option<&'n Node<'b>> {
    node.get(name).filter(|member| !matches!(member.value, Value::Null))
}

struct Reader {
    complaints: Vec<String>,
}

impl Reader {
    fn complain(&mut self, name: &str, why: impl std::fmt::Display) {
        self.complaints.push(format!("{name} {why}."));
    }

    /// Reads a member that is there and not null as a text.
    fn text<T>(
        &mut self,
        node: &Node<'_>,
        (at, name): (&str, &str),
        read: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let member = said(node, name)?;
        let read = match &member.value {
            Value::Text(text) => read(text),
            _ => Err("is no text".to_owned()),
        };
        read.map_err(|why| self.complain(&format!("{at}{name}"), why)).ok()
    }

    fn asked(&mut self, node: &Node<'_>, what: Body) -> Asked {
        let any = |text: &str| Ok(text.to_owned());
        let mut asked =
            Asked { cust_ids: self.text(node, ("", "custId"), any).into_iter().collect(), ..Asked::default() };
        if said(node, "accountName").is_none() {
            self.complain("accountName", "is missing or null; send 1 to 64 characters");
        }
        asked.account_name = self.text(node, ("", "accountName"), account_name).unwrap_or_default();
        if let Some(contact) = said(node, "mspContact") {
            if contact.members().is_none() {
                self.complain("mspContact", "is no object");
            }
            let at = "mspContact.";
            asked.cust_ids.extend(self.text(contact, (at, "custId"), any));
            asked.contact_email = self.text(contact, (at, "contactEmail"), contact_email);
            asked.contact_name = self.text(contact, (at, "contactName"), contact_name);
            asked.phone = self.text(contact, (at, "contactPhoneNumber"), phone);
        }
        asked.country = self.text(node, ("", "country"), Country::read);
        asked.time_zone = self.text(node, ("", "timeZone"), |text| match dossier::time_zone(text)? {
            name if name.is_empty() => Err("is empty; send the name of a time zone, such as Europe/Athens".to_owned()),
            name => Ok(name),
        });
        if what != Body::PutPartner && said(node, "userId").is_none() {
            self.complain("userId", "is missing or null; send the e-mail address of the first power administrator");
        }
        asked.user_id = self.text(node, ("", "userId"), user_id);
        asked.tenants = said(node, "tenants").map(|list| self.tenants(list, what));
        asked.entitlements = said(node, "entitlements").map(|list| self.entitlements(list));
        asked
    }

    fn tenants(&mut self, list: &Node<'_>, what: Body) -> Vec<String> {
        let Value::List(items) = &list.value else {
            self.complain("tenants", "is no array");
            return Vec::new();
        };
        if what == Body::PostTenant && !items.is_empty() {
            self.complain("tenants", "is for partners alone; leave it out");
            return Vec::new();
        }
        let (mut tenants, mut seen) = (Vec::with_capacity(items.len()), HashSet::with_capacity(items.len()));
        for item in items {
            let Value::Text(text) = &item.value else {
                self.complain("tenants", "holds something that is no text");
                return Vec::new();
            };
            let text = text.trim();
            if seen.insert(text) {
                tenants.push(text.to_owned());
            }
        }
        if tenants.len() > MAX_TENANTS {
            self.complain("tenants", format!("has {} tenants; {MAX_TENANTS} are allowed", tenants.len()));
        }
        tenants
    }

    fn entitlements(&mut self, list: &Node<'_>) -> BTreeSet<Entitlement> {
        let mut entitlements = BTreeSet::new();
        let Value::List(items) = &list.value else {
            self.complain("entitlements", "is no array");
            return entitlements;
        };
        for (at, item) in items.iter().enumerate() {
            if item.members().is_none() {
                self.complain(&format!("entitlements[{at}]"), "is no object");
                return entitlements;
            }
            let before = self.complaints.len();
            let place = format!("entitlements[{at}].");
            for name in ["entitlementId", "serialNumber"] {
                if said(item, name).is_none() {
                    self.complain(&format!("{place}{name}"), "is missing or null");
                }
            }
            let id = self.text(item, (&place, "entitlementId"), Entitlement::text);
            let serial_number = self.text(item, (&place, "serialNumber"), Entitlement::text);
            match (id, serial_number) {
                (Some(id), Some(serial_number)) => {
                    entitlements.insert(Entitlement { id, serial_number });
                }
                // One is told whole, and not a thousand.
                _ if self.complaints.len() > before => return entitlements,
                _ => {}
            }
        }
        if entitlements.len() > MAX_ENTITLEMENTS {
            let count = entitlements.len();
            self.complain("entitlements", format!("has {count} entitlements; {MAX_ENTITLEMENTS} are allowed"));
        }
        entitlements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &[u8] = include_bytes!("../../../tests/payloads/extremecloud/put-partner.json");

    #[test]
    fn the_guides_request_is_read() {
        let asked = read(SEED, Body::PutPartner).unwrap_or_default();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            asked,
            Asked {
                cust_ids: vec!["MspPartner-tenantid-YLp4lKdq8n6nQNXf".to_owned()],
                account_name: "msp-partner-01".to_owned(),
                contact_email: text("msp-partner-01@test.com"),
                contact_name: text("msp-partner-01"),
                phone: text("22222222"),
                tenants: Some(vec!["MspEndCustomer-tenantid-TaLDGFSpg7Vgxt7H".to_owned()]),
                entitlements: Some(BTreeSet::new()),
                ..Asked::default()
            }
        );
        assert_eq!(asked.names(), ["accountName", "mspContact", "tenants", "entitlements"]);
        assert!(read(SEED, Body::PostPartner).is_err_and(|why| why.0.contains("userId is missing")));
    }

    #[test]
    fn null_and_absent_leave_what_is_there() {
        let nulls = r#"{"accountName":"a","custId":null,"mspContact":null,"country":null,"timeZone":null,"userId":null,"tenants":null,"entitlements":null,"colour":"blue"}"#;
        let least = Asked { account_name: "a".to_owned(), ..Asked::default() };
        assert_eq!(read(nulls.as_bytes(), Body::PutPartner), Ok(least.clone()));
        assert_eq!(read(b"\xef\xbb\xbf{\"accountName\":\"a\"}", Body::PutPartner), Ok(least));
        let twice = r#"{"accountName":"a","tenants":["x"," x","y"],"entitlements":[{"entitlementId":"E","serialNumber":"S"},{"serialNumber":"S","entitlementId":"E"}]}"#;
        let asked = read(twice.as_bytes(), Body::PutPartner).unwrap_or_default();
        assert_eq!(
            (asked.tenants.map(|list| list.len()), asked.entitlements.map(|list| list.len())),
            (Some(2), Some(1))
        );
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        for (body, parts) in [
            ("", &["no JSON"][..]),
            ("[]", &["no JSON object"]),
            (r#"{"accountName":"a","accountName":"b"}"#, &["same key twice"]),
            (r#"{"accountName":"a\u0000"}"#, &["NUL"]),
            (
                r#"{"accountName":7,"country":"XX","timeZone":"","userId":"x"}"#,
                &[
                    "accountName is no text.",
                    "country is no country code",
                    "timeZone is empty",
                    "userId is no e-mail address",
                ],
            ),
            (
                r#"{"accountName":"a","mspContact":[],"tenants":{},"entitlements":1}"#,
                &["mspContact is no object.", "tenants is no array.", "entitlements is no array."],
            ),
            (r#"{"accountName":"a","tenants":[1]}"#, &["tenants holds something that is no text."]),
            (
                r#"{"accountName":"a","entitlements":[{"entitlementId":"E"}]}"#,
                &["entitlements[0].serialNumber is missing"],
            ),
            (r#"{"accountName":"a","entitlements":["E"]}"#, &["entitlements[0] is no object."]),
            (r#"{"accountName":"a","mspContact":{"contactName":"a;b"}}"#, &["mspContact.contactName holds ';'"]),
        ] {
            let Err(Unread(why)) = read(body.as_bytes(), Body::PutPartner) else { unreachable!("{body}") };
            for part in parts {
                assert!(why.contains(part), "{body}: {why}");
            }
        }
        let tenant = r#"{"accountName":"a","userId":"a@b.co","tenants":["x"]}"#;
        assert!(read(tenant.as_bytes(), Body::PostTenant).is_err());
        assert!(read(tenant.replace("\"x\"", "").as_bytes(), Body::PostTenant).is_ok());
    }

    #[test]
    fn lists_have_their_bounds() {
        let tenants = |count: usize| {
            let list: Vec<String> = (0..count).map(|at| format!("\"{at}\"")).collect();
            read(format!("{{\"accountName\":\"a\",\"tenants\":[{}]}}", list.join(",")).as_bytes(), Body::PutPartner)
        };
        assert!(tenants(MAX_TENANTS).is_ok());
        assert!(tenants(MAX_TENANTS + 1).is_err_and(|why| why.0.contains("has 50001 tenants; 50000 are allowed")));
        let rights = |count: usize| {
            let one = |at: usize| format!("{{\"entitlementId\":\"{at}\",\"serialNumber\":\"s\"}}");
            let list: Vec<String> = (0..count).map(one).collect();
            read(
                format!("{{\"accountName\":\"a\",\"entitlements\":[{}]}}", list.join(",")).as_bytes(),
                Body::PutPartner,
            )
        };
        assert!(rights(MAX_ENTITLEMENTS).is_ok() && rights(MAX_ENTITLEMENTS + 1).is_err());
    }
}
