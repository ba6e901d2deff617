//! E-mail addresses: of contacts, and as the IDs with which people sign in.

use super::Complaint;
use super::text::{bounded, without_separators};

/// Longest local part and longest domain of a contact's address (RFC 5321, 4.5.3.1).
const CONTACT: (usize, usize) = (64, 255);

/// Longest address of a contact altogether: what fits into a path (RFC 5321, 4.5.3.1.3).
const MAX_CONTACT: usize = 254;

/// Longest local part and longest domain of a user ID; with the @ sign that makes 128 characters.
const USER: (usize, usize) = (63, 64);

/// Longest user ID.
const MAX_USER: usize = 128;

/// Reads the e-mail address of a contact.
///
/// # Errors
/// [`Complaint`].
pub fn contact_email(text: &str) -> Result<String, Complaint> {
    let text = bounded(text, MAX_CONTACT)?;
    address(text, CONTACT)?;
    Ok(text.to_owned())
}

/// Reads the ID of a user: an e-mail address of 1 to 128 characters, at most 63 before the @ sign and 64 behind it, without
/// semi-colon, colon and ampersand.
///
/// # Errors
/// [`Complaint`].
pub fn user_id(text: &str) -> Result<String, Complaint> {
    let text = bounded(text, MAX_USER)?;
    without_separators(text)?;
    address(text, USER)?;
    Ok(text.to_owned())
}

/// Judges an address: a dot-atom (RFC 5322, 3.2.3), an @ sign, and a host name of two labels or more (RFC 1123, 2.1).
fn address(text: &str, (most_local, most_domain): (usize, usize)) -> Result<(), Complaint> {
    let no_address = || "is no e-mail address, such as maria@example.org".to_owned();
    let (local, domain) = text.rsplit_once('@').ok_or_else(no_address)?;
    for (part, most, name) in [(local, most_local, "before"), (domain, most_domain, "behind")] {
        if part.chars().count() > most {
            return Err(format!("has {} characters {name} the @ sign; {most} are allowed", part.chars().count()));
        }
    }
    let special = |c: char| "!#$%&'*+-/=?^_`{|}~".contains(c);
    let atom = |atom: &str| !atom.is_empty() && atom.chars().all(|c| c.is_ascii_alphanumeric() || special(c));
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = domain.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    let fits = local.split('.').all(atom) && domain.contains('.') && domain.split('.').all(label) && !numeric;
    if fits { Ok(()) } else { Err(no_address()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address with a local part and a domain of so many characters.
    fn sized(local: usize, domain: usize) -> String {
        let mut host = String::new();
        while host.len() + 10 < domain {
            host.push_str("abcdefgh.");
        }
        let rest = domain - host.len();
        format!("{}@{host}{}.x", "l".repeat(local), "d".repeat(rest - 2))
    }

    #[test]
    fn the_parts_of_a_user_id_have_63_and_64_characters() {
        assert_eq!(sized(63, 64).len(), 128);
        assert!(user_id(&sized(63, 64)).is_ok());
        assert!(user_id(&sized(64, 63)).is_err_and(|why| why.contains("64 characters before")));
        assert!(user_id(&sized(62, 65)).is_err_and(|why| why.contains("65 characters behind")));
        assert!(user_id(&sized(64, 64)).is_err());
    }

    #[test]
    fn addresses_of_contacts_have_the_bounds_of_mail() {
        assert!(contact_email(&sized(64, 189)).is_ok(), "254 characters");
        assert!(contact_email(&sized(64, 190)).is_err() && contact_email(&sized(65, 20)).is_err());
    }

    #[test]
    fn addresses() {
        for good in
            ["a@b.co", "msp-partner-01@test.com", "o'hara+x@sub.example.org", "a.b.c@xn--bcher-kva.example", "1@2.a3"]
        {
            assert_eq!(user_id(good), Ok(good.to_owned()));
            assert_eq!(contact_email(good), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "a",
            "a@",
            "@b.co",
            "a@b",
            "a@b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a b@c.co",
            "a@b..co",
            "a@-b.co",
            "a@b-.co",
            "a@b.co.",
            "a@1.2.3.4",
            "a@b_c.co",
            "ä@b.co",
            "a,b@c.co",
            "\"a\"@b.co",
            "a@b.co\n",
            "Ann <a@b.co>",
        ] {
            // White space around is not part of it.
            let same = bad.trim() == "a@b.co";
            assert_eq!((user_id(bad).is_ok(), contact_email(bad).is_ok()), (same, same), "{bad:?}");
        }
        assert!(contact_email("a&b@c.co").is_ok());
        for bad in ["a&b@c.co", "a;b@c.co", "a:b@c.co"] {
            assert!(user_id(bad).is_err_and(|why| why.contains("ampersand")), "{bad}");
        }
    }
}
