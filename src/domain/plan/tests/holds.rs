//! What an operator did holds until the platform reports something else than it had reported then.

use super::*;
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};
use RelationState::Linked;

/// Customer `c`, reported with `r`, moved to `s` by an operator.
fn moved(change: ResellerChange) -> Receiver {
    let mut receiver = Receiver::changing(change);
    for say in [Say::reseller("r"), Say::reseller("s"), Say::reseller("t"), Say::customer("c", "r")] {
        receiver.call(say).applied();
    }
    let reseller = receiver.account("s").id;
    receiver.operate("c", |account| {
        let relation = account.reseller.as_mut().unwrap();
        relation.reseller_platform_id = Some(PlatformId::stored("s"));
        relation.reseller_account = Some(reseller);
    });
    receiver
}

/// Account `p`, reported as a direct customer, promoted to a reseller by an operator.
fn promoted() -> Receiver {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("p")).applied();
    receiver.operate("p", |account| account.kind = Reseller);
    receiver
}

#[test]
fn repeats_are_drift_and_move_nothing() {
    for change in [ResellerChange::Accept, ResellerChange::Review, ResellerChange::Refuse] {
        let mut receiver = moved(change);
        for say in [Say::customer("c", "r"), Say::user("c"), Say::customer("c", "r").reseller_external(&derived("r"))] {
            let told = receiver.call(say).unchanged();
            assert!(told.trace.contains("drift"), "{}", told.trace);
        }
        // What else a repeat says is taken.
        receiver.call(Say::customer("c", "r").named("New")).applied();
        assert_eq!(receiver.place("c"), (ResellerCustomer, Some("s"), Some(Linked)), "{change:?}");
        let account = receiver.account("c");
        assert_eq!((account.hold, account.profile.name.as_str()), (Some(Hold::Operator), "New"));
        assert_eq!(account.reported.as_ref().unwrap().reseller, Some(PlatformId::stored("r")));
    }
}

#[test]
fn agreement_ends_the_hold_and_keeps_the_relation() {
    for change in [ResellerChange::Accept, ResellerChange::Review, ResellerChange::Refuse] {
        let mut receiver = moved(change);
        let held = receiver.account("c").reseller.as_ref().unwrap().id;
        receiver.call(Say::customer("c", "s")).applied();
        let account = receiver.account("c");
        assert_eq!((account.hold, account.reseller.as_ref().unwrap().id), (None, held), "{change:?}");
        assert_eq!(receiver.history("c").len(), 1);
    }
}

#[test]
fn a_third_report_holds_where_changes_are_accepted() {
    let mut receiver = moved(ResellerChange::Accept);
    receiver.call(Say::customer("c", "t")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("t"), Some(Linked)));
    assert_eq!(receiver.account("c").hold, None);
    // So does "none", which is a report like any other.
    let mut receiver = moved(ResellerChange::Accept);
    receiver.call(Say::user("c").reseller_id(Said::Nothing)).applied();
    assert_eq!(receiver.place("c"), (DirectCustomer, None, None));
    assert_eq!(receiver.account("c").hold, None);
}

#[test]
fn a_third_report_waits_or_is_refused_where_the_source_says_so() {
    let mut receiver = moved(ResellerChange::Review);
    receiver.call(Say::customer("c", "t")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("s"), Some(Linked)));
    assert_eq!(receiver.account("c").hold, Some(Hold::Review));
    let mut receiver = moved(ResellerChange::Refuse);
    receiver.call(Say::customer("c", "t")).refused(Code::Conflict);
    assert_eq!(receiver.account("c").hold, Some(Hold::Operator));
}

#[test]
fn after_the_end_of_a_hold_the_old_report_is_a_new_one() {
    let mut receiver = moved(ResellerChange::Accept);
    receiver.call(Say::customer("c", "s")).applied();
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
}

#[test]
fn a_promotion_holds_like_a_move() {
    let mut receiver = promoted();
    let told = receiver.call(Say::user("p")).unchanged();
    assert!(told.trace.contains("drift"), "{}", told.trace);
    assert_eq!(receiver.place("p"), (Reseller, None, None));
    receiver.call(Say::customer("c", "p")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("p"), Some(Linked)));
    // Agreement.
    receiver.call(Say::reseller("p")).applied();
    assert_eq!((receiver.account("p").kind, receiver.account("p").hold), (Reseller, None));

    // A third report holds.
    let mut receiver = promoted();
    receiver.call(Say::customer("p", "r")).applied();
    assert_eq!((receiver.account("p").kind, receiver.account("p").hold), (ResellerCustomer, None));

    // Not where customers would lose their reseller.
    let mut receiver = promoted();
    receiver.call(Say::customer("c", "p")).applied();
    receiver.call(Say::customer("p", "r")).refused(Code::Conflict);
    assert_eq!((receiver.account("p").kind, receiver.account("p").hold), (Reseller, Some(Hold::Operator)));
}

#[test]
fn a_deletion_ends_the_hold() {
    let mut receiver = moved(ResellerChange::Accept);
    receiver.call(Say::delete("c")).applied();
    assert_eq!(receiver.account("c").hold, None);
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
}
