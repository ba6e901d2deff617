//! Orders of services: what each does to the subscription, its add-ons and the account that comes with it.

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::schema::{service_history, services};
use tiersync::store::services::ServiceRow;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::{MPNID, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::v1::{all, column, get, operator, problem, send};

fn account(id: &str) -> Value {
    json!({"ID": id, "Role": "User", "ResellerID": "10", "Name": "Bakery", "SyncOptions": {"MPNID": "34568"}})
}

fn order(app: &TestApp, endpoint: &str, body: &Value) -> Reply {
    Call::post(endpoint, body.to_string()).send(app)
}

/// An order that must be done; gives its Result.
#[track_caller]
fn done(app: &TestApp, endpoint: &str, body: &Value) -> String {
    let reply = order(app, endpoint, body);
    assert_eq!(reply.code(), 0, "{endpoint}: {}", reply.body);
    reply.result()
}

#[track_caller]
fn refused(app: &TestApp, endpoint: &str, body: &Value, code: i64) {
    let reply = order(app, endpoint, body);
    assert_eq!((reply.status, reply.code()), (200, code), "{endpoint}: {}", reply.body);
}

fn outcome(reply: &Reply) -> String {
    reply.header("x-tiersync-outcome").unwrap_or_default().to_owned()
}

fn rows(app: &TestApp) -> Vec<ServiceRow> {
    services::table.order(services::id).load(&mut app.database()).unwrap()
}

fn history(app: &TestApp, service: i64) -> Vec<(i64, String, String, String)> {
    service_history::table
        .filter(service_history::service_id.eq(service))
        .select((
            service_history::revision,
            service_history::happening,
            service_history::changed,
            service_history::status,
        ))
        .order(service_history::revision)
        .load(&mut app.database())
        .unwrap()
}

fn life(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    // The account was never synchronized: it comes with its first order, and so does its relation.
    let id = done(
        &app,
        "Subscriptions/Create",
        &json!({"Name": "Mail", "ServiceType": "Mailboxes", "ProductID": "gold", "ActionType": "Provision", "Quantity": 5,
            "IsTrial": true, "AttributeList": [{"Name": "Storage", "Value": "100"}], "Account": account("11")}),
    );
    let found = all(&app, &token, "/accounts?platform_id=11", 5).remove(0);
    assert_eq!((&found["kind"], &found["reseller"]["state"]), (&json!("reseller_customer"), &json!("linked")));
    let row = rows(&app).remove(0);
    assert_eq!((row.external_id.as_str(), row.status.as_str(), row.quantity), (id.as_str(), "trial", 5));
    assert_eq!((row.kind.as_str(), row.plan.as_str(), row.service.as_str()), ("subscription", "gold", "Mailboxes"));
    assert_eq!(row.attributes, r#"{"Storage":"100"}"#);
    let body = |more: Value| {
        let mut body = json!({"ID": id, "Account": account("11")});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let revision = found["revision"].clone();
    for (endpoint, more, status, happening) in [
        ("subscriptions/suspend", json!({}), "suspended", "suspended"),
        ("Subscriptions/Activate", json!({}), "trial", "activated"),
        ("Subscriptions/UpgradeToPaid", json!({"ProductID": "platinum"}), "active", "updated"),
        ("Subscriptions/Update", json!({"Quantity": 7}), "active", "updated"),
        ("Subscriptions/Cancel", json!({}), "ended", "ended"),
    ] {
        assert_eq!(done(&app, endpoint, &body(more.clone())), id, "{endpoint}");
        let row = rows(&app).remove(0);
        assert_eq!(row.status, status, "{endpoint}");
        assert_eq!(history(&app, row.id).last().unwrap().1, happening, "{endpoint}");
        let again = order(&app, endpoint, &body(more.clone()));
        assert_eq!((again.code(), outcome(&again).as_str()), (0, "unchanged"), "{endpoint}");
    }
    let row = rows(&app).remove(0);
    assert_eq!((row.plan.as_str(), row.quantity, row.trial), ("platinum", 7, false));
    assert!(row.ended_at.is_some());
    let told: Vec<(String, String)> =
        history(&app, row.id).into_iter().map(|(_, happening, changed, _)| (happening, changed)).collect();
    let told: Vec<(&str, &str)> = told.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    assert_eq!(
        told,
        [
            ("created", ""),
            ("suspended", "status"),
            ("activated", "status"),
            ("updated", "plan status trial"),
            ("updated", "quantity"),
            ("ended", "status"),
        ]
    );
    // What is cancelled takes a Cancel alone, until it is created anew.
    for endpoint in ["Update", "Suspend", "Activate", "UpgradeToPaid"] {
        refused(&app, &format!("Subscriptions/{endpoint}"), &body(json!({})), 1006);
    }
    refused(&app, "Addons/Create", &body(json!({"Addons": [{"ProductID": "x"}]})), 1006);
    assert_eq!(done(&app, "Subscriptions/Create", &body(json!({}))), id);
    assert_eq!(rows(&app).remove(0).status, "active");
    // None of this changed the account, and the feed says so.
    let found = all(&app, &token, "/accounts?platform_id=11", 5).remove(0);
    assert_eq!(found["revision"], revision);
    let kinds = column(&feed(&app, &token), "kind");
    let of_services: Vec<&str> = kinds.iter().map(String::as_str).filter(|kind| kind.starts_with("service.")).collect();
    assert_eq!(
        of_services,
        [
            "service.created",
            "service.suspended",
            "service.activated",
            "service.updated",
            "service.updated",
            "service.ended",
            "service.activated"
        ]
    );
    assert!(!kinds.contains(&"account.updated".to_owned()), "{kinds:?}");
    let told = feed(&app, &token).into_iter().find(|one| one["kind"] == "service.suspended").unwrap();
    assert_eq!(told["service"]["status"], "suspended");
    assert_eq!((&told["changed"], &told["account"]["platform_id"]), (&json!(["status"]), &json!("11")));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(&mut app.database());
}

#[test]
fn a_subscription_lives_as_it_is_ordered() {
    backends().into_iter().for_each(life);
}

fn add_ons(backend: Backend) {
    let app = TestApp::start(backend);
    let create = json!({"ProductID": "gold", "Account": {"ID": "1", "Role": "User"}, "Addons": [
        {"ProductID": "backup", "Quantity": 2, "ActionType": "Provision"}, {"ProductID": "later", "ActionType": "None"}]});
    let id = done(&app, "Subscriptions/Create", &create);
    let shown = |app: &TestApp| -> Vec<(String, String, i64)> {
        rows(app).into_iter().map(|row| (row.plan, row.status, row.quantity)).collect()
    };
    let row = |plan: &str, status: &str, quantity| (plan.to_owned(), status.to_owned(), quantity);
    assert_eq!(shown(&app), [row("gold", "active", 1), row("backup", "active", 2)]);
    let subscription = rows(&app)[0].id;
    assert_eq!(rows(&app)[1].parent_id, Some(subscription));
    let body = |add_ons: Value| json!({"ID": id, "Account": {"ID": "1", "Role": "User"}, "Addons": add_ons});
    assert_eq!(done(&app, "Addons/Create", &body(json!([{"ProductID": "later"}]))), id);
    assert_eq!(done(&app, "Addon/Update", &body(json!([{"ProductID": "backup", "Quantity": 9}]))), id);
    assert_eq!(shown(&app)[1..], [row("backup", "active", 9), row("later", "active", 1)]);
    // By the ID that we gave it, too.
    let backup = rows(&app)[1].external_id.clone();
    done(&app, "Addons/Cancel", &body(json!([{"ID": backup}, {"ProductID": "later", "ActionType": "None"}])));
    assert_eq!(shown(&app)[1..], [row("backup", "ended", 9), row("later", "active", 1)]);
    for (endpoint, add_ons, code) in [
        ("Addons/Update", json!([{"ProductID": "backup"}]), 1006),
        ("Addons/Update", json!([{"ProductID": "unheard"}]), 1005),
        ("Addons/Cancel", json!([{"ProductID": "unheard"}]), 1005),
        ("Addons/Create", json!([]), 1001),
        ("Addons/Create", json!([{"Quantity": 1}]), 1001),
        ("Addons/Create", json!([{"ProductID": "twice"}, {"ProductID": "twice"}]), 1001),
        ("Addons/Create", json!([{"ID": id}]), 1006),
    ] {
        refused(&app, endpoint, &body(add_ons), code);
    }
    assert_eq!(rows(&app).len(), 3, "what is refused leaves nothing");
    // The subscription takes its add-ons along.
    done(&app, "Subscriptions/Cancel", &body(json!([])));
    assert_eq!(shown(&app).iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["ended"; 3]);
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
}

#[test]
fn add_ons_belong_to_their_subscription() {
    backends().into_iter().for_each(add_ons);
}

fn rules(backend: Backend) {
    let app = TestApp::start(backend);
    let customer = |id: &str| json!({"ID": id, "Role": "User"});
    let create = json!({"ProductID": "gold", "Account": customer("1")});
    // Asked first, and nothing is written.
    let asked = json!({"ProductID": "gold", "Account": customer("1"), "CheckOnly": true});
    let reply = order(&app, "Subscriptions/Create", &asked);
    assert_eq!((reply.code(), outcome(&reply).as_str()), (0, "checked"));
    assert!(rows(&app).is_empty());
    let id = done(&app, "Subscriptions/Create", &create);
    // An equal order is the same one: platforms repeat what was not answered in time.
    assert_eq!(done(&app, "Subscriptions/Create", &create), id);
    let mut other = create.clone();
    other["ProductID"] = json!("silver");
    assert_ne!(done(&app, "Subscriptions/Create", &other), id);
    // The platform's own ID names it where it is sent, and one that it holds already is kept.
    let own = json!({"SubscriptionID": "S-7", "Account": customer("1")});
    let seven = done(&app, "Subscriptions/Create", &own);
    let by_own = json!({"SubscriptionID": "S-7", "Account": customer("1"), "Quantity": 3});
    assert_eq!(done(&app, "Subscriptions/Update", &by_own), seven);
    let held = json!({"ID": "held-by-the-platform", "Account": customer("1")});
    assert_eq!(done(&app, "Subscriptions/Create", &held), "held-by-the-platform");
    assert_eq!(rows(&app).len(), 4);
    // Refused as a whole, the account with it.
    let named = |id: &str, account: Value| json!({"ID": id, "Account": account});
    refused(&app, "Subscriptions/Update", &named("unheard-of", customer("new")), 1005);
    refused(&app, "Subscriptions/Suspend", &named(&id, customer("new")), 1006);
    refused(&app, "Subscriptions/Create", &json!({"Account": {"ID": "new", "Role": "Admin"}}), 1002);
    let option = json!({"ID": "new", "Role": "User", "ResellerID": "9", "SyncOptions": {"MPNID": "no digits"}});
    refused(&app, "Subscriptions/Create", &json!({"Account": option}), 1003);
    refused(
        &app,
        "Subscriptions/Create",
        &json!({"Account": {"ID": "new", "Role": "User", "ExternalID": "x"},
        "ID": id, "SubscriptionID": "S-7"}),
        1004,
    );
    refused(&app, "Subscriptions/Create", &json!({"ProductID": "gold"}), 1001);
    refused(&app, "Subscriptions/Update", &json!({"Account": customer("1")}), 1001);
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"new"}"#).send(&app).code(), 0);
    // Those that the vendor can put right are cases of the quarantine, which no other success closes.
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let open = |app: &TestApp| all(app, &token, "/cases", 50).len();
    assert_eq!(open(&app), 4);
    send(&app, &customer("new"));
    assert_eq!(open(&app), 4);
    // A cancelled subscription of an account that is deleted wakes nobody up.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code(), 0);
    assert_eq!(done(&app, "Subscriptions/Cancel", &named(&id, customer("1"))), id);
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"1"}"#).send(&app).code(), 0);
    done(&app, "Subscriptions/Activate", &named(&seven, customer("1")));
    assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"1"}"#).send(&app).code(), 1);
    assert_whole(&mut app.database());
}

