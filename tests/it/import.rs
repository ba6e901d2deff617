//! `tiersync accounts import` and `accounts set` through the real binary, and the same over /v1.

use serde_json::{Value, json};
use tiersync::domain::operator::Role;

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::v1::{all, get, id, operator, problem, send, world};

const BOOK: &str = "\
Reseller;CustomerNo;kind;Name;external_id;since;option.MPNID;Note
10;11;reseller_customer;Bakery;;2024-05-01;345678;x
;10;reseller;Northwind;V-10;;;
99;12;customer;\"Late; Ltd\";;2025-01-01T10:00:00+02:00;;
;13;direct_customer;Direct;V-13;;;
";

fn place(backend: Backend) -> Place {
    let place = Place::with(backend, &config("", MPNID));
    place.fine(&["migrate"]);
    place
}

fn import(place: &Place, list: &str, more: &[&str]) -> crate::commands_binary::Ran {
    std::fs::write(place.path("book.csv"), list).unwrap();
    place.run(&[&["accounts", "import", "book.csv", "--source", "eu"], more].concat())
}

fn listed(place: &Place) -> Vec<Value> {
    items(&place.fine(&["accounts", "list", "--format", "json"]))
}

fn one(place: &Place, platform_id: &str) -> Value {
    listed(place).into_iter().find(|account| account["platform_id"] == platform_id).unwrap()
}

const MAPPED: &[&str] = &["--map", "platform_id=CustomerNo,name=Name"];

#[test]
fn a_book_goes_in_once() {
    for backend in backends() {
        let place = place(backend);
        let dry = import(&place, BOOK, &[MAPPED, &["--dry-run"]].concat());
        assert_eq!((dry.code, listed(&place).len()), (0, 0), "{dry:?}");
        assert!(dry.out.starts_with("4 rows: 4 created") && dry.out.contains("--dry-run"), "{}", dry.out);
        assert!(dry.err.contains("not read: Note"), "{}", dry.err);
        let done = import(&place, BOOK, MAPPED);
        assert_eq!(
            (done.code, done.out.as_str()),
            (0, "4 rows: 4 created, 0 changed, 0 unchanged, 0 kept, 0 refused\n")
        );
        let customer = one(&place, "11");
        assert_eq!(customer["reseller"]["external_id"], "V-10");
        assert_eq!(customer["reseller"]["since"], "2024-05-01T00:00:00Z");
        assert_eq!(
            (&customer["reseller"]["cause"], &customer["reseller"]["state"]),
            (&json!("import"), &json!("linked"))
        );
        assert_eq!((&customer["reported"], &customer["sync_options"]["MPNID"]), (&Value::Null, &json!("345678")));
        assert_eq!(customer["partner"]["cause"], "import");
        let waiting = one(&place, "12");
        assert_eq!(
            (&waiting["reseller"]["state"], &waiting["reseller"]["since"]),
            (&json!("pending"), &json!("2025-01-01T08:00:00Z"))
        );
        let before = listed(&place);
        let again = import(&place, BOOK, &[MAPPED, &["--all"]].concat());
        assert_eq!((again.code, listed(&place)), (0, before), "{again:?}");
        assert!(again.out.contains("line 2, 11: unchanged\n") && again.out.contains("4 unchanged"), "{}", again.out);
        let trail = items(&place.fine(&["operator", "audit", "--format", "json"]));
        assert_eq!(trail.len(), 1, "what changes nothing is no change: {trail:?}");
        assert_eq!((&trail[0]["action"], &trail[0]["detail"]["lines"]), (&json!("accounts.import"), &json!("2-5")));
        assert!(place.fine(&["deliveries", "verify"]).contains("0"));
    }
}

