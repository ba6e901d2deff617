//! Random histories of calls, and a writer of its own that takes them in batches of a chosen size.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tiersync::config::Config;
use tiersync::domain::act::ActOutcome;
use tiersync::domain::call::{Call, Endpoint, Request, SignedId};
use tiersync::domain::ids::{AccountKey, PlatformId, Scope, SourceId, Tenant};
use tiersync::domain::policy::SourcePolicy;
use tiersync::domain::service::order::Verb;
use tiersync::ops::alone;
use tiersync::store::connection::{Database, Use};
use tiersync::store::{AnyConnection, migrate};
use tiersync::wire::intent::{self, Reading};
use tiersync::writer::acts::ActList;
use tiersync::writer::faults::{Faults, Place};
use tiersync::writer::{Answered, BatchReport, Observer, SubmitError, Writer, WriterConfig, WriterThread};

use crate::harness::app::MPNID;
use crate::harness::{Backend, config, postgres};

/// Second in which every history begins.
pub const BEGIN: i64 = 1_790_000_000;

/// Few accounts, so that calls meet.
const IDS: [&str; 5] = ["r1", "r2", "c1", "c2", "c3"];

/// What a call says.
#[derive(Debug, Clone)]
pub struct Content {
    endpoint: Endpoint,
    body: String,
}

/// One call of a history.
#[derive(Debug, Clone)]
pub struct Step {
    content: Content,
    signed: Option<u8>,
    replayed_at: Option<i64>,
    second_tenant: bool,
    check_only: bool,
}

/// A source's rules and the calls that come under them.
#[derive(Debug, Clone)]
pub struct History {
    pub rules: String,
    pub steps: Vec<Step>,
}

fn scope(second_tenant: bool) -> Scope {
    Scope { source: SourceId::stored("eu"), tenant: Tenant::stored(if second_tenant { "second" } else { "" }) }
}

/// The ExternalID that an account gets unless somebody adopted it.
pub fn derived(id: &str) -> String {
    AccountKey { scope: scope(false), platform_id: PlatformId::stored(id) }.derived_external_id(1).to_string()
}

fn id() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&IDS[..])
}

/// A member that may be absent, null, empty or one of the values.
fn maybe(values: BoxedStrategy<Value>, absent: u32) -> BoxedStrategy<Option<Value>> {
    prop_oneof![
        absent => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!(""))),
        6 => values.prop_map(Some),
    ]
    .boxed()
}

fn external_id() -> BoxedStrategy<Value> {
    prop_oneof![id().prop_map(|id| json!(derived(id))), prop::sample::select(&["E1", "E2"][..]).prop_map(|e| json!(e))]
        .boxed()
}

fn options() -> BoxedStrategy<Option<Value>> {
    prop_oneof![
        4 => Just(None),
        1 => Just(Some(Value::Null)),
        1 => Just(Some(json!({}))),
        2 => Just(Some(json!({"MPNID": 3_456_890}))),
        1 => Just(Some(json!({"MPNID": "3456890", "AdminPassword": "hunter2"}))),
        2 => Just(Some(json!({"MPNID": "7777777", "Seats": 5}))),
        1 => Just(Some(json!({"MPNID": "none", "Seats": "5"}))),
        1 => Just(Some(json!({"AdminPassword": "[redacted]", "Seats": 5}))),
    ]
    .boxed()
}

/// Whom calls name as reseller, and who is one: mostly the same two.
fn reseller_id() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => prop::sample::select(&IDS[..2]), 1 => id()]
}

/// `ID`, `Role` and `ResellerID`.
fn words() -> impl Strategy<Value = (&'static str, Option<Value>, Option<Value>)> {
    let said = |role: &str| Just(Some(json!(role)));
    let none = || prop_oneof![Just(None), Just(Some(Value::Null)), Just(Some(json!("")))];
    let some = || reseller_id().prop_map(|id| Some(json!(id)));
    prop_oneof![
        5 => (reseller_id(), said("Reseller"), none()),
        1 => (id(), said("Reseller"), some()),
        8 => (id(), said("User"), some()),
        4 => (id(), said("User"), none()),
        1 => (id(), said("Admin"), none()),
        1 => (id(), Just(None), some()),
    ]
}

