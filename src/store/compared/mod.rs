//! All accounts as a reconciliation needs them: lean rows in the order of our ids, page by page, each with what its
//! relations tell. A million are read in seconds, since every page is a range of each table.

mod past;
mod then;

use std::collections::{HashMap, VecDeque};

use diesel::prelude::*;

use super::condition::Condition;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::accounts;
use crate::domain::account::{AccountKind, AccountStatus, Hold, Report};
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::reconcile::{Other, Ours, Since};

/// Accounts of a page. Their rows and relations are in memory at once: some 4 MiB.
const PAGE: i64 = 4_096;

/// Names in one statement.
const CHUNK: usize = 500;

/// Accounts at the other ends of relations that are kept: some 10 MiB. Resellers come again and again.
const MAX_OTHERS: usize = 32_768;

/// Which accounts, and as of when.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Of this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// As they were, and as they were known, at this time in microseconds since 1970; none for now.
    pub as_of: Option<i64>,
    /// The beginning of a book that is kept, in microseconds since 1970: who the reseller was then.
    pub since: Option<i64>,
    /// How long a way to another reseller and back may take to be told, in microseconds.
    pub flapping_within: i64,
}

type Row = (
    (i64, String, String, String, String, String, String, String, String, String),
    (Option<String>, Option<String>, Option<String>, Option<String>, i64, Option<i64>),
);

/// Reads all accounts that are wanted, each once. Begin a [`super::snapshot`] to see them all as of one moment.
pub struct Accounts<'c> {
    connection: &'c mut AnyConnection,
    wanted: Wanted,
    after: i64,
    page: VecDeque<Ours>,
    others: HashMap<i64, Option<Other>>,
    ended: bool,
}

impl<'c> Accounts<'c> {
    /// Begins to read.
    #[must_use]
    pub fn read(connection: &'c mut AnyConnection, wanted: Wanted) -> Self {
        let page = VecDeque::new();
        Self { connection, wanted, after: i64::MIN, page, others: HashMap::new(), ended: false }
    }

    fn fill(&mut self) -> Result<(), StoreError> {
        while self.page.is_empty() && !self.ended {
            let rows = self.rows()?;
            self.ended = rows.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let (Some(first), Some(last)) = (rows.first().map(|row| row.0.0), rows.last().map(|row| row.0.0)) else {
                return Ok(());
            };
            self.after = last;
            let mut page = Vec::with_capacity(rows.len());
            for row in rows {
                page.push(lean(row)?);
            }
            if let Some(at) = self.wanted.as_of {
                then::rewind(self.connection, &mut page, at)?;
            }
            past::attach(self.connection, &mut page, (first, last), &self.wanted, &mut self.others)?;
            if self.others.len() > MAX_OTHERS {
                self.others.clear();
            }
            self.page = page.into();
        }
        Ok(())
    }

    fn rows(&mut self) -> Result<Vec<Row>, StoreError> {
        let mut query = accounts::table
            .select((
                (
                    accounts::id,
                    accounts::source,
                    accounts::tenant,
                    accounts::platform_id,
                    accounts::external_id,
                    accounts::kind,
                    accounts::status,
                    accounts::name,
                    accounts::code,
                    accounts::email,
                ),
                (
                    accounts::reported_kind,
                    accounts::reported_reseller,
                    accounts::reported_external_id,
                    accounts::hold,
                    accounts::first_seen,
                    accounts::last_delivery,
                ),
            ))
            .filter(accounts::id.gt(self.after))
            .into_boxed();
        if self.wanted.since.is_none() {
            // What no platform ever sent and is deleted is what an undone import leaves behind: as good as not here.
            query = query.filter(Condition::new("accounts.status <> 'deleted' OR accounts.reported_kind IS NOT NULL"));
        }
        if let Some(source) = &self.wanted.source {
            query = query.filter(accounts::source.eq(source.clone()));
        }
        if let Some(tenant) = &self.wanted.tenant {
            query = query.filter(accounts::tenant.eq(tenant.clone()));
        }
        if let Some(at) = self.wanted.as_of {
            query = query.filter(accounts::first_seen.le(at));
        }
        Ok(query.order(accounts::id).limit(PAGE).load::<Row>(self.connection)?)
    }
}

