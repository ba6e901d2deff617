//! What accounts that were made here were called before a platform synchronized them.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{account_aliases, accounts, relations, services};
use crate::domain::account::AccountStatus;
use crate::domain::ids::{AccountId, AccountKey, PlatformId, Scope, SourceId, Tenant};
use crate::domain::world::{Adopted, Sought};

/// Most accounts that are looked at which could be the same: more than one is one too many, and a refusal names some.
const SOME: i64 = 20;

/// What the account is called now that was called this before; none where nobody was.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn of(connection: &mut AnyConnection, key: &AccountKey) -> Result<Option<AccountKey>, StoreError> {
    let row: Option<(String, String, String)> = account_aliases::table
        .inner_join(accounts::table.on(accounts::id.eq(account_aliases::account_id)))
        .filter(account_aliases::source.eq(key.scope.source.as_str().to_owned()))
        .filter(account_aliases::tenant.eq(key.scope.tenant.as_str().to_owned()))
        .filter(account_aliases::platform_id.eq(key.platform_id.as_str().to_owned()))
        .select((accounts::source, accounts::tenant, accounts::platform_id))
        .load(connection)?
        .pop();
    Ok(row.map(key_of))
}

fn key_of((source, tenant, platform_id): (String, String, String)) -> AccountKey {
    AccountKey {
        scope: Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) },
        platform_id: PlatformId::stored(&platform_id),
    }
}

/// The accounts that were called this before, at most so many; within a source and a tenant where those are given.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn called(
    connection: &mut AnyConnection,
    platform_id: &str,
    source: Option<&str>,
    tenant: Option<&str>,
    most: i64,
) -> Result<Vec<AccountId>, StoreError> {
    // Only accounts that were made here ever had another name.
    let mut query = account_aliases::table
        .filter(account_aliases::source.eq(source.unwrap_or(SourceId::LOCAL).to_owned()))
        .filter(account_aliases::platform_id.eq(platform_id.to_owned()))
        .select(account_aliases::account_id)
        .order(account_aliases::account_id)
        .limit(most)
        .into_boxed();
    if let Some(tenant) = tenant {
        query = query.filter(account_aliases::tenant.eq(tenant.to_owned()));
    }
    Ok(query.load::<i64>(connection)?.into_iter().map(AccountId).collect())
}

/// The names that an account had before, the first first.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn names_of(connection: &mut AnyConnection, account: AccountId) -> Result<Vec<(AccountKey, i64)>, StoreError> {
    let rows: Vec<(String, String, String, i64)> = account_aliases::table
        .filter(account_aliases::account_id.eq(account.0))
        .order(account_aliases::since)
        .select((
            account_aliases::source,
            account_aliases::tenant,
            account_aliases::platform_id,
            account_aliases::since,
        ))
        .load(connection)?;
    Ok(rows.into_iter().map(|(source, tenant, id, since)| (key_of((source, tenant, id)), since)).collect())
}

/// Accounts that were made here and say this of themselves: a few, since two are too many already.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn alike(connection: &mut AnyConnection, sought: &Sought) -> Result<Vec<AccountKey>, StoreError> {
    // The literal conditions are those of the partial indices, which a bound parameter would not be seen to match.
    let mut query = accounts::table
        .filter(sql::<Bool>("accounts.source = 'local'"))
        .filter(accounts::tenant.eq(sought.scope.tenant.as_str().to_owned()))
        .filter(accounts::erased_second.is_null())
        .filter(
            sql::<Bool>(
                "NOT EXISTS (SELECT 1 FROM relations r JOIN accounts s ON s.id = r.reseller_account_id \
                 WHERE r.account_id = accounts.id AND r.valid_to IS NULL AND r.axis = 'reseller' \
                 AND s.source <> 'local' AND s.source <> ",
            )
            .bind::<Text, _>(sought.scope.source.as_str().to_owned())
            .sql(")"),
        )
        .filter(
            sql::<Bool>(
                "NOT EXISTS (SELECT 1 FROM relations r JOIN accounts c ON c.id = r.account_id \
                 WHERE r.reseller_account_id = accounts.id AND r.reseller_account_id IS NOT NULL AND r.valid_to IS NULL \
                 AND r.axis = 'reseller' AND c.source <> 'local' AND c.source <> ",
            )
            .bind::<Text, _>(sought.scope.source.as_str().to_owned())
            .sql(")"),
        )
        .select((accounts::source, accounts::tenant, accounts::platform_id))
        .order(accounts::id)
        .limit(SOME)
        .into_boxed();
    match &sought.external_id {
        Some(external_id) => {
            query = query
                .filter(accounts::source.eq(SourceId::LOCAL))
                .filter(accounts::external_id.eq(external_id.as_str().to_owned()));
        }
        None => query = query.filter(accounts::status.eq(AccountStatus::Active.as_str())),
    }
    if let Some(code) = &sought.code {
        query = query.filter(sql::<Bool>("accounts.code <> ''")).filter(accounts::code.eq(code.clone()));
    }
    if let Some(email) = &sought.email {
        query = query
            .filter(sql::<Bool>("accounts.email <> ''"))
            .filter(sql::<Text>("lower(accounts.email)").eq(email.clone()));
    }
    if let Some(name) = &sought.name {
        query = query.filter(accounts::name.eq(name.clone()));
    }
    let rows: Vec<(String, String, String)> = query.load(connection)?;
    Ok(rows.into_iter().map(key_of).collect())
}

