//! Entries as they stand in a row: one JSON object a line, short names, the kind first, so that lines of other kinds can
//! be passed over unread.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::provisioned::{LineItem, LineProvisioning};
use crate::domain::account::AccountKind;
use crate::domain::feed::{
    Asking, Entry, Event, EventKind, Fields, MoveTold, Related, ServiceTold, SiteTold, Stage, UserTold,
};
use crate::domain::ids::{
    AccountId, DeliveryId, ExternalId, MoveId, PlatformId, ProbeId, RelationId, ServiceId, SiteId, UserId,
};
use crate::domain::moves::Side;
use crate::domain::relation::{Axis, Cause, RelationState};
use crate::domain::service::{Happening, ServiceKind, ServiceStatus};
use crate::domain::site::{PlaceStatus, SiteHappening};
use crate::domain::user::{UserHappening, UserStatus};
use crate::store::StoreError;

/// What errors call the column.
const COLUMN: &str = "changes.entries";

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(rename = "e")]
    event: u8,
    #[serde(rename = "a")]
    account: i64,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    /// Absent for the usual one.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none", borrow)]
    cause: Option<Cow<'a, str>>,
    #[serde(rename = "d", default, skip_serializing_if = "Option::is_none")]
    delivery: Option<i64>,
    #[serde(rename = "f", default, skip_serializing_if = "is_zero")]
    fields: u32,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none", borrow)]
    before: Option<Cow<'a, str>>,
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty", borrow)]
    options: Vec<Cow<'a, str>>,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none", borrow)]
    relation: Option<LineRelation<'a>>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none", borrow)]
    service: Option<LineService<'a>>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none", borrow)]
    user: Option<LineUser<'a>>,
    /// From which account to which; of a request for a move its id and its customer.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    moved: Option<(i64, i64)>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none", borrow)]
    provisioning: Option<LineProvisioning<'a>>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none", borrow)]
    item: Option<LineItem<'a>>,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none", borrow)]
    site: Option<LineSite<'a>>,
}

#[derive(Serialize, Deserialize)]
struct LineSite<'a> {
    #[serde(rename = "i")]
    id: i64,
    /// The probe, of what is about one.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    probe: Option<i64>,
    #[serde(rename = "t", borrow)]
    status: Cow<'a, str>,
    #[serde(rename = "v")]
    revision: i64,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct LineUser<'a> {
    #[serde(rename = "i")]
    id: i64,
    #[serde(rename = "t", borrow)]
    status: Cow<'a, str>,
    #[serde(rename = "v")]
    revision: i64,
}

#[derive(Serialize, Deserialize)]
struct LineService<'a> {
    #[serde(rename = "i")]
    id: i64,
    #[serde(rename = "k", borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "t", borrow)]
    status: Cow<'a, str>,
    #[serde(rename = "v")]
    revision: i64,
}

#[derive(Serialize, Deserialize)]
struct LineRelation<'a> {
    #[serde(rename = "i")]
    id: i64,
    #[serde(rename = "x", borrow)]
    axis: Cow<'a, str>,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    reseller: Option<i64>,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none", borrow)]
    platform_id: Option<Cow<'a, str>>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none", borrow)]
    external_id: Option<Cow<'a, str>>,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none", borrow)]
    partner_id: Option<Cow<'a, str>>,
    #[serde(rename = "s", borrow)]
    state: Cow<'a, str>,
    #[serde(rename = "t")]
    since: i64,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's own signature.
fn is_zero(bits: &u32) -> bool {
    *bits == 0
}

/// The text of a row.
pub fn pack(entries: &[Entry]) -> String {
    let mut text = Vec::with_capacity(entries.len() * 96);
    for entry in entries {
        if !text.is_empty() {
            text.push(b'\n');
        }
        // Writing into memory does not fail, and nothing here is a map with odd keys.
        if let Err(error) = serde_json::to_writer(&mut text, &line(entry)) {
            log::error!("an entry of the change feed cannot be written: {error}");
        }
    }
    String::from_utf8(text).unwrap_or_default()
}

