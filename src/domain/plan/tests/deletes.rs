//! Delete, Exists and IsReseller.

use super::*;
use crate::domain::account::AccountStatus;

fn exists(id: &str) -> Say {
    Say::new(Endpoint::Exists, Intent::Exists { id: PlatformId::stored(id) })
}

fn is_reseller(id: &str) -> Say {
    Say::new(Endpoint::IsReseller, Intent::IsReseller { id: PlatformId::stored(id) })
}

fn delete_as(id: &str, external_id: &str) -> Say {
    let external_id = Some(ExternalId::stored(external_id));
    Say::new(Endpoint::Delete, Intent::Delete { id: PlatformId::stored(id), external_id })
}

#[test]
fn a_deletion_is_answered_with_the_external_id_of_the_request() {
    let mut receiver = Receiver::new();
    receiver.call(Say::delete("a")).refused(Code::UnknownAccount);
    receiver.call(Say::user("a")).applied();
    let told = receiver.call(delete_as("a", "theirs")).applied();
    assert_eq!(told.result.as_deref(), Some("theirs"));
    assert_eq!(receiver.account("a").status, AccountStatus::Deleted);
    // What is deleted already is done, too.
    let told = receiver.call(Say::delete("a")).unchanged();
    assert_eq!(told.result, Some(derived("a")));
    assert_eq!(receiver.account("a").revision, 2);
    assert_eq!(receiver.account("a").event.second, receiver.second);
}

#[test]
fn a_reseller_goes_only_without_customers() {
    let mut receiver = Receiver::new();
    receiver.call(Say::reseller("r")).applied();
    receiver.call(Say::customer("c", "r")).applied();
    receiver.call(Say::delete("r")).refused(Code::Conflict);
    receiver.call(Say::customer("c", "s")).applied();
    receiver.call(Say::delete("r")).applied();
    assert!(!receiver.account("r").is_active());
}

#[test]
fn what_is_named_as_reseller_and_is_none_may_go() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("r")).applied();
    receiver.call(Say::customer("c", "r")).applied();
    receiver.call(Say::delete("r")).applied();
    assert_eq!(receiver.place("c").2, Some(RelationState::Pending));
}

#[test]
fn questions_are_answered_and_change_nothing() {
    let mut receiver = Receiver::new();
    receiver.call(exists("a")).is(Outcome::Checked, Code::Done);
    receiver.call(is_reseller("a")).is(Outcome::Checked, Code::UnknownAccount);
    receiver.call(Say::user("a")).applied();
    receiver.call(Say::reseller("r")).applied();
    let before = receiver.accounts.clone();
    let told = receiver.call(exists("a")).is(Outcome::Checked, Code::Exists);
    assert_eq!(told.result, Some(derived("a")));
    for (id, answer) in [("a", "false"), ("r", "true")] {
        let told = receiver.call(is_reseller(id)).is(Outcome::Checked, Code::Done);
        assert_eq!(told.result.as_deref(), Some(answer));
    }
    assert_eq!(receiver.accounts, before);
    receiver.call(Say::delete("r")).applied();
    receiver.call(exists("r")).is(Outcome::Checked, Code::Done);
    receiver.call(is_reseller("r")).is(Outcome::Checked, Code::UnknownAccount);
}
