//! What operators do to services: made, changed, turned off and on and ended, beside what the platform orders.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::v1::{all, column, get, id, operator, problem, send};

/// A call below /v1 with a body and a token.
pub fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    asking(token, method, path, body).send(app)
}

fn asking(token: &str, method: &str, path: &str, body: &Value) -> Call {
    Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

/// As [`ask`], and it must be done.
#[track_caller]
pub fn did(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let reply = ask(app, token, method, path, body);
    assert!(matches!(reply.status, 200 | 201), "{method} {path}: {} {}", reply.status, reply.body);
    reply.json()
}

/// A service of the account with this platform ID; gives its id.
pub fn make(app: &TestApp, token: &str, account: &str, body: &Value) -> String {
    let path = format!("/accounts/{}/services", id(app, account));
    did(app, token, "POST", &path, body)["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, told: &str) {
    problem(reply, status, code);
    assert!(reply.body.contains(told), "{told}: {}", reply.body);
}

fn life(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User", "Name": "Bakery"}));
    let account = id(&app, "1");
    let path = format!("/accounts/{account}/services");
    for kind in ["subscription", "domain", "hosting", "ssl", "entitlement", "other"] {
        make(&app, &token, "1", &json!({"kind": kind, "name": format!("a {kind}")}));
    }
    let reply = ask(
        &app,
        &token,
        "POST",
        &path,
        &json!({"kind": "domain", "name": "x.example", "service": "Domains", "plan": "com", "location": "eu", "quantity": 2,
            "attributes": {"dns": "ours", "years": 2, "locked": true}, "expires_at": "2027-11-21", "trial": true,
            "platform_id": "D-1", "transfer": {"direction": "incoming", "state": "pending", "action": "enter the code"}}),
    );
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.json();
    let service = format!("/services/{}", made["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(&*format!("/v1{service}")));
    let shown = get(&app, &token, &service);
    assert_eq!((shown.json(), reply.header("etag")), (made.clone(), shown.header("etag")));
    assert_eq!((&made["account"], &made["revision"], &made["status"]), (&json!(account), &json!(1), &json!("trial")));
    assert_eq!(made["attributes"], json!({"dns": "ours", "locked": true, "years": 2}));
    assert_eq!(made["expires_at"], "2027-11-21T00:00:00Z");
    assert_eq!(made["transfer"], json!({"direction": "incoming", "state": "pending", "action": "enter the code"}));
    assert!(made["last_delivery"].is_null() && made["held"] == false);
    // Which transfers are under way, and what somebody has to do for them.
    make(
        &app,
        &token,
        "1",
        &json!({"kind": "domain", "name": "y.example", "transfer": {"direction": "outgoing", "state": "asked"}}),
    );
    for (query, names) in [
        ("open", vec!["x.example", "y.example"]),
        ("action", vec!["x.example"]),
        ("incoming", vec!["x.example"]),
        ("outgoing", vec!["y.example"]),
    ] {
        for path in [&path, "/services"] {
            let found = all(&app, &token, &format!("{path}?transfer={query}"), 1);
            assert_eq!(column(&found, "name"), names, "{path} {query}");
        }
    }
    problem(&get(&app, &token, &format!("{path}?transfer=closed")), 400, "bad_request");
    // One thing after the other, each told, nothing twice.
    let mut tag = shown.header("etag").unwrap().to_owned();
    for (method, path, body, status, changed) in [
        ("PATCH", service.clone(), json!({"plan": "net", "transfer": null}), "trial", vec!["plan", "transfer"]),
        ("POST", format!("{service}/suspend"), json!({"reason": "unpaid"}), "suspended", vec!["status"]),
        (
            "PATCH",
            service.clone(),
            json!({"trial": false, "expires_at": null}),
            "suspended",
            vec!["trial", "expires_at"],
        ),
        ("POST", format!("{service}/activate"), json!({}), "active", vec!["status"]),
        ("POST", format!("{service}/end"), json!({}), "ended", vec!["status"]),
        ("POST", format!("{service}/activate"), json!({}), "active", vec!["status"]),
    ] {
        let stale = asking(&token, method, &path, &body).header("If-Match", "\"0123\"").send(&app);
        problem(&stale, 412, "precondition_failed");
        let reply = asking(&token, method, &path, &body).header("If-Match", &tag).send(&app);
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!(status)), "{path}: {}", reply.body);
        let history = all(&app, &token, &format!("{service}/history"), 50);
        assert_eq!(history[0]["changed"], json!(changed), "{path}");
        assert_eq!((&history[0]["cause"], &history[0]["delivery"]), (&json!("operator"), &Value::Null));
        tag = reply.header("etag").unwrap().to_owned();
        let again = did(&app, &token, method, &path, &body);
        assert_eq!(again, reply.json(), "{path}");
    }
    let happened = column(&all(&app, &token, &format!("{service}/history"), 2), "happening");
    assert_eq!(happened, ["activated", "ended", "activated", "updated", "suspended", "updated", "created"]);
    let kinds = column(&feed(&app, &token), "kind");
    let told: Vec<&str> =
        kinds.iter().map(String::as_str).filter(|kind| kind.starts_with("service.")).skip(8).collect();
    assert_eq!(
        told,
        [
            "service.updated",
            "service.suspended",
            "service.updated",
            "service.activated",
            "service.ended",
            "service.activated"
        ]
    );
    let audit = all(&app, &token, "/audit", 50);
    assert_eq!(audit[4]["action"], "services.suspend");
    assert_eq!((&audit[4]["detail"]["reason"], &audit[4]["subject"]), (&json!("unpaid"), &made["id"]));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn a_service_lives_as_operators_say() {
    backends().into_iter().for_each(life);
}

fn rules(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    for id in ["1", "2"] {
        send(&app, &json!({"ID": id, "Role": "User"}));
    }
    let path = format!("/accounts/{}/services", id(&app, "1"));
    let mail = make(&app, &token, "1", &json!({"name": "Mail", "external_id": "mail", "platform_id": "P-1"}));
    let backup = make(&app, &token, "1", &json!({"name": "Backup", "parent": "mail"}));
    let other = make(&app, &token, "2", &json!({"name": "Other"}));
    let shown = get(&app, &token, &format!("/services/{backup}")).json();
    assert_eq!(shown["parent"], json!(mail));
    for (body, status, code, told) in [
        (json!({}), 400, "bad_request", "Nothing is said"),
        (json!({"kind": "car"}), 400, "bad_request", "kind is none of"),
        (json!({"quantity": -1}), 400, "bad_request", "quantity"),
        (json!({"name": "x", "colour": 1}), 400, "bad_request", "colour"),
        (json!({"attributes": {"AdminPassword": "x"}}), 400, "bad_request", "AdminPassword is a secret"),
        (json!({"name": "x", "parent": "nobody"}), 400, "bad_request", "parent"),
        (json!({"name": "x", "parent": other}), 409, "conflict", "same account"),
        (json!({"name": "x", "parent": backup}), 409, "conflict", "no add-on itself"),
        (json!({"name": "x", "external_id": "mail"}), 409, "conflict", "has this ExternalID"),
        (json!({"name": "x", "platform_id": "P-1"}), 409, "conflict", "has this platform ID"),
        (json!({"name": "x", "external_id": " "}), 400, "bad_request", "external_id"),
        (json!({"name": "x", "reason": ""}), 400, "bad_request", "reason"),
    ] {
        refused(&ask(&app, &token, "POST", &path, &body), status, code, told);
    }
    problem(&ask(&app, &viewer, "POST", &path, &json!({"name": "x"})), 403, "forbidden");
    problem(&ask(&app, &token, "POST", "/accounts/0-99/services", &json!({"name": "x"})), 404, "not_found");
    problem(&ask(&app, &token, "PUT", &path, &json!({})), 405, "method_not_allowed");
    let of = |path: &str| format!("/services/{path}");
    refused(&ask(&app, &token, "PATCH", &of(&mail), &json!({})), 400, "bad_request", "Nothing is to be changed");
    refused(&ask(&app, &token, "PATCH", &of(&mail), &json!({"parent": "x"})), 400, "bad_request", "for good");
    problem(&ask(&app, &viewer, "PATCH", &of(&mail), &json!({"plan": "x"})), 403, "forbidden");
    // A subscription takes its add-ons along; what is ended changes no more until it is activated.
    did(&app, &token, "POST", &of(&format!("{mail}/end")), &json!({}));
    assert_eq!(column(&all(&app, &token, &path, 9), "status"), ["ended", "ended"]);
    refused(&ask(&app, &token, "PATCH", &of(&mail), &json!({"plan": "x"})), 409, "conflict", "Activate it first");
    let suspend = ask(&app, &token, "POST", &of(&format!("{mail}/suspend")), &json!({}));
    refused(&suspend, 409, "conflict", "Activate it first");
    let activate = of(&format!("{backup}/activate"));
    refused(&ask(&app, &token, "POST", &activate, &json!({})), 409, "conflict", "Activate that first");
    did(&app, &token, "POST", &of(&format!("{mail}/activate")), &json!({}));
    did(&app, &token, "POST", &activate, &json!({}));
    assert_eq!(column(&all(&app, &token, &path, 9), "status"), ["active", "active"]);
    // Nothing is sold to a deleted account; what it has can be ended.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code(), 0);
    refused(&ask(&app, &token, "POST", &path, &json!({"name": "x"})), 409, "conflict", "is deleted");
    refused(&ask(&app, &token, "PATCH", &of(&mail), &json!({"plan": "x"})), 409, "conflict", "is deleted");
    assert_eq!(did(&app, &token, "POST", &of(&format!("{mail}/end")), &json!({}))["status"], "ended");
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
}

#[test]
fn what_cannot_be_is_refused_with_the_reason() {
    backends().into_iter().for_each(rules);
}

fn beside_orders(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let account = json!({"ID": "1", "Role": "User"});
    let order = |verb: &str, more: Value| {
        let mut body = json!({"SubscriptionID": "S", "Account": account});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Call::post(&format!("Subscriptions/{verb}"), body.to_string()).send(&app)
    };
    let external_id = order("Create", json!({"Name": "Mail", "ProductID": "gold", "Quantity": 5})).result();
    let service = format!("/services/{external_id}");
    let shown = || get(&app, &token, &service).json();
    // What an operator says of a field stays until the platform says that field.
    did(&app, &token, "PATCH", &service, &json!({"name": "Post", "plan": "silver", "location": "eu"}));
    assert_eq!(order("Update", json!({"Quantity": 7})).code(), 0);
    let now = shown();
    assert_eq!((&now["name"], &now["plan"], &now["quantity"]), (&json!("Post"), &json!("silver"), &json!(7)));
    assert_eq!(order("Update", json!({"ProductID": "gold"})).code(), 0);
    let now = shown();
    assert_eq!((&now["plan"], &now["location"], &now["last_delivery"]), (&json!("gold"), &json!("eu"), &json!("0-3")));
    // A suspension stays until the platform activates, and the other way round.
    did(&app, &token, "POST", &format!("{service}/suspend"), &json!({}));
    assert_eq!(order("Update", json!({"Quantity": 8})).code(), 0);
    assert_eq!(shown()["status"], "suspended");
    assert_eq!(order("Activate", json!({})).code(), 0);
    assert_eq!(shown()["status"], "active");
    assert_eq!(order("Suspend", json!({})).code(), 0);
    did(&app, &token, "POST", &format!("{service}/activate"), &json!({}));
    assert_eq!(shown()["status"], "active");
    // What an operator ends is ended for the platform, until that creates it anew.
    did(&app, &token, "POST", &format!("{service}/end"), &json!({}));
    assert_eq!(order("Update", json!({"Quantity": 9})).code(), 1006);
    assert_eq!(order("Create", json!({})).code(), 0);
    assert_eq!(shown()["status"], "active");
    // One that is made here is ordered by the ID that it was given.
    let made = make(&app, &token, "1", &json!({"name": "Site", "kind": "hosting", "external_id": "site-1"}));
    let update = json!({"ID": "site-1", "Quantity": 3, "Account": account}).to_string();
    assert_eq!(Call::post("Subscriptions/Update", update).send(&app).code(), 0);
    let now = get(&app, &token, &format!("/services/{made}")).json();
    assert_eq!((&now["kind"], &now["quantity"], &now["name"]), (&json!("hosting"), &json!(3), &json!("Site")));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn what_operators_say_stays_until_the_platform_says_it() {
    backends().into_iter().for_each(beside_orders);
}

fn of_a_reseller(backend: Backend) {
    let app = TestApp::start(backend);
    let everything = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    send(&app, &json!({"ID": "21", "Role": "User", "ResellerID": "20"}));
    let token = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let mine = make(&app, &token, "11", &json!({"name": "Mail"}));
    did(&app, &token, "PATCH", &format!("/services/{mine}"), &json!({"plan": "gold"}));
    did(&app, &token, "POST", &format!("/services/{mine}/suspend"), &json!({}));
    let theirs = make(&app, &everything, "21", &json!({"name": "Theirs"}));
    for (method, path) in [
        ("POST", format!("/accounts/{}/services", id(&app, "21"))),
        ("PATCH", format!("/services/{theirs}")),
        ("POST", format!("/services/{theirs}/suspend")),
        ("POST", format!("/services/{theirs}/activate")),
        ("POST", format!("/services/{theirs}/end")),
    ] {
        let body = if path.ends_with("end") || path.ends_with("ate") || path.ends_with("pend") {
            json!({})
        } else {
            json!({"name": "x"})
        };
        problem(&ask(&app, &token, method, &path, &body), 404, "not_found");
    }
    // Neither is theirs a parent, and that is told as of nobody's.
    let path = format!("/accounts/{}/services", id(&app, "11"));
    let [real, none] =
        [&*theirs, "0-999"].map(|parent| ask(&app, &token, "POST", &path, &json!({"name": "x", "parent": parent})));
    assert_eq!((real.status, &real.body), (400, &none.body));
    assert_eq!(column(&all(&app, &token, "/services", 1), "name"), ["Mail"]);
    let shown = get(&app, &everything, &format!("/services/{theirs}")).json();
    assert_eq!((&shown["name"], &shown["revision"]), (&json!("Theirs"), &json!(1)));
}

#[test]
fn a_reseller_changes_services_of_its_own_customers() {
    backends().into_iter().for_each(of_a_reseller);
}

fn command(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    let create = [
        "services",
        "create",
        "1",
        "--kind",
        "domain",
        "--name",
        "x.example",
        "--plan",
        "com",
        "--attributes",
        r#"{"dns":"ours"}"#,
        "--expires",
        "2027-01-01",
        "--transfer",
        "incoming",
        "--transfer-state",
        "pending",
        "--transfer-action",
        "enter the code",
        "--format",
        "json",
    ];
    let made = items(&place.fine(&create)).remove(0);
    let service = made["id"].as_str().unwrap().to_owned();
    assert_eq!((&made["attributes"], &made["transfer"]["action"]), (&json!({"dns": "ours"}), &json!("enter the code")));
    let table = place.fine(&["services", "list", "--transfer", "open"]);
    assert!(table.contains("enter the code") && table.contains("incoming"), "{table}");
    assert_eq!(place.fine(&["services", "list", "--transfer", "outgoing"]), "nothing found\n");
    let done = place.fine(&[
        "services",
        "set",
        &service,
        "--transfer",
        "none",
        "--quantity",
        "3",
        "--expires",
        "never",
        "--expect",
        "1",
    ]);
    assert_eq!(done.trim_end(), format!("service {service} changed: quantity, transfer, expires_at"));
    assert!(place.fine(&["services", "set", &service, "--quantity", "3"]).contains("is so already"));
    for (arguments, status) in [("suspend", "suspended"), ("activate", "active"), ("end", "ended")] {
        let shown = items(&place.fine(&["services", arguments, &service, "--reason", "asked for", "--format", "json"]));
        assert_eq!(shown[0]["status"], status);
    }
    place.run(&["services", "set", &service, "--plan", "net"]).failed(1, "Activate it first");
    place.run(&["services", "end", &service, "--expect", "1"]).failed(1, "changed since it was looked at");
    place.run(&["services", "end", "0-99"]).failed(1, "no service is called 0-99");
    place.run(&["services", "set", &service]).failed(2, "nothing is to be changed");
    place.run(&["services", "set", &service, "--transfer", "incoming"]).failed(2, "--transfer-state");
    place
        .run(&["services", "create", "1", "--kind", "ssl", "--attributes", "[]"])
        .failed(2, "attributes is no JSON object");
    place.run(&["services", "create", "77", "--kind", "ssl"]).failed(1, "no account is called 77");
    let audit = items(&place.fine(&["operator", "audit", "--format", "json"]));
    assert_eq!(
        column(&audit, "action"),
        ["services.end", "services.activate", "services.suspend", "services.set", "services.create"]
    );
    drop(app);
}

#[test]
fn services_are_changed_by_command_too() {
    backends().into_iter().for_each(command);
}
