//! What subscribers are sent: everything, signed, in order, whatever happens on either side.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::operator::Role;
use tiersync::store::changes;
use tiersync::store::schema::{held_events, subscribers as kept};

use crate::commands_binary::until;
use crate::harness::app::{MPNID, SIGNING};
use crate::harness::{Backend, Call, TestApp, backends, config, postgres};
use crate::signers::{javascript, run};
use crate::subscribers_server::{Act, Crm, Received, SECRET, hurried, status, subscriber};
use crate::v1::{get, operator, send};

/// The position of the last change.
fn end(app: &TestApp) -> i64 {
    changes::end(&mut app.database()).unwrap()
}

fn start(backend: Backend, crm: &Crm, lines: &str) -> TestApp {
    TestApp::with_options(backend, &config("", &format!("{MPNID}\n{}", subscriber(crm, lines))), hurried())
}

/// Waits until nothing is left to be sent, as the database has it.
fn settled(app: &TestApp) {
    until("everything is done", || {
        let connection = &mut app.database();
        let position: Vec<i64> = kept::table.select(kept::position).load(connection).unwrap();
        let held: i64 = held_events::table.count().get_result(connection).unwrap();
        held == 0 && position.iter().all(|position| *position == changes::end(connection).unwrap())
    });
}

/// A reseller and customers, each changed some times.
fn calls(app: &TestApp, round: usize) {
    send(app, &json!({"ID": "10", "Role": "Reseller", "Name": format!("Northwind {round}")}));
    for id in 11..15 {
        send(app, &json!({"ID": id.to_string(), "Role": "User", "ResellerID": "10", "Name": format!("C{id} {round}")}));
    }
}

fn cloud_events(backend: Backend) {
    let crm = Crm::start();
    let secret_option = "[[sync_option]]\nid = \"Pin\"\nname = \"Pin\"\nkind = \"Mask\"\n";
    let app = start(backend, &crm, secret_option);
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "10", "Role": "Reseller", "Name": "Northwind"}));
    let external = send(
        &app,
        &json!({"ID": "11", "Role": "User", "ResellerID": "10", "Name": "Ελλάς", "SyncOptions": {"MPNID": 34568, "Pin": "hunter2"}}),
    );
    let end = end(&app);
    crm.has(1, end);
    crm.assert_in_order();
    settled(&app);
    let received = crm.received();
    assert_eq!(i64::try_from(received.len()).unwrap(), end, "each once");
    let feed = get(&app, &token, "/changes").json();
    let account = get(&app, &token, "/accounts/0-2").json();
    for one in &received {
        assert_eq!(
            (one.path.as_str(), one.headers["content-type"].as_str()),
            ("/hooks", "application/cloudevents+json")
        );
        assert!(one.headers["user-agent"].starts_with("tiersync/") && one.is_signed_with(SECRET));
        assert!(!one.is_signed_with(SIGNING) && !one.body.contains("hunter2"));
        let (event, position) = (one.json(), one.position());
        let change = &feed["items"][usize::try_from(position - 1).unwrap()];
        assert_eq!(&event["data"]["change"], change);
        assert_eq!(event["type"], format!("tiersync.{}", change["kind"].as_str().unwrap()));
        assert_eq!(event["time"], change["at"]);
        assert_eq!(event["sequence"], format!("{position:019}"));
        assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!("/s/eu")));
        assert_eq!(event["subject"], change["account"]["external_id"]);
        assert_eq!(one.id(), format!("crm-{}", event["id"].as_str().unwrap()));
        assert!(event["id"].as_str().unwrap().starts_with(&format!("{position}-")));
        assert_eq!(
            (&event["datacontenttype"], event["partitionkey"].clone()),
            (&json!("application/json"), change["account"]["id"].clone())
        );
        if event["subject"] == json!(external) {
            assert_eq!(event["data"]["account"], account);
        }
    }
    until("it is counted", || {
        let metrics = app.get("/metrics").body;
        metrics.contains(&format!(
            "tiersync_subscriber_deliveries_total{{subscriber=\"crm\",result=\"delivered\"}} {end}\n"
        )) && metrics.contains("tiersync_subscriber_lag_events{subscriber=\"crm\"} 0\n")
            && metrics.contains("tiersync_subscriber_parked{subscriber=\"crm\"} 0\n")
    });
}

#[test]
fn changes_arrive_as_signed_cloud_events() {
    backends().into_iter().for_each(cloud_events);
}

