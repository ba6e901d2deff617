//! What a batch wants written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::domain::account::Account;
use crate::domain::act::{ListChange, OperatorChange};
use crate::domain::branding::Branding;
use crate::domain::case::CaseEvent;
use crate::domain::dossier::Dossier;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, SourceId, UserId};
use crate::domain::moves::Move;
use crate::domain::provisioning::NewRequest;
use crate::domain::relation::{Cause, FoundBy, Relation, RelationState};
use crate::domain::service::{Service, Step};
use crate::domain::site::{Probe, Site, SiteStep};
use crate::domain::user::{Lost, User, UserStep};

/// A reseller that came: relations in the store that wait for it must be linked in the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its account.
    pub account: AccountId,
    /// Source, tenant and platform ID.
    pub key: AccountKey,
    /// The vendor's ID.
    pub external_id: ExternalId,
    /// Microseconds since 1970.
    pub at: i64,
    /// What made it come.
    pub cause: Cause,
    /// The call that made it come; none where none did.
    pub delivery: Option<DeliveryId>,
}

impl Link {
    /// Links a relation that waits for this reseller.
    pub(super) fn take(&self, relation: &mut Relation) {
        relation.state = RelationState::Linked;
        relation.reseller_account = Some(self.account);
        relation.linked_at = Some(self.at);
        relation.found_by = Some(FoundBy::of(
            relation.reseller_platform_id.as_ref() == Some(&self.key.platform_id),
            relation.reseller_external_id.as_ref() == Some(&self.external_id),
        ));
    }
}

/// An account that was made here and that a platform synchronizes from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adopted {
    /// The account.
    pub account: AccountId,
    /// What it was called.
    pub was: AccountKey,
    /// What the platform calls it.
    pub now: AccountKey,
    /// Microseconds since 1970.
    pub at: i64,
}

/// An account that ended, or lives again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turned {
    /// The account.
    pub account: AccountId,
    /// Whether it lives from then on.
    pub lives: bool,
    /// What made it.
    pub cause: Cause,
    /// The call that made it; none where none did.
    pub delivery: Option<DeliveryId>,
}

/// A relation row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationChange {
    /// The customer.
    pub account: AccountId,
    /// The row as it is to be.
    pub relation: Relation,
    /// Whether this batch opened it.
    pub opened: bool,
    /// Whether it waited for its reseller before and does no longer.
    pub linked: bool,
}

/// Everything that a batch wants written besides its deliveries.
#[derive(Debug, Default)]
pub struct Changes {
    /// Accounts that are new.
    pub created: Vec<Arc<Account>>,
    /// Accounts that changed: as loaded, and as they are to be.
    pub updated: Vec<(Arc<Account>, Arc<Account>)>,
    /// Accounts that get another name, before anything else is written of them.
    pub adopted: Vec<Adopted>,
    /// Accounts that ended or live again, each time and in order: one may end and come back in one batch, and what goes
    /// with it ends all the same.
    pub turned: Vec<Turned>,
    /// Relations opened or changed, by row.
    pub relations: Vec<RelationChange>,
    /// Resellers that came.
    pub links: Vec<Link>,
    /// Signed ids and the delivery that now answers for each.
    pub remembered: Vec<(SourceId, Arc<str>, DeliveryId)>,
    /// What happened to the quarantine, in order.
    pub cases: Vec<CaseEvent>,
    /// What changed accounts, where that was no call.
    pub causes: HashMap<AccountId, Cause>,
    /// Services that are new, a subscription before its add-ons.
    pub services_created: Vec<Arc<Service>>,
    /// Services that changed, as they are to be.
    pub services_updated: Vec<Arc<Service>>,
    /// What happened to services, in order.
    pub steps: Vec<Step>,
    /// Users that are new.
    pub users_created: Vec<Arc<User>>,
    /// Users that changed: as the store has them, and as they are to be.
    pub users_updated: Vec<(Arc<User>, Arc<User>)>,
    /// What happened to users, in order.
    pub user_steps: Vec<UserStep>,
    /// Services that nobody has any longer.
    pub lost_services: Vec<Lost>,
    /// The users that lost them here already; the store takes them from all others.
    pub users_known: BTreeSet<UserId>,
    /// Moves to keep, in order, each with whether it is new.
    pub moves: Vec<(Move, bool)>,
    /// Lists of offers as they are to be, in order.
    pub lists: Vec<ListChange>,
    /// What becomes of operators, in order.
    pub operators: Vec<OperatorChange>,
    /// What the vendor's own systems have to do.
    pub provisioning: Vec<NewRequest>,
    /// What is kept about accounts: as the store has it, and as it is to be.
    pub dossiers: BTreeMap<AccountId, (Arc<Dossier>, Arc<Dossier>)>,
    /// Sites that are new.
    pub sites_created: Vec<Arc<Site>>,
    /// Sites that changed, as they are to be.
    pub sites_updated: Vec<Arc<Site>>,
    /// Probes that are new.
    pub probes_created: Vec<Arc<Probe>>,
    /// Probes that changed, as they are to be.
    pub probes_updated: Vec<Arc<Probe>>,
    /// What happened to sites and probes, in order.
    pub site_steps: Vec<SiteStep>,
    /// How accounts' pages look: as the store has it, and as it is to be.
    pub brandings: BTreeMap<AccountId, (Arc<Branding>, Arc<Branding>)>,
    /// How many rows the chain has numbered besides deliveries.
    pub rows_issued: i64,
}

/// Whether an open relation waits for the reseller of these names. Its ExternalID names it first, as in the protocol.
pub(super) fn waits_for(
    account: &Account,
    relation: &Relation,
    reseller: &AccountKey,
    external_id: &ExternalId,
) -> bool {
    relation.state != RelationState::Linked
        && account.key.scope == reseller.scope
        && account.key != *reseller
        && (relation.reseller_platform_id.as_ref() == Some::<&PlatformId>(&reseller.platform_id)
            || relation.reseller_external_id.as_ref() == Some(external_id))
}
