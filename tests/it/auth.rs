//! Who is let in with an application and its key, and what those who are not get to know.

use std::collections::BTreeMap;

use crate::harness::app::{API_KEY, APPLICATION_ID, MPNID, OTHER_KEY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, check, exchange};

pub const ID: &str = "X-CloudPlatform-ApplicationId";
pub const KEY: &str = "X-CloudPlatform-APIKey";
pub const GOOD: &str = r#"{"ID":"1","Role":"User"}"#;

const OTHER_APPLICATION: &str = "0F6D3B0B-52D5-4F0A-9A0E-1C6F3B7A9D11";
const KEY_OF_THE_OTHER: &str = "key-of-the-other-source-0123456789";

const SIGNING_OF_THE_OTHER: &str = "whsec_b3RoZXItc291cmNlLXNlY3JldC0wMTIz";

/// A configuration with two sources, `eu` and `us`.
fn two_sources() -> String {
    let us = format!(
        "[[source]]\nid = \"us\"\napplication_id = \"{OTHER_APPLICATION}\"\napi_keys = [\"{KEY_OF_THE_OTHER}\"]\n\
         signing_secrets = [\"{SIGNING_OF_THE_OTHER}\"]\n"
    );
    config("", &format!("{us}{MPNID}"))
}

/// How often calls were refused, by reason.
fn refusals(app: &TestApp) -> BTreeMap<String, u64> {
    let metrics = app.get("/metrics").body;
    let counts = metrics.lines().filter_map(|line| {
        let (reason, count) =
            line.strip_prefix("tiersync_authentication_failures_total{reason=\"")?.split_once("\"} ")?;
        Some((reason.to_owned(), count.parse().unwrap()))
    });
    counts.collect()
}

/// Everything of an answer that a caller can tell it from another by.
fn visible(reply: &Reply) -> (u16, Vec<(String, String)>, String) {
    let headers = reply.headers.iter().filter(|(name, _)| name != "date").cloned();
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (reply.status, headers, reply.body.clone())
}

/// Asserts that a call is refused for this reason, which metrics alone tell, and that nothing of it is kept.
pub fn denied(app: &TestApp, ledger: &mut Ledger, name: &str, call: &Call, reason: &str) {
    let plain = Call::synchronize(GOOD).without(ID).without(KEY).send(app);
    assert_eq!((plain.status, plain.code()), (401, 1401));
    let (before, rows) = (refusals(app), ledger.count());
    let reply = exchange(app, name, call);
    assert_eq!(visible(&reply), visible(&plain), "{name}: the answer tells the reason");
    let mut expected = before;
    *expected.entry(reason.to_owned()).or_default() += 1;
    assert_eq!(refusals(app), expected, "{name}: {reason}");
    assert_eq!(ledger.count(), rows, "{name}: a call that was not let in is no delivery");
}

fn keys(backend: Backend) {
    let app = TestApp::with(backend, &two_sources());
    let mut ledger = Ledger::of(&app);
    let call = |id: &str, key: &str| Call::synchronize(GOOD).without(ID).without(KEY).header(ID, id).header(KEY, key);
    for (name, id, key, source) in [
        ("the first key", APPLICATION_ID, API_KEY, "eu"),
        ("the second key", APPLICATION_ID, OTHER_KEY, "eu"),
        ("the application in small letters", &APPLICATION_ID.to_ascii_lowercase(), API_KEY, "eu"),
        ("the other source", OTHER_APPLICATION, KEY_OF_THE_OTHER, "us"),
    ] {
        check(&app, &mut ledger, name, &call(id, key), (200, 0));
        assert_eq!(ledger.newest().source, source, "{name}");
    }
    for (name, call, reason) in [
        ("wrong", call(APPLICATION_ID, "wrong-key-of-the-tests-0123456789"), "key_wrong"),
        ("in capitals", call(APPLICATION_ID, &API_KEY.to_ascii_uppercase()), "key_wrong"),
        ("the beginning", call(APPLICATION_ID, &API_KEY[..API_KEY.len() - 1]), "key_wrong"),
        ("more than the key", call(APPLICATION_ID, &format!("{API_KEY}x")), "key_wrong"),
        ("both keys", call(APPLICATION_ID, &format!("{API_KEY},{OTHER_KEY}")), "key_wrong"),
        ("the key of another source", call(APPLICATION_ID, KEY_OF_THE_OTHER), "key_wrong"),
        ("a signing secret", call(APPLICATION_ID, SIGNING), "key_wrong"),
        ("no key", Call::synchronize(GOOD).without(KEY), "key_missing"),
        ("an empty key", call(APPLICATION_ID, ""), "key_missing"),
        ("an unknown application", call("nobody", API_KEY), "unknown_application"),
        ("no application", Call::synchronize(GOOD).without(ID), "no_application"),
        ("an empty application", call("", API_KEY), "no_application"),
        ("nothing", Call::synchronize(GOOD).without(ID).without(KEY), "no_application"),
        ("two keys", call(APPLICATION_ID, API_KEY).header(KEY, API_KEY), "unreadable_header"),
        ("two applications", call(APPLICATION_ID, API_KEY).header(ID, APPLICATION_ID), "unreadable_header"),
        ("an application that is no text", call("Ελλάς", API_KEY), "unreadable_header"),
    ] {
        denied(&app, &mut ledger, name, &call, reason);
    }
}

