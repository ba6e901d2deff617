//! The planner against a database in memory: one call after the other, each planned in a world that knows nothing but
//! what it asks for.

// Tests stop where something is not as it must be; that is what unwrap says.
#![allow(clippy::unwrap_used, clippy::panic)]

mod acts;
mod adopting;
mod classification;
mod deletes;
mod holds;
mod identity;
mod options;
mod order;
mod partners;
mod profile;
mod relations;
mod repeats;
mod resellers;
mod restoring;
mod standing;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::{Planned, plan};
use crate::domain::account::{Account, AccountKind, Hold, Standing};
use crate::domain::act::{Act, ActOutcome, What, plan_act};
use crate::domain::branding::Branding;
use crate::domain::call::{Call, Endpoint, Intent, ProfilePatch, Request, Said, SignedId, Submitted};
use crate::domain::classify::Role;
use crate::domain::definition::{DataType, OptionDefinition, OptionKind};
use crate::domain::dossier::Dossier;
use crate::domain::ids::{
    AccountId, AccountKey, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId, Scope, SourceId, Tenant,
};
use crate::domain::offer::{Listing, Seller};
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::outcome::{Code, Outcome};
use crate::domain::partner::{Holder, Meaning, Partner};
use crate::domain::policy::{MissingRole, ResellerChange, SourcePolicy};
use crate::domain::relation::{Cause, FoundBy, Relation, RelationState};
use crate::domain::world::{Changes, Memory, Need, Reference, World};

const CHAIN: i64 = 3;

fn scope() -> Scope {
    Scope { source: SourceId::stored("eu"), tenant: Tenant::none() }
}

fn key(id: &str) -> AccountKey {
    AccountKey { scope: scope(), platform_id: PlatformId::stored(id) }
}

fn derived(id: &str) -> String {
    key(id).derived_external_id(1).to_string()
}

fn text(text: &str) -> OptionValue {
    OptionValue::Text(text.to_owned())
}

fn number(number: &str) -> OptionValue {
    OptionValue::Number(number.to_owned())
}

/// The option of the protocol's example, which names a partner.
fn mpnid() -> OptionDefinition {
    OptionDefinition {
        id: "MPNID".to_owned(),
        name: "Reseller (MPN ID)".to_owned(),
        description: None,
        kind: OptionKind::SimpleValue,
        data_type: DataType::Text,
        sort_order: 0,
        required: false,
        read_only: false,
        available_to_storefront: true,
        predefined_values: Vec::new(),
        applies_to: vec![AccountKind::ResellerCustomer],
        pattern: Some(Regex::new("^[0-9]{5,10}$").unwrap()),
        partner_id: true,
        must_exist: false,
    }
}

/// A call to be made. Live, now, with an account object of nothing but `ID` and `Role`, unless said otherwise.
#[derive(Debug, Clone)]
struct Say {
    scope: Scope,
    endpoint: Endpoint,
    intent: Intent,
    check_only: bool,
    replayed: Option<i64>,
    signed: Option<&'static str>,
}

impl Say {
    fn new(endpoint: Endpoint, intent: Intent) -> Self {
        Self { scope: scope(), endpoint, intent, check_only: false, replayed: None, signed: None }
    }

    fn role(id: &str, role: Role) -> Self {
        let submitted = Submitted {
            id: PlatformId::stored(id),
            role,
            reseller_id: Said::Absent,
            external_id: None,
            reseller_external_id: Said::Absent,
            profile: ProfilePatch::default(),
            options: None,
        };
        Self::new(Endpoint::Synchronize, Intent::Synchronize(Box::new(submitted)))
    }

    fn user(id: &str) -> Self {
        Self::role(id, Role::User)
    }

    fn reseller(id: &str) -> Self {
        Self::role(id, Role::Reseller)
    }

    /// An end customer of a reseller.
    fn customer(id: &str, reseller: &str) -> Self {
        Self::user(id).of(reseller)
    }

    fn delete(id: &str) -> Self {
        Self::new(Endpoint::Delete, Intent::Delete { id: PlatformId::stored(id), external_id: None })
    }

