//! Writes what a batch came to: rows only where they change, in an order that every index allows.

mod ended;
mod rows;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use crate::domain::account::{Account, Hold, Standing};
use crate::domain::act::ListChange;
use crate::domain::feed::{self, Entry};
use crate::domain::ids::{AccountId, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId};
use crate::domain::ledger::Delivery;
use crate::domain::relation::{Axis, Cause, FoundBy, Relation, RelationState};
use crate::domain::world::{Changes, Link, RelationChange};
use crate::store::bulk::{Rows, Together, Value};
use crate::store::chains::Advance;
use crate::store::changes::Told;
use crate::store::connection::AnyConnection;
use crate::store::error::StoreError;
use crate::store::load::waits_in;
use crate::store::schema::relations;
use crate::store::{
    aliases, branding, cases, dossiers, moves, offers, operators, provisioning, services, sites, users,
};
use rows::{
    HoldAccount, InsertAccount, InsertBody, InsertDelivery, InsertRelation, Made, MoveAccount, PlaceAccount, Remember,
    TouchAccount, UpdateAccount, UpdateRelation, body_delivery, body_digest, delivery_row, insert_row, made,
    update_row,
};

/// A ledger row to write.
#[derive(Debug)]
pub struct NewDelivery<'a> {
    /// The delivery.
    pub delivery: Delivery,
    /// Its hash.
    pub hash: [u8; 32],
    /// Its body, where it carries one itself.
    pub body: Option<&'a [u8]>,
}

/// Whether only event time and body reference differ, which is what an unchanged call leaves behind.
fn only_touched(before: &Account, after: &Account) -> bool {
    before.revision == after.revision && before.last_delivery == after.last_delivery
}

/// Writes what a batch came to, and the new end of its chain. Returns the position of the last entry that it added to the
/// change feed; none where it changed nothing.
///
/// # Errors
/// [`StoreError::Contended`] when the chain ends elsewhere, others of the first statement that fails.
pub fn batch(
    connection: &mut AnyConnection,
    new: &[NewDelivery<'_>],
    changes: &Changes,
    advance: &Advance<'_>,
) -> Result<Option<i64>, StoreError> {
    let told = || Told::of(feed::entries(changes));
    if changes.updated.len() < MANY {
        return write(connection, new, changes, advance, || Ok(told()));
    }
    // What a long list tells is gathered while the database writes what it changes.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("telling".to_owned());
        match thread.spawn_scoped(scope, told) {
            Ok(telling) => write(connection, new, changes, advance, || {
                telling.join().map_err(|_| StoreError::Failed("what a list tells was not gathered".to_owned()))
            }),
            // No thread is to be had now: then one behind the other.
            Err(_) => write(connection, new, changes, advance, || Ok(told())),
        }
    })
}

/// Accounts that change in one batch from which on a thread is worth its while: more than calls of one batch are about.
const MANY: usize = 1_000;

