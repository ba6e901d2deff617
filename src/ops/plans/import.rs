//! Takes lists of offers in: resellers one behind the other, some of them a commit, each whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::json;
use thiserror::Error;

use super::refusal;
use crate::domain::feed::plans_changed;
use crate::domain::ids::AccountId;
use crate::domain::offer::{Differences, MAX_OFFERS, Offer, Sheet};
use crate::domain::relation::Cause;
use crate::store::audit::{self, Entry};
use crate::store::offers::{self, Listing};
use crate::store::{AnyConnection, StoreError, changes, partners, places, transaction};
use crate::wire::plans::{BadRow, OfferRow, Row};
use crate::writer::{SubmitError, Writer};

/// Rows of one commit, unless one reseller alone has more. More would make calls wait longer.
const ROWS: usize = 1_000;

/// Resellers that are looked up at once.
const NAMES: usize = 500;

/// How a list is to be taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Take away what the resellers of the list sell and the list does not have.
    pub replace: bool,
    /// Say what would happen and take everything back.
    pub dry_run: bool,
}

/// What became of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Resellers whose lists changed.
    pub resellers: u64,
    /// Offers that are new.
    pub added: u64,
    /// Offers that have other locations.
    pub changed: u64,
    /// Offers that are gone.
    pub removed: u64,
    /// Rows that say what is so already.
    pub unchanged: u64,
    /// Resellers of which nothing was taken away, since rows of theirs are bad.
    pub not_replaced: u64,
    /// Rows that were not taken, in the order of the list.
    pub bad: Vec<BadRow>,
}

/// Why a list is not taken to its end.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The writer could not go on. What was taken stays, and taking the list again does the rest.
    #[error("the list was not taken to its end: {0}; import it again")]
    Write(#[from] SubmitError),
}

/// What a list says of one reseller.
#[derive(Debug, Clone, Default)]
struct Group {
    rows: Vec<OfferRow>,
    /// Whether rows of it are bad.
    spoiled: bool,
}

/// A reseller of the list and what is to become of it.
#[derive(Debug, Clone)]
struct Part {
    account: AccountId,
    /// How the list calls it first.
    name: String,
    /// The line that names it first.
    line: u64,
    /// The rows that are taken, in the order of the list.
    rows: Vec<OfferRow>,
    offers: Vec<Offer>,
    directory_ou: Option<String>,
    /// Whether what the list does not have is taken away.
    whole: bool,
}

fn bad(row: &OfferRow, reason: String) -> BadRow {
    BadRow { line: row.line, reseller: row.reseller.clone(), reason }
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
    let mut report = Report::default();
    let mut named: BTreeMap<String, Group> = BTreeMap::new();
    for row in rows {
        match row {
            Ok(row) => named.entry(row.reseller.clone()).or_default().rows.push(row),
            Err(row) => {
                named.entry(row.reseller.clone()).or_default().spoiled = true;
                report.bad.push(row);
            }
        }
    }
    let parts = Arc::new(parts(writer, named, how, &mut report)?);
    let (mut from, mut done) = (0, report.bad.len());
    while from < parts.len() {
        let (parts, entry) = (parts.clone(), entry.clone());
        let step = writer.work_blocking(move |connection| {
            let parts = parts.get(from..).unwrap_or_default();
            if how.dry_run {
                transaction::taken_back(connection, |connection| take(connection, parts, how, &entry))
            } else {
                take(connection, parts, how, &entry)
            }
        });
        let (taken, rows, step) = step?;
        from += taken;
        done += rows;
        report.add(step);
        progress(done);
    }
    report.bad.sort_by_key(|bad| bad.line);
    Ok(report)
}

impl Report {
    fn add(&mut self, other: Self) {
        self.resellers += other.resellers;
        self.added += other.added;
        self.changed += other.changed;
        self.removed += other.removed;
        self.unchanged += other.unchanged;
        self.not_replaced += other.not_replaced;
        self.bad.extend(other.bad);
    }
}

/// Finds out whom names mean, and puts together what the list says of one reseller under several names.
fn parts(
    writer: &Writer,
    named: BTreeMap<String, Group>,
    how: How,
    report: &mut Report,
) -> Result<Vec<Part>, ImportError> {
    let names: Vec<String> =
        named.iter().filter(|(_, group)| !group.rows.is_empty()).map(|(name, _)| name.clone()).collect();
    let mut found: HashMap<String, Result<AccountId, String>> = HashMap::new();
    for names in names.chunks(NAMES) {
        let names = names.to_vec();
        found.extend(writer.work_blocking(move |connection| {
            names
                .iter()
                .map(|name| Ok((name.clone(), reseller(connection, name)?)))
                .collect::<Result<Vec<_>, StoreError>>()
        })?);
    }
    let mut of: BTreeMap<AccountId, Group> = BTreeMap::new();
    for (name, group) in named {
        match found.remove(&name) {
            Some(Ok(account)) => {
                let all = of.entry(account).or_default();
                all.rows.extend(group.rows);
                all.spoiled |= group.spoiled;
            }
            Some(Err(why)) => report.bad.extend(group.rows.iter().map(|row| bad(row, why.clone()))),
            // Only bad rows name it.
            None => {}
        }
    }
    let mut parts: Vec<Part> =
        of.into_iter().filter_map(|(account, group)| part(account, group, how, report)).collect();
    parts.sort_by_key(|part| part.line);
    Ok(parts)
}

