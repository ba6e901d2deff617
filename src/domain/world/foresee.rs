//! What calls and acts will ask for, told before they are planned, so that a batch looks it up in a few statements.

use std::sync::Arc;

use super::{NamedReseller, Need, ResellerName, World};
use crate::domain::account::AccountKind;
use crate::domain::act::{Act, OffersOf, What, entitle};
use crate::domain::call::{Call, Intent, Said, SignedId};
use crate::domain::classify::Role;
use crate::domain::definition::OptionDefinition;
use crate::domain::ids::{AccountKey, ExternalId, PlatformId, is_id};
use crate::domain::moves;
use crate::domain::options::OptionValue;
use crate::domain::plan::adopt;
use crate::domain::policy::SourcePolicy;
use crate::domain::service::order::{Order, Verb};

/// The name that a new account may get, and who waits for it if it is a reseller.
fn of_new_account(key: AccountKey, external_id: Option<&ExternalId>, sells: bool) -> Vec<Need> {
    let external_id = external_id.cloned().unwrap_or_else(|| key.derived_external_id(1));
    let mut needs = vec![Need::External(key.scope.clone(), external_id.clone())];
    if sells {
        needs.push(Need::Customers(ResellerName { key, id: None, external_id }));
    }
    needs
}

impl World {
    /// What a call will certainly ask for, so that a batch can look everything up in a few statements.
    #[must_use]
    pub fn foreseeable(call: &Call) -> Vec<Need> {
        let mut needs = Vec::with_capacity(4);
        if let (Some(SignedId(id)), false) = (&call.signed_id, call.check_only) {
            needs.push(Need::Memory(call.scope.source.clone(), id.clone()));
        }
        if let Some(submitted) = call.submitted() {
            needs.push(Need::Account(call.key(&submitted.id)));
            if let Said::Value(reseller) = &submitted.reseller_id
                && *reseller != submitted.id
            {
                let external_id = match &submitted.reseller_external_id {
                    Said::Value(external_id) => Some(external_id.clone()),
                    Said::Nothing | Said::Absent => None,
                };
                let (customer, reseller) = (call.key(&submitted.id), call.key(reseller));
                needs.push(Need::Reseller(NamedReseller { customer, reseller, external_id }));
            }
        }
        match &call.intent {
            Intent::Service(order) => {
                let names = order.id.iter().map(ExternalId::as_str);
                let names = names.chain(order.platform_id.iter().map(PlatformId::as_str));
                needs.extend(names.map(|name| Need::Service(call.scope.clone(), Arc::from(name))));
            }
            Intent::Delete { id, .. } => needs.push(Need::Account(call.key(id))),
            Intent::Exists { id } | Intent::IsReseller { id } => needs.push(Need::Reference(call.key(id))),
            Intent::Refused { platform_id: Some(id), code, .. } if code.is_quarantined() || call.replayed => {
                needs.push(Need::Account(call.key(id)));
            }
            Intent::Synchronize(_) | Intent::Refused { .. } | Intent::Validated { .. } => {}
        }
        needs
    }

    /// What a call will ask for next, now that the foreseeable is known: the names that a new account may get, and who
    /// waits for a new reseller.
    #[must_use]
    pub fn foreseeable_next(&self, policy: &SourcePolicy, call: &Call) -> Vec<Need> {
        let Some(submitted) = call.submitted() else {
            return Vec::new();
        };
        let key = call.key(&submitted.id);
        match (self.accounts.get(&key), &call.intent) {
            (Some(None), _) => {}
            (Some(Some(account)), Intent::Service(order)) if self.makes_some(call, order) => {
                return vec![Need::Crowd(account.id)];
            }
            _ => return Vec::new(),
        }
        let mut needs = of_new_account(key, submitted.external_id.as_ref(), submitted.role == Role::Reseller);
        needs.extend(adopt::needs(policy, call, submitted));
        needs
    }

    /// Whether an order seems to make a service: a Create of what nobody knows by its names, or add-ons.
    fn makes_some(&self, call: &Call, order: &Order) -> bool {
        let names = order.id.iter().map(ExternalId::as_str).chain(order.platform_id.iter().map(PlatformId::as_str));
        let known = |name: &str| matches!(self.service(&call.scope, name), Ok(Some(_)));
        match order.verb {
            Verb::Create => !names.into_iter().any(known),
            Verb::CreateAddOns => true,
            _ => false,
        }
    }

