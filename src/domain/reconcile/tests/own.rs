//! What the self-check finds.

use super::*;

#[test]
fn what_the_self_check_finds() {
    use FindingKind as K;
    type Plant = fn(&mut Ours);
    let table: &[(&str, Plant, &[Told])] = &[
        ("nothing", |_| {}, &[]),
        (
            "waits for long",
            |ours| {
                ours.reseller = Some(Held { other: None, state: RelationState::Pending, ..held("9") });
            },
            &[(K::PendingReseller, Some("9"), None, Some(10), "nothing")],
        ),
        (
            "waits since today",
            |ours| {
                ours.reseller = Some(Held {
                    other: None,
                    state: RelationState::Pending,
                    since: Since { at: Some(NOW - DAY + 1), delivery: None },
                    ..held("9")
                });
            },
            &[],
        ),
        (
            "of a source that sends no resellers",
            |ours| ours.reseller = Some(Held { other: None, state: RelationState::Unprovisioned, ..held("9") }),
            &[],
        ),
        (
            "waits for a customer",
            |ours| {
                let other = Some(other("9", AccountKind::DirectCustomer));
                ours.reseller = Some(Held { other, state: RelationState::Pending, ..held("9") });
            },
            &[(K::ResellerNotAReseller, Some("9"), Some("direct_customer"), Some(10), "nothing")],
        ),
        (
            "of a deleted reseller",
            |ours| {
                let other = Some(Other { active: false, ..other("9", AccountKind::Reseller) });
                ours.reseller = Some(Held { other, ..held("9") });
            },
            &[(K::ResellerNotAReseller, Some("9"), Some("deleted"), Some(10), "nothing")],
        ),
        ("a known partner", |ours| ours.partner = Some(partner("P1")), &[]),
        (
            "an unknown partner",
            |ours| ours.partner = Some(partner("P9")),
            &[(K::UnknownPartner, Some("P9"), None, Some(12), "nothing")],
        ),
        (
            "a suspended partner",
            |ours| ours.partner = Some(partner("P2")),
            &[(K::PartnerSuspended, Some("P2"), Some("suspended"), Some(30), "nothing")],
        ),
        (
            "named after its end",
            |ours| ours.partner = Some(partner("P3")),
            &[(K::PartnerEnded, Some("P3"), Some("ended"), Some(12), "nothing")],
        ),
        (
            "two resellers",
            |ours| {
                let reseller = Some(other("8", AccountKind::Reseller));
                ours.partner = Some(HeldPartner { reseller, ..partner("P1") });
            },
            &[(K::ResellerAndPartnerDisagree, Some("1"), Some("8"), Some(12), "nothing")],
        ),
        (
            "one reseller twice",
            |ours| {
                let reseller = Some(other("1", AccountKind::Reseller));
                ours.partner = Some(HeldPartner { reseller, ..partner("P1") });
            },
            &[],
        ),
        (
            "moved by an operator",
            |ours| {
                ours.hold = Some(Hold::Operator);
                ours.reseller = Some(Held { cause: Cause::Move, ..held("2") });
            },
            &[(K::Drift, Some("reseller_customer of 2"), Some("reseller_customer of 1"), Some(10), "release")],
        ),
        (
            "left by an operator's act",
            |ours| {
                (ours.hold, ours.kind, ours.reseller) = (Some(Hold::Operator), AccountKind::DirectCustomer, None);
                ours.left = Since { at: Some(50 * DAY), delivery: None };
            },
            &[(K::Drift, Some("direct_customer"), Some("reseller_customer of 1"), Some(50), "release")],
        ),
        (
            "promoted long after a call ended its relation",
            |ours| {
                (ours.hold, ours.kind, ours.reseller) = (Some(Hold::Operator), AccountKind::Reseller, None);
                ours.left = since(50);
            },
            &[(K::Drift, Some("reseller"), Some("reseller_customer of 1"), None, "release")],
        ),
        (
            "under review",
            |ours| {
                ours.hold = Some(Hold::Review);
                ours.reported = Some(Report { kind: AccountKind::DirectCustomer, reseller: None });
            },
            &[(K::ChangeUnderReview, Some("reseller_customer of 1"), Some("direct_customer"), Some(20), "release")],
        ),
        (
            "another ExternalID",
            |ours| ours.reported_external_id = Some(ExternalId::stored("other")),
            &[(K::ExternalIdDiffers, Some("X-5"), Some("other"), Some(20), "nothing")],
        ),
        (
            "there and back",
            |ours| ours.flap = Some(Flap { home: "1".to_owned(), away: "2".to_owned(), back: since(40) }),
            &[(K::Flapping, Some("1"), Some("2"), Some(40), "nothing")],
        ),
        (
            "deleted, whatever else it is",
            |ours| {
                ours.status = AccountStatus::Deleted;
                ours.hold = Some(Hold::Operator);
                ours.partner = Some(partner("P9"));
                ours.reported_external_id = Some(ExternalId::stored("other"));
            },
            &[],
        ),
    ];
    for (case, plant, expected) in table {
        let mut planted = ours("5", Some("1"));
        plant(&mut planted);
        let findings = run(vec![ours("4", Some("1")), planted, ours("6", None)], None);
        assert_eq!(findings.iter().map(told).collect::<Vec<_>>(), *expected, "{case}");
        for finding in findings {
            assert_eq!((finding.platform_id.as_str(), finding.line), ("5", None), "{case}");
            assert!(finding.explanation.ends_with('.'), "{}", finding.explanation);
        }
    }
}
