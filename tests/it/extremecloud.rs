//! The ExtremeCloud dialect: the guide's own request and answer, exact lists, refusals, what is seen.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::moves_guide::{did, sells, service, text};
use crate::v1::{all, column, get, id, operator, problem, send};

/// The guide's request, byte for byte, and its answer.
pub const REQUEST: &str = include_str!("../payloads/extremecloud/put-partner.json");
const ANSWER: &str = include_str!("../payloads/extremecloud/put-partner-answer.json");

pub const PARTNER: &str = "MspPartner-tenantid-YLp4lKdq8n6nQNXf";
pub const TENANT: &str = "MspEndCustomer-tenantid-TaLDGFSpg7Vgxt7H";

/// What the dialect is configured with.
pub const CLOUD: &str = "[extremecloud]\nsource = \"eu\"\nmsp_id = \"Msp-tenantid-Nc5YXfsVtOKdMmsj\"\n";

pub fn app(backend: Backend) -> (TestApp, String) {
    let app = TestApp::with(backend, &config("", CLOUD));
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    (app, token)
}

/// A call with the guide's headers.
pub fn guides(token: &str, method: &str, path: &str, body: &str) -> Call {
    Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("content-type", "application/json ;charset=UTF-8")
        .header("accept", "application/json, text/plain, */*")
        .body(body)
}

pub fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: &Value) -> Reply {
    guides(token, method, path, &body.to_string()).send(app)
}

/// A GET that is answered as this dialect answers.
#[track_caller]
pub fn shown(app: &TestApp, token: &str, path: &str) -> Value {
    let reply = get(app, token, path);
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json;charset=UTF-8")),
        "{}",
        reply.body
    );
    reply.json()
}

#[track_caller]
pub fn put(app: &TestApp, token: &str, partner: &str, tenants: &[&str]) -> Value {
    let reply =
        ask(app, token, "PUT", &format!("/msppartners/{partner}"), &json!({"accountName": "P", "tenants": tenants}));
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

/// The ID under which a tenant of this name is shown.
#[track_caller]
pub fn tenant(app: &TestApp, token: &str, name: &str) -> String {
    text(&shown(app, token, "/msptenants/nametoidmap")[name])
}

/// The IDs under which partners are shown, by name.
pub fn partner(app: &TestApp, token: &str, name: &str) -> Value {
    let all = shown(app, token, "/msppartners");
    let found = all.as_array().unwrap().iter().find(|one| one["accountName"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all}")).clone()
}

/// Who a customer's reseller is, by platform ID.
pub fn reseller_of(app: &TestApp, token: &str, customer: &str) -> Value {
    get(app, token, &format!("/accounts/{}", id(app, customer))).json()["reseller"]["platform_id"].clone()
}

/// Two partners, 10 with 11 and 12, 20 with 21, and 31 that is nobody's.
fn world(backend: Backend) -> (TestApp, String) {
    let (app, token) = app(backend);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Harbour"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Bakery"}),
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Butcher"}),
        json!({"ID": "21", "Role": "User", "ResellerID": "20", "Name": "Florist"}),
        json!({"ID": "31", "Role": "User", "Name": "Carpenter"}),
    ] {
        send(&app, &body);
    }
    (app, token)
}

