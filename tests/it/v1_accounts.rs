//! Reading accounts: filters, pages, versions, the tree, the history.

use serde_json::json;
use tiersync::domain::operator::Role;

use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::v1::{all, call, column, get, operator, problem, send, world};

fn filters(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    let northwind = get(&app, &token, "/accounts/0-1").json()["external_id"].as_str().unwrap().to_owned();
    let ids = |query: &str| column(&all(&app, &token, &format!("/accounts{query}"), 500), "platform_id");
    assert_eq!(ids(""), ["10", "20", "11", "12", "21", "31", "41", "42"]);
    let nobody: [&str; 0] = [];
    for (query, expected) in [
        ("source=eu", &["10", "20", "11", "12", "21", "31", "41", "42"][..]),
        ("source=us", &nobody),
        ("tenant=x", &nobody),
        ("tenant=&platform_id=11", &["11"]),
        ("platform_id=11", &["11"]),
        ("kind=reseller", &["10", "20"]),
        ("kind=direct_customer", &["41", "42"]),
        ("reseller=0-1", &["11", "12"]),
        (&format!("reseller={northwind}"), &["11", "12"]),
        ("reseller=0-3", &nobody),
        ("reseller=nobody", &nobody),
        ("state=linked", &["11", "12", "21"]),
        ("state=pending", &["31"]),
        ("state=unprovisioned", &nobody),
        ("state=unassigned", &nobody),
        ("status=deleted", &["42"]),
        ("status=active&kind=direct_customer", &["41"]),
        ("partner_id=34568", &["11"]),
        ("partner_id=99999", &["21"]),
        ("partner_id=1", &nobody),
        ("option=MPNID", &["11", "21"]),
        ("option=MPNID:34568", &["11"]),
        ("option=MPNID:99999", &["21"]),
        ("option=Plan:gold", &["11"]),
        ("option=Plan:GOLD", &nobody),
        ("option=Trial:true", &["11"]),
        ("option=Nothing", &nobody),
        ("q=NORTH", &["10"]),
        ("q=maria%40florist", &["12"]),
        ("q=50%25_OFF", &["11"]),
        ("q=%25", &["11"]),
        ("q=_", &["11"]),
        ("q=!", &nobody),
        ("q=example", &["10", "20", "12"]),
        ("q='", &nobody),
        ("changed_since=2000-01-01", &["10", "20", "11", "12", "21", "31", "41", "42"]),
        ("changed_since=2999-01-01T00:00:00Z", &nobody),
        ("kind=reseller_customer&reseller=0-2&q=carp", &["21"]),
    ] {
        assert_eq!(ids(&format!("?{query}")), expected, "{query}");
        let count = get(&app, &token, &format!("/accounts/count?{query}")).json();
        assert_eq!(count, json!({"count": expected.len(), "more": false}), "{query}");
    }
    send(&app, &json!({"ID": "31", "Role": "User", "ResellerID": "", "Name": "Waiting"}));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist 2"}));
    let last = all(&app, &token, "/deliveries", 1).remove(0);
    let since = last["received_at"].as_str().unwrap().to_owned();
    assert_eq!(ids(&format!("?changed_since={since}")), ["12"]);
}

#[test]
fn every_filter_finds_what_it_names() {
    backends().into_iter().for_each(filters);
}

