//! What makes two findings of two runs the same.

use std::fmt;

use sha2::{Digest, Sha256};

use super::finding::Finding;

/// Of whom a finding is and what it says. A disagreement that is found again has it again; one that changed has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Reads 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Finding {
    /// Its fingerprint. Lists that go by another name than the platform's ID tell that name.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        let mut part = |text: Option<&str>| {
            // Each with its length, so that no two parts say what other two do; nothing is not the same as no text.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(text.unwrap_or_default().as_bytes());
        };
        let named = (!self.platform_id.is_empty()).then_some(self.platform_id.as_str());
        part(Some(self.kind.as_str()));
        part(Some(&self.source));
        part(Some(&self.tenant));
        part(named);
        if named.is_none() {
            part(Some(&self.external_id));
        }
        part(self.ours.as_deref());
        part(self.theirs.as_deref());
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Fingerprint(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Proposal;
    use super::super::kind::FindingKind;
    use super::*;

    fn finding() -> Finding {
        Finding {
            kind: FindingKind::ResellerDiffers,
            account: None,
            source: "eu".to_owned(),
            tenant: String::new(),
            platform_id: "11".to_owned(),
            external_id: "x".to_owned(),
            ours: Some("1".to_owned()),
            theirs: Some("2".to_owned()),
            since: None,
            delivery: None,
            line: None,
            proposal: Proposal::nothing(""),
            explanation: String::new(),
        }
    }

    #[test]
    fn what_is_found_again_is_the_same_and_what_changed_is_not() {
        let first = finding().fingerprint();
        let again = Finding {
            since: Some(7),
            line: Some(9),
            explanation: "Other words.".to_owned(),
            external_id: "y".to_owned(),
            ..finding()
        };
        assert_eq!(again.fingerprint(), first);
        let others = [
            Finding { kind: FindingKind::PartnerDiffers, ..finding() },
            Finding { source: "us".to_owned(), ..finding() },
            Finding { tenant: "a".to_owned(), ..finding() },
            Finding { platform_id: "12".to_owned(), ..finding() },
            Finding { ours: None, ..finding() },
            Finding { ours: Some(String::new()), ..finding() },
            Finding { theirs: Some("3".to_owned()), ..finding() },
            Finding { ours: Some("2".to_owned()), theirs: Some("1".to_owned()), ..finding() },
            Finding { source: "e".to_owned(), tenant: "u".to_owned(), ..finding() },
            Finding { platform_id: String::new(), ..finding() },
        ];
        for (at, other) in others.iter().enumerate() {
            assert_ne!(other.fingerprint(), first, "{at}");
            for (further, another) in others.iter().enumerate().skip(at + 1) {
                assert_ne!(other.fingerprint(), another.fingerprint(), "{at} and {further}");
            }
        }
    }

    #[test]
    fn texts() {
        let first = finding().fingerprint();
        assert_eq!(Fingerprint::parse(&first.to_string()), Some(first));
        for wrong in ["", "12", "zz", &"é".repeat(16)] {
            assert_eq!(Fingerprint::parse(wrong), None);
        }
    }
}
