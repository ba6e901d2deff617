//! The course through every kind of trouble, with times that are told.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const PACE: Pace = Pace { first: 10 * SECOND, longest: 3_600 * SECOND, least: SECOND, patience: 72 * 3_600 * SECOND };
const HOUR: i64 = 3_600 * SECOND;

fn at(position: i64) -> Standing {
    Standing { position, parked: None, health: Health::default() }
}

fn fresh(parallel: usize) -> Course {
    Course::restore(PACE, parallel, at(0), Vec::new(), HashSet::new())
}

/// Positions 1 and on, about these accounts.
fn with(parallel: usize, accounts: &[i64]) -> Course {
    let mut course = fresh(parallel);
    let to = i64::try_from(accounts.len()).unwrap_or(0);
    course.read(to, (1..).zip(accounts.iter().map(|id| AccountId(*id))));
    course
}

fn refused() -> Verdict {
    Verdict::Refused { why: "HTTP 500".to_owned(), retry_after: None, busy: false }
}

fn unreachable() -> Verdict {
    Verdict::Unreachable { why: "connection refused".to_owned() }
}

/// Everything that may go now.
fn going(course: &mut Course, now: i64) -> Vec<i64> {
    std::iter::from_fn(|| course.next(now)).map(|(position, _)| position).collect()
}

#[test]
fn accounts_go_side_by_side_and_each_in_order() {
    let mut course = with(3, &[7, 7, 8, 9, 10, 8]);
    assert_eq!(going(&mut course, 0), [1, 3, 4]);
    assert_eq!(course.standing().position, 0);
    course.done(AccountId(8), Verdict::Delivered, 0, 0.5);
    assert_eq!(going(&mut course, 0), [5], "6 is about 8, too, but 5 was there first");
    course.done(AccountId(7), Verdict::Delivered, 0, 0.5);
    assert_eq!(course.standing().position, 1, "2 is not done");
    assert_eq!(going(&mut course, 0), [2]);
    for account in [7, 9, 10] {
        course.done(AccountId(account), Verdict::Delivered, 0, 0.5);
    }
    assert_eq!((course.standing().position, going(&mut course, 0)), (5, vec![6]));
    course.done(AccountId(8), Verdict::Unwanted, 0, 0.5);
    assert_eq!((course.standing().position, course.wakes(0)), (6, None));
}

#[test]
fn what_is_refused_holds_up_its_account_alone() {
    let mut course = with(1, &[7, 8, 7, 9]);
    assert_eq!(going(&mut course, 0), [1]);
    course.done(AccountId(7), refused(), 0, 0.5);
    assert_eq!(going(&mut course, 0), [2]);
    course.done(AccountId(8), Verdict::Delivered, 0, 0.5);
    assert_eq!(going(&mut course, 0), [4]);
    course.done(AccountId(9), Verdict::Delivered, 0, 0.5);
    assert_eq!((course.standing().position, course.held()), (4, 2));
    assert_eq!((course.wakes(0), going(&mut course, 5 * SECOND - 1)), (Some(5 * SECOND), vec![]));
    let unsaved = course.unsaved().unwrap_or_else(|| unreachable!());
    let trouble = Trouble { attempts: 1, since: 0, next_try: Some(5 * SECOND) };
    let held = |position, trouble| Held { position, account: AccountId(7), trouble };
    assert_eq!((unsaved.held, unsaved.released), (vec![held(1, Some(trouble)), held(3, None)], vec![]));
    assert_eq!(course.unsaved(), None);
    // What comes later waits in the same line.
    course.read(5, [(5, AccountId(7))]);
    assert_eq!((course.standing().position, course.held()), (5, 3));
    for position in [1, 3, 5] {
        assert_eq!(going(&mut course, 5 * SECOND), [position]);
        course.done(AccountId(7), Verdict::Delivered, 5 * SECOND, 0.5);
    }
    let released = course.unsaved().map(|unsaved| (unsaved.held, unsaved.released));
    assert_eq!(released, Some((vec![], vec![1, 3, 5])));
    assert_eq!((course.held(), course.standing().health.failing_since), (0, None));
}

