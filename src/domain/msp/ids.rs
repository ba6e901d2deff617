//! IDs of the form `MspPartner-tenantid-YLp4lKdq8n6nQNXf`: a word for what it names, and sixteen letters and digits.
//!
//! An account that came with an ID of that form, from a platform or from here, keeps showing it. For every other account
//! the sixteen characters spell our own id and a check on it, so that no table is needed to find the account again, and
//! a mistyped ID finds nobody instead of somebody else.

use sha2::{Digest, Sha256};

use super::Complaint;
use crate::domain::account::AccountKind;
use crate::domain::ids::AccountId;

/// What IDs of partners begin with.
pub const PARTNER: &str = "MspPartner-tenantid-";

/// What IDs of tenants begin with.
pub const TENANT: &str = "MspEndCustomer-tenantid-";

/// What the ID of the managed service provider itself begins with.
const MSP: &str = "Msp-tenantid-";

/// Characters behind the word.
const CHARS: usize = 16;

/// Digits in which our ids are spelled.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Bits of an account's id: it is never negative.
const ID_BITS: u32 = 63;

/// Begins everything that is hashed here. Another text would give every account another ID than clients hold.
const PURPOSE: &str = "tiersync msp ";

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(PURPOSE);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The first bytes of a digest as a number.
fn number(digest: &[u8; 32], bytes: usize) -> u128 {
    digest.iter().take(bytes).fold(0, |number, byte| number << 8 | u128::from(*byte))
}

fn spell(mut value: u128) -> String {
    let mut text = [b'0'; CHARS];
    for digit in text.iter_mut().rev() {
        *digit = usize::try_from(value % 62).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0');
        value /= 62;
    }
    text.iter().map(|byte| char::from(*byte)).collect()
}

fn unspell(text: &str) -> Option<u128> {
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = DIGITS.iter().position(|digit| *digit == byte)?;
        value.checked_mul(62)?.checked_add(digit as u128)
    })
}

/// The check on an id, and the bits under which the id is hidden, so that neighbours do not look alike.
fn check(id: i64) -> (u128, u128) {
    let check = number(&digest(&[b"check", &id.to_be_bytes()]), 4);
    (check, mask(check))
}

fn mask(check: u128) -> u128 {
    number(&digest(&[b"mask", &check.to_be_bytes()]), 8) & ((1 << ID_BITS) - 1)
}

fn encode(id: AccountId) -> String {
    let (check, mask) = check(id.0);
    let id = u128::try_from(id.0).unwrap_or_default();
    spell(check << ID_BITS | (id ^ mask))
}

fn decode(text: &str) -> Option<AccountId> {
    let value = unspell(text)?;
    let held = value >> ID_BITS;
    let id = i64::try_from((value & ((1 << ID_BITS) - 1)) ^ mask(held)).ok()?;
    (check(id).0 == held && id > 0).then_some(AccountId(id))
}

/// The sixteen characters of a partner's or a tenant's ID; none where it has another form.
fn tail(text: &str) -> Option<&str> {
    let tail = text.strip_prefix(PARTNER).or_else(|| text.strip_prefix(TENANT))?;
    (tail.len() == CHARS && tail.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(tail)
}

/// Whether an ID that an account came with is shown as it is: it has the form, and spells no id of ours by chance.
#[must_use]
pub fn is_account_form(text: &str) -> bool {
    tail(text).is_some_and(|tail| decode(tail).is_none())
}

/// The ID under which an account is shown: the first of `held`, what it is or was called by its platform, that has the
/// form, or else its own id spelled.
#[must_use]
pub fn shown<'a>(id: AccountId, kind: AccountKind, held: impl IntoIterator<Item = &'a str>) -> String {
    match held.into_iter().find(|text| is_account_form(text)) {
        Some(text) => text.to_owned(),
        None => {
            let word = if kind == AccountKind::Reseller { PARTNER } else { TENANT };
            format!("{word}{}", encode(id))
        }
    }
}

/// Whom an ID names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'a> {
    /// The account with this id of ours.
    Account(AccountId),
    /// The account that its platform calls so, or called so before.
    Held(&'a str),
}

impl<'a> Named<'a> {
    /// Reads an ID of a partner or a tenant; none where it has another form. The word before it says what the account was
    /// when the ID was shown, so either is taken for an id of ours.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        Some(decode(tail(text)?).map_or(Self::Held(text), Self::Account))
    }
}

