//! Users that are moved from one customer to another. A user keeps its services where the other customer has the same
//! ones; where it lacks one, the service must be provisioned there before the user can be moved (Atria, *Customer Move*).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::look::told;
use super::offered::sold_as;
use super::{Basis, Refusal};
use crate::domain::account::{Account, AccountKind, Standing};
use crate::domain::ids::{AccountKey, ServiceId, UserId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::service::Service;
use crate::domain::user::{MAX_USERS, User};
use crate::domain::world::{Need, World};

/// A move of users as it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct UsersMoving {
    /// The customer that they come to.
    pub to: AccountKey,
    /// Who; each once.
    pub users: Vec<UserId>,
    /// Which service of theirs becomes which one of the other customer, where that was chosen.
    pub matches: Vec<(ServiceId, ServiceId)>,
    /// What a preview was of; anything else by now refuses the move. None for a move that nobody looked at.
    pub basis: Option<Basis>,
    /// Why, in somebody's words.
    pub reason: Option<String>,
}

/// What becomes of a user's service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFate {
    /// The other customer has the same one.
    Becomes(ServiceId),
    /// The other customer has several that it could be: one has to be chosen.
    Choose(Arc<[ServiceId]>),
    /// The other customer lacks it.
    Blocked(String),
}

/// A user's service and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserVerdict {
    /// Whose.
    pub user: UserId,
    /// Which.
    pub service: ServiceId,
    /// The name under which it is sold.
    pub sold_as: String,
    /// What becomes of it.
    pub fate: UserFate,
}

/// A move of users as it looks now.
#[derive(Debug, Clone, PartialEq)]
pub struct UserLook {
    /// Whose users they are.
    pub from: Arc<Account>,
    /// Whose they would be, if there is such a one.
    pub to: Option<Arc<Account>>,
    /// What is in the way, besides their services.
    pub refusals: Vec<Refusal>,
    /// Who would be moved.
    pub users: Vec<Arc<User>>,
    /// What becomes of their services.
    pub verdicts: Vec<UserVerdict>,
    /// The services of both customers, by id.
    pub services: HashMap<ServiceId, Arc<Service>>,
    /// What this look was of.
    pub basis: Basis,
}

impl UserLook {
    /// All that is in the way, services last.
    #[must_use]
    pub fn all_refusals(&self) -> Vec<Refusal> {
        let of_services = self.verdicts.iter().filter_map(|verdict| {
            let UserVerdict { user, sold_as, .. } = verdict;
            let message = match &verdict.fate {
                UserFate::Becomes(_) => return None,
                UserFate::Choose(_) => {
                    format!(
                        "User {user}: the other customer has several services of {sold_as}. Choose which one it gets."
                    )
                }
                UserFate::Blocked(why) => format!("User {user}: {why}"),
            };
            Some(Refusal { code: Code::RuleBroken, message })
        });
        self.refusals.iter().cloned().chain(of_services).collect()
    }
}

fn rule(message: impl Into<String>) -> Refusal {
    Refusal { code: Code::RuleBroken, message: message.into() }
}

/// Looks at a move of users of an account. A [`Refusal`] is where there is nothing to look at.
///
/// # Errors
/// [`Need`] names what must be looked up first.
pub fn look_at_users(world: &World, key: &AccountKey, moving: &UsersMoving) -> Result<Result<UserLook, Refusal>, Need> {
    told(users_seen(world, key, moving))
}

