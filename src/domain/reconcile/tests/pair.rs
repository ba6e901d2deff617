//! What one account on both sides, or on one of them, comes to.

use super::*;

#[test]
fn what_a_comparison_finds() {
    use FindingKind as K;
    type Plant = fn(&mut Ours, &mut Theirs);
    let table: &[(&str, Plant, &[Told])] = &[
        ("nothing", |_, _| {}, &[]),
        (
            "another reseller",
            |_, theirs| theirs.reseller = Said::Value(PlatformId::stored("2")),
            &[(K::ResellerDiffers, Some("1"), Some("2"), Some(10), "assign")],
        ),
        (
            "no reseller there, and so another kind",
            |_, theirs| {
                theirs.reseller = Said::Nothing;
                theirs.kind = Some(AccountKind::DirectCustomer);
            },
            &[(K::ResellerDiffers, Some("1"), None, Some(10), "assign")],
        ),
        (
            "its own reseller is none",
            |_, theirs| theirs.reseller = Said::Value(PlatformId::stored("5")),
            &[(K::ResellerDiffers, Some("1"), None, Some(10), "assign")],
        ),
        (
            "the same reseller by its ExternalID",
            |_, theirs| {
                theirs.reseller = Said::Absent;
                theirs.reseller_external_id = Said::Value(ExternalId::stored("X-1"));
            },
            &[],
        ),
        (
            "another one by its ExternalID",
            |_, theirs| {
                theirs.reseller = Said::Absent;
                theirs.reseller_external_id = Said::Value(ExternalId::stored("X-2"));
            },
            &[(K::ResellerDiffers, Some("X-1"), Some("X-2"), Some(10), "assign")],
        ),
        (
            "the ExternalID of a reseller that never came",
            |ours, theirs| {
                ours.reseller = Some(Held {
                    other: None,
                    state: RelationState::Pending,
                    since: Since { at: Some(NOW), delivery: None },
                    ..held("9")
                });
                theirs.reseller = Said::Absent;
                theirs.reseller_external_id = Said::Value(ExternalId::stored("X-9"));
            },
            &[],
        ),
        ("a list without resellers", |_, theirs| theirs.reseller = Said::Absent, &[]),
        (
            "a reseller there",
            |_, theirs| {
                theirs.kind = Some(AccountKind::Reseller);
                theirs.reseller = Said::Absent;
            },
            &[(K::KindDiffers, Some("reseller_customer"), Some("reseller"), Some(10), "set_kind")],
        ),
        (
            "a reseller there, without a reseller of its own",
            |_, theirs| {
                theirs.kind = Some(AccountKind::Reseller);
                theirs.reseller = Said::Nothing;
            },
            &[(K::KindDiffers, Some("reseller_customer"), Some("reseller"), Some(10), "set_kind")],
        ),
        (
            "a customer there, a reseller here",
            |ours, _| {
                ours.kind = AccountKind::Reseller;
                ours.reseller = None;
            },
            &[(K::KindDiffers, Some("reseller"), Some("reseller_customer"), Some(2), "assign")],
        ),
        (
            "no partner here",
            |_, theirs| theirs.partner = Said::Value("P1".to_owned()),
            &[(K::PartnerDiffers, None, Some("P1"), Some(1), "set_partner")],
        ),
        (
            "two names of one partner",
            |ours, theirs| {
                ours.partner = Some(partner("P1"));
                theirs.partner = Said::Value("P1X".to_owned());
            },
            &[],
        ),
        (
            "two partners",
            |ours, theirs| {
                ours.partner = Some(partner("P1"));
                theirs.partner = Said::Value("P7".to_owned());
            },
            &[(K::PartnerDiffers, Some("P1"), Some("P7"), Some(12), "set_partner")],
        ),
        (
            "the partner's reseller counts where there is no other",
            |ours, theirs| {
                let reseller = Some(other("8", AccountKind::Reseller));
                ours.reseller = None;
                ours.partner = Some(HeldPartner { reseller, ..partner("P1") });
                theirs.reseller = Said::Value(PlatformId::stored("8"));
                theirs.partner = Said::Absent;
            },
            &[],
        ),
        (
            "another ExternalID, which the platform reports, too",
            |ours, theirs| {
                theirs.external_id = Some(ExternalId::stored("other"));
                ours.reported_external_id = Some(ExternalId::stored("reported"));
            },
            &[(K::ExternalIdDiffers, Some("X-5"), Some("other"), Some(1), "nothing")],
        ),
        (
            "spelling",
            |_, theirs| {
                theirs.name = Said::Value(" Name  5 ".to_owned());
                theirs.email = Said::Value("5@EXAMPLE.org".to_owned());
            },
            &[],
        ),
        (
            "other words",
            |_, theirs| {
                theirs.name = Said::Value("Other".to_owned());
                theirs.email = Said::Nothing;
            },
            &[
                (K::NameDiffers, Some("Name 5"), Some("Other"), Some(2), "set_name"),
                (K::EmailDiffers, Some("5@example.org"), Some(""), Some(2), "set_email"),
            ],
        ),
        (
            "deleted here",
            |ours, _| ours.status = AccountStatus::Deleted,
            &[(K::DeletedHereAliveThere, Some("deleted"), Some("active"), Some(2), "revive")],
        ),
        (
            "deleted there",
            |_, theirs| theirs.deleted = true,
            &[(K::MissingThere, Some("5"), Some("deleted"), Some(1), "delete")],
        ),
        (
            "deleted on both sides",
            |ours, theirs| {
                ours.status = AccountStatus::Deleted;
                theirs.deleted = true;
            },
            &[],
        ),
        (
            "the account's own ExternalID for its reseller's, which means none",
            |ours, theirs| {
                (ours.kind, ours.reseller) = (AccountKind::DirectCustomer, None);
                theirs.kind = None;
                (theirs.reseller, theirs.external_id) = (Said::Absent, None);
                theirs.reseller_external_id = Said::Value(ours.external_id.clone());
            },
            &[],
        ),
        (
            "a reseller whose own partner ID is linked to it",
            |ours, theirs| {
                (ours.kind, ours.reseller) = (AccountKind::Reseller, None);
                ours.partner = Some(HeldPartner { reseller: Some(other("5", AccountKind::Reseller)), ..partner("P1") });
                (theirs.kind, theirs.reseller) = (Some(AccountKind::Reseller), Said::Nothing);
                theirs.partner = Said::Value("P1".to_owned());
            },
            &[],
        ),
        (
            "a line that cannot be read whole",
            |_, theirs| {
                theirs.spoiled = true;
                theirs.reseller = Said::Nothing;
            },
            &[],
        ),
    ];
    for (case, plant, expected) in table {
        let (left, right) = (ours("4", Some("1")), ours("6", None));
        let mut here = ours("5", Some("1"));
        let mut there = theirs(&here);
        plant(&mut here, &mut there);
        let list = vec![theirs(&right), there, theirs(&left)];
        let findings = run(vec![left, here, right], Some(list));
        assert_eq!(findings.iter().map(told).collect::<Vec<_>>(), *expected, "{case}");
        for finding in findings {
            assert_eq!((finding.platform_id.as_str(), finding.line), ("5", Some(17)), "{case}");
        }
    }
}