/// The reseller that a list names as `source/tenant/platform_id`, or by its ExternalID.
fn reseller(connection: &mut AnyConnection, name: &str) -> Result<Result<AccountId, String>, StoreError> {
    let found = partners::accounts_named(connection, name)?;
    Ok(match found.as_slice() {
        [account] => Ok(account.id),
        [] => Err(format!(
            "there is no account {name}; name the reseller as source/tenant/platform_id, or by its ExternalID"
        )),
        _ => {
            Err(format!("several accounts have the ExternalID {name}; name the reseller as source/tenant/platform_id"))
        }
    })
}

/// What a row said first, with its line.
type Said = Option<(u64, String)>;

/// What the rows of one reseller say together; those that contradict an earlier one are bad.
fn part(account: AccountId, mut group: Group, how: How, report: &mut Report) -> Option<Part> {
    group.rows.sort_by_key(|row| row.line);
    let first = group.rows.first()?;
    let (name, line) = (first.reseller.clone(), first.line);
    let mut offers: BTreeMap<(String, String), (u64, Offer)> = BTreeMap::new();
    let mut ou: Said = None;
    let mut rows = Vec::with_capacity(group.rows.len());
    for row in &group.rows {
        let again = row.offer.as_ref().and_then(|offer| offers.get(&(offer.service.clone(), offer.plan.clone())));
        let other = |held: &Said, said: &Option<String>| match (held, said) {
            (Some((line, held)), Some(said)) if held != said => {
                Some(format!("its directory_ou is another one than in line {line}; a reseller has one"))
            }
            _ => None,
        };
        let wrong = again
            .map(|(line, _)| format!("the service is on this plan in line {line} already"))
            .or_else(|| other(&ou, &row.directory_ou));
        if let Some(why) = wrong {
            group.spoiled = true;
            report.bad.push(bad(row, why));
            continue;
        }
        rows.push(row.clone());
        ou = ou.or_else(|| row.directory_ou.clone().map(|text| (row.line, text)));
        if let Some(offer) = row.offer.clone() {
            offers.insert((offer.service.clone(), offer.plan.clone()), (row.line, offer));
        }
    }
    if how.replace && group.spoiled {
        report.not_replaced += 1;
    }
    Some(Part {
        account,
        name,
        line,
        offers: offers.into_values().map(|(_, offer)| offer).collect(),
        rows,
        directory_ou: ou.map(|(_, text)| text),
        whole: how.replace && !group.spoiled,
    })
}

impl Part {
    /// The list after the part.
    fn onto(&self, before: &Listing) -> Sheet {
        let before = before.sheet();
        let offers = if self.whole {
            self.offers.clone()
        } else {
            let key = |offer: &Offer| (offer.service.clone(), offer.plan.clone());
            let mut all: BTreeMap<_, _> = before.offers.into_iter().map(|offer| (key(&offer), offer)).collect();
            all.extend(self.offers.iter().map(|offer| (key(offer), offer.clone())));
            all.into_values().collect()
        };
        Sheet { offers, directory_ou: self.directory_ou.clone().or(before.directory_ou) }
    }
}

/// Takes as many resellers as one commit should, and says how many those are and how many rows they have.
fn take(
    connection: &mut AnyConnection,
    parts: &[Part],
    how: How,
    entry: &Entry,
) -> Result<(usize, usize, Report), StoreError> {
    places::take_alone(connection)?;
    let mut report = Report::default();
    let (mut taken, mut rows) = (0, 0);
    let mut changed: Vec<(AccountId, Differences)> = Vec::new();
    for part in parts {
        if taken > 0 && rows + part.rows.len() > ROWS {
            break;
        }
        taken += 1;
        rows += part.rows.len();
        let refused = |reason: String| BadRow { line: part.line, reseller: part.name.clone(), reason };
        if let Some(why) = refusal(offers::place(connection, part.account)?) {
            report.bad.push(refused(why.trim_end_matches('.').to_owned()));
            continue;
        }
        let before = offers::listing(connection, part.account)?;
        let sheet = part.onto(&before);
        if sheet.offers.len() > MAX_OFFERS {
            let why = format!("the reseller would have {} offers, and {MAX_OFFERS} are the most", sheet.offers.len());
            report.bad.push(refused(why));
            continue;
        }
        let differences = sheet.differences(&before.sheet());
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let says_nothing_new = |row: &&OfferRow| {
            let held = |offer: &Offer| before.seller.offers.offer(&offer.service, &offer.plan) == Some(offer);
            row.offer.as_ref().is_none_or(held) && !(differences.directory_ou && row.directory_ou.is_some())
        };
        report.unchanged += count(part.rows.iter().filter(says_nothing_new).count());
        if differences.is_empty() {
            continue;
        }
        offers::write(connection, part.account, &before, &sheet, before.promoted_at, entry.at)?;
        report.resellers += 1;
        report.added += count(differences.added);
        report.changed += count(differences.changed);
        report.removed += count(differences.removed);
        changed.push((part.account, differences));
    }
    if !changed.is_empty() {
        let ids: BTreeSet<String> = changed.iter().map(|(account, _)| account.to_string()).collect();
        let detail = json!({
            "resellers": ids,
            "replace": how.replace,
            "added": report.added,
            "changed": report.changed,
            "removed": report.removed,
        });
        audit::record(connection, &Entry { detail: detail.to_string(), ..entry.clone() })?;
        let entries: Vec<_> =
            changed.iter().map(|(account, differences)| plans_changed(*account, differences, Cause::Import)).collect();
        // Last: on PostgreSQL no other receiver gets a position from here to the commit.
        changes::append(connection, entry.at, &entries)?;
    }
    Ok((taken, rows, report))
}
