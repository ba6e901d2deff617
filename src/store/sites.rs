//! Sites of customers and the probes at them: looked up for acts, written with the batch that changes them, and ended or
//! brought back by the batch that does so to their account.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::prelude::*;

use super::bulk::{Rows, Statement, Value, Verb};
use super::condition::Condition;
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{probes, sites};
use crate::domain::feed::{self, Entry};
use crate::domain::ids::{AccountId, DeliveryId, ProbeId, SiteId};
use crate::domain::relation::Cause;
use crate::domain::site::{MAX_PROBES, MAX_SITES, PlaceStatus, Placed, Probe, Site, SiteHappening, SiteStep, name_key};
use crate::domain::world::Changes;

/// A row of `sites`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct SiteRow {
    pub id: i64,
    pub account_id: i64,
    pub name: String,
    pub description: String,
    pub status: String,
    pub with_account: bool,
    pub created_at: i64,
    pub changed_at: i64,
    pub ended_at: Option<i64>,
    pub revision: i64,
}

/// A row of `probes`, its columns in order.
#[derive(Debug, Clone, Queryable)]
#[allow(missing_docs)] // The columns of the table.
pub struct ProbeRow {
    pub id: i64,
    pub account_id: i64,
    pub site_id: i64,
    pub name: String,
    pub status: String,
    pub with_account: bool,
    pub created_at: i64,
    pub changed_at: i64,
    pub ended_at: Option<i64>,
    pub revision: i64,
}

impl SiteRow {
    /// The site.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for a word that this version does not know.
    pub fn into_site(self) -> Result<Site, StoreError> {
        Ok(Site {
            id: SiteId(self.id),
            account: AccountId(self.account_id),
            name: self.name,
            description: self.description,
            status: PlaceStatus::parse(&self.status)
                .ok_or_else(|| StoreError::corrupt("sites.status", &self.status))?,
            with_account: self.with_account,
            created_at: self.created_at,
            changed_at: self.changed_at,
            ended_at: self.ended_at,
            revision: self.revision,
        })
    }
}

impl ProbeRow {
    /// The probe.
    ///
    /// # Errors
    /// As [`SiteRow::into_site`].
    pub fn into_probe(self) -> Result<Probe, StoreError> {
        Ok(Probe {
            id: ProbeId(self.id),
            account: AccountId(self.account_id),
            site: SiteId(self.site_id),
            name: self.name,
            status: PlaceStatus::parse(&self.status)
                .ok_or_else(|| StoreError::corrupt("probes.status", &self.status))?,
            with_account: self.with_account,
            created_at: self.created_at,
            changed_at: self.changed_at,
            ended_at: self.ended_at,
            revision: self.revision,
        })
    }
}

/// Of sites, those that are not ended: in the words of their indices.
pub(super) fn living_sites() -> Condition {
    Condition::new("sites.status = 'active'")
}

/// Of probes, those that are not ended; as [`living_sites`].
pub(super) fn living_probes() -> Condition {
    Condition::new("probes.status = 'active'")
}

/// As many rows as an account can have; one more than it may, so that nothing is passed over in silence.
fn at_most(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}

/// The sites and probes of an account that are not ended, in the order of their ids.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn living_of(connection: &mut AnyConnection, account: AccountId) -> Result<(Vec<Site>, Vec<Probe>), StoreError> {
    let found: Vec<SiteRow> = sites::table
        .filter(sites::account_id.eq(account.0))
        .filter(living_sites())
        .order(sites::id)
        .limit(at_most(MAX_SITES))
        .load(connection)?;
    let standing: Vec<ProbeRow> = probes::table
        .filter(probes::account_id.eq(account.0))
        .filter(living_probes())
        .order(probes::id)
        .limit(at_most(MAX_PROBES))
        .load(connection)?;
    let found = found.into_iter().map(SiteRow::into_site).collect::<Result<_, _>>()?;
    Ok((found, standing.into_iter().map(ProbeRow::into_probe).collect::<Result<_, _>>()?))
}

