//! Acts of operators and lists, and what platforms say before and after them.

use super::*;
use crate::domain::account::AccountStatus;
use crate::domain::act::{Acted, Imported};
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};
use RelationState::{Linked, Pending, Unprovisioned};

pub(super) fn assign(reseller: &str) -> What {
    What::Assign { reseller: Some(key(reseller)) }
}

pub(super) fn row(kind: AccountKind, reseller: Option<&str>) -> Imported {
    Imported {
        external_id: None,
        kind,
        reseller: reseller.map(PlatformId::stored),
        since: None,
        profile: ProfilePatch::default(),
        options: OptionSet::default(),
    }
}

pub(super) fn import(row: Imported) -> What {
    What::Import(Box::new(row))
}

/// Resellers `r` and `s`, customer `c` of `r`, direct customer `d`.
pub(super) fn world() -> Receiver {
    let mut receiver = Receiver::new();
    for say in [Say::reseller("r"), Say::reseller("s"), Say::customer("c", "r"), Say::user("d")] {
        receiver.call(say).applied();
    }
    receiver
}

#[track_caller]
pub(super) fn applied(outcome: &ActOutcome) -> &crate::domain::act::Applied {
    outcome.applied().unwrap_or_else(|| panic!("{:?}", outcome.acted))
}

#[track_caller]
fn refused(outcome: &ActOutcome, code: Code, word: &str) {
    let (got, message) = outcome.refused().unwrap_or_else(|| panic!("{:?}", outcome.acted));
    assert_eq!(got, code, "{message}");
    assert!(message.contains(word), "{message}");
}

