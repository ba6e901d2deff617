//! Accounts that are made here, by API, command and list, and the platform that synchronizes the same ones later.

use std::collections::BTreeSet;
use std::sync::Barrier;

use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::accounts::{self, AccountFilter};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::{MPNID, REPLAY};
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config, postgres};
use crate::ledger::assert_whole;
use crate::standing::write;
use crate::v1::{all, column, get, id, operator, problem, send, world};

const RULES: &str = "adopt = [\"code\", \"email_and_name\"]";

fn make(app: &TestApp, token: &str, body: &Value) -> Value {
    let reply = write(app, token, "POST", "/accounts", body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.json();
    let location = reply.header("location").unwrap();
    assert_eq!(location, format!("/v1/accounts/{}", made["id"].as_str().unwrap()));
    assert_eq!(get(app, token, location.trim_start_matches("/v1")).json(), made);
    made
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

fn count(app: &TestApp) -> usize {
    accounts::list(&mut app.database(), &AccountFilter::default(), None, 10_000).unwrap().len()
}

fn whole(app: &TestApp) {
    let mut database = app.database();
    let told = stored(&mut database);
    assert_tells_everything(&mut database, &told);
    assert_whole(&mut database);
}

fn made_by_hand_then_synchronized(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let partner = id(&app, "10");
    let made = make(
        &app,
        &admin,
        &json!({"name": "Butcher", "email": "b@butcher.example", "code": "B7", "phone": "1", "website": "w",
                "description": "d", "reseller": partner, "reason": "Signed on paper"}),
    );
    assert_eq!((text(&made, "source"), text(&made, "kind")), ("local".to_owned(), "reseller_customer".to_owned()));
    assert!(text(&made, "platform_id").starts_with("customer-"), "{made}");
    assert_eq!((&made["reseller"]["platform_id"], &made["reseller"]["state"]), (&json!("10"), &json!("linked")));
    assert_eq!((&made["reported"], &made["revision"]), (&Value::Null, &json!(1)));
    let path = format!("/accounts/{}", text(&made, "id"));
    // It is the partner's customer like any other, and what hangs on it stays with it.
    let northwind = operator(&app, "northwind", Role::ResellerAdmin, &[&id(&app, "10")], None);
    assert_eq!(get(&app, &northwind, &path).status, 200);
    let service = write(&app, &admin, "POST", &format!("{path}/services"), &json!({"kind": "hosting", "name": "web"}));
    assert_eq!(service.status, 201, "{}", service.body);
    let before = count(&app);
    let body = json!({"ID": "4711", "Role": "User", "ResellerID": "10", "ExternalID": made["external_id"],
                      "Name": "Butcher Ltd"});
    // Asking changes nothing.
    let mut asked = body.clone();
    asked["checkonly"] = json!(true);
    assert_eq!(send(&app, &asked), text(&made, "external_id"));
    assert_eq!(get(&app, &admin, &path).json()["source"], "local");
    assert_eq!(send(&app, &body), text(&made, "external_id"));
    assert_eq!(count(&app), before, "no second account");
    let now = get(&app, &admin, &path).json();
    for (field, value) in [
        ("id", made["id"].clone()),
        ("source", json!("eu")),
        ("platform_id", json!("4711")),
        ("external_id", made["external_id"].clone()),
        ("name", json!("Butcher Ltd")),
        ("code", json!("B7")),
        ("revision", json!(2)),
        ("first_seen", made["first_seen"].clone()),
    ] {
        assert_eq!(now[field], value, "{field}: {now}");
    }
    assert_eq!(now["reported"]["kind"], "reseller_customer");
    assert_eq!(now["reseller"]["since"], made["reseller"]["since"]);
    let names = get(&app, &admin, &format!("{path}/names")).json();
    let shown: Vec<_> = names["items"].as_array().unwrap().iter().map(|name| text(name, "platform_id")).collect();
    assert_eq!(shown, [text(&made, "platform_id"), "4711".to_owned()]);
    assert!(names["items"][0]["until"].is_string() && names["items"][1]["until"].is_null(), "{names}");
    // Its history goes on from the day on which it was made; its services are found under the platform's name.
    let history = all(&app, &admin, &format!("{path}/history"), 50);
    assert!(history.len() >= 2, "{history:?}");
    let services = all(&app, &admin, &format!("{path}/services"), 50);
    assert_eq!((services.len(), &services[0]["name"]), (1, &json!("web")));
    let told = feed(&app, &admin);
    let of_it: Vec<_> = told.iter().filter(|one| one["account"]["id"] == made["id"]).collect();
    let updated =
        of_it.iter().rev().find(|one| one["kind"] == "account.updated").unwrap_or_else(|| panic!("{of_it:?}"));
    let changed = updated["changed"].as_array().unwrap_or_else(|| panic!("{updated}"));
    for field in ["source", "platform_id", "name", "reported"] {
        assert!(changed.contains(&json!(field)), "{updated}");
    }
    // From here on it is an account of the platform like any other.
    assert_eq!(app.synchronize(&body.to_string()).code(), 0);
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"4711"}"#).send(&app).code(), 1);
    let mut gone = body.clone();
    gone["ID"] = json!("4712");
    let refused = app.synchronize(&gone.to_string());
    assert_eq!(refused.code(), 1004, "its ExternalID is taken: {}", refused.body);
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"4711"}"#).send(&app).code(), 0);
    assert_eq!(send(&app, &body), text(&made, "external_id"));
    whole(&app);
}

