//! Services that move from one customer to another of the same level.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::app::Options;
use tiersync::domain::operator::Role;
use tiersync::store::StoreError;
use tiersync::store::schema::{services, user_services};
use tiersync::writer::faults::{Faults, Place as FaultPlace};

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::services_manage::{ask, did, make};
use crate::users::add;
use crate::v1::{all, column, get, id, operator, problem, send};

/// Two customers of a reseller, one of another one, and two of nobody.
fn filled(app: &TestApp) {
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"}),
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "Carpenter"}),
        json!({"ID": "41", "Role": "User", "Name": "Direct"}),
        json!({"ID": "42", "Role": "User", "Name": "Other"}),
    ] {
        send(app, &body);
    }
}

fn path(app: &TestApp, account: &str) -> String {
    format!("/accounts/{}/services", id(app, account))
}

fn giving(app: &TestApp, token: &str, from: &str, to: &str, services: &[&str], more: &Value) -> Reply {
    let mut body = json!({"to": id(app, to), "services": services});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    ask(app, token, "POST", &format!("{}/move", path(app, from)), &body)
}

fn owner(app: &TestApp, token: &str, service: &str) -> String {
    get(app, token, &format!("/services/{service}")).json()["account"].as_str().unwrap().to_owned()
}

fn moved(backend: Backend) {
    let app = TestApp::start(backend);
    filled(&app);
    let token = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let everything = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let domain = make(&app, &token, "11", &json!({"kind": "domain", "name": "x.example"}));
    let hosting = make(&app, &token, "11", &json!({"kind": "hosting", "name": "Site"}));
    let backup = make(&app, &token, "11", &json!({"name": "Backup", "parent": hosting}));
    let stays = make(&app, &token, "11", &json!({"name": "Mail"}));
    let ann = add(&app, &token, "11", &json!({"login": "ann", "services": [domain, stays, backup]}));
    let bob = add(&app, &token, "11", &json!({"login": "bob", "services": [stays]}));
    let before = stored(&mut app.database()).len();
    // Asked first: what would be, who would lose what, and nothing is written.
    let preview = giving(&app, &token, "11", "12", &[&domain, &hosting], &json!({"preview": true})).json();
    assert_eq!(
        (&preview["movable"], &preview["preview"], &preview["refused"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    assert_eq!(column(preview["services"].as_array().unwrap(), "id"), [&*domain, &hosting, &backup]);
    assert_eq!(preview["services"][2]["parent"], json!(hosting), "the add-on goes along");
    assert_eq!(preview["users"], json!([{"id": ann, "login": "ann", "services": [domain, backup]}]));
    assert_eq!(stored(&mut app.database()).len(), before);
    // It is done as it was seen, or not at all.
    did(&app, &token, "PATCH", &format!("/services/{domain}"), &json!({"plan": "com"}));
    let revision = json!({"revision": preview["revision"]});
    let late = giving(&app, &token, "11", "12", &[&domain, &hosting], &revision);
    problem(&late, 409, "conflict");
    assert!(late.body.contains("changed since the preview"), "{}", late.body);
    let preview = giving(&app, &token, "11", "12", &[&domain, &hosting], &json!({"preview": true})).json();
    let revision = json!({"revision": preview["revision"], "reason": "the shop was sold"});
    let done = giving(&app, &token, "11", "12", &[&domain, &hosting], &revision);
    assert_eq!(done.status, 200, "{}", done.body);
    let done = done.json();
    assert_eq!((&done["preview"], &done["users"], &done["users_count"]), (&json!(false), &preview["users"], &json!(1)));
    assert_eq!(column(&all(&app, &token, &path(&app, "12"), 1), "id"), [&*domain, &hosting, &backup]);
    assert_eq!(column(&all(&app, &token, &path(&app, "11"), 1), "id"), [&*stays]);
    let services = |user: &str| get(&app, &token, &format!("/users/{user}")).json()["services"].clone();
    assert_eq!((services(&ann), services(&bob)), (json!([stays]), json!([stays])));
    // Who repeats it is told that they are gone.
    let again = giving(&app, &token, "11", "12", &[&domain], &json!({}));
    problem(&again, 409, "conflict");
    assert!(again.body.contains(&format!("service {domain} is not one of this customer's")), "{}", again.body);
    // History and feed tell both.
    let history = all(&app, &token, &format!("/services/{domain}/history"), 9);
    assert_eq!(column(&history, "happening"), ["moved", "updated", "created"]);
    assert_eq!(column(&history, "account"), [id(&app, "12"), id(&app, "11"), id(&app, "11")]);
    assert_eq!((&history[0]["changed"], &history[0]["cause"]), (&json!(["account"]), &json!("move")));
    for token in [&token, &everything] {
        let told: Vec<Value> = feed(&app, token).into_iter().filter(|one| one["kind"] == "service.moved").collect();
        let of_domain: Vec<&Value> = told.iter().filter(|one| one["service"]["id"] == json!(domain)).collect();
        assert_eq!((told.len(), of_domain.len()), (6, 2));
        assert_eq!(of_domain[0]["account"]["platform_id"], "11");
        assert_eq!(of_domain[1]["account"]["platform_id"], "12");
        assert_eq!(
            (&of_domain[1]["service"]["from"], &of_domain[1]["service"]["to"]),
            (&json!(id(&app, "11")), &json!(id(&app, "12")))
        );
    }
    let audit = all(&app, &everything, "/audit", 50).remove(0);
    assert_eq!((&audit["action"], &audit["subject"]), (&json!("services.move"), &json!(id(&app, "11"))));
    assert_eq!((&audit["detail"]["count"], &audit["detail"]["reason"]), (&json!(3), &json!("the shop was sold")));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
    // Once the first customer is somebody else's, its reseller is not told where what it had came from.
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"}));
    let told: Vec<Value> = feed(&app, &token).into_iter().filter(|one| one["kind"] == "service.moved").collect();
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().all(|one| one["service"]["from"].is_null() && one["account"]["platform_id"] == "12"),
        "{told:?}"
    );
}

#[test]
fn services_move_to_another_customer_of_the_reseller() {
    backends().into_iter().for_each(moved);
}

fn rules(backend: Backend) {
    let app = TestApp::start(backend);
    filled(&app);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    let mail = make(&app, &token, "11", &json!({"name": "Mail"}));
    let backup = make(&app, &token, "11", &json!({"name": "Backup", "parent": mail}));
    let ended = make(&app, &token, "11", &json!({"name": "Gone"}));
    did(&app, &token, "POST", &format!("/services/{ended}/end"), &json!({}));
    let other = make(&app, &token, "12", &json!({"name": "Other"}));
    let direct = make(&app, &token, "41", &json!({"name": "Direct"}));
    for (from, to, services, told) in [
        ("11", "11", vec![&*mail], "are this customer's already"),
        ("11", "21", vec![&mail], "not of the same level"),
        ("11", "41", vec![&mail], "not of the same level"),
        ("41", "12", vec![&direct], "not of the same level"),
        ("11", "10", vec![&mail], "A reseller is none"),
        ("11", "12", vec![&mail, &ended], "is not one of this customer's that lives"),
        ("11", "12", vec![&mail, &other], "is not one of this customer's that lives"),
        ("11", "12", vec![&backup], "goes with its subscription alone"),
        ("11", "12", vec!["0-987"], "is not one of this customer's that lives"),
    ] {
        let reply = giving(&app, &token, from, to, &services, &json!({}));
        problem(&reply, 409, "conflict");
        assert!(reply.body.contains(told) && reply.body.contains("(1006)"), "{from} {to}: {}", reply.body);
        // A preview says the same, service by service.
        let preview = giving(&app, &token, from, to, &services, &json!({"preview": true})).json();
        assert_eq!(preview["movable"], false);
        assert!(preview.to_string().contains(told), "{from} {to}: {preview}");
    }
    let preview = giving(&app, &token, "11", "12", &[&mail, &ended], &json!({"preview": true})).json();
    assert_eq!((&preview["services"][0]["refused"], &preview["services"][0]["name"]), (&Value::Null, &json!("Mail")));
    assert!(preview["services"][2]["refused"].is_string());
    let target = format!("{}/move", path(&app, "11"));
    for (body, told) in [
        (json!({}), "Say with `to`"),
        (json!({"to": "nobody", "services": [mail]}), "No account has"),
        (json!({"to": id(&app, "12"), "services": ["unheard"]}), "No service is called unheard"),
        (json!({"to": id(&app, "12"), "services": vec!["0-1"; 1001]}), "at most 1000"),
    ] {
        let reply = ask(&app, &token, "POST", &target, &body);
        problem(&reply, 400, "bad_request");
        assert!(reply.body.contains(told), "{}", reply.body);
    }
    problem(&giving(&app, &viewer, "11", "12", &[&mail], &json!({})), 403, "forbidden");
    // A reseller_admin moves nothing to whom it does not see, and nothing of theirs.
    let [real, none] = [id(&app, "21"), "0-999".to_owned()]
        .map(|to| ask(&app, &ours, "POST", &target, &json!({"to": to, "services": [mail]})));
    assert_eq!((real.status, &real.body), (400, &none.body));
    problem(&giving(&app, &ours, "21", "12", &[&mail], &json!({})), 404, "not_found");
    // Nor is anything given to one that is deleted, or that ordering is closed for.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"12"}"#).send(&app).code(), 0);
    let gone = giving(&app, &token, "11", "12", &[&mail], &json!({}));
    assert!(gone.status == 409 && gone.body.contains("is deleted"), "{}", gone.body);
    // If-Match is the first customer's.
    let body = json!({"to": id(&app, "42"), "services": [direct]});
    let tagged = Call::new("POST", &format!("/v1{}/move", path(&app, "41")))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body.to_string());
    problem(&tagged.header("If-Match", "\"old\"").send(&app), 412, "precondition_failed");
    assert_eq!((owner(&app, &token, &mail), owner(&app, &token, &direct)), (id(&app, "11"), id(&app, "41")));
    // Two that are nobody's are of one level.
    assert_eq!(giving(&app, &token, "41", "42", &[&direct], &json!({})).status, 200);
    assert_eq!(owner(&app, &token, &direct), id(&app, "42"));
}

#[test]
fn services_do_not_move_across_levels() {
    backends().into_iter().for_each(rules);
}

fn standing(backend: Backend) {
    let app = TestApp::start(backend);
    filled(&app);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let mail = make(&app, &token, "11", &json!({"name": "Mail"}));
    for standing in ["disabled", "fraud", "frozen"] {
        let set = format!("UPDATE accounts SET standing = '{standing}' WHERE platform_id = '12'");
        diesel::sql_query(set).execute(&mut app.database()).unwrap();
        let reply = giving(&app, &token, "11", "12", &[&mail], &json!({}));
        assert!(reply.status == 409 && reply.body.contains("Enable it first"), "{standing}: {}", reply.body);
        let reply = ask(&app, &token, "POST", &path(&app, "12"), &json!({"name": "x"}));
        assert_eq!(reply.status, if standing == "frozen" { 201 } else { 409 }, "{standing}: {}", reply.body);
    }
}

#[test]
fn nothing_is_given_to_who_may_not_order() {
    backends().into_iter().for_each(standing);
}

fn held(backend: Backend) {
    let app = TestApp::start(backend);
    filled(&app);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let order = |verb: &str, account: &str, more: Value| {
        let mut body = json!({"SubscriptionID": "S", "Account": {"ID": account, "Role": "User", "ResellerID": "10"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Call::post(verb, body.to_string()).send(&app)
    };
    let add_ons = json!({"Addons": [{"ProductID": "backup"}]});
    let external_id = order("Subscriptions/Create", "11", add_ons.clone()).result();
    let subscription = get(&app, &token, &format!("/services/{external_id}")).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(giving(&app, &token, "11", "12", &[&subscription], &json!({})).status, 200);
    let shown = || get(&app, &token, &format!("/services/{subscription}")).json();
    assert_eq!((&shown()["held"], &shown()["reported_account"]), (&json!(true), &json!(id(&app, "11"))));
    // The platform goes on ordering it for the first customer: that is taken, and the service stays where it is.
    let reply = order("Subscriptions/Update", "11", json!({"Quantity": 9, "Addons": [{"ProductID": "archive"}]}));
    assert_eq!((reply.code(), reply.result()), (0, external_id.clone()), "{}", reply.body);
    let now = shown();
    assert_eq!((&now["quantity"], &now["account"], &now["held"]), (&json!(9), &json!(id(&app, "12")), &json!(true)));
    let of_second = all(&app, &token, &path(&app, "12"), 9);
    assert_eq!(column(&of_second, "plan"), ["", "backup", "archive"], "its new add-on is the second customer's, too");
    let delivery = get(&app, &token, &format!("/deliveries/{}", now["last_delivery"].as_str().unwrap())).json();
    assert_eq!(delivery["account"], json!(id(&app, "11")));
    assert!(delivery["trace"].to_string().contains("moved to another account by an operator"), "{delivery}");
    assert_eq!(order("Addons/Update", "11", json!({"Addons": [{"ProductID": "backup", "Quantity": 4}]})).code(), 0);
    assert_eq!(order("Subscriptions/Suspend", "11", json!({})).code(), 0);
    assert_eq!((&shown()["status"], owner(&app, &token, &subscription)), (&json!("suspended"), id(&app, "12")));
    // Nothing is ordered for who has it and may not order, whoever is named.
    let standing = |word: &str| {
        let set = format!("UPDATE accounts SET standing = '{word}' WHERE platform_id = '12'");
        diesel::sql_query(set).execute(&mut app.database()).unwrap();
    };
    standing("fraud");
    assert_eq!(order("Subscriptions/Update", "11", json!({"Quantity": 10})).code(), 1006);
    assert_eq!(order("Subscriptions/Suspend", "11", json!({})).code(), 0);
    standing("enabled");
    let held = |query: &str| column(&all(&app, &token, &format!("/services?held={query}"), 9), "id");
    assert_eq!((held("true"), held("false").len()), (vec![subscription.clone()], 2));
    // For a third customer it is refused as it always was.
    assert_eq!(order("Subscriptions/Update", "21", json!({"Account": {"ID": "41", "Role": "User"}})).code(), 1006);
    // Once the platform names the second customer, there is nothing to hold any longer; the first is a stranger from then on.
    assert_eq!(order("Subscriptions/Activate", "12", json!({})).code(), 0);
    assert_eq!((&shown()["held"], &shown()["reported_account"]), (&json!(false), &Value::Null));
    assert_eq!(order("Subscriptions/Update", "11", json!({"Quantity": 1})).code(), 1006);
    // Moved on and back again, it is as if nothing had been.
    assert_eq!(giving(&app, &token, "12", "11", &[&subscription], &json!({})).status, 200);
    assert_eq!(shown()["reported_account"], json!(id(&app, "12")));
    assert_eq!(giving(&app, &token, "11", "12", &[&subscription], &json!({})).status, 200);
    assert_eq!(shown()["held"], false);
    // A reseller_admin is not told of an account that may be somebody else's by now.
    assert_eq!(giving(&app, &token, "12", "11", &[&subscription], &json!({})).status, 200);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let seen = get(&app, &ours, &format!("/services/{subscription}")).json();
    assert_eq!((&seen["held"], &seen["reported_account"]), (&json!(true), &Value::Null));
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn a_service_that_moved_stays_whatever_the_platform_orders() {
    backends().into_iter().for_each(held);
}

fn at_once(backend: Backend) {
    // Orders under the old account, changes under the new one, and moves to and fro, on two receivers where there can be two.
    let app = TestApp::start(backend);
    filled(&app);
    let other = if backend == Backend::Postgres { Some(app.second()) } else { None };
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let body = json!({"SubscriptionID": "S", "Account": {"ID": "11", "Role": "User", "ResellerID": "10"}});
    let external_id = Call::post("Subscriptions/Create", body.to_string()).send(&app).result();
    let service = get(&app, &token, &format!("/services/{external_id}")).json()["id"].as_str().unwrap().to_owned();
    assert_eq!(giving(&app, &token, "11", "12", &[&service], &json!({})).status, 200);
    let receiver = |at: usize| other.as_ref().filter(|_| at % 2 == 1).unwrap_or(&app);
    let path = format!("/services/{service}");
    std::thread::scope(|scope| {
        for at in 0..4 {
            let (receiver, token, path) = (receiver(at), &token, &path);
            scope.spawn(move || {
                for quantity in 0..8 {
                    if at < 2 {
                        let body = json!({"SubscriptionID": "S", "Quantity": at * 100 + quantity,
                            "Account": {"ID": "11", "Role": "User", "ResellerID": "10"}});
                        let reply = Call::post("Subscriptions/Update", body.to_string()).send(receiver);
                        assert_eq!(reply.code(), 0, "{}", reply.body);
                    } else {
                        did(receiver, token, "PATCH", path, &json!({"plan": format!("{at}-{quantity}")}));
                    }
                }
            });
        }
    });
    // Nothing was lost on the way: each revision is there and told once.
    let now = get(&app, &token, &path).json();
    assert_eq!(now["account"], json!(id(&app, "12")));
    assert!(now["plan"].as_str().unwrap().ends_with("-7"), "{now}");
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_eq!(now["revision"].as_u64().unwrap(), all(&app, &token, &format!("{path}/history"), 50).len() as u64);
}

#[test]
fn orders_and_changes_of_a_moved_service_at_once() {
    backends().into_iter().for_each(at_once);
}

fn broken(backend: Backend) {
    for place in [FaultPlace::Begin, FaultPlace::Load, FaultPlace::Write, FaultPlace::Commit] {
        let broken = Arc::new(AtomicBool::new(false));
        let armed = broken.clone();
        let hook = move |at: FaultPlace, _: &[&tiersync::domain::call::Call]| {
            (at == place && armed.load(Ordering::SeqCst)).then(|| StoreError::Failed("a fault".to_owned()))
        };
        let options = Options { faults: Faults::new(hook), ..Options::default() };
        let app = TestApp::with_options(backend, &config("", MPNID), options);
        filled(&app);
        let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
        let mail = make(&app, &token, "11", &json!({"name": "Mail"}));
        let ann = add(&app, &token, "11", &json!({"login": "ann", "services": [mail]}));
        let before = (stored(&mut app.database()).len(), all(&app, &token, "/audit", 50).len());
        broken.store(true, Ordering::SeqCst);
        let reply = giving(&app, &token, "11", "12", &[&mail], &json!({}));
        assert_eq!(reply.status, 500, "{place:?}: {}", reply.body);
        broken.store(false, Ordering::SeqCst);
        // No trace of it is left.
        assert_eq!((stored(&mut app.database()).len(), all(&app, &token, "/audit", 50).len()), before, "{place:?}");
        assert_eq!(owner(&app, &token, &mail), id(&app, "11"));
        let given: Vec<i64> = user_services::table.select(user_services::service_id).load(&mut app.database()).unwrap();
        let rows: Vec<i64> = services::table.select(services::id).load(&mut app.database()).unwrap();
        assert_eq!(given, rows, "{place:?}");
        assert_eq!(giving(&app, &token, "11", "12", &[&mail], &json!({})).status, 200, "{place:?}");
        assert_eq!(get(&app, &token, &format!("/users/{ann}")).json()["services"], json!([]));
        assert_whole(&mut app.database());
    }
}

#[test]
fn a_move_that_fails_leaves_no_trace() {
    backends().into_iter().for_each(broken);
}

fn command(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    filled(&app);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let domain = make(&app, &token, "11", &json!({"kind": "domain", "name": "x.example"}));
    let second = make(&app, &token, "11", &json!({"kind": "domain", "name": "y.example"}));
    let mail = make(&app, &token, "11", &json!({"name": "Mail"}));
    add(&app, &token, "11", &json!({"login": "ann", "services": [domain]}));
    let preview = place.fine(&["services", "move", "11", "--to", "12", "--kind", "domain", "--preview"]);
    assert!(preview.contains("x.example") && preview.contains("(ann) would lose"), "{preview}");
    let revision = preview.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(revision.len(), 32, "{preview}");
    place
        .run(&["services", "move", "11", "--to", "12", "--service", &mail, "--revision", &revision])
        .failed(1, "changed since the preview");
    let done = place.fine(&["services", "move", "11", "--to", "12", "--kind", "domain", "--revision", &revision]);
    assert!(done.contains("2 services are moved") && done.contains("(ann) lost"), "{done}");
    assert_eq!((owner(&app, &token, &domain), owner(&app, &token, &second)), (id(&app, "12"), id(&app, "12")));
    place.run(&["services", "move", "11", "--to", "21", "--service", &mail]).failed(1, "not of the same level");
    let ran = place.run(&["services", "move", "11", "--to", "21", "--service", &mail, "--preview", "--format", "json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let whole: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&whole["movable"], whole["refused"].is_string()), (&json!(false), true));
    assert_eq!(place.run(&["services", "move", "11", "--to", "12"]).code, 2);
    place.run(&["services", "move", "11", "--to", "12", "--kind", "ssl"]).failed(1, "No service is named");
    drop(app);
}

#[test]
fn services_move_by_command_too() {
    backends().into_iter().for_each(command);
}
