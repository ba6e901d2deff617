//! Following the change feed while it grows: waited for, under load, by way of two receivers, over the end of one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use serde_json::{Value, json};
use tiersync::app::Options;
use tiersync::domain::operator::Role;
use tiersync::writer::faults::{Faults, Place as At};

use crate::commands_binary::{Place, until};
use crate::feed::{assert_tells_everything, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::v1::{call, get, operator, problem, send};

const LONG: Duration = Duration::from_secs(20);

fn positions(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|one| one["position"].as_i64().unwrap()).collect()
}

/// Until somebody waits.
fn until_waits(app: &TestApp) {
    until("somebody waits", || app.get("/metrics").body.contains("tiersync_feed_waiting 1"));
}

/// Asks with a long wait from another thread, does something once the call waits, and gives the answer.
fn waiting(app: &TestApp, token: &str, query: &str, meanwhile: impl FnOnce()) -> (Value, Duration) {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let began = Instant::now();
            (get(app, token, &format!("/changes{query}")), began)
        });
        until_waits(app);
        meanwhile();
        let (reply, began) = asking.join().unwrap();
        assert_eq!(reply.status, 200, "{}", reply.body);
        (reply.json(), began.elapsed())
    })
}

fn wakes(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let (page, took) = waiting(&app, &token, "?wait=60", || {
        send(&app, &json!({"ID": "1", "Role": "User"}));
    });
    assert!(positions(&page) == [1] && took < LONG, "{page} after {took:?}");
    // What is not asked for does not end the wait.
    let (page, took) = waiting(&app, &token, "?wait=60&after=1&kind=account.deleted", || {
        send(&app, &json!({"ID": "2", "Role": "User"}));
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code(), 0);
    });
    assert!(positions(&page) == [3] && took < LONG, "{page} after {took:?}");
    // Nothing comes: the answer does, in time, and says where to go on.
    let began = Instant::now();
    let page = get(&app, &token, "/changes?wait=1&after=3").json();
    assert!(positions(&page).is_empty() && began.elapsed() >= Duration::from_secs(1));
    assert_eq!(page["next"], get(&app, &token, "/changes?after=now").json()["next"]);
}

#[test]
fn who_waits_is_answered_when_something_comes() {
    backends().into_iter().for_each(wakes);
}

#[test]
fn who_waits_hears_of_what_others_store() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let app = crate::commands::receiver(&place, &config("", ""));
        let token = operator(&app, "all", Role::Viewer, &[], None);
        send(&app, &json!({"ID": "1", "Role": "User"}));
        // On PostgreSQL another receiver, on SQLite a command: what it stored is flushed before it is told.
        let (page, took) = waiting(&app, &token, "?wait=60&after=1", || match backend {
            Backend::Postgres => {
                send(&app.second(), &json!({"ID": "2", "Role": "User"}));
            }
            Backend::Sqlite => {
                place.fine(&["accounts", "erase", "1"]);
            }
        });
        assert!(positions(&page) == [2] && took < LONG, "{page} after {took:?}");
    }
}

#[test]
fn who_waits_is_let_go_when_the_receiver_stops() {
    for backend in backends() {
        let mut app = TestApp::start(backend);
        let token = operator(&app, "all", Role::Viewer, &[], None);
        let (address, asked) = (app.address, call(&token, "/changes?wait=60"));
        let waiting = std::thread::spawn(move || asked.try_send(address));
        until_waits(&app);
        let began = Instant::now();
        app.stop();
        assert!(began.elapsed() < LONG, "{:?}", began.elapsed());
        let reply = waiting.join().unwrap().unwrap();
        assert_eq!((reply.status, positions(&reply.json())), (200, vec![]));
    }
}

#[test]
fn a_token_that_is_revoked_meanwhile_gets_nothing() {
    use tiersync::store::operators;
    for backend in backends() {
        let app = TestApp::start(backend);
        let token = operator(&app, "all", Role::Viewer, &[], None);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| get(&app, &token, "/changes?wait=60"));
            until_waits(&app);
            assert!(operators::revoke(&mut app.database(), "all", 1).unwrap());
            send(&app, &json!({"ID": "1", "Role": "User"}));
            problem(&asking.join().unwrap(), 401, "not_authenticated");
        });
    }
}

/// What is committed and not flushed yet is not told: a power cut could take it back.
#[test]
fn nothing_is_told_before_it_is_durable() {
    let lost = std::sync::Arc::new(AtomicBool::new(false));
    let seen = lost.clone();
    let options = Options {
        faults: Faults::new(move |place, _| {
            // Behind the commit, before whoever waits is answered.
            if place == At::Committed {
                until("the reader has looked", || seen.load(Ordering::Relaxed));
            }
            None
        }),
        ..Options::default()
    };
    let app = TestApp::with_options(Backend::Sqlite, &config("", ""), options);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| send(&app, &json!({"ID": "1", "Role": "User"})));
        until("it is committed", || stored(&mut app.database()).len() == 1);
        let page = get(&app, &token, "/changes?wait=1").json();
        assert_eq!(positions(&page), [] as [i64; 0]);
        lost.store(true, Ordering::Relaxed);
        sending.join().unwrap();
    });
    assert_eq!(positions(&get(&app, &token, "/changes?wait=60").json()), [1]);
}