#[test]
fn one_that_is_made_by_hand_is_the_same_when_the_platform_sends_it() {
    for backend in backends() {
        made_by_hand_then_synchronized(backend);
    }
}

/// What stands at one that was made by hand is the platform's customer's, and ends and comes back with it.
fn with_sites(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let made = make(&app, &admin, &json!({"name": "Butcher", "reseller": id(&app, "10")}));
    let account = text(&made, "id");
    let site = crate::sites::site(&app, &admin, &account, "North");
    let probe = crate::sites::probe(&app, &admin, &site, "p1");
    let places = [format!("/sites/{site}"), format!("/probes/{probe}")];
    let shown = || places.each_ref().map(|path| get(&app, &admin, path).json());
    let before = shown();
    let body = json!({"ID": "4711", "Role": "User", "ResellerID": "10", "ExternalID": made["external_id"],
                      "Name": "Butcher Ltd"});
    assert_eq!(send(&app, &body), text(&made, "external_id"));
    let now = get(&app, &admin, &format!("/accounts/{account}")).json();
    assert_eq!((&now["source"], &now["platform_id"]), (&json!("eu"), &json!("4711")));
    assert_eq!(shown(), before, "adoption changes neither");
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"4711"}"#).send(&app).code(), 0);
    for place in shown() {
        assert_eq!((&place["status"], &place["account"]), (&json!("ended"), &json!(account)), "{place}");
    }
    for path in places.iter().map(|path| format!("{path}/history")) {
        let newest = all(&app, &admin, &path, 50).remove(0);
        assert_eq!((&newest["cause"], newest["delivery"].is_string()), (&json!("sync"), true), "{newest}");
    }
    assert_eq!(send(&app, &body), text(&made, "external_id"));
    assert!(shown().iter().all(|place| place["status"] == "active"), "{:?}", shown());
    whole(&app);
}

#[test]
fn one_that_is_made_by_hand_keeps_its_sites_and_probes() {
    backends().into_iter().for_each(with_sites);
}

