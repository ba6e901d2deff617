//! Customers that become resellers, with a price list and a login of their own, and customers again.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use tiersync::app::Options;
use tiersync::auth::token::new_token;
use tiersync::config::Config;
use tiersync::domain::act::{Act, Login, OffersOf, Promotion, What};
use tiersync::domain::ids::{AccountId, AccountKey, PlatformId, Scope, SourceId, Tenant};
use tiersync::domain::operator::Role;
use tiersync::domain::outcome::Code;
use tiersync::domain::relation::Cause;
use tiersync::ops::alone;
use tiersync::store::audit::Entry;
use tiersync::store::{StoreError, offers as offers_of, operators};
use tiersync::writer::acts::ActList;
use tiersync::writer::faults::{Faults, Place};

use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::plans::ask;
use crate::v1::{all, column, get, id, operator, problem, send};

fn offers() -> Value {
    json!([
        {"service": "Mail", "plan": "10 GB", "locations": []},
        {"service": "Workspace", "plan": "Gold", "locations": ["north", "south"]},
    ])
}

fn fill(app: &TestApp) -> String {
    let token = operator(app, "vera", Role::ProviderAdmin, &[], None);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist"}),
        json!({"ID": "13", "Role": "User", "Name": "Direct"}),
    ] {
        send(app, &body);
    }
    let plans = |reseller: &str| format!("/accounts/{}/plans", id(app, reseller));
    let body = json!({"offers": offers(), "directory_ou": "OU=Northwind,DC=x"});
    assert_eq!(ask(app, &token, "PUT", &plans("10"), &body, None).status, 200);
    let body = json!({"offers": [{"service": "Backup", "plan": "S"}]});
    assert_eq!(ask(app, &token, "PUT", &plans("20"), &body, None).status, 200);
    for (reseller, name) in [("10", "Standard"), ("20", "Contoso's")] {
        let path = format!("/accounts/{}/profile", id(app, reseller));
        assert_eq!(ask(app, &token, "PATCH", &path, &json!({"price_list": name}), None).status, 200);
    }
    token
}

/// Resellers 10 and 20 with plans, customers 11 and 12 of 10, and 13 of nobody.
fn world(backend: Backend) -> (TestApp, String) {
    let app = TestApp::with(backend, &config("", MPNID));
    let token = fill(&app);
    (app, token)
}

fn act(app: &TestApp, token: &str, platform_id: &str, what: &str, body: &Value) -> Reply {
    ask(app, token, "POST", &format!("/accounts/{}/{what}", id(app, platform_id)), body, None)
}