#[test]
fn a_long_book_is_linked_across_its_parts() {
    for backend in backends() {
        let place = place(backend);
        let mut book = "platform_id,reseller,kind\n".to_owned();
        (0..600).for_each(|n| book.push_str(&format!("c{n},r{},reseller_customer\n", n % 7)));
        (0..7).for_each(|n| book.push_str(&format!("r{n},,reseller\n")));
        let done = import(&place, &book, &["--format", "json"]);
        let report: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!((done.code, &report["rows"], &report["summary"]["created"]), (0, &json!([]), &json!(607)));
        let linked = items(&place.fine(&["accounts", "list", "--state", "linked", "--format", "json"]));
        assert_eq!(linked.len(), 600);
        let again: Value = serde_json::from_str(&import(&place, &book, &["--format", "json"]).out).unwrap();
        assert_eq!(again["summary"]["unchanged"], 607, "{again}");
        // A reseller becomes a customer, in a list in which its customers leave it only behind that.
        let mut book = "platform_id,reseller,kind\nr0,,direct_customer\n".to_owned();
        (0..600).step_by(7).for_each(|n| book.push_str(&format!("c{n},r1,reseller_customer\n")));
        let moved: Value = serde_json::from_str(&import(&place, &book, &["--format", "json"]).out).unwrap();
        assert_eq!((&moved["summary"]["changed"], &moved["summary"]["refused"]), (&json!(87), &json!(0)), "{moved}");
    }
}

#[test]
fn bad_rows_are_told_and_good_ones_go_in() {
    for backend in backends() {
        let place = place(backend);
        let book = "platform_id,kind,reseller,external_id,since,option.MPNID,tenant\n\
            10,reseller,,V-1,,,\n\
            11,direct_customer,,V-1,,,\n\
            10,reseller,,,,,\n\
            12,reseller_customer,,,,,\n\
            13,direct_customer,,,2999-01-01,,\n\
            14,reseller_customer,10,,,x,\n\
            15,direct_customer,,,,,acme\n\
            16,reseller_customer,10,,,345678,\n\
            \u{1b}[31m,king,,,,,\n";
        let done = import(&place, book, &[]);
        assert_eq!(done.code, 1);
        for (line, word) in [
            (3, "line 2 already, for another"),
            (4, "line 2 already"),
            (5, "needs a reseller"),
            (6, "future"),
            (7, "form"),
            (8, "no tenants apart"),
            (10, "control character"),
        ] {
            let told = done.out.lines().find(|told| told.starts_with(&format!("line {line},"))).unwrap_or_default();
            assert!(told.contains("refused") && told.contains(word), "{line}: {}", done.out);
        }
        assert!(!done.out.contains('\u{1b}') && done.err.contains("7 rows were refused"), "{done:?}");
        let ids: Vec<Value> = listed(&place).iter().map(|account| account["platform_id"].clone()).collect();
        assert_eq!(ids, [json!("10"), json!("16")]);
        // An account that is there, under another ExternalID.
        let other = import(&place, "platform_id,kind,external_id\n10,reseller,V-2\n", &["--format", "json"]);
        let report: Value = serde_json::from_str(&other.out).unwrap();
        assert_eq!(
            (other.code, &report["rows"][0]["code"], &report["rows"][0]["line"]),
            (1, &json!(1004), &json!(2)),
            "{report}"
        );
        for (list, more, code, part) in [
            ("kind\n", &[][..], 2, "platform_id"),
            ("", &[], 2, "empty"),
            ("platform_id,kind\n", &["--tenant", "acme"], 2, "no tenants apart"),
            ("platform_id,kind\n1,\"reseller\n", &[], 1, "never closed"),
            ("platform_id,kind\n", &["--map", "since=When"], 2, "When"),
        ] {
            import(&place, list, more).failed(code, part);
        }
        place.run(&["accounts", "import", "none.csv", "--source", "eu"]).failed(3, "none.csv");
        place.run(&["accounts", "import", "book.csv", "--source", "us"]).failed(2, "there are eu, local");
    }
}

