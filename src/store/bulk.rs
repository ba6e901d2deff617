//! Many rows in few prepared statements, one description for both databases.
//!
//! On SQLite a row is one run of a cached statement: there is no round trip to save. On PostgreSQL all rows go in one
//! statement with a fixed text and a parameter for each column, an array of its values, so that it is cached too, whatever
//! their number. Where rows are very many, what is the same in all of them goes once: most columns of a list of moves.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{Connection, RunQueryDsl, connection::LoadConnection};

use super::connection::AnyConnection;
use super::error::StoreError;

/// What a statement does with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Inserts them.
    Insert,
    /// Inserts them, or replaces all but the keys, which are the last columns, where they are there.
    Upsert,
    /// Updates all columns but the last `keys` of the rows that those name.
    Update,
    /// Deletes the rows that all columns name.
    Delete,
}

/// One statement.
pub trait Statement: 'static {
    /// Its table.
    const TABLE: &'static str;
    /// What it does.
    const VERB: Verb;
    /// Its columns, keys last.
    const COLUMNS: &'static [&'static str];
    /// How many of them are keys.
    const KEYS: usize = 1;
    /// Behind an insert, such as what to do about rows that are there.
    const TAIL: &'static str = "";
}

/// Most rows that are taken out of their arrays by number. `unnest` sets up a store for each array, which costs more than
/// few rows do; but what stands in an array of texts is found by walking there.
const MAX_BY_NUMBER: usize = 512;

/// Rows from which on it is worth looking which columns are the same in all of them: more than calls of one batch make.
const VERY_MANY: usize = 1_000;

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Named after the SQL types.
pub enum Value<'a> {
    BigInt(i64),
    MaybeBigInt(Option<i64>),
    Integer(i32),
    Bool(bool),
    Text(&'a str),
    MaybeText(Option<&'a str>),
    Binary(&'a [u8]),
    MaybeBinary(Option<&'a [u8]>),
}

/// Rows of a statement, value by value, without a list for each row.
#[derive(Debug)]
pub struct Rows<'a, S> {
    values: Vec<Value<'a>>,
    statement: PhantomData<S>,
}

impl<S: Statement> Default for Rows<'_, S> {
    fn default() -> Self {
        Self { values: Vec::new(), statement: PhantomData }
    }
}

impl<'a, S: Statement> Rows<'a, S> {
    /// Adds a row; its values stand in the order of the columns.
    pub fn push<const N: usize>(&mut self, row: [Value<'a>; N]) {
        debug_assert_eq!(N, S::COLUMNS.len(), "{} columns of {}", S::COLUMNS.len(), S::TABLE);
        self.values.extend(row);
    }

    /// As [`Rows::push`], of a row in two parts.
    pub fn push_joined<const N: usize, const M: usize>(&mut self, start: [Value<'a>; N], rest: [Value<'a>; M]) {
        debug_assert_eq!(N + M, S::COLUMNS.len(), "{} columns of {}", S::COLUMNS.len(), S::TABLE);
        self.values.extend(start);
        self.values.extend(rest);
    }

    /// Writes all rows and returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`] of the first statement that fails.
    pub fn write(&self, connection: &mut AnyConnection) -> Result<usize, StoreError> {
        if self.values.is_empty() {
            return Ok(0);
        }
        let width = S::COLUMNS.len();
        match connection {
            AnyConnection::Sqlite(connection) => {
                let mut written = 0;
                for row in self.values.chunks_exact(width) {
                    let row = SqliteRow::<S> { values: row, statement: PhantomData };
                    written += execute(connection, &row)?;
                }
                Ok(written)
            }
            AnyConnection::Postgres(connection) => self.write_postgres(connection),
        }
    }

    /// As [`Rows::write`], where only PostgreSQL is meant.
    ///
    /// # Errors
    /// [`StoreError`] when the statement fails.
    pub fn write_postgres(&self, connection: &mut diesel::PgConnection) -> Result<usize, StoreError> {
        if self.values.is_empty() {
            return Ok(0);
        }
        Ok(execute(connection, &self.postgres())?)
    }

    fn postgres(&self) -> PgRows<'a, S> {
        let width = S::COLUMNS.len();
        let very_many = self.values.len() >= VERY_MANY * width;
        let column_at = |at: usize| {
            let mut values = self.values.iter().skip(at).step_by(width);
            match self.values.get(at) {
                // The last one stays: somebody has to say how many rows there are.
                Some(first) if very_many && at + 1 < width && values.all(|value| value == first) => {
                    Column::Same(*first)
                }
                _ => column(self.values.iter().skip(at).step_by(width)),
            }
        };
        let rows = self.values.len() / width;
        let few = if rows <= MAX_BY_NUMBER { i32::try_from(rows).unwrap_or(0) } else { 0 };
        PgRows { columns: (0..width).map(column_at).collect(), few, statement: PhantomData }
    }
}

/// Statements of which none reads or writes what another writes. SQLite runs each as it is added; PostgreSQL runs all of
/// them as parts of the last one, in one round trip (PostgreSQL manual, 7.8.4).
#[derive(Default)]
pub struct Together<'a>(Vec<Box<dyn QueryFragment<Pg> + 'a>>);

