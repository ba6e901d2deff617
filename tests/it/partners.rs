//! The registry of partners: customers that name one are related to it, whoever came first, dated and explained.

use serde_json::{Value, json};
use tiersync::config::Config;
use tiersync::domain::operator::Role;
use tiersync::ops::alone;
use tiersync::ops::partners::due;

use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::{MPNID, REPLAY};
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::v1::{all, column, get, id, operator, problem, send};

const DAY: i64 = 86_400;

fn time(second: i64) -> String {
    tiersync::wire::time::rfc3339_second(second)
}

/// A receiver whose platform sends no resellers, so that partners stand for them, and the token of a provider_admin.
fn world(backend: Backend, rest: &str) -> (TestApp, String) {
    let app = TestApp::with(backend, &config("reseller_support = false", rest));
    let token = operator(&app, "vera", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    send(&app, &json!({"ID": "20", "Role": "Reseller", "Name": "Contoso"}));
    (app, token)
}

fn ask(app: &TestApp, token: &str, method: &str, path: &str, body: &str) -> Reply {
    let kind = if body.starts_with('{') { "application/json" } else { "text/csv" };
    Call::new(method, &format!("/v1{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", kind)
        .body(body)
        .send(app)
}

#[track_caller]
fn import(app: &TestApp, token: &str, query: &str, list: &str) -> Value {
    let reply = ask(app, token, "POST", &format!("/partners/import{query}"), list);
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

#[track_caller]
fn put(app: &TestApp, token: &str, partner: &str, body: &Value) -> Value {
    let reply = ask(app, token, "PUT", &format!("/partners/{partner}"), &body.to_string());
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.json()
}

fn customer(id: &str, partner: &str) -> Value {
    json!({"ID": id, "Role": "User", "ResellerID": "unsent", "Name": id, "SyncOptions": {"MPNID": partner}})
}

/// A customer that a replayed call told of, so many days ago.
fn came(app: &TestApp, platform_id: &str, partner: &str, days: i64) -> i64 {
    let at = now() - days * DAY;
    let call = Call::synchronize(customer(platform_id, partner).to_string());
    let reply = call.signed(REPLAY, &format!("came-{platform_id}"), at).send(app);
    assert_eq!(reply.code(), 0, "{}", reply.body);
    at
}

fn account(app: &TestApp, token: &str, platform_id: &str) -> Value {
    all(app, token, &format!("/accounts?platform_id={platform_id}"), 9).remove(0)
}

/// The partner relations of a customer, by when they began: what it means, state, from, to and cause.
fn relations(app: &TestApp, token: &str, platform_id: &str, query: &str) -> Vec<[String; 5]> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let customer = id(app, platform_id);
    let mut rows: Vec<[String; 5]> = all(app, token, &format!("/relations?customer={customer}&axis=partner{query}"), 9)
        .iter()
        .map(|row| [&row["partner"], &row["state"], &row["from"], &row["to"], &row["cause"]].map(text))
        .collect();
    rows.sort_by_key(|row| (row[2].trim_end_matches('Z').to_owned(), row[3] == "-"));
    rows
}

/// What the feed tells of partners behind a position: the kind, whose it is, the ID, state, cause and reseller.
fn told(app: &TestApp, token: &str, after: usize) -> Vec<Value> {
    let mut told = feed(app, token).split_off(after);
    told.retain(|entry| entry["relation"]["axis"] == "partner");
    let row = |entry: &Value| {
        let relation = &entry["relation"];
        json!([
            entry["kind"],
            entry["account"]["platform_id"],
            relation["partner_id"],
            relation["state"],
            entry["cause"],
            relation["reseller"]["id"]
        ])
    };
    told.iter().map(row).collect()
}

/// Whoever follows the feed knows all accounts and relations as they are.
#[track_caller]
fn tells_everything(app: &TestApp) {
    let mut database = app.database();
    let feed = stored(&mut database);
    assert_tells_everything(&mut database, &feed);
}

/// Everything that a rerun must leave as it is.
fn everything(app: &TestApp, token: &str) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    (all(app, token, "/partners", 2), all(app, token, "/relations", 500), all(app, token, "/accounts", 500))
}

fn story(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    let at = came(&app, "1", "3456890", 30);
    came(&app, "2", "34568900", 29);
    came(&app, "3", "99999", 28);
    let before = account(&app, &token, "1");
    assert_eq!((&before["partner"]["state"], &before["partner"]["id"]), (&json!("pending"), &Value::Null));
    assert_eq!(before["reseller"]["state"], "unprovisioned");
    let learned = all(&app, &token, &format!("/relations?customer={}&axis=partner", id(&app, "1")), 9)[0]["learned"]
        .as_str()
        .unwrap()
        .to_owned();

    let list = "partner_id,name,aliases,reseller\n3456890,Northwind,34568900,eu//10\n";
    let tried = import(&app, &token, "?dry_run=true", list);
    assert_eq!((&tried["new"], &tried["customers_linked"]), (&json!(1), &json!(2)));
    assert_eq!(account(&app, &token, "1"), before, "only tried");
    assert_eq!(all(&app, &token, "/partners", 9), Vec::<Value>::new());
    let before = feed(&app, &token).len();
    tells_everything(&app);
    let taken = import(&app, &token, "", list);
    assert_eq!((&taken["new"], &taken["customers_linked"], &taken["bad"]), (&json!(1), &json!(2), &json!([])));

    let mut linked = told(&app, &token, before);
    linked.sort_by_key(ToString::to_string);
    let ten = id(&app, "10");
    assert_eq!(
        linked,
        [
            json!(["relation.linked", "1", "3456890", "linked", "partner", ten]),
            json!(["relation.linked", "2", "34568900", "linked", "partner", ten]),
        ]
    );
    tells_everything(&app);

    // Related, dated, explained.
    for customer in ["1", "2"] {
        let partner = account(&app, &token, customer)["partner"].clone();
        let shown = ["id", "name", "status", "state", "cause", "linked_cause"].map(|name| partner[name].clone());
        assert_eq!(json!(shown), json!(["3456890", "Northwind", "active", "linked", "sync", "partner"]));
    }
    let after = account(&app, &token, "1");
    assert_eq!(after["partner"]["since"], time(at));
    let reseller = ["platform_id", "name", "state", "cause", "since"].map(|name| after["reseller"][name].clone());
    assert_eq!(json!(reseller), json!(["10", "Northwind", "linked", "partner", time(at)]));
    assert_eq!(account(&app, &token, "3")["partner"]["state"], "pending");
    let theirs = all(&app, &token, &format!("/accounts?reseller={}", id(&app, "10")), 1);
    assert_eq!(column(&theirs, "platform_id"), ["1", "2"]);
    let tree = all(&app, &token, "/accounts/tree", 2);
    assert_eq!(column(&tree, "platform_id"), ["10", "20", "3"]);
    assert_eq!(tree[0]["customers"], 2);
    // What is known now of then, and what was known before the partner came.
    let then = time(at + DAY);
    let row = |partner: &str, state: &str| [partner.to_owned(), state.to_owned(), time(at), "-".into(), "sync".into()];
    assert_eq!(relations(&app, &token, "1", &format!("&on={then}")), [row("3456890", "linked")]);
    assert_eq!(relations(&app, &token, "1", &format!("&on={then}&known={learned}")), [row("-", "pending")]);
    let history = all(&app, &token, &format!("/accounts/{}/history", id(&app, "1")), 9);
    let told = history.iter().find(|one| one.to_string().contains("\"axis\":\"partner\"")).unwrap().to_string();
    assert!(told.contains("\"linked_cause\":\"partner\""), "{told}");
    let audit = all(&app, &token, "/audit?action=partners.import", 9);
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert_eq!(audit[0]["at"], after["partner"]["linked"]);

    // Once more changes nothing.
    let before = everything(&app, &token);
    let again = import(&app, &token, "", list);
    assert_eq!((&again["unchanged"], &again["customers_linked"]), (&json!(1), &json!(0)));
    assert_eq!(everything(&app, &token), before);
    assert_eq!(all(&app, &token, "/audit?action=partners.import", 9).len(), 1);
    assert_eq!(get(&app, &token, "/partners/34568900").json()["customers"], 2);

    // Whoever comes now finds the partner, and the platform's own word goes before the partner's.
    send(&app, &customer("4", "34568900"));
    assert_eq!(account(&app, &token, "4")["reseller"]["platform_id"], "10");
    send(&app, &json!({"ID": "5", "Role": "User", "ResellerID": "20", "SyncOptions": {"MPNID": "3456890"}}));
    let both = account(&app, &token, "5");
    assert_eq!((&both["reseller"]["platform_id"], &both["partner"]["id"]), (&json!("20"), &json!("3456890")));
    // A reseller with customers by partner alone may be deleted; they have nobody then.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"10"}"#).send(&app).code(), 0);
    assert_eq!(account(&app, &token, "1")["reseller"]["state"], "unprovisioned");
    tells_everything(&app);
}

#[test]
fn a_partner_that_is_imported_later_has_its_customers() {
    backends().into_iter().for_each(story);
}

/// Whatever the writer keeps of the registry, a call sees the registry as it is.
fn kept(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    let other = app.second();
    send(&app, &customer("1", "11111"));
    put(&app, &token, "22222", &json!({"name": "A", "aliases": ["11111"]}));
    send(&app, &customer("2", "11111"));
    assert_eq!(relations(&app, &token, "2", "")[0][..2], ["22222", "linked"]);
    // The other receiver changes it, and this one knows.
    put(&other, &token, "22222", &json!({"name": "A"}));
    send(&app, &customer("3", "11111"));
    assert_eq!(relations(&app, &token, "3", "")[0][..2], ["-", "pending"]);
    for one in ["1", "2"] {
        let rows = relations(&app, &token, one, "");
        let now: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[3] == "-", row[4].as_str())).collect();
        assert_eq!(now, [("22222", false, "sync"), ("-", true, "partner")], "{rows:?}");
    }
    // To another partner, and then nobody is left.
    put(&app, &token, "33333", &json!({"aliases": ["11111"], "reseller": "eu//20"}));
    assert_eq!(get(&app, &token, "/partners/33333").json()["customers"], 3);
    let rows = all(&app, &token, "/relations?axis=partner&open=true", 9);
    assert!(rows.iter().all(|row| row["partner"] == "33333" && row["reseller"]["platform_id"] == "20"), "{rows:?}");
    // Another account from now on: the old one is told of until now.
    put(&app, &token, "33333", &json!({"aliases": ["11111"], "reseller": "eu//10"}));
    assert_eq!(account(&app, &token, "3")["reseller"]["platform_id"], "10");
    assert_eq!(ask(&app, &token, "DELETE", "/partners/33333?remove=true", "").status, 204);
    let rows = all(&app, &token, "/relations?axis=partner&open=true", 9);
    assert!(rows.len() == 3 && rows.iter().all(|row| row["state"] == "pending"), "{rows:?}");
    problem(&get(&app, &token, "/partners/33333"), 404, "not_found");
    // The customers go on as they are when they are sent again.
    send(&app, &customer("3", "11111"));
    assert_eq!(relations(&app, &token, "3", "&open=true").len(), 1);
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"3"}"#).send(&app).code(), 0);
    assert_eq!(relations(&app, &token, "3", "&open=true").len(), 0);
    tells_everything(&app);
}

