//! Products between customers: services of one customer become those of another one of the same level, such as domains
//! that were registered for the wrong one.
//!
//! [`weigh`] says what a move comes to, with a reason for each service that is in the way. A preview shows that, and the
//! act does it, so that the two cannot disagree.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::place::refuse;
use super::service::sealed;
use super::{ACCOUNT_CHANGED, Act, Acted, Applied, Before, PlannedAct};
use crate::domain::account::{Account, AccountKind, Standing};
use crate::domain::ids::{AccountId, AccountKey, ExternalId, PlatformId, ServiceId};
use crate::domain::outcome::Code;
use crate::domain::plan::Stop;
use crate::domain::provisioning::{ItemKind, NewItem, NewRequest, PlanAt, RequestCause};
use crate::domain::relation::RelationState;
use crate::domain::service::{MAX_SERVICES, Service};
use crate::domain::user::User;
use crate::domain::world::{Moved, Need, World};

/// Most services that one move names; their add-ons come on top. Raising it makes calls wait longer behind a move.
pub const MAX_PRODUCTS: usize = 1_000;

/// Which services go where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Products {
    /// To which account.
    pub to: AccountKey,
    /// Which services.
    pub services: BTreeSet<ServiceId>,
    /// What was looked at, as [`Weighed::revision`]; none for whatever is there.
    pub revision: Option<String>,
}

/// A service of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ServiceId,
    /// The service, where it is the customer's.
    pub service: Option<Arc<Service>>,
    /// Why it cannot be moved.
    pub refused: Option<&'static str>,
}

/// A user who loses services by a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loser {
    /// Who.
    pub user: Arc<User>,
    /// Which services.
    pub services: Vec<ServiceId>,
}

/// What a move comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighed {
    /// Why nothing can be moved at all.
    pub refused: Option<(Code, String)>,
    /// The services that were named and the add-ons that go with them, in the order of their ids.
    pub products: Vec<Product>,
    /// The users who lose services, in the order of their ids.
    pub losers: Vec<Loser>,
    /// Names what was looked at.
    pub revision: String,
    /// The customer that gets them, where it is known.
    pub to: Option<AccountId>,
}

impl Weighed {
    fn nothing(code: Code, why: impl Into<String>) -> Self {
        Self {
            refused: Some((code, why.into())),
            products: Vec::new(),
            losers: Vec::new(),
            revision: String::new(),
            to: None,
        }
    }

    /// Whether the move can be done.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.refused.is_none() && self.products.iter().all(|product| product.refused.is_none())
    }

    /// The code and the reason of its refusal; all services with theirs.
    #[must_use]
    pub fn refusal(&self) -> Option<(Code, String)> {
        if let Some(refused) = &self.refused {
            return Some(refused.clone());
        }
        let mut refused = self.products.iter().filter_map(|product| Some((product.id, product.refused?))).peekable();
        refused.peek()?;
        let mut text = String::from("Nothing is moved: ");
        let (mut told, mut more) = (0, 0);
        for (id, why) in refused {
            if told == 20 {
                more += 1;
                continue;
            }
            let _ = write!(text, "{}service {id} {why}", if told > 0 { "; " } else { "" });
            told += 1;
        }
        if more > 0 {
            let _ = write!(text, "; and {more} more");
        }
        text.push('.');
        Some((Code::RuleBroken, text))
    }
}

/// Which reseller a customer is of: how the platform names it, and whose it is by its partner where that counts.
type Level = (Option<Named>, Option<AccountId>);

#[derive(PartialEq, Eq)]
enum Named {
    Here(AccountId),
    Awaited(Option<PlatformId>, Option<ExternalId>),
}

fn level(account: &Account) -> Level {
    let relation = account.reseller.as_ref();
    let named = relation.map(|relation| match relation.reseller_account {
        Some(id) => Named::Here(id),
        None => Named::Awaited(relation.reseller_platform_id.clone(), relation.reseller_external_id.clone()),
    });
    // As a customer's effective reseller is found.
    let by_partner = relation.is_none_or(|relation| relation.state == RelationState::Unprovisioned);
    let partner = account.partner.as_ref().filter(|_| by_partner).and_then(|relation| relation.reseller_account);
    (named, partner)
}

