//! Moves that one side asks the other for: who learns what, who may end them, and how they end by themselves; and what else
//! moves rest on: places of the directory, standings, what waits for the provisioner.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::feed::feed;
use crate::harness::{Backend, Call, TestApp, backends};
use crate::moves_guide::{ask, did, reseller_of, sells, service, text, user, world};
use crate::provisioning::{lease, report};
use crate::v1::{all, column, get, id, operator, problem, send};

/// The ExternalID of an account.
fn name(app: &TestApp, token: &str, platform_id: &str) -> String {
    text(&get(app, token, &format!("/accounts/{}", id(app, platform_id))).json()["external_id"])
}

/// Operators of resellers 10 and 20.
fn both(app: &TestApp) -> [String; 2] {
    [("north", "10"), ("harbour", "20")]
        .map(|(name, reseller)| operator(app, name, Role::ResellerAdmin, &[&id(app, reseller)], None))
}

/// A move on what a preview showed.
fn moved(app: &TestApp, token: &str, customer: &str, to: &str) -> Value {
    let mut asked = json!({"customer": id(app, customer), "reseller": id(app, to), "preview": true});
    asked["revision"] = did(app, token, "POST", "/moves", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(app, token, "POST", "/moves", &asked)
}

fn told(app: &TestApp, token: &str) -> Vec<(String, Value, Value)> {
    feed(app, token)
        .iter()
        .filter(|one| one["kind"].as_str().unwrap().starts_with("move."))
        .map(|one| (text(&one["kind"]), one["account"]["platform_id"].clone(), one["move"]["side"].clone()))
        .collect()
}

fn gaining(backend: Backend) {
    let (app, token) = world(backend);
    let [north, harbour] = both(&app);
    sells(&app, &token, "10", "OU=North", &[("Mail", "secret-plan", &[])]);
    sells(&app, &token, "20", "OU=Harbour", &[("Mail", "silver", &[])]);
    let mail = service(&app, &token, "11", "Mail", "secret-plan", "");
    user(&app, &token, "11", "ann", &[&mail]);
    // By its id, which anybody may guess, there is no such customer; by its ExternalID there is.
    let by_id = json!({"customer": id(&app, "11"), "reseller": id(&app, "20"), "preview": true});
    problem(&ask(&app, &harbour, "POST", "/moves", &by_id), 404, "not_found");
    let mut asked = json!({"customer": name(&app, &token, "11"), "reseller": id(&app, "20"), "preview": true});
    let look = did(&app, &harbour, "POST", "/moves", &asked);
    assert_eq!((&look["may"], &look["possible"]), (&json!("request"), &json!(true)), "{look}");
    assert_eq!(
        (&look["services"], &look["users"], &look["from"], &look["revision"]),
        (&json!([]), &json!(0), &Value::Null, &Value::Null)
    );
    asked["preview"] = json!(false);
    asked["reason"] = json!("they called us");
    let request = did(&app, &harbour, "POST", "/moves", &asked);
    assert_eq!((&request["state"], &request["side"]), (&json!("requested"), &json!("to")));
    let path = format!("/moves/{}", text(&request["id"]));
    let ours = id(&app, "10");
    let covered = |when: &str| {
        for path in [path.clone(), "/moves".to_owned(), "/changes".to_owned(), "/accounts".to_owned()] {
            let body = get(&app, &harbour, &path).body;
            assert!(!body.contains("secret-plan") && !body.contains("ann"), "{when} {path}: {body}");
            assert!(!body.contains("Northwind") && !body.contains(&format!("\"{ours}\"")), "{when} {path}: {body}");
        }
        assert_eq!(get(&app, &harbour, &path).json()["from"], Value::Null, "{when}");
    };
    covered("requested");
    problem(&get(&app, &harbour, &format!("/accounts/{}", id(&app, "11"))), 404, "not_found");
    problem(&get(&app, &harbour, &format!("/services/{mail}")), 404, "not_found");
    // Who has the customer knows who asks, and decides; who asked does not.
    let seen = get(&app, &north, &path).json();
    assert_eq!((&seen["from"], &seen["to"]), (&json!(ours), &json!(id(&app, "20"))));
    problem(&ask(&app, &harbour, "POST", &format!("{path}/accept"), &json!({"preview": true})), 403, "forbidden");
    problem(&ask(&app, &harbour, "POST", &format!("{path}/decline"), &json!({"reason": "x"})), 403, "forbidden");
    let mut choice =
        json!({"plans": [{"service": "Mail", "plan": "secret-plan", "new_plan": "silver"}], "preview": true});
    let look = did(&app, &north, "POST", &format!("{path}/accept"), &choice);
    assert_eq!((&look["possible"], &look["users"]), (&json!(true), &json!(1)), "{look}");
    (choice["revision"], choice["preview"]) = (look["revision"].clone(), json!(false));
    let done = did(&app, &north, "POST", &format!("{path}/accept"), &choice);
    assert_eq!((&done["state"], &done["plans"][0]["plan"]), (&json!("done"), &json!("secret-plan")));
    assert_eq!(reseller_of(&app, &token, "11"), "20");
    // The customer is theirs now; whose it was, and on which plan, is still not.
    let seen = get(&app, &harbour, &path).json();
    assert_eq!((&seen["state"], &seen["from"], &seen["plans"]), (&json!("done"), &Value::Null, &json!([])), "{seen}");
    for path in ["/moves", "/changes", "/provisioning-requests"] {
        let body = get(&app, &harbour, path).body;
        assert!(!body.contains("secret-plan") && !body.contains("OU=North"), "{path}: {body}");
    }
    assert_eq!(get(&app, &north, &path).json()["plans"][0]["plan"], "secret-plan");
    // Each side was told about its own reseller, and nobody else was.
    assert_eq!(told(&app, &north), [("move.requested".to_owned(), json!("10"), json!("to"))]);
    assert_eq!(told(&app, &harbour), [("move.requested".to_owned(), json!("20"), json!("to"))]);
    assert_eq!(told(&app, &token).len(), 2);
}

#[test]
fn who_asks_for_a_customer_learns_nothing_of_it() {
    backends().into_iter().for_each(gaining);
}

fn withdrawn(backend: Backend) {
    let (app, token) = world(backend);
    let [north, harbour] = both(&app);
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    let third = operator(&app, "third", Role::ResellerAdmin, &[&id(&app, "30")], None);
    let asked = json!({"customer": id(&app, "11"), "reseller": name(&app, &token, "20")});
    let first = did(&app, &north, "POST", "/moves", &asked);
    let path = format!("/moves/{}", text(&first["id"]));
    // One at a time.
    let again = ask(&app, &north, "POST", "/moves", &asked);
    problem(&again, 409, "conflict");
    assert!(again.body.contains("under way"), "{}", again.body);
    problem(&ask(&app, &harbour, "POST", &format!("{path}/withdraw"), &json!({})), 403, "forbidden");
    problem(&ask(&app, &third, "POST", &format!("{path}/withdraw"), &json!({})), 404, "not_found");
    let done = did(&app, &north, "POST", &format!("{path}/withdraw"), &json!({"reason": "they stay"}));
    assert_eq!(
        (&done["state"], &done["decided_by"], &done["decision"]),
        (&json!("withdrawn"), &json!("north"), &json!("they stay"))
    );
    for (token, what) in [(&north, "withdraw"), (&harbour, "decline"), (&harbour, "accept")] {
        let late = ask(&app, token, "POST", &format!("{path}/{what}"), &json!({"reason": "x", "revision": "x"}));
        problem(&late, 409, "conflict");
        assert!(late.body.contains("withdrawn already"), "{what}: {}", late.body);
    }
    // It may be asked for again, and declined.
    let second = did(&app, &north, "POST", "/moves", &asked);
    did(&app, &harbour, "POST", &format!("/moves/{}/decline", text(&second["id"])), &json!({"reason": "too small"}));
    let expected = |account: &str| {
        ["requested", "withdrawn", "requested", "declined"]
            .map(|kind| (format!("move.{kind}"), json!(account), json!("from")))
    };
    assert_eq!((told(&app, &north), told(&app, &harbour)), (expected("10").to_vec(), expected("20").to_vec()));
    assert!(told(&app, &third).is_empty());
    assert_eq!(reseller_of(&app, &token, "11"), "10");
}

#[test]
fn who_asked_may_withdraw() {
    backends().into_iter().for_each(withdrawn);
}

fn stale(backend: Backend) {
    let (app, token) = world(backend);
    let [north, harbour] = both(&app);
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
    let third = operator(&app, "third", Role::ResellerAdmin, &[&id(&app, "30")], None);
    let request = |customer: &str| {
        let asked = json!({"customer": id(&app, customer), "reseller": name(&app, &token, "20")});
        text(&did(&app, &north, "POST", "/moves", &asked)["id"])
    };
    // The platform takes it elsewhere: the request stands in nobody's way, and ends with the next move.
    let first = request("12");
    let before = did(&app, &harbour, "POST", &format!("/moves/{first}/accept"), &json!({"preview": true}));
    assert_eq!(before["from"], json!(id(&app, "10")));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "30"}));
    service(&app, &token, "12", "Mail", "secret-plan", "");
    sells(&app, &token, "20", "OU=Harbour", &[("Mail", "secret-plan", &[])]);
    let path = format!("/moves/{first}/accept");
    for body in [json!({"preview": true}), json!({"revision": before["revision"]})] {
        let late = ask(&app, &harbour, "POST", &path, &body);
        problem(&late, 409, "conflict");
        assert!(text(&late.json()["detail"]).contains("no longer with the reseller"), "{}", late.body);
        // Nothing of where it is and what it has there.
        for word in ["secret-plan", "services", "\"from\"", "\"users\"", &id(&app, "30")] {
            assert!(!late.body.contains(word), "{word}: {}", late.body);
        }
    }
    assert_eq!(reseller_of(&app, &token, "12"), "30");
    moved(&app, &token, "12", "20");
    let seen = get(&app, &north, &format!("/moves/{first}")).json();
    assert_eq!(
        (&seen["state"], &seen["decision"]),
        (&json!("withdrawn"), &json!("the customer went elsewhere")),
        "{seen}"
    );
    // The one that had it meanwhile hears nothing of it.
    assert!(told(&app, &third).is_empty());
    for (token, account) in [(&north, "10"), (&harbour, "20")] {
        let kinds: Vec<(String, Value)> = told(&app, token).into_iter().map(|(kind, of, _)| (kind, of)).collect();
        let expected = ["move.requested", "move.withdrawn"].map(|kind| (kind.to_owned(), json!(account)));
        assert_eq!(kinds, expected);
    }
    // A customer that is deleted, and one that is erased, is not moved any longer.
    for (customer, why) in [("11", Some("the customer was deleted")), ("13", None)] {
        send(&app, &json!({"ID": customer, "Role": "User", "ResellerID": "10"}));
        let request = request(customer);
        let path = format!("/accounts/{}", id(&app, customer));
        match why {
            Some(_) => {
                assert_eq!(Call::post("Accounts/Delete", json!({"ID": customer}).to_string()).send(&app).code(), 0)
            }
            None => {
                let erased = ask(&app, &token, "DELETE", &format!("{path}?erase=true"), &json!({}));
                assert_eq!(erased.status, 200, "{}", erased.body);
            }
        }
        let seen = get(&app, &harbour, &format!("/moves/{request}")).json();
        assert_eq!((&seen["state"], &seen["decided_by"]), (&json!("withdrawn"), &Value::Null), "{seen}");
        assert_eq!(seen["decision"].as_str(), why.or(Some("the customer was erased")), "{seen}");
        let last = feed(&app, &harbour).into_iter().rfind(|one| one["move"].is_object()).unwrap();
        assert_eq!((&last["kind"], &last["move"]["id"]), (&json!("move.withdrawn"), &json!(request)));
    }
    assert!(all(&app, &token, "/moves?state=requested", 50).is_empty());
    // Of a customer of nobody only who asks for it hears; whoever gets it later does not.
    send(&app, &json!({"ID": "14", "Role": "User"}));
    let asked = json!({"customer": name(&app, &token, "14"), "reseller": id(&app, "20")});
    let last = text(&did(&app, &harbour, "POST", "/moves", &asked)["id"]);
    did(&app, &harbour, "POST", &format!("/moves/{last}/withdraw"), &json!({}));
    let entries: Vec<(Value, Value)> = feed(&app, &token)
        .iter()
        .filter(|one| one["move"]["id"] == json!(last))
        .map(|one| (one["kind"].clone(), one["account"]["platform_id"].clone()))
        .collect();
    assert_eq!(entries, ["move.requested", "move.withdrawn"].map(|kind| (json!(kind), json!("20"))));
    send(&app, &json!({"ID": "14", "Role": "User", "ResellerID": "30"}));
    assert!(told(&app, &third).is_empty());
}

