//! What a batch knows of what resellers may sell, and of who sees them. Looked up for acts that ask, and for no call.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::act::{ListChange, OperatorChange, Rights};
use crate::domain::ids::AccountId;
use crate::domain::offer::{Listing, Offers, Seller};
use crate::domain::operator::Operator;

/// Lists and operators as they were loaded and as acts changed them since.
#[derive(Debug, Default)]
pub(super) struct Known {
    lists: HashMap<AccountId, Listing>,
    /// Whether anybody has or had the name.
    names: HashMap<Arc<str>, bool>,
    operators: HashMap<AccountId, Vec<Operator>>,
    /// What operators see no longer, though the store has it still.
    left: BTreeSet<(String, AccountId)>,
    changed_lists: Vec<ListChange>,
    changed_operators: Vec<OperatorChange>,
}

impl Known {
    pub(super) fn knows_list(&self, account: AccountId) -> bool {
        self.lists.contains_key(&account)
    }

    pub(super) fn knows_name(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    pub(super) fn knows_operators(&self, account: AccountId) -> bool {
        self.operators.contains_key(&account)
    }

    /// Everything to write.
    pub(super) fn give(self, changes: &mut Changes) {
        changes.lists = self.changed_lists;
        changes.operators = self.changed_operators;
    }

    fn take_away(&mut self, name: &str, account: AccountId) {
        self.left.insert((name.to_owned(), account));
        if let Some(operators) = self.operators.get_mut(&account) {
            operators.retain(|operator| operator.name != name);
        }
        for operator in self.operators.values_mut().flatten().filter(|operator| operator.name == name) {
            operator.resellers.retain(|one| *one != account);
        }
    }
}

impl World {
    /// Takes in what an account may sell.
    pub fn learn_listing(&mut self, account: AccountId, listing: Listing) {
        self.rights.lists.entry(account).or_insert(listing);
    }

    /// Takes in whether anybody has or had this name.
    pub fn learn_operator_name(&mut self, name: Arc<str>, taken: bool) {
        self.rights.names.entry(name).or_insert(taken);
    }

    /// Takes in the reseller_admins of an account that are not revoked.
    pub fn learn_operators_of(&mut self, account: AccountId, mut operators: Vec<Operator>) {
        let left = &self.rights.left;
        for operator in &mut operators {
            operator.resellers.retain(|one| !left.contains(&(operator.name.clone(), *one)));
        }
        operators.retain(|operator| operator.resellers.contains(&account));
        self.rights.operators.entry(account).or_insert(operators);
    }

    /// What an account may sell now.
    pub(in crate::domain) fn listing(&self, account: AccountId) -> Result<&Listing, Need> {
        self.rights.lists.get(&account).ok_or(Need::Listing(account))
    }

    /// Whether anybody has or had this name.
    pub(in crate::domain) fn operator_taken(&self, name: &str) -> Result<bool, Need> {
        self.rights.names.get(name).copied().ok_or_else(|| Need::OperatorName(name.into()))
    }

    /// The reseller_admins of an account that are not revoked.
    pub(in crate::domain) fn operators_of(&self, account: AccountId) -> Result<&[Operator], Need> {
        self.rights.operators.get(&account).map(Vec::as_slice).ok_or(Need::OperatorsOf(account))
    }

    /// Takes over what an act changes of lists and operators.
    pub(super) fn take_over_rights(&mut self, rights: Rights) {
        let known = &mut self.rights;
        if let Some(change) = rights.list {
            let after = change.after.clone();
            let revision = change.before.seller.offers.revision + 1;
            let listing = Listing {
                seller: Seller { offers: Offers { revision, list: after.offers }, directory_ou: after.directory_ou },
                promoted_at: change.promoted_at,
                changed_at: Some(change.at),
            };
            self.moves.sells_now(change.account, listing.seller.clone());
            known.lists.insert(change.account, listing);
            known.changed_lists.push(change);
        }
        for change in rights.operators {
            match &change {
                OperatorChange::Add { operator, .. } => {
                    known.names.insert(Arc::from(operator.name.as_str()), true);
                    for account in &operator.resellers {
                        if let Some(operators) = known.operators.get_mut(account) {
                            operators.push(operator.clone());
                        }
                    }
                }
                OperatorChange::Leave { name, account } | OperatorChange::Revoke { name, account, .. } => {
                    known.take_away(name, *account);
                }
            }
            known.changed_operators.push(change);
        }
    }
}
