//! The Standard Webhooks scheme: HMAC-SHA256 over `id.timestamp.body`, in base64, behind `v1,`
//! (standardwebhooks.com, "Signature scheme"; protocol.md).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::secret::SigningSecret;

/// Most signatures read of one header. Each is one comparison per live secret.
const MAX_SIGNATURES: usize = 16;

/// Longest id.
const MAX_ID_BYTES: usize = 256;

/// The three headers of a signed call, not yet verified.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// `webhook-id`.
    pub id: &'a str,
    /// `webhook-timestamp`, seconds since 1970.
    pub second: i64,
    /// `webhook-signature`.
    pub signatures: &'a str,
}

impl<'a> Signed<'a> {
    /// Takes the three headers; none when one of them is no id, time or list.
    ///
    /// An id with a dot is refused: `a.1` at second 2 would sign the same bytes as `a` at second `1.2`.
    #[must_use]
    pub fn read(id: &'a str, timestamp: &str, signatures: &'a str) -> Option<Self> {
        let id_is_good = !id.is_empty()
            && id.len() <= MAX_ID_BYTES
            && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
        let digits = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let second = timestamp.parse::<i64>().ok().filter(|_| digits)?;
        id_is_good.then_some(Self { id, second, signatures })
    }

    /// The first secret that made one of the signatures, each compared in constant time.
    pub fn verify<'s>(
        &self,
        body: &[u8],
        secrets: impl IntoIterator<Item = &'s SigningSecret>,
    ) -> Option<&'s SigningSecret> {
        let presented: Vec<Vec<u8>> = self
            .signatures
            .split(' ')
            .take(MAX_SIGNATURES)
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .collect();
        secrets.into_iter().find(|secret| {
            let Some(expected) = mac(secret, self.id, self.second, body) else {
                return false;
            };
            presented.iter().fold(false, |found, signature| found | bool::from(expected.as_slice().ct_eq(signature)))
        })
    }
}

fn mac(secret: &SigningSecret, id: &str, second: i64, body: &[u8]) -> Option<Vec<u8>> {
    // HMAC takes a key of any length (RFC 2104, 2), so this is never none.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.key()).ok()?;
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(second.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

/// The value of `webhook-signature` for a call.
#[must_use]
pub fn sign(secret: &SigningSecret, id: &str, second: i64, body: &[u8]) -> String {
    format!("v1,{}", STANDARD.encode(mac(secret, id, second, body).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    fn secret(text: &str) -> SigningSecret {
        match SigningSecret::parse(&SecretString::from(text.to_owned())) {
            Ok(secret) => secret,
            Err(error) => unreachable!("{error}"),
        }
    }

    #[test]
    fn the_published_example_verifies() {
        // The example of the Standard Webhooks reference implementations.
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn several_signatures_and_secrets() {
        let (old, new) =
            (secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        let list = format!("v1a,xx {} {}", sign(&old, "a", 5, b"x"), sign(&new, "a", 5, b"y"));
        let signed = Signed { id: "a", second: 5, signatures: &list };
        assert_eq!(signed.verify(b"x", [&new, &old]).map(SigningSecret::fingerprint), Some(old.fingerprint()));
        assert!(signed.verify(b"z", [&new, &old]).is_none());
        for wrong in ["", "v1", "v1,", "v1,!!!", "v2,AAAA", "AAAA"] {
            assert!(Signed { id: "a", second: 5, signatures: wrong }.verify(b"x", [&old]).is_none(), "{wrong}");
        }
    }

    #[test]
    fn ids_and_times_are_read_strictly() {
        assert!(Signed::read("msg_1", "1614265330", "").is_some());
        for (id, time) in [
            ("", "1"),
            ("a.b", "1"),
            ("a b", "1"),
            ("é", "1"),
            ("a", ""),
            ("a", "-1"),
            ("a", "+1"),
            ("a", "1.5"),
            ("a", "99999999999999999999"),
        ] {
            assert!(Signed::read(id, time, "").is_none(), "{id:?} {time:?}");
        }
        assert!(Signed::read(&"a".repeat(257), "1", "").is_none());
    }
}
