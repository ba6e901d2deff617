//! `--fix` makes the next run clean, and `--undo` brings back exactly what was found before.

use serde_json::{Value, json};

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::harness::world::World;
use crate::harness::{Backend, app::MPNID, backends, config};
use crate::reconcile::{findings, place, run};

const FIXABLE: &str = "missing_here,missing_there,reseller_differs,partner_differs,kind_differs,name_differs,email_differs,deleted_here_alive_there";

/// In an order of their own.
fn sorted(mut found: Vec<Value>) -> Vec<Value> {
    found.sort_by_key(|one| (one["finding"].to_string(), one["platform_id"].to_string()));
    found
}

/// Findings behind an undo, as they were before the correction: who had no partner, and has none again, has none since the
/// undo, and history keeps the partner between.
fn put_back(found: Vec<Value>, first: &[Value]) -> Vec<Value> {
    let mut found = sorted(found);
    for (now, before) in found.iter_mut().zip(first) {
        if now["finding"] == "partner_differs" && now["ours"].is_null() {
            assert!(now["since"].as_str() > before["since"].as_str(), "{now}");
            now["since"] = before["since"].clone();
        }
    }
    found
}

#[test]
fn what_is_fixed_is_gone_and_comes_back_when_it_is_undone() {
    let world = World { accounts: 4_000, planted: 4 };
    for backend in backends() {
        let place = place(backend, world);
        let mut against = [&["--against", "vendor.csv"], &World::FLAGS[..]].concat();
        against.extend(["--check", FIXABLE]);
        let first = sorted(findings(&place, &against));
        assert_eq!(first.len(), 8 * 4);
        let mut fix = against.clone();
        fix.extend(["--fix", FIXABLE, "--yes", "--undo-file", "undo.jsonl"]);
        let ran = run(&place, &fix);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert!(ran.err.contains("32 changed, 0 were so already, 0 refused"), "{}", ran.err);
        let ran = run(&place, &against);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        let ran = run(&place, &["--undo", "undo.jsonl"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
        assert_eq!(put_back(findings(&place, &against), &first), first);
        let again = run(&place, &["--undo", "undo.jsonl"]);
        assert_eq!(again.code, 1, "{}", again.err);
        assert!(again.err.contains("32 could not be taken back"), "{}", again.err);
        assert_eq!(put_back(findings(&place, &against), &first), first, "what was undone is not undone twice");
        // And once more, where an undone import left its account behind.
        let mut fix = against.clone();
        fix.extend(["--fix", FIXABLE, "--yes"]);
        let ran = run(&place, &fix);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = run(&place, &against);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        let undo = std::fs::read_dir(place.folder.path()).unwrap().flatten().map(|entry| entry.file_name());
        let undo: Vec<String> = undo.map(|name| name.to_string_lossy().into_owned()).collect();
        let undo = undo.iter().find(|name| name.starts_with("tiersync-undo-")).expect("an undo file of its own");
        assert_eq!(run(&place, &["--undo", undo]).code, 0);
        assert_eq!(put_back(findings(&place, &against), &first), first);
    }
}

#[test]
fn several_corrections_of_one_account_are_undone_together() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        for body in [
            json!({"ID": "1", "Role": "Reseller"}),
            json!({"ID": "2", "Role": "Reseller"}),
            json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Old"}),
        ] {
            assert_eq!(app.synchronize(&body.to_string()).code(), 0);
        }
        std::fs::write(
            place.path("list.csv"),
            "platform_id,kind,reseller_id,name\n1,reseller,,\n2,reseller_customer,1,\n11,reseller_customer,1,New\n12,reseller,,\n",
        )
        .unwrap();
        let kinds = ["--against", "list.csv", "--also", "name_differs"];
        let first = sorted(findings(&place, &kinds));
        assert_eq!(first.len(), 3, "{first:?}");
        let all = "missing_here,kind_differs,name_differs";
        let ran = run(&place, &[&kinds[..], &["--fix", all, "--yes", "--undo-file", "undo.jsonl"]].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = run(&place, &kinds);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        let ran = run(&place, &["--undo", "undo.jsonl"]);
        assert_eq!(ran.code, 0, "{}", ran.err);
        assert_eq!(sorted(findings(&place, &kinds)), first);
    }
}

#[test]
fn what_was_written_down_and_never_done_is_not_undone() {
    let toml = config("", MPNID);
    let place = Place::with(Backend::Sqlite, &toml);
    let app = receiver(&place, &toml);
    for body in [
        json!({"ID": "1", "Role": "Reseller"}),
        json!({"ID": "2", "Role": "Reseller"}),
        json!({"ID": "11", "Role": "User", "ResellerID": "1", "Name": "Old", "Email": "old@example.org"}),
    ] {
        assert_eq!(app.synchronize(&body.to_string()).code(), 0);
    }
    drop(app);
    let list = "platform_id,reseller_id,name,email\n11,2,New,new@example.org\n";
    std::fs::write(place.path("list.csv"), list).unwrap();
    let kinds = "reseller_differs,name_differs,email_differs";
    let check = ["--against", "list.csv", "--check", kinds];
    let first = sorted(findings(&place, &check));
    let fix = |file| run(&place, &[&check[..], &["--fix", kinds, "--yes", "--undo-file", file]].concat());
    assert_eq!(fix("whole.jsonl").code, 0);
    assert_eq!(run(&place, &["--undo", "whole.jsonl"]).code, 0);
    assert_eq!(sorted(findings(&place, &check)), first);
    assert_eq!(fix("undo.jsonl").code, 0);
    // As if the process had ended between these lines and what they tell of.
    let mut text = std::fs::read_to_string(place.path("undo.jsonl")).unwrap();
    let last = text.lines().last().unwrap().to_owned();
    let revision = serde_json::from_str::<Value>(&last).unwrap()["act"]["revision"].as_i64().unwrap();
    for later in 1..=2 {
        let at = |revision: i64| format!("\"revision\":{revision}");
        text += &(last.replacen(&at(revision), &at(revision + later), 1) + "\n");
    }
    std::fs::write(place.path("undo.jsonl"), text).unwrap();
    let ran = run(&place, &["--undo", "undo.jsonl"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.err.contains("3 changed, 2 were so already, 0 refused"), "{}", ran.err);
    assert_eq!(sorted(findings(&place, &check)), first);
}

#[test]
fn holds_and_reviews_are_released_and_put_back() {
    let world = World { accounts: 4_000, planted: 4 };
    for backend in backends() {
        let place = place(backend, world);
        let check = ["--check", "drift", "change_under_review"];
        let first = sorted(findings(&place, &check));
        let fix = [&check[..], &["--fix", "drift,change_under_review", "--yes", "--undo-file", "undo.jsonl"]].concat();
        let ran = run(&place, &fix);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let ran = run(&place, &check);
        assert_eq!((ran.code, ran.out.as_str()), (0, "[]\n"), "{}", ran.err);
        assert_eq!(run(&place, &["--undo", "undo.jsonl"]).code, 0);
        assert_eq!(sorted(findings(&place, &check)), first);
    }
}

#[test]
fn nothing_is_fixed_that_nobody_confirmed() {
    let world = World { accounts: 4_000, planted: 4 };
    let place = place(Backend::Sqlite, world);
    let ran = place.run(&["reconcile", "--check", "drift", "--fix", "drift"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("To correct: release 4") && ran.err.contains("say --yes"), "{}", ran.err);
    assert_eq!(findings(&place, &["--check", "drift"]).len(), 4);
    let ran = place.run(&["reconcile", "--check", "flapping", "--fix", "flapping", "--yes"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("nothing to correct"), "{}", ran.err);
    std::fs::write(place.path("there.jsonl"), "").unwrap();
    let ran = place.run(&["reconcile", "--check", "drift", "--fix", "drift", "--yes", "--undo-file", "there.jsonl"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    std::fs::write(place.path("other.jsonl"), "{\"name\":1}\n").unwrap();
    place.run(&["reconcile", "--undo", "other.jsonl"]).failed(2, "line 1: is no line of an undo file");
}

#[test]
fn what_cannot_be_done_is_refused_with_a_reason_and_left() {
    for backend in backends() {
        let toml = config("", MPNID);
        let place = Place::with(backend, &toml);
        let app = receiver(&place, &toml);
        for body in [
            json!({"ID": "1", "Role": "Reseller"}),
            json!({"ID": "2", "Role": "Reseller"}),
            json!({"ID": "11", "Role": "User", "ResellerID": "1"}),
            json!({"ID": "12", "Role": "User", "ResellerID": "2"}),
        ] {
            assert_eq!(app.synchronize(&body.to_string()).code(), 0);
        }
        // 1 still has a customer; nobody knows 7; 12 becomes a customer of 1 with what was a reseller.
        std::fs::write(place.path("list.csv"), "platform_id,kind,reseller_id\n2,reseller_customer,1\n11,,1\n12,,7\n")
            .unwrap();
        let ran =
            run(&place, &["--against", "list.csv", "--fix", "missing_there,reseller_differs,kind_differs", "--yes"]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        for part in
            ["eu 1: This reseller still has customers", "eu 12: This reseller is not known", "eu 2: ", "0 changed"]
        {
            assert!(ran.err.contains(part), "{part} in {}", ran.err);
        }
        assert_eq!(findings(&place, &["--against", "list.csv"]).len(), 3);
    }
}
