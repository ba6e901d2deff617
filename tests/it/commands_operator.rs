//! `tiersync operator` and `tiersync relations`, through the real binary, and what they leave in the audit trail.

use serde_json::{Value, json};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, backends, config};
use crate::v1::{column, get, problem, send};

fn world(backend: Backend) -> (Place, crate::harness::TestApp) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    send(
        &app,
        &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery", "SyncOptions": {"MPNID": 34568}}),
    );
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"}));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "99", "Name": "Waiting", "Email": "w@x.example"}));
    (place, app)
}

/// Commands write beside a running receiver, and their tokens are good at once.
fn lives(backend: Backend) {
    let (place, app) = world(backend);
    let token = place.fine(&["operator", "add", "maria", "--role", "viewer"]).trim().to_owned();
    assert!(token.starts_with("tsk_") && !token.contains(char::is_whitespace), "{token}");
    assert_eq!(get(&app, &token, "/me").json()["name"], "maria");
    let out =
        place.fine(&["operator", "add", "ops@x", "--role", "provider_admin", "--expires", "90d", "--format", "json"]);
    let added: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (added.as_object().unwrap().len(), &added["name"], &added["role"]),
        (3, &json!("ops@x"), &json!("provider_admin"))
    );
    let provider = added["token"].as_str().unwrap().to_owned();
    assert!(get(&app, &provider, "/me").json()["expires_at"].is_string());
    let csv = place.fine(&[
        "operator",
        "add",
        "north",
        "--role",
        "reseller_admin",
        "--reseller",
        "10",
        "--reseller",
        "0-1",
        "--format",
        "csv",
    ]);
    let admin = records(&csv)[1][2].clone();
    assert_eq!(get(&app, &admin, "/me").json()["resellers"], json!(["0-1"]));

    let list = items(&place.fine(&["operator", "list", "--format", "json"]));
    assert_eq!(column(&list, "name"), ["maria", "north", "ops@x"]);
    assert_eq!(column(&list, "state"), ["active"; 3]);
    place.fine(&["operator", "revoke", "maria"]);
    problem(&get(&app, &token, "/me"), 401, "not_authenticated");
    assert_eq!(
        column(&items(&place.fine(&["operator", "list", "--format", "json"])), "state"),
        ["revoked", "active", "active"]
    );
    let table = place.fine(&["operator", "list"]);
    assert!(table.contains("reseller_admin") && table.lines().count() == 4, "{table}");

    // A name is never given twice, and nothing is revoked twice.
    place.run(&["operator", "add", "maria", "--role", "viewer"]).failed(1, "never given twice");
    place.run(&["operator", "revoke", "maria"]).failed(1, "no operator maria");
    place.run(&["operator", "revoke", "nobody"]).failed(1, "no operator nobody");

    let audit = items(&place.fine(&["operator", "audit", "--format", "json"]));
    assert_eq!(column(&audit, "action"), ["operator.revoke", "operator.add", "operator.add", "operator.add"]);
    assert_eq!(column(&audit, "subject"), ["maria", "north", "ops@x", "maria"]);
    assert!(audit.iter().all(|entry| entry["operator"] == "cli" && entry["at"].is_string()), "{audit:?}");
    assert_eq!(audit[1]["detail"], json!({"role": "reseller_admin", "resellers": ["0-1"], "expires_at": null}));
    let revoked = items(&place.fine(&["operator", "audit", "--format", "json", "--action", "operator.revoke"]));
    assert_eq!(column(&revoked, "subject"), ["maria"]);
    for none in [["--operator", "maria"], ["--since", "2999-01-01"], ["--action", "x"]] {
        assert_eq!(place.fine(&[&["operator", "audit", "--format", "json"][..], &none].concat()), "[]\n");
    }
    let served = crate::v1::all(&app, &provider, "/audit", 3);
    assert_eq!(served, audit);
    assert_eq!(
        column(&crate::v1::all(&app, &provider, "/audit?operator=cli&action=operator.add", 1), "subject"),
        ["north", "ops@x", "maria"]
    );
    for token in [&token, &provider, &admin] {
        for text in [
            place.fine(&["operator", "audit", "--format", "json"]),
            place.fine(&["operator", "list", "--format", "json"]),
        ] {
            assert!(!text.contains(token.as_str()));
        }
    }
    // What came through the commands did not disturb the ledger.
    send(&app, &json!({"ID": "13", "Role": "Reseller"}));
    drop(app);
    place.fine(&["deliveries", "verify"]);
}