impl<'a> Together<'a> {
    /// Adds rows; a table stands in no two of the statements with the same rows.
    ///
    /// # Errors
    /// [`StoreError`] of a statement that ran at once.
    pub fn add<S: Statement>(&mut self, connection: &mut AnyConnection, rows: &Rows<'a, S>) -> Result<(), StoreError> {
        match connection {
            AnyConnection::Sqlite(_) => {
                rows.write(connection)?;
            }
            AnyConnection::Postgres(_) if rows.values.is_empty() => {}
            AnyConnection::Postgres(_) => self.0.push(Box::new(rows.postgres())),
        }
        Ok(())
    }

    /// Runs the last one and what was added, and returns how many rows the last one touched.
    ///
    /// # Errors
    /// [`StoreError`] of what ran.
    pub fn finish<Q>(self, connection: &mut AnyConnection, last: &Q) -> Result<usize, StoreError>
    where
        Q: QueryFragment<Pg> + QueryFragment<Sqlite> + QueryId,
    {
        Ok(match connection {
            AnyConnection::Sqlite(connection) => execute(connection, last)?,
            AnyConnection::Postgres(connection) => execute(connection, &WithAll { parts: self.0, last })?,
        })
    }

    /// As [`Together::finish`] on PostgreSQL, with a statement behind all others that gives a number: how many rows the
    /// last one touched, and that number, in one round trip.
    ///
    /// # Errors
    /// [`StoreError`] of what ran.
    pub fn finish_behind<Q, B>(
        self,
        connection: &mut diesel::PgConnection,
        last: &Q,
        behind: &B,
    ) -> Result<(i64, Option<i64>), StoreError>
    where
        Q: QueryFragment<Pg>,
        B: Behind,
    {
        Ok(AllBehind { parts: self.0, last, behind }.get_result(connection)?)
    }
}

/// What runs behind all that was gathered by [`Together`].
pub trait Behind {
    /// Writes parts of a statement of many, the last one named `behind` and with one column of at most one row. What runs
    /// only where there is a row of `done` runs when all else is done.
    ///
    /// # Errors
    /// As [`QueryFragment::walk_ast`].
    fn walk_parts<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// `WITH part0 AS (… RETURNING 1), …, last AS (… RETURNING 1), done AS (…), …, behind AS (…) SELECT …`. PostgreSQL runs a
/// part before others only where those read what it returns, so `done` counts the rows of all.
struct AllBehind<'a, Q, B> {
    parts: Vec<Box<dyn QueryFragment<Pg> + 'a>>,
    last: &'a Q,
    behind: &'a B,
}

/// As with [`WithAll`].
impl<Q, B> QueryId for AllBehind<'_, Q, B> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, B> Query for AllBehind<'_, Q, B> {
    type SqlType = (BigInt, Nullable<BigInt>);
}

