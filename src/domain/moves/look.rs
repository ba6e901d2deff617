//! Everything that a move rests on, looked at once.

use std::sync::Arc;

use super::offered::{Verdict, assess};
use super::{Basis, MAX_CHOICES, Moving, Refusal, Side};
use crate::domain::account::{Account, AccountKind, AccountStatus, Standing};
use crate::domain::ids::{AccountKey, MoveId};
use crate::domain::offer::Seller;
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::service::Service;
use crate::domain::user::User;
use crate::domain::world::{Need, Reference, World};

/// A move as it looks now.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Who would be moved.
    pub customer: Arc<Account>,
    /// Its new reseller, if there is such a one.
    pub reseller: Option<Reference>,
    /// Whether it is that one's customer already, or nobody's where it is to be nobody's.
    pub already: bool,
    /// What is in the way, besides its services.
    pub refusals: Vec<Refusal>,
    /// Its services that are not ended, in the order of their ids.
    pub services: Vec<Arc<Service>>,
    /// What becomes of them, in the same order; none where a choice is for none of them.
    pub verdicts: Vec<Verdict>,
    /// Its users that are not ended, in the order of their ids.
    pub users: Vec<Arc<User>>,
    /// Who sells to it now; none for a customer of nobody.
    pub from: Option<Arc<Seller>>,
    /// Who would sell to it; none for a customer of nobody.
    pub to: Option<Arc<Seller>>,
}

impl Look {
    /// What this look was of.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis::of(
            &self.customer,
            self.reseller.as_ref().map(|found| found.id),
            self.to.as_ref().map_or(0, |seller| seller.offers.revision),
            self.services.iter().map(AsRef::as_ref),
            self.users.iter().map(AsRef::as_ref),
        )
    }

    /// What a service is called to people: its id where it has no name.
    #[must_use]
    pub fn called(&self, service: &Service) -> String {
        if service.name.is_empty() { service.id.to_string() } else { service.name.clone() }
    }

    /// All that is in the way, services last.
    #[must_use]
    pub fn all_refusals(&self) -> Vec<Refusal> {
        let of_services = self
            .verdicts
            .iter()
            .zip(&self.services)
            .filter_map(|(verdict, service)| verdict.refusal(&self.called(service)));
        self.refusals.iter().cloned().chain(of_services).collect()
    }
}

fn refusal(code: Code, message: impl Into<String>) -> Refusal {
    Refusal { code, message: message.into() }
}

/// Looks at the move of an account. A [`Refusal`] is where there is nothing to look at: an account that is not known, or
/// that has too much.
///
/// # Errors
/// [`Need`] names what must be looked up first.
pub fn look(world: &World, key: &AccountKey, moving: &Moving) -> Result<Result<Look, Refusal>, Need> {
    told(seen(world, key, moving))
}

/// Tells what is refused from what must be looked up.
pub(super) fn told<T>(seen: Result<T, Stop>) -> Result<Result<T, Refusal>, Need> {
    match seen {
        Ok(look) => Ok(Ok(look)),
        Err(Stop::Refuse(code, message)) => Ok(Err(Refusal { code, message })),
        Err(Stop::Need(need)) => Err(need),
    }
}

/// As [`look`], for the planner.
pub(in crate::domain) fn seen(world: &World, key: &AccountKey, moving: &Moving) -> Result<Look, Stop> {
    let Some(customer) = world.account(key)?.cloned() else {
        return Err(Stop::Refuse(
            Code::UnknownAccount,
            "This account is not known. Import it or have it synchronized first.".to_owned(),
        ));
    };
    let mut refusals = in_the_way_of(&customer);
    let reseller = match &moving.reseller {
        None => None,
        Some(named) => {
            let found = world.reference(named)?;
            refusals.extend(in_the_way_at(&customer, named, found.as_ref()));
            found
        }
    };
    let held = customer.reseller.as_ref();
    let from = match held.and_then(|held| held.reseller_account) {
        Some(id) => Some(world.seller(id)?.clone()),
        None => None,
    };
    let to = match &reseller {
        Some(found) if found.key.scope.meets(&key.scope) => Some(world.seller(found.id)?.clone()),
        _ => None,
    };
    let already = customer.is_active()
        && customer.kind != AccountKind::Reseller
        && match (&moving.reseller, &reseller) {
            (None, _) => customer.kind == AccountKind::DirectCustomer && held.is_none(),
            (Some(_), Some(found)) => held.is_some_and(|held| held.reseller_account == Some(found.id)),
            (Some(_), None) => false,
        };
    if already {
        refusals.push(refusal(
            Code::RuleBroken,
            match moving.reseller {
                Some(_) => "The account is a customer of this reseller already. There is nothing to move.",
                None => "The account is a customer of no reseller already. There is nothing to move.",
            },
        ));
    }
    let under_way = world.under_way(customer.id)?;
    let present = held.and_then(|held| held.reseller_account);
    // One that the customer went away from in another way stands in nobody's way.
    let waits = |id: &MoveId| world.requested(*id).is_none_or(|one| one.from == present);
    if let Some(id) = under_way.requested.filter(|id| moving.accepts != Some(*id)).filter(waits) {
        refusals.push(refusal(
            Code::RuleBroken,
            format!("A move of this customer is under way: request {id} waits for the other side. Have it accepted, declined or withdrawn first."),
        ));
    }
    // Who was asked sees what the customer has as long as the request stands; where it went since is not theirs to see.
    if let Some(accepted) = moving.accepts.filter(|id| under_way.requested != Some(*id)) {
        return Err(Stop::Refuse(
            Code::Conflict,
            format!("The request {accepted} is not open any longer. Look at it again."),
        ));
    }
    if let Some(one) = moving.accepts.and_then(|id| world.requested(id))
        && one.from != present
    {
        return Err(Stop::Refuse(
            Code::Conflict,
            "The customer is no longer with the reseller that it was to leave. Decline the request.".to_owned(),
        ));
    }
    if under_way.at_work {
        refusals.push(refusal(
            Code::RuleBroken,
            "The provisioner is at work on this customer. Try again when that is done, or cancel its provisioning request.",
        ));
    }
    let bounded = moving.choices.list.len() <= MAX_CHOICES;
    if !bounded {
        refusals.push(refusal(Code::RuleBroken, format!("More than {MAX_CHOICES} choices. Choose by plan.")));
    }
    let services: Vec<Arc<Service>> = world.services_of(customer.id)?.into_iter().cloned().collect();
    let users: Vec<Arc<User>> = world.users_of(customer.id)?.into_iter().cloned().collect();
    let all: Vec<&Service> = services.iter().map(AsRef::as_ref).collect();
    // Services of one whose new reseller is none were not assessed against anything.
    let assessable = moving.reseller.is_none() || to.is_some();
    // Who would get a customer learns nothing of what it has by asking for it.
    let shown = moving.request != Some(Side::To);
    let verdicts = if assessable && bounded && shown && refusals.iter().all(|one| one.code != Code::UnknownAccount) {
        assess(&all, to.as_ref().map(|seller| &seller.offers), &moving.choices).unwrap_or_else(|refused| {
            refusals.push(refused);
            Vec::new()
        })
    } else {
        Vec::new()
    };
    Ok(Look { customer, reseller, already, refusals, services, verdicts, users, from, to })
}

