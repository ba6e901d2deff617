//! The GitHub scheme: `X-Hub-Signature-256: sha256=<hex>` over the body. It carries neither time nor id, so it neither
//! replaces the API key nor remembers a call.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::secret::SigningSecret;

/// The first secret that made this signature of the body, compared in constant time.
pub fn verify<'s>(
    header: &str,
    body: &[u8],
    secrets: impl IntoIterator<Item = &'s SigningSecret>,
) -> Option<&'s SigningSecret> {
    let presented = hex::decode(header.strip_prefix("sha256=")?).ok()?;
    secrets.into_iter().find(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.text()).is_ok_and(|mut mac| {
            mac.update(body);
            mac.verify_slice(&presented).is_ok()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;

    #[test]
    fn the_prefix_and_the_whole_digest_count() {
        let Ok(secret) = SigningSecret::parse(&SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()))
        else {
            unreachable!("a good secret");
        };
        // printf '{"a":1}' | openssl dgst -sha256 -hmac whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
        let good = "45ec03b2b33403c8043a90de06bedad0827183927115fd7e448ef97eeb13c5be";
        assert!(verify(&format!("sha256={good}"), b"{\"a\":1}", [&secret]).is_some());
        assert!(verify(good, b"{\"a\":1}", [&secret]).is_none());
        assert!(verify(&format!("sha1={good}"), b"{\"a\":1}", [&secret]).is_none());
        assert!(verify(&format!("sha256={}", &good[..62]), b"{\"a\":1}", [&secret]).is_none());
        assert!(verify(&format!("sha256={good}"), b"{\"a\":2}", [&secret]).is_none());
    }
}
