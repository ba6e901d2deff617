//! The rules as tables, and planted disagreements among many accounts.

use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::domain::account::{AccountKind, AccountStatus, Hold, Report};
use crate::domain::call::Said;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::relation::{Cause, RelationState};

const DAY: i64 = 86_400_000_000;
const NOW: i64 = 1_000 * DAY;

fn key(tenant: &str, id: &str) -> AccountKey {
    AccountKey {
        scope: Scope { source: SourceId::stored("eu"), tenant: Tenant::stored(tenant) },
        platform_id: PlatformId::stored(id),
    }
}

fn since(day: i64) -> Since {
    Since { at: Some(day * DAY), delivery: Some(DeliveryId(day)) }
}

fn number(id: &str) -> i64 {
    id.bytes().fold(7, |hash, byte| hash * 31 % 1_000_003 + i64::from(byte))
}

fn other(id: &str, kind: AccountKind) -> Other {
    Other {
        id: AccountId(number(id)),
        key: key("", id),
        external_id: ExternalId::stored(&format!("X-{id}")),
        kind,
        active: true,
    }
}

fn held(reseller: &str) -> Held {
    Held {
        platform_id: Some(PlatformId::stored(reseller)),
        external_id: None,
        other: Some(other(reseller, AccountKind::Reseller)),
        state: RelationState::Linked,
        cause: Cause::Sync,
        since: since(10),
    }
}

/// A customer of a reseller, or a direct one, with which nothing is wrong.
fn ours(id: &str, reseller: Option<&str>) -> Ours {
    let kind = if reseller.is_some() { AccountKind::ResellerCustomer } else { AccountKind::DirectCustomer };
    Ours {
        id: AccountId(number(id)),
        key: key("", id),
        external_id: ExternalId::stored(&format!("X-{id}")),
        kind,
        status: AccountStatus::Active,
        name: format!("Name {id}"),
        code: format!("C{id}"),
        email: format!("{id}@example.org"),
        reported: Some(Report { kind, reseller: reseller.map(PlatformId::stored) }),
        reported_external_id: None,
        hold: None,
        first_seen: DAY,
        shown: since(2),
        noticed: since(20),
        reseller: reseller.map(held),
        partner: None,
        left: Since::default(),
        flap: None,
        earlier: None,
    }
}

fn said<T>(value: Option<T>) -> Said<T> {
    value.map_or(Said::Nothing, Said::Value)
}

/// A list's line that says the same as [`ours`].
fn theirs(ours: &Ours) -> Theirs {
    Theirs {
        platform_id: Some(ours.key.platform_id.clone()),
        external_id: Some(ours.external_id.clone()),
        name: Said::Value(ours.name.clone()),
        email: Said::Value(ours.email.clone()),
        code: Said::Value(ours.code.clone()),
        kind: Some(ours.kind),
        reseller: said(ours.effective_reseller().0.cloned()),
        partner: said(ours.partner.as_ref().map(|partner| partner.id.clone())),
        ..Theirs::at(17)
    }
}

fn rules(kinds: Kinds) -> Rules {
    Rules {
        kinds,
        self_check: true,
        now: NOW,
        pending_after: DAY,
        source: Some(SourceId::stored("eu")),
        tenant: Tenant::none(),
        partner_option: Some("MPNID".to_owned()),
    }
}

fn all() -> Kinds {
    FindingKind::ALL.into_iter().collect()
}

/// P1 is active, P1X another name of it, P2 suspended, P3 ended; nobody knows any other.
fn registry(id: &str) -> Result<Option<Standing>, Infallible> {
    let (id, state) = match id {
        "P1" | "P1X" => ("P1", PartnerState::Active),
        "P2" => ("P2", PartnerState::Suspended(Some(30 * DAY))),
        "P3" => ("P3", PartnerState::Ended(Some(5 * DAY))),
        _ => return Ok(None),
    };
    Ok(Some(Standing { id: id.to_owned(), state }))
}

fn keyed<T>(mut records: Vec<T>, key: impl Fn(&T, &mut Vec<u8>) -> bool) -> Vec<Keyed<T>> {
    let mut keyed: Vec<Keyed<T>> = records
        .drain(..)
        .map(|record| {
            let mut bytes = Vec::new();
            key(&record, &mut bytes);
            Keyed { key: bytes, record }
        })
        .collect();
    keyed.sort_by(|a, b| a.key.cmp(&b.key));
    keyed
}

