//! What a batch knows: the accounts that its calls name, as they were loaded and as its own calls changed them since.
//!
//! The planner only asks. What it asks for and nobody loaded comes back as a [`Need`]; whoever runs the batch loads it
//! in the same transaction and plans the same call again. So a plan never rests on something that was not looked up.

mod adopted;
mod branding;
mod cases;
mod changes;
mod dossiers;
mod foresee;
mod moves;
mod needs;
mod rights;
mod services;
mod sites;
mod users;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::account::{Account, BodyRef};
use super::act::{Act, ActOutcome, PlannedAct};
use super::call::{Call, SignedId};
use super::case::{CaseEvent, CaseKey};
use super::ids::{AccountId, AccountKey, DeliveryId, ExternalId, RelationId, Scope, SourceId};
use super::outcome::Outcome;
use super::partner::{Answers, Meaning};
use super::plan::{Change, Planned};
use super::relation::{Cause, Relation, RelationState};
use changes::waits_for;

pub use changes::{Adopted, Changes, Link, RelationChange, Turned};
pub use moves::Moved;
pub use needs::{Memory, NamedReseller, Need, Reference, ResellerName, Sought};

/// See the module.
#[derive(Debug)]
pub struct World {
    accounts: HashMap<AccountKey, Option<Arc<Account>>>,
    references: HashMap<AccountKey, Option<Reference>>,
    externals: HashMap<(Scope, ExternalId), Option<AccountKey>>,
    aliases: HashMap<AccountKey, Option<AccountKey>>,
    alike: HashMap<Sought, Vec<AccountKey>>,
    adopted: Vec<Adopted>,
    turned: Vec<Turned>,
    customers: HashMap<AccountKey, Vec<AccountId>>,
    /// Customers that are not at hand and were linked to a reseller that came in this batch.
    taken: HashMap<AccountId, AccountId>,
    memory: HashMap<(SourceId, Arc<str>), Option<Memory>>,
    keys: HashMap<AccountId, AccountKey>,
    originals: HashMap<AccountKey, Option<Arc<Account>>>,
    order: Vec<AccountKey>,
    relations: BTreeMap<RelationId, RelationChange>,
    links: Vec<Link>,
    remembered: BTreeMap<(SourceId, Arc<str>), DeliveryId>,
    cases: Vec<CaseEvent>,
    open_cases: BTreeMap<CaseKey, usize>,
    causes: HashMap<AccountId, Cause>,
    partners: Answers,
    /// Whether what is kept of the registry is of its present revision.
    partners_current: bool,
    services: services::Services,
    users: users::Users,
    moves: moves::Moves,
    rights: rights::Known,
    dossiers: dossiers::Dossiers,
    sites: sites::Sites,
    brandings: branding::Brandings,
    chain: i64,
    rows_issued: i64,
}

impl World {
    /// A world that knows nothing and numbers new rows behind the `rows_issued` that `chain` has numbered.
    #[must_use]
    pub fn new(chain: i64, rows_issued: i64) -> Self {
        Self {
            accounts: HashMap::new(),
            references: HashMap::new(),
            externals: HashMap::new(),
            aliases: HashMap::new(),
            alike: HashMap::new(),
            adopted: Vec::new(),
            turned: Vec::new(),
            customers: HashMap::new(),
            taken: HashMap::new(),
            memory: HashMap::new(),
            keys: HashMap::new(),
            originals: HashMap::new(),
            order: Vec::new(),
            relations: BTreeMap::new(),
            links: Vec::new(),
            remembered: BTreeMap::new(),
            cases: Vec::new(),
            open_cases: BTreeMap::new(),
            causes: HashMap::new(),
            partners: Answers::default(),
            partners_current: false,
            services: services::Services::default(),
            users: users::Users::default(),
            moves: moves::Moves::default(),
            rights: rights::Known::default(),
            dossiers: dossiers::Dossiers::default(),
            sites: sites::Sites::default(),
            brandings: branding::Brandings::default(),
            chain,
            rows_issued,
        }
    }

    /// Takes in what the registry answered before, which counts once its revision is known to be the same.
    #[must_use]
    pub fn with_partners(mut self, kept: Answers) -> Self {
        self.partners = kept;
        self.partners_current = false;
        self
    }

    /// Gives back what the registry answered, for the next world.
    #[must_use]
    pub fn take_partners(&mut self) -> Answers {
        self.partners_current = false;
        let mut kept = std::mem::take(&mut self.partners);
        kept.bound();
        kept
    }

