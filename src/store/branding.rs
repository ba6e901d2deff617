//! How customers' pages look: looked up for acts and for who is shown it, and written with the batch that changes it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use serde_json::{Map, Value as Json};

use super::bulk::{Rows, Statement, Value, Verb};
use super::connection::AnyConnection;
use super::error::StoreError;
use super::schema::brandings;
use crate::domain::branding::{Branding, Colour, ColourOf, Logo, Media};
use crate::domain::ids::AccountId;
use crate::domain::world::Changes;

/// Title, colours, and of the logo its type, size and digest.
type Row = (String, String, Option<String>, Option<i64>, Option<Vec<u8>>);

/// How an account's pages look, without the bytes of its logo; the default where nothing is said.
///
/// # Errors
/// [`StoreError`] when the statement fails or the row holds what this version does not know.
pub fn of(connection: &mut AnyConnection, account: AccountId) -> Result<Branding, StoreError> {
    let row: Option<Row> = brandings::table
        .filter(brandings::account_id.eq(account.0))
        .select((
            brandings::title,
            brandings::colours,
            brandings::logo_type,
            brandings::logo_size,
            brandings::logo_digest,
        ))
        .first(connection)
        .optional()?;
    let Some((title, colours, media, size, digest)) = row else { return Ok(Branding::default()) };
    let corrupt = || StoreError::corrupt("brandings.colours", &colours);
    let said: BTreeMap<String, String> = serde_json::from_str(&colours).map_err(|_| corrupt())?;
    let colour = |(of, colour): (String, String)| Some((ColourOf::parse(&of)?, Colour::parse(&colour)?));
    let all = said.into_iter().map(|pair| colour(pair).ok_or_else(corrupt)).collect::<Result<_, _>>()?;
    let logo = match (media, size, digest) {
        (Some(media), Some(size), Some(digest)) => Some(Logo {
            media: Media::parse(&media).ok_or_else(|| StoreError::corrupt("brandings.logo_type", &media))?,
            digest: digest.try_into().map_err(|_| StoreError::corrupt_private("brandings.logo_digest"))?,
            size: usize::try_from(size).map_err(|_| StoreError::corrupt_private("brandings.logo_size"))?,
            bytes: None,
        }),
        _ => None,
    };
    Ok(Branding { title, colours: all, logo })
}

/// The logo of an account: its media type and its bytes.
///
/// # Errors
/// As [`of`].
pub fn logo(connection: &mut AnyConnection, account: AccountId) -> Result<Option<(Media, Vec<u8>)>, StoreError> {
    let row: Option<(Option<String>, Option<Vec<u8>>)> = brandings::table
        .filter(brandings::account_id.eq(account.0))
        .select((brandings::logo_type, brandings::logo))
        .first(connection)
        .optional()?;
    let Some((Some(media), Some(bytes))) = row else { return Ok(None) };
    let media = Media::parse(&media).ok_or_else(|| StoreError::corrupt("brandings.logo_type", &media))?;
    Ok(Some((media, bytes)))
}

struct Put;

impl Statement for Put {
    const TABLE: &'static str = "brandings";
    const VERB: Verb = Verb::Upsert;
    const COLUMNS: &'static [&'static str] = &["title", "colours", "account_id"];
}

struct PutLogo;

impl Statement for PutLogo {
    const TABLE: &'static str = "brandings";
    const VERB: Verb = Verb::Update;
    const COLUMNS: &'static [&'static str] = &["logo_type", "logo_size", "logo_digest", "logo", "account_id"];
}

/// Writes what a batch changed of it. Bytes of a logo that stays are left alone.
pub(super) fn save(connection: &mut AnyConnection, changes: &Changes) -> Result<(), StoreError> {
    for (account, (before, after)) in &changes.brandings {
        if before == after {
            continue;
        }
        if **after == Branding::default() {
            erase(connection, *account)?;
            continue;
        }
        let pairs = after.colours.iter().map(|(of, colour)| (of.as_str().to_owned(), Json::from(colour.to_string())));
        let colours = Json::Object(pairs.collect::<Map<_, _>>()).to_string();
        let mut rows = Rows::<Put>::default();
        rows.push([Value::Text(&after.title), Value::Text(&colours), Value::BigInt(account.0)]);
        rows.write(connection)?;
        if before.logo == after.logo {
            continue;
        }
        let logo = after.logo.as_ref();
        let size = logo.map(|logo| i64::try_from(logo.size).unwrap_or(i64::MAX));
        let mut rows = Rows::<PutLogo>::default();
        rows.push([
            Value::MaybeText(logo.map(|logo| logo.media.as_str())),
            Value::MaybeBigInt(size),
            Value::MaybeBinary(logo.map(|logo| &logo.digest[..])),
            Value::MaybeBinary(logo.and_then(|logo| logo.bytes.as_deref())),
            Value::BigInt(account.0),
        ]);
        rows.write(connection)?;
    }
    Ok(())
}

/// Takes it away, within a write transaction.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub(super) fn erase(connection: &mut AnyConnection, account: AccountId) -> Result<(), StoreError> {
    diesel::delete(brandings::table.filter(brandings::account_id.eq(account.0))).execute(connection)?;
    Ok(())
}
