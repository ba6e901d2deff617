//! The exact list of an account's entitlements: decided on what the account has when the list is written, so that of two
//! lists the later one holds as it is.

use std::collections::BTreeSet;

use super::place::{living, refuse};
use super::plan::expected;
use super::service::{ended, may_order, sealed};
use super::{Act, Acted, Applied, Before, PlannedAct};
use crate::domain::account::Account;
use crate::domain::ids::{AccountKey, ExternalId};
use crate::domain::msp::Entitlement;
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::service::{MAX_SERVICES, Service, ServiceKind, derived_external_id};
use crate::domain::world::{Need, World};

/// Most services that may have had the name of an entitlement before and are somebody else's by now.
const MAX_ATTEMPTS: u32 = 16;

/// What the service that stands for an entitlement is called: by the account's triple, so that an entitlement that comes
/// back is the same service again.
pub(in crate::domain) fn named(account: &AccountKey, one: &Entitlement, attempt: u32) -> ExternalId {
    let name = match attempt {
        1 => format!("{}:{}", one.id, one.serial_number),
        attempt => format!("{}:{}:{attempt}", one.id, one.serial_number),
    };
    derived_external_id(account, "entitlement", &name)
}

/// Plans one.
pub(super) fn plan(world: &World, act: &Act, wanted: &BTreeSet<Entitlement>) -> Result<PlannedAct, Need> {
    let account = world.account(&act.account)?.map(|account| account.id);
    match decide(world, act, wanted) {
        Ok((acted, services)) => Ok(PlannedAct { services, ..PlannedAct::idle(account, acted) }),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => Ok(PlannedAct::idle(account, Acted::Refused { code, message })),
    }
}

fn decide(world: &World, act: &Act, wanted: &BTreeSet<Entitlement>) -> Result<(Acted, Vec<Service>), Stop> {
    expected(act, world.account(&act.account)?.map(AsRef::as_ref))?;
    let owner = living(world, &act.account)?;
    let held = world.services_of(owner.id)?;
    let (mut services, mut missing) = (Vec::new(), wanted.clone());
    for service in held.iter().filter(|service| service.kind == ServiceKind::Entitlement) {
        let Some(one) = Entitlement::of_attributes(&service.attributes) else { continue };
        // One that is held twice is listed once, and the later of the two ends.
        if !missing.remove(&one) {
            services.push(ended(act, service));
        }
    }
    let stay = held.len() - services.len();
    if stay + missing.len() > MAX_SERVICES {
        return refuse(
            Code::RuleBroken,
            format!(
                "This account would have more than {MAX_SERVICES} services. End those that are no longer used first."
            ),
        );
    }
    if !missing.is_empty() {
        may_order(owner)?;
    }
    for one in &missing {
        services.push(begun(world, act, owner, one)?);
    }
    if services.is_empty() {
        return Ok((Acted::Unchanged, services));
    }
    let applied = Applied {
        created: false,
        // Of the account, which stays as it is.
        revision: owner.revision,
        before: Some(Before::of(owner)),
        changed: vec!["services".to_owned()],
        notes: Vec::new(),
    };
    Ok((Acted::Applied(Box::new(applied)), services))
}

/// The service that stands for an entitlement: a new one, or the one that stood for it before.
fn begun(world: &World, act: &Act, owner: &Account, one: &Entitlement) -> Result<Service, Stop> {
    for attempt in 1..=MAX_ATTEMPTS {
        let name = named(&act.account, one, attempt);
        let mut service = match world.service(&act.account.scope, name.as_str())? {
            None => Service::unsaid(&act.account, owner.id, name, act.at),
            Some(before) if before.account == owner.id && !before.lives() && before.parent.is_none() => {
                Service { ended_at: None, ..Service::clone(before) }
            }
            // Somebody else's by now, or changed into something else.
            Some(_) => continue,
        };
        service.kind = ServiceKind::Entitlement;
        service.name.clone_from(&one.id);
        service.attributes = one.attributes();
        service.status = service.in_use();
        return Ok(sealed(act, service));
    }
    refuse(Code::Conflict, "Too many services have had the name of this entitlement. Rename or move those first.")
}