/// What is in the way at the account itself.
fn in_the_way_of(customer: &Account) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if customer.erased_second.is_some() {
        refusals.push(refusal(Code::Conflict, "The account was erased. An erased account is not moved."));
    } else if !customer.is_active() {
        refusals.push(refusal(Code::Conflict, "The account is deleted. Bring it back first, then move it."));
    }
    if customer.kind == AccountKind::Reseller {
        refusals.push(refusal(
            Code::RuleBroken,
            "The account is a reseller, and resellers have no reseller. Move its customers, or make it a customer first.",
        ));
    }
    refusals
}

/// What is in the way at the new reseller.
fn in_the_way_at(customer: &Account, named: &AccountKey, found: Option<&Reference>) -> Vec<Refusal> {
    if *named == customer.key {
        return vec![refusal(
            Code::RuleBroken,
            "An account cannot be its own reseller. Name another account, or none.",
        )];
    }
    if !named.scope.meets(&customer.key.scope) {
        return vec![refusal(
            Code::RuleBroken,
            "The reseller belongs to another source or tenant. Name a reseller of the account's own.",
        )];
    }
    let Some(found) = found else {
        return vec![refusal(
            Code::UnknownAccount,
            "This reseller is not known. Import it or have it synchronized first.",
        )];
    };
    let mut refusals = Vec::new();
    if found.status == AccountStatus::Deleted {
        refusals.push(refusal(Code::Conflict, "The new reseller is deleted. Bring it back first, or name another."));
    }
    if found.kind != AccountKind::Reseller {
        refusals.push(refusal(
            Code::RuleBroken,
            "The account that is to be the reseller is none. Promote it to a reseller first, or name another.",
        ));
    }
    let standing = match found.standing {
        Standing::Enabled => None,
        Standing::Disabled => Some("disabled. Enable it first"),
        Standing::Fraud => Some("tagged as fraud. Clear that first"),
        Standing::Frozen => Some("frozen: it takes no new customers. Enable it first"),
    };
    if let Some(standing) = standing {
        refusals.push(refusal(Code::RuleBroken, format!("The new reseller is {standing}, or name another.")));
    }
    refusals
}

/// Whether there is nothing to do for a move, which is told before everything that the customer has is looked up: it is
/// with that reseller already, or no longer with the only one that it is to leave.
pub(in crate::domain) fn is_settled(world: &World, key: &AccountKey, moving: &Moving) -> Result<bool, Need> {
    if moving.request.is_some() || moving.accepts.is_some() {
        return Ok(false);
    }
    let Some(customer) = world.account(key)? else { return Ok(false) };
    let present = customer.reseller.as_ref().and_then(|held| held.reseller_account);
    if moving.only_from.is_some_and(|from| present != Some(from)) {
        return Ok(true);
    }
    if !customer.is_active() || customer.kind == AccountKind::Reseller {
        return Ok(false);
    }
    let Some(named) = &moving.reseller else {
        return Ok(customer.kind == AccountKind::DirectCustomer && customer.reseller.is_none());
    };
    Ok(present.is_some() && world.reference(named)?.is_some_and(|found| present == Some(found.id)))
}

/// What an act or a preview of a move asks for beside what single look-ups would: all of it at once.
pub(in crate::domain) fn needs(world: &World, key: &AccountKey, moving: &Moving) -> Vec<Need> {
    let Ok(Some(customer)) = world.account(key) else { return Vec::new() };
    if matches!(is_settled(world, key, moving), Ok(true)) {
        return Vec::new();
    }
    let to = moving.reseller.as_ref().and_then(|named| world.reference(named).ok().flatten());
    let from = customer.reseller.as_ref().and_then(|held| held.reseller_account);
    let sellers = from.into_iter().chain(to.map(|found| found.id)).map(Need::Seller);
    let own = [Need::UnderWay(customer.id), Need::ServicesOf(customer.id), Need::UsersOf(customer.id)];
    sellers.chain(own).collect()
}
