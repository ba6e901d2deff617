//! What an account may do: whom a frozen reseller takes, and what acts make of standings.

use super::acts::{applied, assign, import, row, world};
use super::*;
use crate::domain::account::Standing;
use crate::domain::act::Acted;
use crate::domain::dossier::{DossierAct, SettingsPatch};
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};
use RelationState::{Linked, Pending};

fn stand(receiver: &mut Receiver, id: &str, standing: Standing) {
    applied(&receiver.act(id, What::SetStanding(standing)));
}

#[track_caller]
fn turned_down(outcome: &ActOutcome, word: &str) {
    let (code, message) = outcome.refused().unwrap_or_else(|| panic!("{:?}", outcome.acted));
    assert!(code == Code::RuleBroken && message.contains(word), "{code:?} {message}");
}

#[test]
fn a_frozen_reseller_takes_nobody_new() {
    let mut receiver = world();
    stand(&mut receiver, "r", Standing::Frozen);
    receiver.call(Say::user("gone").of("s")).applied();
    receiver.call(Say::delete("gone")).applied();
    for say in [
        Say::customer("new", "r"),
        Say::user("new").of("unheard").reseller_external(&derived("r")),
        // From nobody, from another one, and back from the dead.
        Say::customer("d", "r"),
        Say::customer("gone", "r"),
        Say::customer("new", "r").asked(),
    ] {
        let mut before = receiver.accounts.clone();
        let told = receiver.call(say.clone());
        assert_eq!(told.code, Code::RuleBroken, "{say:?}");
        assert!(told.message.contains("frozen"), "{}", told.message);
        // Nothing but that something of theirs waits in the quarantine.
        for (key, account) in &mut before {
            account.open_cases = receiver.accounts.get(key).is_some_and(|now| now.open_cases);
        }
        assert_eq!(receiver.accounts, before);
    }
    // Who is there goes on, under either name of the reseller, and so does the reseller itself.
    receiver.call(Say::customer("c", "r").named("N")).applied();
    receiver.call(Say::user("c").of("unheard").reseller_external(&derived("r"))).applied();
    receiver.call(Say::customer("c", "r")).applied();
    receiver.call(Say::reseller("r").named("R")).applied();
    assert_eq!(receiver.account("r").standing, Standing::Frozen);
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
    // To another one, and there is no way back.
    receiver.call(Say::customer("c", "s")).applied();
    receiver.call(Say::customer("c", "r")).refused(Code::RuleBroken);
    stand(&mut receiver, "r", Standing::Enabled);
    receiver.call(Say::customer("c", "r")).applied();
}

#[test]
fn by_hand_and_by_lists_neither() {
    let mut receiver = world();
    receiver.act("c", assign("s"));
    for (standing, word) in [(Standing::Frozen, "frozen"), (Standing::Disabled, "disabled"), (Standing::Fraud, "fraud")]
    {
        stand(&mut receiver, "r", standing);
        turned_down(&receiver.act("d", assign("r")), word);
    }
    assert_eq!(receiver.act("c", assign("s")).acted, Acted::Unchanged);
    stand(&mut receiver, "r", Standing::Frozen);
    turned_down(&receiver.act("i", import(row(ResellerCustomer, Some("r")))), "frozen");
    turned_down(&receiver.act("c", What::Release), "frozen");
    // One that is its customer may be said to be so.
    stand(&mut receiver, "s", Standing::Fraud);
    assert_eq!(receiver.act("c", assign("s")).acted, Acted::Unchanged);
}

#[test]
fn who_waits_for_a_frozen_account_goes_on_waiting() {
    let mut receiver = world();
    receiver.call(Say::reseller("f")).applied();
    stand(&mut receiver, "f", Standing::Frozen);
    applied(&receiver.act("f", What::SetKind(DirectCustomer)));
    receiver.call(Say::customer("w", "later")).applied();
    receiver.call(Say::customer("n", "f")).refused(Code::RuleBroken);
    stand(&mut receiver, "f", Standing::Enabled);
    receiver.call(Say::customer("n", "f")).applied();
    assert_eq!(receiver.place("n"), (ResellerCustomer, Some("f"), Some(Pending)));
    applied(&receiver.act("f", What::SetKind(Reseller)));
    stand(&mut receiver, "f", Standing::Frozen);
    receiver.call(Say::customer("n", "f").named("N")).applied();
    assert_eq!(receiver.place("n"), (ResellerCustomer, Some("f"), Some(Linked)));
}

#[test]
fn what_policy_says_of_changes_comes_first() {
    let mut receiver = Receiver::changing(ResellerChange::Review);
    for say in [Say::reseller("r"), Say::reseller("s"), Say::customer("c", "r")] {
        receiver.call(say).applied();
    }
    stand(&mut receiver, "s", Standing::Frozen);
    // The change waits; accepting it is where it meets the frozen one.
    receiver.call(Say::customer("c", "s")).applied();
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("r"), Some(Linked)));
    turned_down(&receiver.act("c", What::Release), "frozen");
    stand(&mut receiver, "s", Standing::Enabled);
    applied(&receiver.act("c", What::Release));
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("s"), Some(Linked)));
}

#[test]
fn standings_are_set_and_put_back() {
    let mut receiver = world();
    turned_down(&receiver.act("c", What::SetStanding(Standing::Frozen)), "Only a reseller");
    assert_eq!(receiver.act("c", What::SetStanding(Standing::Enabled)).acted, Acted::Unchanged);
    let outcome = receiver.act("c", What::SetStanding(Standing::Fraud));
    let done = applied(&outcome);
    assert_eq!(done.changed, ["standing"]);
    assert_eq!(receiver.account("c").standing, Standing::Fraud);
    let undo = done.undo(key("c"), 2_000_000_000, Cause::Move);
    applied(&receiver.act("c", undo.what));
    assert_eq!(receiver.account("c").standing, Standing::Enabled);
    // It outlives a Delete and a return, and a deleted account's is not changed.
    stand(&mut receiver, "c", Standing::Disabled);
    receiver.call(Say::delete("c")).applied();
    turned_down(&receiver.act("c", What::SetStanding(Standing::Enabled)), "deleted");
    receiver.call(Say::customer("c", "r")).applied();
    assert_eq!(receiver.account("c").standing, Standing::Disabled);
}

#[test]
fn what_is_kept_counts_as_a_revision() {
    let mut receiver = world();
    let set = |label: &str| {
        let patch = SettingsPatch { label: Some(label.to_owned()), ..SettingsPatch::default() };
        What::Keep(Box::new(DossierAct::Set(Box::new(patch))))
    };
    let before = receiver.account("c").clone();
    let outcome = receiver.act("c", set("L"));
    assert_eq!(applied(&outcome).changed, ["label"]);
    let after = receiver.account("c");
    assert_eq!(after.revision, before.revision + 1);
    assert_eq!(Account { revision: before.revision, ..after.clone() }, before);
    assert_eq!(receiver.act("c", set("")).acted, Acted::Unchanged);
    // Two in one list see each other, and one that is refused says why.
    let outcomes = receiver.acts(vec![("c", set("L")), ("c", set("L")), ("c", set(""))]);
    assert_eq!(outcomes[1].acted, Acted::Unchanged);
    assert!(outcomes[0].applied().is_some() && outcomes[2].applied().is_some(), "{outcomes:?}");
    turned_down(&receiver.act("c", What::Keep(Box::new(DossierAct::RemoveContact(1)))), "no contact 1");
    receiver.call(Say::delete("c")).applied();
    turned_down(&receiver.act("c", set("L")), "deleted");
}