#[test]
fn a_platform_takes_over_what_the_book_said() {
    for backend in backends() {
        let place = place(backend);
        assert_eq!(import(&place, BOOK, MAPPED).code, 0);
        let (before, toml) = (one(&place, "11"), config("", MPNID));
        let app = receiver(&place, &toml);
        assert_eq!(Call::post("Accounts/Exists", r#"{"ID":"10"}"#).send(&app).result(), "V-10");
        assert_eq!(send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"})), "V-10");
        assert_eq!(
            send(&app, &json!({"ID": "11", "Role": "User", "ResellerExternalID": "V-10", "ResellerID": "10"})),
            before["external_id"].as_str().unwrap()
        );
        drop(app);
        let after = one(&place, "11");
        assert_eq!((listed(&place).len(), &after["id"], &after["reseller"]), (4, &before["id"], &before["reseller"]));
        assert_eq!(after["reported"]["reseller"], "10");
        let changed = BOOK.replace("10;11;reseller_customer;Bakery", "99;11;reseller_customer;Baker");
        let kept = import(&place, &changed, MAPPED);
        assert_eq!(kept.code, 0, "{kept:?}");
        assert!(
            kept.out.starts_with("line 2, 11: kept: the platform reported") && kept.out.contains("1 kept"),
            "{}",
            kept.out
        );
        assert_eq!(one(&place, "11"), after);
    }
}

#[test]
fn an_id_may_be_both_and_what_stands_before_a_break_is_in() {
    for backend in backends() {
        let place = place(backend);
        let same = import(&place, "id,external_id,kind\n1,1,reseller\n2,1,reseller\n1,2,reseller\n", &["--all"]);
        assert_eq!(
            same.out,
            "line 3, 2: refused: the ExternalID is on line 2 already, for another account\n\
             line 4, 1: refused: the account is on line 2 already\nline 2, 1: created\n\
             3 rows: 1 created, 0 changed, 0 unchanged, 0 kept, 2 refused\n"
        );
        // The first row is in the way of nobody but would be tried once more at the end.
        let broken = "id,external_id,kind\n5,1,reseller\n6,,reseller\n7,,\"reseller\n";
        let broken = import(&place, broken, &["--all"]);
        assert_eq!(broken.code, 1);
        assert!(broken.out.contains("line 3, 6: created\nline 2, 5: refused"), "{broken:?}");
        assert!(broken.err.contains("line 4") && broken.err.contains("what stands before it is in"), "{}", broken.err);
        assert_eq!(listed(&place).len(), 2);
        place.run(&["accounts", "import", ".", "--source", "eu"]).failed(3, "it is a folder");
    }
}

#[test]
fn json_lists_and_the_own_export_go_in() {
    for backend in backends() {
        let (first, second) = (place(backend), place(backend));
        assert_eq!(import(&first, BOOK, MAPPED).code, 0);
        std::fs::write(second.path("book.json"), first.fine(&["accounts", "list", "--format", "json"])).unwrap();
        let done = second.run(&["accounts", "import", "book.json", "--source", "eu"]);
        assert_eq!(done.code, 0, "{done:?}");
        let shape = |place: &Place| {
            let mut shape: Vec<_> = listed(place)
                .iter()
                .map(|a| {
                    json!([a["platform_id"], a["external_id"], a["kind"], a["reseller"], a["name"], a["sync_options"]])
                        .to_string()
                })
                .collect();
            shape.sort();
            shape
        };
        assert_eq!(shape(&first), shape(&second));
        let field = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\nkind = \"Text\"\n";
        let tenants = Place::with(backend, &config("tenant_setting = \"Organisation\"", field));
        tenants.fine(&["migrate"]);
        let book =
            "{\"platform_id\":1,\"kind\":\"reseller\",\"tenant\":\"a\"}\n{\"platform_id\":1,\"kind\":\"reseller\"}\n";
        std::fs::write(tenants.path("book.jsonl"), book).unwrap();
        let done = tenants.run(&["accounts", "import", "book.jsonl", "--source", "eu"]);
        assert!(done.code == 1 && done.out.contains("line 2, 1: refused: source eu tells tenants apart"), "{done:?}");
        let done = tenants.run(&["accounts", "import", "book.jsonl", "--source", "eu", "--tenant", "b"]);
        assert!(done.code == 0 && done.out.contains("1 created, 0 changed, 1 unchanged"), "{done:?}");
    }
}

#[test]
fn accounts_are_set_by_hand() {
    for backend in backends() {
        let place = place(backend);
        let toml = config("", MPNID);
        let app = receiver(&place, &toml);
        for body in [
            json!({"ID": "10", "Role": "Reseller"}),
            json!({"ID": "20", "Role": "Reseller"}),
            json!({"ID": "11", "Role": "User", "ResellerID": "10"}),
        ] {
            send(&app, &body);
        }
        drop(app);
        let set = |arguments: &[&str]| place.run(&[&["accounts", "set"], arguments].concat());
        let moved = set(&["11", "--reseller", "20", "--name", "Bakery", "--reason", "Sold to Contoso"]);
        assert_eq!((moved.code, moved.out.as_str()), (0, "account 0-3 changed: reseller, hold, name\n"), "{moved:?}");
        let account = one(&place, "11");
        assert_eq!((&account["reseller"]["platform_id"], &account["reseller"]["drift"]), (&json!("20"), &json!(true)));
        assert_eq!(account["reseller"]["cause"], "move");
        let trail = items(&place.fine(&["operator", "audit", "--format", "json"]));
        assert_eq!((&trail[0]["subject"], &trail[0]["detail"]["reason"]), (&json!("0-3"), &json!("Sold to Contoso")));
        assert!(set(&["11", "--reseller", "20"]).out.contains("is so already"));
        let released = set(&["11", "--release", "--format", "json"]);
        assert_eq!(items(&released.out)[0]["reseller"]["platform_id"], "10", "{released:?}");
        // A reseller that is to be a customer is made one in two acts, which are one change.
        let demoted = set(&["20", "--kind", "reseller_customer", "--reseller", "10"]);
        assert_eq!((demoted.code, &one(&place, "20")["reseller"]["platform_id"]), (0, &json!("10")), "{demoted:?}");
        set(&["10", "--kind", "direct_customer"]).failed(1, "still has customers");
        set(&["11", "--reseller", "11"]).failed(1, "own reseller");
        set(&["11", "--reseller", "nobody"]).failed(1, "no account is called nobody");
        set(&["11"]).failed(2, "name a field");
        set(&["11", "--release", "--reseller", "none"]).failed(2, "release");
        set(&["11", "--kind", "reseller", "--reseller", "10"]).failed(2, "only a reseller_customer");
        assert_eq!(set(&["11", "--status", "deleted"]).code, 0);
        assert_eq!(one(&place, "11")["status"], "deleted");
        set(&["11", "--name", "x"]).failed(1, "deleted");
        assert_eq!(set(&["11", "--status", "active"]).code, 0);
        assert_eq!(one(&place, "11")["reseller"]["platform_id"], "10");
    }
}

fn patch(app: &TestApp, token: &str, account: &str, tag: Option<&str>, body: &Value) -> Reply {
    let call = Call::new("PATCH", &format!("/v1/accounts/{account}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json");
    let call = match tag {
        Some(tag) => call.header("If-Match", tag),
        None => call,
    };
    call.body(body.to_string()).send(app)
}

#[test]
fn accounts_are_changed_over_v1() {
    for backend in backends() {
        let app = world(backend);
        let admin = operator(&app, "admin", Role::ProviderAdmin, &[], None);
        let (customer, other) = (id(&app, "11"), id(&app, "20"));
        let shown = get(&app, &admin, &format!("/accounts/{customer}"));
        let tag = shown.header("etag").unwrap().to_owned();
        let moved = patch(&app, &admin, &customer, Some(&tag), &json!({"reseller": other, "reason": "Sold"}));
        assert_eq!((moved.status, &moved.json()["reseller"]["platform_id"]), (200, &json!("20")), "{}", moved.body);
        let now = get(&app, &admin, &format!("/accounts/{customer}"));
        assert_eq!((now.json(), now.header("etag")), (moved.json(), moved.header("etag")));
        problem(&patch(&app, &admin, &customer, Some(&tag), &json!({"name": "x"})), 412, "precondition_failed");
        let weak = format!("W/{}", now.header("etag").unwrap());
        problem(&patch(&app, &admin, &customer, Some(&weak), &json!({"name": "x"})), 412, "precondition_failed");
        assert_eq!(patch(&app, &admin, &customer, Some("*"), &json!({"name": "New"})).json()["name"], "New");
        let none = patch(&app, &admin, &customer, None, &json!({"reseller": null}));
        let held = &none.json()["reseller"];
        assert_eq!((&none.json()["kind"], &held["platform_id"]), (&json!("direct_customer"), &Value::Null));
        assert_eq!((&held["state"], &held["drift"]), (&json!("unassigned"), &json!(true)));
        let back = patch(&app, &admin, &customer, None, &json!({"release": true}));
        assert_eq!(
            (&back.json()["reseller"]["platform_id"], &back.json()["reseller"]["drift"]),
            (&json!("10"), &json!(false))
        );
        for (account, body, status, code, word) in [
            (&*customer, json!({}), 400, "bad_request", "name a field"),
            (&customer, json!([null, "reseller"]), 400, "bad_request", "no JSON object"),
            (&customer, json!({"colour": "red"}), 400, "bad_request", "colour"),
            (&customer, json!({"kind": "king"}), 400, "bad_request", "kind"),
            (&customer, json!({"reseller": "nobody"}), 400, "bad_request", "reseller"),
            (&customer, json!({"name": "a\u{7}"}), 400, "bad_request", "control"),
            (&customer, json!({"name": "a", "reason": " "}), 400, "bad_request", "reason"),
            (&customer, json!({"reseller": customer}), 409, "conflict", "1006"),
            (&other, json!({"status": "deleted"}), 409, "conflict", "1004"),
            ("0-999", json!({"name": "a"}), 404, "not_found", "nothing"),
        ] {
            let reply = patch(&app, &admin, account, None, &body);
            problem(&reply, status, code);
            assert!(reply.body.contains(word), "{}", reply.body);
        }
        let audit = all(&app, &admin, "/audit?action=accounts.set", 9);
        assert_eq!((audit.len(), &audit[3]["detail"]), (4, &json!({"fields": ["reseller"], "reason": "Sold"})));

        let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
        problem(&patch(&app, &viewer, &customer, None, &json!({"name": "a"})), 403, "forbidden");
        let ours = operator(&app, "ours", Role::ResellerAdmin, &["0-1"], None);
        assert_eq!(patch(&app, &ours, &customer, None, &json!({"name": "Ours"})).json()["name"], "Ours");
        problem(&patch(&app, &ours, &customer, None, &json!({"reseller": null})), 403, "forbidden");
        problem(&patch(&app, &ours, &id(&app, "21"), None, &json!({"name": "a"})), 404, "not_found");
    }
}

#[test]
fn a_book_goes_in_over_v1() {
    for backend in backends() {
        let app = TestApp::start(backend);
        let admin = operator(&app, "admin", Role::ProviderAdmin, &[], None);
        let post = |token: &str, query: &str, kind: &str, body: &str| {
            Call::new("POST", &format!("/v1/accounts/import?{query}"))
                .header("Authorization", format!("Bearer {token}"))
                .header("Content-Type", kind)
                .body(body)
                .send(&app)
        };
        let mapped = "source=eu&map=platform_id%3DCustomerNo";
        let dry = post(&admin, &format!("{mapped}&dry_run=true"), "text/csv", BOOK);
        assert_eq!((dry.status, &dry.json()["summary"]["created"]), (200, &json!(4)), "{}", dry.body);
        assert_eq!(all(&app, &admin, "/accounts", 9).len(), 0);
        let done = post(&admin, mapped, "text/csv; charset=utf-8", BOOK);
        assert_eq!(
            (&done.json()["summary"]["created"], &done.json()["rows"]),
            (&json!(4), &json!([])),
            "{}",
            done.body
        );
        let rows = r#"[{"platform_id":"10","kind":"direct_customer","external_id":"V-10"},{"platform_id":""}]"#;
        let told = post(&admin, "source=eu", "application/json", rows).json();
        assert_eq!((&told["summary"]["refused"], &told["rows"][0]["line"]), (&json!(2), &json!(1)), "{told}");
        for (query, kind, body, word) in [
            ("", "text/csv", "x", "source"),
            ("source=us", "text/csv", "x", "No source"),
            ("source=eu&tenant=a", "text/csv", "x", "tenants"),
            ("source=eu&map=x", "text/csv", "x", "map"),
            ("source=eu", "text/plain", "x", "text/csv"),
            ("source=eu", "text/csv", "kind\n", "platform_id"),
            ("source=eu", "application/json", "[1]", "line 1"),
        ] {
            let reply = post(&admin, query, kind, body);
            problem(&reply, 400, "bad_request");
            assert!(reply.body.contains(word), "{}", reply.body);
        }
        let form = Call::new("POST", &format!("/v1/accounts/import?{mapped}"));
        let form = form.header("Authorization", format!("Bearer {admin}"));
        for (header, value) in [("Content-Type", "multipart/form-data; boundary=x"), ("Content-Encoding", "gzip")] {
            problem(&form.clone().header(header, value).body(BOOK).send(&app), 415, "unsupported_media");
        }
        for role in [Role::Viewer, Role::ResellerAdmin] {
            let resellers: &[&str] = if role == Role::ResellerAdmin { &["0-1"] } else { &[] };
            let token = operator(&app, role.as_str(), role, resellers, None);
            problem(&post(&token, mapped, "text/csv", BOOK), 403, "forbidden");
        }
    }
}
