//! Takes a list of partners in, some rows a commit, each commit with what its partners mean for the customers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::json;
use thiserror::Error;

use super::judge::{Judge, Verdict, Whole};
use super::{CUSTOMERS, Moved};
use crate::domain::call::Said;
use crate::domain::ids::PartnerId;
use crate::domain::operator::Visible;
use crate::domain::partner::{Partner, PartnerStatus, Standing};
use crate::store::audit::{self, Entry};
use crate::store::partners::change::{self, Change};
use crate::store::partners::list::{PartnerFilter, list};
use crate::store::partners::{self, relate};
use crate::store::{AnyConnection, StoreError, transaction};
use crate::wire::partners::{BadRow, PartnerRow, Row};
use crate::writer::{SubmitError, Writer};

/// Rows of one commit. More would make calls wait longer.
const ROWS: usize = 200;

/// Longest way from a row to its last successor that is followed within a list.
const LONGEST: usize = 1_000;

/// How a list is to be taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// End every partner that is not in the list.
    pub replace: bool,
    /// Say what would happen and take everything back.
    pub dry_run: bool,
}

/// What became of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Partners that are new.
    pub new: u64,
    /// Partners that changed.
    pub changed: u64,
    /// Partners that were so already.
    pub unchanged: u64,
    /// Partners that ended because the list does not have them.
    pub ended: u64,
    /// What became of customers.
    pub customers: Moved,
    /// Rows that were not taken, in the order of the list.
    pub bad: Vec<BadRow>,
}

impl Report {
    fn add(&mut self, other: Self) {
        self.new += other.new;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.ended += other.ended;
        self.customers.add(other.customers);
        self.bad.extend(other.bad);
    }
}

/// Why a list is not taken, or not to its end.
#[derive(Debug, Error)]
pub enum ImportError {
    /// It would end everybody.
    #[error(
        "no row of the list can be taken, and replacing the registry by it would end every partner; nothing is changed"
    )]
    NothingLeft,
    /// The writer could not go on. What was taken stays, and taking the list again does the rest.
    #[error("the list was not taken to its end: {0}; import it again")]
    Write(#[from] SubmitError),
}

/// Takes a list in and records it in the audit trail. `entry` says who and when, and whose list it is; `progress` is told
/// how many rows are done. Blocks.
///
/// # Errors
/// [`ImportError`]; a list that broke off may be taken again.
pub fn run(
    writer: &Writer,
    rows: Vec<Row>,
    how: How,
    entry: &Entry,
    progress: &dyn Fn(usize),
) -> Result<Report, ImportError> {
    let named: HashSet<PartnerId> = rows
        .iter()
        .filter_map(|row| match row {
            Ok(row) => Some(row.id.clone()),
            // Whoever is named badly is named.
            Err(bad) => PartnerId::parse(&bad.partner_id).ok(),
        })
        .collect();
    let mut report = Report::default();
    let rows = Arc::new(sorted(rows, &mut report.bad));
    if how.replace && rows.is_empty() {
        return Err(ImportError::NothingLeft);
    }
    let aliases = rows.iter().filter_map(|row| match &row.aliases {
        Said::Value(aliases) => Some((row.id.clone(), aliases.clone())),
        Said::Nothing => Some((row.id.clone(), BTreeSet::new())),
        Said::Absent => None,
    });
    let whole = Arc::new(Whole { aliases: aliases.collect() });
    let mut done = 0;
    while done < rows.len() {
        let (rows, whole, entry) = (rows.clone(), whole.clone(), entry.clone());
        let step = writer.work_blocking(move |connection| {
            partners::take(connection)?;
            let window = rows.get(done..(done + ROWS).min(rows.len())).unwrap_or_default();
            tried(connection, how.dry_run, |connection| take_rows(connection, &whole, window, how, &entry))
        });
        let (taken, step) = step?;
        report.add(step);
        done += taken;
        progress(done);
    }
    if how.replace {
        end_others(writer, &Arc::new(named), how, entry, &mut report)?;
    }
    report.bad.sort_by_key(|bad| bad.line);
    Ok(report)
}

/// Does something, and takes it back where it was only to be tried.
fn tried<T>(
    connection: &mut AnyConnection,
    dry_run: bool,
    work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if dry_run { transaction::taken_back(connection, work) } else { work(connection) }
}

