//! Synchronization options: a whole set, judged on the result, each with its JSON type.

use serde_json::json;
use tiersync::domain::options::OptionValue;

use super::*;

/// The MPN ID as a required option.
fn required() -> String {
    MPNID.replace("partner_id = true", "partner_id = true\nrequired = true")
}

#[test]
fn an_object_is_the_whole_set() {
    on_each("", |app| {
        let send = |options: Value| {
            done(app, &json!({"ID": "1", "Role": "User", "SyncOptions": options}));
            let options = account(app, "1").options;
            options.iter().map(|(id, value)| (id.clone(), value.clone())).collect::<Vec<_>>()
        };
        let text = |id: &str, value: &str| (id.to_owned(), OptionValue::Text(value.to_owned()));
        assert_eq!(send(json!({"A": "1", "B": "2"})), [text("A", "1"), text("B", "2")]);
        assert_eq!(send(Value::Null), [text("A", "1"), text("B", "2")]);
        done(app, &json!({"ID": "1", "Role": "User"}));
        assert_eq!(account(app, "1").options.len(), 2);
        assert_eq!(send(json!({"B": "3"})), [text("B", "3")]);
        assert_eq!(send(json!({})), []);
    });
}

#[test]
fn values_keep_their_type() {
    on_each("", |app| {
        let options = json!({"B": true, "L": ["a", 2], "N": 3_456_890, "T": "3456890"});
        done(app, &json!({"ID": "1", "Role": "User", "SyncOptions": options}));
        let number = |number: &str| OptionValue::Number(number.to_owned());
        let text = |text: &str| OptionValue::Text(text.to_owned());
        let stored = account(app, "1").options;
        for (id, value) in [
            ("B", OptionValue::Bool(true)),
            ("L", OptionValue::List(vec![text("a"), number("2")])),
            ("N", number("3456890")),
            ("T", text("3456890")),
        ] {
            assert_eq!(stored.get(id), Some(&value), "{id}");
        }
        done(app, &json!({"ID": "1", "Role": "User", "SyncOptions": {"N": "3456890"}}));
        assert_eq!((came_to(app), account(app, "1").options.get("N")), (("applied", 0), Some(&text("3456890"))));
    });
}

#[test]
fn a_required_option_is_judged_on_the_result() {
    for backend in backends() {
        let app = &TestApp::with(backend, &config("", &required()));
        let customer = |options: Value| json!({"ID": "c", "Role": "User", "ResellerID": "r", "SyncOptions": options});
        let reply = refused(app, 1003, &customer(Value::Null));
        assert!(reply.message().contains("MPNID"), "{}", reply.body);
        done(app, &customer(json!({"MPNID": 3_456_890})));
        done(app, &customer(Value::Null));
        for missing in [json!({}), json!({"Other": 1}), json!({"MPNID": ""}), json!({"MPNID": null})] {
            refused(app, 1003, &customer(missing));
        }
        assert_eq!(account(app, "c").options.len(), 1);
        // It applies to end customers only.
        done(app, &json!({"ID": "d", "Role": "User"}));
    }
}

#[test]
fn a_number_satisfies_text_and_its_pattern() {
    on_each("", |app| {
        let customer =
            |value: Value| json!({"ID": "c", "Role": "User", "ResellerID": "r", "SyncOptions": {"MPNID": value}});
        done(app, &customer(json!(3_456_890)));
        for wrong in [json!(12), json!("12"), json!(3_456_890.5), json!(true), json!(["3456890"])] {
            let reply = refused(app, 1003, &customer(wrong));
            assert!(reply.message().contains("MPNID"), "{}", reply.body);
        }
    });
}

#[test]
fn a_number_and_its_text_name_one_partner() {
    on_each("", |app| {
        let customer = |options: Value| json!({"ID": "c", "Role": "User", "ResellerID": "r", "SyncOptions": options});
        done(app, &customer(json!({"MPNID": 3_456_890})));
        let first = account(app, "c").partner.unwrap();
        assert_eq!(first.partner_id.as_deref(), Some("3456890"));
        done(app, &customer(json!({"MPNID": "3456890"})));
        assert_eq!(account(app, "c").partner.as_ref(), Some(&first));
        done(app, &customer(json!({"MPNID": "7777777"})));
        done(app, &customer(json!({})));
        assert_eq!(account(app, "c").partner, None);
        let rows = history(app, "c");
        let closed: Vec<_> = rows
            .iter()
            .filter(|relation| relation.axis.as_str() == "partner")
            .map(|relation| (relation.partner_id.as_deref(), relation.closing.map(|closing| closing.cause.as_str())))
            .collect();
        assert_eq!(closed, [(Some("3456890"), Some("sync")), (Some("7777777"), Some("sync"))]);
        // The reseller's relation is another axis: it is open all the while.
        assert_eq!(place(app, "c").2, Some("pending"));
    });
}