/// Gives accounts the names that a platform has for them, with what is called by those names.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn adopt(connection: &mut AnyConnection, adopted: &[Adopted]) -> Result<(), StoreError> {
    for Adopted { account, was, now, at } in adopted {
        let (source, tenant, platform_id) =
            (now.scope.source.as_str(), now.scope.tenant.as_str(), now.platform_id.as_str());
        diesel::update(accounts::table.filter(accounts::id.eq(account.0)))
            .set((
                accounts::source.eq(source.to_owned()),
                accounts::tenant.eq(tenant.to_owned()),
                accounts::platform_id.eq(platform_id.to_owned()),
            ))
            .execute(connection)?;
        diesel::insert_into(account_aliases::table)
            .values((
                account_aliases::source.eq(was.scope.source.as_str().to_owned()),
                account_aliases::tenant.eq(was.scope.tenant.as_str().to_owned()),
                account_aliases::platform_id.eq(was.platform_id.as_str().to_owned()),
                account_aliases::account_id.eq(account.0),
                account_aliases::since.eq(*at),
            ))
            .execute(connection)?;
        // The platform names its services within its own source and tenant.
        // One whose name another service has there already keeps its own.
        let own = services::table
            .filter(services::account_id.eq(account.0))
            .filter(services::source.eq(was.scope.source.as_str().to_owned()))
            .filter(
                sql::<Bool>(
                    "NOT EXISTS (SELECT 1 FROM services t WHERE t.external_id = services.external_id AND t.source = ",
                )
                .bind::<Text, _>(source.to_owned())
                .sql(" AND t.tenant = ")
                .bind::<Text, _>(tenant.to_owned())
                .sql(")"),
            );
        diesel::update(own)
            .set((services::source.eq(source.to_owned()), services::tenant.eq(tenant.to_owned())))
            .execute(connection)?;
        let customers = relations::table
            .filter(relations::reseller_account_id.eq(account.0))
            .filter(relations::reseller_platform_id.eq(was.platform_id.as_str().to_owned()))
            .filter(sql::<Bool>("valid_to IS NULL AND reseller_account_id IS NOT NULL AND axis = 'reseller'"));
        // What was taken over of them as reported, before the platform named the reseller itself.
        let open = relations::table.filter(relations::reseller_account_id.eq(account.0)).filter(sql::<Bool>(
            "relations.valid_to IS NULL AND relations.reseller_account_id IS NOT NULL AND relations.axis = 'reseller'",
        ));
        let reported = accounts::table
            .filter(accounts::id.eq_any(open.select(relations::account_id)))
            .filter(accounts::source.eq(source.to_owned()))
            .filter(accounts::reported_reseller.eq(was.platform_id.as_str().to_owned()));
        diesel::update(reported).set(accounts::reported_reseller.eq(platform_id.to_owned())).execute(connection)?;
        diesel::update(customers)
            .set(relations::reseller_platform_id.eq(platform_id.to_owned()))
            .execute(connection)?;
    }
    Ok(())
}
