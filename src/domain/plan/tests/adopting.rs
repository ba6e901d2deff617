//! Accounts that were made here, and the platform that synchronizes the same ones later.

use super::acts::{applied, world};
use super::*;
use crate::domain::act::Created;
use crate::domain::policy::Likeness;
use AccountKind::{DirectCustomer, Reseller, ResellerCustomer};
use RelationState::{Linked, Pending};

fn here(id: &str) -> AccountKey {
    AccountKey {
        scope: Scope { source: SourceId::local(), tenant: Tenant::none() },
        platform_id: PlatformId::stored(id),
    }
}

fn profile(name: &str, code: &str, email: &str) -> ProfilePatch {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ProfilePatch { name: said(name), code: said(code), email: said(email), ..ProfilePatch::default() }
}

fn created(kind: AccountKind, reseller: Option<AccountKey>, profile: ProfilePatch) -> What {
    What::Create(Box::new(Created { external_id: None, kind, reseller, profile }))
}

impl Receiver {
    #[track_caller]
    fn make(&mut self, id: &str, kind: AccountKind, reseller: Option<AccountKey>, profile: ProfilePatch) -> Account {
        let outcome = self.acts_on(vec![(here(id), created(kind, reseller, profile))]).remove(0);
        assert!(applied(&outcome).created);
        self.accounts[&here(id)].clone()
    }

    fn adopting(rules: &[Likeness]) -> Self {
        let mut receiver = world();
        receiver.policy.adopt = rules.to_vec();
        receiver
    }

    #[track_caller]
    fn is_not_made(&mut self, id: &str, what: What, code: Code, word: &str) {
        let outcome = self.acts_on(vec![(here(id), what)]).remove(0);
        let (got, message) = outcome.refused().unwrap_or_else(|| panic!("{:?}", outcome.acted));
        assert!(got == code && message.contains(word), "{got:?} {message}");
    }
}

impl Say {
    fn saying(self, profile: ProfilePatch) -> Self {
        self.with(|submitted| submitted.profile = profile)
    }
}

#[test]
fn what_is_made_here_has_a_place_and_an_id_of_its_own() {
    let mut receiver = world();
    let made = receiver.make("new", ResellerCustomer, Some(key("r")), profile("Ada", "", "ada@example.org"));
    assert_eq!((made.kind, made.revision, made.hold), (ResellerCustomer, 1, None));
    let held = made.reseller.as_ref().unwrap();
    assert_eq!((held.reseller_account, held.state), (Some(receiver.account("r").id), Linked));
    assert_eq!(made.external_id, here("new").derived_external_id(1));
    receiver.make("shop", Reseller, None, profile("Shop", "", ""));
    receiver.make("alone", DirectCustomer, None, profile("Solo", "", ""));
    receiver.make("under", ResellerCustomer, Some(here("shop")), profile("Under", "", ""));
    for (id, kind, reseller, code, word) in [
        ("new", DirectCustomer, None, Code::Conflict, "there already"),
        ("x", ResellerCustomer, None, Code::RuleBroken, "needs a reseller"),
        ("x", DirectCustomer, Some(key("r")), Code::RuleBroken, "has no reseller"),
        ("x", ResellerCustomer, Some(key("nobody")), Code::UnknownAccount, "not known"),
        ("x", ResellerCustomer, Some(key("c")), Code::RuleBroken, "is none"),
        ("x", ResellerCustomer, Some(here("x")), Code::RuleBroken, "its own reseller"),
    ] {
        receiver.is_not_made(id, created(kind, reseller, ProfilePatch::default()), code, word);
    }
    assert!(!receiver.accounts.contains_key(&here("x")));
}

#[test]
fn its_external_id_tells_which_account_was_made_here() {
    let mut receiver = world();
    let made = receiver.make("new", ResellerCustomer, Some(key("r")), profile("Ada", "A1", "ada@example.org"));
    let say = Say::customer("4711", "r").external(made.external_id.as_str()).named("Ada Ltd");
    // Asking does nothing.
    let asked = receiver.call(say.clone().asked()).is(Outcome::Checked, Code::Done);
    assert_eq!(asked.result.as_deref(), Some(made.external_id.as_str()));
    assert_eq!(receiver.accounts[&here("new")], made);
    let told = receiver.call(say.clone()).applied();
    assert_eq!(told.result.as_deref(), Some(made.external_id.as_str()));
    assert!(told.trace.contains("made here as local new, the same by its ExternalID"), "{}", told.trace);
    assert!(!receiver.accounts.contains_key(&here("new")));
    let now = receiver.account("4711");
    assert_eq!((now.id, &now.external_id, now.profile.name.as_str()), (made.id, &made.external_id, "Ada Ltd"));
    // What the platform does not say stays, and so does the relation.
    assert_eq!(now.profile.code, "A1");
    assert_eq!(now.reseller.as_ref().map(|held| held.id), made.reseller.as_ref().map(|held| held.id));
    assert_eq!(receiver.history("4711").len(), 1);
    receiver.call(say).unchanged();
    // Its old name is not given away.
    receiver.is_not_made("new", created(DirectCustomer, None, profile("", "", "")), Code::Conflict, "as 4711 since");
}

