//! Which calls of a replay may run beside each other: for any calls and any order of finishing, none starts too early.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tiersync::ops::replay::order::{Claims, Order};

fn claims() -> impl Strategy<Value = Claims> {
    let few = || prop::collection::vec(0_u64..6, 0..3);
    (few(), few(), any::<bool>(), prop::bool::weighted(0.05)).prop_map(|(own, names, exclusive, alone)| Claims {
        own,
        names,
        exclusive,
        alone,
    })
}

/// The rule as it is written: does the later call wait for the earlier one?
fn waits(earlier: &Claims, later: &Claims) -> bool {
    let meet = |one: &[u64], other: &[u64]| one.iter().any(|name| other.contains(name));
    earlier.alone
        || later.alone
        || meet(&earlier.own, &later.own)
        || meet(&earlier.own, &later.names)
        || (later.exclusive && meet(&earlier.names, &later.own))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_call_starts_before_those_it_waits_for(
        calls in prop::collection::vec(claims(), 1..60),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 200),
        window in 1_usize..20,
    ) {
        let mut order = Order::default();
        let (mut running, mut done) = (Vec::new(), BTreeSet::new());
        let (mut next, mut choices) = (0, choices.into_iter().cycle());
        let mut started = 0;
        while done.len() < calls.len() {
            while next < calls.len() && order.len() < window {
                if order.add(next as u64, calls[next].clone()) {
                    running.push(next);
                }
                next += 1;
            }
            prop_assert!(!running.is_empty(), "nothing runs and nothing is done: {done:?} of {}", calls.len());
            for call in &running[started.min(running.len())..] {
                let early = (0..*call).find(|earlier| waits(&calls[*earlier], &calls[*call]) && !done.contains(earlier));
                prop_assert_eq!(early, None, "call {} started", call);
            }
            let finishing = running.remove(choices.next().unwrap().index(running.len()));
            started = running.len();
            done.insert(finishing);
            running.extend(order.finish(finishing as u64).into_iter().map(|call| usize::try_from(call).unwrap()));
        }
        prop_assert!(order.has_forgotten(), "something is kept of calls that have finished: {:?}", order);
    }

    #[test]
    fn calls_that_share_nothing_run_beside_each_other(count in 1_u64..50) {
        let mut order = Order::default();
        for call in 0..count {
            let claims = Claims { own: vec![call], names: vec![1000], ..Claims::default() };
            prop_assert!(order.add(call, claims), "{} waits", call);
        }
    }
}
