//! What `tiersync replay` reads, how it is asked wrongly, and what it chooses to send.

use serde_json::{Value, json};

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::harness::{Backend, TestApp};
use crate::replay::{count, replay};
use crate::replay_world::{known, toml};

fn place() -> (Place, TestApp) {
    let place = Place::with(Backend::Sqlite, &toml());
    let app = receiver(&place, &toml());
    (place, app)
}

/// What a receiver knows of its accounts, as its own commands show it.
fn accounts(place: &Place) -> Vec<Value> {
    crate::commands::items(&place.fine(&["accounts", "list", "--format", "json"]))
}

fn entry(at: &str, url: &str, headers: &Value, body: &str) -> Value {
    json!({
        "startedDateTime": at, "time": 12.5,
        "request": {
            "method": "POST", "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": headers,
            "queryString": [], "headersSize": -1, "bodySize": body.len(),
            "postData": {"mimeType": "application/json", "text": body},
        },
        "response": {"status": 200, "content": {"size": 1, "mimeType": "application/json", "text": "{\"Code\":0}"}},
        "cache": {}, "timings": {"send": 0, "wait": 0, "receive": 0},
    })
}

#[test]
fn an_http_archive_is_replayed_at_its_times() {
    let (place, app) = place();
    let org = json!([{"name": "X-CloudPlatform-Setting-Org", "value": "north"}]);
    let get = json!({
        "startedDateTime": "2026-03-01T09:00:00Z",
        "request": {"method": "GET", "url": "https://vendor.example/api/Discovery", "headers": []},
    });
    let archive = json!({"log": {"version": "1.2", "creator": {"name": "proxy", "version": "1"}, "entries": [
        entry("2026-03-01T10:00:01.250+00:00", "https://vendor.example/x/api/accounts/synchronize", &org,
              r#"{"ID":"c","Role":"User","ResellerID":"r"}"#),
        entry("2026-03-01T10:00:00Z", "https://vendor.example/x/api/Accounts/Synchronize", &org,
              r#"{"ID":"r","Role":"Reseller"}"#),
        get,
    ]}});
    // By its name, pretty or not, and by what it holds.
    for (name, text) in
        [("a.har", format!("{archive:#}")), ("b.har", archive.to_string()), ("c.json", format!("{archive:#}"))]
    {
        std::fs::write(place.path(name), text).unwrap();
        let (ran, report) = replay(&place, &app, &[name]);
        assert_eq!((ran.code, &report["answered"], &report["other_requests"]), (0, &json!(2), &json!(1)), "{ran:?}");
    }
    let found = accounts(&place);
    let event =
        |id: &str| found.iter().find(|account| account["platform_id"] == id).map(|account| &account["last_event"]);
    assert_eq!(event("r"), Some(&Value::from("2026-03-01T10:00:00Z")));
    assert_eq!(event("c"), Some(&Value::from("2026-03-01T10:00:01Z")));
    assert!(found.iter().all(|account| account["tenant"] == "north"));
}

#[test]
fn bodies_alone_need_a_time() {
    let (place, app) = place();
    std::fs::create_dir(place.path("bodies")).unwrap();
    std::fs::write(place.path("bodies/2.json"), r#"{"ID":"1","Role":"User","Name":"second"}"#).unwrap();
    std::fs::write(place.path("bodies/1.json"), r#"{"ID":"1","Role":"User","Name":"first"}"#).unwrap();
    std::fs::write(place.path("bodies/readme.txt"), "no body").unwrap();
    std::fs::write(place.path("bodies.jsonl"), "{\"ID\":2,\"Role\":\"User\"}\n\n{\"ID\":3,\"Role\":\"User\"}\n")
        .unwrap();
    for captured in ["bodies", "bodies.jsonl"] {
        let (ran, _) = replay(&place, &app, &[captured]);
        ran.failed(2, "give --at TIME, or send them as new with --fresh");
    }
    let at = ["--at", "2026-02-03T04:05:06Z", "--tenant", "south"];
    let (ran, report) = replay(&place, &app, &[&["bodies", "bodies.jsonl"], &at[..]].concat());
    assert_eq!((ran.code, &report["answered"]), (0, &json!(4)), "{ran:?}");
    let found = accounts(&place);
    assert_eq!(found.len(), 3);
    assert!(
        found.iter().all(|account| account["last_event"] == "2026-02-03T04:05:06Z" && account["tenant"] == "south")
    );
    let first = found.iter().find(|account| account["platform_id"] == "1").unwrap();
    assert_eq!(first["name"], "second", "by name");
    let before = known(&mut app.database());
    let (ran, report) = replay(&place, &app, &[&["bodies", "bodies.jsonl"], &at[..]].concat());
    assert_eq!((ran.code, count(&report, "repeated")), (0, 4), "{ran:?}");
    assert_eq!(before, known(&mut app.database()));
    // Another endpoint.
    let at = ["--at", "2026-02-03T04:05:07Z", "--tenant", "south", "--endpoint", "accounts/delete"];
    assert_eq!(replay(&place, &app, &[&["bodies.jsonl"], &at[..]].concat()).0.code, 0);
    let deleted = accounts(&place).iter().filter(|account| account["status"] == "deleted").count();
    assert_eq!(deleted, 2);
}

#[test]
fn fresh_calls_must_be_allowed_to_overwrite() {
    let (place, app) = place();
    std::fs::write(
        place.path("bodies.jsonl"),
        "{\"ID\":2,\"Role\":\"User\"}\n{\"ID\":2,\"Role\":\"User\"}\n{\"ID\":3,\"Role\":\"User\"}\n",
    )
    .unwrap();
    let (ran, _) = replay(&place, &app, &["bodies.jsonl", "--fresh"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.starts_with("3 calls about 2 accounts go as new calls of now"), "{ran:?}");
    assert!(ran.err.contains("--fresh needs --overwrite-newer"), "{ran:?}");
    assert_eq!(accounts(&place).len(), 0);
    let (ran, _) = replay(&place, &app, &["bodies.jsonl", "--fresh", "--dry-run"]);
    assert_eq!((ran.code, accounts(&place).len()), (0, 0), "{ran:?}");
    let (ran, report) = replay(&place, &app, &["bodies.jsonl", "--fresh", "--overwrite-newer"]);
    assert_eq!((ran.code, count(&report, "applied"), count(&report, "unchanged")), (0, 2, 1), "{ran:?}");
    assert_eq!(accounts(&place).len(), 2);
    // New ids each time: they are judged as calls of now.
    let (ran, report) = replay(&place, &app, &["bodies.jsonl", "--fresh", "--overwrite-newer"]);
    assert_eq!((ran.code, count(&report, "unchanged")), (0, 3), "{ran:?}");
}

fn line(id: &str, more: &str) -> String {
    format!(
        r#"{{"endpoint":"Accounts/Synchronize","event_time":"2026-03-01T10:00:00Z","body":"{{\"ID\":\"{id}\",\"Role\":\"User\"}}"{more}}}"#
    )
}

#[test]
fn only_some_calls_are_sent() {
    let (place, app) = place();
    let reseller = line("r", "").replace("User", "Reseller");
    let lines = [
        line("1", r#","tenant":"north","outcome":"applied","code":0"#),
        line("2", r#","tenant":"south","outcome":"rejected","code":1004"#),
        reseller,
        line("4", "").replace("Synchronize", "Exists"),
        line("5", r#","body_sha256":null"#).replace(r#""{\"ID\":\"5\",\"Role\":\"User\"}""#, "null"),
    ];
    std::fs::write(place.path("calls.jsonl"), lines.join("\n")).unwrap();
    for (only, answered) in [
        (&["account=1"][..], 1),
        (&["tenant=south"], 1),
        (&["outcome=applied"], 1),
        (&["kind=reseller"], 1),
        (&["kind=direct_customer"], 3),
        (&["kind=direct_customer", "endpoint=Accounts/Exists"], 1),
        (&["code=0", "tenant=south"], 0),
    ] {
        let arguments: Vec<&str> = only.iter().flat_map(|only| ["--only", only]).collect();
        let (ran, report) = replay(&place, &app, &[&["calls.jsonl", "--dry-run"], &arguments[..]].concat());
        assert_eq!((ran.code, &report["answered"]), (0, &json!(answered)), "{only:?}: {ran:?}");
    }
    let (ran, report) = replay(&place, &app, &["calls.jsonl"]);
    assert_eq!((ran.code, &report["answered"], &report["without_body"]), (0, &json!(4), &json!(1)), "{ran:?}");
    assert_eq!((&report["only_asked"], accounts(&place).len()), (&json!(1), 2), "what was refused only asks");
    assert_eq!(
        (&report["differ"], &report["differing"][0]["account"]),
        (&json!(1), &json!("2")),
        "it would be taken now"
    );
    assert_eq!(replay(&place, &app, &["calls.jsonl", "--only", "outcome=rejected"]).0.code, 0);
    assert_eq!(accounts(&place).len(), 3, "asked for, it is sent for good");
}

#[test]
fn what_is_asked_wrongly_is_said() {
    let (place, app) = place();
    std::fs::write(place.path("calls.jsonl"), line("1", "")).unwrap();
    std::fs::write(place.path("tenant.jsonl"), line("1", r#","tenant":"north""#)).unwrap();
    std::fs::write(place.path("two.jsonl"), [line("1", r#","source":"a""#), line("1", r#","source":"b""#)].join("\n"))
        .unwrap();
    std::fs::write(place.path("timeless.jsonl"), r#"{"endpoint":"Accounts/Delete","body":"{}"}"#).unwrap();
    std::fs::write(place.path("edited.jsonl"), line("1", r#","body_sha256":"00""#)).unwrap();
    std::fs::write(place.path("broken.jsonl"), format!("{}\nno json\n", line("1", ""))).unwrap();
    std::fs::write(place.path("nothing"), "what is this?").unwrap();
    for (arguments, code, part) in [
        (&["no-such-file"][..], 3, "cannot read no-such-file"),
        (&["nothing"], 2, "neither JSON lines nor a HAR 1.2 archive"),
        (&["timeless.jsonl"], 2, "has no time"),
        (&["edited.jsonl"], 1, "edited.jsonl line 1: its body is not the one of body_sha256"),
        (&["broken.jsonl"], 1, "broken.jsonl line 2: it is no captured call"),
        (&["two.jsonl"], 2, "--only source=a"),
        (
            &["calls.jsonl", "--application-id", "env:NO_SUCH_VARIABLE"],
            2,
            "the environment has no variable NO_SUCH_VARIABLE",
        ),
        (&["calls.jsonl", "--secret", "no-secret"], 2, "--secret: a signing secret is written whsec_"),
        (&["calls.jsonl", "--api-key", "wrong-key-0123456789abcdef"], 1, "does not let these calls in (401)"),
    ] {
        replay(&place, &app, arguments).0.failed(code, part);
    }
    let to = format!("http://{}/api", app.address);
    place.run(&["replay", "calls.jsonl", "--to", &to, "--source", "us"]).failed(2, "no [[source]] with the id \"us\"");
    place.run(&["replay", "calls.jsonl", "--to", "ftp://x", "--source", "eu"]).failed(2, "is no URL such as");
    let gone = TestApp::start(Backend::Sqlite).address;
    let to_nobody = format!("http://{gone}/api");
    place
        .run(&["replay", "calls.jsonl", "--to", &to_nobody, "--source", "eu"])
        .failed(3, "cannot reach 127.0.0.1 port");
    for (arguments, part) in [
        (&["calls.jsonl", "--only", "colour=red"][..], "account=ID"),
        (&["calls.jsonl", "--overwrite-newer"], "--fresh"),
        (&["calls.jsonl", "--fresh", "--at", "2026-01-01"], "--at"),
        (&[], "<CAPTURE>"),
    ] {
        let ran = replay(&place, &app, arguments).0;
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert!(ran.err.contains(part), "{part:?}: {ran:?}");
    }
    // A source without tenants must be told how the receiver tells them apart.
    let (bare, app) = (Place::with(Backend::Sqlite, &crate::harness::config("", "")), app);
    std::fs::copy(place.path("tenant.jsonl"), bare.path("tenant.jsonl")).unwrap();
    replay(&bare, &app, &["tenant.jsonl"]).0.failed(2, "--tenant-setting NAME");
    assert_eq!(replay(&bare, &app, &["tenant.jsonl", "--tenant-setting", "Org"]).0.code, 0);
    assert!(accounts(&place).iter().any(|account| account["tenant"] == "north"));
}

#[test]
fn credentials_may_come_from_flags_alone() {
    use crate::harness::app::{API_KEY, APPLICATION_ID, REPLAY};
    let (place, app) = place();
    std::fs::write(place.path("calls.jsonl"), line("1", "")).unwrap();
    std::fs::write(place.path("key"), API_KEY).unwrap();
    let to = format!("http://{}/any/prefix/", app.address);
    let empty = Place::empty(Backend::Sqlite);
    let capture = place.path("calls.jsonl").display().to_string();
    let key = format!("file:{}", place.path("key").display());
    let mut command = empty.command(&["replay", &capture, "--to", &to, "--source", "eu", "--api-key", &key]);
    command.args(["--application-id", APPLICATION_ID, "--secret", "env:REPLAY_SECRET"]).env("REPLAY_SECRET", REPLAY);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(accounts(&place)[0]["last_event"], "2026-03-01T10:00:00Z");
}
