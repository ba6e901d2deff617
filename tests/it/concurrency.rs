//! Many callers at once, at one receiver and at two on one database: what holds is what would hold had they come in turn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};
use rand::seq::SliceRandom;
use tiersync::app::Options;
use tiersync::domain::account::{AccountKind, AccountStatus};
use tiersync::domain::outcome::Outcome;
use tiersync::domain::relation::RelationState;
use tiersync::store::accounts::{self, AccountFilter, Listed};
use tiersync::store::connection::{Database, Use};
use tiersync::store::deliveries::{self, DeliveryFilter};
use tiersync::store::{chains, migrate, places, transaction};

use crate::commands_binary::until;
use crate::endpoints_machine::metric;
use crate::harness::app::{MPNID, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config, postgres};
use crate::ledger::assert_whole;

const THREADS: usize = 8;
const RESELLERS: usize = 20;
const CUSTOMERS: usize = 130;
const DIRECT: usize = 50;

fn reseller(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"Reseller","ResellerID":"{id}","Name":"Reseller {id}"}}"#)
}

fn customer(id: &str, reseller: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"{reseller}","Name":"Customer {id}"}}"#)
}

fn direct(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"","Name":"Direct {id}"}}"#)
}

/// Two hundred calls of all kinds, each under its platform ID; every third is signed with an id of its own.
fn mixed() -> Vec<(String, Call)> {
    let resellers = (0..RESELLERS).map(|n| format!("r{n}")).map(|id| (id.clone(), reseller(&id)));
    let customers =
        (0..CUSTOMERS).map(|n| (format!("c{n}"), customer(&format!("c{n}"), &format!("r{}", n % RESELLERS))));
    let direct = (0..DIRECT).map(|n| format!("d{n}")).map(|id| (id.clone(), direct(&id)));
    let second = now();
    let signed = |(n, (id, body)): (usize, (String, String))| {
        let call = Call::synchronize(&body);
        let call = if n % 3 == 0 { call.signed(SIGNING, &format!("call-{id}"), second) } else { call };
        (id, call)
    };
    resellers.chain(customers).chain(direct).enumerate().map(signed).collect()
}

/// Every account there is.
fn all_accounts(app: &TestApp) -> Vec<Listed> {
    accounts::list(&mut app.database(), &AccountFilter::default(), None, 10_000).unwrap()
}

fn count(app: &TestApp, outcome: Outcome) -> usize {
    let filter = DeliveryFilter { outcome: Some(outcome), ..DeliveryFilter::default() };
    deliveries::list(&mut app.database(), &filter, None, 10_000).unwrap().len()
}

