//! Subscribers as operators see them: listed, parked, resumed, sent the past again, tested, forgotten.

use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::app::Options;
use tiersync::domain::operator::Role;
use tiersync::store::changes;
use tiersync::store::schema::{held_events, subscribers as kept};

use crate::commands::items;
use crate::commands_binary::{Place, until};
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::subscribers_server::{Crm, hurried, impatient, status, subscriber};
use crate::v1::{all, column, get, operator, problem, send};

/// A receiver in this process whose database commands see, too.
fn served(backend: Backend, crm: &Crm, options: Options) -> (Place, TestApp) {
    let toml = config("", &subscriber(crm, ""));
    let place = Place::with(backend, &toml);
    let app = TestApp::on(&place.database_url, &toml, options, None);
    (place, app)
}

fn post(app: &TestApp, token: &str, path: &str, body: &Value) -> Reply {
    Call::new("POST", &format!("/v1/subscribers{path}"))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json")
        .body(if body.is_null() { String::new() } else { body.to_string() })
        .send(app)
}

/// The only line of `subscribers list`.
fn listed(place: &Place) -> Value {
    let mut list = items(&place.fine(&["subscribers", "list", "--format", "json"]));
    assert_eq!(list.len(), 1, "{list:?}");
    list.remove(0)
}

fn state(app: &TestApp, token: &str) -> Value {
    get(app, token, "/subscribers/crm").json()
}

fn dead(backend: Backend) {
    let crm = Crm::start();
    let (place, app) = served(backend, &crm, impatient(400));
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    until("it is registered", || get(&app, &token, "/subscribers/crm").json()["state"] == "active");
    crm.decide(|_| status(500));
    for id in 1..5 {
        send(&app, &json!({"ID": id.to_string(), "Role": "User"}));
    }
    until("it is parked", || state(&app, &token)["state"] == "parked");
    let tried = crm.received().len();
    let row = listed(&place);
    assert_eq!(
        (&row["id"], &row["state"], &row["parked_for"], &row["error"]),
        (&json!("crm"), &json!("parked"), &json!("dead"), &json!("HTTP 500"))
    );
    assert!(row["lag_seconds"].as_f64().unwrap() > 0.3 && row["failing_since"].is_string(), "{row}");
    assert!(row["url"].as_str().unwrap().ends_with("/hooks"));
    assert!(place.fine(&["subscribers", "list"]).contains("parked"));
    until("the metrics say so", || {
        let metrics = app.get("/metrics").body;
        metrics.contains("tiersync_subscriber_parked{subscriber=\"crm\"} 1\n")
            && !metrics.contains("tiersync_subscriber_lag_events{subscriber=\"crm\"} 0\n")
    });
    // It stays parked over a restart, and nothing is tried.
    let app = app.restart();
    send(&app, &json!({"ID": "9", "Role": "User"}));
    let beats = || kept::table.select(kept::beat).first::<i64>(&mut app.database()).unwrap();
    let before = beats();
    until("it is worked for", || beats() > before + 3);
    assert_eq!((crm.received().len(), state(&app, &token)["state"].clone()), (tried, json!("parked")));
    crm.decide(|_| status(200));
    assert_eq!(place.fine(&["subscribers", "resume", "crm"]), "crm goes on where it stood\n");
    crm.has(1, changes::end(&mut app.database()).unwrap());
    crm.assert_in_order();
    until("all is well", || {
        let state = state(&app, &token);
        state["state"] == "active" && state["lag_events"] == 0 && state["held"] == 0
    });
    assert!(app.get("/metrics").body.contains("tiersync_subscriber_parked{subscriber=\"crm\"}"));
    let audit = all(&app, &token, "/audit?action=subscribers.resume", 10);
    assert_eq!(
        (column(&audit, "operator"), column(&audit, "subject")),
        (vec!["cli".to_owned()], vec!["crm".to_owned()])
    );
}

#[test]
fn who_takes_nothing_for_too_long_is_parked_and_goes_on_where_it_stood() {
    backends().into_iter().for_each(dead);
}

