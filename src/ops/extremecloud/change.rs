//! What clients of the ExtremeCloud dialect change, as lists of acts: each all of it, or nothing.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::resolve::Refused;
use crate::domain::account::{Account, AccountKind};
use crate::domain::act::customers::ExactList;
use crate::domain::act::{Act, ActOutcome, Acted, Created, What};
use crate::domain::call::ProfilePatch;
use crate::domain::dossier::{DossierAct, SettingsPatch};
use crate::domain::ids::{AccountId, AccountKey, Scope};
use crate::domain::moves::Moving;
use crate::domain::msp::{Bounds, Country, PARTNER, TENANT, is_account_form};
use crate::domain::outcome::Code;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::ops::create::fresh_id;
use crate::store::audit::Entry;
use crate::store::seen::msp::Brief;
use crate::wire::extremecloud::{Asked, contact_email, contact_name, contact_phone};
use crate::writer::acts::ActList;

/// The exact list of a partner's tenants, looked up.
#[derive(Debug, Clone, Default)]
pub struct Tenants {
    /// Who is to be a tenant, each with the ID that named it.
    pub listed: Vec<(String, Brief)>,
    /// Who is one now.
    pub present: Vec<Brief>,
}

/// What is asked of the profile: only what is shown differently now, so that an element that is sent back as it was shown
/// leaves the platform's words alone.
fn profile(asked: &Asked, now: Option<&Account>) -> ProfilePatch {
    // What is sent back as it was shown changes nothing.
    let differing =
        |said: &Option<String>, shown: Option<&str>| said.clone().filter(|said| shown != Some(said.as_str()));
    let mut patch = ProfilePatch {
        name: Some(asked.account_name.clone()),
        email: differing(&asked.contact_email, now.and_then(contact_email)),
        ..ProfilePatch::default()
    };
    if let Some(name) = asked.contact_name.as_ref().filter(|name| now.and_then(contact_name).as_ref() != Some(name)) {
        (patch.contact.first_name, patch.contact.last_name) = (Some(name.clone()), Some(String::new()));
    }
    patch.contact.phone = differing(&asked.phone, now.and_then(contact_phone));
    if patch.contact.phone.as_deref() == Some("") {
        // Or the other one would be shown in its place.
        patch.phone = Some(String::new());
    }
    let held = now.map(|now| now.profile.address.country_code.as_str()).unwrap_or_default();
    let same = |country: &Country| Country::read(held).is_ok_and(|held| held == *country);
    if let Some(country) = asked.country.filter(|country| !same(country)) {
        patch.address.country_code = Some(country.code.to_owned());
        patch.address.country_name = Some(country.name.to_owned());
    }
    patch
}

/// What is asked beside the profile.
fn beside(asked: &Asked) -> Vec<What> {
    let mut whats = Vec::new();
    if let Some(time_zone) = &asked.time_zone {
        let settings = SettingsPatch { time_zone: Some(time_zone.clone()), ..SettingsPatch::default() };
        whats.push(What::Keep(Box::new(DossierAct::Set(Box::new(settings)))));
    }
    if let Some(user_id) = &asked.user_id {
        whats.push(What::Keep(Box::new(DossierAct::NameOwnLogin(user_id.clone()))));
    }
    if let Some(entitlements) = &asked.entitlements {
        whats.push(What::Entitle(entitlements.clone()));
    }
    whats
}

fn moves(key: &AccountKey, tenants: &Tenants, entry: &Entry) -> Vec<Act> {
    let act = |(_, tenant): &(String, Brief)| {
        let moving = Moving { reseller: Some(key.clone()), by: entry.operator.clone(), ..Moving::default() };
        Act::new(tenant.key.clone(), entry.at, Cause::Move, What::Move(Box::new(moving)))
    };
    tenants.listed.iter().map(act).collect()
}

