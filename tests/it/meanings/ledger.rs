//! The ledger: which calls are in it, and what of them is stored.

use serde_json::json;
use tiersync::domain::options::OptionValue;

use super::*;
use crate::harness::client::now;

#[test]
fn authentic_calls_answered_200_or_400_are_deliveries_and_no_others() {
    on_each("", |app| {
        let body = json!({"ID": "1", "Role": "User"}).to_string();
        for (call, status, code) in [
            (Call::synchronize(&body), 200, 0),
            (Call::post("Accounts/Exists", &body), 200, 1),
            (Call::post("Accounts/IsReseller", &body), 200, 0),
            (Call::synchronize("{"), 400, 1001),
            (Call::synchronize(r#"{"Role":"User"}"#), 200, 1001),
            (Call::post("Accounts/Delete", r#"{"ID":"9"}"#), 200, 1005),
        ] {
            let before = ledger(app).len();
            let reply = call.send(app);
            assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
            assert_eq!((ledger(app).len(), i64::from(last(app).code)), (before + 1, code), "{}", reply.body);
        }
        let before = ledger(app).len();
        for (call, status) in [
            (Call::synchronize(&body).without("X-CloudPlatform-APIKey"), 401),
            (Call::post("Accounts/Unheard", &body), 404),
            (Call::new("GET", "/api/Accounts/Synchronize").key(), 405),
            (Call::synchronize(vec![b' '; 300 * 1024]), 413),
        ] {
            assert_eq!(call.send(app).status, status);
        }
        assert_eq!(ledger(app).len(), before);
    });
}

#[test]
fn a_delivery_says_what_was_answered_and_about_whom() {
    on_each("tenant_setting = \"Organisation\"", |app| {
        let reply = Call::synchronize(r#"{"ID":"1","Role":"User"}"#)
            .header("X-CloudPlatform-Setting-Organisation", "Acme")
            .header("X-CloudPlatform-TrackId", "track-1")
            .send(app);
        let delivery = last(app);
        assert_eq!((delivery.source.as_str(), delivery.tenant.as_str()), ("eu", "Acme"));
        assert_eq!(delivery.endpoint.as_str(), "Accounts/Synchronize");
        assert_eq!((delivery.message, delivery.result), (reply.message(), Some(reply.result())));
        assert_eq!((delivery.account, delivery.platform_id.as_deref()), (Some(account(app, "1").id), Some("1")));
        assert_eq!(delivery.track_id.as_deref(), Some("track-1"));
    });
}

#[test]
fn secrets_are_redacted_before_anything_is_stored() {
    on_each("", |app| {
        let body = |password: &str| {
            let options = json!({"AdminPassword": password, "Plan": "gold"});
            json!({"ID": "1", "Role": "User", "RandomPassword": password, "SyncOptions": options})
        };
        done(app, &body("hunter2"));
        let carrier = last(app);
        let stored = body_of(app, &carrier).unwrap();
        assert_eq!(stored, body("[redacted]").to_string());
        assert!(!carrier.headers.contains("key-of-the-tests"), "{}", carrier.headers);
        let mark = OptionValue::Secret(None);
        assert_eq!(account(app, "1").options.get("AdminPassword"), Some(&mark));
        // Hashes and comparisons see the redacted form: another secret is the same content.
        done(app, &body("another"));
        assert_eq!((came_to(app), last(app).body_of), (("unchanged", 0), carrier.id));
        assert_eq!(last(app).body_digest, carrier.body_digest);
        assert_eq!(signed("msg", &body("one")).send(app).code(), 0);
        assert_eq!(signed("msg", &body("two")).send(app).code(), 0);
        assert_eq!(came_to(app), ("repeated", 0));
    });
}

#[test]
fn a_redaction_mark_in_a_replay_leaves_the_value() {
    on_each("", |app| {
        let begin = now() - 5_000;
        let body = |plan: &str, seats: u8| {
            let options = json!({"AdminPassword": "[redacted]", "Plan": plan, "Seats": seats});
            json!({"ID": "1", "Role": "User", "SyncOptions": options})
        };
        replayed("1", begin, &body("gold", 1)).send(app);
        replayed("2", begin + 1, &body("[redacted]", 2)).send(app);
        let options = account(app, "1").options;
        assert_eq!(options.get("Plan"), Some(&OptionValue::Text("gold".to_owned())));
        assert_eq!(options.get("Seats"), Some(&OptionValue::Number("2".to_owned())));
        assert_eq!(options.get("AdminPassword"), Some(&OptionValue::Secret(None)));
    });
}

#[test]
fn a_body_is_stored_once() {
    on_each("", |app| {
        let bodies = [json!({"ID": "1", "Role": "User"}), json!({"ID": "1", "Role": "User", "Name": "N"})];
        done(app, &bodies[0]);
        let first = last(app);
        for _ in 0..3 {
            done(app, &bodies[0]);
            assert_eq!((last(app).body_of, body_of(app, &last(app))), (first.id, None));
        }
        done(app, &bodies[1]);
        assert_eq!(last(app).body_of, last(app).id);
        // It is compared with what the account last said, so an older one that comes again is stored again.
        done(app, &bodies[0]);
        assert_eq!(last(app).body_of, last(app).id);
    });
}
