//! Keys and signing secrets. Neither shows itself in `Debug`; each has a short fingerprint that may be logged.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// How signing secrets are written (Standard Webhooks, "Signature scheme").
pub const SECRET_PREFIX: &str = "whsec_";

/// Fewest bytes of a signing secret. Below this a secret can be guessed.
const MIN_SECRET_BYTES: usize = 16;

/// Fewest characters of an API key.
const MIN_KEY_CHARS: usize = 16;

/// Bytes of a new secret: the upper end of what Standard Webhooks recommends is 64, the sample's keys have 32.
const NEW_SECRET_BYTES: usize = 32;

/// Why a text is no key or secret. Never says what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// Not written as Standard Webhooks writes secrets.
    #[error("a signing secret is written whsec_ followed by base64; make one with `tiersync secret new`")]
    NotASigningSecret,
    /// Too short to be safe.
    #[error("it is too short to be safe; make a new one with `tiersync secret new`")]
    TooShort,
}

/// Names a secret in logs and metrics without telling it: the first 8 hex digits of a hash of its own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(String);

impl Fingerprint {
    fn of(secret: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"tiersync fingerprint\0");
        hash.update(secret);
        Self(hex::encode(hash.finalize()).chars().take(8).collect())
    }

    /// The eight digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API key, kept as its hash: comparing hashes takes the same time whatever was sent.
#[derive(Debug, Clone)]
pub struct ApiKey {
    digest: [u8; 32],
    fingerprint: Fingerprint,
}

impl ApiKey {
    /// Takes a configured key.
    ///
    /// # Errors
    /// [`SecretError::TooShort`] below 16 characters.
    pub fn parse(key: &SecretString) -> Result<Self, SecretError> {
        let key = key.expose_secret().trim();
        if key.chars().count() < MIN_KEY_CHARS {
            return Err(SecretError::TooShort);
        }
        Ok(Self { digest: Sha256::digest(key.as_bytes()).into(), fingerprint: Fingerprint::of(key.as_bytes()) })
    }

    /// Whether this key was presented, in constant time.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(presented).into();
        self.digest.ct_eq(&digest).into()
    }

    /// Its name in logs.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

/// A secret that signs calls.
pub struct SigningSecret {
    key: SecretBox<Vec<u8>>,
    text: SecretString,
    fingerprint: Fingerprint,
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningSecret({})", self.fingerprint.0)
    }
}

impl SigningSecret {
    /// Takes a configured secret, `whsec_` and base64.
    ///
    /// # Errors
    /// [`SecretError`] when it is written otherwise or is too short.
    pub fn parse(text: &SecretString) -> Result<Self, SecretError> {
        let text = text.expose_secret().trim();
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::NotASigningSecret)?;
        let key = STANDARD
            .decode(encoded)
            .or_else(|_| STANDARD_NO_PAD.decode(encoded))
            .map_err(|_| SecretError::NotASigningSecret)?;
        if key.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort);
        }
        Ok(Self {
            fingerprint: Fingerprint::of(&key),
            key: SecretBox::new(Box::new(key)),
            text: SecretString::from(text.to_owned()),
        })
    }

    /// The bytes that sign Standard Webhooks.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.expose_secret()
    }

    /// The text as configured, which is what a GitHub-style sender has in its one text field.
    pub(super) fn text(&self) -> &[u8] {
        self.text.expose_secret().as_bytes()
    }

    /// Its name in logs.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }
}

/// A new signing secret, as it is to be written into a configuration.
#[must_use]
pub fn new_signing_secret() -> String {
    format!("{SECRET_PREFIX}{}", new_api_key())
}

/// A new API key: 32 random bytes in base64, as the platform's own are.
#[must_use]
pub fn new_api_key() -> String {
    STANDARD.encode(rand::random::<[u8; NEW_SECRET_BYTES]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<SigningSecret, SecretError> {
        SigningSecret::parse(&SecretString::from(text.to_owned()))
    }

    #[test]
    fn new_ones_are_accepted_and_differ() {
        assert_ne!(new_signing_secret(), new_signing_secret());
        assert!(secret(&new_signing_secret()).is_ok());
        assert!(ApiKey::parse(&SecretString::from(new_api_key())).is_ok());
    }

    #[test]
    fn others_are_refused() {
        assert_eq!(secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").err(), Some(SecretError::NotASigningSecret));
        assert_eq!(secret("whsec_***").err(), Some(SecretError::NotASigningSecret));
        assert_eq!(secret("whsec_c2hvcnQ=").err(), Some(SecretError::TooShort));
        assert_eq!(ApiKey::parse(&SecretString::from("short".to_owned())).err(), Some(SecretError::TooShort));
    }

    #[test]
    fn debug_shows_a_fingerprint_only() -> Result<(), SecretError> {
        let shown = format!("{:?}", secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?);
        assert!(!shown.contains("MfKQ9r8GK") && shown.len() < 40, "{shown}");
        Ok(())
    }

    #[test]
    fn keys_match_themselves_only() -> Result<(), SecretError> {
        let key = ApiKey::parse(&SecretString::from("0123456789abcdef".to_owned()))?;
        assert!(key.matches(b"0123456789abcdef"));
        assert!(!key.matches(b"0123456789abcdeF") && !key.matches(b""));
        Ok(())
    }
}