fn run_with(ours: Vec<Ours>, theirs: Option<Vec<Theirs>>, rules: &Rules, by: Matching) -> (Vec<Finding>, Vec<Trouble>) {
    let (mut findings, mut troubles) = (Vec::new(), Vec::new());
    let mut found = |found| -> Result<(), Infallible> {
        match found {
            Found::Finding(finding) => findings.push(*finding),
            Found::Trouble(trouble) => troubles.push(trouble),
        }
        Ok(())
    };
    let tally = match theirs {
        None => check(ours.into_iter().map(Ok), rules, &mut registry, &mut found),
        Some(theirs) => {
            let ours = keyed(ours, |ours, key| by.of_ours(ours, key)).into_iter().map(Ok);
            let theirs = keyed(theirs, |theirs, key| by.of_theirs(theirs, key)).into_iter().map(Ok);
            compare(ours, theirs, rules, &mut registry, &mut found)
        }
    };
    let Ok(tally) = tally;
    assert_eq!(tally.counts.total(), findings.len() as u64);
    assert_eq!(tally.troubles, troubles.len() as u64);
    (findings, troubles)
}

fn run(ours: Vec<Ours>, theirs: Option<Vec<Theirs>>) -> Vec<Finding> {
    let (findings, troubles) = run_with(ours, theirs, &rules(all()), Matching::by(KeyField::PlatformId));
    assert_eq!(troubles, []);
    findings
}