fn seed(backend: Backend) {
    let (app, token) = app(backend);
    send(&app, &json!({"ID": PARTNER, "Role": "Reseller", "Name": "another name"}));
    send(&app, &json!({"ID": TENANT, "Role": "User", "Name": "msp-customer-01"}));
    // The procedure's first two steps find both IDs.
    assert_eq!(shown(&app, &token, "/msptenants/nametoidmap"), json!({"msp-customer-01": TENANT}));
    let partners = shown(&app, &token, "/msppartners");
    assert_eq!((&partners[0]["custId"], &partners[0]["tenants"]), (&json!(PARTNER), &json!([])));
    let put = || guides(&token, "PUT", &format!("/msppartners/{PARTNER}"), REQUEST).send(&app);
    let reply = put();
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/json;charset=UTF-8")),
        "{}",
        reply.body
    );
    // The same members in the same order, whatever the white space.
    let tight: String = ANSWER.split_whitespace().collect();
    assert_eq!(reply.body, tight);
    assert_eq!(reseller_of(&app, &token, TENANT), PARTNER);
    let account = get(&app, &token, &format!("/accounts/{}", id(&app, PARTNER))).json();
    assert_eq!((&account["name"], &account["email"]), (&json!("msp-partner-01"), &json!("msp-partner-01@test.com")));
    let contact = &account["contact"];
    assert_eq!((&contact["first_name"], &contact["phone"]), (&json!("msp-partner-01"), &json!("22222222")));
    // What is shown is what may be sent again; the partner is told apart by its own ID then.
    let again = shown(&app, &token, &format!("/msppartners/{PARTNER}"));
    assert_eq!(again["custId"], PARTNER);
    let told = all(&app, &token, "/changes", 100).len();
    let same = ask(&app, &token, "PUT", &format!("/msppartners/{PARTNER}"), &again);
    assert_eq!((same.status, same.body.as_str(), put().body), (200, tight.as_str(), tight.clone()));
    assert_eq!(all(&app, &token, "/changes", 100).len(), told, "the same again changes nothing");
    // History, feed and audit trail tell of it, and hold it against the platform.
    let history = all(&app, &token, &format!("/accounts/{}/history", id(&app, TENANT)), 50);
    let relation = &history.iter().find(|one| one["type"] == "relation").unwrap()["relation"];
    assert_eq!(
        (&relation["reseller"]["platform_id"], &relation["cause"]),
        (&json!(PARTNER), &json!("move")),
        "{relation}"
    );
    let feed = column(&all(&app, &token, "/changes", 100), "kind");
    assert!(feed.contains(&"relation.opened".to_owned()), "{feed:?}");
    let audit = all(&app, &token, "/audit?action=msppartners.put", 50);
    assert_eq!((audit.len(), &audit[0]["subject"]), (1, &json!(id(&app, PARTNER))));
    assert!(!audit[0].to_string().contains("msp-partner-01"), "{}", audit[0]);
    send(&app, &json!({"ID": TENANT, "Role": "User", "Name": "msp-customer-01"}));
    assert_eq!(reseller_of(&app, &token, TENANT), PARTNER, "the platform says what it said before");
}

#[test]
fn the_guides_request_works_byte_for_byte() {
    backends().into_iter().for_each(seed);
}

