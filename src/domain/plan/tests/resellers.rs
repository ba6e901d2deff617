//! Which reseller a call names, and what is refused about it.

use super::*;
use AccountKind::ResellerCustomer;
use RelationState::{Linked, Pending, Unprovisioned};

/// The account that a customer's open relation is linked to, and which name found it.
fn found(receiver: &Receiver, id: &str) -> (Option<AccountId>, Option<FoundBy>) {
    let relation = receiver.account(id).reseller.as_ref().unwrap();
    (relation.reseller_account, relation.found_by)
}

#[test]
fn which_name_found_it_is_recorded() {
    for (reseller_id, external_id, found_by) in [
        ("r", Some(derived("r")), FoundBy::Both),
        ("unknown", Some(derived("r")), FoundBy::ExternalId),
        ("r", Some("unknown".to_owned()), FoundBy::PlatformId),
        ("r", None, FoundBy::PlatformId),
    ] {
        let mut receiver = Receiver::new();
        receiver.call(Say::reseller("r")).applied();
        let mut say = Say::customer("c", reseller_id);
        if let Some(external_id) = &external_id {
            say = say.reseller_external(external_id);
        }
        let told = receiver.call(say).applied();
        assert_eq!(found(&receiver, "c"), (Some(receiver.account("r").id), Some(found_by)), "{reseller_id}");
        let only_one = external_id.is_some() && found_by != FoundBy::Both;
        assert_eq!(told.trace.contains("is unknown"), only_one, "{}", told.trace);
    }
}

#[test]
fn names_that_contradict_each_other_are_refused() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::reseller("s")).applied();
    receiver.call(Say::customer("c", "r").reseller_external(&derived("s"))).refused(Code::Conflict);
    assert!(!receiver.accounts.contains_key(&key("c")));
}

#[test]
fn an_external_id_of_another_tenant_finds_nobody() {
    let mut receiver = Receiver::new();
    let told = receiver.call(Say::reseller("r").tenant("t")).applied();
    receiver.call(Say::customer("c", "r").reseller_external(&told.result.unwrap())).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Pending)));
}

#[test]
fn a_name_said_before_holds_while_the_same_reseller_is_named() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::customer("c", "r").reseller_external(&derived("r"))).applied();
    receiver.call(Say::customer("c", "r")).unchanged();
    assert_eq!(found(&receiver, "c").1, Some(FoundBy::Both));
    receiver.call(Say::customer("c", "s")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("s"), Some(Pending)));
    assert_eq!(receiver.account("c").reseller.as_ref().unwrap().reseller_external_id, None);
}

#[test]
fn a_deleted_reseller_and_the_account_itself_are_refused() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::delete("r")).applied();
    let told = receiver.call(Say::customer("c", "r")).refused(Code::Conflict);
    assert!(told.message.contains("deleted"), "{}", told.message);
    let say = Say::customer("c", "unknown").reseller_external(&derived("r"));
    receiver.call(say).refused(Code::Conflict);
    receiver.call(Say::user("c")).applied();
    receiver.call(Say::customer("c", "r")).refused(Code::Conflict);
    let told = receiver.call(Say::customer("c", "s").reseller_external(&derived("c"))).refused(Code::Conflict);
    assert!(told.message.contains("itself"), "{}", told.message);
}

#[test]
fn a_new_account_cannot_name_itself_either() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    for (id, reseller, external_id) in [("c", "r", None), ("c", "unknown", None), ("d", "r", Some("adopted"))] {
        let own = external_id.map_or_else(|| derived(id), str::to_owned);
        let mut say = Say::customer(id, reseller).reseller_external(&own);
        if let Some(external_id) = external_id {
            say = say.external(external_id);
        }
        let told = receiver.call(say).refused(Code::Conflict);
        assert!(told.message.contains("itself"), "{}", told.message);
    }
    assert_eq!(receiver.accounts.len(), 1);
}

