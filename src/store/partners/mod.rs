//! The vendor's registry of partners: read here, changed in [`change`], and what a change means for the customers in
//! [`relate`].

pub mod change;
pub mod list;
pub mod relate;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_query;

use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{accounts, partner_aliases, partner_registry, partners};
use crate::domain::account::AccountKind;
use crate::domain::ids::{AccountId, PartnerId};
use crate::domain::partner::{Holder, Meaning, Partner, PartnerStatus, Standing, Successor};

/// Names in one statement.
const CHUNK: usize = 500;

/// The lock under which the registry changes on PostgreSQL, per schema: exclusive for who changes it, shared for batches
/// whose calls may name partners, which begin with it ([`super::transaction::Locks`]). SQLite has one writer.
pub(super) const SHARE: &str = "SELECT pg_advisory_xact_lock_shared(20819, hashtext(current_schema()))";
const TAKE: &str = "SELECT pg_advisory_xact_lock(20819, hashtext(current_schema()))";

/// Keeps others from changing the registry until this transaction ends, and waits for whoever does.
///
/// # Errors
/// [`StoreError::Contended`] where that takes too long, others when the statement fails.
pub fn share(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection {
        sql_query(SHARE).execute(postgres)?;
    }
    Ok(())
}

/// Waits until nobody names a partner, and keeps everybody from it until this transaction ends. A statement of its own:
/// what comes behind it sees what was committed meanwhile (PostgreSQL manual, 13.2.1).
///
/// # Errors
/// As [`share`].
pub fn take(connection: &mut AnyConnection) -> Result<(), StoreError> {
    if let AnyConnection::Postgres(postgres) = connection {
        sql_query(TAKE).execute(postgres)?;
    }
    Ok(())
}

/// Counts the changes of the registry.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn revision(connection: &mut AnyConnection) -> Result<i64, StoreError> {
    // Not `first`: its LIMIT keeps diesel from caching the statement.
    let row: Vec<i64> = partner_registry::table
        .filter(partner_registry::id.eq(1))
        .select(partner_registry::revision)
        .load(connection)?;
    row.first().copied().ok_or_else(|| StoreError::Corrupt("no row in partner_registry".to_owned()))
}

/// A row of `partners`, its columns in order.
#[derive(Debug, Clone, Queryable)]
struct PartnerRow {
    partner_id: String,
    name: String,
    status: String,
    status_from: Option<i64>,
    status_until: Option<i64>,
    successor: Option<String>,
    successor_from: Option<i64>,
    reseller_account_id: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

/// A partner as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The partner.
    pub partner: Partner,
    /// Microseconds since 1970 at which it came into the registry.
    pub created_at: i64,
    /// Microseconds since 1970 at which it was changed last.
    pub updated_at: i64,
}

impl PartnerRow {
    fn into_stored(self, aliases: BTreeSet<PartnerId>) -> Result<Stored, StoreError> {
        let status = PartnerStatus::parse(&self.status);
        let partner = Partner {
            id: PartnerId::stored(&self.partner_id),
            name: self.name,
            standing: Standing {
                status: status.ok_or_else(|| StoreError::corrupt("partners.status", &self.status))?,
                from: self.status_from,
                until: self.status_until,
            },
            aliases,
            successor: match (self.successor, self.successor_from) {
                (Some(id), Some(from)) => Some(Successor { id: PartnerId::stored(&id), from }),
                _ => None,
            },
            reseller: self.reseller_account_id.map(AccountId),
        };
        Ok(Stored { partner, created_at: self.created_at, updated_at: self.updated_at })
    }
}

/// Adds the aliases to rows, in their order.
fn complete(connection: &mut AnyConnection, rows: Vec<PartnerRow>) -> Result<Vec<Stored>, StoreError> {
    let mut aliases: HashMap<String, BTreeSet<PartnerId>> = HashMap::new();
    for chunk in rows.chunks(CHUNK) {
        let ids: Vec<String> = chunk.iter().map(|row| row.partner_id.clone()).collect();
        let found: Vec<(String, String)> =
            partner_aliases::table.filter(partner_aliases::partner_id.eq_any(ids)).load(connection)?;
        for (alias, partner) in found {
            aliases.entry(partner).or_default().insert(PartnerId::stored(&alias));
        }
    }
    rows.into_iter()
        .map(|row| {
            let aliases = aliases.remove(&row.partner_id).unwrap_or_default();
            row.into_stored(aliases)
        })
        .collect()
}

/// The partners of these IDs; aliases are not looked for.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn by_ids<'a>(
    connection: &mut AnyConnection,
    ids: impl IntoIterator<Item = &'a PartnerId>,
) -> Result<HashMap<PartnerId, Stored>, StoreError> {
    let ids: Vec<String> = ids.into_iter().map(ToString::to_string).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        let rows =
            partners::table.filter(partners::partner_id.eq_any(chunk.to_vec())).load::<PartnerRow>(connection)?;
        found.extend(complete(connection, rows)?.into_iter().map(|stored| (stored.partner.id.clone(), stored)));
    }
    Ok(found)
}

/// The partner of this ID; aliases are not looked for.
///
/// # Errors
/// As [`by_ids`].
pub fn find(connection: &mut AnyConnection, id: &PartnerId) -> Result<Option<Stored>, StoreError> {
    Ok(by_ids(connection, [id])?.remove(id))
}

