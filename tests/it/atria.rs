//! The Atria dialect, with a client that behaves as .NET's `WebClient` does: no Content-Type, `Expect: 100-continue`, and
//! credentials only behind a challenge, on the same connection.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tiersync::domain::ids::AccountId;
use tiersync::domain::operator::Role;
use tiersync::store::operators;

use crate::harness::app::MPNID;
use crate::harness::client::now;
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::v1::{get, operator, send};

/// The request of Atria's guide, as PowerShell expands its here-string in a script with Unix line ends.
const GUIDE: &str = include_str!("../payloads/atria/customer-move.xml");

const PAGE: &str = "/cortexapi/default.aspx";

fn basic(name: &str, token: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{token}")))
}

/// One call as .NET Framework sends it: the head, and the body once the server wants it.
fn send_as_net_does(stream: &mut TcpStream, authorization: Option<&str>, body: &[u8]) -> Reply {
    let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    let head = format!(
        "POST {PAGE} HTTP/1.1\r\n{authorization}Host: atriaweb\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\
         Connection: Keep-Alive\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let first = Reply::read(stream).unwrap();
    if first.status != 100 {
        return first;
    }
    stream.write_all(body).unwrap();
    Reply::read(stream).unwrap()
}

/// `$client.UploadString($apiUrl, $apiRequest)`.
fn upload_string(app: &TestApp, (name, token): (&str, &str), body: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(app.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let refused = send_as_net_does(&mut stream, None, body);
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert_eq!(challenge, "Basic realm=\"tiersync\", charset=\"UTF-8\"");
    assert_ne!(refused.header("connection"), Some("close"), "the same connection must do for the second try");
    send_as_net_does(&mut stream, Some(&basic(name, token)), body)
}

/// The text of the only element of this name.
fn element(reply: &Reply, name: &str) -> Option<String> {
    assert_eq!(reply.header("content-type"), Some("text/xml; charset=utf-8"), "{}", reply.body);
    let (_, rest) = reply.body.split_once(&format!("<{name}>"))?;
    let (text, rest) = rest.split_once(&format!("</{name}>"))?;
    assert!(!rest.contains(&format!("<{name}>")), "{name} comes twice: {}", reply.body);
    Some(text.to_owned())
}

#[track_caller]
fn moved(reply: &Reply, changed: bool) {
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(element(reply, "changed"), Some(changed.to_string()), "{}", reply.body);
    assert_eq!(element(reply, "error"), None, "{}", reply.body);
}

/// It is refused with this status and code, and the reason has this part.
#[track_caller]
pub fn refused(reply: &Reply, status: u16, code: i64, part: &str) {
    assert_eq!(reply.status, status, "{}", reply.body);
    assert_eq!(element(reply, "code"), Some(code.to_string()), "{}", reply.body);
    let message = element(reply, "message").unwrap();
    assert!(message.contains(part), "{message}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

/// A call with credentials, in one go.
pub fn set(app: &TestApp, credentials: (&str, &str), body: impl AsRef<[u8]>) -> Reply {
    Call::new("POST", PAGE).header("Authorization", basic(credentials.0, credentials.1)).body(body).send(app)
}

/// The guide's request about others.
pub fn request(customer: &str, parent: &str) -> String {
    GUIDE.replacen("ATR", customer, 1).replacen("HNP", parent, 1)
}

/// Two resellers, `NWD` (0-1) and `HNP` (0-2), and `ATR` (0-3), a customer of the first.
fn world(backend: Backend) -> TestApp {
    let app = TestApp::start(backend);
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Northwind", "Code": "NWD"}),
        json!({"ID": "20", "Role": "Reseller", "Name": "Harbour", "Code": "HNP"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Atrium & Sons", "Code": "ATR"}),
    ] {
        send(&app, &body);
    }
    app
}

/// The platform ID of an account's reseller.
fn reseller_of(app: &TestApp, token: &str, platform_id: &str) -> Value {
    let page = get(app, token, &format!("/accounts?platform_id={platform_id}")).json();
    page["items"][0]["reseller"]["platform_id"].clone()
}

fn guide(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let before = get(&app, &token, "/audit").json()["items"].as_array().unwrap().len();
    let reply = upload_string(&app, ("maria", &token), GUIDE.as_bytes());
    moved(&reply, true);
    assert!(
        reply.body.starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?><response version=\"1.0\">"),
        "{}",
        reply.body
    );
    assert!(reply.body.contains("<name>ATR</name><parent><id>0-2</id><name>HNP</name></parent>"), "{}", reply.body);
    assert_eq!(reseller_of(&app, &token, "11"), "20");
    let trail = get(&app, &token, "/audit").json()["items"].as_array().unwrap().clone();
    assert_eq!(trail.len(), before + 1, "{trail:?}");
    let entry = &trail[0];
    assert_eq!((entry["operator"].as_str(), entry["remote"].as_str()), (Some("maria"), Some("127.0.0.1")), "{entry}");
    assert_eq!((entry["action"].as_str(), entry["subject"].as_str()), (Some("moves.commit"), Some("0-3")), "{entry}");
    assert!(entry["at"].is_string(), "{entry}");
    assert_eq!(entry["detail"]["reseller"], "20", "{entry}");

    // As a script with Windows line ends has it, behind a byte-order mark; and it is there already.
    let windows = format!("\u{feff}{}", GUIDE.replace('\n', "\r\n"));
    let again = upload_string(&app, ("maria", &token), windows.as_bytes());
    moved(&again, false);
    assert!(element(&again, "message").unwrap().contains("nothing changed"), "{}", again.body);
    assert_eq!(get(&app, &token, "/audit").json()["items"].as_array().unwrap().len(), trail.len());
    // Back, by names, in one go.
    moved(&set(&app, ("maria", &token), request("Atrium &amp; Sons", "Northwind")), true);
    assert_eq!(reseller_of(&app, &token, "11"), "10");
}

#[test]
fn the_guides_request_as_net_sends_it_moves_the_customer() {
    backends().into_iter().for_each(guide);
}

fn credentials(backend: Backend) {
    let app = world(backend);
    let good = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let past = operator(&app, "past", Role::ProviderAdmin, &[], Some(now() * 1_000_000 - 1));
    let gone = operator(&app, "gone", Role::ProviderAdmin, &[], None);
    let viewer = operator(&app, "viewer", Role::Viewer, &[], None);
    assert!(operators::revoke(&mut app.database(), "gone", now() * 1_000_000).unwrap());
    let call = || Call::new("POST", PAGE).body(GUIDE);
    let wrong = [
        call(),
        call().header("Authorization", basic("maria", "secret")),
        call().header("Authorization", basic("maria", &good[..good.len() - 1])),
        call().header("Authorization", basic("marie", &good)),
        call().header("Authorization", basic("MARIA", &good)),
        call().header("Authorization", basic("", &good)),
        call().header("Authorization", basic("past", &past)),
        call().header("Authorization", basic("gone", &gone)),
        call().header("Authorization", format!("Bearer {good}")),
        call().header("Authorization", format!("Basic maria:{good}")),
        call().header("Authorization", b"Basic \xff"),
        call().header("Authorization", basic("maria", &good)).header("Authorization", basic("maria", &good)),
    ];
    for call in wrong {
        let reply = call.send(&app);
        refused(&reply, 401, 1401, "tiersync operator add");
        assert_eq!(reply.header("www-authenticate"), Some("Basic realm=\"tiersync\", charset=\"UTF-8\""), "{call:?}");
        assert!(!reply.body.contains(good.as_str()), "{}", reply.body);
    }
    refused(&set(&app, ("viewer", &viewer), GUIDE), 403, 1006, "A viewer changes nothing");
    assert_eq!(reseller_of(&app, &good, "11"), "10");
    // The scheme has no case.
    let lower = basic("maria", &good).replacen("Basic", "basic", 1);
    moved(&call().header("Authorization", lower).send(&app), true);
}

#[test]
fn only_operators_with_good_tokens_move_customers() {
    backends().into_iter().for_each(credentials);
}

fn names(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let maria = ("maria", token.as_str());
    for body in [
        // The name of one is the code of another, and codes go first.
        json!({"ID": "12", "Role": "User", "ResellerID": "10", "Name": "ATR", "Code": "OTHER"}),
        json!({"ID": "13", "Role": "User", "ResellerID": "10", "Name": "Twin", "Code": "T1"}),
        json!({"ID": "14", "Role": "User", "ResellerID": "10", "Name": "Twin", "Code": "T2"}),
        json!({"ID": "15", "Role": "User", "ResellerID": "10", "Name": "One", "Code": "DOUBLE"}),
        json!({"ID": "16", "Role": "User", "ResellerID": "10", "Name": "Two", "Code": "DOUBLE"}),
        json!({"ID": "17", "Role": "User", "ResellerID": "10", "Name": "Ended", "Code": "ENDED"}),
        json!({"ID": "18", "Role": "User", "ResellerID": "10", "Name": "Ended", "Code": "E2"}),
    ] {
        send(&app, &body);
    }
    assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"17"}"#).send(&app).code(), 0);
    let unknown = |customer: &str, parent: &str, part: &str| {
        refused(&set(&app, maria, request(customer, parent)), 200, 1005, part);
    };
    unknown("Twin", "HNP", "2 living accounts have the name of customer/name, &quot;Twin&quot;");
    unknown("DOUBLE", "HNP", "2 living accounts have the code of customer/name");
    unknown("ATR", "Twin", "2 living accounts have the name of customer/parent/name");
    unknown("Nobody", "HNP", "0 living accounts have customer/name, &quot;Nobody&quot;");
    unknown("ATR", "&lt;nobody&gt;", "0 living accounts have customer/parent/name, &quot;&lt;nobody&gt;&quot;");
    unknown("ENDED", "HNP", "0 living accounts");
    unknown("atr", "HNP", "letter by letter");
    unknown("AT%", "HNP", "0 living accounts");
    unknown(&"x".repeat(200), "HNP", "…");
    let reseller = |id: &str| reseller_of(&app, &token, id);
    for id in ["11", "12", "13", "14", "15", "16", "18"] {
        assert_eq!(reseller(id), "10", "{id}");
    }
    moved(&set(&app, maria, request("ATR", "HNP")), true);
    assert_eq!((reseller("11"), reseller("12")), (json!("20"), json!("10")));
    // One of two is deleted: the other is meant.
    moved(&set(&app, maria, request("Ended", " Harbour\r\n")), true);
    assert_eq!(reseller("18"), "20");
    // Rules are told in XML with their codes.
    refused(&set(&app, maria, request("NWD", "HNP")), 200, 1006, "");
    refused(&set(&app, maria, request("OTHER", "T1")), 200, 1006, "");
    refused(&set(&app, maria, request("OTHER", "OTHER")), 200, 1006, "");
    assert_eq!(reseller("12"), "10");
}

#[test]
fn a_name_means_one_account_by_code_or_else_by_name() {
    backends().into_iter().for_each(names);
}

fn sides(backend: Backend) {
    let app = world(backend);
    let all = operator(&app, "all", Role::ProviderAdmin, &[], None);
    let from = operator(&app, "from", Role::ResellerAdmin, &["0-1"], None);
    let to = operator(&app, "to", Role::ResellerAdmin, &["0-2"], None);
    let both = operator(&app, "both", Role::ResellerAdmin, &["0-1", "0-2"], None);
    // What is somebody else's looks like what is not there.
    refused(&set(&app, ("from", &from), GUIDE), 200, 1005, "0 living accounts have customer/parent/name");
    refused(&set(&app, ("to", &to), GUIDE), 200, 1005, "0 living accounts have customer/name");
    assert_eq!(reseller_of(&app, &all, "11"), "10");
    moved(&set(&app, ("both", &both), GUIDE), true);
    assert_eq!(reseller_of(&app, &all, "11"), "20");
}

#[test]
fn a_reseller_admin_moves_between_resellers_of_its_own() {
    backends().into_iter().for_each(sides);
}

/// What a reseller may sell, set past the API: (service, plan, locations), and where its directory has its customers.
fn sells(app: &TestApp, reseller: &str, revision: i64, ou: &str, offers: &[(&str, &str, &str)]) {
    let id = AccountId::parse(reseller).unwrap().0;
    let run = |sql: String| diesel::RunQueryDsl::execute(diesel::sql_query(sql), &mut app.database()).unwrap();
    run(format!("DELETE FROM offer_lists WHERE account_id = {id}"));
    run(format!("DELETE FROM offers WHERE account_id = {id}"));
    run(format!(
        "INSERT INTO offer_lists (account_id, revision, directory_ou, changed_at) VALUES ({id}, {revision}, '{ou}', 0)"
    ));
    for (service, plan, locations) in offers {
        run(format!(
            "INSERT INTO offers (account_id, service, plan, locations) VALUES ({id}, '{service}', '{plan}', '{locations}')"
        ));
    }
}

fn plans(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let maria = ("maria", token.as_str());
    for (service, plan, location) in [("Workspace", "gold", ""), ("Mail", "10 GB", "north")] {
        let order = json!({"Name": format!("My {service}"), "ServiceType": service, "ProductID": plan, "Location": location,
            "Account": {"ID": "11", "Role": "User", "ResellerID": "10"}});
        assert_eq!(Call::post("Subscriptions/Create", order.to_string()).send(&app).code(), 0);
    }
    // Services must be sold by both.
    let blocked = set(&app, maria, GUIDE);
    refused(&blocked, 200, 1006, "2 things are in the way of this move");
    assert_eq!(blocked.body.matches("<reason>").count(), 2, "{}", blocked.body);
    assert!(
        blocked.body.contains("<reason>My Workspace: ") && blocked.body.contains("<reason>My Mail: "),
        "{}",
        blocked.body
    );
    sells(&app, "0-2", 1, "OU=Harbour", &[("Workspace", "gold", "[]"), ("Mail", "25 GB", "[]")]);
    let other = set(&app, maria, GUIDE);
    refused(&other, 200, 1006, "My Mail: ");
    assert!(!other.body.contains("<reason>") && other.body.contains("25 GB"), "{}", other.body);
    let offers = [("Workspace", "gold", "[]"), ("Mail", "10 GB", "[\"north\",\"south\"]")];
    sells(&app, "0-2", 2, "OU=Harbour", &offers);
    let freeze = |standing: &str| {
        let sql = format!("UPDATE accounts SET standing = '{standing}' WHERE platform_id = '20'");
        assert_eq!(diesel::RunQueryDsl::execute(diesel::sql_query(sql), &mut app.database()).unwrap(), 1);
    };
    freeze("frozen");
    refused(&set(&app, maria, GUIDE), 200, 1006, "frozen");
    freeze("enabled");
    assert_eq!(reseller_of(&app, &token, "11"), "10");
    assert!(get(&app, &token, "/audit").json()["items"].as_array().unwrap().is_empty());

    // Equal plans are matched by themselves, and the services are provisioned again.
    let reply = upload_string(&app, maria, GUIDE.as_bytes());
    moved(&reply, true);
    assert_eq!(element(&reply, "status").as_deref(), Some("Requested"));
    assert!(element(&reply, "message").unwrap().contains("2 service(s)"), "{}", reply.body);
    let id = |name: &str| {
        let (_, rest) = reply.body.split_once(&format!("<{name}><id>")).unwrap();
        rest.split_once("</id>").unwrap().0.to_owned()
    };
    let kept = get(&app, &token, &format!("/moves/{}", id("move"))).json();
    assert_eq!((kept["state"].as_str(), kept["requested_by"].as_str()), (Some("done"), Some("maria")), "{kept}");
    assert_eq!(kept["provisioning_request"], id("request"), "{kept}");
    assert_eq!(reseller_of(&app, &token, "11"), "20");
    let again = set(&app, maria, GUIDE);
    moved(&again, false);
    assert!(!again.body.contains("<request>") && !again.body.contains("<move>"), "{}", again.body);
}

#[test]
fn plans_are_matched_by_themselves_and_what_blocks_is_told() {
    backends().into_iter().for_each(plans);
}

fn together(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let barrier = Barrier::new(4);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    set(&app, ("maria", &token), GUIDE)
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let changed = replies.iter().filter(|reply| element(reply, "changed").as_deref() == Some("true")).count();
    assert_eq!(changed, 1, "{replies:?}");
    for reply in &replies {
        assert_eq!((reply.status, element(reply, "code")), (200, None), "{}", reply.body);
    }
    assert_eq!(get(&app, &token, "/audit").json()["items"].as_array().unwrap().len(), 1);
}

#[test]
fn the_same_call_at_the_same_moment_moves_once() {
    backends().into_iter().for_each(together);
}

fn hostile(backend: Backend) {
    let app = world(backend);
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let maria = ("maria", token.as_str());
    let laughs: String = (1..10)
        .map(|at| format!("<!ENTITY lol{at} \"{}\">", format!("&lol{};", at - 1).repeat(10)))
        .collect::<String>();
    let bomb = format!("<?xml version=\"1.0\"?><!DOCTYPE request [<!ENTITY lol0 \"lol\">{laughs}]>");
    let bomb = GUIDE.replace("<?xml version=\"1.0\" encoding=\"utf-8\"?>", &bomb).replace("ATR", "&lol9;");
    let file = GUIDE
        .replace("<request", "<!DOCTYPE request [<!ENTITY xxe SYSTEM \"file:///etc/hostname\">]><request")
        .replace("ATR", "&xxe;");
    for (body, part) in [
        (bomb, "A DOCTYPE is refused"),
        (file, "A DOCTYPE is refused"),
        (GUIDE.replace("ATR", "&xxe;"), "The entity `xxe` is refused"),
        (
            GUIDE.replace("<customer>", "<?xml-stylesheet href=\"http://elsewhere.example/\"?><customer>"),
            "Processing instructions",
        ),
        (String::new(), "holds no request"),
        (json!({"customer": "ATR"}).to_string(), "outside the request"),
        ("\0".repeat(1_000), "no XML may"),
    ] {
        refused(&set(&app, maria, body), 400, 1001, part);
    }
    for (body, part) in [
        (
            "<request version=\"1.0\" action=\"SET\"><customer>".to_owned() + &"<parent>".repeat(7_000),
            "`parent` is not known in `parent`",
        ),
        (GUIDE.replace("<status>", "<name>ATR</name><status>"), "comes twice in `customer`"),
        (GUIDE.replace("<status>", "<email>a@b.example</email><status>"), "`email` is not known"),
        (GUIDE.replace("SET", "DELETE"), "`DELETE`"),
        (GUIDE.replace("request version=\"1.0\"", "request version=\"9\""), "`9`"),
        (GUIDE.replace("Provisioned", "Disabled"), "`Disabled`"),
    ] {
        refused(&set(&app, maria, body), 200, 1001, part);
    }
    let page = || Call::new("POST", PAGE).header("Authorization", basic("maria", &token)).body(GUIDE);
    refused(&page().header("Content-Encoding", "gzip").send(&app), 415, 1001, "compressed");
    let large = page().body(format!("{GUIDE}{}", " ".repeat(64 * 1024))).send(&app);
    refused(&large, 413, 1413, "64 KiB");
    assert_eq!(large.header("connection"), Some("close"));
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"] {
        let call = Call::new(method, PAGE).body(GUIDE);
        let mut stream = TcpStream::connect(app.address).unwrap();
        stream.write_all(&call.bytes()).unwrap();
        if method == "HEAD" {
            // Its answer announces a body that does not come.
            let mut status = [0; 12];
            std::io::Read::read_exact(&mut stream, &mut status).unwrap();
            assert_eq!(&status, b"HTTP/1.1 405");
            continue;
        }
        let reply = Reply::read(&mut stream).unwrap();
        refused(&reply, 405, 1405, "POST");
        assert_eq!(reply.header("allow"), Some("POST"), "{method}");
    }
    for path in [
        "/cortexapi",
        "/cortexapi/",
        "/cortexapi/default.asp",
        "/CortexAPI/default.aspx/more",
        "/cortexapi/x/default.aspx",
    ] {
        refused(&page().path(path).send(&app), 404, 1404, "/cortexapi/default.aspx");
    }
    assert_eq!(reseller_of(&app, &token, "11"), "10");
    assert!(get(&app, &token, "/audit").json()["items"].as_array().unwrap().is_empty());
    // IIS has no case in its paths.
    moved(&page().path("/CortexAPI/Default.aspx").send(&app), true);
    assert_eq!(app.get("/healthz").status, 200);
}

#[test]
fn hostile_and_foreign_requests_move_nothing() {
    backends().into_iter().for_each(hostile);
}

fn code_pages(backend: Backend) {
    let app = TestApp::with(backend, &config("", &format!("{MPNID}\n[atria]\ncode_page = \"windows-1253\"")));
    for body in [
        json!({"ID": "10", "Role": "Reseller", "Name": "Βορράς"}),
        json!({"ID": "11", "Role": "User", "Name": "Άνω Αρτοποιείο"}),
    ] {
        send(&app, &body);
    }
    let token = operator(&app, "maria", Role::ProviderAdmin, &[], None);
    let text = request("Άνω Αρτοποιείο", "Βορράς");
    let (bytes, _, _) = encoding_rs::WINDOWS_1253.encode(&text);
    let reply = upload_string(&app, ("maria", &token), &bytes);
    moved(&reply, true);
    assert!(reply.body.contains("<name>Άνω Αρτοποιείο</name>"), "{}", reply.body);
    moved(&upload_string(&app, ("maria", &token), text.as_bytes()), false);
    let (latin, _, _) = encoding_rs::WINDOWS_1252.encode("<request>\u{d2}</request>");
    refused(&set(&app, ("maria", &token), latin), 400, 1001, "$client.Encoding");
}

#[test]
fn the_code_page_of_the_callers_machine_is_read() {
    backends().into_iter().for_each(code_pages);
}

/// A slow body costs a timeout, not a worker.
#[test]
fn a_body_that_does_not_come_is_given_up() {
    let app = TestApp::with(Backend::Sqlite, &format!("body_timeout_seconds = 1\n{}", config("", MPNID)));
    let reply = Call::new("POST", PAGE).body("<request").content_length(1_000).send(&app);
    refused(&reply, 408, 1408, "too slowly");
}
