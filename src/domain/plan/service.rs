//! An order of a service: the account that comes with it is synchronized as by a Synchronize, then the service is made,
//! changed or ended, and all of it is one thing. What refuses one part refuses the other.

use std::sync::Arc;

use super::{Planned, Stop, is_before_erasure, is_stale, synchronize};
use crate::domain::account::{EventStamp, Standing};
use crate::domain::call::Call;
use crate::domain::ids::{AccountId, AccountKey, ExternalId, ServiceId};
use crate::domain::outcome::{Answer, Code, Outcome};
use crate::domain::policy::SourcePolicy;
use crate::domain::service::order::{AddOn, Order, Verb};
use crate::domain::service::{MAX_ADD_ONS, MAX_SERVICES, Service, ServiceStatus, derived_external_id};
use crate::domain::world::{Need, World};

/// Plans an order.
pub(super) fn plan(world: &World, policy: &SourcePolicy, call: &Call, order: &Order) -> Result<Planned, Need> {
    let key = call.key(&order.account.id);
    let before = world.account(&key)?;
    let late = before.is_some_and(|before| is_stale(call, before));
    let erased = before.is_some_and(|before| is_before_erasure(call, before));
    let gone = before.filter(|before| !before.is_active());
    if let Some(gone) = gone
        && late
        && (erased || !order.verb.withdraws())
    {
        return Ok(stale(gone.id, order, &format!("the account shows second {}", gone.event.second)));
    }
    // What is late of the account may still be news of a service, and what takes a service away wakes nobody up.
    let mut planned = match before {
        Some(before) if late || (gone.is_some() && order.verb.withdraws()) => {
            Planned::answering(Outcome::Unchanged, Answer::done("", "")).about(Some(before.id))
        }
        _ => synchronize::plan(world, policy, call, &order.account)?,
    };
    if planned.outcome == Outcome::Rejected {
        return Ok(planned);
    }
    let owner = planned.account.unwrap_or(AccountId(0));
    // What is late changes nothing, so that is said first; whoever may not order may still give back.
    // One that was made here and is adopted with its first order has a standing, too.
    let standing = before.map(|before| before.standing).or(planned.change.as_ref().map(|change| change.after.standing));
    let forbidden = standing.filter(|_| !order.verb.withdraws()).and_then(Standing::refuses_orders);
    let adopted = planned.change.as_ref().and_then(|change| change.adopted.clone());
    let decided = decide(world, call, order, &key, owner, adopted.as_ref()).and_then(|decided| match (decided, forbidden) {
        (Decided::Done(_), Some(why)) => refuse(Code::RuleBroken, why),
        (Decided::Done(done), None) if world.is_crowded(&done.services)? => Err(Stop::Refuse(
            Code::RuleBroken,
            format!("This account has {MAX_SERVICES} services. Cancel those that are no longer used first, then order again."),
        )),
        (decided, _) => Ok(decided),
    });
    match decided {
        Ok(Decided::Stale(second)) => {
            Ok(stale_behind(before.map(|before| before.id), order, &format!("the service shows second {second}")))
        }
        Ok(Decided::Done(done)) => {
            let changes = done.services.iter().any(|(_, changed)| *changed);
            if changes {
                planned.outcome = Outcome::Applied;
            }
            let message = message(order.verb, changes, done.created);
            planned.answer = Answer::done(message, done.result.as_str());
            if done.moved_here {
                planned.trace.push(MOVED_HERE.into());
            }
            planned.services = done.services.into_iter().map(|(service, _)| service).collect();
            Ok(planned)
        }
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, message)) => {
            let mut refused = Planned::answering(Outcome::Rejected, Answer::refused(code, message));
            refused.account = before.map(|before| before.id);
            refused.classification = planned.classification;
            refused.trace = planned.trace;
            Ok(refused)
        }
    }
}

fn stale(account: AccountId, order: &Order, why: &str) -> Planned {
    stale_behind(Some(account), order, why)
}

fn stale_behind(account: Option<AccountId>, order: &Order, why: &str) -> Planned {
    let mut answer = Answer::done("Older than what is known; recorded, nothing changed.", "");
    answer.result = order.id.as_ref().map(ToString::to_string);
    let mut planned = Planned::answering(Outcome::Stale, answer).about(account);
    planned.trace.push(why.to_owned().into());
    planned
}

