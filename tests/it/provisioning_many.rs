//! Many provisioners at once: nothing is handed out twice, nothing is lost, whoever dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::domain::provisioning::MAX_ITEMS;

use crate::commands_binary::until;
use crate::harness::{Backend, TestApp, backends};
use crate::provisioning::{HASTY, lease, opened, report, run_out, some, start, text};
use crate::subscribers_server::{Crm, subscriber};
use crate::v1::{all, get, operator};

const ITEMS: i64 = 150;

/// Two receivers, eight provisioners; some of what they take is never heard of again, and taken once more.
fn crowd(backend: Backend) {
    let (app, token) = start(backend, "[provisioning]\nmax_attempts = 50\n");
    let second = app.second();
    let requests = [opened(&app, some(ITEMS, true))];
    let (given, done) = (Mutex::new(BTreeMap::<String, Vec<i64>>::new()), AtomicUsize::new(0));
    let left = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (app, token, given, done, left) = ([&app, &second][worker % 2], &token, &given, &done, &left);
            scope.spawn(move || {
                let body = json!({"worker": format!("w{worker}"), "limit": 7, "seconds": 600});
                while done.load(Ordering::SeqCst) < usize::try_from(ITEMS + 1).unwrap() {
                    for one in lease(app, token, &body) {
                        let item = text(&one["item"]["id"]).to_owned();
                        let attempt = one["attempt"].as_i64().unwrap();
                        given.lock().unwrap().entry(item.clone()).or_default().push(attempt);
                        // Each tenth is left lying the first time: its provisioner died.
                        if attempt == 1 && left.load(Ordering::SeqCst) < 10 && item.ends_with('7') {
                            left.fetch_add(1, Ordering::SeqCst);
                            crate::provisioning::sql(
                                app,
                                &format!(
                                    "UPDATE provisioning_items SET lease_until = 5 WHERE id = {}",
                                    tiersync::domain::ids::ItemId::parse(&item).unwrap().0
                                ),
                            );
                            continue;
                        }
                        let reply = report(app, token, &item, &json!({"lease": one["lease"], "state": "done"}));
                        assert_eq!(reply.status, 200, "{}", reply.body);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let given = given.into_inner().unwrap();
    assert_eq!(i64::try_from(given.len()).unwrap(), ITEMS + 1, "each item was handed out");
    for (item, mut attempts) in given {
        attempts.sort_unstable();
        let expected: Vec<i64> = (1..=i64::try_from(attempts.len()).unwrap()).collect();
        assert_eq!(attempts, expected, "{item}: each attempt once");
    }
    assert!(left.load(Ordering::SeqCst) > 0);
    for request in requests {
        let state = get(&app, &token, &format!("/provisioning-requests/{request}")).json();
        assert_eq!(
            (&state["state"], &state["done"], &state["percent"]),
            (&json!("done"), &json!(ITEMS + 1), &json!(100))
        );
        let items = all(&second, &token, &format!("/provisioning-requests/{request}/items?state=done"), 100);
        assert_eq!(i64::try_from(items.len()).unwrap(), ITEMS + 1);
    }
}

#[test]
fn several_provisioners_never_get_one_item_twice() {
    backends().into_iter().for_each(crowd);
}

/// Everybody reports, cancels and retries the same few items at once: the counts stay those of the items.
fn quarrel(backend: Backend) {
    let (app, token) = start(backend, HASTY);
    let second = app.second();
    let request = opened(&app, some(12, true));
    let path = format!("/provisioning-requests/{request}");
    std::thread::scope(|scope| {
        for worker in 0..6_usize {
            let (app, token, path) = ([&app, &second][worker % 2], &token, &path);
            scope.spawn(move || {
                for round in 0..6 {
                    for one in lease(app, token, &json!({"worker": format!("w{worker}"), "limit": 3, "seconds": 600})) {
                        let body = match (round + worker) % 3 {
                            0 => json!({"state": "failed", "retry": true, "lease": one["lease"]}),
                            1 => json!({"state": "failed", "lease": one["lease"]}),
                            _ => json!({"state": "done", "lease": one["lease"]}),
                        };
                        assert_eq!(report(app, token, text(&one["item"]["id"]), &body).status, 200);
                    }
                    let managed = crate::provisioning::post(app, token, &format!("{path}/retry"), &json!({}));
                    assert!(matches!(managed.status, 200 | 409), "{}", managed.body);
                    if worker == 5 && round == 4 {
                        let why = json!({"reason": "enough"});
                        let cancelled = crate::provisioning::post(app, token, &format!("{path}/cancel"), &why);
                        assert!(matches!(cancelled.status, 200 | 409), "{}", cancelled.body);
                    }
                }
            });
        }
    });
    run_out(&app);
    until("nobody is at work", || get(&app, &token, &path).json()["running"] == 0);
    let state = get(&app, &token, &path).json();
    let mut counts = BTreeMap::<String, i64>::new();
    for item in all(&app, &token, &format!("{path}/items"), 500) {
        *counts.entry(text(&item["state"]).to_owned()).or_default() += 1;
    }
    for name in ["pending", "running", "done", "failed", "cancelled"] {
        assert_eq!(state[name], counts.get(name).copied().unwrap_or_default(), "{name}: {state} {counts:?}");
    }
    assert_eq!(state["items"], 13);
}

#[test]
fn counts_stay_those_of_the_items_whatever_happens_at_once() {
    backends().into_iter().for_each(quarrel);
}

/// Who waits is answered as soon as there is something, by whichever receiver it comes.
fn waiting(backend: Backend) {
    let (app, token) = start(backend, "");
    let began = Instant::now();
    assert!(lease(&app, &token, &json!({"worker": "w", "wait": 1})).is_empty());
    assert!(began.elapsed() >= Duration::from_secs(1));
    let began = Instant::now();
    let taken = std::thread::scope(|scope| {
        let asking = scope.spawn(|| lease(&app, &token, &json!({"worker": "w", "wait": 30})));
        until("somebody waits", || app.get("/metrics").body.contains("tiersync_feed_waiting 1"));
        opened(&app, some(1, false));
        asking.join().unwrap()
    });
    assert_eq!(taken.len(), 1);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn who_waits_for_something_to_do_gets_it_when_it_comes() {
    backends().into_iter().for_each(waiting);
}

/// A subscriber hears of every item, and does all of them by events alone.
fn subscribed(backend: Backend) {
    let crm = Crm::start();
    let only = "events = [\"provisioning.*\"]";
    let app = TestApp::with_options(
        backend,
        &crate::harness::config("", &subscriber(&crm, only)),
        crate::subscribers_server::hurried(),
    );
    let token = operator(&app, "machine", Role::Provisioner, &[], None);
    for body in [json!({"ID": "10", "Role": "Reseller"}), json!({"ID": "11", "Role": "User", "ResellerID": "10"})] {
        crate::v1::send(&app, &body);
    }
    let request = opened(&app, some(20, true));
    let reported = Mutex::new(BTreeSet::<String>::new());
    until("all of it is done", || {
        for event in crm.received().iter().filter(|event| event.kind() == "tiersync.provisioning.item_pending") {
            let item = event.json()["data"]["change"]["item"].clone();
            if reported.lock().unwrap().insert(text(&item["id"]).to_owned()) {
                let body = json!({"state": "done", "attempt": item["attempt"]});
                assert_eq!(report(&app, &token, text(&item["id"]), &body).status, 200);
            }
        }
        let state: Value = get(&app, &token, &format!("/provisioning-requests/{request}")).json();
        state["state"] == "done"
    });
    assert_eq!(reported.lock().unwrap().len(), 21);
    until("the end is told", || crm.received().iter().any(|event| event.kind() == "tiersync.provisioning.done"));
    crm.assert_in_order();
}

#[test]
fn a_subscriber_does_all_items_by_events_alone() {
    backends().into_iter().for_each(subscribed);
}

/// More items than are told of in one commit are told of all the same, each once and in order.
fn pieces(backend: Backend) {
    let (app, token) = start(backend, "");
    opened(&app, some(1_200, false));
    let told = || -> Vec<String> {
        let page = all(&app, &token, "/changes?kind=provisioning.item_pending", 500);
        page.iter().map(|one| text(&one["item"]["service"]).to_owned()).collect()
    };
    until("all are told", || told().len() >= 1_200);
    assert_eq!(told(), (1..=1_200).map(|at| format!("5-{at}")).collect::<Vec<_>>());
}

#[test]
fn many_items_are_told_in_pieces() {
    backends().into_iter().for_each(pieces);
}

/// A request as large as it may be is opened, taken, released and given up in one commit each.
#[test]
fn the_largest_request() {
    for backend in backends() {
        let (app, token) = start(backend, "");
        let request = opened(&app, some(i64::try_from(MAX_ITEMS).unwrap() - 1, true));
        let first = lease(&app, &token, &json!({"worker": "w"})).remove(0);
        let body = json!({"lease": first["lease"], "state": "done"});
        assert_eq!(report(&app, &token, text(&first["item"]["id"]), &body).status, 200);
        assert_eq!(lease(&app, &token, &json!({"worker": "w", "limit": 200})).len(), 200);
        let path = format!("/provisioning-requests/{request}/cancel");
        let cancelled = crate::provisioning::post(&app, &token, &path, &json!({"reason": "enough"})).json();
        assert_eq!(cancelled["cancelled"], MAX_ITEMS - 201);
    }
}