    /// Whether none of the accounts that were looked up whole was there.
    #[must_use]
    pub fn has_nobody(&self) -> bool {
        self.accounts.values().all(Option::is_none)
    }

    /// Whether this was looked up already.
    #[must_use]
    pub fn knows(&self, need: &Need) -> bool {
        match need {
            Need::Account(key) => self.accounts.contains_key(key),
            Need::Reference(key) => self.accounts.contains_key(key) || self.references.contains_key(key),
            Need::Reseller(named) => self.knows_reseller(named),
            Need::Alike(sought) => self.alike.contains_key(sought),
            Need::Alias(key) => self.aliases.contains_key(key),
            Need::External(scope, id) => self.externals.contains_key(&(scope.clone(), id.clone())),
            Need::Customers(name) => self.customers.contains_key(&name.key),
            Need::Memory(source, id) => self.memory.contains_key(&(source.clone(), id.clone())),
            Need::Partner(id) => self.partners_current && self.partners.get(id).is_some(),
            Need::Service(scope, name) => self.services.knows(scope, name),
            Need::AddOns(parent) => self.services.knows_add_ons(*parent),
            Need::Kept(service, account) => self.services.keeps(*service, *account),
            Need::ServicesOf(account) => self.services.knows_of(*account),
            Need::Crowd(account) => self.services.knows_crowd(*account),
            Need::User(id) => self.users.knows(*id),
            Need::Dossier(account) => self.dossiers.knows(*account),
            Need::LoginName(name) => self.dossiers.knows_login(name),
            Need::SitesOf(account) => self.sites.knows_of(*account),
            Need::Branding(account) => self.brandings.knows(*account),
            Need::UsersOf(account) => self.users.knows_of(*account),
            Need::Seller(account) => self.moves.knows_seller(*account),
            Need::CustomersOf(account) => self.moves.knows_customers(*account),
            Need::UnderWay(account) => self.moves.knows_under_way(*account),
            Need::Listing(account) => self.rights.knows_list(*account),
            Need::OperatorName(name) => self.rights.knows_name(name),
            Need::OperatorsOf(account) => self.rights.knows_operators(*account),
        }
    }

    /// Whether nobody need look for a reseller: its customer has it, or its names were looked up.
    #[must_use]
    pub fn knows_reseller(&self, named: &NamedReseller) -> bool {
        let customer = self.accounts.get(&named.customer);
        customer.is_some_and(|customer| {
            customer.as_deref().is_some_and(|customer| customer.has_reseller(named))
                || named.needs().all(|need| self.knows(&need))
        })
    }

    /// Takes in a whole account, or that there is none.
    pub fn learn_account(&mut self, key: AccountKey, account: Option<Account>) {
        if self.accounts.contains_key(&key) {
            return;
        }
        if let Some(account) = &account {
            self.keys.insert(account.id, key.clone());
            self.externals.entry((key.scope.clone(), account.external_id.clone())).or_insert_with(|| Some(key.clone()));
        }
        let account = account.map(|account| Arc::new(self.linked(account)));
        self.accounts.insert(key, account);
    }

    /// An account as it is behind the resellers that came since it was stored.
    fn linked(&mut self, mut account: Account) -> Account {
        let mut linked = false;
        for link in &self.links {
            let waits = |relation: &Relation| waits_for(&account, relation, &link.key, &link.external_id);
            if account.reseller.as_ref().is_some_and(waits)
                && let Some(relation) = &mut account.reseller
            {
                link.take(relation);
                linked = true;
            }
        }
        if let (true, Some(relation)) = (linked, &account.reseller) {
            // Here rather than by the store, which could not tell any longer once the account changes again.
            self.write_relation(account.id, relation.clone(), false, true);
        }
        account
    }

    /// A whole account as it is now, if it was ever asked for and is there.
    #[must_use]
    pub fn known_account(&self, key: &AccountKey) -> Option<Arc<Account>> {
        self.accounts.get(key).cloned().flatten()
    }

    /// Takes in a reference, or that there is none.
    pub fn learn_reference(&mut self, key: AccountKey, reference: Option<Reference>) {
        if let Some(reference) = &reference {
            self.externals
                .entry((key.scope.clone(), reference.external_id.clone()))
                .or_insert_with(|| Some(key.clone()));
        }
        self.references.entry(key).or_insert(reference);
    }

    /// Takes in who has an ExternalID, or that nobody has.
    pub fn learn_external(&mut self, scope: Scope, external_id: ExternalId, owner: Option<Reference>) {
        let key = owner.as_ref().map(|owner| owner.key.clone());
        if let Some(owner) = owner {
            self.learn_reference(owner.key.clone(), Some(owner));
        }
        self.externals.entry((scope, external_id)).or_insert(key);
    }

