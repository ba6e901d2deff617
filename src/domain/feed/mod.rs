//! The change feed: what a commit changed, told without anybody's personal data.
//!
//! An entry says that something of an account changed and names what, not what it shows now: whoever wants that asks for
//! the account. So the feed stays true when an account is erased.

mod event;

use std::collections::{BTreeMap, HashMap};

use super::account::Account;
use super::act::ListChange;
use super::ids::{AccountId, DeliveryId, RelationId, UserId};
use super::moves::{Move, MoveState};
use super::offer::Differences;
use super::relation::{Axis, Cause, RelationState};
use super::service::{Happening, Step};
use super::site::SiteStep;
use super::user::{Lost, UserHappening, UserStatus, UserStep};
use super::world::{Changes, Link, RelationChange};

pub use event::{
    Asking, Entry, Event, EventKind, Fields, ItemTold, MoveTold, ProvisioningTold, Related, ServiceTold, SiteTold,
    Stage, UserTold,
};

/// What a batch changed, account by account, each in the order in which it happened.
#[must_use]
pub fn entries(changes: &Changes) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(changes.created.len() + changes.updated.len() + changes.relations.len());
    let mut relations: BTreeMap<AccountId, Vec<&RelationChange>> = BTreeMap::new();
    for change in &changes.relations {
        relations.entry(change.account).or_default().push(change);
    }
    let arrivals: HashMap<AccountId, &Link> = changes.links.iter().map(|link| (link.account, link)).collect();
    let mut tell = Telling { entries: &mut entries, arrivals: &arrivals };
    for after in &changes.created {
        let about = About::new(changes, after, after.last_delivery);
        tell.push(&about, Event::Created(after.kind));
        if !after.options.is_empty() {
            tell.push(&about, Event::OptionsChanged(after.options.iter().map(|(id, _)| id.clone()).collect()));
        }
        tell.relations(&about, relations.remove(&after.id).unwrap_or_default());
        if !after.is_active() {
            // It came and went within one commit.
            tell.push(&about, Event::Deleted);
        }
    }
    for (before, after) in &changes.updated {
        if before.revision == after.revision && before.last_delivery == after.last_delivery {
            // Only touched; its relation may still have been linked.
            continue;
        }
        let delivery = after.last_delivery.filter(|_| before.last_delivery != after.last_delivery);
        let about = About::new(changes, after, delivery);
        let kept = changes.dossiers.get(&after.id).map(|(before, after)| Fields::kept(before, after));
        let mut fields = Fields::differing(before, after).with(kept.unwrap_or_default());
        if changes.brandings.get(&after.id).is_some_and(|(before, after)| before != after) {
            fields = fields.with(Fields::BRANDING);
        }
        tell.updated(&about, fields, (before, after), relations.remove(&after.id).unwrap_or_default());
    }
    for (account, relations) in relations {
        let cause = changes.causes.get(&account).copied().unwrap_or(Cause::Sync);
        tell.relations(&About { account, revision: None, cause, delivery: None }, relations);
    }
    entries.extend(changes.steps.iter().flat_map(of_service));
    entries.extend(changes.user_steps.iter().flat_map(of_user));
    entries.extend(changes.site_steps.iter().map(of_site));
    entries.extend(changes.lists.iter().filter_map(of_list));
    entries.extend(
        changes.moves.iter().flat_map(|(one, new)| asked(one, if *new { Cause::Operator } else { Cause::Move })),
    );
    entries
}

/// What is told of a request for a move, as it stands: nothing of one that was made, and nothing of a move that nobody had to
/// be asked about. Each side is told about its own reseller, so that neither the customer's other resellers nor those to
/// come hear of it: a customer of nobody has nobody on that side to tell, and whoever gets it later reads what is about it.
#[must_use]
pub fn asked(one: &Move, cause: Cause) -> Vec<Entry> {
    let (Some(side), Some(asking)) = (one.side, asking(one.state)) else { return Vec::new() };
    let told = MoveTold { id: one.id, customer: one.customer, side };
    let event = Event::Asked(asking, told);
    let entry = |account| Entry { account, revision: None, cause, delivery: None, event: event.clone() };
    [one.from, one.to].into_iter().flatten().map(entry).collect()
}

