//! Old bodies go, the ledger holds, and nobody waits for it.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde_json::{Value, json};
use tiersync::domain::ids::DeliveryId;
use tiersync::domain::ledger::GENESIS;
use tiersync::store::connection::{Database, Use};
use tiersync::store::schema::{accounts, bodies, deliveries, ledger_chains};
use tiersync::store::{AnyConnection, deliveries as ledger, retention};

use crate::commands::{items, receiver, records};
use crate::commands_binary::{Place, Ran, until};
use crate::harness::{Backend, Call, backends, config};

const DAY: i64 = 86_400_000_000;

fn database(place: &Place) -> AnyConnection {
    Database::parse(&place.database_url).unwrap().connect(Use::Write).unwrap()
}

/// Rewrites chain 0 as if these deliveries had come a hundred days ago, with hashes that hold. No receiver may run.
fn long_ago(place: &Place, positions: &[i64]) {
    let connection = &mut database(place);
    let mut previous = GENESIS;
    for row in ledger::chain_rows(connection, 0, 0, 10_000, 10_000).unwrap() {
        let (mut delivery, _) = row.delivery.unwrap();
        if positions.contains(&delivery.id.row().position()) {
            delivery.received_at -= 100 * DAY;
        }
        previous = delivery.hash(&previous);
        diesel::update(deliveries::table.filter(deliveries::id.eq(delivery.id.0)))
            .set((deliveries::received_at.eq(delivery.received_at), deliveries::hash.eq(previous.to_vec())))
            .execute(connection)
            .unwrap();
    }
    diesel::update(ledger_chains::table.filter(ledger_chains::chain.eq(0)))
        .set(ledger_chains::hash.eq(previous.to_vec()))
        .execute(connection)
        .unwrap();
}

/// The deliveries of chain 0 whose bodies are there, by position.
fn carried(place: &Place) -> Vec<i64> {
    let ids: Vec<i64> =
        bodies::table.order(bodies::delivery_id).select(bodies::delivery_id).load(&mut database(place)).unwrap();
    ids.into_iter().map(|id| DeliveryId(id).row().position()).collect()
}

fn pruned(place: &Place, arguments: &[&str]) -> Value {
    let out = place.fine(&[&["deliveries", "prune", "--format", "json"], arguments].concat());
    serde_json::from_str(&out).unwrap()
}

fn verified(place: &Place) -> Value {
    serde_json::from_str(&place.fine(&["deliveries", "verify", "--format", "json"])).unwrap()
}

const RESELLER: &str = r#"{"ID":"1","Role":"Reseller","Name":"Northwind"}"#;
const BAKERY: &str = r#"{"ID":"2","Role":"User","ResellerID":"1","Name":"Bakery & Sons"}"#;

