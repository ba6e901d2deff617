//! What operators keep about accounts: settings, contacts, logins.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::feed::feed;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::standing::{patch, write};
use crate::v1::{all, column, get, id, operator, problem, send, world};

fn settings(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let customer = id(&app, "12");
    let path = format!("/accounts/{customer}/profile");
    let fresh = get(&app, &admin, &path);
    assert_eq!(
        fresh.json(),
        json!({"account": customer, "standing": "enabled", "label": "", "tags": [], "verification": "unverified",
            "sign_up_address": null, "price_list": "", "dns_options": true, "name_servers": [], "time_zone": ""})
    );
    let tag = fresh.header("etag").unwrap().to_owned();
    let wanted = json!({"label": " Blue brand ", "tags": ["vip", "VIP", "b"], "verification": "verified",
        "sign_up_address": "2001:DB8::1", "price_list": "Gold 2026", "dns_options": false,
        "name_servers": ["NS1.example.org.", "ns2.example.org", "ns1.example.org"], "time_zone": "europe/athens",
        "reason": "Checked"});
    let guarded = |tag: &str, body: &Value| {
        Call::new("PATCH", &format!("/v1{path}"))
            .header("Authorization", format!("Bearer {admin}"))
            .header("Content-Type", "application/json")
            .header("If-Match", tag)
            .body(body.to_string())
            .send(&app)
    };
    let set = guarded(&tag, &wanted);
    assert_eq!(set.status, 200, "{}", set.body);
    let shown = json!({"account": customer, "standing": "enabled", "label": "Blue brand", "tags": ["VIP", "b", "vip"],
        "verification": "verified", "sign_up_address": "2001:db8::1", "price_list": "Gold 2026", "dns_options": false,
        "name_servers": ["ns1.example.org", "ns2.example.org"], "time_zone": "Europe/Athens"});
    assert_eq!(set.json(), shown);
    let again = get(&app, &admin, &path);
    assert_eq!((again.json(), again.header("etag")), (shown.clone(), set.header("etag")));
    problem(&guarded(&tag, &json!({"label": "x"})), 412, "precondition_failed");
    let changed = get(&app, &admin, &path);
    let none = Call::new("GET", &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {admin}"))
        .header("If-None-Match", changed.header("etag").unwrap())
        .send(&app);
    assert_eq!(none.status, 304);
    // The same again changes nothing: no entry of the feed, none of the audit trail.
    let (told, revision) = (feed(&app, &admin).len(), get(&app, &admin, &format!("/accounts/{customer}")).json());
    assert_eq!(patch(&app, &admin, &path, &wanted).json(), shown);
    assert_eq!(feed(&app, &admin).len(), told);
    assert_eq!(get(&app, &admin, &format!("/accounts/{customer}")).json(), revision);
    assert_eq!(
        patch(&app, &admin, &path, &json!({"tag": ["new"], "untag": ["b", "never"]})).json()["tags"],
        json!(["VIP", "new", "vip"])
    );
    let cleared =
        patch(&app, &admin, &path, &json!({"label": "", "sign_up_address": "", "name_servers": [], "time_zone": ""}))
            .json();
    assert_eq!(
        (&cleared["label"], &cleared["sign_up_address"], &cleared["name_servers"], &cleared["time_zone"]),
        (&json!(""), &Value::Null, &json!([]), &json!(""))
    );
    assert_eq!(cleared["price_list"], "Gold 2026", "what is left out stays");
    for (body, told) in [
        (json!({}), "nothing is to be changed"),
        (json!({"label": "x".repeat(129)}), "label is longer"),
        (json!({"tags": ["a,b"]}), "A tag holds a comma"),
        (json!({"tag": [""]}), "A tag is empty"),
        (json!({"tags": (0..51).map(|at| at.to_string()).collect::<Vec<_>>()}), "50 tags at most"),
        (json!({"verification": "maybe"}), "verification is none of"),
        (json!({"sign_up_address": "example.org"}), "sign_up_address is no IP address"),
        (json!({"name_servers": ["ns_1.example.org"]}), "A name server is no host name"),
        (json!({"time_zone": "Athens"}), "time_zone is no time zone"),
        (json!({"price": "x"}), "unknown field"),
    ] {
        let reply = patch(&app, &admin, &path, &body);
        assert!(matches!(reply.status, 400 | 409) && reply.body.contains(told), "{body}: {}", reply.body);
    }
    // The feed and the audit trail tell names and no values.
    let entries: Vec<Value> = feed(&app, &admin).into_iter().skip(told - 1).map(|one| one["changed"].clone()).collect();
    let all_names = json!([
        "label",
        "tags",
        "verification",
        "sign_up_address",
        "price_list",
        "dns_options",
        "name_servers",
        "time_zone"
    ]);
    assert_eq!(entries, [all_names, json!(["tags"]), json!(["label", "sign_up_address", "name_servers", "time_zone"])]);
    let audit = all(&app, &admin, "/audit?action=accounts.set", 50);
    assert_eq!(audit.len(), 3);
    assert!(
        audit.iter().all(|one| one["subject"] == json!(customer) && !one.to_string().contains("Gold")),
        "{audit:?}"
    );
    assert_eq!(audit[2]["detail"]["reason"], "Checked");
    // Filters.
    let listed = |query: &str| column(&all(&app, &admin, &format!("/accounts?{query}"), 2), "platform_id");
    assert_eq!(
        (listed("tag=vip"), listed("tag=VIP"), listed("tag=Vip")),
        (vec!["12".into()], vec!["12".into()], vec![])
    );
    patch(
        &app,
        &admin,
        &format!("/accounts/{}/profile", id(&app, "41")),
        &json!({"label": "Blue brand", "tag": ["vip"]}),
    );
    assert_eq!(
        (listed("label=Blue%20brand"), listed("tag=vip")),
        (vec!["41".to_owned()], vec!["12".into(), "41".into()])
    );
    assert_eq!(listed("label=").len(), 7);
    assert_eq!(get(&app, &admin, "/accounts/count?tag=vip&label=Blue%20brand").json()["count"], 1);
    // What a platform says later leaves all of it alone.
    let before = get(&app, &admin, &path).json();
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Renamed"}));
    assert_eq!(get(&app, &admin, &path).json(), before);
}

#[test]
fn settings_are_set_shown_and_found() {
    backends().into_iter().for_each(settings);
}

fn delete(app: &TestApp, token: &str, path: &str, tag: Option<&str>) -> Reply {
    let call = Call::new("DELETE", &format!("/v1{path}")).header("Authorization", format!("Bearer {token}"));
    match tag {
        Some(tag) => call.header("If-Match", tag).send(app),
        None => call.send(app),
    }
}

fn contacts(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let customer = id(&app, "11");
    let path = format!("/accounts/{customer}/contacts");
    assert_eq!(get(&app, &admin, &path).json(), json!({"items": [], "next": null}));
    let body = json!({"handle": "MR1-EXAMPLE", "first_name": "Maria", "last_name": "Rossi", "email": "maria@x.example",
        "address": {"city": "Athens", "country_code": "GR"},
        "registries": {"EURid": {"lang": "el", "vat": 1.50}, "nominet": {}}});
    let added = write(&app, &admin, "POST", &path, &body);
    assert_eq!(added.status, 200, "{}", added.body);
    let card = added.json();
    assert_eq!(
        (&card["id"], &card["handle"], &card["address"]["city"]),
        (&json!("1"), &json!("MR1-EXAMPLE"), &json!("Athens"))
    );
    assert_eq!(card["registries"], json!({"eurid": {"lang": "el", "vat": 1.5}, "nominet": {}}));
    assert_eq!(card["phone"], "");
    let second = write(&app, &admin, "POST", &path, &json!({"organisation": "Rossi & Sons"})).json();
    assert_eq!(second["id"], "2");
    assert_eq!(column(get(&app, &admin, &path).json()["items"].as_array().unwrap(), "id"), ["1", "2"]);
    let one = get(&app, &admin, &format!("{path}/1"));
    assert_eq!((one.json(), one.header("etag")), (card.clone(), added.header("etag")));
    let changed = patch(
        &app,
        &admin,
        &format!("{path}/1"),
        &json!({"phone": "+30 210", "email": "", "registries": {"nominet": null, "denic": {"a": [1]}}}),
    );
    assert_eq!((&changed.json()["phone"], &changed.json()["email"]), (&json!("+30 210"), &json!("")));
    assert_eq!(changed.json()["registries"], json!({"denic": {"a": [1]}, "eurid": {"lang": "el", "vat": 1.5}}));
    let stale = added.header("etag").unwrap();
    problem(&delete(&app, &admin, &format!("{path}/1"), Some(stale)), 412, "precondition_failed");
    assert_eq!(delete(&app, &admin, &format!("{path}/1"), changed.header("etag")).status, 204);
    problem(&delete(&app, &admin, &format!("{path}/1"), None), 404, "not_found");
    problem(&get(&app, &admin, &format!("{path}/1")), 404, "not_found");
    assert_eq!(write(&app, &admin, "POST", &path, &json!({"handle": "x"})).json()["id"], "3");
    for (body, status) in [
        (json!({"phone": "1"}), 409),
        (json!({}), 409),
        (json!({"handle": "a\nb"}), 400),
        (json!({"handle": "x".repeat(257)}), 400),
        (json!({"handle": "x", "registries": {"a": []}}), 400),
        (json!({"handle": "x", "registries": {"a": "text"}}), 400),
        (json!({"handle": "x", "registries": {"a": {"b": "x".repeat(4_096)}}}), 400),
        (json!({"handle": "x", "registries": {"a": {}, "A": {}}}), 400),
        (json!({"nickname": "x"}), 400),
        (json!({"address": {"town": "x"}}), 400),
    ] {
        let reply = write(&app, &admin, "POST", &path, &body);
        assert_eq!(reply.status, status, "{body}: {}", reply.body);
    }
    for path in [format!("{path}/0"), format!("{path}/-1"), format!("{path}/x")] {
        problem(&patch(&app, &admin, &path, &json!({"handle": "x"})), 404, "not_found");
    }
    let told: Vec<Value> = feed(&app, &admin).into_iter().filter(|one| one["changed"] == json!(["contacts"])).collect();
    assert_eq!(told.len(), 5);
    let audit = all(&app, &admin, "/audit", 50);
    let actions: Vec<String> = column(&audit, "action");
    assert_eq!(actions, ["contacts.add", "contacts.remove", "contacts.set", "contacts.add", "contacts.add"]);
    assert_eq!(audit[2]["detail"], json!({"contact": 1, "fields": ["email", "phone", "registries"]}));
    assert!(!audit.iter().any(|one| one.to_string().contains("Rossi")));
}

#[test]
fn contacts_beyond_the_primary_one() {
    backends().into_iter().for_each(contacts);
}

fn logins(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let path = format!("/accounts/{}/logins", id(&app, "12"));
    let shown = || -> Vec<(String, String, bool)> {
        let list = get(&app, &admin, &path).json();
        let row = |one: &Value| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("id"), text("login"), one["may_sign_in"].as_bool().unwrap())
        };
        list["items"].as_array().unwrap().iter().map(row).collect()
    };
    let row = |id: &str, login: &str, may: bool| (id.to_owned(), login.to_owned(), may);
    assert_eq!(shown(), [row("0", "Maria@Florist.example", true)]);
    let off = patch(&app, &admin, &format!("{path}/0"), &json!({"may_sign_in": false}));
    assert_eq!(
        off.json(),
        json!({"id": "0", "login": "Maria@Florist.example", "follows_email": true, "may_sign_in": false})
    );
    // It follows what the platform says the address is.
    send(
        &app,
        &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist", "Email": "info@florist.example"}),
    );
    assert_eq!(shown(), [row("0", "info@florist.example", false)]);
    let added = write(&app, &admin, "POST", &path, &json!({"login": " florist-office "}));
    assert_eq!(
        (added.status, &added.json()["id"], &added.json()["login"]),
        (200, &json!("1"), &json!("florist-office"))
    );
    problem(&write(&app, &admin, "POST", &path, &json!({"login": "Florist-OFFICE"})), 409, "conflict");
    problem(&write(&app, &admin, "POST", &path, &json!({"login": "INFO@florist.example"})), 409, "conflict");
    problem(&write(&app, &admin, "POST", &path, &json!({})), 409, "conflict");
    problem(&write(&app, &admin, "POST", &path, &json!({"login": " "})), 400, "bad_request");
    problem(&patch(&app, &admin, &format!("{path}/1"), &json!({"login": null})), 409, "conflict");
    problem(&patch(&app, &admin, &format!("{path}/7"), &json!({"login": "x"})), 404, "not_found");
    assert_eq!(patch(&app, &admin, &format!("{path}/0"), &json!({"login": "boss"})).json()["follows_email"], false);
    send(
        &app,
        &json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "Florist", "Email": "new@florist.example"}),
    );
    assert_eq!(shown(), [row("0", "boss", false), row("1", "florist-office", true)]);
    let tag = get(&app, &admin, &format!("{path}/1")).header("etag").unwrap().to_owned();
    patch(&app, &admin, &format!("{path}/1"), &json!({"may_sign_in": false}));
    problem(&delete(&app, &admin, &format!("{path}/1"), Some(&tag)), 412, "precondition_failed");
    assert_eq!(delete(&app, &admin, &format!("{path}/0"), None).status, 204);
    assert_eq!(delete(&app, &admin, &format!("{path}/1"), None).status, 204);
    assert_eq!(shown(), [], "removed is removed, the account's own too");
    problem(&get(&app, &admin, &format!("{path}/0")), 404, "not_found");
    let back = write(&app, &admin, "POST", &path, &json!({"may_sign_in": false}));
    assert_eq!(
        back.json(),
        json!({"id": "0", "login": "new@florist.example", "follows_email": true, "may_sign_in": false})
    );
    assert_eq!(write(&app, &admin, "POST", &path, &json!({"login": "florist-office"})).json()["id"], "2");
    let told = feed(&app, &admin).into_iter().filter(|one| one["changed"] == json!(["logins"])).count();
    assert_eq!(told, 8);
    let audit = all(&app, &admin, "/audit?action=logins.set", 50);
    assert!(audit.len() == 3 && !audit.iter().any(|one| one.to_string().contains("boss")), "{audit:?}");
}

