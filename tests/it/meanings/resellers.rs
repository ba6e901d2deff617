//! Which reseller a customer has: found by its names, waited for, linked when it comes.

use serde_json::json;

use super::*;

fn found_by(app: &TestApp, id: &str) -> Option<&'static str> {
    account(app, id).reseller.and_then(|relation| relation.found_by).map(|found_by| found_by.as_str())
}

fn customer(id: &str, reseller: &str, external_id: &str) -> Value {
    json!({"ID": id, "Role": "User", "ResellerID": reseller, "ResellerExternalID": external_id})
}

#[test]
fn either_name_finds_the_reseller_and_which_one_is_recorded() {
    on_each("", |app| {
        let external_id = done(app, &json!({"ID": "r", "Role": "Reseller"}));
        let other = done(app, &json!({"ID": "s", "Role": "Reseller"}));
        for (id, reseller, external_id, by) in [
            ("1", "r", external_id.as_str(), "both"),
            ("2", "r", "", "platform_id"),
            ("3", "r", "unknown", "platform_id"),
            ("4", "unknown", external_id.as_str(), "external_id"),
        ] {
            done(app, &customer(id, reseller, external_id));
            let linked = account(app, id).reseller.unwrap();
            assert_eq!(linked.reseller_account, Some(account(app, "r").id), "{id}");
            assert_eq!((linked.state.as_str(), found_by(app, id)), ("linked", Some(by)), "{id}");
        }
        refused(app, 1004, &customer("5", "r", &other));
        assert!(all_named(app, "5").is_empty());
    });
}

#[test]
fn a_deleted_reseller_is_a_conflict() {
    on_each("", |app| {
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"r"}"#).send(app).code(), 0);
        refused(app, 1004, &customer("c", "r", ""));
    });
}

#[test]
fn a_reseller_with_customers_stays_a_reseller() {
    on_each("", |app| {
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        done(app, &customer("c", "r", ""));
        refused(app, 1004, &json!({"ID": "r", "Role": "User"}));
        let delete = Call::post("Accounts/Delete", r#"{"ID":"r"}"#).send(app);
        assert_eq!((delete.status, delete.code()), (200, 1004));
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"c"}"#).send(app).code(), 0);
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"r"}"#).send(app).code(), 0);
        assert_eq!(account(app, "r").status.as_str(), "deleted");
    });
}

#[test]
fn who_waits_is_linked_in_the_commit_in_which_the_reseller_comes() {
    on_each("", |app| {
        let elsewhere = TestApp::start(Backend::Sqlite);
        let external_id = done(&elsewhere, &json!({"ID": "r", "Role": "Reseller"}));
        done(app, &customer("1", "r", ""));
        done(app, &customer("2", "r", &external_id));
        done(app, &customer("3", "x", &external_id));
        done(app, &customer("4", "other", ""));
        for id in ["1", "2", "3", "4"] {
            assert_eq!((place(app, id).2, found_by(app, id)), (Some("pending"), None), "{id}");
        }
        assert_eq!(done(app, &json!({"ID": "r", "Role": "Reseller"})), external_id);
        let came = last(app);
        for (id, by) in [("1", "platform_id"), ("2", "both"), ("3", "external_id")] {
            assert_eq!((place(app, id).2, found_by(app, id)), (Some("linked"), Some(by)), "{id}");
            let relation = account(app, id).reseller.unwrap();
            assert_eq!((relation.linked_at, relation.closing), (Some(came.received_at), None), "{id}");
            assert_eq!(relation.reseller_account, came.account, "{id}");
        }
        assert_eq!(place(app, "4").2, Some("pending"));
        assert_eq!(history(app, "1").len(), 1);
    });
}

#[test]
fn an_account_that_becomes_a_reseller_comes_too() {
    on_each("", |app| {
        done(app, &json!({"ID": "r", "Role": "User"}));
        done(app, &customer("c", "r", ""));
        assert_eq!(place(app, "c").2, Some("pending"));
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        assert_eq!(place(app, "c").2, Some("linked"));
    });
}

#[test]
fn without_reseller_support_customers_are_unprovisioned() {
    on_each("reseller_support = false", |app| {
        done(app, &customer("c", "r", ""));
        assert_eq!(place(app, "c"), (AccountKind::ResellerCustomer, Some("r".to_owned()), Some("unprovisioned")));
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        assert_eq!(place(app, "c").2, Some("linked"));
    });
}