fn synchronize() -> impl Strategy<Value = Content> {
    let name = maybe(prop::sample::select(&["A", "B"][..]).prop_map(|name| json!(name)).boxed(), 4);
    let external = prop_oneof![12 => Just(None), 2 => external_id().prop_map(Some)];
    let reseller_external = maybe(external_id(), 12);
    (words(), external, reseller_external, name, options()).prop_map(
        |((id, role, reseller), external, reseller_external, name, options)| {
            let mut body = Map::new();
            body.insert("ID".to_owned(), json!(id));
            for (key, value) in [
                ("Role", role),
                ("ResellerID", reseller),
                ("ExternalID", external),
                ("ResellerExternalID", reseller_external),
                ("Name", name),
                ("SyncOptions", options),
            ] {
                body.extend(value.map(|value| (key.to_owned(), value)));
            }
            Content { endpoint: Endpoint::Synchronize, body: Value::Object(body).to_string() }
        },
    )
}

fn content() -> impl Strategy<Value = Content> {
    let about = |endpoint| id().prop_map(move |id| Content { endpoint, body: json!({"ID": id}).to_string() });
    let garbage =
        prop::sample::select(&["", "{", "[]", "{\"Role\":\"User\"}", "{\"ID\":\"c1\",\"Name\":7,\"IsTest\":7}"][..]);
    prop_oneof![
        20 => synchronize(),
        3 => about(Endpoint::Delete),
        1 => about(Endpoint::Exists),
        1 => about(Endpoint::IsReseller),
        1 => garbage.prop_map(|body| Content { endpoint: Endpoint::Synchronize, body: body.to_owned() }),
    ]
}

fn steps(calls: usize, content: impl Fn() -> BoxedStrategy<Content>) -> impl Strategy<Value = Vec<Step>> {
    let step = (
        content(),
        prop::option::weighted(0.3, 0_u8..4),
        prop::bool::weighted(0.7),
        prop::option::weighted(0.3, -4_i64..12),
        prop::bool::weighted(0.06),
        prop::bool::weighted(0.1),
    );
    // What comes under a signed id is mostly the same each time; a few contents come again without one.
    (prop::collection::vec(content(), 4), prop::collection::vec(step, calls)).prop_map(|(fixed, steps)| {
        steps
            .into_iter()
            .map(|(own, id, same, replayed_at, second_tenant, check_only)| {
                let content = match id {
                    Some(id) if same => fixed[usize::from(id)].clone(),
                    _ => own,
                };
                // Only some of those with an id are signed: the others repeat a content.
                let signed = id.filter(|id| !same || id % 2 == 0);
                Step { content, signed, replayed_at, second_tenant, check_only }
            })
            .collect()
    })
}

/// Orders of services among the calls about accounts.
fn with_orders() -> BoxedStrategy<Content> {
    prop_oneof![1 => content(), 2 => order()].boxed()
}

fn order() -> impl Strategy<Value = Content> {
    let verb = prop_oneof![
        3 => Just(Verb::Create),
        5 => prop::sample::select(&Verb::ALL[..]),
    ];
    let subscription = prop::option::weighted(0.9, prop::sample::select(&["S1", "S2"][..]));
    let add_on = (prop::sample::select(&["p1", "p2"][..]), prop::sample::select(&["Provision", "None"][..]), 1..3);
    let add_ons = prop::collection::vec(add_on, 0..2);
    (verb, words(), subscription, add_ons, 1..3, any::<bool>()).prop_map(
        |(verb, (id, role, reseller), subscription, add_ons, quantity, by_id)| {
            let mut body = json!({"Account": {"ID": id, "Role": role, "ResellerID": reseller}, "Quantity": quantity});
            if let Some(subscription) = subscription {
                // What a Create under the platform's own ID answers is not known here; one under an ID of ours is.
                let name = if by_id { "ID" } else { "SubscriptionID" };
                body[name] = json!(format!("{id}-{subscription}"));
            }
            let add_ons: Vec<Value> = add_ons
                .into_iter()
                .map(|(plan, action, quantity)| json!({"ProductID": plan, "ActionType": action, "Quantity": quantity}))
                .collect();
            body["Addons"] = json!(add_ons);
            Content { endpoint: Endpoint::Service(verb), body: body.to_string() }
        },
    )
}

