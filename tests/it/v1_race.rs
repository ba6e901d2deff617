//! What a reseller's operator asks for while its customer goes to somebody else: the look that lets the call in comes
//! before the move, the act behind it. Each is refused, and nothing of it is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::writer::faults::{Faults, Place};

use crate::commands_binary::until;
use crate::gate::{depth, quiet};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::moves_guide::{ask, did, reseller_of, service, text, user};
use crate::v1::{get, id, operator, problem, send};

/// Holds the next list of acts back right before its commit.
struct Held {
    app: TestApp,
    armed: Arc<AtomicBool>,
    there: Receiver<()>,
    go: Sender<()>,
}

impl Held {
    fn start(backend: Backend) -> Self {
        let armed = Arc::new(AtomicBool::new(false));
        let (arrived, there) = channel();
        let (go, released) = channel();
        let (hook, released) = (armed.clone(), Mutex::new(released));
        let faults = Faults::new(move |place, calls| {
            if place == Place::Commit && calls.is_empty() && hook.swap(false, Ordering::SeqCst) {
                arrived.send(()).unwrap();
                released.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
            }
            None
        });
        let app = TestApp::with_options(backend, &config("", MPNID), quiet(faults));
        Self { app, armed, there, go }
    }

    /// Does the first, and the second while that is about to commit: what the second looks up is as before the first.
    fn behind(&self, first: impl FnOnce() -> Reply + Send, second: impl FnOnce() -> Reply + Send) -> [Reply; 2] {
        self.armed.store(true, Ordering::SeqCst);
        std::thread::scope(|scope| {
            let first = scope.spawn(first);
            self.there.recv_timeout(Duration::from_secs(60)).unwrap();
            let second = scope.spawn(second);
            until("the second waits for the writer", || depth(&self.app) == 1);
            self.go.send(()).unwrap();
            [first.join().unwrap(), second.join().unwrap()]
        })
    }
}

