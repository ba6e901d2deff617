//! What each source has ever sent, counted.

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::source_shape;
use crate::domain::options::{OptionSet, OptionValue};
use crate::domain::shape::{OPTIONS, Seen, ShapeKey, ShapeKind};

struct Add;

impl Statement for Add {
    const TABLE: &'static str = "source_shape";
    const VERB: Verb = Verb::Insert;
    const COLUMNS: &'static [&'static str] =
        &["source", "kind", "name", "value", "first_seen", "last_seen", "times", "known"];
    const TAIL: &'static str = " ON CONFLICT (source, kind, name, value) DO UPDATE SET \
        first_seen = CASE WHEN excluded.first_seen < source_shape.first_seen \
            THEN excluded.first_seen ELSE source_shape.first_seen END, \
        last_seen = CASE WHEN excluded.last_seen > source_shape.last_seen \
            THEN excluded.last_seen ELSE source_shape.last_seen END, \
        times = source_shape.times + excluded.times, known = excluded.known";
}

/// Adds to what was counted, within a write transaction. `rows` stand in the order of their keys, so that two receivers
/// that add at once wait for each other instead of for ever, and no key comes twice.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn add(connection: &mut AnyConnection, rows: &[(ShapeKey, Seen)]) -> Result<(), StoreError> {
    let mut add = Rows::<Add>::default();
    for (key, seen) in rows {
        add.push([
            Value::Text(&key.source),
            Value::Text(key.kind.as_str()),
            Value::Text(&key.name),
            Value::Text(&key.value),
            Value::BigInt(seen.first),
            Value::BigInt(seen.last),
            Value::BigInt(seen.times),
            Value::Bool(seen.known),
        ]);
    }
    add.write(connection)?;
    Ok(())
}

/// Forgets the values of an account's options, within a write transaction: they may be about a person. What others say,
/// too, is counted anew.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn forget(connection: &mut AnyConnection, source: &str, options: &OptionSet) -> Result<(), StoreError> {
    for (id, value) in options.iter() {
        let mut texts: Vec<String> = match value {
            OptionValue::List(items) => items.iter().filter_map(OptionValue::as_text).map(str::to_owned).collect(),
            OptionValue::Secret(_) => continue,
            single => single.as_text().into_iter().map(str::to_owned).collect(),
        };
        // In order, as others add.
        texts.sort();
        diesel::delete(
            source_shape::table
                .filter(source_shape::source.eq(source.to_owned()))
                .filter(source_shape::kind.eq(ShapeKind::Value.as_str()))
                .filter(source_shape::name.eq(format!("{OPTIONS}{id}")))
                .filter(source_shape::value.eq_any(texts)),
        )
        .execute(connection)?;
    }
    Ok(())
}

type Row = (String, String, String, String, i64, i64, i64, bool);

/// A page of what was counted, by source, kind, name and value, behind `after`: of one source or of all, seen first at or
/// after `since`, in microseconds since 1970, if any.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    source: Option<&str>,
    since: Option<i64>,
    after: Option<&ShapeKey>,
    limit: i64,
) -> Result<Vec<(ShapeKey, Seen)>, StoreError> {
    let mut query = source_shape::table.into_boxed();
    if let Some(source) = source {
        query = query.filter(source_shape::source.eq(source.to_owned()));
    }
    if let Some(since) = since {
        query = query.filter(source_shape::first_seen.ge(since));
    }
    if let Some(ShapeKey { source, kind, name, value }) = after {
        let same_source = source_shape::source.eq(source.clone());
        let same_kind = source_shape::kind.eq(kind.as_str());
        let behind_name = source_shape::name
            .gt(name.clone())
            .or(source_shape::name.eq(name.clone()).and(source_shape::value.gt(value.clone())));
        let behind_kind = source_shape::kind.gt(kind.as_str()).or(same_kind.and(behind_name));
        query = query.filter(source_shape::source.gt(source.clone()).or(same_source.and(behind_kind)));
    }
    let rows: Vec<Row> = query
        .order((source_shape::source, source_shape::kind, source_shape::name, source_shape::value))
        .limit(limit)
        .load(connection)?;
    rows.into_iter().map(read).collect()
}

fn read((source, kind, name, value, first, last, times, known): Row) -> Result<(ShapeKey, Seen), StoreError> {
    let kind = ShapeKind::parse(&kind).ok_or_else(|| StoreError::corrupt("source_shape.kind", &kind))?;
    Ok((ShapeKey { source, kind, name, value }, Seen { first, last, times, known }))
}
