//! Accounts that are made here: by an operator, or by a dialect. They get their IDs here.

use std::sync::Arc;

use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;

use super::set::SetError;
use crate::domain::account::AccountKind;
use crate::domain::act::{Act, ActOutcome, Created, What};
use crate::domain::ids::{AccountId, AccountKey, PlatformId, Scope, SourceId, Tenant};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::accounts::{self, AccountFilter};
use crate::store::audit::Entry;
use crate::store::{AnyConnection, StoreError};
use crate::writer::acts::ActList;

/// Letters and digits behind the prefix: some 95 bits, so that nobody gets an ID twice.
const ISSUED_CHARS: usize = 16;

/// A new ID: `prefix` and sixteen random letters and digits. The prefix is short and holds what IDs may hold.
#[must_use]
pub fn fresh_id(prefix: &str) -> PlatformId {
    PlatformId::stored(&format!("{prefix}{}", Alphanumeric.sample_string(&mut rand::rng(), ISSUED_CHARS)))
}

/// An account to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct New {
    /// Its ID; none to have one issued.
    pub platform_id: Option<PlatformId>,
    /// Its tenant; none for that of its reseller, or for none.
    pub tenant: Option<Tenant>,
    /// What it is.
    pub created: Created,
}

impl New {
    /// What it will be called.
    #[must_use]
    pub fn key(&self) -> AccountKey {
        let of_reseller = self.created.reseller.as_ref().map(|reseller| reseller.scope.tenant.clone());
        let tenant = self.tenant.clone().or(of_reseller).unwrap_or_else(Tenant::none);
        let prefix = match self.created.kind {
            AccountKind::Reseller => "reseller-",
            AccountKind::ResellerCustomer | AccountKind::DirectCustomer => "customer-",
        };
        AccountKey {
            scope: Scope { source: SourceId::local(), tenant },
            platform_id: self.platform_id.clone().unwrap_or_else(|| fresh_id(prefix)),
        }
    }

    /// What the audit trail says of it.
    #[must_use]
    pub fn detail(&self, key: &AccountKey, reason: Option<&str>) -> serde_json::Value {
        let reseller = self.created.reseller.as_ref().map(|reseller| reseller.platform_id.to_string());
        json!({
            "kind": self.created.kind.as_str(),
            "tenant": key.scope.tenant.as_str(),
            "platform_id": key.platform_id.as_str(),
            "reseller": reseller,
            "reason": reason,
        })
    }

    /// The list that makes it. The time is the entry's.
    #[must_use]
    pub fn list(self, key: AccountKey, policies: Arc<Policies>, entry: Entry) -> ActList {
        let act = Act::new(key, entry.at, Cause::Operator, What::Create(Box::new(self.created)));
        ActList { acts: vec![act], policies, all_or_nothing: true, entry }
    }
}

/// Who has the ExternalID of an account that is to be made, of whatever source: it would be there twice.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn known_already(connection: &mut AnyConnection, new: &New) -> Result<Option<String>, StoreError> {
    let Some(external_id) = &new.created.external_id else { return Ok(None) };
    let filter = AccountFilter {
        external_id: Some(external_id.as_str().to_owned()),
        tenant: Some(new.key().scope.tenant.as_str().to_owned()),
        ..AccountFilter::default()
    };
    let found = accounts::list(connection, &filter, None, 1)?.pop();
    Ok(found.map(|found| {
        let (id, source) = (found.account.id, found.account.key.scope.source);
        format!("the account {id} of the source {source} has this ExternalID already; change that one, or leave external_id out")
    }))
}

/// Our id of the account that was made.
///
/// # Errors
/// [`SetError::Refused`] with the first refusal.
pub fn made(outcomes: &[ActOutcome]) -> Result<AccountId, SetError> {
    if let Some((code, message)) = outcomes.iter().find_map(ActOutcome::refused) {
        return Err(SetError::Refused(code, message.to_owned()));
    }
    outcomes.iter().find_map(|outcome| outcome.id).ok_or(SetError::Usage("nothing was made; try again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fresh_and_of_letters_and_digits() {
        let (one, other) = (fresh_id("MspPartner-tenantid-"), fresh_id("MspPartner-tenantid-"));
        assert_ne!(one, other);
        let issued = one.as_str().strip_prefix("MspPartner-tenantid-").unwrap_or_default();
        assert!(issued.len() == 16 && issued.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
    }
}
