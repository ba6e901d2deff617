//! Signed ids are remembered for ever.

use super::*;

#[test]
fn the_same_again_is_answered_as_before() {
    let mut receiver = Receiver::new();
    let first = receiver.call(Say::user("a").named("1").signed("msg")).applied();
    receiver.call(Say::user("a").named("2")).applied();
    let before = receiver.account("a").clone();
    let again = receiver.call(Say::user("a").named("1").signed("msg")).is(Outcome::Repeated, Code::Done);
    assert_eq!((&again.message, &again.result), (&first.message, &first.result));
    assert_eq!(again.body_of, first.delivery);
    assert_eq!(*receiver.account("a"), before);
    // Under another id it is a new call.
    receiver.call(Say::user("a").named("1").signed("other")).applied();
    assert_eq!(receiver.account("a").profile.name, "1");
}

#[test]
fn an_id_stands_for_one_tenant_endpoint_and_content() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").signed("msg")).applied();
    let mut exists = Say::user("a").signed("msg");
    exists.endpoint = Endpoint::Exists;
    for say in [
        Say::user("a").named("2").signed("msg"),
        Say::user("a").signed("msg").tenant("t"),
        exists,
        Say::delete("a").signed("msg"),
    ] {
        receiver.call(say).refused(Code::Conflict);
    }
    assert_eq!(receiver.accounts.len(), 1);
    // The id still stands for the first.
    receiver.call(Say::user("a").signed("msg")).is(Outcome::Repeated, Code::Done);
}

#[test]
fn refused_calls_are_judged_anew() {
    let mut receiver = Receiver::new();
    let older = || Say::role("a", Role::Missing).signed("msg");
    receiver.call(older()).refused(Code::Unclassifiable);
    receiver.call(older()).refused(Code::Unclassifiable);
    // Another content under that id is a conflict all the same.
    receiver.call(Say::user("a").signed("msg")).refused(Code::Conflict);
    receiver.policy.missing_role = MissingRole::User;
    receiver.call(older()).applied();
    receiver.call(older()).is(Outcome::Repeated, Code::Done);
}

#[test]
fn stale_unchanged_and_asked_calls_are_remembered() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("1")).applied();
    receiver.call(Say::user("a").named("1").signed("unchanged")).unchanged();
    receiver.call(Say::user("a").named("1").signed("unchanged")).is(Outcome::Repeated, Code::Done);
    let stale = || Say::user("a").named("0").replayed(1).signed("stale");
    let first = receiver.call(stale()).is(Outcome::Stale, Code::Done);
    let again = receiver.call(stale()).is(Outcome::Repeated, Code::Done);
    assert_eq!((first.message, first.delivery), (again.message, again.body_of));
    let exists = || Say::new(Endpoint::Exists, Intent::Exists { id: PlatformId::stored("a") }).signed("exists");
    receiver.call(exists()).is(Outcome::Checked, Code::Exists);
    receiver.call(Say::delete("a")).applied();
    receiver.call(exists()).is(Outcome::Repeated, Code::Exists);
}

#[test]
fn checkonly_neither_reads_nor_writes_the_memory() {
    let mut receiver = Receiver::new();
    let asked = receiver.call(Say::user("a").signed("msg").asked()).is(Outcome::Checked, Code::Done);
    assert_eq!((asked.message.as_str(), asked.result), ("Account created.", Some(derived("a"))));
    assert!(receiver.accounts.is_empty() && receiver.memory.is_empty());
    receiver.call(Say::user("a").signed("msg")).applied();
    // A question under a remembered id is answered by the rules and not by the memory.
    let asked = receiver.call(Say::user("a").named("2").signed("msg").asked()).is(Outcome::Checked, Code::Done);
    assert_eq!(asked.message, "Account updated.");
    assert_eq!(receiver.account("a").profile.name, "");
    receiver.call(Say::user("a").signed("msg")).is(Outcome::Repeated, Code::Done);
}

#[test]
fn checkonly_meets_the_same_refusals() {
    let mut receiver = Receiver::new();
    receiver.call(Say::role("a", Role::Unknown).asked()).is(Outcome::Checked, Code::Unclassifiable);
    receiver.call(Say::delete("a").asked()).is(Outcome::Checked, Code::UnknownAccount);
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::delete("r").asked()).is(Outcome::Checked, Code::Done);
    assert!(receiver.account("r").is_active());
}