impl<Q, B, C> RunQueryDsl<C> for AllBehind<'_, Q, B> {}

impl<Q: QueryFragment<Pg>, B: Behind> QueryFragment<Pg> for AllBehind<'_, Q, B> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("WITH ");
        for (at, part) in self.parts.iter().enumerate() {
            out.push_sql(&format!("part{at} AS ("));
            part.walk_ast(out.reborrow())?;
            out.push_sql(" RETURNING 1), ");
        }
        out.push_sql("last AS (");
        self.last.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING 1), done AS MATERIALIZED (SELECT (SELECT count(*) FROM last) AS touched");
        for at in 0..self.parts.len() {
            out.push_sql(&format!(", (SELECT count(*) FROM part{at})"));
        }
        out.push_sql("), ");
        self.behind.walk_parts(out.reborrow())?;
        out.push_sql(" SELECT (SELECT touched FROM done), (SELECT * FROM behind)");
        Ok(())
    }
}

/// `WITH a AS (…), b AS (…) last`.
struct WithAll<'a, Q> {
    parts: Vec<Box<dyn QueryFragment<Pg> + 'a>>,
    last: &'a Q,
}

/// Which parts there are differs from batch to batch, so that the text itself is what it is prepared under.
impl<Q> QueryId for WithAll<'_, Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for WithAll<'_, Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        for (at, part) in self.parts.iter().enumerate() {
            out.push_sql(&format!("{} part{at} AS (", if at == 0 { "WITH" } else { "," }));
            part.walk_ast(out.reborrow())?;
            out.push_sql(") ");
        }
        self.last.walk_ast(out)
    }
}

fn execute<C, Q>(connection: &mut C, query: &Q) -> QueryResult<usize>
where
    C: Connection + LoadConnection,
    Q: QueryFragment<C::Backend> + QueryId,
{
    connection.execute_returning_count(query)
}

struct SqliteRow<'a, S> {
    values: &'a [Value<'a>],
    statement: PhantomData<S>,
}

impl<S: Statement> QueryId for SqliteRow<'_, S> {
    type QueryId = SqliteRow<'static, S>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

macro_rules! binding {
    ($name:ident, $backend:ty) => {
        fn $name<'b>(value: &'b Value<'_>, out: &mut AstPass<'_, 'b, $backend>) -> QueryResult<()> {
            match value {
                Value::BigInt(value) => out.push_bind_param::<BigInt, _>(value),
                Value::MaybeBigInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value),
                Value::Integer(value) => out.push_bind_param::<Integer, _>(value),
                Value::Bool(value) => out.push_bind_param::<Bool, _>(value),
                Value::Text(value) => out.push_bind_param::<Text, _>(*value),
                Value::MaybeText(value) => out.push_bind_param::<Nullable<Text>, _>(value),
                Value::Binary(value) => out.push_bind_param::<Binary, _>(*value),
                Value::MaybeBinary(value) => out.push_bind_param::<Nullable<Binary>, _>(value),
            }
        }
    };
}

binding!(bind, Pg);
binding!(bind_sqlite, Sqlite);

impl<S: Statement> QueryFragment<Sqlite> for SqliteRow<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let keys = S::COLUMNS.len() - S::KEYS;
        let mut values = S::COLUMNS.iter().zip(self.values).enumerate();
        match S::VERB {
            Verb::Insert | Verb::Upsert => {
                out.push_sql(&format!("INSERT INTO {} ({}) VALUES (", S::TABLE, S::COLUMNS.join(", ")));
                for (at, (_, value)) in values {
                    if at > 0 {
                        out.push_sql(", ");
                    }
                    bind_sqlite(value, &mut out)?;
                }
                out.push_sql(")");
                out.push_sql(&on_conflict::<S>());
            }
            Verb::Update => {
                out.push_sql(&format!("UPDATE {} SET ", S::TABLE));
                values.try_for_each(|(at, (column, value))| {
                    out.push_sql(match at {
                        0 => "",
                        at if at == keys => " WHERE ",
                        at if at > keys => " AND ",
                        _ => ", ",
                    });
                    out.push_sql(column);
                    out.push_sql(" = ");
                    bind_sqlite(value, &mut out)
                })?;
            }
            Verb::Delete => {
                out.push_sql(&format!("DELETE FROM {} WHERE ", S::TABLE));
                values.try_for_each(|(at, (column, value))| {
                    out.push_sql(if at == 0 { "" } else { " AND " });
                    out.push_sql(column);
                    out.push_sql(" = ");
                    bind_sqlite(value, &mut out)
                })?;
            }
        }
        Ok(())
    }
}