type Told = (FindingKind, Option<&'static str>, Option<&'static str>, Option<i64>, &'static str);

/// What a finding tells: kind, ours, theirs, since which day, and the name of what is proposed.
fn told(finding: &Finding) -> (FindingKind, Option<&str>, Option<&str>, Option<i64>, &str) {
    let proposal = match &finding.proposal {
        Proposal::Amend(_, amend) => amend.as_str(),
        Proposal::Nothing(why) => {
            assert!(!why.is_empty(), "{finding:?}");
            "nothing"
        }
    };
    let day = finding.since.map(|since| since / DAY);
    (finding.kind, finding.ours.as_deref(), finding.theirs.as_deref(), day, proposal)
}

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

fn partner(id: &str) -> HeldPartner {
    HeldPartner { id: id.to_owned(), reseller: None, since: since(12) }
}

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
            &[(K::PartnerDiffers, None, Some("P1"), Some(2), "set_partner")],
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
                ours.partner =
                    Some(HeldPartner { reseller: Some(other("5", AccountKind::Reseller)), ..partner("P1") });
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

#[test]
fn names_that_come_twice_are_told_and_not_compared() {
    let here = ours("5", Some("1"));
    let mut first = theirs(&here);
    first.reseller = Said::Nothing;
    let again = Theirs { line: 30, ..theirs(&here) };
    let strangers = [theirs(&ours("9", None)), Theirs { line: 40, ..theirs(&ours("9", None)) }];
    let list = [vec![first, again], strangers.to_vec()].concat();
    let (findings, troubles) = run_with(vec![here], Some(list), &rules(all()), Matching::by(KeyField::PlatformId));
    assert_eq!(findings, []);
    let twice = |key: &str, again| Trouble::Twice { key: key.to_owned(), first: 17, again };
    assert_eq!(troubles, [twice("5", 30), twice("9", 40)]);
}

#[test]
fn a_deleted_account_gives_its_name_to_the_one_that_lives() {
    let deleted = |id: &str, tenant: &str| {
        let account = ours(id, Some("1"));
        Ours { status: AccountStatus::Deleted, code: "C5".to_owned(), key: key(tenant, id), ..account }
    };
    let mut line = theirs(&ours("5", Some("1")));
    line.reseller = Said::Value(PlatformId::stored("2"));
    let compared = |here: Vec<Ours>| {
        let (findings, troubles) =
            run_with(here, Some(vec![line.clone()]), &rules(all()), Matching::by(KeyField::Code));
        let found: Vec<_> = findings.into_iter().map(|one| (one.kind, one.platform_id)).collect();
        (found, troubles)
    };
    let told = |accounts| vec![Trouble::Ambiguous { key: "C5".to_owned(), accounts, line: Some(17) }];
    let lives = || ours("5", Some("1"));
    let differs = vec![(FindingKind::ResellerDiffers, "5".to_owned())];
    assert_eq!(compared(vec![deleted("3", ""), lives(), deleted("4", "")]), (differs.clone(), vec![]));
    assert_eq!(compared(vec![deleted("3", ""), deleted("4", ""), lives()]), (differs.clone(), vec![]));
    assert_eq!(compared(vec![lives(), deleted("4", "")]), (differs, vec![]));
    assert_eq!(compared(vec![deleted("3", ""), deleted("4", "")]), (vec![], told(2)), "none lives");
    assert_eq!(compared(vec![deleted("3", "b"), lives()]), (vec![], told(2)), "another tenant's");
    let other = Ours { code: "C5".to_owned(), ..ours("6", Some("1")) };
    assert_eq!(compared(vec![deleted("3", ""), lives(), other]), (vec![], told(3)), "two live");
}

#[test]
fn the_same_id_of_two_tenants_is_told_apart_or_not_compared() {
    let of = |tenant: &str| {
        let mut account = ours("5", Some("1"));
        account.key = key(tenant, "5");
        account
    };
    let (a, b) = (of("a"), of("b"));
    let line = |tenant: &str, reseller: &str| Theirs {
        tenant: Some(Tenant::stored(tenant)),
        reseller: Said::Value(PlatformId::stored(reseller)),
        ..theirs(&a)
    };
    let by = Matching { by_tenant: true, ..Matching::by(KeyField::PlatformId) };
    let list = vec![line("a", "1"), line("b", "2")];
    let (findings, troubles) = run_with(vec![a.clone(), b.clone()], Some(list), &rules(all()), by);
    assert_eq!((findings.len(), findings[0].tenant.as_str(), troubles.len()), (1, "b", 0));
    let by = Matching::by(KeyField::PlatformId);
    let (findings, troubles) = run_with(vec![a.clone(), b], Some(vec![line("", "2")]), &rules(all()), by);
    assert_eq!(findings, []);
    assert_eq!(troubles, [Trouble::Ambiguous { key: "5".to_owned(), accounts: 2, line: Some(17) }]);
}

#[test]
fn accounts_without_a_code_are_missing_nowhere_and_still_checked() {
    let mut nameless = ours("5", Some("1"));
    nameless.code = " ".to_owned();
    nameless.hold = Some(Hold::Operator);
    let coded = ours("6", None);
    let list = vec![theirs(&coded)];
    let (findings, _) = run_with(vec![nameless, coded], Some(list), &rules(all()), Matching::by(KeyField::Code));
    assert_eq!(findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [FindingKind::Drift]);
}

#[test]
fn only_what_is_asked_for_is_told() {
    let mut here = ours("5", Some("1"));
    here.hold = Some(Hold::Operator);
    here.reported_external_id = Some(ExternalId::stored("other"));
    let mut there = theirs(&here);
    there.reseller = Said::Nothing;
    there.kind = Some(AccountKind::DirectCustomer);
    let kinds = |rules: &Rules| {
        let by = Matching::by(KeyField::PlatformId);
        let (findings, _) = run_with(vec![here.clone()], Some(vec![there.clone()]), rules, by);
        findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    use FindingKind as K;
    let comparison = Rules { self_check: false, ..rules(Kinds::comparison()) };
    assert_eq!(kinds(&comparison), [K::ResellerDiffers]);
    assert_eq!(kinds(&rules([K::KindDiffers].into_iter().collect())), [K::KindDiffers]);
    assert_eq!(
        kinds(&rules(Kinds::comparison().and(Kinds::self_check()))),
        [K::ResellerDiffers, K::Drift, K::ExternalIdDiffers]
    );
}

#[test]
fn what_stands_in_whose_book() {
    let whom = |id: &str| {
        Some(Whom { account: Some(AccountId(number(id))), platform_id: id.to_owned(), external_id: String::new() })
    };
    let book = |now: Option<&str>, earlier: Option<Whom>, status: AccountStatus| {
        let ours = Ours { earlier, status, left: since(50), ..ours("5", now) };
        let line = |one: Movement| {
            let other = one.other.map(|other| other.platform_id).unwrap_or_default();
            (one.reseller.platform_id, one.change, other, one.at.at.unwrap_or(0) / DAY)
        };
        movements(&ours).into_iter().map(line).collect::<Vec<_>>()
    };
    let line = |reseller: &str, change, other: &str, day| (reseller.to_owned(), change, other.to_owned(), day);
    use AccountStatus::{Active, Deleted};
    assert_eq!(book(None, None, Active), []);
    assert_eq!(book(Some("1"), None, Active), [line("1", Change::Gained, "", 10)]);
    assert_eq!(book(Some("1"), whom("1"), Active), [line("1", Change::Stayed, "", 10)]);
    assert_eq!(book(None, whom("1"), Active), [line("1", Change::Lost, "", 50)]);
    assert_eq!(book(None, whom("1"), Deleted), [line("1", Change::Ended, "", 50)]);
    let moved = [line("2", Change::MovedOut, "1", 10), line("1", Change::MovedIn, "2", 10)];
    assert_eq!(book(Some("1"), whom("2"), Active), moved);
    let never_linked = Whom { account: None, platform_id: "1".to_owned(), external_id: String::new() };
    assert_eq!(book(Some("1"), Some(never_linked), Active), [line("1", Change::Stayed, "", 10)]);
}

/// What is planted at one account of a generated world.
fn plant(kind: FindingKind, ours: &mut Ours, theirs: &mut Option<Theirs>) {
    use FindingKind as K;
    let Some(there) = theirs.as_mut() else { return };
    match kind {
        K::MissingHere => unreachable!("planted by leaving ours out"),
        K::MissingThere => *theirs = None,
        K::ResellerDiffers => there.reseller = Said::Value(PlatformId::stored("R-other")),
        K::PartnerDiffers => there.partner = Said::Value("P1".to_owned()),
        K::KindDiffers => {
            there.kind = Some(AccountKind::Reseller);
            there.reseller = Said::Absent;
        }
        K::ExternalIdDiffers => there.external_id = Some(ExternalId::stored("other")),
        K::NameDiffers => there.name = Said::Value("Other".to_owned()),
        K::EmailDiffers => there.email = Said::Value("other@example.org".to_owned()),
        K::DeletedHereAliveThere => ours.status = AccountStatus::Deleted,
        K::PendingReseller => {
            let held = held("R1");
            ours.reseller = Some(Held { other: None, state: RelationState::Pending, ..held });
        }
        K::ResellerNotAReseller => {
            let other = Some(other("R1", AccountKind::DirectCustomer));
            ours.reseller = Some(Held { other, state: RelationState::Pending, ..held("R1") });
        }
        K::UnknownPartner | K::PartnerSuspended | K::PartnerEnded => {
            let id = match kind {
                K::UnknownPartner => "P9",
                K::PartnerSuspended => "P2",
                _ => "P3",
            };
            ours.partner = Some(partner(id));
            there.partner = Said::Value(id.to_owned());
        }
        K::ResellerAndPartnerDisagree => {
            ours.partner = Some(HeldPartner { reseller: Some(other("R8", AccountKind::Reseller)), ..partner("P1") });
            there.partner = Said::Value("P1".to_owned());
        }
        K::Drift => ours.hold = Some(Hold::Operator),
        K::ChangeUnderReview => ours.hold = Some(Hold::Review),
        K::Flapping => ours.flap = Some(Flap { home: "R1".to_owned(), away: "R2".to_owned(), back: since(40) }),
    }
}

proptest! {
    /// Whatever is planted where is found there, and nothing else is.
    #[test]
    fn planted_disagreements_are_found_and_nothing_else(plants in prop::collection::btree_map(0_usize..60, 0_usize..18, 0..30)) {
        let (mut here, mut there, mut expected) = (Vec::new(), Vec::new(), BTreeMap::new());
        for at in 0..60 {
            let mut one = ours(&format!("c{at}"), Some("R1"));
            let mut line = Some(theirs(&one));
            let kind = plants.get(&at).map(|kind| FindingKind::ALL[*kind]);
            if let Some(kind) = kind {
                expected.insert(one.key.platform_id.to_string(), kind);
            }
            match kind {
                Some(FindingKind::MissingHere) => there.extend(line),
                kind => {
                    if let Some(kind) = kind {
                        plant(kind, &mut one, &mut line);
                    }
                    here.push(one);
                    there.extend(line);
                }
            }
        }
        for by in [KeyField::PlatformId, KeyField::Code] {
            let (findings, troubles) = run_with(here.clone(), Some(there.clone()), &rules(all()), Matching::by(by));
            let found: BTreeMap<_, _> = findings.iter().map(|one| (one.platform_id.clone(), one.kind)).collect();
            prop_assert_eq!(findings.len(), found.len());
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(troubles, vec![]);
        }
        let (findings, _) = run_with(here, None, &rules(Kinds::self_check()), Matching::by(KeyField::Code));
        let found: BTreeMap<_, _> = findings.iter().map(|one| (one.platform_id.clone(), one.kind)).collect();
        expected.retain(|_, kind| !kind.needs_a_list() && *kind != FindingKind::ExternalIdDiffers);
        prop_assert_eq!(found, expected);
    }
}
