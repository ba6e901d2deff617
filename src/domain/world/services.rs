//! What a batch knows of services. They are looked up for calls that name one, and for no others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Changes, Need, World};
use crate::domain::account::{Account, Standing};
use crate::domain::ids::{AccountId, DeliveryId, Scope, ServiceId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::relation::Cause;
use crate::domain::service::{MAX_SERVICES, Service, Step};
use crate::domain::user::Lost;

/// Services as they were loaded and as calls changed them since.
#[derive(Debug, Default)]
pub(super) struct Services {
    now: HashMap<ServiceId, Arc<Service>>,
    names: HashMap<(Scope, Arc<str>), Option<ServiceId>>,
    add_ons: HashMap<ServiceId, Vec<ServiceId>>,
    /// None where an account has more than are looked up.
    of_account: HashMap<AccountId, Option<BTreeSet<ServiceId>>>,
    /// How many living ones the store has of an account, and how many more there are since.
    crowds: HashMap<AccountId, i64>,
    grown: HashMap<AccountId, i64>,
    /// Services whose account is kept still although no call or act here is about it.
    kept: BTreeMap<ServiceId, (AccountId, Standing)>,
    /// What is to be written, and whether it is new.
    written: BTreeMap<ServiceId, bool>,
    steps: Vec<Step>,
}

impl Services {
    pub(super) fn knows(&self, scope: &Scope, name: &Arc<str>) -> bool {
        self.names.contains_key(&(scope.clone(), name.clone()))
    }

    pub(super) fn knows_add_ons(&self, parent: ServiceId) -> bool {
        self.add_ons.contains_key(&parent)
    }

    pub(super) fn knows_of(&self, account: AccountId) -> bool {
        self.of_account.contains_key(&account)
    }

    pub(super) fn knows_crowd(&self, account: AccountId) -> bool {
        self.crowds.contains_key(&account)
    }

    pub(super) fn keeps(&self, service: ServiceId, account: AccountId) -> bool {
        self.kept.get(&service).is_some_and(|(kept, _)| *kept == account)
    }

    /// Everything to write.
    pub(super) fn give(self, changes: &mut Changes) {
        for (id, created) in &self.written {
            if let Some(service) = self.now.get(id) {
                let list = if *created { &mut changes.services_created } else { &mut changes.services_updated };
                list.push(service.clone());
            }
        }
        changes.steps = self.steps;
    }

    /// Returns whether nobody has it any longer.
    fn put(&mut self, service: Service, created: bool, delivery: Option<DeliveryId>, cause: Cause) -> bool {
        let id = service.id;
        let before = self.now.get(&id).cloned();
        let after = Arc::new(service);
        if created {
            self.names.insert((after.scope.clone(), Arc::from(after.external_id.as_str())), Some(id));
            // Nobody can be an add-on of what was not there.
            self.add_ons.entry(id).or_default();
        }
        let renamed = before.as_ref().filter(|before| before.platform_id != after.platform_id);
        if let Some(name) = renamed.and_then(|before| before.platform_id.as_ref())
            && let Some(named) = self.names.get_mut(&(after.scope.clone(), Arc::from(name.as_str())))
            && *named == Some(id)
        {
            *named = None;
        }
        if let Some(name) = &after.platform_id {
            // An ExternalID of the same spelling comes first, as in the store.
            let named = self.names.entry((after.scope.clone(), Arc::from(name.as_str()))).or_insert(Some(id));
            named.get_or_insert(id);
        }
        if let Some(siblings) = after.parent.and_then(|parent| self.add_ons.get_mut(&parent)) {
            siblings.retain(|sibling| *sibling != id);
            if after.lives() {
                siblings.push(id);
                siblings.sort_unstable();
            }
        }
        if let Some(Some(ids)) = before.as_ref().and_then(|before| self.of_account.get_mut(&before.account)) {
            ids.remove(&id);
        }
        if let Some(before) = before.as_ref().filter(|before| before.lives()) {
            *self.grown.entry(before.account).or_default() -= 1;
        }
        if after.lives() {
            *self.grown.entry(after.account).or_default() += 1;
        }
        if after.lives()
            && let Some(Some(ids)) = self.of_account.get_mut(&after.account)
        {
            ids.insert(id);
        }
        let lost =
            before.as_ref().is_some_and(|before| before.account != after.account || (before.lives() && !after.lives()));
        self.now.insert(id, after.clone());
        *self.written.entry(id).or_insert(created) |= created;
        if before.as_ref().is_none_or(|before| before.revision != after.revision) {
            self.steps.push(Step { before, after, cause, delivery });
        }
        lost
    }
}

impl World {
    /// Takes in the service that is called this, or that there is none.
    pub fn learn_service(&mut self, scope: Scope, name: Arc<str>, service: Option<Service>) {
        let called_so = |service: &Service| {
            service.external_id.as_str() == &*name
                || service.platform_id.as_ref().is_some_and(|id| id.as_str() == &*name)
        };
        // This batch may have given it another name since it was stored.
        let now = |service: &Service| self.services.now.get(&service.id).is_none_or(|now| called_so(now));
        let id = service.as_ref().filter(|service| now(service)).map(|service| service.id);
        if let Some(service) = service {
            self.services.now.entry(service.id).or_insert_with(|| Arc::new(service));
        }
        self.services.names.entry((scope, name)).or_insert(id);
    }

    /// Takes in the add-ons of a subscription that are not ended.
    pub fn learn_add_ons(&mut self, parent: ServiceId, add_ons: Vec<Service>) {
        let mut ids: Vec<ServiceId> = Vec::with_capacity(add_ons.len());
        for add_on in add_ons {
            let id = add_on.id;
            let now = self.services.now.entry(id).or_insert_with(|| Arc::new(add_on));
            if now.lives() {
                ids.push(id);
            }
        }
        // Those that this batch made, or brought back, and that the store does not have yet.
        let mine = self.services.now.values().filter(|one| one.parent == Some(parent) && one.lives()).map(|one| one.id);
        ids.extend(mine);
        ids.sort_unstable();
        ids.dedup();
        self.services.add_ons.entry(parent).or_insert(ids);
    }

    /// Takes in the services of an account that are not ended; none where there are more than [`MAX_SERVICES`].
    pub fn learn_services_of(&mut self, account: AccountId, services: Option<Vec<Service>>) {
        if self.services.knows_of(account) {
            return;
        }
        let Some(services) = services else {
            self.services.of_account.insert(account, None);
            return;
        };
        let stored: Vec<ServiceId> = services.iter().map(|service| service.id).collect();
        for service in services {
            self.services.now.entry(service.id).or_insert_with(|| Arc::new(service));
        }
        // With those that this batch made or moved here, and without those that it ended or moved away.
        let all = stored.iter().chain(self.services.written.keys()).filter_map(|id| self.services.now.get(id));
        let ids =
            all.filter(|service| service.account == account && service.lives()).map(|service| service.id).collect();
        self.services.of_account.insert(account, Some(ids));
    }

    /// Takes in how many services of an account are not ended in the store.
    pub fn learn_crowd(&mut self, account: AccountId, living: i64) {
        self.services.crowds.entry(account).or_insert(living);
    }

    /// Whether an order would make an account have more services than one may have: these are what it comes to. Asked for
    /// orders that make a service or bring one back, and for no others.
    pub(in crate::domain) fn is_crowded(&self, ordered: &[(Service, bool)]) -> Result<bool, Need> {
        let lived = |service: &Service| self.services.now.get(&service.id).is_some_and(|held| held.lives());
        let new = || ordered.iter().map(|(service, _)| service).filter(|service| service.lives() && !lived(service));
        let Some(first) = new().next() else { return Ok(false) };
        let more = i64::try_from(new().count()).unwrap_or(i64::MAX);
        let account = first.account;
        // One that is about to be made has none.
        let held = match self.services.crowds.get(&account) {
            Some(held) => *held,
            None if account == AccountId(0) => 0,
            None => return Err(Need::Crowd(account)),
        };
        let grown = self.services.grown.get(&account).copied().unwrap_or(0);
        Ok(held.saturating_add(grown).saturating_add(more) > MAX_SERVICES as i64)
    }

    /// Takes in a service as it is behind the lock of `account`, to which it belonged when it was looked up before, and how
    /// that account stands.
    pub fn learn_kept(&mut self, id: ServiceId, account: AccountId, standing: Standing, service: Option<Service>) {
        // What this batch changed is behind such a lock already.
        if let (Some(service), false) = (service, self.services.written.contains_key(&id)) {
            self.services.now.insert(id, Arc::new(service));
        }
        self.services.kept.insert(id, (account, standing));
    }

    /// Asks for the account of a service to be kept still, since an order came for it under another one, and tells how that
    /// account stands.
    pub(in crate::domain) fn keep(&self, service: &Service) -> Result<Standing, Need> {
        let kept = self.services.kept.get(&service.id).filter(|(account, _)| *account == service.account);
        kept.map(|(_, standing)| *standing).ok_or(Need::Kept(service.id, service.account))
    }

    /// The services of an account that are not ended now, in the order of their ids.
    pub(in crate::domain) fn services_of(&self, account: AccountId) -> Result<Vec<&Arc<Service>>, Stop> {
        match self.services.of_account.get(&account) {
            Some(Some(ids)) => Ok(ids.iter().filter_map(|id| self.services.now.get(id)).collect()),
            Some(None) => Err(Stop::Refuse(
                Code::RuleBroken,
                format!("This account has more than {MAX_SERVICES} services. End those that are no longer used first."),
            )),
            None => Err(Need::ServicesOf(account).into()),
        }
    }

    /// The service that is called this now.
    pub(in crate::domain) fn service(&self, scope: &Scope, name: &str) -> Result<Option<&Arc<Service>>, Need> {
        let name: Arc<str> = Arc::from(name);
        match self.services.names.get(&(scope.clone(), name.clone())) {
            Some(id) => Ok(id.as_ref().and_then(|id| self.services.now.get(id))),
            None => Err(Need::Service(scope.clone(), name)),
        }
    }

    /// The add-ons of a subscription that are not ended now, in the order of their ids.
    pub(in crate::domain) fn add_ons(&self, parent: ServiceId) -> Result<Vec<&Arc<Service>>, Need> {
        let ids = self.services.add_ons.get(&parent).ok_or(Need::AddOns(parent))?;
        Ok(ids.iter().filter_map(|id| self.services.now.get(id)).collect())
    }

    /// Whether an account that is to be shows anything else than the one at hand.
    pub(super) fn changes_account(&self, after: &Account) -> bool {
        match self.accounts.get(&after.key) {
            Some(Some(held)) => held.revision != after.revision,
            _ => true,
        }
    }

    /// Takes over services that an order or an act makes or changes: numbers what is new and notes what happened, and who
    /// loses what. `owner` is whose those are that belong to nobody yet, since their account is new.
    pub(super) fn take_over_services(
        &mut self,
        services: Vec<Service>,
        owner: AccountId,
        cause: Cause,
        delivery: Option<DeliveryId>,
    ) {
        let mut subscription = None;
        for mut service in services {
            let created = service.id == ServiceId::UNISSUED;
            if created {
                service.id = ServiceId::issue(self.chain, self.issue_row());
                if service.account == AccountId(0) {
                    service.account = owner;
                }
                if service.parent == Some(ServiceId::UNISSUED) {
                    service.parent = subscription;
                }
            }
            if service.parent.is_none() {
                subscription = Some(service.id);
            }
            let changes = self.services.now.get(&service.id).is_none_or(|held| held.revision != service.revision);
            if changes && delivery.is_some() {
                service.last_delivery = delivery;
            }
            let (id, at) = (service.id, service.changed_at);
            if self.services.put(service, created, delivery, cause) {
                self.users.lose(Lost { service: id, at, cause, delivery });
            }
        }
    }
}