#[test]
fn operators_are_added_listed_revoked_and_audited() {
    backends().into_iter().for_each(lives);
}

#[test]
fn operators_that_make_no_sense_are_refused() {
    let (place, _app) = world(Backend::Sqlite);
    for (arguments, code, part) in [
        (&["x y", "--role", "viewer"][..], 2, "letters, digits"),
        (&["cli", "--role", "viewer"], 2, "command line"),
        (&["x", "--role", "root"], 2, "none of viewer, provisioner, reseller_admin, provider_admin"),
        (&["x", "--role", "viewer", "--expires", "soon"], 2, "12h, 90d or 52w"),
    ] {
        let ran = place.run(&[&["operator", "add"][..], arguments].concat());
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.err.contains(part), "{ran:?}");
    }
    for (arguments, code, part) in [
        (&["x", "--role", "reseller_admin"][..], 2, "at least one --reseller"),
        (&["x", "--role", "viewer", "--reseller", "10"], 2, "means nothing to a viewer"),
        (&["x", "--role", "reseller_admin", "--reseller", "11"], 1, "11 is no reseller"),
        (&["x", "--role", "reseller_admin", "--reseller", "nobody"], 1, "no account is called nobody"),
    ] {
        place.run(&[&["operator", "add"][..], arguments].concat()).failed(code, part);
    }
    assert_eq!(place.fine(&["operator", "list"]), "nothing found\n");
    assert_eq!(place.fine(&["operator", "audit", "--format", "json"]), "[]\n");
}

fn reads(backend: Backend) {
    let (place, app) = world(backend);
    let relations =
        |arguments: &[&str]| items(&place.fine(&[&["relations", "list", "--format", "json"], arguments].concat()));
    let all = relations(&[]);
    assert_eq!(all.len(), 4, "{all:?}");
    let key = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["reseller"]["platform_id"].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(key(&relations(&["--axis", "reseller"])), ["10", "20", "99"]);
    assert_eq!(key(&relations(&["--axis", "reseller", "--open"])), ["20", "99"]);
    assert_eq!(key(&relations(&["--reseller", "10"])), ["10"]);
    assert_eq!(key(&relations(&["--customer", "12"])), ["99"]);
    assert_eq!(key(&relations(&["--state", "pending", "--axis", "reseller"])), ["99"]);
    assert_eq!(relations(&["--source", "us"]).len(), 0);
    assert_eq!(relations(&["--on", "2001-01-01"]).len(), 0);
    assert_eq!(key(&relations(&["--on", "2999-01-01", "--axis", "reseller"])), ["20", "99"]);
    let first = all.iter().find(|row| row["reseller"]["platform_id"] == "10").unwrap();
    let known = first["learned"].as_str().unwrap();
    assert_eq!(key(&relations(&["--on", "2999-01-01", "--known", known, "--axis", "reseller"])), ["10"]);
    assert_eq!(relations(&["--limit", "1"]).len(), 1);
    let csv = records(&place.fine(&["relations", "list", "--format", "csv", "--axis", "partner"]));
    assert_eq!(
        csv[0],
        ["id", "axis", "customer", "customer_name", "reseller", "partner_id", "state", "from", "to", "cause"]
    );
    assert_eq!((csv.len(), csv[1][5].as_str()), (2, "34568"));
    assert!(place.fine(&["relations", "list"]).contains("Waiting"));

    let accounts = |arguments: &[&str]| {
        column(&items(&place.fine(&[&["accounts", "list", "--format", "json"], arguments].concat())), "platform_id")
    };
    assert_eq!(accounts(&["--state", "pending"]), ["12"]);
    assert_eq!(accounts(&["--partner-id", "34568"]), ["11"]);
    assert_eq!(accounts(&["--option", "MPNID:34568"]), ["11"]);
    assert_eq!(accounts(&["--q", "W@X"]), ["12"]);
    assert_eq!(accounts(&["--changed-since", "2999-01-01"]), Vec::<String>::new());
    let deliveries = |arguments: &[&str]| {
        items(&place.fine(&[&["deliveries", "list", "--format", "json"], arguments].concat())).len()
    };
    assert_eq!(deliveries(&["--platform-id", "11"]), 2);
    assert_eq!((deliveries(&["--webhook-id", "x"]), deliveries(&["--track-id", "x"])), (0, 0));
    drop(app);
}

#[test]
fn relations_and_the_new_filters_are_commands_too() {
    backends().into_iter().for_each(reads);
}