/// The list that changes a partner, and makes `tenants` its exact list where that is asked for.
#[must_use]
pub fn put_partner(
    partner: &Account,
    bounds: &Bounds,
    asked: &Asked,
    tenants: Option<&Tenants>,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let key = &partner.key;
    let own = [What::Describe(Box::new(profile(asked, Some(partner))))].into_iter().chain(beside(asked));
    let mut acts: Vec<Act> = own.map(|what| Act::new(key.clone(), entry.at, Cause::Operator, what)).collect();
    if let Some(tenants) = tenants {
        acts.extend(moves(key, tenants, &entry));
        let list = ExactList {
            sources: bounds.sources.clone(),
            customers: tenants.listed.iter().map(|(_, one)| one.key.clone()).collect::<HashSet<_>>(),
            seen: tenants.present.iter().map(|one| one.key.clone()).collect(),
            by: entry.operator.clone(),
        };
        acts.push(Act::new(key.clone(), entry.at, Cause::Move, What::Customers(Box::new(list))));
    }
    ActList { acts, policies, all_or_nothing: true, entry }
}

/// The list that makes a partner, with these tenants, or a tenant; and what the account will be called.
#[must_use]
pub fn create(
    kind: AccountKind,
    scope: Scope,
    asked: &Asked,
    tenants: &Tenants,
    policies: Arc<Policies>,
    entry: Entry,
) -> (ActList, AccountKey) {
    let prefix = if kind == AccountKind::Reseller { PARTNER } else { TENANT };
    let mut platform_id = fresh_id(prefix);
    while !is_account_form(platform_id.as_str()) {
        // By chance it spells the id of another account.
        platform_id = fresh_id(prefix);
    }
    let key = AccountKey { scope, platform_id };
    let made = Created { external_id: None, kind, reseller: None, profile: profile(asked, None) };
    let own = [What::Create(Box::new(made))].into_iter().chain(beside(asked));
    let mut acts: Vec<Act> = own.map(|what| Act::new(key.clone(), entry.at, Cause::Operator, what)).collect();
    acts.extend(moves(&key, tenants, &entry));
    (ActList { acts, policies, all_or_nothing: true, entry }, key)
}

/// The list that ends a partner, which is refused while it has customers.
#[must_use]
pub fn delete(partner: &Account, policies: Arc<Policies>, entry: Entry) -> ActList {
    let act = Act::new(partner.key.clone(), entry.at, Cause::Operator, What::Delete);
    ActList { acts: vec![act], policies, all_or_nothing: true, entry }
}

/// What a list came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// It is done.
    Done(Option<AccountId>),
    /// It is refused: for the account's own sake, and for the sake of tenants. Those that nobody listed have no ID here.
    Refused {
        /// Why the account's own changes are refused.
        own: Option<(Code, String)>,
        /// Which tenants cannot come.
        listed: Vec<Refused>,
        /// Which tenants cannot leave.
        leaving: Vec<(AccountId, Code, String)>,
    },
    /// An account was called otherwise meanwhile: look everything up again.
    Stale,
}

/// What became of a list about `key` with these tenants.
#[must_use]
pub fn came(outcomes: &[ActOutcome], key: &AccountKey, tenants: &Tenants) -> Came {
    let ids: HashMap<&AccountKey, &String> = tenants.listed.iter().map(|(id, one)| (&one.key, id)).collect();
    let (mut own, mut listed, mut leaving) = (None, Vec::new(), Vec::new());
    for outcome in outcomes {
        let Acted::Refused { code, message } = &outcome.acted else { continue };
        if *code == Code::UnknownAccount {
            return Came::Stale;
        }
        match ids.get(&outcome.account) {
            Some(id) => listed.push(Refused { id: (*id).clone(), code: *code, reason: message.clone() }),
            None if outcome.account == *key => own = own.or_else(|| Some((*code, message.clone()))),
            None => leaving.extend(outcome.id.map(|id| (id, *code, message.clone()))),
        }
    }
    if own.is_none() && listed.is_empty() && leaving.is_empty() {
        let made = outcomes.iter().find(|outcome| outcome.account == *key).and_then(|outcome| outcome.id);
        return Came::Done(made);
    }
    Came::Refused { own, listed, leaving }
}
