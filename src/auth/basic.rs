//! Basic credentials (RFC 7617): the name of an operator and its token, as clients send them that know no bearer tokens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::token::TokenHash;

/// What a client that was refused must know before it sends any.
pub const CHALLENGE: &str = "Basic realm=\"tiersync\", charset=\"UTF-8\"";

/// Longest header that is looked at, in bytes. A name has 64 characters, a token 47; .NET puts a domain before the name.
const MAX_HEADER: usize = 1_024;

/// A name and a token, as they were presented.
pub struct Basic {
    name: String,
    token: SecretString,
}

impl Basic {
    /// Reads an `Authorization` header; none where it carries no Basic credentials. The scheme is compared without case
    /// (RFC 9110, 11.1).
    #[must_use]
    pub fn of(header: &str) -> Option<Self> {
        if header.len() > MAX_HEADER {
            return None;
        }
        let (scheme, credentials) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
        // The name holds no colon, the password may (RFC 7617, 2).
        let (name, token) = text.split_once(':')?;
        let token = SecretString::from(token.to_owned());
        Some(Self { name: name.to_owned(), token })
    }

    /// The hash that the token is looked up by; none for what is no token.
    #[must_use]
    pub fn hash(&self) -> Option<TokenHash> {
        TokenHash::of(self.token.expose_secret())
    }

    /// Whether this is the name that was presented, told in the same time wherever they differ.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.name.as_bytes().ct_eq(name.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::token::new_token;

    fn header(credentials: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn name_and_token_are_told_apart() {
        let (token, hash) = new_token();
        for header in [
            header(format!("maria:{token}").as_bytes()),
            header(format!("maria:{token}").as_bytes()).replace("Basic ", "bAsIc  "),
        ] {
            let read = Basic::of(&header);
            assert!(read.as_ref().is_some_and(|read| read.is_of("maria") && read.hash() == Some(hash)), "{header}");
            assert!(read.is_some_and(|read| !read.is_of("mari") && !read.is_of("maria2") && !read.is_of("MARIA")));
        }
    }

    #[test]
    fn others_are_none() {
        let (token, _) = new_token();
        for wrong in [
            String::new(),
            "Basic".to_owned(),
            "Basic ***".to_owned(),
            format!("Bearer {token}"),
            header(b"maria"),
            header(b"mar\xffia:x"),
            header(&[b'a'; 2_000]),
        ] {
            assert!(Basic::of(&wrong).is_none(), "{wrong}");
        }
        // The first colon ends the name, and what is behind it is no token here.
        let read = Basic::of(&header(format!("maria:x:{token}").as_bytes()));
        assert!(read.is_some_and(|read| read.is_of("maria") && read.hash().is_none()));
        assert!(Basic::of(&header(b":")).is_some_and(|read| read.is_of("") && read.hash().is_none()));
    }
}