    fn with(mut self, change: impl FnOnce(&mut Submitted)) -> Self {
        match &mut self.intent {
            Intent::Synchronize(submitted) => change(submitted),
            other => panic!("{other:?} submits nothing"),
        }
        self
    }

    fn of(self, reseller: &str) -> Self {
        self.with(|submitted| submitted.reseller_id = Said::Value(PlatformId::stored(reseller)))
    }

    fn reseller_id(self, said: Said<PlatformId>) -> Self {
        self.with(|submitted| submitted.reseller_id = said)
    }

    fn reseller_external(self, external_id: &str) -> Self {
        self.with(|submitted| submitted.reseller_external_id = Said::Value(ExternalId::stored(external_id)))
    }

    fn external(self, external_id: &str) -> Self {
        self.with(|submitted| submitted.external_id = Some(ExternalId::stored(external_id)))
    }

    fn named(self, name: &str) -> Self {
        self.with(|submitted| submitted.profile.name = Some(name.to_owned()))
    }

    fn options(self, options: &[(&str, OptionValue)]) -> Self {
        let options = options.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect();
        self.with(|submitted| submitted.options = Some(options))
    }

    fn tenant(mut self, tenant: &str) -> Self {
        self.scope.tenant = Tenant::stored(tenant);
        self
    }

    /// Under a replay secret, of this second.
    fn replayed(mut self, second: i64) -> Self {
        self.replayed = Some(second);
        self
    }

    fn signed(mut self, id: &'static str) -> Self {
        self.signed = Some(id);
        self
    }

    fn asked(mut self) -> Self {
        self.check_only = true;
        self
    }

    fn made(self, second: i64) -> Call {
        let body = format!("{:?}", self.intent).into_bytes();
        Call {
            scope: self.scope,
            endpoint: self.endpoint,
            check_only: self.check_only,
            replayed: self.replayed.is_some(),
            event_second: self.replayed.map_or(second, |replayed| replayed.min(second)),
            received_at: second * 1_000_000,
            signed_id: self.signed.map(|id| SignedId(id.into())),
            intent: self.intent,
            again: None,
            request: Request {
                path: String::new(),
                track_id: None,
                headers: String::new(),
                digest: Sha256::digest(&body).into(),
                body,
            },
        }
    }
}

/// What a call came to.
#[derive(Debug)]
struct Told {
    outcome: Outcome,
    code: Code,
    message: String,
    result: Option<String>,
    kind: Option<AccountKind>,
    trace: String,
    delivery: DeliveryId,
    body_of: DeliveryId,
}

impl Told {
    #[track_caller]
    fn is(self, outcome: Outcome, code: Code) -> Self {
        assert_eq!((self.outcome, self.code), (outcome, code), "{}", self.message);
        self
    }

    #[track_caller]
    fn applied(self) -> Self {
        self.is(Outcome::Applied, Code::Done)
    }

    #[track_caller]
    fn unchanged(self) -> Self {
        self.is(Outcome::Unchanged, Code::Done)
    }

    #[track_caller]
    fn refused(self, code: Code) -> Self {
        assert_eq!(self.result, None);
        self.is(Outcome::Rejected, code)
    }

    fn stores_its_body(&self) -> bool {
        self.delivery == self.body_of
    }
}

/// Rules and rows of a receiver, and its clock, which every call advances by ten seconds.
struct Receiver {
    policy: SourcePolicy,
    second: i64,
    deliveries: i64,
    rows_issued: i64,
    accounts: BTreeMap<AccountKey, Account>,
    relations: BTreeMap<RelationId, (AccountId, Relation)>,
    memory: BTreeMap<(SourceId, Arc<str>), Memory>,
    registry: Vec<Partner>,
    aliases: BTreeMap<AccountKey, AccountKey>,
}

impl Receiver {
    fn new() -> Self {
        Self {
            policy: SourcePolicy {
                missing_role: MissingRole::Reject,
                reseller_change: ResellerChange::Accept,
                reseller_support: true,
                adopt: Vec::new(),
                options: vec![mpnid()],
            },
            second: 1_000,
            deliveries: 0,
            rows_issued: 0,
            accounts: BTreeMap::new(),
            relations: BTreeMap::new(),
            memory: BTreeMap::new(),
            registry: Vec::new(),
            aliases: BTreeMap::new(),
        }
    }

