//! What operators keep about accounts: looked up for acts and for who is shown it, and written with the batch that
//! changes it.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use serde_json::{Map, Value as Json};

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::{account_tags, contacts, logins, profiles};
use crate::domain::dossier::{CardField, ContactCard, Dossier, Login, Settings, Verification, folded};
use crate::domain::ids::AccountId;
use crate::domain::world::Changes;

/// A row of `profiles`, its columns in order.
type ProfileRow = (i64, String, String, Option<String>, String, bool, String, i64, i64, bool, String);

/// A login as it is read.
const LOGIN: (logins::account_id, logins::number, logins::name, logins::may_sign_in) =
    (logins::account_id, logins::number, logins::name, logins::may_sign_in);

/// Which accounts have a login of this folded name that does not merely follow an e-mail address, and whether it is their
/// own one.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn with_login(connection: &mut AnyConnection, folded: &str) -> Result<Vec<(AccountId, bool)>, StoreError> {
    let found: Vec<(i64, i64)> = logins::table
        .filter(logins::folded.eq(folded.to_owned()))
        .filter(logins::folded.is_not_null())
        .select((logins::account_id, logins::number))
        .load(connection)?;
    Ok(found.into_iter().map(|(account, number)| (AccountId(account), number == Login::OWN)).collect())
}

/// What is kept about an account, the default where nothing is.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn of(connection: &mut AnyConnection, account: AccountId) -> Result<Dossier, StoreError> {
    let id = account.0;
    let row: Option<ProfileRow> = profiles::table.filter(profiles::account_id.eq(id)).first(connection).optional()?;
    let Some(row) = row else { return Ok(Dossier::default()) };
    let (
        _,
        label,
        verification,
        address,
        price_list,
        dns_options,
        servers,
        contacts_issued,
        logins_issued,
        own,
        time_zone,
    ) = row;
    let tags: Vec<String> =
        account_tags::table.filter(account_tags::account_id.eq(id)).select(account_tags::tag).load(connection)?;
    let corrupt = |column: &str, word: &str| StoreError::corrupt(column, word);
    let settings = Settings {
        label,
        tags: tags.into_iter().collect(),
        verification: Verification::parse(&verification)
            .ok_or_else(|| corrupt("profiles.verification", &verification))?,
        sign_up_address: address
            .map(|address| address.parse().map_err(|_| StoreError::corrupt_private("profiles.sign_up_address")))
            .transpose()?,
        price_list,
        dns_options,
        name_servers: servers.split_whitespace().map(str::to_owned).collect(),
        time_zone,
    };
    let cards: Vec<(i64, i64, String, String, i64, i64)> =
        contacts::table.filter(contacts::account_id.eq(id)).order(contacts::number).load(connection)?;
    let stored: Vec<(i64, i64, Option<String>, bool)> =
        logins::table.filter(logins::account_id.eq(id)).order(logins::number).select(LOGIN).load(connection)?;
    let mut found: Vec<Login> =
        stored.into_iter().map(|(_, number, name, may_sign_in)| Login { number, name, may_sign_in }).collect();
    if own && found.first().is_none_or(|first| first.number != Login::OWN) {
        found.insert(0, Login::own());
    }
    Ok(Dossier {
        settings,
        contacts: cards.into_iter().map(card).collect::<Result<_, _>>()?,
        contacts_issued,
        logins: found,
        logins_issued,
    })
}

fn card(
    (_, number, texts, registries, created_at, changed_at): (i64, i64, String, String, i64, i64),
) -> Result<ContactCard, StoreError> {
    let pairs = |column: &'static str, json: &str| -> Result<BTreeMap<String, String>, StoreError> {
        serde_json::from_str(json).map_err(|_| StoreError::corrupt_private(column))
    };
    let field = |(name, text): (String, String)| {
        let field = CardField::parse(&name).ok_or_else(|| StoreError::corrupt("contacts.card", &name))?;
        Ok((field, text))
    };
    let texts = pairs("contacts.card", &texts)?.into_iter().map(field).collect::<Result<_, StoreError>>()?;
    let registries = pairs("contacts.registries", &registries)?;
    Ok(ContactCard { number, texts, registries, created_at, changed_at })
}

/// The two JSON columns of a contact.
fn card_texts(card: &ContactCard) -> (String, String) {
    let object = |pairs: Vec<(String, &String)>| {
        let map: Map<String, Json> = pairs.into_iter().map(|(name, text)| (name, Json::from(text.as_str()))).collect();
        Json::Object(map).to_string()
    };
    (
        object(card.texts.iter().map(|(field, text)| (field.as_str().to_owned(), text)).collect()),
        // Each registry's own object as a text, so that its numbers come back as they were written.
        object(card.registries.iter().map(|(name, text)| (name.clone(), text)).collect()),
    )
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
    PutProfile,
    "profiles",
    Upsert,
    1,
    [
        "label",
        "verification",
        "sign_up_address",
        "price_list",
        "dns_options",
        "name_servers",
        "contacts_issued",
        "logins_issued",
        "own_login",
        "time_zone",
        "account_id",
    ]
);
statement!(AddTag, "account_tags", Insert, 2, ["account_id", "tag"]);
statement!(DropTag, "account_tags", Delete, 2, ["account_id", "tag"]);
statement!(
    PutContact,
    "contacts",
    Upsert,
    2,
    ["card", "registries", "created_at", "changed_at", "account_id", "number"]
);
statement!(DropContact, "contacts", Delete, 2, ["account_id", "number"]);
statement!(PutLogin, "logins", Upsert, 2, ["name", "folded", "may_sign_in", "account_id", "number"]);
statement!(DropLogin, "logins", Delete, 2, ["account_id", "number"]);