fn gone(backend: Backend) {
    let crm = Crm::start();
    let (_place, app) = served(backend, &crm, hurried());
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    crm.decide(|_| status(410));
    until("it is registered", || state(&app, &token)["state"] == "active");
    send(&app, &json!({"ID": "1", "Role": "User"}));
    until("it is parked", || state(&app, &token)["state"] == "parked");
    let row = state(&app, &token);
    assert_eq!((&row["parked_for"], crm.received().len()), (&json!("gone"), 1));
    crm.decide(|_| status(200));
    let resumed = post(&app, &token, "/crm/resume", &Value::Null);
    assert_eq!((resumed.status, &resumed.json()["state"]), (200, &json!("active")));
    crm.has(1, 1);
}

#[test]
fn who_answers_410_is_parked_at_once() {
    backends().into_iter().for_each(gone);
}

fn replayed(backend: Backend) {
    let crm = Crm::start();
    let (place, app) = served(backend, &crm, hurried());
    let token = operator(&app, "all", Role::ProviderAdmin, &[], None);
    until("it is registered", || state(&app, &token)["state"] == "active");
    for id in 1..7 {
        send(&app, &json!({"ID": id.to_string(), "Role": "User"}));
    }
    crm.has(1, 6);
    let settled = || until("it is settled", || state(&app, &token)["position"] == 6);
    settled();
    let mut ids: Vec<String> = crm.received().iter().map(|one| one.id().to_owned()).collect();
    ids.sort_unstable();
    let again = |from: i64| {
        crm.has(from, 6);
        settled();
        let received = crm.received();
        let mut positions: Vec<i64> = received.iter().map(super::subscribers_server::Received::position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (from..=6).collect::<Vec<_>>());
        assert!(received.iter().all(|one| ids.contains(&one.id().to_owned())), "under the same ids");
    };
    crm.forget();
    assert_eq!(
        place.fine(&["subscribers", "replay", "crm", "--after", "4"]),
        "crm is sent everything behind position 4 again\n"
    );
    again(5);
    crm.forget();
    place.fine(&["subscribers", "replay", "crm", "--since", "2020-01-01"]);
    again(1);
    crm.forget();
    // The first change is a minute older than the others.
    {
        use tiersync::store::schema::changes::{at, last_position, table};
        let connection = &mut app.database();
        let first = table.filter(last_position.eq(1));
        diesel::update(first).set(at.eq(at - 60_000_000)).execute(connection).unwrap();
    }
    let at = get(&app, &token, "/changes?after=1&limit=1").json()["items"][0]["at"].clone();
    assert_eq!(post(&app, &token, "/crm/replay", &json!({"since": at})).status, 200);
    again(2);

    problem(&post(&app, &token, "/crm/replay", &json!({"after": 7})), 409, "conflict");
    for wrong in [json!({}), json!({"after": -1}), json!({"since": "soon"}), json!({"after": 1, "since": "2020-01-01"})]
    {
        problem(&post(&app, &token, "/crm/replay", &wrong), 400, "bad_request");
    }
    problem(&post(&app, &token, "/other/replay", &json!({"after": 0})), 404, "not_found");
    problem(&post(&app, &token, "/other/resume", &Value::Null), 404, "not_found");
    problem(&get(&app, &token, "/subscribers/other"), 404, "not_found");
    problem(&get(&app, &token, "/subscribers/a.b"), 404, "not_found");
    place.run(&["subscribers", "replay", "crm", "--after", "7"]).failed(1, "lies ahead");
    place.run(&["subscribers", "replay", "other", "--after", "0"]).failed(1, "subscribers list");
    let audit = all(&app, &token, "/audit?action=subscribers.replay", 10);
    let details: Vec<Value> = audit.iter().map(|entry| entry["detail"].clone()).collect();
    assert_eq!(details, [json!({"since": at}), json!({"since": "2020-01-01T00:00:00Z"}), json!({"after": 4})]);
}

#[test]
fn the_past_can_be_sent_again() {
    backends().into_iter().for_each(replayed);
}

