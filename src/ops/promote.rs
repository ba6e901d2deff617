//! Makes a customer a reseller with a price list and a login of its own, and takes that back.

use std::sync::Arc;

use serde_json::{Value, json};
use thiserror::Error;

use crate::domain::account::{Account, AccountKind};
use crate::domain::act::{Act, ActOutcome, Login, OffersOf, Promotion, What};
use crate::domain::ids::{AccountId, AccountKey};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::store::{AnyConnection, StoreError, accounts, offers, operators};
use crate::wire::time::rfc3339;
use crate::writer::acts::ActList;

/// Logins of one account that are told apart by a number. An account is promoted once, and seldom again.
const MAX_LOGINS: usize = 1_000;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it may sell.
    pub offers: OffersOf,
    /// The name of its price list; none for the name of the one that is copied.
    pub price_list: Option<String>,
    /// The distinguished name of its organizational unit.
    pub directory_ou: Option<String>,
    /// Microseconds since 1970 from which its token is refused; none for never.
    pub expires_at: Option<i64>,
}

impl Wanted {
    /// What the audit trail says of it.
    #[must_use]
    pub fn detail(&self, login: &str, reason: &str) -> Value {
        let offers = match &self.offers {
            OffersOf::Former => "former reseller".to_owned(),
            OffersOf::Reseller(key) => format!("reseller {}", key.platform_id),
            OffersOf::Given(_) => "given".to_owned(),
        };
        json!({
            "operator": login,
            "expires_at": self.expires_at.map(rfc3339),
            "offers": offers,
            "price_list": self.price_list,
            "directory_ou": self.directory_ou,
            "reason": reason,
        })
    }
}

/// Why a login cannot be named.
#[derive(Debug, Error)]
pub enum NameError {
    /// All names that are tried are taken.
    #[error("no name is left for the login of this account; choose one")]
    Taken,
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A name for the login of an account that nobody has or had.
///
/// # Errors
/// [`NameError`].
pub fn free_name(connection: &mut AnyConnection, account: AccountId) -> Result<String, NameError> {
    for at in 1..=MAX_LOGINS {
        let name = if at == 1 { format!("reseller-{account}") } else { format!("reseller-{account}-{at}") };
        if operators::find(connection, &name)?.is_none() {
            return Ok(name);
        }
    }
    Err(NameError::Taken)
}

/// The list that promotes an account as somebody saw it. `name` and `token_hash` are its login's.
#[must_use]
pub fn promotion(
    account: &Account,
    wanted: Wanted,
    name: String,
    token_hash: [u8; 32],
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let Wanted { offers, price_list, directory_ou, expires_at } = wanted;
    let login = Login { name, token_hash, expires_at };
    let what = What::Promote(Box::new(Promotion { offers, price_list, directory_ou, login }));
    one(account, what, policies, entry)
}

/// The list that makes a reseller a customer again.
#[must_use]
pub fn demotion(account: &Account, reseller: Option<AccountKey>, policies: Arc<Policies>, entry: Entry) -> ActList {
    one(account, What::Demote { reseller }, policies, entry)
}

fn one(account: &Account, what: What, policies: Arc<Policies>, entry: Entry) -> ActList {
    let act = Act::new(account.key.clone(), entry.at, Cause::Promote, what).expecting(account.revision);
    ActList { acts: vec![act], policies, all_or_nothing: true, entry }
}

/// The reseller that an account was a customer of when it was promoted; none where it was nobody's, or was not promoted.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn former(connection: &mut AnyConnection, account: &Account) -> Result<Option<AccountKey>, StoreError> {
    if account.kind != AccountKind::Reseller {
        return Ok(None);
    }
    let promoted_at = offers::listing(connection, account.id)?.promoted_at;
    let Some(last) = accounts::last_reseller(connection, account.id)? else { return Ok(None) };
    // One that ended before is of an earlier time: the account was nobody's when it was promoted.
    let by_promotion = last.closing.is_some_and(|closing| {
        closing.cause == Cause::Promote && promoted_at.is_none_or(|at| at == closing.learned_at)
    });
    let Some(reseller) = last.reseller_account.filter(|_| by_promotion) else { return Ok(None) };
    Ok(accounts::by_id(connection, reseller)?.map(|reseller| reseller.key))
}

/// What people are told of an outcome.
#[must_use]
pub fn notes(outcomes: &[ActOutcome]) -> Vec<String> {
    outcomes
        .iter()
        .filter_map(ActOutcome::applied)
        .flat_map(|applied| applied.notes.iter().map(ToString::to_string))
        .collect()
}