fn exact(backend: Backend) {
    let (app, token) = world(backend);
    let north = text(&partner(&app, &token, "Northwind")["custId"]);
    let [bakery, florist, carpenter] = ["Bakery", "Florist", "Carpenter"].map(|name| tenant(&app, &token, name));
    // Butcher goes, Bakery stays, Florist comes from another partner, Carpenter from nobody. Twice is once.
    let told = put(&app, &token, &north, &[&bakery, &florist, &carpenter, &florist]);
    assert_eq!(told["tenants"], json!([bakery, florist, carpenter]));
    let of = |customer: &str| reseller_of(&app, &token, customer);
    assert_eq!([of("11"), of("12"), of("21"), of("31")], [json!("10"), Value::Null, json!("10"), json!("10")]);
    let butcher = get(&app, &token, &format!("/accounts/{}", id(&app, "12"))).json();
    assert_eq!(butcher["kind"], "direct_customer");
    assert_eq!(partner(&app, &token, "Harbour")["tenants"], json!([]));
    // Moves are kept as moves, in one commit: one line of the audit trail.
    assert_eq!(all(&app, &token, "/moves?state=done", 50).len(), 3);
    assert_eq!(all(&app, &token, "/audit?action=msppartners.put", 50)[0]["detail"]["tenants"], 3);
    // Null and absent leave the list, an empty one empties it.
    for body in [json!({"accountName": "P", "tenants": null}), json!({"accountName": "P"})] {
        assert_eq!(
            ask(&app, &token, "PUT", &format!("/msppartners/{north}"), &body).json()["tenants"],
            told["tenants"]
        );
    }
    assert_eq!(put(&app, &token, &north, &[])["tenants"], json!([]));
    assert_eq!([of("11"), of("21"), of("31")], [Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_list_becomes_the_exact_list() {
    backends().into_iter().for_each(exact);
}

fn refused(backend: Backend) {
    let (app, token) = world(backend);
    sells(&app, &token, "10", "OU=North", &[("Mail", "gold", &[])]);
    service(&app, &token, "11", "Mail", "gold", "");
    let [north, harbour] = ["Northwind", "Harbour"].map(|name| text(&partner(&app, &token, name)["custId"]));
    let [bakery, butcher] = ["Bakery", "Butcher"].map(|name| tenant(&app, &token, name));
    let path = format!("/msppartners/{harbour}");
    let before = all(&app, &token, "/accounts", 50);
    let body = |tenants: Value| json!({"accountName": "Another", "tenants": tenants});
    // Who is not there, is a partner, or has no ID of this kind.
    let stranger = "MspEndCustomer-tenantid-0000000000000000";
    let named = ask(&app, &token, "PUT", &path, &body(json!([butcher, stranger, north, "31", butcher])));
    problem(&named, 409, "conflict");
    let told = named.json()["tenants"].clone();
    let told: Vec<(&Value, &Value)> = told.as_array().unwrap().iter().map(|one| (&one["id"], &one["code"])).collect();
    assert_eq!(told, [(&json!(stranger), &json!(1005)), (&json!(north), &json!(1006)), (&json!("31"), &json!(1005))]);
    // Whom the rules of moves keep: Harbour does not sell Mail. Butcher would have come.
    let kept = ask(&app, &token, "PUT", &path, &body(json!([bakery, butcher])));
    problem(&kept, 409, "conflict");
    let tenants = kept.json()["tenants"].clone();
    assert_eq!(
        (tenants.as_array().unwrap().len(), &tenants[0]["id"], &tenants[0]["code"]),
        (1, &json!(bakery), &json!(1006))
    );
    assert!(tenants[0]["reason"].as_str().unwrap().contains("does not sell Mail"), "{tenants}");
    // Who cannot leave, since a move of it waits for the other side.
    let asks = operator(&app, "asks", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let other = get(&app, &token, &format!("/accounts/{}", id(&app, "20"))).json()["external_id"].clone();
    did(&app, &asks, "POST", "/moves", &json!({"customer": id(&app, "12"), "reseller": other}));
    let left = ask(&app, &token, "PUT", &format!("/msppartners/{north}"), &body(json!([bakery])));
    problem(&left, 409, "conflict");
    let tenants = left.json()["tenants"].clone();
    assert_eq!((tenants.as_array().unwrap().len(), &tenants[0]["id"]), (1, &json!(butcher)), "{tenants}");
    assert!(tenants[0]["reason"].as_str().unwrap().contains("waits for the other side"), "{tenants}");
    // Nothing of the three was done.
    assert_eq!(all(&app, &token, "/accounts", 50), before);
    assert_eq!(all(&app, &token, "/audit?action=msppartners.put", 50).len(), 0);
    // A tenant or nobody is no partner.
    for none in [bakery.as_str(), stranger, "10", "0-1", "x"] {
        problem(&ask(&app, &token, "PUT", &format!("/msppartners/{none}"), &body(json!([]))), 404, "not_found");
        problem(&get(&app, &token, &format!("/msppartners/{none}")), 404, "not_found");
    }
    problem(&get(&app, &token, &format!("/msptenants/{north}")), 404, "not_found");
    // Another custId than null, its own, or the provider's.
    let of = |cust_id: Value| ask(&app, &token, "PUT", &path, &json!({"accountName": "Harbour", "custId": cust_id}));
    for (cust_id, status) in [
        (json!(null), 200),
        (json!(harbour), 200),
        (json!("Msp-tenantid-Nc5YXfsVtOKdMmsj"), 200),
        (json!(north), 400),
        (json!("Msp-tenantid-0000000000000000"), 400),
        (json!(7), 400),
    ] {
        assert_eq!(of(cust_id.clone()).status, status, "{cust_id}");
    }
}

#[test]
fn what_is_in_the_way_refuses_the_whole_call_with_a_reason_for_each() {
    backends().into_iter().for_each(refused);
}

fn bounds(backend: Backend) {
    let toml = config(
        "tenant_setting = \"Organisation\"\nmissing_tenant = \"default\"",
        &format!("{}tenant = \"acme\"\n[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\n", CLOUD),
    );
    let app = TestApp::with(backend, &toml);
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    let of = |tenant: &str, body: &Value| {
        let call = Call::synchronize(body.to_string()).header("X-CloudPlatform-Setting-Organisation", tenant);
        assert_eq!(call.send(&app).code(), 0);
    };
    for (tenant, prefix) in [("acme", "a"), ("other", "o")] {
        of(tenant, &json!({"ID": format!("{prefix}10"), "Role": "Reseller", "Name": format!("{prefix} partner")}));
        of(
            tenant,
            &json!({"ID": format!("{prefix}11"), "Role": "User", "ResellerID": format!("{prefix}10"), "Name": format!("{prefix} tenant")}),
        );
    }
    of("acme", &json!({"ID": "gone", "Role": "User", "Name": "gone"}));
    let gone = Call::post("Accounts/Delete", r#"{"ID":"gone"}"#).header("X-CloudPlatform-Setting-Organisation", "acme");
    assert_eq!(gone.send(&app).code(), 0);
    let names = shown(&app, &token, "/msptenants/nametoidmap");
    assert_eq!(names.as_object().unwrap().keys().collect::<Vec<_>>(), ["a tenant"]);
    let partners = shown(&app, &token, "/msppartners");
    assert_eq!((partners.as_array().unwrap().len(), &partners[0]["accountName"]), (1, &json!("a partner")));
    assert_eq!(shown(&app, &token, "/msptenants").as_array().unwrap().len(), 1);
    // Foreign ones are as if they were not there, also by the ID that they would have.
    let hidden = tiersync::domain::msp::shown(
        tiersync::domain::ids::AccountId::parse(&id(&app, "o11")).unwrap(),
        tiersync::domain::account::AccountKind::ResellerCustomer,
        [],
    );
    let own = text(&partners[0]["custId"]);
    let reply =
        ask(&app, &token, "PUT", &format!("/msppartners/{own}"), &json!({"accountName": "P", "tenants": [hidden]}));
    problem(&reply, 409, "conflict");
    assert_eq!(reply.json()["tenants"][0]["code"], 1005);
    problem(&get(&app, &token, &format!("/msptenants/{hidden}")), 404, "not_found");
}

#[test]
fn only_accounts_within_the_bounds_are_seen() {
    backends().into_iter().for_each(bounds);
}

fn roles(backend: Backend) {
    let (app, token) = world(backend);
    let north = text(&partner(&app, &token, "Northwind")["custId"]);
    let own = operator(&app, "own", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    assert_eq!(shown(&app, &viewer, "/msppartners").as_array().unwrap().len(), 2);
    let seen = shown(&app, &own, "/msppartners");
    assert_eq!((seen.as_array().unwrap().len(), &seen[0]["custId"]), (1, &json!(north)));
    let names = shown(&app, &own, "/msptenants/nametoidmap");
    assert_eq!(names.as_object().unwrap().keys().collect::<Vec<_>>(), ["Bakery", "Butcher"]);
    let body = json!({"accountName": "P", "userId": "p@example.org"});
    for token in [&own, &viewer] {
        for (method, path) in [
            ("PUT", format!("/msppartners/{north}")),
            ("DELETE", format!("/msppartners/{north}")),
            ("POST", "/msppartners".to_owned()),
            ("POST", "/msptenants".to_owned()),
        ] {
            problem(&ask(&app, token, method, &path, &body), 403, "forbidden");
        }
    }
    problem(&Call::new("GET", "/v1/msppartners").send(&app), 401, "not_authenticated");
    problem(&ask(&app, &token, "PATCH", "/msppartners", &body), 405, "method_not_allowed");
    problem(&ask(&app, &token, "PUT", "/msptenants/x", &body), 405, "method_not_allowed");
    problem(&get(&app, &token, "/msppartners?limit=1"), 400, "bad_request");
}

#[test]
fn reading_is_scoped_and_writing_is_for_providers() {
    backends().into_iter().for_each(roles);
}

#[test]
fn without_its_section_the_dialect_says_so() {
    let app = TestApp::start(Backend::Sqlite);
    let token = operator(&app, "provider", Role::ProviderAdmin, &[], None);
    for (method, path) in [
        ("GET", "/msppartners"),
        ("GET", "/msptenants"),
        ("GET", "/msptenants/nametoidmap"),
        ("PUT", "/msppartners/x"),
        ("POST", "/msptenants"),
        ("DELETE", "/msppartners/x"),
    ] {
        let reply = ask(&app, &token, method, path, &json!({"accountName": "P", "userId": "p@example.org"}));
        problem(&reply, 404, "not_configured");
        assert!(reply.body.contains("[extremecloud]"), "{}", reply.body);
    }
}

#[test]
fn bodies_are_json_in_utf_8() {
    let (app, token) = app(Backend::Sqlite);
    let send = |content_type: &str| {
        let call = guides(&token, "POST", "/msptenants", r#"{"accountName":"T"}"#).without("content-type");
        call.header("content-type", content_type).send(&app)
    };
    for good in [
        "application/json",
        "application/json ;charset=UTF-8",
        "application/json; charset=\"utf-8\"",
        "Application/JSON;charset=utf8",
        "application/json; profile=x",
    ] {
        // It is read, and lacks the user ID.
        problem(&send(good), 400, "bad_request");
    }
    for (bad, code) in [
        ("application/json;charset=ISO-8859-1", "unsupported_media"),
        ("application/json; charset=utf-16", "unsupported_media"),
        ("text/plain", "not_json"),
        ("", "not_json"),
    ] {
        problem(&send(bad), 415, code);
    }
    let packed = guides(&token, "POST", "/msptenants", "x").header("content-encoding", "gzip").send(&app);
    problem(&packed, 415, "unsupported_media");
}

fn names(backend: Backend) {
    let (app, token) = app(backend);
    for (platform_id, name, code) in [
        ("1", "Twin", "a"),
        ("2", "Twin", "b"),
        ("3", "Same", "c"),
        ("4", "Same", "c"),
        ("5", "Bare", ""),
        ("6", "Bare", "d"),
        ("7", "Alone", "e"),
        ("8", "", ""),
        // Called as another one's key would be.
        ("9", "Twin (a)", ""),
    ] {
        send(&app, &json!({"ID": platform_id, "Role": "User", "Name": name, "Code": code}));
    }
    let names = shown(&app, &token, "/msptenants/nametoidmap");
    let id_of = |platform_id: &str| {
        let id = tiersync::domain::ids::AccountId::parse(&id(&app, platform_id)).unwrap();
        tiersync::domain::msp::shown(id, tiersync::domain::account::AccountKind::DirectCustomer, [])
    };
    let with = |name: &str, platform_id: &str| format!("{name} ({})", id_of(platform_id));
    let wanted = [
        (with("Twin", "1"), "1"),
        ("Twin (b)".to_owned(), "2"),
        (with("Same", "3"), "3"),
        (with("Same", "4"), "4"),
        (with("Bare", "5"), "5"),
        ("Bare (d)".to_owned(), "6"),
        ("Alone".to_owned(), "7"),
        (format!("({})", id_of("8")), "8"),
        (with("Twin (a)", "9"), "9"),
    ];
    let wanted: serde_json::Map<String, Value> =
        wanted.into_iter().map(|(name, platform_id)| (name, json!(id_of(platform_id)))).collect();
    assert_eq!(names, Value::Object(wanted));
}

#[test]
fn no_name_is_guessed() {
    backends().into_iter().for_each(names);
}
