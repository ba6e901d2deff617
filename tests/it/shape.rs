//! What sources send is counted and listed, outlives restarts, stays within bounds and tells no secret.

use serde_json::{Value, json};
use tiersync::app::Options;
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::API_KEY;
use crate::harness::{Call, TestApp, backends, config};
use crate::v1;

const PIN: &str = "[[sync_option]]\nid = \"Pin\"\nname = \"Pin\"\nkind = \"Mask\"\n\
                   [[sync_option]]\nid = \"Tier\"\nname = \"Tier\"\nkind = \"List\"\npredefined_values = [\"gold\"]\n";

/// The rows of `sources shape`, as kind, name, value and count.
fn shape(place: &Place, arguments: &[&str]) -> Vec<(String, String, Value, i64)> {
    let rows = items(&place.fine(&[&["sources", "shape", "--format", "json"], arguments].concat()));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(row, "kind"), text(row, "name"), row["value"].clone(), row["count"].as_i64().unwrap()))
        .collect()
}

fn count(rows: &[(String, String, Value, i64)], kind: &str, name: &str, value: Value) -> Option<i64> {
    rows.iter().find(|row| (&*row.0, &*row.1, &row.2) == (kind, name, &value)).map(|row| row.3)
}

#[test]
fn names_and_some_values_are_counted_and_listed() {
    for backend in backends() {
        let toml = config("", PIN);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        for (call, code) in [
            (
                Call::synchronize(
                    r#"{"ID":"1","Role":"Reseller","Name":"Jane Doe","Email":"jane@example.com","Segment":"SMB",
                       "RandomPassword":"hunter2","Address":{"City":"Athens","Zone":"3","State":{"Code":"I"}},
                       "ContactDetails":{"FirstName":"Jane","Email":"jane@example.com"},"ExtraDetails":{"vat":"EL1"},
                       "SyncOptions":{"Tier":"gold","Pin":"4711","AdminToken":"s3cret","Mail":"jane@example.com",
                                      "Seats":[5,"many",true],"Back":"[redacted]"}}"#,
                ),
                0,
            ),
            (Call::synchronize(r#"{"ID":"1","Role":"Agent","SyncOptions":{"Tier":"gold"}}"#), 1002),
            (Call::post("Accounts/Exists", r#"{"ID":"1","CheckOnly":false}"#), 1),
            (Call::synchronize(r#"{"Segment":"no id"}"#), 1001),
            (Call::synchronize(r#"["ID"]"#), 1001),
            (Call::synchronize(r#"{"NotLetIn":1}"#).without("X-CloudPlatform-APIKey"), 1401),
            (
                Call::synchronize(r#"{"NotLetIn":1}"#)
                    .without("X-CloudPlatform-APIKey")
                    .header("X-CloudPlatform-APIKey", format!("{API_KEY}x")),
                1401,
            ),
        ] {
            assert_eq!(call.send(&app).code(), code);
        }
        let metrics = app.get("/metrics").body;
        for (kind, new) in [("field", 18), ("option", 6), ("value", 6)] {
            let line = format!("tiersync_shape_new_total{{source=\"eu\",kind=\"{kind}\"}} {new}\n");
            assert!(metrics.contains(&line), "{line} is not in {metrics}");
        }
        drop(app);

        let rows = shape(&place, &["eu"]);
        for (kind, name, value, times) in [
            ("field", "ID", json!(null), 3),
            ("field", "CheckOnly", json!(null), 1),
            ("field", "Segment", json!(null), 2),
            ("field", "RandomPassword", json!(null), 1),
            ("field", "Address.City", json!(null), 1),
            ("field", "Address.Zone", json!(null), 1),
            ("field", "Address.State.Code", json!(null), 1),
            ("field", "ContactDetails.FirstName", json!(null), 1),
            ("field", "ExtraDetails.vat", json!(null), 1),
            ("option", "Tier", json!(null), 2),
            ("option", "Pin", json!(null), 1),
            ("option", "AdminToken", json!(null), 1),
            ("value", "Role", json!("Reseller"), 1),
            ("value", "Role", json!("Agent"), 1),
            ("value", "SyncOptions.Tier", json!("gold"), 2),
            ("value", "SyncOptions.Seats", json!("5"), 1),
            ("value", "SyncOptions.Seats", json!("many"), 1),
            ("value", "SyncOptions.Seats", json!("true"), 1),
            ("value", "SyncOptions.Mail", json!("(others)"), 1),
        ] {
            assert_eq!(count(&rows, kind, name, value.clone()), Some(times), "{kind} {name} {value}");
        }
        assert_eq!(rows.len(), 18 + 6 + 6 + 1, "{rows:?}");
        let all = format!("{rows:?}");
        for never in ["4711", "s3cret", "hunter2", "redacted", "Jane", "Athens", "EL1", "example.com", "NotLetIn"] {
            assert!(!all.contains(never), "{never} is in {all}");
        }
        let unknown = records(&place.fine(&["sources", "shape", "--unknown", "--format", "csv"]));
        let unknown: Vec<String> = unknown[1..].iter().map(|row| format!("{} {} {}", row[1], row[2], row[3])).collect();
        assert_eq!(
            unknown,
            [
                "field Address.Zone ",
                "field ExtraDetails.vat ",
                "field RandomPassword ",
                "field Segment ",
                "option AdminToken ",
                "option Back ",
                "option Mail ",
                "option Seats ",
                "value Role Agent",
                "value SyncOptions.Mail (others)",
                "value SyncOptions.Seats 5",
                "value SyncOptions.Seats many",
                "value SyncOptions.Seats true"
            ]
        );
        assert!(shape(&place, &["us"]).is_empty());
        assert!(shape(&place, &["--since", "2199-01-01"]).is_empty());
        assert_eq!(shape(&place, &["--since", "2020-01-01", "--limit", "3"]).len(), 3);
        let listed = items(&place.fine(&["sources", "list", "--format", "json"]));
        assert_eq!((listed.len(), &listed[0]["id"], &listed[0]["configured"]), (1, &json!("eu"), &json!(true)));
    }
}

#[test]
fn what_was_seen_is_known_after_a_restart_and_counts_go_on() {
    for backend in backends() {
        let place = Place::with(backend, &config("", PIN));
        let body = |value: &str| {
            format!(r#"{{"ID":"1","Role":"User","New":1,"Address":{{"Zone":1}},"SyncOptions":{{"Plan":"{value}"}}}}"#)
        };
        let serving = place.serve();
        Call::synchronize(body("a")).try_send(serving.address).unwrap();
        Call::synchronize(body("b")).try_send(serving.address).unwrap();
        serving.terminate();
        let log = serving.log_when_ended();
        let told: Vec<&str> = log.lines().filter(|line| line.contains("for the first time")).collect();
        assert!(
            matches!(told[..], [line] if line.ends_with(
                "source eu sent for the first time: field \"ID\", field \"Role\", field \"New\", field \"Address\", \
                 field \"Address.Zone\", field \"SyncOptions\", option \"Plan\""
            )),
            "{told:?}"
        );
        let before = items(&place.fine(&["sources", "shape", "--format", "json"]));

        let serving = place.serve();
        Call::synchronize(body("a")).try_send(serving.address).unwrap();
        let metrics = Call::new("GET", "/metrics").try_send(serving.address).unwrap().body;
        assert!(!metrics.contains("tiersync_shape_new_total{"), "{metrics}");
        Call::synchronize(r#"{"ID":"1","Role":"User","evil\nline":1}"#).try_send(serving.address).unwrap();
        serving.terminate();
        let log = serving.log_when_ended();
        let told: Vec<&str> = log.lines().filter(|line| line.contains("for the first time")).collect();
        assert!(matches!(told[..], [line] if line.ends_with("first time: field \"evil\\nline\"")), "{log}");
        let after = items(&place.fine(&["sources", "shape", "--format", "json"]));
        let find = |rows: &[Value], name: &str| rows.iter().find(|row| row["name"] == name).unwrap().clone();
        let (old, new) = (find(&before, "New"), find(&after, "New"));
        assert_eq!((&old["count"], &new["count"]), (&json!(2), &json!(3)));
        assert_eq!(old["first_seen"], new["first_seen"]);
        assert!(old["last_seen"].as_str() < new["last_seen"].as_str());
        let rows = shape(&place, &[]);
        assert_eq!(count(&rows, "value", "SyncOptions.Plan", json!("a")), Some(2));
        assert_eq!(count(&rows, "value", "SyncOptions.Plan", json!("b")), Some(1));
    }
}

#[test]
fn whoever_may_call_cannot_fill_the_database() {
    for backend in backends() {
        let place = Place::with(backend, &config("", PIN));
        let app = receiver(&place, &config("", PIN));
        for value in 0..60 {
            let body = format!(r#"{{"ID":"1","Role":"R{value}","SyncOptions":{{"Free":"v{value}","Tier":"gold"}}}}"#);
            app.synchronize(&body);
        }
        let long = "é".repeat(5_000);
        app.synchronize(&format!(
            r#"{{"ID":"1","Role":"{long}","{long}":1,"{long}2":2,"SyncOptions":{{"Free":"{long}"}}}}"#
        ));
        // A name that is spelled like a path must not break the writing of both.
        app.synchronize(r#"{"ID":"1","Address.City":1,"Address":{"City":"x"}}"#);
        for call in 0..6 {
            let fields: Vec<String> = (0..450).map(|at| format!("\"f{call}-{at}\":1")).collect();
            let options: Vec<String> = (0..450).map(|at| format!("\"o{call}-{at}\":{at}")).collect();
            let (fields, options) = (fields.join(","), options.join(","));
            app.synchronize(&format!(r#"{{"ID":"1",{fields},"SyncOptions":{{{options}}}}}"#));
        }
        drop(app);
        let rows = shape(&place, &[]);
        let values = |name: &str| rows.iter().filter(|row| row.0 == "value" && row.1 == name).count();
        assert_eq!((values("Role"), values("SyncOptions.Free")), (51, 51));
        assert_eq!(count(&rows, "value", "Role", json!("(others)")), Some(11));
        assert_eq!(count(&rows, "value", "SyncOptions.Free", json!("(others)")), Some(11));
        assert_eq!(count(&rows, "value", "SyncOptions.Tier", json!("gold")), Some(60));
        assert_eq!(count(&rows, "field", &format!("{}…", "é".repeat(127)), json!(null)), Some(2));
        assert_eq!(count(&rows, "field", "Address.City", json!(null)), Some(2));
        assert!(count(&rows, "field", "(others)", json!(null)).is_some_and(|others| others > 1_000));
        assert!(count(&rows, "option", "(others)", json!(null)).is_some_and(|others| others > 1_000));
        let others = rows.iter().filter(|row| row.1 == "(others)" || row.2 == json!("(others)")).count();
        assert_eq!(rows.len() - others, 2_000 - 1, "the two spellings of Address.City are one row");
        assert!(others < 600, "{others}");

        let app = receiver(&place, &config("", PIN));
        app.synchronize(r#"{"ID":"1","YetAnother":1}"#);
        drop(app);
        assert!(shape(&place, &[]).len() <= rows.len() + 1, "it stays full after a restart");
    }
}

#[test]
fn several_receivers_add_up() {
    for backend in backends() {
        let toml = config("", PIN);
        let place = Place::with(backend, &toml);
        let apps: Vec<TestApp> =
            (0..2).map(|_| TestApp::on(&place.database_url, &toml, Options::default(), None)).collect();
        for app in &apps {
            for _ in 0..10 {
                assert_eq!(app.synchronize(r#"{"ID":"1","Role":"User","New":1,"SyncOptions":{"P":"x"}}"#).code(), 0);
            }
        }
        drop(apps);
        let rows = shape(&place, &[]);
        for (kind, name, value) in
            [("field", "New", json!(null)), ("option", "P", json!(null)), ("value", "SyncOptions.P", json!("x"))]
        {
            assert_eq!(count(&rows, kind, name, value), Some(20), "{name}");
        }
    }
}

#[test]
fn the_api_lists_them_page_by_page_for_who_sees_everything() {
    for backend in backends() {
        let app = TestApp::with(backend, &config("", PIN));
        app.synchronize(r#"{"ID":"1","Role":"User","New":1,"SyncOptions":{"Plan":"a","Seats":5}}"#);
        app.synchronize(r#"{"ID":"1","Role":"Agent","Address":{"Zone":1}}"#);
        let app = app.restart();
        let viewer = v1::operator(&app, "viewer", Role::Viewer, &[], None);
        let whole = v1::all(&app, &viewer, "/sources/eu/shape", 500);
        let names: Vec<String> =
            whole.iter().map(|row| format!("{} {}={}", row["kind"], row["name"], row["value"])).collect();
        assert_eq!(whole.len(), 6 + 2 + 4, "{names:?}");
        assert_eq!(names[0], r#""field" "Address"=null"#);
        assert_eq!(names[11], r#""value" "SyncOptions.Seats"="5""#);
        for limit in [1, 5, 12] {
            assert_eq!(v1::all(&app, &viewer, "/sources/eu/shape", limit), whole, "{limit}");
        }
        assert!(v1::all(&app, &viewer, "/sources/eu/shape?since=2199-01-01", 5).is_empty());
        let admin = v1::operator(&app, "admin", Role::ResellerAdmin, &["0-1"], None);
        for (token, path, status) in [
            (&*viewer, "/sources/us/shape", 404),
            (&viewer, "/sources/%00/shape", 404),
            (&viewer, "/sources/eu/shape?after=x", 400),
            (&viewer, "/sources/eu/shape?after=WyJzaGFwZSIsInZhbHVlIiwiXHUwMDAwIiwiIl0", 400),
            (&viewer, "/sources/eu/shape?sinc=2026-01-01", 400),
            (&admin, "/sources/eu/shape", 403),
            ("wrong", "/sources/eu/shape", 401),
        ] {
            assert_eq!(v1::get(&app, token, path).status, status, "{path}");
        }
    }
}

#[test]
fn an_erasure_forgets_the_values_of_the_account() {
    for backend in backends() {
        let place = Place::with(backend, &config("", PIN));
        let app = receiver(&place, &config("", PIN));
        for (id, owner) in [(1, "Jane Doe"), (2, "John Roe")] {
            let body =
                format!(r#"{{"ID":"{id}","Role":"User","SyncOptions":{{"Owner":"{owner}","Tags":["t{id}",{id}]}}}}"#);
            assert_eq!(app.synchronize(&body).code(), 0);
        }
        drop(app);
        let values = || {
            let rows = shape(&place, &[]).into_iter().filter(|row| row.0 == "value" && row.1 != "Role");
            rows.map(|row| row.2.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(values(), ["Jane Doe", "John Roe", "1", "2", "t1", "t2"]);
        place.fine(&["accounts", "erase", "1"]);
        assert_eq!(values(), ["John Roe", "2", "t2"]);
    }
}