#[track_caller]
fn promoted(app: &TestApp, token: &str, platform_id: &str, body: &Value) -> Value {
    let mut body = body.clone();
    body["reason"] = json!("grows");
    let reply = act(app, token, platform_id, "promote", &body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    reply.json()
}

#[track_caller]
fn demoted(app: &TestApp, token: &str, platform_id: &str, body: &Value) -> Value {
    let mut body = body.clone();
    body["reason"] = json!("shrinks");
    let reply = act(app, token, platform_id, "demote", &body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn account(app: &TestApp, token: &str, platform_id: &str) -> Value {
    get(app, token, &format!("/accounts/{}", id(app, platform_id))).json()
}

fn plans(app: &TestApp, token: &str, platform_id: &str) -> Reply {
    get(app, token, &format!("/accounts/{}/plans", id(app, platform_id)))
}

/// Kind, reseller, drift and what is reported.
fn place(account: &Value) -> [Value; 4] {
    let reseller = &account["reseller"];
    [
        account["kind"].clone(),
        reseller["platform_id"].clone(),
        reseller["drift"].clone(),
        account["reported"]["reseller"].clone(),
    ]
}

/// The relations of a customer to resellers, by when they were learned: reseller, cause, and whether they are open.
fn history(app: &TestApp, token: &str, platform_id: &str) -> Vec<[String; 3]> {
    let rows = all(app, token, &format!("/relations?customer={}&axis=reseller", id(app, platform_id)), 50);
    let mut rows: Vec<(String, [String; 3])> = rows
        .iter()
        .map(|row| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let ended = text(&row["end_cause"]);
            (text(&row["learned"]), [text(&row["reseller"]["platform_id"]), text(&row["cause"]), ended])
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

fn row(reseller: &str, cause: &str, ended: &str) -> [String; 3] {
    [reseller, cause, ended].map(str::to_owned)
}

#[track_caller]
fn whole(app: &TestApp) {
    let mut database = app.database();
    let feed = stored(&mut database);
    assert_tells_everything(&mut database, &feed);
    assert_whole(&mut database);
}

fn promotion(backend: Backend) {
    let (app, token) = world(backend);
    // It waits for who is not a reseller yet.
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "11"}));
    let before = feed(&app, &token).len();
    let done = promoted(&app, &token, "11", &json!({"directory_ou": "OU=Bakery,DC=x"}));
    assert_eq!(place(&done["account"]), [json!("reseller"), Value::Null, json!(true), json!("10")]);
    assert_eq!(done["account"], account(&app, &token, "11"));
    let sold = &done["plans"];
    assert_eq!(
        [&sold["offers"], &done["price_list"], &sold["directory_ou"], &sold["revision"]],
        [&offers(), &json!("Standard"), &json!("OU=Bakery,DC=x"), &json!(1)]
    );
    assert_eq!(sold, &plans(&app, &token, "11").json());
    // Its own login sees it and its customers, and the price list, and nobody else.
    let login = &done["operator"];
    let eleven = id(&app, "11");
    assert_eq!(
        [&login["name"], &login["role"], &login["expires_at"]],
        [&json!(format!("reseller-{eleven}")), &json!("reseller_admin"), &Value::Null]
    );
    let own = login["token"].as_str().unwrap();
    assert_eq!(get(&app, own, "/me").json()["resellers"], json!([eleven]));
    assert_eq!(column(&all(&app, own, "/accounts", 50), "platform_id"), ["11", "111"]);
    assert_eq!(&plans(&app, own, "11").json(), sold);
    assert_eq!(get(&app, own, &format!("/accounts/{eleven}/profile")).json()["price_list"], "Standard");
    problem(&plans(&app, own, "10"), 404, "not_found");
    // Who waited for it is linked, and it has its history.
    assert_eq!(account(&app, &token, "111")["reseller"]["state"], "linked");
    assert_eq!(history(&app, &token, "11"), [row("10", "sync", "promote")]);
    // One commit tells of everything.
    let told: Vec<Value> = feed(&app, &token).split_off(before);
    assert_eq!(
        column(&told, "kind"),
        ["account.updated", "account.kind_changed", "relation.closed", "plans.changed", "relation.linked"]
    );
    assert_eq!(
        (&told[0]["changed"], &told[4]["account"]["platform_id"]),
        (&json!(["reseller.drift", "price_list"]), &json!("111"))
    );
    assert!(told.iter().all(|entry| entry["cause"] == "promote" && entry["at"] == told[0]["at"]), "{told:?}");
    let audit = all(&app, &token, "/audit", 50);
    assert_eq!(column(&audit[..2], "action"), ["operator.add", "accounts.promote"]);
    assert_eq!(audit[1]["subject"], json!(eleven));
    assert_eq!((&audit[1]["detail"]["reason"], &audit[1]["detail"]["operator"]), (&json!("grows"), &login["name"]));
    assert!(!audit.iter().any(|entry| entry.to_string().contains(own)), "no token in the trail");
    // It is a reseller like any other.
    send(&app, &json!({"ID": "112", "Role": "User", "ResellerID": "11"}));
    assert_eq!(account(&app, own, "112")["reseller"]["platform_id"], "11");
    whole(&app);
}

#[test]
fn a_customer_becomes_a_reseller_with_a_price_list_and_a_login() {
    backends().into_iter().for_each(promotion);
}

fn choices(backend: Backend) {
    let (app, token) = world(backend);
    let twenty = id(&app, "20");
    let at = "2999-01-01T00:00:00Z";
    let done = promoted(&app, &token, "11", &json!({"plans_from": twenty, "operator": "bakery@x", "expires_at": at}));
    assert_eq!(done["plans"]["offers"], json!([{"service": "Backup", "plan": "S", "locations": []}]));
    assert_eq!((&done["price_list"], &done["plans"]["directory_ou"]), (&json!("Contoso's"), &Value::Null));
    assert_eq!((&done["operator"]["name"], &done["operator"]["expires_at"]), (&json!("bakery@x"), &json!(at)));
    let given = json!([{"service": "Mail", "plan": "1 GB", "locations": ["north"]}]);
    let done = promoted(&app, &token, "12", &json!({"offers": given, "price_list": "Own"}));
    assert_eq!((&done["plans"]["offers"], &done["price_list"]), (&given, &json!("Own")));
    // Nobody's customer has nobody's offers.
    let done = promoted(&app, &token, "13", &json!({}));
    assert_eq!(done["plans"]["offers"], json!([]));
    assert!(done["notes"][0].as_str().unwrap().contains("no reseller whose offers could be copied"), "{done}");
    whole(&app);
}

#[test]
fn offers_are_copied_or_given() {
    backends().into_iter().for_each(choices);
}

fn refusals(backend: Backend) {
    let (app, token) = world(backend);
    let own = operator(&app, "north", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    send(&app, &json!({"ID": "14", "Role": "User"}));
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"14"}"#).send(&app).code(), 0);
    let (ten, thirteen) = (id(&app, "10"), id(&app, "13"));
    let good = json!({"reason": "grows"});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (who, body, status, why) in [
        ("10", good.clone(), 409, "a reseller already"),
        ("14", good.clone(), 409, "is deleted"),
        ("11", json!({}), 400, "Say in `reason` why"),
        ("11", json!({"reason": " "}), 400, "reason is empty"),
        ("11", with("plans_from", json!("nobody")), 400, "No account has the reseller's id"),
        ("11", with("plans_from", json!(thirteen)), 409, "is no reseller"),
        ("11", with("operator", json!("north")), 409, "never given twice"),
        ("11", with("operator", json!("a b")), 400, "operator cannot be called so"),
        ("11", with("expires_at", json!("2001-01-01")), 400, "no time to come"),
        ("11", with("offers", json!([{"service": "", "plan": "a"}])), 400, "Offer 1 cannot be so"),
        ("11", json!({"reason": "x", "offers": [], "plans_from": ten}), 400, "leave one of them out"),
        ("11", with("directory_ou", json!("x")), 400, "directory_ou cannot be so"),
    ] {
        let reply = act(&app, &token, who, "promote", &body);
        problem(&reply, status, if status == 400 { "bad_request" } else { "conflict" });
        assert!(reply.body.contains(why), "{why}: {}", reply.body);
    }
    for caller in [&own, &viewer] {
        problem(&act(&app, caller, "11", "promote", &good), 403, "forbidden");
        problem(&act(&app, caller, "10", "demote", &good), 403, "forbidden");
    }
    problem(&ask(&app, &token, "POST", "/accounts/0-99/promote", &good, None), 404, "not_found");
    let path = format!("/accounts/{}/promote", id(&app, "11"));
    problem(&ask(&app, &token, "POST", &path, &good, Some("\"0\"")), 412, "precondition_failed");
    problem(&get(&app, &token, &path), 405, "method_not_allowed");
    let reply = act(&app, &token, "11", "demote", &good);
    problem(&reply, 409, "conflict");
    assert!(reply.body.contains("is no reseller"), "{}", reply.body);
    assert_eq!(
        place(&account(&app, &token, "11")),
        [json!("reseller_customer"), json!("10"), json!(false), json!("10")]
    );
    assert_eq!(plans(&app, &token, "11").status, 409);
    let names: Vec<String> =
        operators::list(&mut app.database(), None, 50).unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["north", "vera", "viewer"]);
    // What was looked at is what is promoted.
    let shown = get(&app, &token, &format!("/accounts/{}", id(&app, "11")));
    assert_eq!(ask(&app, &token, "POST", &path, &good, shown.header("etag")).status, 200);
}

#[test]
fn what_stands_against_a_promotion_is_told() {
    backends().into_iter().for_each(refusals);
}

/// The platform does not know of the promotion, and goes on as before: nothing flips, and nothing is refused. When it
/// says something new, that holds.
fn reported(backend: Backend) {
    let (app, token) = world(backend);
    promoted(&app, &token, "11", &json!({}));
    let held = [json!("reseller"), Value::Null, json!(true), json!("10")];
    for round in 0..3 {
        send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": format!("Bakery {round}")}));
        let now = account(&app, &token, "11");
        assert_eq!((place(&now), &now["name"]), (held.clone(), &json!(format!("Bakery {round}"))));
    }
    assert_eq!(history(&app, &token, "11"), [row("10", "sync", "promote")]);
    // Reconciliation shows the drift.
    let run = Call::new("POST", "/v1/reconciliations").header("Authorization", format!("Bearer {token}")).send(&app);
    let run = run.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(get(&app, &token, &format!("/reconciliations/{run}?wait=60")).json()["state"], "done");
    let found = all(&app, &token, &format!("/reconciliations/{run}/findings?kind=drift"), 50);
    assert_eq!(column(&found, "platform_id"), ["11"]);
    // While it has customers a third reseller cannot be taken: the call is kept for an operator.
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "11"}));
    let third = json!({"ID": "11", "Role": "User", "ResellerID": "20"}).to_string();
    assert_eq!(app.synchronize(&third).code(), 1004);
    assert_eq!(place(&account(&app, &token, "11")), held);
    assert_eq!(all(&app, &token, "/cases", 50).len(), 1);
    // Without them the third one holds.
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "10"}));
    assert_eq!(app.synchronize(&third).code(), 0);
    assert_eq!(
        place(&account(&app, &token, "11")),
        [json!("reseller_customer"), json!("20"), json!(false), json!("20")]
    );
    assert_eq!(history(&app, &token, "11"), [row("10", "sync", "promote"), row("20", "sync", "-")]);
    assert_eq!(plans(&app, &token, "11").status, 409, "a customer sells nothing");
    // Promoted again, it gets the offers of the one that it is a customer of now, and a login of another name.
    let again = promoted(&app, &token, "11", &json!({}));
    assert_eq!(again["plans"]["offers"][0]["service"], "Backup");
    assert_eq!(again["operator"]["name"], json!(format!("reseller-{}-2", id(&app, "11"))));
    // Agreement ends the hold: from then on the platform's word counts.
    send(&app, &json!({"ID": "11", "Role": "Reseller", "ResellerID": ""}));
    assert_eq!(place(&account(&app, &token, "11")), [json!("reseller"), Value::Null, Value::Null, Value::Null]);
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    assert_eq!(place(&account(&app, &token, "11"))[..2], [json!("reseller_customer"), json!("10")]);
    whole(&app);
}

