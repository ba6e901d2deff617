//! What was answered is stored, whatever ends the receiver or takes its database away.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tiersync::app::Options;
use tiersync::domain::outcome::Outcome;
use tiersync::store::AnyConnection;
use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::chains;
use tiersync::store::connection::{Database, Use};
use tiersync::store::deliveries::{self, DeliveryFilter};

use crate::commands_binary::{Place, until};
use crate::harness::postgres::Cluster;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;

const THREADS: usize = 6;

/// What callers saw while they kept on sending new accounts.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    /// Calls answered Code 0.
    done: AtomicUsize,
    /// Platform ID and ExternalID of every call answered Code 0.
    answered: Mutex<BTreeMap<String, String>>,
    /// Platform IDs of calls that got no answer at all.
    broken: Mutex<BTreeSet<String>>,
    /// Every other answer.
    refused: Mutex<Vec<(String, Reply)>>,
}

impl Load {
    /// Sends account after account until told to stop, each again until it is answered 0 if `stubborn`.
    fn run(&self, address: SocketAddr, name: &str, stubborn: bool) {
        for n in 0.. {
            let id = format!("{name}-{n}");
            let body = format!(r#"{{"ID":"{id}","Role":"User","Name":"Customer {id}"}}"#);
            loop {
                match Call::synchronize(&body).try_send(address) {
                    Ok(reply) if reply.status == 200 && reply.code() == 0 => {
                        self.answered.lock().unwrap().insert(id, reply.result());
                        self.done.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Ok(reply) => self.refused.lock().unwrap().push((id.clone(), reply)),
                    Err(_) => {
                        self.broken.lock().unwrap().insert(id.clone());
                    }
                }
                if self.stop.load(Ordering::Relaxed) || !stubborn {
                    break;
                }
                // A receiver that is away is not asked a thousand times a second.
                std::thread::yield_now();
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    /// Runs the load from several threads while `meanwhile` does something to the receiver.
    fn around<T>(&self, address: SocketAddr, name: &str, stubborn: bool, meanwhile: impl FnOnce() -> T) -> T {
        /// Stops the load even where the test fails.
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        self.stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let stop = Stop(&self.stop);
            for thread in 0..THREADS {
                scope.spawn(move || self.run(address, &format!("{name}-{thread}"), stubborn));
            }
            let value = meanwhile();
            drop(stop);
            value
        })
    }

    /// Waits until so many more calls were answered.
    fn more(&self, calls: usize) {
        let from = self.done.load(Ordering::Relaxed);
        until("enough calls are answered", || self.done.load(Ordering::Relaxed) >= from + calls);
    }

    /// Everything answered is there, with the ExternalID that was answered and a delivery that applied it.
    fn assert_stored(&self, database: &mut AnyConnection) -> BTreeMap<String, String> {
        let stored = stored(database);
        let answered = self.answered.lock().unwrap();
        assert!(!answered.is_empty());
        for (id, external_id) in answered.iter() {
            assert_eq!(stored.get(id), Some(external_id), "{id} was answered");
        }
        let applied = DeliveryFilter { outcome: Some(Outcome::Applied), ..DeliveryFilter::default() };
        let applied = deliveries::list(database, &applied, None, 1_000_000).unwrap();
        assert!(applied.len() >= answered.len(), "{} applied, {} answered", applied.len(), answered.len());
        stored
    }
}

/// Platform ID and ExternalID of every account.
fn stored(database: &mut AnyConnection) -> BTreeMap<String, String> {
    let all = accounts::list(database, &AccountFilter::default(), None, 1_000_000).unwrap();
    let names = |account: tiersync::domain::account::Account| {
        (account.key.platform_id.to_string(), account.external_id.to_string())
    };
    all.into_iter().map(|listed| names(listed.account)).collect()
}

fn open(place: &Place) -> AnyConnection {
    Database::parse(&place.database_url).unwrap().connect(Use::Read).unwrap()
}

#[test]
fn what_was_answered_survives_kill_9() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let load = Load::default();
        for round in 0..3 {
            let serving = place.serve();
            if round > 0 {
                load.assert_stored(&mut open(&place));
            }
            let address = serving.address;
            load.around(address, &format!("k{round}"), false, || {
                load.more(150);
                serving.kill();
            });
        }
        let serving = place.serve();
        load.assert_stored(&mut open(&place));
        assert_whole(&mut open(&place));
        let verified = place.fine(&["deliveries", "verify"]);
        assert!(verified.contains("nothing changed, missing or swapped"), "{verified}");
        // It goes on where it was cut off.
        let body = r#"{"ID":"after","Role":"User"}"#;
        assert_eq!(Call::synchronize(body).try_send(serving.address).unwrap().code(), 0);
    }
}

#[test]
fn sigterm_answers_what_came_in_and_ends_well() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let serving = place.serve();
        let load = Load::default();
        let address = serving.address;
        let ended = load.around(address, "t", false, || {
            load.more(150);
            serving.terminate();
            let ended = serving.wait();
            until("callers find nobody there", || !load.broken.lock().unwrap().is_empty());
            ended
        });
        assert_eq!(ended.code(), Some(0));
        let stored = load.assert_stored(&mut open(&place));
        for (id, reply) in load.refused.lock().unwrap().iter() {
            assert_eq!((reply.status, reply.code()), (503, 1503), "{id}: {}", reply.body);
            assert!(!stored.contains_key(id), "{id} was refused but stored");
        }
        let lost: Vec<&String> = stored.keys().filter(|id| !load.answered.lock().unwrap().contains_key(*id)).collect();
        assert_eq!(lost, Vec::<&String>::new(), "whoever got no answer was not let in any more");
        place.fine(&["deliveries", "verify"]);
        assert_whole(&mut open(&place));
        // It gave its chains back, so the next one goes on with them.
        let before = chains::heads(&mut open(&place)).unwrap();
        let serving = place.serve();
        let body = r#"{"ID":"after","Role":"User"}"#;
        assert_eq!(Call::synchronize(body).try_send(serving.address).unwrap().code(), 0);
        let heads = chains::heads(&mut open(&place)).unwrap();
        assert_eq!(heads.len(), before.len(), "{heads:?}");
    }
}

