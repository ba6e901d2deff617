//! Takes the vendor's book over: its list of accounts, as acts, in parts that hold the writer for a moment only.
//!
//! A part is one transaction in which each row stands for itself. What was taken before a break stays, and taking the
//! same list again changes nothing of it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use thiserror::Error;

use crate::config::{Config, MissingTenant};
use crate::domain::act::{Act, ActOutcome, Acted, What};
use crate::domain::ids::{AccountKey, Scope, SourceId, Tenant};
use crate::domain::outcome::Code;
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::store::{AnyConnection, StoreError};
use crate::wire::book::{Book, BookError, Listed, Row};
use crate::writer::acts::{self, ActList};
use crate::writer::{SubmitError, Writer};

/// Rows of one transaction. More would make calls wait longer.
const PART: usize = 250;

/// Most rows of one list: who was listed already is kept in memory, some 30 bytes a row.
pub const MAX_ROWS: u64 = 5_000_000;

/// Refused rows that are tried once more at the end, when the rows behind them have made room.
const MAX_AGAIN: usize = 1_000;

/// Why an import ends before its list does.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The list cannot be read.
    #[error("{0}")]
    Book(#[from] BookError),
    /// It breaks off at a row.
    #[error("{why}; what stands before it {then}")]
    Broken {
        /// Where, and how.
        why: BookError,
        /// What became of the rows before that.
        then: &'static str,
    },
    /// It is too long.
    #[error("the list has more than {MAX_ROWS} rows; cut it in parts")]
    TooLong,
    /// The writer could not take a part.
    #[error("the rows from line {line} on are not in: {error}; import the list again, what is in stays as it is")]
    Write {
        /// The first line of that part.
        line: u64,
        /// Why.
        error: SubmitError,
    },
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody reads what is told.
    #[error("{0}")]
    Told(#[from] std::io::Error),
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// A new account.
    Created,
    /// An account that the list alone had described changed.
    Changed,
    /// It was in already.
    Unchanged,
    /// What somebody said later stays, and why.
    Kept(String),
    /// It is wrong, and how: the stable code of a refusal, none for a row that cannot be read.
    Refused(Option<Code>, String),
}

impl Fate {
    /// The name in reports.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Kept(_) => "kept",
            Self::Refused(..) => "refused",
        }
    }

    /// Why, for what is not as the list says.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Kept(why) | Self::Refused(_, why) => why,
            Self::Created | Self::Changed | Self::Unchanged => "",
        }
    }

    fn of(acted: &Acted) -> Self {
        match acted {
            Acted::Applied(applied) if applied.created => Self::Created,
            Acted::Applied(_) => Self::Changed,
            Acted::Unchanged => Self::Unchanged,
            Acted::Kept { why } => Self::Kept(why.clone()),
            Acted::Refused { code, message } => Self::Refused(Some(*code), message.clone()),
            // Each row stands for itself.
            Acted::Withheld => Self::Refused(None, "another row was refused".to_owned()),
        }
    }
}

/// A row and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The line that it begins on, from 1.
    pub line: u64,
    /// The platform ID, as far as it could be read.
    pub platform_id: String,
    /// What became of it.
    pub fate: Fate,
}

/// How many rows came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Named as the fates.
pub struct Summary {
    pub rows: u64,
    pub created: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub kept: u64,
    pub refused: u64,
}

/// Which tenants the accounts of a source are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenants {
    /// It tells none apart.
    None,
    /// Each row is of one.
    Named,
    /// A row that names none is of the tenant without a name.
    Any,
}

/// Whose accounts a list is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// The source.
    pub source: SourceId,
    /// Its tenants.
    pub tenants: Tenants,
}

