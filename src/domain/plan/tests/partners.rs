//! Relations to partners of the vendor's registry, which an option names.

use super::*;
use crate::domain::relation::Axis;

fn with_partner(value: OptionValue) -> Say {
    Say::customer("c", "r").options(&[("MPNID", value)])
}

fn partner(receiver: &Receiver) -> Option<&str> {
    receiver.account("c").partner.as_ref().and_then(|relation| relation.partner_id.as_deref())
}

#[test]
fn a_number_names_the_partner_that_its_text_names() {
    let mut receiver = Receiver::new();
    receiver.call(with_partner(number("3456890"))).applied();
    let opened = receiver.account("c").partner.clone().unwrap();
    assert_eq!((opened.axis, opened.partner_id.as_deref()), (Axis::Partner, Some("3456890")));
    // The value's type is another; the partner is the same, and so is the relation.
    receiver.call(with_partner(text("3456890"))).applied();
    assert_eq!(receiver.account("c").partner, Some(opened));
}

#[test]
fn a_change_closes_and_opens_and_an_end_closes() {
    let mut receiver = Receiver::new();
    receiver.call(with_partner(text("3456890"))).applied();
    receiver.call(with_partner(text("7777777"))).applied();
    let changed_at = receiver.second * 1_000_000;
    assert_eq!(partner(&receiver), Some("7777777"));
    receiver.call(Say::customer("c", "r").named("New")).applied();
    assert_eq!(partner(&receiver), Some("7777777"));
    receiver.call(Say::customer("c", "r").options(&[])).applied();
    let ended_at = receiver.second * 1_000_000;
    assert_eq!(partner(&receiver), None);
    let history = receiver.history("c");
    let ends: Vec<_> = history
        .iter()
        .filter(|relation| relation.axis == Axis::Partner)
        .map(|relation| (relation.partner_id.as_deref(), relation.closing.map(|closing| closing.valid_to)))
        .collect();
    assert_eq!(ends, [(Some("3456890"), Some(changed_at)), (Some("7777777"), Some(ended_at))]);
    // The reseller has nothing to do with it.
    assert_eq!(receiver.account("c").reseller.as_ref().unwrap().closing, None);
}

#[test]
fn only_kinds_that_are_asked_name_a_partner() {
    let mut receiver = Receiver::new();
    receiver.call(with_partner(text("3456890"))).applied();
    receiver.call(Say::user("c").reseller_id(Said::Nothing)).applied();
    assert_eq!(partner(&receiver), None);
    assert_eq!(receiver.account("c").options, set(&[("MPNID", text("3456890"))]));
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(partner(&receiver), Some("3456890"));
    receiver.call(Say::delete("c")).applied();
    assert_eq!(partner(&receiver), None);
}
