//! Refused calls: one case an account, content and code; run again, accepted, overtaken, closed by hand.

use serde_json::{Value, json};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::{MPNID, REPLAY, SIGNING};
use crate::harness::client::now;
use crate::harness::{Call, TestApp, backends, config};

/// A customer whose option breaks the pattern of [`MPNID`].
const REFUSED: &str = r#"{"ID":"11","Role":"User","ResellerID":"10","Name":"A","SyncOptions":{"MPNID":"x"}}"#;

fn cases(place: &Place, arguments: &[&str]) -> Vec<Value> {
    items(&place.fine(&[&["deliveries", "cases", "--format", "json"], arguments].concat()))
}

fn accounts(place: &Place) -> Vec<Value> {
    items(&place.fine(&["accounts", "list", "--format", "json"]))
}

fn code(app: &TestApp, body: &str) -> i64 {
    app.synchronize(body).code()
}

#[test]
fn a_platform_that_retries_makes_one_case() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        for _ in 0..30 {
            assert_eq!(code(&app, REFUSED), 1003);
        }
        assert_eq!(code(&app, r#"{"ID":"12","Role":"Seller","Name":"B"}"#), 1002);
        assert_eq!(code(&app, r#"{"ID":12,"Role":"Seller","Name":"C"}"#), 1002);
        // A malformed call, a question and a check are no cases.
        assert_eq!(code(&app, r#"{"Role":"User"}"#), 1001);
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"77"}"#).send(&app).code(), 1005);
        assert_eq!(Call::synchronize(REFUSED).path("/api/Accounts/Synchronize?checkonly=1").send(&app).code(), 1003);
        let found = cases(&place, &[]);
        let shown: Vec<_> = found.iter().map(|case| (&case["platform_id"], &case["code"], &case["count"])).collect();
        let wanted = [
            (json!("11"), json!(1003), json!(30)),
            (json!("12"), json!(1002), json!(1)),
            (json!("12"), json!(1002), json!(1)),
        ];
        let wanted: Vec<_> = wanted.iter().map(|(id, code, count)| (id, code, count)).collect();
        assert_eq!(shown, wanted, "{found:#?}");
        assert_eq!(found[0]["id"], "0-1");
        assert_eq!(found[0]["last_delivery"], "0-30");
        assert_eq!(cases(&place, &["--code", "1002"]).len(), 2);
        assert_eq!(cases(&place, &["--platform-id", "11"]).len(), 1);
        assert_eq!(place.fine(&["deliveries", "cases", "--state", "closed"]), "nothing found\n");
    }
}

#[test]
fn a_case_runs_again_under_the_rules_of_today_and_a_success_closes_it() {
    for backend in backends() {
        let strict = config("", MPNID);
        let place = Place::with(backend, &strict);
        let mut app = receiver(&place, &strict);
        assert_eq!(code(&app, r#"{"ID":"10","Role":"Reseller","Name":"R"}"#), 0);
        assert_eq!(code(&app, REFUSED), 1003);
        let still = place.run(&["deliveries", "reprocess", "--id", "0-2", "--format", "json"]);
        assert_eq!(still.code, 1, "{still:?}");
        assert!(still.err.contains("1 still refused"), "{still:?}");
        assert_eq!(items(&still.out)[0]["code"], 1003);
        assert_eq!(cases(&place, &[])[0]["count"], 2, "the second refusal belongs to the same case");
        app.stop();
        // The vendor corrects its own rule.
        let lax = config("", "");
        place.configure(&lax);
        let app = receiver(&place, &lax);
        let ran = items(&place.fine(&["deliveries", "reprocess", "--code", "1003", "--format", "json"]));
        assert_eq!(
            (&ran[0]["outcome"], &ran[0]["code"], &ran[0]["case"]),
            (&json!("applied"), &json!(0), &json!("0-2"))
        );
        let customer = accounts(&place).pop().unwrap();
        assert_eq!((&customer["platform_id"], &customer["sync_options"]), (&json!("11"), &json!({"MPNID": "x"})));
        let original = items(&place.fine(&["deliveries", "list", "--format", "json"])).pop();
        assert_eq!(original.unwrap()["outcome"], "applied");
        assert!(cases(&place, &[]).is_empty());
        let closed = cases(&place, &["--state", "closed"]);
        assert_eq!((&closed[0]["closed_as"], closed[0]["closed_delivery"].is_string()), (&json!("succeeded"), true));
        let twice = place.run(&["deliveries", "reprocess", "--id", "0-2"]);
        assert_eq!((twice.code, twice.err.contains("case 0-2 is closed: succeeded")), (1, true), "{twice:?}");
        place.fine(&["deliveries", "verify"]);
        // The receiver that runs beside goes on writing the same chain.
        assert_eq!(code(&app, r#"{"ID":"10","Role":"Reseller","Name":"R2"}"#), 0);
        place.fine(&["deliveries", "verify"]);
    }
}

#[test]
fn a_later_call_of_the_platform_closes_what_is_older() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(code(&app, REFUSED), 1003);
        assert_eq!(code(&app, r#"{"ID":"11","Role":"Seller"}"#), 1002);
        assert_eq!(code(&app, r#"{"ID":"12","Role":"Seller"}"#), 1002);
        let good = REFUSED.replace("\"x\"", "\"3456890\"");
        // The account is new: nobody noted on it that it has cases.
        assert_eq!(code(&app, &good), 0);
        assert_eq!(cases(&place, &[]).iter().map(|case| &case["platform_id"]).collect::<Vec<_>>(), ["12"]);
        // And once more with an account that is known.
        assert_eq!(code(&app, REFUSED), 1003);
        assert_eq!(cases(&place, &["--platform-id", "11"]).len(), 1);
        // An older call that is replayed closes nothing that is newer.
        let older = Call::synchronize(good.replace("\"A\"", "\"Old\"")).signed(REPLAY, "old", now() - 3600);
        assert_eq!(older.send(&app).code(), 0);
        assert_eq!(cases(&place, &["--platform-id", "11"]).len(), 1);
        assert_eq!(code(&app, &good), 0);
        assert!(cases(&place, &["--platform-id", "11"]).is_empty());
        assert_eq!(cases(&place, &["--state", "closed", "--platform-id", "11"]).len(), 3);
    }
}

#[test]
fn what_was_overtaken_ends_as_stale() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let mut app = receiver(&place, &toml);
        let second = now();
        let call = |name: &str, option: &str, id: &str, at: i64| {
            let body = REFUSED.replace("\"A\"", &format!("\"{name}\"")).replace("\"x\"", &format!("\"{option}\""));
            Call::synchronize(body).signed(REPLAY, id, at)
        };
        assert_eq!(call("Newest", "y", "c", second - 10).send(&app).code(), 1003);
        assert_eq!(call("Oldest", "x", "a", second - 30).send(&app).code(), 1003);
        assert_eq!(call("Middle", "3456890", "b", second - 20).send(&app).code(), 0);
        // The success is newer than the one and older than the other.
        assert_eq!(cases(&place, &[]).len(), 1);
        assert_eq!(call("Older still", "z", "d", second - 40).send(&app).code(), 0, "stale before it is judged");
        app.stop();
        place.configure(&config("", ""));
        let ran = items(&place.fine(&["deliveries", "reprocess", "--code", "1003", "--format", "json"]));
        assert_eq!(ran.len(), 1);
        assert_eq!(ran[0]["outcome"], "applied");
        assert_eq!(accounts(&place)[0]["name"], "Newest");
    }
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let mut app = receiver(&place, &toml);
        let second = now();
        let body = |name: &str| REFUSED.replace("\"A\"", &format!("\"{name}\""));
        assert_eq!(Call::synchronize(body("Old")).signed(REPLAY, "a", second - 30).send(&app).code(), 1003);
        assert_eq!(Call::synchronize(body("New")).signed(REPLAY, "b", second - 20).send(&app).code(), 1003);
        app.stop();
        place.configure(&config("", ""));
        // Against the order of events: the older one must not be a step back.
        let new = items(&place.fine(&["deliveries", "reprocess", "--id", "0-2", "--format", "json"]));
        assert_eq!(new[0]["outcome"], "applied");
        assert_eq!(accounts(&place)[0]["name"], "New");
        let closed = cases(&place, &["--state", "closed"]);
        assert_eq!(closed.len(), 2, "the newer success closes the older case, too: {closed:#?}");
        assert_eq!(place.run(&["deliveries", "reprocess", "--id", "0-1"]).code, 1);
    }
}

#[test]
fn cases_run_in_the_order_of_their_events() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let mut app = receiver(&place, &toml);
        let second = now();
        for (name, id, at) in [("Third", "c", 10), ("First", "a", 30), ("Second", "b", 20)] {
            let body = REFUSED.replace("\"A\"", &format!("\"{name}\""));
            assert_eq!(Call::synchronize(body).signed(REPLAY, id, second - at).send(&app).code(), 1003);
        }
        app.stop();
        place.configure(&config("", ""));
        let ran = items(&place.fine(&["deliveries", "reprocess", "--code", "1003", "--format", "json"]));
        let order: Vec<_> = ran.iter().map(|run| (&run["case"], &run["outcome"])).collect();
        let applied = json!("applied");
        assert_eq!(order, [(&json!("0-2"), &applied), (&json!("0-3"), &applied), (&json!("0-1"), &applied)]);
        assert_eq!(accounts(&place)[0]["name"], "Third");
    }
}

#[test]
fn an_operator_accepts_a_change_of_reseller_that_policy_held_back() {
    for backend in backends() {
        for (policy, first) in [("review", 0), ("refuse", 1004)] {
            let toml = config(&format!("reseller_change = \"{policy}\""), "");
            let place = Place::with(backend, &toml);
            let app = receiver(&place, &toml);
            for body in [
                r#"{"ID":"10","Role":"Reseller","Name":"R"}"#,
                r#"{"ID":"20","Role":"Reseller","Name":"S"}"#,
                r#"{"ID":"11","Role":"User","ResellerID":"10","Name":"A"}"#,
            ] {
                assert_eq!(code(&app, body), 0);
            }
            let moved = r#"{"ID":"11","Role":"User","ResellerID":"20","Name":"A"}"#;
            assert_eq!(code(&app, moved), first);
            let reseller = |place: &Place| accounts(place).pop().unwrap()["reseller"]["platform_id"].clone();
            assert_eq!(reseller(&place), "10");
            let without = place.run(&["deliveries", "reprocess", "--id", "0-4"]);
            assert_eq!(without.code, 1, "{without:?}");
            assert_eq!(reseller(&place), "10");
            let ran = items(&place.fine(&["deliveries", "reprocess", "--id", "0-4", "--accept", "--format", "json"]));
            assert_eq!(ran[0]["outcome"], "applied", "{ran:?}");
            assert_eq!(reseller(&place), "20");
            assert!(cases(&place, &[]).is_empty());
            // The platform repeats itself; nothing is left to decide.
            assert_eq!(code(&app, moved), 0);
            assert_eq!(reseller(&place), "20");
        }
    }
}

#[test]
fn a_case_is_closed_by_hand_with_a_reason() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(code(&app, REFUSED), 1003);
        assert_eq!(code(&app, REFUSED), 1003);
        for (arguments, exit, part) in [
            (&["--id", "0-2"][..], 2, "--why"),
            (&["--id", "0-2", "--why", " "], 2, "it is empty"),
            (&["--why", "done"], 2, "--id"),
            (&["--id", "0-9", "--why", "done"], 1, "there is no delivery 0-9"),
        ] {
            let ran = place.run(&[&["deliveries", "resolve"], arguments].concat());
            assert_eq!(ran.code, exit, "{ran:?}");
            assert!(ran.err.contains(part), "{ran:?}");
        }
        // Named by a delivery that belongs to it.
        place.fine(&["deliveries", "resolve", "--id", "0-2", "--why", "the customer is a test"]);
        let closed = cases(&place, &["--state", "all"]);
        assert_eq!(closed.len(), 1);
        assert_eq!(
            (&closed[0]["closed_as"], &closed[0]["closed_why"]),
            (&json!("resolved"), &json!("the customer is a test"))
        );
        // Coming again it is a case again.
        assert_eq!(code(&app, REFUSED), 1003);
        assert_eq!(cases(&place, &[])[0]["count"], 1);
        let good = place.run(&["deliveries", "reprocess"]);
        assert_eq!(good.code, 2, "neither --id nor --code: {good:?}");
    }
}

#[test]
fn a_repeated_id_with_other_content_is_no_case() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        assert_eq!(Call::synchronize(r#"{"ID":"1","Role":"User"}"#).signed(SIGNING, "a", now()).send(&app).code(), 0);
        assert_eq!(
            Call::synchronize(r#"{"ID":"2","Role":"User"}"#).signed(SIGNING, "a", now()).send(&app).code(),
            1004
        );
        assert!(cases(&place, &[]).is_empty());
    }
}