#[test]
fn calls_see_the_registry_as_it_is() {
    backends().into_iter().for_each(kept);
}

fn successors(backend: Backend) {
    let (mut app, token) = world(backend, MPNID);
    let at = came(&app, "1", "11111", 30);
    put(&app, &token, "22222", &json!({"reseller": "eu//20"}));
    let first = time(at + 10 * DAY);
    put(&app, &token, "11111", &json!({"successor": "22222", "successor_from": first, "reseller": "eu//10"}));
    // It had the first one until the second took over, and all of that was learned just now.
    let row = |partner: &str, from: &str, to: &str, cause: &str| {
        [partner.to_owned(), "linked".to_owned(), from.to_owned(), to.to_owned(), cause.to_owned()]
    };
    let rows = relations(&app, &token, "1", "");
    assert_eq!(rows, [row("11111", &time(at), &first, "sync"), row("22222", &first, "-", "partner")]);
    assert_eq!(account(&app, &token, "1")["reseller"]["platform_id"], "20");
    // A replayed call that is older passes both as well.
    came(&app, "2", "11111", 30);
    let rows = relations(&app, &token, "2", "");
    assert_eq!(rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["11111", "22222"]);
    tells_everything(&app);

    // A day that is still to come: somebody acts when it comes.
    let later = now() + 2 * DAY;
    put(&app, &token, "33333", &json!({}));
    put(&app, &token, "22222", &json!({"successor": "33333", "successor_from": time(later)}));
    assert_eq!(account(&app, &token, "1")["partner"]["id"], "22222");
    app.stop();
    let mut toml = Config::from_toml(&config("", MPNID)).unwrap();
    toml.database_url.clone_from(&app.database_url);
    let (writer, thread) = alone::writer(&toml).unwrap();
    let micros = |second: i64| second * 1_000_000;
    assert_eq!(due::run(&mut app.database(), &writer, micros(later - 1)).unwrap(), 0);
    assert_eq!(due::run(&mut app.database(), &writer, micros(later + 5)).unwrap(), 2);
    assert_eq!(due::run(&mut app.database(), &writer, micros(later + 6)).unwrap(), 0);
    drop(writer);
    thread.join();
    let app = app.restart();
    let rows = relations(&app, &token, "1", "");
    assert_eq!(rows.last(), Some(&row("33333", &time(later), "-", "partner")));
    assert_eq!(account(&app, &token, "1")["partner"]["id"], "33333");
    assert_eq!(get(&app, &token, "/partners/33333").json()["customers"], 2);
    tells_everything(&app);
}

