//! `cargo bench --bench exact_list`: how long the exact list of a partner's customers takes, all of them in one commit, on
//! SQLite and on PostgreSQL: first of nobody's customers, then taken over from another partner.
//!
//! The environment may set BENCH_TENANTS (50000) and BENCH_ONLY (sqlite or postgres).

// A benchmark stops where something is not as it must be, and prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[allow(dead_code)]
#[path = "../../tests/it/harness/postgres.rs"]
mod postgres;

use std::time::Instant;

use tiersync::config::Config;
use tiersync::domain::account::AccountKind;
use tiersync::domain::act::{Act, Created, What};
use tiersync::domain::call::ProfilePatch;
use tiersync::domain::ids::{AccountKey, PlatformId, Scope, SourceId, Tenant};
use tiersync::domain::moves::Moving;
use tiersync::domain::relation::Cause;
use tiersync::ops::alone;
use tiersync::store::audit::Entry;
use tiersync::store::connection::{Database, Use};
use tiersync::store::migrate;
use tiersync::writer::acts::ActList;
use tiersync::writer::{Writer, now_micros};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn key(id: &str) -> AccountKey {
    AccountKey {
        scope: Scope { source: SourceId::local(), tenant: Tenant::none() },
        platform_id: PlatformId::stored(id),
    }
}

fn made(id: &str, kind: AccountKind) -> Act {
    let profile = ProfilePatch { name: Some(format!("Account {id}")), ..ProfilePatch::default() };
    let created = Created { external_id: None, kind, reseller: None, profile };
    Act::new(key(id), now_micros(), Cause::Operator, What::Create(Box::new(created)))
}

fn done(writer: &Writer, config: &Config, acts: Vec<Act>) {
    let entry = Entry {
        at: now_micros(),
        operator: "bench".to_owned(),
        action: "bench".to_owned(),
        subject: String::new(),
        detail: "{}".to_owned(),
        remote: String::new(),
    };
    let list = ActList { acts, policies: alone::policies(config), all_or_nothing: true, entry };
    let outcomes = writer.acts_blocking(list).unwrap();
    assert!(outcomes.iter().all(|outcome| outcome.applied().is_some()), "{:?}", outcomes.first());
}

fn main() {
    let tenants: usize = std::env::var("BENCH_TENANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let cluster = if only == "sqlite" { None } else { postgres::Cluster::start_with(true) };
    println!("{tenants} tenants in one list");
    for database in ["sqlite", "postgres"] {
        if !only.is_empty() && only != database {
            continue;
        }
        let folder = tempfile::tempdir_in(std::env::current_dir().unwrap().join("target")).unwrap();
        let url = match (database, &cluster) {
            ("sqlite", _) => format!("sqlite:{}", folder.path().join("tiersync.db").display()),
            (_, Some(cluster)) => cluster.new_schema(),
            (_, None) => {
                eprintln!("PostgreSQL is not installed");
                continue;
            }
        };
        let toml = format!("database_url = {url:?}\n");
        let config = Config::from_toml(&toml).unwrap();
        let mut connection = Database::parse(&url).unwrap().connect(Use::Write).unwrap();
        migrate::run(&mut connection).unwrap();
        drop(connection);
        let (writer, thread) = alone::writer(&config).unwrap();
        done(&writer, &config, vec![made("a", AccountKind::Reseller), made("b", AccountKind::Reseller)]);
        let ids: Vec<String> = (0..tenants).map(|at| format!("tenant-{at}")).collect();
        let began = Instant::now();
        done(&writer, &config, ids.iter().map(|id| made(id, AccountKind::DirectCustomer)).collect());
        println!("{database}: made in {:.2?}", began.elapsed());
        for (to, what) in [(Some("a"), "assigned"), (Some("b"), "taken over"), (None, "taken away")] {
            let at = now_micros();
            let moved = |id: &String| {
                let moving = Moving { reseller: to.map(key), by: "bench".to_owned(), ..Moving::default() };
                Act::new(key(id), at, Cause::Move, What::Move(Box::new(moving)))
            };
            let acts = ids.iter().map(moved).collect();
            let began = Instant::now();
            done(&writer, &config, acts);
            println!("{database}: {what} in {:.2?}", began.elapsed());
        }
        drop(writer);
        thread.join();
    }
}