/// Writes what a batch changed of it.
pub(super) fn save(connection: &mut AnyConnection, changes: &Changes) -> Result<(), StoreError> {
    for (account, (before, after)) in &changes.dossiers {
        put(connection, *account, before, after)?;
    }
    Ok(())
}

fn put(connection: &mut AnyConnection, account: AccountId, before: &Dossier, now: &Dossier) -> Result<(), StoreError> {
    let id = account.0;
    let settings = &now.settings;
    let (address, servers) = (settings.sign_up_address.map(|ip| ip.to_string()), settings.name_servers.join(" "));
    let mut profile = Rows::<PutProfile>::default();
    profile.push([
        Value::Text(&settings.label),
        Value::Text(settings.verification.as_str()),
        Value::MaybeText(address.as_deref()),
        Value::Text(&settings.price_list),
        Value::Bool(settings.dns_options),
        Value::Text(&servers),
        Value::BigInt(now.contacts_issued),
        Value::BigInt(now.logins_issued),
        Value::Bool(now.logins.iter().any(|login| login.number == Login::OWN)),
        Value::Text(&settings.time_zone),
        Value::BigInt(id),
    ]);
    profile.write(connection)?;
    let (mut tagged, mut untagged) = (Rows::<AddTag>::default(), Rows::<DropTag>::default());
    let was = &before.settings.tags;
    settings.tags.difference(was).for_each(|tag| tagged.push([Value::BigInt(id), Value::Text(tag)]));
    was.difference(&settings.tags).for_each(|tag| untagged.push([Value::BigInt(id), Value::Text(tag)]));
    untagged.write(connection)?;
    tagged.write(connection)?;
    put_contacts(connection, id, before, now)?;
    put_logins(connection, id, before, now)
}

fn put_contacts(connection: &mut AnyConnection, id: i64, before: &Dossier, now: &Dossier) -> Result<(), StoreError> {
    let changed: Vec<&ContactCard> = now.contacts.iter().filter(|card| !before.contacts.contains(card)).collect();
    let texts: Vec<(String, String)> = changed.iter().map(|card| card_texts(card)).collect();
    let mut rows = Rows::<PutContact>::default();
    for (card, (texts, registries)) in changed.iter().zip(&texts) {
        rows.push([
            Value::Text(texts),
            Value::Text(registries),
            Value::BigInt(card.created_at),
            Value::BigInt(card.changed_at),
            Value::BigInt(id),
            Value::BigInt(card.number),
        ]);
    }
    rows.write(connection)?;
    let stays: BTreeSet<i64> = now.contacts.iter().map(|card| card.number).collect();
    let mut gone = Rows::<DropContact>::default();
    for card in before.contacts.iter().filter(|card| !stays.contains(&card.number)) {
        gone.push([Value::BigInt(id), Value::BigInt(card.number)]);
    }
    gone.write(connection)?;
    Ok(())
}

fn put_logins(connection: &mut AnyConnection, id: i64, before: &Dossier, now: &Dossier) -> Result<(), StoreError> {
    let changed: Vec<&Login> = now.logins.iter().filter(|login| !before.logins.contains(login)).collect();
    let names: Vec<Option<String>> = changed.iter().map(|login| login.name.as_deref().map(folded)).collect();
    let mut rows = Rows::<PutLogin>::default();
    for (login, folded) in changed.iter().zip(&names) {
        rows.push([
            Value::MaybeText(login.name.as_deref()),
            Value::MaybeText(folded.as_deref()),
            Value::Bool(login.may_sign_in),
            Value::BigInt(id),
            Value::BigInt(login.number),
        ]);
    }
    rows.write(connection)?;
    let stays: BTreeSet<i64> = now.logins.iter().map(|login| login.number).collect();
    let mut gone = Rows::<DropLogin>::default();
    for login in before.logins.iter().filter(|login| !stays.contains(&login.number)) {
        gone.push([Value::BigInt(id), Value::BigInt(login.number)]);
    }
    gone.write(connection)?;
    Ok(())
}

/// Takes away all that is kept about an account, within a write transaction.
///
/// # Errors
/// [`StoreError`] of the first statement that fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId) -> Result<(), StoreError> {
    let id = account.0;
    diesel::delete(account_tags::table.filter(account_tags::account_id.eq(id))).execute(connection)?;
    diesel::delete(contacts::table.filter(contacts::account_id.eq(id))).execute(connection)?;
    diesel::delete(logins::table.filter(logins::account_id.eq(id))).execute(connection)?;
    diesel::delete(profiles::table.filter(profiles::account_id.eq(id))).execute(connection)?;
    Ok(())
}
