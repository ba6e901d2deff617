//! Repeats: remembered ids, equal contents, and the same call many times at once.

use std::sync::Barrier;

use serde_json::json;

use super::*;
use crate::harness::client::now;

fn named(name: &str) -> Value {
    json!({"ID": "1", "Role": "User", "Name": name})
}

#[test]
fn a_remembered_id_is_answered_as_before() {
    on_each("", |app| {
        let first = signed("msg_1", &named("A")).send(app);
        let original = last(app);
        done(app, &named("B"));
        let before = account(app, "1");
        let again = signed("msg_1", &named("A")).send(app);
        assert_eq!((again.status, &again.body), (200, &first.body));
        let repeat = last(app);
        assert_eq!((came_to(app), repeat.body_of), (("repeated", 0), original.id));
        assert_eq!(body_of(app, &repeat), None);
        assert_eq!(account(app, "1"), before);
    });
}

#[test]
fn memory_outlives_a_restart() {
    for backend in backends() {
        let app = TestApp::start(backend);
        let first = signed("msg_1", &named("A")).send(&app);
        let app = app.restart();
        assert_eq!(signed("msg_1", &named("A")).send(&app).body, first.body);
        assert_eq!(came_to(&app), ("repeated", 0));
    }
}

#[test]
fn an_id_stands_for_one_endpoint_tenant_and_content() {
    on_each("tenant_setting = \"Organisation\"\nmissing_tenant = \"default\"", |app| {
        assert_eq!(signed("msg_1", &named("A")).send(app).code(), 0);
        let body = named("A").to_string();
        let elsewhere = Call::post("Accounts/Exists", &body).signed(SIGNING, "msg_1", now());
        let tenant = signed("msg_1", &named("A")).header("X-CloudPlatform-Setting-Organisation", "two");
        for call in [signed("msg_1", &named("B")), elsewhere, tenant] {
            let reply = call.send(app);
            assert_eq!((reply.status, reply.code()), (200, 1004), "{}", reply.body);
        }
        assert_eq!(all_named(app, "1").len(), 1);
        assert_eq!(account(app, "1").profile.name, "A");
        assert_eq!(signed("msg_1", &named("A")).send(app).code(), 0);
        assert_eq!(came_to(app), ("repeated", 0));
    });
}

#[test]
fn refused_calls_are_judged_anew() {
    on_each("reseller_change = \"refuse\"", |app| {
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"r"}"#).send(app).code(), 0);
        let customer = json!({"ID": "c", "Role": "User", "ResellerID": "r"});
        assert_eq!(signed("msg_1", &customer).send(app).code(), 1004);
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        assert_eq!(signed("msg_1", &customer).send(app).code(), 0);
        assert_eq!(came_to(app), ("applied", 0));
        assert_eq!(signed("msg_1", &customer).send(app).code(), 0);
        assert_eq!(came_to(app), ("repeated", 0));
    });
}

#[test]
fn checkonly_neither_reads_nor_writes_the_memory() {
    on_each("", |app| {
        let path = "/api/Accounts/Synchronize?checkonly=true";
        let asked = signed("msg_1", &named("A")).path(path).send(app);
        assert_eq!((asked.code(), came_to(app)), (0, ("checked", 0)));
        assert!(all_named(app, "1").is_empty());
        let made = signed("msg_1", &named("A")).send(app);
        assert_eq!((&made.body, came_to(app)), (&asked.body, ("applied", 0)));
        // Neither another content nor the same is met by the memory.
        let asked = signed("msg_1", &named("B")).path(path).send(app);
        assert_eq!((asked.code(), came_to(app)), (0, ("checked", 0)));
        assert_eq!(account(app, "1").profile.name, "A");
        signed("msg_1", &named("A")).send(app);
        assert_eq!(came_to(app), ("repeated", 0));
    });
}

#[test]
fn an_equal_content_without_an_id_advances_the_event_time_only() {
    on_each("", |app| {
        let begin = now() - 5_000;
        let first = replayed("1", begin, &named("A")).send(app);
        let carrier = last(app);
        let before = account(app, "1");
        assert_eq!(app.synchronize(&named("A").to_string()).result(), first.result());
        let unchanged = last(app);
        assert_eq!((came_to(app), unchanged.body_of), (("unchanged", 0), carrier.id));
        assert_eq!(body_of(app, &unchanged), None);
        let after = account(app, "1");
        assert_eq!((after.event.second, after.event.live), (unchanged.event_second, true));
        assert_eq!(tiersync::domain::account::Account { event: before.event, ..after }, before);
    });
}

#[test]
fn identical_calls_at_once_make_one_account_and_one_external_id() {
    const CALLERS: usize = 16;
    on_each("", |app| {
        let at_once = Barrier::new(CALLERS);
        let body = json!({"ID": "c", "Role": "User", "ResellerID": "r"}).to_string();
        let answers: Vec<Reply> = std::thread::scope(|scope| {
            let send = || {
                at_once.wait();
                Call::synchronize(&body).send(app)
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(send)).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        });
        let known = account(app, "c");
        for answer in &answers {
            assert_eq!((answer.code(), answer.result().as_str()), (0, known.external_id.as_str()));
        }
        let applied = ledger(app).iter().filter(|delivery| delivery.outcome.as_str() == "applied").count();
        assert_eq!((ledger(app).len(), applied), (CALLERS, 1));
        assert_eq!((known.revision, history(app, "c").len()), (1, 1));
    });
}
