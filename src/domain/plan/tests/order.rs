//! Live calls count in order of arrival; replayed ones by their event time.

use super::*;

fn stamp(receiver: &Receiver) -> (i64, bool) {
    let event = receiver.account("a").event;
    (event.second, event.live)
}

#[test]
fn live_calls_are_never_stale() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("1")).applied();
    // Another receiver's clock runs ahead of ours: its event time stays.
    receiver.accounts.get_mut(&key("a")).unwrap().event.second = 9_000;
    receiver.call(Say::user("a").named("2")).applied();
    assert_eq!(receiver.account("a").profile.name, "2");
    assert_eq!(stamp(&receiver), (9_000, true));
}

#[test]
fn a_replay_is_stale_before_what_is_shown_or_beside_a_live_call() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("live")).applied();
    let live = receiver.second;
    let before = receiver.account("a").clone();
    for say in [
        Say::user("a").named("old").replayed(live - 1),
        Say::user("a").named("equal").replayed(live),
        Say::role("a", Role::Unknown).replayed(live),
        Say::delete("a").replayed(live - 1),
    ] {
        let told = receiver.call(say).is(Outcome::Stale, Code::Done);
        assert_eq!(told.result, Some(derived("a")));
        assert_eq!(*receiver.account("a"), before);
    }
    receiver.call(Say::user("a").named("newer").replayed(live + 1)).applied();
    assert_eq!(stamp(&receiver), (live + 1, false));
}

#[test]
fn equal_times_among_replays_go_by_arrival() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("1").replayed(500)).applied();
    receiver.call(Say::user("a").named("2").replayed(500)).applied();
    assert_eq!(receiver.account("a").profile.name, "2");
    receiver.call(Say::user("a").named("0").replayed(499)).is(Outcome::Stale, Code::Done);
    assert_eq!(stamp(&receiver), (500, false));
}

#[test]
fn a_replay_from_the_future_counts_as_of_now() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").replayed(1_000_000)).applied();
    assert_eq!(stamp(&receiver), (receiver.second, false));
}

#[test]
fn a_replay_makes_accounts_and_deletes_them_in_the_order_of_events() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").replayed(100)).applied();
    receiver.call(Say::delete("a").replayed(300)).applied();
    receiver.call(Say::user("a").replayed(200)).is(Outcome::Stale, Code::Done);
    assert!(!receiver.account("a").is_active());
    receiver.call(Say::user("a").replayed(300)).applied();
    assert!(receiver.account("a").is_active());
}

#[test]
fn the_same_again_advances_the_event_time_only() {
    let mut receiver = Receiver::new();
    let first = receiver.call(Say::user("a").named("A")).applied();
    assert!(first.stores_its_body());
    let before = receiver.account("a").clone();
    let again = receiver.call(Say::user("a").named("A")).unchanged();
    assert_eq!((again.body_of, again.result), (first.delivery, first.result));
    let mut expected = before.clone();
    expected.event.second = receiver.second;
    assert_eq!(*receiver.account("a"), expected);
    // The same said in another way is unchanged, too, but other words.
    let other = receiver.call(Say::user("a")).unchanged();
    assert!(other.stores_its_body());
    assert_eq!(receiver.account("a").revision, before.revision);
    // What is unchanged as a replay is of a replay from then on.
    receiver.call(Say::user("a").replayed(receiver.second + 5)).unchanged();
    assert!(!receiver.account("a").event.live);
}
