//! `tiersync deliveries`, through the real binary.

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};
use tiersync::domain::ids::DeliveryId;
use tiersync::store::AnyConnection;
use tiersync::store::connection::{Database, Use};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::{Backend, Call, backends, config};

/// Six deliveries at three endpoints with four outcomes, 0-1 to 0-6.
fn world(backend: Backend) -> Place {
    let place = Place::with(backend, &config("", ""));
    let app = receiver(&place, &config("", ""));
    let reseller = r#"{"ID":"1","Role":"Reseller","Name":"Northwind"}"#;
    for (call, code) in [
        (Call::synchronize(reseller).header("X-CloudPlatform-TrackId", "track-1"), 0),
        (Call::synchronize(reseller), 0),
        (Call::synchronize(r#"{"ID":"2","Role":"Reseller","ResellerID":"1"}"#), 1002),
        (Call::post("Accounts/Exists", r#"{"ID":"1"}"#), 1),
        (Call::synchronize(r#"{"ID":"3","Role":"User","ResellerID":"1","Name":"=cmd"}"#), 0),
        (Call::post("Accounts/Delete", r#"{"ID":"3"}"#), 0),
    ] {
        assert_eq!(call.send(&app).code(), code);
    }
    place
}

fn database(place: &Place) -> AnyConnection {
    Database::parse(&place.database_url).unwrap().connect(Use::Write).unwrap()
}

#[test]
fn lists_filter_and_stop_where_they_are_told() {
    for backend in backends() {
        let place = world(backend);
        let listed = |arguments: &[&str]| {
            let rows = items(&place.fine(&[&["deliveries", "list", "--format", "json"], arguments].concat()));
            rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(listed(&[]), ["0-6", "0-5", "0-4", "0-3", "0-2", "0-1"], "newest first");
        assert_eq!(listed(&["--limit", "2"]), ["0-6", "0-5"]);
        assert_eq!(listed(&["--source", "eu", "--outcome", "applied"]), ["0-6", "0-5", "0-1"]);
        assert_eq!(listed(&["--outcome", "unchanged"]), ["0-2"]);
        assert_eq!(listed(&["--outcome", "rejected", "--code", "1002"]), ["0-3"]);
        assert_eq!(listed(&["--endpoint", "accounts/exists"]), ["0-4"]);
        assert_eq!(listed(&["--account", "0-1"]), ["0-4", "0-2", "0-1"]);
        assert_eq!(listed(&["--since", "2020-01-01", "--until", "2199-01-01T00:00:00Z"]).len(), 6);
        let third = items(&place.fine(&["deliveries", "show", "0-3", "--format", "json"])).remove(0);
        let third = third["received_at"].as_str().unwrap();
        assert_eq!(listed(&["--since", third]), ["0-6", "0-5", "0-4", "0-3"], "from this time on");
        assert_eq!(listed(&["--until", third]), ["0-2", "0-1"], "before this time");
        for nothing in [
            &["--source", "us"][..],
            &["--tenant", "x"],
            &["--outcome", "stale"],
            &["--code", "1003"],
            &["--account", "0-99"],
            &["--until", "2020-01-01"],
            &["--since", "2199-01-01"],
            &["--limit", "0"],
        ] {
            assert_eq!(listed(nothing), Vec::<String>::new(), "{nothing:?}");
            let empty = |format| place.fine(&[&["deliveries", "list", "--format", format], nothing].concat());
            assert_eq!((empty("table").as_str(), empty("json").as_str()), ("nothing found\n", "[]\n"));
            assert_eq!(records(&empty("csv")).len(), 1, "the header alone");
        }
    }
}

#[test]
fn lists_come_in_three_formats() {
    for backend in backends() {
        let place = world(backend);
        let columns = ["id", "received_at", "source", "endpoint", "platform_id", "outcome", "code", "message"];
        let table = place.fine(&["deliveries", "list"]);
        assert_eq!(table.lines().next().unwrap().split_whitespace().collect::<Vec<_>>(), columns);
        assert_eq!(table.lines().count(), 7);
        let csv = records(&place.fine(&["deliveries", "list", "--format", "csv"]));
        assert_eq!((csv.len(), &csv[0][..]), (7, &columns.map(str::to_owned)[..]));
        assert_eq!([&*csv[4][0], &*csv[4][4], &*csv[4][5], &*csv[4][6]], ["0-3", "2", "rejected", "1002"]);
        let first = items(&place.fine(&["deliveries", "list", "--format", "json"])).pop().unwrap();
        for (name, value) in [
            ("id", json!("0-1")),
            ("source", json!("eu")),
            ("tenant", json!("")),
            ("endpoint", json!("Accounts/Synchronize")),
            ("path", json!("/api/Accounts/Synchronize")),
            ("replayed", json!(false)),
            ("check_only", json!(false)),
            ("webhook_id", Value::Null),
            ("track_id", json!("track-1")),
            ("body_of", json!("0-1")),
            ("outcome", json!("applied")),
            ("code", json!(0)),
            ("kind", json!("reseller")),
            ("account", json!("0-1")),
            ("platform_id", json!("1")),
        ] {
            assert_eq!(first[name], value, "{name}");
        }
        assert!(first.get("body").is_none(), "lists are without bodies");
        assert!(first["hash"].as_str().is_some_and(|hash| hash.len() == 64));
        assert!(first["received_at"].as_str().is_some_and(|time| time.ends_with('Z')));
    }
}

#[test]
fn show_gives_the_body_also_of_a_call_that_repeats_one() {
    for backend in backends() {
        let place = world(backend);
        let show = |id: &str| items(&place.fine(&["deliveries", "show", id, "--format", "json"])).remove(0);
        for id in ["0-1", "0-2"] {
            let shown = show(id);
            assert_eq!((&shown["id"], &shown["body_of"]), (&json!(id), &json!("0-1")));
            assert!(shown["body"].as_str().is_some_and(|body| body.contains("Northwind")), "{shown}");
            let table = place.fine(&["deliveries", "show", id]);
            assert!(table.ends_with("\"Northwind\"}\n"), "{table}");
        }
        let csv = records(&place.fine(&["deliveries", "show", "0-3", "--format", "csv"]));
        assert_eq!((csv.len(), &*csv[1][1], &*csv[1][2]), (2, "rejected", "1002"));
        database(&place).batch_execute("DELETE FROM bodies").unwrap();
        assert_eq!(show("0-2")["body"], Value::Null);
        assert!(place.fine(&["deliveries", "show", "0-2"]).ends_with("(the body was emptied)\n"));
        place.run(&["deliveries", "show", "0-7"]).failed(1, "there is no delivery 0-7");
        place.run(&["deliveries", "show", "9-1"]).failed(1, "there is no delivery 9-1");
    }
}

#[test]
fn verify_proves_the_ledger_and_names_what_does_not_hold() {
    for backend in backends() {
        let place = world(backend);
        let out = place.fine(&["deliveries", "verify"]);
        let head = out.lines().find_map(|line| line.strip_prefix("head ")).unwrap().to_owned();
        assert!(head.starts_with("0-6:") && head.len() == 4 + 64, "{out}");
        assert!(out.ends_with("6 rows in 1 chain(s): nothing changed, missing or swapped\n"), "{out}");
        let json: Value = serde_json::from_str(&place.fine(&["deliveries", "verify", "--format", "json"])).unwrap();
        let expected = json!({"rows": 6, "bodies_emptied": 0, "heads": [head], "findings": [], "truncated": false});
        assert_eq!(json, expected);
        assert_eq!(place.fine(&["deliveries", "verify", "--format", "csv"]), "finding\n");
        place.fine(&["deliveries", "verify", "--expect", &head]);

        let row = DeliveryId::issue(0, 3).0;
        database(&place).batch_execute(&format!("UPDATE deliveries SET code = 0 WHERE id = {row}")).unwrap();
        let ran = place.run(&["deliveries", "verify"]);
        ran.failed(1, "the ledger does not hold: 1 finding(s)");
        assert!(ran.out.starts_with("delivery 0-3: the row was changed"), "{}", ran.out);
        let ran = place.run(&["deliveries", "verify", "--format", "json"]);
        ran.failed(1, "1 finding(s)");
        let json: Value = serde_json::from_str(&ran.out).unwrap();
        assert!(json["findings"][0].as_str().is_some_and(|finding| finding.starts_with("delivery 0-3: ")), "{json}");
        let ran = place.run(&["deliveries", "verify", "--format", "csv"]);
        ran.failed(1, "1 finding(s)");
        assert!(records(&ran.out)[1][0].starts_with("delivery 0-3: "));

        database(&place).batch_execute(&format!("UPDATE deliveries SET code = 1002 WHERE id = {row}")).unwrap();
        database(&place).batch_execute(&format!("DELETE FROM bodies WHERE delivery_id = {row}")).unwrap();
        let out = place.fine(&["deliveries", "verify"]);
        assert!(out.ends_with("missing or swapped; 1 bodies were emptied\n"), "{out}");
        let (last, five) = (DeliveryId::issue(0, 6).0, DeliveryId::issue(0, 5).0);
        database(&place)
            .batch_execute(&format!(
                "DELETE FROM deliveries WHERE id = {last}; \
                 UPDATE ledger_chains SET deliveries = 5, hash = (SELECT hash FROM deliveries WHERE id = {five})"
            ))
            .unwrap();
        place.fine(&["deliveries", "verify"]);
        let ran = place.run(&["deliveries", "verify", "--expect", &head]);
        ran.failed(1, "1 finding(s)");
        assert!(ran.out.starts_with("delivery 0-6: the expected head is not there"), "{}", ran.out);
    }
}

#[test]
fn an_empty_ledger_holds() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        place.fine(&["migrate"]);
        assert!(place.fine(&["deliveries", "verify"]).starts_with("0 rows in "));
        assert_eq!(place.fine(&["deliveries", "list"]), "nothing found\n");
    }
}
