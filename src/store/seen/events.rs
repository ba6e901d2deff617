//! What happened in an account, newest first, out of the tables that know: the ledger, the relations, the histories of
//! services, users and sites, the audit trail. A page is merged from each table's next rows, so it is as stable as they are,
//! and no table is read further than a page.

use diesel::prelude::*;

use super::relations::{self, Behind};
use super::{Page, deliveries, visible};
use crate::domain::account_event::{AskedKind, Sort};
use crate::domain::ids::{AccountId, DeliveryId, ProbeId, ServiceId, SiteId, UserId};
use crate::domain::ledger::Delivery;
use crate::domain::operator::Visible;
use crate::domain::outcome::Outcome;
use crate::domain::relation::{Cause, Relation};
use crate::domain::service::Happening;
use crate::domain::site::SiteHappening;
use crate::domain::user::UserHappening;
use crate::store::condition::Condition;
use crate::store::deliveries::DeliveryFilter;
use crate::store::schema::{audit, service_history, site_history, user_history};
use crate::store::{AnyConnection, StoreError};

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Of this kind.
    pub kind: Option<AskedKind>,
    /// At or after, in microseconds since 1970.
    pub since: Option<i64>,
    /// Before, in microseconds since 1970.
    pub until: Option<i64>,
    /// With this outcome. What is no call happened, so its outcome is `applied`.
    pub outcome: Option<Outcome>,
}

impl EventFilter {
    fn times(&self) -> (i64, i64) {
        (self.since.unwrap_or(i64::MIN), self.until.unwrap_or(i64::MAX))
    }

    /// Whether events of a sort may be among what is asked for.
    fn wants(&self, sort: Sort) -> bool {
        self.kind.as_ref().is_none_or(|kind| kind.sort() == sort)
            && (sort == Sort::Delivery || self.outcome.is_none_or(|outcome| outcome == Outcome::Applied))
    }
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// A call came.
    Delivered(Box<Delivery>),
    /// A relation began.
    Opened(Box<Relation>),
    /// A relation ended.
    Closed(Box<Relation>),
    /// Something happened to a service.
    Service(ServiceId, Happening, Caused),
    /// Something happened to a user.
    User(UserId, UserHappening, Caused),
    /// Something happened to a site.
    Site(SiteId, SiteHappening, Caused),
    /// Something happened to a probe.
    Probe(ProbeId, SiteHappening, Caused),
    /// An operator did something.
    Acted {
        /// The entry of the audit trail.
        id: i64,
        /// What was done.
        action: String,
        /// Who did it.
        operator: String,
        /// More about it, as one JSON object.
        detail: String,
    },
}

/// What changed, and what made it.
#[derive(Debug, Clone)]
pub struct Caused {
    /// The revision behind it.
    pub revision: i64,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen.
    pub delivery: Option<DeliveryId>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Microseconds since 1970.
    pub at: i64,
    /// What.
    pub what: What,
}

/// Where the list goes on: the time in microseconds since 1970, the table, and the row in it.
pub type Place = [i64; 4];

/// The tables, in the order of things of the same moment, oldest first.
const DELIVERIES: i64 = 0;
const OPENED: i64 = 1;
const CLOSED: i64 = 2;
const SERVICES: i64 = 3;
const USERS: i64 = 4;
const SITES: i64 = 5;
const ACTS: i64 = 6;

impl Event {
    fn place(&self) -> Place {
        match &self.what {
            What::Delivered(delivery) => [self.at, DELIVERIES, delivery.id.0, 0],
            What::Opened(relation) => [self.at, OPENED, relation.id.0, 0],
            What::Closed(relation) => [self.at, CLOSED, relation.id.0, 0],
            What::Service(service, _, caused) => [self.at, SERVICES, service.0, caused.revision],
            What::User(user, _, caused) => [self.at, USERS, user.0, caused.revision],
            What::Site(site, _, caused) => [self.at, SITES, site.0, caused.revision],
            What::Probe(probe, _, caused) => [self.at, SITES, probe.0, caused.revision],
            What::Acted { id, .. } => [self.at, ACTS, *id, 0],
        }
    }
}

/// A place as one of the tables has it: its rows behind this time, this id and this revision.
fn behind(after: Option<Place>, table: i64) -> Option<(i64, i64, i64)> {
    after.map(|[at, of, id, revision]| match of.cmp(&table) {
        std::cmp::Ordering::Equal => (at, id, revision),
        // Of this moment all of it is still to come, or nothing.
        std::cmp::Ordering::Greater => (at, i64::MAX, i64::MAX),
        std::cmp::Ordering::Less => (at, i64::MIN, i64::MIN),
    })
}