#[test]
fn the_platform_neither_undoes_a_promotion_nor_gets_an_error() {
    backends().into_iter().for_each(reported);
}

fn demotion(backend: Backend) {
    let (app, token) = world(backend);
    let done = promoted(&app, &token, "11", &json!({"directory_ou": "OU=Bakery,DC=x"}));
    let own = done["operator"]["token"].as_str().unwrap().to_owned();
    let eleven = id(&app, "11");
    let both = operator(&app, "both", Role::ResellerAdmin, &[&id(&app, "20"), &eleven], None);
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "11"}));
    let reply = act(&app, &token, "11", "demote", &json!({"reason": "shrinks"}));
    problem(&reply, 409, "conflict");
    assert!(reply.body.contains("still has customers") && reply.body.contains("(1004)"), "{}", reply.body);
    assert_eq!(plans(&app, &own, "11").json()["offers"], offers());
    // Its customer goes, and it is what it was: there is no drift any longer.
    send(&app, &json!({"ID": "111", "Role": "User", "ResellerID": "10"}));
    let before = feed(&app, &token).len();
    let back = demoted(&app, &token, "11", &json!({}));
    assert_eq!(place(&back["account"]), [json!("reseller_customer"), json!("10"), json!(false), json!("10")]);
    assert_eq!(
        back["notes"],
        json!([
            "operator both sees this account no longer",
            format!("operator reseller-{eleven} is revoked, since it had no other reseller"),
            "the price list Standard is its no longer",
        ])
    );
    assert_eq!(history(&app, &token, "11"), [row("10", "sync", "promote"), row("10", "promote", "-")]);
    problem(&get(&app, &own, "/me"), 401, "not_authenticated");
    assert_eq!(get(&app, &both, "/me").json()["resellers"], json!([id(&app, "20")]));
    problem(&get(&app, &both, &format!("/accounts/{eleven}")), 404, "not_found");
    assert_eq!(plans(&app, &token, "11").status, 409);
    assert_eq!(get(&app, &token, &format!("/accounts/{eleven}/profile")).json()["price_list"], "");
    let told: Vec<Value> = feed(&app, &token).split_off(before);
    assert!(told.iter().all(|entry| entry["cause"] == "promote" && entry["at"] == told[0]["at"]), "{told:?}");
    assert!(told.iter().any(|entry| entry["kind"] == "plans.changed"), "{told:?}");
    let audit = column(&all(&app, &token, "/audit", 3), "action");
    assert_eq!(audit[..3], ["operator.revoke", "operator.leave", "accounts.demote"]);
    // The platform goes on as ever.
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery again"}));
    assert_eq!(place(&account(&app, &token, "11"))[..2], [json!("reseller_customer"), json!("10")]);

    // To another one, and to nobody: held against the report.
    for (to, expected) in [
        (json!(id(&app, "20")), [json!("reseller_customer"), json!("20"), json!(true), json!("10")]),
        (Value::Null, [json!("direct_customer"), Value::Null, json!(true), json!("10")]),
    ] {
        promoted(&app, &token, "12", &json!({}));
        let back = demoted(&app, &token, "12", &json!({ "reseller": to }));
        assert_eq!(place(&back["account"]), expected);
        send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10"}));
        assert_eq!(place(&account(&app, &token, "12")), expected, "held");
    }
    // Nobody's customer then is nobody's customer again, whoever had it before.
    promoted(&app, &token, "12", &json!({}));
    let back = demoted(&app, &token, "12", &json!({}));
    assert_eq!(place(&back["account"])[..2], [json!("direct_customer"), Value::Null]);
    let relations = history(&app, &token, "12");
    assert_eq!(relations.last().unwrap(), &row("20", "promote", "promote"), "{relations:?}");
    whole(&app);
}