#[test]
fn orders_are_refused_with_the_stable_codes() {
    backends().into_iter().for_each(rules);
}

fn late(backend: Backend) {
    let app = TestApp::start(backend);
    let account = json!({"ID": "1", "Role": "User"});
    let body = |verb: &str| json!({"SubscriptionID": "S", "Note": verb, "Account": account}).to_string();
    let second = now() - 1_000;
    let replayed = |endpoint: &str, id: &str, second: i64| {
        Call::post(&format!("Subscriptions/{endpoint}"), body(endpoint)).signed(REPLAY, id, second).send(&app)
    };
    let said = |reply: &Reply| (reply.code(), outcome(reply));
    let created = replayed("Create", "m1", second);
    assert_eq!(said(&created), (0, "applied".to_owned()), "{}", created.body);
    assert_eq!(said(&replayed("Cancel", "m3", second + 20)), (0, "applied".to_owned()));
    assert_eq!(said(&replayed("Suspend", "m2", second + 10)), (0, "stale".to_owned()));
    assert_eq!(rows(&app).remove(0).status, "ended");
    // The same id again is answered from memory, another content under it is refused.
    let again = replayed("Create", "m1", second);
    assert_eq!((said(&again), again.result()), ((0, "repeated".to_owned()), created.result()));
    assert_eq!(replayed("Update", "m1", second).code(), 1004);
    // Older than what the account shows, and the first that is heard of a service all the same.
    let live = Call::synchronize(account.to_string()).signed(SIGNING, "m4", now());
    assert_eq!(live.send(&app).code(), 0);
    let other = json!({"SubscriptionID": "T", "Account": {"ID": "1", "Role": "User", "Name": "Long ago"}}).to_string();
    let call = Call::post("Subscriptions/Create", other);
    assert_eq!(said(&call.signed(REPLAY, "m5", second).send(&app)), (0, "applied".to_owned()));
    assert_eq!(rows(&app).len(), 2);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    assert_eq!(all(&app, &token, "/accounts", 5)[0]["name"], "", "the account stays as it is");
}