#[test]
fn sigterm_does_not_wait_for_idle_connections() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    let serving = place.serve();
    let mut idle = TcpStream::connect(serving.address).unwrap();
    idle.write_all(&Call::synchronize(r#"{"ID":"1","Role":"User"}"#).bytes()).unwrap();
    assert_eq!(Reply::read(&mut idle).unwrap().code(), 0);
    let began = Instant::now();
    serving.terminate();
    assert_eq!(serving.wait().code(), Some(0));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(15), "it waited {took:?} for a connection that says nothing");
}

#[test]
fn sigterm_lets_a_call_under_way_end() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let serving = place.serve();
        let (half, rest) = (r#"{"ID":"slow","#, r#""Role":"User"}"#);
        let call = Call::synchronize(half).content_length(half.len() + rest.len()).header("Expect", "100-continue");
        let mut stream = TcpStream::connect(serving.address).unwrap();
        stream.write_all(&call.bytes()).unwrap();
        // The receiver says so when it begins to read the body.
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        serving.terminate();
        until("it stops", || serving.log().contains("no new calls"));
        stream.write_all(rest.as_bytes()).unwrap();
        let reply = Reply::read(&mut stream).unwrap();
        assert_eq!((reply.status, reply.code()), (200, 0), "{}", reply.body);
        assert_eq!(serving.wait().code(), Some(0));
        assert_eq!(stored(&mut open(&place)), [("slow".to_owned(), reply.result())].into());
    }
}

/// An answer that says "not now".
fn assert_not_now(id: &str, reply: &Reply) {
    assert_eq!((reply.status, reply.code()), (503, 1503), "{id}: {}", reply.body);
    assert_eq!(reply.header("retry-after"), Some("5"), "{id}");
    assert!(reply.json()["Result"].is_null(), "{id}: {}", reply.body);
}

#[test]
fn postgres_may_stop_and_come_back() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let mut cluster = Cluster::start().unwrap();
    let app = TestApp::on(&cluster.new_schema(), &config("", ""), Options::default(), None);
    let load = Load::default();
    load.around(app.address, "p", true, || {
        for _ in 0..2 {
            load.more(100);
            let refused = load.refused.lock().unwrap().len();
            cluster.halt();
            until("calls are refused", || load.refused.lock().unwrap().len() > refused + THREADS);
            until("it says that it is not ready", || app.get("/readyz").status == 503);
            assert!(app.get("/readyz").body.contains("the database is away"));
            assert_eq!(app.get("/healthz").status, 200, "the process itself is well");
            cluster.resume();
            until("it is ready again", || app.get("/readyz").status == 200);
        }
        load.more(100);
    });
    assert_eq!(load.broken.lock().unwrap().len(), 0, "every call is answered");
    for (id, reply) in load.refused.lock().unwrap().iter() {
        assert_not_now(id, reply);
    }
    load.assert_stored(&mut app.database());
    assert_whole(&mut app.database());
}

#[test]
fn postgres_may_be_restarted_while_nobody_calls() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let mut cluster = Cluster::start().unwrap();
    let app = TestApp::on(&cluster.new_schema(), &config("", ""), Options::default(), None);
    for round in 0..3 {
        let body = format!(r#"{{"ID":"{round}","Role":"User"}}"#);
        assert_eq!(app.synchronize(&body).code(), 0);
        cluster.halt();
        until("it says that it is not ready", || app.get("/readyz").status == 503);
        cluster.resume();
        // Nobody told the writer yet: its first call finds the old connection dead.
        until("calls are taken again", || {
            let reply = app.synchronize(&body);
            if reply.code() != 0 {
                assert_not_now("the first call", &reply);
            }
            reply.code() == 0
        });
        until("it is ready again", || app.get("/readyz").status == 200);
    }
    let heads = chains::heads(&mut app.database()).unwrap();
    assert_eq!(heads.iter().map(|head| (head.chain, head.position)).collect::<Vec<_>>(), [(0, 6)]);
    assert_whole(&mut app.database());
}
