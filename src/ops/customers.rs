//! What is done to the customers of partners, as lists of acts.

use std::sync::Arc;

use super::create::fresh_id;
use crate::domain::account::{Account, AccountKind};
use crate::domain::act::{Act, Created, What};
use crate::domain::call::ProfilePatch;
use crate::domain::ids::{AccountId, AccountKey, ExternalId, Scope, SourceId};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::accounts::Listed;
use crate::store::audit::Entry;
use crate::writer::acts::ActList;

/// What IDs of customers that are made here begin with.
const PREFIX: &str = "customer-";

/// The list that adds a customer under a partner, on an ID of its own.
#[must_use]
pub fn add(
    partner: &Account,
    profile: ProfilePatch,
    external_id: Option<ExternalId>,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let scope = Scope { source: SourceId::local(), tenant: partner.key.scope.tenant.clone() };
    let made =
        Created { external_id, kind: AccountKind::ResellerCustomer, reseller: Some(partner.key.clone()), profile };
    let key = AccountKey { scope, platform_id: fresh_id(PREFIX) };
    let act = Act::new(key, entry.at, Cause::Operator, What::Create(Box::new(made)));
    ActList { acts: vec![act], policies, all_or_nothing: true, entry }
}

/// The list that changes what describes a customer. `expect` is the revision that it must still have.
#[must_use]
pub fn change(
    customer: &Account,
    expect: Option<i64>,
    profile: ProfilePatch,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let act = Act::new(customer.key.clone(), entry.at, Cause::Operator, What::Describe(Box::new(profile)));
    ActList { acts: vec![Act { expect, ..act }], policies, all_or_nothing: true, entry }
}

/// Whether somebody is a customer of this partner: the platform's word, or, where that names nobody, the account of the
/// partner that its options name.
#[must_use]
pub fn is_of(listed: &Listed, partner: AccountId) -> bool {
    let account = &listed.account;
    let related = if listed.by_partner { &account.partner } else { &account.reseller };
    related.as_ref().is_some_and(|relation| relation.reseller_account == Some(partner))
}

/// The act that ends a customer under the name that it was seen under: one that a platform takes over meanwhile is not
/// found by it any longer, and stays. `expect` is the revision that it must still have, `at` in microseconds since 1970.
#[must_use]
pub fn delete(customer: &Account, expect: Option<i64>, at: i64) -> Act {
    Act { expect, ..Act::new(customer.key.clone(), at, Cause::Operator, What::Delete) }
}