fn message(verb: Verb, changes: bool, created: bool) -> &'static str {
    if !changes {
        return "Subscription is up to date.";
    }
    match verb {
        Verb::Create if created => "Subscription created.",
        Verb::Create | Verb::Update => "Subscription updated.",
        Verb::Cancel => "Subscription cancelled.",
        Verb::Suspend => "Subscription suspended.",
        Verb::Activate => "Subscription activated.",
        Verb::UpgradeToPaid => "Subscription upgraded.",
        Verb::CreateAddOns => "Add-ons created.",
        Verb::UpdateAddOns => "Add-ons updated.",
        Verb::CancelAddOns => "Add-ons cancelled.",
    }
}

/// Kept with an order that comes under the account that an operator took the subscription from.
const MOVED_HERE: &str = "the subscription was moved to another account by an operator and stays there";

enum Decided {
    /// The service shows something that happened at this second, or later than the call.
    Stale(i64),
    Done(Done),
}

/// What an order comes to.
struct Done {
    /// The subscription's ExternalID.
    result: ExternalId,
    /// Whether the subscription is new.
    created: bool,
    /// Whether an operator gave the subscription to another account than the one that the order names.
    moved_here: bool,
    /// The services as they are to be, the subscription first, and whether each shows anything else than before.
    services: Vec<(Service, bool)>,
}

fn refuse<T>(code: Code, message: &str) -> Result<T, Stop> {
    Err(Stop::Refuse(code, message.to_owned()))
}

fn decide(
    world: &World,
    call: &Call,
    order: &Order,
    key: &AccountKey,
    owner: AccountId,
    adopted: Option<&AccountKey>,
) -> Result<Decided, Stop> {
    let found = find(world, call, order, key, adopted)?.cloned();
    // With its account it comes under the platform's source.
    let found = found.map(|service| match service.scope == call.scope {
        true => service,
        false => Arc::new(Service { scope: call.scope.clone(), ..Service::clone(&service) }),
    });
    let Some(before) = found else {
        if order.verb != Verb::Create {
            return refuse(
                Code::UnknownAccount,
                "This subscription is not known. Call Subscriptions/Create first, and send its Result as ID ever after.",
            );
        }
        let mut service = Service::unsaid(key, owner, new_external_id(call, order, key), call.received_at);
        service.platform_id.clone_from(&order.platform_id);
        order.patch.apply_to(&mut service);
        service.status = service.in_use();
        let result = service.external_id.clone();
        let services = vec![(seal(call, None, service), true)];
        let mut done = Done { result, created: true, moved_here: false, services };
        add_ons(world, call, order, key, &mut done, None)?;
        return Ok(Decided::Done(done));
    };
    let moved_here = before.account != owner && before.reported_account == Some(owner);
    if (before.account != owner && !moved_here) || before.parent.is_some() {
        return refuse(
            Code::RuleBroken,
            if before.parent.is_some() {
                "This ID is an add-on's. Send the ID of its subscription, and the add-on in \"Addons\"."
            } else {
                "This subscription belongs to another account. Send the account that bought it, or have the vendor move it."
            },
        );
    }
    let keeper = if moved_here { world.keep(&before)? } else { Standing::Enabled };
    if is_stale_for(call, &before) {
        return Ok(Decided::Stale(before.event.second));
    }
    if let Some(why) = keeper.refuses_orders().filter(|_| !order.verb.withdraws()) {
        return refuse(Code::RuleBroken, why);
    }
    let mut after = Service::clone(&before);
    match order.verb {
        Verb::Create => {
            order.patch.apply_to(&mut after);
            if order.platform_id.is_some() {
                after.platform_id.clone_from(&order.platform_id);
            }
            if !before.lives() {
                after.ended_at = None;
                after.status = after.in_use();
            }
        }
        Verb::Update | Verb::UpgradeToPaid => {
            living(&before)?;
            order.patch.apply_to(&mut after);
            if order.verb == Verb::UpgradeToPaid {
                after.trial = false;
            }
        }
        Verb::Cancel => end(call, &mut after),
        Verb::Suspend => {
            living(&before)?;
            after.status = ServiceStatus::Suspended;
        }
        Verb::Activate => {
            living(&before)?;
            after.status = after.in_use();
        }
        Verb::CreateAddOns | Verb::UpdateAddOns => living(&before)?,
        Verb::CancelAddOns => {}
    }
    if matches!(after.status, ServiceStatus::Active | ServiceStatus::Trial) {
        after.status = after.in_use();
    }
    if !moved_here {
        // The platform says the same by now.
        after.reported_account = None;
    }
    let mut done = Done { result: before.external_id.clone(), created: false, moved_here, services: Vec::new() };
    if order.verb.is_of_add_ons() {
        // The subscription itself is not what this is about, and its own time stays.
        add_ons(world, call, order, key, &mut done, Some(&before))?;
        return Ok(Decided::Done(done));
    }
    let changed = !after.differing(&before).is_empty();
    let ends = before.lives() && !after.lives();
    done.services.push((seal(call, Some(&before), after), changed));
    if ends {
        for add_on in world.add_ons(before.id)? {
            let mut after = Service::clone(add_on);
            end(call, &mut after);
            done.services.push((seal(call, Some(add_on), after), true));
        }
    } else if order.verb == Verb::Create || order.verb == Verb::Update {
        add_ons(world, call, order, key, &mut done, Some(&before))?;
    }
    Ok(Decided::Done(done))
}

