//! However a sequence of calls is split into batches, it gives the same answers and the same rows.

use std::fmt::Debug;

use diesel::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tiersync::domain::act::site::{SiteAct, SiteDeed, SitePatch};
use tiersync::domain::act::{Act, What};
use tiersync::domain::ids::{AccountKey, PlatformId};
use tiersync::domain::moves::{Moving, Side};
use tiersync::domain::provisioning::{NewItem, NewRequest, RequestCause};
use tiersync::domain::relation::Cause;
use tiersync::ops::alone;
use tiersync::store::audit::Entry;
use tiersync::store::records::{AccountRow, DeliveryRow, RelationRow};
use tiersync::store::schema::{
    self, accounts, arrivals, bodies, cases, deliveries, ledger_chains, moves, relations, service_history, services,
    sources, webhook_ids,
};
use tiersync::store::services::ServiceRow;
use tiersync::store::{AnyConnection, changes, provisioning, transaction};
use tiersync::writer::acts::ActList;

use crate::feed;
use crate::harness::{Backend, backends};
use crate::histories::{Bench, History, derived, histories, histories_with_orders};

const CASES: u32 = 24;
const CALLS: usize = 30;

fn shown<T: Debug>(table: &str, rows: Vec<T>) -> Vec<String> {
    rows.into_iter().map(|row| format!("{table}: {row:?}")).collect()
}

/// Every row of every table, in order, but for the times and owners that are those of the run and not of its calls.
fn rows(database: &mut AnyConnection) -> Vec<String> {
    // The feed tells of batches, so it differs; whoever follows it knows the same in the end.
    let told = feed::stored(database);
    feed::assert_tells_everything(database, &told);
    let chains = ledger_chains::table
        .select((ledger_chains::chain, ledger_chains::deliveries, ledger_chains::rows_issued, ledger_chains::hash))
        .order(ledger_chains::chain)
        .load::<(i64, i64, i64, Vec<u8>)>(database)
        .unwrap();
    let known = sources::table
        .select((sources::id, sources::tenant_setting))
        .order(sources::id)
        .load::<(String, String)>(database)
        .unwrap();
    let ids = webhook_ids::table
        .order((webhook_ids::source, webhook_ids::webhook_id))
        .load::<(String, String, i64)>(database)
        .unwrap();
    [
        shown("account", accounts::table.order(accounts::id).load::<AccountRow>(database).unwrap()),
        shown("relation", relations::table.order(relations::id).load::<RelationRow>(database).unwrap()),
        shown("delivery", deliveries::table.order(deliveries::id).load::<DeliveryRow>(database).unwrap()),
        shown("body", bodies::table.order(bodies::delivery_id).load::<(i64, Vec<u8>)>(database).unwrap()),
        shown("service", services::table.order(services::id).load::<ServiceRow>(database).unwrap()),
        shown("step", steps(database)),
        shown("case", cases(database)),
        shown("webhook id", ids),
        shown("chain", chains),
        shown("source", known),
        shown("arrival", arrivals::table.select(arrivals::name).load::<String>(database).unwrap()),
    ]
    .concat()
}

type StepRow = (i64, i64, i64, i64, String, String, i64, String, i64, String, Option<i64>);

fn steps(database: &mut AnyConnection) -> Vec<StepRow> {
    service_history::table
        .select((
            service_history::service_id,
            service_history::revision,
            service_history::at,
            service_history::valid_from,
            service_history::happening,
            service_history::changed,
            service_history::account_id,
            service_history::plan,
            service_history::quantity,
            service_history::status,
            service_history::delivery_id,
        ))
        .order((service_history::service_id, service_history::revision))
        .load(database)
        .unwrap()
}

type CaseRow = (i64, String, i32, i64, i64, i64, i64, i64, String, Option<String>, Option<i64>, Option<i64>);

fn cases(database: &mut AnyConnection) -> Vec<CaseRow> {
    cases::table
        .select((
            cases::id,
            cases::platform_id,
            cases::code,
            cases::first_at,
            cases::last_at,
            cases::last_delivery,
            cases::event_second,
            cases::times,
            cases::state,
            cases::closed_as,
            cases::closed_at,
            cases::closed_delivery,
        ))
        .order(cases::id)
        .load(database)
        .unwrap()
}

fn run(backend: Backend, history: &History, sizes: &[usize]) -> (Vec<String>, Vec<String>) {
    let config = history.config();
    let bench = Bench::new(backend, &config);
    let answers = bench.run(&history.calls(&config), sizes);
    let answers = answers.iter().map(|answered| format!("{answered:?}")).collect();
    (answers, bench.finish(rows))
}