    fn changing(change: ResellerChange) -> Self {
        let mut receiver = Self::new();
        receiver.policy.reseller_change = change;
        receiver
    }

    fn learn(&self, world: &mut World, need: &Need) {
        let waits_for = |relation: &Relation, platform_id: &PlatformId, external_id: &ExternalId| {
            relation.reseller_account.is_none()
                && (relation.reseller_platform_id.as_ref() == Some(platform_id)
                    || relation.reseller_external_id.as_ref() == Some(external_id))
        };
        match need {
            Need::Account(key) => world.learn_account(key.clone(), self.accounts.get(key).cloned()),
            Need::Reference(key) => world.learn_reference(key.clone(), self.accounts.get(key).map(Reference::from)),
            Need::External(scope, id) => {
                let owner = self.accounts.values().find(|a| a.key.scope == *scope && a.external_id == *id);
                world.learn_external(scope.clone(), id.clone(), owner.map(Reference::from));
            }
            Need::Alias(key) => world.learn_alias(key.clone(), self.aliases.get(key).cloned()),
            Need::Reseller(_) => unreachable!("foreseen alone"),
            Need::Alike(sought) => {
                let says = |account: &&Account| {
                    account.key.scope.source.is_local()
                        && account.key.scope.tenant == sought.scope.tenant
                        && sought.external_id.as_ref().is_none_or(|id| *id == account.external_id)
                        && sought.code.as_ref().is_none_or(|code| *code == account.profile.code)
                        && sought.name.as_ref().is_none_or(|name| *name == account.profile.name)
                        && sought.email.as_ref().is_none_or(|email| email.eq_ignore_ascii_case(&account.profile.email))
                };
                let keys = self.accounts.values().filter(says).map(|account| account.key.clone()).collect();
                world.learn_alike(sought.clone(), keys);
            }
            Need::Customers(name) => {
                let related = |account: &&Account| {
                    account.reseller.as_ref().is_some_and(|relation| {
                        name.id.is_some() && relation.reseller_account == name.id
                            || account.key.scope == name.key.scope
                                && waits_for(relation, &name.key.platform_id, &name.external_id)
                    })
                };
                let customers = self.accounts.values().filter(related).map(|account| account.id).collect();
                world.learn_customers(name.key.clone(), customers);
            }
            Need::Memory(source, id) => {
                let memory = self.memory.get(&(source.clone(), id.clone())).cloned();
                world.learn_memory(source.clone(), id.clone(), memory);
            }
            Need::Partner(id) => {
                world.learn_registry(1);
                let means = |partner: &&Partner| partner.names().any(|name| name.as_str() == &**id);
                let find = |id: &PartnerId| -> Result<_, Infallible> {
                    Ok(self.registry.iter().find(|one| one.id == *id).map(|one| Arc::new(Holder::from(one))))
                };
                let first = self.registry.iter().find(means).map(|one| Arc::new(Holder::from(one)));
                let meaning = first.map(|first| Arc::new(Meaning::follow(first, find).unwrap()));
                world.learn_partner(id.clone(), meaning);
            }
            // Services are tested whole, in tests/it/services.rs.
            Need::Service(scope, name) => world.learn_service(scope.clone(), name.clone(), None),
            Need::AddOns(parent) => world.learn_add_ons(*parent, Vec::new()),
            Need::Kept(service, account) => world.learn_kept(*service, *account, Standing::Enabled, None),
            Need::ServicesOf(account) => world.learn_services_of(*account, Some(Vec::new())),
            Need::Crowd(account) => world.learn_crowd(*account, 0),
            Need::User(id) => world.learn_user(*id, None),
            Need::UsersOf(account) => world.learn_users_of(*account, Some(Vec::new())),
            // Moves, promotions and what operators keep are tested whole, too.
            Need::Seller(account) => world.learn_seller(*account, Seller::default()),
            Need::UnderWay(account) => world.learn_under_way(*account, None, false),
            Need::SitesOf(account) => world.learn_sites_of(*account, Vec::new(), Vec::new()),
            Need::Branding(account) => world.learn_branding(*account, Branding::default()),
            Need::Dossier(account) => world.learn_dossier(*account, Dossier::default()),
            Need::Listing(account) => world.learn_listing(*account, Listing::default()),
            Need::OperatorName(name) => world.learn_operator_name(name.clone(), false),
            Need::CustomersOf(account) => {
                let with =
                    |one: &&Account| one.reseller.as_ref().is_some_and(|held| held.reseller_account == Some(*account));
                let keys = self.accounts.values().filter(with).map(|one| one.key.clone()).collect();
                world.learn_customers_of(*account, Some(keys));
            }
            Need::LoginName(name) => world.learn_login(name.clone(), Vec::new()),
            Need::OperatorsOf(account) => world.learn_operators_of(*account, Vec::new()),
        }
    }

