//! What resellers may sell: set whole over HTTP, guarded by its version, seen by its own alone.

use std::sync::Barrier;

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::feed::feed;
use crate::harness::{Backend, Call, Reply, TestApp, backends};
use crate::v1::{all, get, id, operator, problem, send};

const OU: &str = "OU=Northwind,OU=Resellers,DC=vendor,DC=example";

pub fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: &Value, tag: Option<&str>) -> Reply {
    let mut call = Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json");
    if let Some(tag) = tag {
        call = call.header("If-Match", tag);
    }
    call.body(body.to_string()).send(app)
}

#[track_caller]
fn put(app: &TestApp, token: &str, offers: &Value) -> Value {
    let reply = ask(app, token, "PUT", &plans(app, "10"), &json!({ "offers": offers }), None);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn plans(app: &TestApp, platform_id: &str) -> String {
    format!("/accounts/{}/plans", id(app, platform_id))
}

fn world(backend: Backend) -> (TestApp, String) {
    let app = TestApp::start(backend);
    let token = operator(&app, "vera", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    (app, token)
}

fn audited(app: &TestApp, token: &str) -> Vec<Value> {
    all(app, token, "/audit?action=plans.set", 50)
}

fn set_whole(backend: Backend) {
    let (app, token) = world(backend);
    let path = plans(&app, "10");
    let empty = get(&app, &token, &path).json();
    assert_eq!((&empty["revision"], &empty["offers"]), (&json!(0), &json!([])));
    assert_eq!(
        [&empty["directory_ou"], &empty["changed_at"], &empty["reseller"]["platform_id"]],
        [&Value::Null, &Value::Null, &json!("10")]
    );
    let body = json!({"directory_ou": OU, "offers": [
        {"service": "Workspace", "plan": "Premium", "locations": ["south", "north", "south"]},
        {"service": "Mail", "plan": " 10 GB "},
        {"service": "Workspace", "plan": "Basic", "locations": []},
    ]});
    let reply = ask(&app, &token, "PUT", &path, &body, None);
    let set = reply.json();
    assert_eq!(reply.status, 200, "{set}");
    let sold = json!([
        {"service": "Mail", "plan": "10 GB", "locations": []},
        {"service": "Workspace", "plan": "Basic", "locations": []},
        {"service": "Workspace", "plan": "Premium", "locations": ["north", "south"]},
    ]);
    assert_eq!([&set["offers"], &set["directory_ou"], &set["revision"]], [&sold, &json!(OU), &json!(1)]);
    let shown = get(&app, &token, &path);
    assert_eq!((shown.json(), shown.header("etag")), (set.clone(), reply.header("etag")));
    assert_eq!(
        Call::new("GET", &format!("/v1{path}"))
            .header("Authorization", format!("Bearer {token}"))
            .header("If-None-Match", shown.header("etag").unwrap())
            .send(&app)
            .status,
        304
    );
    // The other reseller sells nothing still.
    assert_eq!(get(&app, &token, &plans(&app, "20")).json()["offers"], json!([]));

    // The same again changes nothing, and says so nowhere.
    assert_eq!(put(&app, &token, &sold), set);
    assert_eq!(audited(&app, &token).len(), 1);
    // The exact set: what is left out is gone, what has other locations changes, the rest of the list stays.
    let now = put(
        &app,
        &token,
        &json!([
            {"service": "Mail", "plan": "50 GB"}, {"service": "Workspace", "plan": "Premium", "locations": ["north"]}
        ]),
    );
    assert_eq!(
        [&now["revision"], &now["directory_ou"], &now["offers"]],
        [
            &json!(2),
            &json!(OU),
            &json!([
                {"service": "Mail", "plan": "50 GB", "locations": []},
                {"service": "Workspace", "plan": "Premium", "locations": ["north"]},
            ])
        ]
    );
    let trail = audited(&app, &token);
    assert_eq!(trail[0]["subject"], json!(id(&app, "10")));
    assert_eq!(
        trail[0]["detail"],
        json!({"revision": 2, "added": 1, "changed": 1, "removed": 2, "fields": ["offers"]})
    );
    // Parts of it, alone.
    let reply = ask(&app, &token, "PATCH", &path, &json!({"directory_ou": null}), None);
    assert_eq!((&reply.json()["directory_ou"], &reply.json()["offers"]), (&Value::Null, &now["offers"]));
    let told: Vec<Value> = feed(&app, &token)
        .into_iter()
        .filter(|entry| entry["kind"] == "plans.changed")
        .map(|entry| json!([entry["account"]["platform_id"], entry["changed"], entry["cause"], entry["revision"]]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["10", ["offers", "directory_ou"], "move", null]),
            json!(["10", ["offers"], "move", null]),
            json!(["10", ["directory_ou"], "move", null]),
        ]
    );
    assert_eq!(put(&app, &token, &json!([]))["offers"], json!([]));
}

#[test]
fn a_set_is_exact() {
    backends().into_iter().for_each(set_whole);
}

fn refusals(backend: Backend) {
    let (app, token) = world(backend);
    let path = plans(&app, "10");
    let offer = json!({"service": "Mail", "plan": "10 GB"});
    let long = "x".repeat(257);
    let places: Vec<String> = (0..257).map(|at| at.to_string()).collect();
    let many: Vec<Value> = (0..10_001).map(|at| json!({"service": "s", "plan": at.to_string()})).collect();
    for (body, why) in [
        (json!({}), "name its offers"),
        (json!({"offers": null}), "name its offers"),
        (json!({"offers": [offer, {"service": "Mail"}]}), "missing field `plan`"),
        (json!({"offers": [offer, {"service": " ", "plan": "a"}]}), "Offer 2 cannot be so: its service is empty"),
        (
            json!({"offers": [{"service": "a", "plan": long}]}),
            "Offer 1 cannot be so: its plan is longer than 256 characters",
        ),
        (json!({"offers": [{"service": "a", "plan": "b", "locations": places}]}), "more than 256 locations"),
        (json!({"offers": [offer, {"service": "a", "plan": "b"}, offer]}), "offer 3 repeats offer 1"),
        (json!({"offers": many}), "more than 10000 offers"),
        (json!({"offers": [], "directory_ou": "HNP"}), "directory_ou cannot be so: it is no distinguished name"),
        (json!({"offers": [], "directory_ou": "OU=a\nb"}), "control character"),
        (json!({"offers": [], "colour": "red"}), "unknown field `colour`"),
    ] {
        let reply = ask(&app, &token, "PUT", &path, &body, None);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(why), "{why}: {}", reply.body);
    }
    problem(&ask(&app, &token, "PATCH", &path, &json!({}), None), 400, "bad_request");
    // A customer has none, and neither has who is not there.
    for method in ["GET", "PUT", "PATCH"] {
        let reply = ask(&app, &token, method, &plans(&app, "11"), &json!({"offers": []}), None);
        problem(&reply, 409, "conflict");
        assert!(reply.body.contains("Only resellers have plans") && reply.body.contains("(1006)"), "{}", reply.body);
        problem(&ask(&app, &token, method, "/accounts/0-99/plans", &json!({"offers": []}), None), 404, "not_found");
    }
    problem(&ask(&app, &token, "DELETE", &path, &json!({}), None), 405, "method_not_allowed");
    // One that is deleted is shown and not changed.
    assert_eq!(ask(&app, &token, "PUT", &plans(&app, "20"), &json!({"offers": [offer]}), None).status, 200);
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"20"}"#).send(&app).code(), 0);
    assert_eq!(get(&app, &token, &plans(&app, "20")).json()["offers"].as_array().unwrap().len(), 1);
    let reply = ask(&app, &token, "PUT", &plans(&app, "20"), &json!({"offers": []}), None);
    problem(&reply, 409, "conflict");
    assert!(reply.body.contains("is deleted"), "{}", reply.body);
    assert_eq!(get(&app, &token, &path).json()["revision"], 0, "nothing of this was taken");
}

