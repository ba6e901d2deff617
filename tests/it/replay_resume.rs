//! `tiersync replay` where something goes wrong on the way: killed and resumed, busy receivers, broken connections.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tiersync::app::Options;

use crate::commands_binary::{Place, until};
use crate::harness::{Backend, TestApp, backends};
use crate::replay::{captured, count, replay};
use crate::replay_world::{assert_same, known, toml};

fn finished(place: &Place) -> usize {
    std::fs::read_to_string(place.path("progress")).map_or(0, |text| text.lines().count().saturating_sub(1))
}

#[test]
fn a_killed_replay_goes_on_where_it_was() {
    let (place, original) = captured(Backend::Sqlite, 1800);
    for backend in backends() {
        let app = TestApp::with(backend, &toml());
        let _ = std::fs::remove_file(place.path("progress"));
        let to = format!("http://{}/api", app.address);
        let arguments = ["replay", "calls.jsonl", "--to", &to, "--source", "eu", "--resume", "progress"];
        for enough in [200, 700] {
            let mut command = place.command(&arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            until("some calls are done", || {
                assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
                finished(&place) >= enough
            });
            child.kill().unwrap();
            child.wait().unwrap();
        }
        // A line that was cut off is no line.
        let mut file = std::fs::File::options().append(true).open(place.path("progress")).unwrap();
        write!(file, "179").unwrap();
        let before = finished(&place) - 1;
        let (ran, report) = replay(&place, &app, &["calls.jsonl", "--resume", "progress"]);
        assert_eq!((ran.code, &report["failed"]), (0, &json!(0)), "{ran:?}");
        assert_eq!(report["finished_before"], before, "{report}");
        assert_same(&format!("{backend:?}"), &original, &known(&mut app.database()));
        // All is done: nothing is sent any more.
        let (ran, report) = replay(&place, &app, &["calls.jsonl", "--resume", "progress"]);
        assert_eq!((ran.code, &report["answered"]), (0, &json!(0)), "{ran:?}");
    }
}

#[test]
fn a_progress_file_belongs_to_its_capture_and_its_options() {
    let (place, _) = captured(Backend::Sqlite, 60);
    let app = TestApp::with(Backend::Sqlite, &toml());
    assert_eq!(replay(&place, &app, &["calls.jsonl", "--resume", "progress"]).0.code, 0);
    let other = replay(&place, &app, &["calls.jsonl", "--resume", "progress", "--dry-run"]).0;
    other.failed(2, "it was begun with other options");
    let mut file = std::fs::File::options().append(true).open(place.path("calls.jsonl")).unwrap();
    writeln!(file).unwrap();
    replay(&place, &app, &["calls.jsonl", "--resume", "progress"]).0.failed(2, "it belongs to another capture");
    std::fs::write(place.path("notes"), "my notes\n").unwrap();
    replay(&place, &app, &["calls.jsonl", "--resume", "notes"]).0.failed(2, "no progress file of a replay");
    assert_eq!(std::fs::read_to_string(place.path("notes")).unwrap(), "my notes\n");
    std::fs::write(place.path("notes"), "one line").unwrap();
    replay(&place, &app, &["calls.jsonl", "--resume", "notes"]).0.failed(3, "no progress file of a replay");
    assert_eq!(std::fs::read_to_string(place.path("notes")).unwrap(), "one line");
}

#[test]
fn an_interrupted_replay_says_how_to_go_on() {
    let (place, original) = captured(Backend::Sqlite, 600);
    let app = TestApp::with(Backend::Sqlite, &toml());
    let to = format!("http://{}/api", app.address);
    let arguments = ["replay", "calls.jsonl", "--to", &to, "--source", "eu", "--resume", "progress", "--rate", "200"];
    let child = place.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("some calls are done", || finished(&place) >= 20);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ran = crate::commands_binary::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("interrupted; go on with --resume progress"), "{ran:?}");
    // What was under way was waited for and noted.
    let answered: usize = ran
        .out
        .lines()
        .find(|line| line.contains("calls answered"))
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(finished(&place), answered);
    assert_eq!(replay(&place, &app, &["calls.jsonl", "--resume", "progress"]).0.code, 0);
    assert_same("resumed", &original, &known(&mut app.database()));
}

/// What a receiver of the test answers to a call with this `webhook-id`, asked for the n-th time.
pub type Answers = dyn Fn(&str, usize) -> Option<String> + Send + Sync;

pub fn done() -> Option<String> {
    let body = r#"{"Code":0,"Message":"Done.","Result":"X"}"#;
    Some(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
}

/// When each id was asked, of a receiver that speaks no more than it must.
pub type Asked = Arc<Mutex<HashMap<String, Vec<Instant>>>>;

pub fn fake(answers: Box<Answers>) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, answers): (Asked, Arc<Answers>) = (Asked::default(), answers.into());
    let shared = Arc::clone(&asked);
    // It ends with the process; each connection has a thread.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (asked, answers) = (Arc::clone(&shared), Arc::clone(&answers));
            std::thread::spawn(move || converse(stream, &asked, &*answers));
        }
    });
    (address, asked)
}

