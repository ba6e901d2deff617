//! What databases do once a year, done on demand: at every place of a batch, on both databases.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use tiersync::app::Options;
use tiersync::domain::call::Call as Planned;
use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::deliveries::{self, DeliveryFilter};
use tiersync::store::schema::ledger_chains;
use tiersync::store::{AnyConnection, StoreError};
use tiersync::writer::faults::{Faults, Place};

use crate::commands_binary::until;
use crate::gate::{self, Gate, Opened, depth, names, quiet};
use crate::harness::postgres::Cluster;
use crate::harness::{Backend, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;

/// Every place before the commit.
const BEFORE: [Place; 4] = [Place::Begin, Place::Load, Place::Write, Place::Commit];

fn body(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"","Name":"Customer {id}","SyncOptions":{{"A":"b"}}}}"#)
}

fn start(backend: Backend, hook: impl Fn(Place, &[&Planned]) -> Option<StoreError> + Send + Sync + 'static) -> TestApp {
    TestApp::with_options(backend, &config("", ""), quiet(Faults::new(hook)))
}

/// The platform IDs of all accounts, in order.
fn stored(app: &TestApp) -> Vec<String> {
    let all = accounts::list(&mut app.database(), &AccountFilter::default(), None, 10_000).unwrap();
    let mut ids: Vec<String> = all.iter().map(|listed| listed.account.key.platform_id.to_string()).collect();
    ids.sort();
    ids
}

fn ledger_rows(app: &TestApp) -> usize {
    deliveries::list(&mut app.database(), &DeliveryFilter::default(), None, 10_000).unwrap().len()
}

#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

fn count(app: &TestApp, query: &str) -> i64 {
    let counts: Vec<Count> = match &mut app.database() {
        AnyConnection::Sqlite(sqlite) => diesel::sql_query(query).load(sqlite).unwrap(),
        AnyConnection::Postgres(postgres) => diesel::sql_query(query).load(postgres).unwrap(),
    };
    counts.iter().map(|row| row.count).sum()
}

/// Exactly these accounts are there, each of one delivery, with nothing beside them that a rolled back batch left.
#[track_caller]
fn assert_exactly(app: &TestApp, expected: &[String]) {
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(stored(app), expected);
    assert_eq!(ledger_rows(app), expected.len());
    let bodies = count(app, "SELECT count(*) AS count FROM bodies");
    assert_eq!(bodies, i64::try_from(expected.len()).unwrap(), "one body a delivery");
    for orphans in [
        "SELECT count(*) AS count FROM relations WHERE account_id NOT IN (SELECT id FROM accounts)",
        "SELECT count(*) AS count FROM bodies WHERE delivery_id NOT IN (SELECT id FROM deliveries)",
        "SELECT count(*) AS count FROM accounts WHERE last_delivery NOT IN (SELECT id FROM deliveries)",
        "SELECT count(*) AS count FROM arrivals",
    ] {
        assert_eq!(count(app, orphans), 0, "{orphans}");
    }
    assert_whole(&mut app.database());
}

#[track_caller]
fn assert_not_now(reply: &Reply) {
    assert_eq!((reply.status, reply.code()), (503, 1503), "{}", reply.body);
    assert_eq!(reply.header("retry-after"), Some("5"));
    let told = reply.body.to_lowercase();
    assert!(!told.contains("fault") && !told.contains("database"), "the answer carries a cause: {}", reply.body);
}

/// Sends calls about these accounts so that they share a batch; gives the replies in their order.
fn in_one_batch(app: &TestApp, gate: &Gate, ids: &[String]) -> Vec<Reply> {
    let calls: Vec<String> = ids.iter().map(|id| body(id)).collect();
    gate::in_one_batch(app, gate, &calls)
}

