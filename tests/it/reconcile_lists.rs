//! What lists and times mean, with accounts that platforms sent.

use serde_json::{Value, json};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::{MPNID, REPLAY};
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::reconcile::{findings, run};

fn send(app: &TestApp, body: &Value) {
    let reply = app.synchronize(&body.to_string());
    assert_eq!(reply.code(), 0, "{}", reply.body);
}

/// As [`send`], as of an earlier second.
fn sent(app: &TestApp, second: i64, body: &Value) {
    let id = format!("w-{second}-{}", body["ID"]);
    let reply = Call::synchronize(body.to_string()).signed(REPLAY, &id, second).send(app);
    assert_eq!(reply.code(), 0, "{}", reply.body);
}

/// Resellers 1 and 2, customers 11 (of 1) and 12 (of 2), direct customer 13.
fn world(backend: Backend) -> (Place, TestApp) {
    let toml = config("", MPNID);
    let place = Place::with(backend, &toml);
    let app = receiver(&place, &toml);
    send(&app, &json!({"ID": "1", "Role": "Reseller", "Name": "One", "Code": "R1", "Email": "one@example.org"}));
    send(&app, &json!({"ID": "2", "Role": "Reseller", "Name": "Two", "Code": "R2", "Email": "two@example.org"}));
    send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Eleven", "Code": "C11"}));
    send(&app, &json!({"ID": "12", "Role": "User", "ResellerID": "2", "Name": "Twelve", "Code": "C12"}));
    send(&app, &json!({"ID": "13", "Role": "User", "Name": "Thirteen", "Code": "C13"}));
    (place, app)
}

fn write(place: &Place, name: &str, text: &str) {
    std::fs::write(place.path(name), text).unwrap();
}

fn told(found: &[Value]) -> Vec<(String, String, Value, Value)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    found
        .iter()
        .map(|one| (text(&one["finding"]), text(&one["platform_id"]), one["ours"].clone(), one["theirs"].clone()))
        .collect()
}

fn one(kind: &str, id: &str, ours: Value, theirs: Value) -> (String, String, Value, Value) {
    (kind.to_owned(), id.to_owned(), ours, theirs)
}

#[test]
fn our_own_lists_agree_with_us() {
    for backend in backends() {
        let (place, _app) = world(backend);
        for format in ["json", "csv"] {
            let list = place.fine(&["accounts", "list", "--format", format]);
            write(&place, "list", &list);
            let ran = run(&place, &["--against", "list", "--also", "name_differs"]);
            assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        }
    }
}

#[test]
fn a_difference_tells_since_when_and_by_which_delivery() {
    for backend in backends() {
        let (place, app) = world(backend);
        write(&place, "list.csv", "platform_id,reseller_id\n1,\n2,\n11,2\n12,2\n13,\n14,\n");
        let found = findings(&place, &["--against", "list.csv"]);
        let expected = [
            one("reseller_differs", "11", json!("1"), json!("2")),
            one("missing_here", "14", Value::Null, json!("14")),
        ];
        assert_eq!(told(&found), expected);
        let account = items(&place.fine(&["accounts", "list", "--platform-id", "11", "--format", "json"])).remove(0);
        assert_eq!(found[0]["since"], account["reseller"]["since"]);
        assert_eq!((&found[0]["id"], &found[0]["delivery"]), (&account["id"], &json!("0-3")));
        assert_eq!(found[0]["line"], 4);
        assert_eq!(found[0]["proposal"]["act"], "assign");
        assert_eq!(found[1]["proposal"]["act"], Value::Null, "the list does not say what it is");
        // A repeat moves nothing, a move and a move back does.
        send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Eleven again", "Code": "C11"}));
        assert_eq!(findings(&place, &["--against", "list.csv"])[0]["since"], account["reseller"]["since"]);
    }
}

#[test]
fn broken_lines_are_told_and_their_accounts_are_not_missing() {
    let (place, _app) = world(Backend::Sqlite);
    write(
        &place,
        "list.csv",
        "platform_id,kind\n1,reseller\n2,emperor\n11,reseller_customer\n11,direct_customer\n12,user\n13,direct_customer\n",
    );
    let ran = run(&place, &["--against", "list.csv"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "[]\n"), "{}", ran.err);
    for part in [
        "line 3: kind \"emperor\"",
        "line 5: 11 stands in line 4 already",
        "line 6: kind \"user\"",
        "not everything could be compared",
    ] {
        assert!(ran.err.contains(part), "{part} in {}", ran.err);
    }
}