/// As [`histories`], with orders of services.
pub fn histories_with_orders(calls: usize) -> impl Strategy<Value = History> {
    let change = prop::sample::select(&["accept", "accept", "review", "refuse"][..]);
    (steps(calls, with_orders), change)
        .prop_map(|(steps, change)| History { rules: format!("reseller_change = \"{change}\""), steps })
}

/// Histories of about this many calls.
pub fn histories(calls: usize) -> impl Strategy<Value = History> {
    let change = prop::sample::select(&["accept", "accept", "review", "refuse"][..]);
    let role = prop::sample::select(&["reject", "user"][..]);
    (steps(calls, || content().boxed()), change, role, any::<bool>()).prop_map(|(steps, change, role, support)| {
        History {
            rules: format!("reseller_change = \"{change}\"\nmissing_role = \"{role}\"\nreseller_support = {support}"),
            steps,
        }
    })
}

impl History {
    /// Live calls of Synchronize, under the rules by default.
    pub fn of(bodies: &[&str]) -> Self {
        let steps = bodies.iter().map(|body| Step {
            content: Content { endpoint: Endpoint::Synchronize, body: (*body).to_owned() },
            signed: None,
            replayed_at: None,
            second_tenant: false,
            check_only: false,
        });
        Self { rules: String::new(), steps: steps.collect() }
    }

    /// The same calls, of which these only delete.
    pub fn deleting(mut self, which: &[usize]) -> Self {
        which.iter().for_each(|at| self.steps[*at].content.endpoint = Endpoint::Delete);
        self
    }

    /// The source's configuration.
    pub fn config(&self) -> Config {
        Config::from_toml(&config(&self.rules, MPNID)).unwrap()
    }

    /// The calls as they come in: some within the same second, all at times that are the same in every run.
    pub fn calls(&self, config: &Config) -> Vec<Call> {
        (0_i64..).zip(&self.steps).map(|(at, step)| step.call(config, BEGIN * 1_000_000 + at * 400_000)).collect()
    }
}

impl Step {
    fn call(&self, config: &Config, received_at: i64) -> Call {
        let read = intent::read(Reading {
            secret_options: &Vec::new,
            endpoint: self.content.endpoint,
            body: self.content.body.as_bytes(),
            query: if self.check_only { "checkonly=true" } else { "" },
            is_secret_option: &|id| config.is_secret_option(id),
            fields: &[],
            settings: BTreeMap::new(),
        });
        let second = received_at / 1_000_000;
        Call {
            scope: scope(self.second_tenant),
            endpoint: self.content.endpoint,
            check_only: read.check_only,
            replayed: self.replayed_at.is_some(),
            event_second: self.replayed_at.map_or(second, |at| second.min(BEGIN + at)),
            received_at,
            signed_id: self.signed.map(|id| SignedId(format!("msg_{id}").into())),
            intent: read.intent,
            again: None,
            request: Request {
                path: format!("/api/{}", self.content.endpoint.as_str()),
                track_id: None,
                headers: "{}".to_owned(),
                digest: Sha256::digest(&read.stored_body).into(),
                body: read.stored_body,
            },
        }
    }
}

/// Nobody listens to the writer.
struct Silence;

impl Observer for Silence {
    fn committed(&self, _: BatchReport) {}
    fn rerun(&self, reason: &'static str) {
        assert_eq!(reason, "places", "a batch ran again");
    }
}

/// An answer that the writer owes.
type Owed = Pin<Box<dyn Future<Output = Result<Answered, SubmitError>>>>;

/// A writer on an empty database that begins no batch before it is told to.
pub struct Bench {
    database: Database,
    policy: Arc<SourcePolicy>,
    writer: Option<(Writer, WriterThread)>,
    runtime: tokio::runtime::Runtime,
    began: Receiver<usize>,
    go_on: Sender<()>,
    _folder: TempDir,
}