fn first_difference<'a>(alone: &'a [String], batched: &'a [String]) -> Option<(&'a str, &'a str)> {
    let longest = alone.len().max(batched.len());
    let line = |lines: &'a [String], at: usize| lines.get(at).map_or("nothing", String::as_str);
    (0..longest).map(|at| (line(alone, at), line(batched, at))).find(|(alone, batched)| alone != batched)
}

fn any_split_gives_the_same(backend: Backend, histories: impl Strategy<Value = History>) {
    let mut runner =
        TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() });
    let splits = prop::collection::vec(prop_oneof![1_usize..4, 4_usize..12, Just(CALLS)], CALLS);
    runner
        .run(&(histories, splits), |(history, sizes)| {
            let alone = run(backend, &history, &[]);
            let batched = run(backend, &history, &sizes);
            prop_assert_eq!(first_difference(&alone.0, &batched.0), None, "answers, one at a time and in batches");
            prop_assert_eq!(first_difference(&alone.1, &batched.1), None, "rows, one at a time and in batches");
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reseller_that_comes_and_goes_within_a_batch_links_nobody() {
    let history = History::of(&[
        r#"{"ID":"other","Role":"User"}"#,
        r#"{"ID":"r","Role":"Reseller"}"#,
        r#"{"ID":"r","Role":"User"}"#,
        r#"{"ID":"c","Role":"User","ResellerID":"r"}"#,
    ]);
    for backend in backends() {
        let (alone, batched) = (run(backend, &history, &[]), run(backend, &history, &[3]));
        assert_eq!(first_difference(&alone.1, &batched.1), None);
        assert!(batched.1.iter().any(|row| row.starts_with("relation") && row.contains("state: \"pending\"")));
    }
}

#[test]
fn who_was_found_by_external_id_stays_linked_when_the_reseller_id_comes() {
    let external_id = derived("r");
    let customer = format!(r#"{{"ID":"c","Role":"User","ResellerID":"l","ResellerExternalID":"{external_id}"}}"#);
    let history = History::of(&[
        r#"{"ID":"other","Role":"User"}"#,
        r#"{"ID":"r","Role":"Reseller"}"#,
        &customer,
        r#"{"ID":"l","Role":"Reseller"}"#,
    ]);
    for backend in backends() {
        let (alone, batched) = (run(backend, &history, &[]), run(backend, &history, &[3]));
        assert_eq!(first_difference(&alone.1, &batched.1), None);
        assert!(batched.1.iter().any(|row| row.starts_with("relation") && row.contains("Some(\"external_id\")")));
    }
}

#[test]
fn who_waited_for_two_belongs_to_the_one_that_came_first() {
    let external_id = derived("s");
    let customer = format!(r#"{{"ID":"c","Role":"User","ResellerID":"r","ResellerExternalID":"{external_id}"}}"#);
    let history = History::of(&[
        r#"{"ID":"other","Role":"User"}"#,
        &customer,
        r#"{"ID":"s","Role":"User"}"#,
        r#"{"ID":"r","Role":"Reseller"}"#,
        r#"{"ID":"s","Role":"Reseller"}"#,
        // Nobody is left who waits for it, so it may become a customer again.
        r#"{"ID":"s","Role":"User"}"#,
        r#"{"ID":"r","Role":"User"}"#,
    ]);
    for backend in backends() {
        let (alone, batched) = (run(backend, &history, &[]), run(backend, &history, &[2, 4]));
        assert_eq!(first_difference(&alone.0, &batched.0), None);
        assert_eq!(first_difference(&alone.1, &batched.1), None);
        assert!(batched.0[5].contains("outcome: Applied"), "{:?}", batched.0);
        assert!(batched.0[6].contains("outcome: Rejected"), "{:?}", batched.0);
    }
}

#[test]
fn however_calls_are_batched_answers_and_rows_are_the_same() {
    backends().into_iter().for_each(|backend| any_split_gives_the_same(backend, histories(CALLS)));
}

#[test]
fn orders_of_services_are_the_same_however_they_are_batched() {
    backends().into_iter().for_each(|backend| any_split_gives_the_same(backend, histories_with_orders(CALLS)));
}

/// What goes with an account: the request to move it, its provisioning, its sites with their history, and what is told.
fn what_goes_with_it(database: &mut AnyConnection) -> Vec<String> {
    let asked = moves::table
        .select((moves::customer_id, moves::state, moves::decision))
        .load::<(i64, String, Option<String>)>(database)
        .unwrap();
    use schema::{provisioning_items as items, provisioning_requests as requests, site_history as steps, sites};
    let opened = requests::table
        .select((requests::state, requests::cancelled_why, requests::cancelled, requests::pending))
        .load::<(String, Option<String>, i64, i64)>(database)
        .unwrap();
    let waiting =
        items::table.select((items::state, items::reason)).load::<(String, Option<String>)>(database).unwrap();
    let standing = sites::table
        .select((sites::id, sites::name, sites::status, sites::with_account, sites::revision))
        .load::<(i64, String, String, bool, i64)>(database)
        .unwrap();
    let history = steps::table
        .select((steps::thing_id, steps::revision, steps::happening, steps::status, steps::cause, steps::delivery_id))
        .order((steps::thing_id, steps::revision))
        .load::<(i64, i64, String, String, String, Option<i64>)>(database)
        .unwrap();
    let mut told: Vec<String> = feed::stored(database)
        .iter()
        .map(|change| change.entry.event.kind().as_str().to_owned())
        .filter(|kind| ["move.", "provisioning.", "site."].iter().any(|begin| kind.starts_with(begin)))
        .collect();
    told.sort_unstable();
    [
        shown("move", asked),
        shown("request", opened),
        shown("item", waiting),
        shown("site", standing),
        shown("site step", history),
        shown("told", told),
    ]
    .concat()
}

/// An account with a site, a request to move it and provisioning that waits ends and comes back twice, in batches of
/// these sizes.
fn ends_and_returns(backend: Backend, sizes: &[usize]) -> Vec<String> {
    let (customer, gone) = (r#"{"ID":"c","Role":"User","ResellerID":"r"}"#, r#"{"ID":"c"}"#);
    let history = History::of(&[
        r#"{"ID":"r","Role":"Reseller"}"#,
        r#"{"ID":"s","Role":"Reseller"}"#,
        customer,
        r#"{"ID":"other","Role":"User"}"#,
        gone,
        customer,
        gone,
        customer,
    ])
    .deleting(&[4, 6]);
    let config = history.config();
    let calls = history.calls(&config);
    let bench = Bench::new(backend, &config);
    let mut answers = bench.run(&calls[..3], &[]);
    let key = |id: &str| AccountKey { scope: calls[0].scope.clone(), platform_id: PlatformId::stored(id) };
    let at = calls[2].received_at;
    let moving =
        Moving { reseller: Some(key("s")), request: Some(Side::From), by: "north".to_owned(), ..Moving::default() };
    let add = SiteDeed::Add(SitePatch { name: Some("North".to_owned()), description: None });
    let whats = [What::Move(Box::new(moving)), What::Site(Box::new(SiteAct { expect: None, deed: add }))];
    let done = bench.acts(ActList {
        acts: whats.into_iter().map(|what| Act::new(key("c"), at, Cause::Operator, what)).collect(),
        policies: alone::policies(&config),
        all_or_nothing: true,
        entry: Entry {
            at,
            operator: "north".to_owned(),
            action: "moves.request".to_owned(),
            subject: "c".to_owned(),
            detail: "{}".to_owned(),
            remote: "-".to_owned(),
        },
    });
    assert!(done.iter().all(|outcome| outcome.applied().is_some()), "{done:?}");
    let mut beside = bench.beside();
    transaction::begin(&mut beside, None).unwrap();
    let items = vec![NewItem::directory(Some("OU=a".to_owned()), Some("OU=b".to_owned()))];
    let mut request = NewRequest::new(done[0].id.unwrap(), RequestCause::Manual, at, items);
    let mut next = provisioning::issue(&mut beside, 2).unwrap() - 1;
    request.issue(provisioning::CHAIN, || {
        next += 1;
        next
    });
    let entries = provisioning::open(&mut beside, &[request]).unwrap();
    changes::append(&mut beside, at, &entries).unwrap();
    transaction::commit(&mut beside).unwrap();
    drop(beside);
    answers.extend(bench.run(&calls[3..], sizes));
    let answers: Vec<String> = answers.iter().map(|answered| format!("{answered:?}")).collect();
    answers.into_iter().chain(bench.finish(what_goes_with_it)).collect()
}

#[test]
fn what_goes_with_an_account_goes_also_when_it_returns_in_the_same_batch() {
    for backend in backends() {
        let alone = ends_and_returns(backend, &[]);
        for expected in [
            "\"withdrawn\", Some(\"the customer was deleted\")",
            "request: (\"cancelled\", Some(\"the customer was deleted\"), 1, 0)",
            "item: (\"cancelled\", Some(\"the customer was deleted\"))",
            "\"North\", \"active\", false, 5)",
        ] {
            assert!(alone.iter().any(|row| row.contains(expected)), "{expected}: {alone:#?}");
        }
        // It ends and returns in one batch, returns and ends in one, and all of it together.
        for sizes in [&[2][..], &[2, 2], &[1, 2], &[4]] {
            assert_eq!(first_difference(&alone, &ends_and_returns(backend, sizes)), None, "{sizes:?}");
        }
    }
}
