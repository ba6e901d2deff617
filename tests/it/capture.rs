//! `tiersync deliveries export`: what a line holds, in which order, and the same at every export.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tiersync::store::connection::{Database, Use};

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::harness::app::SIGNING;
use crate::harness::client::now;
use crate::harness::{Backend, Call, backends, config};

/// The lines that an export prints.
pub fn exported(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let out = place.fine(&[&["deliveries", "export"], arguments].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

const TENANTS: &str = "tenant_setting = \"Org\"\nmissing_tenant = \"default\"";
const ORG: &str = "[[field]]\nid = \"Org\"\nname = \"Org\"\n";

fn world(backend: Backend) -> Place {
    let toml = config(TENANTS, ORG);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let secret = r#"{"ID":"1","Role":"Reseller","RandomPassword":"hunter2"}"#;
    for (call, code) in [
        (
            Call::synchronize(secret)
                .signed(SIGNING, "msg-1", now())
                .header("X-CloudPlatform-TrackId", "track-1")
                .header("X-CloudPlatform-Setting-Org", "north"),
            0,
        ),
        (Call::synchronize(secret).header("X-CloudPlatform-Setting-Org", "north"), 0),
        (Call::synchronize(r#"{"ID":"2","Role":"Reseller","ResellerID":"1"}"#), 1002),
        (Call::post("Accounts/Exists?CHECKONLY=1", r#"{"ID":"1"}"#), 0),
        (Call::synchronize("no json, password=hunter2"), 1001),
    ] {
        assert_eq!(call.send(&app).code(), code);
    }
    place
}

#[test]
fn a_line_holds_the_call_and_what_became_of_it() {
    for backend in backends() {
        let place = world(backend);
        let lines = exported(&place, &[]);
        assert_eq!(lines.len(), 5);
        let first = &lines[0];
        let body = r#"{"ID":"1","Role":"Reseller","RandomPassword":"[redacted]"}"#;
        for (name, value) in [
            ("source", "eu"),
            ("tenant", "north"),
            ("endpoint", "Accounts/Synchronize"),
            ("method", "POST"),
            ("path", "/api/Accounts/Synchronize"),
            ("webhook_id", "msg-1"),
            ("track_id", "track-1"),
            ("outcome", "applied"),
            ("body", body),
            ("body_sha256", &hex::encode(Sha256::digest(body))),
        ] {
            assert_eq!(first[name], value, "{name}");
        }
        assert_eq!((&first["check_only"], &first["code"]), (&Value::from(false), &Value::from(0)));
        assert!(first["headers"]["webhook-timestamp"].is_string());
        let (received, event) = (first["received_at"].as_str().unwrap(), first["event_time"].as_str().unwrap());
        assert!(received.starts_with(event.trim_end_matches('Z')) && event.len() == 20, "{received} {event}");
        // A body that another row carries is the same body.
        assert_eq!((&lines[1]["outcome"], &lines[1]["body"]), (&Value::from("unchanged"), &first["body"]));
        assert_eq!((&lines[2]["code"], &lines[2]["outcome"]), (&Value::from(1002), &Value::from("rejected")));
        assert_eq!((&lines[3]["check_only"], &lines[3]["endpoint"]), (&true.into(), &"Accounts/Exists".into()));
        assert_eq!(lines[4]["body"], "no json, password=\"[redacted]\"");
        assert!(!serde_json::to_string(&lines).unwrap().contains("hunter2"));
    }
}

#[test]
fn calls_without_an_id_get_the_same_one_at_every_export() {
    for backend in backends() {
        let place = world(backend);
        let lines = exported(&place, &[]);
        assert_eq!(lines, exported(&place, &[]));
        let ids: BTreeSet<&str> = lines.iter().map(|line| line["webhook_id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 5);
        assert_eq!(ids.iter().filter(|id| id.starts_with("cap_") && id.len() == 68).count(), 4);
    }
}

#[test]
fn an_export_can_be_narrowed_and_goes_to_a_file_of_ones_own() {
    let place = world(Backend::Sqlite);
    assert_eq!(exported(&place, &["--outcome", "rejected"]).len(), 2);
    assert_eq!(exported(&place, &["--code", "1002", "--source", "eu"]).len(), 1);
    assert_eq!(exported(&place, &["--tenant", "north"]).len(), 2);
    assert_eq!(exported(&place, &["--endpoint", "accounts/exists"]).len(), 1);
    assert_eq!(exported(&place, &["--account", "0-1"]).len(), 2);
    assert_eq!(exported(&place, &["--since", "2199-01-01"]).len(), 0);
    assert_eq!(exported(&place, &["--until", "2199-01-01"]).len(), 5);
    let ran = place.run(&["deliveries", "export", "--output", "calls.jsonl"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", "5 calls written\n"));
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(place.path("calls.jsonl")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    place.run(&["deliveries", "export", "--output", "no/such/folder"]).failed(3, "cannot write no/such/folder");
}

#[test]
fn an_emptied_body_is_null_and_said() {
    for backend in backends() {
        let place = world(backend);
        let mut database = Database::parse(&place.database_url).unwrap().connect(Use::Write).unwrap();
        database.batch_execute("DELETE FROM bodies").unwrap();
        let ran = place.run(&["deliveries", "export"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.starts_with("5 of 5 calls have no body any more"), "{ran:?}");
        let first: Value = serde_json::from_str(ran.out.lines().next().unwrap()).unwrap();
        assert_eq!((&first["body"], first["body_sha256"].as_str().unwrap().len()), (&Value::Null, 64));
    }
}
