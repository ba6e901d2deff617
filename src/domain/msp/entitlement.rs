//! Entitlements: the right to use a device, kept as a service.

use super::Complaint;
use super::text::{bounded, without_separators};
use crate::domain::ids::MAX_ID_CHARS;

/// Most entitlements of one account: all of them are compared with the list that is sent.
pub const MAX_ENTITLEMENTS: usize = 1_000;

/// An entitlement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entitlement {
    /// What is applied.
    pub id: String,
    /// The device.
    pub serial_number: String,
}

/// The ends of the attributes' JSON and what stands between the two texts: the keys in order, as everywhere.
const AROUND: [&str; 3] = ["{\"entitlementId\":\"", "\",\"serialNumber\":\"", "\"}"];

impl Entitlement {
    /// Reads one of the two texts: 1 to 128 characters, without semi-colon, colon and ampersand.
    ///
    /// # Errors
    /// [`Complaint`].
    pub fn text(text: &str) -> Result<String, Complaint> {
        let text = bounded(text, MAX_ID_CHARS)?;
        without_separators(text)?;
        Ok(text.to_owned())
    }

    /// The attributes of the service that stands for it, as canonical JSON. Its texts hold no control characters.
    #[must_use]
    pub fn attributes(&self) -> String {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let [begin, middle, end] = AROUND;
        format!("{begin}{}{middle}{}{end}", escaped(&self.id), escaped(&self.serial_number))
    }

    /// The entitlement that a service with these attributes stands for; none where they say anything else, or more.
    #[must_use]
    pub fn of_attributes(attributes: &str) -> Option<Self> {
        let [begin, middle, end] = AROUND;
        let (id, rest) = quoted(attributes.strip_prefix(begin)?)?;
        let (serial_number, rest) = quoted(rest.strip_prefix(middle)?)?;
        (rest == end).then_some(Self { id, serial_number })
    }
}

/// The text up to the quotation mark that ends it, and the rest from there on.
fn quoted(json: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = json.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, json.get(at..)?)),
            '\\' => match chars.next()? {
                (_, escaped @ ('\\' | '"')) => text.push(escaped),
                _ => return None,
            },
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts() {
        assert!(Entitlement::text("EL-1 (é) \"x\" \\ 7/7").is_ok() && Entitlement::text(&"x".repeat(128)).is_ok());
        for bad in ["", " ", "a;b", "a:b", "a&b", "a\tb", &"x".repeat(129)] {
            assert!(Entitlement::text(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn other_attributes_are_no_entitlement() {
        let one = Entitlement { id: "E".to_owned(), serial_number: "S".to_owned() };
        assert_eq!(one.attributes(), r#"{"entitlementId":"E","serialNumber":"S"}"#);
        for other in [
            "",
            r#"{"entitlementId":"E"}"#,
            r#"{"entitlementId":"E","serialNumber":7}"#,
            r#"{"entitlementId":"E","serialNumber":"S","x":1}"#,
            r#"{"a":1,"entitlementId":"E","serialNumber":"S"}"#,
            r#"{"entitlementId":"E\n","serialNumber":"S"}"#,
        ] {
            assert_eq!(Entitlement::of_attributes(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn attributes_read_what_they_write(id in "[^\\p{Cc}]{1,20}", serial_number in "[^\\p{Cc}]{1,20}") {
            let one = Entitlement { id, serial_number };
            prop_assert_eq!(Entitlement::of_attributes(&one.attributes()), Some(one));
        }
    }
}