    /// Plans a call, looking up what it asks for, and writes what it comes to.
    fn call(&mut self, say: Say) -> Told {
        self.second += 10;
        let call = say.made(self.second);
        let mut world = World::new(CHAIN, self.rows_issued);
        let planned = loop {
            match plan(&world, &self.policy, &call) {
                Ok(planned) => break planned,
                Err(need) => {
                    assert!(!world.knows(&need), "asked twice for {need:?}");
                    self.learn(&mut world, &need);
                }
            }
        };
        self.deliveries += 1;
        let delivery = DeliveryId::issue(CHAIN, self.deliveries);
        let (account, body_of) = world.apply(&call, planned.clone(), delivery);
        self.write(world, &call, &planned, (delivery, body_of, account));
        Told {
            outcome: planned.outcome,
            code: planned.answer.code,
            message: planned.answer.message,
            result: planned.answer.result,
            kind: planned.classification.map(|classification| classification.kind),
            trace: planned.trace.join("; "),
            delivery,
            body_of,
        }
    }

    fn write(
        &mut self,
        world: World,
        call: &Call,
        planned: &Planned,
        row: (DeliveryId, DeliveryId, Option<AccountId>),
    ) {
        let mut changes = world.into_changes();
        let remembered = std::mem::take(&mut changes.remembered);
        self.save(changes);
        let (delivery, body_of, account) = row;
        for (source, id, by) in remembered {
            assert_eq!(by, delivery);
            let memory = Memory {
                delivery,
                body_of,
                scope: call.scope.clone(),
                endpoint: call.endpoint,
                content: call.request.digest,
                outcome: planned.outcome,
                answer: planned.answer.clone(),
                account,
            };
            self.memory.insert((source, id), memory);
        }
    }

    /// Does a list of acts on accounts, each at the second that the clock has moved to.
    fn acts(&mut self, acts: Vec<(&str, What)>) -> Vec<ActOutcome> {
        self.acts_on(acts.into_iter().map(|(id, what)| (key(id), what)).collect())
    }

    fn acts_on(&mut self, acts: Vec<(AccountKey, What)>) -> Vec<ActOutcome> {
        let mut world = World::new(CHAIN, self.rows_issued);
        let mut outcomes = Vec::new();
        for (key, what) in acts {
            self.second += 10;
            let act = Act::new(key, self.second * 1_000_000 + 7, Cause::Move, what);
            outcomes.push(self.act_in(&mut world, &act));
        }
        let changes = world.into_changes();
        assert!(changes.remembered.is_empty() && changes.cases.is_empty());
        self.save(changes);
        outcomes
    }

    fn act_in(&self, world: &mut World, act: &Act) -> ActOutcome {
        for need in World::foreseeable_of_act(act) {
            self.learn(world, &need);
        }
        for need in world.foreseeable_next_of_act(act) {
            if !world.knows(&need) {
                self.learn(world, &need);
            }
        }
        let planned = loop {
            match plan_act(world, &self.policy, act) {
                Ok(planned) => break planned,
                Err(need) => {
                    assert!(!world.knows(&need), "asked twice for {need:?}");
                    self.learn(world, &need);
                }
            }
        };
        world.apply_act(act, planned)
    }

