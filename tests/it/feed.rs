//! The change feed: what each thing that happens is told as, and that what is told is what is there.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use tiersync::domain::feed::Event;
use tiersync::domain::ids::AccountId;
use tiersync::domain::operator::Visible;
use tiersync::store::AnyConnection;
use tiersync::store::changes::{self, Change, Question, Read};
use tiersync::store::schema::{accounts, probes, relations, services, sites, users};

use crate::commands::receiver;
use crate::commands_binary::{Place, until};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::v1::{all, column, get, operator, problem, send};

/// The whole feed as everybody who sees everything reads it.
pub fn feed(app: &TestApp, token: &str) -> Vec<Value> {
    all(app, token, "/changes", 500)
}

/// The whole feed as it is stored, read in pieces.
pub fn stored(database: &mut AnyConnection) -> Vec<Change> {
    let mut question = Question { after: 0, up_to: i64::MAX, limit: 100, kinds: Vec::new() };
    let mut found = Vec::new();
    loop {
        match changes::after(database, &Visible::All, &question).unwrap() {
            Read::Entries(reading) => {
                found.extend(reading.items);
                question.after = reading.next;
                if reading.at_end {
                    return found;
                }
            }
            gone => panic!("{gone:?}"),
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Told {
    kind: String,
    status: String,
    revision: i64,
}

/// Whoever follows this feed knows what is in the database: positions without a gap, every account created once and at its
/// revision, kind and status, every relation opened once, in its state, and closed once where it is.
pub fn assert_tells_everything(database: &mut AnyConnection, feed: &[Change]) {
    let mut told: BTreeMap<i64, Told> = BTreeMap::new();
    let mut states: BTreeMap<i64, String> = BTreeMap::new();
    let mut closed: BTreeSet<i64> = BTreeSet::new();
    let mut of_services: BTreeMap<i64, (i64, i64, String)> = BTreeMap::new();
    let mut of_users: BTreeMap<i64, (i64, i64, String)> = BTreeMap::new();
    let mut of_sites: BTreeMap<i64, (i64, i64, String)> = BTreeMap::new();
    for (position, change) in (1..).zip(feed) {
        assert_eq!(change.position, position, "{change:?}");
        let AccountId(id) = change.entry.account;
        let known = told.contains_key(&id);
        assert_eq!(known, !matches!(change.entry.event, Event::Created(_)), "{change:?}");
        let account = told.entry(id).or_default();
        if let Some(revision) = change.entry.revision {
            assert!(revision >= account.revision, "{change:?}");
            account.revision = revision;
        }
        match &change.entry.event {
            Event::Created(kind) | Event::Revived(kind, _) => {
                assert_ne!(account.status, "active", "{change:?}");
                (account.kind, account.status) = (kind.as_str().to_owned(), "active".to_owned());
            }
            Event::KindChanged { to, .. } => account.kind = to.as_str().to_owned(),
            Event::Deleted | Event::Erased => account.status = "deleted".to_owned(),
            Event::Opened(related) => {
                let state = related.state.as_str().to_owned();
                assert_eq!(states.insert(related.relation.0, state), None, "{change:?}");
            }
            Event::Linked(related) => {
                let before = states.insert(related.relation.0, "linked".to_owned());
                assert!(before.is_some_and(|before| before != "linked"), "{change:?}");
            }
            Event::Closed(related) => assert!(closed.insert(related.relation.0), "{change:?}"),
            Event::Updated(_) | Event::OptionsChanged(_) | Event::PlansChanged(_) => {}
            Event::Provisioning(..) | Event::ItemPending(_) | Event::Asked(..) => {}
            // What moved is told to whom it left, too.
            Event::Service(_, told) if told.moved.is_some_and(|(from, _)| from.0 == id) => {
                assert_eq!(of_services[&told.service.0].0, id, "{change:?}");
            }
            Event::User(_, told) if told.moved.is_some_and(|(from, _)| from.0 == id) => {
                assert_eq!(of_users[&told.user.0].0, id, "{change:?}");
            }
            Event::Site(_, told) => {
                let thing = told.probe.map_or(told.site.0, |probe| probe.0);
                let now = (id, told.revision, told.status.as_str().to_owned());
                let before = of_sites.insert(thing, now);
                assert_eq!(before.map_or(0, |before| before.1) + 1, told.revision, "{change:?}");
            }
            Event::User(_, told) => {
                let now = (id, told.revision, told.status.as_str().to_owned());
                let before = of_users.insert(told.user.0, now);
                assert_eq!(before.map_or(0, |before| before.1) + 1, told.revision, "{change:?}");
            }
            Event::Service(_, told) => {
                let now = (id, told.revision, told.status.as_str().to_owned());
                let before = of_services.insert(told.service.0, now);
                assert_eq!(before.map_or(0, |before| before.1) + 1, told.revision, "{change:?}");
            }
        }
    }
    let rows: Vec<(i64, String, String, i64)> = accounts::table
        .select((accounts::id, accounts::kind, accounts::status, accounts::revision))
        .load(database)
        .unwrap();
    let rows: BTreeMap<i64, Told> =
        rows.into_iter().map(|(id, kind, status, revision)| (id, Told { kind, status, revision })).collect();
    assert_eq!(told, rows);
    let rows: Vec<(i64, i64, i64, String)> = services::table
        .select((services::id, services::account_id, services::revision, services::status))
        .load(database)
        .unwrap();
    let rows: BTreeMap<i64, (i64, i64, String)> =
        rows.into_iter().map(|(id, account, revision, status)| (id, (account, revision, status))).collect();
    assert_eq!(of_services, rows);
    let rows: Vec<(i64, i64, i64, String)> =
        users::table.select((users::id, users::account_id, users::revision, users::status)).load(database).unwrap();
    let rows: BTreeMap<i64, (i64, i64, String)> =
        rows.into_iter().map(|(id, account, revision, status)| (id, (account, revision, status))).collect();
    assert_eq!(of_users, rows);
    let mut rows: Vec<(i64, i64, i64, String)> =
        sites::table.select((sites::id, sites::account_id, sites::revision, sites::status)).load(database).unwrap();
    let of_probes = probes::table.select((probes::id, probes::account_id, probes::revision, probes::status));
    rows.extend(of_probes.load::<(i64, i64, i64, String)>(database).unwrap());
    let rows: BTreeMap<i64, (i64, i64, String)> =
        rows.into_iter().map(|(id, account, revision, status)| (id, (account, revision, status))).collect();
    assert_eq!(of_sites, rows);
    let rows: Vec<(i64, String, Option<i64>)> =
        relations::table.select((relations::id, relations::state, relations::valid_to)).load(database).unwrap();
    let ended: BTreeSet<i64> = rows.iter().filter(|(_, _, to)| to.is_some()).map(|(id, ..)| *id).collect();
    assert_eq!(closed, ended);
    assert_eq!(states, rows.into_iter().map(|(id, state, _)| (id, state)).collect());
}

/// An entry without what differs from run to run.
fn told(change: &Value) -> Value {
    let mut told = change.clone();
    let entry = told.as_object_mut().unwrap();
    assert!(entry.remove("at").is_some_and(|at| at.as_str().unwrap().starts_with("20")), "{change}");
    let account = entry.remove("account").unwrap();
    assert_eq!(account["external_id"].as_str().map(str::len), Some(36), "{change}");
    assert_eq!((&account["source"], &account["tenant"]), (&json!("eu"), &json!("")));
    entry.insert("account".to_owned(), account["platform_id"].clone());
    if let Some(relation) = entry.get_mut("relation").and_then(Value::as_object_mut) {
        relation.insert("to".to_owned(), json!(relation["to"].is_string()));
        assert!(relation.remove("from").is_some_and(|from| from.is_string()) && relation.remove("id").is_some());
    }
    entry.retain(|_, value| !value.is_null() && *value != json!([]));
    told
}

fn sync(app: &TestApp, body: &Value) {
    send(app, body);
}

fn delete(app: &TestApp, id: &str) {
    assert_eq!(Call::post("Accounts/Delete", json!({"ID": id}).to_string()).send(app).code(), 0);
}

fn every_kind(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let customer = |name: &str, reseller: &str, options: Value| {
        sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": reseller, "Name": name, "SyncOptions": options}));
    };
    // Deliveries 0-1 to 0-12.
    customer("Bakery", "10", json!({"MPNID": "34568", "Plan": "gold"}));
    customer("Bakery", "10", json!({"MPNID": "34568", "Plan": "gold"}));
    sync(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    customer("The Bakery", "10", json!({"MPNID": "34568", "Trial": true}));
    sync(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    customer("The Bakery", "20", json!({"MPNID": "34568", "Trial": true}));
    sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "", "Name": "The Bakery", "SyncOptions": {}}));
    assert_eq!(app.synchronize(r#"{"ID":"11","Role":"Nobody"}"#).code(), 1002);
    delete(&app, "11");
    delete(&app, "11");
    sync(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery", "Email": "b@x.example"}));
    place.fine(&["accounts", "erase", "11"]);
    place.fine(&["accounts", "revive", "11"]);
    let reseller = |account: Option<&str>, platform_id: &str, external_id: Option<&str>| json!({"id": account, "platform_id": platform_id, "external_id": external_id});
    let relation = |state: &str, reseller: Value, to: bool| json!({"axis": "reseller", "reseller": reseller, "partner_id": null, "state": state, "to": to});
    let partner =
        |to: bool| json!({"axis": "partner", "reseller": null, "partner_id": "34568", "state": "pending", "to": to});
    let changes = feed(&app, &token);
    let northwind = all(&app, &token, "/accounts?platform_id=10", 1).remove(0);
    let ten = |external_id: Option<&str>| reseller(northwind["id"].as_str(), "10", external_id);
    let twenty = || reseller(all(&app, &token, "/accounts?platform_id=20", 1)[0]["id"].as_str(), "20", None);
    let expected = [
        json!({"kind": "account.created", "account": "11", "revision": 1, "account_kind": "reseller_customer", "delivery": "0-1"}),
        json!({"kind": "options.changed", "account": "11", "revision": 1, "changed": ["MPNID", "Plan"], "delivery": "0-1"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 1, "relation": relation("pending", reseller(None, "10", None), false), "delivery": "0-1"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 1, "relation": partner(false), "delivery": "0-1"}),
        json!({"kind": "account.created", "account": "10", "revision": 1, "account_kind": "reseller", "delivery": "0-3"}),
        json!({"kind": "relation.linked", "account": "11", "relation": relation("linked", ten(northwind["external_id"].as_str()), false), "delivery": "0-3"}),
        json!({"kind": "account.updated", "account": "11", "revision": 2, "changed": ["name"], "delivery": "0-4"}),
        json!({"kind": "options.changed", "account": "11", "revision": 2, "changed": ["Plan", "Trial"], "delivery": "0-4"}),
        json!({"kind": "account.created", "account": "20", "revision": 1, "account_kind": "reseller", "delivery": "0-5"}),
        json!({"kind": "account.updated", "account": "11", "revision": 3, "changed": ["reported"], "delivery": "0-6"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 3, "relation": relation("linked", ten(None), true), "delivery": "0-6"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 3, "relation": relation("linked", twenty(), false), "delivery": "0-6"}),
        json!({"kind": "account.updated", "account": "11", "revision": 4, "changed": ["reported"], "delivery": "0-7"}),
        json!({"kind": "account.kind_changed", "account": "11", "revision": 4, "changed": ["kind"],
            "account_kind_before": "reseller_customer", "account_kind": "direct_customer", "delivery": "0-7"}),
        json!({"kind": "options.changed", "account": "11", "revision": 4, "changed": ["MPNID", "Trial"], "delivery": "0-7"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 4, "relation": partner(true), "delivery": "0-7"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 4, "relation": relation("linked", twenty(), true), "delivery": "0-7"}),
        json!({"kind": "account.deleted", "account": "11", "revision": 5, "delivery": "0-9"}),
        json!({"kind": "account.revived", "account": "11", "revision": 6, "changed": ["name", "email", "reported"], "account_kind": "reseller_customer", "delivery": "0-11"}),
        json!({"kind": "account.kind_changed", "account": "11", "revision": 6, "changed": ["kind"],
            "account_kind_before": "direct_customer", "account_kind": "reseller_customer", "delivery": "0-11"}),
        json!({"kind": "relation.opened", "account": "11", "revision": 6, "relation": relation("linked", twenty(), false), "delivery": "0-11"}),
        json!({"kind": "relation.closed", "account": "11", "revision": 7, "relation": relation("linked", twenty(), true), "cause": "erase"}),
        json!({"kind": "account.erased", "account": "11", "revision": 7, "cause": "erase"}),
        json!({"kind": "account.updated", "account": "11", "revision": 8, "changed": ["erased"], "cause": "erase"}),
    ];
    for (at, (change, expected)) in (1..).zip(changes.iter().zip(&expected)) {
        let mut expected = expected.clone();
        expected["position"] = json!(at);
        if expected.get("cause").is_none() {
            expected["cause"] = json!("sync");
        }
        assert_eq!(told(change), expected, "{at}: {change}");
    }
    assert_eq!(changes.len(), expected.len(), "{:?}", changes.last());
    let told = column(&changes, "kind");
    let kinds: std::collections::BTreeSet<&String> = told.iter().collect();
    assert_eq!(kinds.len(), 10);
    // The command tells the same.
    let lines = place.fine(&["changes", "--format", "csv", "--kind", "account.erased,account.created", "--after", "4"]);
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[0].starts_with("position,at,kind,account") && lines.len() == 4, "{lines:?}");
    assert!(lines[3].starts_with("23,") && lines[3].contains("account.erased"), "{lines:?}");
    let items = crate::commands::items(&place.fine(&["changes", "--format", "json"]));
    assert_eq!(items, changes);
    let followed = place.fine(&["changes", "--follow", "--limit", "2", "--after", "21", "--format", "json"]);
    let followed: Vec<Value> = followed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(followed, changes[21..23]);
    let wrong = place.run(&["changes", "--kind", "account"]);
    assert!(wrong.code == 2 && wrong.err.contains("account.kind_changed"), "{wrong:?}");
    place.run(&["changes", "--after", "25"]).failed(1, "ends at position 24");
}

#[test]
fn every_kind_of_change_is_told_once() {
    backends().into_iter().for_each(every_kind);
}

fn arrivals_by_hand(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    sync(&app, &json!({"ID": "20", "Role": "User"}));
    for (id, reseller) in [("11", "10"), ("21", "20")] {
        sync(&app, &json!({"ID": id, "Role": "User", "ResellerID": reseller}));
    }
    std::fs::write(place.path("book.csv"), "id,kind\n10,reseller\n").unwrap();
    place.fine(&["accounts", "import", "book.csv", "--source", "eu"]);
    place.fine(&["accounts", "set", "20", "--kind", "reseller"]);
    let linked = all(&app, &token, "/changes?kind=relation.linked", 2);
    let told: Vec<_> =
        linked.iter().map(|one| (&one["account"]["platform_id"], &one["cause"], one["delivery"].is_null())).collect();
    assert_eq!(told, [(&json!("11"), &json!("import"), true), (&json!("21"), &json!("promote"), true)]);
}

#[test]
fn what_made_a_reseller_come_is_told_of_who_waited() {
    backends().into_iter().for_each(arrivals_by_hand);
}

fn questions(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let ask = |query: &str| get(&app, &token, &format!("/changes{query}"));
    let empty = ask("").json();
    assert_eq!(empty["items"], json!([]));
    for (id, reseller) in [("10", "10"), ("11", "10"), ("12", "10")] {
        let role = if id == reseller { "Reseller" } else { "User" };
        sync(&app, &json!({"ID": id, "Role": role, "ResellerID": reseller}));
    }
    let positions = |reply: &Value| {
        reply["items"].as_array().unwrap().iter().map(|one| one["position"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(positions(&ask("").json()), [1, 2, 3, 4, 5]);
    assert_eq!(positions(&ask("?after=3").json()), [4, 5]);
    assert_eq!(positions(&ask(&format!("?after={}", empty["next"].as_str().unwrap())).json()), [1, 2, 3, 4, 5]);
    let first = ask("?limit=2").json();
    assert_eq!(positions(&first), [1, 2]);
    assert_eq!(positions(&ask(&format!("?limit=2&after={}", first["next"].as_str().unwrap())).json()), [3, 4]);
    assert_eq!(positions(&ask("?kind=relation.opened").json()), [3, 5]);
    assert_eq!(positions(&ask("?kind=relation.opened&limit=1").json()), [3]);
    assert_eq!(positions(&ask("?kind=relation.opened,account.created&after=1").json()), [2, 3, 4, 5]);
    // What is passed over is behind the reader.
    let deleted = ask("?kind=account.deleted").json();
    assert_eq!((positions(&deleted), &deleted["next"]), (vec![], &ask("?after=now").json()["next"]));
    let now = ask("?after=now").json();
    assert_eq!(positions(&now), [] as [i64; 0]);
    sync(&app, &json!({"ID": "13", "Role": "User"}));
    assert_eq!(positions(&ask(&format!("?after={}", now["next"].as_str().unwrap())).json()), [6]);
    // The last is a cursor by its form.
    for wrong in [
        "after=-1",
        "after=x",
        "after=Y2hhbmdlczotNQ",
        "kind=account",
        "kind=",
        "wait=61",
        "wait=-1",
        "wait=x",
        "limit=0",
        "since=1",
    ] {
        problem(&ask(&format!("?{wrong}")), 400, "bad_request");
    }
    // A position that this feed never had: a cursor of another database.
    for behind in ["7", &i64::MAX.to_string()] {
        problem(&ask(&format!("?after={behind}")), 410, "gone");
    }
    assert!(ask("?after=7").body.contains("ends at position 6"));
    assert_eq!(Call::new("GET", "/v1/changes").send(&app).status, 401);
}

#[test]
fn a_reader_says_where_and_what() {
    backends().into_iter().for_each(questions);
}

fn thousands(backend: Backend) {
    const WAITING: usize = 2_500;
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    sync(&app, &json!({"ID": "c", "Role": "User", "ResellerID": "r"}));
    // Many more that wait for the same reseller.
    let row = "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2499)";
    let columns = "source, tenant, kind, status, name, code, email, phone, fax, website, description, is_test, contact, \
                   address, extra_details, event_second, event_live, first_seen, revision";
    let values = columns.replace("kind", "'reseller_customer'");
    for statement in [
        format!(
            "WITH RECURSIVE n(i) AS {row} INSERT INTO accounts (id, platform_id, external_id, {columns}) \
             SELECT 1000 + i, 'c' || i, 'x' || i, {values} FROM n, accounts WHERE platform_id = 'c'"
        ),
        format!(
            "WITH RECURSIVE n(i) AS {row} INSERT INTO relations (id, account_id, axis, reseller_platform_id, state, \
             valid_from, learned_at, cause) SELECT 1000 + i, 1000 + i, 'reseller', 'r', 'pending', 0, 0, 'sync' FROM n"
        ),
    ] {
        let done = match &mut app.database() {
            AnyConnection::Sqlite(sqlite) => diesel::sql_query(statement).execute(sqlite),
            AnyConnection::Postgres(postgres) => diesel::sql_query(statement).execute(postgres),
        };
        assert_eq!(done.unwrap(), WAITING - 1);
    }
    sync(&app, &json!({"ID": "r", "Role": "Reseller"}));
    let linked = all(&app, &token, "/changes?kind=relation.linked", 500);
    let accounts: BTreeSet<&str> = linked.iter().map(|one| one["account"]["id"].as_str().unwrap()).collect();
    assert_eq!((linked.len(), accounts.len()), (WAITING, WAITING));
    assert!(linked.iter().all(|one| one["delivery"] == "0-2" && one["relation"]["reseller"]["platform_id"] == "r"));
    let positions: Vec<i64> = linked.iter().map(|one| one["position"].as_i64().unwrap()).collect();
    assert_eq!(positions, (4..4 + i64::try_from(WAITING).unwrap()).collect::<Vec<_>>());
    // In rows of a bounded size.
    let rows: i64 = tiersync::store::schema::changes::table.count().get_result(&mut app.database()).unwrap();
    assert_eq!(rows, 1 + 3);
}

#[test]
fn a_reseller_that_thousands_wait_for_is_told_of_for_each() {
    backends().into_iter().for_each(thousands);
}

fn scope(backend: Backend) {
    let app = TestApp::with(backend, &config("", MPNID));
    let (ours, theirs) = (
        operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None),
        operator(&app, "theirs", Role::ResellerAdmin, &["0-2"], None),
    );
    sync(&app, &json!({"ID": "10", "Role": "Reseller"}));
    sync(&app, &json!({"ID": "20", "Role": "Reseller"}));
    let customer = |name: &str, reseller: &str| {
        sync(
            &app,
            &json!({"ID": "11", "Role": "User", "ResellerID": reseller, "Name": name, "SyncOptions": {"MPNID": reseller.repeat(3)}}),
        );
    };
    let told = |token: &str| {
        let told = feed(&app, token);
        told.iter()
            .map(|one| {
                format!(
                    "{} {} {}",
                    one["kind"].as_str().unwrap(),
                    one["account"]["platform_id"].as_str().unwrap(),
                    one["relation"]["axis"].as_str().unwrap_or("-")
                )
            })
            .collect::<Vec<_>>()
    };
    customer("a", "10");
    customer("b", "10");
    let all_of_it = [
        "account.created 10 -",
        "account.created 11 -",
        "options.changed 11 -",
        "relation.opened 11 reseller",
        "relation.opened 11 partner",
        "account.updated 11 -",
    ];
    assert_eq!(
        (told(&ours), told(&theirs)),
        (all_of_it.map(str::to_owned).to_vec(), vec!["account.created 20 -".to_owned()])
    );
    customer("c", "20");
    // What it lost is gone for the one; the other sees what happened since it came, and nothing of where it was.
    assert_eq!(told(&ours), ["account.created 10 -"]);
    let since = [
        "account.created 20 -",
        "account.updated 11 -",
        "options.changed 11 -",
        "relation.opened 11 reseller",
        "relation.opened 11 partner",
    ];
    assert_eq!(told(&theirs), since);
    assert!(!get(&app, &theirs, "/changes").body.contains("\"10\""), "{}", get(&app, &theirs, "/changes").body);
    // A page that is all of others' is empty, and its cursor goes on.
    let reply = get(&app, &ours, "/changes?after=2").json();
    assert_eq!(reply["items"], json!([]));
    assert_eq!(reply["next"], get(&app, &ours, "/changes?after=now").json()["next"]);
}

#[test]
fn a_reseller_is_told_of_its_own() {
    backends().into_iter().for_each(scope);
}

fn pruned(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    for id in ["1", "2", "3", "4"] {
        sync(&app, &json!({"ID": id, "Role": "User"}));
    }
    let positions = |query: &str| {
        let reply = get(&app, &token, &format!("/changes{query}"));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["position"].as_i64().unwrap())
            .collect::<Vec<_>>()
    };
    let at: Vec<i64> = stored(&mut app.database()).iter().map(|change| change.at).collect();
    assert_eq!(changes::prune(&mut app.database(), at[0], 100).unwrap(), 0);
    assert_eq!(changes::prune(&mut app.database(), at[2], 1).unwrap(), 1);
    assert_eq!(changes::prune(&mut app.database(), at[2], 100).unwrap(), 1);
    assert_eq!((positions(""), positions("?after=2"), positions("?after=3")), (vec![3, 4], vec![3, 4], vec![4]));
    for query in ["?after=0", "?after=1", "?after=1&kind=account.deleted&wait=60"] {
        let gone = get(&app, &token, &format!("/changes{query}"));
        problem(&gone, 410, "gone");
        assert!(gone.body.contains("/v1/accounts") && gone.body.contains("up to position 2"), "{}", gone.body);
    }
    // All of it: who is at the end has missed nothing, and the next entry goes on counting.
    assert_eq!(changes::prune(&mut app.database(), i64::MAX, 100).unwrap(), 2);
    assert_eq!((positions(""), positions("?after=4")), (vec![], vec![]));
    problem(&get(&app, &token, "/changes?after=3"), 410, "gone");
    sync(&app, &json!({"ID": "5", "Role": "User"}));
    assert_eq!((positions(""), positions("?after=4")), (vec![5], vec![5]));
    let app = app.restart();
    assert_eq!(get(&app, &token, "/changes?after=4").json()["items"][0]["position"], 5);
}

#[test]
fn who_stands_before_what_is_kept_is_told_so() {
    backends().into_iter().for_each(pruned);
}

fn shortened(backend: Backend) {
    use tiersync::store::schema::changes::{at, table};
    let toml = format!("feed_days = 30\nretention_days = 0\n{}", config("", ""));
    let mut app = TestApp::with(backend, &toml);
    sync(&app, &json!({"ID": "1", "Role": "User"}));
    sync(&app, &json!({"ID": "2", "Role": "User"}));
    let last = stored(&mut app.database())[1].at;
    let old = diesel::update(table.filter(at.lt(last))).set(at.eq(last - 31 * 86_400_000_000));
    assert_eq!(old.execute(&mut app.database()).unwrap(), 1);
    app = app.restart();
    let left = || table.count().get_result::<i64>(&mut app.database()).unwrap();
    until("the old row is gone", || left() == 1);
    let question = Question { after: 1, up_to: i64::MAX, limit: 10, kinds: Vec::new() };
    let follow = changes::after(&mut app.database(), &Visible::All, &question).unwrap();
    assert!(matches!(follow, Read::Entries(reading) if reading.items.len() == 1));
}

#[test]
fn a_receiver_removes_what_is_old() {
    // It looks some seconds after its start.
    std::thread::scope(|scope| {
        backends().into_iter().for_each(|backend| drop(scope.spawn(move || shortened(backend))))
    });
}
