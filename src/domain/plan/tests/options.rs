//! Synchronization options: the whole set, judged as it will be.

use super::*;
use crate::domain::options::SecretText;

#[test]
fn a_set_replaces_empty_clears_and_absence_leaves() {
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").options(&[("Seats", number("5")), ("Plan", text("gold"))])).applied();
    receiver.call(Say::user("a")).unchanged();
    assert_eq!(receiver.account("a").options.len(), 2);
    receiver.call(Say::user("a").options(&[("Seats", number("5"))])).applied();
    assert_eq!(receiver.account("a").options, set(&[("Seats", number("5"))]));
    // The JSON type is part of the value.
    receiver.call(Say::user("a").options(&[("Seats", text("5"))])).applied();
    assert_eq!(receiver.account("a").options, set(&[("Seats", text("5"))]));
    receiver.call(Say::user("a").options(&[])).applied();
    assert!(receiver.account("a").options.is_empty());
}

#[test]
fn a_required_option_is_judged_on_the_result() {
    let mut receiver = Receiver::new();
    receiver.policy.options[0].required = true;
    let told = receiver.call(Say::customer("c", "r")).refused(Code::InvalidOption);
    assert!(told.message.contains("MPNID"), "{}", told.message);
    receiver.call(Say::customer("c", "r").options(&[("MPNID", number("3456890"))])).applied();
    // Absence leaves the one that is there.
    receiver.call(Say::customer("c", "r").named("New")).applied();
    for missing in [set(&[]), set(&[("Other", text("x"))]), set(&[("MPNID", text(" "))])] {
        let say = Say::customer("c", "r").with(|submitted| submitted.options = Some(missing));
        receiver.call(say).refused(Code::InvalidOption);
    }
    // It is asked of end customers only, and of whoever becomes one.
    receiver.call(Say::user("d")).applied();
    receiver.call(Say::customer("d", "r")).refused(Code::InvalidOption);
}

#[test]
fn values_are_judged_and_the_message_names_the_option_and_not_the_value() {
    let mut receiver = Receiver::new();
    for wrong in [text("12"), number("12"), text("34568x0"), OptionValue::Bool(true)] {
        let told = receiver.call(Say::customer("c", "r").options(&[("MPNID", wrong)])).refused(Code::InvalidOption);
        assert!(told.message.contains("MPNID") && !told.message.contains("12"), "{}", told.message);
        assert!(!told.message.contains("34568x0"), "{}", told.message);
    }
    assert!(receiver.accounts.is_empty());
    // Nobody asks it of a direct customer.
    receiver.call(Say::user("d").options(&[("MPNID", text("12"))])).applied();
}

#[test]
fn a_redaction_mark_leaves_the_value() {
    let secret = |said: &str| OptionValue::Secret(Some(SecretText::new(said.to_owned())));
    let mark = OptionValue::Secret(None);
    let mut receiver = Receiver::new();
    receiver.call(Say::user("a").options(&[("Key", secret("one")), ("Plan", text("gold"))])).applied();
    // A secret is stored as the mark, and one secret equals any other.
    assert!(matches!(receiver.account("a").options.get("Key"), Some(OptionValue::Secret(None))));
    receiver.call(Say::user("a").options(&[("Key", secret("two")), ("Plan", text("gold"))])).unchanged();
    receiver.call(Say::user("a").options(&[("Key", mark.clone()), ("Plan", mark)])).unchanged();
    assert_eq!(receiver.account("a").options.get("Plan"), Some(&text("gold")));
    receiver.call(Say::user("a").options(&[("Plan", text("gold"))])).applied();
    assert_eq!(receiver.account("a").options.get("Key"), None);
}

#[test]
fn a_mark_satisfies_a_required_option_that_was_filled_in() {
    let mut receiver = Receiver::new();
    receiver.policy.options[0].required = true;
    receiver.call(Say::customer("c", "r").options(&[("MPNID", text("3456890"))])).applied();
    receiver.call(Say::customer("c", "r").options(&[("MPNID", OptionValue::Secret(None))])).unchanged();
    assert_eq!(receiver.account("c").options, set(&[("MPNID", text("3456890"))]));
}
