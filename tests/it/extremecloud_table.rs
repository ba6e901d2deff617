//! The guide's table of attributes: the last good and the first bad value of each line, sent and shown again.

use serde_json::{Value, json};

use crate::extremecloud::{CLOUD, app, ask, partner, put, shown, tenant};
use crate::harness::{Backend, TestApp, backends, config};
use crate::moves_guide::{reseller_of, text, user};
use crate::v1::{get, id, operator, problem, send};

/// A body with one attribute set, by a path such as `mspContact.contactName`.
fn with(path: &str, value: &Value) -> Value {
    let mut body = json!({"accountName": "P", "userId": null, "tenants": null, "mspContact": {}});
    match path.split_once('.') {
        Some((outer, inner)) => body[outer][inner] = value.clone(),
        None => body[path] = value.clone(),
    }
    body
}

fn sized(local: usize, domain: usize) -> String {
    // Labels of a host name have 63 characters at most.
    let first = domain.min(40) - 4;
    let rest = domain - first - 4;
    let host = if rest == 0 { String::new() } else { format!(".{}", "e".repeat(rest - 1)) };
    format!("{}@{}{host}.com", "l".repeat(local), "d".repeat(first))
}

/// Attribute, last good value, what is shown of it, first bad value, and what is said of that.
fn lines() -> Vec<(&'static str, Value, Value, Value, &'static str)> {
    let long = |count: usize| json!("é".repeat(count));
    let right = |id: &str, serial: &str| json!([{"entitlementId": id, "serialNumber": serial}]);
    let same = |name, good: Value, bad: Value, why| (name, good.clone(), good, bad, why);
    let mail = |local: usize, domain: usize| json!(sized(local, domain));
    vec![
        same("accountName", json!("x"), json!(""), "accountName is empty"),
        same("accountName", long(64), long(65), "has 65 characters"),
        same("accountName", json!("any; of: them &"), Value::Null, "accountName is missing or null"),
        same("entitlements", right("E-1 (x)", "S"), right("E;1", "S"), "entitlements[0].entitlementId holds ';'"),
        same("entitlements", right("#!\"\\é", "S"), right("E:1", "S"), "entitlements[0].entitlementId holds ':'"),
        same("entitlements", right("E", "S/7"), right("E", "S&7"), "entitlements[0].serialNumber holds '&'"),
        same("entitlements", right("E", "x"), right("E", ""), "entitlements[0].serialNumber is empty"),
        same("entitlements", right(&"x".repeat(128), "S"), right(&"x".repeat(129), "S"), "has 129 characters"),
        ("entitlements", json!([]), json!([]), json!({}), "entitlements is no array"),
        same("country", json!("GR"), json!("XX"), "country is no country code"),
        ("country", json!("usa"), json!("US"), json!("United States"), "country is no country code"),
        same("mspContact.contactEmail", json!("a@b.co"), json!("a@b"), "mspContact.contactEmail is no e-mail address"),
        same("mspContact.contactEmail", mail(64, 60), mail(65, 60), "65 characters before the @ sign"),
        same("mspContact.contactName", json!("x"), json!(""), "mspContact.contactName is empty"),
        same("mspContact.contactName", long(128), long(129), "has 129 characters"),
        same("mspContact.contactName", json!("Zoë O'Hara (1)"), json!("A & B"), "contactName holds '&'"),
        same("mspContact.contactName", json!("A, B"), json!("A; B"), "contactName holds ';'"),
        same("mspContact.contactName", json!("A - B"), json!("A: B"), "contactName holds ':'"),
        same("mspContact.contactPhoneNumber", json!("any: text; &"), json!(22), "contactPhoneNumber is no text"),
        ("mspContact.contactPhoneNumber", json!(""), Value::Null, json!("x".repeat(4_097)), "has 4097 characters"),
        same("timeZone", json!("Europe/Athens"), json!("Europe/Atlantis"), "timeZone is no time zone"),
        ("timeZone", json!("america/new_york"), json!("America/New_York"), json!(""), "timeZone is empty"),
        same("userId", mail(63, 64), mail(64, 63), "64 characters before the @ sign; 63 are allowed"),
        same("userId", mail(62, 64), mail(62, 65), "65 characters behind the @ sign; 64 are allowed"),
        same("userId", json!("a+b'c@d.example"), json!("a&b@d.example"), "userId holds '&'"),
        same("userId", json!("a-b@d.example"), json!("a;b@d.example"), "userId holds ';'"),
        same("userId", json!("a_b@d.example"), json!("a:b@d.example"), "userId holds ':'"),
        same("userId", json!("e@d.example"), json!(""), "userId is empty"),
        same("userId", json!("f@d.example"), json!("administrator"), "userId is no e-mail address"),
        ("tenants", json!([]), json!([]), json!("x"), "tenants is no array"),
    ]
}

