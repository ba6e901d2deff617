//! What machines read: counters and gauges, and the description of the API.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tiersync::auth::secret::{ApiKey, SigningSecret};
use tiersync::http::platform::path::Target;

use crate::harness::app::{API_KEY, OTHER_KEY, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends};

/// The value of a metric with exactly these labels, in any order; none where it was never counted.
pub fn metric(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let wanted: BTreeSet<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
    text.lines().find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (have, labels) = match series.split_once('{') {
            Some((have, labels)) => (have, labels.trim_end_matches('}')),
            None => (series, ""),
        };
        let labels: BTreeSet<String> = labels.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        (have == name && labels == wanted).then(|| value.parse().unwrap())
    })
}

fn counters(backend: Backend) {
    let app = TestApp::start(backend);
    let began = now();
    for body in [r#"{"ID":"900","Role":"Reseller"}"#, r#"{"ID":"1","Role":"User","ResellerID":"901"}"#] {
        assert_eq!(app.synchronize(body).code(), 0);
        assert_eq!(app.synchronize(body).code(), 0);
    }
    app.synchronize("{");
    app.synchronize(r#"{"ID":"2","Role":"Nobody"}"#);
    Call::post("Accounts/Exists", r#"{"ID":"1"}"#).send(&app);
    Call::post("accounts/delete", r#"{"ID":"nobody"}"#).send(&app);
    Call::post("Fields/Validate", "{}").send(&app);
    Call::synchronize(r#"{"ID":"3","Role":"User"}"#).signed(SIGNING, "m1", now()).send(&app);
    Call::synchronize(r#"{"ID":"3","Role":"User"}"#).signed(REPLAY, "m2", now() - 5000).send(&app);
    Call::synchronize("{}").without("X-CloudPlatform-APIKey").send(&app);
    app.get("/api/nowhere");
    app.get("/api/Accounts/Synchronize");

    let reply = app.get("/metrics");
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")), "{:?}", reply.headers);
    let text = reply.body;
    for (endpoint, outcome, code, count) in [
        ("Accounts/Synchronize", "applied", "0", 3.0),
        ("Accounts/Synchronize", "unchanged", "0", 2.0),
        ("Accounts/Synchronize", "stale", "0", 1.0),
        ("Accounts/Synchronize", "rejected", "1001", 1.0),
        ("Accounts/Synchronize", "rejected", "1002", 1.0),
        ("Accounts/Exists", "checked", "1", 1.0),
        ("Accounts/Delete", "rejected", "1005", 1.0),
        ("Fields/Validate", "checked", "0", 1.0),
    ] {
        let labels = [("source", "eu"), ("endpoint", endpoint), ("outcome", outcome), ("code", code)];
        assert_eq!(metric(&text, "tiersync_calls_total", &labels), Some(count), "{labels:?}\n{text}");
    }
    for (name, label, value) in [
        ("tiersync_failures_total", "code", "1401"),
        ("tiersync_failures_total", "code", "1404"),
        ("tiersync_failures_total", "code", "1405"),
        ("tiersync_authentication_failures_total", "reason", "key_missing"),
    ] {
        assert_eq!(metric(&text, name, &[(label, value)]), Some(1.0), "{name} {value}");
    }
    let key = |key: &str| ApiKey::parse(&SecretString::from(key.to_owned())).unwrap().fingerprint().as_str().to_owned();
    let secret = |text: &str| {
        SigningSecret::parse(&SecretString::from(text.to_owned())).unwrap().fingerprint().as_str().to_owned()
    };
    for (kind, print, used) in [
        ("api_key", key(API_KEY), true),
        ("api_key", key(OTHER_KEY), false),
        ("signing_secret", secret(SIGNING), true),
        ("replay_secret", secret(REPLAY), true),
    ] {
        let labels = [("source", "eu"), ("kind", kind), ("fingerprint", &print)];
        let last = metric(&text, "tiersync_credential_last_used_seconds", &labels);
        assert_eq!(last.is_some(), used, "{kind}");
        assert!(last.is_none_or(|last| (began as f64..=now() as f64).contains(&last)), "{kind}: {last:?}");
    }
    for hidden in [API_KEY, OTHER_KEY, SIGNING.trim_start_matches("whsec_"), REPLAY.trim_start_matches("whsec_")] {
        assert!(!text.contains(hidden), "a secret shows in /metrics");
    }
    let calls = metric(&text, "tiersync_call_seconds_count", &[("endpoint", "Accounts/Synchronize")]);
    assert_eq!(calls, Some(8.0), "{text}");
    assert_eq!(metric(&text, "tiersync_queue_depth", &[]), Some(0.0));
    assert!(metric(&text, "tiersync_queue_capacity", &[]).is_some_and(|capacity| capacity > 0.0));
    for histogram in ["tiersync_batch_calls_count", "tiersync_batch_seconds_count", "tiersync_commit_seconds_count"] {
        assert!(metric(&text, histogram, &[]).is_some_and(|count| count >= 1.0), "{histogram}\n{text}");
    }
}

#[test]
fn calls_failures_and_credentials_are_counted() {
    backends().into_iter().for_each(counters);
}

fn accounts(backend: Backend) {
    let app = TestApp::start(backend);
    for body in [
        r#"{"ID":"900","Role":"Reseller"}"#,
        r#"{"ID":"1","Role":"User","ResellerID":"900"}"#,
        r#"{"ID":"2","Role":"User","ResellerID":"901"}"#,
        r#"{"ID":"3","Role":"User","ResellerID":"902"}"#,
        r#"{"ID":"4","Role":"User"}"#,
    ] {
        assert_eq!(app.synchronize(body).code(), 0);
    }
    Call::post("Accounts/Delete", r#"{"ID":"4"}"#).send(&app);
    // Accounts are counted when a receiver starts and now and then; a second one counts what the first has made.
    let second = app.second();
    let deadline = Instant::now() + Duration::from_secs(30);
    let text = loop {
        let text = second.get("/metrics").body;
        if metric(&text, "tiersync_relations_pending", &[]).is_some() {
            break text;
        }
        assert!(Instant::now() < deadline, "accounts are not counted\n{text}");
    };
    assert_eq!(metric(&text, "tiersync_relations_pending", &[]), Some(2.0));
    for (kind, count) in [("reseller", 1.0), ("reseller_customer", 3.0), ("direct_customer", 0.0)] {
        assert_eq!(metric(&text, "tiersync_accounts", &[("kind", kind)]), Some(count), "{kind}");
    }
}

#[test]
fn accounts_are_counted_by_kind() {
    backends().into_iter().for_each(accounts);
}

fn openapi(backend: Backend) {
    let app = TestApp::start(backend);
    let reply = app.get("/openapi.json");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let description = reply.json();
    assert!(description["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{description}");
    let paths = description["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone())))
        .collect();
    let platform = Target::ALL.map(|target| (target.method().to_ascii_lowercase(), format!("/api/{}", target.name())));
    let under_api = described.iter().filter(|(_, path)| path.starts_with("/api/")).cloned().collect::<BTreeSet<_>>();
    assert_eq!(under_api, BTreeSet::from(platform), "the platforms' endpoints, all of them and no others");
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert!(described.contains(&("get".to_owned(), path.to_owned())), "{path}");
    }
    for (method, path) in &described {
        let status = Call::new(&method.to_ascii_uppercase(), path).key().body("{}").send(&app).status;
        assert!(!matches!(status, 404 | 405), "{method} {path} is described but answers {status}");
    }
    // A reference that leads nowhere breaks every generator of clients.
    let references: Vec<&str> = reply.body.split("\"$ref\":\"#").skip(1).collect();
    assert!(!references.is_empty(), "{}", reply.body);
    for reference in references {
        let pointer = reference.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn every_endpoint_is_described() {
    backends().into_iter().for_each(openapi);
}
