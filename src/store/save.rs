//! Writes what a batch came to: rows only where they change, in an order that every index allows.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::bulk::{Rows, Statement, Together, Value, Verb};
use super::chains::Advance;
use super::connection::AnyConnection;
use super::encode;
use super::error::StoreError;
use super::load::waits_in;
use super::schema::relations;
use super::{cases, changes as feed_of, services};
use crate::domain::account::{Account, AccountKind, Hold};
use crate::domain::feed::{self, Entry};
use crate::domain::ids::{AccountId, DeliveryId, ExternalId, PartnerId, PlatformId, RelationId};
use crate::domain::ledger::Delivery;
use crate::domain::relation::{Cause, FoundBy, Relation, RelationState};
use crate::domain::world::{Changes, Link};

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
    InsertAccount,
    "accounts",
    Insert,
    1,
    [
        "source",
        "tenant",
        "platform_id",
        "external_id",
        "kind",
        "status",
        "name",
        "code",
        "email",
        "phone",
        "fax",
        "website",
        "description",
        "is_test",
        "contact",
        "address",
        "extra_details",
        "reported_kind",
        "reported_reseller",
        "reported_external_id",
        "hold",
        "event_second",
        "event_live",
        "first_seen",
        "revision",
        "last_delivery",
        "body_delivery",
        "body_digest",
        "open_cases",
        "erased_second",
        "sync_options",
        "id",
    ]
);
// Without the columns that stand in an index: rewriting those would touch the index whether they change or not.
statement!(
    UpdateAccount,
    "accounts",
    Update,
    1,
    [
        "name",
        "code",
        "email",
        "phone",
        "fax",
        "website",
        "description",
        "is_test",
        "contact",
        "address",
        "extra_details",
        "reported_kind",
        "reported_reseller",
        "reported_external_id",
        "hold",
        "event_second",
        "event_live",
        "revision",
        "last_delivery",
        "body_delivery",
        "body_digest",
        "open_cases",
        "erased_second",
        "sync_options",
        "id",
    ]
);
statement!(PlaceAccount, "accounts", Update, 1, ["kind", "status", "id"]);
statement!(
    TouchAccount,
    "accounts",
    Update,
    1,
    ["event_second", "event_live", "body_delivery", "body_digest", "open_cases", "id"]
);
statement!(
    InsertRelation,
    "relations",
    Insert,
    1,
    [
        "account_id",
        "axis",
        "reseller_platform_id",
        "reseller_external_id",
        "reseller_account_id",
        "partner_id",
        "state",
        "found_by",
        "valid_from",
        "learned_at",
        "linked_at",
        "cause",
        "delivery_id",
        "valid_to",
        "closed_learned_at",
        "closed_cause",
        "closed_delivery_id",
        "linked_partner",
        "linked_cause",
        "id",
    ]
);
// Without what the registry alone changes in a row that is there.
statement!(
    UpdateRelation,
    "relations",
    Update,
    1,
    [
        "reseller_platform_id",
        "reseller_external_id",
        "reseller_account_id",
        "state",
        "found_by",
        "linked_at",
        "valid_to",
        "closed_learned_at",
        "closed_cause",
        "closed_delivery_id",
        "id",
    ]
);
statement!(
    InsertDelivery,
    "deliveries",
    Insert,
    1,
    [
        "source",
        "tenant",
        "endpoint",
        "path",
        "received_at",
        "event_second",
        "replayed",
        "check_only",
        "webhook_id",
        "track_id",
        "headers",
        "body_of",
        "body_digest",
        "outcome",
        "code",
        "message",
        "result",
        "kind",
        "rule",
        "account_id",
        "platform_id",
        "trace",
        "hash",
        "id",
    ]
);
statement!(InsertBody, "bodies", Insert, 1, ["body", "delivery_id"]);
statement!(Remember, "webhook_ids", Upsert, 2, ["delivery_id", "source", "webhook_id"]);

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