fn behind_id(after: Option<Place>, table: i64) -> Behind {
    behind(after, table).map(|(at, id, _)| (at, id))
}

/// A page of what happened in an account that is seen, behind `after`.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    filter: &EventFilter,
    after: Option<Place>,
    limit: i64,
) -> Result<Page<Event, Place>, StoreError> {
    let mut events: Vec<Event> = Vec::new();
    let mut end = None;
    let most = limit + 1;
    if filter.wants(Sort::Delivery) {
        let asked = DeliveryFilter {
            account: Some(account),
            endpoint: match &filter.kind {
                Some(AskedKind::Delivery(endpoint)) => Some(*endpoint),
                _ => None,
            },
            outcome: filter.outcome,
            since: filter.since,
            until: filter.until,
            ..DeliveryFilter::default()
        };
        let from = behind_id(after, DELIVERIES).map(|(at, id)| (at, DeliveryId(id)));
        let page = deliveries::list(connection, see, &asked, from, most)?;
        // Deliveries that name others are left out behind their page was cut: it may end before the other tables' do.
        end = page.next.map(|(at, id)| [at, DELIVERIES, id.0, 0]);
        events.extend(
            page.items
                .into_iter()
                .map(|(delivery, _)| Event { at: delivery.received_at, what: What::Delivered(Box::new(delivery)) }),
        );
    }
    if filter.wants(Sort::Relation) {
        for (ended, table) in [(false, OPENED), (true, CLOSED)] {
            if matches!(filter.kind, Some(AskedKind::Relation(asked)) if asked != ended) {
                continue;
            }
            let from = behind_id(after, table);
            let found = relations::happened(connection, see, account, ended, filter.times(), from, most)?;
            events.extend(found.into_iter().map(|relation| match relation.closing {
                Some(closing) if ended => Event { at: closing.learned_at, what: What::Closed(Box::new(relation)) },
                _ => Event { at: relation.learned_at, what: What::Opened(Box::new(relation)) },
            }));
        }
    }
    if filter.wants(Sort::Service) {
        events.extend(of_services(connection, see, account, filter, behind(after, SERVICES), most)?);
    }
    if filter.wants(Sort::User) {
        events.extend(of_users(connection, see, account, filter, behind(after, USERS), most)?);
    }
    if filter.wants(Sort::Site) {
        events.extend(of_sites(connection, see, account, filter, behind(after, SITES), most)?);
    }
    if filter.wants(Sort::Act) {
        events.extend(acts(connection, see, account, filter, behind_id(after, ACTS), most)?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.place()));
    if let Some(end) = end {
        events.retain(|event| event.place() >= end);
    }
    Ok(Page::cut(events, limit, Event::place, end))
}

type HistoryRow = (i64, i64, i64, String, String, String, Option<i64>);

/// What stands behind a change, as both histories have it.
fn caused(
    (revision, changed, cause, delivery): (i64, String, String, Option<i64>),
    column: &str,
) -> Result<Caused, StoreError> {
    Ok(Caused {
        revision,
        changed: changed.split_whitespace().map(str::to_owned).collect(),
        cause: Cause::parse(&cause).ok_or_else(|| StoreError::corrupt(column, &cause))?,
        delivery: delivery.map(DeliveryId),
    })
}

macro_rules! history {
    ($function:ident, $table:ident, $id:ident, $visible:path, $kind:ident, $happening:ident, $key:ident) => {
        fn $function(
            connection: &mut AnyConnection,
            see: &Visible,
            account: AccountId,
            filter: &EventFilter,
            behind: Option<(i64, i64, i64)>,
            limit: i64,
        ) -> Result<Vec<Event>, StoreError> {
            let (since, until) = filter.times();
            let mut query = $table::table
                .filter($table::account_id.eq(account.0))
                .filter($table::at.ge(since))
                .filter($table::at.lt(until))
                .into_boxed();
            if let Some((at, id, revision)) = behind {
                query = query.filter($table::at.le(at)).filter(
                    $table::at.lt(at).or($table::$id.lt(id).or($table::$id.eq(id).and($table::revision.lt(revision)))),
                );
            }
            if let Some(AskedKind::$kind(happening)) = &filter.kind {
                query = query.filter($table::happening.eq(happening.as_str()));
            }
            if let Some(seen) = $visible(see) {
                query = query.filter(seen);
            }
            let rows: Vec<HistoryRow> = query
                .order(($table::at.desc(), $table::$id.desc(), $table::revision.desc()))
                .limit(limit)
                .select((
                    $table::at,
                    $table::$id,
                    $table::revision,
                    $table::happening,
                    $table::changed,
                    $table::cause,
                    $table::delivery_id,
                ))
                .load(connection)?;
            let event = |(at, id, revision, happening, changed, cause, delivery): HistoryRow| {
                let happening = $happening::parse(&happening)
                    .ok_or_else(|| StoreError::corrupt(concat!(stringify!($table), ".happening"), &happening))?;
                let caused = caused((revision, changed, cause, delivery), concat!(stringify!($table), ".cause"))?;
                Ok(Event { at, what: What::$kind($key(id), happening, caused) })
            };
            rows.into_iter().map(event).collect()
        }
    };
}

