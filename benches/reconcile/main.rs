//! `cargo bench --bench reconcile`: a generated world, checked by itself and against a list in Windows-1253, through the
//! real binary. Says how long each took, how much memory, and whether everything planted was found and nothing else.
//!
//! The environment may set BENCH_ACCOUNTS (1000000) and BENCH_ONLY (sqlite or postgres).

// A benchmark stops where something is not as it must be, and prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[allow(dead_code)]
#[path = "../../tests/it/harness/postgres.rs"]
mod postgres;
#[allow(dead_code)]
#[path = "../../tests/it/harness/world.rs"]
mod world;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use tiersync::domain::reconcile::FindingKind;
use tiersync::store::connection::{Database, Use};
use tiersync::store::migrate;
use world::World;

const MPNID: &str = "[[sync_option]]\nid = \"MPNID\"\nname = \"MPN ID\"\nkind = \"SimpleValue\"\ndata_type = \"Text\"\n\
                     applies_to = [\"reseller_customer\"]\npartner_id = true\n";

fn main() {
    let accounts = std::env::var("BENCH_ACCOUNTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let world = World { accounts, planted: accounts / 1_000 };
    println!("{accounts} accounts, {} disagreements of each kind", world.planted);
    println!("{:<28} {:>9} {:>12} {:>10}  as planted", "", "seconds", "peak MiB", "findings");
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let cluster = if only == "sqlite" { None } else { postgres::Cluster::start_with(true) };
    for database in ["sqlite", "postgres"] {
        if !only.is_empty() && only != database {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let url = match (database, &cluster) {
            ("sqlite", _) => format!("sqlite:{}", folder.path().join("tiersync.db").display()),
            (_, Some(cluster)) => cluster.new_schema(),
            (_, None) => {
                eprintln!("PostgreSQL is not installed");
                continue;
            }
        };
        fill(&url, world, folder.path());
        let list = [&["--against", "vendor.csv"], &World::FLAGS[..]].concat();
        let all = [&list[..], &["--with-self-check", "--also", "name_differs,email_differs"]].concat();
        measure(folder.path(), &format!("{database}: self-check"), &[], world, |kind| {
            !kind.needs_a_list() && kind != FindingKind::ExternalIdDiffers
        });
        measure(folder.path(), &format!("{database}: list"), &list, world, |kind| {
            (kind.needs_a_list() || kind == FindingKind::ExternalIdDiffers) && !kind.on_request()
        });
        measure(folder.path(), &format!("{database}: both"), &all, world, |_| true);
        let html = [&all[..], &["--format", "html", "--output", "report.html"]].concat();
        let other = ["--against", url.as_str(), "--format", "json"];
        let book = ["--since", "2025-10-01", "--format", "json"];
        for (what, arguments) in [("both, as HTML", &html[..]), ("against itself", &other), ("book", &book)] {
            timed(folder.path(), &format!("{database}: {what}"), arguments);
            println!();
        }
    }
}

fn fill(url: &str, world: World, folder: &Path) {
    let mut connection = Database::parse(url).unwrap().connect(Use::Write).unwrap();
    migrate::run(&mut connection).unwrap();
    let began = Instant::now();
    world.fill(&mut connection);
    let mut list = std::io::BufWriter::new(std::fs::File::create(folder.join("vendor.csv")).unwrap());
    world.write_csv(&mut list);
    std::fs::write(folder.join("tiersync.toml"), format!("database_url = \"{url}\"\n{MPNID}")).unwrap();
    eprintln!("generated in {:.1} s", began.elapsed().as_secs_f64());
}

/// Runs the binary, tells how long it took and the peak of its memory, and gives what it printed.
fn timed(folder: &Path, name: &str, arguments: &[&str]) -> Vec<u8> {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiersync"))
        .arg("reconcile")
        .args(arguments)
        .current_dir(folder)
        .stdout(std::fs::File::create(folder.join("out")).unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    print!("{name:<28} {:>9.2} {:>12.1}", began.elapsed().as_secs_f64(), peak as f64 / 1024.0);
    std::fs::read(folder.join("out")).unwrap()
}

fn measure(folder: &Path, name: &str, arguments: &[&str], world: World, wanted: impl Fn(FindingKind) -> bool) {
    let out = timed(folder, name, &[arguments, &["--format", "json"]].concat());
    let found: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
    let mut same = true;
    let mut expected = 0;
    for kind in FindingKind::ALL {
        let planted = if wanted(kind) { world.expected(kind) } else { Vec::new() };
        expected += planted.len();
        let mut ids: Vec<&str> = found
            .iter()
            .filter(|one| one["finding"] == kind.as_str())
            .filter_map(|one| one["platform_id"].as_str())
            .collect();
        ids.sort_unstable();
        same &= ids.iter().eq(planted.iter());
    }
    println!(" {:>10}  {}", found.len(), if same && found.len() == expected { "yes" } else { "NO" });
}