#[test]
fn customers_go_to_a_successor_when_its_day_comes() {
    backends().into_iter().for_each(successors);
}

fn demanded(backend: Backend) {
    let (app, token) = world(backend, &format!("{MPNID}must_exist = true\n"));
    let call = customer("1", "3456890").to_string();
    let refused = app.synchronize(&call);
    assert_eq!(refused.code(), 1003, "{}", refused.body);
    assert!(refused.message().contains("\"Reseller (MPN ID)\" (MPNID) names no partner of this vendor"));
    assert!(!refused.message().contains("3456890"), "{}", refused.message());
    let checked = app.synchronize(&call.replace("{\"ID\"", "{\"checkonly\":true,\"ID\""));
    assert_eq!(checked.code(), 1003);
    let book = "platform_id,kind,reseller,option.MPNID\n31,reseller_customer,unsent,3456890\n";
    let taken = ask(&app, &token, "POST", "/accounts/import?source=eu", book).json();
    assert_eq!(taken["summary"]["refused"], 1, "{taken}");
    assert!(taken.to_string().contains("register the partner first"), "{taken}");
    put(&app, &token, "3456890", &json!({"status": "suspended"}));
    assert_eq!(ask(&app, &token, "POST", "/accounts/import?source=eu", book).json()["summary"]["created"], 1);
    assert_eq!(account(&app, &token, "31")["partner"]["status"], "suspended");
    // The refused call waits in quarantine, and is taken now.
    let case = all(&app, &token, "/cases", 9).remove(0);
    let path = format!("/deliveries/{}/reprocess", case["id"].as_str().unwrap());
    assert_eq!(ask(&app, &token, "POST", &path, "{}").json()["code"], 0);
    assert_eq!(account(&app, &token, "1")["partner"]["status"], "suspended");
    let ended = ask(&app, &token, "DELETE", "/partners/3456890", "").json();
    assert_eq!(
        (&ended["status"], &ended["status_now"], &ended["customers"]),
        (&json!("ended"), &json!("ended"), &json!(2))
    );
    // Who has it keeps it; nobody new gets it.
    send(
        &app,
        &json!({"ID": "1", "Role": "User", "ResellerID": "unsent", "Name": "New", "SyncOptions": {"MPNID": 3456890}}),
    );
    let refused = app.synchronize(&customer("2", "3456890").to_string());
    assert_eq!(refused.code(), 1003);
    assert!(refused.message().contains("no longer"), "{}", refused.message());
}

