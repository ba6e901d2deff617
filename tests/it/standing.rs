//! What an account may do: orders of disabled accounts and of fraud, new customers of frozen resellers, and who may say so.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::v1::{all, column, get, id, operator, problem, send};

/// A PATCH below /v1.
pub fn patch(app: &TestApp, token: &str, path: &str, body: &Value) -> Reply {
    write(app, token, "PATCH", path, body)
}

/// A call below /v1 that changes something.
pub fn write(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send(app)
}

fn order(app: &TestApp, endpoint: &str, body: &Value) -> Reply {
    Call::post(endpoint, body.to_string()).send(app)
}

fn orders(backend: Backend) {
    let app = TestApp::start(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    let account = json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"});
    let create = |name: &str| json!({"SubscriptionID": name, "ProductID": "gold", "Account": account});
    assert_eq!(order(&app, "Subscriptions/Create", &create("S1")).code(), 0);
    let customer = id(&app, "11");
    let path = format!("/accounts/{customer}");
    for (standing, words) in [("disabled", "is disabled"), ("fraud", "marked as fraud")] {
        let set = patch(&app, &admin, &path, &json!({"standing": standing, "reason": "Asked for"}));
        assert_eq!((set.status, &set.json()["standing"]), (200, &json!(standing)), "{}", set.body);
        let before = get(&app, &admin, &path).json();
        let existing = |more: Value| {
            let mut body = create("S1");
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            // What is refused leaves the account as it was, too.
            body["Account"]["Name"] = json!("Another name");
            body
        };
        for (endpoint, body) in [
            ("Subscriptions/Create", create("S2")),
            ("Subscriptions/Create", existing(json!({}))),
            ("Subscriptions/Update", existing(json!({"Quantity": 9}))),
            ("Subscriptions/Activate", existing(json!({}))),
            ("Subscriptions/UpgradeToPaid", existing(json!({}))),
            ("Addons/Create", existing(json!({"Addons": [{"ProductID": "backup"}]}))),
        ] {
            let refused = order(&app, endpoint, &body);
            assert_eq!((refused.status, refused.code()), (200, 1006), "{endpoint}: {}", refused.body);
            assert!(refused.message().contains(words), "{endpoint}: {}", refused.body);
            let mut asked = body.clone();
            asked["checkonly"] = json!(true);
            assert_eq!(order(&app, endpoint, &asked).message(), refused.message(), "{endpoint}");
        }
        let by_hand = write(&app, &admin, "POST", &format!("{path}/services"), &json!({"kind": "ssl", "name": "N"}));
        assert!(by_hand.status == 409 && by_hand.body.contains("(1006)"), "{}", by_hand.body);
        assert!(by_hand.body.contains(words), "{}", by_hand.body);
        assert_eq!(get(&app, &admin, &path).json(), before, "nothing of a refused order is stored");
        // Giving back is no ordering, and neither is a word about the account.
        assert_eq!(order(&app, "Subscriptions/Suspend", &create("S1")).code(), 0, "{standing}");
        assert_eq!(app.synchronize(&account.to_string()).code(), 0);
        assert_eq!(get(&app, &admin, &path).json()["standing"], standing, "no call changes it");
        // The case waits, and completes once the account is enabled.
        assert_eq!(patch(&app, &admin, &path, &json!({"standing": "enabled"})).status, 200);
        assert_eq!(order(&app, "Subscriptions/Activate", &create("S1")).code(), 0);
    }
    let changed: Vec<Value> = feed(&app, &admin)
        .into_iter()
        .filter(|one| one["kind"] == "account.updated" && one["account"]["id"] == json!(customer))
        .map(|one| one["changed"].clone())
        .collect();
    assert_eq!(changed, vec![json!(["standing"]); 4]);
    let cases = all(&app, &admin, "/cases", 50);
    assert!(!cases.is_empty() && cases.iter().all(|case| case["code"] == 1006), "{cases:?}");
    assert_eq!(order(&app, "Subscriptions/Cancel", &create("S1")).code(), 0);
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

#[test]
fn nothing_is_ordered_for_disabled_accounts_and_fraud() {
    backends().into_iter().for_each(orders);
}

fn frozen(backend: Backend) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    let send = |body: Value| app.synchronize(&body.to_string());
    assert_eq!(send(json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"})).code(), 0);
    let external = send(json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"})).result();
    assert_eq!(send(json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"})).code(), 0);
    assert_eq!(send(json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"})).code(), 0);
    assert_eq!(send(json!({"ID": "13", "Role": "User", "ResellerID": "20", "Name": "Butcher"})).code(), 0);
    place.run(&["accounts", "freeze", "11"]).failed(1, "Only a reseller can be frozen");
    assert_eq!(place.fine(&["accounts", "freeze", "20", "--reason", "Ends in May"]), "account 0-2 changed: standing\n");
    assert_eq!(place.fine(&["accounts", "freeze", "20"]), "account 0-2 is so already\n");
    // New: by either name, by moving to it, by coming back to it, and with an order.
    let new = [
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "New"}),
        json!({"ID": "22", "Role": "User", "ResellerID": "x", "ResellerExternalID": external, "Name": "New, too"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "20", "Name": "Florist"}),
    ];
    for body in &new {
        let refused = send(body.clone());
        assert_eq!((refused.status, refused.code()), (200, 1006), "{body}: {}", refused.body);
        assert!(refused.message().contains("frozen"), "{}", refused.body);
    }
    let order = json!({"ProductID": "gold", "Account": {"ID": "23", "Role": "User", "ResellerID": "20"}});
    assert_eq!(Call::post("Subscriptions/Create", order.to_string()).send(&app).code(), 1006);
    // Those that it has go on: synchronized, with orders, deleted; but what is gone is gone.
    assert_eq!(send(json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery & Son"})).code(), 0);
    let order = json!({"ProductID": "gold", "Account": {"ID": "11", "Role": "User", "ResellerID": "20"}});
    assert_eq!(Call::post("Subscriptions/Create", order.to_string()).send(&app).code(), 0);
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"13"}"#).send(&app).code(), 0);
    assert_eq!(send(json!({"ID": "13", "Role": "User", "ResellerID": "20", "Name": "Butcher"})).code(), 1006);
    // By hand neither.
    place.run(&["accounts", "set", "12", "--reseller", "20"]).failed(1, "takes no new customers");
    let listed = |arguments: &[&str]| {
        let list = items(&place.fine(&[&["accounts", "list", "--format", "json"], arguments].concat()));
        column(&list, "platform_id")
    };
    assert_eq!(listed(&["--reseller", "0-2"]), ["11"]);
    assert_eq!(listed(&["--standing", "frozen"]), ["20"]);
    assert_eq!(listed(&["--standing", "enabled"]), ["10", "11", "12", "13"]);
    // Unfrozen, what was refused completes.
    let cases = items(&place.fine(&["deliveries", "cases", "--platform-id", "21", "--format", "json"]));
    let waiting = cases[0]["last_delivery"].as_str().unwrap();
    let still = place.run(&["deliveries", "reprocess", "--id", waiting, "--format", "json"]);
    assert!(still.code == 1 && still.err.contains("1 still refused"), "{still:?}");
    assert_eq!(place.fine(&["accounts", "enable", "20"]), "account 0-2 changed: standing\n");
    let done = items(&place.fine(&["deliveries", "reprocess", "--code", "1006", "--format", "json"]));
    assert_eq!(done.len(), 5);
    assert!(done.iter().all(|one| one["code"] == 0), "{done:?}");
    assert_eq!(listed(&["--reseller", "0-2"]), ["11", "12", "13", "21", "22", "23"]);
    assert_eq!(place.fine(&["deliveries", "cases"]), "nothing found\n");
    let audit = items(&place.fine(&["operator", "audit", "--action", "accounts.set", "--format", "json"]));
    let told: Vec<(&Value, &Value)> =
        audit.iter().map(|one| (&one["detail"]["standing"], &one["detail"]["reason"])).collect();
    assert_eq!(told, [(&json!("enabled"), &Value::Null), (&json!("frozen"), &json!("Ends in May"))]);
    place.fine(&["deliveries", "verify"]);
}

#[test]
fn a_frozen_reseller_takes_no_new_customers_and_keeps_those_it_has() {
    backends().into_iter().for_each(frozen);
}

/// Frozen beside calls that come at the same time: no customer is taken once the freeze is answered.
fn meeting(backend: Backend) {
    let app = TestApp::start(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    let reseller = id(&app, "20");
    let codes: Vec<(i64, i64)> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4)
            .map(|thread| {
                let app = &app;
                scope.spawn(move || {
                    (0..20)
                        .map(|at| {
                            let id = format!("{thread}-{at}");
                            let body = json!({"ID": id, "Role": "User", "ResellerID": "20", "Name": "N"});
                            app.synchronize(&body.to_string()).code()
                        })
                        .collect::<Vec<i64>>()
                })
            })
            .collect();
        let frozen = patch(&app, &admin, &format!("/accounts/{reseller}"), &json!({"standing": "frozen"}));
        assert_eq!(frozen.status, 200, "{}", frozen.body);
        let counted = get(&app, &admin, &format!("/accounts/count?reseller={reseller}")).json()["count"].as_i64();
        let codes: Vec<i64> = calls.into_iter().flat_map(|call| call.join().unwrap()).collect();
        assert!(codes.iter().all(|code| [0, 1006].contains(code)), "{codes:?}");
        let taken = codes.iter().filter(|code| **code == 0).count();
        vec![(counted.unwrap(), i64::try_from(taken).unwrap())]
    });
    assert_eq!(codes[0].0, codes[0].1, "who came behind the answer was refused");
}

#[test]
fn a_freeze_counts_from_its_answer_on() {
    backends().into_iter().for_each(meeting);
}

fn rights(backend: Backend) {
    let app = TestApp::start(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "looks", Role::Viewer, &[], None);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "Carpenter"}),
    ] {
        send(&app, &body);
    }
    let of = |platform_id: &str| format!("/accounts/{}/profile", id(&app, platform_id));
    let stand = |token: &str, platform_id: &str, standing: &str| {
        patch(&app, token, &of(platform_id), &json!({"standing": standing}))
    };
    assert_eq!(stand(&ours, "11", "disabled").status, 200);
    assert_eq!(stand(&ours, "11", "enabled").status, 200);
    problem(&stand(&ours, "11", "frozen"), 403, "forbidden");
    problem(&stand(&ours, "10", "disabled"), 403, "forbidden");
    problem(&stand(&ours, "21", "disabled"), 404, "not_found");
    problem(&stand(&viewer, "11", "disabled"), 403, "forbidden");
    problem(&stand(&admin, "11", "asleep"), 400, "bad_request");
    assert_eq!(stand(&ours, "11", "fraud").json()["standing"], "fraud");
    // A mark of fraud stays until the vendor lifts it.
    problem(&stand(&ours, "11", "enabled"), 403, "forbidden");
    problem(&patch(&app, &ours, &of("11")[..of("11").len() - 8], &json!({"standing": "enabled"})), 403, "forbidden");
    assert_eq!(stand(&ours, "11", "fraud").status, 200, "what is so already may be said");
    assert_eq!(stand(&admin, "11", "enabled").json()["standing"], "enabled");
    problem(&stand(&admin, "11", "frozen"), 409, "conflict");
    // What is frozen may become a customer, and a customer that was is still what it was.
    assert_eq!(stand(&admin, "20", "frozen").json()["standing"], "frozen");
    assert_eq!(all(&app, &admin, "/accounts?standing=frozen", 5).len(), 1);
    assert!(all(&app, &ours, "/accounts?standing=frozen", 5).is_empty());
    problem(&get(&app, &admin, "/accounts?standing=asleep"), 400, "bad_request");
    // A deleted account is brought back first.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"11"}"#).send(&app).code(), 0);
    problem(&stand(&admin, "11", "disabled"), 409, "conflict");
}

#[test]
fn who_may_say_what_an_account_may_do() {
    backends().into_iter().for_each(rights);
}