fn table(backend: Backend) {
    let (app, token) = app(backend);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    let north = text(&partner(&app, &token, "Northwind")["custId"]);
    let path = format!("/msppartners/{north}");
    for (name, good, told, bad, why) in lines() {
        let reply = ask(&app, &token, "PUT", &path, &with(name, &good));
        assert_eq!(reply.status, 200, "{name} {good}: {}", reply.body);
        let now = shown(&app, &token, &path);
        let now = name.split('.').fold(&now, |value, part| &value[part]);
        assert_eq!(*now, told, "{name}");
        let refused = ask(&app, &token, "PUT", &path, &with(name, &bad));
        problem(&refused, 400, "bad_request");
        assert!(refused.body.contains(&why.replace('"', "\\\"")), "{name} {bad}: {}", refused.body);
        let again = shown(&app, &token, &path);
        assert_eq!(
            *name.split('.').fold(&again, |value, part| &value[part]),
            told,
            "{name}: a refusal changes nothing"
        );
    }
    // Null keeps each of them but the name, as the guide's own request has it.
    let held = shown(&app, &token, &path);
    let nulls = json!({"accountName": held["accountName"], "mspContact": null, "country": null, "timeZone": null, "userId": null,
        "tenants": null, "entitlements": null});
    assert_eq!(ask(&app, &token, "PUT", &path, &nulls).status, 200);
    assert_eq!(shown(&app, &token, &path), held);
    // What is kept under other names is shown there, too.
    let account = id(&app, "10");
    assert_eq!(get(&app, &token, &format!("/accounts/{account}/profile")).json()["time_zone"], held["timeZone"]);
    assert_eq!(get(&app, &token, &format!("/accounts/{account}/logins")).json()["items"][0]["login"], held["userId"]);
    assert_eq!(get(&app, &token, &format!("/accounts/{account}")).json()["address"]["country_name"], "United States");
}

#[test]
fn each_line_takes_the_last_good_value_and_refuses_the_first_bad_one() {
    backends().into_iter().for_each(table);
}

