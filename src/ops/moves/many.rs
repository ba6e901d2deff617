//! Many moves at once: rows of a list, each with its result, in transactions of a few hundred, or all in one.

use std::collections::HashMap;
use std::sync::Arc;

use thiserror::Error;

use super::Reader;
use crate::domain::act::{Act, ActOutcome, Acted, What};
use crate::domain::ids::{AccountId, AccountKey, MoveId};
use crate::domain::moves::{Moving, Refusal};
use crate::domain::policy::Policies;
use crate::domain::relation::Cause;
use crate::store::audit::Entry;
use crate::store::{AnyConnection, StoreError};
use crate::wire::moves_list::{BadRow, Row};
use crate::writer::acts::{self, ActList, MAX_TOGETHER};
use crate::writer::{SubmitError, Writer};

/// Rows of one transaction: calls wait behind it.
const PART: usize = 200;

/// Resellers that are remembered by the name that a list gives them.
const MAX_NAMES: usize = 10_000;

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is moved, or would be; the move that is kept, unless it is only looked at.
    Moved(Option<MoveId>),
    /// It was there already.
    Unchanged,
    /// It is not moved: the code, where a rule is against it, and why.
    Refused(Option<i32>, String),
    /// It would have been moved, but another row was refused, and the list is one thing.
    Withheld,
}

impl Fate {
    /// Its name in output and API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Moved(_) => "moved",
            Self::Unchanged => "unchanged",
            Self::Refused(..) => "refused",
            Self::Withheld => "withheld",
        }
    }
}

/// A row and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The line that it begins on.
    pub line: u64,
    /// Who it is about, as the list names it.
    pub customer: String,
    /// What became of it.
    pub fate: Fate,
}

/// How many rows came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// All of them.
    pub rows: u64,
    /// Moved, or would be.
    pub moved: u64,
    /// There already.
    pub unchanged: u64,
    /// Refused.
    pub refused: u64,
    /// Held back because another one was refused.
    pub withheld: u64,
}

impl Summary {
    /// Counts one more.
    pub fn count(&mut self, fate: &Fate) {
        self.rows += 1;
        let count = match fate {
            Fate::Moved(_) => &mut self.moved,
            Fate::Unchanged => &mut self.unchanged,
            Fate::Refused(..) => &mut self.refused,
            Fate::Withheld => &mut self.withheld,
        };
        *count += 1;
    }
}

/// Why a list is not gone through to its end.
#[derive(Debug, Error)]
pub enum ManyError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer could not take a part.
    #[error(
        "the moves from line {line} on are not made: {error}; run it again, and those that are made stay as they are"
    )]
    Write {
        /// The first line of the part.
        line: u64,
        /// Why not.
        error: SubmitError,
    },
    /// More rows than go into one transaction.
    #[error("more than {MAX_TOGETHER} rows; leave all-or-nothing out, or send them in parts")]
    TooMany,
    /// What became of a row could not be told.
    #[error(transparent)]
    Told(#[from] std::io::Error),
}

/// How names of a list become accounts: `Err` within is why a name means nobody.
pub type Resolve<'a> = dyn FnMut(&mut AnyConnection, &str) -> Result<Result<AccountKey, Refusal>, StoreError> + 'a;

/// A list of moves to be made.
pub struct Many<'a> {
    /// Reads names.
    pub resolve: &'a mut Resolve<'a>,
    /// For reading names and, in a preview, everything else; given back while a part waits for the writer.
    pub reader: Reader<'a>,
    /// Makes the moves; none to only look at them.
    pub writer: Option<&'a Writer>,
    /// The rules of the sources.
    pub policies: Arc<Policies>,
    /// Whether a row that is refused keeps all others from being moved.
    pub all_or_nothing: bool,
    /// Who moves them; goes into the audit trail once a transaction.
    pub entry: Entry,
    /// Why, for the moves themselves.
    pub reason: Option<String>,
    /// The resellers of whoever moves them, whose customers must still be theirs; none for who may move any.
    pub within: Option<Arc<[AccountId]>>,
}

struct Waiting {
    line: u64,
    customer: String,
    act: Act,
}

