//! Atria's guide to moving customers: its process step by step, its three notes, and its reasons for moves.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::harness::{Backend, Call, Reply, TestApp, backends};
use crate::v1::{all, column, get, id, operator, problem, send};

pub fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send(app)
}

#[track_caller]
pub fn did(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Value {
    let reply = ask(app, token, method, path, body);
    assert!(matches!(reply.status, 200 | 201), "{method} {path}: {} {}", reply.status, reply.body);
    reply.json()
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Two resellers, 10 and 20, with a customer each, 11 and 21. The token is a provider_admin's.
pub fn world(backend: Backend) -> (TestApp, String) {
    let app = TestApp::start(backend);
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Harbour"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "Florist"}),
    ] {
        send(&app, &body);
    }
    (app, token)
}

/// What a reseller may sell: (service, plan, locations), and where the directory has its customers.
pub fn sells(app: &TestApp, token: &str, reseller: &str, ou: &str, offers: &[(&str, &str, &[&str])]) {
    let offers: Vec<Value> = offers
        .iter()
        .map(|(service, plan, locations)| json!({"service": service, "plan": plan, "locations": locations}))
        .collect();
    let path = format!("/accounts/{}/plans", id(app, reseller));
    did(app, token, "PUT", &path, &json!({"directory_ou": ou, "offers": offers}));
}

pub fn service(app: &TestApp, token: &str, customer: &str, name: &str, plan: &str, location: &str) -> String {
    let path = format!("/accounts/{}/services", id(app, customer));
    let body = json!({"name": name, "service": name, "plan": plan, "location": location});
    text(&did(app, token, "POST", &path, &body)["id"])
}

pub fn user(app: &TestApp, token: &str, customer: &str, login: &str, services: &[&String]) -> String {
    let path = format!("/accounts/{}/users", id(app, customer));
    text(&did(app, token, "POST", &path, &json!({"login": login, "services": services}))["id"])
}

pub fn reseller_of(app: &TestApp, token: &str, customer: &str) -> Value {
    get(app, token, &format!("/accounts/{}", id(app, customer))).json()["reseller"]["platform_id"].clone()
}

fn process(backend: Backend) {
    let (app, token) = world(backend);
    sells(&app, &token, "10", "OU=North", &[("Workspace", "gold", &["north"]), ("Mail", "basic", &[])]);
    let offers: &[(&str, &str, &[&str])] =
        &[("Workspace", "gold", &["east", "south"]), ("Mail", "standard", &[]), ("Mail", "premium", &[])];
    sells(&app, &token, "20", "OU=Harbour", offers);
    let workspace = service(&app, &token, "11", "Workspace", "gold", "north");
    let mail = service(&app, &token, "11", "Mail", "basic", "");
    user(&app, &token, "11", "ann", &[&workspace, &mail]);
    user(&app, &token, "11", "bob", &[&workspace]);
    // Select the customer and the new reseller, and validate.
    let mut asked = json!({"customer": id(&app, "11"), "reseller": id(&app, "20"), "preview": true});
    let look = did(&app, &token, "POST", "/moves", &asked);
    assert_eq!((&look["possible"], &look["users"], &look["may"]), (&json!(false), &json!(2), &json!("commit")));
    let of = |look: &Value, service: &str| {
        let list = look["services"].as_array().unwrap().clone();
        list.into_iter().find(|one| one["id"] == json!(service)).unwrap()
    };
    let (desk, post) = (of(&look, &workspace), of(&look, &mail));
    assert_eq!(
        (&desk["outcome"], &desk["locations"]),
        (&json!("choose_location"), &json!(["east", "south"])),
        "{desk}"
    );
    assert_eq!(post["outcome"], "choose_plan", "{post}");
    assert_eq!(column(post["candidates"].as_array().unwrap(), "plan"), ["premium", "standard"]);
    // What is not chosen keeps the customer where it is.
    let mut early = asked.clone();
    (early["preview"], early["revision"]) = (json!(false), look["revision"].clone());
    problem(&ask(&app, &token, "POST", "/moves", &early), 409, "conflict");
    // Match the plans, and choose the location.
    asked["plans"] = json!([{"service": "Mail", "plan": "basic", "new_plan": "premium"}]);
    asked["location"] = json!("south");
    let look = did(&app, &token, "POST", "/moves", &asked);
    assert_eq!((&look["possible"], &look["refusals"]), (&json!(true), &json!([])), "{look}");
    assert_eq!((&of(&look, &mail)["outcome"], &of(&look, &mail)["new_plan"]), (&json!("changed"), &json!("premium")));
    assert_eq!(reseller_of(&app, &token, "11"), "10", "a preview moves nothing");
    // Move, on what was looked at.
    asked["preview"] = json!(false);
    problem(&ask(&app, &token, "POST", "/moves", &asked), 400, "bad_request");
    asked["revision"] = look["revision"].clone();
    let made = did(&app, &token, "POST", "/moves", &asked);
    assert_eq!((&made["state"], &made["requested_by"]), (&json!("done"), &json!("provider")), "{made}");
    // With the answer it is so.
    assert_eq!(reseller_of(&app, &token, "11"), "20");
    let now = |service: &str| get(&app, &token, &format!("/services/{service}")).json();
    assert_eq!((&now(&workspace)["plan"], &now(&workspace)["location"]), (&json!("gold"), &json!("south")));
    assert_eq!(now(&mail)["plan"], "premium");
    // The bulk request on the screen of provisioning requests.
    let requests = all(&app, &token, &format!("/provisioning-requests?customer={}", id(&app, "11")), 50);
    assert_eq!(column(&requests, "id"), [text(&made["provisioning_request"])]);
    assert_eq!((&requests[0]["state"], &requests[0]["percent"]), (&json!("pending"), &json!(0)), "{requests:?}");
    // The same again, on a revision that is gone by.
    problem(&ask(&app, &token, "POST", "/moves", &asked), 409, "conflict");
}

#[test]
fn the_guides_process_step_by_step() {
    backends().into_iter().for_each(process);
}

fn first_note(backend: Backend) {
    let (app, token) = world(backend);
    let both: &[(&str, &str, &[&str])] =
        &[("Workspace", "gold", &[]), ("Mail", "basic", &[]), ("Backup", "daily", &[])];
    sells(&app, &token, "10", "OU=North", both);
    sells(&app, &token, "20", "OU=Harbour", both);
    let workspace = service(&app, &token, "11", "Workspace", "gold", "");
    let mail = service(&app, &token, "11", "Mail", "basic", "");
    let backup = service(&app, &token, "11", "Backup", "daily", "");
    let ann = user(&app, &token, "11", "ann", &[&workspace, &mail]);
    let bob = user(&app, &token, "11", "bob", &[&workspace]);
    let mut asked = json!({"customer": id(&app, "11"), "reseller": id(&app, "20"), "preview": true});
    asked["revision"] = did(&app, &token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    let request = text(&did(&app, &token, "POST", "/moves", &asked)["provisioning_request"]);
    let items = all(&app, &token, &format!("/provisioning-requests/{request}/items"), 50);
    let pair = |user: &Value, service: &Value| format!("{user} {service}");
    let told: BTreeSet<String> = items.iter().map(|item| pair(&item["user"]["id"], &item["service"]["id"])).collect();
    let wanted = [
        pair(&Value::Null, &Value::Null),
        pair(&Value::Null, &json!(backup)),
        pair(&json!(ann), &json!(workspace)),
        pair(&json!(ann), &json!(mail)),
        pair(&json!(bob), &json!(workspace)),
    ];
    assert_eq!((items.len(), told), (5, wanted.into()));
    let directory = items.iter().find(|item| item["kind"] == "directory").unwrap();
    assert_eq!((&directory["from_ou"], &directory["to_ou"]), (&json!("OU=North"), &json!("OU=Harbour")));
}

#[test]
fn all_services_move_and_all_users_are_provisioned_again() {
    backends().into_iter().for_each(first_note);
}

fn second_note(backend: Backend) {
    let (app, token) = world(backend);
    let workspace = service(&app, &token, "11", "Workspace", "gold", "");
    let ann = user(&app, &token, "11", "ann", &[&workspace]);
    let mut asked = json!({"from": id(&app, "11"), "to": id(&app, "21"), "users": [ann], "preview": true});
    let look = did(&app, &token, "POST", "/moves/users", &asked);
    assert_eq!((&look["possible"], &look["services"][0]["outcome"]), (&json!(false), &json!("blocked")), "{look}");
    let mut early = asked.clone();
    (early["preview"], early["revision"]) = (json!(false), look["revision"].clone());
    let refused = ask(&app, &token, "POST", "/moves/users", &early);
    problem(&refused, 409, "conflict");
    assert!(refused.body.contains("Workspace"), "{}", refused.body);
    let users = |customer: &str| all(&app, &token, &format!("/accounts/{}/users", id(&app, customer)), 50);
    assert_eq!((column(&users("11"), "id"), users("21").len()), (vec![ann.clone()], 0));
    // Once the service is provisioned there, the user moves.
    let theirs = service(&app, &token, "21", "Workspace", "gold", "");
    asked["revision"] = did(&app, &token, "POST", "/moves/users", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(&app, &token, "POST", "/moves/users", &asked);
    assert_eq!(users("21").len(), 1);
    assert_eq!((&users("21")[0]["login"], &users("21")[0]["services"]), (&json!("ann"), &json!([theirs])));
}

#[test]
fn a_user_moves_once_the_other_customer_has_its_services() {
    backends().into_iter().for_each(second_note);
}

fn third_note(backend: Backend) {
    let (app, token) = world(backend);
    let both: &[(&str, &str, &[&str])] = &[("Workspace", "gold", &[]), ("Mail", "basic", &[])];
    sells(&app, &token, "10", "OU=North", both);
    sells(&app, &token, "20", "OU=Harbour", &[("Mail", "basic", &[])]);
    let workspace = service(&app, &token, "11", "Workspace", "gold", "");
    let mail = service(&app, &token, "11", "Mail", "basic", "");
    let mut asked = json!({"customer": id(&app, "11"), "reseller": id(&app, "20"), "preview": true});
    let look = did(&app, &token, "POST", "/moves", &asked);
    let outcomes: Vec<(&Value, &Value)> =
        look["services"].as_array().unwrap().iter().map(|one| (&one["id"], &one["outcome"])).collect();
    assert_eq!(outcomes, [(&json!(workspace), &json!("blocked")), (&json!(mail), &json!("equal"))], "{look}");
    let mut early = asked.clone();
    (early["preview"], early["revision"]) = (json!(false), look["revision"].clone());
    let refused = ask(&app, &token, "POST", "/moves", &early);
    problem(&refused, 409, "conflict");
    assert!(refused.body.contains("does not sell Workspace"), "{}", refused.body);
    assert_eq!(reseller_of(&app, &token, "11"), "10");
    // A commit on what was looked at before the reseller's plans changed is told so.
    sells(&app, &token, "20", "OU=Harbour", both);
    let late = ask(&app, &token, "POST", "/moves", &early);
    problem(&late, 409, "conflict");
    assert!(late.body.contains("what the reseller may sell"), "{}", late.body);
    asked["revision"] = did(&app, &token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(&app, &token, "POST", "/moves", &asked);
    assert_eq!(reseller_of(&app, &token, "11"), "20");
}

#[test]
fn services_and_plans_must_be_equal_between_resellers() {
    backends().into_iter().for_each(third_note);
}

fn sides(backend: Backend) {
    let (app, token) = world(backend);
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Butcher"}));
    let from = operator(&app, "from", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let to = operator(&app, "to", Role::ResellerAdmin, &[&id(&app, "20")], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    let harbour = text(&get(&app, &token, &format!("/accounts/{}", id(&app, "20"))).json()["external_id"]);
    let asked = |customer: &str| json!({"customer": id(&app, customer), "reseller": harbour});
    problem(&ask(&app, &viewer, "POST", "/moves", &asked("11")), 403, "forbidden");
    let [first, second] = ["11", "12"].map(|customer| {
        let request = did(&app, &from, "POST", "/moves", &asked(customer));
        assert_eq!((&request["state"], &request["side"]), (&json!("requested"), &json!("from")), "{request}");
        text(&request["id"])
    });
    assert_eq!(reseller_of(&app, &token, "11"), "10", "asking moves nothing");
    // Whoever asked does not answer for the other side.
    let own = ask(&app, &from, "POST", &format!("/moves/{first}/accept"), &json!({"preview": true}));
    problem(&own, 403, "forbidden");
    let open = all(&app, &to, "/moves?state=requested", 50);
    assert_eq!(column(&open, "id"), [second.clone(), first.clone()]);
    let accept = format!("/moves/{first}/accept");
    let revision = did(&app, &to, "POST", &accept, &json!({"preview": true}))["revision"].clone();
    let done = did(&app, &to, "POST", &accept, &json!({"revision": revision}));
    assert_eq!((&done["state"], &done["decided_by"]), (&json!("done"), &json!("to")), "{done}");
    assert_eq!(reseller_of(&app, &token, "11"), "20");
    let decline = format!("/moves/{second}/decline");
    problem(&ask(&app, &to, "POST", &decline, &json!({})), 400, "bad_request");
    let declined = did(&app, &to, "POST", &decline, &json!({"reason": "Not ours to serve"}));
    assert_eq!((&declined["state"], &declined["decision"]), (&json!("declined"), &json!("Not ours to serve")));
    assert_eq!(reseller_of(&app, &token, "12"), "10");
}

#[test]
fn one_side_asks_and_the_other_decides() {
    backends().into_iter().for_each(sides);
}

fn end(backend: Backend) {
    let (app, token) = world(backend);
    let customers = ["11", "12", "13"];
    for customer in &customers[1..] {
        send(&app, &json!({"ID": customer, "Role": "User", "ResellerID": "10"}));
    }
    let north = format!("/accounts/{}", id(&app, "10"));
    did(&app, &token, "PATCH", &north, &json!({"standing": "frozen", "reason": "Ends in May"}));
    let new = app.synchronize(r#"{"ID":"14","Role":"User","ResellerID":"10"}"#);
    assert_eq!(new.code(), 1006, "{}", new.body);
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"10"}"#).send(&app).code(), 1004);
    let harbour = id(&app, "20");
    let mut moves: Vec<Value> =
        customers.iter().map(|customer| json!({"customer": id(&app, customer), "reseller": harbour})).collect();
    // A bad row is named, and the good ones go on.
    moves.push(json!({"customer": "nobody", "reseller": harbour}));
    let counts = |reply: &Value| {
        let of = |name: &str| reply["summary"][name].as_u64().unwrap();
        [of("moved"), of("unchanged"), of("refused")]
    };
    let look = did(&app, &token, "POST", "/moves/batch", &json!({"moves": moves, "preview": true}));
    assert_eq!(counts(&look), [3, 0, 1], "{look}");
    assert_eq!(reseller_of(&app, &token, "11"), "10");
    let made = did(&app, &token, "POST", "/moves/batch", &json!({"moves": moves}));
    assert_eq!(counts(&made), [3, 0, 1], "{made}");
    assert_eq!((&made["rows"][3]["customer"], &made["rows"][3]["code"]), (&json!("nobody"), &json!(1005)), "{made}");
    let again = did(&app, &token, "POST", "/moves/batch", &json!({"moves": moves}));
    assert_eq!(counts(&again), [0, 3, 1], "{again}");
    for customer in customers {
        assert_eq!(reseller_of(&app, &token, customer), "20");
    }
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"10"}"#).send(&app).code(), 0);
}

#[test]
fn a_reseller_is_emptied_into_another_and_ends() {
    backends().into_iter().for_each(end);
}
