//! Changes under /v1: the quarantine and erasure, who may do them, and what the audit trail says.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::harness::app::MPNID;
use crate::harness::{Call, Reply, TestApp, backends, config};
use crate::v1::{all, column, get, operator};

fn send(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    let call = Call::new(method, &format!("/v1{path}")).header("Authorization", format!("Bearer {token}"));
    match body {
        Value::Null => call.send(app),
        body => call.header("Content-Type", "application/json").body(body.to_string()).send(app),
    }
}

/// Two resellers with a customer each, whose call to become the other's was refused.
fn world(backend: crate::harness::Backend) -> TestApp {
    let app = TestApp::with(backend, &config("reseller_change = \"refuse\"", MPNID));
    for (body, code) in [
        (r#"{"ID":"10","Role":"Reseller","Name":"R"}"#, 0),
        (r#"{"ID":"20","Role":"Reseller","Name":"S"}"#, 0),
        (r#"{"ID":"11","Role":"User","ResellerID":"10","Name":"A"}"#, 0),
        (r#"{"ID":"21","Role":"User","ResellerID":"20","Name":"B"}"#, 0),
        (r#"{"ID":"11","Role":"User","ResellerID":"20","Name":"A"}"#, 1004),
        (r#"{"ID":"11","Role":"Seller"}"#, 1002),
        (r#"{"ID":"21","Role":"Seller"}"#, 1002),
        (r#"{"ID":"99","Role":"Seller"}"#, 1002),
    ] {
        assert_eq!(app.synchronize(body).code(), code, "{body}");
    }
    app
}

#[test]
fn cases_run_again_and_are_closed() {
    for backend in backends() {
        let app = world(backend);
        let admin = operator(&app, "admin", Role::ProviderAdmin, &[], None);
        assert_eq!(column(&all(&app, &admin, "/cases", 2), "id"), ["0-5", "0-6", "0-7", "0-8"]);
        assert_eq!(column(&all(&app, &admin, "/cases?code=1002&platform_id=11", 9), "id"), ["0-6"]);
        let shown = get(&app, &admin, "/cases/0-5");
        assert_eq!((shown.status, &shown.json()["state"]), (200, &json!("open")));
        let refused = send(&app, &admin, "POST", "/deliveries/0-5/reprocess", &Value::Null);
        assert_eq!((refused.status, &refused.json()["code"]), (200, &json!(1004)), "{}", refused.body);
        let taken = send(&app, &admin, "POST", "/deliveries/0-5/reprocess", &json!({"accept": true}));
        assert_eq!(
            (&taken.json()["outcome"], &taken.json()["case"]),
            (&json!("applied"), &json!("0-5")),
            "{}",
            taken.body
        );
        let account = &all(&app, &admin, "/accounts?platform_id=11", 1)[0];
        assert_eq!(account["reseller"]["platform_id"], "20");
        let again = send(&app, &admin, "POST", "/deliveries/0-5/reprocess", &Value::Null);
        assert_eq!((again.status, &again.json()["code"]), (409, &json!("conflict")), "{}", again.body);
        for (body, status) in [(json!({}), 400), (json!({"why": " "}), 400), (json!({"who": "me"}), 400)] {
            assert_eq!(send(&app, &admin, "POST", "/deliveries/0-6/resolve", &body).status, status, "{body}");
        }
        let closed = send(&app, &admin, "POST", "/deliveries/0-6/resolve", &json!({"why": "a test"}));
        assert_eq!((&closed.json()["closed_as"], &closed.json()["closed_why"]), (&json!("resolved"), &json!("a test")));
        assert_eq!(send(&app, &admin, "POST", "/deliveries/0-6/resolve", &json!({"why": "x"})).status, 409);
        assert_eq!(send(&app, &admin, "POST", "/deliveries/0-1/reprocess", &Value::Null).status, 409);
        assert_eq!(send(&app, &admin, "POST", "/deliveries/0-999/reprocess", &Value::Null).status, 404);
        assert_eq!(send(&app, &admin, "GET", "/deliveries/0-5/reprocess", &Value::Null).status, 405);
        assert_eq!(column(&all(&app, &admin, "/cases?state=closed", 9), "id"), ["0-5", "0-6"]);
        let audit = all(&app, &admin, "/audit", 9);
        let lines: Vec<_> =
            audit.iter().map(|line| (line["action"].as_str().unwrap(), line["subject"].as_str().unwrap())).collect();
        let run = ("deliveries.reprocess", "0-5");
        assert_eq!(lines, [("deliveries.resolve", "0-6"), run, run]);
        assert_eq!(
            (&audit[1]["operator"], &audit[1]["detail"]["accept"]),
            (&json!("admin"), &json!(true)),
            "{audit:?}"
        );
        assert_eq!(audit[1]["remote"], "127.0.0.1");
    }
}

#[test]
fn who_may_not_is_told_so_and_who_does_not_see_finds_nothing() {
    for backend in backends() {
        let app = world(backend);
        let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
        let theirs = operator(&app, "theirs", Role::ResellerAdmin, &["0-1"], None);
        // The refused change of reseller names the other reseller: it is for those who see everything.
        assert_eq!(column(&all(&app, &viewer, "/cases", 9), "platform_id"), ["11", "11", "21", "99"]);
        assert_eq!(column(&all(&app, &theirs, "/cases", 9), "id"), ["0-6"]);
        for path in ["/cases/0-5", "/cases/0-7", "/cases/0-8"] {
            assert_eq!(get(&app, &theirs, path).status, 404, "{path}");
        }
        for (method, path) in [("POST", "/deliveries/0-7/reprocess"), ("POST", "/deliveries/0-7/resolve")] {
            for body in [json!({}), json!({"why": "x"}), json!([1])] {
                assert_eq!(send(&app, &theirs, method, path, &body).status, 404, "{path}");
            }
            assert_eq!(send(&app, &viewer, method, path, &json!({})).status, 403, "{path}");
        }
        assert_eq!(send(&app, &theirs, "POST", "/deliveries/0-6/reprocess", &json!({"accept": true})).status, 403);
        assert_eq!(send(&app, &theirs, "POST", "/deliveries/0-6/reprocess", &json!({})).json()["code"], 1002);
        for token in [&viewer, &theirs] {
            assert_eq!(send(&app, token, "DELETE", "/accounts/0-3?erase=true", &Value::Null).status, 403);
            assert_eq!(send(&app, token, "POST", "/accounts/0-3/revive", &Value::Null).status, 403);
        }
        assert_eq!(send(&app, "wrong", "DELETE", "/accounts/0-3?erase=true", &Value::Null).status, 401);
    }
}

#[test]
fn an_account_is_erased_and_revived() {
    for backend in backends() {
        let app = world(backend);
        let admin = operator(&app, "admin", Role::ProviderAdmin, &[], None);
        let id = all(&app, &admin, "/accounts?platform_id=11", 1)[0]["id"].as_str().unwrap().to_owned();
        let reseller = all(&app, &admin, "/accounts?platform_id=20", 1)[0]["id"].as_str().unwrap().to_owned();
        assert_eq!(send(&app, &admin, "DELETE", &format!("/accounts/{id}"), &Value::Null).status, 400);
        assert_eq!(send(&app, &admin, "DELETE", "/accounts/0-999?erase=true", &Value::Null).status, 404);
        assert_eq!(send(&app, &admin, "DELETE", &format!("/accounts/{reseller}?erase=true"), &Value::Null).status, 409);
        assert_eq!(send(&app, &admin, "POST", &format!("/accounts/{id}/revive"), &Value::Null).status, 409);
        let erased = send(&app, &admin, "DELETE", &format!("/accounts/{id}?erase=true"), &Value::Null);
        assert_eq!((erased.status, &erased.json()["bodies_emptied"]), (200, &json!(3)), "{}", erased.body);
        let shown = get(&app, &admin, &format!("/accounts/{id}")).json();
        assert_eq!((&shown["name"], &shown["status"]), (&json!(""), &json!("deleted")));
        assert_eq!(get(&app, &admin, "/deliveries/0-3").json()["body"], Value::Null);
        let revived = send(&app, &admin, "POST", &format!("/accounts/{id}/revive"), &Value::Null);
        assert_eq!((revived.status, &revived.json()["id"]), (200, &json!(id)), "{}", revived.body);
        let audit = all(&app, &admin, "/audit", 9);
        assert_eq!(column(&audit, "action"), ["accounts.revive", "accounts.erase"]);
    }
}
