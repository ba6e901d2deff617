//! What-if, `checkonly` and the real thing say the same of every call.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tiersync::domain::call::Call;
use tiersync::domain::outcome::Outcome;
use tiersync::ops::alone;
use tiersync::ops::what_if::{Effect, WhatIf};
use tiersync::store::connection::{Database, Use};
use tiersync::store::migrate;

use crate::commands_binary::Place;
use crate::harness::{Backend, backends};
use crate::histories::{History, histories};

const CASES: u32 = 16;
const CALLS: usize = 25;

/// Runs a history call by call and compares what was predicted.
fn predicted_as_it_comes(backend: Backend, history: &History) -> Result<(), TestCaseError> {
    let place = Place::empty(backend);
    let mut config = history.config();
    config.database_url.clone_from(&place.database_url);
    let database = Database::parse(&place.database_url).unwrap();
    migrate::run(&mut database.connect(Use::Write).unwrap()).unwrap();
    let calls = history.calls(&config);
    let policy = config.sources[0].policy.clone();
    let mut reader = database.connect(Use::Read).unwrap();
    // The whole sequence at once, before any of it is real.
    let mut ahead = WhatIf::default();
    let ahead: Vec<_> = calls.iter().map(|call| ahead.predict(&mut reader, call, &policy).unwrap()).collect();
    let (writer, thread) = alone::writer(&config).unwrap();
    let mut seen = HashSet::new();
    for (call, ahead) in calls.into_iter().zip(ahead) {
        let next = WhatIf::default().predict(&mut reader, &call, &policy).unwrap();
        let known = call.signed_id.clone().is_some_and(|id| !seen.insert(id.0));
        let check = Call { check_only: true, ..call.clone() };
        let checked = writer.submit_blocking(check, policy.clone()).unwrap();
        let real = writer.submit_blocking(call, Arc::clone(&policy)).unwrap();
        if !known {
            // checkonly neither reads nor writes the memory of signed ids.
            prop_assert_eq!(&checked.answer, &real.answer, "checkonly and the real thing");
        }
        prop_assert_eq!((&ahead.answer, ahead.outcome), (&real.answer, real.outcome), "ahead and the real thing");
        prop_assert_eq!((&next.answer, next.outcome), (&real.answer, real.outcome), "what-if and the real thing");
        prop_assert_eq!((ahead.effect, &ahead.differences), (next.effect, &next.differences), "ahead and now");
        prop_assert_eq!(next.effect == Effect::Refuse, !matches!(real.answer.code.number(), 0 | 1));
        prop_assert_eq!(
            matches!(next.effect, Effect::Create | Effect::Change | Effect::Reparent),
            real.outcome == Outcome::Applied
        );
    }
    drop(writer);
    thread.join();
    Ok(())
}

#[test]
fn every_call_does_what_was_predicted() {
    for backend in backends() {
        let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config).run(&histories(CALLS), |history| predicted_as_it_comes(backend, &history)).unwrap();
    }
}

#[test]
fn effects_are_told_field_by_field() {
    let history = History::of(&[
        r#"{"ID":"r","Role":"Reseller","Name":"R"}"#,
        r#"{"ID":"s","Role":"Reseller","Name":"S"}"#,
        r#"{"ID":"c","Role":"User","ResellerID":"r","Name":"A","SyncOptions":{"AdminPassword":"hunter2"}}"#,
        r#"{"ID":"c","Role":"User","ResellerID":"r","Name":"B","Address":{"City":"Athens"}}"#,
        r#"{"ID":"c","Role":"User","ResellerID":"s"}"#,
        r#"{"ID":"c","Role":"User","ResellerID":"s"}"#,
        r#"{"ID":"c","Role":"Seller"}"#,
    ]);
    for backend in backends() {
        let place = Place::empty(backend);
        let config = history.config();
        let database = Database::parse(&place.database_url).unwrap();
        migrate::run(&mut database.connect(Use::Write).unwrap()).unwrap();
        let mut reader = database.connect(Use::Read).unwrap();
        let mut what_if = WhatIf::default();
        let told: Vec<(Effect, Vec<String>)> = history
            .calls(&config)
            .iter()
            .map(|call| {
                let prediction = what_if.predict(&mut reader, call, &config.sources[0].policy).unwrap();
                assert!(!format!("{prediction:?}").contains("hunter2"));
                let lines = prediction.differences.iter().map(|one| {
                    assert_ne!(one.before, one.after);
                    format!("{}: {} > {}", one.field, one.before, one.after)
                });
                (prediction.effect, lines.collect())
            })
            .collect();
        let line = |text: &str| text.to_owned();
        assert_eq!(told[2].0, Effect::Create);
        assert!(told[2].1.contains(&line("reseller:  > r")), "{told:?}");
        assert_eq!(told[3], (Effect::Change, vec![line("name: A > B"), line("address.city:  > Athens")]));
        assert_eq!(told[4], (Effect::Reparent, vec![line("reseller: r > s")]));
        assert_eq!(told[5], (Effect::Nothing, vec![]));
        assert_eq!(told[6].0, Effect::Refuse);
    }
}