#[test]
fn what_cannot_be_made_says_why() {
    for backend in backends() {
        let app = world(backend);
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        let before = count(&app);
        for (body, status, code, word) in [
            (json!({}), 400, "bad_request", "needs a name"),
            (json!({"name": "  "}), 400, "bad_request", "needs a name"),
            (json!({"name": "x", "kind": "partner"}), 400, "bad_request", "kind is none of"),
            (json!({"name": "x", "email": "a\u{7}"}), 400, "bad_request", "email"),
            (json!({"name": "x", "platform_id": " "}), 400, "bad_request", "platform_id is empty"),
            (json!({"name": "x", "external_id": "x".repeat(129)}), 400, "bad_request", "external_id is longer"),
            (json!({"name": "x", "tenant": ""}), 400, "bad_request", "tenant is empty"),
            (json!({"name": "x", "reseller": "nobody"}), 400, "bad_request", "reseller's id"),
            (json!({"name": "x", "nmae": "x"}), 400, "bad_request", "nmae"),
            (json!({"name": "x", "kind": "reseller_customer"}), 409, "conflict", "needs a reseller"),
            (json!({"name": "x", "kind": "reseller", "reseller": id(&app, "10")}), 409, "conflict", "has no reseller"),
            (json!({"name": "x", "reseller": id(&app, "41")}), 409, "conflict", "is none"),
            (json!({"name": "x", "reseller": id(&app, "10"), "tenant": "other"}), 409, "conflict", "another source"),
        ] {
            let refused = write(&app, &admin, "POST", "/accounts", &body);
            problem(&refused, status, code);
            assert!(refused.body.contains(word), "{body}: {}", refused.body);
        }
        for role in [Role::Viewer, Role::ResellerAdmin] {
            let own = id(&app, "10");
            let resellers: &[&str] = if role == Role::ResellerAdmin { &[&own] } else { &[] };
            let other = operator(&app, role.as_str(), role, resellers, None);
            problem(&write(&app, &other, "POST", "/accounts", &json!({"name": "x"})), 403, "forbidden");
        }
        assert_eq!(count(&app), before);
        let made = make(&app, &admin, &json!({"name": "x", "platform_id": "mine", "external_id": "known"}));
        assert_eq!((text(&made, "platform_id"), text(&made, "external_id")), ("mine".to_owned(), "known".to_owned()));
        let taken = get(&app, &admin, &format!("/accounts/{}", id(&app, "41"))).json()["external_id"].clone();
        for body in [
            json!({"name": "y", "platform_id": "mine"}),
            json!({"name": "y", "external_id": "known"}),
            json!({"name": "y", "external_id": taken}),
        ] {
            problem(&write(&app, &admin, "POST", "/accounts", &body), 409, "conflict");
        }
    }
}

#[test]
fn rules_adopt_and_what_is_ambiguous_waits_in_the_quarantine() {
    for backend in backends() {
        let app = TestApp::with(backend, &config(RULES, MPNID));
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
        let one = make(&app, &admin, &json!({"name": "Ada", "code": "A1", "email": "Ada@example.org"}));
        let two = make(&app, &admin, &json!({"name": "Ada", "email": "ada@example.org"}));
        let body = json!({"ID": "4711", "Role": "User", "ResellerID": "10", "Name": "Ada", "Email": "ada@EXAMPLE.org"});
        let before = count(&app);
        let refused = app.synchronize(&body.to_string());
        assert_eq!(refused.code(), 1004, "{}", refused.body);
        for account in [&one, &two] {
            assert!(refused.message().contains(&text(account, "id")), "{}", refused.body);
        }
        assert_eq!(count(&app), before);
        let cases = all(&app, &admin, "/cases", 50);
        assert_eq!(column(&cases, "platform_id"), ["4711"]);
        // Once it is clear, the call is run again.
        let gone =
            write(&app, &admin, "PATCH", &format!("/accounts/{}", text(&two, "id")), &json!({"status": "deleted"}));
        assert_eq!(gone.status, 200, "{}", gone.body);
        assert_eq!(send(&app, &body), text(&one, "external_id"));
        assert_eq!(count(&app), before);
        assert_eq!(all(&app, &admin, "/cases", 50).len(), 0);
        // A replayed call adopts, too, and one of the same code later on is another account.
        let made = make(&app, &admin, &json!({"name": "Eve", "code": "E1"}));
        let late = json!({"ID": "5", "Role": "User", "Code": "E1", "Name": "Eve"}).to_string();
        let late = Call::synchronize(&late).signed(REPLAY, "late", now() - 5000).send(&app);
        assert_eq!((late.code(), late.result()), (0, text(&made, "external_id")), "{}", late.body);
        let other = send(&app, &json!({"ID": "6", "Role": "User", "Code": "E1", "Name": "Eve"}));
        assert_ne!(other, text(&made, "external_id"));
        whole(&app);
    }
}

