//! Relations over time: when each held, when we learned it, what caused it.

use serde_json::json;
use tiersync::domain::relation::Cause;

use super::*;
use crate::harness::client::now;

const SECOND: i64 = 1_000_000;

fn customer(id: &str, reseller: &str) -> Value {
    json!({"ID": id, "Role": "User", "ResellerID": reseller})
}

/// Who was the reseller at one moment, as known at another.
fn reseller_on(rows: &[Relation], day: i64, known: i64) -> Option<&str> {
    let held = |relation: &&Relation| {
        let ended = relation.closing.filter(|closing| closing.learned_at <= known);
        relation.learned_at <= known && relation.valid_from <= day && ended.is_none_or(|closing| day < closing.valid_to)
    };
    let mut holding = rows.iter().filter(held);
    let relation = holding.next();
    assert!(holding.next().is_none(), "two resellers at once");
    relation.and_then(|relation| relation.reseller_platform_id.as_ref()).map(PlatformId::as_str)
}

#[test]
fn who_was_the_reseller_on_a_day_as_known_on_another() {
    on_each("", |app| {
        let begin = now() - 10_000;
        let at = |day: i64| (begin + day * 1_000) * SECOND;
        let learned = |name: &str, day: i64, body: Value| {
            assert_eq!(replayed(name, begin + day * 1_000, &body).send(app).code(), 0);
            assert_eq!(came_to(app), ("applied", 0));
            last(app).received_at
        };
        let none = json!({"ID": "c", "Role": "User", "ResellerID": ""});
        let first = learned("m1", 1, customer("c", "r"));
        let second = learned("m2", 4, customer("c", "s"));
        let third = learned("m3", 6, none);
        let fourth = learned("m4", 8, customer("c", "r"));
        let rows = history(app, "c");
        for (day, known, reseller) in [
            (2, first - 1, None),
            (0, first, None),
            (2, first, Some("r")),
            (5, first, Some("r")),
            (5, second - 1, Some("r")),
            (3, second, Some("r")),
            (4, second, Some("s")),
            (7, second, Some("s")),
            (5, third, Some("s")),
            (7, third, None),
            (9, third, None),
            (7, fourth, None),
            (9, fourth, Some("r")),
            (2, fourth, Some("r")),
        ] {
            assert_eq!(reseller_on(&rows, at(day), known), reseller, "day {day}, as known at {known}");
        }
    });
}

#[test]
fn closed_relations_are_kept_with_cause_and_delivery() {
    on_each("", |app| {
        done(app, &customer("c", "r"));
        let opened = last(app);
        done(app, &customer("c", "s"));
        let changed = last(app);
        assert_eq!(Call::post("Accounts/Delete", r#"{"ID":"c"}"#).send(app).code(), 0);
        let deleted = last(app);
        let rows = history(app, "c");
        assert_eq!(rows.len(), 2);
        for (relation, from, to) in [(&rows[0], &opened, &changed), (&rows[1], &changed, &deleted)] {
            let closing = relation.closing.unwrap();
            assert_eq!((relation.valid_from, relation.learned_at), (from.event_second * SECOND, from.received_at));
            assert_eq!((relation.cause, relation.delivery), (Cause::Sync, Some(from.id)));
            assert_eq!((closing.valid_to, closing.learned_at), (to.event_second * SECOND, to.received_at));
            assert_eq!((closing.cause, closing.delivery), (Cause::Sync, Some(to.id)));
        }
        assert_eq!((account(app, "c").reseller, account(app, "c").partner), (None, None));
    });
}

/// What a source makes of changing, losing and gaining a reseller: code, and where the accounts then stand.
fn change(app: &TestApp, code: i64, moved: bool) {
    for id in ["r", "s"] {
        done(app, &json!({"ID": id, "Role": "Reseller"}));
    }
    for (id, before, after) in [("1", "r", "s"), ("2", "r", ""), ("3", "", "s")] {
        done(app, &customer(id, before));
        let old = place(app, id);
        let reply = app.synchronize(&customer(id, after).to_string());
        assert_eq!((reply.status, reply.code()), (200, code), "{id}: {}", reply.body);
        let new = match after {
            "" => (AccountKind::DirectCustomer, None, None),
            after => (AccountKind::ResellerCustomer, Some(after.to_owned()), Some("linked")),
        };
        assert_eq!(place(app, id), if moved { new } else { old }, "{id}");
    }
}

#[test]
fn accepted_changes_hold() {
    on_each("", |app| change(app, 0, true));
}

#[test]
fn refused_changes_are_conflicts() {
    on_each("reseller_change = \"refuse\"", |app| {
        change(app, 1004, false);
        let reported = account(app, "1").reported.unwrap();
        assert_eq!(reported.reseller.unwrap().as_str(), "r");
    });
}

#[test]
fn changes_under_review_are_answered_zero_and_the_old_relation_holds() {
    on_each("reseller_change = \"review\"", |app| {
        change(app, 0, false);
        let reviewed = account(app, "1");
        assert_eq!(reviewed.hold.map(|hold| hold.as_str()), Some("review"));
        assert_eq!(reviewed.reported.unwrap().reseller.unwrap().as_str(), "s");
        // The platform goes back to what holds: nothing is left to review.
        done(app, &customer("1", "r"));
        assert_eq!((account(app, "1").hold, history(app, "1").len()), (None, 1));
    });
}
