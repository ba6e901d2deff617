//! Lists of services, taken in part by part: what is new is made, what is there is changed, and transfers are started.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use crate::domain::account::Account;
use crate::domain::act::service::{Deed, NewService, ServiceAct};
use crate::domain::act::{Act, ActOutcome, Acted, What};
use crate::domain::ids::{AccountId, ExternalId, PlatformId};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::domain::service::{MAX_SERVICES, ServiceKind, derived_external_id};
use crate::ops::users::FindAccount;
use crate::store::audit::Entry;
use crate::store::{AnyConnection, StoreError, services};
use crate::wire::services_list::{Row, Said, is_same_name};
use crate::writer::acts::{ActList, preview};
use crate::writer::{SubmitError, Writer};

/// Rows of one transaction: calls wait behind it.
const PART: usize = 200;

/// Accounts that are remembered by the names that a list gives them.
const MAX_NAMES: usize = 10_000;

/// Accounts whose services are remembered at once, each with at most [`MAX_SERVICES`].
const MAX_ACCOUNTS: usize = 20;

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The service is new, or would be.
    Made,
    /// It shows what the row says from now on, or would: the names of what changed.
    Changed(Vec<String>),
    /// It is so already.
    Unchanged,
    /// The row was not taken, and why.
    Refused(String),
}

impl Fate {
    /// Its name in output.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Changed(_) => "changed",
            Self::Unchanged => "unchanged",
            Self::Refused(_) => "refused",
        }
    }
}

/// A row and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its line in the list.
    pub line: u64,
    /// The account, as the list names it.
    pub account: String,
    /// What the list calls the service.
    pub called: String,
    /// The vendor's ID of it, once that is known.
    pub external_id: Option<ExternalId>,
    /// What became of it.
    pub fate: Fate,
}

/// Why a list is not taken to its end. What was taken before stays; the list may be taken again.
#[derive(Debug, Error)]
pub enum ListError {
    /// The list cannot be read on.
    #[error("{0}; correct it and import the list again, which changes nothing that is done")]
    List(String),
    /// Something cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer could not do it now.
    #[error("the rows from line {line} on are not taken: {error}; run it again, which changes nothing that is done")]
    Write {
        /// The first line of the part.
        line: u64,
        /// Why not.
        error: SubmitError,
    },
    /// What became of a row could not be told.
    #[error(transparent)]
    Told(#[from] std::io::Error),
}

/// A service as a row may name it: its kind and name, its ID, and whether it is only about to be made.
struct Known {
    kind: ServiceKind,
    name: String,
    external_id: ExternalId,
    new: bool,
}

/// A list of services to be taken.
pub struct Import<'a> {
    /// Reads names of accounts.
    pub find: &'a mut FindAccount<'a>,
    /// For looking things up and, in a preview, everything else.
    pub connection: &'a mut AnyConnection,
    /// Takes the rows; none to only say what would be. Each part is then judged as if the ones before it had changed nothing.
    pub writer: Option<&'a Writer>,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// Who takes it; goes into the audit trail once a transaction.
    pub entry: Entry,
}

/// What a list remembers of what it looked up.
#[derive(Default)]
struct Memory {
    accounts: HashMap<String, Result<Account, String>>,
    services: HashMap<AccountId, Vec<Known>>,
}

/// A row that waits for its part.
struct Waiting {
    told: Told,
    act: Option<Act>,
}

