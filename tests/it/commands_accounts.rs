//! `tiersync accounts`, through the real binary.

use serde_json::{Value, json};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::{Backend, Call, TestApp, backends, config};

const OTHER_SOURCE: &str =
    "[[source]]\nid = \"us\"\napplication_id = \"US\"\napi_keys = [\"key-of-the-other-source-0123456789\"]\n";

fn send(app: &TestApp, body: &Value) -> String {
    let reply = app.synchronize(&body.to_string());
    assert_eq!(reply.code(), 0, "{}", reply.body);
    reply.result()
}

/// Two resellers, three customers, one of them waiting, a direct customer, a deleted one, and one of another source.
fn world(backend: Backend) -> Place {
    let toml = config("", OTHER_SOURCE);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    send(
        &app,
        &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind", "Code": "NW", "Email": "ops@nw.example",
        "Phone": "1", "Fax": "2", "WebSite": "https://nw.example", "Description": "d", "IsTest": true,
        "ExtraDetails": {"a": 1}, "SyncOptions": {"Text": "t", "Number": 7, "Flag": true, "List": ["x", 2]},
        "ContactDetails": {"ID": "c", "FirstName": "F", "LastName": "L", "Phone": "3", "Fax": "4", "Email": "e@x"},
        "Address": {"Address1": "A", "Address2": "B", "City": "C", "PostCode": "P",
            "State": {"Code": "S", "Name": "State"}, "Country": {"Code": "GR", "Name": "Greece"}}}),
    );
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "=1+1"}));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Tail\u{1b}[31mspin"}));
    send(&app, &json!({"ID": "13", "Role": "User", "ResellerID": "99", "Name": "Waiting"}));
    send(&app, &json!({"ID": "14", "Role": "User", "Name": "Direct, Ltd"}));
    send(&app, &json!({"ID": "15", "Role": "User", "Name": "Gone"}));
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"15"}"#).send(&app).code(), 0);
    let elsewhere = Call::new("POST", "/api/Accounts/Synchronize")
        .header("X-CloudPlatform-ApplicationId", "US")
        .header("X-CloudPlatform-APIKey", "key-of-the-other-source-0123456789")
        .body(r#"{"ID":"10","Role":"Reseller","Name":"Namesake"}"#);
    assert_eq!(elsewhere.send(&app).code(), 0);
    place
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect()
}

#[test]
fn lists_filter_and_stop_where_they_are_told() {
    for backend in backends() {
        let place = world(backend);
        let listed = |arguments: &[&str]| {
            let out = place.fine(&[&["accounts", "list", "--format", "json"], arguments].concat());
            column(&items(&out), "platform_id")
        };
        assert_eq!(listed(&[]), ["10", "20", "11", "12", "13", "14", "15", "10"]);
        assert_eq!(listed(&["--source", "us"]), ["10"]);
        assert_eq!(listed(&["--source", "eu", "--kind", "reseller"]), ["10", "20"]);
        assert_eq!(listed(&["--kind", "reseller_customer"]), ["11", "12", "13"]);
        assert_eq!(listed(&["--kind", "direct_customer", "--status", "active"]), ["14"]);
        assert_eq!(listed(&["--status", "deleted"]), ["15"]);
        assert_eq!(listed(&["--platform-id", "10"]), ["10", "10"]);
        assert_eq!(listed(&["--reseller", "20"]), Vec::<String>::new());
        assert_eq!(listed(&["--reseller", "0-1"]), ["11", "12"]);
        assert_eq!(listed(&["--limit", "3"]), ["10", "20", "11"]);
        assert_eq!(listed(&["--limit", "0"]), Vec::<String>::new());
        for (filter, value) in [("--source", "none"), ("--tenant", "none"), ("--platform-id", "none")] {
            assert_eq!(listed(&[filter, value]), Vec::<String>::new());
            let empty = |format| place.fine(&["accounts", "list", filter, value, "--format", format]);
            assert_eq!((empty("table").as_str(), empty("json").as_str()), ("nothing found\n", "[]\n"));
            assert_eq!(records(&empty("csv")).len(), 1, "the header alone");
        }
        place.run(&["accounts", "list", "--reseller", "nobody"]).failed(1, "no account is called nobody");
    }
}