    /// Takes in what the account is called now that was called this before, or that none was.
    pub fn learn_alias(&mut self, key: AccountKey, now: Option<AccountKey>) {
        self.aliases.entry(key).or_insert(now);
    }

    /// Takes in the accounts made here that say this of themselves. Two are as good as more.
    pub fn learn_alike(&mut self, sought: Sought, keys: Vec<AccountKey>) {
        self.alike.entry(sought).or_insert(keys);
    }

    /// Takes in the customers of a reseller and those that wait for it. More than a batch has calls need not be listed.
    pub fn learn_customers(&mut self, key: AccountKey, customers: Vec<AccountId>) {
        self.customers.entry(key).or_insert(customers);
    }

    /// Takes in what is remembered of a signed id, or that nothing is.
    pub fn learn_memory(&mut self, source: SourceId, id: Arc<str>, memory: Option<Memory>) {
        self.memory.entry((source, id)).or_insert(memory);
    }

    /// Whether the revision of the registry was told already.
    #[must_use]
    pub fn knows_registry(&self) -> bool {
        self.partners_current
    }

    /// Takes in the revision of the registry: what was answered under another one is forgotten.
    pub fn learn_registry(&mut self, revision: i64) {
        self.partners.as_of(revision);
        self.partners_current = true;
    }

    /// Takes in which partner an ID means, or that it means none.
    pub fn learn_partner(&mut self, id: Arc<str>, meaning: Option<Arc<Meaning>>) {
        self.partners.learn(id, meaning);
    }

    /// Which partner an ID means.
    pub(super) fn partner(&self, id: &str) -> Result<Option<&Arc<Meaning>>, Need> {
        match self.partners.get(id).filter(|_| self.partners_current) {
            Some(meaning) => Ok(meaning),
            None => Err(Need::Partner(id.into())),
        }
    }

    /// A whole account as it is now.
    pub(super) fn account(&self, key: &AccountKey) -> Result<Option<&Arc<Account>>, Need> {
        match self.accounts.get(key) {
            Some(account) => Ok(account.as_ref()),
            None => Err(Need::Account(key.clone())),
        }
    }

    /// A reference to an account as it is now.
    pub(super) fn reference(&self, key: &AccountKey) -> Result<Option<Reference>, Need> {
        if let Some(account) = self.accounts.get(key) {
            return Ok(account.as_deref().map(Reference::from));
        }
        self.references.get(key).cloned().ok_or_else(|| Need::Reference(key.clone()))
    }

    /// Who has an ExternalID now.
    pub(super) fn external(&self, scope: &Scope, external_id: &ExternalId) -> Result<Option<Reference>, Need> {
        match self.externals.get(&(scope.clone(), external_id.clone())) {
            Some(Some(key)) => self.reference(key),
            Some(None) => Ok(None),
            None => Err(Need::External(scope.clone(), external_id.clone())),
        }
    }

    /// What the account is called now that was called this before a platform synchronized it.
    pub(super) fn alias(&self, key: &AccountKey) -> Result<Option<&AccountKey>, Need> {
        match self.aliases.get(key) {
            Some(now) => Ok(now.as_ref()),
            None => Err(Need::Alias(key.clone())),
        }
    }

    /// The accounts made here that said this of themselves when they were looked up.
    pub(super) fn alike(&self, sought: &Sought) -> Result<&[AccountKey], Need> {
        match self.alike.get(sought) {
            Some(keys) => Ok(keys),
            None => Err(Need::Alike(sought.clone())),
        }
    }

    /// What is remembered of a signed id now.
    pub(super) fn memory(&self, source: &SourceId, id: &Arc<str>) -> Result<Option<&Memory>, Need> {
        match self.memory.get(&(source.clone(), id.clone())) {
            Some(memory) => Ok(memory.as_ref()),
            None => Err(Need::Memory(source.clone(), id.clone())),
        }
    }

