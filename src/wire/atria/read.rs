//! The request. It is read event by event against the one tree that it may be, so nothing nests deeper than that, and
//! nothing is expanded: there are no entities but the five of XML itself.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::text::{self, Charset};
use super::{MAX_BODY, Unread};
use crate::domain::options::MAX_TEXT_CHARS;

/// A customer and the parent that it is to have, each by its code or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCustomer {
    /// Which customer.
    pub customer: String,
    /// Whose customer it is to be.
    pub parent: String,
}

/// Where in the tree an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Request,
    Customer,
    Name,
    Parent,
    ParentName,
    Status,
}

impl Place {
    const ALL: [Self; 6] = [Self::Request, Self::Customer, Self::Name, Self::Parent, Self::ParentName, Self::Status];

    fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Customer => "customer",
            Self::Name | Self::ParentName => "name",
            Self::Parent => "parent",
            Self::Status => "status",
        }
    }

    /// Within what it stands.
    fn within(self) -> Option<Self> {
        match self {
            Self::Request => None,
            Self::Customer => Some(Self::Request),
            Self::Name | Self::Parent | Self::Status => Some(Self::Customer),
            Self::ParentName => Some(Self::Parent),
        }
    }

    /// Whether it holds text, not elements.
    fn is_leaf(self) -> bool {
        matches!(self, Self::Name | Self::ParentName | Self::Status)
    }

    /// What it may hold, for people.
    fn takes(within: Option<Self>) -> String {
        let names: Vec<String> = Self::ALL
            .iter()
            .filter(|place| place.within() == within)
            .map(|place| format!("`{}`", place.name()))
            .collect();
        if names.is_empty() { "text alone".to_owned() } else { names.join(", ") }
    }
}

/// Reads a request.
///
/// # Errors
/// [`Unread`], with what is wrong and what is taken.
pub fn read(bytes: &[u8], charset: Charset<'_>) -> Result<SetCustomer, Unread> {
    if bytes.len() > MAX_BODY {
        return Err(Unread::NotXml(format!("The body is larger than {} KiB.", MAX_BODY / 1024)));
    }
    let text = text::decode(bytes, charset)?;
    if let Some(wrong) = text.chars().find(|c| !is_char(*c)) {
        return not_xml(format!("The body holds the character {}, which no XML may.", wrong.escape_unicode()));
    }
    // A here-string may begin with an empty line.
    let mut reader = Reader::from_str(text.trim_start());
    reader.config_mut().expand_empty_elements = true;
    let mut tree = Tree::default();
    let mut first = true;
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return tree.end(),
            Ok(Event::Decl(_)) if first => {}
            Ok(Event::Decl(_)) => return not_xml("The XML declaration stands not at the beginning."),
            Ok(Event::DocType(_)) => return not_xml("A DOCTYPE is refused, and with it every entity. Leave it out."),
            Ok(Event::PI(_)) => return not_xml("Processing instructions are refused. Leave them out."),
            Ok(Event::Comment(_)) => {}
            Ok(Event::Start(start)) => tree.begin(&start)?,
            // Never: they come as begin and end.
            Ok(Event::Empty(_)) => return not_xml("An empty element stands where none may."),
            Ok(Event::End(_)) => tree.close(),
            Ok(Event::Text(text)) => tree.text(&text.xml10_content())?,
            Ok(Event::CData(text)) => tree.text(&text.xml10_content())?,
            Ok(Event::GeneralRef(reference)) => tree.reference(&reference)?,
            Err(error) => return not_xml(format!("The body is no well-formed XML: {error}.")),
        }
        first = false;
    }
}

fn not_xml<T>(why: impl Into<String>) -> Result<T, Unread> {
    Err(Unread::NotXml(why.into()))
}

fn not_understood<T>(why: impl Into<String>) -> Result<T, Unread> {
    Err(Unread::NotUnderstood(why.into()))
}

/// The characters of XML 1.0 (its section 2.2).
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// A name as it came, cut to what a message can bear.
fn quoted(name: &str) -> String {
    const MOST: usize = 64;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", name.get(..end).unwrap_or_default()),
        None => format!("`{name}`"),
    }
}

/// What was read so far.
#[derive(Default)]
struct Tree {
    /// The elements that are open.
    open: Vec<Place>,
    /// All that began.
    begun: Vec<Place>,
    customer: String,
    parent: String,
    status: String,
}

impl Tree {
    fn begin(&mut self, start: &BytesStart<'_>) -> Result<(), Unread> {
        let within = self.open.last().copied();
        let name = start.name().into_inner();
        if within.is_none() && !self.begun.is_empty() {
            return not_xml(format!("A second element, {}, stands behind the first.", quoted(name)));
        }
        let found = Place::ALL.into_iter().find(|place| place.within() == within && place.name() == name);
        let Some(place) = found else {
            let holder = within.map_or("the body".to_owned(), |place| format!("`{}`", place.name()));
            return not_understood(format!(
                "The element {} is not known in {holder}, which takes {}.",
                quoted(name),
                Place::takes(within)
            ));
        };
        if self.begun.contains(&place) {
            let holder = within.map_or("body", Place::name);
            return not_understood(format!("The element `{}` comes twice in `{holder}`.", place.name()));
        }
        attributes(place, start)?;
        self.begun.push(place);
        self.open.push(place);
        Ok(())
    }