#[test]
fn tables_and_csv_are_for_people_and_spreadsheets() {
    for backend in backends() {
        let place = world(backend);
        let table = place.fine(&["accounts", "list"]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 9, "{table}");
        let header: Vec<&str> = lines[0].split_whitespace().collect();
        let columns =
            ["id", "source", "tenant", "platform_id", "kind", "status", "name", "reseller", "state", "external_id"];
        assert_eq!(header, columns);
        assert!(lines[3].contains("Northwind") && lines[3].contains("linked"), "{table}");
        assert!(lines[5].contains("99") && lines[5].contains("pending"), "{table}");
        assert!(!table.contains('\u{1b}'), "a name must not steer the terminal");
        let csv = records(&place.fine(&["accounts", "list", "--format", "csv"]));
        assert_eq!((csv.len(), &csv[0][..]), (9, &columns.map(str::to_owned)[..]));
        assert_eq!(csv[3][6], "'=1+1", "a spreadsheet must not run a name");
        assert_eq!(csv[6][6], "Direct, Ltd");
    }
}

#[test]
fn a_table_stops_at_a_hundred_rows_and_says_so() {
    let place = Place::with(Backend::Sqlite, &config("", ""));
    let app = receiver(&place, &config("", ""));
    for n in 0..101 {
        send(&app, &json!({"ID": n.to_string(), "Role": "Reseller"}));
    }
    let ran = place.run(&["accounts", "list"]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 101), "a header and a hundred rows");
    assert!(ran.err.contains("There are more") && ran.err.lines().count() == 1, "{}", ran.err);
    let ran = place.run(&["accounts", "list", "--limit", "101"]);
    assert_eq!((ran.code, ran.out.lines().count(), ran.err.as_str()), (0, 102, ""));
    assert_eq!(items(&place.fine(&["accounts", "list", "--format", "json"])).len(), 101, "whole without a limit");
    assert_eq!(records(&place.fine(&["accounts", "list", "--format", "csv"])).len(), 102);
}

#[test]
fn json_has_every_field_that_is_promised() {
    for backend in backends() {
        let place = world(backend);
        let all = items(&place.fine(&["accounts", "list", "--format", "json"]));
        let mut names: Vec<&str> = all[0].as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut promised = vec![
            "id",
            "source",
            "tenant",
            "platform_id",
            "external_id",
            "kind",
            "status",
            "name",
            "code",
            "email",
            "phone",
            "fax",
            "website",
            "description",
            "is_test",
            "contact",
            "address",
            "extra_details",
            "sync_options",
            "standing",
            "reseller",
            "partner",
            "reported",
            "first_seen",
            "last_event",
            "revision",
        ];
        promised.sort_unstable();
        assert_eq!(names, promised);
        let northwind = &all[0];
        for (name, value) in [
            ("id", json!("0-1")),
            ("source", json!("eu")),
            ("tenant", json!("")),
            ("platform_id", json!("10")),
            ("kind", json!("reseller")),
            ("status", json!("active")),
            ("name", json!("Northwind")),
            ("code", json!("NW")),
            ("email", json!("ops@nw.example")),
            ("phone", json!("1")),
            ("fax", json!("2")),
            ("website", json!("https://nw.example")),
            ("description", json!("d")),
            ("is_test", json!(true)),
            ("extra_details", json!({"a": 1})),
            ("sync_options", json!({"Text": "t", "Number": 7, "Flag": true, "List": ["x", 2]})),
            ("reseller", Value::Null),
            ("partner", Value::Null),
            ("reported", json!({"kind": "reseller", "reseller": null, "external_id": null})),
        ] {
            assert_eq!(northwind[name], value, "{name}");
        }
        assert_eq!(northwind["contact"]["first_name"], "F");
        assert_eq!(northwind["address"]["country_code"], "GR");
        assert!(northwind["external_id"].as_str().is_some_and(|id| id.len() == 36));
        for time in ["first_seen", "last_event"] {
            assert!(northwind[time].as_str().is_some_and(|time| time.ends_with('Z')), "{}", northwind[time]);
        }
        assert_eq!(northwind["revision"], 1);
        let reseller = &all[2]["reseller"];
        assert_eq!(reseller["external_id"], northwind["external_id"]);
        for (name, value) in [
            ("platform_id", json!("10")),
            ("name", json!("Northwind")),
            ("state", json!("linked")),
            ("cause", json!("sync")),
            ("drift", json!(false)),
        ] {
            assert_eq!(reseller[name], value, "{name}");
        }
        assert!(reseller["since"].as_str().is_some_and(|time| time.ends_with('Z')));
        let waiting = &all[4]["reseller"];
        assert_eq!((&waiting["state"], &waiting["platform_id"]), (&json!("pending"), &json!("99")));
        assert_eq!(waiting["name"], Value::Null);
    }
}