impl Many<'_> {
    /// Goes through rows and tells what became of each, in their order; of two rows about one customer, the second is
    /// judged behind the first.
    ///
    /// # Errors
    /// [`ManyError`]; what was told is made.
    pub fn run(
        mut self,
        rows: impl Iterator<Item = Result<Row, BadRow>>,
        tell: &mut dyn FnMut(&Told) -> std::io::Result<()>,
    ) -> Result<Summary, ManyError> {
        let mut summary = Summary::default();
        let mut names: HashMap<String, AccountKey> = HashMap::new();
        let (mut waiting, mut bad) = (Vec::new(), Vec::new());
        for row in rows {
            match self.read(row, &mut names)? {
                Ok(row) => waiting.push(row),
                Err(told) if self.all_or_nothing => bad.push(told),
                Err(told) => {
                    // In their order: what waits comes first.
                    self.part(&mut waiting, &mut summary, tell)?;
                    summary.count(&told.fate);
                    tell(&told)?;
                }
            }
            if self.all_or_nothing {
                if waiting.len() + bad.len() > MAX_TOGETHER {
                    return Err(ManyError::TooMany);
                }
            } else if waiting.len() >= PART {
                self.part(&mut waiting, &mut summary, tell)?;
            }
        }
        if bad.is_empty() {
            self.part(&mut waiting, &mut summary, tell)?;
            return Ok(summary);
        }
        // The others are looked at, so that all that is wrong is told at once.
        self.writer = None;
        let mut told = self.perform(&waiting)?;
        for one in &mut told {
            if matches!(one.fate, Fate::Moved(_)) {
                one.fate = Fate::Withheld;
            }
        }
        told.extend(bad);
        told.sort_by_key(|one| one.line);
        for one in told {
            summary.count(&one.fate);
            tell(&one)?;
        }
        Ok(summary)
    }

    /// A row as an act, or what becomes of it at once.
    fn read(
        &mut self,
        row: Result<Row, BadRow>,
        names: &mut HashMap<String, AccountKey>,
    ) -> Result<Result<Waiting, Told>, StoreError> {
        let Row { line, customer, reseller, choices } = match row {
            Ok(row) => row,
            Err(BadRow { line, customer, reason }) => {
                return Ok(Err(Told { line, customer, fate: Fate::Refused(None, reason) }));
            }
        };
        let refused = |refusal: Refusal, customer: String| Told {
            line,
            customer,
            fate: Fate::Refused(Some(refusal.code.number()), refusal.message),
        };
        let account = match (self.resolve)(self.reader.get()?, &customer)? {
            Ok(account) => account,
            Err(refusal) => return Ok(Err(refused(refusal, customer))),
        };
        let known = reseller.as_ref().and_then(|name| names.get(name)).cloned();
        let reseller = match (reseller, known) {
            (None, _) => None,
            (Some(_), Some(known)) => Some(known),
            (Some(name), None) => match (self.resolve)(self.reader.get()?, &name)? {
                Ok(found) => {
                    if names.len() < MAX_NAMES {
                        names.insert(name, found.clone());
                    }
                    Some(found)
                }
                Err(mut refusal) => {
                    refusal.message = format!("The reseller: {}", refusal.message);
                    return Ok(Err(refused(refusal, customer)));
                }
            },
        };
        let moving = Moving {
            reseller,
            choices,
            by: self.entry.operator.clone(),
            reason: self.reason.clone(),
            ..Moving::default()
        };
        let act =
            Act::new(account, self.entry.at, Cause::Move, What::Move(Box::new(moving))).within(self.within.clone());
        Ok(Ok(Waiting { line, customer, act }))
    }

    /// Makes what waits.
    fn part(
        &mut self,
        waiting: &mut Vec<Waiting>,
        summary: &mut Summary,
        tell: &mut dyn FnMut(&Told) -> std::io::Result<()>,
    ) -> Result<(), ManyError> {
        let told = self.perform(waiting)?;
        waiting.clear();
        for one in told {
            summary.count(&one.fate);
            tell(&one)?;
        }
        Ok(())
    }

    fn perform(&mut self, waiting: &[Waiting]) -> Result<Vec<Told>, ManyError> {
        let (Some(first), Some(last)) = (waiting.first(), waiting.last()) else { return Ok(Vec::new()) };
        let mut entry = self.entry.clone();
        let mut detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap_or_default();
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("lines".to_owned(), format!("{}-{}", first.line, last.line).into());
            entry.detail = serde_json::Value::Object(detail.clone()).to_string();
        }
        let list = ActList {
            acts: waiting.iter().map(|waiting| waiting.act.clone()).collect(),
            policies: self.policies.clone(),
            all_or_nothing: self.all_or_nothing,
            entry,
        };
        let outcomes = match self.writer {
            Some(writer) => {
                self.reader.give_back();
                writer.acts_blocking(list).map_err(|error| ManyError::Write { line: first.line, error })?
            }
            None => acts::preview(self.reader.get()?, &list)?,
        };
        let preview = self.writer.is_none();
        let told = waiting.iter().zip(outcomes).map(|(waiting, outcome)| Told {
            line: waiting.line,
            customer: waiting.customer.clone(),
            fate: fate(outcome, preview),
        });
        Ok(told.collect())
    }
}

/// What became of a move, as it is told.
fn fate(outcome: ActOutcome, preview: bool) -> Fate {
    match outcome.acted {
        Acted::Applied(_) => Fate::Moved(outcome.moved.filter(|_| !preview)),
        Acted::Unchanged | Acted::Kept { .. } => Fate::Unchanged,
        Acted::Refused { code, message } => Fate::Refused(Some(code.number()), message),
        Acted::Withheld => Fate::Withheld,
    }
}
