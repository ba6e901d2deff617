//! The sources that this database has accounts of.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{accounts, sources};

/// A source as it is configured now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Its id.
    pub id: String,
    /// Its tenant setting, empty for none.
    pub tenant_setting: String,
}

/// A source that was ever configured.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Its tenant setting when a receiver last started, empty for none.
    pub tenant_setting: String,
    /// When it was first configured, in microseconds since 1970.
    pub registered_at: i64,
}

/// A page of the sources that were ever configured, by id, behind `after`.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn list(connection: &mut AnyConnection, after: &str, limit: i64) -> Result<Vec<Known>, StoreError> {
    Ok(sources::table.filter(sources::id.gt(after.to_owned())).order(sources::id).limit(limit).load(connection)?)
}

/// Whether a source was ever configured.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn is_known(connection: &mut AnyConnection, id: &str) -> Result<bool, StoreError> {
    let found: Option<String> =
        sources::table.filter(sources::id.eq(id.to_owned())).select(sources::id).first(connection).optional()?;
    Ok(found.is_some())
}

/// The sources whose tenant setting is another than when they were registered, though they have accounts.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn changed(connection: &mut AnyConnection, configured: &[Registered]) -> Result<Vec<String>, StoreError> {
    let mut changed = Vec::new();
    for source in configured {
        let known: Option<String> = sources::table
            .filter(sources::id.eq(source.id.clone()))
            .select(sources::tenant_setting)
            .first(connection)
            .optional()?;
        if known.is_some_and(|known| known != source.tenant_setting) {
            let account: Option<i64> = accounts::table
                .filter(accounts::source.eq(source.id.clone()))
                .select(accounts::id)
                .first(connection)
                .optional()?;
            if account.is_some() {
                changed.push(source.id.clone());
            }
        }
    }
    Ok(changed)
}

/// Registers sources, within a write transaction.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn register(connection: &mut AnyConnection, configured: &[Registered], now: i64) -> Result<(), StoreError> {
    for source in configured {
        let set = diesel::update(sources::table.filter(sources::id.eq(source.id.clone())))
            .set(sources::tenant_setting.eq(source.tenant_setting.clone()))
            .execute(connection)?;
        if set == 0 {
            diesel::insert_into(sources::table)
                .values((
                    sources::id.eq(source.id.clone()),
                    sources::tenant_setting.eq(source.tenant_setting.clone()),
                    sources::registered_at.eq(now),
                ))
                .execute(connection)?;
        }
    }
    Ok(())
}
