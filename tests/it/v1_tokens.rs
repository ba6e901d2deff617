//! Who is let in to /v1, and what everybody else is answered.

use tiersync::auth::token::new_token;
use tiersync::domain::operator::Role;
use tiersync::store::operators;

use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends};
use crate::v1::{call, get, operator, problem, world};

fn tokens(backend: Backend) {
    let app = TestApp::start(backend);
    let good = operator(&app, "maria", Role::Viewer, &[], None);
    let past = operator(&app, "past", Role::ProviderAdmin, &[], Some(now() * 1_000_000 - 1));
    let future = operator(&app, "future", Role::ProviderAdmin, &[], Some((now() + 3600) * 1_000_000));
    let gone = operator(&app, "gone", Role::Viewer, &[], None);
    assert_eq!(get(&app, &gone, "/me").status, 200);
    assert!(operators::revoke(&mut app.database(), "gone", now() * 1_000_000).unwrap());
    let reply = get(&app, &good, "/me");
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")));
    let me = reply.json();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("maria"), Some("viewer")));
    assert!(me["resellers"].is_null() && me["expires_at"].is_null(), "{me}");
    assert!(get(&app, &future, "/me").json()["expires_at"].is_string());
    assert_eq!(Call::new("GET", "/v1/me").header("authorization", format!("bearer {good}")).send(&app).status, 200);

    let (unknown, _) = new_token();
    let cut = &good[..good.len() - 1];
    let other = good.replace("tsk_", "tsx_");
    let mut refused = vec![Call::new("GET", "/v1/me"), Call::new("GET", "/v1/me").header("Authorization", &good)];
    refused.extend([&past, &gone, &unknown, cut, &other, ""].map(|token| call(token, "/me")));
    refused.push(Call::new("GET", "/v1/me").header("Authorization", format!("Basic {good}")));
    refused.push(Call::new("GET", "/v1/me").header("Authorization", b"Bearer \xff"));
    refused.push(call(&good, "/me").header("Authorization", format!("Bearer {good}")));
    refused.push(Call::new("GET", &format!("/v1/me?access_token={good}")));
    for call in refused {
        let reply = call.send(&app);
        problem(&reply, 401, "not_authenticated");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"tiersync\""), "{call:?}");
        assert!(!reply.body.contains(good.as_str()), "{}", reply.body);
    }
}

#[test]
fn only_good_tokens_are_let_in() {
    backends().into_iter().for_each(tokens);
}

fn problems(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    for path in ["", "/", "/nothing", "/accounts/0-999", "/accounts/x", "/accounts/0-1/nothing", "/accounts/a%00b"] {
        problem(&get(&app, &token, path), 404, "not_found");
    }
    let post = Call::new("POST", "/v1/accounts/count").header("Authorization", format!("Bearer {token}")).body("{}");
    let reply = post.send(&app);
    problem(&reply, 405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET"));
    let reply = call(&token, "/me").content_length(5 * 1024 * 1024).send(&app);
    problem(&reply, 413, "body_too_large");
    for (query, part) in [
        ("kund=reseller", "`kund` is not known"),
        ("kind=partner", "`kind` is not reseller"),
        ("kind=reseller&kind=reseller", "`kind` comes twice"),
        ("status=gone", "`status`"),
        ("state=lost", "`state`"),
        ("limit=0", "`limit`"),
        ("limit=501", "`limit`"),
        ("limit=many", "`limit`"),
        ("after=0-1", "`after`"),
        ("after=", "`after`"),
        ("changed_since=yesterday", "`changed_since`"),
        ("q=a%00b", "`q`"),
        ("q=%0a", "`q`"),
        (&format!("q={}", "a".repeat(4097)), "`q` is too long"),
    ] {
        let reply = get(&app, &token, &format!("/accounts?{query}"));
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(part), "{query}: {}", reply.body);
    }
    // A cursor of one list fits no other.
    let next = get(&app, &token, "/accounts?limit=1").json()["next"].as_str().unwrap().to_owned();
    problem(&get(&app, &token, &format!("/accounts/tree?after={next}")), 400, "bad_request");
    // A failing database is no empty list, and its words stay inside.
    let mut database = app.database();
    diesel::RunQueryDsl::execute(diesel::sql_query("ALTER TABLE relations RENAME TO hidden"), &mut database).unwrap();
    let reply = get(&app, &token, "/accounts");
    problem(&reply, 500, "internal");
    assert!(!reply.body.contains("relations"), "{}", reply.body);
}

#[test]
fn problems_are_documents() {
    backends().into_iter().for_each(problems);
}

fn bodies(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    assert_eq!(app.synchronize(r#"{"ID":"52","Role":"Nobody"}"#).code(), 1002);
    let case = get(&app, &token, "/cases").json()["items"][0]["id"].as_str().unwrap().to_owned();
    let resolve = |body: String, kind: &str| {
        Call::new("POST", &format!("/v1/deliveries/{case}/resolve"))
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", kind)
            .body(body)
            .send(&app)
    };
    // Larger than a platform's call may be, and read to its end.
    let large = format!("{{\"why\": \"{}\"}}", "a".repeat(1024 * 1024));
    problem(&resolve(large.clone(), "application/json"), 400, "bad_request");
    problem(&resolve(large, "text/plain"), 415, "not_json");
    problem(&resolve("{\"because\": 1}".to_owned(), "application/json"), 400, "bad_request");
    problem(&resolve("a".repeat(4 * 1024 * 1024 + 1), "application/json"), 413, "body_too_large");
}

#[test]
fn bodies_have_a_limit_of_their_own() {
    backends().into_iter().for_each(bodies);
}