fn made(backend: Backend) {
    let (app, token) = app(backend);
    let tenant_body = json!({"custId": null, "accountName": "T", "userId": "t@example.org", "country": "GRC", "timeZone": "Europe/Athens",
        "mspContact": {"contactEmail": "mail@example.org", "contactName": "Ann Smith", "contactPhoneNumber": "1"},
        "entitlements": [{"entitlementId": "E", "serialNumber": "S"}], "unheard": {"of": 1}});
    let reply = ask(&app, &token, "POST", "/msptenants", &tenant_body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.json();
    let tenant_id = text(&made["custId"]);
    assert!(tenant_id.starts_with("MspEndCustomer-tenantid-") && tenant_id.len() == 40, "{tenant_id}");
    assert_eq!(reply.header("location"), Some(&*format!("/v1/msptenants/{tenant_id}")));
    assert_eq!(
        made,
        json!({"custId": tenant_id, "id": null, "accountName": "T", "country": "GR", "timeZone": "Europe/Athens",
            "mspContact": {"custId": null, "id": null, "contactEmail": "mail@example.org", "contactName": "Ann Smith",
                "contactPhoneNumber": "1"},
            "userId": "t@example.org", "entitlements": [{"entitlementId": "E", "serialNumber": "S"}]})
    );
    assert_eq!(shown(&app, &token, &format!("/msptenants/{tenant_id}")), made);
    assert_eq!(shown(&app, &token, "/msptenants"), json!([made]));
    // It is an account as all others, made here.
    let account = get(&app, &token, &format!("/accounts/{}", id(&app, &tenant_id))).json();
    assert_eq!((&account["source"], &account["kind"]), (&json!("local"), &json!("direct_customer")));
    // A partner, with that tenant at once.
    let partner_body = json!({"accountName": "P", "userId": "p@example.org", "tenants": [tenant_id]});
    let reply = ask(&app, &token, "POST", "/msppartners", &partner_body);
    assert_eq!((reply.status, &reply.json()["tenants"]), (201, &json!([tenant_id])), "{}", reply.body);
    let partner_id = text(&reply.json()["custId"]);
    assert_eq!(reply.header("location"), Some(&*format!("/v1/msppartners/{partner_id}")));
    assert_eq!(reseller_of(&app, &token, &tenant_id), partner_id);
    // The user ID is required, and unique in any case, over partners, tenants and logins.
    for path in ["/msppartners", "/msptenants"] {
        for missing in [json!({"accountName": "X"}), json!({"accountName": "X", "userId": null})] {
            let refused = ask(&app, &token, "POST", path, &missing);
            problem(&refused, 400, "bad_request");
            assert!(refused.body.contains("userId is missing or null"), "{}", refused.body);
        }
        let taken = ask(&app, &token, "POST", path, &json!({"accountName": "X", "userId": "T@Example.ORG"}));
        problem(&taken, 409, "conflict");
        assert!(taken.body.contains("Another account has a login of this name"), "{}", taken.body);
        let foreign = json!({"accountName": "X", "userId": "x@example.org", "custId": partner_id});
        problem(&ask(&app, &token, "POST", path, &foreign), 400, "bad_request");
    }
    let logins = format!("/accounts/{}/logins", id(&app, &partner_id));
    problem(
        &crate::standing::write(&app, &token, "POST", &logins, &json!({"login": "t@EXAMPLE.org"})),
        409,
        "conflict",
    );
    assert_eq!(crate::standing::write(&app, &token, "POST", &logins, &json!({"login": "desk"})).status, 200);
    let desk = json!({"accountName": "P", "userId": "desk@example.org"});
    assert_eq!(ask(&app, &token, "PUT", &format!("/msppartners/{partner_id}"), &desk).status, 200);
    // What it was before is free again.
    assert_eq!(
        ask(&app, &token, "POST", "/msptenants", &json!({"accountName": "X", "userId": "p@example.org"})).status,
        201
    );
    // A partner goes once it has no tenants.
    let path = format!("/msppartners/{partner_id}");
    let kept = ask(&app, &token, "DELETE", &path, &json!({}));
    problem(&kept, 409, "conflict");
    assert!(kept.body.contains("still has customers"), "{}", kept.body);
    put(&app, &token, &partner_id, &[]);
    assert_eq!(ask(&app, &token, "DELETE", &path, &json!({})).status, 204);
    problem(&ask(&app, &token, "DELETE", &path, &json!({})), 404, "not_found");
    assert_eq!(shown(&app, &token, "/msppartners"), json!([]));
    let actions = crate::v1::column(&crate::v1::all(&app, &token, "/audit", 50), "action");
    for action in ["msppartners.create", "msppartners.put", "msppartners.delete", "msptenants.create"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
}

#[test]
fn partners_and_tenants_are_made_and_partners_deleted() {
    backends().into_iter().for_each(made);
}

fn refused_creation(backend: Backend) {
    let (app, token) = app(backend);
    send(&app, &json!({"ID": "11", "Role": "User", "Name": "Bakery"}));
    crate::moves_guide::service(&app, &token, "11", "Mail", "gold", "");
    let bakery = tenant(&app, &token, "Bakery");
    // The new partner sells nothing yet.
    let body = json!({"accountName": "P", "userId": "p@example.org", "tenants": [bakery]});
    let reply = ask(&app, &token, "POST", "/msppartners", &body);
    problem(&reply, 409, "conflict");
    assert_eq!(reply.json()["tenants"][0]["id"], json!(bakery), "{}", reply.body);
    assert_eq!(shown(&app, &token, "/msppartners"), json!([]), "nothing was made");
    // The user ID was not taken either.
    let body = json!({"accountName": "P", "userId": "p@example.org"});
    assert_eq!(ask(&app, &token, "POST", "/msppartners", &body).status, 201);
}

#[test]
fn a_partner_whose_tenants_cannot_come_is_not_made() {
    backends().into_iter().for_each(refused_creation);
}

fn rights(backend: Backend) {
    let (app, token) = app(backend);
    for (platform_id, name) in [("10", "Northwind"), ("20", "Harbour")] {
        send(&app, &json!({"ID": platform_id, "Role": "Reseller", "Name": name}));
    }
    let [north, harbour] = ["Northwind", "Harbour"].map(|name| text(&partner(&app, &token, name)["custId"]));
    let path = format!("/msppartners/{north}");
    let set = |list: Value| {
        let reply = ask(&app, &token, "PUT", &path, &json!({"accountName": "Northwind", "entitlements": list}));
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["entitlements"].clone()
    };
    let one = |id: &str, serial: &str| json!({"entitlementId": id, "serialNumber": serial});
    assert_eq!(set(json!([one("B", "1"), one("A", "2"), one("B", "1")])), json!([one("A", "2"), one("B", "1")]));
    let services = || {
        let listed = crate::v1::all(&app, &token, &format!("/accounts/{}/services", id(&app, "10")), 50);
        listed.into_iter().map(|one| (text(&one["id"]), text(&one["status"]))).collect::<Vec<_>>()
    };
    let first = services();
    assert_eq!(first.len(), 2);
    // One goes, one comes; what came back is the same service again.
    assert_eq!(set(json!([one("A", "2"), one("C", "3")])), json!([one("A", "2"), one("C", "3")]));
    assert_eq!(set(json!([])), json!([]));
    assert_eq!(set(json!([one("B", "1")])), json!([one("B", "1")]));
    let now = services();
    assert_eq!(now.len(), 3, "{now:?}");
    assert_eq!(now.iter().filter(|(_, status)| status == "active").count(), 1);
    assert!(first.iter().all(|(service, _)| now.iter().any(|(known, _)| known == service)), "{now:?}");
    // Other services of the kind are left alone.
    let other = json!({"kind": "entitlement", "name": "By hand", "attributes": {"entitlementId": "H", "seats": 5}});
    crate::moves_guide::did(&app, &token, "POST", &format!("/accounts/{}/services", id(&app, "10")), &other);
    assert_eq!(set(json!([])), json!([]));
    assert_eq!(services().iter().filter(|(_, status)| status == "active").count(), 1);
    // A tenant's go with it to a partner that sells nothing, and are provisioned for who has them.
    let body = json!({"accountName": "T", "userId": "t@example.org", "entitlements": [one("E", "S")]});
    let tenant_id = text(&ask(&app, &token, "POST", "/msptenants", &body).json()["custId"]);
    user(&app, &token, &tenant_id, "ann", &[]);
    assert_eq!(put(&app, &token, &harbour, &[&tenant_id])["tenants"], json!([tenant_id]));
    assert_eq!(shown(&app, &token, &format!("/msptenants/{tenant_id}"))["entitlements"], json!([one("E", "S")]));
}

#[test]
fn entitlements_are_an_exact_list_and_go_along_with_a_tenant() {
    backends().into_iter().for_each(rights);
}

fn ids(backend: Backend) {
    let (app, token) = app(backend);
    send(&app, &json!({"ID": "11", "Role": "User", "Name": "Bakery"}));
    let bakery = tenant(&app, &token, "Bakery");
    // A tenant that becomes a partner is found under both words, and shown under the new one.
    crate::moves_guide::did(
        &app,
        &token,
        "PATCH",
        &format!("/accounts/{}", id(&app, "11")),
        &json!({"kind": "reseller"}),
    );
    let now = text(&partner(&app, &token, "Bakery")["custId"]);
    assert_eq!(now, bakery.replace("MspEndCustomer", "MspPartner"));
    for name in [&bakery, &now] {
        assert_eq!(shown(&app, &token, &format!("/msppartners/{name}"))["custId"], json!(now));
    }
}

#[test]
fn both_forms_of_an_id_name_the_same_account() {
    backends().into_iter().for_each(ids);
}

#[test]
fn a_customer_made_here_that_another_source_s_reseller_has_is_not_seen() {
    let other =
        "[[source]]\nid = \"us\"\napplication_id = \"US\"\napi_keys = [\"another-key-of-the-tests-0123456789\"]\n";
    for backend in backends() {
        let app = TestApp::with(backend, &config("", &format!("{other}{CLOUD}")));
        let token = operator(&app, "provider", tiersync::domain::operator::Role::ProviderAdmin, &[], None);
        for name in ["T1", "T2"] {
            let body = json!({"accountName": name, "userId": format!("{name}@example.org")});
            assert_eq!(ask(&app, &token, "POST", "/msptenants", &body).status, 201);
        }
        let [first, second] = ["T1", "T2"].map(|name| tenant(&app, &token, name));
        // The other platform's reseller gets one of them.
        let call = crate::harness::Call::new("POST", "/s/us/api/Accounts/Synchronize")
            .header("X-CloudPlatform-ApplicationId", "US")
            .header("X-CloudPlatform-APIKey", "another-key-of-the-tests-0123456789")
            .body(r#"{"ID":"u10","Role":"Reseller","Name":"Overseas"}"#);
        assert_eq!(call.send(&app).code(), 0);
        let path = format!("/accounts/{}", id(&app, &first));
        crate::moves_guide::did(&app, &token, "PATCH", &path, &json!({"reseller": id(&app, "u10")}));
        assert_eq!(shown(&app, &token, "/msptenants/nametoidmap"), json!({"T2": second}));
        problem(&get(&app, &token, &format!("/msptenants/{first}")), 404, "not_found");
    }
}

fn adopted(backend: Backend) {
    let (app, token) = app(backend);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    let north = text(&partner(&app, &token, "Northwind")["custId"]);
    let body = json!({"accountName": "T", "userId": "t@example.org"});
    let tenant_id = text(&ask(&app, &token, "POST", "/msptenants", &body).json()["custId"]);
    let account = get(&app, &token, &format!("/accounts/{}", id(&app, &tenant_id))).json();
    put(&app, &token, &north, &[&tenant_id]);
    // The platform synchronizes it as its own.
    send(
        &app,
        &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "T", "ExternalID": account["external_id"]}),
    );
    let now = get(&app, &token, &format!("/accounts/{}", id(&app, "11"))).json();
    assert_eq!((&now["id"], &now["source"]), (&account["id"], &json!("eu")));
    assert_eq!(shown(&app, &token, "/msptenants/nametoidmap"), json!({"T": tenant_id}), "it keeps its ID");
    assert_eq!(shown(&app, &token, &format!("/msppartners/{north}"))["tenants"], json!([tenant_id]));
    assert_eq!(put(&app, &token, &north, &[])["tenants"], json!([]));
    assert_eq!(put(&app, &token, &north, &[&tenant_id])["tenants"], json!([tenant_id]));
    assert_eq!(reseller_of(&app, &token, "11"), "10");
}

#[test]
fn a_tenant_that_the_platform_adopts_keeps_its_id() {
    backends().into_iter().for_each(adopted);
}