#[test]
fn late_orders_change_nothing_and_repeats_are_answered_as_before() {
    backends().into_iter().for_each(late);
}

fn secrets(backend: Backend) {
    let app = TestApp::start(backend);
    let body = json!({"Account": {"ID": "1", "Role": "User", "RandomPassword": "hunter2"}, "AttributeList": [
        {"Name": "AdminPassword", "Value": "hunter3"}, {"Name": "Storage", "Value": "100"}]});
    done(&app, "Subscriptions/Create", &body);
    let bodies: Vec<Vec<u8>> = tiersync::store::schema::bodies::table
        .select(tiersync::store::schema::bodies::body)
        .load(&mut app.database())
        .unwrap();
    let text = format!("{:?}{}", rows(&app), String::from_utf8_lossy(&bodies.concat()));
    assert!(!text.contains("hunter") && text.contains("Storage"), "{text}");
    // Erasing the account empties what describes its services.
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let erase = Call::new("DELETE", &format!("/v1/accounts/{}?erase=true", crate::v1::id(&app, "1")));
    assert_eq!(erase.header("Authorization", format!("Bearer {token}")).send(&app).status, 200);
    assert_eq!(rows(&app).remove(0).attributes, "");
}

#[test]
fn secrets_are_stored_nowhere_and_erasure_reaches_services() {
    backends().into_iter().for_each(secrets);
}

