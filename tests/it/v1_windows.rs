//! A filter that no index serves looks at so many rows at once and goes on by cursor, so that nothing is missed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::RunQueryDsl;
use serde_json::json;
use tiersync::domain::ids::AccountId;
use tiersync::domain::operator::Role;

use crate::atria;
use crate::harness::{Backend, TestApp, backends};
use crate::v1::{column, get, id, operator, send};

/// More rows than two requests look at.
const ROWS: i64 = 100_100;

/// Copies the row `from` of a table that often, under ids that no chain of this test issues. What must be unique counts
/// along.
fn copies(app: &TestApp, table: &str, columns: &str, from: i64, rows: i64) {
    let numbers = match &app.database() {
        tiersync::store::AnyConnection::Sqlite(_) => {
            format!(
                "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {rows}) SELECT n FROM s)"
            )
        }
        tiersync::store::AnyConnection::Postgres(_) => format!("(SELECT generate_series(1, {rows}) AS n)"),
    };
    let values: Vec<String> = columns
        .split(',')
        .map(|column| match column.trim() {
            "id" => format!("{} + n", 7_i64 << 40),
            "account_id" if table == "relations" => format!("{} + n", 7_i64 << 40),
            column @ ("platform_id" | "external_id") if table == "accounts" => format!("t.{column} || '-' || n"),
            "received_at" => "t.received_at - 600000000 - n".to_owned(),
            column => format!("t.{column}"),
        })
        .collect();
    let sql = format!(
        "INSERT INTO {table} ({columns}) SELECT {} FROM {table} t, {numbers} numbers WHERE t.id = {from}",
        values.join(", ")
    );
    diesel::sql_query(sql).execute(&mut app.database()).unwrap();
}

const ACCOUNTS: &str = "id, source, tenant, platform_id, external_id, kind, status, name, code, email, phone, fax, website, \
                        description, is_test, contact, address, extra_details, event_second, event_live, first_seen, revision";

const DELIVERIES: &str = "id, source, tenant, endpoint, path, received_at, event_second, replayed, check_only, headers, \
                          body_of, body_digest, outcome, code, message, account_id, platform_id, trace, hash";

const RELATIONS: &str = "id, account_id, axis, reseller_platform_id, reseller_account_id, state, valid_from, learned_at, \
                         linked_at, cause";

/// Follows a list to its end: its rows and how many requests that took.
fn follow(app: &TestApp, token: &str, path: &str) -> (Vec<serde_json::Value>, usize) {
    let (mut rows, mut after) = (Vec::new(), String::new());
    for request in 1..20 {
        let page = get(app, token, &format!("{path}{after}")).json();
        rows.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (rows, request),
        }
    }
    panic!("{path} does not end");
}

fn windows(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "maria", Role::Viewer, &[], None);
    let admin = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    let number = |chain: i64, position: i64| (chain << 40) | position;
    copies(&app, "accounts", ACCOUNTS, number(0, 2), ROWS);
    copies(&app, "deliveries", DELIVERIES, number(0, 2), ROWS);
    let last = format!("UPDATE accounts SET name = 'Needle' WHERE id = {}", number(7, ROWS));
    diesel::sql_query(last).execute(&mut app.database()).unwrap();

    let (rows, requests) = follow(&app, &token, "/accounts?q=needle");
    assert_eq!((column(&rows, "name"), requests), (vec!["Needle".to_owned()], 3));
    assert_eq!(get(&app, &token, "/accounts/count?q=needle").json(), json!({"count": 0, "more": true}));
    assert_eq!(get(&app, &token, "/accounts/count").json(), json!({"count": 10_000, "more": true}));
    // Who asks by a name alone is not asked to go on: all of it is looked at, and what is counted is bounded.
    let provider = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    let set = |customer: &str| atria::set(&app, ("provider", &provider), atria::request(customer, "Northwind"));
    atria::refused(&set("Needle"), 200, 1006, "");
    atria::refused(&set("Contoso"), 200, 1005, "at least 100 living accounts have the name");
    atria::refused(&set("Haystack"), 200, 1005, "0 living accounts");
    let (rows, requests) = follow(&app, &token, "/deliveries?code=0&platform_id=10");
    assert_eq!((rows.len(), requests), (1, 3));
    let (rows, requests) = follow(&app, &admin, "/deliveries?code=0");
    assert_eq!((column(&rows, "platform_id"), requests), (vec!["10".to_owned()], 1));

    // With many customers it goes by time, and no cursor tells when somebody else's call came.
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "10"}));
    let relation = tiersync::store::accounts::history(&mut app.database(), AccountId::parse(&id(&app, "11")).unwrap());
    copies(&app, "relations", RELATIONS, relation.unwrap()[0].id.0, 2_001);
    let first = get(&app, &admin, "/deliveries?code=0&limit=2").json();
    let next = URL_SAFE_NO_PAD.decode(first["next"].as_str().unwrap()).unwrap();
    let next = String::from_utf8(next).unwrap();
    let numbers: Vec<i64> = next.split(':').skip(1).map(|number| number.parse().unwrap()).collect();
    assert_eq!((numbers[0] % 60_000_000, numbers[1]), (0, i64::MIN), "{next}");
    let (rows, requests) = follow(&app, &admin, "/deliveries?code=0");
    assert_eq!(column(&rows, "platform_id"), ["11", "10"]);
    assert!((2..=4).contains(&requests), "{requests}");
}

#[test]
fn a_search_goes_on_until_it_has_looked_at_everything() {
    backends().into_iter().for_each(windows);
}
