//! Conditions of a `WHERE`, for what diesel's typed ones cannot say on both databases. The text is ours, the values are
//! bound.

use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, Text};

use super::connection::AnyConnection;
use crate::domain::ids::AccountId;

/// The backend of both databases at once.
type Any = <AnyConnection as diesel::connection::Connection>::Backend;

#[derive(Debug, Clone)]
enum Part {
    Sql(&'static str),
    Number(i64),
    Text(String),
}

/// A condition.
#[derive(Debug, Clone)]
pub struct Condition(Vec<Part>);

impl Condition {
    /// Begins one with this text.
    #[must_use]
    pub fn new(sql: &'static str) -> Self {
        Self(vec![Part::Sql(sql)])
    }

    /// Goes on with this text.
    #[must_use]
    pub fn sql(mut self, sql: &'static str) -> Self {
        self.0.push(Part::Sql(sql));
        self
    }

    /// Binds a number.
    #[must_use]
    pub fn number(mut self, number: i64) -> Self {
        self.0.push(Part::Number(number));
        self
    }

    /// Binds a text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.0.push(Part::Text(text.to_owned()));
        self
    }

    /// Binds a list of ids, as it stands within `IN (…)`. An empty one matches nothing.
    #[must_use]
    pub fn ids(mut self, ids: &[AccountId]) -> Self {
        if ids.is_empty() {
            return self.sql("NULL");
        }
        for (at, id) in ids.iter().enumerate() {
            if at > 0 {
                self = self.sql(", ");
            }
            self = self.number(id.0);
        }
        self
    }

    /// Goes on with another one.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Expression for Condition {
    type SqlType = Bool;
}

impl<T> AppearsOnTable<T> for Condition {}
impl<T> SelectableExpression<T> for Condition {}

impl<G> ValidGrouping<G> for Condition {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Condition {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Any> for Condition {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Any>) -> QueryResult<()> {
        // Lists differ in length, so each text would stay in the cache for one use.
        out.unsafe_to_cache_prepared();
        out.push_sql("(");
        for part in &self.0 {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::Number(number) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Text(text) => out.push_bind_param::<Text, _>(text)?,
            }
        }
        out.push_sql(")");
        Ok(())
    }
}

/// A pattern for `LIKE … ESCAPE '!'` that finds `text` anywhere.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::containing;

    #[test]
    fn patterns_match_what_was_typed() {
        assert_eq!(containing("50%_off!"), "%50!%!_off!!%");
    }
}