#[test]
fn what_is_missing_on_either_side() {
    let known = ours("5", Some("1"));
    let mut stranger = theirs(&ours("7", Some("1")));
    let findings = run(vec![known.clone()], Some(vec![stranger.clone()]));
    let expected = [
        (FindingKind::MissingThere, Some("5"), None, Some(1), "delete"),
        (FindingKind::MissingHere, None, Some("7"), None, "import"),
    ];
    assert_eq!(findings.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!((findings[1].source.as_str(), findings[1].line), ("eu", Some(17)));
    stranger.deleted = true;
    let gone = Ours { status: AccountStatus::Deleted, ..known };
    assert_eq!(run(vec![gone], Some(vec![stranger])), [], "neither is there");
}

#[test]
fn an_import_is_proposed_only_where_the_line_says_enough() {
    let proposal = |change: fn(&mut Theirs), source: Option<&str>| {
        let mut stranger = theirs(&ours("7", Some("1")));
        change(&mut stranger);
        let rules = Rules { source: source.map(SourceId::stored), ..rules(all()) };
        let by = Matching::by(KeyField::ExternalId);
        let (findings, _) = run_with(Vec::new(), Some(vec![stranger]), &rules, by);
        match &findings[0].proposal {
            Proposal::Amend(_, amend) => amend.as_str().to_owned(),
            Proposal::Nothing(why) => why.clone(),
        }
    };
    assert_eq!(proposal(|_| {}, Some("eu")), "import");
    assert_eq!(proposal(|theirs| theirs.kind = None, Some("eu")), "import", "whoever has a reseller is a customer");
    for (change, source, why) in [
        ((|_| {}) as fn(&mut Theirs), None, "--source"),
        (|theirs| theirs.platform_id = None, Some("eu"), "how the platform calls it"),
        (|theirs| theirs.kind = Some(AccountKind::Reseller), Some("eu"), "names a reseller for it"),
        (|theirs| theirs.kind = Some(AccountKind::DirectCustomer), Some("eu"), "names a reseller for it"),
        (
            |theirs| {
                theirs.kind = None;
                theirs.reseller = Said::Nothing;
            },
            Some("eu"),
            "what kind of account",
        ),
    ] {
        let told = proposal(change, source);
        assert!(told.contains(why), "{told}");
    }
}