/// The subscription that an order names: by `ID`, then by `SubscriptionID`; a Create without either is the same one as
/// an equal Create before it.
fn find<'w>(
    world: &'w World,
    call: &Call,
    order: &Order,
    key: &AccountKey,
    adopted: Option<&AccountKey>,
) -> Result<Option<&'w Arc<Service>>, Stop> {
    let named = |name: &str| -> Result<Option<&'w Arc<Service>>, Stop> {
        match (world.service(&call.scope, name)?, adopted) {
            // What its account had while it was made here.
            (None, Some(was)) => Ok(world.service(&was.scope, name)?),
            (found, _) => Ok(found),
        }
    };
    let by_id = match &order.id {
        Some(id) => named(id.as_str())?,
        None => None,
    };
    let by_platform_id = match &order.platform_id {
        Some(id) => named(id.as_str())?,
        None => None,
    };
    match (by_id, by_platform_id) {
        (Some(one), Some(other)) if one.id != other.id => {
            refuse(Code::Conflict, "ID and SubscriptionID name different subscriptions. Correct one of them.")
        }
        (Some(found), _) | (None, Some(found)) => Ok(Some(found)),
        (None, None) if order.verb == Verb::Create && order.id.is_none() => {
            Ok(world.service(&call.scope, new_external_id(call, order, key).as_str())?)
        }
        (None, None) => Ok(None),
    }
}

