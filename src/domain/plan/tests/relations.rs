//! Relations over time, and what a source makes of a change of reseller.

use super::*;
use crate::domain::relation::Cause;
use AccountKind::{DirectCustomer, ResellerCustomer};
use RelationState::Linked;

/// Two resellers, their customer `c` of `r`, and the direct customer `d`.
fn hierarchy(change: ResellerChange) -> Receiver {
    let mut receiver = Receiver::changing(change);
    for say in [Say::reseller("r"), Say::reseller("s"), Say::customer("c", "r"), Say::user("d")] {
        receiver.call(say).applied();
    }
    receiver
}

/// Changing, losing and gaining a reseller: the account, what is said, and where it then stands.
#[allow(clippy::type_complexity)] // A table.
fn changes() -> [(&'static str, Say, (AccountKind, Option<&'static str>, Option<RelationState>)); 3] {
    [
        ("c", Say::customer("c", "s"), (ResellerCustomer, Some("s"), Some(Linked))),
        ("c", Say::user("c").reseller_id(Said::Nothing), (DirectCustomer, None, None)),
        ("d", Say::customer("d", "s"), (ResellerCustomer, Some("s"), Some(Linked))),
    ]
}

#[test]
fn accepted_changes_close_and_open() {
    for (id, say, place) in changes() {
        let mut receiver = hierarchy(ResellerChange::Accept);
        let old = receiver.account(id).reseller.clone();
        let told = receiver.call(say).applied();
        let now = receiver.second * 1_000_000;
        assert_eq!(receiver.place(id), place);
        let history: Vec<Relation> = receiver.history(id).into_iter().cloned().collect();
        if let Some(old) = old {
            let closing = history[0].closing.unwrap();
            assert_eq!((closing.valid_to, closing.learned_at, closing.cause), (now, now, Cause::Sync));
            assert_eq!(closing.delivery, Some(told.delivery));
            assert_eq!(history[0], Relation { closing: Some(closing), ..old });
        }
        let opened = history.iter().find(|relation| relation.closing.is_none());
        assert_eq!(opened, receiver.account(id).reseller.as_ref());
        if let Some(opened) = opened {
            assert_eq!((opened.valid_from, opened.learned_at, opened.cause), (now, now, Cause::Sync));
            assert_eq!(opened.delivery, Some(told.delivery));
        }
    }
}

#[test]
fn changes_under_review_wait_and_are_answered_zero() {
    for (id, say, place) in changes() {
        let mut receiver = hierarchy(ResellerChange::Review);
        let (before, old) = (receiver.account(id).clone(), receiver.place(id).0);
        let told = receiver.call(say.clone().named("New")).applied();
        assert!(told.trace.contains("review"), "{}", told.trace);
        let after = receiver.account(id);
        assert_eq!((after.kind, &after.reseller, after.hold), (old, &before.reseller, Some(Hold::Review)));
        assert_eq!(after.profile.name, "New");
        assert_eq!(after.reported.as_ref().map(|reported| reported.kind), Some(place.0));
        // Repeats wait on; the platform's return to what holds ends it.
        receiver.call(say.named("New")).unchanged();
        let back = if id == "c" { Say::customer("c", "r") } else { Say::user("d").reseller_id(Said::Nothing) };
        receiver.call(back).applied();
        assert_eq!(receiver.account(id).hold, None);
        assert_eq!(receiver.account(id).reseller, before.reseller);
        assert_eq!(receiver.account(id).reported, before.reported);
    }
}

#[test]
fn each_report_under_review_is_kept() {
    let mut receiver = hierarchy(ResellerChange::Review);
    for reseller in ["s", "t"] {
        receiver.call(Say::customer("c", reseller)).applied();
        let reported = receiver.account("c").reported.clone().unwrap();
        assert_eq!(reported.reseller, Some(PlatformId::stored(reseller)));
        assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
    }
}

#[test]
fn refused_changes_change_nothing() {
    for (id, say, _) in changes() {
        let mut receiver = hierarchy(ResellerChange::Refuse);
        let before = receiver.account(id).clone();
        receiver.call(say.named("New")).refused(Code::Conflict);
        // Only that it is a case now is noted.
        assert_eq!(*receiver.account(id), Account { open_cases: true, ..before });
    }
}

#[test]
fn what_changes_no_reseller_needs_no_acceptance() {
    for change in [ResellerChange::Review, ResellerChange::Refuse] {
        let mut receiver = hierarchy(change);
        receiver.call(Say::customer("c", "r").named("New")).applied();
        receiver.call(Say::customer("c", "r").reseller_external(&derived("r"))).applied();
        receiver.call(Say::reseller("d")).applied();
        receiver.call(Say::customer("new", "s")).applied();
        assert_eq!(receiver.account("c").hold, None);
    }
}

#[test]
fn a_deletion_closes_and_a_revival_opens() {
    let mut receiver = hierarchy(ResellerChange::Refuse);
    receiver.call(Say::delete("c")).applied();
    let closed_at = receiver.second * 1_000_000;
    receiver.call(Say::customer("c", "s")).applied();
    let history = receiver.history("c");
    assert_eq!(history.len(), 2);
    assert_eq!(history[0].closing.unwrap().valid_to, closed_at);
    assert_eq!((history[1].closing, history[1].reseller_account), (None, Some(receiver.account("s").id)));
}

#[test]
fn a_replay_tells_when_it_held_and_when_it_was_learned() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r").replayed(100)).applied();
    receiver.call(Say::customer("c", "r").replayed(200)).applied();
    let learned = receiver.second * 1_000_000;
    receiver.call(Say::customer("c", "s").replayed(300)).applied();
    let relearned = receiver.second * 1_000_000;
    let history = receiver.history("c");
    assert_eq!((history[0].valid_from, history[0].learned_at), (200_000_000, learned));
    let closing = history[0].closing.unwrap();
    assert_eq!((closing.valid_to, closing.learned_at), (300_000_000, relearned));
    assert_eq!((history[1].valid_from, history[1].learned_at), (300_000_000, relearned));
}
