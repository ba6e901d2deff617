//! The monthly book as it is kept: what each reseller gained and lost between two times, reseller by reseller.

use super::ReconcileError;
use super::run::Options;
use super::sort::Sorter;
use crate::domain::ids::AccountKey;
use crate::domain::reconcile::{Change, Movement, movements};
use crate::store::compared::{Accounts, Wanted};
use crate::store::connection::{Database, Use};
use crate::store::{names, snapshot};

/// A customer's line in a reseller's book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The customer.
    pub customer: AccountKey,
    /// Its name.
    pub name: String,
    /// The vendor's ID of it.
    pub external_id: String,
    /// What happened to it.
    pub movement: Movement,
}

/// Whose book it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookOf {
    /// Its source.
    pub source: String,
    /// Its tenant.
    pub tenant: String,
    /// How the platform calls it; empty where only its ExternalID is known.
    pub platform_id: String,
    /// How the vendor calls it; empty where it never came.
    pub external_id: String,
    /// Its name; empty where it never came.
    pub name: String,
}

/// A book's sums.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)] // One for each change.
pub struct Sums {
    pub gained: u64,
    pub moved_in: u64,
    pub lost: u64,
    pub moved_out: u64,
    pub ended: u64,
    pub stayed: u64,
}

impl Sums {
    /// Counts one.
    pub fn add(&mut self, change: Change) {
        let count = match change {
            Change::Gained => &mut self.gained,
            Change::MovedIn => &mut self.moved_in,
            Change::Lost => &mut self.lost,
            Change::MovedOut => &mut self.moved_out,
            Change::Ended => &mut self.ended,
            Change::Stayed => &mut self.stayed,
        };
        *count += 1;
    }

    /// Customers at the beginning.
    #[must_use]
    pub fn before(&self) -> u64 {
        self.stayed + self.lost + self.moved_out + self.ended
    }

    /// Customers at the end.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.stayed + self.gained + self.moved_in
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.before() == self.stayed && self.after() == self.stayed
    }
}

/// What is handed out, book by book in the order of the resellers' IDs: the book, its lines, its sums.
#[derive(Debug)]
pub enum Page {
    /// A book begins.
    Begin(BookOf),
    /// A line of it; customers that stayed have none.
    Line(Box<Posting>),
    /// It ends.
    End(Sums),
}

/// Keeps the book from `since`, in microseconds since 1970, until now or `options.as_of`.
///
/// # Errors
/// [`ReconcileError`] of the database, or what `write` fails with.
pub fn keep(
    database: &Database,
    options: &Options,
    since: i64,
    progress: &dyn Fn(u64),
    write: &mut dyn FnMut(Page) -> Result<(), ReconcileError>,
) -> Result<Sums, ReconcileError> {
    let wanted = Wanted {
        source: options.source.clone(),
        tenant: options.tenant.clone(),
        as_of: options.as_of,
        since: Some(since),
        flapping_within: 0,
    };
    let mut connection = database.connect(Use::Read)?;
    snapshot::begin(&mut connection)?;
    let mut sorter = Sorter::<Posting>::default();
    for (ours, read) in Accounts::read(&mut connection, wanted).zip(1_u64..) {
        let ours = ours?;
        for movement in movements(&ours) {
            let posting = Posting {
                customer: ours.key.clone(),
                name: ours.name.clone(),
                external_id: ours.external_id.to_string(),
                movement,
            };
            sorter.push(&key(&posting), &posting)?;
        }
        if read.is_multiple_of(4_096) {
            progress(4_096);
        }
    }
    let mut all = Sums::default();
    let mut open: Option<(Vec<u8>, Sums)> = None;
    for posting in sorter.sorted()? {
        let posting = posting?;
        let whose = book(&posting.key).to_vec();
        if open.as_ref().is_none_or(|(open, _)| *open != whose) {
            if let Some((_, sums)) = open.take() {
                write(Page::End(sums))?;
            }
            let reseller = &posting.record.movement.reseller;
            let scope = &posting.record.customer.scope;
            let mut name = String::new();
            if !reseller.platform_id.is_empty() {
                let id = crate::domain::ids::PlatformId::stored(&reseller.platform_id);
                let key = AccountKey { scope: scope.clone(), platform_id: id };
                name = names::name(&mut connection, &key)?.unwrap_or_default();
            }
            write(Page::Begin(BookOf {
                source: scope.source.to_string(),
                tenant: scope.tenant.as_str().to_owned(),
                platform_id: reseller.platform_id.clone(),
                external_id: reseller.external_id.clone(),
                name,
            }))?;
            open = Some((whose, Sums::default()));
        }
        let change = posting.record.movement.change;
        all.add(change);
        if let Some((_, sums)) = &mut open {
            sums.add(change);
        }
        if change != Change::Stayed {
            write(Page::Line(Box::new(posting.record)))?;
        }
    }
    if let Some((_, sums)) = open {
        write(Page::End(sums))?;
    }
    snapshot::end(&mut connection);
    Ok(all)
}

/// Reseller, change, customer. NUL stands in no ID.
fn key(posting: &Posting) -> Vec<u8> {
    let reseller = &posting.movement.reseller;
    let id = if reseller.platform_id.is_empty() { &reseller.external_id } else { &reseller.platform_id };
    let scope = &posting.customer.scope;
    let mut key = Vec::new();
    for part in [scope.source.as_str(), scope.tenant.as_str(), id] {
        key.extend_from_slice(part.as_bytes());
        key.push(0);
    }
    key.push(posting.movement.change as u8);
    key.extend_from_slice(posting.customer.platform_id.as_str().as_bytes());
    key
}

/// The part of a key that names the book.
fn book(key: &[u8]) -> &[u8] {
    let end = key.iter().enumerate().filter(|(_, byte)| **byte == 0).nth(2).map_or(key.len(), |(at, _)| at);
    key.get(..end).unwrap_or_default()
}