/// The tail of an upsert.
fn on_conflict<S: Statement>() -> String {
    if S::VERB != Verb::Upsert {
        return S::TAIL.to_owned();
    }
    let (plain, keys) = S::COLUMNS.split_at(S::COLUMNS.len() - S::KEYS);
    let sets: Vec<String> = plain.iter().map(|column| format!("{column} = excluded.{column}")).collect();
    format!(" ON CONFLICT ({}) DO UPDATE SET {}", keys.join(", "), sets.join(", "))
}

enum Column<'a> {
    /// The same in all rows.
    Same(Value<'a>),
    BigInt(Vec<i64>),
    MaybeBigInt(Vec<Option<i64>>),
    Integer(Vec<i32>),
    Bool(Vec<bool>),
    Text(Vec<&'a str>),
    MaybeText(Vec<Option<&'a str>>),
    Binary(Vec<&'a [u8]>),
    MaybeBinary(Vec<Option<&'a [u8]>>),
}

/// One column of all rows. A statement gives a column the same variant in every row.
fn column<'a: 'b, 'b>(mut values: impl Iterator<Item = &'b Value<'a>> + Clone) -> Column<'a> {
    macro_rules! gather {
        ($variant:ident) => {
            Column::$variant(
                values
                    .filter_map(|value| if let Value::$variant(value) = value { Some(*value) } else { None })
                    .collect(),
            )
        };
    }
    match values.clone().next() {
        Some(Value::BigInt(_)) => gather!(BigInt),
        Some(Value::MaybeBigInt(_)) => gather!(MaybeBigInt),
        Some(Value::Integer(_)) => gather!(Integer),
        Some(Value::Bool(_)) => gather!(Bool),
        Some(Value::MaybeText(_)) => gather!(MaybeText),
        Some(Value::Binary(_)) => gather!(Binary),
        Some(Value::MaybeBinary(_)) => gather!(MaybeBinary),
        Some(Value::Text(_)) | None => Column::Text(
            values
                .by_ref()
                .filter_map(|value| if let Value::Text(value) = value { Some(*value) } else { None })
                .collect(),
        ),
    }
}

struct PgRows<'a, S> {
    columns: Vec<Column<'a>>,
    /// How many rows; 0 where they are too many to take them by number.
    few: i32,
    statement: PhantomData<S>,
}

/// The text tells whether rows are taken by number, too.
impl<S: Statement> QueryId for PgRows<'_, S> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Statement> PgRows<'_, S> {
    fn has_same(&self) -> bool {
        self.columns.iter().any(|column| matches!(column, Column::Same(_)))
    }

    /// The columns that differ from row to row, with their names.
    fn differing(&self) -> impl Iterator<Item = (&'static str, &Column<'_>)> {
        let all = S::COLUMNS.iter().copied().zip(&self.columns);
        all.filter(|(_, column)| !matches!(column, Column::Same(_)))
    }

    /// These, as a table `u` of their own.
    fn table<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut between = if self.few > 0 { "(SELECT " } else { "unnest(" };
        for (_, column) in self.differing() {
            out.push_sql(between);
            between = if self.few > 0 { "[n], " } else { ", " };
            match column {
                Column::Same(_) => Ok(()),
                Column::BigInt(values) => out.push_bind_param::<Array<BigInt>, _>(values),
                Column::MaybeBigInt(values) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(values),
                Column::Integer(values) => out.push_bind_param::<Array<Integer>, _>(values),
                Column::Bool(values) => out.push_bind_param::<Array<Bool>, _>(values),
                Column::Text(values) => out.push_bind_param::<Array<Text>, _>(values),
                Column::MaybeText(values) => out.push_bind_param::<Array<Nullable<Text>>, _>(values),
                Column::Binary(values) => out.push_bind_param::<Array<Binary>, _>(values),
                Column::MaybeBinary(values) => out.push_bind_param::<Array<Nullable<Binary>>, _>(values),
            }?;
        }
        if self.few > 0 {
            out.push_sql("[n] FROM generate_series(1, ");
            out.push_bind_param::<Integer, _>(&self.few)?;
            out.push_sql(") AS n");
        }
        out.push_sql(") AS u (");
        for (at, (name, _)) in self.differing().enumerate() {
            out.push_sql(if at == 0 { "" } else { ", " });
            out.push_sql(name);
        }
        out.push_sql(")");
        Ok(())
    }

    /// What a column holds: of each row, or the same of all.
    fn value<'b>(name: &str, column: &'b Column<'_>, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match column {
            Column::Same(value) => bind(value, out),
            _ => {
                out.push_sql("u.");
                out.push_sql(name);
                Ok(())
            }
        }
    }
}