/// One of those whom a partner succeeds.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn predecessor(connection: &mut AnyConnection, id: &PartnerId) -> Result<Option<PartnerId>, StoreError> {
    let found: Vec<String> = partners::table
        .filter(partners::successor.eq(id.to_string()))
        .filter(partners::successor.is_not_null())
        .select(partners::partner_id)
        .limit(1)
        .load(connection)?;
    Ok(found.first().map(|id| PartnerId::stored(id)))
}

/// An account that may be a partner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Our id.
    pub id: AccountId,
    /// What it is.
    pub kind: AccountKind,
    /// Whether it is alive.
    pub active: bool,
}

/// The accounts that are called `source/tenant/platform_id`, or else that have this ExternalID; at most two, since one is
/// meant.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn accounts_named(connection: &mut AnyConnection, name: &str) -> Result<Vec<Candidate>, StoreError> {
    let columns = (accounts::id, accounts::kind, accounts::status);
    let mut parts = name.splitn(3, '/');
    let mut rows: Vec<(i64, String, String)> = Vec::new();
    if let (Some(source), Some(tenant), Some(platform_id)) = (parts.next(), parts.next(), parts.next()) {
        rows = accounts::table
            .filter(accounts::source.eq(source.to_owned()))
            .filter(accounts::tenant.eq(tenant.to_owned()))
            .filter(accounts::platform_id.eq(platform_id.to_owned()))
            .select(columns)
            .load(connection)?;
    }
    if rows.is_empty() {
        rows = accounts::table
            .filter(accounts::external_id.eq(name.to_owned()))
            .select(columns)
            .limit(2)
            .load(connection)?;
    }
    rows.into_iter()
        .map(|(id, kind, status)| {
            Ok(Candidate {
                id: AccountId(id),
                kind: AccountKind::parse(&kind).ok_or_else(|| StoreError::corrupt("accounts.kind", &kind))?,
                active: status == "active",
            })
        })
        .collect()
}

/// Which partner each of these aliases belongs to.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn owners<'a>(
    connection: &mut AnyConnection,
    aliases: impl IntoIterator<Item = &'a PartnerId>,
) -> Result<HashMap<PartnerId, PartnerId>, StoreError> {
    let aliases: Vec<String> = aliases.into_iter().map(ToString::to_string).collect();
    let mut found = HashMap::new();
    for chunk in aliases.chunks(CHUNK) {
        let rows: Vec<(String, String)> =
            partner_aliases::table.filter(partner_aliases::alias.eq_any(chunk.to_vec())).load(connection)?;
        found.extend(rows.into_iter().map(|(alias, owner)| (PartnerId::stored(&alias), PartnerId::stored(&owner))));
    }
    Ok(found)
}

/// What IDs mean; who is not there means nobody.
///
/// # Errors
/// As [`by_ids`].
pub fn meanings(
    connection: &mut AnyConnection,
    names: &BTreeSet<PartnerId>,
) -> Result<HashMap<PartnerId, Arc<Meaning>>, StoreError> {
    let owners = owners(connection, names)?;
    let stored = by_ids(connection, names.iter().chain(owners.values()).collect::<BTreeSet<_>>())?;
    let mut holders: HashMap<PartnerId, Option<Arc<Holder>>> =
        stored.into_iter().map(|(id, stored)| (id, Some(Arc::new(Holder::from(&stored.partner))))).collect();
    let mut found = HashMap::with_capacity(names.len());
    for name in names {
        let id = if holders.contains_key(name) { name } else { owners.get(name).unwrap_or(name) };
        let Some(Some(first)) = holders.get(id).cloned() else { continue };
        let meaning = Meaning::follow(first, |id| {
            if let Some(known) = holders.get(id) {
                return Ok(known.clone());
            }
            let holder = find(connection, id)?.map(|stored| Arc::new(Holder::from(&stored.partner)));
            holders.insert(id.clone(), holder.clone());
            Ok::<_, StoreError>(holder)
        })?;
        found.insert(name.clone(), Arc::new(meaning));
    }
    Ok(found)
}

/// All IDs whose customers may be those of one of these partners: their own, their aliases, and those of all whom they
/// succeed. Names that nobody has are among them as they are.
///
/// # Errors
/// [`StoreError`] when a statement fails.
pub fn names_of(
    connection: &mut AnyConnection,
    partners_asked: impl IntoIterator<Item = PartnerId>,
) -> Result<BTreeSet<PartnerId>, StoreError> {
    let mut names: BTreeSet<PartnerId> = BTreeSet::new();
    let mut next: Vec<PartnerId> = partners_asked.into_iter().collect();
    while !next.is_empty() {
        let mut before = Vec::new();
        for chunk in next.chunks(CHUNK) {
            let ids: Vec<String> = chunk.iter().map(ToString::to_string).collect();
            let aliases: Vec<String> = partner_aliases::table
                .filter(partner_aliases::partner_id.eq_any(ids.clone()))
                .select(partner_aliases::alias)
                .load(connection)?;
            let predecessors: Vec<String> = partners::table
                .filter(partners::successor.eq_any(ids))
                .filter(partners::successor.is_not_null())
                .select(partners::partner_id)
                .load(connection)?;
            names.extend(aliases.iter().map(|alias| PartnerId::stored(alias)));
            before.extend(predecessors.iter().map(|id| PartnerId::stored(id)));
        }
        names.extend(next);
        before.retain(|id| !names.contains(id));
        before.sort();
        before.dedup();
        next = before;
    }
    Ok(names)
}