#[test]
fn code_or_email_and_name_tell_where_the_vendor_wants_that() {
    use Likeness::{Code as ByCode, EmailAndName};
    let ada = || profile("Ada", "A1", "Ada@Example.org");
    for (rules, said, adopts) in [
        (&[][..], ada(), false),
        (&[ByCode], profile("Other", "A1", ""), true),
        (&[ByCode], profile("Ada", "a1", "Ada@Example.org"), false),
        (&[ByCode], profile("Ada", "", "Ada@Example.org"), false),
        (&[EmailAndName], profile("Ada", "", "ada@EXAMPLE.org"), true),
        (&[EmailAndName], profile("ada", "", "ada@example.org"), false),
        (&[EmailAndName], profile("", "A1", "ada@example.org"), false),
        (&[ByCode, EmailAndName], profile("Ada", "B2", "ada@example.org"), true),
        (&[ByCode, EmailAndName], profile("Ada", "A1", "ada@example.org"), true),
    ] {
        let mut receiver = Receiver::adopting(rules);
        let made = receiver.make("new", ResellerCustomer, Some(key("r")), ada());
        let told = receiver.call(Say::customer("4711", "r").saying(said.clone())).applied();
        let is_same = receiver.account("4711").id == made.id;
        assert_eq!(is_same, adopts, "{rules:?} {said:?}: {}", told.trace);
        assert_eq!(receiver.accounts.contains_key(&here("new")), !adopts);
        if adopts {
            assert_eq!(receiver.place("4711"), (ResellerCustomer, Some("r"), Some(Linked)));
            assert_eq!(receiver.history("4711").len(), 1);
            // Another one that is alike is another one.
            receiver.call(Say::customer("4712", "r").saying(said)).applied();
            assert_ne!(receiver.account("4712").id, made.id);
        }
    }
}

#[test]
fn nobody_guesses_between_several() {
    let mut receiver = Receiver::adopting(&[Likeness::Code, Likeness::EmailAndName]);
    let one = receiver.make("one", DirectCustomer, None, profile("Ada", "A1", "ada@example.org"));
    let two = receiver.make("two", DirectCustomer, None, profile("Ada", "A1", ""));
    receiver.make("three", DirectCustomer, None, profile("Eve", "", "eve@example.org"));
    let say = Say::user("4711").saying(profile("Ada", "A1", "ada@example.org"));
    let refused = receiver.call(say.clone()).refused(Code::Conflict);
    assert!(refused.message.contains(&format!("{}, {}", one.id, two.id)), "{}", refused.message);
    // The rules may name different ones.
    receiver.call(Say::user("4711").saying(profile("Eve", "A1", "eve@example.org"))).refused(Code::Conflict);
    assert!(!receiver.accounts.contains_key(&key("4711")));
    // Once there is one, it is that.
    applied(&receiver.acts_on(vec![(here("two"), What::Delete)])[0]);
    receiver.call(say).applied();
    assert_eq!(receiver.account("4711").id, one.id);
}

#[test]
fn a_refused_call_adopts_nobody() {
    let mut receiver = Receiver::adopting(&[Likeness::Code]);
    let made = receiver.make("new", ResellerCustomer, Some(key("r")), profile("Ada", "A1", ""));
    let shop = receiver.make("shop", Reseller, None, profile("Shop", "S1", ""));
    receiver.make("under", ResellerCustomer, Some(here("shop")), profile("Under", "", ""));
    let bad = Say::customer("4711", "r").saying(profile("", "A1", "")).options(&[("MPNID", text("none"))]);
    receiver.call(bad).refused(Code::InvalidOption);
    assert_eq!(receiver.accounts[&here("new")], made);
    // It still has customers.
    receiver.call(Say::user("4712").external(shop.external_id.as_str())).refused(Code::Conflict);
    assert_eq!(receiver.accounts[&here("shop")], shop);
    // Of another tenant, it is another one.
    receiver.call(Say::user("4711").saying(profile("", "A1", "")).tenant("other")).applied();
    assert_eq!(receiver.accounts[&here("new")], made);
}