fn line(entry: &Entry) -> Line<'_> {
    let borrowed = |text: &'static str| Some(Cow::Borrowed(text));
    let mut line = Line {
        event: entry.event.kind().number(),
        account: entry.account.0,
        revision: entry.revision,
        cause: if entry.cause == Cause::Sync { None } else { borrowed(entry.cause.as_str()) },
        delivery: entry.delivery.map(|delivery| delivery.0),
        fields: 0,
        before: None,
        kind: None,
        options: Vec::new(),
        relation: None,
        service: None,
        user: None,
        moved: None,
        provisioning: None,
        item: None,
        site: None,
    };
    match &entry.event {
        Event::Created(kind) => line.kind = borrowed(kind.as_str()),
        Event::Updated(fields) => line.fields = fields.bits(),
        Event::KindChanged { from, to } => (line.before, line.kind) = (borrowed(from.as_str()), borrowed(to.as_str())),
        Event::Deleted | Event::Erased => {}
        Event::Revived(kind, fields) => (line.kind, line.fields) = (borrowed(kind.as_str()), fields.bits()),
        Event::Opened(related) | Event::Closed(related) | Event::Linked(related) => {
            line.relation = Some(line_relation(related));
        }
        Event::OptionsChanged(options) => {
            line.options = options.iter().map(|id| Cow::Borrowed(id.as_str())).collect();
        }
        Event::Service(_, told) => {
            line.options = told.changed.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
            line.service = Some(LineService {
                id: told.service.0,
                kind: Cow::Borrowed(told.kind.as_str()),
                status: Cow::Borrowed(told.status.as_str()),
                revision: told.revision,
            });
            line.moved = told.moved.map(|(from, to)| (from.0, to.0));
        }
        Event::PlansChanged(names) => {
            line.options = names.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
        }
        Event::User(_, told) => {
            line.options = told.changed.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
            line.user = Some(LineUser {
                id: told.user.0,
                status: Cow::Borrowed(told.status.as_str()),
                revision: told.revision,
            });
            line.moved = told.moved.map(|(from, to)| (from.0, to.0));
        }
        Event::Site(_, told) => {
            line.options = told.changed.iter().map(|name| Cow::Borrowed(name.as_str())).collect();
            line.site = Some(LineSite {
                id: told.site.0,
                probe: told.probe.map(|probe| probe.0),
                status: Cow::Borrowed(told.status.as_str()),
                revision: told.revision,
                from: told.from.map(|site| site.0),
            });
        }
        Event::Provisioning(_, told) => line.provisioning = Some(told.into()),
        Event::ItemPending(told) => line.item = Some(told.into()),
        Event::Asked(_, told) => {
            (line.moved, line.kind) = (Some((told.id.0, told.customer.0)), borrowed(told.side.as_str()));
        }
    }
    line
}

fn line_relation(related: &Related) -> LineRelation<'_> {
    LineRelation {
        id: related.relation.0,
        axis: Cow::Borrowed(related.axis.as_str()),
        reseller: related.reseller.map(|account| account.0),
        platform_id: related.reseller_platform_id.as_ref().map(|id| Cow::Borrowed(id.as_str())),
        external_id: related.reseller_external_id.as_ref().map(|id| Cow::Borrowed(id.as_str())),
        partner_id: related.partner_id.as_deref().map(Cow::Borrowed),
        state: Cow::Borrowed(related.state.as_str()),
        since: related.since,
        until: related.until,
    }
}

/// The kind of a line, read from its beginning.
fn kind_of(line: &str) -> Result<EventKind, StoreError> {
    let number = line.strip_prefix("{\"e\":").and_then(|rest| rest.split([',', '}']).next()?.parse().ok());
    number.and_then(EventKind::numbered).ok_or_else(|| StoreError::corrupt_private(COLUMN))
}

/// Reads a row whose first entry has the position `first`: the entries behind `after` and up to `up_to` that are wanted,
/// each with its position.
///
/// # Errors
/// [`StoreError::Corrupt`] when it holds what this version does not know.
pub fn unpack(
    text: &str,
    first: i64,
    after: i64,
    up_to: i64,
    wanted: &dyn Fn(EventKind) -> bool,
) -> Result<Vec<(i64, Entry)>, StoreError> {
    let mut entries = Vec::new();
    for (position, line) in (first..).zip(text.lines()) {
        if position > after && position <= up_to && wanted(kind_of(line)?) {
            entries.push((position, read(line)?));
        }
    }
    Ok(entries)
}