#[test]
fn an_option_may_demand_that_its_partner_exists() {
    backends().into_iter().for_each(demanded);
}

#[test]
fn must_exist_needs_a_partner_id() {
    let option = "[[sync_option]]\nid = \"X\"\nname = \"X\"\nmust_exist = true\n";
    let error = Config::from_toml(&config("", option)).unwrap_err().to_string();
    assert!(error.contains("must_exist = true") && error.contains("partner_id = true"), "{error}");
}

fn bad_rows(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    put(&app, &token, "70000", &json!({"aliases": ["70002", "70003"]}));
    put(&app, &token, "71000", &json!({"successor": "70000", "successor_from": "2026-01-01"}));
    put(&app, &token, "72000", &json!({}));
    put(&app, &token, "73000", &json!({"successor": "72000", "successor_from": "2026-01-01"}));
    let list = "partner_id,name,aliases,successor,successor_from,reseller\n\
                1,Good,,,,\n\
                2,Named a customer,,,,eu//nobody\n\
                3,Alias of another,70002,,,\n\
                4,Alias is a partner,71000,,,\n\
                70003,ID is an alias,,,,\n\
                5,No such successor,,9999,2026-01-01,\n\
                6,Round,,7,2026-01-01,\n\
                7,Round,,6,2026-01-01,\n\
                72000,Round,,73000,2026-01-01,\n\
                1,Twice,,,,\n\
                8,Follows one of the list,,9,2026-01-01,\n\
                9,Followed,,,,\n\
                10,Alias of one of the list,9,,,\n";
    for query in ["?dry_run=true", ""] {
        let taken = import(&app, &token, query, list);
        let bad = taken["bad"].as_array().unwrap();
        for (line, part) in [
            (3, "there is no account eu//nobody"),
            (4, "its alias 70002 is an alias of partner 70000"),
            (5, "its alias 71000 is the ID of a partner"),
            (6, "its ID is an alias of partner 70000"),
            (7, "its successor 9999 is not in the registry"),
            (8, "in a circle"),
            (9, "in a circle"),
            (10, "in a circle"),
            (11, "in line 2 already"),
            (14, "its alias 9 is an ID of partner 9 in line 13"),
        ] {
            let row = bad.iter().find(|row| row["line"] == line).unwrap_or_else(|| panic!("line {line}: {taken}"));
            assert!(row["reason"].as_str().unwrap().contains(part), "{row}");
        }
        assert_eq!((bad.len(), &taken["new"], &taken["bad_rows"]), (10, &json!(3), &json!(10)), "{taken}");
    }
    assert_eq!(
        column(&all(&app, &token, "/partners", 2), "partner_id"),
        ["1", "70000", "71000", "72000", "73000", "8", "9"]
    );
    for (body, part) in [
        ("colour\nred\n", "no column \"colour\""),
        ("", "empty"),
        ("partner_id,status\n1,gone\n", "ended every partner"),
    ] {
        let reply = ask(&app, &token, "POST", "/partners/import?replace=true", body);
        problem(&reply, 400, "bad_request");
        let detail = reply.json()["detail"].as_str().unwrap().replace("would end every", "ended every");
        assert!(detail.contains(part), "{detail}");
    }
    let upload = Call::new("POST", "/v1/partners/import").header("Authorization", format!("Bearer {token}"));
    let list = "partner_id\n1\n";
    for (header, value) in [("Content-Type", "multipart/form-data; boundary=x"), ("Content-Encoding", "gzip")] {
        problem(&upload.clone().header(header, value).body(list).send(&app), 415, "unsupported_media");
    }
    assert_eq!(upload.body(list).send(&app).json()["unchanged"], 1);
}

