//! An act and its undoing leave an account as it was, and history shows both.

use proptest::prelude::*;

use super::acts::{applied, assign, import, row, world};
use super::*;
use crate::domain::account::AccountStatus;
use crate::domain::act::Acted;
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};

/// What a later undo compares: everything but revision, relation row ids, and the times of rows that were opened again.
fn shape(account: &Account) -> Account {
    let mut account = account.clone();
    account.revision = 0;
    for relation in [&mut account.reseller, &mut account.partner].into_iter().flatten() {
        relation.id = RelationId(0);
        (relation.valid_from, relation.learned_at, relation.linked_at) = (0, 0, None);
    }
    account
}

#[test]
fn history_shows_what_was_done_and_undone() {
    let mut receiver = world();
    let first = receiver.account("c").reseller.clone().unwrap();
    let outcome = receiver.act("c", assign("s"));
    let undo = applied(&outcome).undo(key("c"), receiver.second * 1_000_000 + 9, Cause::Move);
    receiver.act("c", undo.what);
    let history = receiver.history("c");
    let names: Vec<_> = history.iter().map(|row| row.reseller_platform_id.as_ref().unwrap().as_str()).collect();
    assert_eq!(names, ["r", "s", "r"]);
    assert_eq!((history[2].delivery, history[2].cause), (first.delivery, Cause::Sync));
    assert_eq!(history[2].valid_from, history[1].closing.unwrap().valid_to);
    assert_eq!(history.iter().filter(|row| row.closing.is_none()).count(), 1);
}

#[test]
fn what_happened_since_is_not_undone() {
    let mut receiver = world();
    let outcome = receiver.act("c", assign("s"));
    let undo = applied(&outcome).undo(key("c"), 1, Cause::Move);
    receiver.call(Say::customer("c", "r").named("New")).applied();
    let mut world = World::new(CHAIN, receiver.rows_issued);
    let outcome = receiver.act_in(&mut world, &undo);
    assert_eq!(outcome.refused().map(|(code, _)| code), Some(Code::Conflict));
    // Who insists gets what was.
    assert!(receiver.act_in(&mut world, &Act { expect: None, ..undo }).applied().is_some());
}

#[test]
fn an_account_that_was_made_is_ended() {
    let mut receiver = world();
    let outcome = receiver.act("new", import(row(ResellerCustomer, Some("r"))));
    let undo = applied(&outcome).undo(key("new"), 1, Cause::Import);
    assert_eq!(undo.what, What::Delete);
    receiver.act("new", undo.what);
    assert_eq!(receiver.account("new").status, AccountStatus::Deleted);
}

#[test]
fn what_was_erased_does_not_come_back() {
    let mut receiver = world();
    let outcome = receiver.act("c", assign("s"));
    receiver.accounts.get_mut(&key("c")).unwrap().erased_second = Some(1);
    let what = applied(&outcome).undo(key("c"), 1, Cause::Move).what;
    assert_eq!(receiver.act("c", what).refused().map(|(code, _)| code), Some(Code::Conflict));
}

#[test]
fn a_reseller_keeps_its_customers_through_an_undo() {
    let mut receiver = world();
    let outcome = receiver.act("d", What::SetKind(Reseller));
    let undo = applied(&outcome).undo(key("d"), 1, Cause::Promote).what;
    receiver.act("c", assign("d"));
    assert_eq!(receiver.act("d", undo.clone()).refused().map(|(code, _)| code), Some(Code::Conflict));
    receiver.act("c", What::Release);
    assert!(receiver.act("d", undo).applied().is_some());
    assert_eq!(receiver.place("d"), (DirectCustomer, None, None));
}

fn ids() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["r", "s", "c", "d", "x"][..])
}