fn read(text: &str) -> Result<Entry, StoreError> {
    let corrupt = || StoreError::corrupt_private(COLUMN);
    let line: Line<'_> = serde_json::from_str(text).map_err(|_| corrupt())?;
    let kind = |name: &Option<Cow<'_, str>>| name.as_deref().and_then(AccountKind::parse).ok_or_else(corrupt);
    let fields = || Fields::stored(line.fields).ok_or_else(corrupt);
    let related = || related(line.relation.as_ref().ok_or_else(corrupt)?).ok_or_else(corrupt);
    let event = match EventKind::numbered(line.event).ok_or_else(corrupt)? {
        EventKind::AccountCreated => Event::Created(kind(&line.kind)?),
        EventKind::AccountUpdated => Event::Updated(fields()?),
        EventKind::AccountKindChanged => Event::KindChanged { from: kind(&line.before)?, to: kind(&line.kind)? },
        EventKind::AccountDeleted => Event::Deleted,
        EventKind::AccountErased => Event::Erased,
        EventKind::AccountRevived => Event::Revived(kind(&line.kind)?, fields()?),
        EventKind::RelationOpened => Event::Opened(related()?),
        EventKind::RelationClosed => Event::Closed(related()?),
        EventKind::RelationLinked => Event::Linked(related()?),
        EventKind::OptionsChanged => Event::OptionsChanged(line.options.iter().map(ToString::to_string).collect()),
        EventKind::ServiceCreated => Event::Service(Happening::Created, told(&line).ok_or_else(corrupt)?),
        EventKind::ServiceUpdated => Event::Service(Happening::Updated, told(&line).ok_or_else(corrupt)?),
        EventKind::ServiceSuspended => Event::Service(Happening::Suspended, told(&line).ok_or_else(corrupt)?),
        EventKind::ServiceActivated => Event::Service(Happening::Activated, told(&line).ok_or_else(corrupt)?),
        EventKind::ServiceEnded => Event::Service(Happening::Ended, told(&line).ok_or_else(corrupt)?),
        EventKind::ServiceMoved => Event::Service(Happening::Moved, told(&line).ok_or_else(corrupt)?),
        EventKind::PlansChanged => Event::PlansChanged(line.options.iter().map(ToString::to_string).collect()),
        EventKind::UserCreated => Event::User(UserHappening::Created, user_told(&line).ok_or_else(corrupt)?),
        EventKind::UserUpdated => Event::User(UserHappening::Updated, user_told(&line).ok_or_else(corrupt)?),
        EventKind::UserMoved => Event::User(UserHappening::Moved, user_told(&line).ok_or_else(corrupt)?),
        EventKind::UserEnded => Event::User(UserHappening::Ended, user_told(&line).ok_or_else(corrupt)?),
        EventKind::SiteCreated | EventKind::ProbeCreated => site(&line, SiteHappening::Created).ok_or_else(corrupt)?,
        EventKind::SiteUpdated | EventKind::ProbeUpdated => site(&line, SiteHappening::Updated).ok_or_else(corrupt)?,
        EventKind::SiteEnded | EventKind::ProbeEnded => site(&line, SiteHappening::Ended).ok_or_else(corrupt)?,
        EventKind::ProvisioningOpened => provisioning(&line, Stage::Opened).ok_or_else(corrupt)?,
        EventKind::ProvisioningCancelled => provisioning(&line, Stage::Cancelled).ok_or_else(corrupt)?,
        EventKind::ProvisioningDone => provisioning(&line, Stage::Done).ok_or_else(corrupt)?,
        EventKind::ProvisioningFailed => provisioning(&line, Stage::Failed).ok_or_else(corrupt)?,
        EventKind::ProvisioningItemPending => {
            Event::ItemPending(line.item.as_ref().and_then(LineItem::told).ok_or_else(corrupt)?)
        }
        EventKind::MoveRequested => asked(&line, Asking::Requested).ok_or_else(corrupt)?,
        EventKind::MoveDeclined => asked(&line, Asking::Declined).ok_or_else(corrupt)?,
        EventKind::MoveWithdrawn => asked(&line, Asking::Withdrawn).ok_or_else(corrupt)?,
    };
    Ok(Entry {
        account: AccountId(line.account),
        revision: line.revision,
        cause: line.cause.as_deref().map_or(Some(Cause::Sync), Cause::parse).ok_or_else(corrupt)?,
        delivery: line.delivery.map(DeliveryId),
        event,
    })
}

fn told(line: &Line<'_>) -> Option<ServiceTold> {
    let service = line.service.as_ref()?;
    Some(ServiceTold {
        service: ServiceId(service.id),
        kind: ServiceKind::parse(&service.kind)?,
        status: ServiceStatus::parse(&service.status)?,
        revision: service.revision,
        changed: line.options.iter().map(ToString::to_string).collect(),
        moved: moved(line),
    })
}