/// Six deliveries, of which the first, third, fourth and fifth came long ago; the second repeats the first one's body.
fn world(backend: Backend, toml: &str) -> Place {
    let place = Place::with(backend, toml);
    let app = receiver(&place, toml);
    for (call, code) in [
        (Call::synchronize(RESELLER), 0),
        (Call::synchronize(RESELLER), 0),
        (Call::synchronize(r#"{"ID":"2","Role":"User","ResellerID":"1","Name":"Bakery"}"#), 0),
        (Call::synchronize(BAKERY), 0),
        (Call::post("Accounts/Exists", r#"{"ID":"nobody"}"#), 0),
        (Call::synchronize(r#"{"ID":"3","Role":"User","Name":"City Library"}"#), 0),
    ] {
        assert_eq!(call.send(&app).code(), code);
    }
    drop(app);
    assert_eq!(carried(&place), [1, 3, 4, 5, 6]);
    long_ago(&place, &[1, 3, 4, 5]);
    place
}

#[test]
fn old_bodies_go_and_the_ledger_holds() {
    for backend in backends() {
        let place = world(backend, &config("", ""));
        let show = |id: &str| items(&place.fine(&["deliveries", "show", id, "--format", "json"])).remove(0);
        let before = show("0-4");

        let would = pruned(&place, &["--dry-run"]);
        assert_eq!((&would["dry_run"], &would["emptied"], &would["kept"]), (&json!(true), &json!(3), &json!(1)));
        assert_eq!(carried(&place), [1, 3, 4, 5, 6], "a dry run changes nothing");

        let done = pruned(&place, &[]);
        assert_eq!((&done["dry_run"], &done["emptied"], &done["kept"]), (&json!(false), &json!(3), &json!(1)));
        assert_eq!((&done["bytes"], done["bytes"].as_u64() > Some(100)), (&would["bytes"], true));
        assert_eq!(carried(&place), [1, 6], "what the newer second delivery refers to stays");
        let report = verified(&place);
        assert_eq!((&report["rows"], &report["bodies_emptied"]), (&json!(6), &json!(3)));
        assert_eq!(report["findings"], json!([]));
        let mut after = show("0-4");
        assert_eq!(after["body"], Value::Null);
        after["body"] = before["body"].clone();
        assert_eq!(after, before, "nothing else of it changed");
        assert!(place.fine(&["deliveries", "show", "0-5"]).ends_with("(the body was emptied)\n"));
        assert!(show("0-2")["body"].as_str().is_some_and(|body| body.contains("Northwind")));

        let again = pruned(&place, &[]);
        assert_eq!((&again["emptied"], &again["kept"]), (&json!(0), &json!(1)));
        long_ago(&place, &[2]);
        assert_eq!(pruned(&place, &[])["emptied"], json!(1), "once nothing newer refers to it, it goes, too");
        assert_eq!(carried(&place), [6]);
    }
}

#[test]
fn what_is_said_again_brings_its_body_again() {
    for backend in backends() {
        let place = world(backend, &config("", ""));
        pruned(&place, &[]);
        let app = receiver(&place, &config("", ""));
        for (body, delivery) in [(BAKERY, 7), (BAKERY, 8), (RESELLER, 9)] {
            assert_eq!(app.synchronize(body).code(), 0);
            let (row, _) = ledger::find(&mut app.database(), DeliveryId::issue(0, delivery)).unwrap().unwrap();
            assert_eq!(row.outcome.as_str(), "unchanged", "{delivery}");
        }
        drop(app);
        assert_eq!(carried(&place), [1, 6, 7], "the bakery's once, the reseller's was still there");
        let shown = items(&place.fine(&["deliveries", "show", "0-8", "--format", "json"])).remove(0);
        assert_eq!((&shown["body_of"], &shown["body"]), (&json!("0-7"), &json!(BAKERY)));
        assert_eq!(verified(&place)["findings"], json!([]));
    }
}

#[test]
fn bodies_of_open_cases_stay_until_they_are_closed() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let app = receiver(&place, &config("", ""));
        let refused = r#"{"ID":"9","Role":"Agent"}"#;
        for (body, code) in [(refused, 1002), (refused, 1002), (r#"{"Role":"Agent"}"#, 1001)] {
            assert_eq!(app.synchronize(body).code(), code);
        }
        drop(app);
        long_ago(&place, &[1, 2, 3]);
        let done = pruned(&place, &[]);
        assert_eq!((&done["emptied"], &done["kept"], carried(&place)), (&json!(1), &json!(2), vec![1, 2]));
        place.fine(&["deliveries", "resolve", "--id", "0-1", "--why", "the platform was put right"]);
        assert_eq!(pruned(&place, &[])["emptied"], json!(2));
        assert_eq!((carried(&place), &verified(&place)["findings"]), (vec![], &json!([])));
    }
}

#[test]
fn the_writer_decides_again_and_waits_for_nobody() {
    for backend in backends() {
        let place = world(backend, &config("", ""));
        let connection = &mut database(&place);
        let long_before = now_micros() - 50 * DAY;
        let these: Vec<DeliveryId> = (1..=6).map(|position| DeliveryId::issue(0, position)).collect();
        let referred = retention::empty(connection, &these[..1], long_before).unwrap();
        assert_eq!(referred.bodies, 0, "a newer delivery refers to it");
        if backend == Backend::Postgres {
            let mut other = database(&place);
            other.batch_execute("BEGIN; SELECT 1 FROM accounts WHERE platform_id = '2' FOR UPDATE").unwrap();
            let began = Instant::now();
            let done = retention::empty(connection, &these, long_before).unwrap();
            assert_eq!((done.bodies, carried(&place)), (1, vec![1, 3, 4, 6]), "only the one about no account");
            assert!(began.elapsed() < Duration::from_millis(900), "it did not wait for the lock");
            other.batch_execute("ROLLBACK").unwrap();
        }
        retention::empty(connection, &these, long_before).unwrap();
        assert_eq!(carried(&place), [1, 6]);
        let current: Vec<(Option<i64>, Option<Vec<u8>>)> = accounts::table
            .filter(accounts::platform_id.eq("2"))
            .select((accounts::body_delivery, accounts::body_digest))
            .load(connection)
            .unwrap();
        assert_eq!(current, [(None, None)], "the account forgets the body that went");
    }
}

#[test]
fn a_running_receiver_empties_them_by_itself() {
    for backend in backends() {
        let place = world(backend, &config("", ""));
        let keeping = receiver(&place, &format!("retention_days = 0\n{}", config("", "")));
        let app = receiver(&place, &format!("retention_days = 99\n{}", config("", "")));
        until("the old bodies are gone", || carried(&place) == [1, 6]);
        until("they are counted", || app.get("/metrics").body.contains("tiersync_bodies_emptied_total 3"));
        assert!(!keeping.get("/metrics").body.contains("tiersync_bodies_emptied_total "), "0 is for ever");
    }
}

#[test]
fn how_old_is_old_is_said_by_flag_environment_or_file() {
    for backend in backends() {
        let place = world(backend, &format!("retention_days = 0\n{}", config("", "")));
        place.run(&["deliveries", "prune"]).failed(2, "--older-than");
        let with = |days: &str| {
            let mut command = place.command(&["deliveries", "prune", "--dry-run", "--format", "csv"]);
            Ran::of(command.env("TIERSYNC_RETENTION_DAYS", days).output().unwrap())
        };
        with("soon").failed(2, "retention_days");
        for (days, emptied) in [("101", "0"), ("99", "3")] {
            let rows = records(&with(days).out);
            assert_eq!(rows[0], ["before", "dry_run", "emptied", "bytes", "kept"]);
            assert_eq!((&*rows[1][1], &*rows[1][2]), ("true", emptied));
        }
        let out = place.fine(&["deliveries", "prune", "--older-than", "99d"]);
        assert!(out.starts_with("3 bodies (") && out.contains("\n1 stay: "), "{out}");
        assert_eq!(pruned(&place, &["--older-than", "0s"])["emptied"], json!(2), "everything, and nobody refers to it");
        assert_eq!(carried(&place), [0; 0]);
        assert_eq!(verified(&place)["findings"], json!([]));
        place.run(&["deliveries", "prune", "--older-than", "90"]).code_is(2, "90d, 12h");
    }
}

impl Ran {
    #[track_caller]
    fn code_is(&self, code: i32, part: &str) {
        assert!(self.code == code && self.err.contains(part), "{self:?}");
    }
}

fn now_micros() -> i64 {
    crate::harness::client::now() * 1_000_000
}

/// Five thousand old deliveries of 2 KiB each in a chain that nobody writes.
fn thousands(connection: &mut AnyConnection) {
    let blob = |sqlite, postgres| if matches!(connection, AnyConnection::Sqlite(_)) { sqlite } else { postgres };
    let zeros = blob("zeroblob(32)", "decode(repeat('00', 32), 'hex')");
    let body = blob("zeroblob(2048)", "decode(repeat('00', 2048), 'hex')");
    let first = DeliveryId::issue(7, 0).0;
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)";
    connection
        .batch_execute(&format!(
            "INSERT INTO ledger_chains VALUES (7, 5000, 0, {zeros}, 'test', {claimed});
             INSERT INTO deliveries (id, source, tenant, endpoint, path, received_at, event_second, replayed, check_only,
                 headers, body_of, body_digest, outcome, code, message, account_id, trace, hash)
             {numbers} SELECT {first} + i, 'eu', '', 'Accounts/Synchronize', '/', 1000 + i, 0, FALSE, FALSE, '{{}}',
                 {first} + i, {zeros}, 'applied', 0, '', (SELECT MIN(id) FROM accounts), '', {zeros} FROM n;
             INSERT INTO bodies (delivery_id, body) {numbers} SELECT {first} + i, {body} FROM n;",
            claimed = now_micros() + DAY,
        ))
        .unwrap();
}

#[test]
fn calls_go_on_while_two_prune_thousands() {
    for backend in backends() {
        let place = Place::with(backend, &config("", ""));
        let app = receiver(&place, &format!("retention_days = 0\n{}", config("", "")));
        assert_eq!(app.synchronize(RESELLER).code(), 0);
        thousands(&mut app.database());
        assert_eq!(carried(&place).len(), 5001);
        let prune = || -> Child {
            let mut command: Command = place.command(&["deliveries", "prune", "--format", "json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let mut pruning = [prune(), prune()];
        let (mut calls, mut longest) = (0, Duration::ZERO);
        while pruning.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            let began = Instant::now();
            let reply = app.synchronize(&format!(r#"{{"ID":"c{calls}","Role":"User","ResellerID":"1"}}"#));
            assert_eq!(reply.code(), 0, "{reply:?}");
            longest = longest.max(began.elapsed());
            calls += 1;
        }
        let mut emptied = 0;
        for child in pruning {
            let ran = Ran::of(child.wait_with_output().unwrap());
            assert_eq!(ran.code, 0, "{ran:?}");
            emptied += serde_json::from_str::<Value>(&ran.out).unwrap()["emptied"].as_u64().unwrap();
        }
        eprintln!("{backend:?}: {calls} calls, the longest {longest:?}");
        // Who finds an account locked leaves its bodies for the next time.
        let rest = if backend == Backend::Postgres { pruned(&place, &[])["emptied"].as_u64().unwrap() } else { 0 };
        assert_eq!((emptied + rest, carried(&place).len()), (5000, 1 + calls));
        assert!(calls > 10 && longest < Duration::from_secs(2), "{calls} calls, the longest {longest:?}");
    }
}
