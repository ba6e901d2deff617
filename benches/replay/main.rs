//! `cargo bench --bench replay`: one process of `tiersync replay` against wrk and against bare connections, driving the same
//! receiver with the same calls, all in one run on one machine. `docs/performance.md` says what is measured and why.
//!
//! The environment may set BENCH_SECONDS (8, of each line), BENCH_IDS (20000) and BENCH_ONLY (part of a line's name).

// A benchmark stops where something is not as it must be, and prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod calls;
mod drivers;
#[allow(dead_code)]
#[path = "../synchronize/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../synchronize/server.rs"]
mod server;

use std::path::Path;
use std::time::Duration;

use calls::Calls;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What `server` makes of a measurement of its own.
#[allow(dead_code)]
struct Line {
    name: &'static str,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    peak_mib: Option<f64>,
    ready: Option<Duration>,
}

/// One line of the table.
struct Driven {
    name: &'static str,
    per_second: f64,
    /// Time of the cores that a call took, in microseconds: the receiver's and that of whoever drives it.
    receiver: f64,
    driver: f64,
}

/// More calls a second than any driver gets answered, so that none of them runs out of calls.
const MOST_A_SECOND: u64 = 25_000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return server::serve(&arguments[at + 1], &arguments[at + 2]);
    }
    let (seconds, ids) = (setting("BENCH_SECONDS", 8), setting("BENCH_IDS", 20_000));
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
    let calls = Calls::make(folder.path(), ids, MOST_A_SECOND * seconds);
    println!("{ids} accounts, each call changes one; {} connections, {seconds} s a line, SQLite\n", load::CONNECTIONS);
    let time = Duration::from_secs(seconds);
    let wanted = |name: &str| std::env::var("BENCH_ONLY").map_or(true, |only| name.contains(&only));
    let mut lines = Vec::new();
    for (name, drive) in drivers::ALL {
        if wanted(name) {
            lines.extend(measure(name, *drive, &calls, folder.path(), time));
        }
    }
    print(&lines);
}

/// Starts a receiver on a database of its own that knows every account, and has it driven for some time.
fn measure(name: &'static str, drive: drivers::Drive, calls: &Calls, folder: &Path, time: Duration) -> Option<Driven> {
    // It goes with the line, so that the next one does not wait for its pages on the way to disk.
    let folder = tempfile::tempdir_in(folder).unwrap();
    let running = server::start("store", &format!("sqlite:{}", folder.path().join("bench.db").display()));
    drivers::send(running.address, &calls.first, None);
    let (mine, receivers) = (busy("self"), busy(&running.process.id().to_string()));
    let driven = drive(running.address, calls, time);
    let (mine, receivers) = (busy("self") - mine, busy(&running.process.id().to_string()) - receivers);
    server::stop(running);
    let Some((answered, seconds)) = driven else {
        println!("{name}: wrk is not installed");
        return None;
    };
    let line = Driven {
        name,
        per_second: answered as f64 / seconds,
        receiver: receivers * 1e6 / answered as f64,
        driver: mine * 1e6 / answered as f64,
    };
    println!("{name}: {:.0} calls/s", line.per_second);
    Some(line)
}

/// Seconds of the cores that a process and its children that have ended took (proc(5), stat; a hundred ticks a second).
fn busy(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let behind_name = stat.rsplit_once(") ").unwrap().1;
    behind_name.split(' ').skip(11).take(4).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

fn print(lines: &[Driven]) {
    let rate = |name: &str| lines.iter().find(|line| line.name == name).map(|line| line.per_second);
    println!("\n{:<16} {:>10} {:>14} {:>12} {:>14}", "", "calls/s", "replay is", "driver µs", "receiver µs");
    for line in lines {
        let ratio = rate(drivers::REPLAY).map_or("-".to_owned(), |replay| format!("{:.2}", replay / line.per_second));
        println!(
            "{:<16} {:>10.0} {:>14} {:>12.1} {:>14.1}",
            line.name, line.per_second, ratio, line.driver, line.receiver
        );
    }
}
