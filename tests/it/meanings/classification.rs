//! Classification: what an account is, and the rule that said so.

use serde_json::json;

use super::*;

#[test]
fn kind_and_rule_are_stored_with_the_delivery() {
    on_each("", |app| {
        for (body, kind, rule) in [
            (json!({"ID": "1", "Role": "Reseller"}), "reseller", "reseller_without_reseller_id"),
            (json!({"ID": "2", "Role": " RESELLER ", "ResellerID": "2"}), "reseller", "reseller_of_itself"),
            (json!({"ID": "3", "Role": "user", "ResellerID": ""}), "direct_customer", "user_without_reseller_id"),
            (json!({"ID": "4", "Role": "User", "ResellerID": 4}), "direct_customer", "user_of_itself"),
            (json!({"ID": "5", "Role": "User", "ResellerID": "1"}), "reseller_customer", "user_of_reseller"),
        ] {
            done(app, &body);
            let delivery = last(app);
            assert_eq!(delivery.kind.map(|kind| kind.as_str()), Some(kind), "{body}");
            assert_eq!(delivery.rule.as_deref(), Some(rule), "{body}");
            let id = delivery.platform_id.unwrap();
            assert_eq!(account(app, &id).kind.as_str(), kind);
            assert_eq!(account(app, &id).reported.unwrap().kind.as_str(), kind);
        }
    });
}

#[test]
fn what_nobody_describes_is_quarantined() {
    on_each("", |app| {
        for body in [
            json!({"ID": "1", "Role": "Reseller", "ResellerID": "2"}),
            json!({"ID": "1", "Role": "Admin"}),
            json!({"ID": "1", "ResellerID": null}),
            json!({"ID": "1", "Role": "  "}),
        ] {
            refused(app, 1002, &body);
            assert_eq!((last(app).kind, last(app).rule, last(app).account), (None, None, None));
            assert_eq!(body_of(app, &last(app)), Some(body.to_string()));
        }
        assert!(all_named(app, "1").is_empty());
    });
}

#[test]
fn the_older_dialect_without_role_is_taken_where_the_source_says_so() {
    on_each("missing_role = \"user\"", |app| {
        done(app, &json!({"ID": "1", "ResellerID": null}));
        assert_eq!(place(app, "1"), (AccountKind::DirectCustomer, None, None));
        assert!(last(app).trace.contains("missing_role"));
        done(app, &json!({"ID": "2", "Role": null, "ResellerID": "9"}));
        assert_eq!(place(app, "2"), (AccountKind::ResellerCustomer, Some("9".to_owned()), Some("pending")));
    });
}