#[test]
fn show_finds_an_account_by_any_of_its_names() {
    for backend in backends() {
        let place = world(backend);
        let show = |name: &str| items(&place.fine(&["accounts", "show", name, "--format", "json"])).remove(0);
        let account = show("11");
        for name in [account["id"].as_str().unwrap(), account["external_id"].as_str().unwrap()] {
            assert_eq!(show(name), account);
        }
        let history = account["history"].as_array().unwrap();
        assert_eq!(history.len(), 1);
        for (name, value) in [
            ("axis", json!("reseller")),
            ("reseller_platform_id", json!("10")),
            ("state", json!("linked")),
            ("cause", json!("sync")),
            ("delivery", json!("0-3")),
            ("to", Value::Null),
        ] {
            assert_eq!(history[0][name], value, "{name}");
        }
        let table = place.fine(&["accounts", "show", "12"]);
        assert!(table.contains("Relations, oldest first:") && !table.contains('\u{1b}'), "{table}");
        let csv = records(&place.fine(&["accounts", "show", "14", "--format", "csv"]));
        assert_eq!((csv.len(), csv[1][6].as_str()), (2, "Direct, Ltd"));
        // Two sources have a 10.
        place.run(&["accounts", "show", "10"]).failed(2, "narrow it with --source");
        let us = items(&place.fine(&["accounts", "show", "10", "--source", "us", "--format", "json"])).remove(0);
        assert_eq!(us["name"], "Namesake");
        for unknown in ["nobody", "0-999", "5681a165-87d0-53b4-92ad-4f3e1c3aebc8"] {
            place.run(&["accounts", "show", unknown]).failed(1, &format!("no account is called {unknown}"));
        }
        place.run(&["accounts", "show", "11", "--source", "us"]).failed(1, "no account is called 11");
        place.run(&["accounts", "show", "11", "--tenant", "x"]).failed(1, "no account is called 11");
    }
}

#[test]
fn the_tree_shows_who_resells_to_whom() {
    for backend in backends() {
        let place = world(backend);
        let tree = place.fine(&["accounts", "tree"]);
        assert_eq!(
            tree.lines().collect::<Vec<_>>(),
            [
                "Northwind (10, reseller)",
                "├── =1+1 (11, reseller_customer)",
                "└── Tail [31mspin (12, reseller_customer)",
                "Contoso (20, reseller)",
                "Namesake (10, reseller)",
                "Waiting (13, reseller_customer, pending)",
                "Direct, Ltd (14, direct_customer)",
            ]
        );
        let rows = items(&place.fine(&["accounts", "tree", "--format", "json"]));
        let levels: Vec<u64> = rows.iter().map(|row| row["level"].as_u64().unwrap()).collect();
        assert_eq!(levels, [0, 1, 1, 0, 0, 0, 0]);
        assert_eq!(column(&rows, "platform_id"), ["10", "11", "12", "20", "10", "13", "14"]);
        assert_eq!(records(&place.fine(&["accounts", "tree", "--format", "csv"])).len(), 8);
        for limit in 1..=7 {
            let ran = place.run(&["accounts", "tree", "--limit", &limit.to_string()]);
            assert_eq!((ran.code, ran.out.lines().count()), (0, limit));
            assert_eq!(ran.err.contains("There are more"), limit < 7, "{limit}: {}", ran.err);
        }
    }
}

#[test]
fn the_tree_of_nobody_is_empty() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        place.fine(&["migrate"]);
        assert_eq!(place.fine(&["accounts", "tree"]), "nothing found\n");
        assert_eq!(place.fine(&["accounts", "tree", "--format", "json"]), "[]\n");
        assert_eq!(records(&place.fine(&["accounts", "tree", "--format", "csv"])).len(), 1);
    }
}
