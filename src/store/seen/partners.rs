//! The registry of partners as an operator sees it: who sees some resellers sees the partners that are these resellers.

use std::collections::HashMap;

use diesel::prelude::*;

use super::Page;
use crate::domain::ids::{AccountId, PartnerId};
use crate::domain::operator::Visible;
use crate::store::partners::list::{self, PartnerFilter};
use crate::store::partners::{Stored, relate};
use crate::store::schema::accounts;
use crate::store::{AnyConnection, StoreError};

/// The account of a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerAccount {
    /// Our id.
    pub id: AccountId,
    /// Its source.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// The platform's ID.
    pub platform_id: String,
    /// The vendor's ID.
    pub external_id: String,
    /// Its name.
    pub name: String,
}

impl PartnerAccount {
    /// As lists name it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.source, self.tenant, self.platform_id)
    }
}

/// A partner with its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The partner.
    pub stored: Stored,
    /// Its account as a reseller.
    pub reseller: Option<PartnerAccount>,
}

/// A page of partners behind `after`, by their IDs.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &PartnerFilter,
    after: Option<&PartnerId>,
    limit: i64,
) -> Result<(Vec<Listed>, Option<PartnerId>), StoreError> {
    let rows = list::list(connection, see, filter, after, limit + 1)?;
    let most = usize::try_from(limit).unwrap_or(0);
    let next = (rows.len() > most).then(|| rows.get(most.saturating_sub(1)).map(|last| last.partner.id.clone()));
    let page = Page::<Stored, ()> { items: rows.into_iter().take(most).collect(), next: None };
    Ok((with_accounts(connection, page.items)?, next.flatten()))
}

/// The partner of this ID or alias, if it may be seen.
///
/// # Errors
/// As [`list`].
pub fn find(connection: &mut AnyConnection, see: &Visible, id: &PartnerId) -> Result<Option<Listed>, StoreError> {
    let filter = PartnerFilter { named: Some(id.clone()), ..PartnerFilter::default() };
    Ok(list(connection, see, &filter, None, 1)?.0.pop())
}

/// How many customers are related to a partner that may be seen. Whoever sees a partner sees how many it has.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn customers(connection: &mut AnyConnection, listed: &Listed) -> Result<i64, StoreError> {
    relate::customers(connection, &listed.stored.partner.id)
}

fn with_accounts(connection: &mut AnyConnection, rows: Vec<Stored>) -> Result<Vec<Listed>, StoreError> {
    let mut ids: Vec<i64> = rows.iter().filter_map(|stored| stored.partner.reseller).map(|id| id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found: HashMap<AccountId, PartnerAccount> = HashMap::new();
    for chunk in ids.chunks(500) {
        let rows: Vec<(i64, String, String, String, String, String)> = accounts::table
            .filter(accounts::id.eq_any(chunk.to_vec()))
            .select((
                accounts::id,
                accounts::source,
                accounts::tenant,
                accounts::platform_id,
                accounts::external_id,
                accounts::name,
            ))
            .load(connection)?;
        for (id, source, tenant, platform_id, external_id, name) in rows {
            let id = AccountId(id);
            found.insert(id, PartnerAccount { id, source, tenant, platform_id, external_id, name });
        }
    }
    let account = |stored: &Stored| stored.partner.reseller.and_then(|id| found.get(&id).cloned());
    Ok(rows.into_iter().map(|stored| Listed { reseller: account(&stored), stored }).collect())
}
