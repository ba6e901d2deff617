//! Acts through the writer, on both databases: what is written with them, what is taken back, and what calls make of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use serde_json::{Value, json};
use tiersync::config::Config;
use tiersync::domain::account::{AccountKind, Hold, Standing};
use tiersync::domain::act::{Act, ActOutcome, Acted, Imported, MAX_ACTS, What};
use tiersync::domain::call::ProfilePatch;
use tiersync::domain::dossier::{CardField, CardPatch, DossierAct, SettingsPatch};
use tiersync::domain::ids::{AccountKey, PlatformId, Scope, SourceId, Tenant};
use tiersync::domain::operator::Role;
use tiersync::domain::options::OptionSet;
use tiersync::domain::outcome::Code;
use tiersync::domain::relation::{Axis, Cause};
use tiersync::ops::alone;
use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::audit::{self, AuditFilter, Entry};
use tiersync::store::connection::Database;
use tiersync::store::deliveries::{self, DeliveryFilter};
use tiersync::store::dossiers;
use tiersync::store::{AnyConnection, StoreError};
use tiersync::writer::acts::ActList;
use tiersync::writer::faults::{Faults, Place};
use tiersync::writer::{BatchReport, Observer, Writer, WriterConfig, WriterThread};

use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::histories::{BEGIN, Bench, History, histories};
use crate::ledger::assert_whole;
use crate::v1::{id, operator, send};

fn key(id: &str) -> AccountKey {
    let scope = Scope { source: SourceId::stored("eu"), tenant: Tenant::none() };
    AccountKey { scope, platform_id: PlatformId::stored(id) }
}

fn entry(at: i64) -> Entry {
    let text = |text: &str| text.to_owned();
    Entry {
        at,
        operator: text("cli"),
        action: text("accounts.set"),
        subject: text("0-1"),
        detail: text("{}"),
        remote: text("-"),
    }
}

fn act(id: &str, what: What) -> Act {
    Act::new(key(id), 1_900_000_000_000_000, Cause::Move, what)
}

fn assign(reseller: &str) -> What {
    What::Assign { reseller: Some(key(reseller)) }
}

fn import(kind: AccountKind, reseller: Option<&str>) -> What {
    What::Import(Box::new(Imported {
        external_id: None,
        kind,
        reseller: reseller.map(PlatformId::stored),
        since: None,
        profile: ProfilePatch::default(),
        options: OptionSet::default(),
    }))
}

fn toml() -> Config {
    Config::from_toml(&config("", MPNID)).unwrap()
}

fn list(acts: Vec<Act>, all_or_nothing: bool) -> ActList {
    ActList { acts, policies: alone::policies(&toml()), all_or_nothing, entry: entry(7) }
}

struct Counting(AtomicUsize);

