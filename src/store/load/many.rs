//! Look-ups for lists of many thousands of acts: a few statements for all of them.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::Purpose;
use crate::domain::ids::{AccountId, AccountKey, PlatformId, Scope, SourceId, Tenant};
use crate::domain::relation::Relation;
use crate::domain::world::World;
use crate::store::records::{AccountRow, RelationRow};
use crate::store::schema::{accounts, relations};
use crate::store::{AnyConnection, StoreError, moves, provisioning};

/// Accounts of one statement. SQLite takes 32,766 parameters.
const TOGETHER: usize = 1_000;

/// Looks whole accounts up on SQLite and tells the world.
pub(super) fn accounts(
    connection: &mut SqliteConnection,
    world: &mut World,
    asked: &[&AccountKey],
) -> Result<(), StoreError> {
    let mut scopes: BTreeMap<&Scope, Vec<&AccountKey>> = BTreeMap::new();
    for key in asked {
        scopes.entry(&key.scope).or_default().push(key);
    }
    for (scope, keys) in scopes {
        for part in keys.chunks(TOGETHER) {
            let names: Vec<&str> = part.iter().map(|key| key.platform_id.as_str()).collect();
            let rows: Vec<AccountRow> = accounts::table
                .filter(accounts::source.eq(scope.source.as_str()))
                .filter(accounts::tenant.eq(scope.tenant.as_str()))
                .filter(accounts::platform_id.eq_any(names))
                .load(connection)?;
            let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
            let open: Vec<RelationRow> = relations::table
                .filter(relations::account_id.eq_any(ids))
                .filter(relations::valid_to.is_null())
                .load(connection)?;
            let mut open_of: HashMap<i64, Vec<Relation>> = HashMap::new();
            for row in open {
                open_of.entry(row.account_id).or_default().push(row.into_relation()?);
            }
            let mut found = HashMap::new();
            for row in rows {
                let open = open_of.remove(&row.id).unwrap_or_default();
                let account = row.into_account(open)?;
                found.insert(account.key.platform_id.clone(), account);
            }
            for key in part {
                world.learn_account((*key).clone(), found.remove(&key.platform_id));
            }
        }
    }
    Ok(())
}

/// Looks up what keeps accounts from being moved.
pub(super) fn under_way(
    connection: &mut AnyConnection,
    world: &mut World,
    asked: &[AccountId],
    purpose: Purpose,
) -> Result<(), StoreError> {
    let mut requested = moves::requested_of_many(connection, asked, purpose == Purpose::Change)?;
    let running = provisioning::running_of_many(connection, asked)?;
    for account in asked {
        world.learn_under_way(*account, requested.remove(account), running.contains(account));
    }
    Ok(())
}

/// The customers of a reseller, at most `limit`, in the order of their ids.
pub(super) fn customers_of(
    connection: &mut AnyConnection,
    reseller: AccountId,
    limit: usize,
) -> Result<Vec<AccountKey>, StoreError> {
    let rows: Vec<(String, String, String)> = relations::table
        .inner_join(accounts::table.on(accounts::id.eq(relations::account_id)))
        .filter(relations::reseller_account_id.eq(reseller.0))
        .filter(sql::<Bool>(
            "relations.valid_to IS NULL AND relations.reseller_account_id IS NOT NULL AND relations.axis = 'reseller'",
        ))
        .select((accounts::source, accounts::tenant, accounts::platform_id))
        .order(relations::account_id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)?;
    let key = |(source, tenant, id): (String, String, String)| AccountKey {
        scope: Scope { source: SourceId::stored(&source), tenant: Tenant::stored(&tenant) },
        platform_id: PlatformId::stored(&id),
    };
    Ok(rows.into_iter().map(key).collect())
}