    /// What an act will certainly ask for.
    #[must_use]
    pub fn foreseeable_of_act(act: &Act) -> Vec<Need> {
        let mut needs = vec![Need::Account(act.account.clone())];
        let reference =
            |id: &PlatformId| Need::Reference(AccountKey { scope: act.account.scope.clone(), platform_id: id.clone() });
        match &act.what {
            What::Import(row) => needs.extend(row.reseller.iter().map(reference)),
            What::Create(made) => needs.extend(made.reseller.iter().cloned().map(Need::Reference)),
            What::Assign { reseller: Some(reseller) } if reseller.scope.meets(&act.account.scope) => {
                needs.push(Need::Reference(reseller.clone()));
            }
            What::Restore(before) => {
                needs.extend(
                    before.reseller.iter().filter_map(|held| held.reseller_platform_id.as_ref()).map(reference),
                );
            }
            What::Assign { .. }
            | What::SetKind(_)
            | What::SetStanding(_)
            | What::SetOption { .. }
            | What::Describe(_)
            | What::Keep(_)
            | What::Site(_)
            | What::Brand(_)
            | What::Delete
            | What::Revive
            | What::Release => {}
            What::Service(deed) => {
                let scope = &act.account.scope;
                needs.extend(deed.names().map(|name| Need::Service(scope.clone(), Arc::from(name))));
            }
            What::MoveServices(products) => {
                if products.to.scope == act.account.scope {
                    needs.push(Need::Account(products.to.clone()));
                }
            }
            What::User(deed) => needs.extend(deed.user.map(Need::User)),
            What::Entitle(wanted) => {
                let names = wanted.iter().map(|one| Arc::from(entitle::named(&act.account, one, 1).as_str()));
                needs.extend(names.map(|name| Need::Service(act.account.scope.clone(), name)));
            }
            What::Customers(list) => needs.extend(list.seen.iter().cloned().map(Need::Account)),
            What::Move(moving) => needs.extend(moving.reseller.iter().cloned().map(Need::Reference)),
            What::Promote(promotion) => {
                needs.push(Need::OperatorName(Arc::from(promotion.login.name.as_str())));
                if let OffersOf::Reseller(reseller) = &promotion.offers {
                    needs.push(Need::Reference(reseller.clone()));
                }
            }
            What::Demote { reseller } => needs.extend(reseller.iter().cloned().map(Need::Reference)),
            What::MoveUsers(moving) => needs.push(Need::Account(moving.to.clone())),
        }
        needs
    }

    /// What an act will ask for next, now that the foreseeable is known.
    #[must_use]
    pub fn foreseeable_next_of_act(&self, act: &Act) -> Vec<Need> {
        let known = self.accounts.get(&act.account);
        match (&act.what, known) {
            (What::Import(row), Some(None)) => {
                let sells = row.kind == AccountKind::Reseller;
                let mut needs = of_new_account(act.account.clone(), row.external_id.as_ref(), sells);
                if act.account.scope.source.is_local() {
                    needs.push(Need::Alias(act.account.clone()));
                }
                needs
            }
            (What::Create(made), Some(None)) => {
                let mut needs =
                    of_new_account(act.account.clone(), made.external_id.as_ref(), made.kind == AccountKind::Reseller);
                needs.push(Need::Alias(act.account.clone()));
                needs
            }
            (What::Release | What::Revive, Some(Some(account))) => account
                .reported
                .iter()
                .filter_map(|report| report.reseller.as_ref())
                .map(|id| Need::Reference(AccountKey { scope: act.account.scope.clone(), platform_id: id.clone() }))
                .collect(),
            (What::MoveServices(_), Some(Some(account))) => {
                vec![Need::ServicesOf(account.id), Need::UsersOf(account.id)]
            }
            (What::Move(moving), _) => moves::needs(self, &act.account, moving),
            (What::Site(_), Some(Some(account))) => vec![Need::SitesOf(account.id)],
            (What::Brand(_), Some(Some(account))) => vec![Need::Branding(account.id)],
            (What::Keep(_), Some(Some(account))) => vec![Need::Dossier(account.id)],
            (What::Entitle(_), Some(Some(account))) => vec![Need::ServicesOf(account.id)],
            (What::Customers(_), Some(Some(account))) => vec![Need::CustomersOf(account.id)],
            _ => Vec::new(),
        }
    }

    /// The partner that a call will ask for, now that its account is known: one that it did not name before, and any
    /// where the vendor demands that it exists.
    #[must_use]
    pub fn foreseeable_partner(&self, policy: &SourcePolicy, call: &Call) -> Option<Need> {
        let submitted = call.submitted()?;
        let definition = policy.options.iter().find(|option| option.partner_id)?;
        self.partner_named(definition, submitted.options.as_ref()?.get(&definition.id)?, &call.key(&submitted.id))
    }

    /// The partner that an act will ask for, now that its account is known.
    #[must_use]
    pub fn foreseeable_partner_of_act(&self, policy: &SourcePolicy, act: &Act) -> Option<Need> {
        let definition = policy.options.iter().find(|option| option.partner_id)?;
        let value = match &act.what {
            What::Import(row) => row.options.get(&definition.id),
            What::SetOption { id, value } if *id == definition.id => value.as_ref(),
            What::Restore(before) => before.options.get(&definition.id),
            _ => None,
        };
        self.partner_named(definition, value?, &act.account)
    }

    /// The partner that an option's value names, where the account was not related to it already or it must exist.
    fn partner_named(&self, definition: &OptionDefinition, value: &OptionValue, account: &AccountKey) -> Option<Need> {
        let named = value.as_text().map(str::trim).filter(|text| is_id(text))?;
        let account = self.accounts.get(account).and_then(Option::as_ref);
        let held = account.and_then(|account| account.partner.as_ref()?.partner_id.as_deref());
        (definition.must_exist || held != Some(named)).then(|| Need::Partner(named.into()))
    }
}