#[track_caller]
fn kept(outcome: &ActOutcome, word: &str) {
    match &outcome.acted {
        Acted::Kept { why } => assert!(why.contains(word), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_move_is_held_and_shows_in_history() {
    let mut receiver = world();
    let outcome = receiver.act("c", assign("s"));
    let applied = applied(&outcome);
    assert_eq!((applied.changed.join(","), applied.created), ("reseller,hold".to_owned(), false));
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("s"), Some(Linked)));
    let account = receiver.account("c");
    assert_eq!((account.hold, account.revision), (Some(Hold::Operator), applied.revision));
    let history = receiver.history("c");
    let closing = history[0].closing.unwrap();
    // The act's second, not its microsecond.
    assert_eq!((closing.valid_to % 1_000_000, closing.learned_at % 1_000_000), (0, 7));
    assert_eq!((closing.cause, history[1].cause, history[1].delivery), (Cause::Move, Cause::Move, None));
    assert_eq!(history[1].valid_from, closing.valid_to);
    // A repeat is drift, anything else ends the hold.
    assert!(receiver.call(Say::customer("c", "r")).unchanged().trace.contains("drift"));
    receiver.call(Say::user("c").reseller_id(Said::Nothing)).applied();
    assert_eq!((receiver.place("c"), receiver.account("c").hold), ((DirectCustomer, None, None), None));
}

#[test]
fn agreement_is_no_hold() {
    let mut receiver = world();
    receiver.act("c", assign("s"));
    receiver.act("c", assign("r"));
    assert_eq!(receiver.account("c").hold, None);
    assert_eq!(receiver.act("c", assign("r")).acted, Acted::Unchanged);
    // A customer of nobody is a direct customer, and the other way round.
    receiver.act("c", What::Assign { reseller: None });
    assert_eq!((receiver.place("c"), receiver.account("c").hold), ((DirectCustomer, None, None), Some(Hold::Operator)));
    receiver.act("d", assign("r"));
    assert_eq!(receiver.place("d"), (ResellerCustomer, Some("r"), Some(Linked)));
}

#[test]
fn what_cannot_be_assigned() {
    let mut receiver = world();
    receiver.call(Say::reseller("gone")).applied();
    receiver.call(Say::delete("gone")).applied();
    receiver.call(Say::user("dead")).applied();
    receiver.call(Say::delete("dead")).applied();
    let elsewhere = AccountKey { scope: Scope { tenant: Tenant::stored("t"), ..scope() }, ..key("r") };
    for (account, what, code, word) in [
        ("c", assign("d"), Code::RuleBroken, "is none"),
        ("c", assign("gone"), Code::Conflict, "deleted"),
        ("c", assign("c"), Code::RuleBroken, "own reseller"),
        ("c", assign("nobody"), Code::UnknownAccount, "not known"),
        ("c", What::Assign { reseller: Some(elsewhere) }, Code::RuleBroken, "another source or tenant"),
        ("r", assign("s"), Code::RuleBroken, "has no reseller"),
        ("nobody", assign("s"), Code::UnknownAccount, "not known"),
        ("dead", assign("s"), Code::RuleBroken, "deleted"),
        ("dead", What::Describe(Box::default()), Code::RuleBroken, "deleted"),
        ("d", What::SetKind(ResellerCustomer), Code::RuleBroken, "Assign"),
        ("r", What::SetKind(DirectCustomer), Code::Conflict, "still has customers"),
        ("r", What::Delete, Code::Conflict, "still has customers"),
        ("nobody", What::Delete, Code::UnknownAccount, "not known"),
        ("nobody", What::Revive, Code::UnknownAccount, "not known"),
    ] {
        let before = receiver.accounts.clone();
        refused(&receiver.act(account, what), code, word);
        assert_eq!(receiver.accounts, before);
    }
}

#[test]
fn a_promotion_links_who_waits_and_a_demotion_needs_nobody() {
    let mut receiver = world();
    receiver.call(Say::customer("w", "d")).applied();
    assert_eq!(receiver.place("w"), (ResellerCustomer, Some("d"), Some(Pending)));
    receiver.act("d", What::SetKind(Reseller));
    assert_eq!(receiver.place("w"), (ResellerCustomer, Some("d"), Some(Linked)));
    assert_eq!(receiver.account("d").hold, Some(Hold::Operator));
    refused(&receiver.act("d", What::SetKind(DirectCustomer)), Code::Conflict, "Move them first");
    // In one list, each act sees what the one before it did.
    let outcomes = receiver.acts(vec![("w", assign("r")), ("d", What::SetKind(DirectCustomer))]);
    assert!(outcomes.iter().all(|outcome| outcome.applied().is_some()), "{outcomes:?}");
    assert_eq!(receiver.account("d").hold, None);
}

#[test]
fn a_release_takes_the_report() {
    let mut receiver = world();
    receiver.act("c", assign("s"));
    let outcome = receiver.act("c", What::Release);
    assert_eq!(applied(&outcome).changed, ["reseller", "hold"]);
    assert_eq!((receiver.place("c"), receiver.account("c").hold), ((ResellerCustomer, Some("r"), Some(Linked)), None));
    assert_eq!(receiver.act("c", What::Release).acted, Acted::Unchanged);

    let mut receiver = Receiver::changing(ResellerChange::Review);
    for say in [Say::reseller("r"), Say::customer("c", "r"), Say::customer("c", "late")] {
        receiver.call(say).applied();
    }
    assert_eq!((receiver.place("c").1, receiver.account("c").hold), (Some("r"), Some(Hold::Review)));
    receiver.act("c", What::Release);
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("late"), Some(Pending)));
    // An operator who says again what holds has decided the review the other way.
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(receiver.account("c").hold, Some(Hold::Review));
    receiver.call(Say::reseller("late")).applied();
    receiver.act("c", assign("late"));
    assert_eq!((receiver.place("c").1, receiver.account("c").hold), (Some("late"), Some(Hold::Operator)));
}

#[test]
fn an_end_by_hand_and_a_return() {
    let mut receiver = world();
    receiver.act("c", What::Delete);
    let account = receiver.account("c");
    assert_eq!((account.status, &account.reseller), (AccountStatus::Deleted, &None));
    assert_eq!(receiver.act("c", What::Delete).acted, Acted::Unchanged);
    receiver.act("c", What::Revive);
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
    assert_eq!(receiver.act("c", What::Revive).acted, Acted::Unchanged);
    receiver.act("c", What::Delete);
    receiver.act("r", What::Delete);
    refused(&receiver.act("c", What::Revive), Code::Conflict, "reseller of this account is deleted");
}