impl Whose {
    /// The source of this name: one of the configuration, or `local` for accounts that no platform sends yet. None where
    /// there is no such source.
    #[must_use]
    pub fn of(config: &Config, name: &str) -> Option<Self> {
        if name == SourceId::LOCAL {
            return Some(Self { source: SourceId::local(), tenants: Tenants::Any });
        }
        let source = config.sources.iter().find(|source| source.credentials.id.as_str() == name)?;
        let tenants = match &source.tenant {
            None => Tenants::None,
            Some(rule) if rule.missing == MissingTenant::Default => Tenants::Any,
            Some(_) => Tenants::Named,
        };
        Some(Self { source: source.credentials.id.clone(), tenants })
    }
}

/// How a list is imported.
#[derive(Debug)]
pub struct Import<'a> {
    /// Whose accounts they are.
    pub whose: &'a Whose,
    /// The tenant of rows that name none.
    pub tenant: Option<Tenant>,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// Microseconds since 1970.
    pub at: i64,
    /// For the audit trail, which gets one line a part; its detail is completed with the lines of that part.
    pub entry: Entry,
}

/// Where the rows go.
pub enum Target<'a> {
    /// Into the database.
    Writer(&'a Writer),
    /// Nowhere: what would become of them, part by part, in the database as it is.
    Preview(&'a mut AnyConnection),
}

impl Target<'_> {
    /// What becomes of good rows.
    fn done(&self) -> &'static str {
        match self {
            Self::Writer(_) => "is in",
            Self::Preview(_) => "would go in",
        }
    }
}

/// A row that waits for its part.
struct Waiting {
    line: u64,
    act: Act,
}

struct Run<'a, 'b> {
    import: &'a Import<'a>,
    into: Target<'a>,
    tell: &'b mut dyn FnMut(&Told) -> std::io::Result<()>,
    summary: Summary,
    /// The line on which an account, or an ExternalID, was listed first.
    listed: HashMap<u64, u64>,
    waiting: Vec<Waiting>,
    again: Vec<Waiting>,
}

/// Imports a list, telling of each row in turn, and counts. Blocks.
///
/// # Errors
/// [`ImportError`]; the rows that were told of are in.
pub fn run(
    import: &Import<'_>,
    book: Book,
    into: Target<'_>,
    tell: &mut dyn FnMut(&Told) -> std::io::Result<()>,
) -> Result<Summary, ImportError> {
    let mut run = Run {
        import,
        into,
        tell,
        summary: Summary::default(),
        listed: HashMap::new(),
        waiting: Vec::with_capacity(PART),
        again: Vec::new(),
    };
    let mut ended = Ok(());
    for row in book {
        ended = match row {
            Ok(row) => run.row(row),
            Err(why) => Err(ImportError::Broken { why, then: run.into.done() }),
        };
        if ended.is_err() {
            break;
        }
    }
    if matches!(ended, Ok(()) | Err(ImportError::Broken { .. } | ImportError::TooLong)) {
        // What was read before the place where it breaks is good.
        run.part(true)?;
        run.waiting = std::mem::take(&mut run.again);
        run.part(false)?;
    }
    ended.map(|()| run.summary)
}

impl Run<'_, '_> {
    fn row(&mut self, row: Row) -> Result<(), ImportError> {
        if self.summary.rows >= MAX_ROWS {
            return Err(ImportError::TooLong);
        }
        self.summary.rows += 1;
        let act = match row.account {
            Ok(listed) => self.act(row.line, *listed),
            Err(why) => Err(why),
        };
        match act {
            Ok(act) => {
                self.waiting.push(Waiting { line: row.line, act });
                if self.waiting.len() >= PART { self.part(true) } else { Ok(()) }
            }
            Err(why) => {
                self.told(Told { line: row.line, platform_id: row.platform_id, fate: Fate::Refused(None, why) })
            }
        }
    }

