//! The ledger: what a row records, how chains go on, and that tampering shows.

use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection;
use sha2::{Digest, Sha256};
use tiersync::domain::account::AccountKind;
use tiersync::domain::call::Endpoint;
use tiersync::domain::ids::{AccountId, DeliveryId};
use tiersync::domain::ledger::{Delivery, Head};
use tiersync::domain::outcome::Outcome;
use tiersync::ops::verify::{self, Finding};
use tiersync::store::AnyConnection;
use tiersync::store::chains;
use tiersync::store::deliveries::{self, DeliveryFilter};

use crate::harness::app::{API_KEY, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends};

/// The ledger holds, and has a head for what it holds.
pub fn assert_whole(database: &mut AnyConnection) {
    let report = verify::verify(database, &[], &|_, _| {}).unwrap();
    assert_eq!(report.findings, [], "the ledger does not hold");
    let expected: i64 = report.heads.iter().map(|head| head.position).sum();
    assert_eq!(i64::try_from(report.rows).unwrap(), expected, "rows and heads disagree");
}

const PASSWORD: &str = "hunter2-of-the-customer";
const TOKEN: &str = "token-of-the-platform";
const SETTING: &str = "setting-of-the-partner";

fn reseller(id: &str) -> String {
    format!(r#"{{"ID":"{id}","Role":"Reseller","ResellerID":"{id}","Name":"Reseller {id}"}}"#)
}

fn rows(app: &TestApp) -> Vec<Delivery> {
    let mut rows: Vec<Delivery> = deliveries::list(&mut app.database(), &DeliveryFilter::default(), None, 10_000)
        .unwrap()
        .into_iter()
        .map(|row| row.0)
        .collect();
    rows.sort_by_key(|row| row.id);
    rows
}

fn heads(app: &TestApp) -> Vec<Head> {
    chains::heads(&mut app.database()).unwrap()
}

fn findings(app: &TestApp, expected: &[Head]) -> Vec<Finding> {
    verify::verify(&mut app.database(), expected, &|_, _| {}).unwrap().findings
}

#[test]
fn a_row_records_the_call_and_what_became_of_it() {
    for backend in backends() {
        let app = TestApp::start(backend);
        let before = now();
        let body = format!(
            r#"{{"ID":"1","Role":"Reseller","Name":"Northwind","RandomPassword":"{PASSWORD}","SyncOptions":{{"AdminPassword":"{PASSWORD}"}}}}"#
        );
        let reply = Call::synchronize(&body)
            .path("/some/prefix/API/accounts/SYNCHRONIZE")
            .header("X-CloudPlatform-TrackId", "track-7")
            .header("X-CloudPlatform-Token", TOKEN)
            .header("X-CloudPlatform-Setting-Password", SETTING)
            .header("X-CloudPlatform-BaseUri", "https://platform.example/")
            .header("X-Api-Version", "2.1")
            .header("User-Agent", "gateway/1")
            .header("Authorization", format!("Bearer {TOKEN}"))
            .header("Cookie", TOKEN)
            .signed(SIGNING, "call-1", before)
            .send(&app);
        assert_eq!(reply.code(), 0, "{}", reply.body);
        let row = rows(&app).remove(0);
        assert_eq!(row.id, DeliveryId::issue(0, 1));
        assert_eq!((row.source.as_str(), row.tenant.as_str()), ("eu", ""));
        assert_eq!((row.endpoint, row.path.as_str()), (Endpoint::Synchronize, "/some/prefix/API/accounts/SYNCHRONIZE"));
        assert!((before..=now()).contains(&row.event_second) && row.event_second == row.received_at / 1_000_000);
        assert!(!row.replayed && !row.check_only);
        assert_eq!((row.webhook_id.as_deref(), row.track_id.as_deref()), (Some("call-1"), Some("track-7")));
        assert_eq!((row.outcome, row.code, row.message), (Outcome::Applied, 0, reply.message()));
        assert_eq!(row.result, Some(reply.result()));
        assert_eq!((row.kind, row.platform_id.as_deref()), (Some(AccountKind::Reseller), Some("1")));
        assert!(row.rule.is_some_and(|rule| !rule.is_empty()));
        assert_eq!(row.account, Some(AccountId::issue(0, 1)));
        let kept: serde_json::Value = serde_json::from_str(&row.headers).unwrap();
        assert_eq!(kept["x-api-version"], "2.1");
        assert_eq!(kept["x-cloudplatform-baseuri"], "https://platform.example/");
        assert_eq!(kept["user-agent"], "gateway/1");
        assert_eq!(kept["webhook-timestamp"], before.to_string());
        assert_eq!(kept["credentials"].as_array().map(Vec::len), Some(2), "key and signing secret: {kept}");
        let stored = deliveries::body(&mut app.database(), row.body_of).unwrap().unwrap();
        assert_eq!(row.body_digest.as_slice(), Sha256::digest(&stored).as_slice());
        let stored = String::from_utf8(stored).unwrap();
        assert!(stored.contains("Northwind") && stored.contains("[redacted]"), "{stored}");
        for secret in [PASSWORD, TOKEN, SETTING, API_KEY, SIGNING, "whsec_", "v1,"] {
            assert!(!row.headers.contains(secret) && !stored.contains(secret), "{secret} is kept");
        }
    }
}

#[test]
fn each_outcome_is_recorded_with_its_reason() {
    for backend in backends() {
        let app = TestApp::start(backend);
        let second = now() - 1000;
        let replayed = |body: &str, second: i64| Call::synchronize(body).signed(REPLAY, &format!("r{second}"), second);
        let one = reseller("1");
        let signed = Call::synchronize(&one).signed(SIGNING, "once", now());
        for (call, outcome, code) in [
            (signed.clone(), Outcome::Applied, 0),
            (signed, Outcome::Repeated, 0),
            (Call::synchronize(&one), Outcome::Unchanged, 0),
            (replayed(&one, second), Outcome::Stale, 0),
            (Call::synchronize(r#"{"ID":"2","Role":"Reseller","ResellerID":"1"}"#), Outcome::Rejected, 1002),
            (Call::synchronize("{"), Outcome::Rejected, 1001),
            (Call::post("Accounts/Synchronize?checkonly=true", reseller("3")), Outcome::Checked, 0),
            (Call::post("Accounts/Exists", r#"{"ID":"1"}"#), Outcome::Checked, 1),
            (Call::post("Accounts/IsReseller", r#"{"ID":"1"}"#), Outcome::Checked, 0),
            (Call::post("Accounts/Delete", r#"{"ID":"1"}"#), Outcome::Applied, 0),
        ] {
            let reply = call.send(&app);
            let row = rows(&app).pop().unwrap();
            assert_eq!((row.outcome, row.code), (outcome, code), "{reply:?}");
            assert_eq!(i64::from(row.code), reply.code());
            assert_eq!(row.message, reply.message());
        }
        let rows = rows(&app);
        assert_eq!(rows.len(), 10);
        // What says the same is stored once.
        assert_eq!([rows[1].body_of, rows[2].body_of], [rows[0].id, rows[0].id]);
        assert!(rows[1].trace.contains("0-1"), "a repeat names what it repeats: {}", rows[1].trace);
        assert!(rows[3].replayed && rows[3].event_second == second && !rows[3].trace.is_empty(), "{:?}", rows[3]);
        assert!(rows[6].check_only);
        // Whoever is not let in leaves no row.
        assert_eq!(Call::synchronize(&one).without("X-CloudPlatform-APIKey").send(&app).status, 401);
        assert_eq!(self::rows(&app).len(), 10);
        assert_whole(&mut app.database());
    }
}

#[test]
fn the_chain_goes_on_behind_a_restart() {
    for backend in backends() {
        let mut app = TestApp::start(backend);
        for round in 1..=3 {
            for n in 0..5 {
                assert_eq!(app.synchronize(&reseller(&format!("{round}-{n}"))).code(), 0);
            }
            app = app.restart();
            let heads = heads(&app);
            assert_eq!(heads.len(), 1);
            assert_eq!((heads[0].chain, heads[0].position), (0, round * 5));
            assert_whole(&mut app.database());
        }
        let ids: Vec<DeliveryId> = rows(&app).iter().map(|row| row.id).collect();
        assert_eq!(ids, (1..=15).map(|position| DeliveryId::issue(0, position)).collect::<Vec<_>>());
    }
}

#[test]
fn a_second_receiver_writes_a_chain_of_its_own() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let mut first = TestApp::start(Backend::Postgres);
    let second = first.second();
    for n in 0..6 {
        let app = if n % 2 == 0 { &first } else { &second };
        assert_eq!(app.synchronize(&reseller(&n.to_string())).code(), 0);
    }
    let positions = |app: &TestApp| heads(app).iter().map(|head| (head.chain, head.position)).collect::<Vec<_>>();
    assert_eq!(positions(&first), [(0, 3), (1, 3)]);
    assert_whole(&mut first.database());
    // A chain that was given back is taken up again, so that restarts do not pile up chains.
    first.stop();
    let third = second.second();
    assert_eq!(third.synchronize(&reseller("6")).code(), 0);
    assert_eq!(second.synchronize(&reseller("7")).code(), 0);
    assert_eq!(positions(&third), [(0, 4), (1, 4)]);
    assert_whole(&mut third.database());
    // Each chain is proved by itself.
    third
        .database()
        .batch_execute(&format!("DELETE FROM deliveries WHERE id = {}", DeliveryId::issue(1, 2).0))
        .unwrap();
    assert_eq!(findings(&third, &[])[0], Finding::Missing(DeliveryId::issue(1, 2), DeliveryId::issue(1, 2)));
}

#[test]
fn a_receiver_whose_chain_was_taken_over_takes_another() {
    if !backends().contains(&Backend::Postgres) {
        return;
    }
    let first = TestApp::start(Backend::Postgres);
    assert_eq!(first.synchronize(&reseller("1")).code(), 0);
    // As if it had not been heard of for long, though it is alive.
    first.database().batch_execute("UPDATE ledger_chains SET claimed_at = 0").unwrap();
    let second = first.second();
    assert_eq!(second.synchronize(&reseller("2")).code(), 0);
    assert_eq!(rows(&first).last().unwrap().id, DeliveryId::issue(0, 2), "the second one writes the first one's chain");
    for n in 3..9 {
        let app = if n % 2 == 0 { &second } else { &first };
        assert_eq!(app.synchronize(&reseller(&n.to_string())).code(), 0);
    }
    let positions: Vec<(i64, i64)> = heads(&first).iter().map(|head| (head.chain, head.position)).collect();
    assert_eq!(positions, [(0, 5), (1, 3)]);
    assert_whole(&mut first.database());
}

/// A ledger of ten rows in one chain.
fn ten(backend: Backend) -> TestApp {
    let app = TestApp::start(backend);
    for n in 1..=10 {
        assert_eq!(app.synchronize(&reseller(&n.to_string())).code(), 0);
    }
    assert_whole(&mut app.database());
    app
}

fn at(position: i64) -> DeliveryId {
    DeliveryId::issue(0, position)
}

/// Does something to row 5, expects these findings, and undoes it.
fn tamper(app: &TestApp, there: &str, back: &str, expected: &[Finding]) {
    app.database().batch_execute(there).unwrap();
    assert_eq!(findings(app, &[]), expected, "{there}");
    app.database().batch_execute(back).unwrap();
    assert_whole(&mut app.database());
}

#[test]
fn a_changed_row_shows_whichever_column_it_is() {
    for backend in backends() {
        let app = ten(backend);
        let id = at(5).0;
        let (zero, one) = match backend {
            Backend::Sqlite => ("X'00'", "1"),
            Backend::Postgres => ("'\\x00'::bytea", "true"),
        };
        app.database()
            .batch_execute(&format!("CREATE TABLE kept AS SELECT * FROM deliveries WHERE id = {id}"))
            .unwrap();
        let back = format!("DELETE FROM deliveries WHERE id = {id}; INSERT INTO deliveries SELECT * FROM kept");
        for (column, value) in [
            ("source", "'us'"),
            ("tenant", "'other'"),
            ("endpoint", "'Accounts/Delete'"),
            ("path", "'/api'"),
            ("received_at", "received_at + 1"),
            ("event_second", "event_second - 1"),
            ("replayed", one),
            ("check_only", one),
            ("webhook_id", "'id'"),
            ("track_id", "'track'"),
            ("headers", "'{}'"),
            ("body_of", "body_of - 1"),
            ("outcome", "'rejected'"),
            ("code", "1002"),
            ("message", "'other'"),
            ("result", "NULL"),
            ("kind", "'direct_customer'"),
            ("rule", "'other'"),
            ("account_id", "account_id + 1"),
            ("platform_id", "'6'"),
            ("trace", "'other'"),
        ] {
            let change = format!("UPDATE deliveries SET {column} = {value} WHERE id = {id}");
            tamper(&app, &change, &back, &[Finding::Changed(at(5))]);
        }
        // A wrong hash breaks this row and the one that stands on it.
        let change = format!("UPDATE deliveries SET hash = {zero} WHERE id = {id}");
        tamper(&app, &change, &back, &[Finding::Changed(at(5)), Finding::Changed(at(6))]);
        app.database().batch_execute(&format!("UPDATE deliveries SET outcome = 'forgotten' WHERE id = {id}")).unwrap();
        match &findings(&app, &[])[0] {
            Finding::Unreadable(row, why) => assert!(*row == at(5) && why.contains("forgotten"), "{row} {why}"),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn removed_and_swapped_rows_show() {
    for backend in backends() {
        let app = ten(backend);
        let (five, six) = (at(5).0, at(6).0);
        app.database().batch_execute("CREATE TABLE kept AS SELECT * FROM deliveries").unwrap();
        let back = "DELETE FROM deliveries; INSERT INTO deliveries SELECT * FROM kept";
        let gone = |first, last| Finding::Missing(at(first), at(last));
        let delete =
            |from: i64, to: i64| format!("DELETE FROM deliveries WHERE id BETWEEN {} AND {}", at(from).0, at(to).0);
        tamper(&app, &delete(5, 5), back, &[gone(5, 5)]);
        tamper(&app, &delete(1, 3), back, &[gone(1, 3)]);
        tamper(&app, &delete(9, 10), back, &[gone(9, 10)]);
        tamper(&app, "DELETE FROM deliveries", back, &[gone(1, 10)]);
        let swap = |table: &str, id: &str| {
            format!(
                "UPDATE {table} SET {id} = -1 WHERE {id} = {five}; UPDATE {table} SET {id} = {five} WHERE {id} = {six}; \
                 UPDATE {table} SET {id} = {six} WHERE {id} = -1;"
            )
        };
        // With their bodies, so that nothing but the chain can tell.
        let (rows, bodies) = (swap("deliveries", "id"), swap("bodies", "delivery_id"));
        let back = format!("{back}; {bodies}");
        let swapped = [Finding::Changed(at(5)), Finding::Changed(at(6)), Finding::Changed(at(7))];
        tamper(&app, &format!("{rows}{bodies}"), &back, &swapped);
        // A copy of a row behind the end.
        let back = format!("DELETE FROM deliveries WHERE id = {}", at(11).0);
        let forged = format!(
            "UPDATE deliveries SET id = {} WHERE id = {five}; INSERT INTO deliveries SELECT * FROM kept WHERE id = {five}",
            at(11).0
        );
        tamper(&app, &forged, &back, &[Finding::BeyondHead(at(11)), Finding::Changed(at(11))]);
    }
}

#[test]
fn a_changed_body_shows_and_an_emptied_one_is_well() {
    for backend in backends() {
        let app = ten(backend);
        let id = at(5).0;
        let other = match backend {
            Backend::Sqlite => "X'7B7D'",
            Backend::Postgres => "'\\x7b7d'::bytea",
        };
        let mut database = app.database();
        database.batch_execute(&format!("UPDATE bodies SET body = {other} WHERE delivery_id = {id}")).unwrap();
        assert_eq!(findings(&app, &[]), [Finding::BodyChanged(at(5))]);
        database.batch_execute(&format!("DELETE FROM bodies WHERE delivery_id = {id}")).unwrap();
        assert_whole(&mut database);
        let emptied = |app: &TestApp| verify::verify(&mut app.database(), &[], &|_, _| {}).unwrap().bodies_emptied;
        assert_eq!(emptied(&app), 1);
        database.batch_execute("DELETE FROM bodies").unwrap();
        assert_whole(&mut database);
        assert_eq!(emptied(&app), 10);
    }
}

#[test]
fn a_cut_tail_shows_only_against_a_head_that_was_kept() {
    for backend in backends() {
        let mut app = ten(backend);
        let kept = heads(&app);
        assert_eq!(findings(&app, &kept), []);
        // Heads of earlier days go on being proved.
        assert_eq!(app.synchronize(&reseller("11")).code(), 0);
        assert_eq!(findings(&app, &kept), []);
        app.stop();
        let (eight, cut) = (at(8).0, at(9).0);
        app.database()
            .batch_execute(&format!(
                "DELETE FROM deliveries WHERE id >= {cut}; DELETE FROM bodies WHERE delivery_id >= {cut}; \
                 UPDATE ledger_chains SET deliveries = 8, hash = (SELECT hash FROM deliveries WHERE id = {eight})"
            ))
            .unwrap();
        assert_eq!(findings(&app, &[]), [], "without a head from outside nothing shows");
        assert_eq!(findings(&app, &kept), [Finding::HeadMissing(at(10))]);
        let foreign = Head { chain: 4, position: 1, hash: [1; 32] };
        assert_eq!(findings(&app, &[foreign]), [Finding::HeadMissing(DeliveryId::issue(4, 1))]);
        // A tail that was written anew does not have the head either.
        let app = app.restart();
        for n in 1..=3 {
            assert_eq!(app.synchronize(&reseller(&format!("anew{n}"))).code(), 0);
        }
        assert_eq!(findings(&app, &[]), []);
        assert_eq!(findings(&app, &kept), [Finding::HeadMissing(at(10))]);
    }
}

#[test]
fn a_head_that_is_gone_or_moved_shows() {
    for backend in backends() {
        let app = ten(backend);
        app.database().batch_execute("UPDATE ledger_chains SET deliveries = 9").unwrap();
        // The head's hash is another than that of row 9, too.
        assert_eq!(findings(&app, &[]), [Finding::Changed(at(9)), Finding::BeyondHead(at(10))]);
        app.database().batch_execute("UPDATE ledger_chains SET deliveries = 12").unwrap();
        assert_eq!(findings(&app, &[]), [Finding::Missing(at(11), at(12))]);
        app.database().batch_execute("DELETE FROM ledger_chains").unwrap();
        assert_eq!(findings(&app, &[]), [Finding::NoHead(0)]);
    }
}

#[test]
fn rows_outside_of_every_chain_show() {
    for backend in backends() {
        let app = ten(backend);
        app.database().batch_execute("CREATE TABLE kept AS SELECT * FROM deliveries").unwrap();
        let (back, far) = ("DELETE FROM deliveries; INSERT INTO deliveries SELECT * FROM kept", (1 << 22) - 1);
        for (id, expected) in [
            (DeliveryId(-7), vec![Finding::NoPlace(DeliveryId(-7))]),
            (DeliveryId(0), vec![Finding::NoPlace(DeliveryId(0))]),
            (DeliveryId::issue(far, 0), vec![Finding::NoPlace(DeliveryId::issue(far, 0)), Finding::NoHead(far)]),
            // No finding for any of the chains between.
            (DeliveryId::issue(far, 3), vec![Finding::NoHead(far)]),
            (DeliveryId(i64::MAX), vec![Finding::NoHead((1 << 23) - 1)]),
        ] {
            let there = format!(
                "CREATE TABLE copy AS SELECT * FROM kept ORDER BY id LIMIT 1; UPDATE copy SET id = {}; \
                 INSERT INTO deliveries SELECT * FROM copy; DROP TABLE copy",
                id.0
            );
            tamper(&app, &there, back, &expected);
        }
    }
}

#[test]
fn a_receiver_may_be_writing_while_its_ledger_is_verified() {
    for backend in backends() {
        let app = ten(backend);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let calls = scope.spawn(|| {
                let mut n = 100;
                while !done.load(Ordering::Relaxed) {
                    n += 1;
                    assert_eq!(app.synchronize(&reseller(&n.to_string())).code(), 0);
                }
                n - 100
            });
            let mut database = app.database();
            let (begun, mut found) = (std::time::Instant::now(), Vec::new());
            while begun.elapsed() < std::time::Duration::from_secs(2) {
                // A call between heads and rows, each time.
                let called = std::cell::Cell::new(false);
                let progress = |_, _| {
                    if !called.replace(true) {
                        assert_eq!(app.synchronize(&reseller("11")).code(), 0);
                    }
                };
                let report = verify::verify(&mut database, &[], &progress).unwrap();
                let expected: i64 = report.heads.iter().map(|head| head.position).sum();
                found.push((report.findings, i64::try_from(report.rows).unwrap() - expected));
            }
            done.store(true, Ordering::Relaxed);
            // Judged once the calls have stopped, so that a failure does not wait for them for ever.
            assert!(found.iter().all(|(findings, behind)| findings.is_empty() && *behind == 0), "{found:?}");
            assert!(calls.join().unwrap() > 0);
        });
        assert_whole(&mut app.database());
    }
}

#[test]
fn findings_name_the_row() {
    for (finding, text) in [
        (Finding::Changed(at(5)), "delivery 0-5: "),
        (Finding::Unreadable(at(5), "why".to_owned()), "delivery 0-5: why"),
        (Finding::Missing(at(5), at(5)), "delivery 0-5: "),
        (Finding::Missing(at(5), at(7)), "deliveries 0-5 to 0-7: "),
        (Finding::BodyChanged(at(5)), "delivery 0-5: "),
        (Finding::BeyondHead(at(5)), "delivery 0-5: "),
        (Finding::NoPlace(DeliveryId::issue(2, 0)), "delivery 2-0 "),
        (Finding::NoHead(3), "chain 3: "),
        (Finding::HeadMissing(at(5)), "delivery 0-5: "),
    ] {
        assert!(finding.to_string().starts_with(text), "{finding}");
    }
}
