//! `tiersync promote` and `demote`, through the real binary, beside a running receiver.

use serde_json::{Value, json};

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, TestApp, backends, config};
use crate::v1::{column, get, problem, send};

fn world(backend: Backend) -> (Place, TestApp) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"}),
    ] {
        send(&app, &body);
    }
    let list = place.path("plans.csv");
    std::fs::write(&list, "reseller,service,plan,locations\neu//10,Mail,10 GB,\neu//20,Backup,S,north\n").unwrap();
    place.fine(&["plans", "import", "plans.csv"]);
    (place, app)
}

fn json_of(out: &str) -> Value {
    serde_json::from_str(out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

fn there_and_back(backend: Backend) {
    let (place, app) = world(backend);
    // The token alone goes to standard output.
    let ran = place.run(&["promote", "11", "--reason", "grows"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let token = ran.out.trim().to_owned();
    assert!(token.starts_with("tsk_") && !token.contains(char::is_whitespace), "{ran:?}");
    assert!(ran.err.contains("Account 0-3 is a reseller now and may sell 1 offers."), "{ran:?}");
    assert!(ran.err.contains("the token of reseller-0-3, shown this once"), "{ran:?}");
    assert_eq!(get(&app, &token, "/me").json()["resellers"], json!(["0-3"]));
    let sold = items(&place.fine(&["plans", "list", "--reseller", "11", "--format", "json"]));
    assert_eq!(column(&sold, "service"), ["Mail"]);
    place.run(&["promote", "11", "--reason", "again"]).failed(1, "This account is a reseller already. (1006)");

    let out = place.fine(&["demote", "11", "--reason", "shrinks"]);
    assert!(out.contains("account 0-3 is a customer of reseller 10 now"), "{out}");
    assert!(out.contains("operator reseller-0-3 is revoked"), "{out}");
    problem(&get(&app, &token, "/me"), 401, "not_authenticated");
    place.run(&["demote", "11", "--reason", "again"]).failed(1, "is no reseller");

    // With plans of its own, from a file, or of another.
    std::fs::write(place.path("own.csv"), "service,plan,locations,directory_ou\nMail,1 GB,north|south,\"OU=B,DC=x\"\n")
        .unwrap();
    let promote = [
        "promote",
        "11",
        "--reason",
        "grows",
        "--plans",
        "own.csv",
        "--price-list",
        "Own",
        "--operator",
        "bakery",
        "--expires",
        "90d",
        "--format",
        "json",
    ];
    let done = json_of(&place.fine(&promote));
    assert_eq!(done["plans"]["offers"], json!([{"service": "Mail", "plan": "1 GB", "locations": ["north", "south"]}]));
    assert_eq!(
        [&done["price_list"], &done["plans"]["directory_ou"], &done["operator"]["name"], &done["account"]["kind"]],
        [&json!("Own"), &json!("OU=B,DC=x"), &json!("bakery"), &json!("reseller")]
    );
    assert!(done["operator"]["expires_at"].is_string());
    let token = done["operator"]["token"].as_str().unwrap();
    assert_eq!(get(&app, token, "/accounts/0-3/plans").json(), done["plans"]);
    let csv = records(&place.fine(&["promote", "12", "--reason", "grows", "--plans-from", "20", "--format", "csv"]));
    assert_eq!(csv[0], ["id", "operator", "role", "token"]);
    assert_eq!(csv[1][..3], ["0-5", "reseller-0-5", "reseller_admin"]);
    let sold = items(&place.fine(&["plans", "list", "--reseller", "12", "--format", "json"]));
    assert_eq!(column(&sold, "service"), ["Backup"]);

    // Refused while it has customers; then to another, and to nobody.
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "11"}));
    place.run(&["demote", "11", "--reason", "shrinks"]).failed(1, "still has customers");
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "10"}));
    let out = json_of(&place.fine(&["demote", "11", "--reseller", "20", "--reason", "shrinks", "--format", "json"]));
    assert_eq!(out["account"]["reseller"]["platform_id"], "20");
    let out = place.fine(&["demote", "12", "--reseller", "none", "--reason", "shrinks"]);
    assert!(out.contains("account 0-5 is a customer of nobody now"), "{out}");

    let audit = items(&place.fine(&["operator", "audit", "--format", "json", "--action", "accounts.demote"]));
    assert_eq!(audit[0]["detail"], json!({"reseller": null, "reason": "shrinks"}));
    assert_eq!(audit.len(), 3);
}

#[test]
fn promotion_is_a_command_too() {
    backends().into_iter().for_each(there_and_back);
}

#[test]
fn wrong_promotions_are_told() {
    let (place, _app) = world(Backend::Sqlite);
    assert_eq!(place.run(&["promote", "11"]).code, 2, "a reason must be there");
    assert_eq!(place.run(&["demote", "11"]).code, 2, "a reason must be there");
    assert_eq!(place.run(&["promote", "11", "--reason", "x", "--plans", "a", "--plans-from", "10"]).code, 2);
    assert_eq!(place.run(&["promote", "11", "--reason", "x", "--expires", "soon"]).code, 2);
    place.run(&["promote", "11", "--reason", "x", "--plans", "nowhere.csv"]).failed(3, "cannot read nowhere.csv");
    std::fs::write(place.path("bad.csv"), "service,plan\nMail,\n").unwrap();
    place
        .run(&["promote", "11", "--reason", "x", "--plans", "bad.csv"])
        .failed(1, "bad.csv: line 2: its plan is empty");
    place.run(&["promote", "99", "--reason", "x"]).failed(1, "no account is called 99");
    place.run(&["promote", "11", "--reason", "x", "--plans-from", "12"]).failed(1, "is no reseller");
    let shown = items(&place.fine(&["accounts", "list", "--format", "json"]));
    assert_eq!(shown.iter().filter(|account| account["kind"] == "reseller").count(), 2);
}
