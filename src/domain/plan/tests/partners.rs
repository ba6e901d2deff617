//! Relations to partners of the vendor's registry, which an option names.

use super::*;
use crate::domain::partner::{PartnerStatus, Standing, Successor};
use crate::domain::relation::{Axis, Cause};

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

fn id(text: &str) -> PartnerId {
    PartnerId::stored(text)
}

fn registered(partners: &[Partner]) -> Receiver {
    Receiver { registry: partners.to_vec(), ..Receiver::new() }
}

fn demanding(partners: &[Partner]) -> Receiver {
    let mut receiver = registered(partners);
    receiver.policy.options[0].must_exist = true;
    receiver
}

#[test]
fn a_known_id_is_linked_to_the_partner_and_its_reseller() {
    let northwind =
        Partner { aliases: [id("34568900")].into(), reseller: Some(AccountId(77)), ..Partner::new(id("3456890")) };
    for (value, trace) in [(number("3456890"), ""), (text("34568900"), "an alias of partner 3456890")] {
        let mut receiver = registered(std::slice::from_ref(&northwind));
        let told = receiver.call(with_partner(value));
        assert_eq!(told.trace, trace);
        let relation = receiver.account("c").partner.clone().unwrap();
        assert_eq!((relation.state, relation.partner), (RelationState::Linked, Some(id("3456890"))));
        assert_eq!((relation.reseller_account, relation.linked_cause), (Some(AccountId(77)), None));
        assert!(relation.linked_at.is_some());
    }
    let mut receiver = registered(&[northwind]);
    let told = receiver.call(with_partner(text("99999")));
    assert!(told.trace.contains("waits for it"), "{}", told.trace);
    let relation = receiver.account("c").partner.clone().unwrap();
    assert_eq!((relation.state, relation.partner, relation.linked_at), (RelationState::Pending, None, None));
}

/// Calls happen at 1010, 1020 and so on.
fn with_successors(at: [i64; 2]) -> Receiver {
    let to = |next: &str, second: i64| Some(Successor { id: id(next), from: second * 1_000_000 });
    registered(&[
        Partner { successor: to("22222", at[0]), ..Partner::new(id("11111")) },
        Partner { successor: to("33333", at[1]), ..Partner::new(id("22222")) },
        Partner::new(id("33333")),
    ])
}

#[test]
fn a_successor_has_the_customers_from_its_date() {
    for (at, partner, trace) in [
        ([2_000, 3_000], "11111", ""),
        ([1_010, 3_000], "22222", "partner 11111 has the successor 22222"),
        ([1_000, 1_005], "33333", "partner 11111 has the successor 22222; partner 22222 has the successor 33333"),
        ([1_000, 500], "33333", "partner 11111 has the successor 22222; partner 22222 has the successor 33333"),
    ] {
        let mut receiver = with_successors(at);
        let told = receiver.call(with_partner(text("11111")));
        assert_eq!(told.trace, trace);
        let relation = receiver.account("c").partner.clone().unwrap();
        assert_eq!(relation.partner, Some(id(partner)), "{at:?}");
        assert_eq!((relation.partner_id.as_deref(), relation.cause), (Some("11111"), Cause::Sync));
    }
}

#[test]
fn what_is_replayed_passes_all_who_handed_over_since() {
    let mut receiver = with_successors([600, 700]);
    receiver.call(with_partner(text("11111")).replayed(500)).applied();
    let second = |micros: i64| micros / 1_000_000;
    let rows: Vec<_> = receiver
        .history("c")
        .into_iter()
        .filter(|relation| relation.axis == Axis::Partner)
        .map(|one| {
            (
                one.partner.clone().unwrap().to_string(),
                second(one.valid_from),
                one.closing.map(|end| second(end.valid_to)),
                one.cause,
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("11111".to_owned(), 500, Some(600), Cause::Sync),
            ("22222".to_owned(), 600, Some(700), Cause::Partner),
            ("33333".to_owned(), 700, None, Cause::Partner),
        ]
    );
    assert!(receiver.history("c").iter().all(|relation| relation.delivery.is_some()));
}

#[test]
fn a_partner_that_must_exist_is_demanded_in_words_for_a_buyer() {
    let times = |status| Standing { status, from: None, until: None };
    let known = [
        Partner::new(id("11111")),
        Partner { standing: times(PartnerStatus::Suspended), ..Partner::new(id("22222")) },
        Partner { standing: times(PartnerStatus::Ended), ..Partner::new(id("33333")) },
    ];
    for (value, code, part) in [
        ("11111", Code::Done, ""),
        ("22222", Code::Done, "suspended"),
        ("33333", Code::InvalidOption, "a partner of this vendor no longer"),
        ("44444", Code::InvalidOption, "names no partner of this vendor"),
    ] {
        let told = demanding(&known).call(with_partner(text(value)));
        assert_eq!(told.code, code, "{value}");
        assert!(told.message.contains(part) || told.trace.contains(part), "{value}: {}", told.message);
        assert!(!told.message.contains(value), "{}", told.message);
        if code == Code::InvalidOption {
            assert!(told.message.starts_with("\"Reseller (MPN ID)\" (MPNID) "), "{}", told.message);
        }
    }
    // No value is no ID: whether there must be one is said elsewhere.
    demanding(&known).call(Say::customer("c", "r")).applied();
    demanding(&known).call(with_partner(text(" "))).applied();
}

#[test]
fn who_has_a_partner_that_ends_keeps_it() {
    let mut receiver = demanding(&[Partner::new(id("33333"))]);
    receiver.call(with_partner(text("33333"))).applied();
    receiver.registry[0].standing.status = PartnerStatus::Ended;
    let told = receiver.call(with_partner(text("33333")).named("New"));
    assert_eq!((told.code, told.trace.contains("had it before")), (Code::Done, true));
    assert_eq!(partner(&receiver), Some("33333"));
}

#[test]
fn what_is_too_long_for_an_id_names_nobody() {
    let mut receiver = Receiver::new();
    receiver.policy.options[0].pattern = None;
    receiver.call(with_partner(text(&"9".repeat(129)))).applied();
    assert_eq!(partner(&receiver), None);
    receiver.policy.options[0].must_exist = true;
    let told = receiver.call(with_partner(text(&"8".repeat(129))));
    assert_eq!(told.code, Code::InvalidOption);
}