/// As [`look_at_users`], for the planner.
pub(in crate::domain) fn users_seen(world: &World, key: &AccountKey, moving: &UsersMoving) -> Result<UserLook, Stop> {
    let Some(from) = world.account(key)?.cloned() else {
        let unknown = "This account is not known. Import it or have it synchronized first.";
        return Err(Stop::Refuse(Code::UnknownAccount, unknown.to_owned()));
    };
    let mut refusals = Vec::new();
    let to = world.account(&moving.to)?.cloned();
    match &to {
        None => refusals.push(Refusal {
            code: Code::UnknownAccount,
            message: "The customer that the users are to come to is not known.".to_owned(),
        }),
        Some(to) => refusals.extend(at(&from, to)),
    }
    let here: Vec<Arc<User>> = world.users_of(from.id)?.into_iter().cloned().collect();
    let mut users: Vec<Arc<User>> = Vec::with_capacity(moving.users.len());
    let mut named = HashSet::with_capacity(moving.users.len());
    for id in &moving.users {
        let found = here.binary_search_by_key(id, |user| user.id).ok().and_then(|at| here.get(at));
        match found {
            Some(_) if !named.insert(*id) => refusals.push(rule(format!("User {id} is named twice."))),
            Some(user) => users.push(user.clone()),
            None => refusals.push(Refusal {
                code: Code::UnknownAccount,
                message: format!("User {id} is none of this customer's, or is gone."),
            }),
        }
    }
    if users.is_empty() && refusals.is_empty() {
        refusals.push(rule("No user is named."));
    }
    let ours: Vec<Arc<Service>> = world.services_of(from.id)?.into_iter().cloned().collect();
    let (mut theirs, mut there) = (Vec::new(), Vec::new());
    if let Some(to) = &to {
        theirs = world.services_of(to.id)?.into_iter().cloned().collect::<Vec<Arc<Service>>>();
        there = world.users_of(to.id)?.into_iter().cloned().collect::<Vec<Arc<User>>>();
    }
    for customer in std::iter::once(&from).chain(&to) {
        if world.under_way(customer.id)?.at_work {
            refusals.push(rule(format!(
                "The provisioner is at work on customer {}. Try again when that is done, or cancel its provisioning request.",
                customer.id
            )));
        }
    }
    if there.len() + users.len() > MAX_USERS {
        refusals.push(rule(format!("The other customer would have more than {MAX_USERS} users.")));
    }
    let logins: HashSet<String> = there.iter().map(|user| user.login_key()).collect();
    for user in &users {
        if logins.contains(&user.login_key()) {
            let id = user.id;
            refusals.push(rule(format!("User {id}: the other customer has a user of the same login already.")));
        }
    }
    let services: HashMap<ServiceId, Arc<Service>> =
        ours.iter().chain(&theirs).map(|service| (service.id, service.clone())).collect();
    let name_of = |service: &Service| {
        sold_as(service, service.parent.and_then(|parent| services.get(&parent)).map(AsRef::as_ref))
    };
    let mut matches: HashMap<ServiceId, ServiceId> = HashMap::with_capacity(moving.matches.len());
    for (ours, theirs) in &moving.matches {
        // The first that is for a service counts.
        matches.entry(*ours).or_insert(*theirs);
    }
    let sold = Sold::of(theirs.iter().map(|service| (name_of(service), service)));
    // Many users have the same service: what becomes of it is decided once.
    let mut decided: HashMap<ServiceId, (String, UserFate)> = HashMap::new();
    let verdicts = users
        .iter()
        .flat_map(|user| user.services.iter().map(|service| (user.id, *service)))
        .filter_map(|(user, id)| {
            let service = services.get(&id)?;
            let (sold_as, fate) = decided.entry(id).or_insert_with(|| {
                let sold_as = name_of(service);
                let fate = sold.fate(service, &sold_as, matches.get(&id).copied());
                (sold_as, fate)
            });
            Some(UserVerdict { user, service: id, fate: fate.clone(), sold_as: sold_as.clone() })
        })
        .collect();
    let basis = Basis::of(
        &from,
        to.as_ref().map(|to| to.id),
        0,
        ours.iter().chain(&theirs).map(AsRef::as_ref),
        users.iter().chain(&there).map(AsRef::as_ref),
    );
    Ok(UserLook { from, to, refusals, users, verdicts, services, basis })
}

fn at(from: &Account, to: &Account) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if from.id == to.id {
        refusals.push(rule("The users are this customer's already. Name another customer."));
    }
    if !from.key.scope.meets(&to.key.scope) {
        refusals.push(rule("The other customer belongs to another source or tenant. Name one of the same."));
    }
    if !to.is_active() {
        refusals.push(Refusal {
            code: Code::Conflict,
            message: "The other customer is deleted. Bring it back first, or name another.".to_owned(),
        });
    }
    if to.kind == AccountKind::Reseller {
        refusals.push(rule("The other account is a reseller, and users belong to customers. Name a customer."));
    }
    if matches!(to.standing, Standing::Disabled | Standing::Fraud) {
        refusals.push(rule("The other customer is disabled. Enable it first, or name another."));
    }
    refusals
}

/// What the other customer has, by the name under which it is sold.
struct Sold(HashMap<String, Vec<(ServiceId, String)>>);

impl Sold {
    fn of<'a>(services: impl Iterator<Item = (String, &'a Arc<Service>)>) -> Self {
        let mut by_name: HashMap<String, Vec<(ServiceId, String)>> = HashMap::new();
        for (name, service) in services {
            by_name.entry(name).or_default().push((service.id, service.plan.clone()));
        }
        Self(by_name)
    }

    /// An equal plan is taken by itself, and so is the only service of the name.
    fn fate(&self, service: &Service, sold_as: &str, chosen: Option<ServiceId>) -> UserFate {
        let same = self.0.get(sold_as).map_or(&[][..], Vec::as_slice);
        if let Some(chosen) = chosen {
            return match same.iter().any(|(id, _)| *id == chosen) {
                true => UserFate::Becomes(chosen),
                false => UserFate::Blocked(format!("{chosen} is no service of {sold_as} of the other customer.")),
            };
        }
        let equal: Vec<ServiceId> = same.iter().filter(|(_, plan)| *plan == service.plan).map(|(id, _)| *id).collect();
        match (equal.as_slice(), same) {
            (_, []) => UserFate::Blocked(format!(
                "the other customer has no {sold_as}. Provision it there first, or take it from the user."
            )),
            ([one], _) => UserFate::Becomes(*one),
            ([], [(only, _)]) => UserFate::Becomes(*only),
            ([], all) => UserFate::Choose(all.iter().map(|(id, _)| *id).collect()),
            _ => UserFate::Choose(equal.into()),
        }
    }
}