#[test]
fn bad_rows_are_told_and_good_ones_go_in() {
    backends().into_iter().for_each(bad_rows);
}

fn replaced(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    import(&app, &token, "", "partner_id,name,aliases\n11111,A,11112\n22222,B,\n33333,C,\n44444,D,\n");
    send(&app, &customer("1", "22222"));
    // 11112 goes from one to the other; a bad row ends nobody; a column that is not there leaves all as it is.
    let list = "partner_id,aliases,status\n11111,,\n33333,11112,\n44444,,asleep\n";
    let tried = import(&app, &token, "?replace=true&dry_run=true", list);
    let taken = import(&app, &token, "?replace=true", list);
    assert_eq!((&tried["changed"], &tried["ended"], &tried["bad_rows"]), (&json!(2), &json!(1), &json!(1)), "{tried}");
    assert_eq!((&taken["changed"], &taken["ended"], &taken["bad_rows"]), (&json!(2), &json!(1), &json!(1)), "{taken}");
    let status = |of: &str| column(&all(&app, &token, &format!("/partners?status={of}"), 9), "name");
    assert_eq!((status("active"), status("ended")), (vec!["A".into(), "C".into(), "D".into()], vec!["B".to_owned()]));
    assert_eq!(get(&app, &token, "/partners?named=11112").json()["items"][0]["partner_id"], "33333");
    // Its customers stay its customers.
    assert_eq!(account(&app, &token, "1")["partner"]["status"], "ended");
    assert_eq!(account(&app, &token, "1")["partner"]["state"], "linked");
    let before = everything(&app, &token);
    let again = import(&app, &token, "?replace=true", list);
    assert_eq!((&again["unchanged"], &again["ended"]), (&json!(2), &json!(0)));
    assert_eq!(everything(&app, &token), before);
}

