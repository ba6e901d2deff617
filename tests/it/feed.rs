//! The change feed: what each thing that happens is told as, and that what is told is what is there.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::v1::{all, column, get, operator, problem, send};

/// The whole feed as everybody who sees everything reads it.
pub fn feed(app: &TestApp, token: &str) -> Vec<Value> {
    all(app, token, "/changes", 500)
}

/// An entry without what differs from run to run.
fn told(change: &Value) -> Value {
    let mut told = change.clone();
    let entry = told.as_object_mut().unwrap();
    assert!(entry.remove("at").is_some_and(|at| at.as_str().unwrap().starts_with("20")), "{change}");
    let account = entry.remove("account").unwrap();
    assert_eq!(account["external_id"].as_str().map(str::len), Some(36), "{change}");
    assert_eq!((&account["source"], &account["tenant"]), (&json!("eu"), &json!("")));
    entry.insert("account".to_owned(), account["platform_id"].clone());
    if let Some(relation) = entry.get_mut("relation").and_then(Value::as_object_mut) {
        relation.insert("to".to_owned(), json!(relation["to"].is_string()));
        assert!(relation.remove("from").is_some_and(|from| from.is_string()) && relation.remove("id").is_some());
    }
    entry.retain(|_, value| !value.is_null() && *value != json!([]));
    told
}

fn sync(app: &TestApp, body: &Value) {
    send(app, body);
}

fn delete(app: &TestApp, id: &str) {
    assert_eq!(Call::post("Accounts/Delete", json!({"ID": id}).to_string()).send(app).code(), 0);
}