#[test]
fn a_reseller_becomes_a_customer_again_while_it_has_none() {
    backends().into_iter().for_each(demotion);
}

/// Whom it went back to may have gone meanwhile, or the reseller may be the platform's own.
fn gone(backend: Backend) {
    let (app, token) = world(backend);
    promoted(&app, &token, "11", &json!({}));
    for customer in ["11", "12"] {
        send(&app, &json!({"ID": customer, "Role": "User", "ResellerID": if customer == "11" { "10" } else { "20" }}));
    }
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"10"}"#).send(&app).code(), 0);
    let reply = act(&app, &token, "11", "demote", &json!({"reason": "shrinks"}));
    problem(&reply, 409, "conflict");
    assert!(reply.body.contains("The reseller is deleted"), "{}", reply.body);
    assert_eq!(account(&app, &token, "11")["kind"], "reseller");
    let back = demoted(&app, &token, "11", &json!({"reseller": id(&app, "20")}));
    assert_eq!(back["account"]["reseller"]["platform_id"], "20");
    // A reseller of the platform's own: held, and the platform's next word on it is no error.
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    let back = demoted(&app, &token, "30", &json!({}));
    assert_eq!(place(&back["account"])[..3], [json!("direct_customer"), Value::Null, json!(true)]);
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    assert_eq!(account(&app, &token, "30")["kind"], "direct_customer");
    whole(&app);
}

