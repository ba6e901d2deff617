//! Findings that somebody knows of.

use std::collections::HashMap;

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::acknowledgements;
use crate::domain::ids::AccountKey;
use crate::domain::reconcile::{FindingKind, Fingerprint};

/// A finding that somebody knows of. It stays quiet until it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Of which.
    pub fingerprint: Fingerprint,
    /// Its kind.
    pub kind: FindingKind,
    /// Its source; empty where nothing told.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// The platform's ID of its account; empty where the list went by other names.
    pub platform_id: String,
    /// Why it may stay.
    pub note: String,
    /// Who says so: an operator's name, or [`crate::domain::operator::COMMAND_LINE`].
    pub operator: String,
    /// Since when, in microseconds since 1970.
    pub at: i64,
}

/// Keeps acknowledgements, within a write transaction; who knows of one already says the newest word. Returns how many
/// there were.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn keep(connection: &mut AnyConnection, these: &[Acknowledgement]) -> Result<usize, StoreError> {
    withdraw(connection, &these.iter().map(|one| one.fingerprint).collect::<Vec<_>>())?;
    let mut kept = 0;
    let mut seen = std::collections::HashSet::new();
    for one in these.iter().filter(|one| seen.insert(one.fingerprint)) {
        kept += diesel::insert_into(acknowledgements::table)
            .values((
                acknowledgements::fingerprint.eq(one.fingerprint.to_string()),
                acknowledgements::kind.eq(one.kind.as_str()),
                acknowledgements::source.eq(one.source.clone()),
                acknowledgements::tenant.eq(one.tenant.clone()),
                acknowledgements::platform_id.eq(one.platform_id.clone()),
                acknowledgements::note.eq(one.note.clone()),
                acknowledgements::operator.eq(one.operator.clone()),
                acknowledgements::at.eq(one.at),
            ))
            .execute(connection)?;
    }
    Ok(kept)
}

/// Takes acknowledgements back, within a write transaction, and returns how many there were.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn withdraw(connection: &mut AnyConnection, these: &[Fingerprint]) -> Result<usize, StoreError> {
    let names: Vec<String> = these.iter().map(ToString::to_string).collect();
    let gone = acknowledgements::table.filter(acknowledgements::fingerprint.eq_any(names));
    Ok(diesel::delete(gone).execute(connection)?)
}

/// Takes all of an account's back, within a write transaction: a note may be about a person.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn forget(connection: &mut AnyConnection, account: &AccountKey) -> Result<(), StoreError> {
    let theirs = acknowledgements::table
        .filter(acknowledgements::platform_id.eq(account.platform_id.as_str().to_owned()))
        .filter(acknowledgements::source.eq(account.scope.source.as_str().to_owned()))
        .filter(acknowledgements::tenant.eq(account.scope.tenant.as_str().to_owned()));
    diesel::delete(theirs).execute(connection)?;
    Ok(())
}

type Row = (String, String, String, String, String, String, String, i64);

fn read(row: Row) -> Result<Acknowledgement, StoreError> {
    let (fingerprint, kind, source, tenant, platform_id, note, operator, at) = row;
    Ok(Acknowledgement {
        fingerprint: Fingerprint::parse(&fingerprint)
            .ok_or_else(|| StoreError::corrupt("acknowledgements.fingerprint", &fingerprint))?,
        kind: FindingKind::parse(&kind).ok_or_else(|| StoreError::corrupt("acknowledgements.kind", &kind))?,
        source,
        tenant,
        platform_id,
        note,
        operator,
        at,
    })
}

/// Those of these findings.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub fn of(
    connection: &mut AnyConnection,
    these: &[Fingerprint],
) -> Result<HashMap<Fingerprint, Acknowledgement>, StoreError> {
    if these.is_empty() {
        return Ok(HashMap::new());
    }
    let names: Vec<String> = these.iter().map(ToString::to_string).collect();
    let rows: Vec<Row> =
        acknowledgements::table.filter(acknowledgements::fingerprint.eq_any(names)).load(connection)?;
    rows.into_iter().map(|row| read(row).map(|one| (one.fingerprint, one))).collect()
}

/// The fingerprints of at most `most`, in no order.
///
/// # Errors
/// [`StoreError`] when the statement fails or a row holds what this version does not know.
pub fn fingerprints(connection: &mut AnyConnection, most: i64) -> Result<Vec<Fingerprint>, StoreError> {
    let rows: Vec<String> =
        acknowledgements::table.select(acknowledgements::fingerprint).limit(most).load(connection)?;
    rows.iter()
        .map(|text| Fingerprint::parse(text).ok_or_else(|| StoreError::corrupt("acknowledgements.fingerprint", text)))
        .collect()
}

/// A page of all, by fingerprint, behind `after`.
///
/// # Errors
/// As [`of`].
pub fn list(
    connection: &mut AnyConnection,
    after: Option<Fingerprint>,
    limit: i64,
) -> Result<Vec<Acknowledgement>, StoreError> {
    let mut query = acknowledgements::table.into_boxed();
    if let Some(after) = after {
        query = query.filter(acknowledgements::fingerprint.gt(after.to_string()));
    }
    let rows: Vec<Row> = query.order(acknowledgements::fingerprint).limit(limit).load(connection)?;
    rows.into_iter().map(read).collect()
}
