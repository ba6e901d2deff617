//! Bearer tokens of operators (RFC 6750): 256 random bits, shown once, kept as their SHA-256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How tokens begin, so that people and secret scanners know one when they see it.
pub const TOKEN_PREFIX: &str = "tsk_";

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// What the database keeps of a token. It is looked up by this hash: 256 random bits need no slow hash, and whoever could
/// learn a hash by timing the look-up would still have to invert SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a presented text; none for what is no token.
    #[must_use]
    pub fn of(presented: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(presented.strip_prefix(TOKEN_PREFIX)?).ok()?;
        (bytes.len() == TOKEN_BYTES).then(|| Self(Sha256::digest(presented.as_bytes()).into()))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The hash is no secret, but nobody needs it in a log either.
impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// A new token and its hash. The token must be shown now or never.
#[must_use]
pub fn new_token() -> (String, TokenHash) {
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; TOKEN_BYTES]>()));
    let hash = TokenHash(Sha256::digest(token.as_bytes()).into());
    (token, hash)
}

/// The token of an `Authorization` header; none where it carries no bearer token. The scheme is compared without case
/// (RFC 9110, 11.1).
#[must_use]
pub fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_recognised_by_its_hash() {
        let (token, hash) = new_token();
        assert_eq!(token.len(), 4 + 43);
        assert_eq!(TokenHash::of(&token), Some(hash));
        assert_ne!(new_token().0, token);
    }

    #[test]
    fn others_are_no_tokens() {
        let (token, _) = new_token();
        let (cut, other) = (&token[..token.len() - 2], token.replace(TOKEN_PREFIX, "tsx_"));
        for wrong in ["", "tsk_", "tsk_***", cut, &other, &format!("{token}AA")] {
            assert_eq!(TokenHash::of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn headers() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc "), Some("abc"));
        for wrong in ["", "abc", "Bearer", "Basic abc"] {
            assert_eq!(bearer(wrong), None, "{wrong}");
        }
    }
}