/// Why these two cannot give each other services.
fn between(from: &Account, to: &Account) -> Option<(Code, &'static str)> {
    let broken = |why| Some((Code::RuleBroken, why));
    if from.kind == AccountKind::Reseller || to.kind == AccountKind::Reseller {
        return broken("Services move between customers. A reseller is none; name one of its customers.");
    }
    if !from.is_active() {
        return broken("The customer is deleted. Bring it back first.");
    }
    if !to.is_active() {
        return broken("The customer that is to get the services is deleted. Bring it back first, or name another.");
    }
    if from.standing == Standing::Fraud {
        return broken("The customer is marked as fraud, so what it has stays with it. Clear that first.");
    }
    if to.standing != Standing::Enabled {
        return broken(
            "The customer that is to get the services is disabled, frozen or marked as fraud. Enable it first, or name \
             another.",
        );
    }
    if from.kind != to.kind || level(from) != level(to) {
        return broken(
            "The two customers are not of the same level: both must be of the same reseller, or both of none. Move the \
             customer itself first, or name another.",
        );
    }
    None
}

/// Says what a move would come to.
///
/// # Errors
/// [`Need`] names what must be looked up first.
pub fn weigh(world: &World, from: &AccountKey, products: &Products) -> Result<Weighed, Need> {
    match weighed(world, from, products) {
        Ok(weighed) => Ok(weighed),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::Refuse(code, why)) => Ok(Weighed::nothing(code, why)),
    }
}

fn weighed(world: &World, key: &AccountKey, products: &Products) -> Result<Weighed, Stop> {
    let unknown = "is not known. Import it or have it synchronized first.";
    let Some(from) = world.account(key)? else {
        return refuse(Code::UnknownAccount, format!("This account {unknown}"));
    };
    if products.to == *key {
        return refuse(Code::RuleBroken, "The services are this customer's already. Name another customer.");
    }
    // Services are found by the source and tenant of their account.
    if products.to.scope != key.scope {
        return refuse(
            Code::RuleBroken,
            "The other customer belongs to another source or tenant. Name one of the same.",
        );
    }
    let Some(to) = world.account(&products.to)? else {
        return refuse(Code::UnknownAccount, format!("The customer that is to get the services {unknown}"));
    };
    if products.services.is_empty() {
        return refuse(Code::RuleBroken, "No service is named. Name those that are to move.");
    }
    if products.services.len() > MAX_PRODUCTS {
        return refuse(Code::RuleBroken, format!("A move names at most {MAX_PRODUCTS} services. Move them in parts."));
    }
    let all = world.services_of(from.id)?;
    let find = |id: &ServiceId| all.binary_search_by_key(id, |service| service.id).ok().and_then(|at| all.get(at));
    let mut found: Vec<Product> = Vec::with_capacity(products.services.len());
    for id in &products.services {
        let service = find(id).map(|service| Arc::clone(service));
        let refused = match &service {
            None => Some("is not one of this customer's that lives"),
            Some(service) if service.parent.is_some_and(|parent| !products.services.contains(&parent)) => {
                Some("is an add-on and goes with its subscription alone; name that")
            }
            Some(_) => None,
        };
        found.push(Product { id: *id, service, refused });
    }
    let goes_along = |service: &&&Arc<Service>| {
        service.parent.is_some_and(|parent| products.services.contains(&parent))
            && !products.services.contains(&service.id)
    };
    found.extend(all.iter().filter(goes_along).map(|service| Product {
        id: service.id,
        service: Some(Arc::clone(service)),
        refused: None,
    }));
    found.sort_by_key(|product| product.id);
    let mut refused = between(from, to).map(|(code, why)| (code, why.to_owned()));
    if refused.is_none() && world.services_of(to.id)?.len() + found.len() > MAX_SERVICES {
        refused = Some((
            Code::RuleBroken,
            format!(
                "The customer would have more than {MAX_SERVICES} services. End those that are no longer used first."
            ),
        ));
    }
    let moved: BTreeSet<ServiceId> = found.iter().map(|product| product.id).collect();
    let mut losers = Vec::new();
    for user in world.users_of(from.id)? {
        let services: Vec<ServiceId> = user.services.iter().filter(|id| moved.contains(id)).copied().collect();
        if !services.is_empty() {
            losers.push(Loser { user: Arc::clone(user), services });
        }
    }
    let revision = revision(from, to, &found, &losers);
    Ok(Weighed { refused, products: found, losers, revision, to: Some(to.id) })
}