fn endpoints_of_two(backend: Backend) {
    // Two receivers at once make one subscription of equal orders.
    let app = TestApp::start(backend);
    let other = if backend == Backend::Postgres { Some(app.second()) } else { None };
    let body = json!({"ProductID": "gold", "Account": {"ID": "1", "Role": "User"}}).to_string();
    let results: Vec<String> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8)
            .map(|at| {
                let receiver = other.as_ref().filter(|_| at % 2 == 1).unwrap_or(&app);
                let body = &body;
                scope.spawn(move || {
                    let reply = Call::post("Subscriptions/Create", body).send(receiver);
                    assert_eq!(reply.code(), 0, "{}", reply.body);
                    reply.result()
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    assert_eq!(rows(&app).len(), 1);
}

#[test]
fn equal_orders_at_once_make_one_subscription() {
    backends().into_iter().for_each(endpoints_of_two);
}

fn shown(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let token = operator(&app, "all", Role::Viewer, &[], None);
    let account = json!({"ID": "1", "Role": "User"});
    let id = done(
        &app,
        "Subscriptions/Create",
        &json!({"ProductID": "gold", "Name": "Mail", "Account": account, "AttributeList": [{"Name": "Storage", "Value": 5}],
            "Addons": [{"ProductID": "backup"}]}),
    );
    done(&app, "Subscriptions/Create", &json!({"ServiceType": "domain", "Name": "x.example", "Account": account}));
    done(&app, "Subscriptions/Suspend", &json!({"ID": id, "Account": account}));
    let account = crate::v1::id(&app, "1");
    let list = |query: &str| column(&all(&app, &token, &format!("/accounts/{account}/services{query}"), 2), "name");
    assert_eq!(list(""), ["Mail", "", "x.example"]);
    assert_eq!(list("?kind=domain"), ["x.example"]);
    assert_eq!(list("?status=suspended"), ["Mail"]);
    problem(&get(&app, &token, &format!("/accounts/{account}/services?kind=car")), 400, "bad_request");
    problem(&get(&app, &token, "/accounts/nobody/services"), 404, "not_found");
    let reply = get(&app, &token, &format!("/services/{id}"));
    let service = reply.json();
    assert_eq!(
        (&service["status"], &service["plan"], &service["external_id"]),
        (&json!("suspended"), &json!("gold"), &json!(id))
    );
    assert_eq!((&service["attributes"], &service["account"]), (&json!({"Storage": 5}), &json!(account)));
    let tag = reply.header("etag").unwrap().to_owned();
    let by_id = format!("/services/{}", service["id"].as_str().unwrap());
    let again = Call::new("GET", &format!("/v1{by_id}")).header("Authorization", format!("Bearer {token}"));
    assert_eq!(again.header("If-None-Match", tag).send(&app).status, 304);
    let history = all(&app, &token, &format!("{by_id}/history"), 1);
    assert_eq!(column(&history, "happening"), ["suspended", "created"]);
    assert_eq!((&history[0]["changed"], &history[1]["status"]), (&json!(["status"]), &json!("active")));
    problem(&get(&app, &token, "/services/0-999"), 404, "not_found");
    // The same by the command line.
    let listed = items(&place.fine(&["services", "list", "--account", "1", "--format", "json"]));
    assert_eq!(column(&listed, "name"), ["Mail", "", "x.example"]);
    assert_eq!(listed[0], service);
    let told = items(&place.fine(&["services", "show", &id, "--format", "json"])).remove(0);
    assert_eq!(column(told["history"].as_array().unwrap(), "happening"), ["suspended", "created"]);
    let table = place.fine(&["services", "show", &id]);
    assert!(table.contains("suspended") && table.contains("History, newest first"), "{table}");
    let csv = place.fine(&["services", "list", "--status", "suspended", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 2, "{csv}");
}

#[test]
fn services_are_listed_and_shown() {
    backends().into_iter().for_each(shown);
}

fn crowded(backend: Backend) {
    let app = TestApp::with(backend, &config("", MPNID));
    let account = json!({"ID": "11", "Role": "User"});
    let create = |id: &str, more: Value| {
        let mut body = json!({"Account": account, "SubscriptionID": id, "ProductID": "gold"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        order(&app, "Subscriptions/Create", &body)
    };
    let first = create("s-1", json!({})).result();
    // As many as one account may have, but for two.
    let sql = |text: &str| crate::provisioning::sql(&app, text);
    let columns = "source, tenant, external_id, account_id, kind, service, name, plan, location, quantity, status, trial, \
                   attributes, event_second, event_live, created_at, changed_at, revision";
    let numbers = match backend {
        Backend::Sqlite => "RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4997)",
        Backend::Postgres => "n(i) AS (SELECT generate_series(CAST(1 AS BIGINT), 4997))",
    };
    sql(&format!(
        "WITH {numbers} INSERT INTO services (id, {columns}) SELECT 900000 + i, source, tenant, 'x-' || i, account_id, kind, \
         service, name, plan, location, quantity, status, trial, attributes, event_second, event_live, created_at, changed_at, \
         revision FROM services, n"
    ));
    let add_on = |name: &str| json!({"ActionType": "Create", "Name": name, "ProductID": name});
    let crowd = |reply: &Reply| {
        assert_eq!(reply.code(), 1006, "{}", reply.body);
        assert!(reply.message().contains("5000 services"), "{}", reply.body);
    };
    // One with two add-ons is one too many, and nothing of it is done.
    crowd(&create("s-2", json!({"Addons": [add_on("a"), add_on("b")]})));
    assert_eq!(create("s-2", json!({"Addons": [add_on("a")]})).code(), 0);
    for reply in [
        create("s-3", json!({})),
        order(&app, "Addons/Create", &json!({"Account": account, "ID": first, "Addons": [add_on("c")]})),
    ] {
        crowd(&reply);
    }
    // What is there goes on, is ordered again and changed; another account is none of this one's business.
    assert_eq!(create("s-2", json!({"ProductID": "silver"})).code(), 0);
    done(&app, "Subscriptions/Update", &json!({"Account": account, "ID": first, "Quantity": 3}));
    let other = json!({"Account": {"ID": "12", "Role": "User"}, "SubscriptionID": "s-1", "ProductID": "gold"});
    assert_ne!(order(&app, "Subscriptions/Create", &other).code(), 0, "the ID is the first account's");
    let other = json!({"Account": {"ID": "12", "Role": "User"}, "SubscriptionID": "s-12", "ProductID": "gold"});
    done(&app, "Subscriptions/Create", &other);
    // Whoever gives one back may have another one, or the same again.
    done(&app, "Subscriptions/Cancel", &json!({"Account": account, "ID": first}));
    assert_eq!(create("s-3", json!({})).code(), 0);
    crowd(&create("s-1", json!({})));
    let preview = json!({"Account": account, "SubscriptionID": "s-4", "ProductID": "gold", "checkonly": true});
    crowd(&order(&app, "Subscriptions/Create", &preview));
    let living =
        services::table.filter(services::status.ne("ended")).filter(services::account_id.eq(rows(&app)[0].account_id));
    let living: i64 = living.count().get_result(&mut app.database()).unwrap();
    assert_eq!(living, 5_000);
}

#[test]
fn an_account_has_so_many_services_and_no_more() {
    backends().into_iter().for_each(crowded);
}