/// As [`batch`]; `telling` gives what the change feed is told of the changes themselves.
fn write(
    connection: &mut AnyConnection,
    new: &[NewDelivery<'_>],
    changes: &Changes,
    advance: &Advance<'_>,
    telling: impl FnOnce() -> Result<Told, StoreError>,
) -> Result<Option<i64>, StoreError> {
    let (mut deliveries, mut bodies) = (Rows::<InsertDelivery>::default(), Rows::<InsertBody>::default());
    for new in new {
        deliveries.push(delivery_row(new));
        if let Some(body) = new.body {
            bodies.push([Value::Binary(body), Value::BigInt(new.delivery.id.0)]);
        }
    }
    let created: Vec<(&Account, Made)> = changes.created.iter().map(|account| (&**account, made(account))).collect();
    let (touched, rewritten): (Vec<_>, Vec<_>) = changes
        .updated
        .iter()
        .map(|(before, after)| (&**before, &**after))
        .partition(|(before, after)| only_touched(before, after));
    let (moved, rewritten): (Vec<_>, Vec<_>) =
        rewritten.into_iter().partition(|(before, after)| before.says_the_same(after));
    let rewritten: Vec<(&Account, &Account, Made)> =
        rewritten.into_iter().map(|(before, after)| (before, after, made(after))).collect();
    let mut inserts = Rows::<InsertAccount>::default();
    for (account, made) in &created {
        inserts.push(insert_row(account, made));
    }
    let mut touches = Rows::<TouchAccount>::default();
    for (_, after) in &touched {
        touches.push([
            Value::BigInt(after.event.second),
            Value::Bool(after.event.live),
            Value::MaybeBigInt(body_delivery(after)),
            Value::MaybeBinary(body_digest(after)),
            Value::Bool(after.open_cases),
            Value::BigInt(after.id.0),
        ]);
    }
    let (mut places, mut updates) = (Rows::<PlaceAccount>::default(), Rows::<UpdateAccount>::default());
    for (before, after, made) in &rewritten {
        if before.moves_place(after) {
            places.push(place_row(after));
        }
        updates.push(update_row(after, made));
    }
    let (mut moving, mut holding) = (Rows::<MoveAccount>::default(), Rows::<HoldAccount>::default());
    for (before, after) in moved {
        let [kind, status, standing, id] = place_row(after);
        let (hold, revision) = (Value::MaybeText(after.hold.map(Hold::as_str)), Value::BigInt(after.revision));
        if before.moves_place(after) {
            moving.push([kind, status, standing, hold, revision, id]);
        } else {
            holding.push([hold, revision, id]);
        }
    }
    // Calls make accounts that may do everything, so inserts leave the standing out: acts of the same list set it.
    let marked = created.iter().filter(|(account, _)| account.standing != Standing::Enabled);
    let marked: Vec<&Account> = marked.map(|(account, _)| *account).collect();
    for after in &marked {
        places.push(place_row(after));
    }
    let mut remembered = Rows::<Remember>::default();
    for (source, id, delivery) in &changes.remembered {
        remembered.push([Value::BigInt(delivery.0), Value::Text(source.as_str()), Value::Text(id)]);
    }
    let (mut new_services, mut services_now) =
        (Rows::<services::InsertService>::default(), Rows::<services::UpdateService>::default());
    changes.services_created.iter().for_each(|service| services::insert(&mut new_services, service));
    changes.services_updated.iter().for_each(|service| services::update(&mut services_now, service));
    let told: Vec<String> = changes.steps.iter().map(services::changed_text).collect();
    let mut steps = Rows::<services::InsertStep>::default();
    changes.steps.iter().zip(&told).for_each(|(step, told)| services::insert_step(&mut steps, step, told));
    aliases::adopt(connection, &changes.adopted)?;
    let mut together = Together::default();
    if changes.links.is_empty() && marked.is_empty() {
        together.add(connection, &inserts)?;
    } else {
        // Linking looks at the accounts of what waits, and some of them may be new; so may those that have a standing.
        inserts.write(connection)?;
    }
    // Kinds that statements below look at.
    moving.write(connection)?;
    places.write(connection)?;
    write_relations(connection, changes)?;
    let mut more = Vec::new();
    for link in &changes.links {
        more.extend(link_waiting(connection, link)?);
    }
    more.extend(users::save(connection, changes)?);
    dossiers::save(connection, changes)?;
    branding::save(connection, changes)?;
    sites::save(connection, changes)?;
    more.extend(ended::follow(connection, changes, advance.now)?);
    more.extend(provisioning::open(connection, &changes.provisioning)?);
    together.add(connection, &deliveries)?;
    together.add(connection, &bodies)?;
    together.add(connection, &updates)?;
    together.add(connection, &holding)?;
    together.add(connection, &touches)?;
    together.add(connection, &remembered)?;
    together.add(connection, &new_services)?;
    together.add(connection, &services_now)?;
    together.add(connection, &steps)?;
    cases::save(connection, &changes.cases)?;
    moves::save(connection, &changes.moves)?;
    more.extend(ended::give_up_moves(connection, changes, advance.now)?);
    for change in &changes.lists {
        let ListChange { account, before, after, promoted_at, at, .. } = change;
        offers::write(connection, *account, before, after, *promoted_at, *at)?;
    }
    operators::save(connection, &changes.operators)?;
    // The feed is told behind everything else: from there to the commit no other receiver gets a position.
    let (moved, feed_end) = if changes.updated.len() < MANY {
        telling()?.and(more).append_behind(connection, advance.now, together, advance)?
    } else {
        // A long list is still being told while the database writes it.
        let moved = together.finish(connection, advance)?;
        (moved, telling()?.and(more).append(connection, advance.now)?)
    };
    if moved != 1 {
        return Err(StoreError::Contended("another writer took over the ledger chain".to_owned()));
    }
    Ok(feed_end)
}

fn place_row(after: &Account) -> [Value<'_>; 4] {
    [
        Value::Text(after.kind.as_str()),
        Value::Text(after.status.as_str()),
        Value::Text(after.standing.as_str()),
        Value::BigInt(after.id.0),
    ]
}

fn write_relations(connection: &mut AnyConnection, changes: &Changes) -> Result<(), StoreError> {
    let (mut opened, mut changed) = (Rows::<InsertRelation>::default(), Rows::<UpdateRelation>::default());
    for change in &changes.relations {
        let relation = &change.relation;
        let closing = relation.closing;
        let valid_to = Value::MaybeBigInt(closing.map(|closing| closing.valid_to));
        let closed_learned_at = Value::MaybeBigInt(closing.map(|closing| closing.learned_at));
        let closed_cause = Value::MaybeText(closing.map(|closing| closing.cause.as_str()));
        let closed_delivery = Value::MaybeBigInt(closing.and_then(|closing| closing.delivery).map(|id| id.0));
        let named = names(relation);
        if change.opened {
            opened.push([
                Value::BigInt(change.account.0),
                Value::Text(relation.axis.as_str()),
                named[0],
                named[1],
                named[2],
                Value::MaybeText(relation.partner_id.as_deref()),
                Value::Text(relation.state.as_str()),
                Value::MaybeText(relation.found_by.map(FoundBy::as_str)),
                Value::BigInt(relation.valid_from),
                Value::BigInt(relation.learned_at),
                Value::MaybeBigInt(relation.linked_at),
                Value::Text(Cause::as_str(relation.cause)),
                Value::MaybeBigInt(relation.delivery.map(|delivery: DeliveryId| delivery.0)),
                valid_to,
                closed_learned_at,
                closed_cause,
                closed_delivery,
                Value::MaybeText(relation.partner.as_ref().map(PartnerId::as_str)),
                Value::MaybeText(relation.linked_cause.map(Cause::as_str)),
                Value::BigInt(relation.id.0),
            ]);
        } else {
            changed.push([
                named[0],
                named[1],
                named[2],
                Value::Text(relation.state.as_str()),
                Value::MaybeText(relation.found_by.map(FoundBy::as_str)),
                Value::MaybeBigInt(relation.linked_at),
                valid_to,
                closed_learned_at,
                closed_cause,
                closed_delivery,
                Value::BigInt(relation.id.0),
            ]);
        }
    }
    keep_waiting(connection, changes)?;
    // Closing comes first: one open relation per axis is what the index allows at any moment.
    changed.write(connection)?;
    opened.write(connection)?;
    Ok(())
}

/// Keeps those of the relations to change that wait for their resellers from being linked before this transaction ends. On
/// PostgreSQL another receiver may have made such a reseller since they were read, and needs no lock on their accounts.
fn keep_waiting(connection: &mut AnyConnection, changes: &Changes) -> Result<(), StoreError> {
    let AnyConnection::Postgres(postgres) = connection else { return Ok(()) };
    let waited = |change: &&RelationChange| {
        let relation = &change.relation;
        relation.axis == Axis::Reseller && !change.opened && (change.linked || relation.reseller_account.is_none())
    };
    let waited: Vec<i64> = changes.relations.iter().filter(waited).map(|change| change.relation.id.0).collect();
    if waited.is_empty() {
        return Ok(());
    }
    let still = relations::table
        .filter(relations::id.eq_any(&waited))
        .filter(relations::reseller_account_id.is_null())
        .order(relations::id)
        .select(relations::id)
        .for_update();
    if still.load::<i64>(postgres)?.len() < waited.len() {
        return Err(StoreError::Contended("a reseller came that a relation waited for".to_owned()));
    }
    Ok(())
}

fn names(relation: &Relation) -> [Value<'_>; 3] {
    [
        Value::MaybeText(relation.reseller_platform_id.as_ref().map(PlatformId::as_str)),
        Value::MaybeText(relation.reseller_external_id.as_ref().map(ExternalId::as_str)),
        Value::MaybeBigInt(relation.reseller_account.map(|account| account.0)),
    ]
}

/// Links every stored relation that waits for a reseller that came, however many there are, in one statement a name, and
/// tells each.
fn link_waiting(connection: &mut AnyConnection, link: &Link) -> Result<Vec<Entry>, StoreError> {
    let set = |found_by: FoundBy| {
        (
            relations::state.eq(RelationState::Linked.as_str()),
            relations::reseller_account_id.eq(link.account.0),
            relations::linked_at.eq(link.at),
            relations::found_by.eq(found_by.as_str()),
        )
    };
    // By both names first: each statement takes what the one before it left waiting.
    let by_external_id = || relations::reseller_external_id.eq(link.external_id.as_str().to_owned());
    let by_platform_id = || relations::reseller_platform_id.eq(link.key.platform_id.as_str().to_owned());
    let waiting_in_scope = || relations::table.filter(waits_in(&link.key.scope));
    let named = || sql::<Bool>("reseller_external_id IS NOT NULL");
    let told = (relations::id, relations::account_id, relations::valid_from);
    let mut linked: Vec<(i64, i64, i64)> =
        diesel::update(waiting_in_scope().filter(by_platform_id()).filter(by_external_id()))
            .set(set(FoundBy::Both))
            .returning(told)
            .get_results(connection)?;
    linked.extend(
        diesel::update(waiting_in_scope().filter(by_platform_id()))
            .set(set(FoundBy::PlatformId))
            .returning(told)
            .get_results::<(i64, i64, i64)>(connection)?,
    );
    linked.extend(
        diesel::update(waiting_in_scope().filter(by_external_id()).filter(named()))
            .set(set(FoundBy::ExternalId))
            .returning(told)
            .get_results::<(i64, i64, i64)>(connection)?,
    );
    let entry = |(relation, account, since)| feed::linked(link, RelationId(relation), AccountId(account), since);
    Ok(linked.into_iter().map(entry).collect())
}