/// Those that ended with their account and come back with it.
fn waiting_of(connection: &mut AnyConnection, account: AccountId) -> Result<(Vec<Site>, Vec<Probe>), StoreError> {
    let found: Vec<SiteRow> = sites::table
        .filter(sites::account_id.eq(account.0))
        .filter(Condition::new("sites.with_account"))
        .order(sites::id)
        .limit(at_most(MAX_SITES))
        .load(connection)?;
    let standing: Vec<ProbeRow> = probes::table
        .filter(probes::account_id.eq(account.0))
        .filter(Condition::new("probes.with_account"))
        .order(probes::id)
        .limit(at_most(MAX_PROBES))
        .load(connection)?;
    let found = found.into_iter().map(SiteRow::into_site).collect::<Result<_, _>>()?;
    Ok((found, standing.into_iter().map(ProbeRow::into_probe).collect::<Result<_, _>>()?))
}

macro_rules! statement {
    ($name:ident, $table:literal, $verb:ident, $keys:literal, [$($column:literal),+ $(,)?]) => {
        struct $name;
        impl Statement for $name {
            const TABLE: &'static str = $table;
            const VERB: Verb = Verb::$verb;
            const COLUMNS: &'static [&'static str] = &[$($column),+];
            const KEYS: usize = $keys;
        }
    };
}

statement!(
    InsertSite,
    "sites",
    Insert,
    1,
    [
        "created_at",
        "account_id",
        "name",
        "description",
        "status",
        "with_account",
        "changed_at",
        "ended_at",
        "revision",
        "id",
    ]
);
statement!(
    UpdateSite,
    "sites",
    Update,
    1,
    ["name", "description", "status", "with_account", "changed_at", "ended_at", "revision", "id"]
);
statement!(
    InsertProbe,
    "probes",
    Insert,
    1,
    [
        "created_at",
        "account_id",
        "site_id",
        "name",
        "status",
        "with_account",
        "changed_at",
        "ended_at",
        "revision",
        "id",
    ]
);
statement!(
    UpdateProbe,
    "probes",
    Update,
    1,
    ["site_id", "name", "status", "with_account", "changed_at", "ended_at", "revision", "id"]
);
statement!(
    InsertStep,
    "site_history",
    Insert,
    2,
    [
        "at",
        "happening",
        "changed",
        "account_id",
        "site_id",
        "from_site_id",
        "status",
        "cause",
        "delivery_id",
        "thing_id",
        "revision",
    ]
);

fn site_row(site: &Site) -> [Value<'_>; 8] {
    [
        Value::Text(&site.name),
        Value::Text(&site.description),
        Value::Text(site.status.as_str()),
        Value::Bool(site.with_account),
        Value::BigInt(site.changed_at),
        Value::MaybeBigInt(site.ended_at),
        Value::BigInt(site.revision),
        Value::BigInt(site.id.0),
    ]
}

fn probe_row(probe: &Probe) -> [Value<'_>; 8] {
    [
        Value::BigInt(probe.site.0),
        Value::Text(&probe.name),
        Value::Text(probe.status.as_str()),
        Value::Bool(probe.with_account),
        Value::BigInt(probe.changed_at),
        Value::MaybeBigInt(probe.ended_at),
        Value::BigInt(probe.revision),
        Value::BigInt(probe.id.0),
    ]
}

/// Ends what stands at an account that ended. `made` is what ended that, `now` is in microseconds since 1970. Returns what
/// is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn end_of(
    connection: &mut AnyConnection,
    account: AccountId,
    made: (Cause, Option<DeliveryId>),
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    let (found, standing) = living_of(connection, account)?;
    let found = found.into_iter().map(|site| (site.clone(), site.ended(true, now))).collect();
    let standing = standing.into_iter().map(|probe| (probe.clone(), probe.ended(true, now))).collect();
    step(connection, found, standing, made)
}

/// Brings back what ended with an account, but for what another one of that name stands for meanwhile; as [`end_of`].
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn give_back(
    connection: &mut AnyConnection,
    account: AccountId,
    made: (Cause, Option<DeliveryId>),
    now: i64,
) -> Result<Vec<Entry>, StoreError> {
    let (found, standing) = waiting_of(connection, account)?;
    if found.is_empty() && standing.is_empty() {
        return Ok(Vec::new());
    }
    let (here, at_them) = living_of(connection, account)?;
    let names: HashSet<String> = here.iter().map(|site| name_key(&site.name)).collect();
    let taken: HashSet<String> = at_them.iter().map(|probe| name_key(&probe.name)).collect();
    let found: Vec<(Site, Site)> = found
        .into_iter()
        .filter(|site| !names.contains(&name_key(&site.name)))
        .map(|site| (site.clone(), site.returned(now)))
        .collect();
    let back: HashSet<SiteId> = found.iter().map(|(site, _)| site.id).collect();
    let standing = standing
        .into_iter()
        .filter(|probe| back.contains(&probe.site) && !taken.contains(&name_key(&probe.name)))
        .map(|probe| (probe.clone(), probe.returned(now)))
        .collect();
    step(connection, found, standing, made)
}