#[test]
fn what_cannot_be_sold_is_told_by_position() {
    backends().into_iter().for_each(refusals);
}

fn seen(backend: Backend) {
    let (app, token) = world(backend);
    let own = operator(&app, "north", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    let offers = json!({"offers": [{"service": "Mail", "plan": "10 GB"}]});
    for reseller in ["10", "20"] {
        assert_eq!(ask(&app, &token, "PUT", &plans(&app, reseller), &offers, None).status, 200);
    }
    let (ours, theirs) = (plans(&app, "10"), plans(&app, "20"));
    assert_eq!(get(&app, &own, &ours).json(), get(&app, &token, &ours).json());
    assert_eq!(get(&app, &viewer, &theirs).json(), get(&app, &token, &theirs).json());
    problem(&get(&app, &own, &theirs), 404, "not_found");
    for caller in [&own, &viewer] {
        for method in ["PUT", "PATCH"] {
            problem(&ask(&app, caller, method, &ours, &offers, None), 403, "forbidden");
        }
    }
    let told = |token: &str| feed(&app, token).into_iter().filter(|entry| entry["kind"] == "plans.changed").count();
    assert_eq!((told(&own), told(&token)), (1, 2));
}

#[test]
fn a_reseller_sees_its_own_plans_alone() {
    backends().into_iter().for_each(seen);
}

/// Of many who set what they looked at, one wins each time, whichever receiver they ask, and the others are told.
fn at_once(backend: Backend) {
    let (app, token) = world(backend);
    let second = app.second();
    let path = plans(&app, "10");
    for round in 0..5 {
        let tag = get(&app, &token, &path).header("etag").unwrap().to_owned();
        let (apps, barrier) = ([&app, &second], Barrier::new(4));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|at| {
                    let (app, path, tag, token, barrier) = (apps[at % 2], &path, &tag, &token, &barrier);
                    scope.spawn(move || {
                        let offers: Vec<Value> = (0..=at)
                            .map(|n| json!({"service": format!("s{round}-{at}"), "plan": n.to_string()}))
                            .collect();
                        barrier.wait();
                        ask(app, token, "PUT", path, &json!({ "offers": offers }), Some(tag)).status
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 3, "{statuses:?}");
        let now = get(&app, &token, &path).json();
        assert_eq!(now["revision"], round + 1);
        let services: std::collections::BTreeSet<&str> =
            now["offers"].as_array().unwrap().iter().map(|offer| offer["service"].as_str().unwrap()).collect();
        assert_eq!(services.len(), 1, "the set of one, and of nobody else: {now}");
    }
    problem(&ask(&app, &token, "PUT", &path, &json!({"offers": []}), Some("\"0123\"")), 412, "precondition_failed");
}

#[test]
fn of_many_who_set_what_they_looked_at_one_wins() {
    backends().into_iter().for_each(at_once);
}

/// The largest set goes in and comes back.
fn largest(backend: Backend) {
    let (app, token) = world(backend);
    let offers: Vec<Value> =
        (0..10_000).map(|at| json!({"service": format!("s{}", at % 100), "plan": at.to_string()})).collect();
    let set = put(&app, &token, &json!(offers));
    assert_eq!((set["offers"].as_array().unwrap().len(), &set["revision"]), (10_000, &json!(1)));
    // One of them goes.
    let fewer = put(&app, &token, &json!(offers[1..]));
    assert_eq!((fewer["offers"].as_array().unwrap().len(), &fewer["revision"]), (9_999, &json!(2)));
}

#[test]
fn ten_thousand_offers_are_set_at_once() {
    backends().into_iter().for_each(largest);
}