#[test]
fn logins_begin_with_the_e_mail_address() {
    backends().into_iter().for_each(logins);
}

fn scope(backend: Backend) {
    let app = world(backend);
    let admin = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "looks", Role::Viewer, &[], None);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let of = |platform_id: &str, rest: &str| format!("/accounts/{}/{rest}", id(&app, platform_id));
    // Its customers are its own to describe.
    assert_eq!(
        patch(&app, &ours, &of("11", "profile"), &json!({"tag": ["ours"], "label": "L", "price_list": "P"})).status,
        200
    );
    let contact = write(&app, &ours, "POST", &of("11", "contacts"), &json!({"handle": "OURS"})).json();
    assert_eq!(contact["id"], "1");
    assert_eq!(write(&app, &ours, "POST", &of("11", "logins"), &json!({"login": "ours"})).json()["id"], "1");
    // What is kept about the reseller is the vendor's; its own contacts are not.
    problem(&patch(&app, &ours, &of("10", "profile"), &json!({"tag": ["x"]})), 403, "forbidden");
    assert_eq!(write(&app, &ours, "POST", &of("10", "contacts"), &json!({"handle": "OURS"})).status, 200);
    // Another's are not there.
    for rest in ["profile", "contacts", "contacts/1", "logins", "logins/0", "events"] {
        problem(&get(&app, &ours, &of("21", rest)), 404, "not_found");
    }
    problem(&patch(&app, &ours, &of("21", "profile"), &json!({"tag": ["x"]})), 404, "not_found");
    problem(&write(&app, &ours, "POST", &of("21", "contacts"), &json!({"handle": "x"})), 404, "not_found");
    problem(&patch(&app, &ours, &of("21", "logins/0"), &json!({"may_sign_in": false})), 404, "not_found");
    problem(&delete(&app, &ours, &of("21", "logins/0"), None), 404, "not_found");
    patch(&app, &admin, &of("21", "profile"), &json!({"tag": ["ours"], "label": "L"}));
    for query in ["tag=ours", "label=L"] {
        assert_eq!(column(&all(&app, &ours, &format!("/accounts?{query}"), 5), "platform_id"), ["11"]);
        assert_eq!(column(&all(&app, &viewer, &format!("/accounts?{query}"), 5), "platform_id"), ["11", "21"]);
    }
    // A viewer looks.
    assert_eq!(get(&app, &viewer, &of("21", "profile")).json()["tags"], json!(["ours"]));
    problem(&patch(&app, &viewer, &of("11", "profile"), &json!({"tag": ["x"]})), 403, "forbidden");
    problem(&write(&app, &viewer, "POST", &of("11", "contacts"), &json!({"handle": "x"})), 403, "forbidden");
    problem(&delete(&app, &viewer, &of("11", "contacts/1"), None), 403, "forbidden");
    problem(&patch(&app, &viewer, &of("11", "logins/0"), &json!({"may_sign_in": false})), 403, "forbidden");
    problem(&delete(&app, &admin, &of("11", "contacts"), None), 405, "method_not_allowed");
    // Nothing is kept about what is deleted.
    problem(&patch(&app, &admin, &of("42", "profile"), &json!({"tag": ["x"]})), 409, "conflict");
    problem(&write(&app, &admin, "POST", &of("42", "contacts"), &json!({"handle": "x"})), 409, "conflict");
}

