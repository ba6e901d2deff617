//! Services as an operator sees them: those of the accounts that are seen.

use diesel::prelude::*;

use super::{Page, visible};
use crate::domain::ids::{AccountId, DeliveryId, ServiceId};
use crate::domain::operator::Visible;
use crate::domain::relation::Cause;
use crate::domain::service::{Direction, Happening, Service, ServiceKind, ServiceStatus};
use crate::store::condition::Condition;
use crate::store::schema::{service_history, services};
use crate::store::services::ServiceRow;
use crate::store::{AnyConnection, StoreError};

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct ServiceFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// Of this kind.
    pub kind: Option<ServiceKind>,
    /// In this state.
    pub status: Option<ServiceStatus>,
    /// With such a transfer under way.
    pub transfer: Option<Transferring>,
    /// Those that the platform orders for another account, or the others.
    pub held: Option<bool>,
}

/// Which transfers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transferring {
    /// All that are under way.
    Open,
    /// Those in which somebody has to do something.
    Action,
    /// Those that go this way.
    To(Direction),
}

impl Transferring {
    /// The words for it.
    pub const WORDS: &'static str = "open, action, incoming or outgoing";

    /// Reads the word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "open" => Some(Self::Open),
            "action" => Some(Self::Action),
            other => Direction::parse(other).map(Self::To),
        }
    }
}

/// A page of services behind `after`, by our id.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &ServiceFilter,
    after: Option<ServiceId>,
    limit: i64,
) -> Result<Page<Service, ServiceId>, StoreError> {
    // A filter that no index serves looks at a window of rows.
    let indexed = filter.account.is_some() || filter.transfer.is_some() || filter.held == Some(true);
    let end: Option<i64> = if !indexed && (filter.kind.is_some() || filter.status.is_some() || *see != Visible::All) {
        services::table
            .filter(services::id.gt(after.map_or(i64::MIN, |after| after.0)))
            .order(services::id)
            .offset(super::WINDOW - 1)
            .limit(1)
            .select(services::id)
            .first(connection)
            .optional()?
    } else {
        None
    };
    let mut query = services::table.into_boxed();
    if let Some(transfer) = filter.transfer {
        // As the partial index has it.
        query = query.filter(Condition::new("transfer_direction IS NOT NULL AND status <> 'ended'"));
        match transfer {
            Transferring::Open => {}
            Transferring::Action => query = query.filter(services::transfer_action.is_not_null()),
            Transferring::To(direction) => query = query.filter(services::transfer_direction.eq(direction.as_str())),
        }
    }
    match filter.held {
        Some(true) => query = query.filter(services::reported_account_id.is_not_null()),
        Some(false) => query = query.filter(services::reported_account_id.is_null()),
        None => {}
    }
    if let Some(account) = filter.account {
        query = query.filter(services::account_id.eq(account.0));
    }
    if let Some(kind) = filter.kind {
        query = query.filter(services::kind.eq(kind.as_str()));
    }
    if let Some(status) = filter.status {
        query = query.filter(services::status.eq(status.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(services::id.gt(after.0));
    }
    if let Some(end) = end {
        query = query.filter(services::id.le(end));
    }
    if let Some(seen) = visible::services(see) {
        query = query.filter(seen);
    }
    let rows = query.order(services::id).limit(limit + 1).load::<ServiceRow>(connection)?;
    let page = Page::cut(rows, limit, |row| ServiceId(row.id), end.map(ServiceId));
    let items = page.items.into_iter().map(ServiceRow::into_service).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// The services that are called `name`, our id or an ExternalID; at most two, since one is meant.
///
/// # Errors
/// As [`list`].
pub fn named(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Vec<Service>, StoreError> {
    let seen = || {
        let query = services::table.into_boxed();
        match visible::services(see) {
            Some(seen) => query.filter(seen),
            None => query,
        }
    };
    let mut rows: Vec<ServiceRow> = Vec::new();
    if let Some(id) = ServiceId::parse(name) {
        rows = seen().filter(services::id.eq(id.0)).load(connection)?;
    }
    if rows.is_empty() {
        rows =
            seen().filter(services::external_id.eq(name.to_owned())).order(services::id).limit(2).load(connection)?;
    }
    rows.into_iter().map(ServiceRow::into_service).collect()
}

/// One thing that happened to a service.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The service's revision behind it.
    pub revision: i64,
    /// When it was stored, in microseconds since 1970.
    pub at: i64,
    /// From when it holds, in microseconds since 1970.
    pub valid_from: i64,
    /// What happened.
    pub happening: Happening,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// Whose it was.
    pub account: AccountId,
    /// Its plan.
    pub plan: String,
    /// Where it ran.
    pub location: String,
    /// How many there were.
    pub quantity: i64,
    /// In which state it was.
    pub status: ServiceStatus,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen.
    pub delivery: Option<DeliveryId>,
}

type Row = (i64, i64, i64, String, String, i64, String, String, i64, String, String, Option<i64>);

/// A page of what happened to a service behind `after`, a revision: newest first. Of a customer that was somebody else's
/// before, only what happened since.
///
/// # Errors
/// As [`list`].
pub fn history(
    connection: &mut AnyConnection,
    see: &Visible,
    service: ServiceId,
    after: Option<i64>,
    limit: i64,
) -> Result<Page<Happened, i64>, StoreError> {
    let mut query = service_history::table.filter(service_history::service_id.eq(service.0)).into_boxed();
    if let Some(after) = after {
        query = query.filter(service_history::revision.lt(after));
    }
    if let Some(seen) = visible::service_history(see) {
        query = query.filter(seen);
    }
    let rows: Vec<Row> = query
        .order(service_history::revision.desc())
        .limit(limit + 1)
        .select((
            service_history::revision,
            service_history::at,
            service_history::valid_from,
            service_history::happening,
            service_history::changed,
            service_history::account_id,
            service_history::plan,
            service_history::location,
            service_history::quantity,
            service_history::status,
            service_history::cause,
            service_history::delivery_id,
        ))
        .load(connection)?;
    let page = Page::cut(rows, limit, |row| row.0, None);
    let items = page.items.into_iter().map(happened).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

fn happened(row: Row) -> Result<Happened, StoreError> {
    let (revision, at, valid_from, happening, changed, account, plan, location, quantity, status, cause, delivery) =
        row;
    let corrupt = |column: &str, word: &str| StoreError::corrupt(column, word);
    Ok(Happened {
        revision,
        at,
        valid_from,
        happening: Happening::parse(&happening).ok_or_else(|| corrupt("service_history.happening", &happening))?,
        changed: changed.split_whitespace().map(str::to_owned).collect(),
        account: AccountId(account),
        plan,
        location,
        quantity,
        status: ServiceStatus::parse(&status).ok_or_else(|| corrupt("service_history.status", &status))?,
        cause: Cause::parse(&cause).ok_or_else(|| corrupt("service_history.cause", &cause))?,
        delivery: delivery.map(DeliveryId),
    })
}
