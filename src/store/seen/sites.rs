//! Sites and probes as an operator sees them: those of the accounts that are seen.

use diesel::prelude::*;

use super::{Page, accounts, visible};
use crate::domain::ids::{AccountId, DeliveryId, ProbeId, SiteId};
use crate::domain::moves::MoveState;
use crate::domain::operator::Visible;
use crate::domain::provisioning::RequestState;
use crate::domain::relation::Cause;
use crate::domain::service::ServiceStatus;
use crate::domain::site::{PlaceStatus, Probe, Site, SiteHappening};
use crate::domain::user::UserStatus;
use crate::store::schema::{moves, probes, provisioning_requests, services, site_history, sites, users};
use crate::store::sites::{ProbeRow, SiteRow, living_probes, living_sites};
use crate::store::{AnyConnection, StoreError};

/// A page of the sites of an account behind `after`, by our id; `status` none for all.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    status: Option<PlaceStatus>,
    after: Option<SiteId>,
    limit: i64,
) -> Result<Page<Site, SiteId>, StoreError> {
    let mut query = sites::table.filter(sites::account_id.eq(account.0)).into_boxed();
    match status {
        Some(PlaceStatus::Active) => query = query.filter(living_sites()),
        Some(PlaceStatus::Ended) => query = query.filter(sites::status.eq(PlaceStatus::Ended.as_str())),
        None => {}
    }
    if let Some(after) = after {
        query = query.filter(sites::id.gt(after.0));
    }
    if let Some(seen) = visible::sites(see) {
        query = query.filter(seen);
    }
    let rows = query.order(sites::id).limit(limit + 1).load::<SiteRow>(connection)?;
    let page = Page::cut(rows, limit, |row| SiteId(row.id), None);
    let items = page.items.into_iter().map(SiteRow::into_site).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The site of this id, as `Display` writes it; none for what is no id.
///
/// # Errors
/// As [`list`].
pub fn one(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Option<Site>, StoreError> {
    let Some(id) = SiteId::parse(name) else { return Ok(None) };
    let mut query = sites::table.filter(sites::id.eq(id.0)).into_boxed();
    if let Some(seen) = visible::sites(see) {
        query = query.filter(seen);
    }
    query.load::<SiteRow>(connection)?.pop().map(SiteRow::into_site).transpose()
}

/// The site of an account that has this name, letter by letter, and is there.
///
/// # Errors
/// As [`list`].
pub fn named(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    name: &str,
) -> Result<Option<Site>, StoreError> {
    let mut query = sites::table
        .filter(sites::account_id.eq(account.0))
        .filter(living_sites())
        .filter(sites::name.eq(name.trim().to_owned()))
        .into_boxed();
    if let Some(seen) = visible::sites(see) {
        query = query.filter(seen);
    }
    query.load::<SiteRow>(connection)?.pop().map(SiteRow::into_site).transpose()
}

/// Of which probes a list is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbesOf {
    /// Those of an account.
    Account(AccountId),
    /// Those at a site.
    Site(SiteId),
}

/// A page of probes behind `after`, by our id; `status` none for all.
///
/// # Errors
/// As [`list`].
pub fn probes(
    connection: &mut AnyConnection,
    see: &Visible,
    of: ProbesOf,
    status: Option<PlaceStatus>,
    after: Option<ProbeId>,
    limit: i64,
) -> Result<Page<Probe, ProbeId>, StoreError> {
    let mut query = probes::table.into_boxed();
    query = match of {
        ProbesOf::Account(account) => query.filter(probes::account_id.eq(account.0)),
        ProbesOf::Site(site) => query.filter(probes::site_id.eq(site.0)),
    };
    match status {
        Some(PlaceStatus::Active) => query = query.filter(living_probes()),
        Some(PlaceStatus::Ended) => query = query.filter(probes::status.eq(PlaceStatus::Ended.as_str())),
        None => {}
    }
    if let Some(after) = after {
        query = query.filter(probes::id.gt(after.0));
    }
    if let Some(seen) = visible::probes(see) {
        query = query.filter(seen);
    }
    let rows = query.order(probes::id).limit(limit + 1).load::<ProbeRow>(connection)?;
    let page = Page::cut(rows, limit, |row| ProbeId(row.id), None);
    let items = page.items.into_iter().map(ProbeRow::into_probe).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The probe of this id, as `Display` writes it; none for what is no id.
///
/// # Errors
/// As [`list`].
pub fn probe(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Option<Probe>, StoreError> {
    let Some(id) = ProbeId::parse(name) else { return Ok(None) };
    let mut query = probes::table.filter(probes::id.eq(id.0)).into_boxed();
    if let Some(seen) = visible::probes(see) {
        query = query.filter(seen);
    }
    query.load::<ProbeRow>(connection)?.pop().map(ProbeRow::into_probe).transpose()
}

/// The probe of an account that has this name, letter by letter, and is there.
///
/// # Errors
/// As [`list`].
pub fn probe_named(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    name: &str,
) -> Result<Option<Probe>, StoreError> {
    let mut query = probes::table
        .filter(probes::account_id.eq(account.0))
        .filter(living_probes())
        .filter(probes::name.eq(name.trim().to_owned()))
        .into_boxed();
    if let Some(seen) = visible::probes(see) {
        query = query.filter(seen);
    }
    query.load::<ProbeRow>(connection)?.pop().map(ProbeRow::into_probe).transpose()
}

/// How many probes that are not ended stand at a site that is seen.
///
/// # Errors
/// As [`list`].
pub fn count_probes(connection: &mut AnyConnection, see: &Visible, site: SiteId) -> Result<i64, StoreError> {
    let mut query = probes::table.filter(probes::site_id.eq(site.0)).filter(living_probes()).into_boxed();
    if let Some(seen) = visible::probes(see) {
        query = query.filter(seen);
    }
    Ok(query.count().get_result(connection)?)
}

/// What hangs on an account, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hanging {
    /// Its sites that are not ended.
    pub sites: i64,
    /// Its probes that are not ended.
    pub probes: i64,
    /// Its services that are not ended.
    pub services: i64,
    /// Its users that are not ended.
    pub users: i64,
    /// Requests to move it that wait for the other side.
    pub move_requests: i64,
    /// Provisioning requests for it that are not at their end.
    pub provisioning_requests: i64,
}

/// Counts what hangs on an account that is seen; nothing of one that is not.
///
/// # Errors
/// As [`list`].
pub fn hanging(connection: &mut AnyConnection, see: &Visible, account: AccountId) -> Result<Hanging, StoreError> {
    if !accounts::sees(connection, see, account)? {
        return Ok(Hanging::default());
    }
    let id = account.0;
    // Of requests, those alone that whoever asks may see.
    let mut asked = moves::table
        .filter(moves::customer_id.eq(id))
        .filter(moves::state.eq(MoveState::Requested.as_str()))
        .into_boxed();
    if let Some(seen) = visible::moves(see) {
        asked = asked.filter(seen);
    }
    let mut opened = provisioning_requests::table
        .filter(provisioning_requests::customer_id.eq(id))
        .filter(provisioning_requests::cancelled_at.is_null())
        .filter(provisioning_requests::state.ne(RequestState::Done.as_str()))
        .into_boxed();
    if let Some(seen) = visible::provisioning_requests(see) {
        opened = opened.filter(seen);
    }
    Ok(Hanging {
        sites: sites::table.filter(sites::account_id.eq(id)).filter(living_sites()).count().get_result(connection)?,
        probes: probes::table
            .filter(probes::account_id.eq(id))
            .filter(living_probes())
            .count()
            .get_result(connection)?,
        services: services::table
            .filter(services::account_id.eq(id))
            .filter(services::status.ne(ServiceStatus::Ended.as_str()))
            .count()
            .get_result(connection)?,
        users: users::table
            .filter(users::account_id.eq(id))
            .filter(users::status.ne(UserStatus::Ended.as_str()))
            .count()
            .get_result(connection)?,
        move_requests: asked.count().get_result(connection)?,
        provisioning_requests: opened.count().get_result(connection)?,
    })
}

/// One thing that happened to a site or probe.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Its revision behind it.
    pub revision: i64,
    /// When it was stored, in microseconds since 1970.
    pub at: i64,
    /// What happened.
    pub happening: SiteHappening,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The site, or the one at which the probe stood from then on.
    pub site: SiteId,
    /// The site at which the probe stood before, where that is another one.
    pub from: Option<SiteId>,
    /// In which state it was.
    pub status: PlaceStatus,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen.
    pub delivery: Option<DeliveryId>,
}

type Row = (i64, i64, String, String, i64, Option<i64>, String, String, Option<i64>);

/// A page of what happened to a site or probe, by the number of its id, behind `after`, a revision: newest first. Of a
/// customer that was somebody else's before, only what happened since.
///
/// # Errors
/// As [`list`].
pub fn history(
    connection: &mut AnyConnection,
    see: &Visible,
    thing: i64,
    after: Option<i64>,
    limit: i64,
) -> Result<Page<Happened, i64>, StoreError> {
    let mut query = site_history::table.filter(site_history::thing_id.eq(thing)).into_boxed();
    if let Some(after) = after {
        query = query.filter(site_history::revision.lt(after));
    }
    if let Some(seen) = visible::site_history(see) {
        query = query.filter(seen);
    }
    let rows: Vec<Row> = query
        .order(site_history::revision.desc())
        .limit(limit + 1)
        .select((
            site_history::revision,
            site_history::at,
            site_history::happening,
            site_history::changed,
            site_history::site_id,
            site_history::from_site_id,
            site_history::status,
            site_history::cause,
            site_history::delivery_id,
        ))
        .load(connection)?;
    let page = Page::cut(rows, limit, |row| row.0, None);
    let items = page.items.into_iter().map(happened).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

fn happened(row: Row) -> Result<Happened, StoreError> {
    let (revision, at, happening, changed, site, from, status, cause, delivery) = row;
    let corrupt = |column: &str, word: &str| StoreError::corrupt(column, word);
    Ok(Happened {
        revision,
        at,
        happening: SiteHappening::parse(&happening).ok_or_else(|| corrupt("site_history.happening", &happening))?,
        changed: changed.split_whitespace().map(str::to_owned).collect(),
        site: SiteId(site),
        from: from.map(SiteId),
        status: PlaceStatus::parse(&status).ok_or_else(|| corrupt("site_history.status", &status))?,
        cause: Cause::parse(&cause).ok_or_else(|| corrupt("site_history.cause", &cause))?,
        delivery: delivery.map(DeliveryId),
    })
}