#[test]
fn a_reseller_keeps_what_is_its_customers() {
    backends().into_iter().for_each(scope);
}

#[test]
fn the_command_line_sets_and_shows_what_is_kept() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(app.synchronize(r#"{"ID":"10","Role":"Reseller","Name":"Northwind"}"#).code(), 0);
        assert_eq!(app.synchronize(r#"{"ID":"11","Role":"User","ResellerID":"10","Email":"m@x.example"}"#).code(), 0);
        let set =
            ["accounts", "set", "11", "--label", "Blue", "--verification", "pending", "--sign-up-address", "192.0.2.7"];
        let more = [
            "--price-list",
            "Gold",
            "--dns-options",
            "off",
            "--name-servers",
            "ns1.x.example, ns2.x.example",
            "--time-zone",
            "utc",
        ];
        let said = place.fine(&[&set[..], &more[..]].concat());
        assert_eq!(
            said,
            "account 0-2 changed: label, verification, sign_up_address, price_list, dns_options, name_servers, time_zone\n"
        );
        assert_eq!(place.fine(&["accounts", "tag", "11", "vip", "new"]), "account 0-2 changed: tags\n");
        assert_eq!(place.fine(&["accounts", "untag", "11", "new"]), "account 0-2 changed: tags\n");
        assert_eq!(place.fine(&["accounts", "untag", "11", "new"]), "account 0-2 is so already\n");
        assert_eq!(
            place.fine(&["accounts", "fraud", "11", "--reason", "Stolen card"]),
            "account 0-2 changed: standing\n"
        );
        let show = items(&place.fine(&["accounts", "show", "11", "--format", "json"])).remove(0);
        assert_eq!(
            show["profile"],
            json!({"account": "0-2", "standing": "fraud", "label": "Blue", "tags": ["vip"], "verification": "pending",
                "sign_up_address": "192.0.2.7", "price_list": "Gold", "dns_options": false,
                "name_servers": ["ns1.x.example", "ns2.x.example"], "time_zone": "UTC"})
        );
        assert_eq!(show["logins"][0]["login"], "m@x.example");
        assert_eq!(show["contacts"], json!([]));
        let table = place.fine(&["accounts", "show", "11"]);
        assert!(table.contains("192.0.2.7") && table.contains("ns2.x.example"), "{table}");
        // One change of many fields is one thing: what refuses one refuses all.
        place.run(&["accounts", "set", "11", "--label", "Red", "--standing", "frozen"]).failed(1, "Only a reseller");
        let both = ["accounts", "set", "10", "--label", "Red", "--standing", "frozen", "--name", "North"];
        assert_eq!(place.fine(&both), "account 0-1 changed: standing, label, name\n");
        for (arguments, told) in [
            (&["accounts", "tag", "11"][..], "required"),
            (&["accounts", "tag", "11", "a,b"], "it holds a comma"),
            (&["accounts", "set", "11"], "nothing is to be changed"),
            (&["accounts", "set", "11", "--name-servers", "ns1"], "ns1 is no host name"),
            (&["accounts", "set", "11", "--sign-up-address", "x"], "it is no IP address"),
            (&["accounts", "set", "11", "--standing", "asleep"], "it is none of enabled"),
        ] {
            let ran = place.run(arguments);
            assert!(ran.code == 2 && ran.err.contains(told), "{arguments:?}: {ran:?}");
        }
        let listed = |arguments: &[&str]| {
            let list = items(&place.fine(&[&["accounts", "list", "--format", "json"], arguments].concat()));
            column(&list, "platform_id")
        };
        assert_eq!(
            (listed(&["--tag", "vip"]), listed(&["--label", "Red"])),
            (vec!["11".to_owned()], vec!["10".into()])
        );
        assert_eq!((listed(&["--standing", "fraud"]), listed(&["--tag", "new"])), (vec!["11".to_owned()], vec![]));
        assert_eq!(place.fine(&["accounts", "enable", "11"]), "account 0-2 changed: standing\n");
        let audit = items(&place.fine(&["operator", "audit", "--action", "accounts.set", "--format", "json"]));
        assert_eq!(audit.len(), 6);
        assert!(!audit.iter().any(|one| one.to_string().contains("192.0.2.7")), "{audit:?}");
    }
}
