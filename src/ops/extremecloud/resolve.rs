//! Which accounts are named.

use std::collections::HashMap;

use super::ids;
use crate::domain::account::{Account, AccountKind};
use crate::domain::ids::AccountId;
use crate::domain::msp::{Bounds, MspId, Named};
use crate::domain::operator::Visible;
use crate::domain::outcome::Code;
use crate::store::seen::msp::{self, Brief};
use crate::store::{AnyConnection, StoreError};

/// A tenant that cannot be the partner's, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The ID, as it was sent.
    pub id: String,
    /// The stable code.
    pub code: Code,
    /// Why, and what to do next.
    pub reason: String,
}

/// The account that an ID names, with its relations left out; none where there is none within the bounds.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn account(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    text: &str,
) -> Result<Option<Account>, StoreError> {
    let id = match Named::read(text) {
        None => return Ok(None),
        Some(Named::Account(id)) => id,
        Some(Named::Held(name)) => {
            let found = msp::by_held(connection, see, bounds, &[name])?.remove(name).unwrap_or_default();
            match found.as_slice() {
                [one] => one.id,
                // Of several none is meant more than another.
                _ => return Ok(None),
            }
        }
    };
    msp::whole(connection, see, bounds, id)
}

/// Whether an ID in a body names the account itself, or the provider.
///
/// # Errors
/// As [`account`].
pub fn is_own(
    connection: &mut AnyConnection,
    bounds: &Bounds,
    msp_id: &MspId,
    own: Option<AccountId>,
    text: &str,
) -> Result<bool, StoreError> {
    if text.trim() == msp_id.as_str() {
        return Ok(true);
    }
    let Some(own) = own else { return Ok(false) };
    Ok(account(connection, &Visible::All, bounds, text)?.is_some_and(|found| found.id == own))
}

/// The tenants of these IDs, each with the ID that named it first, and what cannot be a tenant.
///
/// # Errors
/// As [`account`].
pub fn tenants(
    connection: &mut AnyConnection,
    bounds: &Bounds,
    texts: &[String],
) -> Result<(Vec<(String, Brief)>, Vec<Refused>), StoreError> {
    let named: Vec<Option<Named<'_>>> = texts.iter().map(|text| Named::read(text)).collect();
    let (mut spelled, mut held) = (Vec::new(), Vec::new());
    for one in named.iter().flatten() {
        match one {
            Named::Account(id) => spelled.push(*id),
            Named::Held(name) => held.push(*name),
        }
    }
    let by_id = msp::by_ids(connection, &Visible::All, bounds, &spelled)?;
    let by_name = msp::by_held(connection, &Visible::All, bounds, &held)?;
    let (mut found, mut refused) = (Vec::with_capacity(texts.len()), Vec::new());
    let mut seen: HashMap<AccountId, ()> = HashMap::with_capacity(texts.len());
    for (text, named) in texts.iter().zip(&named) {
        let refuse = |code, reason: &str| Refused { id: text.clone(), code, reason: reason.to_owned() };
        let all = match named {
            None => {
                refused.push(refuse(
                    Code::UnknownAccount,
                    "This is no ID of a tenant. GET /v1/msptenants/nametoidmap shows the IDs of all tenants.",
                ));
                continue;
            }
            Some(Named::Account(id)) => by_id.get(id).map(std::slice::from_ref).unwrap_or_default(),
            Some(Named::Held(name)) => by_name.get(*name).map(Vec::as_slice).unwrap_or_default(),
        };
        match all {
            [] => refused.push(refuse(
                Code::UnknownAccount,
                "There is no such tenant of this provider. GET /v1/msptenants/nametoidmap shows all of them.",
            )),
            [one] if one.kind == AccountKind::Reseller => refused.push(refuse(
                Code::RuleBroken,
                "This is a partner, and partners are nobody's tenants. Leave it out.",
            )),
            [one] => {
                if seen.insert(one.id, ()).is_none() {
                    found.push((text.clone(), one.clone()));
                }
            }
            _ => refused.push(refuse(
                Code::Conflict,
                "Several accounts came with this ID, from the platform and made here. Delete the one that is not meant.",
            )),
        }
    }
    Ok((found, refused))
}

/// The customers that a partner has now.
///
/// # Errors
/// As [`account`].
pub fn present(
    connection: &mut AnyConnection,
    bounds: &Bounds,
    partner: AccountId,
    most: usize,
) -> Result<Vec<Brief>, StoreError> {
    msp::customers(connection, &Visible::All, bounds, partner, None, i64::try_from(most).unwrap_or(i64::MAX))
}

/// The IDs under which accounts are shown.
///
/// # Errors
/// As [`account`].
pub fn shown(
    connection: &mut AnyConnection,
    bounds: &Bounds,
    accounts: &[AccountId],
) -> Result<HashMap<AccountId, String>, StoreError> {
    let found: Vec<Brief> = msp::by_ids(connection, &Visible::All, bounds, accounts)?.into_values().collect();
    let names = ids(connection, &found)?;
    Ok(found.into_iter().map(|one| one.id).zip(names).collect())
}