    fn act(&mut self, line: u64, listed: Listed) -> Result<Act, String> {
        let source = &self.import.whose.source;
        if listed.source.as_ref().is_some_and(|named| named != source.as_str()) {
            return Err(format!("the row is of another source than {source}"));
        }
        let tenant = self.tenant(source, listed.tenant.as_deref())?;
        if listed.account.since.is_some_and(|since| since > self.import.at) {
            return Err("since is in the future".to_owned());
        }
        let scope = Scope { source: source.clone(), tenant };
        let key = AccountKey { scope, platform_id: listed.platform_id };
        if let Some(first) = self.first(line, &key) {
            return Err(format!("the account is on line {first} already"));
        }
        // Told apart from the accounts: a vendor may well use one ID as both.
        if let Some(external_id) = &listed.account.external_id
            && let Some(first) = self.first(line, &("external_id", &key.scope, external_id))
        {
            return Err(format!("the ExternalID is on line {first} already, for another account"));
        }
        Ok(Act::new(key, self.import.at, Cause::Import, What::Import(Box::new(listed.account))))
    }

    /// The line on which this was listed before, if it was.
    fn first(&mut self, line: u64, what: &impl Hash) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        match self.listed.entry(hasher.finish()) {
            std::collections::hash_map::Entry::Occupied(known) => Some(*known.get()),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(line);
                None
            }
        }
    }

    fn tenant(&self, source: &SourceId, named: Option<&str>) -> Result<Tenant, String> {
        let named = match named {
            Some(named) => Some(Tenant::parse(named).map_err(|error| format!("tenant {error}"))?),
            None => self.import.tenant.clone(),
        };
        match (self.import.whose.tenants, named) {
            (Tenants::Named | Tenants::Any, Some(tenant)) => Ok(tenant),
            (Tenants::None | Tenants::Any, None) => Ok(Tenant::none()),
            (Tenants::Named, None) => {
                Err(format!("source {source} tells tenants apart; name the row's, or one for all"))
            }
            (Tenants::None, Some(_)) => Err(format!("source {source} tells no tenants apart; leave the tenant empty")),
        }
    }

    /// Does what waits. Rows that are in another's way are kept for the end if there is one still.
    fn part(&mut self, more: bool) -> Result<(), ImportError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(PART));
            let outcomes = self.perform(&waiting)?;
            for (waiting, outcome) in waiting.into_iter().zip(outcomes) {
                let in_the_way = outcome.refused().is_some_and(|(code, _)| code == Code::Conflict);
                if more && in_the_way && self.again.len() < MAX_AGAIN {
                    self.again.push(waiting);
                    continue;
                }
                let platform_id = outcome.account.platform_id.to_string();
                self.told(Told { line: waiting.line, platform_id, fate: Fate::of(&outcome.acted) })?;
            }
            waiting = rest;
        }
        Ok(())
    }

    fn perform(&mut self, waiting: &[Waiting]) -> Result<Vec<ActOutcome>, ImportError> {
        let (first, last) = match waiting {
            [] => return Ok(Vec::new()),
            [first, .., last] => (first.line, last.line),
            [one] => (one.line, one.line),
        };
        let mut entry = self.import.entry.clone();
        let mut detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("lines".to_owned(), format!("{first}-{last}").into());
            entry.detail = serde_json::Value::Object(detail.clone()).to_string();
        }
        let list = ActList {
            acts: waiting.iter().map(|waiting| waiting.act.clone()).collect(),
            policies: self.import.policies.clone(),
            all_or_nothing: false,
            entry,
        };
        match &mut self.into {
            Target::Writer(writer) => {
                writer.acts_blocking(list).map_err(|error| ImportError::Write { line: first, error })
            }
            Target::Preview(connection) => Ok(acts::preview(connection, &list)?),
        }
    }

    fn told(&mut self, told: Told) -> Result<(), ImportError> {
        let count = match told.fate {
            Fate::Created => &mut self.summary.created,
            Fate::Changed => &mut self.summary.changed,
            Fate::Unchanged => &mut self.summary.unchanged,
            Fate::Kept(_) => &mut self.summary.kept,
            Fate::Refused(..) => &mut self.summary.refused,
        };
        *count += 1;
        Ok((self.tell)(&told)?)
    }
}
