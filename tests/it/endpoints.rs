//! The endpoints that ask about accounts or end them, and calls that only check.

use serde_json::json;

use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, check};

const RESELLER: &str = r#"{"ID":"900","Role":"Reseller"}"#;
const CUSTOMER: &str = r#"{"ID":"1","Role":"User","ResellerID":"900"}"#;
const DIRECT: &str = r#"{"ID":"2","Role":"User"}"#;

/// A receiver that knows a reseller, its customer and a direct customer, with their ExternalIDs.
fn known(backend: Backend) -> (TestApp, Ledger, [String; 3]) {
    let app = TestApp::start(backend);
    let external_ids = [RESELLER, CUSTOMER, DIRECT].map(|body| app.synchronize(body).result());
    let ledger = Ledger::of(&app);
    (app, ledger, external_ids)
}

fn id(id: &str) -> String {
    json!({ "ID": id }).to_string()
}

fn text(reply: &Reply, member: &str) -> Option<String> {
    reply.json()[member].as_str().map(str::to_owned)
}

fn questions(backend: Backend) {
    let (app, mut ledger, [reseller, customer, direct]) = known(backend);
    let (yes, no) = (Some("true".to_owned()), Some("false".to_owned()));
    for (endpoint, account, code, result) in [
        ("Accounts/Exists", "900", 1, Some(reseller)),
        ("Accounts/Exists", "1", 1, Some(customer)),
        ("Accounts/Exists", " 2 ", 1, Some(direct)),
        ("Accounts/Exists", "nobody", 0, None),
        ("Accounts/IsReseller", "900", 0, yes),
        ("Accounts/IsReseller", "1", 0, no.clone()),
        ("Accounts/IsReseller", "2", 0, no),
        ("Accounts/IsReseller", "nobody", 1005, None),
    ] {
        let name = format!("{endpoint} {account}");
        let reply = check_question(&app, &mut ledger, &name, &Call::post(endpoint, id(account)), code);
        assert_eq!(text(&reply, "Result"), result, "{name}");
        let members: Vec<String> = reply.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members.len(), 4, "{name}: {members:?}");
        assert_eq!(reply.json()["AccountExtraInfo"], json!(null), "{name}");
    }
    // What is known outlives the process.
    drop(ledger);
    let app = app.restart();
    let mut ledger = Ledger::of(&app);
    for body in ["900", "2"] {
        check(&app, &mut ledger, "numbers", &Call::post("Accounts/Exists", format!("{{\"ID\":{body}}}")), (200, 1));
    }
    check(&app, &mut ledger, "deleting", &Call::post("Accounts/Delete", id("2")), (200, 0));
    for (endpoint, code) in [("Accounts/Exists", 0), ("Accounts/IsReseller", 1005)] {
        let reply = check_question(&app, &mut ledger, endpoint, &Call::post(endpoint, id("2")), code);
        assert_eq!(text(&reply, "Result"), None, "{endpoint} of a deleted account");
    }
}

/// A question is one delivery, whatever its answer, and never a refused one unless it is malformed.
fn check_question(app: &TestApp, ledger: &mut Ledger, name: &str, call: &Call, code: i64) -> Reply {
    let before = ledger.count();
    let reply = call.send(app);
    assert_eq!((reply.status, reply.code()), (200, code), "{name}: {}", reply.body);
    assert_eq!(ledger.count(), before + 1, "{name}");
    let delivery = ledger.newest();
    assert_eq!((delivery.outcome.as_str(), i64::from(delivery.code)), ("checked", code), "{name}");
    reply
}

#[test]
fn exists_and_is_reseller() {
    backends().into_iter().for_each(questions);
}