fn provisioning(line: &Line<'_>, stage: Stage) -> Option<Event> {
    Some(Event::Provisioning(stage, line.provisioning.as_ref()?.told()?))
}

fn site(line: &Line<'_>, happening: SiteHappening) -> Option<Event> {
    let site = line.site.as_ref()?;
    let told = SiteTold {
        site: SiteId(site.id),
        probe: site.probe.map(ProbeId),
        status: PlaceStatus::parse(&site.status)?,
        revision: site.revision,
        changed: line.options.iter().map(ToString::to_string).collect(),
        from: site.from.map(SiteId),
    };
    Some(Event::Site(happening, told))
}

fn asked(line: &Line<'_>, asking: Asking) -> Option<Event> {
    let (id, customer) = line.moved?;
    let side = Side::parse(line.kind.as_deref()?)?;
    Some(Event::Asked(asking, MoveTold { id: MoveId(id), customer: AccountId(customer), side }))
}

fn moved(line: &Line<'_>) -> Option<(AccountId, AccountId)> {
    line.moved.map(|(from, to)| (AccountId(from), AccountId(to)))
}

fn user_told(line: &Line<'_>) -> Option<UserTold> {
    let user = line.user.as_ref()?;
    Some(UserTold {
        user: UserId(user.id),
        status: UserStatus::parse(&user.status)?,
        revision: user.revision,
        changed: line.options.iter().map(ToString::to_string).collect(),
        moved: moved(line),
    })
}

