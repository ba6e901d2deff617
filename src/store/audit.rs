//! The audit trail: who changed what, when and from where. Rows are added in the transaction of the change itself.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::audit;

/// A change as it is recorded. Nothing secret and nothing personal but names of operators and ids of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Microseconds since 1970.
    pub at: i64,
    /// Who: an operator's name, or [`crate::domain::operator::COMMAND_LINE`].
    pub operator: String,
    /// What was done, such as `operator.add`.
    pub action: String,
    /// To what: an id or a name.
    pub subject: String,
    /// More about it, as one JSON object.
    pub detail: String,
    /// From where: the peer's address, or the user of the command line.
    pub remote: String,
}

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// By this operator.
    pub operator: Option<String>,
    /// At or after, in microseconds since 1970.
    pub since: Option<i64>,
    /// This action.
    pub action: Option<String>,
}

/// Records a change, within the write transaction that makes it.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn record(connection: &mut AnyConnection, entry: &Entry) -> Result<(), StoreError> {
    diesel::insert_into(audit::table)
        .values((
            audit::at.eq(entry.at),
            audit::operator.eq(entry.operator.clone()),
            audit::action.eq(entry.action.clone()),
            audit::subject.eq(entry.subject.clone()),
            audit::detail.eq(entry.detail.clone()),
            audit::remote.eq(entry.remote.clone()),
        ))
        .execute(connection)?;
    Ok(())
}

type Row = (i64, i64, String, String, String, String, String);

/// A page of the trail, newest first, behind the entry with the id `after`. Each with its id.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn list(
    connection: &mut AnyConnection,
    filter: &AuditFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let mut query = audit::table.into_boxed();
    if let Some(operator) = &filter.operator {
        query = query.filter(audit::operator.eq(operator.clone()));
    }
    if let Some(since) = filter.since {
        query = query.filter(audit::at.ge(since));
    }
    if let Some(action) = &filter.action {
        query = query.filter(audit::action.eq(action.clone()));
    }
    if let Some(after) = after {
        query = query.filter(audit::id.lt(after));
    }
    let rows = query.order(audit::id.desc()).limit(limit).load::<Row>(connection)?;
    Ok(rows
        .into_iter()
        .map(|(id, at, operator, action, subject, detail, remote)| {
            (id, Entry { at, operator, action, subject, detail, remote })
        })
        .collect())
}
