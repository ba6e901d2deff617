//! An account that was made here gets the name that a platform has for it.

use std::sync::Arc;

use super::{Adopted, World};
use crate::domain::account::Account;
use crate::domain::ids::AccountKey;

impl World {
    /// Calls an account by its new name from now on. `at` is in microseconds since 1970.
    pub(super) fn adopt(&mut self, was: &AccountKey, now: &AccountKey, at: i64) {
        let Some(account) = self.accounts.insert(was.clone(), None).flatten() else { return };
        let id = account.id;
        let external_id = account.external_id.clone();
        self.references.insert(was.clone(), None);
        self.references.remove(now);
        self.externals.insert((was.scope.clone(), external_id.clone()), None);
        self.externals.insert((now.scope.clone(), external_id), Some(now.clone()));
        self.keys.insert(id, now.clone());
        self.aliases.insert(was.clone(), Some(now.clone()));
        if let Some(original) = self.originals.remove(was) {
            self.originals.insert(now.clone(), original);
            self.order.iter_mut().filter(|key| *key == was).for_each(|key| key.clone_from(now));
        }
        self.accounts.insert(now.clone(), Some(account));
        // Open relations of its customers call it by its name; the store does the same with those that are not at hand.
        let named = |account: &Account| {
            account.reseller.as_ref().is_some_and(|held| {
                held.reseller_account == Some(id) && held.reseller_platform_id.as_ref() == Some(&was.platform_id)
            })
        };
        for account in self.accounts.values_mut().flatten().filter(|account| named(account)) {
            let account = Arc::make_mut(account);
            if let Some(held) = &mut account.reseller {
                held.reseller_platform_id = Some(now.platform_id.clone());
            }
            if account.key.scope.source == now.scope.source
                && let Some(said) = account.reported.as_mut().and_then(|report| report.reseller.as_mut())
                && *said == was.platform_id
            {
                said.clone_from(&now.platform_id);
            }
        }
        for change in self.relations.values_mut() {
            let relation = &mut change.relation;
            if relation.closing.is_none()
                && relation.reseller_account == Some(id)
                && relation.reseller_platform_id.as_ref() == Some(&was.platform_id)
            {
                relation.reseller_platform_id = Some(now.platform_id.clone());
            }
        }
        self.adopted.push(Adopted { account: id, was: was.clone(), now: now.clone(), at });
    }
}
