//! Who drives the receiver. Each gives how many calls were answered, and in how many seconds.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tiersync::domain::call::Endpoint;
use tiersync::ops::replay::input::{Inputs, Plain};
use tiersync::ops::replay::letter::Manner;
use tiersync::ops::replay::progress::Finished;
use tiersync::ops::replay::{self, Halt, Receiver, Replay};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::calls::{CHANGED, Calls, sender};
use crate::load::CONNECTIONS;

/// Nothing when wrk is needed and not there.
pub type Drive = fn(SocketAddr, &Calls, Duration) -> Option<(u64, f64)>;

pub const REPLAY: &str = "replay";

pub const ALL: &[(&str, Drive)] = &[
    ("wrk, unsigned", |address, calls, time| wrk(address, &calls.unsigned_file, calls.signed.len(), time)),
    ("wrk, signed", |address, calls, time| wrk(address, &calls.signed_file, calls.signed.len(), time)),
    ("bare, signed", |address, calls, time| Some(send(address, &calls.signed, Some(time)))),
    (REPLAY, |address, calls, time| Some(replay(address, calls, time))),
];

/// Sends requests over connections that each wait for an answer before they send the next: all, or as many as fit into `time`.
pub fn send(address: SocketAddr, requests: &[Vec<u8>], time: Option<Duration>) -> (u64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (next, answered) = (Cell::new(0), Cell::new(0_u64));
    let began = Instant::now();
    let connection = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = vec![0; 4096];
        while time.is_none_or(|time| began.elapsed() < time) {
            let Some(request) = requests.get(next.replace(next.get() + 1)) else {
                assert!(time.is_none(), "there were too few calls");
                break;
            };
            stream.write_all(request).await.unwrap();
            let read = stream.read(&mut answer).await.unwrap();
            let answer = &answer[..read];
            assert!(
                answer.starts_with(b"HTTP/1.1 200") && answer.windows(9).any(|window| window == b"\"Code\":0,"),
                "{}",
                String::from_utf8_lossy(answer)
            );
            answered.set(answered.get() + 1);
        }
    };
    let all: futures_util::stream::FuturesUnordered<_> = (0..CONNECTIONS).map(|_| connection()).collect();
    runtime.block_on(async {
        let mut all = all;
        while futures_util::StreamExt::next(&mut all).await.is_some() {}
    });
    (answered.get(), began.elapsed().as_secs_f64())
}

fn wrk(address: SocketAddr, requests: &Path, count: usize, time: Duration) -> Option<(u64, f64)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/replay/calls.lua");
    let output = Command::new("wrk")
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{}s", time.as_secs()), "-s"])
        .arg(script)
        .arg(format!("http://{address}"))
        .arg("--")
        .arg(requests)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !text.contains("Non-2xx"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // "  123456 requests in 8.01s, 40.10MB read"
    let line = text.lines().find(|line| line.contains(" requests in ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    let answered: u64 = words[0].parse().unwrap();
    assert!(answered < count as u64, "wrk ran out of calls and repeated some");
    Some((answered, words[3].trim_end_matches("s,").parse().unwrap()))
}

fn replay(address: SocketAddr, calls: &Calls, time: Duration) -> (u64, f64) {
    let plain = Plain { endpoint: Endpoint::Synchronize, tenant: String::new(), tenant_header: None };
    let inputs = Inputs::open(std::slice::from_ref(&calls.bodies), plain).unwrap();
    let receiver = Receiver::at(&format!("http://{address}/api"), None).unwrap();
    let halt = Halt::default();
    let replay = Replay {
        inputs: &inputs,
        receiver: &receiver,
        source: "bench",
        sender: &sender(),
        manner: &Manner::AsCaptured(Some(CHANGED * 1_000_000)),
        only: &[],
        finished: &Finished::default(),
        dry_run: false,
        refused: false,
        concurrency: CONNECTIONS,
        rate: None,
        retries: 0,
    };
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(time);
            halt.ask("the time is over");
        });
        replay::run(&replay, None, &halt, &|| {}).unwrap()
    });
    assert!(report.stopped.is_some() && report.failed == 0, "{report:?}");
    assert!(
        report.answers.keys().all(|(outcome, code)| (outcome.as_deref(), *code) == (Some("applied"), 0)),
        "{report:?}"
    );
    (report.answered(), report.seconds)
}