#[test]
fn who_went_meanwhile_is_told_of() {
    backends().into_iter().for_each(gone);
}

/// A failure at any place leaves nothing of it: no reseller, no offer, no login.
fn faults(backend: Backend) {
    // Which place fails; 0 for none.
    let armed = Arc::new(AtomicU8::new(0));
    let hook = armed.clone();
    let places = [Place::Load, Place::Write, Place::Commit];
    let faults = Faults::new(move |at, calls| {
        let place = hook.load(Ordering::SeqCst);
        let fails = place > 0 && places[usize::from(place) - 1] == at && calls.is_empty();
        fails.then(|| StoreError::Failed("a fault".to_owned()))
    });
    let app = TestApp::with_options(backend, &config("", MPNID), Options { faults, ..Options::default() });
    let token = fill(&app);
    let everything = |app: &TestApp| {
        let names: Vec<String> =
            operators::list(&mut app.database(), None, 50).unwrap().into_iter().map(|one| one.name).collect();
        (
            names,
            all(app, &token, "/accounts", 50),
            feed(app, &token),
            all(app, &token, "/audit", 50),
            plans(app, &token, "10").body,
        )
    };
    let before = everything(&app);
    for place in 1..=3 {
        armed.store(place, Ordering::SeqCst);
        let reply = act(&app, &token, "11", "promote", &json!({"reason": "grows"}));
        armed.store(0, Ordering::SeqCst);
        problem(&reply, 500, "internal");
        assert_eq!(everything(&app), before, "{:?}", places[usize::from(place) - 1]);
    }
    let done = promoted(&app, &token, "11", &json!({}));
    assert_eq!((&done["plans"]["revision"], &done["plans"]["offers"]), (&json!(1), &offers()));
    assert_eq!(done["operator"]["name"], json!(format!("reseller-{}", id(&app, "11"))));
    whole(&app);
}