impl Iterator for Accounts<'_> {
    type Item = Result<Ours, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.fill() {
            self.ended = true;
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}

fn kind(name: &str) -> Result<AccountKind, StoreError> {
    AccountKind::parse(name).ok_or_else(|| StoreError::corrupt("accounts.kind", name))
}

fn status(name: &str) -> Result<AccountStatus, StoreError> {
    AccountStatus::parse(name).ok_or_else(|| StoreError::corrupt("accounts.status", name))
}

fn key(source: &str, tenant: &str, platform_id: &str) -> AccountKey {
    AccountKey {
        scope: Scope { source: SourceId::stored(source), tenant: Tenant::stored(tenant) },
        platform_id: PlatformId::stored(platform_id),
    }
}

/// An account without its relations.
fn lean(row: Row) -> Result<Ours, StoreError> {
    let (
        (id, source, tenant, platform_id, external_id, kind_name, status_name, name, code, email),
        (reported_kind, reported_reseller, reported_external_id, hold, first_seen, last_delivery),
    ) = row;
    let reported = match reported_kind.as_deref() {
        Some(name) => {
            Some(Report { kind: kind(name)?, reseller: reported_reseller.as_deref().map(PlatformId::stored) })
        }
        None => None,
    };
    let hold = match hold.as_deref() {
        Some(name) => Some(Hold::parse(name).ok_or_else(|| StoreError::corrupt("accounts.hold", name))?),
        None => None,
    };
    Ok(Ours {
        id: AccountId(id),
        key: key(&source, &tenant, &platform_id),
        external_id: ExternalId::stored(&external_id),
        kind: kind(&kind_name)?,
        status: status(&status_name)?,
        name,
        code,
        email,
        reported,
        reported_external_id: reported_external_id.as_deref().map(ExternalId::stored),
        hold,
        first_seen,
        shown: Since { at: None, delivery: last_delivery.map(DeliveryId) },
        noticed: Since::default(),
        reseller: None,
        partner: None,
        left: Since::default(),
        flap: None,
        earlier: None,
    })
}

/// Looks accounts up by our ids, those that are not known yet.
fn others(
    connection: &mut AnyConnection,
    ids: impl Iterator<Item = i64>,
    known: &mut HashMap<i64, Option<Other>>,
) -> Result<(), StoreError> {
    let mut missing: Vec<i64> = ids.filter(|id| !known.contains_key(id)).collect();
    missing.sort_unstable();
    missing.dedup();
    for chunk in missing.chunks(CHUNK) {
        let rows =
            accounts::table.filter(accounts::id.eq_any(chunk.to_vec())).select(OTHER).load::<OtherRow>(connection)?;
        for row in rows {
            let other = other(row)?;
            known.insert(other.id.0, Some(other));
        }
        for id in chunk {
            known.entry(*id).or_insert(None);
        }
    }
    Ok(())
}

type OtherRow = (i64, String, String, String, String, String, String);

const OTHER: (
    accounts::id,
    accounts::source,
    accounts::tenant,
    accounts::platform_id,
    accounts::external_id,
    accounts::kind,
    accounts::status,
) = (
    accounts::id,
    accounts::source,
    accounts::tenant,
    accounts::platform_id,
    accounts::external_id,
    accounts::kind,
    accounts::status,
);

fn other(
    (id, source, tenant, platform_id, external_id, kind_name, status_name): OtherRow,
) -> Result<Other, StoreError> {
    Ok(Other {
        id: AccountId(id),
        key: key(&source, &tenant, &platform_id),
        external_id: ExternalId::stored(&external_id),
        kind: kind(&kind_name)?,
        active: status(&status_name)? == AccountStatus::Active,
    })
}

/// Accounts that bear these names, for relations that wait for somebody of that name.
fn bearing(connection: &mut AnyConnection, names: &[String]) -> Result<HashMap<AccountKey, Other>, StoreError> {
    let mut found = HashMap::new();
    for chunk in names.chunks(CHUNK) {
        let rows = accounts::table
            .filter(accounts::platform_id.eq_any(chunk.to_vec()))
            .select(OTHER)
            .load::<OtherRow>(connection)?;
        for row in rows {
            let other = other(row)?;
            found.insert(other.key.clone(), other);
        }
    }
    Ok(found)
}