#[test]
fn the_javascript_library_accepts_events_under_either_secret() {
    let Some(folder) = javascript() else {
        return;
    };
    let crm = Crm::start();
    let toml = subscriber(&crm, "").replace(&format!("\"{SECRET}\""), &format!("[\"{SECRET}\", \"{REPLACED}\"]"));
    let app = TestApp::with_options(Backend::Sqlite, &config("", &toml), hurried());
    send(&app, &json!({"ID": "11", "Role": "User", "Name": "Ελλάς 😀"}));
    crm.has(1, 1);
    let one = &crm.received()[0];
    for (secret, expected) in [(SECRET, 0), (REPLACED, 0), (SIGNING, 1)] {
        let header = |name: &str| one.headers[name].clone();
        let (second, signature) = (header("webhook-timestamp"), header("webhook-signature"));
        let output = run(&folder, &["verify", secret, one.id(), &second, &signature], &one.body);
        assert_eq!(output.status.code(), Some(expected), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

const REPLACED: &str = "whsec_dGhlLW5ldy1zZWNyZXQtb2YtdGhlLXRlc3RzLTEyMzQ=";

fn through_everything(backend: Backend) {
    let mut crm = Crm::start();
    let mut app = start(backend, &crm, "timeout_seconds = 1");
    // Every third is refused, one hangs, one breaks off.
    let mut count = 0;
    crm.decide(move |_| {
        count += 1;
        match count {
            5 => Act::Hang,
            7 => Act::BreakOff,
            _ if count % 3 == 0 => status(500),
            _ => status(200),
        }
    });
    calls(&app, 1);
    calls(&app, 2);
    crm.has(1, end(&app));
    // All are refused, then nobody listens, and the receiver is restarted meanwhile.
    crm.decide(|_| status(500));
    calls(&app, 3);
    until("it is tried", || crm.received().len() > 40);
    crm.down();
    calls(&app, 4);
    app = app.restart();
    calls(&app, 5);
    until("it is seen to fail", || app.get("/metrics").body.contains("result=\"unreachable\""));
    crm.decide(|_| status(202));
    crm.up();
    crm.has(1, end(&app));
    crm.assert_in_order();
    settled(&app);
    // Whatever was sent again had the same id, and no two changes have the same.
    let ids: HashSet<(i64, String)> = crm.received().iter().map(|one| (one.position(), one.id().to_owned())).collect();
    assert_eq!(i64::try_from(ids.len()).unwrap(), end(&app));
    assert!(crm.most_at_once() <= 4, "{}", crm.most_at_once());
}

#[test]
fn who_fails_hangs_and_is_down_over_a_restart_still_gets_every_event() {
    backends().into_iter().for_each(through_everything);
}

fn refused_account(backend: Backend) {
    let crm = Crm::start();
    let app = start(backend, &crm, "");
    calls(&app, 1);
    crm.has(1, end(&app));
    crm.decide(
        |one| if one.json()["data"]["change"]["account"]["platform_id"] == "12" { status(400) } else { status(200) },
    );
    for round in 2..5 {
        calls(&app, round);
    }
    let of = |one: &Received, id: &str| one.json()["data"]["change"]["account"]["platform_id"] == id;
    until("the others are taken", || {
        ["10", "11", "13", "14"].iter().all(|id| crm.taken().iter().filter(|one| of(one, id)).count() >= 4)
    });
    until("what is held back is written down and seen", || {
        let connection = &mut app.database();
        let held: i64 = held_events::table.count().get_result(connection).unwrap();
        let position: i64 = kept::table.select(kept::position).first(connection).unwrap();
        held == 3
            && position == changes::end(connection).unwrap()
            && app.get("/metrics").body.contains("tiersync_subscriber_held_events{subscriber=\"crm\"} 3\n")
    });
    // It waits over a restart, too, and comes in order at last.
    let app = app.restart();
    crm.decide(|_| status(200));
    crm.has(1, end(&app));
    crm.assert_in_order();
    settled(&app);
}

#[test]
fn an_account_that_is_refused_holds_up_nobody_else() {
    backends().into_iter().for_each(refused_account);
}

#[test]
fn only_what_is_wanted_is_sent_and_the_position_goes_on() {
    for backend in backends() {
        let crm = Crm::start();
        let app = start(
            backend,
            &crm,
            "events = [\"relation.*\", \"account.deleted\"]\ntenants = [\"\"]\nsources = [\"eu\"]",
        );
        calls(&app, 1);
        calls(&app, 2);
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"14"}"#).send(&app).code(), 0);
        until("all six are taken", || crm.taken().len() == 6);
        settled(&app);
        let mut kinds: Vec<String> = crm.taken().iter().map(Received::kind).collect();
        kinds.sort_unstable();
        let opened = "tiersync.relation.opened";
        assert_eq!(kinds, ["tiersync.account.deleted", "tiersync.relation.closed", opened, opened, opened, opened]);
    }
    let crm = Crm::start();
    let app = start(Backend::Sqlite, &crm, "sources = [\"local\"]");
    calls(&app, 1);
    settled(&app);
    assert_eq!(crm.received().len(), 0);
}

#[test]
fn long_events_and_long_answers_pass() {
    let crm = Crm::start();
    let line = format!("X-Long: {}\r\n", "x".repeat(1_000));
    let mut lines = [15, 20].into_iter();
    crm.decide(move |_| Act::Answer(200, line.repeat(lines.next().unwrap_or(0))));
    let app = start(Backend::Sqlite, &crm, "events = [\"account.created\"]");
    send(&app, &json!({"ID": "1", "Role": "User"}));
    settled(&app);
    assert!(!app.get("/metrics").body.contains("result=\"broken\""), "a head of 15 KiB");
    let details: serde_json::Map<String, Value> =
        (0..15).map(|at| (format!("k{at}"), Value::from("Ω".repeat(2_000)))).collect();
    send(&app, &json!({"ID": "2", "Role": "User", "ExtraDetails": details.clone()}));
    settled(&app);
    assert!(app.get("/metrics").body.contains("result=\"broken\""), "a head of 20 KiB");
    let received = crm.received();
    assert_eq!(received.len(), 3, "once more after the long head");
    for one in &received[1..] {
        assert_eq!(one.json()["data"]["account"]["extra_details"], Value::from(details.clone()));
        assert!(one.is_signed_with(SECRET));
    }
}

#[test]
fn who_is_configured_later_begins_then() {
    for backend in backends() {
        let crm = Crm::start();
        let mut before = TestApp::with_options(backend, &config("", ""), hurried());
        send(&before, &json!({"ID": "1", "Role": "User", "Name": "Before"}));
        let end = end(&before);
        before.stop();
        let toml = config("", &subscriber(&crm, ""));
        let app = TestApp::on(&before.database_url, &toml, hurried(), None);
        until("it is registered", || kept::table.count().get_result::<i64>(&mut app.database()).unwrap() == 1);
        send(&app, &json!({"ID": "2", "Role": "User", "Name": "Behind"}));
        crm.has(end + 1, end + 1);
        settled(&app);
        assert_eq!(crm.received().len(), 1);
    }
}

#[test]
fn private_addresses_are_refused_by_name() {
    let crm = Crm::start();
    let port = crm.address.port();
    let toml = format!("[[subscriber]]\nid = \"crm\"\nurl = \"https://localhost:{port}/\"\nsecret = \"{SECRET}\"\n");
    let app = TestApp::with_options(Backend::Sqlite, &config("", &toml), hurried());
    send(&app, &json!({"ID": "1", "Role": "User"}));
    until("it is refused", || app.get("/metrics").body.contains("result=\"not_public\""));
    until("it is said", || {
        let error: Option<String> = kept::table.select(kept::error).first(&mut app.database()).unwrap();
        error.is_some_and(|error| error.contains("allow_private"))
    });
    assert_eq!(crm.received().len(), 0);
}

#[test]
fn redirects_are_not_followed() {
    let (crm, other) = (Crm::start(), Crm::start());
    let head = format!("Location: http://{}/\r\n", other.address);
    crm.decide(move |_| Act::Answer(307, head.clone()));
    let app = start(Backend::Sqlite, &crm, "");
    send(&app, &json!({"ID": "1", "Role": "User"}));
    until("it is tried again", || crm.received().len() > 2);
    assert_eq!((crm.taken().len(), other.received().len()), (0, 0));
    assert!(app.get("/metrics").body.contains("result=\"redirected\""));
}

#[test]
fn retry_after_is_honoured() {
    let crm = Crm::start();
    let mut first = true;
    crm.decide(move |_| match std::mem::replace(&mut first, false) {
        true => Act::Answer(503, "Retry-After: 1\r\n".to_owned()),
        false => status(200),
    });
    let app = start(Backend::Sqlite, &crm, "");
    send(&app, &json!({"ID": "1", "Role": "User"}));
    crm.has(1, 1);
    let times: Vec<Instant> = crm.received().iter().map(|one| one.at).collect();
    assert!(times.len() == 2 && times[1] - times[0] >= Duration::from_millis(990), "{times:?}");
}

#[test]
fn a_dead_endpoint_is_not_hammered() {
    let crm = Crm::start();
    crm.decide(|_| status(500));
    let mut options = hurried();
    (options.tempo.pace.first, options.tempo.pace.longest) = (3_600_000_000, 3_600_000_000);
    options.tempo.pace.least = 600_000_000;
    let toml = config("", &subscriber(&crm, "parallel = 2"));
    let app = TestApp::with_options(Backend::Sqlite, &toml, options);
    for id in 0..50 {
        send(&app, &json!({"ID": id.to_string(), "Role": "User"}));
    }
    // Three accounts in a row are enough, and one more may have been under way.
    until("it is left alone", || {
        let next: Option<i64> = kept::table.select(kept::next_try).first(&mut app.database()).unwrap();
        next.is_some()
    });
    assert!((3..=4).contains(&crm.received().len()), "{}", crm.received().len());
}

/// Both receivers run, one of them is stopped while it has much to do, and nothing comes twice.
#[test]
fn of_two_receivers_one_sends_each_event_once() {
    let Some(cluster) = postgres::shared() else { return };
    let crm = Crm::start();
    let toml = config("", &subscriber(&crm, ""));
    let mut one = TestApp::on(&cluster.new_schema(), &toml, hurried(), None);
    let two = one.second();
    for round in 0..20 {
        calls(if round % 2 == 0 { &one } else { &two }, round);
    }
    one.stop();
    for round in 20..25 {
        calls(&two, round);
    }
    crm.has(1, end(&two));
    settled(&two);
    crm.assert_in_order();
    assert_eq!(i64::try_from(crm.received().len()).unwrap(), end(&two));
}

#[test]
fn after_a_crash_another_one_takes_over() {
    for backend in backends() {
        let crm = Crm::start();
        let mut app = start(backend, &crm, "");
        calls(&app, 1);
        crm.has(1, end(&app));
        settled(&app);
        app.stop();
        // As a crash leaves it: an owner that is there no longer, three changes that were sent and not written down.
        let back = end(&app) - 3;
        diesel::update(kept::table)
            .set((kept::owner.eq("a receiver that crashed"), kept::position.eq(back)))
            .execute(&mut app.database())
            .unwrap();
        let ids: Vec<String> = crm.received().iter().map(|one| one.id().to_owned()).collect();
        crm.forget();
        let began = Instant::now();
        let app = app.restart();
        crm.has(back + 1, back + 3);
        assert!(began.elapsed() >= Duration::from_millis(490), "the other one might live: {:?}", began.elapsed());
        settled(&app);
        assert!(crm.received().len() == 3 && crm.received().iter().all(|one| ids.contains(&one.id().to_owned())));
    }
}

#[test]
fn without_the_database_everything_waits_and_nothing_is_lost() {
    let Some(mut cluster) = postgres::Cluster::start() else { return };
    let crm = Crm::start();
    let toml = config("", &subscriber(&crm, ""));
    let app = TestApp::on(&cluster.new_schema(), &toml, hurried(), None);
    calls(&app, 1);
    crm.has(1, end(&app));
    cluster.halt();
    assert_eq!(app.synchronize(r#"{"ID":"9","Role":"User"}"#).code(), 1503);
    cluster.resume();
    until("it is taken", || app.synchronize(r#"{"ID":"9","Role":"User"}"#).code() == 0);
    calls(&app, 2);
    crm.has(1, end(&app));
    settled(&app);
    crm.assert_in_order();
}

fn erased(backend: Backend) {
    let crm = Crm::start();
    let app = start(backend, &crm, "");
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    send(&app, &json!({"ID": "1", "Role": "User", "Name": "Maria"}));
    crm.has(1, 1);
    crm.decide(|_| status(500));
    send(&app, &json!({"ID": "1", "Role": "User", "Name": "Maria Other"}));
    until("it is refused", || crm.received().len() > 1);
    let call = Call::new("DELETE", "/v1/accounts/0-1?erase=true").header("Authorization", format!("Bearer {token}"));
    assert_eq!(call.send(&app).status, 200);
    crm.decide(|_| status(200));
    crm.has(1, end(&app));
    for one in crm.taken().iter().filter(|one| one.position() > 1) {
        assert!(!one.body.contains("Maria"), "{}", one.body);
        assert_eq!(one.json()["data"]["account"]["name"], Value::from(""));
    }
}

#[test]
fn what_was_erased_meanwhile_is_not_told() {
    backends().into_iter().for_each(erased);
}
