//! The rules as tables, and planted disagreements among many accounts.

mod names;
mod own;
mod pair;

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

fn partner(id: &str) -> HeldPartner {
    HeldPartner { id: id.to_owned(), reseller: None, since: since(12) }
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