/// Eight threads send the same calls, each in an order of its own, spread over the receivers.
fn the_same_calls_at_once(receivers: &[&TestApp]) {
    let calls = mixed();
    let together = Barrier::new(THREADS);
    let answers: Vec<(String, Reply)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (calls, together) = (&calls, &together);
                scope.spawn(move || {
                    let mut order: Vec<&(String, Call)> = calls.iter().collect();
                    // Half of them keep the order, so that they meet at the same account at the same moment.
                    if thread >= THREADS / 2 {
                        order.shuffle(&mut rand::rng());
                    }
                    together.wait();
                    let send =
                        |(id, call): &(String, Call)| (id.clone(), call.send(receivers[thread % receivers.len()]));
                    order.into_iter().map(send).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let app = receivers[0];
    let mut issued: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (id, reply) in &answers {
        assert_eq!((reply.status, reply.code()), (200, 0), "{id}: {}", reply.body);
        issued.entry(id.clone()).or_default().insert(reply.result());
    }
    let accounts = all_accounts(app);
    let (sent, stored) = (calls.len(), accounts.len());
    assert_eq!((issued.len(), stored), (sent, sent));
    for listed in &accounts {
        let account = &listed.account;
        let id = account.key.platform_id.to_string();
        assert_eq!(issued[&id], [account.external_id.to_string()].into(), "{id} was given one ExternalID");
        let relations = accounts::history(&mut app.database(), account.id).unwrap();
        let expected = match account.kind {
            AccountKind::ResellerCustomer => 1,
            AccountKind::Reseller | AccountKind::DirectCustomer => 0,
        };
        assert_eq!(relations.len(), expected, "relations of {id}: {relations:?}");
        assert!(relations.iter().all(|relation| relation.state == RelationState::Linked), "{id}: {relations:?}");
    }
    assert_eq!(accounts::count_pending(&mut app.database()).unwrap(), 0);
    // Signed calls change something once and are repeated ever after; those without an id may come back unchanged.
    let signed = calls.len().div_ceil(3);
    assert_eq!(count(app, Outcome::Applied), sent);
    assert_eq!(count(app, Outcome::Repeated), signed * (THREADS - 1));
    assert_eq!(count(app, Outcome::Unchanged), (sent - signed) * (THREADS - 1));
    assert_whole(&mut app.database());
}

/// A receiver that writes on as many lanes as it does in production.
fn start(backend: Backend) -> TestApp {
    TestApp::with_options(backend, &config("", MPNID), Options { lanes: Some(2), ..Options::default() })
}

#[test]
fn the_same_calls_at_one_receiver() {
    for backend in backends() {
        let app = start(backend);
        the_same_calls_at_once(&[&app]);
    }
}

#[test]
fn the_same_calls_at_two_receivers() {
    if backends().contains(&Backend::Postgres) {
        let first = start(Backend::Postgres);
        let second = first.second();
        the_same_calls_at_once(&[&first, &second]);
    }
}

/// Sends every call once, in random order, each thread its share; gives the replies with the calls' ids.
fn spread(receivers: &[&TestApp], mut calls: Vec<(String, Call)>) -> Vec<(String, Reply)> {
    calls.shuffle(&mut rand::rng());
    let together = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let share = calls.iter().skip(thread).step_by(THREADS);
                let (app, together) = (receivers[thread % receivers.len()], &together);
                scope.spawn(move || {
                    together.wait();
                    share.map(|(id, call)| (id.clone(), call.send(app))).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Customers and their resellers arrive in random order, wherever; nobody is left waiting for a reseller that came.
fn nobody_is_left_pending(receivers: &[&TestApp]) {
    let app = receivers[0];
    for round in 0..4 {
        let mut calls = Vec::new();
        for n in 0..60 {
            let id = format!("{round}-r{n}");
            let vendors = format!("vendor-{id}");
            let new = format!(r#"{{"ID":"{id}","Role":"Reseller","ResellerID":"","ExternalID":"{vendors}"}}"#);
            calls.push((id.clone(), Call::synchronize(new)));
            for customer_number in 0..4 {
                let customer_id = format!("{id}-c{customer_number}");
                // Some name their reseller by its ID, some by the vendor's ID alone, some by both.
                let (by_id, by_vendors) = match customer_number % 3 {
                    0 => (id.clone(), String::new()),
                    1 => (format!("nobody-{id}"), vendors.clone()),
                    _ => (id.clone(), vendors.clone()),
                };
                let body = format!(
                    r#"{{"ID":"{customer_id}","Role":"User","ResellerID":"{by_id}","ResellerExternalID":"{by_vendors}"}}"#
                );
                calls.push((customer_id, Call::synchronize(body)));
            }
        }
        for (id, reply) in spread(receivers, calls) {
            assert_eq!((reply.status, reply.code()), (200, 0), "{id}: {}", reply.body);
        }
        assert_eq!(accounts::count_pending(&mut app.database()).unwrap(), 0, "round {round}");
    }
    let accounts = all_accounts(app);
    assert_eq!(accounts.len(), 4 * 60 * 5);
    for listed in accounts.iter().filter(|listed| listed.account.kind == AccountKind::ResellerCustomer) {
        let id = listed.account.key.platform_id.to_string();
        let relation = listed.account.reseller.as_ref().unwrap_or_else(|| panic!("{id} has no relation"));
        assert_eq!(relation.state, RelationState::Linked, "{id}");
        let (reseller, ..) = listed.reseller.as_ref().unwrap_or_else(|| panic!("{id} is linked to nobody"));
        assert_eq!(id.split_once("-c").unwrap().0, reseller.as_str(), "{id} is linked to another's reseller");
    }
    assert_whole(&mut app.database());
}

#[test]
fn customers_and_resellers_arrive_together_at_one_receiver() {
    for backend in backends() {
        nobody_is_left_pending(&[&start(backend)]);
    }
}

#[test]
fn customers_and_resellers_arrive_together_at_two_receivers() {
    if backends().contains(&Backend::Postgres) {
        let first = start(Backend::Postgres);
        let second = first.second();
        nobody_is_left_pending(&[&first, &second]);
    }
}

/// Calls under one id with different content, at two receivers: one is taken, the other refused, whoever comes first.
#[test]
fn one_id_with_two_contents_at_two_receivers() {
    const RACES: usize = 60;
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let first = start(Backend::Postgres);
    let second = first.second();
    let together = Barrier::new(2);
    let race = |app: &TestApp, name: &str| {
        let send = |n: usize| {
            let call = Call::synchronize(direct(&format!("{name}{n}"))).signed(SIGNING, &format!("id-{n}"), now());
            together.wait();
            call.send(app).code()
        };
        (0..RACES).map(send).collect::<Vec<_>>()
    };
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| race(&first, "a"));
        let theirs = scope.spawn(|| race(&second, "b"));
        (ours.join().unwrap(), theirs.join().unwrap())
    });
    for (n, mut codes) in ours.into_iter().zip(theirs).map(|(ours, theirs)| [ours, theirs]).enumerate() {
        codes.sort_unstable();
        assert_eq!(codes, [0, 1004], "race {n}");
    }
    assert_eq!(all_accounts(&first).len(), RACES);
    assert_whole(&mut first.database());
}

/// Resellers are deleted while new customers of theirs arrive: one of both is refused, whichever comes second.
fn deletes_race_with_new_customers(first: &TestApp, second: &TestApp) {
    const RACES: usize = 80;
    for n in 0..RACES {
        assert_eq!(first.synchronize(&reseller(&format!("r{n}"))).code(), 0);
    }
    let together = Barrier::new(2);
    let race = |app: &TestApp, call: Call| {
        together.wait();
        call.send(app).code()
    };
    let (deleted, arrived) = std::thread::scope(|scope| {
        let delete = |n| Call::post("Accounts/Delete", format!(r#"{{"ID":"r{n}"}}"#));
        let arrive = |n| Call::synchronize(customer(&format!("c{n}"), &format!("r{n}")));
        let race = &race;
        let deletes = scope.spawn(move || (0..RACES).map(|n| race(first, delete(n))).collect::<Vec<_>>());
        let arrivals = scope.spawn(move || (0..RACES).map(|n| race(second, arrive(n))).collect::<Vec<_>>());
        (deletes.join().unwrap(), arrivals.join().unwrap())
    });
    let status: BTreeMap<String, AccountStatus> = all_accounts(first)
        .into_iter()
        .map(|listed| (listed.account.key.platform_id.to_string(), listed.account.status))
        .collect();
    for n in 0..RACES {
        let reseller_status = status[&format!("r{n}")];
        match (deleted[n], arrived[n]) {
            (0, 1004) => {
                assert_eq!(reseller_status, AccountStatus::Deleted, "race {n}");
                assert!(!status.contains_key(&format!("c{n}")), "race {n}: the customer was refused but is there");
            }
            (1004, 0) => {
                assert_eq!(reseller_status, AccountStatus::Active, "race {n}");
                assert_eq!(status.get(&format!("c{n}")), Some(&AccountStatus::Active), "race {n}");
            }
            both => panic!("race {n}: delete and arrival were answered {both:?}"),
        }
    }
    for listed in all_accounts(first) {
        if let Some((reseller, ..)) = &listed.reseller {
            assert_eq!(status[reseller.as_str()], AccountStatus::Active, "{reseller} has a customer but is deleted");
        }
    }
    assert_whole(&mut first.database());
}

#[test]
fn a_deleted_reseller_never_has_customers() {
    for backend in backends() {
        let app = start(backend);
        deletes_race_with_new_customers(&app, &app);
    }
}

#[test]
fn a_deleted_reseller_never_has_customers_at_two_receivers() {
    if backends().contains(&Backend::Postgres) {
        let first = start(Backend::Postgres);
        let second = first.second();
        deletes_race_with_new_customers(&first, &second);
    }
}

/// Resellers become direct customers, and resellers again, while new customers of theirs arrive elsewhere.
#[test]
fn only_resellers_have_customers_at_two_receivers() {
    const RACES: usize = 60;
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let first = start(Backend::Postgres);
    let second = first.second();
    for n in 0..RACES {
        assert_eq!(first.synchronize(&reseller(&format!("r{n}"))).code(), 0);
    }
    let together = Barrier::new(2);
    let race = |app: &TestApp, bodies: Vec<String>| {
        let send = |body: &String| {
            together.wait();
            app.synchronize(body).code()
        };
        bodies.iter().map(send).collect::<Vec<_>>()
    };
    let sellers = |make: fn(&str) -> String| (0..RACES).map(|n| make(&format!("r{n}"))).collect::<Vec<_>>();
    let customers =
        |name: &str| (0..RACES).map(|n| customer(&format!("{name}{n}"), &format!("r{n}"))).collect::<Vec<_>>();
    for (make, name) in [(direct as fn(&str) -> String, "a"), (reseller, "b")] {
        let (changed, arrived) = std::thread::scope(|scope| {
            let changes = scope.spawn(|| race(&first, sellers(make)));
            let arrivals = scope.spawn(|| race(&second, customers(name)));
            (changes.join().unwrap(), arrivals.join().unwrap())
        });
        assert!(changed.iter().chain(&arrived).all(|code| [0, 1004].contains(code)), "{changed:?} {arrived:?}");
        let accounts = all_accounts(&first);
        let kinds: BTreeMap<&str, AccountKind> =
            accounts.iter().map(|listed| (listed.account.key.platform_id.as_str(), listed.account.kind)).collect();
        for listed in accounts.iter().filter(|listed| listed.account.kind == AccountKind::ResellerCustomer) {
            let named = listed.account.reseller.as_ref().unwrap();
            let seller = named.reseller_platform_id.as_ref().unwrap().as_str();
            let linked = listed.reseller.as_ref().map(|(reseller, ..)| reseller.as_str());
            let sells = kinds[seller] == AccountKind::Reseller;
            assert_eq!(linked, sells.then_some(seller), "{}", listed.account.key.platform_id);
        }
    }
    assert_eq!(accounts::count_pending(&mut first.database()).unwrap(), 0, "all are resellers again");
    assert_whole(&mut first.database());
}

/// Receivers that are rolled out together all find the database empty.
#[test]
fn receivers_may_start_at_the_same_moment() {
    const RECEIVERS: usize = 4;
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    for migrated in [false, true, true, true, true, true] {
        let url = postgres::shared().unwrap().new_schema();
        if migrated {
            // Whoever need not wait for migrations meets the others at the next step.
            let mut database = Database::parse(&url).unwrap().connect(Use::Write).unwrap();
            migrate::run(&mut database).unwrap();
        }
        let together = Barrier::new(RECEIVERS);
        let start = || {
            together.wait();
            TestApp::on(&url, &config("", ""), Options::default(), None)
        };
        let apps: Vec<TestApp> = std::thread::scope(|scope| {
            let starting: Vec<_> = (0..RECEIVERS).map(|_| scope.spawn(start)).collect();
            starting.into_iter().map(|app| app.join().unwrap()).collect()
        });
        for (n, app) in apps.iter().enumerate() {
            assert_eq!(app.synchronize(&reseller(&n.to_string())).code(), 0);
        }
        let heads = chains::heads(&mut apps[0].database()).unwrap();
        assert_eq!(heads.iter().map(|head| head.position).collect::<Vec<_>>(), [1; RECEIVERS], "a chain each");
        assert_whole(&mut apps[0].database());
    }
}

#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    count: i64,
}

#[test]
fn a_source_may_be_registered_by_two_receivers_at_once() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let url = postgres::shared().unwrap().new_schema();
    let named = format!("{url}&application_name=tiersync-registers");
    let mut other = PgConnection::establish(&url).unwrap();
    let mut database = Database::parse(&url).unwrap().connect(Use::Write).unwrap();
    migrate::run(&mut database).unwrap();
    other.batch_execute("BEGIN; INSERT INTO sources VALUES ('eu', '', 0)").unwrap();
    let app = std::thread::scope(|scope| {
        let starting = scope.spawn(|| TestApp::on(&named, &config("", ""), Options::default(), None));
        let mut observer = PgConnection::establish(&url).unwrap();
        until("the receiver waits for the other one", || {
            let waiting: Waiting = diesel::sql_query(
                "SELECT count(*) AS count FROM pg_stat_activity \
                 WHERE application_name = 'tiersync-registers' AND wait_event_type = 'Lock'",
            )
            .get_result(&mut observer)
            .unwrap();
            waiting.count > 0
        });
        other.batch_execute("COMMIT").unwrap();
        starting.join().unwrap()
    });
    assert_eq!(app.synchronize(&reseller("1")).code(), 0);
}

/// A list of many acts keeps the directory for seconds: calls of the other lane wait for it and go on, however long it
/// takes within their patience.
#[test]
fn calls_outwait_whoever_keeps_the_directory() {
    /// Attempts that wait a second each: more than a batch has time for that waits for an account.
    const ATTEMPTS: f64 = 5.0;
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let app = start(Backend::Postgres);
    let mut keeper = app.database();
    transaction::begin(&mut keeper, None).unwrap();
    places::take_alone(&mut keeper).unwrap();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| app.synchronize(&direct("waits")));
        let waited = || {
            metric(&app.get("/metrics").body, "tiersync_batch_reruns_total", &[("reason", "directory")]).unwrap_or(0.0)
        };
        until("the call has waited", || waited() >= ATTEMPTS);
        transaction::roll_back(&mut keeper);
        assert_eq!(call.join().unwrap().code(), 0);
    });
    assert_whole(&mut app.database());
}