#[test]
fn a_list_that_is_broken_throughout_is_told_in_short() {
    let (place, _app) = world(Backend::Sqlite);
    let lines: String = (0..5_000).map(|at| format!("{at},emperor\n")).collect();
    write(&place, "list.csv", &format!("platform_id,kind\n{lines}"));
    let ran = run(&place, &["--against", "list.csv", "--check", "missing_there"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, "[]\n"), "{}", ran.err);
    assert_eq!(ran.err.matches("emperor").count(), 100);
    assert!(ran.err.contains("4900 more could not be compared"), "{}", ran.err);
}

#[test]
fn keys_other_than_the_platforms() {
    let (place, _app) = world(Backend::Sqlite);
    write(
        &place,
        "codes.json",
        "[{\"code\":\"C11\",\"kind\":\"reseller\"},{\"code\":\"R1\"},{\"code\":\"R2\"},{\"code\":\"C12\"},{\"code\":\"C13\"}]",
    );
    let found = findings(&place, &["--against", "codes.json", "--key", "code"]);
    assert_eq!(told(&found), [one("kind_differs", "11", json!("reseller_customer"), json!("reseller"))]);
    write(&place, "emails.csv", "email;name\nONE@example.org;One\ntwo@example.org;Zwei\n");
    let found =
        findings(&place, &["--against", "emails.csv", "--key", "email", "--check", "name_differs", "missing_there"]);
    assert_eq!(
        told(&found),
        [one("name_differs", "2", json!("Two"), json!("Zwei"))],
        "who has no address is missing nowhere"
    );
}