fn moved_away(backend: Backend) {
    let held = Held::start(backend);
    let app = &held.app;
    let provider = operator(app, "provider", Role::ProviderAdmin, &[], None);
    for reseller in ["10", "20", "30"] {
        send(app, &json!({"ID": reseller, "Role": "Reseller", "Name": reseller}));
    }
    let offers = json!({"offers": [{"service": "Mail", "plan": "gold"}]});
    for reseller in ["10", "20", "30"] {
        did(app, &provider, "PUT", &format!("/accounts/{}/plans", id(app, reseller)), &offers);
    }
    send(app, &json!({"ID": "19", "Role": "User", "ResellerID": "10"}));
    let ours = operator(app, "ours", Role::ResellerAdmin, &[&id(app, "10"), &id(app, "30")], None);
    let stays = id(app, "19");
    service(app, &provider, "19", "Mail", "gold", "");
    // What is asked for, of a customer, its service and its user.
    type Asked<'a> = dyn Fn(&str, &str, &str) -> (&'static str, String, Value) + 'a;
    let asked: [&Asked<'_>; 15] = [
        &|customer, _, _| ("PATCH", format!("/accounts/{customer}"), json!({"name": "Stolen"})),
        &|customer, _, _| ("PATCH", format!("/accounts/{customer}/profile"), json!({"label": "Stolen"})),
        &|customer, _, _| ("POST", format!("/accounts/{customer}/services"), json!({"name": "New"})),
        &|customer, _, _| ("PATCH", format!("/customers/{customer}"), json!({"email": "stolen@mallory.example"})),
        &|customer, _, _| ("POST", format!("/accounts/{customer}/sites"), json!({"name": "Stolen"})),
        &|customer, _, _| ("PUT", format!("/accounts/{customer}/branding"), json!({"title": "Stolen"})),
        &|_, service, _| ("PATCH", format!("/services/{service}"), json!({"name": "Stolen"})),
        &|_, service, _| ("POST", format!("/services/{service}/suspend"), json!({})),
        &|_, service, _| ("POST", format!("/services/{service}/end"), json!({})),
        &|customer, _, _| ("POST", format!("/accounts/{customer}/users"), json!({"login": "mallory"})),
        &|_, _, user| ("PATCH", format!("/users/{user}"), json!({"name": "Stolen"})),
        &|_, _, user| ("POST", format!("/users/{user}/end"), json!({})),
        &|customer, service, _| {
            ("POST", format!("/accounts/{customer}/services/move"), json!({"to": stays, "services": [service]}))
        },
        &|customer, _, _| {
            ("POST", "/moves/batch".to_owned(), json!({"moves": [{"customer": customer, "reseller": id(app, "30")}]}))
        },
        &|customer, _, user| {
            let body = json!({"from": stays, "to": customer, "users": [user], "preview": true});
            ("POST", "/moves/users".to_owned(), body)
        },
    ];
    for (at, asked) in asked.into_iter().enumerate() {
        let platform_id = format!("{}", 100 + at);
        send(app, &json!({"ID": platform_id, "Role": "User", "ResellerID": "10", "Name": "Bakery"}));
        let customer = id(app, &platform_id);
        let mail = service(app, &provider, &platform_id, "Mail", "gold", "");
        let ann = user(app, &provider, &platform_id, "ann", &[&mail]);
        let (method, path, mut body) = asked(&customer, &mail, &ann);
        if path == "/moves/users" {
            // Users of a customer that stays go to one that leaves.
            body["users"] = json!([user(app, &provider, "19", &format!("bob-{at}"), &[])]);
            body["revision"] = did(app, &ours, method, &path, &body)["revision"].clone();
            body["preview"] = json!(false);
        }
        let mut moving = json!({"customer": customer, "reseller": id(app, "20"), "preview": true});
        moving["revision"] = did(app, &provider, "POST", "/moves", &moving)["revision"].clone();
        moving["preview"] = json!(false);
        let everything = || {
            ["", "/profile", "/services", "/users", "/sites", "/branding"]
                .map(|path| get(app, &provider, &format!("/accounts/{customer}{path}")).body)
        };
        let [made, late] =
            held.behind(|| ask(app, &provider, "POST", "/moves", &moving), || ask(app, &ours, method, &path, &body));
        assert_eq!(made.status, 200, "{}", made.body);
        let after = everything();
        if path == "/moves/batch" {
            assert_eq!(late.json()["rows"][0]["outcome"], "refused", "{}", late.body);
        } else {
            problem(&late, 409, "conflict");
        }
        // Products are weighed again, as far as nobody said on what.
        let why = if path.ends_with("/services/move") { "not of the same level" } else { "went to another reseller" };
        assert!(late.body.contains(why), "{method} {path}: {}", late.body);
        assert_eq!(reseller_of(app, &provider, &platform_id), "20", "{path}");
        for told in &after {
            assert!(!told.contains("Stolen") && !told.contains("mallory") && !told.contains("bob-"), "{path}: {told}");
        }
        assert_eq!(get(app, &provider, &format!("/services/{mail}")).json()["status"], "active", "{path}");
        assert_eq!(get(app, &provider, &format!("/users/{ann}")).json()["status"], "active", "{path}");
    }
}

#[test]
fn what_races_with_a_move_is_refused() {
    backends().into_iter().for_each(moved_away);
}