fn pages(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    for id in 0..20 {
        send(&app, &json!({"ID": id.to_string(), "Role": "Reseller"}));
    }
    let lists = ["/accounts?kind=reseller", "/accounts/tree", "/deliveries", "/relations", "/accounts/0-1/history"];
    for list in lists {
        for limit in [1, 3, 500] {
            let sign = if list.contains('?') { '&' } else { '?' };
            let mut seen: Vec<String> = Vec::new();
            let mut after = String::new();
            // New rows may keep coming behind the place, so this ends somewhere.
            for page in 0..40 {
                let reply = get(&app, &token, &format!("{list}{sign}limit={limit}{after}"));
                assert_eq!(reply.status, 200, "{list}: {}", reply.body);
                let body = reply.json();
                let items = body["items"].as_array().unwrap();
                assert!(items.len() <= limit);
                seen.extend(items.iter().map(ToString::to_string));
                // Rows arrive between two pages.
                let id = format!("{}-{limit}-{page}", list.len());
                send(&app, &json!({"ID": id, "Role": "Reseller"}));
                send(&app, &json!({"ID": "0", "Role": "Reseller", "Name": id}));
                match body["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "{list} tells a row twice");
        }
    }
}

#[test]
fn pages_are_stable_while_rows_arrive() {
    backends().into_iter().for_each(pages);
}

fn whole(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    for list in [
        "/accounts",
        "/accounts?kind=reseller_customer",
        "/accounts/tree",
        "/accounts/tree?reseller=0-1",
        "/deliveries",
        "/relations",
        "/accounts/0-3/history",
    ] {
        let at_once = all(&app, &token, list, 500);
        assert!(!at_once.is_empty(), "{list}");
        for limit in [1, 2, 3] {
            assert_eq!(all(&app, &token, list, limit), at_once, "{list} by {limit}");
        }
    }
}

#[test]
fn pages_together_are_the_list() {
    backends().into_iter().for_each(whole);
}

fn versions(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    let delivery = all(&app, &token, "/deliveries", 500)[0]["id"].as_str().unwrap().to_owned();
    for path in ["/accounts/0-3".to_owned(), format!("/deliveries/{delivery}")] {
        let reply = get(&app, &token, &path);
        let tag = reply.header("etag").unwrap().to_owned();
        assert_eq!(reply.header("cache-control"), Some("private, no-cache"));
        for have in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let reply = call(&token, &path).header("If-None-Match", &have).send(&app);
            assert_eq!(
                (reply.status, reply.body.as_str(), reply.header("etag")),
                (304, "", Some(tag.as_str())),
                "{have}"
            );
        }
        assert_eq!(call(&token, &path).header("If-None-Match", "\"x\"").send(&app).status, 200);
        // Whoever is not let in learns nothing from a tag.
        let stranger = Call::new("GET", &format!("/v1{path}")).header("If-None-Match", &tag);
        problem(&stranger.send(&app), 401, "not_authenticated");
    }
    let tag = get(&app, &token, "/accounts/0-3").header("etag").unwrap().to_owned();
    // What is shown along with an account is part of its version.
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Renamed"}));
    let reply = call(&token, "/accounts/0-3").header("If-None-Match", &tag).send(&app);
    assert_eq!((reply.status, reply.json()["reseller"]["name"].as_str()), (200, Some("Renamed")));
}

#[test]
fn single_resources_have_versions() {
    backends().into_iter().for_each(versions);
}

fn shown(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    let account = get(&app, &token, "/accounts/0-3").json();
    assert_eq!(
        (account["name"].as_str(), account["reseller"]["name"].as_str()),
        (Some("Bakery 50%_off"), Some("Northwind"))
    );
    let external_id = account["external_id"].as_str().unwrap();
    assert_eq!(get(&app, &token, &format!("/accounts/{external_id}")).json(), account);
    // An ExternalID may hold anything.
    send(&app, &json!({"ID": "77", "Role": "User", "ExternalID": "a/b c"}));
    assert_eq!(get(&app, &token, "/accounts/a%2Fb%20c").json()["platform_id"], "77");

    let tree = all(&app, &token, "/accounts/tree", 500);
    assert_eq!(column(&tree, "platform_id"), ["10", "20", "31", "41", "77"]);
    assert_eq!(
        (&tree[0]["customers"], &tree[1]["customers"], &tree[3]["customers"]),
        (&json!(2), &json!(1), &json!(0))
    );
    assert_eq!(column(&all(&app, &token, "/accounts/tree?reseller=0-1", 500), "platform_id"), ["11", "12"]);
    problem(&get(&app, &token, "/accounts/tree?reseller=0-99"), 404, "not_found");

    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "20", "Name": "Bakery"}));
    let history = all(&app, &token, "/accounts/0-3/history", 500);
    let kinds = column(&history, "type");
    assert_eq!(kinds.iter().filter(|kind| *kind == "relation").count(), 3, "{history:?}");
    assert_eq!(kinds.iter().filter(|kind| *kind == "delivery").count(), 2, "{history:?}");
    let times = column(&history, "at");
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
    let newest = &history[0]["relation"];
    assert_eq!((newest["reseller"]["platform_id"].as_str(), &newest["to"]), (Some("20"), &json!(null)), "{newest}");
    problem(&get(&app, &token, "/accounts/nobody/history"), 404, "not_found");
}

#[test]
fn accounts_are_shown_alone_as_a_tree_and_with_their_history() {
    backends().into_iter().for_each(shown);
}

fn ambiguous(backend: Backend) {
    let other =
        "[[source]]\nid = \"us\"\napplication_id = \"US\"\napi_keys = [\"key-of-the-other-source-0123456789\"]\n";
    let app = TestApp::with(backend, &config("", other));
    let all_seeing = operator(&app, "maria", Role::Viewer, &[], None);
    let body = json!({"ID": "10", "Role": "Reseller", "ExternalID": "acme"});
    send(&app, &body);
    let call = Call::new("POST", "/api/Accounts/Synchronize").header("X-CloudPlatform-ApplicationId", "US");
    let call = call.header("X-CloudPlatform-APIKey", "key-of-the-other-source-0123456789").body(body.to_string());
    assert_eq!(call.send(&app).code(), 0);
    for path in ["/accounts/acme", "/accounts/acme/history", "/accounts?reseller=acme", "/deliveries?account=acme"] {
        problem(&get(&app, &all_seeing, path), 409, "conflict");
    }
    // Whoever sees one of the two is not told that there is another.
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    assert_eq!(get(&app, &ours, "/accounts/acme").json()["source"], "eu");
}

#[test]
fn an_external_id_that_several_have_is_a_conflict_for_who_sees_several() {
    backends().into_iter().for_each(ambiguous);
}