fn delivery_row<'a>(NewDelivery { delivery, hash, .. }: &'a NewDelivery<'_>) -> [Value<'a>; 24] {
    [
        Value::Text(&delivery.source),
        Value::Text(&delivery.tenant),
        Value::Text(delivery.endpoint.as_str()),
        Value::Text(&delivery.path),
        Value::BigInt(delivery.received_at),
        Value::BigInt(delivery.event_second),
        Value::Bool(delivery.replayed),
        Value::Bool(delivery.check_only),
        Value::MaybeText(delivery.webhook_id.as_deref()),
        Value::MaybeText(delivery.track_id.as_deref()),
        Value::Text(&delivery.headers),
        Value::BigInt(delivery.body_of.0),
        Value::Binary(&delivery.body_digest),
        Value::Text(delivery.outcome.as_str()),
        Value::Integer(delivery.code),
        Value::Text(&delivery.message),
        Value::MaybeText(delivery.result.as_deref()),
        Value::MaybeText(delivery.kind.map(AccountKind::as_str)),
        Value::MaybeText(delivery.rule.as_deref()),
        Value::MaybeBigInt(delivery.account.map(|account| account.0)),
        Value::MaybeText(delivery.platform_id.as_deref()),
        Value::Text(&delivery.trace),
        Value::Binary(hash),
        Value::BigInt(delivery.id.0),
    ]
}

/// The columns of an account that are made of several values.
struct Made {
    contact: String,
    address: String,
    options: String,
}

fn made(account: &Account) -> Made {
    Made {
        contact: encode::contact(&account.profile.contact),
        address: encode::address(&account.profile.address),
        options: encode::options(&account.options),
    }
}

fn reported_kind(account: &Account) -> Option<&str> {
    account.reported.as_ref().map(|reported| reported.kind.as_str())
}

fn reported_reseller(account: &Account) -> Option<&str> {
    account.reported.as_ref().and_then(|reported| reported.reseller.as_ref()).map(PlatformId::as_str)
}

fn body_delivery(account: &Account) -> Option<i64> {
    account.body.map(|body| body.delivery.0)
}

fn body_digest(account: &Account) -> Option<&[u8]> {
    account.body.as_ref().map(|body| body.digest.as_slice())
}

fn insert_row<'a>(account: &'a Account, made: &'a Made) -> [Value<'a>; 32] {
    let (key, profile) = (&account.key, &account.profile);
    [
        Value::Text(key.scope.source.as_str()),
        Value::Text(key.scope.tenant.as_str()),
        Value::Text(key.platform_id.as_str()),
        Value::Text(account.external_id.as_str()),
        Value::Text(account.kind.as_str()),
        Value::Text(account.status.as_str()),
        Value::Text(&profile.name),
        Value::Text(&profile.code),
        Value::Text(&profile.email),
        Value::Text(&profile.phone),
        Value::Text(&profile.fax),
        Value::Text(&profile.website),
        Value::Text(&profile.description),
        Value::Bool(profile.is_test),
        Value::Text(&made.contact),
        Value::Text(&made.address),
        Value::Text(&profile.extra_details),
        Value::MaybeText(reported_kind(account)),
        Value::MaybeText(reported_reseller(account)),
        Value::MaybeText(account.reported_external_id.as_ref().map(ExternalId::as_str)),
        Value::MaybeText(account.hold.map(Hold::as_str)),
        Value::BigInt(account.event.second),
        Value::Bool(account.event.live),
        Value::BigInt(account.first_seen),
        Value::BigInt(account.revision),
        Value::MaybeBigInt(account.last_delivery.map(|delivery| delivery.0)),
        Value::MaybeBigInt(body_delivery(account)),
        Value::MaybeBinary(body_digest(account)),
        Value::Bool(account.open_cases),
        Value::MaybeBigInt(account.erased_second),
        Value::Text(&made.options),
        Value::BigInt(account.id.0),
    ]
}

