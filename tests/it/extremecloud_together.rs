//! Exact lists that come at once: each customer ends under exactly one partner, and each list is whole.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::extremecloud::{app, ask, partner, shown, tenant};
use crate::harness::{Backend, Reply, TestApp, backends};
use crate::moves_guide::text;
use crate::v1::{all, id, send};

const CUSTOMERS: usize = 8;

struct World {
    app: TestApp,
    token: String,
    partners: [String; 2],
    /// IDs as they are shown, in the order of our ids.
    customers: Vec<String>,
}

fn world(backend: Backend) -> World {
    let (app, token) = app(backend);
    for (platform_id, name) in [("10", "Northwind"), ("20", "Harbour")] {
        send(&app, &json!({"ID": platform_id, "Role": "Reseller", "Name": name}));
    }
    for at in 0..CUSTOMERS {
        send(&app, &json!({"ID": format!("c{at}"), "Role": "User", "Name": format!("customer {at}")}));
    }
    let customers = (0..CUSTOMERS).map(|at| tenant(&app, &token, &format!("customer {at}"))).collect();
    let partners = ["Northwind", "Harbour"].map(|name| text(&partner(&app, &token, name)["custId"]));
    World { app, token, partners, customers }
}

/// Sends a call, again where the database could not take it then.
fn insist(send: impl Fn() -> Reply) -> Reply {
    for _ in 0..20 {
        let reply = send();
        if reply.status != 503 {
            return reply;
        }
    }
    panic!("it was never taken");
}

impl World {
    fn list(&self, of: &[usize]) -> BTreeSet<String> {
        of.iter().map(|at| self.customers[*at].clone()).collect()
    }

    fn put(&self, on: &TestApp, partner: usize, of: &[usize]) -> Reply {
        let name = ["Northwind", "Harbour"][partner];
        let body = json!({"accountName": name, "tenants": self.list(of)});
        insist(|| ask(on, &self.token, "PUT", &format!("/msppartners/{}", self.partners[partner]), &body))
    }

    fn held(&self, partner: usize) -> BTreeSet<String> {
        let shown = shown(&self.app, &self.token, &format!("/msppartners/{}", self.partners[partner]));
        shown["tenants"].as_array().unwrap().iter().map(text).collect()
    }

    /// Two lists at once, by two clients, of which the second may have a receiver of its own.
    fn at_once(&self, second: &TestApp, lists: [(usize, &[usize]); 2]) {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            for ((partner, of), on) in lists.into_iter().zip([&self.app, second]) {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    let reply = self.put(on, partner, of);
                    assert_eq!(reply.status, 200, "{}", reply.body);
                });
            }
        });
    }

    /// Each customer has at most one open relation, and its history is a chain: each one ends as the next begins.
    fn history_tells_how(&self) {
        for at in 0..CUSTOMERS {
            let path = format!("/accounts/{}/history", id(&self.app, &format!("c{at}")));
            let history = all(&self.app, &self.token, &path, 100);
            let relations: Vec<&Value> =
                history.iter().filter(|one| one["type"] == "relation").map(|one| &one["relation"]).collect();
            let open = relations.iter().filter(|one| one["to"].is_null()).count();
            assert!(open <= 1, "{relations:?}");
            assert!(relations.iter().all(|one| one["cause"] == "move"), "{relations:?}");
        }
    }
}

fn different_partners(world: &World, second: &TestApp) {
    let (north, harbour) = ([0, 1, 2, 3, 4], [3, 4, 5, 6, 7]);
    for round in 0..6 {
        // Each begins with what the other one is about to ask for.
        assert_eq!(world.put(&world.app, 0, &[5, 6, 7]).status, 200);
        assert_eq!(world.put(&world.app, 1, &[0, 1, 2]).status, 200);
        world.at_once(second, [(0, &north), (1, &harbour)]);
        let held = (world.held(0), world.held(1));
        let later_north = (world.list(&north), world.list(&[5, 6, 7]));
        let later_harbour = (world.list(&[0, 1, 2]), world.list(&harbour));
        assert!(held == later_north || held == later_harbour, "round {round}: {held:?}");
    }
    world.history_tells_how();
}

fn one_partner(world: &World, second: &TestApp) {
    let (one, other) = ([0, 1, 2], [5, 6, 7]);
    for round in 0..6 {
        assert_eq!(world.put(&world.app, 0, if round % 2 == 0 { &[] } else { &[0, 5, 4] }).status, 200);
        world.at_once(second, [(0, &one), (0, &other)]);
        let held = world.held(0);
        assert!(held == world.list(&one) || held == world.list(&other), "round {round}: {held:?}");
    }
    world.history_tells_how();
}

#[test]
fn two_clients_of_one_receiver() {
    for backend in backends() {
        let world = world(backend);
        different_partners(&world, &world.app);
        one_partner(&world, &world.app);
    }
}

#[test]
fn two_receivers_on_one_postgresql() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let world = world(Backend::Postgres);
    let second = world.app.second();
    different_partners(&world, &second);
    one_partner(&world, &second);
}

#[test]
fn two_lists_of_entitlements_at_once() {
    for backend in backends() {
        let world = world(backend);
        let second = if backend == Backend::Postgres { Some(world.app.second()) } else { None };
        let second = second.as_ref().unwrap_or(&world.app);
        let path = format!("/msppartners/{}", world.partners[0]);
        let lists = ["A", "B"].map(|name| {
            let rights: Vec<Value> =
                (0..3).map(|at| json!({"entitlementId": name, "serialNumber": at.to_string()})).collect();
            json!(rights)
        });
        for _ in 0..4 {
            let barrier = Barrier::new(2);
            thread::scope(|scope| {
                for (list, on) in lists.iter().zip([&world.app, second]) {
                    let (barrier, path, world) = (&barrier, &path, &world);
                    scope.spawn(move || {
                        barrier.wait();
                        let body = json!({"accountName": "Northwind", "entitlements": list});
                        let reply = insist(|| ask(on, &world.token, "PUT", path, &body));
                        assert_eq!(reply.status, 200, "{}", reply.body);
                    });
                }
            });
            let held = shown(&world.app, &world.token, &path)["entitlements"].clone();
            assert!(lists.contains(&held), "{held}");
        }
    }
}

#[test]
fn a_user_id_is_given_once_however_many_ask_at_once() {
    for backend in backends() {
        let (app, token) = app(backend);
        let second = if backend == Backend::Postgres { Some(app.second()) } else { None };
        let second = second.as_ref().unwrap_or(&app);
        for round in 0..5 {
            let barrier = Barrier::new(4);
            let statuses: Vec<u16> = thread::scope(|scope| {
                let clients: Vec<_> = (0..4)
                    .map(|at| {
                        let (barrier, token, on) = (&barrier, &token, if at % 2 == 0 { &app } else { second });
                        scope.spawn(move || {
                            // One user ID in several cases.
                            let user_id = format!("{}{round}@example.org", if at < 2 { "boss" } else { "Boss" });
                            let path = if at % 2 == 0 { "/msppartners" } else { "/msptenants" };
                            let body = json!({"accountName": format!("{round} {at}"), "userId": user_id});
                            barrier.wait();
                            insist(|| ask(on, token, "POST", path, &body)).status
                        })
                    })
                    .collect();
                clients.into_iter().map(|client| client.join().unwrap()).collect()
            });
            assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
            assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 3, "{statuses:?}");
        }
    }
}