    fn close(&mut self) {
        self.open.pop();
    }

    fn text(&mut self, text: &str) -> Result<(), Unread> {
        match self.open.last() {
            Some(Place::Name) => self.customer.push_str(text),
            Some(Place::ParentName) => self.parent.push_str(text),
            Some(Place::Status) => self.status.push_str(text),
            _ if text.trim().is_empty() => {}
            Some(place) => {
                return not_understood(format!("`{}` holds elements, and here text stands in it.", place.name()));
            }
            None => return not_xml("Text stands outside the request."),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Unread> {
        let resolved = match reference.resolve_char_ref() {
            Ok(Some(c)) if is_char(c) => c.to_string(),
            Ok(None) => match resolve_xml_entity(reference) {
                Some(text) => text.to_owned(),
                None => {
                    return not_xml(format!(
                        "The entity {} is refused: only amp, lt, gt, quot and apos are known.",
                        quoted(reference)
                    ));
                }
            },
            Ok(Some(_)) | Err(_) => {
                return not_xml(format!("The reference {} names no character that XML has.", quoted(reference)));
            }
        };
        if self.open.last().is_some_and(|place| place.is_leaf()) {
            return self.text(&resolved);
        }
        not_understood("A reference to a character stands where elements are taken.")
    }

    fn end(self) -> Result<SetCustomer, Unread> {
        if let Some(place) = self.open.last() {
            return not_xml(format!("The body ends within `{}`.", place.name()));
        }
        if self.begun.is_empty() {
            return not_xml("The body holds no request.");
        }
        for (place, path) in [(Place::Customer, "customer"), (Place::Name, "customer/name")] {
            if !self.begun.contains(&place) {
                return not_understood(format!("The request has no {path}: which customer is to be moved?"));
            }
        }
        if !self.begun.contains(&Place::ParentName) {
            return not_understood("The request has no customer/parent/name: whose customer is it to be?");
        }
        let status = self.status.trim();
        if self.begun.contains(&Place::Status) && !status.eq_ignore_ascii_case("Provisioned") {
            return not_understood(format!(
                "The status {} is not set here: this call moves a customer and changes nothing else of it. Send \
                 `Provisioned`, or leave the status out.",
                quoted(status)
            ));
        }
        Ok(SetCustomer {
            customer: called("customer/name", &self.customer)?,
            parent: called("customer/parent/name", &self.parent)?,
        })
    }
}

/// A code or name as it may be.
fn called(path: &str, text: &str) -> Result<String, Unread> {
    let text = text.trim();
    if text.is_empty() {
        return not_understood(format!("{path} is empty."));
    }
    if text.chars().count() > MAX_TEXT_CHARS || text.chars().any(char::is_control) {
        return not_understood(format!(
            "{path} is longer than {MAX_TEXT_CHARS} characters, or holds a line break or a control character."
        ));
    }
    Ok(text.to_owned())
}

/// `version` and `action` of the request, and nothing anywhere else.
fn attributes(place: Place, start: &BytesStart<'_>) -> Result<(), Unread> {
    let (mut version, mut action) = (None, None);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| match error {
            AttrError::Duplicated(..) => Unread::NotXml(format!("An attribute of `{}` comes twice.", place.name())),
            error => Unread::NotXml(format!("An attribute of `{}` is not well-formed: {error}.", place.name())),
        })?;
        match (place, attribute.key.into_inner()) {
            (Place::Request, "version") => version = Some(attribute.value),
            (Place::Request, "action") => action = Some(attribute.value),
            (_, name) => {
                let takes = if place == Place::Request { "takes `version` and `action`" } else { "takes none" };
                return not_understood(format!(
                    "The attribute {} of `{}` is not known: it {takes}.",
                    quoted(name),
                    place.name()
                ));
            }
        }
    }
    if place != Place::Request {
        return Ok(());
    }
    match version.as_deref() {
        Some("1.0") => {}
        Some(other) => {
            return not_understood(format!("The version {} of the request is not known: it is 1.0.", quoted(other)));
        }
        None => return not_understood("The request has no version: send version=\"1.0\"."),
    }
    match action.as_deref() {
        Some(action) if action.eq_ignore_ascii_case("SET") => Ok(()),
        Some(other) => not_understood(format!(
            "The action {} is not done here: SET alone is, to move a customer. The rest is below /v1; see /docs.",
            quoted(other)
        )),
        None => not_understood("The request has no action: send action=\"SET\"."),
    }
}

#[cfg(test)]
mod tests;
