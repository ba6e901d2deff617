//! Lists of services by the command line: many transfers started at once, services of any kind made and changed.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver, records};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, backends, config};
use crate::services_manage::{did, make};
use crate::v1::{all, column, id, operator, send};

fn write(place: &Place, list: &str) {
    std::fs::write(place.path("list.csv"), list).unwrap();
}

/// What a list comes to: the counts of rows made, changed, unchanged and refused, and the rows that are told of.
fn take(place: &Place, flags: &[&str]) -> ([u64; 4], Vec<Value>) {
    let ran = place.run(&[&["services", "import", "list.csv", "--format", "json"], flags].concat());
    let told: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{ran:?}"));
    let counts = ["made", "changed", "unchanged", "refused"].map(|name| told["summary"][name].as_u64().unwrap());
    assert_eq!(ran.code, i32::from(counts[3] > 0), "{ran:?}");
    (counts, told["rows"].as_array().unwrap().clone())
}

fn transfers(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for body in [json!({"ID": "11", "Role": "User"}), json!({"ID": "12", "Role": "User"})] {
        send(&app, &body);
    }
    let held = make(&app, &token, "11", &json!({"kind": "domain", "name": "Held.example", "plan": "com"}));
    let theirs = make(&app, &token, "12", &json!({"kind": "other", "name": "Theirs", "external_id": "x-12"}));
    for _ in 0..2 {
        make(&app, &token, "11", &json!({"kind": "other", "name": "Twice"}));
    }
    let gone = make(&app, &token, "11", &json!({"kind": "other", "name": "Gone", "external_id": "x-gone"}));
    did(&app, &token, "POST", &format!("/services/{gone}/end"), &json!({}));
    write(
        &place,
        "account,kind,name,external_id,plan,transfer,transfer_state,transfer_action,expires_at\n\
         11,domain,held.example,,,incoming,pending,Confirm the e-mail,\n\
         11,domain,new.example,,net,,requested,,2027-05-01\n\
         12,hosting,Site,,small,,,,\n\
         12,domain,NEW.example,,net,outgoing,pending,Accept it,\n\
         11,domain,New.Example,,,,authorized,,\n\
         ,ssl,Lost,,,,,,\n\
         nobody,ssl,Lost,,,,,,\n\
         11,other,Twice,,gold,,,,\n\
         11,,Unheard,,,,,,\n\
         11,other,Theirs,x-12,,,,,\n\
         11,other,Gone,x-gone,gold,,,,\n\
         11,domain,a,,,sideways,pending,,\n\
         11,other,Named,x-named,gold,,,,\n",
    );
    let looked = take(&place, &["--dry-run"]);
    assert_eq!(looked.0, [4, 2, 0, 7], "{:?}", looked.1);
    let listed = |path: &str| all(&app, &token, path, 50);
    assert!(listed("/services?transfer=open").is_empty(), "a look changes nothing");
    let (counts, rows) = take(&place, &["--reason", "moved over"]);
    assert_eq!(counts, [4, 2, 0, 7], "{rows:?}");
    let told: Vec<(u64, &str)> =
        rows.iter().map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap())).collect();
    let expected = [
        (7, "names no account"),
        (8, "nobody"),
        (9, "several services"),
        (10, "needs a kind"),
        (11, "not the account's"),
        (12, "ended"),
        (13, "neither incoming nor outgoing"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for ((line, why), (at, part)) in told.iter().zip(expected) {
        assert!(*line == at && why.contains(part), "{line}: {why} is not {part}");
    }
    // What was there is changed, what was not is made, each once, and people see who has to do something.
    let open = items(&place.fine(&["services", "list", "--transfer", "open", "--format", "json"]));
    let mut shown: Vec<(String, &Value, &Value)> = open
        .iter()
        .map(|one| (one["name"].to_string(), &one["transfer"]["state"], &one["transfer"]["action"]))
        .collect();
    shown.sort_by_key(|(name, ..)| name.to_lowercase() + name);
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert!(shown.contains(&("\"held.example\"".to_owned(), &json!("pending"), &json!("Confirm the e-mail"))));
    assert!(shown.contains(&("\"New.Example\"".to_owned(), &json!("authorized"), &Value::Null)), "{shown:?}");
    assert_eq!(did(&app, &token, "GET", &format!("/services/{held}"), &Value::Null)["plan"], "com");
    assert_eq!(
        did(&app, &token, "GET", &format!("/services/{theirs}"), &Value::Null)["account"],
        json!(id(&app, "12"))
    );
    assert_eq!(listed(&format!("/accounts/{}/services", id(&app, "12"))).len(), 3);
    assert_eq!(listed("/services?transfer=action").len(), 2);
    // The list again changes nothing but what two of its rows say differently of one service.
    let before = stored(&mut app.database()).len();
    let (counts, _) = take(&place, &[]);
    assert_eq!(counts, [0, 2, 4, 7]);
    // The transfer is over; what a cell does not say stays.
    write(&place, "kind;name;transfer_state;expires_at\ndomain;held.example;none;\ndomain;new.example;none;none\n");
    let (counts, rows) = take(&place, &["--account", "11", "--all"]);
    assert_eq!(counts, [0, 2, 0, 0]);
    assert_eq!((&rows[1]["outcome"], &rows[1]["changed"][0]), (&json!("changed"), &json!("name")), "{rows:?}");
    assert!(listed("/services?transfer=action").len() == 1 && stored(&mut app.database()).len() > before);
    let feed = stored(&mut app.database());
    assert_tells_everything(&mut app.database(), &feed);
    let audit = listed("/audit?action=services.import");
    assert_eq!(audit.len(), 3, "{audit:?}");
    assert_eq!(audit[2]["detail"], json!({"lines": "2-14", "reason": "moved over"}));
    let csv = records(&place.fine(&["services", "import", "list.csv", "--account", "11", "--all", "--format", "csv"]));
    assert_eq!(csv[0], ["line", "account", "service", "external_id", "outcome", "changed", "reason"]);
    assert_eq!((&*csv[1][2], &*csv[1][4]), ("held.example", "unchanged"));
    let table = place.fine(&["services", "import", "list.csv", "--account", "11"]);
    assert_eq!(table, "0 made, 0 changed, 2 unchanged, 0 refused\n");
    write(&place, "colour\nred\n");
    place.run(&["services", "import", "list.csv"]).failed(1, "there is no column");
    place.run(&["services", "import", "none.csv"]).failed(3, "cannot read");
}

#[test]
fn many_transfers_are_started_from_a_list() {
    backends().into_iter().for_each(transfers);
}

/// A list that breaks off is taken as far as it goes, and the whole one is simply taken again.
fn broken_off(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for customer in 0..3 {
        send(&app, &json!({"ID": format!("1{customer}"), "Role": "User"}));
    }
    let mut list = "account,kind,name,transfer_state\n".to_owned();
    for row in 0..450 {
        writeln!(list, "1{},domain,d{row}.example,pending", row % 3).unwrap();
    }
    write(&place, &format!("{list}\"{}", "x".repeat(2 * 1024 * 1024)));
    let ran = place.run(&["services", "import", "list.csv", "--format", "json"]);
    ran.failed(1, "not closed");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["summary"]["made"], 450, "{told}");
    write(&place, &format!("{list}10,domain,last.example,pending\n"));
    assert_eq!(take(&place, &[]).0, [1, 0, 450, 0]);
    let names = column(&all(&app, &token, "/services?transfer=open", 500), "name");
    assert_eq!(names.len(), 451);
}

#[test]
fn a_list_that_breaks_off_is_taken_again() {
    backends().into_iter().for_each(broken_off);
}