fn update_row<'a>(account: &'a Account, made: &'a Made) -> [Value<'a>; 25] {
    let profile = &account.profile;
    [
        Value::Text(&profile.name),
        Value::Text(&profile.code),
        Value::Text(&profile.email),
        Value::Text(&profile.phone),
        Value::Text(&profile.fax),
        Value::Text(&profile.website),
        Value::Text(&profile.description),
        Value::Bool(profile.is_test),
        Value::Text(&made.contact),
        Value::Text(&made.address),
        Value::Text(&profile.extra_details),
        Value::MaybeText(reported_kind(account)),
        Value::MaybeText(reported_reseller(account)),
        Value::MaybeText(account.reported_external_id.as_ref().map(ExternalId::as_str)),
        Value::MaybeText(account.hold.map(Hold::as_str)),
        Value::BigInt(account.event.second),
        Value::Bool(account.event.live),
        Value::BigInt(account.revision),
        Value::MaybeBigInt(account.last_delivery.map(|delivery| delivery.0)),
        Value::MaybeBigInt(body_delivery(account)),
        Value::MaybeBinary(body_digest(account)),
        Value::Bool(account.open_cases),
        Value::MaybeBigInt(account.erased_second),
        Value::Text(&made.options),
        Value::BigInt(account.id.0),
    ]
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
    let (mut deliveries, mut bodies) = (Rows::<InsertDelivery>::default(), Rows::<InsertBody>::default());
    for new in new {
        deliveries.push(delivery_row(new));
        if let Some(body) = new.body {
            bodies.push([Value::Binary(body), Value::BigInt(new.delivery.id.0)]);
        }
    }
    let created: Vec<(&Account, Made)> = changes.created.iter().map(|account| (&**account, made(account))).collect();
    let updated: Vec<(&Account, &Account, Made)> =
        changes.updated.iter().map(|(before, after)| (&**before, &**after, made(after))).collect();
    let mut inserts = Rows::<InsertAccount>::default();
    for (account, made) in &created {
        inserts.push(insert_row(account, made));
    }
    let (mut updates, mut places, mut touches) =
        (Rows::<UpdateAccount>::default(), Rows::<PlaceAccount>::default(), Rows::<TouchAccount>::default());
    for (before, after, made) in &updated {
        if only_touched(before, after) {
            touches.push([
                Value::BigInt(after.event.second),
                Value::Bool(after.event.live),
                Value::MaybeBigInt(body_delivery(after)),
                Value::MaybeBinary(body_digest(after)),
                Value::Bool(after.open_cases),
                Value::BigInt(after.id.0),
            ]);
            continue;
        }
        updates.push(update_row(after, made));
        if before.kind != after.kind || before.status != after.status {
            places.push([
                Value::Text(after.kind.as_str()),
                Value::Text(after.status.as_str()),
                Value::BigInt(after.id.0),
            ]);
        }
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
    let mut together = Together::default();
    if changes.links.is_empty() {
        together.add(connection, &inserts)?;
    } else {
        // Linking looks at the accounts of what waits, and some of them may be new.
        inserts.write(connection)?;
    }
    // Rows that statements below touch, too.
    places.write(connection)?;
    write_relations(connection, changes)?;
    let mut entries = feed::entries(changes);
    for link in &changes.links {
        entries.extend(link_waiting(connection, link)?);
    }
    together.add(connection, &deliveries)?;
    together.add(connection, &bodies)?;
    together.add(connection, &updates)?;
    together.add(connection, &touches)?;
    together.add(connection, &remembered)?;
    together.add(connection, &new_services)?;
    together.add(connection, &services_now)?;
    together.add(connection, &steps)?;
    cases::save(connection, &changes.cases)?;
    if together.finish(connection, advance)? != 1 {
        return Err(StoreError::Contended("another writer took over the ledger chain".to_owned()));
    }
    // Behind everything else: from here to the commit no other receiver gets a position.
    feed_of::append(connection, advance.now, &entries)
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
    // Closing comes first: one open relation per axis is what the index allows at any moment.
    changed.write(connection)?;
    opened.write(connection)?;
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
