//! Moves as acts: what a look allows is done, all of it in one plan.

use std::collections::HashMap;
use std::sync::Arc;

use super::place::{assign, follow_partner, hold, refuse};
use super::plan::finish;
use super::service::sealed;
use super::{Act, Acted, Applied, PlannedAct};
use crate::domain::ids::{MoveId, ServiceId, UserId};
use crate::domain::moves::{
    Basis, Fate, Look, Move, MoveState, Moving, Refusal, Side, UserFate, UserLook, UserVerdict, UsersMoving,
    is_settled, seen, users_seen,
};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::policy::SourcePolicy;
use crate::domain::provisioning::{ItemKind, MAX_ITEMS, NewItem, NewRequest, PlanAt, RequestCause};
use crate::domain::relation::Turn;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::domain::world::{Moved, World};

/// Refuses with the first of what is in the way, and says how much more is.
fn first_of(refusals: &[Refusal]) -> Result<(), Stop> {
    match refusals {
        [] => Ok(()),
        [only] => refuse(only.code, only.message.clone()),
        [first, rest @ ..] => refuse(
            first.code,
            format!("{} There are {} more reasons; preview the move to see them.", first.message, rest.len()),
        ),
    }
}

fn unchanged_since(basis: Option<&Basis>, now: impl FnOnce() -> Basis) -> Result<(), Stop> {
    let changed = basis.map(|basis| basis.differing(&now())).unwrap_or_default();
    if changed.is_empty() {
        return Ok(());
    }
    refuse(
        Code::Conflict,
        format!("Since the preview something changed: {}. Preview the move again, then decide.", changed.join(", ")),
    )
}

/// Plans the move of a customer, or the request for one.
pub(super) fn plan(
    world: &World,
    policy: &SourcePolicy,
    act: &Act,
    moving: &Moving,
    turn: Turn,
) -> Result<PlannedAct, Stop> {
    if moving.basis.is_none() && is_settled(world, &act.account, moving)? {
        let account = world.account(&act.account)?.map(|account| account.id);
        return Ok(PlannedAct::idle(account, Acted::Unchanged));
    }
    let look = seen(world, &act.account, moving)?;
    let account = Some(look.customer.id);
    if look.already {
        return Ok(PlannedAct::idle(account, Acted::Unchanged));
    }
    unchanged_since(moving.basis.as_ref(), || look.basis())?;
    if let Some(side) = moving.request {
        return request(act, moving, look, side);
    }
    first_of(&look.all_refusals())?;
    let before = look.customer.as_ref();
    let mut notes = Vec::new();
    let mut after = assign(world, before, moving.reseller.as_ref(), turn)?;
    hold(before, &mut after);
    let passed = follow_partner(world, policy, Some(before), &mut after, turn, &mut notes)?;
    let (acted, change) = finish(world, Some(before), after, passed, turn, notes)?;
    let services = moved_services(&look, act);
    // Counted before they are made.
    if look.services.len() + look.users.iter().map(|user| user.services.len()).sum::<usize>() >= MAX_ITEMS {
        return refuse(
            Code::RuleBroken,
            format!("More than {MAX_ITEMS} things would have to be provisioned again. Move some of its users first."),
        );
    }
    let items = items(&look);
    let provisioning = (!items.is_empty()).then(|| NewRequest {
        reason: moving.reason.clone(),
        ..NewRequest::new(before.id, RequestCause::Move, act.at, items)
    });
    let record = record(world, act, moving, &look);
    Ok(PlannedAct {
        change: change.map(Box::new),
        services,
        moved: Moved { record: Some(record), provisioning },
        ..PlannedAct::idle(account, acted)
    })
}

/// The move as it is kept.
fn record(world: &World, act: &Act, moving: &Moving, look: &Look) -> Move {
    let accepted = moving.accepts.and_then(|id| world.requested(id));
    if let Some(requested) = accepted {
        return Move {
            state: MoveState::Done,
            decided_by: Some(moving.by.clone()),
            decision: moving.reason.clone(),
            decided_at: Some(act.at),
            choices: moving.choices.clone(),
            ..requested.clone()
        };
    }
    Move {
        id: MoveId(0),
        customer: look.customer.id,
        from: look.customer.reseller.as_ref().and_then(|held| held.reseller_account),
        to: look.reseller.as_ref().map(|reseller| reseller.id),
        state: MoveState::Done,
        side: None,
        by: moving.by.clone(),
        reason: moving.reason.clone(),
        at: act.at,
        decided_by: None,
        decision: None,
        decided_at: None,
        choices: moving.choices.clone(),
        provisioning: None,
    }
}

