//! `cargo bench --bench exact_list`: one PUT of ExtremeCloud's dialect with the exact list of 50,000 tenants, on SQLite and on
//! PostgreSQL: first of nobody's tenants, then taken over from another partner, then with every other one left out. All of a
//! list is one commit. Meanwhile somebody reads accounts and a platform goes on calling: says how long each of those waited.
//!
//! The environment may set BENCH_TENANTS (50000), BENCH_ONLY (sqlite or postgres) and BENCH_PAUSE (0: milliseconds that each of
//! those rests before it sends again).

// A benchmark stops where something is not as it must be, and prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

#[allow(dead_code, unused_imports)]
#[path = "../../tests/it/harness/mod.rs"]
mod harness;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{Call, Reply, TestApp, config, postgres};
use serde_json::json;
use tiersync::app::Options;
use tiersync::auth::token::new_token;
use tiersync::config::Config;
use tiersync::domain::account::AccountKind;
use tiersync::domain::act::{Act, Created, What};
use tiersync::domain::call::ProfilePatch;
use tiersync::domain::ids::{AccountKey, PlatformId, Scope, SourceId, Tenant};
use tiersync::domain::operator::{Operator, Role};
use tiersync::domain::relation::Cause;
use tiersync::ops::alone;
use tiersync::store::audit::Entry;
use tiersync::store::connection::{Database, Use};
use tiersync::store::{migrate, operators};
use tiersync::writer::acts::ActList;
use tiersync::writer::now_micros;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DIALECT: &str = "[extremecloud]\nsource = \"eu\"\n";

fn partner(at: usize) -> String {
    format!("MspPartner-tenantid-{at:016}")
}

fn tenant(at: usize) -> String {
    format!("MspEndCustomer-tenantid-{at:016}")
}

fn made(id: &str, kind: AccountKind) -> Act {
    let scope = Scope { source: SourceId::local(), tenant: Tenant::none() };
    let profile = ProfilePatch { name: Some(format!("Account {id}")), ..ProfilePatch::default() };
    let created = Created { external_id: None, kind, reseller: None, profile };
    let key = AccountKey { scope, platform_id: PlatformId::stored(id) };
    Act::new(key, now_micros(), Cause::Operator, What::Create(Box::new(created)))
}

/// Two partners and so many tenants of nobody.
fn fill(config: &Config, tenants: usize) {
    let mut connection = Database::parse(&config.database_url).unwrap().connect(Use::Write).unwrap();
    migrate::run(&mut connection).unwrap();
    drop(connection);
    let (writer, thread) = alone::writer(config).unwrap();
    let customers = (0..tenants).map(|at| made(&tenant(at), AccountKind::DirectCustomer)).collect();
    let resellers = (0..2).map(|at| made(&partner(at), AccountKind::Reseller)).collect();
    for acts in [resellers, customers] {
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
    drop(writer);
    thread.join();
}

fn operator(app: &TestApp) -> String {
    let (token, hash) = new_token();
    let new = Operator {
        name: "bench".to_owned(),
        role: Role::ProviderAdmin,
        resellers: Vec::new(),
        created_at: now_micros(),
        expires_at: None,
        revoked_at: None,
    };
    assert!(operators::add(&mut app.database(), &new, hash.as_bytes()).unwrap());
    token
}

/// Calls until told to stop, and gives how many were answered as they must be and the longest wait.
fn meanwhile(stop: &AtomicBool, send: impl Fn(usize) -> Reply) -> (usize, Duration) {
    let pause = std::env::var("BENCH_PAUSE").ok().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let (mut answered, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let reply = send(answered);
        assert_eq!(reply.status, 200, "{}", reply.body);
        longest = longest.max(began.elapsed());
        answered += 1;
        if let Some(pause) = pause {
            std::thread::sleep(pause);
        }
    }
    (answered, longest)
}

fn measure(app: &TestApp, token: &str, at: usize, tenants: &[String]) -> (Duration, [(usize, Duration); 2]) {
    let body = json!({"custId": null, "accountName": format!("partner {at}"), "userId": null, "tenants": tenants});
    let put = Call::new("PUT", &format!("/v1/msppartners/{}", partner(at)))
        .header("Authorization", format!("Bearer {token}"))
        .header("Content-Type", "application/json ;charset=UTF-8")
        .body(body.to_string());
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reads = scope.spawn(|| {
            let read = Call::new("GET", "/v1/accounts?limit=1").header("Authorization", format!("Bearer {token}"));
            meanwhile(&stop, |_| read.send(app))
        });
        let calls = scope.spawn(|| {
            let body = |n: usize| json!({"ID": format!("{at}-{n}"), "Role": "User", "Name": "Somebody"}).to_string();
            meanwhile(&stop, |n| Call::synchronize(body(n)).send(app))
        });
        let began = Instant::now();
        let reply = put.send(app);
        let took = began.elapsed();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(reply.status, 200, "{}", reply.body);
        (took, [reads.join().unwrap(), calls.join().unwrap()])
    })
}

fn main() {
    let tenants: usize = std::env::var("BENCH_TENANTS").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let only = std::env::var("BENCH_ONLY").unwrap_or_default();
    let cluster = if only == "sqlite" { None } else { postgres::Cluster::start_with(true) };
    println!("{tenants} tenants in one list");
    println!("{:<28} {:>9} {:>18} {:>18}", "", "seconds", "reads, longest", "calls, longest");
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
        let toml = config("", DIALECT);
        fill(&Config::from_toml(&format!("database_url = {url:?}\n{toml}")).unwrap(), tenants);
        let app = TestApp::on(&url, &toml, Options { lanes: Some(2), ..Options::default() }, None);
        let token = operator(&app);
        let all: Vec<String> = (0..tenants).map(tenant).collect();
        let half: Vec<String> = all.iter().step_by(2).cloned().collect();
        for (what, at, list) in [("assigned", 0, &all), ("taken over", 1, &all), ("every other left out", 1, &half)] {
            let (took, [reads, calls]) = measure(&app, &token, at, list);
            let told = |(count, longest): (usize, Duration)| format!("{count}, {:.0} ms", longest.as_secs_f64() * 1e3);
            let name = format!("{database}: {what}");
            println!("{name:<28} {:>9.2} {:>18} {:>18}", took.as_secs_f64(), told(reads), told(calls));
        }
    }
}