#[test]
fn application_and_key() {
    backends().into_iter().for_each(keys);
}

fn sources(backend: Backend) {
    let app = TestApp::with(backend, &two_sources());
    let mut ledger = Ledger::of(&app);
    let (eu, us) = ("/s/eu/api/Accounts/Synchronize", "/s/us/api/Accounts/Synchronize");
    let keyed = |path: &str| Call::synchronize(GOOD).path(path);
    let key_alone = |path: &str, key: &str| keyed(path).without(ID).without(KEY).header(KEY, key);
    for (name, call, source) in [
        ("path and application agree", keyed(eu), "eu"),
        ("the path alone", key_alone(eu, API_KEY), "eu"),
        ("the other path alone", key_alone(us, KEY_OF_THE_OTHER), "us"),
    ] {
        check(&app, &mut ledger, name, &call, (200, 0));
        assert_eq!(ledger.newest().source, source, "{name}");
    }
    for (name, call, reason) in [
        ("path and application differ", keyed(us), "source_mismatch"),
        ("they differ, with the path's key", keyed(us).without(KEY).header(KEY, KEY_OF_THE_OTHER), "source_mismatch"),
        ("they differ, signed", keyed(us).signed(SIGNING, "m1", now()), "source_mismatch"),
        ("the key of the other source", key_alone(us, API_KEY), "key_wrong"),
        ("an unknown source", keyed("/s/asia/api/Accounts/Synchronize"), "unknown_application"),
        ("a source in another case", keyed("/s/EU/api/Accounts/Synchronize"), "unknown_application"),
        ("signed by another source", key_alone(us, "").signed(SIGNING, "m2", now()), "signature_wrong"),
        ("signed by another source, keyed", keyed(eu).signed(SIGNING_OF_THE_OTHER, "m3", now()), "signature_wrong"),
    ] {
        denied(&app, &mut ledger, name, &call, reason);
    }
}

#[test]
fn path_and_application_name_one_source() {
    backends().into_iter().for_each(sources);
}

fn every_endpoint(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for target in tiersync::http::platform::path::Target::ALL {
        let call = |key: &str| {
            let path = format!("/api/{}", target.name());
            Call::new(target.method(), &path).header(ID, APPLICATION_ID).header(KEY, key).body(b"{}")
        };
        denied(&app, &mut ledger, target.name(), &call("wrong-key-of-the-tests-0123456789"), "key_wrong");
        let reply = exchange(&app, target.name(), &call(API_KEY));
        assert_eq!(reply.status, 200, "{}: {}", target.name(), reply.body);
    }
    // What is wrong with a body is told to those alone who are let in.
    for (name, body) in [("no JSON", &b"{"[..]), ("no UTF-8", b"\xff"), ("empty", b"")] {
        let call = Call::synchronize(body).without(KEY);
        denied(&app, &mut ledger, name, &call, "key_missing");
    }
}

#[test]
fn no_endpoint_answers_without_credentials() {
    backends().into_iter().for_each(every_endpoint);
}
