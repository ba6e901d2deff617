//! What a call makes of an account that is new, and of one that is known.

use super::*;
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};

/// What is said of `ResellerID`: absent, null or empty, or a value.
fn said(text: Option<&str>) -> Said<PlatformId> {
    match text {
        None => Said::Absent,
        Some("") => Said::Nothing,
        Some(id) => Said::Value(PlatformId::stored(id)),
    }
}

#[test]
fn a_new_account_is_what_its_words_make() {
    for (role, reseller_id, kind) in [
        (Role::Reseller, None, Some(Reseller)),
        (Role::Reseller, Some(""), Some(Reseller)),
        (Role::Reseller, Some("a"), Some(Reseller)),
        (Role::Reseller, Some("b"), None),
        (Role::User, None, Some(DirectCustomer)),
        (Role::User, Some(""), Some(DirectCustomer)),
        (Role::User, Some("a"), Some(DirectCustomer)),
        (Role::User, Some("b"), Some(ResellerCustomer)),
        (Role::Missing, None, None),
        (Role::Missing, Some("b"), None),
        (Role::Unknown, Some(""), None),
    ] {
        let mut receiver = Receiver::new();
        let told = receiver.call(Say::role("a", role.clone()).reseller_id(said(reseller_id)));
        assert_eq!(told.kind, kind, "{role:?} {reseller_id:?}");
        match kind {
            Some(kind) => assert_eq!(receiver.account("a").kind, kind),
            None => {
                told.refused(Code::Unclassifiable);
                assert!(receiver.accounts.is_empty());
            }
        }
    }
}

#[test]
fn absence_keeps_the_relation_of_a_known_end_customer_and_null_says_none() {
    for (reseller_id, place) in [
        (None, (ResellerCustomer, Some("r"), Some(RelationState::Linked))),
        (Some(""), (DirectCustomer, None, None)),
        (Some("c"), (DirectCustomer, None, None)),
        (Some("r"), (ResellerCustomer, Some("r"), Some(RelationState::Linked))),
    ] {
        let mut receiver = Receiver::new();
        receiver.call(Say::reseller("r")).applied();
        receiver.call(Say::customer("c", "r")).applied();
        receiver.call(Say::user("c").reseller_id(said(reseller_id)).named("New")).applied();
        assert_eq!(receiver.place("c"), place, "{reseller_id:?}");
    }
}

#[test]
fn absence_says_none_where_no_end_customer_is_known() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::user("direct")).applied();
    receiver.call(Say::user("direct").named("New")).applied();
    assert_eq!(receiver.place("direct"), (DirectCustomer, None, None));
    // A deleted end customer that comes again is as new.
    receiver.call(Say::customer("c", "r")).applied();
    receiver.call(Say::delete("c")).applied();
    receiver.call(Say::user("c")).applied();
    assert_eq!(receiver.place("c"), (DirectCustomer, None, None));
}

#[test]
fn without_role_the_source_decides() {
    let older = |id: &str| Say::role(id, Role::Missing).reseller_id(Said::Nothing);
    let mut receiver = Receiver::new();
    receiver.call(older("a")).refused(Code::Unclassifiable);
    receiver.policy.missing_role = MissingRole::User;
    let told = receiver.call(older("a")).applied();
    assert!(told.trace.contains("missing_role"), "{}", told.trace);
    assert_eq!(receiver.place("a"), (DirectCustomer, None, None));
    receiver.call(Say::role("c", Role::Missing).of("r")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(RelationState::Pending)));
    // It fills a gap: a role that is no role is refused all the same.
    receiver.call(Say::role("b", Role::Unknown)).refused(Code::Unclassifiable);
}

#[test]
fn kinds_change_with_what_is_said() {
    let mut receiver = Receiver::new();
    for (say, kind) in [
        (Say::user("a"), DirectCustomer),
        (Say::reseller("a"), Reseller),
        (Say::customer("a", "r"), ResellerCustomer),
        (Say::reseller("a").reseller_id(Said::Nothing), Reseller),
        (Say::user("a"), DirectCustomer),
    ] {
        receiver.call(say).applied();
        assert_eq!(receiver.account("a").kind, kind);
        assert_eq!(receiver.account("a").reported.as_ref().map(|reported| reported.kind), Some(kind));
    }
    assert_eq!(receiver.account("a").revision, 5);
}

#[test]
fn a_reseller_with_customers_cannot_become_a_customer() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::customer("c", "r")).applied();
    receiver.call(Say::user("r")).refused(Code::Conflict);
    receiver.call(Say::customer("r", "other")).refused(Code::Conflict);
    assert_eq!(receiver.account("r").kind, Reseller);
    receiver.call(Say::delete("c")).applied();
    receiver.call(Say::user("r")).applied();
    assert_eq!(receiver.account("r").kind, DirectCustomer);
}
