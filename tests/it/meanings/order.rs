//! Order: live calls count as they arrive, replayed ones by their signed time.

use serde_json::json;

use super::*;
use crate::harness::client::now;

fn named(name: &str) -> Value {
    json!({"ID": "1", "Role": "User", "Name": name})
}

fn shown(app: &TestApp) -> (String, bool) {
    let account = account(app, "1");
    (account.profile.name.clone(), account.event.live)
}

#[test]
fn event_time_is_the_second_of_receipt_or_the_earlier_signed_one() {
    on_each("", |app| {
        done(app, &named("live"));
        let live = last(app);
        assert_eq!((live.event_second, live.replayed), (live.received_at.div_euclid(1_000_000), false));
        let signed_second = now() - 5_000;
        replayed("old", signed_second, &json!({"ID": "2", "Role": "User"})).send(app);
        assert_eq!((last(app).event_second, last(app).replayed), (signed_second, true));
        assert_eq!(account(app, "2").event.second, signed_second);
        // A signing secret proves who calls and no other time than now.
        signed("now", &json!({"ID": "3", "Role": "User"})).send(app);
        assert_eq!(last(app).event_second, last(app).received_at.div_euclid(1_000_000));
        assert!(!last(app).replayed);
    });
}

#[test]
fn live_calls_count_in_order_of_arrival() {
    on_each("", |app| {
        for name in ["a", "b", "a", "c"] {
            done(app, &named(name));
            assert_eq!((came_to(app), shown(app)), (("applied", 0), (name.to_owned(), true)));
        }
        assert_eq!(account(app, "1").revision, 4);
    });
}

#[test]
fn a_replay_older_than_a_live_call_is_recorded_and_changes_nothing() {
    on_each("", |app| {
        let result = done(app, &named("live"));
        let before = account(app, "1");
        for (id, second) in [("older", before.event.second - 60), ("equal", before.event.second)] {
            let reply = replayed(id, second, &named("old")).send(app);
            assert_eq!((reply.code(), reply.result()), (0, result.clone()));
            assert_eq!(came_to(app), ("stale", 0));
            assert_eq!(last(app).account, Some(before.id));
            assert_eq!(account(app, "1"), before);
            assert_eq!(body_of(app, &last(app)), Some(named("old").to_string()));
        }
    });
}

#[test]
fn replays_settle_in_the_order_of_their_events_and_equal_ones_as_they_arrive() {
    on_each("", |app| {
        let begin = now() - 5_000;
        for (id, second, name, outcome, shows) in [
            ("1", begin + 10, "first", "applied", "first"),
            ("2", begin + 30, "third", "applied", "third"),
            ("3", begin + 20, "second", "stale", "third"),
            ("4", begin + 30, "beside", "applied", "beside"),
        ] {
            assert_eq!(replayed(id, second, &named(name)).send(app).code(), 0);
            assert_eq!(came_to(app), (outcome, 0), "{name}");
            assert_eq!(shown(app), (shows.to_owned(), false));
        }
        // A live call is newer than all of them.
        done(app, &named("live"));
        assert_eq!(shown(app), ("live".to_owned(), true));
    });
}
