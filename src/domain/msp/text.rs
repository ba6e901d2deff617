//! The plain texts of partners and tenants.

use super::Complaint;
use crate::domain::options::MAX_TEXT_CHARS;

/// Characters that names of contacts, user IDs and entitlements do not have.
const EXCEPT: [char; 3] = [';', ':', '&'];

/// Refuses a text with a semi-colon, a colon or an ampersand.
pub(super) fn without_separators(text: &str) -> Result<(), Complaint> {
    match text.chars().find(|c| EXCEPT.contains(c)) {
        Some(found) => Err(format!("holds '{found}'; semi-colon, colon and ampersand are not allowed")),
        None => Ok(()),
    }
}

/// A trimmed text of one line with 1 to `most` characters.
pub(super) fn bounded(text: &str, most: usize) -> Result<&str, Complaint> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err(format!("is empty; it has 1 to {most} characters")),
        _ if text.chars().any(char::is_control) => Err("holds a control character".to_owned()),
        count if count > most => Err(format!("has {count} characters; it has 1 to {most}")),
        _ => Ok(text),
    }
}

/// Reads an account's name: 1 to 64 characters.
///
/// # Errors
/// [`Complaint`].
pub fn account_name(text: &str) -> Result<String, Complaint> {
    bounded(text, 64).map(str::to_owned)
}

/// Reads the name of a contact: 1 to 128 characters, without semi-colon, colon and ampersand.
///
/// # Errors
/// [`Complaint`].
pub fn contact_name(text: &str) -> Result<String, Complaint> {
    let text = bounded(text, 128)?;
    without_separators(text)?;
    Ok(text.to_owned())
}

/// Reads a telephone number, which is any text of one line; empty takes it away.
///
/// # Errors
/// [`Complaint`].
pub fn phone(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Ok(String::new());
    }
    bounded(text, MAX_TEXT_CHARS).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_bounds() {
        let long = |count: usize| "é".repeat(count);
        assert_eq!(account_name(" a "), Ok("a".to_owned()));
        assert!(account_name(&long(64)).is_ok() && account_name("a;b:c&d").is_ok());
        for bad in ["", "  ", &long(65), "a\u{7}b"] {
            assert!(account_name(bad).is_err(), "{bad:?}");
        }
        assert!(contact_name(&long(128)).is_ok() && contact_name("O'Hara, Zoë (office) #1").is_ok());
        for bad in ["", &long(129), "a;b", "a:b", "a&b"] {
            assert!(contact_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!((phone(" "), phone(" +30 210 1 ")), (Ok(String::new()), Ok("+30 210 1".to_owned())));
        assert!(phone("&;:").is_ok() && phone(&long(4_097)).is_err() && phone("1\n2").is_err());
    }
}