/// A change of its own customer by somebody else at the same moment is no reason to refuse.
fn changed(backend: Backend) {
    let held = Held::start(backend);
    let app = &held.app;
    let provider = operator(app, "provider", Role::ProviderAdmin, &[], None);
    send(app, &json!({"ID": "10", "Role": "Reseller"}));
    send(app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    let ours = operator(app, "ours", Role::ResellerAdmin, &[&id(app, "10")], None);
    let mail = service(app, &provider, "11", "Mail", "gold", "");
    let path = format!("/accounts/{}", id(app, "11"));
    let [first, second] = held.behind(
        || ask(app, &provider, "PATCH", &path, &json!({"name": "Bakery"})),
        || ask(app, &ours, "PATCH", &format!("/services/{mail}"), &json!({"plan": "silver"})),
    );
    assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
    assert_eq!(text(&second.json()["plan"]), "silver");
    // Nor is what the customer itself is changed to, or its end, unless If-Match says of which version.
    let customer = format!("/customers/{}", id(app, "11"));
    for (name, method, path, body) in [
        ("Butcher", "PATCH", customer.clone(), json!({"phone": "030"})),
        ("Florist", "POST", "/customers/delete".to_owned(), json!({"ids": [id(app, "11")]})),
    ] {
        let [first, second] = held.behind(
            || ask(app, &provider, "PATCH", &customer, &json!({"name": name})),
            || ask(app, &provider, method, &path, &body),
        );
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
        let now = get(app, &provider, &customer).json();
        assert_eq!((&now["name"], &now["phone"]), (&json!(name), &json!("030")));
    }
    assert_eq!(get(app, &provider, &customer).json()["status"], "deleted");
}

#[test]
fn what_races_with_another_change_of_its_own_customer_is_done() {
    backends().into_iter().for_each(changed);
}

/// Who sent `If-Match` is told 412 whether the other change came before the look or behind it.
fn guarded(backend: Backend) {
    let held = Held::start(backend);
    let app = &held.app;
    let provider = operator(app, "provider", Role::ProviderAdmin, &[], None);
    send(app, &json!({"ID": "11", "Role": "User"}));
    let mail = service(app, &provider, "11", "Mail", "gold", "");
    let ann = user(app, &provider, "11", "ann", &[]);
    let account = format!("/accounts/{}", id(app, "11"));
    did(app, &provider, "POST", &format!("{account}/contacts"), &json!({"handle": "h-1"}));
    send(app, &json!({"ID": "12", "Role": "User"}));
    let other = id(app, "12");
    let site = crate::sites::site(app, &provider, &other, "North");
    let probe = format!("/probes/{}", crate::sites::probe(app, &provider, &site, "p1"));
    let (customer, site) = (format!("/customers/{other}"), format!("/sites/{site}"));
    let changes = [
        ("PATCH", account.clone(), json!({"name": "One"}), json!({"name": "Two"})),
        ("PATCH", format!("{account}/profile"), json!({"label": "One"}), json!({"label": "Two"})),
        ("PATCH", format!("{account}/contacts/1"), json!({"handle": "One"}), json!({"handle": "Two"})),
        ("PATCH", format!("{account}/logins/0"), json!({"login": "One"}), json!({"login": "Two"})),
        ("PATCH", format!("/services/{mail}"), json!({"plan": "One"}), json!({"plan": "Two"})),
        ("PATCH", format!("/users/{ann}"), json!({"name": "One"}), json!({"name": "Two"})),
        ("DELETE", format!("{account}/contacts/1"), json!({"handle": "Three"}), json!({})),
        ("PATCH", customer.clone(), json!({"name": "One"}), json!({"name": "Two"})),
        ("PATCH", site.clone(), json!({"name": "One"}), json!({"name": "Two"})),
        ("PATCH", probe.clone(), json!({"name": "One"}), json!({"name": "Two"})),
        ("PUT", format!("/accounts/{other}/branding"), json!({"title": "One"}), json!({"title": "Two"})),
        ("DELETE", probe, json!({"name": "Three"}), json!({})),
        ("DELETE", site, json!({"name": "Three"}), json!({})),
        ("DELETE", format!("/accounts/{other}/branding"), json!({"title": "Three"}), json!({})),
        ("DELETE", customer, json!({"name": "Three"}), json!({})),
    ];
    for (method, path, one, two) in changes {
        let tag = get(app, &provider, &path).header("etag").unwrap().to_owned();
        let call = |tag: &str| {
            let call = Call::new(method, &format!("/v1{path}"))
                .header("Authorization", format!("Bearer {provider}"))
                .header("If-Match", tag);
            match method {
                "DELETE" => call,
                _ => call.header("Content-Type", "application/json").body(two.to_string()),
            }
        };
        let change = if path.ends_with("/branding") { "PUT" } else { "PATCH" };
        let [first, second] = held.behind(|| ask(app, &provider, change, &path, &one), || call(&tag).send(app));
        assert_eq!(first.status, 200, "{path}: {}", first.body);
        problem(&second, 412, "precondition_failed");
        assert!(!get(app, &provider, &path).body.contains("Two"), "{path}");
        problem(&call(&tag).send(app), 412, "precondition_failed");
        let now = get(app, &provider, &path).header("etag").unwrap().to_owned();
        let done = call(&now).send(app);
        assert!(matches!(done.status, 200 | 204), "{path}: {}", done.body);
    }
}

#[test]
fn who_is_late_with_if_match_is_told_so() {
    backends().into_iter().for_each(guarded);
}

/// More deletions than there are readers' connections wait for the writer: others go on reading.
fn deleting(backend: Backend) {
    let held = Held::start(backend);
    let app = &held.app;
    let provider = operator(app, "provider", Role::ProviderAdmin, &[], None);
    let places: Vec<(String, String, String)> = (0..6)
        .map(|at| {
            send(app, &json!({"ID": at.to_string(), "Role": "User"}));
            let account = id(app, &at.to_string());
            let site = crate::sites::site(app, &provider, &account, "North");
            let probe = crate::sites::probe(app, &provider, &site, "p1");
            (account, site, probe)
        })
        .collect();
    let runs = places.iter().enumerate().map(|(at, (account, site, probe))| match at {
        0 => ("DELETE", format!("/customers/{account}"), json!({})),
        1 => ("POST", "/customers/delete".to_owned(), json!({"ids": [account]})),
        2 => ("DELETE", format!("/sites/{site}"), json!({})),
        3 => ("POST", format!("/accounts/{account}/sites/delete"), json!({"ids": [site]})),
        4 => ("DELETE", format!("/probes/{probe}"), json!({})),
        _ => ("POST", format!("/sites/{site}/probes/delete"), json!({"ids": [probe]})),
    });
    let runs: Vec<(&'static str, String, Value)> = runs.collect();
    held.armed.store(true, Ordering::SeqCst);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let asked = |(method, path, body): &(&'static str, String, Value)| {
            let (app, provider, method, path, body) = (app, &provider, *method, path.clone(), body.clone());
            scope.spawn(move || ask(app, provider, method, &path, &body))
        };
        // The first alone, or the writer could take others out of its queue together with it.
        let mut asking = vec![asked(&runs[0])];
        held.there.recv_timeout(Duration::from_secs(60)).unwrap();
        asking.extend(runs[1..].iter().map(asked));
        until("all of them wait", || depth(app) == 5);
        assert_eq!(get(app, &provider, "/accounts").status, 200);
        held.go.send(()).unwrap();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (reply, (_, _, probe)) in replies.iter().zip(&places) {
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(get(app, &provider, &format!("/probes/{probe}")).json()["status"], "ended");
    }
}

#[test]
fn who_deletes_keeps_nobody_from_reading() {
    backends().into_iter().for_each(deleting);
}

/// More moves of many and terminations than there are readers' connections wait for the writer: others go on reading.
fn waiting(backend: Backend) {
    let held = Held::start(backend);
    let app = &held.app;
    let provider = operator(app, "provider", Role::ProviderAdmin, &[], None);
    send(app, &json!({"ID": "1", "Role": "Reseller"}));
    for reseller in 10..16 {
        send(app, &json!({"ID": reseller.to_string(), "Role": "Reseller"}));
        send(app, &json!({"ID": format!("{reseller}0"), "Role": "User", "ResellerID": reseller.to_string()}));
    }
    let to = id(app, "1");
    let runs: Vec<(String, Value)> = (10..16)
        .map(|reseller| match reseller % 2 {
            0 => {
                let customer = id(app, &format!("{reseller}0"));
                ("/moves/batch".to_owned(), json!({"moves": [{"customer": customer, "reseller": to}]}))
            }
            _ => (format!("/accounts/{}/terminate", id(app, &reseller.to_string())), json!({"to": to})),
        })
        .collect();
    held.armed.store(true, Ordering::SeqCst);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let asked = |(path, body): &(String, Value)| {
            let (app, provider, path, body) = (app, &provider, path.clone(), body.clone());
            scope.spawn(move || ask(app, provider, "POST", &path, &body))
        };
        // The first alone, or the writer could take others out of its queue together with it.
        let mut asking = vec![asked(&runs[0])];
        held.there.recv_timeout(Duration::from_secs(60)).unwrap();
        asking.extend(runs[1..].iter().map(asked));
        until("all of them wait", || depth(app) == 5);
        assert_eq!(get(app, &provider, "/accounts").status, 200);
        held.go.send(()).unwrap();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for reply in replies {
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    for reseller in 10..16 {
        assert_eq!(reseller_of(app, &provider, &format!("{reseller}0")), "1", "{reseller}");
    }
}

#[test]
fn long_runs_hold_no_reader_while_they_wait_for_the_writer() {
    backends().into_iter().for_each(waiting);
}