#[test]
fn a_request_ends_with_what_it_was_about() {
    backends().into_iter().for_each(stale);
}

fn contested(backend: Backend) {
    let (app, token) = world(backend);
    let [north, harbour] = both(&app);
    let second = match backend {
        Backend::Postgres => Some(app.second()),
        Backend::Sqlite => None,
    };
    for round in 0..6 {
        let customer = format!("{}", 100 + round);
        send(&app, &json!({"ID": customer, "Role": "User", "ResellerID": "10"}));
        let asked = json!({"customer": id(&app, &customer), "reseller": name(&app, &token, "20")});
        let path = format!("/moves/{}", text(&did(&app, &north, "POST", "/moves", &asked)["id"]));
        let look = did(&app, &harbour, "POST", &format!("{path}/accept"), &json!({"preview": true}));
        let accept = json!({"revision": look["revision"]});
        let start = std::sync::Barrier::new(2);
        let [accepted, declined] = std::thread::scope(|scope| {
            let other = second.as_ref().unwrap_or(&app);
            let (app, path, harbour, accept, start) = (&app, &path, &harbour, &accept, &start);
            let one = scope.spawn(move || {
                start.wait();
                ask(app, harbour, "POST", &format!("{path}/accept"), accept)
            });
            let two = scope.spawn(move || {
                start.wait();
                ask(other, harbour, "POST", &format!("{path}/decline"), &json!({"reason": "no room"}))
            });
            [one.join().unwrap(), two.join().unwrap()]
        });
        let mut statuses = [accepted.status, declined.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", accepted.body, declined.body);
        let won = accepted.status == 200;
        let lost = if won { &declined } else { &accepted };
        let why = text(&lost.json()["detail"]);
        assert!(["already", "at this moment", "not open any longer"].iter().any(|word| why.contains(word)), "{why}");
        let state = text(&get(&app, &token, &path).json()["state"]);
        assert_eq!(state, if won { "done" } else { "declined" });
        assert_eq!(reseller_of(&app, &token, &customer), if won { "20" } else { "10" });
    }
}

#[test]
fn of_accepting_and_declining_at_once_one_wins() {
    backends().into_iter().for_each(contested);
}

fn places(backend: Backend) {
    let (app, token) = world(backend);
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    for (reseller, ou) in [("10", "OU=a"), ("20", "OU=b"), ("30", "OU=b")] {
        sells(&app, &token, reseller, ou, &[("Mail", "gold", &[])]);
    }
    service(&app, &token, "11", "Mail", "gold", "");
    let items = |one: &Value| {
        let path = format!("/provisioning-requests/{}/items", text(&one["provisioning_request"]));
        all(&app, &token, &path, 50)
    };
    let first = moved(&app, &token, "11", "20");
    assert_eq!(column(&items(&first), "kind"), ["directory", "service"]);
    // From b to b: the directory has nothing to do, and what waits for the first move is left alone.
    let second = moved(&app, &token, "11", "30");
    assert_eq!(column(&items(&second), "kind"), ["service"]);
    assert_eq!(column(&items(&first), "state"), ["pending", "cancelled"]);
    let taken = lease(&app, &token, &json!({"worker": "w", "limit": 10}));
    assert_eq!(taken.len(), 2, "{taken:?}");
    for one in &taken {
        let body = json!({"lease": one["lease"], "state": "done"});
        assert_eq!(report(&app, &token, one["item"]["id"].as_str().unwrap(), &body).status, 200);
    }
    let third = moved(&app, &token, "11", "20");
    assert_eq!(column(&items(&third), "kind"), ["service"]);
    assert_eq!(column(&items(&first), "state"), ["done", "cancelled"]);
}

#[test]
fn within_one_place_of_the_directory_nothing_is_to_be_done_there() {
    backends().into_iter().for_each(places);
}

fn terminated(backend: Backend) {
    let (app, token) = world(backend);
    let [north, _] = both(&app);
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
    service(&app, &token, "12", "Mail", "gold", "");
    let path = format!("/accounts/{}/terminate", id(&app, "10"));
    let to = json!({"to": id(&app, "20"), "reason": "ends in May"});
    problem(&ask(&app, &north, "POST", &path, &to), 403, "forbidden");
    for wrong in [
        json!({}),
        json!({"to": id(&app, "20"), "unassign": true}),
        json!({"to": "nobody"}),
        json!({"targets": [{"customer": id(&app, "11"), "reseller": null}, {"customer": id(&app, "11"), "reseller": null}]}),
    ] {
        problem(&ask(&app, &token, "POST", &path, &wrong), 400, "bad_request");
    }
    let own = json!({"to": id(&app, "10")});
    problem(&ask(&app, &token, "POST", &path, &own), 409, "conflict");
    let mut look = to.clone();
    look["preview"] = json!(true);
    let look = did(&app, &token, "POST", &path, &look);
    assert_eq!((&look["customers"]["moved"], &look["left"]), (&json!(1), &json!(1)), "{look}");
    assert_eq!(reseller_of(&app, &token, "11"), "10", "a look moves nobody");
    let standing = || get(&app, &token, &format!("/accounts/{}", id(&app, "10"))).json()["standing"].clone();
    assert_eq!(standing(), "enabled");
    // Marked as fraud, it stays so: frozen says less, and orders would be taken again.
    did(&app, &token, "PATCH", &format!("/accounts/{}", id(&app, "10")), &json!({"standing": "fraud"}));
    let made = did(&app, &token, "POST", &path, &to);
    assert_eq!((&made["frozen"], &made["left"]), (&json!(false), &json!(1)), "{made}");
    assert_eq!((made["rows"].as_array().unwrap().len(), standing()), (1, json!("fraud")), "{made}");
    assert!(made["rows"][0]["reason"].as_str().unwrap().contains("Mail"), "{made}");
    assert_eq!((reseller_of(&app, &token, "11"), reseller_of(&app, &token, "12")), (json!("20"), json!("10")));
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"10"}"#).send(&app).code(), 1004);
    let rest = json!({"targets": [{"customer": id(&app, "12"), "reseller": null}]});
    let made = did(&app, &token, "POST", &path, &rest);
    assert_eq!((&made["left"], &made["delete"]), (&json!(0), &json!("done")), "{made}");
    assert_eq!(reseller_of(&app, &token, "12"), Value::Null);
    let gone = get(&app, &token, &format!("/accounts/{}", id(&app, "10"))).json();
    assert_eq!((&gone["status"], &gone["standing"]), (&json!("deleted"), &json!("fraud")));
    // One in good standing is frozen, and the same call again does nothing.
    let path = format!("/accounts/{}/terminate", id(&app, "20"));
    for _ in 0..2 {
        let made = did(&app, &token, "POST", &path, &json!({"unassign": true}));
        assert_eq!((&made["frozen"], &made["left"]), (&json!(true), &json!(0)), "{made}");
    }
    assert_eq!(reseller_of(&app, &token, "11"), Value::Null);
}