fn every_kind(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let customer = |name: &str, reseller: &str, options: Value| {
        sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": reseller, "Name": name, "SyncOptions": options}));
    };
    // Deliveries 0-1 to 0-12.
    customer("Bakery", "10", json!({"MPNID": "34568", "Plan": "gold"}));
    customer("Bakery", "10", json!({"MPNID": "34568", "Plan": "gold"}));
    sync(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    customer("The Bakery", "10", json!({"MPNID": "34568", "Trial": true}));
    sync(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    customer("The Bakery", "20", json!({"MPNID": "34568", "Trial": true}));
    sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "", "Name": "The Bakery", "SyncOptions": {}}));
    assert_eq!(app.synchronize(r#"{"ID":"11","Role":"Nobody"}"#).code(), 1002);
    delete(&app, "11");
    delete(&app, "11");
    sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery", "Email": "b@x.example"}));
    place.fine(&["accounts", "erase", "11"]);
    place.fine(&["accounts", "revive", "11"]);
    let reseller = |account: Option<&str>, platform_id: &str, external_id: Option<&str>| json!({"id": account, "platform_id": platform_id, "external_id": external_id});
    let relation = |state: &str, reseller: Value, to: bool| json!({"axis": "reseller", "reseller": reseller, "partner_id": null, "state": state, "to": to});
    let partner =
        |to: bool| json!({"axis": "partner", "reseller": null, "partner_id": "34568", "state": "pending", "to": to});
    let changes = feed(&app, &token);
    let northwind = all(&app, &token, "/accounts?platform_id=10", 1).remove(0);
    let ten = |external_id: Option<&str>| reseller(northwind["id"].as_str(), "10", external_id);
    let twenty = || reseller(all(&app, &token, "/accounts?platform_id=20", 1)[0]["id"].as_str(), "20", None);
    let expected = [
        json!({"kind": "account.created", "account": "11", "revision": 1, "account_kind": "reseller_customer", "delivery": "0-1"}),
        json!({"kind": "options.changed", "account": "11", "revision": 1, "changed": ["MPNID", "Plan"], "delivery": "0-1"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 1, "relation": relation("pending", reseller(None, "10", None), false), "delivery": "0-1"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 1, "relation": partner(false), "delivery": "0-1"}),
        json!({"kind": "account.created", "account": "10", "revision": 1, "account_kind": "reseller", "delivery": "0-3"}),
        json!({"kind": "relation.linked", "account": "11", "relation": relation("linked", ten(northwind["external_id"].as_str()), false), "delivery": "0-3"}),
        json!({"kind": "account.updated", "account": "11", "revision": 2, "changed": ["name"], "delivery": "0-4"}),
        json!({"kind": "options.changed", "account": "11", "revision": 2, "changed": ["Plan", "Trial"], "delivery": "0-4"}),
        json!({"kind": "account.created", "account": "20", "revision": 1, "account_kind": "reseller", "delivery": "0-5"}),
        json!({"kind": "account.updated", "account": "11", "revision": 3, "changed": ["reported"], "delivery": "0-6"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 3, "relation": relation("linked", ten(None), true), "delivery": "0-6"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 3, "relation": relation("linked", twenty(), false), "delivery": "0-6"}),
        json!({"kind": "account.updated", "account": "11", "revision": 4, "changed": ["reported"], "delivery": "0-7"}),
        json!({"kind": "account.kind_changed", "account": "11", "revision": 4, "changed": ["kind"],
            "account_kind_before": "reseller_customer", "account_kind": "direct_customer", "delivery": "0-7"}),
        json!({"kind": "options.changed", "account": "11", "revision": 4, "changed": ["MPNID", "Trial"], "delivery": "0-7"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 4, "relation": partner(true), "delivery": "0-7"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 4, "relation": relation("linked", twenty(), true), "delivery": "0-7"}),
        json!({"kind": "account.deleted", "account": "11", "revision": 5, "delivery": "0-9"}),
        json!({"kind": "account.revived", "account": "11", "revision": 6, "changed": ["name", "email", "reported"], "account_kind": "reseller_customer", "delivery": "0-11"}),
        json!({"kind": "account.kind_changed", "account": "11", "revision": 6, "changed": ["kind"],
            "account_kind_before": "direct_customer", "account_kind": "reseller_customer", "delivery": "0-11"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 6, "relation": relation("linked", twenty(), false), "delivery": "0-11"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 7, "relation": relation("linked", twenty(), true), "cause": "erase"}),
        json!({"kind": "account.erased", "account": "11", "revision": 7, "cause": "erase"}),
        json!({"kind": "account.updated", "account": "11", "revision": 8, "changed": ["erased"], "cause": "erase"}),
    ];
    for (at, (change, expected)) in (1..).zip(changes.iter().zip(&expected)) {
        let mut expected = expected.clone();
        expected["position"] = json!(at);
        if expected.get("cause").is_none() {
            expected["cause"] = json!("sync");
        }
        assert_eq!(told(change), expected, "{at}: {change}");
    }
    assert_eq!(changes.len(), expected.len(), "{:?}", changes.last());
    let told = column(&changes, "kind");
    let kinds: std::collections::BTreeSet<&String> = told.iter().collect();
    assert_eq!(kinds.len(), 10);
    assert_eq!(all(&app, &token, "/accounts/0-1", 1).len(), 0);
}

#[test]
fn every_kind_of_change_is_told_once() {
    backends().into_iter().for_each(every_kind);
}

fn questions(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let ask = |query: &str| get(&app, &token, &format!("/changes{query}"));
    let empty = ask("").json();
    assert_eq!(empty["items"], json!([]));
    for (id, reseller) in [("10", "10"), ("11", "10"), ("12", "10")] {
        let role = if id == reseller { "Reseller" } else { "User" };
        sync(&app, &json!({"ID": id, "Role": role, "ResellerID": reseller}));
    }
    let positions = |reply: &Value| {
        reply["items"].as_array().unwrap().iter().map(|one| one["position"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(positions(&ask("").json()), [1, 2, 3, 4, 5]);
    assert_eq!(positions(&ask("?after=3").json()), [4, 5]);
    assert_eq!(positions(&ask(&format!("?after={}", empty["next"].as_str().unwrap())).json()), [1, 2, 3, 4, 5]);
    let first = ask("?limit=2").json();
    assert_eq!(positions(&first), [1, 2]);
    assert_eq!(positions(&ask(&format!("?limit=2&after={}", first["next"].as_str().unwrap())).json()), [3, 4]);
    assert_eq!(positions(&ask("?kind=relation.opened").json()), [3, 5]);
    assert_eq!(positions(&ask("?kind=relation.opened&limit=1").json()), [3]);
    assert_eq!(positions(&ask("?kind=relation.opened,account.created&after=1").json()), [2, 3, 4, 5]);
    // What is passed over is behind the reader.
    let deleted = ask("?kind=account.deleted").json();
    assert_eq!((positions(&deleted), &deleted["next"]), (vec![], &ask("?after=now").json()["next"]));
    let now = ask("?after=now").json();
    assert_eq!(positions(&now), [] as [i64; 0]);
    sync(&app, &json!({"ID": "13", "Role": "User"}));
    assert_eq!(positions(&ask(&format!("?after={}", now["next"].as_str().unwrap())).json()), [6]);
    for wrong in ["after=-1", "after=x", "kind=account", "kind=", "wait=61", "wait=-1", "wait=x", "limit=0", "since=1"]
    {
        problem(&ask(&format!("?{wrong}")), 400, "bad_request");
    }
    // A position that this feed never had: a cursor of another database.
    problem(&ask("?after=7"), 410, "gone");
    assert!(ask("?after=7").body.contains("ends at position 6"));
    assert_eq!(Call::new("GET", "/v1/changes").send(&app).status, 401);
}

#[test]
fn a_reader_says_where_and_what() {
    backends().into_iter().for_each(questions);
}
