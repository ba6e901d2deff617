//! What an account's call is made of: the names in it, and where values may be told. Looks at names and at two kinds of
//! values only; names, mails and addresses of people are never looked at.

use serde::Serialize;
use utoipa::ToSchema;

use super::json::{Node, Value};
use super::time::rfc3339;
use crate::domain::shape::{Seen, ShapeKey};

/// Most names that are looked at in one object: what has more is no account.
const MAX_MEMBERS: usize = 500;

/// An object of the protocol whose names are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// The body itself.
    Body,
    /// `ContactDetails`.
    Contact,
    /// `Address`.
    Address,
    /// `Address.State`.
    State,
    /// `Address.Country`.
    Country,
    /// `ExtraDetails`, whose names nobody describes.
    Extra,
}

impl Within {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Body, Self::Contact, Self::Address, Self::State, Self::Country, Self::Extra];

    /// What stands before a name within, in its path.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Body => "",
            Self::Contact => "ContactDetails.",
            Self::Address => "Address.",
            Self::State => "Address.State.",
            Self::Country => "Address.Country.",
            Self::Extra => "ExtraDetails.",
        }
    }

    /// Whether the protocol describes this name (protocol.md, "The account"; `checkonly` comes in any case).
    #[must_use]
    pub fn knows(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Body => &[
                "ID",
                "Role",
                "ExternalID",
                "ResellerID",
                "ResellerExternalID",
                "Name",
                "Code",
                "Phone",
                "Fax",
                "WebSite",
                "Email",
                "IsTest",
                "Description",
                "ExtraDetails",
                "SyncOptions",
                "ContactDetails",
                "Address",
            ],
            Self::Contact => &["ID", "FirstName", "LastName", "Phone", "Fax", "Email"],
            Self::Address => &["Address1", "Address2", "City", "PostCode", "State", "Country"],
            Self::State | Self::Country => &["Code", "Name"],
            Self::Extra => &[],
        };
        names.contains(&name) || self == Self::Body && name.eq_ignore_ascii_case("checkonly")
    }

    /// The object that a path leads into, and the name there.
    #[must_use]
    pub fn of_path(path: &str) -> (Self, &str) {
        let longest = Self::ALL.into_iter().rev().filter(|within| *within != Self::Body);
        let mut inside = longest.filter_map(|within| Some((within, path.strip_prefix(within.prefix())?)));
        // State and Country stand behind Address in the list, so that the longer path is tried first.
        inside.next().unwrap_or((Self::Body, path))
    }
}

/// Whether the protocol describes the field at this path.
#[must_use]
pub fn is_described(path: &str) -> bool {
    let (within, name) = Within::of_path(path);
    within.knows(name)
}

/// Something in a call.
#[derive(Debug)]
pub enum Part<'n, 'a> {
    /// A field.
    Field(Within, &'n str),
    /// The value of `Role`.
    Role(&'n Node<'a>),
    /// A synchronization option with its value, which may be a secret.
    Option(&'n str, &'n Node<'a>),
}

/// Names every part of an account's call.
pub fn walk<'n, 'a>(root: &'n Node<'a>, part: &mut dyn FnMut(Part<'n, 'a>)) {
    for (name, node) in members(root) {
        part(Part::Field(Within::Body, name));
        match &**name {
            "Role" => part(Part::Role(node)),
            "SyncOptions" => members(node).for_each(|(id, value)| part(Part::Option(id, value))),
            "ContactDetails" => fields(Within::Contact, node, part),
            "ExtraDetails" => fields(Within::Extra, node, part),
            "Address" => {
                fields(Within::Address, node, part);
                for (name, within) in [("State", Within::State), ("Country", Within::Country)] {
                    if let Some(node) = node.get(name) {
                        fields(within, node, part);
                    }
                }
            }
            _ => {}
        }
    }
}

fn members<'n, 'a>(node: &'n Node<'a>) -> impl Iterator<Item = &'n (std::borrow::Cow<'a, str>, Node<'a>)> {
    node.members().unwrap_or_default().iter().take(MAX_MEMBERS)
}

fn fields<'n, 'a>(within: Within, node: &'n Node<'a>, part: &mut dyn FnMut(Part<'n, 'a>)) {
    members(node).for_each(|(name, _)| part(Part::Field(within, name)));
}

/// The single values of a value, as they are written: its own, or those of a list. Null and empty text are none.
pub fn values<'n>(node: &'n Node<'_>, value: &mut dyn FnMut(&'n str)) {
    match &node.value {
        Value::Text(text) if !text.is_empty() => value(text),
        Value::Number(number) => value(number),
        Value::Bool(true) => value("true"),
        Value::Bool(false) => value("false"),
        Value::List(items) => {
            for item in items.iter().take(MAX_MEMBERS).filter(|item| !matches!(item.value, Value::List(_))) {
                values(item, value);
            }
        }
        Value::Null | Value::Text(_) | Value::Object(_) => {}
    }
}