#[test]
fn a_promotion_that_fails_leaves_nothing() {
    backends().into_iter().for_each(faults);
}

/// Of many who promote one customer one does; of two who want one name for two customers one gets it.
fn at_once(backend: Backend) {
    let (app, token) = world(backend);
    let second = app.second();
    let apps = [&app, &second];
    let race = |asked: [(&str, &str); 4]| -> Vec<u16> {
        let barrier = Barrier::new(asked.len());
        std::thread::scope(|scope| {
            let threads: Vec<_> = asked
                .into_iter()
                .enumerate()
                .map(|(at, (who, name))| {
                    let (app, token, barrier) = (apps[at % 2], &token, &barrier);
                    scope.spawn(move || {
                        let path = format!("/accounts/{}/promote", id(app, who));
                        barrier.wait();
                        ask(app, token, "POST", &path, &json!({"reason": "grows", "operator": name}), None).status
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    };
    let mut statuses = race([("11", "a"), ("11", "b"), ("11", "c"), ("11", "d")]);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    let mut statuses = race([("12", "e"), ("13", "e"), ("12", "e"), ("13", "e")]);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409, 409]);
    let names: Vec<String> =
        operators::list(&mut app.database(), None, 50).unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(names.len(), 3, "vera and one a race: {names:?}");
    assert_eq!(all(&app, &token, "/accounts?kind=reseller", 50).len(), 4);
    drop(second);
    whole(&app);
}

#[test]
fn of_two_promotions_at_once_one_is_done() {
    backends().into_iter().for_each(at_once);
}

/// Acts of one list see what the ones before them did, also of what hangs beside accounts.
fn in_one_list(backend: Backend) {
    let (mut app, _) = world(backend);
    let [eleven, twelve] = ["11", "12"].map(|customer| id(&app, customer));
    let both = operator(&app, "both", Role::ResellerAdmin, &[&eleven, &twelve], None);
    app.stop();
    let mut config = Config::from_toml(&config("", MPNID)).unwrap();
    config.database_url.clone_from(&app.database_url);
    let (writer, thread) = alone::writer(&config).unwrap();
    let act = |platform_id: &str, what: What| {
        let scope = Scope { source: SourceId::stored("eu"), tenant: Tenant::none() };
        let key = AccountKey { scope, platform_id: PlatformId::stored(platform_id) };
        Act::new(key, 1_900_000_000_000_000, Cause::Promote, what)
    };
    let promote = |platform_id: &str, name: &str, offers: OffersOf| {
        let login = Login { name: name.to_owned(), token_hash: new_token().1.as_bytes().to_owned(), expires_at: None };
        act(platform_id, What::Promote(Box::new(Promotion { offers, price_list: None, directory_ou: None, login })))
    };
    let entry = |at: i64| Entry {
        at,
        operator: "cli".to_owned(),
        action: "accounts.promote".to_owned(),
        subject: "-".to_owned(),
        detail: "{}".to_owned(),
        remote: "-".to_owned(),
    };
    let done = |acts: Vec<Act>| {
        let list = ActList { acts, policies: alone::policies(&config), all_or_nothing: false, entry: entry(7) };
        writer.acts_blocking(list).unwrap()
    };
    let key = act("11", What::Delete).account;
    // The second one gets the offers that the first one has just got, but not its name.
    let outcomes = done(vec![
        promote("11", "a", OffersOf::Former),
        promote("12", "a", OffersOf::Former),
        promote("12", "b", OffersOf::Reseller(key)),
    ]);
    assert_eq!(outcomes[1].refused().map(|(code, _)| code), Some(Code::Conflict), "{outcomes:?}");
    assert!(outcomes[0].applied().is_some() && outcomes[2].applied().is_some(), "{outcomes:?}");
    let listing = |account: &str| offers_of::of(&mut app.database(), AccountId::parse(account).unwrap()).unwrap();
    assert_eq!(listing(&eleven).offers.list.len(), 2);
    assert_eq!(listing(&eleven).offers, listing(&twelve).offers);
    // Who saw both is revoked with the second one.
    let outcomes = done(vec![act("11", What::Demote { reseller: None }), act("12", What::Demote { reseller: None })]);
    let notes: Vec<String> =
        outcomes.iter().flat_map(|outcome| &outcome.applied().unwrap().notes).map(ToString::to_string).collect();
    assert!(notes.contains(&"operator both sees this account no longer".to_owned()), "{notes:?}");
    assert!(notes.contains(&"operator both is revoked, since it had no other reseller".to_owned()), "{notes:?}");
    drop(writer);
    thread.join();
    assert_eq!((listing(&eleven).offers.revision, listing(&twelve).offers.list.len()), (2, 0));
    let app = app.second();
    problem(&get(&app, &both, "/me"), 401, "not_authenticated");
    whole(&app);
}

#[test]
fn acts_of_one_list_see_each_others_offers_and_logins() {
    backends().into_iter().for_each(in_one_list);
}

fn kept_list(backend: Backend) {
    let (app, token) = world(backend);
    let list = |account: &str| {
        get(&app, &token, &format!("/accounts/{}/profile", id(&app, account))).json()["price_list"].clone()
    };
    let set = |account: &str, name: &str| {
        let path = format!("/accounts/{}/profile", id(&app, account));
        assert_eq!(ask(&app, &token, "PATCH", &path, &json!({"price_list": name}), None).status, 200);
    };
    // A reseller whose list has no name gives none, and takes none away.
    set("10", "");
    set("11", "Bakers");
    let made = promoted(&app, &token, "11", &json!({}));
    assert_eq!((&made["price_list"], made["plans"]["offers"].as_array().map(Vec::len)), (&json!("Bakers"), Some(2)));
    assert_eq!(list("11"), "Bakers");
    set("10", "Standard");
    set("12", "Florists");
    assert_eq!(promoted(&app, &token, "12", &json!({}))["price_list"], "Standard");
}

#[test]
fn a_price_list_is_not_lost_where_the_copied_one_has_no_name() {
    backends().into_iter().for_each(kept_list);
}

/// The answer tells the token also where nothing can be read back any longer.
fn unread(backend: Backend) {
    let armed = Arc::new(AtomicU8::new(0));
    let url = Arc::new(std::sync::OnceLock::<String>::new());
    let (hook, at) = (armed.clone(), url.clone());
    let faults = Faults::new(move |place, calls| {
        if place == Place::Committed && calls.is_empty() && hook.swap(0, Ordering::SeqCst) == 1 {
            rename(at.get().unwrap(), "profiles", "profiles_gone");
        }
        None
    });
    let app = TestApp::with_options(backend, &config("", MPNID), Options { faults, ..Options::default() });
    url.set(app.database_url.clone()).unwrap();
    let token = fill(&app);
    armed.store(1, Ordering::SeqCst);
    let made = promoted(&app, &token, "11", &json!({}));
    rename(&app.database_url, "profiles_gone", "profiles");
    assert_eq!((&made["account"], &made["plans"], &made["price_list"]), (&Value::Null, &Value::Null, &Value::Null));
    let own = made["operator"]["token"].as_str().unwrap();
    assert_eq!(get(&app, own, "/me").status, 200, "{made}");
    assert_eq!(account(&app, &token, "11")["kind"], "reseller");
}

fn rename(url: &str, from: &str, to: &str) {
    use diesel::connection::SimpleConnection;
    use tiersync::store::AnyConnection;
    use tiersync::store::connection::{Database, Use};
    let sql = format!("ALTER TABLE {from} RENAME TO {to}");
    match &mut Database::parse(url).unwrap().connect(Use::Write).unwrap() {
        AnyConnection::Sqlite(sqlite) => sqlite.batch_execute(&sql).unwrap(),
        AnyConnection::Postgres(postgres) => postgres.batch_execute(&sql).unwrap(),
    }
}

#[test]
fn the_token_is_told_whatever_can_be_read_behind_the_commit() {
    backends().into_iter().for_each(unread);
}
