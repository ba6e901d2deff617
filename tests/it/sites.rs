//! Sites, probes and brandings: their rules, what goes with their account, and what comes back.

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::schema::{brandings, probes, sites};

use crate::feed::{assert_tells_everything, feed, stored};
use crate::harness::app::MPNID;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::ledger::assert_whole;
use crate::moves_guide::{ask, did, text};
use crate::v1::{all, column, get, id, operator, problem, send};

/// As much of a PNG as anybody looks at, all of it ASCII but the first byte.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\nand so on";

pub fn put_logo(app: &TestApp, token: &str, account: &str, kind: &str, bytes: &[u8]) -> Reply {
    Call::new("PUT", &format!("/v1/accounts/{account}/branding/logo"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", kind)
        .body(bytes)
        .send(app)
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, told: &str) {
    problem(reply, status, code);
    assert!(reply.body.contains(told), "{told}: {}", reply.body);
}

/// A site of an account; gives its id.
pub fn site(app: &TestApp, token: &str, account: &str, name: &str) -> String {
    text(&did(app, token, "POST", &format!("/accounts/{account}/sites"), &json!({"name": name}))["id"])
}

/// A probe at a site; gives its id.
pub fn probe(app: &TestApp, token: &str, site: &str, name: &str) -> String {
    text(&did(app, token, "POST", &format!("/sites/{site}/probes"), &json!({"name": name}))["id"])
}

fn whole(app: &TestApp) {
    let database = &mut app.database();
    let told = stored(database);
    assert_tells_everything(database, &told);
    assert_whole(database);
}

fn rules(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    for body in [
        json!({"ID": "10", "Role": "Reseller"}),
        json!({"ID": "1", "Role": "User"}),
        json!({"ID": "2", "Role": "User"}),
    ] {
        send(&app, &body);
    }
    let (one, other) = (id(&app, "1"), id(&app, "2"));
    let path = format!("/accounts/{one}/sites");
    let north = site(&app, &token, &one, " North ");
    let longest = "é".repeat(100);
    site(&app, &token, &one, &longest);
    for (account, body, status, code, told) in [
        (&one, json!({}), 400, "bad_request", "needs a name"),
        (&one, json!({"name": " "}), 400, "bad_request", "name is empty"),
        (&one, json!({"name": format!("{longest}x")}), 400, "bad_request", "longer than 100"),
        (&one, json!({"name": "a\u{0}b"}), 400, "bad_request", "control character"),
        (&one, json!({"name": "x", "description": "x".repeat(1001)}), 400, "bad_request", "longer than 1000"),
        (&one, json!({"name": "NORTH"}), 409, "conflict", "Another site of this customer"),
        (&id(&app, "10"), json!({"name": "x"}), 409, "conflict", "is a reseller"),
    ] {
        refused(&ask(&app, &token, "POST", &format!("/accounts/{account}/sites"), &body), status, code, told);
    }
    // Another customer may call its own so.
    let elsewhere = site(&app, &token, &other, "North");
    let patch = format!("/sites/{north}");
    refused(&ask(&app, &token, "PATCH", &patch, &json!({"name": longest})), 409, "conflict", "has this name");
    refused(&ask(&app, &token, "PATCH", &patch, &json!({})), 400, "bad_request", "Nothing");
    let tag = get(&app, &token, &patch).header("etag").unwrap().to_owned();
    let renamed = did(&app, &token, "PATCH", &patch, &json!({"name": "north", "description": " gate "}));
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("north"), &json!("gate")));
    assert_eq!(did(&app, &token, "PATCH", &patch, &json!({"name": "north"}))["revision"], renamed["revision"]);
    for method in ["PATCH", "DELETE"] {
        let stale = Call::new(method, &format!("/v1{patch}")).header("Authorization", format!("Bearer {token}"));
        let stale = stale.header("Content-Type", "application/json").header("If-Match", &tag);
        problem(&stale.body(r#"{"name":"x"}"#).send(&app), 412, "precondition_failed");
    }
    // Probes: named once at all sites of a customer, moved between those alone.
    let south = site(&app, &token, &one, "South");
    let first = probe(&app, &token, &north, "p1");
    let second = probe(&app, &token, &south, "p2");
    probe(&app, &token, &elsewhere, "p1");
    let at = format!("/sites/{south}/probes");
    for (body, status, code, told) in [
        (json!({}), 400, "bad_request", "needs a name"),
        (json!({"name": "P1"}), 409, "conflict", "perhaps at another site"),
        (json!({"name": "x", "site": north}), 400, "bad_request", "leave `site` out"),
    ] {
        refused(&ask(&app, &token, "POST", &at, &body), status, code, told);
    }
    let moving = format!("/probes/{first}");
    for (body, status, code, told) in [
        (json!({}), 400, "bad_request", "Nothing"),
        (json!({"site": "north"}), 400, "bad_request", "no id"),
        (json!({"site": elsewhere}), 409, "conflict", "between the sites of one customer"),
        (json!({"site": "0-987"}), 409, "conflict", "between the sites of one customer"),
        (json!({"name": "p2"}), 409, "conflict", "has this name"),
    ] {
        refused(&ask(&app, &token, "PATCH", &moving, &body), status, code, told);
    }
    did(&app, &token, "PATCH", &moving, &json!({"site": south, "reason": "rebuilt"}));
    let history = all(&app, &token, &format!("{moving}/history"), 1);
    assert_eq!(column(&history, "happening"), ["updated", "created"]);
    assert_eq!((&history[0]["changed"], &history[0]["from"]), (&json!(["site"]), &json!(north)));
    assert_eq!((&history[0]["site"], &history[0]["cause"]), (&json!(south), &json!("operator")));
    // The site's end takes both; ended ones are listed when asked for, and change no more.
    let asked = did(&app, &token, "DELETE", &format!("/sites/{south}?preview=true"), &json!({}));
    assert_eq!((&asked["outcome"], &asked["with_it"]), (&json!("deleted"), &json!({"probes": 2})));
    assert_eq!(get(&app, &token, &format!("/sites/{south}")).json()["status"], "active");
    let told = did(&app, &token, "DELETE", &format!("/sites/{south}"), &json!({}));
    assert_eq!((&told["outcome"], &told["with_it"]), (&json!("deleted"), &json!({"probes": 2})));
    assert_eq!(did(&app, &token, "DELETE", &format!("/sites/{south}"), &json!({}))["outcome"], "unchanged");
    for (what, told) in
        [(format!("/sites/{south}"), "site is deleted"), (format!("/probes/{second}"), "probe is removed")]
    {
        assert_eq!(get(&app, &token, &what).json()["status"], "ended");
        refused(&ask(&app, &token, "PATCH", &what, &json!({"name": "back"})), 409, "conflict", told);
    }
    refused(&ask(&app, &token, "POST", &at, &json!({"name": "p3"})), 409, "conflict", "site is deleted");
    assert_eq!(column(&all(&app, &token, &path, 9), "name"), ["north", &longest]);
    assert_eq!(column(&all(&app, &token, &format!("{path}?status=ended"), 1), "name"), ["South"]);
    assert_eq!(all(&app, &token, &format!("{path}?status=all"), 1).len(), 3);
    assert_eq!(all(&app, &token, &format!("{at}?status=all"), 1).len(), 2);
    problem(&get(&app, &token, &format!("{path}?status=gone")), 400, "bad_request");
    // The name is free again, for another site.
    assert_ne!(site(&app, &token, &one, "south"), south);
    let third = probe(&app, &token, &north, "p1");
    assert_eq!(did(&app, &token, "DELETE", &format!("/probes/{third}"), &json!({}))["outcome"], "deleted");
    assert_eq!(did(&app, &token, "DELETE", &format!("/probes/{third}"), &json!({}))["outcome"], "unchanged");
    // What the feed tells names ids alone.
    let told = json!(feed(&app, &token)).to_string();
    assert!(told.contains("probe.updated") && !told.contains("orth") && !told.contains("gate"), "{told}");
    let events = all(&app, &token, &format!("/accounts/{one}/events?kind=site"), 3);
    assert!(column(&events, "kind").contains(&"probe.updated".to_owned()), "{events:?}");
    let ended = all(&app, &token, &format!("/accounts/{one}/events?kind=site.ended"), 3);
    assert_eq!(column(&ended, "subject"), std::slice::from_ref(&south));
    assert_eq!(all(&app, &token, &format!("/accounts/{one}/events?kind=probe.ended"), 1).len(), 3);
    whole(&app);
}

#[test]
fn sites_and_probes_keep_their_rules() {
    backends().into_iter().for_each(rules);
}

fn many(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    send(&app, &json!({"ID": "2", "Role": "User"}));
    let (one, other) = (id(&app, "1"), id(&app, "2"));
    let all_sites: Vec<String> = (0..6).map(|at| site(&app, &token, &one, &format!("s{at}"))).collect();
    let theirs = site(&app, &token, &other, "theirs");
    probe(&app, &token, &all_sites[1], "p");
    let path = format!("/accounts/{one}/sites/delete");
    let outcomes = |told: &Value| column(told["items"].as_array().unwrap(), "outcome");
    let before = feed(&app, &token).len();
    // All or nothing, unless asked otherwise.
    let ids = json!([all_sites[0], theirs, all_sites[1]]);
    let told = did(&app, &token, "POST", &path, &json!({"ids": ids}));
    assert_eq!(outcomes(&told), ["withheld", "refused", "withheld"]);
    assert_eq!(told["items"][1]["reason"], "No site of this customer has this id.");
    let told = did(&app, &token, "POST", &path, &json!({"ids": ids, "each": true, "preview": true}));
    assert_eq!(outcomes(&told), ["deleted", "refused", "deleted"]);
    assert_eq!(feed(&app, &token).len(), before, "neither did anything");
    let told = did(&app, &token, "POST", &path, &json!({"ids": ids, "each": true, "reason": "moved out"}));
    assert_eq!((outcomes(&told), &told["deleted"]), (outcomes(&told), &json!(2)));
    // One commit: two sites and a probe at one moment.
    let ended: Vec<Value> = feed(&app, &token).split_off(before);
    assert_eq!(column(&ended, "kind").iter().filter(|kind| kind.ends_with(".ended")).count(), 3);
    assert!(ended.iter().all(|entry| entry["at"] == ended[0]["at"]), "{ended:?}");
    let told = did(&app, &token, "POST", &path, &json!({"ids": [all_sites[0], all_sites[2]]}));
    assert_eq!(outcomes(&told), ["unchanged", "deleted"]);
    assert_eq!(get(&app, &token, &format!("/sites/{theirs}")).json()["status"], "active");
    // The same of probes at a site.
    let kept = &all_sites[3];
    let [p1, p2] = ["p1", "p2"].map(|name| probe(&app, &token, kept, name));
    let elsewhere = probe(&app, &token, &all_sites[4], "p3");
    let path = format!("/sites/{kept}/probes/delete");
    let ids = json!({"ids": [p1, elsewhere]});
    let told = did(&app, &token, "POST", &path, &ids);
    assert_eq!(outcomes(&told), ["withheld", "refused"]);
    assert_eq!(told["items"][1]["reason"], "No probe at this site has this id.");
    let told = did(&app, &token, "POST", &path, &json!({"ids": [p1], "preview": true}));
    assert_eq!((outcomes(&told), &told["preview"]), (vec!["deleted".to_owned()], &json!(true)));
    let told = did(&app, &token, "POST", &path, &json!({"ids": [p1, elsewhere], "each": true}));
    assert_eq!(outcomes(&told), ["deleted", "refused"]);
    assert_eq!(outcomes(&did(&app, &token, "POST", &path, &json!({"ids": [p1, p2]}))), ["unchanged", "deleted"]);
    assert_eq!(get(&app, &token, &format!("/probes/{elsewhere}")).json()["status"], "active");
    refused(&ask(&app, &token, "POST", &path, &json!({"ids": []})), 400, "bad_request", "none are named");
    let trail = all(&app, &token, "/audit", 50);
    assert!(trail.iter().any(|entry| entry["action"] == "probes.delete" && entry["subject"] == json!(kept)));
    let of: Vec<&Value> = trail.iter().filter(|entry| entry["action"] == "sites.delete").collect();
    assert_eq!((of.len(), &of[1]["detail"]["reason"]), (2, &json!("moved out")));
    whole(&app);
}

#[test]
fn many_sites_end_in_one_commit() {
    backends().into_iter().for_each(many);
}

/// What stands at an account ends with it, whoever ends it, and comes back with it; what ended before stays ended.
fn with_the_account(backend: Backend) {
    let app = TestApp::with(backend, &config("", MPNID));
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let customer = json!({"ID": "1", "Role": "User", "Name": "Bakery"});
    send(&app, &customer);
    let one = id(&app, "1");
    let (north, gone) = (site(&app, &token, &one, "North"), site(&app, &token, &one, "Gone"));
    let first = probe(&app, &token, &north, "p1");
    let removed = probe(&app, &token, &north, "p2");
    did(&app, &token, "DELETE", &format!("/sites/{gone}"), &json!({}));
    did(&app, &token, "DELETE", &format!("/probes/{removed}"), &json!({}));
    let states = |app: &TestApp| {
        [format!("/sites/{north}"), format!("/probes/{first}"), format!("/sites/{gone}"), format!("/probes/{removed}")]
            .map(|path| text(&get(app, &token, &path).json()["status"]))
    };
    let (there, away) = (["active", "active", "ended", "ended"], ["ended"; 4]);
    assert_eq!(states(&app), there);
    // The platform's Delete.
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code(), 0);
    assert_eq!(states(&app), away);
    let history = all(&app, &token, &format!("/sites/{north}/history"), 9);
    assert_eq!((&history[0]["cause"], &history[0]["happening"]), (&json!("sync"), &json!("ended")));
    assert_eq!(history[0]["delivery"], "0-2", "the Delete");
    let add = format!("/accounts/{one}/sites");
    refused(&ask(&app, &token, "POST", &add, &json!({"name": "x"})), 409, "conflict", "is deleted");
    // Its return, and no more often than the account comes and goes.
    send(&app, &customer);
    assert_eq!(states(&app), there);
    send(&app, &json!({"ID": "1", "Role": "User", "Name": "Bakery Ltd"}));
    assert_eq!(get(&app, &token, &format!("/sites/{north}")).json()["revision"], 3);
    // By hand, with what waits for the customer.
    crate::services_manage::make(&app, &token, "1", &json!({"name": "Mail", "plan": "gold"}));
    let body = json!({"customer": one, "reason": "again"});
    assert_eq!(ask(&app, &token, "POST", "/provisioning-requests", &body).status, 200);
    let asked = did(&app, &token, "DELETE", &format!("/customers/{one}?preview=true"), &json!({}));
    assert_eq!((&asked["with_it"]["sites"], &asked["with_it"]["probes"]), (&json!(1), &json!(1)));
    assert_eq!((&asked["with_it"]["services"], &asked["with_it"]["provisioning_requests"]), (&json!(1), &json!(1)));
    assert_eq!(did(&app, &token, "DELETE", &format!("/customers/{one}"), &json!({}))["outcome"], "deleted");
    assert_eq!(states(&app), away);
    let requests = all(&app, &token, "/provisioning-requests", 9);
    assert_eq!(column(&requests, "state"), ["cancelled"], "{requests:?}");
    let history = all(&app, &token, &format!("/probes/{first}/history"), 9);
    assert_eq!((&history[0]["cause"], &history[0]["delivery"]), (&json!("operator"), &Value::Null));
    did(&app, &token, "PATCH", &format!("/accounts/{one}"), &json!({"status": "active"}));
    assert_eq!(states(&app), there);
    // And the older way by hand.
    did(&app, &token, "PATCH", &format!("/accounts/{one}"), &json!({"status": "deleted"}));
    assert_eq!(states(&app), away);
    whole(&app);
}

#[test]
fn what_stands_at_an_account_goes_and_comes_back_with_it() {
    backends().into_iter().for_each(with_the_account);
}

fn requests_to_move(backend: Backend) {
    let (app, token) = crate::moves_guide::world(backend);
    let ours = operator(&app, "ours", Role::ResellerAdmin, &[&id(&app, "10")], None);
    let body = json!({"customer": id(&app, "11"), "reseller": get(&app, &token, &format!("/accounts/{}", id(&app, "20"))).json()["external_id"]});
    let asked = text(&did(&app, &ours, "POST", "/moves", &body)["id"]);
    let customer = id(&app, "11");
    let preview = did(&app, &token, "DELETE", &format!("/customers/{customer}?preview=true"), &json!({}));
    assert_eq!(preview["with_it"]["move_requests"], 1, "{preview}");
    assert_eq!(did(&app, &token, "DELETE", &format!("/customers/{customer}"), &json!({}))["outcome"], "deleted");
    let now = get(&app, &token, &format!("/moves/{asked}")).json();
    assert_eq!((&now["state"], now["decided_at"].is_string()), (&json!("withdrawn"), true), "{now}");
    whole(&app);
}

#[test]
fn a_request_to_move_ends_with_its_customer() {
    backends().into_iter().for_each(requests_to_move);
}

fn look(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    let one = id(&app, "1");
    let (path, logo) = (format!("/accounts/{one}/branding"), format!("/accounts/{one}/branding/logo"));
    let nothing = get(&app, &token, &path).json();
    assert_eq!(
        (&nothing["title"], &nothing["logo"], &nothing["colours"]["text"]),
        (&json!(""), &Value::Null, &Value::Null)
    );
    problem(&get(&app, &token, &logo), 404, "not_found");
    for (body, told) in [
        (json!({"title": "x".repeat(101)}), "title is longer than 100"),
        (json!({"colours": {"primary": "red"}}), "colours.primary is no colour"),
        (json!({"colours": {"primary": "#12345"}}), "colours.primary"),
        (json!({"colours": {"border": "#123456"}}), "unknown field `border`"),
    ] {
        refused(&ask(&app, &token, "PUT", &path, &body), 400, "bad_request", told);
    }
    // The picture is what its bytes say, of bounded size, and no SVG.
    let mut large = PNG.to_vec();
    large.resize(256 * 1024, b'x');
    for (kind, bytes, told) in [
        ("image/png", &b""[..], "is empty"),
        ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG is not taken"),
        ("image/png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG is not taken"),
        ("image/gif", PNG, "is image/png"),
        ("text/html", PNG, "is image/png"),
        ("image/png", &[&large[..], b"x"].concat(), "larger than 256 KiB"),
    ] {
        refused(&put_logo(&app, &token, &one, kind, bytes), 400, "bad_request", told);
    }
    let form = put_logo(&app, &token, &one, "multipart/form-data; boundary=x", PNG);
    assert_eq!(form.status, 415, "{}", form.body);
    for (kind, bytes, media) in [
        ("image/png", &large[..], "image/png"),
        ("application/octet-stream", b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        ("image/gif", b"GIF89a", "image/gif"),
        ("image/webp", b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
    ] {
        let reply = put_logo(&app, &token, &one, kind, bytes);
        assert_eq!((reply.status, &reply.json()["logo"]["media_type"]), (200, &json!(media)), "{}", reply.body);
        assert_eq!(reply.json()["logo"]["size"], json!(bytes.len()));
        let shown = get(&app, &token, &logo);
        assert_eq!((shown.status, shown.header("content-type")), (200, Some(media)));
        assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(shown.header("content-security-policy"), Some("default-src 'none'; sandbox"));
        assert_eq!(shown.header("content-length"), Some(&*bytes.len().to_string()));
        assert_eq!(shown.body, String::from_utf8_lossy(bytes));
        let tag = shown.header("etag").unwrap().to_owned();
        let again = Call::new("GET", &format!("/v1{logo}")).header("Authorization", format!("Bearer {token}"));
        assert_eq!(again.header("If-None-Match", tag).send(&app).status, 304);
    }
    // Title and colours are an exact set beside it; what says the same changes nothing.
    let body = json!({"title": " Bread ", "colours": {"primary": "#AbCdEf", "accent": "#000000"}});
    let shown = did(&app, &token, "PUT", &path, &body);
    assert_eq!((&shown["title"], &shown["colours"]["primary"]), (&json!("Bread"), &json!("#abcdef")));
    assert_eq!(shown["logo"]["media_type"], "image/webp");
    let revision = || get(&app, &token, &format!("/accounts/{one}")).json()["revision"].clone();
    let before = revision();
    did(&app, &token, "PUT", &path, &body);
    put_logo(&app, &token, &one, "image/webp", b"RIFF\x01\x02\x03\x04WEBPVP8 ");
    assert_eq!(revision(), before);
    let tag = get(&app, &token, &path).header("etag").unwrap().to_owned();
    let shown = did(&app, &token, "PUT", &path, &json!({"colours": {"text": "#111111"}}));
    assert_eq!((&shown["title"], &shown["colours"]["accent"]), (&json!(""), &Value::Null));
    let stale = Call::new("DELETE", &format!("/v1{path}")).header("Authorization", format!("Bearer {token}"));
    problem(&stale.header("If-Match", tag).send(&app), 412, "precondition_failed");
    let told: Vec<Value> =
        feed(&app, &token).into_iter().filter(|entry| entry["changed"] == json!(["branding"])).collect();
    assert_eq!((told.len(), &told[0]["kind"], &told[0]["cause"]), (6, &json!("account.updated"), &json!("operator")));
    // The logo alone, then all of it; twice is as once.
    for _ in 0..2 {
        assert_eq!(ask(&app, &token, "DELETE", &logo, &json!({})).status, 204);
    }
    problem(&get(&app, &token, &logo), 404, "not_found");
    assert_eq!(get(&app, &token, &path).json()["colours"]["text"], "#111111");
    for _ in 0..2 {
        assert_eq!(ask(&app, &token, "DELETE", &path, &json!({})).status, 204);
    }
    assert_eq!(get(&app, &token, &path).json(), nothing);
    assert_eq!(brandings::table.count().get_result::<i64>(&mut app.database()), Ok(0));
    let viewer = operator(&app, "looks", Role::Viewer, &[], None);
    assert_eq!(get(&app, &viewer, &path).status, 200);
    problem(&put_logo(&app, &viewer, &one, "image/png", PNG), 403, "forbidden");
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"1"}"#).send(&app).code(), 0);
    refused(&put_logo(&app, &token, &one, "image/png", PNG), 409, "conflict", "is deleted");
    whole(&app);
}

#[test]
fn a_customers_pages_look_as_was_said() {
    backends().into_iter().for_each(look);
}

fn erased(backend: Backend) {
    let app = TestApp::start(backend);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User"}));
    let one = id(&app, "1");
    let north = site(&app, &token, &one, "Zebulon's house");
    did(&app, &token, "PATCH", &format!("/sites/{north}"), &json!({"description": "Zebulon"}));
    probe(&app, &token, &north, "Zebulon's cellar");
    let gone = site(&app, &token, &one, "Zebulon's garden");
    did(&app, &token, "DELETE", &format!("/sites/{gone}"), &json!({}));
    did(&app, &token, "PUT", &format!("/accounts/{one}/branding"), &json!({"title": "Zebulon"}));
    assert_eq!(put_logo(&app, &token, &one, "image/png", PNG).status, 200);
    let erase = Call::new("DELETE", &format!("/v1/accounts/{one}?erase=true"));
    assert_eq!(erase.header("Authorization", format!("Bearer {token}")).send(&app).status, 200);
    let texts: Vec<(String, String, String, bool)> = sites::table
        .select((sites::name, sites::description, sites::status, sites::with_account))
        .load(&mut app.database())
        .unwrap();
    let empty = (String::new(), String::new(), "ended".to_owned(), false);
    assert_eq!(texts, [empty.clone(), empty]);
    let texts: Vec<(String, String)> =
        probes::table.select((probes::name, probes::status)).load(&mut app.database()).unwrap();
    assert_eq!(texts, [(String::new(), "ended".to_owned())]);
    assert_eq!(brandings::table.count().get_result::<i64>(&mut app.database()), Ok(0));
    // Brought back, it has none of it.
    let revive = ask(&app, &token, "POST", &format!("/accounts/{one}/revive"), &json!({}));
    assert!(matches!(revive.status, 200 | 204), "{}", revive.body);
    send(&app, &json!({"ID": "1", "Role": "User", "Name": "New"}));
    assert_eq!(all(&app, &token, &format!("/accounts/{one}/sites"), 9), Vec::<Value>::new());
    whole(&app);
}

#[test]
fn erasure_takes_sites_probes_and_looks() {
    backends().into_iter().for_each(erased);
}