#[test]
fn a_reseller_that_was_made_here_brings_its_customers_along() {
    let mut receiver = Receiver::adopting(&[Likeness::Code]);
    let shop = receiver.make("shop", Reseller, None, profile("Shop", "S1", ""));
    receiver.make("under", ResellerCustomer, Some(here("shop")), profile("Under", "U1", ""));
    // The platform's customers of it came first, and so did an operator.
    receiver.call(Say::customer("waiting", "77")).applied();
    assert_eq!(receiver.place("waiting"), (ResellerCustomer, Some("77"), Some(Pending)));
    applied(&receiver.acts_on(vec![(key("d"), What::Assign { reseller: Some(here("shop")) })])[0]);
    receiver.call(Say::reseller("77").saying(profile("Shop", "S1", ""))).applied();
    let now = receiver.account("77");
    assert_eq!(now.id, shop.id);
    assert_eq!(receiver.place("waiting"), (ResellerCustomer, Some("77"), Some(Linked)));
    let of = |account: &Account| account.reseller.as_ref().and_then(|held| held.reseller_account);
    assert_eq!(of(receiver.account("waiting")), Some(shop.id));
    assert_eq!(of(receiver.account("d")), Some(shop.id));
    // A customer of which the platform says nothing but that it is there stays with it.
    let under = receiver.accounts[&here("under")].external_id.to_string();
    receiver.call(Say::user("78").external(&under)).applied();
    assert_eq!(of(receiver.account("78")), Some(shop.id));
    assert_eq!(receiver.account("78").kind, ResellerCustomer);
}

#[test]
fn a_customer_that_comes_before_its_reseller_stays_with_it() {
    let mut receiver = world();
    let shop = receiver.make("shop", Reseller, None, profile("Shop", "", ""));
    let under = receiver.make("under", ResellerCustomer, Some(here("shop")), profile("Under", "", ""));
    let of = |account: &Account| account.reseller.as_ref().and_then(|held| held.reseller_account);
    // The customer first, then the reseller, then the customer again: the platform never names the one to the other.
    for say in [
        Say::user("78").external(under.external_id.as_str()),
        Say::reseller("77").external(shop.external_id.as_str()),
        Say::user("78").named("Under Ltd"),
    ] {
        receiver.call(say).applied();
        if receiver.accounts.contains_key(&key("78")) {
            assert_eq!(of(receiver.account("78")), Some(shop.id));
        }
    }
    assert_eq!(receiver.place("78"), (ResellerCustomer, Some("77"), Some(Linked)));
    assert_eq!(receiver.history("78").len(), 1);
}

#[test]
fn a_likeness_takes_nobody_away_from_a_reseller() {
    let mut receiver = Receiver::adopting(&[Likeness::Code]);
    let made = receiver.make("planted", ResellerCustomer, Some(key("r")), profile("Ada", "A1", ""));
    let shop = receiver.make("shop", Reseller, None, profile("Shop", "S1", ""));
    // Of another reseller, of nobody, and of whom the platform says nothing.
    for say in [Say::customer("1", "s"), Say::user("1"), Say::user("1").reseller_id(Said::Nothing)] {
        let refused = receiver.call(say.saying(profile("", "A1", ""))).refused(Code::Conflict);
        assert!(refused.message.contains("another reseller"), "{}", refused.message);
    }
    // A customer is no reseller, whatever its code is, and the other way round.
    for say in [Say::user("2").saying(profile("", "S1", "")), Say::reseller("2").saying(profile("", "A1", ""))] {
        let refused = receiver.call(say).refused(Code::Conflict);
        assert!(refused.message.contains("is a reseller and the other"), "{}", refused.message);
    }
    assert_eq!((&receiver.accounts[&here("planted")], &receiver.accounts[&here("shop")]), (&made, &shop));
    // Its ExternalID says it outright.
    receiver.call(Say::customer("1", "s").external(made.external_id.as_str())).applied();
    assert_eq!(receiver.place("1"), (ResellerCustomer, Some("s"), Some(Linked)));
    assert_eq!(receiver.history("1").len(), 2);
}

#[test]
fn what_an_operator_did_to_a_customer_of_a_reseller_made_here_is_undone() {
    let mut receiver = world();
    let shop = receiver.make("shop", Reseller, None, profile("Shop", "", ""));
    applied(&receiver.acts_on(vec![(key("c"), What::Assign { reseller: Some(here("shop")) })])[0]);
    let before = crate::domain::act::Before::of(receiver.account("c"));
    applied(&receiver.act("c", What::Assign { reseller: Some(key("s")) }));
    applied(&receiver.act("c", What::Restore(Box::new(before))));
    assert_eq!(receiver.place("c"), (ResellerCustomer, Some("shop"), Some(Linked)));
    assert_eq!(receiver.account("c").reseller.as_ref().and_then(|held| held.reseller_account), Some(shop.id));
}