/// A row of the list as shown.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // See `ShapeKey` and `Seen`.
pub struct ShapeView {
    pub source: String,
    pub kind: &'static str,
    pub name: String,
    /// None where the row is about a name.
    pub value: Option<String>,
    pub known: bool,
    pub count: i64,
    pub first_seen: String,
    pub last_seen: String,
}

impl ShapeView {
    /// What was counted.
    #[must_use]
    pub fn new(key: &ShapeKey, seen: &Seen) -> Self {
        Self {
            source: key.source.clone(),
            kind: key.kind.as_str(),
            name: key.name.clone(),
            value: (!key.value.is_empty()).then(|| key.value.clone()),
            known: seen.known,
            count: seen.times,
            first_seen: rfc3339(seen.first),
            last_seen: rfc3339(seen.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::parse;

    fn parts(body: &str) -> Vec<String> {
        let mut found = Vec::new();
        if let Ok(root) = parse(body.as_bytes()) {
            walk(&root, &mut |part| match part {
                Part::Field(within, name) => {
                    let mark = if within.knows(name) { "" } else { "?" };
                    found.push(format!("{}{name}{mark}", within.prefix()));
                }
                Part::Role(node) => values(node, &mut |value| found.push(format!("Role={value}"))),
                Part::Option(id, node) => values(node, &mut |value| found.push(format!("<{id}>={value}"))),
            });
        }
        found
    }

    #[test]
    fn names_at_every_place_and_values_at_two() {
        assert_eq!(
            parts(
                r#"{"ID":1,"CheckOnly":true,"name":"x","Role":"User","Address":{"City":"x","State":{"Code":"BE","x":1}},
                   "SyncOptions":{"A":1.50,"B":["x",true,null,["y"],{"z":1}],"C":"","D":{"deep":1}},
                   "ContactDetails":{"Email":"x","E-mail":"x"},"ExtraDetails":{"a":{"b":1}},"New":{"deep":1}}"#
            ),
            [
                "ID",
                "CheckOnly",
                "name?",
                "Role",
                "Role=User",
                "Address",
                "Address.City",
                "Address.State",
                "Address.State.Code",
                "Address.State.x?",
                "SyncOptions",
                "<A>=1.50",
                "<B>=x",
                "<B>=true",
                "ContactDetails",
                "ContactDetails.Email",
                "ContactDetails.E-mail?",
                "ExtraDetails",
                "ExtraDetails.a?",
                "New?"
            ]
        );
        assert_eq!(parts(r#"{"Address":"x","SyncOptions":[1],"Role":null}"#), ["Address", "SyncOptions", "Role"]);
    }

    #[test]
    fn one_object_is_looked_at_for_so_long() {
        let names: Vec<String> = (0..10_000).map(|at| format!("\"k{at}\":1")).collect();
        assert_eq!(parts(&format!("{{{}}}", names.join(","))).len(), MAX_MEMBERS);
    }

    #[test]
    fn paths_lead_back() {
        for (path, within, name) in [
            ("ID", Within::Body, "ID"),
            ("Address", Within::Body, "Address"),
            ("Address.City", Within::Address, "City"),
            ("Address.State.Code", Within::State, "Code"),
            ("Address.Country.Name", Within::Country, "Name"),
            ("ExtraDetails.a.b", Within::Extra, "a.b"),
            ("ContactDetails.Email", Within::Contact, "Email"),
            ("New.Thing", Within::Body, "New.Thing"),
        ] {
            assert_eq!(Within::of_path(path), (within, name));
        }
    }
}