fn asking(state: MoveState) -> Option<Asking> {
    match state {
        MoveState::Requested => Some(Asking::Requested),
        MoveState::Declined => Some(Asking::Declined),
        MoveState::Withdrawn => Some(Asking::Withdrawn),
        MoveState::Done => None,
    }
}

/// What became of a list of offers; nothing where it says the same.
fn of_list(change: &ListChange) -> Option<Entry> {
    let differences = change.after.differences(&change.before.sheet());
    (!differences.is_empty()).then(|| plans_changed(change.account, &differences, change.cause))
}

/// The entry of a reseller whose list of offers changed.
#[must_use]
pub fn plans_changed(account: AccountId, differences: &Differences, cause: Cause) -> Entry {
    let names = differences.names().into_iter().map(str::to_owned).collect();
    Entry { account, revision: None, cause, delivery: None, event: Event::PlansChanged(names) }
}

/// What happened to a service. Each of its revisions is told, also of several within one commit.
/// One that became another account's is told to both.
fn of_service(step: &Step) -> impl Iterator<Item = Entry> {
    let after = &step.after;
    let from = step.before.as_ref().map(|before| before.account).filter(|from| *from != after.account);
    let told = ServiceTold {
        service: after.id,
        kind: after.kind,
        status: after.status,
        revision: after.revision,
        changed: step.changed().into_iter().map(str::to_owned).collect(),
        moved: from.map(|from| (from, after.account)),
    };
    let entry = |account, happening, told| Entry {
        account,
        revision: None,
        cause: step.cause,
        delivery: step.delivery,
        event: Event::Service(happening, told),
    };
    let left = from.map(|from| entry(from, Happening::Moved, told.clone()));
    left.into_iter().chain([entry(after.account, step.happening(), told)])
}

/// What happened to a user; one that became another account's is told to both.
fn of_user(step: &UserStep) -> impl Iterator<Item = Entry> {
    let after = &step.after;
    let from = step.before.as_ref().map(|before| before.account).filter(|from| *from != after.account);
    let told = UserTold {
        user: after.id,
        status: after.status,
        revision: after.revision,
        changed: step.changed().into_iter().map(str::to_owned).collect(),
        moved: from.map(|from| (from, after.account)),
    };
    let entry = |account, happening, told| Entry {
        account,
        revision: None,
        cause: step.cause,
        delivery: step.delivery,
        event: Event::User(happening, told),
    };
    let left = from.map(|from| entry(from, UserHappening::Moved, told.clone()));
    left.into_iter().chain([entry(after.account, step.happening(), told)])
}

/// What happened to a site or probe.
#[must_use]
pub fn of_site(step: &SiteStep) -> Entry {
    let told = SiteTold {
        site: step.site(),
        probe: step.probe(),
        status: step.status(),
        revision: step.revision(),
        changed: step.changed().into_iter().map(str::to_owned).collect(),
        from: step.from(),
    };
    let event = Event::Site(step.happening(), told);
    Entry { account: step.account(), revision: None, cause: step.cause, delivery: step.delivery, event }
}

/// The entry of a user who lost a service that ended or moved.
#[must_use]
pub fn lost_service(user: UserId, account: AccountId, status: UserStatus, revision: i64, lost: &Lost) -> Entry {
    let told = UserTold { user, status, revision, changed: vec!["services".to_owned()], moved: None };
    Entry {
        account,
        revision: None,
        cause: lost.cause,
        delivery: lost.delivery,
        event: Event::User(UserHappening::Updated, told),
    }
}

/// The entry of a stored relation, of `account` and from `since` on, that was linked to a reseller which came.
#[must_use]
pub fn linked(link: &Link, relation: RelationId, account: AccountId, since: i64) -> Entry {
    Entry {
        account,
        revision: None,
        cause: link.cause,
        delivery: link.delivery,
        event: Event::Linked(Related {
            relation,
            axis: Axis::Reseller,
            reseller: Some(link.account),
            reseller_platform_id: Some(link.key.platform_id.clone()),
            reseller_external_id: Some(link.external_id.clone()),
            partner_id: None,
            state: RelationState::Linked,
            since,
            until: None,
        }),
    }
}

/// What all entries of one account in one batch have in common.
struct About {
    account: AccountId,
    revision: Option<i64>,
    cause: Cause,
    delivery: Option<DeliveryId>,
}

