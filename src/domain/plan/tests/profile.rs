//! Fields that describe an account: absent or null leaves, empty text clears.

use super::*;

#[test]
fn absent_leaves_and_empty_clears() {
    let mut receiver = Receiver::new();
    let full = Say::user("a").named("Company").with(|submitted| {
        submitted.profile.is_test = Some(true);
        submitted.profile.contact.email = Some("a@example.com".to_owned());
        submitted.profile.address.city = Some("Athens".to_owned());
        submitted.profile.extra_details = Some("{\"k\":1}".to_owned());
    });
    receiver.call(full).applied();
    let profile = receiver.account("a").profile.clone();
    receiver.call(Say::user("a")).unchanged();
    assert_eq!(receiver.account("a").profile, profile);

    receiver.call(Say::user("a").named("")).applied();
    let cleared = &receiver.account("a").profile;
    assert_eq!(cleared.name, "");
    assert_eq!((cleared.is_test, cleared.contact.email.as_str()), (true, "a@example.com"));

    let rest = Say::user("a").with(|submitted| {
        submitted.profile.is_test = Some(false);
        submitted.profile.contact.email = Some(String::new());
        submitted.profile.address.city = Some(String::new());
        submitted.profile.extra_details = Some(String::new());
    });
    receiver.call(rest).applied();
    assert_eq!(*receiver.account("a").profile, crate::domain::account::Profile::default());
}

#[test]
fn a_refused_call_leaves_everything_as_it_was() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("Company")).applied();
    let before = receiver.account("a").clone();
    receiver.call(Say::role("a", Role::Unknown).named("Other")).refused(Code::Unclassifiable);
    // Only that it is a case now is noted.
    assert_eq!(*receiver.account("a"), Account { open_cases: true, ..before });
}

#[test]
fn a_deleted_account_is_revived_with_what_it_had() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").named("Company").options(&[("Seats", number("5"))])).applied();
    receiver.call(Say::delete("a")).applied();
    let told = receiver.call(Say::user("a")).applied();
    assert!(told.trace.contains("revived"), "{}", told.trace);
    let account = receiver.account("a");
    assert!(account.is_active());
    assert_eq!((account.profile.name.as_str(), account.revision), ("Company", 3));
    assert_eq!(account.options, set(&[("Seats", number("5"))]));
    assert_eq!(told.result, Some(derived("a")));
}
