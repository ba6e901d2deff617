//! Who was the reseller on day D, as known on day E.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::harness::app::REPLAY;
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends};
use crate::v1::{all, get, operator, send};

fn at(second: i64) -> String {
    tiersync::wire::time::rfc3339_second(second)
}

/// A customer of 10 that went to 20, both told by replayed calls: when it held and when it was learned differ.
fn axes(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    let start = now();
    let (first, second) = (start - 100_000, start - 50_000);
    let replay = |id: &str, reseller: &str, at: i64| {
        let body = json!({"ID": "1", "Role": "User", "ResellerID": reseller}).to_string();
        let reply = Call::synchronize(body).signed(REPLAY, id, at).send(&app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
    };
    replay("m1", "10", first);
    let learned = |resellers: &[&str]| {
        let rows = all(&app, &token, "/relations?customer=0-3", 500);
        assert_eq!(rows.len(), resellers.len());
        rows.last().unwrap()["learned"].as_str().unwrap().to_owned()
    };
    let learned_first = learned(&["10"]);
    replay("m2", "20", second);
    let learned_second = learned(&["10", "20"]);
    assert!(learned_first < learned_second);

    let held = |on: &str, known: &str| -> Vec<(String, bool)> {
        let mut query = format!("/relations?customer=0-3&on={on}");
        if !known.is_empty() {
            query.push_str(&format!("&known={known}"));
        }
        let rows = all(&app, &token, &query, 1);
        rows.iter()
            .map(|row| (row["reseller"]["platform_id"].as_str().unwrap().to_owned(), row["to"].is_string()))
            .collect()
    };
    let nobody: Vec<(String, bool)> = Vec::new();
    let one = |id: &str, ended: bool| vec![(id.to_owned(), ended)];
    // As known now.
    assert_eq!(held(&at(first - 1), ""), nobody);
    assert_eq!(held(&at(first), ""), one("10", true));
    assert_eq!(held(&at(second - 1), ""), one("10", true));
    assert_eq!(held(&at(second), ""), one("20", false));
    assert_eq!(held(&at(start + 10), ""), one("20", false));
    // As known between the two: nobody knew yet that it had gone.
    for on in [first, second - 1, second, start] {
        assert_eq!(held(&at(on), &learned_first), one("10", false), "{on}");
    }
    assert_eq!(held(&at(second), &learned_second), one("20", false));
    // As known before the first.
    assert_eq!(held(&at(second), &at(start - 3600)), nobody);
    // A day means its beginning.
    let tomorrow = &at(start + 86_400)[..10];
    assert_eq!(held(tomorrow, tomorrow), one("20", false));
    assert_eq!(held("2001-01-01", ""), nobody);
}

#[test]
fn relations_are_asked_for_on_both_axes() {
    backends().into_iter().for_each(axes);
}

fn filters(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller"}));
    send(&app, &json!({"ID": "1", "Role": "User", "ResellerID": "10", "SyncOptions": {"MPNID": 34568}}));
    send(&app, &json!({"ID": "1", "Role": "User", "ResellerID": "20"}));
    let late = send(&app, &json!({"ID": "2", "Role": "User", "ResellerID": "30"}));
    let keys = |query: &str| -> Vec<(String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let rows = all(&app, &token, &format!("/relations{query}"), 2);
        let mut keys: Vec<_> = rows
            .iter()
            .map(|row| {
                (text(&row["customer"]["platform_id"]), text(&row["axis"]), text(&row["reseller"]["platform_id"]))
            })
            .collect();
        keys.sort();
        keys
    };
    let key = |customer: &str, axis: &str, reseller: &str| (customer.to_owned(), axis.to_owned(), reseller.to_owned());
    let (old, new, partner, waits) =
        (key("1", "reseller", "10"), key("1", "reseller", "20"), key("1", "partner", "-"), key("2", "reseller", "30"));
    let every = vec![partner.clone(), old.clone(), new.clone(), waits.clone()];
    for (query, expected) in [
        ("", every.clone()),
        ("?source=eu", every.clone()),
        ("?source=us", vec![]),
        ("?tenant=x", vec![]),
        ("?reseller=0-1", vec![old.clone()]),
        ("?reseller=0-2&open=true", vec![new.clone()]),
        ("?reseller=nobody", vec![]),
        ("?customer=0-3", vec![partner.clone(), old, new.clone()]),
        (&format!("?customer={late}"), vec![waits.clone()]),
        ("?customer=0-1", vec![]),
        (&format!("?axis=partner&state=pending&customer={late}"), vec![]),
        ("?axis=reseller&open=true", vec![new, waits.clone()]),
        ("?axis=reseller&state=pending", vec![waits.clone()]),
        ("?state=unprovisioned", vec![]),
    ] {
        assert_eq!(keys(query), expected, "{query}");
    }
    assert_eq!(all(&app, &token, "/relations?axis=partner", 9)[0]["partner_id"], "34568");
    // It was pending as known then, whatever became of it.
    let row = &all(&app, &token, "/relations?state=pending&axis=reseller", 9)[0];
    let learned = row["learned"].as_str().unwrap().to_owned();
    send(&app, &json!({"ID": "30", "Role": "Reseller"}));
    assert_eq!(keys(&format!("?customer={late}&state=linked")), vec![waits.clone()]);
    let then = format!("?customer={late}&known={learned}");
    assert_eq!(keys(&format!("{then}&state=linked")), vec![]);
    assert_eq!(keys(&format!("{then}&state=pending")), vec![waits]);
    let row = &all(&app, &token, &format!("/relations{then}"), 9)[0];
    assert_eq!(
        (&row["state"], &row["linked"], &row["reseller"]["id"]),
        (&json!("pending"), &Value::Null, &Value::Null)
    );
    let refused = get(&app, &token, "/relations?on=someday");
    crate::v1::problem(&refused, 400, "bad_request");
}

#[test]
fn relations_have_filters() {
    backends().into_iter().for_each(filters);
}