impl About {
    fn new(changes: &Changes, after: &Account, delivery: Option<DeliveryId>) -> Self {
        let cause = changes.causes.get(&after.id).copied().unwrap_or(Cause::Sync);
        Self { account: after.id, revision: Some(after.revision), cause, delivery }
    }
}

struct Telling<'a> {
    entries: &'a mut Vec<Entry>,
    /// The resellers that came.
    arrivals: &'a HashMap<AccountId, &'a Link>,
}

impl Telling<'_> {
    fn push(&mut self, about: &About, event: Event) {
        let About { account, revision, cause, delivery } = *about;
        self.entries.push(Entry { account, revision, cause, delivery, event });
    }

    fn updated(
        &mut self,
        about: &About,
        fields: Fields,
        (before, after): (&Account, &Account),
        relations: Vec<&RelationChange>,
    ) {
        let told = self.entries.len();
        let ends = before.is_active() && !after.is_active();
        // An account ends behind its relations, and lives again before them.
        if !before.is_active() && after.is_active() {
            self.push(about, Event::Revived(after.kind, fields));
        } else if !fields.is_empty() && !ends {
            self.push(about, Event::Updated(fields));
        }
        if before.kind != after.kind {
            self.push(about, Event::KindChanged { from: before.kind, to: after.kind });
        }
        let options = changed_options(before, after);
        if !options.is_empty() {
            self.push(about, Event::OptionsChanged(options));
        }
        self.relations(about, relations);
        if ends {
            self.push(about, Event::Deleted);
        } else if self.entries.len() == told {
            // There and back within one commit: its revision went on, and readers may rely on seeing each.
            self.push(about, Event::Updated(fields));
        }
    }

    fn relations(&mut self, about: &About, mut relations: Vec<&RelationChange>) {
        // What was there before ends first; the others have their numbers in the order in which they were opened.
        relations.sort_by_key(|change| (change.opened, change.relation.id));
        for change in relations {
            let relation = &change.relation;
            if change.opened {
                // Its closing is told below.
                let opened = Related { until: None, ..Related::from(relation) };
                let (cause, delivery) = (relation.cause, relation.delivery);
                self.entries.push(Entry { cause, delivery, event: Event::Opened(opened), ..about.entry() });
            } else if change.linked {
                let linked = Related { until: None, ..Related::from(relation) };
                let arrival = relation.reseller_account.and_then(|id| self.arrivals.get(&id));
                let (cause, delivery) =
                    arrival.map_or((about.cause, about.delivery), |arrival| (arrival.cause, arrival.delivery));
                self.entries.push(Entry { cause, delivery, event: Event::Linked(linked), ..about.entry() });
            }
            if let Some(closing) = relation.closing {
                let (cause, delivery) = (closing.cause, closing.delivery);
                let event = Event::Closed(Related::from(relation));
                self.entries.push(Entry { cause, delivery, event, ..about.entry() });
            }
        }
    }
}

impl About {
    /// An entry to be completed.
    fn entry(&self) -> Entry {
        let About { account, revision, cause, delivery } = *self;
        Entry { account, revision, cause, delivery, event: Event::Deleted }
    }
}

/// The options that were set, changed or removed.
fn changed_options(before: &Account, after: &Account) -> Vec<String> {
    let gone = before.options.iter().map(|(id, _)| id).filter(|id| after.options.get(id).is_none());
    let set = after.options.iter().filter(|(id, value)| before.options.get(id) != Some(value)).map(|(id, _)| id);
    let mut ids: Vec<String> = gone.chain(set).cloned().collect();
    ids.sort_unstable();
    ids
}

/// The entries of an erasure: the account as it was, and how its relations ended.
#[must_use]
pub fn erased(account: &Account, revision: i64, until: i64) -> Vec<Entry> {
    let entry =
        |event| Entry { account: account.id, revision: Some(revision), cause: Cause::Erase, delivery: None, event };
    let closed = [&account.reseller, &account.partner].into_iter().flatten();
    let mut entries: Vec<Entry> = closed
        .map(|relation| entry(Event::Closed(Related { until: Some(until), ..Related::from(relation) })))
        .collect();
    entries.push(entry(Event::Erased));
    entries
}
