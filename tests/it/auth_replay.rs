//! Captured calls that are sent again under a replay secret: old ones are let in and count when they were signed.

use crate::auth::{GOOD, ID, KEY, denied};
use crate::harness::app::{REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends};
use crate::inputs_ledger::{Ledger, check};

const DAY: i64 = 86_400;

fn times(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let began = now();
    // The signed second, counted from now, and whether the event is of that second or of the receipt.
    for (name, offset, event_is_signed) in [
        ("years ago", -2000 * DAY, true),
        ("an hour ago", -3600, true),
        ("within the tolerance", -200, true),
        ("a little ahead", 200, false),
    ] {
        let body = format!(r#"{{"ID":"{name}","Role":"User"}}"#);
        let call = Call::synchronize(body).signed(REPLAY, &name.replace(' ', "-"), began + offset);
        check(&app, &mut ledger, name, &call, (200, 0));
        let delivery = ledger.newest();
        assert!(delivery.replayed, "{name}");
        if event_is_signed {
            assert_eq!(delivery.event_second, began + offset, "{name}");
        } else {
            assert_eq!(delivery.event_second, delivery.received_at / 1_000_000, "{name}");
        }
        let account = ledger.account(name).unwrap().account;
        assert_eq!((account.event.second, account.event.live), (delivery.event_second, false), "{name}");
    }
    let unkeyed = Call::synchronize(GOOD).without(ID).without(KEY).path("/s/eu/api/Accounts/Synchronize");
    check(&app, &mut ledger, "without a key", &unkeyed.signed(REPLAY, "unkeyed", began - DAY), (200, 0));
    let call = |second: i64| Call::synchronize(GOOD).signed(REPLAY, "m", second);
    denied(&app, &mut ledger, "ahead", &call(now() + 350), "timestamp_future");
    denied(&app, &mut ledger, "far ahead", &call(now() + 2000 * DAY), "timestamp_future");
    let live = Call::synchronize(GOOD).signed(SIGNING, "m", began - DAY);
    denied(&app, &mut ledger, "a live secret does not replay", &live, "timestamp_old");
}

#[test]
fn old_calls_count_when_they_were_signed() {
    backends().into_iter().for_each(times);
}

fn both_secrets(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    // A header with both signatures: while the live one is fresh it counts, afterwards the replay secret's does.
    for (name, second, replayed) in [("fresh", now(), false), ("old", now() - DAY, true)] {
        let (live, replay) = (Call::synchronize(GOOD).signed(SIGNING, name, second), REPLAY);
        let both = format!("{} {}", signature(&live), signature(&Call::synchronize(GOOD).signed(replay, name, second)));
        let call = live.without("webhook-signature").header("webhook-signature", both);
        check(&app, &mut ledger, name, &call, (200, 0));
        assert_eq!(ledger.newest().replayed, replayed, "{name}");
    }
}

/// The value of `webhook-signature` that a call carries.
fn signature(call: &Call) -> String {
    let bytes = String::from_utf8(call.bytes()).unwrap();
    let line = bytes.lines().find_map(|line| line.strip_prefix("webhook-signature: "));
    line.expect("a signed call").to_owned()
}

#[test]
fn a_fresh_live_signature_makes_a_live_call() {
    backends().into_iter().for_each(both_secrets);
}

fn stale(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let named = |name: &str| Call::synchronize(format!(r#"{{"ID":"1","Role":"User","Name":"{name}"}}"#));
    let outcome = |ledger: &mut Ledger| ledger.newest().outcome.as_str();
    let name = |ledger: &mut Ledger| ledger.account("1").unwrap().account.profile.name.clone();
    let live = check(&app, &mut ledger, "live", &named("live"), (200, 0));
    let old = check(&app, &mut ledger, "old", &named("old").signed(REPLAY, "m1", now() - DAY), (200, 0));
    assert_eq!(old.result(), live.result());
    assert_eq!((outcome(&mut ledger), name(&mut ledger).as_str()), ("stale", "live"));
    check(&app, &mut ledger, "live again", &named("newer"), (200, 0));
    assert_eq!((outcome(&mut ledger), name(&mut ledger).as_str()), ("applied", "newer"));
}

#[test]
fn a_replay_never_undoes_what_is_newer() {
    backends().into_iter().for_each(stale);
}