#[test]
fn a_list_may_replace_the_registry() {
    backends().into_iter().for_each(replaced);
}

fn scoped(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    import(&app, &token, "", "partner_id,name,reseller\n11111,Ours,eu//10\n22222,Theirs,eu//20\n33333,Nobody's,\n");
    send(&app, &customer("1", "11111"));
    send(&app, &customer("2", "22222"));
    let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    assert_eq!(column(&all(&app, &ours, "/partners", 1), "partner_id"), ["11111"]);
    assert_eq!(get(&app, &ours, "/partners/11111").json()["customers"], 1);
    problem(&get(&app, &ours, "/partners/22222"), 404, "not_found");
    // Who is the reseller by the partner sees its customer, and loses it when the platform names somebody.
    assert_eq!(column(&all(&app, &ours, "/accounts", 9), "platform_id"), ["10", "1"]);
    assert!(get(&app, &ours, "/deliveries").body.contains("\"platform_id\":\"10\""));
    send(&app, &json!({"ID": "1", "Role": "User", "ResellerID": "20", "SyncOptions": {"MPNID": "11111"}}));
    assert_eq!(column(&all(&app, &ours, "/accounts", 9), "platform_id"), ["10"]);
    // The other way round: the platform says ours, the option names theirs. Whose partner that is stays untold.
    send(&app, &json!({"ID": "3", "Role": "User", "ResellerID": "10", "SyncOptions": {"MPNID": "22222"}}));
    let seen = all(&app, &ours, "/accounts?platform_id=3", 9).remove(0);
    assert_eq!((&seen["partner"]["partner_id"], &seen["partner"]["name"]), (&json!("22222"), &Value::Null));
    let theirs = told(&app, &ours, 0);
    assert!(theirs.contains(&json!(["relation.opened", "3", "22222", "linked", "sync", null])), "{theirs:?}");
    for path in ["/relations", "/partners", "/accounts", "/changes"] {
        let body = get(&app, &ours, path).body;
        assert!(!body.contains("Theirs") && !body.contains("Contoso"), "{path}: {body}");
    }
    for who in [&ours, &viewer] {
        problem(&ask(&app, who, "PUT", "/partners/11111", "{}"), 403, "forbidden");
        problem(&ask(&app, who, "DELETE", "/partners/11111", ""), 403, "forbidden");
        problem(&ask(&app, who, "POST", "/partners/import", "partner_id\n1\n"), 403, "forbidden");
    }
    assert_eq!(all(&app, &viewer, "/partners", 2).len(), 3);
    problem(&ask(&app, &token, "PUT", "/partners/11111", "{\"colour\":1}"), 400, "bad_request");
    problem(&ask(&app, &token, "DELETE", "/partners/nobody", ""), 404, "not_found");
    let reply = ask(&app, &token, "POST", "/partners/11111", "{}");
    problem(&reply, 405, "method_not_allowed");
    assert_eq!(reply.header("allow"), Some("GET, PUT, DELETE"));
}

#[test]
fn operators_of_resellers_see_their_own_partners() {
    backends().into_iter().for_each(scoped);
}

