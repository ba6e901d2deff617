//! Fields with hostile, missing or contradictory values.

use tiersync::domain::options::OptionValue;
use tiersync::domain::relation::{Axis, FoundBy};
use tiersync::store::accounts;

use crate::harness::{Backend, Call, TestApp, backends};
use crate::inputs_ledger::{Ledger, assert_alive, check};

/// Code and kind (empty for none) that each body comes to, answered 200.
fn table(backend: Backend, cases: &[(&str, String, i64, &str)]) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for (name, body, code, kind) in cases {
        check(&app, &mut ledger, name, &Call::synchronize(body), (200, *code));
        assert_eq!(ledger.newest().kind.map_or("", |kind| kind.as_str()), *kind, "{name}");
    }
    assert_alive(&app);
}

#[test]
fn ids() {
    let cases = [
        ("absent", r#"{"Role":"User"}"#.to_owned(), 1001, ""),
        ("in another case", r#"{"id":"1","Role":"User"}"#.to_owned(), 1001, ""),
        ("null", r#"{"ID":null,"Role":"User"}"#.to_owned(), 1001, ""),
        ("empty", r#"{"ID":"","Role":"User"}"#.to_owned(), 1001, ""),
        ("blank", r#"{"ID":" \t ","Role":"User"}"#.to_owned(), 1001, ""),
        ("an object", r#"{"ID":{"ID":"1"},"Role":"User"}"#.to_owned(), 1001, ""),
        ("a list", r#"{"ID":["1"],"Role":"User"}"#.to_owned(), 1001, ""),
        ("true", r#"{"ID":true,"Role":"User"}"#.to_owned(), 1001, ""),
        ("a control character", r#"{"ID":"1\u001b[2J","Role":"User"}"#.to_owned(), 1001, ""),
        ("10,000 characters", format!(r#"{{"ID":"{}","Role":"User"}}"#, "9".repeat(10_000)), 1001, ""),
        ("129 characters", format!(r#"{{"ID":"{}","Role":"User"}}"#, "9".repeat(129)), 1001, ""),
        ("128 wide characters", format!(r#"{{"ID":"{}","Role":"User"}}"#, "é".repeat(128)), 0, "direct_customer"),
        ("a number", r#"{"ID":77,"Role":"User"}"#.to_owned(), 0, "direct_customer"),
        ("a huge number", r#"{"ID":1e999,"Role":"User"}"#.to_owned(), 1001, ""),
        ("SQL", r#"{"ID":"'; DROP TABLE accounts; --","Role":"User"}"#.to_owned(), 0, "direct_customer"),
    ];
    backends().into_iter().for_each(|backend| table(backend, &cases));
}

fn a_number_is_its_text(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let first = check(&app, &mut ledger, "number", &Call::synchronize(r#"{"ID":77,"Role":"User"}"#), (200, 0));
    for same in [r#""77""#, r#"" 77 ""#, "77.0", "7.7e1"] {
        let body = format!(r#"{{"ID":{same},"Role":"User"}}"#);
        let reply = check(&app, &mut ledger, same, &Call::synchronize(body), (200, 0));
        assert_eq!(reply.result(), first.result(), "{same}");
        assert_eq!(ledger.newest().outcome.as_str(), "unchanged", "{same}");
    }
}

#[test]
fn a_numeric_id_is_its_decimal_text() {
    backends().into_iter().for_each(a_number_is_its_text);
}

#[test]
fn roles() {
    let role = |role: &str| format!(r#"{{"ID":"r{}"{role}}}"#, role.len());
    let cases = [
        ("absent", role(""), 1002, ""),
        ("null", role(r#","Role":null"#), 1002, ""),
        ("empty", role(r#","Role":"""#), 1002, ""),
        ("unknown", role(r#","Role":"Administrator""#), 1002, ""),
        ("nearly", role(r#","Role":"Resellers""#), 1002, ""),
        ("a number", role(r#","Role":1"#), 1002, ""),
        ("a list", role(r#","Role":["User"]"#), 1001, ""),
        ("an object", role(r#","Role":{}"#), 1001, ""),
        ("10,000 characters", role(&format!(r#","Role":"{}""#, "x".repeat(10_000))), 1001, ""),
        ("in capitals with a space", role(r#","Role":"RESELLER ""#), 0, "reseller"),
        ("in small letters", role(r#","Role":" user""#), 0, "direct_customer"),
    ];
    backends().into_iter().for_each(|backend| table(backend, &cases));
}

#[test]
fn reseller_ids() {
    let mut cases = Vec::new();
    for (name, reseller, user_kind, reseller_code) in [
        ("absent", "", "direct_customer", 0),
        ("null", r#","ResellerID":null"#, "direct_customer", 0),
        ("empty", r#","ResellerID":"""#, "direct_customer", 0),
        ("blank", r#","ResellerID":"  ""#, "direct_customer", 0),
        ("a number", r#","ResellerID":900"#, "reseller_customer", 1002),
        ("different", r#","ResellerID":"900""#, "reseller_customer", 1002),
    ] {
        let id = name.replace(' ', "-");
        cases.push((name, format!(r#"{{"ID":"u-{id}","Role":"User"{reseller}}}"#), 0, user_kind));
        let kind = if reseller_code == 0 { "reseller" } else { "" };
        cases.push((name, format!(r#"{{"ID":"r-{id}","Role":"Reseller"{reseller}}}"#), reseller_code, kind));
    }
    for (name, reseller) in [("equal", r#""8""#), ("equal as a number", "8"), ("equal but for space", r#"" 8 ""#)] {
        cases.push((name, format!(r#"{{"ID":"8","Role":"User","ResellerID":{reseller}}}"#), 0, "direct_customer"));
    }
    cases.push(("equal, reseller", r#"{"ID":"9","Role":"Reseller","ResellerID":9}"#.to_owned(), 0, "reseller"));
    for (name, reseller) in [("an object", "{}"), ("a list", "[]"), ("true", "true")] {
        cases.push((name, format!(r#"{{"ID":"7","Role":"User","ResellerID":{reseller}}}"#), 1001, ""));
    }
    let long = "9".repeat(10_000);
    cases.push(("10,000 characters", format!(r#"{{"ID":"7","Role":"User","ResellerID":"{long}"}}"#), 1001, ""));
    backends().into_iter().for_each(|backend| table(backend, &cases));
}

fn reseller_external_ids(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let reseller = |id: &str| app.synchronize(&format!(r#"{{"ID":"{id}","Role":"Reseller"}}"#)).result();
    let (first, second) = (reseller("900"), reseller("901"));
    // Named reseller, ResellerExternalID as JSON, code, relation state, what found it.
    for (name, platform_id, external_id, code, state, found) in [
        ("agrees", "900", format!("\"{first}\""), 0, "linked", Some(FoundBy::Both)),
        ("contradicts", "900", format!("\"{second}\""), 1004, "", None),
        ("unknown", "900", "\"nobody\"".to_owned(), 0, "linked", Some(FoundBy::PlatformId)),
        ("null", "900", "null".to_owned(), 0, "linked", Some(FoundBy::PlatformId)),
        ("empty", "900", "\"\"".to_owned(), 0, "linked", Some(FoundBy::PlatformId)),
        ("known, ResellerID unknown", "999", format!("\"{second}\""), 0, "linked", Some(FoundBy::ExternalId)),
        ("neither known", "999", "\"nobody\"".to_owned(), 0, "pending", None),
        ("an object", "900", "{}".to_owned(), 1001, "", None),
        ("129 characters", "900", format!("\"{}\"", "x".repeat(129)), 1001, "", None),
    ] {
        let id = name.replace([' ', ','], "-");
        let body =
            format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"{platform_id}","ResellerExternalID":{external_id}}}"#);
        check(&app, &mut ledger, name, &Call::synchronize(body), (200, code));
        let relation = ledger.account(&id).and_then(|listed| listed.account.reseller);
        assert_eq!(relation.as_ref().map_or("", |relation| relation.state.as_str()), state, "{name}");
        assert_eq!(relation.and_then(|relation| relation.found_by), found, "{name}");
    }
    assert_alive(&app);
}

#[test]
fn reseller_external_ids_agree_or_are_refused() {
    backends().into_iter().for_each(reseller_external_ids);
}

#[test]
fn sync_options() {
    let options = |json: &str| format!(r#"{{"ID":"1","Role":"User","ResellerID":"900","SyncOptions":{json}}}"#);
    let many = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!(r#""o{at}":1"#)).collect();
        options(&format!("{{{}}}", members.join(",")))
    };
    let (refused, customer) = ("", "reseller_customer");
    let cases = [
        ("null", options("null"), 0, customer),
        ("an object without members", options("{}"), 0, customer),
        ("a list", options("[]"), 1001, refused),
        ("a text", options("\"MPNID=3456890\""), 1001, refused),
        ("10,000 entries", many(10_000), 1001, refused),
        ("501 entries", many(501), 1001, refused),
        ("500 entries", many(500), 0, customer),
        ("an object inside", options(r#"{"Deep":{"a":1}}"#), 1003, refused),
        ("a list in a list", options(r#"{"Deep":[["a"]]}"#), 1003, refused),
        ("null in a list", options(r#"{"Deep":[null]}"#), 1003, refused),
        ("the same twice but for space", options(r#"{"MPNID":3456890," MPNID ":3456890}"#), 1001, refused),
        ("without an ID", options(r#"{"":1}"#), 1001, refused),
        ("4,097 characters", options(&format!(r#"{{"Long":"{}"}}"#, "x".repeat(4097))), 1001, refused),
        ("not the pattern", options(r#"{"MPNID":"12"}"#), 1003, customer),
        ("true where text is asked", options(r#"{"MPNID":true}"#), 1003, customer),
        ("unknown options of every type", options(r#"{"A":"x","B":1.5,"C":true,"D":["a",1]}"#), 0, customer),
    ];
    backends().into_iter().for_each(|backend| table(backend, &cases));
}

fn partner_ids(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let mut send = |id: &str, mpnid: &str| {
        let body = format!(r#"{{"ID":"{id}","Role":"User","ResellerID":"900","SyncOptions":{{"MPNID":{mpnid}}}}}"#);
        check(&app, &mut ledger, mpnid, &Call::synchronize(body), (200, 0));
        let account = ledger.account(id).unwrap().account;
        let partner = account.partner.clone().expect("a partner relation");
        let history = accounts::history(ledger.connection(), account.id).unwrap();
        let partners = history.iter().filter(|relation| relation.axis == Axis::Partner).count();
        (account, partner, partners)
    };
    let (account, number, count) = send("1", "3456890");
    assert_eq!(number.partner_id.as_deref(), Some("3456890"));
    assert_eq!(account.options.get("MPNID"), Some(&OptionValue::Number("3456890".to_owned())));
    assert_eq!(count, 1);
    let (account, text, count) = send("1", "\"3456890\"");
    assert_eq!(text.id, number.id, "the same partner, so the same relation");
    assert_eq!(account.options.get("MPNID"), Some(&OptionValue::Text("3456890".to_owned())));
    assert_eq!(count, 1);
    let (_, other, count) = send("1", "\"3456891\"");
    assert_eq!(other.partner_id.as_deref(), Some("3456891"));
    assert_eq!(count, 2);
    for same in ["3456890", "\"3456890\"", "3456890.0"] {
        assert_eq!(send("2", same).1.partner_id.as_deref(), Some("3456890"), "{same}");
    }
}

#[test]
fn a_partner_id_is_the_same_as_number_and_as_text() {
    backends().into_iter().for_each(partner_ids);
}

fn foreign_external_ids(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let send = |ledger: &mut Ledger, id: &str, external_id: &str, code: i64| {
        let body = format!(r#"{{"ID":"{id}","Role":"User","ExternalID":{external_id}}}"#);
        check(&app, ledger, id, &Call::synchronize(body), (200, code))
    };
    let first = send(&mut ledger, "1", "null", 0).result();
    let second = send(&mut ledger, "2", "\"\"", 0).result();
    assert_ne!(first, second);
    send(&mut ledger, "3", &format!("\"{first}\""), 1004);
    assert!(ledger.account("3").is_none());
    let answered = send(&mut ledger, "2", &format!("\"{first}\""), 0).result();
    assert_eq!(answered, second, "a known account keeps its own");
    let account = ledger.account("2").unwrap().account;
    assert_eq!(account.reported_external_id.map(|id| id.to_string()), Some(first));
    assert_eq!(send(&mut ledger, "4", "\"vendor-4\"", 0).result(), "vendor-4", "a free one is adopted");
    send(&mut ledger, "5", "{}", 1001);
    send(&mut ledger, "5", &format!("\"{}\"", "x".repeat(10_000)), 1001);
}

#[test]
fn an_external_id_of_somebody_else_is_refused_or_kept_as_reported() {
    backends().into_iter().for_each(foreign_external_ids);
}