fn calls() -> impl Strategy<Value = Say> {
    prop_oneof![
        2 => ids().prop_map(Say::reseller),
        2 => ids().prop_map(|id| Say::user(id).reseller_id(Said::Nothing)),
        4 => (ids(), ids()).prop_map(|(id, reseller)| Say::customer(id, reseller)),
        1 => (ids(), 0_i64..2_000).prop_map(|(id, second)| Say::customer(id, "r").replayed(second)),
        1 => ids().prop_map(|id| Say::customer(id, "r").options(&[("MPNID", number("3456890"))])),
        1 => ids().prop_map(Say::delete),
    ]
}

fn whats() -> impl Strategy<Value = What> {
    let kind = prop::sample::select(AccountKind::ALL.to_vec());
    let named = ["A", "B"].map(|name| ProfilePatch { name: Some(name.to_owned()), ..ProfilePatch::default() });
    prop_oneof![
        4 => ids().prop_map(assign),
        1 => Just(What::Assign { reseller: None }),
        2 => kind.clone().prop_map(What::SetKind),
        1 => prop::sample::select(named.to_vec()).prop_map(|patch| What::Describe(Box::new(patch))),
        1 => prop::option::of(Just(number("3456890")))
            .prop_map(|value| What::SetOption { id: "MPNID".to_owned(), value }),
        1 => Just(What::Delete),
        1 => Just(What::Revive),
        1 => Just(What::Release),
        2 => (kind, prop::option::of(ids())).prop_map(|(kind, reseller)| import(row(kind, reseller))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_act_and_its_undoing_leave_the_account_as_it_was(
        said in prop::collection::vec(calls(), 0..12),
        acts in prop::collection::vec((ids(), whats()), 1..12),
        change in prop::sample::select(vec![ResellerChange::Accept, ResellerChange::Review]),
    ) {
        let mut receiver = Receiver::changing(change);
        for say in said {
            receiver.call(say);
        }
        for (id, what) in acts {
            let before = receiver.accounts.get(&key(id)).map(shape);
            let outcome = receiver.act(id, what.clone());
            for account in receiver.accounts.values() {
                // The states that no call describes do not come of acts either.
                prop_assert!(!account.is_active() || (account.kind == ResellerCustomer) == account.reseller.is_some());
                prop_assert!(account.is_active() || account.reseller.is_none() && account.partner.is_none());
            }
            let Some(applied) = outcome.applied() else {
                prop_assert_eq!(receiver.accounts.get(&key(id)).map(shape), before, "{:?}", outcome);
                continue;
            };
            let after = receiver.account(id).clone();
            prop_assert_eq!((applied.revision, Some(after.id)), (after.revision, outcome.id));
            let undo = applied.undo(key(id), 1, Cause::Move).what;
            let undone = receiver.act(id, undo);
            match (undone.refused(), before) {
                // Links to a reseller that came meanwhile make it one that cannot go.
                (Some((code, _)), _) => prop_assert_eq!(code, Code::Conflict),
                (None, Some(before)) => prop_assert_eq!(shape(receiver.account(id)), before, "{:?}", what),
                (None, None) => prop_assert_eq!(receiver.account(id).status, AccountStatus::Deleted),
            }
            // And the act again, so that the history goes on.
            receiver.act(id, what);
        }
    }

    #[test]
    fn lists_may_be_cut_anywhere(
        said in prop::collection::vec(calls(), 0..12),
        acts in prop::collection::vec((ids(), whats()), 1..24),
        size in 2_usize..24,
    ) {
        let (mut alone, mut together) = (Receiver::new(), Receiver::new());
        for say in said {
            alone.call(say.clone());
            together.call(say);
        }
        let one_by_one: Vec<Acted> = acts.iter().map(|(id, what)| alone.act(id, what.clone()).acted).collect();
        let in_lists: Vec<Acted> =
            acts.chunks(size).flat_map(|list| together.acts(list.to_vec())).map(|outcome| outcome.acted).collect();
        prop_assert_eq!(one_by_one, in_lists);
        prop_assert_eq!(&alone.accounts, &together.accounts);
        prop_assert_eq!(&alone.relations, &together.relations);
    }
}