#[test]
fn a_partner_that_was_made_by_hand_keeps_its_customers() {
    for backend in backends() {
        let app = TestApp::with(backend, &config(RULES, MPNID));
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        let shop = make(&app, &admin, &json!({"name": "Shop", "kind": "reseller", "code": "S1"}));
        let under = make(&app, &admin, &json!({"name": "Under", "code": "U1", "reseller": shop["id"]}));
        // Of the platform's own customers one waits for it, and an operator moved another one there.
        for body in [
            json!({"ID": "70", "Role": "User", "ResellerID": "77", "Name": "Waiting"}),
            json!({"ID": "71", "Role": "User", "Name": "Moved"}),
        ] {
            send(&app, &body);
        }
        let moved = format!("/accounts/{}", id(&app, "71"));
        let set = write(&app, &admin, "PATCH", &moved, &json!({"reseller": shop["id"]}));
        assert_eq!((set.status, &set.json()["reseller"]["name"]), (200, &json!("Shop")), "{}", set.body);
        assert_eq!(
            send(&app, &json!({"ID": "77", "Role": "Reseller", "Code": "S1", "Name": "Shop Ltd"})),
            text(&shop, "external_id")
        );
        let customers = all(&app, &admin, &format!("/accounts?reseller={}", text(&shop, "id")), 50);
        assert_eq!(column(&customers, "name"), ["Under", "Waiting", "Moved"]);
        for customer in &customers {
            assert_eq!(
                (&customer["reseller"]["platform_id"], &customer["reseller"]["state"]),
                (&json!("77"), &json!("linked")),
                "{customer}"
            );
        }
        // Of its customer the platform says at first that it is there, and no more.
        assert_eq!(
            send(&app, &json!({"ID": "78", "Role": "User", "ExternalID": under["external_id"]})),
            text(&under, "external_id")
        );
        let now = get(&app, &admin, &format!("/accounts/{}", text(&under, "id"))).json();
        assert_eq!(
            (&now["reseller"]["platform_id"], &now["kind"]),
            (&json!("77"), &json!("reseller_customer")),
            "{now}"
        );
        whole(&app);
    }
}

#[test]
fn what_was_bought_here_is_ordered_by_the_platform() {
    for backend in backends() {
        let app = world(backend);
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        let made = make(&app, &admin, &json!({"name": "Butcher"}));
        let path = format!("/accounts/{}/services", text(&made, "id"));
        let bought =
            write(&app, &admin, "POST", &path, &json!({"kind": "subscription", "service": "mail", "plan": "gold"}));
        assert_eq!(bought.status, 201, "{}", bought.body);
        // The platform's first word of the account is an order of what it has.
        let account = json!({"ID": "4711", "Role": "User", "ExternalID": made["external_id"]});
        let order = json!({"ID": bought.json()["external_id"], "Quantity": 5, "Account": account});
        let updated = Call::post("Subscriptions/Update", order.to_string()).send(&app);
        assert_eq!(updated.code(), 0, "{}", updated.body);
        let services = all(&app, &admin, &path, 50);
        assert_eq!((services.len(), &services[0]["quantity"]), (1, &json!(5)), "{services:?}");
        let again = Call::post("Subscriptions/Cancel", order.to_string()).send(&app);
        assert_eq!(again.code(), 0, "{}", again.body);
        assert_eq!(all(&app, &admin, &format!("{path}?status=ended"), 50).len(), 1);
        whole(&app);
    }
}

