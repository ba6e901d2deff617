//! The lines over which `tiersync replay` sends: TLS, and receivers that answer in their own way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::commands::receiver;
use crate::commands_binary::Place;
use crate::harness::Backend;
use crate::replay_resume::{done, fake, run, three_calls};
use crate::replay_world::toml;

/// A gateway with a certificate for this name, which takes TLS off and hands everything on; its certificate goes into a file.
fn gateway(to: SocketAddr, name: &str, certificate: &Path) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(certificate, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the process.
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut outside) = acceptor.accept(stream).await else { return };
                    let mut inside = TcpStream::connect(to).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
    });
    address
}

#[test]
fn https_goes_to_whom_the_authorities_know() {
    let place = Place::with(Backend::Sqlite, &toml());
    let app = receiver(&place, &toml());
    three_calls(&place);
    let replay = |address: SocketAddr, more: &[&str]| {
        let to = format!("https://{address}/api");
        place.run(&[&["replay", "calls.jsonl", "--to", &to, "--source", "eu"], more].concat())
    };
    let known = gateway(app.address, "127.0.0.1", &place.path("known.pem"));
    replay(known, &[]).failed(1, "certificate is not trusted");
    assert_eq!(place.fine(&["accounts", "list", "--format", "json"]).trim(), "[]");
    let ran = replay(known, &["--ca", "known.pem"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("3 of 3 calls answered"), "{ran:?}");
    let other = gateway(app.address, "other.example", &place.path("other.pem"));
    replay(other, &["--ca", "other.pem"]).failed(1, "certificate is not trusted");
    replay(other, &["--ca", "known.pem"]).failed(1, "certificate is not trusted");

    replay(known, &["--ca", "no-such-file"]).failed(3, "cannot read no-such-file");
    replay(known, &["--ca", "calls.jsonl"]).failed(2, "there is no certificate in it");
    let to = format!("http://{}/api", app.address);
    let plain = ["replay", "calls.jsonl", "--to", &to, "--source", "eu", "--ca", "known.pem"];
    place.run(&plain).failed(2, "--ca is for https");
    // Not even a handshake comes about.
    let to_plain = replay(app.address, &["--retries", "0"]);
    assert_eq!(to_plain.code, 1, "{to_plain:?}");
    assert!(to_plain.err.contains("the receiver does not answer"), "{to_plain:?}");
}

#[test]
fn answers_are_read_however_they_are_written() {
    let place = Place::with(Backend::Sqlite, &toml());
    three_calls(&place);
    let body = r#"{"Code":0,"Message":"Done.","Result":"X"}"#;
    let (begin, end) = body.split_at(9);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{begin}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
        begin.len(),
        end.len()
    );
    let interim = format!("HTTP/1.1 102 Processing\r\n\r\n{}", done().unwrap());
    let last = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (address, asked) = fake(Box::new(move |id, _| match id {
        "a" => Some(chunked.clone()),
        "b" => Some(interim.clone()),
        _ => Some(last.clone()),
    }));
    // One after the other over one line.
    let (ran, report) = run(&place, address, &["--concurrency", "1"]);
    assert_eq!((ran.code, &report["answered"], &report["retries"]), (0, &json!(3), &json!(0)), "{ran:?}");
    assert!(asked.lock().unwrap().values().all(|times| times.len() == 1));
}

#[test]
fn a_line_that_ends_after_each_answer_is_opened_again() {
    let place = Place::with(Backend::Sqlite, &toml());
    three_calls(&place);
    let body = r#"{"Code":0,"Message":"Done.","Result":"X"}"#;
    let (address, _) = fake(Box::new(move |_, _| {
        Some(format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
    }));
    let (ran, report) = run(&place, address, &["--concurrency", "1"]);
    assert_eq!((ran.code, &report["answered"], &report["retries"]), (0, &json!(3), &json!(0)), "{ran:?}");
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let place = Place::with(Backend::Sqlite, &toml());
    three_calls(&place);
    let (address, _) = fake(Box::new(|id, _| match id {
        "a" => Some(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n{{\"Code\":0,\"Message\":\"{}\"}}",
            "x".repeat(1_500_000)
        )),
        "b" => Some(format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(100_000))),
        _ => done(),
    }));
    let (ran, report) = run(&place, address, &["--retries", "0"]);
    assert_eq!((ran.code, &report["answered"], &report["failed"]), (1, &json!(1), &json!(2)), "{ran:?}");
    let whats: Vec<&str> =
        report["failing"].as_array().unwrap().iter().map(|call| call["what"].as_str().unwrap()).collect();
    assert!(whats.contains(&"an answer of more than 1 MiB"), "{whats:?}");
}