    /// One act.
    fn act(&mut self, id: &str, what: What) -> ActOutcome {
        self.acts(vec![(id, what)]).remove(0)
    }

    fn save(&mut self, changes: Changes) {
        self.rows_issued = changes.rows_issued;
        for adopted in &changes.adopted {
            self.accounts.remove(&adopted.was);
            self.aliases.insert(adopted.was.clone(), adopted.now.clone());
            for account in self.accounts.values_mut() {
                let Some(held) = &mut account.reseller else { continue };
                if held.reseller_account == Some(adopted.account) {
                    held.reseller_platform_id = Some(adopted.now.platform_id.clone());
                    if let Some(said) = account.reported.as_mut().and_then(|report| report.reseller.as_mut())
                        && *said == adopted.was.platform_id
                    {
                        said.clone_from(&adopted.now.platform_id);
                    }
                }
            }
            for (_, relation) in self.relations.values_mut() {
                if relation.closing.is_none() && relation.reseller_account == Some(adopted.account) {
                    relation.reseller_platform_id = Some(adopted.now.platform_id.clone());
                }
            }
        }
        for account in changes.created.into_iter().chain(changes.updated.into_iter().map(|(_, after)| after)) {
            self.accounts.insert(account.key.clone(), Account::clone(&account));
        }
        for change in changes.relations {
            // An account that only its reseller's coming changed is not written itself.
            let owner = self.accounts.values_mut().find(|owner| owner.id == change.account);
            if let Some(open) =
                owner.and_then(|owner| owner.reseller.as_mut()).filter(|open| open.id == change.relation.id)
            {
                open.clone_from(&change.relation);
            }
            self.relations.insert(change.relation.id, (change.account, change.relation));
        }
        for link in changes.links {
            for (id, (account, relation)) in &mut self.relations {
                let by_id = relation.reseller_platform_id.as_ref() == Some(&link.key.platform_id);
                let by_external_id = relation.reseller_external_id.as_ref() == Some(&link.external_id);
                let waits = relation.closing.is_none() && relation.reseller_account.is_none();
                let owner = self.accounts.values_mut().find(|owner| owner.id == *account).unwrap();
                if waits && owner.key.scope == link.key.scope && (by_id || by_external_id) {
                    relation.state = RelationState::Linked;
                    relation.reseller_account = Some(link.account);
                    relation.linked_at = Some(link.at);
                    relation.found_by = Some(FoundBy::of(by_id, by_external_id));
                    assert_eq!(owner.reseller.as_ref().map(|open| open.id), Some(*id));
                    owner.reseller = Some(relation.clone());
                }
            }
        }
    }

    #[track_caller]
    fn account(&self, id: &str) -> &Account {
        self.accounts.get(&key(id)).unwrap_or_else(|| panic!("no account {id}"))
    }

    /// What an operator would do to an account: the API of it is elsewhere.
    fn operate(&mut self, id: &str, act: impl FnOnce(&mut Account)) {
        let account = self.accounts.get_mut(&key(id)).unwrap();
        account.hold = Some(Hold::Operator);
        act(account);
        if let Some(relation) = account.reseller.clone() {
            self.relations.insert(relation.id, (account.id, relation));
        }
    }

    /// All relations of an account, in the order in which they were opened.
    fn history(&self, id: &str) -> Vec<&Relation> {
        let account = self.account(id).id;
        self.relations.values().filter(|(of, _)| *of == account).map(|(_, relation)| relation).collect()
    }

    /// Kind, the reseller's platform ID as named, and the state of the open relation.
    #[track_caller]
    fn place(&self, id: &str) -> (AccountKind, Option<&str>, Option<RelationState>) {
        let account = self.account(id);
        let reseller = account.reseller.as_ref();
        (
            account.kind,
            reseller.and_then(|relation| relation.reseller_platform_id.as_ref()).map(PlatformId::as_str),
            reseller.map(|relation| relation.state),
        )
    }
}

fn set(options: &[(&str, OptionValue)]) -> OptionSet {
    options.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect()
}