/// The ID of the managed service provider itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MspId(String);

impl MspId {
    /// Reads one: `Msp-tenantid-` and sixteen letters and digits.
    ///
    /// # Errors
    /// [`Complaint`].
    pub fn parse(text: &str) -> Result<Self, Complaint> {
        let text = text.trim();
        let tail = text.strip_prefix(MSP).unwrap_or_default();
        if tail.len() == CHARS && tail.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("is not {MSP} and sixteen letters and digits"))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ID of a provider that has none of its own: the same for the same source and tenant, wherever it is asked.
#[must_use]
pub fn derived_msp_id(source: &str, tenant: &str) -> MspId {
    let value = number(&digest(&[b"msp", source.as_bytes(), tenant.as_bytes()]), 16);
    MspId(format!("{MSP}{}", spell(value)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_are_pinned_for_ever() {
        // Literals: were the spelling to change, clients would hold IDs that find nobody.
        let of = |id| shown(AccountId::issue(0, id), AccountKind::Reseller, []);
        assert_eq!(of(1), "MspPartner-tenantid-Rit3dVrUMAllybLl");
        assert_eq!(of(2), "MspPartner-tenantid-PnATiTWlgL0k9zmK");
        assert_eq!(derived_msp_id("eu", "").as_str(), "Msp-tenantid-ELEyslTj4vlcjaZW");
    }

    #[test]
    fn what_an_account_came_with_is_shown() {
        let (seeds, id) = ("MspEndCustomer-tenantid-TaLDGFSpg7Vgxt7H", AccountId::issue(0, 7));
        assert_eq!(shown(id, AccountKind::Reseller, ["1082801", seeds]), seeds);
        assert_eq!(Named::read(seeds), Some(Named::Held(seeds)));
        let spelled = shown(id, AccountKind::DirectCustomer, ["1082801"]);
        // One that spells an account's id means that account, whoever came with it.
        assert_eq!(shown(AccountId::issue(0, 8), AccountKind::DirectCustomer, [&*spelled]).len(), spelled.len());
        assert_ne!(shown(AccountId::issue(0, 8), AccountKind::DirectCustomer, [&*spelled]), spelled);
    }

    #[test]
    fn other_forms_name_nobody() {
        for other in [
            "",
            "MspPartner-tenantid-",
            "MspPartner-tenantid-YLp4lKdq8n6nQNX",
            "MspPartner-tenantid-YLp4lKdq8n6nQNXff",
            "MspPartner-tenantid-YLp4lKdq8n6nQNX-",
            "mspPartner-tenantid-YLp4lKdq8n6nQNXf",
            "Msp-tenantid-Nc5YXfsVtOKdMmsj",
            "0-1",
        ] {
            assert_eq!(Named::read(other), None, "{other}");
        }
        assert!(MspId::parse("Msp-tenantid-Nc5YXfsVtOKdMmsj").is_ok());
        for bad in ["", "Msp-tenantid-", "Msp-tenantid-Nc5YXfsVtOKdMms", "MspPartner-tenantid-YLp4lKdq8n6nQNXf"] {
            assert!(MspId::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ids_read_what_they_write(chain in 0_i64..1 << 22, position in 1_i64..1 << 40, sells: bool) {
            let id = AccountId::issue(chain, position);
            let kind = if sells { AccountKind::Reseller } else { AccountKind::ResellerCustomer };
            let text = shown(id, kind, []);
            prop_assert_eq!(text.starts_with(PARTNER), sells);
            prop_assert_eq!(Named::read(&text), Some(Named::Account(id)));
            // Behind a promotion the word is another one.
            let other = text.replace(if sells { PARTNER } else { TENANT }, if sells { TENANT } else { PARTNER });
            prop_assert_eq!(Named::read(&other), Some(Named::Account(id)));
        }

        #[test]
        fn a_mistyped_id_finds_nobody(position in 1_i64..1_000_000, at in 0_usize..16, digit in 0_usize..62) {
            let text = shown(AccountId::issue(0, position), AccountKind::Reseller, []);
            let mut typed = text.clone().into_bytes();
            typed[PARTNER.len() + at] = DIGITS[digit];
            let typed = String::from_utf8_lossy(&typed).into_owned();
            prop_assume!(typed != text);
            prop_assert!(matches!(Named::read(&typed), Some(Named::Held(_))), "{}", typed);
        }
    }
}
