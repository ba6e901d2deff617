//! Absent and null leave a field as it is, empty text clears it.

use serde_json::json;

use super::*;

#[test]
fn absent_and_null_leave_and_empty_clears() {
    on_each("", |app| {
        let full = json!({
            "ID": "1", "Role": "User", "Name": "Company", "Code": "C1", "Email": "a@example.com", "Phone": 30_210,
            "WebSite": "https://example.com", "IsTest": true, "ExtraDetails": {"k": 1},
            "ContactDetails": {"FirstName": "Ann", "Email": "ann@example.com"},
            "Address": {"City": "Athens", "Country": {"Code": "GR", "Name": "Greece"}},
        });
        done(app, &full);
        let before = account(app, "1").profile;
        assert_eq!((before.name.as_str(), before.phone.as_str()), ("Company", "30210"));
        assert_eq!((before.contact.first_name.as_str(), before.address.country_code.as_str()), ("Ann", "GR"));
        for silent in [
            json!({"ID": "1", "Role": "User"}),
            json!({
                "ID": "1", "Role": "User", "Name": null, "Code": null, "Email": null, "Phone": null, "WebSite": null,
                "IsTest": null, "ExtraDetails": null, "ContactDetails": null, "Address": {"City": null, "Country": null},
            }),
        ] {
            done(app, &silent);
            assert_eq!(came_to(app), ("unchanged", 0));
            assert_eq!(account(app, "1").profile, before);
        }
        done(app, &json!({"ID": "1", "Role": "User", "Name": "", "ContactDetails": {"Email": ""}, "ExtraDetails": {}}));
        let after = account(app, "1").profile;
        assert_eq!((after.name.as_str(), after.contact.email.as_str(), after.extra_details.as_str()), ("", "", ""));
        assert_eq!((after.contact.first_name.as_str(), after.address.city.as_str()), ("Ann", "Athens"));
    });
}

#[test]
fn a_known_end_customer_keeps_its_relation_unless_none_is_said() {
    on_each("", |app| {
        done(app, &json!({"ID": "r", "Role": "Reseller"}));
        let linked = (AccountKind::ResellerCustomer, Some("r".to_owned()), Some("linked"));
        for none in [json!(null), json!(""), json!("  ")] {
            done(app, &json!({"ID": "c", "Role": "User", "ResellerID": "r"}));
            assert_eq!(place(app, "c"), linked);
            done(app, &json!({"ID": "c", "Role": "User", "Name": "New"}));
            assert_eq!(place(app, "c"), linked);
            done(app, &json!({"ID": "c", "Role": "User", "ResellerID": none}));
            assert_eq!(place(app, "c"), (AccountKind::DirectCustomer, None, None), "{none}");
        }
        // Absence on a new account says "none".
        done(app, &json!({"ID": "d", "Role": "User"}));
        assert_eq!(place(app, "d"), (AccountKind::DirectCustomer, None, None));
    });
}

#[test]
fn unknown_fields_are_kept_in_the_body() {
    on_each("", |app| {
        let body = r#"{"ID":"1", "Role":"User", "Loyalty":{"Tier":"gold"}, "x":[1,2.50]}"#;
        assert_eq!(app.synchronize(body).code(), 0);
        assert_eq!(body_of(app, &last(app)).as_deref(), Some(body));
    });
}