/// A name for everything that a move was weighed by.
fn revision(from: &Account, to: &Account, products: &[Product], losers: &[Loser]) -> String {
    let mut hash = Sha256::new();
    for account in [from, to] {
        hash.update(account.id.0.to_be_bytes());
        hash.update(account.revision.to_be_bytes());
    }
    for product in products {
        hash.update(product.id.0.to_be_bytes());
        hash.update(product.service.as_ref().map_or(0, |service| service.revision).to_be_bytes());
    }
    // Between the two lists, so that no two spell the same.
    hash.update(i64::MIN.to_be_bytes());
    for loser in losers {
        hash.update(loser.user.id.0.to_be_bytes());
        hash.update(loser.user.revision.to_be_bytes());
    }
    hash.finalize().iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Plans a move.
pub(super) fn plan(world: &World, act: &Act, products: &Products) -> Result<PlannedAct, Need> {
    let owner = world.account(&act.account)?.cloned();
    let account = owner.as_ref().map(|owner| owner.id);
    let refused = |code, message: String| Ok(PlannedAct::idle(account, Acted::Refused { code, message }));
    if owner.as_ref().is_some_and(|owner| act.expect.is_some_and(|expected| expected != owner.revision)) {
        return refused(Code::Conflict, ACCOUNT_CHANGED.to_owned());
    }
    let weighed = weigh(world, &act.account, products)?;
    if products.revision.as_ref().is_some_and(|seen| *seen != weighed.revision && !weighed.revision.is_empty()) {
        return refused(
            Code::Conflict,
            "The services, the customers or the users changed since the preview. Preview it again, then decide."
                .to_owned(),
        );
    }
    if let Some((code, message)) = weighed.refusal() {
        return refused(code, message);
    }
    let (Some(owner), Some(to)) = (owner, weighed.to) else {
        return refused(Code::UnknownAccount, "This account is not known.".to_owned());
    };
    let services: Vec<Service> = weighed
        .products
        .iter()
        .filter_map(|product| product.service.as_ref())
        .map(|service| given(act, service, to))
        .collect();
    // They are provisioned again for whom they came to; nobody there has them yet.
    let items = services.iter().map(|service| {
        let at = PlanAt::new(&service.plan, &service.location);
        NewItem::new(ItemKind::Service { service: service.id }, at.clone(), at)
    });
    let request = NewRequest::new(to, RequestCause::Products, act.at, items.collect());
    let provisioning = (!request.items.is_empty()).then_some(request);
    let moved = services.len();
    let losers = weighed.losers.len();
    let applied = Applied {
        created: false,
        // Of the account, which stays as it is.
        revision: owner.revision,
        before: Some(Before::of(&owner)),
        changed: vec!["services".to_owned()],
        notes: vec![format!("{moved} services moved, {losers} users lost some").into()],
    };
    let moved = Moved { record: None, provisioning };
    Ok(PlannedAct { services, moved, ..PlannedAct::idle(account, Acted::Applied(Box::new(applied))) })
}

/// A service as the other customer has it. The platform goes on naming the one that it ordered it for.
fn given(act: &Act, service: &Service, to: AccountId) -> Service {
    let mut after = service.clone();
    after.account = to;
    if service.parent.is_none() && service.last_delivery.is_some() {
        let ordered_for = service.reported_account.unwrap_or(service.account);
        after.reported_account = Some(ordered_for).filter(|account| *account != to);
    }
    sealed(act, after)
}
