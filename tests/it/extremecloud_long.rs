//! Exact lists of more than a thousand tenants: what is the same in all rows is written once then, and what most of them
//! have nothing of is not looked up, so that they go ways of their own; fewer than that, and more than a batch of calls, are
//! written in another way again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tiersync::domain::account::{Account, AccountKind, Hold};
use tiersync::domain::operator::Role;
use tiersync::store::accounts::{self, AccountFilter};

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::extremecloud::{CLOUD, ask, partner, shown};
use crate::harness::{Backend, TestApp, backends, config};
use crate::moves_guide::{did, service, text, user};
use crate::v1::{all, get, id, operator};

/// Customers of 10, and those of nobody behind them.
const ITS: usize = 1_100;
const NOBODYS: usize = 700;
/// How many stay in the end.
const STAYING: usize = 200;

fn called(customer: usize) -> String {
    format!("c{customer}")
}

/// No two rows are alike, and some leave out what others say.
fn fill(place: &Place) {
    let mut list =
        "platform_id,kind,reseller_id,name,email,code\n10,reseller,,North,,\n20,reseller,,Harbour,,\n".to_owned();
    for customer in 0..ITS + NOBODYS {
        let (kind, reseller) = if customer < ITS { ("reseller_customer", "10") } else { ("direct_customer", "") };
        let email = if customer % 3 == 0 { format!("c{customer}@example.com") } else { String::new() };
        writeln!(list, "c{customer},{kind},{reseller},Customer {customer},{email},k{}", customer % 7).unwrap();
    }
    std::fs::write(place.path("accounts.csv"), list).unwrap();
    place.fine(&["migrate"]);
    place.fine(&["accounts", "import", "accounts.csv", "--source", "eu"]);
}

fn held(app: &TestApp) -> BTreeMap<String, Account> {
    let listed = accounts::list(&mut app.database(), &AccountFilter::default(), None, 10_000).unwrap();
    listed.into_iter().map(|one| (one.account.key.platform_id.to_string(), one.account)).collect()
}

/// How many entries of each kind the change feed got since a position, which it counts without a gap.
fn told(app: &TestApp, token: &str, since: i64) -> (BTreeMap<String, usize>, i64) {
    let position = |one: &Value| one["position"].as_i64().unwrap();
    let mut entries = all(app, token, "/changes", 500);
    entries.retain(|one| position(one) > since);
    let positions: Vec<i64> = entries.iter().map(position).collect();
    let end = since + i64::try_from(entries.len()).unwrap();
    assert_eq!(positions, (since + 1..=end).collect::<Vec<_>>());
    let mut kinds = BTreeMap::new();
    for entry in &entries {
        *kinds.entry(text(&entry["kind"])).or_default() += 1;
    }
    (kinds, end)
}

fn kinds<const N: usize>(counted: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counted.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect()
}

fn put(app: &TestApp, token: &str, partner: &str, tenants: &[String]) -> Value {
    let body = json!({"accountName": "Harbour", "tenants": tenants});
    let reply = ask(app, token, "PUT", &format!("/msppartners/{partner}"), &body);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn long(backend: Backend) {
    let toml = config("", CLOUD);
    let place = Place::with(backend, &toml);
    fill(&place);
    let app = receiver(&place, &toml);
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    for reseller in ["10", "20"] {
        let plans = json!({"offers": [{"service": "Mail", "plan": "gold", "locations": []}]});
        did(&app, &token, "PUT", &format!("/accounts/{}/plans", id(&app, reseller)), &plans);
    }
    let mail = service(&app, &token, "c7", "Mail", "gold", "");
    let ann = user(&app, &token, "c8", "ann", &[]);
    let (_, since) = told(&app, &token, 0);
    let before = held(&app);
    let harbour = text(&partner(&app, &token, "Harbour")["custId"]);
    let names = shown(&app, &token, "/msptenants/nametoidmap");
    let tenants: Vec<String> = (0..ITS + NOBODYS).map(|at| text(&names[format!("Customer {at}")])).collect();

    let answer = put(&app, &token, &harbour, &tenants);
    let listed = |answer: &Value| {
        let mut listed: Vec<String> = answer["tenants"].as_array().unwrap().iter().map(text).collect();
        listed.sort();
        listed
    };
    let mut sorted = tenants.clone();
    sorted.sort();
    assert_eq!(listed(&answer), sorted);
    let after = held(&app);
    let (north, south) = (before["10"].id, before["20"].id);
    for customer in 0..ITS + NOBODYS {
        let (was, is) = (&before[&called(customer)], &after[&called(customer)]);
        assert!(was.says_the_same(is), "{was:?} {is:?}");
        let stands = (is.kind, is.status, is.standing, is.hold, is.revision);
        let moved = (AccountKind::ResellerCustomer, was.status, was.standing, Some(Hold::Operator), was.revision + 1);
        assert_eq!(stands, moved);
        let from = was.reseller.as_ref().and_then(|held| held.reseller_account);
        assert_eq!(from, (customer < ITS).then_some(north));
        assert_eq!(is.reseller.as_ref().unwrap().reseller_account, Some(south));
    }
    let (entries, since) = told(&app, &token, since);
    let expected = [
        ("account.kind_changed", NOBODYS),
        ("account.updated", ITS + NOBODYS),
        // The one service has another seller.
        ("provisioning.item_pending", 1),
        ("provisioning.opened", 1),
        ("relation.closed", ITS),
        ("relation.opened", ITS + NOBODYS),
    ];
    assert_eq!(entries, kinds(expected));
    let moves = all(&app, &token, "/moves", 500);
    let from = moves.iter().filter(|one| one["from"].is_string()).count();
    assert_eq!((moves.len(), from), (ITS + NOBODYS, ITS));
    // What came along is where it was.
    assert_eq!(get(&app, &token, &format!("/services/{mail}")).json()["account"], id(&app, "c7"));
    assert_eq!(get(&app, &token, &format!("/users/{ann}")).json()["account"], id(&app, "c8"));
    let history = all(&app, &token, &format!("/accounts/{}/history", id(&app, "c5")), 100);
    let relations: Vec<&Value> = history.iter().filter(|one| one["type"] == "relation").collect();
    assert_eq!(relations.len(), 2, "{history:?}");

    let answer = put(&app, &token, &harbour, &tenants[..STAYING]);
    assert_eq!(listed(&answer).len(), STAYING);
    let last = held(&app);
    for customer in 0..ITS + NOBODYS {
        let (was, is) = (&after[&called(customer)], &last[&called(customer)]);
        if customer < STAYING {
            assert_eq!(was, is);
            continue;
        }
        assert!(was.says_the_same(is), "{was:?} {is:?}");
        assert_eq!(
            (is.kind, is.revision, is.reseller.is_none()),
            (AccountKind::DirectCustomer, was.revision + 1, true)
        );
    }
    let left = ITS + NOBODYS - STAYING;
    let (entries, _) = told(&app, &token, since);
    assert_eq!(entries, kinds([("account.kind_changed", left), ("relation.closed", left)]));
}

#[test]
fn a_list_of_more_than_a_thousand_changes_what_it_names_and_nothing_else() {
    backends().into_iter().for_each(long);
}