impl<S: Statement> QueryFragment<Pg> for PgRows<'_, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if self.has_same() {
            // The text is another for other columns, and seldom needed twice.
            out.unsafe_to_cache_prepared();
        }
        // Written piece by piece: diesel walks a statement several times for one run, and most times nobody keeps the text.
        let columns = || S::COLUMNS.iter().zip(&self.columns).enumerate();
        let keys = S::COLUMNS.len() - S::KEYS;
        match S::VERB {
            Verb::Insert | Verb::Upsert => {
                out.push_sql("INSERT INTO ");
                out.push_sql(S::TABLE);
                for (at, name) in S::COLUMNS.iter().enumerate() {
                    out.push_sql(if at == 0 { " (" } else { ", " });
                    out.push_sql(name);
                }
                out.push_sql(") SELECT ");
                if self.has_same() {
                    for (at, (name, column)) in columns() {
                        out.push_sql(if at == 0 { "" } else { ", " });
                        Self::value(name, column, &mut out)?;
                    }
                } else {
                    out.push_sql("*");
                }
                out.push_sql(" FROM ");
                self.table(&mut out)?;
                if S::VERB == Verb::Upsert || !S::TAIL.is_empty() {
                    out.push_sql(&on_conflict::<S>());
                }
            }
            Verb::Update => {
                out.push_sql("UPDATE ");
                out.push_sql(S::TABLE);
                out.push_sql(" AS t SET ");
                for (at, (name, column)) in columns().take(keys) {
                    out.push_sql(if at == 0 { "" } else { ", " });
                    out.push_sql(name);
                    out.push_sql(" = ");
                    Self::value(name, column, &mut out)?;
                }
                out.push_sql(" FROM ");
                self.table(&mut out)?;
                for (at, (name, column)) in columns().skip(keys) {
                    out.push_sql(if at == keys { " WHERE t." } else { " AND t." });
                    out.push_sql(name);
                    out.push_sql(" = ");
                    Self::value(name, column, &mut out)?;
                }
            }
            Verb::Delete => {
                out.push_sql("DELETE FROM ");
                out.push_sql(S::TABLE);
                out.push_sql(" AS t USING ");
                self.table(&mut out)?;
                for (at, (name, column)) in columns() {
                    out.push_sql(if at == 0 { " WHERE t." } else { " AND t." });
                    out.push_sql(name);
                    out.push_sql(" = ");
                    Self::value(name, column, &mut out)?;
                }
            }
        }
        Ok(())
    }
}
