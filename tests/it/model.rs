//! Two promises about every state that a history can reach: `checkonly` predicts what the same call made for real is
//! answered and changes nothing, and a call that comes again at once changes nothing more.

use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tiersync::domain::call::Call;
use tiersync::domain::outcome::Outcome;

use crate::harness::{Backend, backends};
use crate::histories::{Bench, histories};

const CASES: u32 = 24;
const CALLS: usize = 30;

/// Each call of a history, asked about first where no remembered id can answer instead, and then made for real.
fn doubled(calls: &[Call]) -> Vec<(bool, Call)> {
    let asked = |call: &Call| call.signed_id.is_none().then(|| (true, Call { check_only: true, ..call.clone() }));
    calls.iter().flat_map(|call| asked(call).into_iter().chain([(false, call.clone())])).collect()
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })
}

fn checkonly_predicts(backend: Backend) {
    runner()
        .run(&histories(CALLS), |history| {
            let config = history.config();
            let calls = history.calls(&config);
            let made = Bench::new(backend, &config).run(&calls, &[]);
            let (asked, calls): (Vec<bool>, Vec<Call>) = doubled(&calls).into_iter().unzip();
            let answered = Bench::new(backend, &config).run(&calls, &[]);
            let mut made = made.iter();
            let mut foretold = None;
            for ((asked, call), answered) in asked.into_iter().zip(&calls).zip(&answered) {
                if asked {
                    prop_assert!(matches!(answered.outcome, Outcome::Checked | Outcome::Rejected));
                    foretold = Some(&answered.answer);
                    continue;
                }
                if let Some(foretold) = foretold.take() {
                    prop_assert_eq!(foretold, &answered.answer, "foretold and done: {:?}", call.intent);
                }
                let undisturbed = made.next().map(|made| (made.outcome, &made.answer));
                prop_assert_eq!(
                    undisturbed,
                    Some((answered.outcome, &answered.answer)),
                    "a question changed something"
                );
            }
            Ok(())
        })
        .unwrap();
}

/// What a call comes to when it comes again at once, without an id.
fn again(first: Outcome) -> Outcome {
    match first {
        Outcome::Applied => Outcome::Unchanged,
        other => other,
    }
}

fn the_same_again_changes_nothing(backend: Backend) {
    runner()
        .run(&histories(CALLS), |history| {
            let config = history.config();
            let calls = history.calls(&config).into_iter().map(|call| Call { signed_id: None, ..call });
            let twice: Vec<Call> = calls.flat_map(|call| [call.clone(), call]).collect();
            let answered = Bench::new(backend, &config).run(&twice, &[]);
            for (pair, calls) in answered.chunks(2).zip(twice.chunks(2)) {
                let (first, second) = (&pair[0], &pair[1]);
                prop_assert_eq!(second.outcome, again(first.outcome), "{:?}: {:?}", calls[0].intent, second.answer);
                let results = (first.answer.code, &first.answer.result);
                prop_assert_eq!((second.answer.code, &second.answer.result), results, "{:?}", calls[0].intent);
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_call_that_comes_again_at_once_changes_nothing_more() {
    backends().into_iter().for_each(the_same_again_changes_nothing);
}

#[test]
fn checkonly_foretells_the_answer_and_changes_nothing() {
    backends().into_iter().for_each(checkonly_predicts);
}
