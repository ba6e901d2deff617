//! What operators do to services: planned as orders are, but on what is held alone. The time of a service's last order
//! stays, so that a late call is judged as if nobody had acted.

use std::sync::Arc;

use super::place::{living, refuse};
use super::{ACCOUNT_CHANGED, Act, Acted, Applied, Before, PlannedAct, SERVICE_CHANGED};
use crate::domain::account::Account;
use crate::domain::ids::{ExternalId, PlatformId, ServiceId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::service::order::ServicePatch;
use crate::domain::service::{MAX_ADD_ONS, MAX_SERVICES, Service, ServiceStatus};
use crate::domain::world::{Need, World};

/// What is done to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAct {
    /// Which; of one that is new, what it is to be called.
    pub service: ExternalId,
    /// The revision that it must still have; none for any.
    pub expect: Option<i64>,
    /// What is done.
    pub deed: Deed,
}

/// See [`ServiceAct`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Makes one.
    Create(Box<NewService>),
    /// Makes it, or changes what describes the one that has this ExternalID.
    Put(Box<NewService>),
    /// Changes what describes it.
    Change(Box<ServicePatch>),
    /// Suspends it.
    Suspend,
    /// Puts it in use again, also one that ended.
    Activate,
    /// Ends it, and its add-ons.
    End,
}

/// A service to be made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewService {
    /// The platform's own ID of it.
    pub platform_id: Option<PlatformId>,
    /// The subscription that it is an add-on of.
    pub parent: Option<ExternalId>,
    /// What describes it.
    pub patch: ServicePatch,
}

impl ServiceAct {
    /// The names by which services will be looked up.
    pub(in crate::domain) fn names(&self) -> impl Iterator<Item = &str> {
        let new = match &self.deed {
            Deed::Create(new) | Deed::Put(new) => Some(new),
            Deed::Change(_) | Deed::Suspend | Deed::Activate | Deed::End => None,
        };
        let others = new.into_iter().flat_map(|new| {
            let parent = new.parent.as_ref().map(ExternalId::as_str);
            parent.into_iter().chain(new.platform_id.as_ref().map(PlatformId::as_str))
        });
        std::iter::once(self.service.as_str()).chain(others)
    }
}

/// Plans one.
pub(super) fn plan(world: &World, act: &Act, deed: &ServiceAct) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, deed) {
        Ok((acted, services)) => Ok(PlannedAct { services, ..PlannedAct::idle(account, acted) }),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, deed: &ServiceAct) -> Result<(Acted, Vec<Service>), Stop> {
    let Some(owner) = world.account(&act.account)? else {
        return refuse(Code::UnknownAccount, "This account is not known. Import it or have it synchronized first.");
    };
    if act.expect.is_some_and(|expected| expected != owner.revision) {
        return refuse(Code::Conflict, ACCOUNT_CHANGED);
    }
    let found = world.service(&act.account.scope, deed.service.as_str())?;
    let making = match &deed.deed {
        Deed::Create(new) => Some(new),
        Deed::Put(new) => found.is_none().then_some(new),
        _ => None,
    };
    if let Some(new) = making {
        if found.is_some() {
            return refuse(Code::Conflict, "Another service of this source and tenant has this ExternalID.");
        }
        living(world, &act.account)?;
        let service = made(world, act, deed, new)?;
        return Ok((applied(owner, None, &service), vec![service]));
    }
    let Some(before) = found.filter(|found| found.account == owner.id) else {
        return refuse(Code::Conflict, "This service is not the account's any longer. Look at it again.");
    };
    if deed.expect.is_some_and(|expected| expected != before.revision) {
        return refuse(Code::Conflict, SERVICE_CHANGED);
    }
    if deed.deed != Deed::End {
        living(world, &act.account)?;
    }
    let mut after = Service::clone(before);
    match &deed.deed {
        Deed::Put(_) | Deed::Change(_) | Deed::Suspend if !before.lives() => {
            return refuse(Code::RuleBroken, "This service is ended. Activate it first, or make a new one.");
        }
        Deed::Create(_) => {}
        Deed::Put(_) | Deed::Change(_) => {
            match &deed.deed {
                Deed::Put(new) => new.patch.apply_to(&mut after),
                Deed::Change(patch) => patch.apply_to(&mut after),
                _ => {}
            }
            if after.status != ServiceStatus::Suspended {
                after.status = after.in_use();
            }
        }
        Deed::Suspend => after.status = ServiceStatus::Suspended,
        Deed::Activate => {
            may_order(owner)?;
            if !before.lives() {
                has_room(world, before)?;
                after.ended_at = None;
            }
            after.status = after.in_use();
        }
        Deed::End => end(act, &mut after),
    }
    if after.differing(before).is_empty() {
        return Ok((Acted::Unchanged, Vec::new()));
    }
    let ends = !after.lives();
    let done = applied(owner, Some(before), &after);
    let mut services = vec![sealed(act, after)];
    if ends && before.parent.is_none() {
        for add_on in world.add_ons(before.id)? {
            let mut after = Service::clone(add_on);
            end(act, &mut after);
            services.push(sealed(act, after));
        }
    }
    Ok((done, services))
}

