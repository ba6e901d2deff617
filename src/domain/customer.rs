//! What is asked of a customer that a partner adds, beyond what is asked of every account.

/// Longest name of a customer, in characters: what partners' consoles lay out.
pub const MAX_NAME_CHARS: usize = 50;

/// Longest e-mail address, in bytes (RFC 5321, 4.5.3.1).
const MAX_EMAIL_BYTES: usize = 254;

/// Longest part before the `@`, in bytes (RFC 5321, 4.5.3.1).
const MAX_LOCAL_BYTES: usize = 64;

/// Longest label of the domain, in bytes (RFC 1035, 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// A name as it is kept: trimmed, of 1 to [`MAX_NAME_CHARS`] characters.
///
/// # Errors
/// What is wrong with it, to go on behind the name of the field, without a full stop.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; a customer needs a name".to_owned());
    }
    if text.chars().count() > MAX_NAME_CHARS {
        return Err(format!("is longer than {MAX_NAME_CHARS} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

/// An e-mail address as it is kept: trimmed, `someone@a.domain`. Whether anybody reads it there is not asked. Letters
/// beyond ASCII are taken on both sides; quoted names and addresses of numbers are not.
///
/// # Errors
/// As [`name`].
pub fn email(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty; a customer needs an e-mail address".to_owned());
    }
    let fits = text.len() <= MAX_EMAIL_BYTES
        && text.rsplit_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain));
    if fits { Ok(text.to_owned()) } else { Err("is no e-mail address such as info@bakery.example".to_owned()) }
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && c.is_alphanumeric())
}

fn is_local(local: &str) -> bool {
    let atom = |atom: &str| !atom.is_empty() && atom.chars().all(|c| is_letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c));
    local.len() <= MAX_LOCAL_BYTES && local.split('.').all(atom)
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.chars().all(|c| is_letter(c) || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_to_fifty_characters() {
        assert_eq!(name("  Bakery "), Ok("Bakery".to_owned()));
        assert_eq!(name("x"), Ok("x".to_owned()));
        assert_eq!(name(&"é".repeat(50)), Ok("é".repeat(50)));
        assert_eq!(name(&"é".repeat(51)), Err("is longer than 50 characters".to_owned()));
        assert!(name(" \t").is_err_and(|why| why.contains("needs a name")));
        assert!(name("a\u{7f}b").is_err());
    }

    #[test]
    fn addresses_are_addresses() {
        let local = "x".repeat(64);
        let label = "y".repeat(63);
        for good in [
            "info@bakery.example",
            " info@bakery.example ",
            "o'neill+new@mail.bakery.example",
            "a.b-c_d@x-y.example",
            "jörg@bäckerei.example",
            &format!("{local}@{label}.example"),
        ] {
            assert_eq!(email(good), Ok(good.trim().to_owned()), "{good}");
        }
        for bad in [
            "",
            "bakery",
            "@bakery.example",
            "info@",
            "info@bakery",
            "info@.example",
            "info@bakery..example",
            "info@-bakery.example",
            "info@bakery-.example",
            "info@10.0.0.1",
            ".info@bakery.example",
            "in..fo@bakery.example",
            "in fo@bakery.example",
            "a@b@bakery.example",
            "info@bakery.example\n.x",
            "<info@bakery.example>",
            &format!("x{local}@bakery.example"),
            &format!("info@y{label}.example"),
            &format!("{local}@{label}.{label}.{label}.example"),
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
    }
}
