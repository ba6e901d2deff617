//! `tiersync replay`: a capture gives another receiver the same accounts, in whatever order it is sent.

use serde_json::Value;
use tiersync::app::Options;

use crate::commands::receiver;
use crate::commands_binary::{Place, Ran};
use crate::harness::{Backend, TestApp, backends};
use crate::replay_world::{assert_same, fill, how_many, known, toml};

/// Runs a replay in a place with a report, and gives both.
pub fn replay(place: &Place, app: &TestApp, arguments: &[&str]) -> (Ran, Value) {
    let to = format!("http://{}/api", app.address);
    let report = place.path("report.json");
    let _ = std::fs::remove_file(&report);
    let fixed = ["replay", "--to", &to, "--source", "eu", "--report", "report.json"];
    let ran = place.run(&[&fixed, arguments].concat());
    let report = std::fs::read_to_string(report).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    (ran, report)
}

/// How many calls were answered with this outcome.
pub fn count(report: &Value, outcome: &str) -> u64 {
    let answers = report["answers"].as_array().unwrap();
    answers.iter().filter(|answer| answer["outcome"] == outcome).map(|answer| answer["calls"].as_u64().unwrap()).sum()
}

/// A place whose receiver has taken generated calls, with its capture in `calls.jsonl`, and what it knows.
pub fn captured(backend: Backend, calls: usize) -> (Place, Vec<String>) {
    let place = Place::with(backend, &toml());
    let options = Options { lanes: (backend == Backend::Postgres).then_some(2), ..Options::default() };
    let app = TestApp::on(&place.database_url, &toml(), options, None);
    fill(app.address, calls);
    place.fine(&["deliveries", "export", "--output", "calls.jsonl"]);
    let known = known(&mut app.database());
    (place, known)
}

fn into_each_database(from: Backend) {
    let calls = how_many(1500);
    let (place, original) = captured(from, calls);
    let relations = original.iter().filter(|line| line.contains(" relation ")).count();
    assert!(original.len() > 200 && relations > 200, "{} rows, {relations} relations", original.len());
    for backend in backends() {
        let what = format!("{from:?} into {backend:?}");
        let app = TestApp::with(backend, &toml());
        let empty = known(&mut app.database());
        let (ran, report) = replay(&place, &app, &["calls.jsonl", "--dry-run"]);
        assert_eq!(ran.code, 0, "{what}: {ran:?}");
        assert_eq!(report["answered"], calls, "{what}: {report}");
        assert_same(&format!("{what}, dry run"), &empty, &known(&mut app.database()));

        let (ran, report) = replay(&place, &app, &["calls.jsonl"]);
        assert_eq!((ran.code, &report["failed"]), (0, &Value::from(0)), "{what}: {ran:?}");
        assert_eq!(report["answered"], calls, "{what}: {report}");
        // A repeated id with other content is refused only where it is remembered, which a call that asks does not see.
        let differing = report["differing"].as_array().unwrap();
        let unlike = differing.iter().find(|call| !call["what"].as_str().unwrap().ends_with(", captured 1004"));
        assert!(unlike.is_none() && differing.len() < calls / 50, "{what}: {differing:?}");
        let replica = known(&mut app.database());
        assert_same(&what, &original, &replica);

        let (ran, report) = replay(&place, &app, &["calls.jsonl"]);
        assert_eq!((ran.code, count(&report, "applied")), (0, 0), "{what}: {ran:?}");
        assert_same(&format!("{what}, again"), &replica, &known(&mut app.database()));
    }
}

#[test]
fn a_capture_from_sqlite_gives_every_database_the_same() {
    into_each_database(Backend::Sqlite);
}

#[test]
fn a_capture_from_postgresql_gives_every_database_the_same() {
    backends().into_iter().filter(|backend| *backend == Backend::Postgres).for_each(into_each_database);
}

#[test]
fn a_capture_on_newer_data_changes_nothing_and_says_how_many_were_stale() {
    for backend in backends() {
        let place = Place::with(backend, &toml());
        let app = receiver(&place, &toml());
        let line = |id: &str, day: &str, name: &str| {
            let body = format!(r#"{{\"ID\":\"{id}\",\"Role\":\"User\",\"Name\":\"{name}\"}}"#);
            format!(
                r#"{{"endpoint":"Accounts/Synchronize","event_time":"2026-{day}T10:00:00Z","tenant":"t","body":"{body}"}}"#
            )
        };
        std::fs::write(place.path("new.jsonl"), [line("1", "09-01", "new"), line("2", "09-01", "new")].join("\n"))
            .unwrap();
        let old = [line("1", "08-01", "old"), line("3", "08-01", "old"), line("1", "08-02", "older")];
        std::fs::write(place.path("old.jsonl"), old.join("\n")).unwrap();
        assert_eq!(replay(&place, &app, &["new.jsonl"]).0.code, 0);
        let before = known(&mut app.database());
        let (ran, report) = replay(&place, &app, &["old.jsonl"]);
        assert_eq!((ran.code, count(&report, "stale"), count(&report, "applied")), (0, 2, 1), "{ran:?}");
        assert!(ran.out.lines().any(|line| line.split_whitespace().eq(["stale", "0", "2"])), "{}", ran.out);
        let after = known(&mut app.database());
        assert!(before.iter().all(|row| after.contains(row)), "{before:?} {after:?}");
    }
}