fn converse(mut stream: TcpStream, asked: &Asked, answers: &Answers) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_start_matches(':').trim().to_owned())
        };
        let whole =
            text.find("\r\n\r\n").map(|head| head + 4 + field("content-length").unwrap().parse::<usize>().unwrap());
        if let Some(whole) = whole.filter(|whole| bytes.len() >= *whole) {
            let id = field("webhook-id").unwrap();
            let times = {
                let mut asked = asked.lock().unwrap();
                let times = asked.entry(id.clone()).or_default();
                times.push(Instant::now());
                times.len()
            };
            // None closes the connection without an answer.
            let Some(answer) = answers(&id, times) else { return };
            stream.write_all(answer.as_bytes()).unwrap();
            bytes.drain(..whole);
            continue;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&chunk[..read]),
        }
    }
}

pub fn three_calls(place: &Place) {
    let line = |id: &str| {
        format!(
            r#"{{"endpoint":"Accounts/Synchronize","event_time":"2026-03-01T10:00:00Z","webhook_id":"{id}","body":"{{\"ID\":\"{id}\",\"Role\":\"User\"}}"}}"#
        )
    };
    std::fs::write(place.path("calls.jsonl"), ["a", "b", "c"].map(line).join("\n")).unwrap();
}

pub fn run(place: &Place, address: SocketAddr, more: &[&str]) -> (crate::commands_binary::Ran, serde_json::Value) {
    let to = format!("http://{address}");
    let fixed = ["replay", "calls.jsonl", "--to", &to, "--source", "eu", "--report", "report.json"];
    let ran = place.run(&[&fixed, more].concat());
    (ran, serde_json::from_str(&std::fs::read_to_string(place.path("report.json")).unwrap()).unwrap())
}

#[test]
fn busy_receivers_and_broken_connections_are_asked_again() {
    let place = Place::with(Backend::Sqlite, &toml());
    three_calls(&place);
    let empty = |head: &str| Some(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n"));
    let (address, asked) = fake(Box::new(move |id, time| match (id, time) {
        ("a", 1) => empty("429 Too Many Requests\r\nRetry-After: 1"),
        ("b", 1 | 2) => empty("503 Service Unavailable"),
        ("c", 1) => None,
        _ => done(),
    }));
    let (ran, report) = run(&place, address, &[]);
    assert_eq!((ran.code, &report["answered"], &report["retries"]), (0, &json!(3), &json!(4)), "{ran:?}");
    assert_eq!(report["answers"], json!([{"outcome": null, "code": 0, "calls": 3}]), "this receiver says no outcome");
    let asked = asked.lock().unwrap();
    assert_eq!(["a", "b", "c"].map(|id| asked[id].len()), [2, 3, 2]);
    assert!(asked["a"][1] - asked["a"][0] >= Duration::from_secs(1), "Retry-After");
}

#[test]
fn what_stays_busy_has_failed_and_a_receiver_that_is_gone_ends_the_run() {
    let place = Place::with(Backend::Sqlite, &toml());
    three_calls(&place);
    let (address, _) = fake(Box::new(|id, _| match id {
        "a" => Some("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned()),
        "b" => Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned()),
        _ => done(),
    }));
    let (ran, report) = run(&place, address, &["--retries", "1", "--resume", "progress"]);
    ran.failed(1, "2 call(s) failed; go on with --resume progress");
    assert_eq!((&report["answered"], &report["failed"], finished(&place)), (&json!(1), &json!(2), 1), "{report}");
    let whats: Vec<&str> =
        report["failing"].as_array().unwrap().iter().map(|call| call["what"].as_str().unwrap()).collect();
    assert!(whats.iter().any(|what| what.contains("HTTP 503")) && whats.iter().any(|what| what.contains("HTTP 404")));

    let (address, asked) = fake(Box::new(|_, _| None));
    let (ran, report) = run(&place, address, &["--retries", "1", "--concurrency", "1"]);
    ran.failed(1, "the receiver does not answer");
    assert_eq!((asked.lock().unwrap().len(), &report["answered"]), (1, &json!(0)), "the others are not tried");
}

#[test]
fn a_wrong_url_is_noticed_before_everything_has_failed() {
    let (place, _) = captured(Backend::Sqlite, 600);
    let app = TestApp::with(Backend::Sqlite, &toml());
    let to = format!("http://{}/v1", app.address);
    let ran = place.run(&["replay", "calls.jsonl", "--to", &to, "--source", "eu", "--concurrency", "4"]);
    ran.failed(1, "none of the first 100 calls was answered: HTTP 404");
    let failed: u64 = ran.out.split_once("; ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!((100..110).contains(&failed), "{ran:?}");
}

#[test]
fn several_receivers_on_one_database_take_one_replay() {
    // Not a second run but a second door: what is repeated there is found by its id.
    let (place, original) = captured(Backend::Sqlite, 240);
    for backend in backends().into_iter().filter(|backend| *backend == Backend::Postgres) {
        let app = TestApp::with_options(backend, &toml(), Options { lanes: Some(2), ..Options::default() });
        let second = app.second();
        assert_eq!(replay(&place, &app, &["calls.jsonl"]).0.code, 0);
        let (ran, report) = replay(&place, &second, &["calls.jsonl"]);
        assert_eq!((ran.code, count(&report, "applied")), (0, 0), "{ran:?}");
        assert_same("two receivers", &original, &known(&mut second.database()));
    }
}
