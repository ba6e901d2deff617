//! What PostgreSQL does with one transaction a call: pgbench with the four plain statements of a call (ledger row,
//! account, relation, two options) on tables of the same shape.

use std::process::Command;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

use super::Line;
use super::load::CONNECTIONS;
use super::postgres::Cluster;

const SCRIPT: &str = r#"\set id random(1, :ids)
\set version random(1, 1000000000)
BEGIN;
INSERT INTO deliveries (id, source, tenant, endpoint, path, received_at, event_second, replayed, check_only, headers, body_of, body_digest, outcome, code, message, result, kind, rule, account_id, platform_id, trace, hash) VALUES (nextval('ledger'), 'bench', '', 'Accounts/Synchronize', '/api/Accounts/Synchronize', :version, :version, false, false, '{}', 1, '\x00', 'applied', 0, 'Account updated.', 'x', 'reseller_customer', 'user_of_reseller', :id, ':id', '', '\x00');
UPDATE accounts SET name = 'Account :id v:version', revision = revision + 1, event_second = :version WHERE id = :id;
UPDATE relations SET linked_at = :version WHERE account_id = :id AND valid_to IS NULL;
INSERT INTO sync_options (account_id, option_id, value) VALUES (:id, 'DomainPrefix', '"p"'), (:id, 'MPNID', ':version') ON CONFLICT (account_id, option_id) DO UPDATE SET value = excluded.value;
COMMIT;
"#;

/// Fills a schema of our own shape and lets pgbench run on it.
pub fn measure(cluster: &Cluster, time: Duration, ids: u64) -> Option<Line> {
    let url = cluster.new_schema();
    let mut connection = PgConnection::establish(&url).unwrap();
    let up = include_str!("../../migrations/postgres/2026-11-21-000001_receiver/up.sql");
    connection.batch_execute(up).unwrap();
    connection
        .batch_execute(&format!(
            "CREATE SEQUENCE ledger;
             INSERT INTO accounts SELECT i, 'bench', '', i::text, i::text, 'reseller_customer', 'active', 'Account ' || i, '',
                 'it@account.example', '', '', '', '', false, '', '', '', 'reseller_customer', '1', NULL, NULL, 0, true, 0, 1,
                 NULL, NULL, NULL FROM generate_series(1, {ids}) i;
             INSERT INTO relations SELECT i, i, 'reseller', '1', NULL, 1, NULL, 'linked', 'platform_id', 0, 0, 0, 'sync', 1,
                 NULL, NULL, NULL, NULL FROM generate_series(1, {ids}) i;
             INSERT INTO sync_options SELECT i, o, '1' FROM generate_series(1, {ids}) i, unnest(ARRAY['DomainPrefix', 'MPNID']) o;
             ANALYZE"
        ))
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.sql");
    std::fs::write(&script, SCRIPT.replace(":ids", &ids.to_string())).unwrap();
    let output = Command::new("pgbench")
        .args(["-n", "-c", &CONNECTIONS.to_string(), "-j", "2", "-T", &time.as_secs().to_string(), "-l"])
        .arg("--log-prefix")
        .arg(folder.path().join("log"))
        .arg("-f")
        .arg(&script)
        .arg(&url)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("pgbench does not start ({error}): its line is left out");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    let per_second =
        text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok()).unwrap();
    println!("pgbench: {per_second:.0} transactions/s");
    let mut latencies: Vec<u64> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("log"))
        .flat_map(|entry| {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            text.lines().filter_map(|line| line.split(' ').nth(2)?.parse().ok()).collect::<Vec<u64>>()
        })
        .collect();
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0);
    Some(Line {
        name: "pgbench",
        per_second,
        p50: Duration::from_micros(at(0.5)),
        p99: Duration::from_micros(at(0.99)),
        peak_mib: None,
        ready: None,
    })
}
