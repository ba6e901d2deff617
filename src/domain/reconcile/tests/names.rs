//! By what accounts are matched, and what is not compared.

use super::*;

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
