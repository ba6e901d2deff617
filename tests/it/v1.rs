//! What the tests of /v1 share: tokens, calls, a small world.

use serde_json::{Value, json};
use tiersync::auth::token::new_token;
use tiersync::domain::ids::AccountId;
use tiersync::domain::operator::{Operator, Role};
use tiersync::store::accounts::{self, AccountFilter};
use tiersync::store::operators;

use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp};

/// Adds an operator and gives its token. `expires` is in microseconds since 1970.
pub fn operator(app: &TestApp, name: &str, role: Role, resellers: &[&str], expires: Option<i64>) -> String {
    let (token, hash) = new_token();
    let new = Operator {
        name: name.to_owned(),
        role,
        resellers: resellers.iter().map(|id| AccountId::parse(id).unwrap()).collect(),
        created_at: now() * 1_000_000,
        expires_at: expires,
        revoked_at: None,
    };
    assert!(operators::add(&mut app.database(), &new, hash.as_bytes()).unwrap());
    token
}

/// A GET below /v1 with a token.
pub fn call(token: &str, path: &str) -> Call {
    Call::new("GET", &format!("/v1{path}")).header("Authorization", format!("Bearer {token}"))
}

/// As [`call`], sent.
pub fn get(app: &TestApp, token: &str, path: &str) -> Reply {
    call(token, path).send(app)
}

/// The items of a list, all pages of it, `limit` at a time.
pub fn all(app: &TestApp, token: &str, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let reply = get(app, token, &format!("{path}{sign}limit={limit}{after}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.body);
        let page = reply.json();
        let rows = page["items"].as_array().unwrap();
        assert!(rows.len() <= limit);
        items.extend(rows.iter().cloned());
        match page["next"].as_str().map(|next| format!("&after={next}")) {
            // The change feed always says how to go on; at its end that is where one stood.
            Some(next) if next != after => after = next,
            _ => return items,
        }
    }
}

/// One field of each item.
pub fn column(items: &[Value], name: &str) -> Vec<String> {
    items.iter().map(|item| item[name].as_str().unwrap_or_else(|| panic!("no {name} in {item}")).to_owned()).collect()
}

/// A problem document with this status and code.
#[track_caller]
pub fn problem(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let body = reply.json();
    assert_eq!(body["code"], code, "{body}");
    assert_eq!(body["type"], format!("urn:tiersync:problem:{code}"));
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string() && body["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{body}");
}

/// Our id of the account with this platform ID.
pub fn id(app: &TestApp, platform_id: &str) -> String {
    let filter = AccountFilter { platform_id: Some(platform_id.to_owned()), ..AccountFilter::default() };
    accounts::list(&mut app.database(), &filter, None, 1).unwrap().remove(0).account.id.to_string()
}

/// Sends a Synchronize that must be done.
#[track_caller]
pub fn send(app: &TestApp, body: &Value) -> String {
    let reply = app.synchronize(&body.to_string());
    assert_eq!(reply.code(), 0, "{}", reply.body);
    reply.result()
}

/// Two resellers with customers, one that waits, a direct one, and a deleted one. The first three have the ids `0-1` to `0-3`.
pub fn world(backend: Backend) -> TestApp {
    let app = TestApp::start(backend);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind", "Email": "ops@north.example"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Contoso", "Email": "ops@contoso.example"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery 50%_off", "SyncOptions": {"MPNID": 34568, "Plan": "gold", "Trial": true}}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist", "Email": "Maria@Florist.example"}),
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "Carpenter", "SyncOptions": {"MPNID": "99999"}}),
        json!({"ID": "31", "Role": "User", "ResellerID": "99", "Name": "Waiting"}),
        json!({"ID": "41", "Role": "User", "Name": "Direct, Ltd"}),
        json!({"ID": "42", "Role": "User", "Name": "Gone"}),
    ] {
        send(&app, &body);
    }
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"42"}"#).send(&app).code(), 0);
    app
}