#[test]
fn options_are_judged_and_name_partners() {
    let mut receiver = world();
    let set = |value| What::SetOption { id: "MPNID".to_owned(), value };
    let outcome = receiver.act("c", set(Some(number("3456890"))));
    assert_eq!(applied(&outcome).changed, ["partner", "sync_options.MPNID"]);
    refused(&receiver.act("c", set(Some(text("x")))), Code::InvalidOption, "form");
    refused(&receiver.act("d", set(Some(text("3456890")))), Code::InvalidOption, "direct_customer");
    let unknown = What::SetOption { id: "Colour".to_owned(), value: Some(text("red")) };
    refused(&receiver.act("c", unknown), Code::InvalidOption, "Colour");
    receiver.act("c", set(None));
    assert_eq!((&receiver.account("c").partner, receiver.account("c").options.is_empty()), (&None, true));
    receiver.policy.options[0].required = true;
    receiver.act("c", set(Some(number("3456890"))));
    refused(&receiver.act("c", set(None)), Code::InvalidOption, "required");
}

#[test]
fn acts_are_refused_on_what_nobody_looked_at() {
    let mut receiver = world();
    let seen = receiver.account("c").revision;
    receiver.call(Say::customer("c", "r").named("New")).applied();
    let mut world = World::new(CHAIN, receiver.rows_issued);
    let act = Act::new(key("c"), 1, Cause::Move, assign("s"));
    refused(&receiver.act_in(&mut world, &act.clone().expecting(seen)), Code::Conflict, "changed since");
    assert!(receiver.act_in(&mut world, &act.expecting(seen + 1)).applied().is_some());
    let new = Act::new(key("c"), 1, Cause::Import, import(row(DirectCustomer, None))).expecting(0);
    refused(&receiver.act_in(&mut world, &new), Code::Conflict, "changed since");
}

#[test]
fn a_list_is_taken_in_any_order() {
    let rows = [
        ("r", row(Reseller, None)),
        ("c", row(ResellerCustomer, Some("r"))),
        ("d", row(DirectCustomer, Some("d"))),
        ("x", row(ResellerCustomer, Some("never"))),
    ];
    let mut shown = Vec::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        for together in [true, false] {
            let mut receiver = Receiver::new();
            let acts = order.map(|at| (rows[at].0, import(rows[at].1.clone())));
            if together {
                receiver.acts(acts.to_vec());
            } else {
                acts.into_iter().for_each(|(id, what)| drop(receiver.act(id, what)));
            }
            shown.push(["r", "c", "d", "x"].map(|id| format!("{:?}", receiver.place(id))));
            let account = receiver.account("c");
            assert_eq!((&account.reported, account.hold), (&None, None));
            assert_eq!(account.reseller.as_ref().unwrap().cause, Cause::Move);
            // Again: nothing.
            for (id, row) in &rows {
                assert_eq!(receiver.act(id, import(row.clone())).acted, Acted::Unchanged, "{id}");
            }
        }
    }
    assert!(shown.iter().all(|places| *places == shown[0]), "{shown:?}");
    assert!(shown[0][1].contains("Linked") && shown[0][3].contains("Pending"));
    let mut receiver = Receiver::new();
    receiver.policy.reseller_support = false;
    receiver.act("x", import(row(ResellerCustomer, Some("never"))));
    assert_eq!(receiver.place("x").2, Some(Unprovisioned));
}

#[test]
fn a_list_keeps_ids_and_dates() {
    let mut receiver = Receiver::new();
    receiver.act("r", import(Imported { external_id: Some(ExternalId::stored("V-1")), ..row(Reseller, None) }));
    let since = 5_000_000;
    let dated = Imported { since: Some(since), ..row(ResellerCustomer, Some("r")) };
    receiver.act("c", import(dated.clone()));
    assert_eq!(receiver.account("r").external_id.as_str(), "V-1");
    let relation = receiver.account("c").reseller.clone().unwrap();
    assert_eq!((relation.valid_from, relation.learned_at), (since, receiver.second * 1_000_000 + 7));
    // An ExternalID that another has, or that is another than the account's own.
    let claims = Imported { external_id: Some(ExternalId::stored("V-1")), ..row(DirectCustomer, None) };
    refused(&receiver.act("new", import(claims)), Code::Conflict, "another account has");
    let other = Imported { external_id: Some(ExternalId::stored("V-2")), ..row(Reseller, None) };
    refused(&receiver.act("r", import(other)), Code::Conflict, "V-1");
    // The same again, with another date, and without any.
    assert_eq!(receiver.act("c", import(dated.clone())).acted, Acted::Unchanged);
    kept(&receiver.act("c", import(Imported { since: Some(7), ..dated.clone() })), "dated anew");
    assert_eq!(receiver.act("c", import(Imported { since: None, ..dated })).acted, Acted::Unchanged);
}

