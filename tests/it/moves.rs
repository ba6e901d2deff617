//! Moves under strain: every reason against one, two at once, broken off, thousands from a list, and what the platform
//! says behind one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::StoreError;
use tiersync::writer::faults::{Faults, Place as At};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::moves_guide::{ask, did, reseller_of, sells, service, text, user, world};
use crate::reconcile::findings;
use crate::v1::{all, get, id, operator, problem, send};
use tiersync::app::Options;

/// A move of 11 to 20, on the revision of a preview.
fn looked_at(app: &TestApp, token: &str, to: &str) -> Value {
    let mut asked = json!({"customer": id(app, "11"), "reseller": id(app, to), "preview": true});
    asked["revision"] = did(app, token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    asked
}

fn reasons(backend: Backend) {
    let (app, token) = world(backend);
    for body in [
        json!({"ID": "30", "Role": "Reseller"}),
        json!({"ID": "31", "Role": "Reseller"}),
        json!({"ID": "32", "Role": "Reseller"}),
        json!({"ID": "33", "Role": "Reseller"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10"}),
        json!({"ID": "13", "Role": "User", "ResellerID": "10"}),
    ] {
        send(&app, &body);
    }
    for (account, standing) in [("30", "disabled"), ("31", "frozen"), ("32", "fraud")] {
        let path = format!("/accounts/{}", id(&app, account));
        did(&app, &token, "PATCH", &path, &json!({"standing": standing}));
    }
    for gone in ["33", "12"] {
        assert_eq!(Call::post("Accounts/Delete", json!({"ID": gone}).to_string()).send(&app).code(), 0);
    }
    let from = operator(&app, "from", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let harbour = text(&get(&app, &token, &format!("/accounts/{}", id(&app, "20"))).json()["external_id"]);
    did(&app, &from, "POST", "/moves", &json!({"customer": id(&app, "13"), "reseller": harbour}));
    for (customer, reseller, code, word) in [
        ("10", "20", 1006, "is a reseller"),
        ("11", "10", 1006, "already"),
        ("11", "11", 1006, "own reseller"),
        ("11", "21", 1006, "is none"),
        ("11", "30", 1006, "disabled"),
        ("11", "31", 1006, "frozen"),
        ("11", "32", 1006, "fraud"),
        ("11", "33", 1004, "deleted"),
        ("12", "20", 1004, "deleted"),
        ("13", "20", 1006, "under way"),
    ] {
        let mut asked = json!({"customer": id(&app, customer), "reseller": id(&app, reseller), "preview": true});
        let look = did(&app, &token, "POST", "/moves", &asked);
        let told = |one: &Value| one["code"] == code && one["reason"].as_str().unwrap().contains(word);
        assert!(look["refusals"].as_array().unwrap().iter().any(told), "{customer} to {reseller}: {look}");
        assert_eq!(look["possible"], false, "{look}");
        // The real thing says the same.
        asked["revision"] = look["revision"].clone();
        asked["preview"] = json!(false);
        let reply = ask(&app, &token, "POST", "/moves", &asked);
        problem(&reply, 409, "conflict");
        assert!(reply.body.contains(word) || word == "already", "{customer} to {reseller}: {}", reply.body);
    }
    assert_eq!(all(&app, &token, "/moves?state=done", 50), Vec::<Value>::new());
    // A provider_admin alone leaves a customer without a reseller.
    let nobody = json!({"customer": id(&app, "11"), "reseller": null, "preview": true});
    problem(&ask(&app, &from, "POST", "/moves", &nobody), 409, "conflict");
    assert_eq!(did(&app, &token, "POST", "/moves", &nobody)["possible"], true);
}

#[test]
fn every_reason_against_a_move_is_told_before_and_when_it_is_made() {
    backends().into_iter().for_each(reasons);
}

fn changed(backend: Backend) {
    let (app, token) = world(backend);
    let offers: &[(&str, &str, &[&str])] = &[("Mail", "gold", &[])];
    for (reseller, ou) in [("10", "OU=North"), ("20", "OU=Harbour")] {
        sells(&app, &token, reseller, ou, offers);
    }
    let mail = service(&app, &token, "11", "Mail", "gold", "");
    let late = |change: &dyn Fn(), word: &str| {
        let asked = looked_at(&app, &token, "20");
        change();
        let reply = ask(&app, &token, "POST", "/moves", &asked);
        problem(&reply, 409, "conflict");
        assert!(reply.body.contains(word), "{}", reply.body);
        assert_eq!(reseller_of(&app, &token, "11"), "10");
    };
    late(&|| drop(user(&app, &token, "11", "ann", &[&mail])), "the customer's users");
    late(&|| drop(service(&app, &token, "11", "Mail", "gold", "")), "the customer's services");
    let more: &[(&str, &str, &[&str])] = &[("Mail", "gold", &[]), ("Mail", "silver", &[])];
    late(&|| sells(&app, &token, "20", "OU=Harbour", more), "what the reseller may sell");
    // What is nothing to the move does not stand in its way.
    let asked = looked_at(&app, &token, "20");
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Another name"}));
    did(&app, &token, "POST", "/moves", &asked);
    assert_eq!(reseller_of(&app, &token, "11"), "20");
}

#[test]
fn a_move_is_refused_with_what_changed_since_its_preview() {
    backends().into_iter().for_each(changed);
}

fn at_once(backend: Backend) {
    let (app, token) = world(backend);
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    let second = match backend {
        Backend::Postgres => Some(app.second()),
        Backend::Sqlite => None,
    };
    for round in 0..5 {
        let targets = if round % 2 == 0 { ["20", "30"] } else { ["10", "10"] };
        let asked = targets.map(|to| looked_at(&app, &token, to));
        let replies = std::thread::scope(|scope| {
            let other = second.as_ref().unwrap_or(&app);
            let (one, two) = (&asked[0], &asked[1]);
            let first = scope.spawn(|| ask(&app, &token, "POST", "/moves", one));
            let second = scope.spawn(|| ask(other, &token, "POST", "/moves", two));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let mut statuses = replies.each_ref().map(|reply| reply.status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", replies[0].body, replies[1].body);
        let (won, lost) = if replies[0].status == 200 { (0, 1) } else { (1, 0) };
        let why = &replies[lost].json()["detail"];
        assert!(
            why.as_str().unwrap().contains("Since the preview") || why.as_str().unwrap().contains("there already"),
            "{why}"
        );
        assert_eq!(reseller_of(&app, &token, "11"), targets[won]);
        assert_eq!(all(&app, &token, "/moves?state=done", 50).len(), round + 1);
    }
}

#[test]
fn of_two_moves_at_once_one_wins_and_the_other_is_told_why() {
    backends().into_iter().for_each(at_once);
}

fn faults(backend: Backend) {
    let armed = Arc::new(AtomicU8::new(0));
    let hook = armed.clone();
    let places = [At::Load, At::Write, At::Commit];
    let faults = Faults::new(move |at, calls| {
        let place = hook.load(Ordering::SeqCst);
        let fails = place > 0 && places[usize::from(place) - 1] == at && calls.is_empty();
        fails.then(|| StoreError::Failed("a fault".to_owned()))
    });
    let app = TestApp::with_options(backend, &config("", MPNID), Options { faults, ..Options::default() });
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    for body in [
        json!({"ID": "10", "Role": "Reseller"}),
        json!({"ID": "20", "Role": "Reseller"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10"}),
    ] {
        send(&app, &body);
    }
    sells(&app, &token, "20", "OU=Harbour", &[("Mail", "silver", &[])]);
    let mail = service(&app, &token, "11", "Mail", "gold", "");
    user(&app, &token, "11", "ann", &[&mail]);
    let mut asked = json!({"customer": id(&app, "11"), "reseller": id(&app, "20"), "preview": true,
        "plans": [{"id": mail, "new_plan": "silver"}]});
    asked["revision"] = did(&app, &token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    let everything = || {
        ["/accounts", "/relations", "/services", "/moves", "/provisioning-requests", "/changes", "/audit"]
            .map(|path| get(&app, &token, path).body)
    };
    let before = everything();
    for place in 1..=3 {
        armed.store(place, Ordering::SeqCst);
        let reply = ask(&app, &token, "POST", "/moves", &asked);
        armed.store(0, Ordering::SeqCst);
        problem(&reply, 500, "internal");
        assert_eq!(everything(), before, "{:?}", places[usize::from(place) - 1]);
    }
    let made = did(&app, &token, "POST", "/moves", &asked);
    assert!(made["provisioning_request"].is_string(), "{made}");
    assert_eq!(get(&app, &token, &format!("/services/{mail}")).json()["plan"], "silver");
}

#[test]
fn a_move_that_fails_in_the_middle_leaves_no_trace() {
    backends().into_iter().for_each(faults);
}

/// Resellers 1 and 2, and as many customers of 1 as are asked for, numbered from 1000.
fn imported(place: &Place, customers: usize) {
    let mut list = "platform_id,kind,reseller_id\n1,reseller,\n2,reseller,\n".to_owned();
    for customer in 0..customers {
        writeln!(list, "{},reseller_customer,1", 1_000 + customer).unwrap();
    }
    std::fs::write(place.path("accounts.csv"), list).unwrap();
    place.fine(&["migrate"]);
    place.fine(&["accounts", "import", "accounts.csv", "--source", "eu"]);
}

fn thousands(backend: Backend) {
    let place = Place::with(backend, &config("", MPNID));
    let rows = 10_000;
    imported(&place, rows);
    let mut list = "customer,reseller,plans\n".to_owned();
    for row in 0..rows {
        let customer = 1_000 + row;
        match row % 400 {
            // One in a hundred is bad, each in its own way.
            7 => writeln!(list, "nobody-{row},2,").unwrap(),
            107 => writeln!(list, "{customer},,").unwrap(),
            207 => writeln!(list, "{customer},2,Mail").unwrap(),
            307 => writeln!(list, "{customer},unheard,").unwrap(),
            _ => writeln!(list, "{customer},2,").unwrap(),
        }
    }
    std::fs::write(place.path("moves.csv"), list).unwrap();
    let run = |flags: &[&str]| -> Value {
        let ran = place.run(&[&["move", "--csv", "moves.csv", "--source", "eu", "--format", "json"], flags].concat());
        ran.failed(1, "100 rows are refused");
        serde_json::from_str(&ran.out).unwrap()
    };
    let counts = |told: &Value| {
        ["rows", "moved", "unchanged", "refused", "withheld"].map(|name| told["summary"][name].as_u64().unwrap())
    };
    let made = run(&[]);
    assert_eq!(counts(&made), [10_000, 9_900, 0, 100, 0]);
    let bad: Vec<u64> = made["rows"].as_array().unwrap().iter().map(|row| row["row"].as_u64().unwrap()).collect();
    // The header is the first line.
    let expected: Vec<u64> = (0..rows as u64).filter(|row| row % 100 == 7).map(|row| row + 2).collect();
    assert_eq!(bad, expected);
    let again = run(&[]);
    assert_eq!(counts(&again), [10_000, 0, 9_900, 100, 0]);
    assert_eq!(items(&place.fine(&["moves", "list", "--format", "json"])).len(), 9_900, "a rerun does nothing");
    let of =
        |reseller: &str| items(&place.fine(&["accounts", "list", "--reseller", reseller, "--format", "json"])).len();
    // Of the bad rows, those that named nobody left a customer of 1 behind, too.
    assert_eq!([of("1"), of("2")], [100, 9_900]);
}

#[test]
fn ten_thousand_moves_of_a_list() {
    backends().into_iter().for_each(thousands);
}

fn together(backend: Backend) {
    let place = Place::with(backend, &config("", MPNID));
    imported(&place, 300);
    let list = |bad: &str| {
        let rows: String = (0..300).map(|row| format!("{},2\n", 1_000 + row)).collect();
        std::fs::write(place.path("moves.csv"), format!("customer,reseller\n{rows}{bad}")).unwrap();
    };
    let command = ["move", "--csv", "moves.csv", "--all-or-nothing", "--format", "json"];
    let counts = |out: &str| -> [u64; 4] {
        let told: Value = serde_json::from_str(out).unwrap();
        ["moved", "unchanged", "refused", "withheld"].map(|name| told["summary"][name].as_u64().unwrap())
    };
    let moves = || items(&place.fine(&["moves", "list", "--format", "json"])).len();
    // A name that means nobody, and a rule that is broken.
    for bad in ["unheard,2\n", "2,1\n"] {
        list(bad);
        let ran = place.run(&command);
        ran.failed(1, "1 rows are refused");
        assert_eq!((counts(&ran.out), moves()), ([0, 0, 1, 300], 0), "{bad}");
    }
    list("");
    let looked = place.fine(&[&command[..], &["--preview"]].concat());
    assert_eq!((counts(&looked), moves()), ([300, 0, 0, 0], 0));
    assert_eq!((counts(&place.fine(&command)), moves()), ([300, 0, 0, 0], 300));
}

#[test]
fn all_moves_of_a_list_or_none() {
    backends().into_iter().for_each(together);
}

fn afterwards(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    for reseller in ["1", "2", "3"] {
        send(&app, &json!({"ID": reseller, "Role": "Reseller"}));
    }
    let says = |reseller: &str| {
        let reply = app.synchronize(&json!({"ID": "11", "Role": "User", "ResellerID": reseller}).to_string());
        assert_eq!(reply.code(), 0, "{}", reply.body);
    };
    let holds =
        || items(&place.fine(&["accounts", "list", "--platform-id", "11", "--format", "json"]))[0]["reseller"].clone();
    says("1");
    place.fine(&["move", "11", "--to", "2", "--reason", "consolidation"]);
    assert_eq!((&holds()["platform_id"], &holds()["drift"]), (&json!("2"), &json!(true)));
    // The platform repeats its old word: nothing flips, and whoever reconciles is told.
    for _ in 0..3 {
        says("1");
        assert_eq!(holds()["platform_id"], "2");
    }
    let drift = findings(&place, &["--check", "drift"]);
    assert_eq!((drift.len(), &drift[0]["platform_id"]), (1, &json!("11")), "{drift:?}");
    // A third reseller: that one holds, and the drift is over.
    says("3");
    assert_eq!((&holds()["platform_id"], &holds()["drift"]), (&json!("3"), &json!(false)));
    let clean = place.fine(&["reconcile", "--check", "drift", "--format", "json"]);
    assert_eq!(items(&clean).len(), 0, "{clean}");
    // Agreement ends the hold, too: from then on the platform is followed again.
    place.fine(&["move", "11", "--to", "2"]);
    says("2");
    says("3");
    assert_eq!(holds()["platform_id"], "3");
}

#[test]
fn what_the_platform_repeats_undoes_no_move_and_what_it_newly_says_holds() {
    backends().into_iter().for_each(afterwards);
}

fn end(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    imported(&place, 500);
    std::fs::write(place.path("partners.csv"), "partner_id,name,reseller\n34568,Northwind,eu//1\n").unwrap();
    place.fine(&["partners", "import", "partners.csv"]);
    let app = receiver(&place, &toml);
    let delete = || Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code();
    assert_eq!(delete(), 1004);
    let look = place.run(&["terminate", "1", "--to", "2", "--preview", "--format", "json"]);
    assert_eq!(look.code, 0, "{}", look.err);
    let look: Value = serde_json::from_str(&look.out).unwrap();
    assert_eq!(
        (&look["summary"]["customers"]["moved"], &look["summary"]["delete"]),
        (&json!(500), &json!("waits")),
        "{look}"
    );
    // One of them does not fit: it stays, it is named, and the reseller with it.
    place.fine(&[
        "services",
        "create",
        "1007",
        "--kind",
        "subscription",
        "--service",
        "Mail",
        "--plan",
        "gold",
        "--reason",
        "bought",
    ]);
    let ran = place.run(&["terminate", "1", "--to", "2", "--reason", "no longer active", "--format", "json"]);
    ran.failed(1, "1 customers are left");
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["rows"].as_array().unwrap().len(), 1, "{told}");
    assert!(told["rows"][0]["reason"].as_str().unwrap().contains("does not sell Mail"), "{told}");
    assert_eq!((&told["summary"]["frozen"], &told["summary"]["left"]), (&json!(true), &json!(1)));
    let new = app.synchronize(r#"{"ID":"77","Role":"User","ResellerID":"1"}"#);
    assert_eq!(new.code(), 1006, "a reseller that ends takes nobody new: {}", new.body);
    assert_eq!(delete(), 1004);
    std::fs::write(place.path("plans.csv"), "reseller,service,plan\neu//2,Mail,gold\n").unwrap();
    place.fine(&["plans", "import", "plans.csv"]);
    let done = place.fine(&["terminate", "1", "--to", "2", "--reason", "no longer active"]);
    assert!(done.contains("ended partners: 34568") && done.contains("held back, is done"), "{done}");
    let status = |id: &str| {
        items(&place.fine(&["accounts", "list", "--platform-id", id, "--format", "json"]))[0]["status"].clone()
    };
    assert_eq!(status("1"), "deleted");
    let of = items(&place.fine(&["accounts", "list", "--reseller", "2", "--format", "json"]));
    assert_eq!(of.len(), 500);
    let partner = items(&place.fine(&["partners", "list", "--format", "json"]))[0].clone();
    assert_eq!(partner["status"], "ended", "{partner}");
    // Run again, there is nothing to do.
    place.fine(&["terminate", "1", "--to", "2"]);
}

#[test]
fn a_reseller_with_five_hundred_customers_ends() {
    backends().into_iter().for_each(end);
}

fn by_hand(backend: Backend) {
    let place = Place::with(backend, &config("", MPNID));
    imported(&place, 2);
    std::fs::write(
        place.path("plans.csv"),
        "reseller,service,plan,locations,directory_ou\neu//1,Workspace,gold,,OU=North\neu//2,Workspace,silver,east|west,OU=Harbour\n",
    )
    .unwrap();
    place.fine(&["plans", "import", "plans.csv"]);
    let made = place.fine(&[
        "services",
        "create",
        "1000",
        "--kind",
        "subscription",
        "--service",
        "Workspace",
        "--plan",
        "gold",
        "--reason",
        "r",
        "--format",
        "json",
    ]);
    let made: Value = serde_json::from_str(&made).unwrap();
    let desk = text(made.get("id").or_else(|| made[0].get("id")).unwrap());
    // Validation: which plans do not match.
    let look = place.run(&["move", "1000", "--to", "2", "--preview"]);
    look.failed(1, "the move cannot be made");
    assert!(look.out.contains("choose_plan") && look.out.contains("silver"), "{}", look.out);
    place.run(&["move", "1000", "--to", "2"]).failed(1, "Choose the plan of Workspace among silver");
    // Matching the plan leaves the location to choose.
    let matched = "Workspace:gold=silver";
    place.run(&["move", "1000", "--to", "2", "--plan", matched]).failed(1, "Choose where Workspace");
    let moved = place.fine(&["move", "1000", "--to", "2", "--plan", matched, "--location", "west", "--format", "json"]);
    let moved: Value = serde_json::from_str(&moved).unwrap();
    assert_eq!(moved["state"], "done", "{moved}");
    let shown = place.fine(&["services", "show", &desk, "--format", "json"]);
    assert!(shown.contains("silver") && shown.contains("west"), "{shown}");
    let requests = items(&place.fine(&["provisioning", "list", "--format", "json"]));
    assert_eq!((requests.len(), &requests[0]["id"]), (1, &moved["provisioning_request"]), "{requests:?}");
    let listed = items(&place.fine(&["moves", "list", "--customer", "1000", "--format", "json"]));
    assert_eq!(listed[0]["id"], moved["id"]);
    place.run(&["move", "1000", "--to", "2"]).failed(1, "nothing to move");
    let usage = place.run(&["move", "1000"]);
    assert!(usage.code == 2 && usage.err.contains("--to"), "{}", usage.err);
    place.run(&["move", "1001", "--to", "none", "--plan", "x"]).failed(2, "is no choice");
    place.fine(&["move", "1001", "--to", "none"]);
}

#[test]
fn the_guides_process_on_the_command_line() {
    backends().into_iter().for_each(by_hand);
}