/// Writes sites and probes that changed, each as it was and as it is, and tells of it.
fn step(
    connection: &mut AnyConnection,
    found: Vec<(Site, Site)>,
    standing: Vec<(Probe, Probe)>,
    (cause, delivery): (Cause, Option<DeliveryId>),
) -> Result<Vec<Entry>, StoreError> {
    let mut changes = Changes::default();
    // Probes end before what they stand at.
    for (before, after) in standing {
        let (before, after) = (Arc::new(before), Arc::new(after));
        changes.probes_updated.push(after.clone());
        changes.site_steps.push(SiteStep { placed: Placed::Probe(Some(before), after), cause, delivery });
    }
    for (before, after) in found {
        let (before, after) = (Arc::new(before), Arc::new(after));
        changes.sites_updated.push(after.clone());
        changes.site_steps.push(SiteStep { placed: Placed::Site(Some(before), after), cause, delivery });
    }
    save(connection, &changes)?;
    Ok(changes.site_steps.iter().map(feed::of_site).collect())
}

/// Writes what a batch came to of sites and probes.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn save(connection: &mut AnyConnection, changes: &Changes) -> Result<(), StoreError> {
    if changes.site_steps.is_empty() {
        return Ok(());
    }
    let (mut new_sites, mut sites_now) = (Rows::<InsertSite>::default(), Rows::<UpdateSite>::default());
    for site in &changes.sites_created {
        new_sites.push_joined([Value::BigInt(site.created_at), Value::BigInt(site.account.0)], site_row(site));
    }
    changes.sites_updated.iter().for_each(|site| sites_now.push(site_row(site)));
    let (mut new_probes, mut probes_now) = (Rows::<InsertProbe>::default(), Rows::<UpdateProbe>::default());
    for probe in &changes.probes_created {
        new_probes.push_joined([Value::BigInt(probe.created_at), Value::BigInt(probe.account.0)], probe_row(probe));
    }
    changes.probes_updated.iter().for_each(|probe| probes_now.push(probe_row(probe)));
    new_sites.write(connection)?;
    sites_now.write(connection)?;
    new_probes.write(connection)?;
    probes_now.write(connection)?;
    let told: Vec<String> = changes.site_steps.iter().map(|step| step.changed().join(" ")).collect();
    let mut steps = Rows::<InsertStep>::default();
    for (step, changed) in changes.site_steps.iter().zip(&told) {
        let thing = step.probe().map_or(step.site().0, |probe| probe.0);
        steps.push([
            Value::BigInt(step.at()),
            Value::Text(SiteHappening::as_str(step.happening())),
            Value::Text(changed),
            Value::BigInt(step.account().0),
            Value::BigInt(step.site().0),
            Value::MaybeBigInt(step.from().map(|site| site.0)),
            Value::Text(step.status().as_str()),
            Value::Text(step.cause.as_str()),
            Value::MaybeBigInt(step.delivery.map(|delivery| delivery.0)),
            Value::BigInt(thing),
            Value::BigInt(step.revision()),
        ]);
    }
    steps.write(connection)?;
    Ok(())
}

/// Empties what is personal in the sites and probes of an account and ends those that are not, for good, within a write
/// transaction. `now` is in microseconds since 1970. Returns what is to be told.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId, now: i64) -> Result<Vec<Entry>, StoreError> {
    let (found, standing) = living_of(connection, account)?;
    let nothing = String::new;
    let found = found.into_iter().map(|site| (site.clone(), site.ended(false, now))).collect();
    let standing = standing.into_iter().map(|probe| (probe.clone(), probe.ended(false, now))).collect();
    let entries = step(connection, found, standing, (Cause::Erase, None))?;
    // What ended with the account does not come back, either: nobody could tell what it was.
    diesel::update(sites::table.filter(sites::account_id.eq(account.0)))
        .set((sites::name.eq(nothing()), sites::description.eq(nothing()), sites::with_account.eq(false)))
        .execute(connection)?;
    diesel::update(probes::table.filter(probes::account_id.eq(account.0)))
        .set((probes::name.eq(nothing()), probes::with_account.eq(false)))
        .execute(connection)?;
    Ok(entries)
}