fn cut(backend: Backend) {
    let crm = Crm::start();
    let (place, app) = served(backend, &crm, hurried());
    until("it is registered", || kept::table.count().get_result::<i64>(&mut app.database()).unwrap() == 1);
    for id in 1..5 {
        send(&app, &json!({"ID": id.to_string(), "Role": "User"}));
    }
    crm.has(1, 4);
    until("it is written down", || kept::table.select(kept::position).first::<i64>(&mut app.database()).unwrap() == 4);
    // Retention takes the first two.
    {
        use tiersync::store::schema::changes::{last_position, table};
        diesel::delete(table.filter(last_position.le(2))).execute(&mut app.database()).unwrap();
    }
    place.run(&["subscribers", "replay", "crm", "--after", "0"]).failed(1, "--after 2");
    crm.forget();
    place.fine(&["subscribers", "replay", "crm", "--since", "2020-01-01"]);
    crm.has(3, 4);
    // Who was too far behind goes on with what there is.
    let mut app = app;
    app.stop();
    diesel::update(kept::table).set(kept::position.eq(0)).execute(&mut app.database()).unwrap();
    diesel::insert_into(held_events::table)
        .values((
            held_events::subscriber.eq("crm"),
            held_events::position.eq(1_i64),
            held_events::account_id.eq(1_i64),
            held_events::attempts.eq(0_i64),
        ))
        .execute(&mut app.database())
        .unwrap();
    crm.forget();
    let app = app.restart();
    crm.has(3, 4);
    until("nothing is held back", || held_events::table.count().get_result::<i64>(&mut app.database()).unwrap() == 0);
    assert_eq!(crm.received().len(), 2);
}

#[test]
fn what_the_feed_keeps_no_longer_is_not_waited_for() {
    backends().into_iter().for_each(cut);
}

#[test]
fn a_ping_shows_whether_the_endpoint_takes_events() {
    let crm = Crm::start();
    let place = Place::with(Backend::Sqlite, &config("", &subscriber(&crm, "")));
    assert_eq!(place.fine(&["subscribers", "test", "crm"]), "crm took the ping\n");
    let one = &crm.received()[0];
    assert!(one.is_signed_with(super::subscribers_server::SECRET));
    let event = one.json();
    assert_eq!((&event["type"], &event["data"]), (&json!("tiersync.ping"), &json!({"subscriber": "crm"})));
    assert_eq!(one.id(), format!("crm-{}", event["id"].as_str().unwrap()));
    crm.decide(|_| status(403));
    place.run(&["subscribers", "test", "crm"]).failed(1, "HTTP 403");
    place.run(&["subscribers", "test", "other"]).failed(1, "no [[subscriber]] \"other\"");
    let mut crm = crm;
    crm.down();
    place.run(&["subscribers", "test", "crm"]).failed(1, "refused");
}

#[test]
fn those_that_are_configured_no_longer_are_shown_until_they_are_forgotten() {
    for backend in backends() {
        let crm = Crm::start();
        let (place, mut app) = served(backend, &crm, hurried());
        until("it is registered", || kept::table.count().get_result::<i64>(&mut app.database()).unwrap() == 1);
        app.stop();
        place.run(&["subscribers", "forget", "crm"]).failed(1, "is in the configuration");
        place.configure(&config("", &subscriber(&crm, "").replace("\"crm\"", "\"other\"")));
        let rows = items(&place.fine(&["subscribers", "list", "--format", "json"]));
        assert_eq!(
            (column(&rows, "id"), column(&rows, "state")),
            (vec!["crm".into(), "other".into()], vec!["removed".into(), "new".into()])
        );
        assert_eq!((&rows[0]["url"], &rows[1]["position"]), (&Value::Null, &Value::Null));
        place.fine(&["subscribers", "forget", "crm"]);
        assert_eq!(listed(&place)["id"], "other");
        place.run(&["subscribers", "forget", "crm"]).failed(1, "subscribers list");
    }
    let place = Place::with(Backend::Sqlite, &config("", ""));
    place.fine(&["migrate"]);
    assert_eq!(place.fine(&["subscribers", "list"]), "nothing found\n");
}
