//! Reported and held: what an operator did holds until the platform reports something else than it had reported then.

use diesel::prelude::*;
use serde_json::json;
use tiersync::store::schema::{accounts, relations};

use super::*;

fn customer(reseller: &str) -> Value {
    json!({"ID": "c", "Role": "User", "ResellerID": reseller})
}

fn hold(app: &TestApp, id: &str) -> Option<&'static str> {
    account(app, id).hold.map(|hold| hold.as_str())
}

/// An operator moves the customer `c` from the reseller `r`, with which it is reported, to `s`.
fn moved(app: &TestApp) {
    for id in ["r", "s", "t"] {
        done(app, &json!({"ID": id, "Role": "Reseller"}));
    }
    done(app, &customer("r"));
    let (held, reseller) = (account(app, "c"), account(app, "s").id.0);
    let database = &mut app.database();
    diesel::update(accounts::table.filter(accounts::id.eq(held.id.0)))
        .set(accounts::hold.eq("operator"))
        .execute(database)
        .unwrap();
    diesel::update(relations::table.filter(relations::id.eq(held.reseller.unwrap().id.0)))
        .set((relations::reseller_platform_id.eq("s"), relations::reseller_account_id.eq(reseller)))
        .execute(database)
        .unwrap();
}

fn linked_to(app: &TestApp, reseller: &str) -> bool {
    place(app, "c") == (AccountKind::ResellerCustomer, Some(reseller.to_owned()), Some("linked"))
}

#[test]
fn what_the_platform_repeats_is_drift_and_undoes_nothing() {
    on_each("", |app| {
        moved(app);
        done(app, &customer("r"));
        assert_eq!(came_to(app), ("unchanged", 0));
        assert!(last(app).trace.contains("drift"), "{}", last(app).trace);
        done(app, &json!({"ID": "c", "Role": "User", "ResellerID": "r", "Name": "New"}));
        assert!(linked_to(app, "s"));
        let account = account(app, "c");
        assert_eq!((hold(app, "c"), account.profile.name.as_str()), (Some("operator"), "New"));
        assert_eq!(account.reported.unwrap().reseller.unwrap().as_str(), "r");
    });
}

#[test]
fn agreement_ends_the_hold() {
    on_each("", |app| {
        moved(app);
        done(app, &customer("s"));
        assert!(linked_to(app, "s"));
        assert_eq!((hold(app, "c"), history(app, "c").len()), (None, 1));
        // From now on the platform's word counts again, even the old one.
        done(app, &customer("r"));
        assert!(linked_to(app, "r"));
    });
}

#[test]
fn a_third_report_holds() {
    on_each("", |app| {
        moved(app);
        done(app, &customer("t"));
        assert!(linked_to(app, "t"));
        assert_eq!((hold(app, "c"), history(app, "c").len()), (None, 2));
    });
}

#[test]
fn none_is_a_report_like_any_other() {
    on_each("", |app| {
        moved(app);
        done(app, &customer(""));
        assert_eq!(place(app, "c"), (AccountKind::DirectCustomer, None, None));
        assert_eq!(hold(app, "c"), None);
    });
}

#[test]
fn a_promotion_holds_until_the_platform_says_so_too() {
    on_each("", |app| {
        let user = json!({"ID": "p", "Role": "User"});
        done(app, &user);
        diesel::update(accounts::table.filter(accounts::platform_id.eq("p")))
            .set((accounts::hold.eq("operator"), accounts::kind.eq("reseller")))
            .execute(&mut app.database())
            .unwrap();
        done(app, &user);
        assert_eq!((account(app, "p").kind, hold(app, "p")), (AccountKind::Reseller, Some("operator")));
        done(app, &customer("p"));
        assert!(linked_to(app, "p"));
        done(app, &json!({"ID": "p", "Role": "Reseller"}));
        assert_eq!((account(app, "p").kind, hold(app, "p")), (AccountKind::Reseller, None));
    });
}