fn deletion(backend: Backend) {
    let (app, mut ledger, [reseller, customer, _]) = known(backend);
    let delete = |ledger: &mut Ledger, body: &str, code: i64, outcome: &str| {
        let reply = check(&app, ledger, body, &Call::post("Accounts/Delete", body), (200, code));
        assert_eq!(ledger.newest().outcome.as_str(), outcome, "{body}");
        text(&reply, "Result")
    };
    let status = |ledger: &mut Ledger, id: &str| ledger.account(id).map(|listed| listed.account.status.as_str());
    assert_eq!(delete(&mut ledger, r#"{"ID":"nobody"}"#, 1005, "rejected"), None);
    assert_eq!(delete(&mut ledger, r#"{"ID":"900"}"#, 1004, "rejected"), None, "it still has a customer");
    assert_eq!(status(&mut ledger, "900"), Some("active"));

    let sent = json!({ "ID": "1", "ExternalID": customer }).to_string();
    assert_eq!(delete(&mut ledger, &sent, 0, "applied"), Some(customer.clone()));
    assert_eq!(status(&mut ledger, "1"), Some("deleted"));
    assert!(ledger.account("1").unwrap().account.reseller.is_none(), "a deleted account is nobody's customer");
    for repeat in [sent.as_str(), r#"{"ID":"1"}"#] {
        assert_eq!(delete(&mut ledger, repeat, 0, "unchanged"), Some(customer.clone()), "already deleted");
    }
    let foreign = r#"{"ID":"1","ExternalID":"of-the-request"}"#;
    assert_eq!(delete(&mut ledger, foreign, 0, "unchanged").as_deref(), Some("of-the-request"));

    // Its last customer is gone, so the reseller may go; a customer that names it then is refused.
    assert_eq!(delete(&mut ledger, r#"{"ID":"900"}"#, 0, "applied"), Some(reseller.clone()));
    check(&app, &mut ledger, "its reseller is deleted", &Call::synchronize(CUSTOMER), (200, 1004));
    assert_eq!(status(&mut ledger, "1"), Some("deleted"));

    for (body, external_id) in [(RESELLER, reseller), (CUSTOMER, customer)] {
        let revived = check(&app, &mut ledger, "revived", &Call::synchronize(body), (200, 0));
        assert_eq!(revived.result(), external_id, "an ExternalID never changes");
        assert_eq!(ledger.newest().outcome.as_str(), "applied");
    }
    let revived = ledger.account("1").unwrap().account;
    assert_eq!(revived.status.as_str(), "active");
    assert_eq!(revived.reseller.map(|relation| relation.state.as_str()), Some("linked"));
}

#[test]
fn deleting_and_reviving() {
    backends().into_iter().for_each(deletion);
}

/// Every account as it is held, to see that nothing of it changed.
fn held(ledger: &mut Ledger) -> String {
    let accounts = ["900", "1", "2", "3"].map(|id| ledger.account(id).map(|listed| listed.account));
    format!("{accounts:?}")
}

/// The body with `checkonly` in it.
fn checking(body: &str, key: &str, value: &str) -> String {
    format!("{{\"{key}\":{value},{}", &body[1..])
}

fn check_only(backend: Backend) {
    let (app, mut ledger, _) = known(backend);
    let new = r#"{"ID":"3","Role":"User"}"#;
    let before = held(&mut ledger);
    for (endpoint, body) in [
        ("Accounts/Synchronize", new),
        ("Accounts/Synchronize", r#"{"ID":"2","Role":"User","Name":"Changed"}"#),
        ("Accounts/Synchronize", r#"{"ID":"2","Role":"Nobody"}"#),
        ("Accounts/Synchronize", r#"{"ID":"900","Role":"User"}"#),
        ("Accounts/Synchronize", r#"{"ID":"1","Role":"User","ResellerID":"900","SyncOptions":{"MPNID":"x"}}"#),
        ("Accounts/Delete", r#"{"ID":"900"}"#),
        ("Accounts/Delete", r#"{"ID":"2"}"#),
        ("Accounts/Delete", r#"{"ID":"nobody"}"#),
        ("Accounts/Exists", r#"{"ID":"2"}"#),
        ("Accounts/IsReseller", r#"{"ID":"nobody"}"#),
    ] {
        // What the real call would be answered is asked of a receiver of its own that knows the same.
        let (other, _, _) = known(backend);
        let real = Call::post(endpoint, body).send(&other);
        let path = |query: &str| format!("/api/{endpoint}?{query}");
        for (how, call) in [
            ("body", Call::post(endpoint, checking(body, "checkonly", "true"))),
            ("body, mixed case", Call::post(endpoint, checking(body, "CheckOnly", "true"))),
            ("body, text", Call::post(endpoint, checking(body, "CHECKONLY", "\"True\""))),
            ("query", Call::post(endpoint, body).path(&path("checkonly=true"))),
            ("query, mixed case", Call::post(endpoint, body).path(&path("a=1&CheckOnly=TRUE"))),
            ("query, number", Call::post(endpoint, body).path(&path("checkOnly=1"))),
            ("both", Call::post(endpoint, checking(body, "checkonly", "true")).path(&path("checkonly=true"))),
        ] {
            let name = format!("{endpoint} {body}, {how}");
            let reply = check_question(&app, &mut ledger, &name, &call, real.code());
            assert_eq!(text(&reply, "Result"), text(&real, "Result"), "{name}");
            assert!(ledger.newest().check_only, "{name}");
            assert_eq!(held(&mut ledger), before, "{name}: something was written");
        }
    }
    for (how, call) in [
        ("false in the body", Call::synchronize(checking(new, "checkonly", "false"))),
        ("false in the query", Call::synchronize(new).path("/api/Accounts/Synchronize?checkonly=false")),
        ("null", Call::synchronize(checking(new, "checkonly", "null"))),
    ] {
        check(&app, &mut ledger, how, &call, (200, 0));
        assert!(!ledger.newest().check_only, "{how}");
    }
    assert!(ledger.account("3").is_some(), "a call that does not check is carried out");
    let before = held(&mut ledger);
    let renamed = r#"{"ID":"3","Role":"User","Name":"Renamed"}"#;
    for (how, call) in [
        ("neither", Call::synchronize(checking(renamed, "checkonly", "\"maybe\""))),
        (
            "both",
            Call::synchronize(checking(renamed, "checkonly", "true")).path("/api/Accounts/Synchronize?checkonly=false"),
        ),
        ("neither in the query", Call::synchronize(renamed).path("/api/Accounts/Synchronize?checkonly=maybe")),
    ] {
        let reply = check(&app, &mut ledger, how, &call, (200, 1001));
        assert!(reply.message().contains("checkonly"), "{how}: {}", reply.message());
        assert_eq!(held(&mut ledger), before, "{how}: what may have been meant as a check is not carried out");
    }
}

#[test]
fn checkonly_answers_as_the_call_would_and_writes_nothing() {
    backends().into_iter().for_each(check_only);
}

fn limited(backend: Backend) {
    let app = TestApp::with(backend, &config("calls_per_second = 1", ""));
    let mut ledger = Ledger::of(&app);
    // Those who are not let in take nothing from the source's share.
    for _ in 0..20 {
        let stranger = Call::synchronize(DIRECT).without("X-CloudPlatform-APIKey");
        assert_eq!(stranger.send(&app).status, 401);
    }
    check(&app, &mut ledger, "the first", &Call::synchronize(DIRECT), (200, 0));
    let mut refused = None;
    for _ in 0..100 {
        let before = ledger.count();
        let reply = app.synchronize(DIRECT);
        if reply.status != 200 {
            assert_eq!(ledger.count(), before, "a call too many is no delivery");
            refused = Some(reply);
            break;
        }
    }
    let reply = refused.expect("a hundred calls on end are more than one a second");
    assert_eq!((reply.status, reply.code()), (429, 1429), "{}", reply.body);
    let seconds: u32 = reply.header("retry-after").expect("Retry-After").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(reply.json()["Result"], json!(null));
}

#[test]
fn calls_beyond_the_limit_are_told_when_to_come_back() {
    backends().into_iter().for_each(limited);
}
