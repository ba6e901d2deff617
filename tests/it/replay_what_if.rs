//! `replay --what-if`: says what would happen and changes nothing.

use serde_json::{Value, json};

use crate::commands::{items, receiver};
use crate::commands_binary::Place;
use crate::harness::app::{MPNID, SIGNING};
use crate::harness::client::now;
use crate::harness::{Call, backends, config};
use crate::replay_world::known;

#[test]
fn what_would_happen_is_told_and_nothing_happens() {
    for backend in backends() {
        let toml = config("", MPNID);
        let from = Place::with(backend, &toml);
        let app = receiver(&from, &toml);
        for (body, code) in [
            (r#"{"ID":"10","Role":"Reseller","Name":"R"}"#, 0),
            (r#"{"ID":"20","Role":"Reseller","Name":"S"}"#, 0),
            (r#"{"ID":"11","Role":"User","ResellerID":"10","Name":"A","SyncOptions":{"MPNID":"3456890"}}"#, 0),
            (r#"{"ID":"11","Role":"User","ResellerID":"20","Name":"B"}"#, 0),
            (r#"{"ID":"12","Role":"Seller"}"#, 1002),
        ] {
            assert_eq!(app.synchronize(body).code(), code);
        }
        let capture = from.path("calls.jsonl");
        from.fine(&["deliveries", "export", "--output", capture.to_str().unwrap()]);
        let told = |place: &Place, more: &[&str]| {
            let call = ["replay", capture.to_str().unwrap(), "--source", "eu", "--what-if", "--format", "json"];
            let ran = place.run(&[&call[..], more].concat());
            (ran.code, items(&ran.out), ran.err)
        };
        let effects =
            |rows: &[Value]| rows.iter().map(|row| row["effect"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        // Into an empty database: what one call makes, the next one changes.
        let empty = Place::with(backend, &toml);
        empty.fine(&["migrate"]);
        let (code, rows, err) = told(&empty, &[]);
        assert_eq!(effects(&rows), ["create", "create", "create", "re-parent", "refuse"], "{err}");
        assert_eq!(code, 0, "what is refused was refused when it was captured: {err}");
        assert!(
            err.contains("3 call(s) would create an account") && err.contains("1 call(s) would be refused"),
            "{err}"
        );
        let change = &rows[3]["differences"];
        assert_eq!(change[0], json!({"field": "reseller", "before": "10", "after": "20"}));
        assert_eq!(change[1], json!({"field": "name", "before": "A", "after": "B"}));
        assert!(items(&empty.fine(&["accounts", "list", "--format", "json"])).is_empty());
        assert_eq!(empty.fine(&["deliveries", "list"]), "nothing found\n");
        // Onto itself: all of it is known, from live calls.
        let before = known(&mut app.database());
        let (code, rows, _) = told(&from, &[]);
        assert_eq!(
            (code, effects(&rows)),
            (0, vec!["nothing".to_owned(); 4].into_iter().chain(["refuse".to_owned()]).collect())
        );
        assert_eq!(known(&mut app.database()), before);
        // Under other rules.
        empty.configure(&config("", &MPNID.replace("{5,10}", "{1,3}")));
        let (code, rows, err) = told(&empty, &["--only", "account=11"]);
        assert_eq!((code, effects(&rows)), (1, vec!["refuse".to_owned(), "create".to_owned()]), "{err}");
        assert!(err.contains("1 call(s) would be refused that were taken"), "{err}");
        assert!(rows[0]["message"].as_str().unwrap().contains("MPNID"), "{rows:?}");
    }
}

#[test]
fn what_if_and_the_replay_behind_it_agree() {
    for backend in backends() {
        let toml = config("", MPNID);
        let from = Place::with(backend, &toml);
        let app = receiver(&from, &toml);
        for at in 0..40 {
            let (id, reseller) = (at % 7, at % 3);
            let body = match at % 5 {
                0 => json!({"ID": format!("r{reseller}"), "Role": "Reseller", "Name": format!("R{at}")}),
                1 => json!({"ID": format!("c{id}"), "Role": "Seller"}),
                _ => {
                    json!({"ID": format!("c{id}"), "Role": "User", "ResellerID": format!("r{reseller}"), "Name": format!("C{at}")})
                }
            };
            let call = Call::synchronize(body.to_string());
            let call = if at % 4 == 0 { call.signed(SIGNING, &format!("id{at}"), now()) } else { call };
            assert_eq!(call.send(&app).status, 200);
        }
        let capture = from.path("calls.jsonl");
        from.fine(&["deliveries", "export", "--output", capture.to_str().unwrap()]);
        let to = Place::with(backend, &toml);
        to.fine(&["migrate"]);
        let what_if = ["replay", capture.to_str().unwrap(), "--source", "eu", "--what-if", "--format", "json"];
        let told = items(&to.run(&what_if).out);
        let target = receiver(&to, &toml);
        let url = format!("http://{}/api", target.address);
        to.fine(&["replay", capture.to_str().unwrap(), "--source", "eu", "--to", &url, "--concurrency", "1"]);
        let done = items(&to.fine(&["deliveries", "list", "--format", "json"]));
        let line = |row: &Value| format!("{} {} {} {}", row["outcome"], row["code"], row["message"], row["result"]);
        assert_eq!(told.len(), 40);
        // Calls about other accounts may overtake each other.
        let sorted = |rows: &[Value]| {
            let mut lines: Vec<_> = rows.iter().map(line).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&told), sorted(&done));
    }
}

#[test]
fn what_if_is_asked_for_rightly() {
    let place = Place::with(crate::harness::Backend::Sqlite, &config("", ""));
    std::fs::write(place.path("calls.jsonl"), "{\"ID\":\"1\",\"Role\":\"User\"}\n").unwrap();
    place.fine(&["migrate"]);
    for (arguments, part) in [
        (&["--what-if", "--to", "http://x"][..], "--to"),
        (&["--what-if"], "--at TIME"),
        (&["--format", "json"], "--what-if"),
        (&["--what-if", "--at", "2026-11-01", "--source", "nobody"], "is not configured"),
    ] {
        let source: &[&str] = if arguments.contains(&"--source") { &[] } else { &["--source", "eu"] };
        let ran = place.run(&[&["replay", "calls.jsonl"], source, arguments].concat());
        assert_eq!((ran.code, ran.err.contains(part)), (2, true), "{ran:?}");
    }
    let said = place.fine(&["replay", "calls.jsonl", "--source", "eu", "--what-if", "--at", "2026-11-01"]);
    assert!(said.contains("create"), "{said}");
}