/// The vendor's book names partners as calls do.
fn in_a_book(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    import(&app, &token, "", "partner_id,name,aliases,reseller\n3456890,Northwind,34568900,eu//10\n");
    let ten = id(&app, "10");
    let book = "platform_id,kind,reseller,option.MPNID\n\
                31,reseller_customer,unsent,34568900\n\
                32,reseller_customer,unsent,77777\n";
    let taken = ask(&app, &token, "POST", "/accounts/import?source=eu", book);
    assert_eq!((taken.status, &taken.json()["summary"]["created"]), (200, &json!(2)), "{}", taken.body);
    assert_eq!(relations(&app, &token, "31", "")[0][..2], ["3456890", "linked"]);
    let known = account(&app, &token, "31");
    assert_eq!((&known["partner"]["name"], &known["partner"]["cause"]), (&json!("Northwind"), &json!("import")));
    assert_eq!((&known["reseller"]["platform_id"], &known["reseller"]["cause"]), (&json!("10"), &json!("partner")));
    assert_eq!(relations(&app, &token, "32", "")[0][..2], ["-", "pending"]);
    assert_eq!(
        told(&app, &token, 0),
        [
            json!(["relation.opened", "31", "34568900", "linked", "import", ten]),
            json!(["relation.opened", "32", "77777", "pending", "import", null]),
        ]
    );
    tells_everything(&app);
    // The partner comes behind its customer, and the book again behind both.
    let before = feed(&app, &token).len();
    import(&app, &token, "", "partner_id,name\n77777,Late\n");
    assert_eq!(told(&app, &token, before), [json!(["relation.linked", "32", "77777", "linked", "partner", null])]);
    let stands = everything(&app, &token);
    let again = ask(&app, &token, "POST", "/accounts/import?source=eu", book).json();
    assert_eq!(again["summary"]["unchanged"], 2, "{again}");
    // Another ID for it: the relation to the one ends as that to the other begins.
    assert_eq!(everything(&app, &token), stands);
    let before = feed(&app, &token).len();
    let other = book.replace("32,reseller_customer,unsent,77777", "32,reseller_customer,unsent,3456890");
    let changed = ask(&app, &token, "POST", "/accounts/import?source=eu", &other).json();
    assert_eq!((&changed["summary"]["changed"], &changed["summary"]["unchanged"]), (&json!(1), &json!(1)), "{changed}");
    assert_eq!(
        told(&app, &token, before),
        [
            json!(["relation.closed", "32", "77777", "linked", "import", null]),
            json!(["relation.opened", "32", "3456890", "linked", "import", ten]),
        ]
    );
    assert_eq!(get(&app, &token, "/partners/3456890").json()["customers"], 2);
    tells_everything(&app);
}

#[test]
fn accounts_of_a_book_are_related_to_their_partners() {
    backends().into_iter().for_each(in_a_book);
}

/// However calls and changes of the registry meet, nobody is left waiting for a partner that is there.
fn meeting(backend: Backend) {
    let (app, token) = world(backend, MPNID);
    let other = app.second();
    std::thread::scope(|scope| {
        for (lane, app) in [&app, &other].into_iter().enumerate() {
            scope.spawn(move || {
                for number in 0..25 {
                    send(app, &customer(&format!("c{lane}-{number}"), &format!("5000{}", number % 5)));
                }
            });
        }
        for round in 0..5 {
            let reseller = if round % 2 == 0 { "eu//10" } else { "eu//20" };
            let list = format!("partner_id,reseller\n5000{round},{reseller}\n50000,{reseller}\n");
            import(&app, &token, "", &list);
        }
    });
    let rows = all(&app, &token, "/relations?axis=partner&open=true", 500);
    assert_eq!(rows.len(), 50);
    for row in &rows {
        let named = row["partner_id"].as_str().unwrap();
        assert_eq!((&row["state"], row["partner"].as_str()), (&json!("linked"), Some(named)), "{row}");
        if named == "50000" {
            assert_eq!(row["reseller"]["platform_id"], "10", "{row}");
        }
    }
    tells_everything(&app);
}

#[test]
fn nobody_is_missed_who_comes_as_the_partner_does() {
    backends().into_iter().for_each(meeting);
}