/// Reads until it is told that nothing comes any longer, asking one receiver after the other.
fn follow(receivers: &[&TestApp], token: &str, done: &AtomicBool) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), "0".to_owned());
    for app in receivers.iter().cycle() {
        let last = done.load(Ordering::Relaxed);
        let page = get(app, token, &format!("/changes?limit=37&wait=1&after={after}")).json();
        let items = page["items"].as_array().unwrap();
        if items.is_empty() && last {
            break;
        }
        found.extend(items.iter().cloned());
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
    found
}

/// Some accounts that come, change, move, end and come back, at random.
fn load(receivers: &[&TestApp], threads: usize, calls: usize) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut random = rand::rng();
                for n in 0..calls {
                    let app = receivers[(thread + n) % receivers.len()];
                    let id = format!("c{}", random.random_range(0..12));
                    let reseller = format!("r{}", random.random_range(0..4));
                    let call = match random.random_range(0..10) {
                        0 => Call::post("Accounts/Delete", json!({"ID": id}).to_string()),
                        1 => Call::post("Accounts/Delete", json!({"ID": reseller}).to_string()),
                        2 | 3 => Call::synchronize(json!({"ID": reseller, "Role": "Reseller", "Name": n}).to_string()),
                        4 => Call::synchronize(json!({"ID": id, "Role": "User", "ResellerID": ""}).to_string()),
                        _ => Call::synchronize(
                            json!({"ID": id, "Role": "User", "ResellerID": reseller, "Name": format!("{thread} {n}"),
                                "SyncOptions": {"MPNID": format!("{}", 10_000 + n)}})
                            .to_string(),
                        ),
                    };
                    assert_eq!(call.send(app).status, 200);
                }
            });
        }
    });
}

fn under_load(backend: Backend) {
    let options = Options { lanes: Some(2), ..Options::default() };
    let app = TestApp::with_options(backend, &config("", MPNID), options);
    let second = (backend == Backend::Postgres).then(|| app.second());
    let receivers: Vec<&TestApp> = std::iter::once(&app).chain(&second).collect();
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let done = AtomicBool::new(false);
    let followed = std::thread::scope(|scope| {
        let following = scope.spawn(|| follow(&receivers, &token, &done));
        load(&receivers, 6, 50);
        done.store(true, Ordering::Relaxed);
        following.join().unwrap()
    });
    let stored = stored(&mut app.database());
    assert!(stored.len() > 300, "{}", stored.len());
    assert_tells_everything(&mut app.database(), &stored);
    // The reader saw every one of them, once and in order.
    let seen: Vec<(i64, &str, String)> = followed
        .iter()
        .map(|one| {
            let account = one["account"]["id"].as_str().unwrap().to_owned();
            (one["position"].as_i64().unwrap(), one["kind"].as_str().unwrap(), account)
        })
        .collect();
    let there: Vec<(i64, &str, String)> = stored
        .iter()
        .map(|one| (one.position, one.entry.event.kind().as_str(), one.entry.account.to_string()))
        .collect();
    assert_eq!(seen, there);
}

#[test]
fn a_reader_under_load_sees_every_change_once_and_in_order() {
    backends().into_iter().for_each(under_load);
}

#[test]
fn kill_9_leaves_no_gap() {
    for backend in backends() {
        let place = Place::with(backend, &config("", MPNID));
        for round in 0..2 {
            let serving = place.serve();
            let (address, stop, done) = (serving.address, AtomicBool::new(false), AtomicUsize::new(0));
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let (stop, done) = (&stop, &done);
                    scope.spawn(move || {
                        for n in 0.. {
                            let (id, name) = (format!("{thread}-{}", n % 20), format!("{round} {n}"));
                            let body = json!({"ID": id, "Role": "User", "Name": name}).to_string();
                            if Call::synchronize(body).try_send(address).is_err() || stop.load(Ordering::Relaxed) {
                                return;
                            }
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
                until("enough is answered", || done.load(Ordering::Relaxed) > 100);
                serving.kill();
                stop.store(true, Ordering::Relaxed);
            });
        }
        let app = crate::commands::receiver(&place, &config("", MPNID));
        let found = stored(&mut app.database());
        assert!(found.len() > 10);
        assert_tells_everything(&mut app.database(), &found);
        let token = operator(&app, "all", Role::Viewer, &[], None);
        let page = get(&app, &token, "/changes?after=1&limit=5").json();
        assert_eq!(positions(&page), [2, 3, 4, 5, 6]);
    }
}