/// Plans a request: what is to be chosen may be left to the other side.
fn request(act: &Act, moving: &Moving, look: Look, side: Side) -> Result<PlannedAct, Stop> {
    first_of(&look.refusals)?;
    let blocked: Vec<Refusal> = look
        .verdicts
        .iter()
        .filter(|verdict| matches!(verdict.fate, Fate::Blocked { .. }))
        .filter_map(|verdict| verdict.refusal(&verdict.service.to_string()))
        .collect();
    if side == Side::From {
        // The other side does not see what a customer has that is not its own.
        first_of(&blocked)?;
    }
    let applied = Applied {
        created: false,
        revision: look.customer.revision,
        before: None,
        changed: vec!["move".to_owned()],
        notes: Vec::new(),
    };
    let record = Move {
        id: MoveId(0),
        customer: look.customer.id,
        from: look.customer.reseller.as_ref().and_then(|held| held.reseller_account),
        to: look.reseller.as_ref().map(|reseller| reseller.id),
        state: MoveState::Requested,
        side: Some(side),
        by: moving.by.clone(),
        reason: moving.reason.clone(),
        at: act.at,
        decided_by: None,
        decision: None,
        decided_at: None,
        choices: moving.choices.clone(),
        provisioning: None,
    };
    Ok(PlannedAct {
        moved: Moved { record: Some(record), provisioning: None },
        ..PlannedAct::idle(Some(look.customer.id), Acted::Applied(Box::new(applied)))
    })
}

/// The services that are on another plan or elsewhere from now on.
fn moved_services(look: &Look, act: &Act) -> Vec<Service> {
    let moved = look.services.iter().zip(&look.verdicts).filter_map(|(service, verdict)| {
        let Fate::Goes { plan, location } = &verdict.fate else { return None };
        if *plan == service.plan && *location == service.location {
            return None;
        }
        let mut after = Service::clone(service);
        (after.plan, after.location) = (plan.clone(), location.clone());
        Some(sealed(act, after))
    });
    moved.collect()
}

/// What the vendor's systems have to do: the directory, a service for each of its users, and services that nobody has.
fn items(look: &Look) -> Vec<NewItem> {
    let mut items = Vec::new();
    let ou = |seller: &Option<Arc<crate::domain::offer::Seller>>| {
        seller.as_ref().and_then(|seller| seller.directory_ou.clone())
    };
    let (from_ou, to_ou) = (ou(&look.from), ou(&look.to));
    if from_ou != to_ou {
        items.push(NewItem::directory(from_ou, to_ou));
    }
    let mut having: HashMap<ServiceId, Vec<UserId>> = HashMap::new();
    for user in &look.users {
        for service in &user.services {
            having.entry(*service).or_default().push(user.id);
        }
    }
    for (service, verdict) in look.services.iter().zip(&look.verdicts) {
        let Fate::Goes { plan, location } = &verdict.fate else { continue };
        let (from, to) = (PlanAt::new(&service.plan, &service.location), PlanAt::new(plan, location));
        let Some(users) = having.get(&service.id) else {
            items.push(NewItem::new(ItemKind::Service { service: service.id }, from, to));
            continue;
        };
        for user in users {
            let kind = ItemKind::User { user: *user, service: service.id };
            items.push(NewItem::new(kind, from.clone(), to.clone()));
        }
    }
    items
}

/// Plans the move of users.
pub(super) fn plan_users(world: &World, act: &Act, moving: &UsersMoving) -> Result<PlannedAct, Stop> {
    let look = users_seen(world, &act.account, moving)?;
    unchanged_since(moving.basis.as_ref(), || look.basis)?;
    first_of(&look.all_refusals())?;
    let Some(to) = look.to.as_ref() else {
        return refuse(Code::UnknownAccount, "The customer that the users are to come to is not known.");
    };
    let (users, items) = settled(&look, to.id, act.at);
    if items.len() > MAX_ITEMS {
        return refuse(Code::RuleBroken, format!("More than {MAX_ITEMS} services of users. Move fewer users at once."));
    }
    let applied = Applied {
        created: false,
        revision: look.from.revision,
        before: None,
        changed: vec!["users".to_owned()],
        notes: Vec::new(),
    };
    let provisioning = (!items.is_empty()).then(|| NewRequest {
        reason: moving.reason.clone(),
        ..NewRequest::new(to.id, RequestCause::Users, act.at, items)
    });
    Ok(PlannedAct {
        users,
        moved: Moved { record: None, provisioning },
        ..PlannedAct::idle(Some(look.from.id), Acted::Applied(Box::new(applied)))
    })
}

/// The users as they are to be, and what has to be provisioned for them.
fn settled(look: &UserLook, to: crate::domain::ids::AccountId, at: i64) -> (Vec<User>, Vec<NewItem>) {
    let mut items = Vec::new();
    let mut of_user: HashMap<UserId, Vec<&UserVerdict>> = HashMap::with_capacity(look.users.len());
    for verdict in &look.verdicts {
        of_user.entry(verdict.user).or_default().push(verdict);
    }
    let users = look.users.iter().map(|user| {
        let mut services = Vec::new();
        for verdict in of_user.get(&user.id).into_iter().flatten() {
            let UserFate::Becomes(service) = verdict.fate else { continue };
            let at = |id: ServiceId| {
                look.services.get(&id).map(|one| PlanAt::new(&one.plan, &one.location)).unwrap_or_default()
            };
            items.push(NewItem::new(ItemKind::User { user: user.id, service }, at(verdict.service), at(service)));
            services.push(service);
        }
        services.sort_unstable();
        services.dedup();
        User { account: to, services, ..User::clone(user) }.sealed(at)
    });
    let users = users.collect();
    items.sort_by_key(|item| (item.kind.user(), item.kind.service()));
    items.dedup_by_key(|item| (item.kind.user(), item.kind.service()));
    (users, items)
}