#[test]
fn one_account_alone_never_stops_the_others() {
    let mut course = with(4, &[7]);
    let mut now = 0;
    for attempt in 1..40 {
        assert_eq!(going(&mut course, now).len(), 1, "{attempt}");
        course.done(AccountId(7), refused(), now, 1.0);
        // Something else comes and goes at once.
        let position = course.read_to() + 1;
        course.read(position, [(position, AccountId(8))]);
        assert_eq!(going(&mut course, now), [position], "{attempt}");
        course.done(AccountId(8), Verdict::Delivered, now, 0.5);
        assert_eq!(course.wakes(now), Some(now + PACE.ceiling(attempt)), "{attempt}");
        now += PACE.ceiling(attempt);
    }
    assert_eq!(course.parked(), None);
}

#[test]
fn an_account_that_is_refused_for_three_days_is_given_up_until_the_subscriber_is_resumed() {
    let mut course = with(4, &[7]);
    let mut now = 0;
    while let Some(at) = course.wakes(now) {
        now = at;
        assert_eq!(going(&mut course, now), [1]);
        course.done(AccountId(7), refused(), now, 1.0);
        let position = course.read_to() + 1;
        course.read(position, [(position, AccountId(8))]);
        assert_eq!(going(&mut course, now), [position]);
        course.done(AccountId(8), Verdict::Delivered, now, 0.5);
    }
    assert!((72 * HOUR..74 * HOUR).contains(&now), "{now}");
    assert_eq!((course.parked(), course.held()), (None, 1));
    let given_up = course.unsaved().and_then(|unsaved| unsaved.held.first()?.trouble);
    assert_eq!(given_up.map(|trouble| trouble.next_try), Some(None));
}

