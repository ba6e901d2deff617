//! Identity: source, tenant and platform ID; and the ExternalID that stands for them.

use serde_json::json;

use super::*;

const TENANTS: &str = "tenant_setting = \"Organisation\"";

fn of_tenant(tenant: &str, body: &Value) -> Call {
    Call::synchronize(body.to_string()).header("X-CloudPlatform-Setting-Organisation", tenant)
}

#[test]
fn ids_are_trimmed_and_numbers_are_their_text() {
    on_each("", |app| {
        let result = done(app, &json!({"ID": " 1082733 ", "Role": "User", "Name": "A"}));
        assert_eq!(done(app, &json!({"ID": 1_082_733, "Role": "User", "Name": "B"})), result);
        assert_eq!(account(app, "1082733").profile.name, "B");
    });
}

#[test]
fn tenants_keep_accounts_apart() {
    on_each(TENANTS, |app| {
        let body = json!({"ID": "1", "Role": "User", "Name": "First"});
        let first = of_tenant("one", &body).send(app);
        let second = of_tenant("two", &json!({"ID": "1", "Role": "Reseller", "Name": "Second"})).send(app);
        assert_eq!((first.code(), second.code()), (0, 0));
        assert_ne!(first.result(), second.result());
        let found = all_named(app, "1");
        let shown: Vec<_> = found
            .iter()
            .map(|account| (account.key.scope.tenant.as_str(), account.profile.name.as_str(), account.kind.as_str()))
            .collect();
        assert_eq!(shown, [("one", "First", "direct_customer"), ("two", "Second", "reseller")]);
        // A reseller of one tenant is none of the other's.
        of_tenant("one", &json!({"ID": "c", "Role": "User", "ResellerID": "9"})).send(app);
        of_tenant("two", &json!({"ID": "9", "Role": "Reseller"})).send(app);
        assert_eq!(place(app, "c").2, Some("pending"));
        let of_two = json!({"ID": "d", "Role": "User", "ResellerID": "8", "ResellerExternalID": second.result()});
        of_tenant("one", &of_two).send(app);
        assert_eq!(place(app, "d").2, Some("pending"));
        // Whose is it, without the header?
        refused(app, 1001, &body);
        assert_eq!(last(app).tenant, "");
    });
}

#[test]
fn the_same_calls_give_the_same_external_ids_in_every_database() {
    let mut issued = Vec::new();
    for backend in [backends(), backends()].concat() {
        let app = TestApp::start(backend);
        let ids = ["1", "2", "3"].map(|id| done(&app, &json!({"ID": id, "Role": "Reseller"})));
        issued.push(ids);
    }
    assert!(issued.windows(2).all(|pair| pair[0] == pair[1]), "{issued:?}");
    // In another order, too: they follow from the IDs alone.
    let app = TestApp::start(Backend::Sqlite);
    let ids = ["3", "2", "1"].map(|id| done(&app, &json!({"ID": id, "Role": "User"})));
    assert_eq!([&ids[2], &ids[1], &ids[0]], issued[0].each_ref());
}

#[test]
fn the_external_id_is_pinned() {
    // A literal: it is what platforms hold for this account, and what every rebuilt database must issue again.
    on_each("", |app| {
        assert_eq!(done(app, &json!({"ID": "1082733", "Role": "User"})), "3c1932f9-a7bc-5410-99c7-be7cd985a658");
    });
}

#[test]
fn a_new_account_brings_its_external_id_if_nobody_has_it() {
    on_each("", |app| {
        assert_eq!(done(app, &json!({"ID": "1", "Role": "User", "ExternalID": "V-1"})), "V-1");
        refused(app, 1004, &json!({"ID": "2", "Role": "User", "ExternalID": "V-1"}));
        assert!(all_named(app, "2").is_empty());
        let issued = done(app, &json!({"ID": "2", "Role": "User", "ExternalID": ""}));
        assert_ne!(issued, "V-1");
        assert_eq!(account(app, "2").external_id.as_str(), issued);
    });
}

#[test]
fn a_taken_external_id_gets_a_suffix_that_is_counted_up() {
    on_each("", |app| {
        let elsewhere = TestApp::start(Backend::Sqlite);
        let plain = done(&elsewhere, &json!({"ID": "1", "Role": "User"}));
        done(app, &json!({"ID": "x", "Role": "User", "ExternalID": plain}));
        done(app, &json!({"ID": "y", "Role": "User", "ExternalID": format!("{plain}-2")}));
        assert_eq!(done(app, &json!({"ID": "1", "Role": "User"})), format!("{plain}-3"));
        assert_eq!(done(app, &json!({"ID": "1", "Role": "User", "Name": "N"})), format!("{plain}-3"));
    });
}

#[test]
fn another_external_id_on_a_known_account_is_reported_and_answered_with_ours() {
    on_each("", |app| {
        let ours = done(app, &json!({"ID": "1", "Role": "User"}));
        assert_eq!(done(app, &json!({"ID": "1", "Role": "User", "ExternalID": "theirs"})), ours);
        let known = account(app, "1");
        assert_eq!(known.external_id.as_str(), ours);
        assert_eq!(known.reported_external_id.map(|id| id.to_string()).as_deref(), Some("theirs"));
        assert!(last(app).trace.contains("ExternalID"));
        assert_eq!(done(app, &json!({"ID": "1", "Role": "User", "ExternalID": ours})), ours);
        assert_eq!(account(app, "1").reported_external_id, None);
    });
}