/// The ExternalID of a new subscription: the one that the platform holds already, or one made of what tells it from
/// others, so that the same Create gives the same one wherever and whenever it is read.
fn new_external_id(call: &Call, order: &Order, key: &AccountKey) -> ExternalId {
    match (&order.id, &order.platform_id) {
        (Some(id), _) => id.clone(),
        (None, Some(id)) => derived_external_id(key, "subscription", id.as_str()),
        (None, None) => derived_external_id(key, "create", &hex(&call.request.digest)),
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// As for accounts: a live call is never late.
fn is_stale_for(call: &Call, service: &Service) -> bool {
    let goes_on = || {
        call.again.is_some_and(|again| {
            let behind = |shown: crate::domain::ids::DeliveryId| {
                shown.row().chain() == again.original.row().chain() && shown < again.original
            };
            again.accept || service.last_delivery.is_some_and(behind)
        })
    };
    call.replayed
        && (call.event_second < service.event.second
            || (call.event_second == service.event.second && service.event.live && !goes_on()))
}

fn living(service: &Service) -> Result<(), Stop> {
    if service.lives() {
        return Ok(());
    }
    refuse(
        Code::RuleBroken,
        "This subscription is cancelled. Order it anew with Subscriptions/Create; only a Cancel of it is taken.",
    )
}

fn end(call: &Call, service: &mut Service) {
    if service.lives() {
        service.status = ServiceStatus::Ended;
        service.ended_at = Some(call.event_second.saturating_mul(1_000_000));
    }
}

/// The new version with its time, and with the next revision where it shows anything else.
fn seal(call: &Call, before: Option<&Arc<Service>>, mut after: Service) -> Service {
    let differs = before.is_none_or(|before| !after.differing(before).is_empty());
    let stamp = EventStamp { second: call.event_second, live: !call.replayed };
    after.event = match before {
        Some(before) if before.event.second > call.event_second => {
            EventStamp { second: before.event.second, live: before.event.live || !call.replayed }
        }
        _ => stamp,
    };
    if differs {
        after.revision += 1;
        after.changed_at = call.received_at;
    }
    after
}

/// Makes, changes or ends the add-ons that an order names. `parent` is none where the subscription is new.
fn add_ons(
    world: &World,
    call: &Call,
    order: &Order,
    key: &AccountKey,
    done: &mut Done,
    parent: Option<&Arc<Service>>,
) -> Result<(), Stop> {
    let named: Vec<&AddOn> = order.add_ons.iter().filter(|add_on| !add_on.listed_only).collect();
    if named.is_empty() {
        if order.verb.is_of_add_ons() {
            return refuse(
                Code::Malformed,
                "The call orders no add-on: send those that it is about in \"Addons\", with another ActionType than None.",
            );
        }
        return Ok(());
    }
    let owner = done.services.first().map_or_else(|| parent.map_or(AccountId(0), |p| p.account), |(s, _)| s.account);
    let mut living = parent.map_or(Ok(0), |parent| world.add_ons(parent.id).map(|add_ons| add_ons.len()))?;
    let mut seen: Vec<ExternalId> = Vec::with_capacity(named.len());
    for add_on in named {
        let Some(external_id) = name_of(add_on, key, &done.result) else {
            return refuse(
                Code::Malformed,
                "An add-on has neither ID nor ProductID nor Name, so it cannot be told apart.",
            );
        };
        if seen.contains(&external_id) {
            return refuse(Code::Malformed, "\"Addons\" names the same add-on twice. Send its Quantity instead.");
        }
        let mut found = world.service(&call.scope, external_id.as_str())?;
        if found.is_none() && add_on.id.is_some() {
            // The platform may not keep what it was told of add-ons, and send an ID of its own.
            let unnamed = AddOn { id: None, ..add_on.clone() };
            if let Some(derived) = name_of(&unnamed, key, &done.result) {
                found = world.service(&call.scope, derived.as_str())?;
            }
        }
        seen.push(external_id.clone());
        let Some(before) = found else {
            if order.verb == Verb::CancelAddOns || order.verb == Verb::UpdateAddOns {
                return refuse(Code::UnknownAccount, "This subscription has no such add-on. Call Addons/Create first.");
            }
            living += 1;
            if living > MAX_ADD_ONS {
                return refuse(Code::RuleBroken, "This subscription has 500 add-ons. Cancel one of them first.");
            }
            let mut service = Service::unsaid(key, owner, external_id, call.received_at);
            service.parent = Some(parent.map_or(ServiceId::UNISSUED, |parent| parent.id));
            add_on.patch.apply_to(&mut service);
            service.status = service.in_use();
            done.services.push((seal(call, None, service), true));
            continue;
        };
        if before.parent.is_none() || before.parent != parent.map(|parent| parent.id) {
            return refuse(Code::RuleBroken, "An add-on belongs to another subscription. Send the ID of that one.");
        }
        if is_stale_for(call, before) {
            continue;
        }
        let mut after = Service::clone(before);
        match order.verb {
            Verb::CancelAddOns => end(call, &mut after),
            Verb::UpdateAddOns if !before.lives() => {
                return refuse(Code::RuleBroken, "This add-on is cancelled. Order it anew with Addons/Create.");
            }
            _ => {
                add_on.patch.apply_to(&mut after);
                if !before.lives() {
                    after.ended_at = None;
                }
                after.status = if before.status == ServiceStatus::Suspended { before.status } else { after.in_use() };
            }
        }
        let changed = !after.differing(before).is_empty();
        done.services.push((seal(call, Some(before), after), changed));
    }
    Ok(())
}

/// The ExternalID of an add-on: as sent, or made of its subscription and its product; none where nothing tells it apart.
fn name_of(add_on: &AddOn, key: &AccountKey, subscription: &ExternalId) -> Option<ExternalId> {
    let said =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    match &add_on.id {
        Some(id) => Some(id.clone()),
        None => {
            let product = said(&add_on.patch.plan).or_else(|| said(&add_on.patch.name))?;
            Some(derived_external_id(key, subscription.as_str(), &product))
        }
    }
}
