//! Passwords that ride along are never stored, whether the body is JSON or not.

use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, check};

const SECRET: &str = "hunter2";

fn assert_nowhere(ledger: &mut Ledger, name: &str) {
    let delivery = ledger.newest();
    let body = String::from_utf8_lossy(&ledger.body(&delivery)).into_owned();
    assert!(!body.contains(SECRET), "{name}: {body}");
    assert!(!format!("{delivery:?}").contains(SECRET), "{name}: {delivery:?}");
    if let Some(listed) = delivery.platform_id.as_deref().and_then(|id| ledger.account(id)) {
        assert!(!format!("{listed:?}").contains(SECRET), "{name}: {listed:?}");
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn bodies(backend: Backend) {
    let mask = "[[sync_option]]\nid = \"Pin\"\nname = \"PIN\"\nkind = \"Mask\"\n";
    let app = TestApp::with(backend, &config("", mask));
    let mut ledger = Ledger::of(&app);
    // What is left of each body: none where only the absence of the secret is promised.
    for (name, body, expected, kept) in [
        (
            "a field",
            r#"{"ID":"1","Role":"User","RandomPassword":"hunter2"}"#,
            (200, 0),
            Some(r#"{"ID":"1","Role":"User","RandomPassword":"[redacted]"}"#),
        ),
        (
            "spaces stay",
            r#"{ "ID": "1", "Role": "User",  "RandomPassword" : "hunter2" }"#,
            (200, 0),
            Some(r#"{ "ID": "1", "Role": "User",  "RandomPassword" : "[redacted]" }"#),
        ),
        ("escaped", r#"{"ID":"1","Role":"User","Random\u0050assword":"hunter2"}"#, (200, 0), None),
        ("an object", r#"{"ID":"1","Role":"User","Secrets":{"a":["hunter2"]}}"#, (200, 0), None),
        ("deep", r#"{"ID":"1","Role":"User","X":[{"y":{"api_key":"hunter2"}}]}"#, (200, 0), None),
        ("extra details", r#"{"ID":"1","Role":"User","ExtraDetails":{"Token":"hunter2"}}"#, (200, 0), None),
        ("an option", r#"{"ID":"1","Role":"User","SyncOptions":{"AdminPassword":"hunter2"}}"#, (200, 0), None),
        ("a masked option", r#"{"ID":"1","Role":"User","SyncOptions":{"Pin":"hunter2"}}"#, (200, 0), None),
        ("refused for its role", r#"{"ID":"1","Role":"X","RandomPassword":"hunter2"}"#, (200, 1002), None),
        ("refused for its ID", r#"{"ID":"","RandomPassword":"hunter2"}"#, (200, 1001), None),
        ("in a list", r#"[{"RandomPassword":"hunter2"}]"#, (200, 1001), None),
        ("a key twice", r#"{"ID":"1","RandomPassword":"hunter2","RandomPassword":"hunter2"}"#, (200, 1001), None),
        (
            "broken off",
            r#"{"ID":"1","RandomPassword":"hunter2","#,
            (400, 1001),
            Some(r#"{"ID":"1","RandomPassword":"[redacted]","#),
        ),
        ("broken off in the secret", r#"{"ID":"1","RandomPassword":"hunter2"#, (400, 1001), None),
        ("a comma too many", r#"{"ID":"1","RandomPassword":"hunter2",}"#, (400, 1001), None),
        ("single quotes", "{'ID':'1','RandomPassword':'hunter2'}", (400, 1001), None),
        ("a form", "ID=1&RandomPassword=hunter2&Role=User", (400, 1001), None),
        ("XML", "<a><RandomPassword>hunter2</RandomPassword></a>", (400, 1001), None),
    ] {
        check(&app, &mut ledger, name, &Call::synchronize(body), expected);
        assert_nowhere(&mut ledger, name);
        if let Some(kept) = kept {
            let delivery = ledger.newest();
            assert_eq!(String::from_utf8_lossy(&ledger.body(&delivery)), kept, "{name}");
        }
    }
    let good = r#"{"ID":"1","Role":"User","RandomPassword":"hunter2"}"#;
    let mut invalid = br#"{"ID":"1","RandomPassword":"hunter2","X":""#.to_vec();
    invalid.extend_from_slice(b"\xff\"}");
    for (name, call) in [
        ("UTF-16", Call::synchronize(utf16(good))),
        ("invalid UTF-8", Call::synchronize(invalid)),
        ("said to be compressed", Call::synchronize(good).header("Content-Encoding", "gzip")),
    ] {
        check(&app, &mut ledger, name, &call, (400, 1001));
        assert_nowhere(&mut ledger, name);
    }
}

#[test]
fn passwords_are_not_stored() {
    backends().into_iter().for_each(bodies);
}

fn settings(backend: Backend) {
    let fields = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\nrequired = true\n\
                  [[field]]\nid = \"Pin\"\nname = \"PIN\"\nkind = \"PasswordText\"\n";
    let app = TestApp::with(backend, &config("", fields));
    let mut ledger = Ledger::of(&app);
    for (name, body, expected) in [
        ("the library's shape", r#"{"Fields":[{"ID":"Organisation","Values":["hunter2"]}]}"#, 200),
        ("an unknown field", r#"{"Fields":[{"ID":"Nobody","Values":["hunter2"]}]}"#, 200),
        ("a plain map", r#"{"Organisation":"hunter2","Pin":"hunter2"}"#, 200),
        ("several values", r#"{"Fields":[{"ID":"Pin","Values":["hunter2","x"]}]}"#, 200),
        ("an unreadable value", r#"{"Fields":[{"ID":"Pin","Values":[{"a":"hunter2"}]}]}"#, 200),
        ("no ID", r#"{"Fields":[{"Values":["hunter2"]}]}"#, 200),
        ("a member beside the list", r#"{"Fields":[],"Pin":"hunter2"}"#, 200),
        ("a member beside the value", r#"{"Fields":[{"ID":"Pin","Values":["x"],"Text":"hunter2"}]}"#, 200),
    ] {
        let reply = Call::post("Fields/Validate", body).send(&app);
        assert_eq!(reply.status, expected, "{name}: {}", reply.body);
        assert_nowhere(&mut ledger, name);
    }
    let in_headers = Call::post("Fields/Validate", "{}")
        .header("X-CloudPlatform-Setting-Organisation", SECRET)
        .header("X-CloudPlatform-Setting-Pin", SECRET)
        .header("X-CloudPlatform-Token", SECRET);
    assert_eq!(in_headers.send(&app).json(), serde_json::json!([]));
    assert_nowhere(&mut ledger, "headers");
}

#[test]
fn settings_are_not_stored() {
    backends().into_iter().for_each(settings);
}
