//! `tiersync demo`, as a person runs it: the built binary, its output, a call from elsewhere, SIGTERM.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::harness::Call;
use crate::harness::client::now;

/// How long the demonstration may take to print everything, and then to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the process when a test fails half-way.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(args: &[&str]) -> (Running, Vec<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiersync"))
        .arg("demo")
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let running = Running(child);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|last: &String| !last.contains("stays up")) {
        lines.push(receiver.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("it printed no more than {lines:#?}")));
    }
    (running, lines)
}

/// What stands behind `label` in the line that has it.
fn after<'a>(lines: &'a [String], label: &str) -> &'a str {
    let found = lines.iter().find_map(|line| line.split_once(label));
    let (_, rest) = found.unwrap_or_else(|| panic!("no {label} in {lines:#?}"));
    rest.split_whitespace().next().unwrap()
}

fn terminate(mut running: Running) -> i32 {
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(running.0.wait().unwrap()));
    receiver.recv_timeout(PATIENCE).expect("it ends on SIGTERM").code().expect("it ends by itself")
}

#[test]
fn it_shows_a_small_world_and_leaves_nothing_behind() {
    let (running, lines) = start(&[]);
    let text = lines.join("\n");
    for part in [
        "Northwind Distribution (1082733, reseller)",
        "├── Nordlys Dental (1082810, reseller_customer)",
        "└── Lofoten Kayaks (1082811, reseller_customer)",
        "Sunrise Hotels (1082820, reseller_customer, pending)",
        "Direct Ltd (1084000, direct_customer)",
        "15 applied, 4 checked, 3 rejected, 1 repeated, 1 unchanged",
        "/openapi.json",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(!text.contains("Pop-up Store") && !text.contains("EXPECTED"), "{text}");

    let base = after(&lines, "base URL for platforms");
    let address: SocketAddr = base.strip_prefix("http://").unwrap().strip_suffix("/api").unwrap().parse().unwrap();
    let body = text.split("-d '").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
    let reply = Call::new("POST", "/api/Accounts/Synchronize")
        .header("X-CloudPlatform-ApplicationId", after(&lines, "  ApplicationId"))
        .header("X-CloudPlatform-APIKey", after(&lines, "  APIKey"))
        .body(body)
        .try_send(address)
        .unwrap();
    assert_eq!((reply.status, reply.code(), reply.message().as_str()), (200, 0, "Account created."));
    let signed = || {
        Call::new("POST", "/s/demo/api/Accounts/Synchronize")
            .body(r#"{"ID":"1086001","Role":"User","ResellerID":"","Name":"Signed Ltd"}"#)
            .signed(after(&lines, "signing secret"), "from-a-test", now())
            .try_send(address)
            .unwrap()
    };
    let answer = signed();
    assert_eq!((answer.status, answer.code()), (200, 0), "{}", answer.body);
    assert_eq!(signed().body, answer.body);
    assert_eq!(Call::new("GET", "/readyz").try_send(address).unwrap().status, 200);

    let url = after(&lines, "tiersync --database-url");
    let list = |of: &str| {
        let args = ["--database-url", url, of, "list", "--format", "json"];
        let output = Command::new(env!("CARGO_BIN_EXE_tiersync")).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(list("accounts").as_array().unwrap().len(), 14);
    assert_eq!(list("deliveries").as_array().unwrap().len(), 27);

    let folder = Path::new(url.strip_prefix("sqlite:").unwrap()).parent().unwrap();
    assert!(folder.is_dir());
    assert_eq!(terminate(running), 0);
    assert!(!folder.exists(), "{} is left behind", folder.display());
}

#[test]
fn it_listens_where_it_is_told_to() {
    let (first, lines) = start(&["--listen", "0.0.0.0:0"]);
    let base = after(&lines, "base URL for platforms");
    assert!(base.starts_with("http://127.0.0.1:"), "{base}");

    let taken = base.strip_prefix("http://").unwrap().strip_suffix("/api").unwrap();
    let refused = Command::new(env!("CARGO_BIN_EXE_tiersync")).args(["demo", "--listen", taken]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    assert_eq!(terminate(first), 0);
}