/// Rows without those that contradict others of the list, successors before those whom they succeed: so each finds the one
/// that it names.
fn sorted(rows: Vec<Row>, bad: &mut Vec<BadRow>) -> Vec<PartnerRow> {
    let mut names: HashMap<PartnerId, (u64, PartnerId)> = HashMap::new();
    let mut good: Vec<PartnerRow> = Vec::with_capacity(rows.len());
    let mut tell = |row: &PartnerRow, reason: String| {
        bad.push(BadRow { line: row.line, partner_id: row.id.to_string(), reason });
    };
    let mut told = Vec::new();
    for row in rows {
        match row {
            Ok(row) => match names.get(&row.id) {
                Some((line, _)) => tell(&row, format!("the partner is in line {line} already")),
                None => {
                    names.insert(row.id.clone(), (row.line, row.id.clone()));
                    good.push(row);
                }
            },
            Err(row) => told.push(row),
        }
    }
    good.retain(|row| {
        let Said::Value(aliases) = &row.aliases else { return true };
        for alias in aliases {
            if let Some((line, owner)) = names.get(alias)
                && *owner != row.id
            {
                tell(row, format!("its alias {alias} is an ID of partner {owner} in line {line}"));
                return false;
            }
        }
        for alias in aliases {
            names.entry(alias.clone()).or_insert_with(|| (row.line, row.id.clone()));
        }
        true
    });
    let next: HashMap<PartnerId, PartnerId> = good
        .iter()
        .filter_map(|row| match &row.successor {
            Said::Value(successor) => Some((row.id.clone(), successor.clone())),
            Said::Absent | Said::Nothing => None,
        })
        .collect();
    // How far it is to the last successor of the list: those who are near come first.
    let mut far: HashMap<PartnerId, usize> = HashMap::new();
    good.retain(|row| {
        let mut at = &row.id;
        let mut hops = 0;
        while let Some(successor) = next.get(at).filter(|_| hops < LONGEST) {
            hops += 1;
            at = successor;
            if *at == row.id && hops > 1 {
                tell(row, "its successors go round in a circle back to it; leave one of them out".to_owned());
                return false;
            }
        }
        far.insert(row.id.clone(), hops);
        true
    });
    good.sort_by_key(|row| (far.get(&row.id).copied().unwrap_or(0), row.line));
    bad.extend(told);
    good
}

/// Takes as many rows as one commit should, and says how many those are.
fn take_rows(
    connection: &mut AnyConnection,
    whole: &Whole,
    rows: &[PartnerRow],
    how: How,
    entry: &Entry,
) -> Result<(usize, Report), StoreError> {
    let mut judge = Judge::of(connection, whole, rows)?;
    let mut report = Report::default();
    let (mut changes, mut customers, mut taken) = (Vec::new(), 0, 0);
    for row in rows {
        match judge.judge(connection, row)? {
            Verdict::Unchanged => report.unchanged += 1,
            Verdict::Bad(reason) => {
                report.bad.push(BadRow { line: row.line, partner_id: row.id.to_string(), reason });
            }
            Verdict::Put(partner, new) => {
                let change = Change::Put(partner);
                let names = change::names(connection, &change)?;
                customers += relate::count(connection, &names)?;
                if customers > CUSTOMERS && !changes.is_empty() {
                    break;
                }
                changes.push(change);
                if new {
                    report.new += 1;
                } else {
                    report.changed += 1;
                }
            }
        }
        taken += 1;
    }
    report.customers = write(connection, &changes, how, entry)?;
    Ok((taken, report))
}

fn write(connection: &mut AnyConnection, changes: &[Change], how: How, entry: &Entry) -> Result<Moved, StoreError> {
    if changes.is_empty() {
        return Ok(Moved::default());
    }
    let moved = Moved::of(&change::write(connection, changes, entry.at)?);
    let ids: Vec<String> = changes.iter().map(|change| change.id().to_string()).collect();
    let detail = json!({
        "partners": ids,
        "replace": how.replace,
        "linked": moved.linked,
        "moved": moved.moved,
        "unlinked": moved.unlinked,
    });
    audit::record(connection, &Entry { detail: detail.to_string(), ..entry.clone() })?;
    Ok(moved)
}

/// Ends every partner that is not named.
fn end_others(
    writer: &Writer,
    named: &Arc<HashSet<PartnerId>>,
    how: How,
    entry: &Entry,
    report: &mut Report,
) -> Result<(), ImportError> {
    let mut after: Option<PartnerId> = None;
    loop {
        let (named, entry, from) = (named.clone(), entry.clone(), after.clone());
        let step = writer.work_blocking(move |connection| {
            partners::take(connection)?;
            tried(connection, how.dry_run, |connection| end_some(connection, &named, from.as_ref(), how, &entry))
        });
        let (reached, ended, moved) = step?;
        report.ended += ended;
        report.customers.add(moved);
        match reached {
            Some(reached) => after = Some(reached),
            None => return Ok(()),
        }
    }
}

type Ended = (Option<PartnerId>, u64, Moved);

fn end_some(
    connection: &mut AnyConnection,
    named: &HashSet<PartnerId>,
    after: Option<&PartnerId>,
    how: How,
    entry: &Entry,
) -> Result<Ended, StoreError> {
    let most = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let page = list(connection, &Visible::All, &PartnerFilter::default(), after, most)?;
    let reached = page.last().map(|stored| stored.partner.id.clone());
    let changes: Vec<Change> = page
        .into_iter()
        .map(|stored| stored.partner)
        .filter(|partner| !named.contains(&partner.id) && partner.standing.at(entry.at) != PartnerStatus::Ended)
        .map(|partner| Change::Put(ended(partner, entry.at)))
        .collect();
    let moved = write(connection, &changes, how, entry)?;
    Ok((reached, u64::try_from(changes.len()).unwrap_or(u64::MAX), moved))
}

/// A partner that ends at a time, in microseconds since 1970.
fn ended(partner: Partner, at: i64) -> Partner {
    Partner { standing: Standing { status: PartnerStatus::Ended, from: Some(at), until: None }, ..partner }
}

/// A row that ends a partner at a time, in microseconds since 1970.
#[must_use]
pub fn ending(id: PartnerId, at: i64) -> PartnerRow {
    PartnerRow {
        status: Said::Value(PartnerStatus::Ended),
        from: Said::Value(at),
        until: Said::Nothing,
        ..PartnerRow::of(id)
    }
}