#[test]
fn who_cannot_be_reached_is_left_alone_as_a_whole() {
    let mut course = with(4, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(going(&mut course, 0), [1, 2, 3, 4]);
    for account in 1..=4 {
        course.done(AccountId(account), unreachable(), 0, 1.0);
    }
    // Four failed together: one pause, not four.
    assert_eq!((course.standing().health.attempts, course.held()), (1, 0));
    assert_eq!((course.wakes(0), going(&mut course, 10 * SECOND - 1)), (Some(10 * SECOND), vec![]));
    let (mut now, mut tried) = (0, 0);
    while let Some(at) = course.wakes(now) {
        assert!(at > now);
        now = at;
        assert_eq!(going(&mut course, now), [1], "one at a time");
        course.done(AccountId(1), unreachable(), now, 1.0);
        tried += 1;
    }
    assert!((72 * HOUR..74 * HOUR).contains(&now) && tried < 100, "{now} {tried}");
    assert_eq!(course.parked(), Some((now, ParkedFor::Dead)));
    assert_eq!((course.standing().position, course.room(), course.held()), (0, 0, 0));
    assert_eq!((going(&mut course, i64::MAX), course.wakes(now)), (vec![], None));
}

#[test]
fn when_several_accounts_fail_and_none_is_taken_it_is_the_endpoint() {
    let mut course = with(2, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(going(&mut course, 0), [1, 2]);
    course.done(AccountId(1), refused(), 0, 1.0);
    course.done(AccountId(2), refused(), 0, 1.0);
    assert_eq!(course.standing().health.next_try, None, "two may have their own reasons");
    assert_eq!(going(&mut course, 0), [3, 4]);
    course.done(AccountId(3), refused(), 0, 1.0);
    course.done(AccountId(4), refused(), 0, 1.0);
    assert_eq!(course.standing().health.next_try, Some(10 * SECOND));
    // Then what did not fail yet comes first.
    for (now, position, account) in [(10, 5, 5), (30, 6, 6), (70, 1, 1)] {
        assert_eq!(going(&mut course, now * SECOND), [position], "{now}");
        course.done(AccountId(account), refused(), now * SECOND, 1.0);
    }
    let back = course.wakes(70 * SECOND).unwrap_or(0);
    assert_eq!(going(&mut course, back).len(), 1);
    course.done(AccountId(2), Verdict::Delivered, back, 0.0);
    // What waited for long waits no longer.
    assert_eq!(course.standing().health.failing_since, None);
    let mut taken = Vec::new();
    let soon = back + SECOND;
    while taken.len() < 5 {
        for position in going(&mut course, soon) {
            taken.push(position);
            course.done(AccountId(position), Verdict::Delivered, soon, 0.5);
        }
    }
    taken.sort_unstable();
    assert_eq!((taken, course.standing().position, course.held()), (vec![1, 3, 4, 5, 6], 6, 0));
}

#[test]
fn retry_after_is_obeyed() {
    let busy = |retry_after, busy| Verdict::Refused { why: "HTTP 503".to_owned(), retry_after, busy };
    let mut course = with(4, &[1, 2]);
    assert_eq!(going(&mut course, 0), [1, 2]);
    course.done(AccountId(1), busy(Some(120 * SECOND), true), 0, 1.0);
    course.done(AccountId(2), busy(Some(300 * SECOND), true), 0, 1.0);
    assert_eq!(course.wakes(0), Some(300 * SECOND), "it speaks for itself, and the longer one counts");
    assert_eq!(going(&mut course, 300 * SECOND).len(), 1);

    let mut course = with(1, &[1, 2]);
    going(&mut course, 0);
    course.done(AccountId(1), busy(Some(120 * SECOND), false), 0, 0.0);
    assert_eq!(going(&mut course, 0), [2], "it speaks of this event alone");
    course.done(AccountId(2), Verdict::Delivered, 0, 0.0);
    assert_eq!(course.wakes(0), Some(120 * SECOND));
}

#[test]
fn gone_is_gone_at_once() {
    let mut course = with(4, &[1, 2, 3, 4]);
    assert_eq!(going(&mut course, 5), [1, 2, 3, 4]);
    course.done(AccountId(1), Verdict::Gone, 6, 0.5);
    course.done(AccountId(2), Verdict::Delivered, 7, 0.5);
    course.done(AccountId(3), Verdict::Gone, 8, 0.5);
    course.done(AccountId(4), unreachable(), 9, 0.5);
    assert_eq!(course.parked(), Some((6, ParkedFor::Gone)), "what was under way does not take it back");
    assert_eq!((course.standing().position, going(&mut course, i64::MAX)), (0, vec![]));
    assert_eq!(course.standing().health.next_try, None);
}

#[test]
fn without_our_database_nothing_counts() {
    let mut course = with(4, &[1, 2]);
    assert_eq!(going(&mut course, 0), [1, 2]);
    course.done(AccountId(1), Verdict::Untried, 0, 0.5);
    assert_eq!((course.standing().health, course.held()), (Health::default(), 0));
    assert_eq!((going(&mut course, 0), course.wakes(0)), (vec![], Some(SECOND)));
    assert_eq!(going(&mut course, SECOND), [1]);
}

#[test]
fn what_is_kept_is_bounded() {
    let mut course = fresh(1);
    let mut position = 0;
    let mut feed = |course: &mut Course, account: i64| {
        let room = i64::try_from(course.room()).unwrap_or(0);
        course.read(position + room, (position + 1..=position + room).map(|one| (one, AccountId(account))));
        position += room;
        room
    };
    assert_eq!(feed(&mut course, 1), 1_000);
    assert_eq!(course.room(), 0);
    let mut now = 0;
    going(&mut course, now);
    course.done(AccountId(1), refused(), now, 1.0);
    while feed(&mut course, 1) > 0 {}
    assert_eq!((course.held(), course.room()), (10_000, 0));
    course.park_if_stuck(now);
    assert_eq!(course.parked(), None, "it is still tried");
    // Now and then something is taken: a test event, say. So it is not dead.
    while let Some(at) = course.wakes(now) {
        now = at;
        going(&mut course, now);
        course.done(AccountId(1), refused(), now, 1.0);
        course.health.failing_since = None;
    }
    course.park_if_stuck(now);
    assert_eq!(course.parked(), Some((now, ParkedFor::Refusing)));
}

#[test]
fn a_restart_goes_on_where_it_stood() {
    let standing = Standing {
        position: 9,
        parked: None,
        health: Health { failing_since: Some(5), attempts: 3, next_try: Some(100 * SECOND), ..Health::default() },
    };
    let trouble = Trouble { attempts: 3, since: 5, next_try: Some(200 * SECOND) };
    let held = vec![
        Held { position: 4, account: AccountId(1), trouble: None },
        Held { position: 2, account: AccountId(1), trouble: Some(trouble) },
        Held { position: 7, account: AccountId(2), trouble: Some(Trouble { next_try: None, ..trouble }) },
    ];
    let mut course = Course::restore(PACE, 4, standing.clone(), held, HashSet::from([AccountId(3)]));
    assert_eq!((course.unsaved(), course.standing()), (None, standing));
    course.read(11, [(10, AccountId(3)), (11, AccountId(4))]);
    assert_eq!(course.wakes(0), None, "something is under way from before");
    course.freed(AccountId(3));
    assert_eq!((course.wakes(0), going(&mut course, 99 * SECOND)), (Some(100 * SECOND), vec![]));
    assert_eq!(going(&mut course, 100 * SECOND), [10]);
    course.done(AccountId(3), Verdict::Delivered, 100 * SECOND, 0.1);
    assert_eq!(going(&mut course, 100 * SECOND), [11]);
    assert_eq!(course.wakes(100 * SECOND), Some(101 * SECOND), "2 is eased, 7 stays given up");
    assert_eq!(going(&mut course, 101 * SECOND), [2]);
    course.done(AccountId(1), Verdict::Delivered, 101 * SECOND, 0.1);
    assert_eq!(going(&mut course, 101 * SECOND), [4]);
}

#[test]
fn what_could_not_be_saved_comes_again() {
    let mut course = with(1, &[1]);
    going(&mut course, 0);
    course.done(AccountId(1), refused(), 0, 1.0);
    let before = course.saved().clone();
    let first = course.unsaved().unwrap_or_else(|| unreachable!());
    course.not_saved(first.clone(), before);
    assert_eq!(course.unsaved(), Some(first));
}

/// What a run saw: positions that were taken, in order, by account.
type Taken = HashMap<AccountId, Vec<i64>>;

/// Runs a feed through whatever happens: verdicts drawn by `dice`, crashes that forget what was not saved.
fn run(accounts: &[i64], dice: &[u8], parallel: usize) -> Taken {
    let feed: Vec<(i64, AccountId)> = (1..).zip(accounts.iter().map(|id| AccountId(*id))).collect();
    let end = i64::try_from(feed.len()).unwrap_or(0);
    let (mut standing, mut rows) = (at(0), HashMap::<i64, Held>::new());
    let mut course = fresh(parallel);
    let (mut now, mut taken, mut flying) = (0, Taken::new(), Vec::new());
    let mut dice = dice.iter().copied().chain(std::iter::repeat(0));
    while standing.position < end || !rows.is_empty() {
        assert!(now < 1_000 * HOUR, "it never ends: {course:?}");
        let room = i64::try_from(course.room().min(3)).unwrap_or(0);
        let (from, to) = (course.read_to(), (course.read_to() + room).min(end));
        course.read(to, feed.iter().copied().filter(|(position, _)| (from + 1..=to).contains(position)));
        flying.extend(std::iter::from_fn(|| course.next(now)));
        assert!(flying.len() <= parallel);
        let roll = dice.next().unwrap_or(0);
        match roll % 16 {
            // A crash: what was under way may have arrived or not.
            15 => {
                for (position, account) in flying.drain(..).filter(|_| roll > 128) {
                    taken.entry(account).or_default().push(position);
                }
                let held = rows.values().cloned().collect();
                course = Course::restore(PACE, parallel, standing.clone(), held, HashSet::new());
            }
            _ if !flying.is_empty() => {
                let (position, account) = flying.swap_remove(usize::from(roll / 16) % flying.len());
                let verdict = match roll % 16 {
                    11 => unreachable(),
                    12 => Verdict::Untried,
                    13 | 14 => refused(),
                    _ => {
                        taken.entry(account).or_default().push(position);
                        Verdict::Delivered
                    }
                };
                course.done(account, verdict, now, f64::from(roll) / 255.0);
            }
            _ => now = course.wakes(now).map_or(now + SECOND, |at| at.max(now + 1)),
        }
        if roll % 3 == 0
            && let Some(unsaved) = course.unsaved()
        {
            assert!(unsaved.standing.position >= standing.position);
            standing = unsaved.standing;
            for position in unsaved.released {
                rows.remove(&position);
            }
            rows.extend(unsaved.held.into_iter().map(|held| (held.position, held)));
        }
    }
    taken
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever fails and whenever it crashes, every event arrives, and no event arrives for the first time before those
    /// of its account that stand before it.
    #[test]
    fn every_event_arrives_in_the_order_of_its_account(
        accounts in proptest::collection::vec(1_i64..5, 1..40),
        dice in proptest::collection::vec(any::<u8>(), 0..300),
        parallel in 1_usize..5,
    ) {
        let taken = run(&accounts, &dice, parallel);
        for account in 1..5 {
            let all: Vec<i64> =
                (1..).zip(&accounts).filter(|(_, one)| **one == account).map(|(position, _)| position).collect();
            let mut first = taken.get(&AccountId(account)).cloned().unwrap_or_default();
            let mut seen = HashSet::new();
            first.retain(|position| seen.insert(*position));
            prop_assert_eq!(first, all);
        }
    }
}
