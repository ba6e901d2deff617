//! What operators do to users, as lists of acts; and lists of users, taken in part by part.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::account::Account;
use crate::domain::act::user::{UserAct, UserDeed, UserPatch};
use crate::domain::act::{Act, ActOutcome, Acted, MAX_ACTS, What};
use crate::domain::ids::{AccountId, AccountKey, ServiceId};
use crate::domain::operator::Visible;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::store::seen::services;
use crate::store::{AnyConnection, StoreError};
use crate::wire::users::{Row, Said};
use crate::writer::acts::{ActList, preview};
use crate::writer::{SubmitError, Writer};

/// The list that does one thing to a user of `account`.
#[must_use]
pub fn list(account: AccountKey, act: UserAct, policies: Arc<Policies>, entry: Entry) -> ActList {
    let acts = vec![Act::new(account, entry.at, Cause::Operator, What::User(Box::new(act)))];
    ActList { acts, policies, all_or_nothing: true, entry }
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The user is new, or shows what the row says from now on.
    Changed,
    /// The user is so already.
    Unchanged,
    /// It was not taken, and why.
    Refused(String),
}

/// A row and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its line in the list.
    pub line: u64,
    /// The login.
    pub login: String,
    /// What became of it.
    pub fate: Fate,
}

/// Where a list goes.
pub enum Target<'a> {
    /// It is done.
    Writer(&'a Writer),
    /// It is only said what would be. Each part is judged as if the ones before it had changed nothing.
    Preview,
}

/// Why a list is not taken to its end. What was taken before stays; the list may be taken again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Something cannot be looked up.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The writer could not do it now.
    #[error("the import is not complete: {0}; run it again, which changes nothing that is done")]
    Write(#[from] SubmitError),
}

/// Finds an account by whatever a list calls it; a sentence where there is none, or several.
pub type FindAccount<'a> = dyn FnMut(&mut AnyConnection, &str) -> Result<Result<Account, String>, StoreError> + 'a;

/// Takes a list of users in, some hundred rows a transaction. `told` hears of every row in its order.
///
/// # Errors
/// [`ImportError`] of what breaks it off.
pub fn import(
    connection: &mut AnyConnection,
    rows: Vec<Row>,
    find: &mut FindAccount<'_>,
    (policies, entry): (&Arc<Policies>, &Entry),
    target: &Target<'_>,
    told: &mut dyn FnMut(Told),
) -> Result<(), ImportError> {
    let mut accounts: HashMap<String, Result<Account, String>> = HashMap::new();
    let mut names: HashMap<(AccountId, String), Option<ServiceId>> = HashMap::new();
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let part: Vec<Row> = rows.by_ref().take(MAX_ACTS).collect();
        let mut acts = Vec::with_capacity(part.len());
        let mut fates: Vec<Result<usize, String>> = Vec::with_capacity(part.len());
        for row in &part {
            let judged = match &row.said {
                Err(why) => Err(why.clone()),
                Ok(said) => {
                    if !accounts.contains_key(&row.account) {
                        let found = find(connection, &row.account)?;
                        accounts.insert(row.account.clone(), found);
                    }
                    match accounts.get(&row.account) {
                        Some(Ok(account)) => {
                            patch(connection, account, row, said, &mut names)?.map(|patch| (account.key.clone(), patch))
                        }
                        Some(Err(why)) => Err(why.clone()),
                        None => Err("its account is not known".to_owned()),
                    }
                }
            };
            fates.push(judged.map(|(key, patch)| {
                let act = UserAct { user: None, expect: None, deed: UserDeed::Put(patch) };
                acts.push(Act::new(key, entry.at, Cause::Operator, What::User(Box::new(act))));
                acts.len() - 1
            }));
        }
        let outcomes = if acts.is_empty() {
            Vec::new()
        } else {
            let list = ActList { acts, policies: Arc::clone(policies), all_or_nothing: false, entry: entry.clone() };
            match target {
                Target::Writer(writer) => writer.acts_blocking(list)?,
                Target::Preview => preview(connection, &list)?,
            }
        };
        for (row, fate) in part.into_iter().zip(fates) {
            let fate = match fate {
                Err(why) => Fate::Refused(why),
                Ok(at) => outcomes.get(at).map_or_else(|| Fate::Refused("nothing became of it".to_owned()), fate_of),
            };
            told(Told { line: row.line, login: row.login, fate });
        }
    }
    Ok(())
}

fn fate_of(outcome: &ActOutcome) -> Fate {
    match &outcome.acted {
        Acted::Applied(_) => Fate::Changed,
        Acted::Unchanged => Fate::Unchanged,
        Acted::Refused { code, message } => Fate::Refused(format!("{message} ({})", code.number())),
        Acted::Kept { why } => Fate::Refused(why.clone()),
        Acted::Withheld => Fate::Refused("another row of the list was refused".to_owned()),
    }
}

/// What a row says, with its services looked up.
fn patch(
    connection: &mut AnyConnection,
    account: &Account,
    row: &Row,
    said: &Said,
    names: &mut HashMap<(AccountId, String), Option<ServiceId>>,
) -> Result<Result<UserPatch, String>, StoreError> {
    let services = match &said.services {
        None => None,
        Some(called) => {
            let mut ids = Vec::with_capacity(called.len());
            for name in called {
                let key = (account.id, name.clone());
                let id = match names.get(&key) {
                    Some(id) => *id,
                    None => {
                        let found = services::named(connection, &Visible::All, name)?;
                        let id = found.into_iter().find(|service| service.account == account.id).map(|one| one.id);
                        names.insert(key, id);
                        id
                    }
                };
                match id {
                    Some(id) => ids.push(id),
                    None => return Ok(Err(format!("{name} is no service of this account"))),
                }
            }
            Some(ids)
        }
    };
    Ok(Ok(UserPatch {
        login: Some(row.login.clone()),
        name: said.name.clone(),
        email: said.email.clone(),
        status: said.status,
        services,
    }))
}
