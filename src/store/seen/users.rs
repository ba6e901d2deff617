//! Users as an operator sees them: those of the accounts that are seen.

use diesel::prelude::*;

use super::{Page, visible};
use crate::domain::ids::{AccountId, DeliveryId, ServiceId, UserId};
use crate::domain::operator::Visible;
use crate::domain::relation::Cause;
use crate::domain::user::{User, UserHappening, UserStatus, login_key};
use crate::store::condition::Condition;
use crate::store::schema::{user_history, users};
use crate::store::users::{UserRow, whole};
use crate::store::{AnyConnection, StoreError};

/// What is asked for; none is "any".
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Of this account.
    pub account: Option<AccountId>,
    /// In this state.
    pub status: Option<UserStatus>,
    /// Who has this service.
    pub service: Option<ServiceId>,
    /// With this login, whatever the case.
    pub login: Option<String>,
}

/// A page of users behind `after`, by our id.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    filter: &UserFilter,
    after: Option<UserId>,
    limit: i64,
) -> Result<Page<User, UserId>, StoreError> {
    // A filter that no index serves looks at a window of rows.
    let indexed = filter.account.is_some() || filter.service.is_some();
    let end: Option<i64> = if !indexed && (filter.status.is_some() || filter.login.is_some()) {
        users::table
            .filter(users::id.gt(after.map_or(i64::MIN, |after| after.0)))
            .order(users::id)
            .offset(super::WINDOW - 1)
            .limit(1)
            .select(users::id)
            .first(connection)
            .optional()?
    } else {
        None
    };
    let mut query = users::table.into_boxed();
    if let Some(account) = filter.account {
        query = query.filter(users::account_id.eq(account.0));
    }
    if let Some(status) = filter.status {
        query = query.filter(users::status.eq(status.as_str()));
    }
    if let Some(service) = filter.service {
        query = query.filter(
            Condition::new("users.id IN (SELECT user_id FROM user_services WHERE service_id = ")
                .number(service.0)
                .sql(")"),
        );
    }
    if let Some(login) = &filter.login {
        query = query.filter(called(login));
    }
    if let Some(after) = after {
        query = query.filter(users::id.gt(after.0));
    }
    if let Some(end) = end {
        query = query.filter(users::id.le(end));
    }
    if let Some(seen) = visible::users(see) {
        query = query.filter(seen);
    }
    let rows = query.order(users::id).limit(limit + 1).load::<UserRow>(connection)?;
    let page = Page::cut(rows, limit, |row| UserId(row.id), end.map(UserId));
    Ok(Page { items: whole(connection, page.items)?, next: page.next })
}

/// The login as it was typed, or in small letters: databases agree about the case of ASCII alone.
fn called(login: &str) -> Condition {
    let login = login.trim();
    Condition::new("(users.login = ").text(login).sql(" OR lower(users.login) = ").text(&login_key(login)).sql(")")
}

/// The user of this id, as `Display` writes it; none for what is no id.
///
/// # Errors
/// As [`list`].
pub fn one(connection: &mut AnyConnection, see: &Visible, name: &str) -> Result<Option<User>, StoreError> {
    let Some(id) = UserId::parse(name) else { return Ok(None) };
    let mut query = users::table.filter(users::id.eq(id.0)).into_boxed();
    if let Some(seen) = visible::users(see) {
        query = query.filter(seen);
    }
    let rows = query.load::<UserRow>(connection)?;
    Ok(whole(connection, rows)?.pop())
}

/// The user of an account that has this login and is not ended.
///
/// # Errors
/// As [`list`].
pub fn with_login(
    connection: &mut AnyConnection,
    see: &Visible,
    account: AccountId,
    login: &str,
) -> Result<Option<User>, StoreError> {
    let mut query = users::table
        .filter(users::account_id.eq(account.0))
        .filter(users::status.ne(UserStatus::Ended.as_str()))
        .filter(called(login))
        .into_boxed();
    if let Some(seen) = visible::users(see) {
        query = query.filter(seen);
    }
    let rows = query.order(users::id).limit(1).load::<UserRow>(connection)?;
    Ok(whole(connection, rows)?.pop())
}

/// One thing that happened to a user.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The user's revision behind it.
    pub revision: i64,
    /// When it was stored, in microseconds since 1970.
    pub at: i64,
    /// What happened.
    pub happening: UserHappening,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The services that it had from then on, by id.
    pub gained: Vec<String>,
    /// The services that it had no longer, by id.
    pub lost: Vec<String>,
    /// Whose it was.
    pub account: AccountId,
    /// In which state it was.
    pub status: UserStatus,
    /// What made it happen.
    pub cause: Cause,
    /// The delivery that made it happen.
    pub delivery: Option<DeliveryId>,
}

type Row = (i64, i64, String, String, String, String, i64, String, String, Option<i64>);

/// A page of what happened to a user behind `after`, a revision: newest first. Of a customer that was somebody else's
/// before, only what happened since.
///
/// # Errors
/// As [`list`].
pub fn history(
    connection: &mut AnyConnection,
    see: &Visible,
    user: UserId,
    after: Option<i64>,
    limit: i64,
) -> Result<Page<Happened, i64>, StoreError> {
    let mut query = user_history::table.filter(user_history::user_id.eq(user.0)).into_boxed();
    if let Some(after) = after {
        query = query.filter(user_history::revision.lt(after));
    }
    if let Some(seen) = visible::user_history(see) {
        query = query.filter(seen);
    }
    let rows: Vec<Row> = query
        .order(user_history::revision.desc())
        .limit(limit + 1)
        .select((
            user_history::revision,
            user_history::at,
            user_history::happening,
            user_history::changed,
            user_history::gained,
            user_history::lost,
            user_history::account_id,
            user_history::status,
            user_history::cause,
            user_history::delivery_id,
        ))
        .load(connection)?;
    let page = Page::cut(rows, limit, |row| row.0, None);
    let items = page.items.into_iter().map(happened).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

fn happened(row: Row) -> Result<Happened, StoreError> {
    let (revision, at, happening, changed, gained, lost, account, status, cause, delivery) = row;
    let corrupt = |column: &str, word: &str| StoreError::corrupt(column, word);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Ok(Happened {
        revision,
        at,
        happening: UserHappening::parse(&happening).ok_or_else(|| corrupt("user_history.happening", &happening))?,
        changed: words(&changed),
        gained: words(&gained),
        lost: words(&lost),
        account: AccountId(account),
        status: UserStatus::parse(&status).ok_or_else(|| corrupt("user_history.status", &status))?,
        cause: Cause::parse(&cause).ok_or_else(|| corrupt("user_history.cause", &cause))?,
        delivery: delivery.map(DeliveryId),
    })
}
