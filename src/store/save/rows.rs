//! The rows of accounts, relations, deliveries and what belongs to them, and the statements that take them.

use super::NewDelivery;
use crate::domain::account::{Account, AccountKind, Hold};
use crate::domain::ids::{ExternalId, PlatformId};
use crate::store::bulk::{Statement, Value, Verb};
use crate::store::encode;

macro_rules! statement {
    ($name:ident, $table:literal, $verb:ident, $keys:literal, [$($column:literal),+ $(,)?]) => {
        pub(super) struct $name;
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
statement!(PlaceAccount, "accounts", Update, 1, ["kind", "status", "standing", "id"]);

// What a move changes of an account that says the same as before; the second where its kind or the like changes, too.
statement!(HoldAccount, "accounts", Update, 1, ["hold", "revision", "id"]);
statement!(MoveAccount, "accounts", Update, 1, ["kind", "status", "standing", "hold", "revision", "id"]);
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

pub(super) fn delivery_row<'a>(NewDelivery { delivery, hash, .. }: &'a NewDelivery<'_>) -> [Value<'a>; 24] {
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
pub(super) struct Made {
    contact: String,
    address: String,
    options: String,
}

pub(super) fn made(account: &Account) -> Made {
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

pub(super) fn body_delivery(account: &Account) -> Option<i64> {
    account.body.map(|body| body.delivery.0)
}

pub(super) fn body_digest(account: &Account) -> Option<&[u8]> {
    account.body.as_ref().map(|body| body.digest.as_slice())
}

pub(super) fn insert_row<'a>(account: &'a Account, made: &'a Made) -> [Value<'a>; 32] {
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

pub(super) fn update_row<'a>(account: &'a Account, made: &'a Made) -> [Value<'a>; 25] {
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