impl Observer for Counting {
    fn committed(&self, _: BatchReport) {}
    fn rerun(&self, _: &'static str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A writer beside a receiver, as a command starts one.
struct Beside {
    writer: Option<(Writer, WriterThread)>,
    reruns: Arc<Counting>,
}

impl Beside {
    fn with(app: &TestApp, faults: Faults) -> Self {
        let reruns = Arc::new(Counting(AtomicUsize::new(0)));
        let writer = Writer::start(WriterConfig {
            database: Database::parse(&app.database_url).unwrap(),
            queue: 64,
            lanes: 1,
            sources: alone::registered(&toml()),
            observer: reruns.clone(),
            faults,
        });
        Self { writer: Some(writer.unwrap()), reruns }
    }

    fn acts(&self, acts: Vec<Act>, all_or_nothing: bool) -> Vec<ActOutcome> {
        self.writer.as_ref().unwrap().0.acts_blocking(list(acts, all_or_nothing)).unwrap()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if let Some((writer, thread)) = self.writer.take() {
            drop(writer);
            thread.join();
        }
    }
}

/// Resellers 10 and 20, customer 11 of 10. The receiver is stopped: on SQLite a chain has one writer.
fn world(backend: Backend) -> TestApp {
    let mut app = TestApp::start(backend);
    for body in [
        json!({"ID": "10", "Role": "Reseller"}),
        json!({"ID": "20", "Role": "Reseller"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10"}),
    ] {
        send(&app, &body);
    }
    app.stop();
    app
}

fn account(app: &TestApp, id: &str) -> Option<tiersync::domain::account::Account> {
    let filter = AccountFilter { platform_id: Some(id.to_owned()), ..AccountFilter::default() };
    accounts::list(&mut app.database(), &filter, None, 2).unwrap().pop().map(|listed| listed.account)
}

fn audited(app: &TestApp) -> usize {
    audit::list(&mut app.database(), &AuditFilter::default(), None, 100).unwrap().len()
}

fn delivered(app: &TestApp) -> usize {
    deliveries::list(&mut app.database(), &DeliveryFilter::default(), None, 100).unwrap().len()
}

#[test]
fn a_list_is_one_thing_or_each_act_for_itself() {
    for backend in backends() {
        let app = world(backend);
        let beside = Beside::with(&app, Faults::default());
        let acts = || {
            vec![
                act("11", assign("20")),
                act("new", import(AccountKind::DirectCustomer, None)),
                act("11", assign("99")),
            ]
        };
        let before = account(&app, "11");
        let outcomes = beside.acts(acts(), true);
        assert_eq!(
            (&outcomes[0].acted, &outcomes[1].acted, outcomes[1].id),
            (&Acted::Withheld, &Acted::Withheld, None)
        );
        assert_eq!(outcomes[2].refused().unwrap().0, Code::UnknownAccount);
        assert_eq!((account(&app, "11"), account(&app, "new"), audited(&app)), (before, None, 0));

        let outcomes = beside.acts(acts(), false);
        assert!(outcomes[0].applied().is_some() && outcomes[2].refused().is_some());
        assert_eq!(account(&app, "new").unwrap().id, outcomes[1].id.unwrap());
        let moved = account(&app, "11").unwrap();
        assert_eq!((moved.hold, moved.revision), (Some(Hold::Operator), outcomes[0].applied().unwrap().revision));
        assert_eq!((audited(&app), delivered(&app)), (1, 3), "one line of the trail, no delivery");
        assert_whole(&mut app.database());

        // Nothing changes: nothing is written, not even to the trail.
        assert_eq!(beside.acts(vec![act("11", assign("20"))], true)[0].acted, Acted::Unchanged);
        assert_eq!(audited(&app), 1);
        let many = vec![act("11", assign("20")); MAX_ACTS + 1];
        assert!(beside.acts(many, false).iter().all(|outcome| outcome.refused().is_some()));
        drop(beside);

        // And undone, with a receiver before and behind it on the same chain.
        let app = app.second();
        send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
        assert_eq!(account(&app, "11").unwrap().hold, Some(Hold::Operator), "drift");
        drop_and_undo(app, &outcomes[0]);
    }
}

fn drop_and_undo(mut app: TestApp, moved: &ActOutcome) {
    app.stop();
    let beside = Beside::with(&app, Faults::default());
    let undo = moved.applied().unwrap().undo(moved.account.clone(), 1_900_000_100_000_000, Cause::Move);
    assert!(beside.acts(vec![undo], true)[0].applied().is_some());
    drop(beside);
    let back = account(&app, "11").unwrap();
    assert_eq!((back.hold, back.reseller.unwrap().cause), (None, Cause::Sync));
    let history = accounts::history(&mut app.database(), back.id).unwrap();
    assert_eq!(history.len(), 3);
    assert_eq!(history[2].delivery, history[0].delivery);
    assert_whole(&mut app.database());
    let app = app.second();
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
    assert_whole(&mut app.database());
}

#[test]
fn reruns_and_lost_answers_do_a_list_once() {
    for backend in backends() {
        for (place, fault) in [
            (Place::Write, StoreError::Contended("a fault".to_owned())),
            (Place::Committed, StoreError::CommitLost("a fault".to_owned())),
        ] {
            let app = world(backend);
            let fail = AtomicUsize::new(2);
            let text = fault.to_string();
            let lost = matches!(fault, StoreError::CommitLost(_));
            let faults = Faults::new(move |at, calls| {
                let now = at == place
                    && fail.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
                assert!(calls.is_empty());
                let fault = || {
                    if lost {
                        StoreError::CommitLost("a fault".to_owned())
                    } else {
                        StoreError::Contended("a fault".to_owned())
                    }
                };
                now.then(fault)
            });
            let beside = Beside::with(&app, faults);
            let described = ProfilePatch { name: Some("New".to_owned()), ..ProfilePatch::default() };
            // One that numbers rows, and one that numbers none.
            for what in [assign("20"), What::Describe(Box::new(described))] {
                let outcomes = beside.acts(vec![act("11", what)], true);
                assert!(outcomes[0].applied().is_some(), "{text}: {outcomes:?}");
            }
            let reruns = beside.reruns.0.load(Ordering::Relaxed);
            assert_eq!(reruns, 2, "{text}");
            drop(beside);
            let after = account(&app, "11").unwrap();
            assert_eq!((after.profile.name.as_str(), audited(&app)), ("New", 2), "{text}");
            assert_eq!(accounts::history(&mut app.database(), after.id).unwrap().len(), 2, "{text}");
            assert_whole(&mut app.database());
        }
    }
}

/// Calls, and then a list of acts.
#[derive(Debug, Clone)]
struct Round {
    calls: usize,
    acts: Vec<(&'static str, What)>,
}

fn whats() -> impl Strategy<Value = What> {
    let id = || prop::sample::select(&["r1", "r2", "c1", "c2"][..]);
    let kind = || prop::sample::select(AccountKind::ALL.to_vec());
    let named = ProfilePatch { name: Some("By hand".to_owned()), ..ProfilePatch::default() };
    prop_oneof![
        4 => id().prop_map(assign),
        1 => Just(What::Assign { reseller: None }),
        2 => kind().prop_map(What::SetKind),
        3 => (kind(), prop::option::of(id())).prop_map(|(kind, reseller)| import(kind, reseller)),
        1 => Just(What::Describe(Box::new(named))),
        1 => Just(What::Delete),
        1 => Just(What::Revive),
        1 => Just(What::Release),
        2 => prop::sample::select(Standing::ALL.to_vec()).prop_map(What::SetStanding),
        2 => kept().prop_map(|kept| What::Keep(Box::new(kept))),
    ]
}

fn kept() -> impl Strategy<Value = DossierAct> {
    let tags = |tags: Vec<&str>| tags.into_iter().map(str::to_owned).collect();
    let settings =
        (prop::sample::subsequence(vec!["a", "b", "c"], 0..3), prop::sample::subsequence(vec!["a", "b"], 0..2))
            .prop_map(move |(tagged, untagged)| SettingsPatch {
                tagged: tags(tagged),
                untagged: tags(untagged),
                ..SettingsPatch::default()
            });
    let mut card = CardPatch::default();
    card.text(CardField::Handle, "H").unwrap();
    prop_oneof![
        settings.prop_map(|patch| DossierAct::Set(Box::new(patch))),
        Just(DossierAct::AddContact(Box::new(card))),
        (1_i64..3).prop_map(DossierAct::RemoveContact),
        prop::sample::select(&["x", "y"][..])
            .prop_map(|name| DossierAct::AddLogin { name: Some(name.to_owned()), may_sign_in: true }),
        (0_i64..3).prop_map(DossierAct::RemoveLogin),
    ]
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let id = prop::sample::select(&["r1", "r2", "c1", "c2", "c3"][..]);
    let round =
        (1_usize..6, prop::collection::vec((id, whats()), 0..6)).prop_map(|(calls, acts)| Round { calls, acts });
    prop::collection::vec(round, 4)
}

/// Every account, option and relation, by names instead of row ids: lists number rows otherwise than acts alone do.
fn shown(database: &mut AnyConnection) -> Vec<String> {
    let listed = accounts::list(database, &AccountFilter::default(), None, 1_000).unwrap();
    let names: Vec<(String, String)> =
        listed.iter().map(|one| (format!("{:?}", one.account.id), format!("{:?}", one.account.key))).collect();
    let named = |text: String| names.iter().fold(text, |text, (id, name)| text.replace(id, name));
    let mut shown = Vec::new();
    for mut one in listed {
        let id = one.account.id;
        for relation in [&mut one.account.reseller, &mut one.account.partner].into_iter().flatten() {
            relation.id.0 = 0;
        }
        shown.push(named(format!("{:?}", one.account)));
        shown.push(format!("{:?} {:?}", one.account.key, dossiers::of(database, id).unwrap()));
        let mut history = accounts::history(database, id).unwrap();
        history.sort_by_key(|relation| relation.id);
        for mut relation in history {
            relation.id.0 = 0;
            shown.push(named(format!("{:?} {relation:?}", one.account.key)));
        }
    }
    shown.sort();
    shown
}

fn run(backend: Backend, history: &History, rounds: &[Round], together: bool) -> (Vec<String>, Vec<String>) {
    let config = history.config();
    let bench = Bench::new(backend, &config);
    let calls = history.calls(&config);
    let (mut rest, mut said, mut at) = (&calls[..], Vec::new(), 0_i64);
    for round in rounds {
        let (now, later) = rest.split_at(round.calls.min(rest.len()));
        rest = later;
        if !now.is_empty() {
            let sizes: &[usize] = if together { &[usize::MAX] } else { &[] };
            said.extend(bench.run(now, sizes).iter().map(|answered| format!("{answered:?}")));
        }
        let acts = round.acts.iter().map(|(id, what)| {
            at += 1;
            Act::new(key(id), BEGIN * 1_000_000 + at * 700_000, Cause::Move, what.clone())
        });
        let acts: Vec<Act> = acts.collect();
        let size = if together { acts.len().max(1) } else { 1 };
        for acts in acts.chunks(size) {
            let list = ActList {
                acts: acts.to_vec(),
                policies: alone::policies(&config),
                all_or_nothing: false,
                entry: entry(at),
            };
            said.extend(bench.acts(list).into_iter().map(|outcome| format!("{:?}", without_rows(outcome.acted))));
        }
    }
    (said, bench.finish(shown))
}

/// What an act came to, but for the ids of rows.
fn without_rows(acted: Acted) -> Acted {
    let Acted::Applied(mut applied) = acted else { return acted };
    if let Some(before) = &mut applied.before {
        for relation in [&mut before.reseller, &mut before.partner].into_iter().flatten() {
            relation.id.0 = 0;
            relation.reseller_account = None;
        }
    }
    Acted::Applied(applied)
}

#[test]
fn what_is_made_and_disabled_in_one_list_is_disabled() {
    for backend in backends() {
        let app = world(backend);
        let acts = vec![
            act("12", import(AccountKind::DirectCustomer, None)),
            act("12", What::SetStanding(Standing::Disabled)),
            act("13", import(AccountKind::Reseller, None)),
            act("13", What::SetStanding(Standing::Frozen)),
        ];
        Beside::with(&app, Faults::default()).acts(acts, true);
        let listed = accounts::list(&mut app.database(), &AccountFilter::default(), None, 10).unwrap();
        let standing = |id: &str| listed.iter().find(|one| one.account.key == key(id)).unwrap().account.standing;
        assert_eq!((standing("12"), standing("13")), (Standing::Disabled, Standing::Frozen));
    }
}

#[test]
fn however_acts_and_calls_are_batched_accounts_are_the_same() {
    for backend in backends() {
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() });
        runner
            .run(&(histories(20), rounds()), |(history, rounds)| {
                let alone = run(backend, &history, &rounds, false);
                let together = run(backend, &history, &rounds, true);
                prop_assert_eq!(alone.0, together.0, "answers");
                prop_assert_eq!(alone.1, together.1, "accounts and relations");
                Ok(())
            })
            .unwrap();
    }
}

/// Two receivers, whose platforms and operators say different things of the same accounts at once.
fn at_once(backend: Backend) {
    let app = TestApp::start(backend);
    let second = if backend == Backend::Postgres { Some(app.second()) } else { None };
    let other = second.as_ref().unwrap_or(&app);
    for id in ["r", "s"] {
        send(&app, &json!({"ID": id, "Role": "Reseller"}));
    }
    for id in ["c1", "c2", "c3", "p"] {
        send(&app, &json!({"ID": id, "Role": "User", "ResellerID": "r"}));
    }
    let admin = operator(&app, "admin", Role::ProviderAdmin, &[], None);
    let ids: Vec<String> = ["r", "s", "c1", "c2", "c3", "p"].map(|platform_id| id(&app, platform_id)).to_vec();
    let patch = |account: &str, body: Value| {
        let reply = Call::new("PATCH", &format!("/v1/accounts/{account}"))
            .header("Authorization", format!("Bearer {admin}"))
            .header("Content-Type", "application/json")
            .body(body.to_string())
            .send(other);
        assert!(matches!(reply.status, 200 | 409), "{}", reply.body);
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20 {
                for customer in ["c1", "c2", "c3"] {
                    let reseller = ["r", "s", "p"][round % 3];
                    let said =
                        json!({"ID": customer, "Role": "User", "ResellerID": reseller, "Name": round.to_string()});
                    let reply = app.synchronize(&said.to_string());
                    assert!(matches!(reply.code(), 0 | 1004), "{}", reply.body);
                }
            }
        });
        scope.spawn(|| {
            for round in 0..20 {
                for customer in &ids[2..5] {
                    patch(customer, json!({"reseller": ids[[1, 0, 5][round % 3]]}));
                }
            }
        });
        scope.spawn(|| {
            for _ in 0..20 {
                patch(&ids[5], json!({"kind": "reseller"}));
                patch(&ids[5], json!({"kind": "direct_customer"}));
                patch(&ids[5], json!({"release": true}));
            }
        });
    });
    let listed = accounts::list(&mut app.database(), &AccountFilter::default(), None, 100).unwrap();
    for one in &listed {
        let account = &one.account;
        assert_eq!(account.kind == AccountKind::ResellerCustomer, account.reseller.is_some(), "{account:?}");
        if let Some(relation) = &account.reseller {
            let to = listed.iter().find(|other| Some(other.account.id) == relation.reseller_account);
            assert!(to.is_none_or(|to| to.account.sells()), "{account:?} belongs to one that sells nothing");
            let named = listed
                .iter()
                .find(|other| Some(&other.account.key.platform_id) == relation.reseller_platform_id.as_ref());
            assert_eq!(to.is_some(), named.is_some_and(|named| named.account.sells()), "{account:?}");
        }
        let history = accounts::history(&mut app.database(), account.id).unwrap();
        let open = history.iter().filter(|relation| relation.closing.is_none() && relation.axis == Axis::Reseller);
        assert_eq!(open.count(), usize::from(account.reseller.is_some()));
        assert!(history.iter().all(|relation| relation.closing.is_none_or(|end| end.valid_to >= relation.valid_from)));
    }
    drop(second);
    assert_whole(&mut app.database());
}

#[test]
fn platforms_and_operators_at_once_leave_a_whole_hierarchy() {
    backends().into_iter().for_each(at_once);
}