/// A service that is ended by this act, in its next version.
pub(super) fn ended(act: &Act, service: &Service) -> Service {
    let mut after = Service::clone(service);
    end(act, &mut after);
    sealed(act, after)
}

fn end(act: &Act, service: &mut Service) {
    if service.lives() {
        service.status = ServiceStatus::Ended;
        service.ended_at = Some(act.at);
    }
}

/// The next version of a service.
pub(super) fn sealed(act: &Act, mut after: Service) -> Service {
    after.revision += 1;
    after.changed_at = act.at;
    after
}

fn applied(owner: &Account, before: Option<&Arc<Service>>, after: &Service) -> Acted {
    let changed = before.map(|before| before.differing(after)).unwrap_or_default();
    Acted::Applied(Box::new(Applied {
        created: false,
        // Of the account, which stays as it is.
        revision: owner.revision,
        before: Some(Before::of(owner)),
        changed: changed.into_iter().map(str::to_owned).collect(),
        notes: Vec::new(),
    }))
}

/// As for orders of the platform.
pub(super) fn may_order(owner: &Account) -> Result<(), Stop> {
    match owner.standing.refuses_orders() {
        None => Ok(()),
        Some(why) => refuse(Code::RuleBroken, why),
    }
}

/// Whether one that ended may live again.
fn has_room(world: &World, service: &Service) -> Result<(), Stop> {
    room_in_account(world, service)?;
    match service.parent {
        Some(parent) => {
            let all = world.services_of(service.account)?;
            if !all.iter().any(|one| one.id == parent) {
                return refuse(Code::RuleBroken, "The subscription of this add-on is ended. Activate that first.");
            }
            room_in_subscription(world, parent)
        }
        None => Ok(()),
    }
}

fn room_in_account(world: &World, service: &Service) -> Result<(), Stop> {
    if world.services_of(service.account)?.len() >= MAX_SERVICES {
        return refuse(
            Code::RuleBroken,
            format!("This account has {MAX_SERVICES} services. End those that are no longer used first."),
        );
    }
    Ok(())
}

fn room_in_subscription(world: &World, parent: ServiceId) -> Result<(), Stop> {
    if world.add_ons(parent)?.len() >= MAX_ADD_ONS {
        return refuse(
            Code::RuleBroken,
            format!("This subscription has {MAX_ADD_ONS} add-ons. End one of them first."),
        );
    }
    Ok(())
}

fn made(world: &World, act: &Act, deed: &ServiceAct, new: &NewService) -> Result<Service, Stop> {
    let scope = &act.account.scope;
    let owner = living(world, &act.account)?;
    may_order(owner)?;
    let mut service = Service::unsaid(&act.account, owner.id, deed.service.clone(), act.at);
    room_in_account(world, &service)?;
    if let Some(name) = &new.parent {
        let found = world.service(scope, name.as_str())?.filter(|found| found.account == owner.id);
        let Some(parent) = found.filter(|found| found.lives() && found.parent.is_none()) else {
            return refuse(
                Code::RuleBroken,
                "The parent must be a subscription of the same account that is not ended, and no add-on itself.",
            );
        };
        room_in_subscription(world, parent.id)?;
        service.parent = Some(parent.id);
    }
    if let Some(id) = &new.platform_id
        && world.service(scope, id.as_str())?.is_some()
    {
        return refuse(Code::Conflict, "Another service of this source and tenant has this platform ID.");
    }
    service.platform_id.clone_from(&new.platform_id);
    new.patch.apply_to(&mut service);
    service.status = service.in_use();
    Ok(sealed(act, service))
}