#[test]
fn sources_and_tenants_limit_what_is_missing() {
    let other =
        "[[source]]\nid = \"us\"\napplication_id = \"US\"\napi_keys = [\"key-of-the-other-source-0123456789\"]\n";
    let toml = config("", other);
    let place = Place::with(Backend::Sqlite, &toml);
    let app = receiver(&place, &toml);
    send(&app, &json!({"ID": "1", "Role": "Reseller", "Name": "Here"}));
    let elsewhere = Call::new("POST", "/api/Accounts/Synchronize")
        .header("X-CloudPlatform-ApplicationId", "US")
        .header("X-CloudPlatform-APIKey", "key-of-the-other-source-0123456789");
    for id in ["1", "2"] {
        let reply = elsewhere.clone().body(format!("{{\"ID\":\"{id}\",\"Role\":\"User\"}}")).send(&app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
    }
    write(&place, "list.csv", "platform_id,kind\n1,reseller\n");
    let ran = run(&place, &["--against", "list.csv", "--source", "eu"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
    let ran = run(&place, &["--against", "list.csv"]);
    assert!(ran.err.contains("line 2: 1 names 2 accounts here"), "{}", ran.err);
    assert_eq!(told(&items(&ran.out)), [one("missing_there", "2", json!("2"), Value::Null)]);
    write(&place, "list.csv", "platform_id,kind,source\n1,reseller,eu\n1,direct_customer,us\n2,direct_customer,us\n");
    let ran = run(&place, &["--against", "list.csv"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
    let ran = run(&place, &["--against", "list.csv", "--source", "us"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "lines of other sources are left out: {}", ran.err);
}

#[test]
fn the_platforms_own_words_are_dated_by_their_calls() {
    for backend in backends() {
        let toml = config("reseller_change = \"review\"\n", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        for (second, body) in [
            (1_780_000_000, json!({"ID": "1", "Role": "Reseller"})),
            (1_780_000_001, json!({"ID": "2", "Role": "Reseller"})),
            (1_780_000_002, json!({"ID": "11", "Role": "User", "ResellerID": "1"})),
            (1_780_000_100, json!({"ID": "11", "Role": "User", "ResellerID": "2"})),
            (1_780_000_200, json!({"ID": "11", "Role": "User", "ResellerID": "2", "Name": "n"})),
            (1_780_000_300, json!({"ID": "2", "Role": "Reseller", "ExternalID": "theirs"})),
            (1_780_000_400, json!({"ID": "2", "Role": "Reseller", "ExternalID": "theirs", "Name": "n"})),
        ] {
            sent(&app, second, &body);
        }
        let mut found = findings(&place, &[]);
        found.sort_by_key(|one| one["platform_id"].to_string());
        let expected = [
            one("change_under_review", "11", json!("reseller_customer of 1"), json!("reseller_customer of 2")),
            one("external_id_differs", "2", found[1]["external_id"].clone(), json!("theirs")),
        ];
        assert_eq!(told(&found), expected);
        let since = |second: i64| json!(tiersync::wire::time::rfc3339_second(second));
        assert_eq!((&found[0]["since"], &found[0]["delivery"]), (&since(1_780_000_100), &json!("0-4")));
        assert_eq!((&found[1]["since"], &found[1]["delivery"]), (&since(1_780_000_300), &json!("0-6")));
    }
}

#[test]
fn as_of_is_as_it_was_and_as_it_was_known() {
    for backend in backends() {
        let (place, app) = world(backend);
        let before = tiersync::wire::time::rfc3339(now());
        write(
            &place,
            "list.csv",
            "platform_id,reseller_id,kind\n1,,reseller\n2,,reseller\n11,1,reseller_customer\n12,2,reseller_customer\n13,,direct_customer\n",
        );
        // Event times are whole seconds, and so is what a time takes in.
        wait_for_the_next_second();
        send(&app, &json!({"ID": "11", "Role": "User", "ResellerID": "2", "Name": "Eleven", "Code": "C11"}));
        send(&app, &json!({"ID": "14", "Role": "User"}));
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"13"}"#).send(&app).code(), 0);
        let found = findings(&place, &["--against", "list.csv"]);
        let expected = [
            one("reseller_differs", "11", json!("2"), json!("1")),
            one("deleted_here_alive_there", "13", json!("deleted"), json!("active")),
            one("missing_there", "14", json!("14"), Value::Null),
        ];
        assert_eq!(told(&found), expected);
        let ran = run(&place, &["--against", "list.csv", "--as-of", &before]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        let names = ["reconcile", "--against", "list.csv", "--as-of", &before, "--also", "name_differs"];
        place.run(&names).failed(2, "name_differs cannot be looked for as of an earlier time");
    }
}

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

fn wait_for_the_next_second() {
    let second = now() / 1_000_000;
    crate::commands_binary::until("the second is over", || now() / 1_000_000 > second);
}

#[test]
fn the_book_says_what_each_reseller_gained_and_lost() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        let user = |id: &str, reseller: &str| json!({"ID": id, "Role": "User", "ResellerID": reseller, "Name": format!("n{id}")});
        let mut second = 1_780_000_000;
        let mut at = |body: Value| {
            second += 1;
            sent(&app, second, &body);
        };
        at(json!({"ID": "1", "Role": "Reseller", "Name": "One"}));
        at(json!({"ID": "2", "Role": "Reseller", "Name": "Two"}));
        for id in ["11", "12", "13", "14"] {
            at(user(id, "1"));
        }
        // Then the month begins.
        at(user("12", "2"));
        at(json!({"ID": "13", "Role": "User", "ResellerID": ""}));
        at(user("15", "2"));
        let delete = Call::post("Accounts/Delete", r#"{"ID":"14"}"#).signed(REPLAY, "w-delete", second + 10);
        assert_eq!(delete.send(&app).code(), 0);
        let since = tiersync::wire::time::rfc3339_second(1_780_000_006);
        let ran = place.run(&["reconcile", "--since", &since, "--format", "json"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("1 gained, 1 lost, 1 moved, 1 ended"), "{}", ran.err);
        let book = items(&ran.out);
        let sums = |at: usize| {
            let sums = &book[at]["sums"];
            ["before", "gained", "moved_in", "lost", "moved_out", "ended", "after"]
                .map(|name| sums[name].as_u64().unwrap())
        };
        assert_eq!((book.len(), &book[0]["reseller"]["name"], sums(0)), (2, &json!("One"), [4, 0, 0, 1, 1, 1, 1]));
        assert_eq!((&book[1]["reseller"]["platform_id"], sums(1)), (&json!("2"), [0, 1, 1, 0, 0, 0, 2]));
        let moved = book[1]["changes"].as_array().unwrap().iter().find(|one| one["change"] == "moved_in").unwrap();
        assert_eq!(
            (&moved["platform_id"], &moved["other"], &moved["delivery"]),
            (&json!("12"), &json!("1"), &json!("0-7"))
        );
        let table = place.fine(&["reconcile", "--since", &since]);
        assert_eq!(table.lines().count(), 3, "{table}");
        let page = place.fine(&["reconcile", "--since", &since, "--format", "html"]);
        assert!(page.contains("<svg") && page.contains("<td>moved_out</td>"), "{page}");
        let quiet = place.fine(&["reconcile", "--since", "2027-01-01", "--as-of", "2027-02-01", "--format", "json"]);
        assert_eq!(quiet, "[]\n");
        place.run(&["reconcile", "--since", &since, "--as-of", "2020-01-01"]).failed(2, "must be later");
    }
}