#[test]
fn contention_runs_the_batch_again() {
    for backend in backends() {
        for place in BEFORE {
            let failures = Arc::new(AtomicUsize::new(0));
            let hook = {
                let failures = failures.clone();
                move |at, _: &[&Planned]| {
                    let fail = at == place && failures.fetch_add(1, Ordering::Relaxed) < 3;
                    fail.then(|| StoreError::Contended("a fault".to_owned()))
                }
            };
            let app = start(backend, hook);
            assert_eq!(app.synchronize(&body("1")).code(), 0, "{place:?}");
            assert_eq!(app.synchronize(&body("2")).code(), 0, "{place:?}");
            assert_eq!(failures.load(Ordering::Relaxed), 5, "three failed attempts and two good ones at {place:?}");
            assert!(app.get("/metrics").body.contains("tiersync_batch_reruns_total{reason=\"contended\"} 3"));
            assert_exactly(&app, &["1", "2"].map(str::to_owned));
        }
    }
}

#[test]
fn contention_without_end_is_given_up_and_harms_nobody_else() {
    for backend in backends() {
        for place in BEFORE {
            let hook = move |at, calls: &[&Planned]| {
                (at == place && names(calls, "unlucky")).then(|| StoreError::Contended("a fault".to_owned()))
            };
            let app = start(backend, hook);
            assert_not_now(&app.synchronize(&body("unlucky")));
            assert_eq!(app.synchronize(&body("lucky")).code(), 0, "{place:?}");
            assert_exactly(&app, &["lucky".to_owned()]);
        }
    }
}

#[test]
fn one_poisonous_call_fails_alone() {
    for backend in backends() {
        for place in BEFORE {
            for corrupt in [false, true] {
                let gate = Gate::default();
                let largest = Arc::new(AtomicUsize::new(0));
                let hook = {
                    let (gate, largest) = (gate.clone(), largest.clone());
                    move |at, calls: &[&Planned]| {
                        gate.pass(at, calls);
                        largest.fetch_max(calls.len(), Ordering::Relaxed);
                        (at == place && names(calls, "poison")).then(|| match corrupt {
                            true => StoreError::Corrupt("a fault".to_owned()),
                            false => StoreError::Failed("a fault".to_owned()),
                        })
                    }
                };
                let app = start(backend, hook);
                let ids: Vec<String> = ["a", "b", "c", "poison", "d", "e", "f"].map(str::to_owned).into();
                let replies = in_one_batch(&app, &gate, &ids);
                assert_eq!(largest.load(Ordering::Relaxed), ids.len(), "they share a batch");
                for (id, reply) in ids.iter().zip(&replies) {
                    let expected = if id == "poison" { (500, 1500) } else { (200, 0) };
                    assert_eq!((reply.status, reply.code()), expected, "{id} at {place:?}: {}", reply.body);
                    assert!(!reply.body.contains("fault"), "the answer carries a cause: {}", reply.body);
                }
                let mut expected: Vec<String> = ids.into_iter().filter(|id| id != "poison").collect();
                expected.push("plug".to_owned());
                assert_exactly(&app, &expected);
            }
        }
    }
}

#[test]
fn one_call_that_waits_in_vain_holds_nobody_else_up() {
    for backend in backends() {
        let gate = Gate::default();
        let largest = Arc::new(AtomicUsize::new(0));
        let hook = {
            let (gate, largest) = (gate.clone(), largest.clone());
            move |at, calls: &[&Planned]| {
                gate.pass(at, calls);
                largest.fetch_max(calls.len(), Ordering::Relaxed);
                (at == Place::Write && names(calls, "locked")).then(|| StoreError::Contended("a fault".to_owned()))
            }
        };
        let app = start(backend, hook);
        let ids: Vec<String> = ["a", "b", "locked", "c", "d"].map(str::to_owned).into();
        let replies = in_one_batch(&app, &gate, &ids);
        assert_eq!(largest.load(Ordering::Relaxed), ids.len(), "they share a batch");
        for (id, reply) in ids.iter().zip(&replies) {
            let expected = if id == "locked" { (503, 1503) } else { (200, 0) };
            assert_eq!((reply.status, reply.code()), expected, "{id}: {}", reply.body);
        }
        let mut expected: Vec<String> = ids.into_iter().filter(|id| id != "locked").collect();
        expected.push("plug".to_owned());
        assert_exactly(&app, &expected);
    }
}