#[test]
fn rows_that_make_no_sense() {
    let mut receiver = world();
    let mut refuse = |id: &str, row: Imported, code, word: &str| {
        refused(&receiver.act(id, import(row)), code, word);
    };
    refuse("n", row(ResellerCustomer, None), Code::RuleBroken, "needs a reseller");
    refuse("n", row(ResellerCustomer, Some("n")), Code::RuleBroken, "needs a reseller");
    refuse("n", row(Reseller, Some("r")), Code::RuleBroken, "has no reseller");
    let bad = Imported { options: set(&[("MPNID", text("x"))]), ..row(ResellerCustomer, Some("r")) };
    refuse("n", bad, Code::InvalidOption, "form");
    let unknown = Imported { options: set(&[("Colour", text("red"))]), ..row(ResellerCustomer, Some("r")) };
    refuse("n", unknown, Code::InvalidOption, "Colour");
}

#[test]
fn a_platform_takes_an_imported_account_over() {
    for change in [ResellerChange::Accept, ResellerChange::Review, ResellerChange::Refuse] {
        let mut receiver = Receiver::changing(change);
        receiver.act("r", import(Imported { external_id: Some(ExternalId::stored("V-1")), ..row(Reseller, None) }));
        receiver.act("c", import(row(ResellerCustomer, Some("r"))));
        let (id, relation) = (receiver.account("c").id, receiver.account("c").reseller.clone().unwrap());
        // Even from a capture that is older than the list.
        let told = receiver.call(Say::customer("c", "r").replayed(100)).applied();
        assert_eq!(told.result.as_deref(), Some(derived("c").as_str()));
        let account = receiver.account("c");
        assert_eq!((account.id, account.event.second, account.hold), (id, 100, None));
        assert_eq!(account.reseller.as_ref().unwrap().id, relation.id, "{change:?}");
        assert_eq!(receiver.call(Say::reseller("r")).applied().result.as_deref(), Some("V-1"));
        // From then on the list is behind the platform.
        kept(&receiver.act("c", import(row(DirectCustomer, None))), "kind, reseller");
        assert_eq!(receiver.act("c", import(row(ResellerCustomer, Some("r")))).acted, Acted::Unchanged);
    }
}

#[test]
fn a_first_report_against_the_list_is_a_change_of_reseller() {
    for (change, holds, hold) in [
        (ResellerChange::Accept, "s", None),
        (ResellerChange::Review, "r", Some(Hold::Review)),
        (ResellerChange::Refuse, "r", None),
    ] {
        let mut receiver = Receiver::changing(change);
        for id in ["r", "s"] {
            receiver.act(id, import(row(Reseller, None)));
        }
        receiver.act("c", import(row(ResellerCustomer, Some("r"))));
        let told = receiver.call(Say::customer("c", "s"));
        assert_eq!(told.code == Code::Conflict, change == ResellerChange::Refuse, "{}", told.message);
        assert_eq!((receiver.place("c").1, receiver.account("c").hold), (Some(holds), hold), "{change:?}");
    }
}

#[test]
fn no_relation_ends_before_it_begins() {
    let mut receiver = Receiver::new();
    receiver.act("r", import(row(Reseller, None)));
    receiver.act("s", import(row(Reseller, None)));
    receiver.act("c", import(row(ResellerCustomer, Some("r"))));
    // A capture from before the list says otherwise.
    receiver.call(Say::customer("c", "s").replayed(100)).applied();
    let history = receiver.history("c");
    assert_eq!(history[0].closing.unwrap().valid_to, history[0].valid_from);
    assert_eq!(history[1].valid_from, history[0].valid_from);
}

