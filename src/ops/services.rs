//! What operators do to services, as lists of acts.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::domain::act::products::{Products, Weighed, weigh};
use crate::domain::act::service::{Deed, NewService, ServiceAct};
use crate::domain::act::{Act, What};
use crate::domain::ids::{AccountKey, ExternalId, PlatformId, ServiceId};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::domain::service::Service;
use crate::domain::service::order::ServicePatch;
use crate::domain::world::World;
use crate::store::audit::Entry;
use crate::store::load::Purpose;
use crate::store::{AnyConnection, StoreError};
use crate::wire::service_asked::ServiceBody;
use crate::writer::acts::ActList;
use crate::writer::planning;

/// What is asked of a service that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Not to be used for now.
    Suspend,
    /// In use again.
    Activate,
    /// Ended, with its add-ons.
    End,
}

impl Turn {
    /// The name of it, as in the audit trail.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspend => "services.suspend",
            Self::Activate => "services.activate",
            Self::End => "services.end",
        }
    }

    fn deed(self) -> Deed {
        match self {
            Self::Suspend => Deed::Suspend,
            Self::Activate => Deed::Activate,
            Self::End => Deed::End,
        }
    }
}

fn list(account: AccountKey, what: What, policies: Arc<Policies>, entry: Entry) -> ActList {
    let cause = if matches!(what, What::MoveServices(_)) { Cause::Move } else { Cause::Operator };
    let acts = vec![Act::new(account, entry.at, cause, what)];
    ActList { acts, policies, all_or_nothing: true, entry }
}

/// A new service of an account: the list that makes it, and what it will be called.
///
/// # Errors
/// A sentence, without its full stop, that names the field that cannot be. `parent` is the subscription that the body
/// names, looked up.
pub fn create(
    account: AccountKey,
    body: &ServiceBody,
    patch: ServicePatch,
    parent: Option<ExternalId>,
    policies: Arc<Policies>,
    entry: Entry,
) -> Result<(ActList, ExternalId), String> {
    let external_id = match &body.external_id {
        Some(id) => ExternalId::parse(id).map_err(|why| format!("external_id {why}"))?,
        // What is made by hand has nothing that a name could be derived from.
        None => ExternalId::stored(&Uuid::new_v4().hyphenated().to_string()),
    };
    let platform_id = body.platform_id.as_deref().map(PlatformId::parse).transpose();
    let platform_id = platform_id.map_err(|why| format!("platform_id {why}"))?;
    let new = Deed::Create(Box::new(NewService { platform_id, parent, patch }));
    let act = ServiceAct { service: external_id.clone(), expect: None, deed: new };
    Ok((list(account, What::Service(Box::new(act)), policies, entry), external_id))
}

/// A change of what describes a service of `account`. `expect` is the revision that it must still have.
#[must_use]
pub fn change(
    account: AccountKey,
    service: &Service,
    patch: ServicePatch,
    expect: Option<i64>,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    deed(account, service, Deed::Change(Box::new(patch)), expect, policies, entry)
}

/// A turn of a service of `account`.
#[must_use]
pub fn turn(
    account: AccountKey,
    service: &Service,
    turn: Turn,
    expect: Option<i64>,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    deed(account, service, turn.deed(), expect, policies, entry)
}

fn deed(
    account: AccountKey,
    service: &Service,
    deed: Deed,
    expect: Option<i64>,
    policies: Arc<Policies>,
    entry: Entry,
) -> ActList {
    let act = ServiceAct { service: service.external_id.clone(), expect, deed };
    list(account, What::Service(Box::new(act)), policies, entry)
}

/// Services that are to move from one customer to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// From which account.
    pub from: AccountKey,
    /// Its revision, where it must still have it.
    pub expect: Option<i64>,
    /// Where to, and which.
    pub products: Products,
}

impl Moving {
    /// Services of `from` that are to become `to`'s, whatever was seen of them.
    #[must_use]
    pub fn new(from: AccountKey, to: AccountKey, services: BTreeSet<ServiceId>) -> Self {
        Self { from, expect: None, products: Products { to, services, revision: None } }
    }

    /// Says what it would come to, without locks and without writing.
    ///
    /// # Errors
    /// [`StoreError`] of the first look-up that fails.
    pub fn weigh(&self, connection: &mut AnyConnection) -> Result<Weighed, StoreError> {
        let mut world = World::new(planning::NOWHERE, 0);
        planning::look(connection, &mut world, 1, &mut Purpose::Preview, |world| {
            weigh(world, &self.from, &self.products)
        })
    }

    /// The list that does it, as far as all is still as it was weighed.
    #[must_use]
    pub fn list(&self, weighed: &Weighed, policies: Arc<Policies>, entry: Entry) -> ActList {
        let products = Products { revision: Some(weighed.revision.clone()), ..self.products.clone() };
        let mut list = list(self.from.clone(), What::MoveServices(Box::new(products)), policies, entry);
        for act in &mut list.acts {
            act.expect = self.expect;
        }
        list
    }
}
