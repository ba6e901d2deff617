//! `cargo bench --bench synchronize`: the receiver under load, durable, against a writer that stores nothing and against
//! pgbench, all in one run on one machine. `docs/performance.md` says what is measured and why.
//!
//! The environment may set BENCH_SECONDS (15), BENCH_IDS (100000), BENCH_ONLY (part of a line's name) and BENCH_LANES
//! (writers of a receiver on PostgreSQL).

// A benchmark stops where something is not as it must be, and prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod load;
mod pgbench;
#[allow(dead_code)]
#[path = "../../tests/it/harness/postgres.rs"]
mod postgres;
mod server;

use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One line of the table.
struct Line {
    name: &'static str,
    per_second: f64,
    p50: Duration,
    p99: Duration,
    peak_mib: Option<f64>,
    ready: Option<Duration>,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn wanted(name: &str) -> bool {
    std::env::var("BENCH_ONLY").map_or(true, |only| name.contains(&only))
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return server::serve(&arguments[at + 1], &arguments[at + 2]);
    }
    let (seconds, ids) = (Duration::from_secs(setting("BENCH_SECONDS", 15)), setting("BENCH_IDS", 100_000));
    println!("{ids} accounts: 10 % resellers, 70 % end customers, 20 % direct; every call changes its account");
    println!(
        "{} connections, {} s a line, load generator on the same {} cores\n",
        load::CONNECTIONS,
        seconds.as_secs(),
        cores()
    );
    let mut lines = Vec::new();
    let folder = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
    let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
    if wanted("nothing") {
        lines.push(server::measure("stores nothing", "nothing", &file("nothing.db"), seconds, ids));
    }
    if wanted("sqlite") {
        lines.push(server::measure("sqlite", "store", &file("store.db"), seconds, ids));
    }
    match postgres::Cluster::start_with(true) {
        Some(cluster) => {
            if wanted("postgresql") {
                lines.push(server::measure("postgresql", "store", &cluster.new_schema(), seconds, ids));
            }
            if wanted("pgbench") {
                lines.extend(pgbench::measure(&cluster, seconds, ids));
            }
        }
        None => println!("PostgreSQL is not installed: its lines are left out"),
    }
    print(&lines);
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, std::num::NonZero::get)
}

fn print(lines: &[Line]) {
    let rate = |name: &str| lines.iter().find(|line| line.name == name).map(|line| line.per_second);
    let ratio =
        |line: &Line, base: Option<f64>| base.map_or("-".to_owned(), |base| format!("{:.2}", line.per_second / base));
    println!(
        "\n{:<16} {:>10} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
        "", "calls/s", "of nothing", "of pgbench", "p50 ms", "p99 ms", "peak MiB", "ready ms"
    );
    for line in lines {
        let milliseconds = |duration: Duration| format!("{:.2}", duration.as_secs_f64() * 1e3);
        println!(
            "{:<16} {:>10.0} {:>12} {:>12} {:>10} {:>10} {:>10} {:>10}",
            line.name,
            line.per_second,
            ratio(line, rate("stores nothing")),
            ratio(line, rate("pgbench")),
            milliseconds(line.p50),
            milliseconds(line.p99),
            line.peak_mib.map_or("-".to_owned(), |mib| format!("{mib:.0}")),
            line.ready.map_or("-".to_owned(), milliseconds),
        );
    }
}