#[test]
fn a_list_that_dates_a_move_back_leaves_one_reseller_at_a_time() {
    let mut receiver = Receiver::new();
    let since = |second: i64| Some(second * 1_000_000);
    for id in ["r", "s"] {
        receiver.act(id, import(row(Reseller, None)));
    }
    receiver.act("c", import(Imported { since: since(100), ..row(ResellerCustomer, Some("r")) }));
    for (next, at, begins) in [("s", 200, 200), ("r", 150, 200)] {
        receiver.act("c", import(Imported { since: since(at), ..row(ResellerCustomer, Some(next)) }));
        let history = receiver.history("c");
        let [.., before, now] = history.as_slice() else { panic!("{history:?}") };
        assert_eq!((before.closing.unwrap().valid_to, now.valid_from), (begins * 1_000_000, begins * 1_000_000));
    }
}

#[test]
fn a_call_that_leaves_the_reseller_out_keeps_that_of_the_list() {
    let mut receiver = Receiver::new();
    receiver.act("r", import(row(Reseller, None)));
    receiver.act("c", import(row(ResellerCustomer, Some("r"))));
    let relation = receiver.account("c").reseller.clone().unwrap();
    receiver.call(Say::user("c").reseller_id(Said::Absent)).applied();
    let account = receiver.account("c");
    assert_eq!((account.kind, account.reseller.as_ref(), account.hold), (ResellerCustomer, Some(&relation), None));
    receiver.call(Say::user("c").reseller_id(Said::Nothing)).applied();
    assert_eq!(receiver.place("c"), (DirectCustomer, None, None));
}

#[test]
fn what_came_before_the_end_of_an_imported_account_does_not_revive_it() {
    let mut receiver = Receiver::new();
    receiver.act("d", import(row(DirectCustomer, None)));
    receiver.call(Say::delete("d").replayed(200)).applied();
    assert_eq!(receiver.call(Say::user("d").replayed(100)).outcome, Outcome::Stale);
    assert_eq!(receiver.account("d").status, AccountStatus::Deleted);
    receiver.call(Say::user("d").replayed(300)).applied();
    assert_eq!(receiver.account("d").status, AccountStatus::Active);
}

#[test]
fn a_list_that_comes_again_undoes_nobody() {
    let mut receiver = Receiver::new();
    for id in ["r", "s"] {
        receiver.act(id, import(row(Reseller, None)));
    }
    let listed = || import(row(ResellerCustomer, Some("r")));
    receiver.act("c", listed());
    receiver.act("c", assign("s"));
    kept(&receiver.act("c", listed()), "operator");
    receiver.act("c", What::Release);
    assert_eq!(receiver.place("c").1, Some("s"));
    receiver.act("c", listed());
    assert_eq!(receiver.place("c").1, Some("r"));
    receiver.act("c", What::Delete);
    kept(&receiver.act("c", listed()), "deleted");
    // Nobody ever said whose customer it is but the list.
    receiver.act("c", What::Revive);
    assert_eq!(receiver.place("c"), (DirectCustomer, None, None));
    receiver.act("c", listed());
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
}

#[test]
fn what_was_erased_is_not_listed_again() {
    let mut receiver = world();
    receiver.act("d", What::Delete);
    receiver.accounts.get_mut(&key("d")).unwrap().erased_second = Some(1);
    kept(&receiver.act("d", import(row(DirectCustomer, None))), "erased");
    refused(&receiver.act("d", What::Revive), Code::Conflict, "erased");
}

#[test]
fn a_source_that_is_configured_no_longer_ends_no_partner() {
    let mut receiver = world();
    receiver.call(Say::customer("c", "r").options(&[("MPNID", number("3456890"))])).applied();
    receiver.policy.options.clear();
    let named = ProfilePatch { name: Some("New".to_owned()), ..ProfilePatch::default() };
    receiver.act("c", What::Describe(Box::new(named)));
    receiver.act("c", assign("s"));
    assert!(receiver.account("c").partner.is_some());
}