impl Bench {
    pub fn new(backend: Backend, config: &Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match backend {
            Backend::Sqlite => format!("sqlite:{}", folder.path().join("tiersync.db").display()),
            Backend::Postgres => postgres::shared().unwrap().new_schema(),
        };
        let database = Database::parse(&url).unwrap();
        migrate::run(&mut database.connect(Use::Write).unwrap()).unwrap();
        let (begin, began) = channel();
        let (go_on, told) = channel();
        let gate = Mutex::new((begin, told));
        let faults = Faults::new(move |place, calls| {
            if place == Place::Begin {
                let (begin, told): &(Sender<usize>, Receiver<()>) = &gate.lock().unwrap();
                begin.send(calls.len()).unwrap();
                told.recv().unwrap();
            }
            None
        });
        let (writer, thread) = Writer::start(WriterConfig {
            lanes: 1,
            database: database.clone(),
            queue: 1024,
            sources: alone::registered(config),
            observer: Arc::new(Silence),
            faults,
        })
        .unwrap();
        let policy = config.sources[0].policy.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { database, policy, writer: Some((writer, thread)), runtime, began, go_on, _folder: folder }
    }

    /// Puts calls into the queue, in order.
    fn queue(&self, calls: &[Call]) -> Vec<Owed> {
        let (writer, _) = self.writer.as_ref().unwrap();
        let _entered = self.runtime.enter();
        calls
            .iter()
            .map(|call| {
                let (writer, call, policy) = (writer.clone(), call.clone(), self.policy.clone());
                let mut owed: Owed = Box::pin(async move { writer.submit(call, policy).await });
                // The first poll queues it; no answer can be there yet, because the writer waits for us.
                let polled = owed.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(matches!(polled, Poll::Pending), "answered before its batch: {polled:?}");
                owed
            })
            .collect()
    }

    /// Runs calls in batches of these sizes, which end with the calls.
    ///
    /// The first call is a batch of its own, whatever the sizes say: while the writer is held at the beginning of a
    /// batch, the next one is queued as a whole, and before the first there is nothing to hold it at.
    pub fn run(&self, calls: &[Call], sizes: &[usize]) -> Vec<Answered> {
        let (first, mut rest) = calls.split_at(1);
        let mut owed = self.queue(first);
        assert_eq!(self.began.recv().unwrap(), 1);
        let mut sizes = sizes.iter().copied().chain(std::iter::repeat(1));
        while !rest.is_empty() {
            let (batch, behind) = rest.split_at(sizes.next().unwrap().clamp(1, rest.len()));
            owed.extend(self.queue(batch));
            self.go_on.send(()).unwrap();
            assert_eq!(self.began.recv().unwrap(), batch.len());
            rest = behind;
        }
        self.go_on.send(()).unwrap();
        self.runtime.block_on(async {
            let mut answers = Vec::new();
            for owed in owed {
                answers.push(owed.await.unwrap());
            }
            answers
        })
    }

    /// Does a list of acts, alone.
    pub fn acts(&self, list: ActList) -> Vec<ActOutcome> {
        let (writer, _) = self.writer.as_ref().unwrap();
        let _entered = self.runtime.enter();
        let writer = writer.clone();
        let mut owed = Box::pin(async move { writer.acts(list).await });
        let polled = owed.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Pending), "answered before it was done: {polled:?}");
        assert_eq!(self.began.recv().unwrap(), 0, "a list is no batch of calls");
        self.go_on.send(()).unwrap();
        self.runtime.block_on(owed).unwrap()
    }

    /// A connection of somebody else, who writes while the writer waits for calls.
    pub fn beside(&self) -> AnyConnection {
        self.database.connect(Use::Write).unwrap()
    }

    /// Ends the writer and reads what it left behind.
    pub fn finish<T>(mut self, read: impl FnOnce(&mut AnyConnection) -> T) -> T {
        let (writer, thread) = self.writer.take().unwrap();
        drop(writer);
        thread.join();
        read(&mut self.database.connect(Use::Read).unwrap())
    }
}