#[test]
fn a_database_that_goes_away_is_waited_for() {
    for backend in backends() {
        for place in BEFORE {
            let failures = Arc::new(AtomicUsize::new(0));
            let hook = {
                let failures = failures.clone();
                move |at, _: &[&Planned]| {
                    let fail = at == place && failures.fetch_add(1, Ordering::Relaxed) == 0;
                    fail.then(|| StoreError::Unavailable("a fault".to_owned()))
                }
            };
            let app = start(backend, hook);
            assert_not_now(&app.synchronize(&body("1")));
            until("the call is taken", || {
                let reply = app.synchronize(&body("1"));
                if reply.code() != 0 {
                    assert_not_now(&reply);
                }
                reply.code() == 0
            });
            assert_eq!(app.get("/readyz").status, 200);
            assert_exactly(&app, &["1".to_owned()]);
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up() {
    for backend in backends() {
        let gate = Gate::default();
        let losses = Arc::new(AtomicUsize::new(0));
        let hook = {
            let (gate, losses) = (gate.clone(), losses.clone());
            move |at, calls: &[&Planned]| {
                gate.pass(at, calls);
                (at == Place::Committed).then(|| {
                    losses.fetch_add(1, Ordering::Relaxed);
                    StoreError::CommitLost("a fault".to_owned())
                })
            }
        };
        let app = start(backend, hook);
        let ids: Vec<String> = (0..5).map(|n| format!("n{n}")).collect();
        for (id, reply) in ids.iter().zip(in_one_batch(&app, &gate, &ids)) {
            assert_eq!((reply.status, reply.code()), (200, 0), "{id}: {}", reply.body);
            let filter = AccountFilter { external_id: Some(reply.result()), ..AccountFilter::default() };
            let found = accounts::list(&mut app.database(), &filter, None, 2).unwrap();
            assert_eq!(found.len(), 1, "{id} is there once");
        }
        assert_eq!(losses.load(Ordering::Relaxed), 2, "the plug and the batch, each committed once");
        assert_exactly(&app, &[ids, vec!["plug".to_owned()]].concat());
    }
}

#[test]
fn a_commit_that_is_lost_before_it_began_is_not_answered() {
    for backend in backends() {
        let hook = |at, calls: &[&Planned]| {
            (at == Place::Commit && names(calls, "lost")).then(|| StoreError::CommitLost("a fault".to_owned()))
        };
        let app = start(backend, hook);
        assert_not_now(&app.synchronize(&body("lost")));
        until("the next call is taken", || app.synchronize(&body("kept")).code() == 0);
        assert_exactly(&app, &["kept".to_owned()]);
    }
}

/// Its calls are the other lane's until it is connected again, and so is the health of the receiver.
#[test]
fn a_lane_without_connection_leaves_the_calls_to_the_other() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let cluster = Cluster::start().unwrap();
    let hook = |at, calls: &[&Planned]| {
        (at == Place::Begin && names(calls, "lost")).then(|| StoreError::Unavailable("a fault".to_owned()))
    };
    let options = Options { lanes: Some(2), faults: Faults::new(hook), ..Options::default() };
    let app = TestApp::on(&cluster.new_schema(), &config("", ""), options, None);
    let mut reader = app.database();
    let mut lanes_since = |time: i64| -> i64 {
        ledger_chains::table.filter(ledger_chains::claimed_at.gt(time)).count().get_result(&mut reader).unwrap()
    };
    let url = cluster.url("public").replace("/postgres?", "/template1?");
    let mut other_database = diesel::PgConnection::establish(&url).unwrap();
    // Whoever has a connection keeps it, and nobody gets another one.
    other_database.batch_execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false").unwrap();
    let lost_at = jiff::Timestamp::now().as_microsecond();
    assert_not_now(&app.synchronize(&body("lost")));
    for n in 0..20 {
        let told = app.synchronize(&body(&n.to_string()));
        assert_eq!((told.status, told.code()), (200, 0), "{n}: {}", told.body);
        assert_eq!(app.get("/readyz").status, 200);
    }
    assert_eq!(lanes_since(lost_at), 1);
    other_database.batch_execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true").unwrap();
    until("the lane is back", || lanes_since(lost_at) == 2);
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    assert_exactly(&app, &all);
}

#[derive(diesel::QueryableByName)]
struct Ended {
    #[diesel(sql_type = Bool)]
    ended: bool,
}

/// Ends the backend of the writer's connection, as an operator or a failover does.
fn end_backend(url: &str, name: &str) -> usize {
    let mut connection = diesel::PgConnection::establish(url).unwrap();
    let ended: Vec<Ended> = diesel::sql_query(format!(
        "SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity \
         WHERE application_name = '{name}' AND state = 'idle in transaction'"
    ))
    .load(&mut connection)
    .unwrap();
    ended.iter().filter(|row| row.ended).count()
}

#[test]
fn a_connection_that_breaks_in_the_transaction_is_made_anew() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    for (place, answered) in [(Place::Load, false), (Place::Write, false), (Place::Commit, true)] {
        let url = crate::harness::postgres::shared().unwrap().new_schema();
        let name = format!("tiersync-{place:?}");
        let named = format!("{url}&application_name={name}");
        let ended = Arc::new(AtomicUsize::new(0));
        let hook = {
            let (named, ended) = (url.clone(), ended.clone());
            move |at, calls: &[&Planned]| {
                if at == place && names(calls, "cut") && ended.load(Ordering::Relaxed) == 0 {
                    ended.fetch_add(end_backend(&named, &name), Ordering::Relaxed);
                }
                None
            }
        };
        let options = Options { faults: Faults::new(hook), ..Options::default() };
        let app = TestApp::on(&named, &config("", ""), options, None);
        let reply = app.synchronize(&body("cut"));
        assert_eq!(ended.load(Ordering::Relaxed), 1, "{place:?}: the writer's backend was ended");
        if answered {
            // Lost in COMMIT: looked up, found missing, run again.
            assert_eq!((reply.status, reply.code()), (200, 0), "{place:?}: {}", reply.body);
            assert!(app.get("/metrics").body.contains("tiersync_batch_reruns_total{reason=\"commit_lost\"} 1"));
        } else {
            assert_not_now(&reply);
            until("the call is taken", || app.synchronize(&body("cut")).code() == 0);
        }
        assert_exactly(&app, &["cut".to_owned()]);
        assert_eq!(app.synchronize(&body("next")).code(), 0);
        assert_exactly(&app, &["cut", "next"].map(str::to_owned));
    }
}

#[test]
fn a_full_queue_says_not_now() {
    for backend in backends() {
        let gate = Gate::default();
        let hook = {
            let gate = gate.clone();
            move |at, calls: &[&Planned]| {
                gate.pass(at, calls);
                None
            }
        };
        let options = Options { faults: Faults::new(hook), ..Options::default() };
        let app = TestApp::with_options(backend, &format!("queue = 1\n{}", config("", "")), options);
        std::thread::scope(|scope| {
            let opened = Opened(&gate);
            let plug = scope.spawn(|| app.synchronize(&body("plug")));
            gate.reached();
            let waiting = scope.spawn(|| app.synchronize(&body("waiting")));
            until("the queue is full", || depth(&app) == 1);
            let ready = app.get("/readyz");
            assert_eq!(ready.status, 503);
            assert!(ready.body.contains("the queue is full"), "{}", ready.body);
            for n in 0..3 {
                assert_not_now(&app.synchronize(&body(&format!("refused{n}"))));
            }
            drop(opened);
            assert_eq!(plug.join().unwrap().code(), 0);
            assert_eq!(waiting.join().unwrap().code(), 0);
        });
        assert_eq!(app.synchronize(&body("later")).code(), 0, "the queue has room again");
        assert_eq!(app.get("/readyz").status, 200);
        assert_exactly(&app, &["plug", "waiting", "later"].map(str::to_owned));
    }
}
