//! What happened in an account: one list out of the ledger, the relations, the histories and the audit trail.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::standing::{patch, write};
use crate::v1::{all, column, get, id, operator, problem, send};

/// A customer that was theirs first, then ours, with a service, a refused call, and what operators did to it.
fn eventful(app: &TestApp, admin: &str) -> String {
    send(app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    send(app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"}));
    let customer = id(app, "11");
    let path = format!("/accounts/{customer}/profile");
    assert_eq!(patch(app, admin, &path, &json!({"tag": ["their tag"], "reason": "Known to Contoso"})).status, 200);
    send(app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}));
    let order = |endpoint: &str| {
        let body = json!({"SubscriptionID": "S1", "ProductID": "gold",
            "Account": {"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}});
        Call::post(endpoint, body.to_string()).send(app).code()
    };
    assert_eq!(order("Subscriptions/Create"), 0);
    assert_eq!(order("Subscriptions/Suspend"), 0);
    assert_eq!(patch(app, admin, &path, &json!({"standing": "disabled", "reason": "Unpaid"})).status, 200);
    assert_eq!(order("Subscriptions/Activate"), 1006);
    let contacts = format!("/accounts/{customer}/contacts");
    assert_eq!(write(app, admin, "POST", &contacts, &json!({"handle": "H"})).status, 200);
    customer
}

fn kinds(events: &[Value]) -> Vec<(String, String)> {
    events.iter().map(|one| (one["kind"].as_str().unwrap().into(), one["outcome"].as_str().unwrap().into())).collect()
}

fn list(backend: Backend) {
    let app = TestApp::start(backend);
    let admin = operator(&app, "boss", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "looks", Role::Viewer, &[], None);
    let customer = eventful(&app, &admin);
    let path = format!("/accounts/{customer}/events");
    let events = all(&app, &admin, &path, 500);
    let pair = |kind: &str, outcome: &str| (kind.to_owned(), outcome.to_owned());
    let applied = |kind: &str| pair(kind, "applied");
    assert_eq!(
        kinds(&events),
        [
            applied("contacts.add"),
            pair("Subscriptions/Activate", "rejected"),
            applied("accounts.set"),
            applied("service.suspended"),
            applied("Subscriptions/Suspend"),
            applied("service.created"),
            applied("Subscriptions/Create"),
            applied("relation.closed"),
            applied("relation.opened"),
            applied("Accounts/Synchronize"),
            applied("accounts.set"),
            applied("relation.opened"),
            applied("Accounts/Synchronize"),
        ]
    );
    let refused = &events[1];
    assert_eq!((&refused["code"], &refused["type"]), (&json!(1006), &json!("delivery")));
    assert!(refused["message"].as_str().unwrap().contains("is disabled"), "{refused}");
    let set = &events[2];
    assert_eq!(
        (&set["operator"], &set["reason"], &set["changed"]),
        (&json!("boss"), &json!("Unpaid"), &json!(["standing"]))
    );
    let suspended = &events[3];
    assert_eq!((&suspended["changed"], &suspended["cause"]), (&json!(["status"]), &json!("sync")));
    assert_eq!(suspended["delivery"], events[4]["delivery"]);
    assert_eq!((&events[7]["related"], &events[8]["related"]), (&json!("20"), &json!("10")));
    // Page by page it is the same list, whatever the page's size.
    for limit in [1, 2, 3, 5, 12, 13] {
        assert_eq!(all(&app, &admin, &path, limit), events, "{limit}");
    }
    // What comes meanwhile stands before, and moves nothing.
    let first = get(&app, &admin, &format!("{path}?limit=4")).json();
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery II"}));
    let rest = all(&app, &admin, &format!("{path}?after={}", first["next"].as_str().unwrap()), 50);
    assert_eq!(rest, events[4..]);
    let events = all(&app, &admin, &path, 500);
    let asked = |query: &str| all(&app, &admin, &format!("{path}?{query}"), 2);
    let wanted = |keep: &dyn Fn(&Value) -> bool| events.iter().filter(|one| keep(one)).cloned().collect::<Vec<_>>();
    for sort in ["delivery", "relation", "service", "user", "act"] {
        assert_eq!(asked(&format!("kind={sort}")), wanted(&|one| one["type"] == sort), "{sort}");
    }
    for kind in [
        "Accounts/Synchronize",
        "relation.closed",
        "relation.opened",
        "service.created",
        "user.created",
        "accounts.set",
        "no.such",
    ] {
        assert_eq!(asked(&format!("kind={kind}")), wanted(&|one| one["kind"] == kind), "{kind}");
    }
    for outcome in ["applied", "rejected", "stale"] {
        assert_eq!(asked(&format!("outcome={outcome}")), wanted(&|one| one["outcome"] == outcome), "{outcome}");
    }
    assert_eq!(asked("kind=service&outcome=rejected"), Vec::<Value>::new());
    for at in [0, 3, 6, 10] {
        let time = events[at]["at"].as_str().unwrap();
        assert_eq!(asked(&format!("since={time}")), wanted(&|one| one["at"].as_str().unwrap() >= time), "{time}");
        assert_eq!(asked(&format!("until={time}")), wanted(&|one| one["at"].as_str().unwrap() < time), "{time}");
        let both = format!("since={time}&until={}", events[0]["at"].as_str().unwrap());
        let within = |one: &Value| one["at"].as_str().unwrap() >= time && one["at"] != events[0]["at"];
        assert_eq!(asked(&both), wanted(&within), "{both}");
    }
    for wrong in ["kind=nothing", "kind=relation.linked", "outcome=fine", "since=yesterday", "after=x", "what=x"] {
        problem(&get(&app, &admin, &format!("{path}?{wrong}")), 400, "bad_request");
    }
    problem(&get(&app, &admin, "/accounts/0-999/events"), 404, "not_found");
    // Who did it, and why, is between the vendor and its people.
    let seen = all(&app, &viewer, &path, 5);
    assert_eq!(kinds(&seen), kinds(&events));
    assert!(seen.iter().all(|one| one["operator"].is_null() && one["reason"].is_null()), "{seen:?}");
}

#[test]
fn what_happened_in_an_account_is_one_list() {
    backends().into_iter().for_each(list);
}

fn scoped(backend: Backend) {
    let app = TestApp::start(backend);
    let admin = operator(&app, "boss", Role::ProviderAdmin, &[], None);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let theirs = operator(&app, "theirs", Role::ResellerAdmin, &["0-2"], None);
    let customer = eventful(&app, &admin);
    let path = format!("/accounts/{customer}/events");
    for limit in [1, 2, 50] {
        let events = all(&app, &ours, &path, limit);
        assert_eq!(
            column(&events, "kind"),
            [
                "contacts.add",
                "Subscriptions/Activate",
                "accounts.set",
                "service.suspended",
                "Subscriptions/Suspend",
                "service.created",
                "Subscriptions/Create",
                "relation.opened",
                "Accounts/Synchronize",
            ],
            "what was done while it was theirs is not ours to see"
        );
        let told = format!("{events:?}");
        assert!(!told.contains("Contoso") && !told.contains("boss") && !told.contains("Unpaid"), "{told}");
    }
    problem(&get(&app, &theirs, &path), 404, "not_found");
    let own = all(&app, &ours, "/accounts/0-1/events", 5);
    assert_eq!(column(&own, "kind"), ["Accounts/Synchronize"]);
}

#[test]
fn a_reseller_sees_what_happened_while_the_customer_was_its_own() {
    backends().into_iter().for_each(scoped);
}

#[test]
fn the_command_line_lists_events() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        let admin = operator(&app, "boss", Role::ProviderAdmin, &[], None);
        let customer = eventful(&app, &admin);
        let through = all(&app, &admin, &format!("/accounts/{customer}/events"), 500);
        assert_eq!(items(&place.fine(&["accounts", "events", "11", "--format", "json"])), through);
        let rejected = items(&place.fine(&["accounts", "events", "11", "--outcome", "rejected", "--format", "json"]));
        assert_eq!(column(&rejected, "kind"), ["Subscriptions/Activate"]);
        let table = place.fine(&["accounts", "events", "11", "--kind", "act", "--limit", "1"]);
        assert!(table.contains("contacts.add") && table.contains("boss") && !table.contains("accounts.set"), "{table}");
        assert_eq!(place.fine(&["accounts", "events", "11", "--kind", "user"]), "nothing found\n");
        let wrong = place.run(&["accounts", "events", "11", "--kind", "nothing"]);
        assert!(wrong.code == 2 && wrong.err.contains("it is none of delivery"), "{wrong:?}");
        place.run(&["accounts", "events", "nobody"]).failed(1, "no account is called nobody");
    }
}