/// Eight threads send the same account at once, each under an ID of its own: one of them is the one that was made here.
fn at_once(receivers: &[&TestApp], admin: &str) {
    let made = make(receivers[0], admin, &json!({"name": "Ada", "code": "A1"}));
    let together = Barrier::new(8);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let together = &together;
                scope.spawn(move || {
                    let body = json!({"ID": format!("at-{thread}"), "Role": "User", "Code": "A1"}).to_string();
                    let call = Call::synchronize(&body);
                    together.wait();
                    call.send(receivers[thread % receivers.len()])
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let issued: BTreeSet<String> = replies
        .iter()
        .map(|reply| {
            assert_eq!(reply.code(), 0, "{}", reply.body);
            reply.result()
        })
        .collect();
    assert_eq!(issued.len(), 8, "each is another account");
    assert!(issued.contains(&text(&made, "external_id")));
    assert_eq!(count(receivers[0]), 8);
    whole(receivers[0]);
}

#[test]
fn one_of_many_at_once_is_the_one_that_was_made_here() {
    for backend in backends() {
        let app = TestApp::with(backend, &config(RULES, MPNID));
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        at_once(&[&app], &admin);
    }
    if postgres::shared().is_some() {
        let app = TestApp::with(Backend::Postgres, &config(RULES, MPNID));
        let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
        at_once(&[&app, &app.second()], &admin);
    }
}

#[test]
fn by_command_and_by_list() {
    for backend in backends() {
        let place = Place::with(backend, &config(RULES, MPNID));
        let app = receiver(&place, &config(RULES, MPNID));
        send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
        let made = items(&place.fine(&[
            "accounts",
            "add",
            "Butcher",
            "--reseller",
            "10",
            "--code",
            "B7",
            "--email",
            "b@butcher.example",
            "--reason",
            "By hand",
            "--format",
            "json",
        ]));
        assert_eq!(
            (made.len(), &made[0]["source"], &made[0]["reseller"]["platform_id"]),
            (1, &json!("local"), &json!("10"))
        );
        let plain = place.fine(&["accounts", "add", "Shop", "--kind", "reseller", "--platform-id", "shop-1"]);
        assert!(plain.contains("made: local shop-1, ExternalID "), "{plain}");
        place.run(&["accounts", "add", "Other", "--platform-id", "shop-1"]).failed(1, "there already");
        let blank = place.run(&["accounts", "add", " "]);
        assert!(blank.code == 2 && blank.err.contains("needs a name"), "{}", blank.err);
        place.run(&["accounts", "add", "x", "--reseller", "nobody"]).failed(1, "no account is called nobody");
        let list = place.path("local.csv");
        let rows =
            "platform_id,kind,reseller,name,code\nL1,reseller,,Listed,L1\nL2,reseller_customer,L1,Listed customer,L2\n";
        std::fs::write(&list, rows).unwrap();
        let import = ["accounts", "import", list.to_str().unwrap(), "--source", "local", "--all"];
        let first = place.fine(&import);
        assert!(first.contains("L1") && first.contains("L2"), "{first}");
        let before = count(&app);
        // The platform sends what was listed and what was made by hand: nothing is there twice.
        for body in [
            json!({"ID": "901", "Role": "Reseller", "Code": "L1", "Name": "Listed"}),
            json!({"ID": "902", "Role": "User", "ResellerID": "901", "Code": "L2"}),
            json!({"ID": "903", "Role": "User", "ResellerID": "10", "Code": "B7"}),
        ] {
            send(&app, &body);
        }
        assert_eq!(count(&app), before);
        let again = place.run(&import);
        assert!(again.out.contains("the platform eu synchronizes this account as 901"), "{}", again.out);
        assert_eq!(count(&app), before);
        // By its old name it is found as well.
        let shown = items(&place.fine(&["accounts", "show", "L2", "--format", "json"]));
        assert_eq!(
            (&shown[0]["platform_id"], &shown[0]["formerly"][0]["platform_id"]),
            (&json!("902"), &json!("L2")),
            "{shown:?}"
        );
        assert_eq!(shown[0]["reseller"]["platform_id"], "901");
        let old = text(&made[0], "platform_id");
        assert_eq!(items(&place.fine(&["accounts", "show", &old, "--format", "json"]))[0]["id"], made[0]["id"]);
        place
            .run(&["accounts", "import", list.to_str().unwrap(), "--source", "nowhere"])
            .failed(2, "there are eu, local");
        whole(&app);
    }
}