history!(of_services, service_history, service_id, visible::service_history, Service, Happening, ServiceId);
history!(of_users, user_history, user_id, visible::user_history, User, UserHappening, UserId);

/// As the other histories, but that sites and probes share one: a probe's rows name the site beside it.
fn of_sites(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    filter: &EventFilter,
    behind: Option<(i64, i64, i64)>,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let (since, until) = filter.times();
    let mut query = site_history::table
        .filter(site_history::account_id.eq(account.0))
        .filter(site_history::at.ge(since))
        .filter(site_history::at.lt(until))
        .into_boxed();
    if let Some((at, id, revision)) = behind {
        query = query.filter(site_history::at.le(at)).filter(site_history::at.lt(at).or(
            site_history::thing_id.lt(id).or(site_history::thing_id.eq(id).and(site_history::revision.lt(revision))),
        ));
    }
    let asked = match &filter.kind {
        Some(AskedKind::Site(happening)) => Some((happening, "thing_id = site_id")),
        Some(AskedKind::Probe(happening)) => Some((happening, "thing_id <> site_id")),
        _ => None,
    };
    if let Some((happening, of)) = asked {
        query = query.filter(site_history::happening.eq(happening.as_str())).filter(Condition::new(of));
    }
    if let Some(seen) = visible::site_history(see) {
        query = query.filter(seen);
    }
    type Row = (i64, i64, i64, i64, String, String, String, Option<i64>);
    let rows: Vec<Row> = query
        .order((site_history::at.desc(), site_history::thing_id.desc(), site_history::revision.desc()))
        .limit(limit)
        .select((
            site_history::at,
            site_history::thing_id,
            site_history::site_id,
            site_history::revision,
            site_history::happening,
            site_history::changed,
            site_history::cause,
            site_history::delivery_id,
        ))
        .load(connection)?;
    let event = |(at, thing, site, revision, happening, changed, cause, delivery): Row| {
        let happening = SiteHappening::parse(&happening)
            .ok_or_else(|| StoreError::corrupt("site_history.happening", &happening))?;
        let caused = caused((revision, changed, cause, delivery), "site_history.cause")?;
        let what = if thing == site {
            What::Site(SiteId(thing), happening, caused)
        } else {
            What::Probe(ProbeId(thing), happening, caused)
        };
        Ok(Event { at, what })
    };
    rows.into_iter().map(event).collect()
}

fn acts(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    filter: &EventFilter,
    behind: Behind,
    limit: i64,
) -> Result<Vec<Event>, StoreError> {
    let (since, until) = filter.times();
    let mut query = audit::table
        .filter(audit::subject.eq(account.to_string()))
        .filter(audit::at.ge(since))
        .filter(audit::at.lt(until))
        .into_boxed();
    if let Some((at, id)) = behind {
        query = query.filter(audit::at.le(at)).filter(audit::at.lt(at).or(audit::id.lt(id)));
    }
    if let Some(AskedKind::Act(action)) = &filter.kind {
        query = query.filter(audit::action.eq(action.clone()));
    }
    if let Some(seen) = visible::acts(see, account) {
        query = query.filter(seen);
    }
    let rows: Vec<(i64, i64, String, String, String)> = query
        .order((audit::at.desc(), audit::id.desc()))
        .limit(limit)
        .select((audit::at, audit::id, audit::action, audit::operator, audit::detail))
        .load(connection)?;
    let event = |(at, id, action, operator, detail)| Event { at, what: What::Acted { id, action, operator, detail } };
    Ok(rows.into_iter().map(event).collect())
}