    /// Whether anybody is related to this reseller now, or waits for it.
    pub(super) fn has_customers(&self, name: &ResellerName) -> Result<bool, Need> {
        let Some(stored) = self.customers.get(&name.key) else {
            return Err(Need::Customers(name.clone()));
        };
        let points_here = |account: &Account| {
            account.reseller.as_ref().is_some_and(|relation| {
                name.id.is_some() && relation.reseller_account == name.id
                    || waits_for(account, relation, &name.key, &name.external_id)
            })
        };
        let stored_still = stored.iter().any(|id| match self.keys.get(id).and_then(|key| self.accounts.get(key)) {
            Some(Some(account)) => points_here(account),
            // It may have waited for two names, and the reseller of the other one came first.
            _ => self.taken.get(id).is_none_or(|reseller| name.id == Some(*reseller)),
        });
        Ok(stored_still || self.order.iter().filter_map(|key| self.accounts.get(key)?.as_deref()).any(points_here))
    }

    /// Takes over what was planned for a call and gives the account it is about.
    ///
    /// Returns the account, and the delivery that carries the call's body: an earlier one where the body is the same.
    pub fn apply(&mut self, call: &Call, planned: Planned, delivery: DeliveryId) -> (Option<AccountId>, DeliveryId) {
        let mut account_id = planned.account;
        let mut body_of = planned.body_of.unwrap_or(delivery);
        self.note_case(call, &planned, delivery);
        if let Some(mut change) = planned.change {
            let after = &mut change.after;
            if !call.replayed {
                // Nothing is newer than a live call, so it has closed whatever was open.
                after.open_cases = false;
            }
            match after.body {
                Some(body) if body.digest == call.request.digest => body_of = body.delivery,
                _ => after.body = Some(BodyRef { delivery, digest: call.request.digest }),
            }
            // An order may change a service and leave the account as it was.
            let changes = planned.services.is_empty() || self.changes_account(after);
            if planned.outcome == Outcome::Applied && changes {
                after.last_delivery = Some(delivery);
            }
            account_id = Some(self.take_over(*change, Cause::Sync, Some(delivery), call.received_at));
        }
        if let Some(owner) = account_id {
            self.take_over_services(planned.services, owner, Cause::Sync, Some(delivery));
        }
        if let (true, Some(SignedId(id))) = (planned.remember, &call.signed_id) {
            let key = (call.scope.source.clone(), id.clone());
            self.remembered.insert(key.clone(), delivery);
            self.memory.insert(
                key,
                Some(Memory {
                    delivery,
                    body_of,
                    scope: call.scope.clone(),
                    endpoint: call.endpoint,
                    content: call.request.digest,
                    outcome: planned.outcome,
                    answer: planned.answer,
                    account: account_id,
                }),
            );
        }
        (account_id, body_of)
    }

    /// Takes over what was planned for an act and gives the account it is about.
    pub fn apply_act(&mut self, act: &Act, planned: PlannedAct) -> ActOutcome {
        let PlannedAct { account, acted, change, services, users, sites, probes, dossier, branding, moved, rights } =
            planned;
        let id = match change {
            Some(change) => {
                let id = self.take_over(*change, act.cause, None, act.at);
                self.causes.insert(id, act.cause);
                Some(id)
            }
            None => account,
        };
        if let Some(owner) = id {
            self.take_over_services(services, owner, act.cause, None);
        }
        self.take_over_users(users, act.cause);
        self.take_over_sites(sites, probes, act.cause);
        if let (Some(id), Some(dossier)) = (id, dossier) {
            self.dossiers.put(id, *dossier);
        }
        if let (Some(id), Some(branding)) = (id, branding) {
            self.brandings.put(id, *branding);
        }
        let moved = self.take_over_moved(moved);
        self.take_over_rights(rights);
        ActOutcome { account: act.account.clone(), id, acted, moved }
    }