#[test]
fn who_waits_is_linked_in_the_call_in_which_the_reseller_comes() {
    for how in ["made", "revived", "promoted"] {
        let mut receiver = Receiver::new();
        if how != "made" {
            receiver.call(Say::user("r")).applied();
        }
        let told = receiver.call(Say::customer("c", "r")).applied();
        assert_eq!(told.trace.contains("none yet"), how != "made", "{}", told.trace);
        receiver.call(Say::customer("d", "by-external-id").reseller_external(&derived("r"))).applied();
        receiver.call(Say::customer("e", "r").tenant("t")).applied();
        if how == "revived" {
            receiver.call(Say::delete("r")).applied();
        }
        assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Pending)), "{how}");
        receiver.call(Say::reseller("r")).applied();
        assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)), "{how}");
        let relation = receiver.account("c").reseller.as_ref().unwrap();
        assert_eq!(relation.linked_at, Some(receiver.second * 1_000_000), "{how}");
        assert_eq!(relation.reseller_account, Some(receiver.account("r").id), "{how}");
        assert_eq!(receiver.history("c").len(), 1, "{how}: the relation is the one that waited");
        assert_eq!(found(&receiver, "d").1, Some(FoundBy::ExternalId), "{how}");
        assert_eq!(receiver.place("d").2, Some(Linked), "{how}");
        let stranger = receiver.accounts.values().find(|account| account.key.scope != scope()).unwrap();
        assert_eq!(stranger.reseller.as_ref().unwrap().state, Pending, "{how}");
        // What is linked shows the same when it is said again.
        receiver.call(Say::customer("c", "r")).unchanged();
    }
}

#[test]
fn another_name_links_who_waits() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::customer("c", "unknown")).applied();
    let waiting = receiver.account("c").reseller.as_ref().unwrap().id;
    receiver.call(Say::customer("c", "unknown").reseller_external(&derived("r"))).applied();
    let relation = receiver.account("c").reseller.as_ref().unwrap();
    assert_eq!((relation.id, relation.state), (waiting, Linked));
    assert_eq!(relation.linked_at, Some(receiver.second * 1_000_000));
    assert_eq!(found(&receiver, "c"), (Some(receiver.account("r").id), Some(FoundBy::ExternalId)));
}

#[test]
fn one_common_name_is_the_same_reseller_while_it_has_not_come() {
    for (names, others, same) in
        [(("x", "E1"), ("y", "E1"), true), (("x", "E1"), ("x", "E2"), true), (("x", "E1"), ("y", "E2"), false)]
    {
        let mut receiver = Receiver::changing(ResellerChange::Refuse);
        let say = |(reseller, external_id)| Say::customer("c", reseller).reseller_external(external_id);
        receiver.call(say(names)).applied();
        let told = receiver.call(say(others));
        assert_eq!(told.code == Code::Done, same, "{names:?} {others:?}");
        let relation = receiver.account("c").reseller.clone().unwrap();
        let (platform_id, external_id) = if same { others } else { names };
        assert_eq!(relation.reseller_platform_id, Some(PlatformId::stored(platform_id)));
        assert_eq!(relation.reseller_external_id, Some(ExternalId::stored(external_id)));
    }
}

#[test]
fn who_is_linked_waits_for_nobody() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::customer("c", "later").reseller_external(&derived("r"))).applied();
    // The ResellerID that found nobody then is an account's now: the link stays, and that account has no customers.
    receiver.call(Say::reseller("later")).applied();
    assert_eq!(found(&receiver, "c"), (Some(receiver.account("r").id), Some(FoundBy::ExternalId)));
    receiver.call(Say::delete("r")).refused(Code::Conflict);
    receiver.call(Say::delete("later")).applied();
}

#[test]
fn without_reseller_support_nothing_is_missing() {
    let mut receiver = Receiver::new();
    receiver.policy.reseller_support = false;
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Unprovisioned)));
    receiver.call(Say::reseller("r")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
}

#[test]
fn customers_of_nobody_have_no_relation() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::user("d")).applied();
    for id in ["r", "d"] {
        assert_eq!(receiver.account(id).reseller, None);
        assert!(receiver.history(id).is_empty());
    }
}

/// What is looked up for a call.
fn asked(receiver: &Receiver, say: Say) -> Vec<Need> {
    let call = say.made(receiver.second + 10);
    let mut world = World::new(CHAIN, receiver.rows_issued);
    let mut asked = Vec::new();
    while let Err(need) = plan(&world, &receiver.policy, &call) {
        receiver.learn(&mut world, &need);
        asked.push(need);
    }
    asked
}

/// Whether more is looked up for a call than its account.
fn looks(receiver: &Receiver, say: Say) -> bool {
    asked(receiver, say).len() > 1
}

#[test]
fn nobody_looks_for_the_reseller_that_a_customer_has() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    let named = || Say::customer("c", "r");
    let named_twice = || named().reseller_external(&derived("r"));
    receiver.call(named()).applied();
    assert_eq!(asked(&receiver, named()), [Need::Account(key("c"))]);
    assert!(looks(&receiver, Say::customer("c", "s")), "another one");
    assert!(looks(&receiver, named_twice()), "by a name that did not find it before");
    receiver.call(named_twice()).applied();
    assert!(looks(&receiver, named_twice()), "two names may come to contradict each other");
    receiver.call(Say::customer("d", "late")).applied();
    assert!(looks(&receiver, Say::customer("d", "late")), "it may have come");
}
