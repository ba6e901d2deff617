//! Both databases have the same tables and columns, and they are those of `store/schema.rs`.

use std::collections::{BTreeMap, BTreeSet};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::json;
use tiersync::store::AnyConnection;

use crate::harness::{TestApp, backends};

/// A migration's statements on a database that is up to date, one way.
macro_rules! migration {
    ($name:literal, $way:literal, $connection:expr) => {
        match $connection {
            AnyConnection::Sqlite(sqlite) => sqlite
                .batch_execute(include_str!(concat!("../../migrations/sqlite/", $name, "/", $way, ".sql")))
                .unwrap(),
            AnyConnection::Postgres(postgres) => postgres
                .batch_execute(include_str!(concat!("../../migrations/postgres/", $name, "/", $way, ".sql")))
                .unwrap(),
        }
    };
}

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Text)]
    column_name: String,
}

type Tables = BTreeMap<String, BTreeSet<String>>;

fn tables(app: &TestApp) -> Tables {
    let columns: Vec<Column> = match &mut app.database() {
        AnyConnection::Sqlite(sqlite) => diesel::sql_query(
            "SELECT m.name AS table_name, p.name AS column_name FROM sqlite_master m, pragma_table_info(m.name) p \
             WHERE m.type = 'table'",
        )
        .load(sqlite),
        AnyConnection::Postgres(postgres) => diesel::sql_query(
            "SELECT table_name::text, column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema()",
        )
        .load(postgres),
    }
    .unwrap();
    let mut tables = Tables::new();
    for column in columns.into_iter().filter(|column| column.table_name != "__diesel_schema_migrations") {
        tables.entry(column.table_name).or_default().insert(column.column_name);
    }
    tables
}

/// The tables and columns of `store/schema.rs`, read as text: diesel's macros do not list them at run time.
fn declared() -> Tables {
    let mut tables = Tables::new();
    let mut table = String::new();
    for line in include_str!("../../src/store/schema.rs").lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with('{')) {
            name.clone_into(&mut table);
        } else if let Some((column, _)) = line.split_once(" -> ") {
            tables.entry(table.clone()).or_default().insert(column.to_owned());
        }
    }
    tables
}

#[test]
fn both_databases_have_the_declared_tables_and_columns() {
    assert!(declared().len() >= 9 && declared()["accounts"].contains("external_id"));
    for backend in backends() {
        assert_eq!(tables(&TestApp::start(backend)), declared(), "{backend:?}");
    }
}

#[derive(QueryableByName, Debug, PartialEq)]
struct StoredOption {
    #[diesel(sql_type = Text)]
    option_id: String,
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(QueryableByName, Debug, PartialEq)]
struct StoredOptions {
    #[diesel(sql_type = Text)]
    sync_options: String,
}

#[test]
fn options_go_into_their_accounts_and_back() {
    for backend in backends() {
        let mut app = TestApp::start(backend);
        // Ids and values in which a database that takes them for something else would stumble.
        let sent = json!({
            "MPNID": "3456890", "mpnid": "0034", "a.b": 1, "$[0]": true, "quo\"te": "a \"b\" \\ c", "back\\slash": [],
            "list": ["x", 2, false, "y,\"z\":1"], "Ελλ": "ένα", "it's": "tab\tline\nend", "empty": "", "😀": "😀",
            "control": "\u{1}\u{7f}\u{2028}", "{}": "{\"a\":1}", "[x]": -0.5, "null": "null", "big": 10_000_000_000_000_000_000_u64,
        });
        for (id, options) in [("1", &sent), ("2", &json!({})), ("3", &json!({"Zeta": "1", "alpha": 2}))] {
            let body = json!({"ID": id, "Role": "User", "SyncOptions": options});
            assert_eq!(app.synchronize(&body.to_string()).code(), 0, "{body}");
        }
        app.stop();
        let mut connection = app.database();
        let shown = |connection: &mut AnyConnection| -> Vec<StoredOptions> {
            let query = diesel::sql_query("SELECT sync_options FROM accounts ORDER BY platform_id");
            match connection {
                AnyConnection::Sqlite(sqlite) => query.load(sqlite).unwrap(),
                AnyConnection::Postgres(postgres) => query.load(postgres).unwrap(),
            }
        };
        let before = shown(&mut connection);
        let options: serde_json::Value = serde_json::from_str(&before[0].sync_options).unwrap();
        assert_eq!(options.as_object().unwrap().len(), sent.as_object().unwrap().len());
        migration!("2026-11-22-000006_options_in_accounts", "down", &mut connection);
        let query = diesel::sql_query("SELECT option_id, value FROM sync_options ORDER BY account_id, option_id");
        let rows: Vec<StoredOption> = match &mut connection {
            AnyConnection::Sqlite(sqlite) => query.load(sqlite).unwrap(),
            AnyConnection::Postgres(postgres) => query.load(postgres).unwrap(),
        };
        let expected: BTreeMap<&String, String> =
            options.as_object().unwrap().iter().map(|(id, value)| (id, value.to_string())).collect();
        let expected = expected.into_iter().map(|(id, value)| StoredOption { option_id: id.clone(), value });
        let rest = [("Zeta", "\"1\""), ("alpha", "2")]
            .map(|(id, value)| StoredOption { option_id: id.to_owned(), value: value.to_owned() });
        assert_eq!(rows, expected.chain(rest).collect::<Vec<_>>(), "{backend:?}");
        migration!("2026-11-22-000006_options_in_accounts", "up", &mut connection);
        assert_eq!(shown(&mut connection), before, "{backend:?}");
    }
}