    /// Takes over a change: numbers what is new, notes the relations to write and links what waits for a reseller that
    /// comes. `at` is in microseconds since 1970.
    fn take_over(&mut self, change: Change, cause: Cause, delivery: Option<DeliveryId>, at: i64) -> AccountId {
        let mut after = change.after;
        let key = after.key.clone();
        if let Some(was) = change.adopted {
            self.adopt(&was, &key, at);
        }
        if change.created {
            after.id = AccountId::issue(self.chain, self.issue_row());
            self.keys.insert(after.id, key.clone());
            self.externals.insert((key.scope.clone(), after.external_id.clone()), Some(key.clone()));
        }
        let id = after.id;
        for mut closed in change.closed {
            if let Some(closing) = &mut closed.closing {
                closing.delivery = delivery;
            }
            let opened = closed.id == RelationId::UNISSUED;
            if opened {
                closed.id = RelationId::issue(self.chain, self.issue_row());
                closed.delivery = delivery;
            }
            self.write_relation(id, closed, opened, false);
        }
        let held = self.accounts.get(&key).cloned().flatten();
        let lives = after.is_active();
        if held.as_ref().is_some_and(|held| held.is_active() != lives) {
            self.turned.push(Turned { account: id, lives, cause, delivery });
        }
        let waited = |relation: &Relation| {
            let held = held.iter().flat_map(|held| [&held.reseller, &held.partner]).flatten();
            relation.state == RelationState::Linked
                && held.into_iter().any(|held| held.id == relation.id && held.state != RelationState::Linked)
        };
        for relation in [&mut after.reseller, &mut after.partner].into_iter().flatten() {
            let opened = relation.id == RelationId::UNISSUED;
            if opened {
                relation.id = RelationId::issue(self.chain, self.issue_row());
                // An act has no delivery; what it restores keeps the one that it came with.
                relation.delivery = delivery.or(relation.delivery);
            }
            // Only what changed: the registry may be at work on the other one.
            let stays = |relation: &Relation| {
                let held = held.iter().flat_map(|held| [&held.reseller, &held.partner]).flatten();
                held.into_iter().any(|held| held == relation)
            };
            if opened || (change.relations_changed && !stays(relation)) {
                self.write_relation(id, relation.clone(), opened, waited(relation));
            }
        }
        let link = change.arrives.then(|| Link {
            account: id,
            key: key.clone(),
            external_id: after.external_id.clone(),
            at,
            cause,
            delivery,
        });
        if !after.sells() {
            // It came and went within this batch. Nobody waited for it, or it could not have gone; whoever names it
            // from now on waits again, which the store would not see.
            self.links.retain(|link| link.account != id);
        }
        self.put(key, after);
        if let Some(link) = link {
            self.link(link);
        }
        id
    }

    fn issue_row(&mut self) -> i64 {
        self.rows_issued += 1;
        self.rows_issued
    }

    fn put(&mut self, key: AccountKey, account: Account) {
        let before = self.accounts.insert(key.clone(), Some(Arc::new(account))).flatten();
        if !self.originals.contains_key(&key) {
            self.originals.insert(key.clone(), before);
            self.order.push(key);
        }
    }

    fn write_relation(&mut self, account: AccountId, relation: Relation, opened: bool, linked: bool) {
        match self.relations.get_mut(&relation.id) {
            Some(change) => {
                change.relation = relation;
                change.linked |= linked;
            }
            None => {
                self.relations.insert(relation.id, RelationChange { account, relation, opened, linked });
            }
        }
    }

    /// Links what waits for a reseller: here among the accounts at hand, and later, by the store, among the others.
    fn link(&mut self, link: Link) {
        let mut linked = Vec::new();
        for account in self.accounts.values_mut().flatten() {
            let waits = account
                .reseller
                .as_ref()
                .is_some_and(|relation| waits_for(account, relation, &link.key, &link.external_id));
            if !waits {
                continue;
            }
            let account = Arc::make_mut(account);
            if let Some(relation) = &mut account.reseller {
                link.take(relation);
                linked.push((account.id, relation.clone()));
            }
        }
        for (account, relation) in linked {
            self.write_relation(account, relation, false, true);
        }
        for customer in self.customers.get(&link.key).into_iter().flatten() {
            if !self.keys.contains_key(customer) {
                self.taken.entry(*customer).or_insert(link.account);
            }
        }
        // Who waits in the store was looked up before this could be planned.
        if self.customers.get(&link.key).is_none_or(|waiting| !waiting.is_empty()) {
            self.links.push(link);
        }
    }

    /// Everything to write. The world is used up.
    #[must_use]
    pub fn into_changes(mut self) -> Changes {
        let mut changes = Changes {
            links: self.links,
            cases: self.cases,
            causes: self.causes,
            rows_issued: self.rows_issued,
            ..Changes::default()
        };
        for key in self.order {
            let after = self.accounts.remove(&key).flatten();
            match (self.originals.remove(&key).flatten(), after) {
                (None, Some(after)) => changes.created.push(after),
                (Some(before), Some(after)) => changes.updated.push((before, after)),
                (_, None) => {}
            }
        }
        changes.adopted = self.adopted;
        changes.turned = self.turned;
        changes.relations = self.relations.into_values().collect();
        self.services.give(&mut changes);
        self.users.give(&mut changes);
        self.moves.give(&mut changes);
        self.rights.give(&mut changes);
        self.dossiers.give(&mut changes);
        self.sites.give(&mut changes);
        self.brandings.give(&mut changes);
        changes.remembered =
            self.remembered.into_iter().map(|((source, id), delivery)| (source, id, delivery)).collect();
        changes
    }
}