fn related(line: &LineRelation<'_>) -> Option<Related> {
    Some(Related {
        relation: RelationId(line.id),
        axis: Axis::parse(&line.axis)?,
        reseller: line.reseller.map(AccountId),
        reseller_platform_id: line.platform_id.as_deref().map(PlatformId::stored),
        reseller_external_id: line.external_id.as_deref().map(ExternalId::stored),
        partner_id: line.partner_id.as_ref().map(ToString::to_string),
        state: RelationState::parse(&line.state)?,
        since: line.since,
        until: line.until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::feed::{ItemTold, ProvisioningTold};
    use crate::domain::ids::{ItemId, ProvisioningId};
    use crate::domain::provisioning::{Counts, PlanAt, RequestCause, TargetKind};

    fn all() -> Vec<Entry> {
        let related = Related {
            relation: RelationId::issue(1, 9),
            axis: Axis::Reseller,
            reseller: Some(AccountId::issue(0, 2)),
            reseller_platform_id: Some(PlatformId::stored("10\"\n82")),
            reseller_external_id: Some(ExternalId::stored("é")),
            partner_id: None,
            state: RelationState::Linked,
            since: 1,
            until: None,
        };
        let partner = Related {
            axis: Axis::Partner,
            reseller: None,
            reseller_platform_id: None,
            reseller_external_id: None,
            partner_id: Some("3456890".to_owned()),
            state: RelationState::Pending,
            until: Some(5),
            ..related.clone()
        };
        let fields = Fields::stored(0b10_0000_0000_0101).unwrap_or_default();
        let events = vec![
            Event::Created(AccountKind::Reseller),
            Event::Updated(fields),
            Event::Updated(Fields::default()),
            Event::KindChanged { from: AccountKind::DirectCustomer, to: AccountKind::ResellerCustomer },
            Event::Deleted,
            Event::Erased,
            Event::Revived(AccountKind::DirectCustomer, fields),
            Event::Opened(related.clone()),
            Event::Closed(partner),
            Event::Linked(related),
            Event::OptionsChanged(vec!["MPN\tID\n".to_owned(), "b\"".to_owned()]),
            Event::PlansChanged(vec!["offers".to_owned(), "directory_ou".to_owned()]),
        ];
        let told = |happening| {
            let moved = (happening == Happening::Moved).then_some((AccountId::issue(0, 1), AccountId::issue(0, 2)));
            let (service, kind, status) = (ServiceId::issue(2, 5), ServiceKind::Ssl, ServiceStatus::Trial);
            Event::Service(
                happening,
                ServiceTold { service, kind, status, revision: 4, changed: vec!["plan".to_owned()], moved },
            )
        };
        let user = |happening| {
            let moved = (happening == UserHappening::Moved).then_some((AccountId::issue(0, 1), AccountId::issue(0, 2)));
            let (user, status) = (UserId::issue(2, 6), UserStatus::Disabled);
            Event::User(happening, UserTold { user, status, revision: 5, changed: vec!["services".to_owned()], moved })
        };
        let stage = |stage| {
            let counts = Counts { pending: 1, running: 2, done: 3, failed: 4, cancelled: 5 };
            let (request, cause) = (ProvisioningId::issue(1, 3), RequestCause::Products);
            Event::Provisioning(stage, ProvisioningTold { request, cause, counts })
        };
        let item = ItemTold {
            request: ProvisioningId::issue(1, 3),
            item: ItemId::issue(1, 4),
            attempt: 2,
            kind: TargetKind::User,
            service: Some(ServiceId::issue(2, 5)),
            user: Some(UserId::issue(2, 6)),
            from: Some(PlanAt::new("gold\n", "")),
            to: PlanAt::new("gold\"", "eu"),
        };
        let directory = ItemTold {
            kind: TargetKind::Directory,
            service: None,
            user: None,
            from: Some(PlanAt::default()),
            to: PlanAt::default(),
            ..item.clone()
        };
        let items = [item, directory].map(Event::ItemPending);
        let site = |happening| {
            let told = SiteTold {
                site: SiteId::issue(3, 1),
                probe: None,
                status: PlaceStatus::Active,
                revision: 2,
                changed: vec!["name".to_owned()],
                from: None,
            };
            let from = (happening == SiteHappening::Updated).then_some(SiteId::issue(3, 4));
            let probe = SiteTold { probe: Some(ProbeId::issue(3, 2)), from, ..told.clone() };
            [Event::Site(happening, told), Event::Site(happening, probe)]
        };
        let sites = SiteHappening::ALL.map(site).into_iter().flatten();
        let events = events.into_iter().chain(Happening::ALL.map(told)).chain(UserHappening::ALL.map(user));
        let events = events.chain(Stage::ALL.map(stage)).chain(items).chain(sites);
        let asked = |asking| {
            let side = if asking == Asking::Declined { Side::To } else { Side::From };
            Event::Asked(asking, MoveTold { id: MoveId(9), customer: AccountId::issue(0, 4), side })
        };
        let events = events.chain(Asking::ALL.map(asked));
        let entry = |(at, event)| Entry {
            account: AccountId::issue(3, at),
            revision: (at % 2 == 0).then_some(at),
            cause: if at % 3 == 0 { Cause::Move } else { Cause::Sync },
            delivery: (at % 2 == 1).then(|| DeliveryId::issue(1, at)),
            event,
        };
        (1..).zip(events).map(entry).collect()
    }

    #[test]
    fn every_kind_comes_back_as_it_went() -> Result<(), StoreError> {
        let entries = all();
        let kinds: std::collections::BTreeSet<EventKind> = entries.iter().map(|entry| entry.event.kind()).collect();
        assert_eq!(kinds.len(), EventKind::ALL.len());
        let text = pack(&entries);
        assert_eq!(text.lines().count(), entries.len());
        let read: Vec<(i64, Entry)> = unpack(&text, 100, 0, i64::MAX, &|_| true)?;
        assert_eq!(read, (100..).zip(entries).collect::<Vec<_>>());
        Ok(())
    }

    #[test]
    fn a_part_of_a_row_is_read() -> Result<(), StoreError> {
        let text = pack(&all());
        let positions = |after, up_to, kind: Option<EventKind>| {
            let read = unpack(&text, 100, after, up_to, &|found| kind.is_none_or(|kind| kind == found));
            read.map(|read| read.iter().map(|(position, _)| *position).collect::<Vec<_>>())
        };
        assert_eq!(positions(101, 103, None)?, [102, 103]);
        assert_eq!(positions(0, 1000, Some(EventKind::AccountUpdated))?, [101, 102]);
        assert_eq!(positions(101, 1000, Some(EventKind::AccountUpdated))?, [102]);
        Ok(())
    }

    #[test]
    fn what_is_unknown_is_an_error_that_tells_nothing() {
        for text in
            ["", " ", "{\"e\":99,\"a\":1}", "{\"e\":7,\"a\":1}", "{\"a\":1}", "{\"e\":2,\"a\":1,\"f\":999999999}"]
        {
            let read = unpack(&format!("{text}\n"), 1, 0, 9, &|_| true);
            assert!(
                matches!(&read, Err(StoreError::Corrupt(told)) if told == "something in changes.entries"),
                "{read:?}"
            );
        }
    }
}
