//! Operators and their tokens' hashes.

use diesel::prelude::*;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{operator_resellers, operators};
use crate::domain::act::OperatorChange;
use crate::domain::ids::AccountId;
use crate::domain::operator::{Operator, Role};

type Row = (String, String, i64, Option<i64>, Option<i64>);

const COLUMNS: (operators::name, operators::role, operators::created_at, operators::expires_at, operators::revoked_at) =
    (operators::name, operators::role, operators::created_at, operators::expires_at, operators::revoked_at);

fn operator(connection: &mut AnyConnection, row: Row) -> Result<Operator, StoreError> {
    let (name, role, created_at, expires_at, revoked_at) = row;
    let resellers: Vec<i64> = operator_resellers::table
        .filter(operator_resellers::operator.eq(name.clone()))
        .order(operator_resellers::account_id)
        .select(operator_resellers::account_id)
        .load(connection)?;
    Ok(Operator {
        role: Role::parse(&role).ok_or_else(|| StoreError::corrupt("operators.role", &role))?,
        name,
        resellers: resellers.into_iter().map(AccountId).collect(),
        created_at,
        expires_at,
        revoked_at,
    })
}

/// The operator whose token has this hash, whether the token is still good or not.
///
/// # Errors
/// [`StoreError`] when a statement fails or the row holds what this version does not know.
pub fn by_token(connection: &mut AnyConnection, hash: &[u8; 32]) -> Result<Option<Operator>, StoreError> {
    let row = operators::table
        .filter(operators::token_hash.eq(hash.to_vec()))
        .select(COLUMNS)
        .first::<Row>(connection)
        .optional()?;
    row.map(|row| operator(connection, row)).transpose()
}

/// The operator of this name.
///
/// # Errors
/// As [`by_token`].
pub fn find(connection: &mut AnyConnection, name: &str) -> Result<Option<Operator>, StoreError> {
    let row = operators::table.filter(operators::name.eq(name)).select(COLUMNS).first::<Row>(connection).optional()?;
    row.map(|row| operator(connection, row)).transpose()
}

/// A page of operators behind `after`, by name.
///
/// # Errors
/// As [`by_token`].
pub fn list(connection: &mut AnyConnection, after: Option<&str>, limit: i64) -> Result<Vec<Operator>, StoreError> {
    let mut query = operators::table.select(COLUMNS).into_boxed();
    if let Some(after) = after {
        query = query.filter(operators::name.gt(after.to_owned()));
    }
    let rows = query.order(operators::name).limit(limit).load::<Row>(connection)?;
    rows.into_iter().map(|row| operator(connection, row)).collect()
}

/// The reseller_admins of an account that are not revoked, by name.
///
/// # Errors
/// As [`by_token`].
pub fn of(connection: &mut AnyConnection, account: AccountId) -> Result<Vec<Operator>, StoreError> {
    let names: Vec<String> = operator_resellers::table
        .filter(operator_resellers::account_id.eq(account.0))
        .order(operator_resellers::operator)
        .select(operator_resellers::operator)
        .load(connection)?;
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.extend(find(connection, &name)?.filter(|operator| operator.revoked_at.is_none()));
    }
    Ok(found)
}

/// Carries out what acts make of operators, within a write transaction.
///
/// # Errors
/// [`StoreError::Contended`] when somebody took a name meanwhile, others when a statement fails.
pub(super) fn save(connection: &mut AnyConnection, changes: &[OperatorChange]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            OperatorChange::Add { operator, token_hash } => {
                if !add(connection, operator, token_hash)? {
                    return Err(StoreError::Contended(format!("operator {} was added meanwhile", operator.name)));
                }
            }
            OperatorChange::Leave { name, account } => {
                diesel::delete(operator_resellers::table)
                    .filter(operator_resellers::operator.eq(name.clone()))
                    .filter(operator_resellers::account_id.eq(account.0))
                    .execute(connection)?;
            }
            OperatorChange::Revoke { name, at, .. } => {
                revoke(connection, name, *at)?;
            }
        }
    }
    Ok(())
}

/// Adds an operator, within a write transaction; false when the name is taken, also by one that was revoked.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn add(connection: &mut AnyConnection, new: &Operator, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
    if find(connection, &new.name)?.is_some() {
        return Ok(false);
    }
    diesel::insert_into(operators::table)
        .values((
            operators::name.eq(new.name.clone()),
            operators::role.eq(new.role.as_str()),
            operators::token_hash.eq(token_hash.to_vec()),
            operators::created_at.eq(new.created_at),
            operators::expires_at.eq(new.expires_at),
            operators::revoked_at.eq(new.revoked_at),
        ))
        .execute(connection)?;
    for reseller in &new.resellers {
        diesel::insert_into(operator_resellers::table)
            .values((operator_resellers::operator.eq(new.name.clone()), operator_resellers::account_id.eq(reseller.0)))
            .execute(connection)?;
    }
    Ok(true)
}

/// Revokes an operator's token, within a write transaction; false when there is none of this name or it was revoked.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn revoke(connection: &mut AnyConnection, name: &str, now: i64) -> Result<bool, StoreError> {
    let revoked = diesel::update(operators::table)
        .filter(operators::name.eq(name.to_owned()))
        .filter(operators::revoked_at.is_null())
        .set(operators::revoked_at.eq(Some(now)))
        .execute(connection)?;
    Ok(revoked > 0)
}