#[test]
fn a_reseller_ends_by_the_api_also_one_that_is_marked_as_fraud() {
    backends().into_iter().for_each(terminated);
}

fn superseded(backend: Backend) {
    let (app, token) = world(backend);
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
    let [here, there] = ["11", "21"].map(|customer| service(&app, &token, customer, "Mail", "gold", ""));
    let ann = user(&app, &token, "11", "ann", &[&here]);
    user(&app, &token, "11", "bob", &[&here]);
    let opened = did(&app, &token, "POST", "/provisioning-requests", &json!({"customer": id(&app, "11")}));
    let items = |request: &Value| all(&app, &token, &format!("/provisioning-requests/{}/items", text(request)), 50);
    let mut asked = json!({"from": id(&app, "11"), "to": id(&app, "21"), "users": [ann], "preview": true});
    asked["revision"] = did(&app, &token, "POST", "/moves/users", &asked)["revision"].clone();
    asked["preview"] = json!(false);
    did(&app, &token, "POST", "/moves/users", &asked);
    // Ann's item at the customer that she left is gone, bob's is not; hers is where she came to.
    let left: Vec<(Value, Value, Value)> = items(&opened["id"])
        .iter()
        .map(|item| (item["user"]["login"].clone(), item["state"].clone(), item["reason"].clone()))
        .collect();
    let expected =
        [(json!("ann"), json!("cancelled"), json!("superseded")), (json!("bob"), json!("pending"), Value::Null)];
    assert_eq!(left, expected);
    let requests = all(&app, &token, &format!("/provisioning-requests?customer={}", id(&app, "21")), 50);
    assert_eq!((requests.len(), &requests[0]["cause"]), (1, &json!("users")));
    let come = items(&requests[0]["id"]);
    assert_eq!((&come[0]["user"]["id"], &come[0]["service"]["id"]), (&json!(ann), &json!(there)));
    // Products between customers open one, too, for whoever gets them.
    let domain = service(&app, &token, "11", "Domain", "com", "eu");
    let path = format!("/accounts/{}/services/move", id(&app, "11"));
    did(&app, &token, "POST", &path, &json!({"to": id(&app, "12"), "services": [domain]}));
    let requests = all(&app, &token, "/provisioning-requests?cause=products", 50);
    assert_eq!(
        (requests.len(), &requests[0]["customer"]["platform_id"], &requests[0]["state"]),
        (1, &json!("12"), &json!("pending"))
    );
    let item = items(&requests[0]["id"]).remove(0);
    assert_eq!(
        (&item["kind"], &item["service"]["id"], &item["to"]),
        (&json!("service"), &json!(domain), &json!({"plan": "com", "location": "eu"}))
    );
}

