//! ExternalIDs: derived, adopted, never changed.

use super::*;

#[test]
fn a_new_account_gets_the_derived_external_id_everywhere() {
    let ids = ["a", "b"];
    let results = |order: [&str; 2]| {
        let mut receiver = Receiver::new();
        let mut results: Vec<_> = order.map(|id| receiver.call(Say::user(id)).applied().result).into();
        results.sort();
        results
    };
    let [a, b] = ids;
    assert_eq!(results([a, b]), results([b, a]));
    let mut receiver = Receiver::new();
    assert_eq!(receiver.call(Say::user("a")).result, Some(derived("a")));
    assert_ne!(receiver.call(Say::user("a").tenant("t")).applied().result, Some(derived("a")));
    assert_eq!(receiver.accounts.len(), 2);
}

#[test]
fn a_new_account_brings_its_external_id_if_nobody_has_it() {
    let mut receiver = Receiver::new();
    let told = receiver.call(Say::user("a").external("vendor-1")).applied();
    assert_eq!(told.result.as_deref(), Some("vendor-1"));
    assert!(told.trace.contains("adopted"), "{}", told.trace);
    let told = receiver.call(Say::user("b").external("vendor-1")).refused(Code::Conflict);
    assert!(told.message.contains("ExternalID"), "{}", told.message);
    receiver.call(Say::user("b").external("vendor-1")).refused(Code::Conflict);
    // Another tenant is another world.
    let told = receiver.call(Say::user("b").external("vendor-1").tenant("t")).applied();
    assert_eq!(told.result.as_deref(), Some("vendor-1"));
    assert_eq!(receiver.call(Say::user("b")).applied().result, Some(derived("b")));
    // A deleted account keeps its ExternalID.
    receiver.call(Say::delete("a")).applied();
    receiver.call(Say::user("c").external("vendor-1")).refused(Code::Conflict);
}

#[test]
fn a_taken_name_is_counted_up() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("x").external(&derived("a"))).applied();
    receiver.call(Say::user("y").external(&format!("{}-2", derived("a")))).applied();
    let told = receiver.call(Say::user("a")).applied();
    assert_eq!(told.result, Some(format!("{}-3", derived("a"))));
    assert_eq!(receiver.call(Say::user("a").named("New")).applied().result, Some(format!("{}-3", derived("a"))));
}

#[test]
fn another_external_id_is_kept_as_reported_and_never_taken() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a")).applied();
    let told = receiver.call(Say::user("a").external("theirs")).applied();
    assert_eq!(told.result, Some(derived("a")));
    assert!(told.trace.contains("another ExternalID"), "{}", told.trace);
    assert_eq!(receiver.account("a").reported_external_id, Some(ExternalId::stored("theirs")));
    // Silence about it leaves the finding; agreement ends it.
    receiver.call(Say::user("a")).unchanged();
    assert_eq!(receiver.account("a").reported_external_id, Some(ExternalId::stored("theirs")));
    receiver.call(Say::user("a").external(&derived("a"))).applied();
    assert_eq!(receiver.account("a").reported_external_id, None);
    assert_eq!(receiver.account("a").external_id.as_str(), derived("a"));
    // It was never theirs to take: somebody else may bring it.
    receiver.call(Say::user("b").external("theirs")).applied();
}
