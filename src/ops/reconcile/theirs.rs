//! The other side: a list, or another database of ours, in the order of the key.

use std::io::Read;

use super::sort::{Sorted, Sorter};
use super::{Halt, ReconcileError};
use crate::domain::call::Said;
use crate::domain::ids::{SourceId, Tenant};
use crate::domain::reconcile::{FindingKind, Kinds, Matching, Ours, Theirs};
use crate::store::compared::{Accounts, Wanted};
use crate::store::connection::{Database, Use};
use crate::store::{migrate, snapshot};
use crate::wire::list::{Column, List, Reading, Row};

/// What is compared with.
pub enum Against {
    /// Nothing: the self-check.
    Nothing,
    /// Somebody's list.
    List(Box<dyn Read + Send>, Reading),
    /// Another database of ours.
    Database(Database),
}

impl std::fmt::Debug for Against {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::List(_, reading) => f.debug_tuple("List").field(reading).finish(),
            Self::Database(database) => f.debug_tuple("Database").field(database).finish(),
        }
    }
}

/// A line of the list that was not compared, or not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Troubled {
    /// The line; none for what has none.
    pub line: Option<u64>,
    /// What is wrong, in a sentence that names the line.
    pub why: String,
}

/// An opened other side.
pub(super) enum Opened {
    List(Box<List>),
    Database(Database),
}

impl Opened {
    /// Opens it and says how accounts are matched.
    pub(super) fn open(
        against: Against,
        key: crate::domain::reconcile::KeyField,
        wanted: &Wanted,
    ) -> Result<Option<(Self, Matching)>, ReconcileError> {
        match against {
            Against::Nothing => Ok(None),
            Against::List(input, reading) => {
                let list = List::open(input, Reading { key, ..reading })?;
                // What is limited to one source or tenant needs no column for it.
                let by_source = list.has(Column::Source) && wanted.source.is_none();
                let by_tenant = list.has(Column::Tenant) && wanted.tenant.is_none();
                Ok(Some((Self::List(Box::new(list)), Matching { field: key, by_source, by_tenant })))
            }
            Against::Database(database) => {
                if let Some(file) = database.file()
                    && !file.exists()
                {
                    return Err(ReconcileError::Unreachable(format!("{} is not there", database.shown())));
                }
                let matching =
                    Matching { field: key, by_source: wanted.source.is_none(), by_tenant: wanted.tenant.is_none() };
                Ok(Some((Self::Database(database), matching)))
            }
        }
    }

    /// What is asked of names and addresses must be there to be compared.
    pub(super) fn can_show(&self, kinds: Kinds) -> Result<(), ReconcileError> {
        let Self::List(list) = self else { return Ok(()) };
        for (kind, column) in [(FindingKind::NameDiffers, Column::Name), (FindingKind::EmailDiffers, Column::Email)] {
            if kinds.has(kind) && !list.has(column) {
                return Err(ReconcileError::Usage(format!(
                    "{} needs a column for it; say which one it is with --map {}=…",
                    kind.as_str(),
                    column.as_str()
                )));
            }
        }
        Ok(())
    }

    /// Reads all of it and sorts it. What cannot be read is handed to `trouble`.
    pub(super) fn sorted(
        self,
        matching: Matching,
        wanted: &Wanted,
        halt: &Halt,
        trouble: &mut dyn FnMut(Troubled),
    ) -> Result<Sorted<Theirs>, ReconcileError> {
        let mut sorter = Sorter::default();
        let mut key = Vec::new();
        let mut push = |theirs: &Theirs| -> Result<(), ReconcileError> {
            key.clear();
            if matching.of_theirs(theirs, &mut key) { sorter.push(&key, theirs) } else { Ok(()) }
        };
        match self {
            Self::List(list) => {
                for row in *list {
                    halt.check()?;
                    let account = match row? {
                        Row::Account(account) => Some(account),
                        Row::Spoiled { line, why, account } => {
                            trouble(Troubled { line: Some(line), why: format!("line {line}: {why}") });
                            account
                        }
                    };
                    if let Some(account) = account.filter(|account| is_wanted(account, wanted)) {
                        push(&account)?;
                    }
                }
            }
            Self::Database(database) => {
                let unusable = |error: crate::store::StoreError| {
                    ReconcileError::Unreachable(format!("cannot use {}: {error}", database.shown()))
                };
                let mut connection = database.connect(Use::Read).map_err(unusable)?;
                if !migrate::missing(&mut connection).map_err(unusable)?.is_empty() {
                    return Err(ReconcileError::Broken(format!(
                        "the schema of {} is another one; run `tiersync migrate` on it",
                        database.shown()
                    )));
                }
                snapshot::begin(&mut connection)?;
                for ours in Accounts::read(&mut connection, wanted.clone()) {
                    halt.check()?;
                    push(&other_side(ours?))?;
                }
                snapshot::end(&mut connection);
            }
        }
        sorter.sorted()
    }
}

/// Whether a line is of the source and tenant that are asked for. A line that tells neither is taken to be.
fn is_wanted(theirs: &Theirs, wanted: &Wanted) -> bool {
    let source = theirs.source.as_ref().map(SourceId::as_str);
    let tenant = theirs.tenant.as_ref().map(Tenant::as_str);
    let is = |told: Option<&str>, wanted: Option<&String>| match (told, wanted) {
        (Some(told), Some(wanted)) => told == wanted,
        _ => true,
    };
    is(source, wanted.source.as_ref()) && is(tenant, wanted.tenant.as_ref())
}

/// An account of another database, which tells everything.
fn other_side(ours: Ours) -> Theirs {
    let said = |text: &str| if text.is_empty() { Said::Nothing } else { Said::Value(text.to_owned()) };
    let (reseller, _) = ours.effective_reseller();
    Theirs {
        reseller: reseller.map_or(Said::Nothing, |id| Said::Value(id.clone())),
        source: Some(ours.key.scope.source.clone()),
        tenant: Some(ours.key.scope.tenant.clone()),
        code: said(&ours.code),
        name: said(&ours.name),
        email: said(&ours.email),
        kind: Some(ours.kind),
        partner: ours.partner.as_ref().map_or(Said::Nothing, |partner| Said::Value(partner.id.clone())),
        deleted: !ours.is_active(),
        platform_id: Some(ours.key.platform_id),
        external_id: Some(ours.external_id),
        ..Theirs::at(0)
    }
}
