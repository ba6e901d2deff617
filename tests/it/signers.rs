//! Our signatures against those of others: the reference libraries of Standard Webhooks, in Rust and in JavaScript.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use secrecy::SecretString;
use standardwebhooks::Webhook;
use tiersync::auth::secret::{SigningSecret, new_signing_secret};
use tiersync::auth::standard;
use ureq::http::HeaderMap;

use crate::harness::app::{MPNID, SIGNING};
use crate::harness::client::now;
use crate::harness::{Backend, Call, TestApp, backends, config};
use crate::inputs_ledger::{Ledger, check};

/// Bodies that a signer may see: plain, wide characters and line ends, a secret that is redacted after it was signed.
const BODIES: [&str; 3] = [
    r#"{"ID":"1","Role":"User"}"#,
    "{\r\n  \"ID\": \"1\",\n  \"Role\": \"User\",\n  \"Name\": \"Ελλάς 😀\"\n}",
    r#"{"ID":"1","Role":"User","RandomPassword":"a.b.c"}"#,
];

/// A secret as our own command makes them, and the one of the tests.
fn secrets() -> [String; 2] {
    [SIGNING.to_owned(), new_signing_secret()]
}

fn ours(secret: &str, id: &str, second: i64, body: &str) -> String {
    let secret = SigningSecret::parse(&SecretString::from(secret.to_owned())).unwrap();
    standard::sign(&secret, id, second, body.as_bytes())
}

/// Sends every body, signed by `sign`, which is given secret, id, second and body, to a receiver with that secret.
fn assert_accepted(backend: Backend, signer: &str, sign: &dyn Fn(&str, &str, i64, &str) -> String) {
    for (at, secret) in secrets().iter().enumerate() {
        let app = TestApp::with(backend, &config("signature = \"required\"", MPNID).replace(SIGNING, secret));
        let mut ledger = Ledger::of(&app);
        for (number, body) in BODIES.iter().enumerate() {
            let (name, id, second) = (format!("{signer}, secret {at}, body {number}"), format!("msg_{number}"), now());
            let call = Call::synchronize(body)
                .header("webhook-id", &id)
                .header("webhook-timestamp", second.to_string())
                .header("webhook-signature", sign(secret, &id, second, body));
            check(&app, &mut ledger, &name, &call, (200, 0));
            assert_eq!(ledger.newest().webhook_id.as_deref(), Some(id.as_str()), "{name}");
        }
    }
}

#[test]
fn the_rust_library_signs_what_we_accept() {
    for backend in backends() {
        assert_accepted(backend, "standardwebhooks for Rust", &|secret, id, second, body| {
            Webhook::new(secret).unwrap().sign(id, second, body.as_bytes()).unwrap()
        });
    }
}

#[test]
fn the_rust_library_accepts_what_we_sign() {
    for secret in secrets() {
        for body in BODIES {
            let (id, second) = ("msg_1", now());
            let headers = |signature: &str| {
                let mut headers = HeaderMap::new();
                headers.insert("webhook-id", id.parse().unwrap());
                headers.insert("webhook-timestamp", second.to_string().parse().unwrap());
                headers.insert("webhook-signature", signature.parse().unwrap());
                headers
            };
            let library = Webhook::new(&secret).unwrap();
            library.verify(body.as_bytes(), &headers(&ours(&secret, id, second, body))).unwrap();
            let of_another = headers(&ours(&secret, id, second, "{}"));
            assert!(library.verify(body.as_bytes(), &of_another).is_err(), "{body}");
        }
    }
}

/// The folder of the JavaScript client, or none where it cannot run, which is said loudly and fails under CI.
pub fn javascript() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    let node = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    if node && folder.join("node_modules/standardwebhooks").exists() {
        return Some(folder);
    }
    // Not eprintln!, which the test harness keeps to itself while a test passes.
    let _ = writeln!(
        std::io::stderr(),
        "!!! The JavaScript library of Standard Webhooks is not installed: its tests do NOT run. Install Node.js and \
         run: npm ci --prefix tests/clients !!!"
    );
    assert!(std::env::var_os("CI").is_none(), "under CI the clients in tests/clients must be installed");
    None
}

pub fn run(folder: &Path, arguments: &[&str], body: &str) -> Output {
    let mut node = Command::new("node");
    node.arg("standardwebhooks.mjs").args(arguments).current_dir(folder);
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Dropped at once, so that the script sees the end of the body.
    node.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    node.wait_with_output().unwrap()
}

#[test]
fn the_javascript_library_signs_what_we_accept() {
    let Some(folder) = javascript() else {
        return;
    };
    for backend in backends() {
        assert_accepted(backend, "standardwebhooks for JavaScript", &|secret, id, second, body| {
            let output = run(&folder, &["sign", secret, id, &second.to_string()], body);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        });
    }
}

#[test]
fn the_javascript_library_accepts_what_we_sign() {
    let Some(folder) = javascript() else {
        return;
    };
    for secret in secrets() {
        for body in BODIES {
            let second = now();
            let good = ours(&secret, "msg_1", second, body);
            for (signed, expected) in [(body, 0), ("{}", 1)] {
                let output = run(&folder, &["verify", &secret, "msg_1", &second.to_string(), &good], signed);
                let complaint = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(expected), "{signed}: {complaint}");
            }
        }
    }
}
