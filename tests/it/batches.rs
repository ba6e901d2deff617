//! However a sequence of calls is split into batches, it gives the same answers and the same rows.

use std::fmt::Debug;

use diesel::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tiersync::store::AnyConnection;
use tiersync::store::records::{AccountRow, DeliveryRow, RelationRow};
use tiersync::store::schema::{
    accounts, arrivals, bodies, cases, deliveries, ledger_chains, relations, service_history, services, sources,
    webhook_ids,
};
use tiersync::store::services::ServiceRow;

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
