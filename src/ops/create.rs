//! What is made here gets its ID here.

use rand::distr::{Alphanumeric, SampleString};

use crate::domain::ids::PlatformId;

/// Letters and digits behind the prefix: some 95 bits, so that nobody gets an ID twice.
const ISSUED_CHARS: usize = 16;

/// A new ID: `prefix` and sixteen random letters and digits. The prefix is short and holds what IDs may hold.
#[must_use]
pub fn fresh_id(prefix: &str) -> PlatformId {
    PlatformId::stored(&format!("{prefix}{}", Alphanumeric.sample_string(&mut rand::rng(), ISSUED_CHARS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fresh_and_of_letters_and_digits() {
        let (one, other) = (fresh_id("MspPartner-tenantid-"), fresh_id("MspPartner-tenantid-"));
        assert_ne!(one, other);
        let issued = one.as_str().strip_prefix("MspPartner-tenantid-").unwrap();
        assert_eq!(issued.len(), 16);
        assert!(issued.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
