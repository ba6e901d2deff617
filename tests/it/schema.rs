//! Both databases have the same tables and columns, and they are those of `store/schema.rs`.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use diesel::sql_types::Text;
use tiersync::store::AnyConnection;

use crate::harness::{TestApp, backends};

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