#[test]
fn users_and_products_that_move_are_provisioned_where_they_come_to() {
    backends().into_iter().for_each(superseded);
}

fn refused_orders(backend: Backend) {
    let (app, token) = world(backend);
    let [north, _] = both(&app);
    let [suspended, ended] = ["Mail", "Site"].map(|name| service(&app, &token, "11", name, "gold", ""));
    did(&app, &token, "POST", &format!("/services/{suspended}/suspend"), &json!({}));
    did(&app, &token, "POST", &format!("/services/{ended}/end"), &json!({}));
    let account = format!("/accounts/{}", id(&app, "11"));
    for (standing, word) in [("disabled", "disabled"), ("fraud", "fraud")] {
        did(&app, &token, "PATCH", &account, &json!({"standing": standing}));
        for token in [&token, &north] {
            for service in [&suspended, &ended] {
                let reply = ask(&app, token, "POST", &format!("/services/{service}/activate"), &json!({}));
                problem(&reply, 409, "conflict");
                assert!(reply.body.contains(word) && reply.body.contains("(1006)"), "{standing}: {}", reply.body);
            }
            let new = ask(&app, token, "POST", &format!("{account}/services"), &json!({"name": "New"}));
            problem(&new, 409, "conflict");
            assert!(new.body.contains("(1006)"), "{standing}: {}", new.body);
        }
        // Less is always possible.
        did(&app, &token, "PATCH", &format!("/services/{suspended}"), &json!({"name": standing}));
    }
    did(&app, &token, "PATCH", &account, &json!({"standing": "enabled"}));
    for service in [&suspended, &ended] {
        let now = did(&app, &north, "POST", &format!("/services/{service}/activate"), &json!({}));
        assert_eq!(now["status"], "active");
    }
}

#[test]
fn nothing_is_put_in_use_for_who_may_not_order() {
    backends().into_iter().for_each(refused_orders);
}
