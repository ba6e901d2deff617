//! The receiver in a process of its own, so that its memory can be measured.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tiersync::app::{App, Options};
use tiersync::config::Config;

use super::{Line, load};

pub const APPLICATION_ID: &str = "B6708CA0-7CBE-4696-AD64-B465F3C878DC";
pub const API_KEY: &str = "key-of-the-benchmark-0123456789abcdef";
/// Signs calls of the past.
pub const REPLAY_SECRET: &str = "whsec_cmVwbGF5LXNlY3JldC1vZi10aGUtYmVuY2htYXJr";

fn configuration() -> String {
    format!(
        "[[source]]\nid = \"bench\"\napplication_id = \"{APPLICATION_ID}\"\napi_keys = [\"{API_KEY}\"]\n\
         replay_secrets = [\"{REPLAY_SECRET}\"]\n\
         [[sync_option]]\nid = \"MPNID\"\nname = \"Reseller (MPN ID)\"\npattern = \"^[0-9]{{5,10}}$\"\n"
    )
}

/// Serves until standard input closes. `mode` is `store` or `nothing`.
pub fn serve(mode: &str, database_url: &str) {
    let mut config = Config::from_toml(&configuration()).unwrap();
    config.listen = "127.0.0.1:0".parse().unwrap();
    database_url.clone_into(&mut config.database_url);
    let lanes = std::env::var("BENCH_LANES").ok().and_then(|lanes| lanes.parse().ok());
    let options = Options { storing_nothing: mode == "nothing", lanes, ..Options::default() };
    actix_web::rt::System::new().block_on(async move {
        let app = App::build(config, options).unwrap();
        println!("{}", app.address());
        std::io::stdout().flush().unwrap();
        let handle = app.handle();
        std::thread::spawn(move || {
            let _ = std::io::stdin().lock().read_line(&mut String::new());
            drop(handle.stop(true));
        });
        app.run_until_stopped().await.unwrap();
    });
}

pub struct Running {
    pub process: Child,
    pub address: SocketAddr,
    ready: Duration,
}

pub fn start(mode: &str, database_url: &str) -> Running {
    let began = Instant::now();
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--serve", mode, database_url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address: SocketAddr = line.trim().parse().unwrap();
    while !ureq::get(format!("http://{address}/readyz")).call().is_ok_and(|answer| answer.status() == 200) {
        assert!(began.elapsed() < Duration::from_secs(30), "the receiver does not become ready");
    }
    Running { process, address, ready: began.elapsed() }
}

/// Most memory that a process ever held, in MiB (proc(5), VmHWM).
fn peak_mib(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}

/// Fills a receiver, restarts it and measures changes.
pub fn measure(name: &'static str, mode: &str, database_url: &str, time: Duration, ids: u64) -> Line {
    let filling = start(mode, database_url);
    let filled = load::fill(filling.address, ids);
    println!("{name}: filled at {:.0} calls/s, p99 {:.2} ms", filled.per_second, filled.p99.as_secs_f64() * 1e3);
    stop(filling);
    let running = start(mode, database_url);
    let ready = running.ready;
    let measured = load::change(running.address, ids, time);
    println!("{name}: {:.0} calls/s", measured.per_second);
    let peak_mib = stop(running);
    Line { name, per_second: measured.per_second, p50: measured.p50, p99: measured.p99, peak_mib, ready: Some(ready) }
}

pub fn stop(mut running: Running) -> Option<f64> {
    let peak = peak_mib(running.process.id());
    drop(running.process.stdin.take());
    running.process.wait().unwrap();
    peak
}
