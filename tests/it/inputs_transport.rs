//! Bodies that are too large, too slow or of another length than they announce, and hostile headers and paths.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::harness::app::{API_KEY, APPLICATION_ID, MPNID};
use crate::harness::{Backend, Call, Reply, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, assert_alive, assert_closed, check, connect, exchange};

const GOOD: &str = r#"{"ID":"1","Role":"User"}"#;

/// The largest body of a call (design.md, "Limits").
const MAX: usize = 256 * 1024;

/// A good body of exactly this many bytes.
fn padded(size: usize) -> String {
    let (head, tail) = (r#"{"ID":"1","Role":"User","Note":""#, r#""}"#);
    format!("{head}{}{tail}", "x".repeat(size - head.len() - tail.len()))
}

fn impatient(backend: Backend) -> TestApp {
    TestApp::with(backend, &format!("body_timeout_seconds = 1\n{}", config("", MPNID)))
}

/// The head of an authentic Synchronize whose body is sent in chunks.
fn chunked_head() -> Vec<u8> {
    format!(
        "POST /api/Accounts/Synchronize HTTP/1.1\r\nHost: tiersync.test\r\nTransfer-Encoding: chunked\r\n\
         X-CloudPlatform-ApplicationId: {APPLICATION_ID}\r\nX-CloudPlatform-APIKey: {API_KEY}\r\n\r\n"
    )
    .into_bytes()
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

fn sizes(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    for (name, body, expected) in [
        ("exactly 256 KiB", padded(MAX), (200, 0)),
        ("one byte more", padded(MAX + 1), (413, 1413)),
        ("1 MiB", padded(1 << 20), (413, 1413)),
        ("256 KiB of spaces", " ".repeat(MAX), (400, 1001)),
    ] {
        check(&app, &mut ledger, name, &Call::synchronize(body), expected);
    }
    let announced = Call::synchronize("").content_length(usize::MAX);
    check(&app, &mut ledger, "a length that no body has", &announced, (413, 1413));
    for (name, size, expected, rows) in
        [("256 KiB in chunks", MAX, (200, 0), 1), ("one byte more in chunks", MAX + 1, (413, 1413), 0)]
    {
        let before = ledger.count();
        let mut stream = connect(&app);
        stream.write_all(&chunked_head()).unwrap();
        let _ = stream.write_all(&chunk(&padded(size)));
        let _ = stream.write_all(b"0\r\n\r\n");
        let reply = Reply::read(&mut stream).unwrap();
        assert_eq!((reply.status, reply.code()), expected, "{name}");
        assert_eq!(ledger.count() - before, rows, "{name}");
        if rows == 0 {
            assert_closed(name, &mut stream);
        }
    }
    assert_alive(&app);
}

#[test]
fn bodies_are_bounded() {
    backends().into_iter().for_each(sizes);
}

fn slow(backend: Backend) {
    let app = impatient(backend);
    let mut ledger = Ledger::of(&app);
    let stalled = [
        ("longer announced than sent", Call::synchronize(GOOD).content_length(GOOD.len() + 10).bytes()),
        ("announced and never sent", Call::synchronize("").content_length(GOOD.len()).bytes()),
        ("chunks without an end", [chunked_head(), chunk(GOOD)].concat()),
    ];
    let stalled = stalled.map(|(name, sent)| {
        let mut stream = connect(&app);
        stream.write_all(&sent).unwrap();
        (name, stream)
    });
    // A byte now and then keeps a naive timeout from ever passing: the limit must be on the whole body.
    let mut stream = connect(&app);
    let began = Instant::now();
    stream.write_all(&Call::synchronize("").content_length(MAX).bytes()).unwrap();
    // How long the client waits between two bytes.
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut first = [0; 1];
    loop {
        assert!(began.elapsed() < Duration::from_secs(30), "a byte at a time holds the connection for ever");
        if stream.write_all(b" ").is_err() {
            panic!("the connection was closed without an answer");
        }
        match stream.peek(&mut first) {
            Ok(_) => break,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "refused after {:?}", began.elapsed());
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for (name, mut stream) in stalled.into_iter().chain([("a byte at a time", stream)]) {
        let reply = Reply::read(&mut stream).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((reply.status, reply.code()), (408, 1408), "{name}");
        assert_closed(name, &mut stream);
    }

    assert_eq!(ledger.count(), 0, "a body that did not come is no delivery");
    assert_alive(&app);
}

#[test]
fn slow_bodies_are_given_up() {
    backends().into_iter().for_each(slow);
}

fn lengths(backend: Backend) {
    let app = impatient(backend);
    let mut ledger = Ledger::of(&app);
    let mut stream = connect(&app);
    stream.write_all(&Call::synchronize(GOOD).content_length(5).bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    // What was announced is all that counts; what follows is taken for a request, is none, and ends the connection.
    let answers: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers[0].starts_with("400 ") && answers[0].contains(r#"{"Code":1001,"#), "{answers:?}");
    assert!(answers[1].starts_with("400 ") && !answers[1].contains("Code"), "{answers:?}");
    assert_eq!(ledger.count(), 1);

    let body_cut_off_by_the_client = || {
        let mut stream = connect(&app);
        stream.write_all(&Call::synchronize(&GOOD[..9]).content_length(GOOD.len()).bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    };
    body_cut_off_by_the_client();

    for (name, head) in [
        ("two lengths", "Content-Length: 3\r\n"),
        ("length and chunks", "Transfer-Encoding: chunked\r\n"),
        ("a negative length", "Content-Length: -1\r\n"),
    ] {
        let mut stream = connect(&app);
        let sent = format!(
            "POST /api/Accounts/Synchronize HTTP/1.1\r\nHost: tiersync.test\r\n{head}Content-Length: {}\r\n\
             X-CloudPlatform-ApplicationId: {APPLICATION_ID}\r\nX-CloudPlatform-APIKey: {API_KEY}\r\n\r\n{GOOD}",
            GOOD.len()
        );
        stream.write_all(sent.as_bytes()).unwrap();
        let reply = Reply::read(&mut stream).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(reply.status, 400, "{name}: one request must not read as two");
        assert_closed(name, &mut stream);
    }
    assert_eq!(ledger.count(), 1, "only the first was a whole call");
    assert_alive(&app);
}

#[test]
fn lengths_that_lie_do_no_harm() {
    backends().into_iter().for_each(lengths);
}

fn headers(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let good = || Call::synchronize(GOOD);
    let (id, key, track) = ("X-CloudPlatform-ApplicationId", "X-CloudPlatform-APIKey", "X-CloudPlatform-TrackId");
    let refused = (401, 1401);
    for (name, call, expected) in [
        ("key twice", good().header(key, API_KEY), refused),
        ("key twice, once wrong", good().header(key, "wrong"), refused),
        ("key empty", good().without(key).header(key, ""), refused),
        ("key blank", good().without(key).header(key, "   "), refused),
        ("key not ASCII", good().without(key).header(key, "schlüssel-der-tests-0123456789"), refused),
        ("key no text", good().without(key).header(key, b"\xff\xff"), refused),
        ("key of 4,000 characters", good().without(key).header(key, "k".repeat(4000)), refused),
        ("application twice", good().header(id, APPLICATION_ID), refused),
        ("application empty", good().without(id).header(id, ""), refused),
        ("application not ASCII", good().without(id).header(id, "Ελλάς"), refused),
        ("signature empty", good().header("webhook-signature", ""), (200, 0)),
        ("signature twice", good().header("webhook-id", "a").header("webhook-id", "a"), refused),
        ("signature not ASCII", good().header("webhook-id", "é"), refused),
    ] {
        check(&app, &mut ledger, name, &call, expected);
    }
    // Only one visible line is a TrackId; anything else is as none, and never a reason to refuse a call.
    let long = "t".repeat(1000);
    for (name, call, kept) in [
        ("none", good(), None),
        ("one", good().header(track, "41f7-a"), Some("41f7-a")),
        ("empty", good().header(track, ""), None),
        ("twice", good().header(track, "a").header(track, "b"), None),
        ("not ASCII", good().header(track, "ä"), None),
        ("1,000 characters", good().header(track, &long), Some(&long[..128])),
    ] {
        check(&app, &mut ledger, name, &call, (200, 0));
        assert_eq!(ledger.newest().track_id.as_deref(), kept, "TrackId {name}");
    }
    assert_alive(&app);
}

#[test]
fn repeated_empty_and_foreign_headers() {
    backends().into_iter().for_each(headers);
}

fn tenants(backend: Backend) {
    let field = "[[field]]\nid = \"Organisation\"\nname = \"Organisation\"\nrequired = true\n";
    let app = TestApp::with(backend, &config("tenant_setting = \"Organisation\"", field));
    let mut ledger = Ledger::of(&app);
    let header = "X-CloudPlatform-Setting-Organisation";
    let (good, long) = (|| Call::synchronize(GOOD), "o".repeat(129));
    for (name, call, expected, tenant) in [
        ("ASCII", good().header(header, "acme"), (200, 0), "acme"),
        ("space around", good().header(header, "  acme "), (200, 0), "acme"),
        ("UTF-8", good().header(header, "Ελλάς Ärzte"), (200, 0), "Ελλάς Ärzte"),
        ("absent", good(), (200, 1001), ""),
        ("empty", good().header(header, ""), (200, 1001), ""),
        ("no UTF-8", good().header(header, b"\xff\xfe"), (200, 1001), ""),
        ("Latin-1", good().header(header, b"\xc4rzte"), (200, 1001), ""),
        ("twice", good().header(header, "acme").header(header, "acme"), (200, 1001), ""),
        ("129 characters", good().header(header, &long), (200, 1001), ""),
    ] {
        let reply = check(&app, &mut ledger, name, &call, expected);
        assert_eq!(ledger.newest().tenant, tenant, "{name}");
        if expected.1 == 1001 {
            assert!(reply.message().contains(header), "{name}: {}", reply.message());
        }
    }
}

#[test]
fn a_tenant_is_one_text_in_utf_8() {
    backends().into_iter().for_each(tenants);
}

fn paths(backend: Backend) {
    let app = TestApp::start(backend);
    let mut ledger = Ledger::of(&app);
    let none = (404, 1404);
    for (path, expected) in [
        ("/api/../Accounts/Synchronize", none),
        ("/api/./Accounts/Synchronize", none),
        ("/api/%2e%2e/Accounts/Synchronize", none),
        ("/api/%2E./Accounts/Synchronize", none),
        ("/api/Accounts/../Accounts/Synchronize", none),
        ("/api/Accounts%2fSynchronize", none),
        ("/api/Accounts%2FSynchronize", none),
        ("/api%5cx/Accounts/Synchronize", none),
        ("/api/%00/Accounts/Synchronize", none),
        ("/api/%zz/Accounts/Synchronize", none),
        ("/api/%ff/Accounts/Synchronize", none),
        ("/api/%/Accounts/Synchronize", none),
        ("/api/Accounts/Synchronize%20", none),
        ("/api/Accounts/Synchronize;v=1", none),
        ("/api/AccountsSynchronize", none),
        ("//api//Accounts//Synchronize", (200, 0)),
        ("/api/Accounts/Synchronize/", (200, 0)),
        ("/api/Accounts/Synchronize?x=%00&y=%ff", (200, 0)),
        ("/api/%41ccounts/Synchronize", (200, 0)),
        ("/%C3%A9/Accounts/Synchronize", (200, 0)),
    ] {
        check(&app, &mut ledger, path, &Call::synchronize(GOOD).path(path), expected);
    }
    let long = format!("/{}/Accounts/Synchronize", "p".repeat(10_000));
    check(&app, &mut ledger, "a long prefix", &Call::synchronize(GOOD).path(&long), (200, 0));
    assert_eq!(ledger.newest().path.len(), 1024, "a path is kept up to a length");
    let deep = format!("{}/Accounts/Synchronize", "/a".repeat(5_000));
    check(&app, &mut ledger, "a deep prefix", &Call::synchronize(GOOD).path(&deep), (200, 0));
    let before = ledger.count();
    let unknown = exchange(&app, "a large body nowhere", &Call::synchronize(padded(MAX)).path("/nowhere"));
    assert_eq!((unknown.status, unknown.code()), none);
    assert_eq!(ledger.count(), before);
    assert_alive(&app);
}

#[test]
fn paths_that_hide_something_lead_nowhere() {
    backends().into_iter().for_each(paths);
}
