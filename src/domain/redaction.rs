//! What must never be stored in clear: passwords and tokens that ride along (protocol.md, "The account").

/// Stands where a secret stood. One that comes back in a replay means "leave this value".
pub const REDACTED: &str = "[redacted]";

/// Words that make a field's name a secret's name, compared in lower case without `_`, `-`, `.` and spaces.
const SECRET_WORDS: [&str; 10] =
    ["password", "passwd", "passphrase", "passcode", "pwd", "secret", "token", "apikey", "privatekey", "credential"];

/// Whether a field of this name holds a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    // Names are short; those that cannot hold the shortest word are answered without an allocation.
    if name.len() < 3 {
        return false;
    }
    let plain: String =
        name.chars().filter(|c| !matches!(c, '_' | '-' | '.' | ' ')).map(|c| c.to_ascii_lowercase()).collect();
    SECRET_WORDS.iter().any(|word| plain.contains(word))
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn table() {
        for secret in ["RandomPassword", "password", "USER_PWD", "api-key", "X-Access.Token", "clientSecret"] {
            assert!(is_secret_name(secret), "{secret}");
        }
        for plain in ["MPNID", "DomainPrefix", "Name", "Email", "Key", "Pass", ""] {
            assert!(!is_secret_name(plain), "{plain}");
        }
    }
}