impl Import<'_> {
    /// Takes rows, some hundred a transaction, and tells what became of each in their order. No more than a part of the list is
    /// held in memory.
    ///
    /// # Errors
    /// [`ListError`]; what was told is done.
    pub fn run(
        mut self,
        rows: impl Iterator<Item = Result<Row, String>>,
        tell: &mut dyn FnMut(&Told) -> std::io::Result<()>,
    ) -> Result<(), ListError> {
        let mut memory = Memory::default();
        let mut waiting = Vec::with_capacity(PART);
        for row in rows {
            let row = match row {
                Ok(row) => row,
                Err(why) => {
                    // What came before it is good.
                    self.part(&mut waiting, tell)?;
                    return Err(ListError::List(why));
                }
            };
            let judged = self.judge(&row, &mut memory)?;
            let Row { line, account, called, .. } = row;
            waiting.push(match judged {
                Ok((external_id, act)) => Waiting {
                    told: Told { line, account, called, external_id: Some(external_id), fate: Fate::Unchanged },
                    act: Some(act),
                },
                Err(why) => {
                    let told = Told { line, account, called, external_id: None, fate: Fate::Refused(why) };
                    Waiting { told, act: None }
                }
            });
            if waiting.len() >= PART {
                self.part(&mut waiting, tell)?;
            }
        }
        self.part(&mut waiting, tell)
    }

    /// The act that a row comes to, or why it is not taken.
    fn judge(&mut self, row: &Row, memory: &mut Memory) -> Result<Result<(ExternalId, Act), String>, StoreError> {
        let said = match &row.said {
            Ok(said) => said,
            Err(why) => return Ok(Err(why.clone())),
        };
        if !memory.accounts.contains_key(&row.account) {
            if memory.accounts.len() >= MAX_NAMES {
                memory.accounts.clear();
            }
            let found = (self.find)(self.connection, &row.account)?;
            memory.accounts.insert(row.account.clone(), found);
        }
        let account = match memory.accounts.get(&row.account) {
            Some(Ok(account)) => account,
            Some(Err(why)) => return Ok(Err(why.clone())),
            None => return Ok(Err("its account is not known".to_owned())),
        };
        if !memory.services.contains_key(&account.id) {
            if memory.services.len() >= MAX_ACCOUNTS {
                memory.services.clear();
            }
            let living = services::living_of(self.connection, account.id, MAX_SERVICES + 1)?;
            let known = living.into_iter().map(|service| Known {
                kind: service.kind,
                name: service.name,
                external_id: service.external_id,
                new: false,
            });
            memory.services.insert(account.id, known.collect());
        }
        let known = memory.services.entry(account.id).or_default();
        let deed = match deed(account, said, known) {
            Ok(deed) => deed,
            Err(why) => return Ok(Err(why)),
        };
        let external_id = deed.service.clone();
        let what = What::Service(Box::new(deed));
        Ok(Ok((external_id, Act::new(account.key.clone(), self.entry.at, Cause::Operator, what))))
    }

    /// Does what waits, and tells of it.
    fn part(
        &mut self,
        waiting: &mut Vec<Waiting>,
        tell: &mut dyn FnMut(&Told) -> std::io::Result<()>,
    ) -> Result<(), ListError> {
        let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else { return Ok(()) };
        let line = first.told.line;
        let mut entry = self.entry.clone();
        let mut detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        if let Some(object) = detail.as_object_mut() {
            object.insert("lines".to_owned(), format!("{line}-{}", last.told.line).into());
            entry.detail = detail.to_string();
        }
        let acts: Vec<Act> = waiting.iter_mut().filter_map(|waiting| waiting.act.take()).collect();
        let outcomes = if acts.is_empty() {
            Vec::new()
        } else {
            let list = ActList { acts, policies: self.policies.clone(), all_or_nothing: false, entry };
            match self.writer {
                Some(writer) => writer.acts_blocking(list).map_err(|error| ListError::Write { line, error })?,
                None => preview(self.connection, &list)?,
            }
        };
        let mut outcomes = outcomes.into_iter();
        for Waiting { mut told, .. } in waiting.drain(..) {
            if told.external_id.is_some() {
                let nothing = || Fate::Refused("nothing became of it".to_owned());
                told.fate = outcomes.next().map_or_else(nothing, fate);
            }
            tell(&told)?;
        }
        Ok(())
    }
}

/// What a row does to which service: the one that it names by ID, else the account's only one of this kind and name, else
/// a new one, whose ID is made of these, so that the same row again finds it.
fn deed(account: &Account, said: &Said, known: &mut Vec<Known>) -> Result<ServiceAct, String> {
    let put = |service: ExternalId| -> Result<ServiceAct, String> {
        let platform_id = said.platform_id.as_deref().map(PlatformId::parse).transpose();
        let platform_id = platform_id.map_err(|why| format!("platform_id {why}"))?;
        let new = NewService { platform_id, parent: None, patch: said.patch.clone() };
        Ok(ServiceAct { service, expect: None, deed: Deed::Put(Box::new(new)) })
    };
    if let Some(id) = &said.external_id {
        if let (Some(kind), false) = (said.patch.kind, known.iter().any(|one| one.external_id == *id)) {
            known.push(Known { kind, name: said.name.clone(), external_id: id.clone(), new: true });
        }
        return put(id.clone());
    }
    let is_it = |one: &&Known| {
        said.patch.kind.is_none_or(|kind| kind == one.kind) && is_same_name(one.kind, &one.name, &said.name)
    };
    let mut found = known.iter().filter(is_it);
    match (found.next(), found.next(), said.patch.kind) {
        (Some(_), Some(_), _) => {
            Err("several services of this account are called so; name one with a column external_id".to_owned())
        }
        (Some(one), None, _) if one.new => put(one.external_id.clone()),
        (Some(one), None, _) => {
            let deed = Deed::Change(Box::new(said.patch.clone()));
            Ok(ServiceAct { service: one.external_id.clone(), expect: None, deed })
        }
        (None, _, None) => {
            Err("no service of this account is called so, and a new one needs a kind, such as domain".to_owned())
        }
        (None, _, Some(kind)) => {
            let name = match kind {
                ServiceKind::Domain => said.name.to_lowercase(),
                _ => said.name.clone(),
            };
            let external_id = derived_external_id(&account.key, &format!("list:{}", kind.as_str()), &name);
            known.push(Known { kind, name: said.name.clone(), external_id: external_id.clone(), new: true });
            put(external_id)
        }
    }
}

fn fate(outcome: ActOutcome) -> Fate {
    match outcome.acted {
        Acted::Applied(applied) if applied.changed.is_empty() => Fate::Made,
        Acted::Applied(applied) => Fate::Changed(applied.changed),
        Acted::Unchanged => Fate::Unchanged,
        Acted::Refused { code, message } => Fate::Refused(format!("{message} ({})", code.number())),
        Acted::Kept { why } => Fate::Refused(why),
        Acted::Withheld => Fate::Refused("another row of the list was refused".to_owned()),
    }
}
