//! `tiersync partners`, through the real binary.

use serde_json::{Value, json};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, backends, config};
use crate::v1::send;

const LIST: &str = "partner_id;name;status;aliases;successor;successor_from;reseller\n\
                    11111;=Northwind;;11112|11113;22222;2026-01-01;eu//10\n\
                    22222;Contoso;suspended;;;;\n\
                    ;nobody;;;;;\n";

fn book(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "SyncOptions": {"MPNID": "11113"}}));
    let file = place.folder.path().join("partners.csv");
    std::fs::write(&file, LIST).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(place.fine(&["partners", "list"]), "nothing found\n");
    let ran = place.run(&["partners", "import", file, "--dry-run"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("nothing is changed; it would be: 2 new"), "{ran:?}");
    assert_eq!(place.fine(&["partners", "list", "--format", "json"]), "[]\n");
    // The bad row is told with its line, and the good ones go in.
    let ran = place.run(&["partners", "import", file, "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("1 row was not taken"), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["new"], &report["customers_linked"]), (&json!(2), &json!(1)));
    assert_eq!(report["bad"], json!([{"line": 4, "partner_id": "", "reason": "partner_id is empty"}]));
    let listed = records(&place.fine(&["partners", "list", "--format", "csv"]));
    assert_eq!(listed[1], ["11111", "'=Northwind", "active", "11112 11113", "22222", "2026-01-01T00:00:00Z", "eu//10"]);
    for (arguments, ids) in [
        (&["--status", "suspended"][..], vec!["22222"]),
        (&["--q", "CONTOSO"], vec!["22222"]),
        (&["--q", "1111"], vec!["11111"]),
        (&["--named", "11112"], vec!["11111"]),
        (&["--linked"], vec!["11111"]),
        (&["--unlinked"], vec!["22222"]),
        (&["--limit", "1"], vec!["11111"]),
    ] {
        let rows = items(&place.fine(&[&["partners", "list", "--format", "json"], arguments].concat()));
        assert_eq!(crate::v1::column(&rows, "partner_id"), ids, "{arguments:?}");
    }
    // What is exported comes back as it went: nothing is changed by it.
    for (format, name) in [("csv", "export.csv"), ("json", "export.json")] {
        let exported = place.fine(&["partners", "export", "--format", format]);
        let again = place.folder.path().join(name);
        std::fs::write(&again, &exported).unwrap();
        let out = place.fine(&["partners", "import", again.to_str().unwrap(), "--replace"]);
        assert!(out.contains("0 new, 0 changed, 2 unchanged, 0 ended"), "{format}: {out}\n{exported}");
    }
    let shown = place.fine(&["accounts", "show", "11"]);
    assert!(shown.contains("11113") && shown.contains("22222"), "{shown}");
    place.run(&["partners", "remove", "22222"]).failed(1, "is the successor of 11111");
    assert!(place.fine(&["partners", "remove", "11111"]).contains("1 customers wait"));
    place.run(&["partners", "remove", "11111"]).failed(1, "there is no partner 11111");
    let audit = items(&place.fine(&["operator", "audit", "--format", "json"]));
    assert_eq!(crate::v1::column(&audit, "action"), ["partners.remove", "partners.import"]);
    assert_eq!(audit[1]["subject"], "partners.csv");
    drop(app);
}

#[test]
fn the_registry_is_a_command_too() {
    backends().into_iter().for_each(book);
}

#[test]
fn lists_that_cannot_be_read_are_told() {
    let toml = config("", MPNID);
    let place = Place::with(Backend::Sqlite, &toml);
    drop(receiver(&place, &toml));
    let file = place.folder.path().join("bad.csv");
    std::fs::write(&file, "colour\nred\n").unwrap();
    place.run(&["partners", "import", file.to_str().unwrap()]).failed(1, "there is no column \"colour\"");
    place.run(&["partners", "import", "nowhere.csv"]).failed(3, "cannot read nowhere.csv");
    assert_eq!(place.run(&["partners", "export", "--format", "table"]).code, 2);
}
