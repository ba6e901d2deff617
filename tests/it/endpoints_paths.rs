//! Prefixes, case, methods, and what no prefix reaches.

use tiersync::http::RESERVED;
use tiersync::http::platform::path::Target;

use crate::harness::{Backend, Call, TestApp, backends};
use crate::inputs_ledger::{Ledger, assert_alive, check};

const GOOD: &str = r#"{"ID":"1","Role":"User"}"#;

fn prefixes(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for path in [
        "/api/Accounts/Synchronize",
        "/Accounts/Synchronize",
        "/API/Accounts/Synchronize",
        "/api/accounts/synchronize",
        "/api/ACCOUNTS/SYNCHRONIZE",
        "/AcronisCyber/api/accounts/synchronize",
        "/a/b/c/d/e/Accounts/Synchronize",
        "/s/eu/api/Accounts/Synchronize",
        "/s/eu/Accounts/Synchronize",
        "/S/eu/api/accounts/synchronize",
        "/s/Accounts/Synchronize",
        "/v1x/Accounts/Synchronize",
        "/api/v1/Accounts/Synchronize",
        "/Accounts/Delete/Accounts/Synchronize",
    ] {
        check(&app, &mut ledger, path, &Call::synchronize(GOOD).path(path), (200, 0));
        let delivery = ledger.newest();
        assert_eq!((delivery.path.as_str(), delivery.source.as_str()), (path, "eu"));
        assert_eq!(delivery.endpoint.as_str(), "Accounts/Synchronize", "{path}");
    }
}

#[test]
fn any_prefix_in_any_case() {
    backends().into_iter().for_each(prefixes);
}

fn methods(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for target in Target::ALL {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            if method == target.method() {
                continue;
            }
            let name = format!("{method} {}", target.name());
            let call = Call::new(method, &format!("/api/{}", target.name())).key().body("{}");
            let reply = check(&app, &mut ledger, &name, &call, (405, 1405));
            assert_eq!(reply.header("allow"), Some(target.method()), "{name}");
        }
    }
    for path in ["/", "/api", "/api/", "/api/Accounts", "/api/Accounts/Unknown", "/favicon.ico", "/api/Discovery/x"] {
        for method in ["GET", "POST", "DELETE"] {
            let name = format!("{method} {path}");
            let reply = check(&app, &mut ledger, &name, &Call::new(method, path).key().body(GOOD), (404, 1404));
            assert_eq!(reply.header("content-type"), Some("application/json"), "{name}");
            assert_eq!(reply.json()["Result"], serde_json::Value::Null, "{name}");
        }
    }
    assert_alive(&app);
}

#[test]
fn wrong_methods_and_unknown_paths_have_the_answer_shape() {
    backends().into_iter().for_each(methods);
}

fn reserved(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for name in ["v1", "console", "cortexapi", "healthz", "readyz", "metrics", "openapi.json"] {
        assert!(RESERVED.contains(&name), "{name}");
    }
    for first in RESERVED {
        let capitals = first.to_ascii_uppercase();
        let escaped = format!("%{:02x}{}", first.as_bytes()[0], &first[1..]);
        for prefix in [format!("/{first}"), format!("/{capitals}"), format!("//{first}"), format!("/{escaped}/api")] {
            for target in Target::ALL {
                let path = format!("{prefix}/{}", target.name());
                let reply = Call::new(target.method(), &path).key().body(GOOD).send(&app);
                assert_eq!(reply.status, 404, "{path}: {}", reply.body);
            }
        }
    }
    assert_eq!(ledger.count(), 0, "nothing under a reserved prefix is a delivery");
    assert_alive(&app);
}

#[test]
fn no_prefix_reaches_what_is_reserved() {
    backends().into_iter().for_each(reserved);
}
