//! What reconciliations found, as an operator sees it.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{Page, visible};
use crate::domain::operator::Visible;
use crate::domain::reconcile::{Counts, FindingKind, Fingerprint};
use crate::store::condition::{Condition, containing};
use crate::store::reconciliations::{FindingRow, Run, Stored, find, list as runs};
use crate::store::schema::{acknowledgements, reconciliation_counts, reconciliation_findings};
use crate::store::{AnyConnection, StoreError};

/// What a run found, as it is acknowledged now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// What nobody has acknowledged.
    pub loud: Counts,
    /// What somebody has.
    pub acknowledged: Counts,
}

/// A run with what it found.
pub type Summed = (Run, Sums);

/// A page of runs, newest first, behind `after`. Runs are everybody's; what they found is counted as it is seen.
///
/// # Errors
/// [`StoreError`] when a statement fails or a row holds what this version does not know.
pub fn list(
    connection: &mut AnyConnection,
    see: &Visible,
    after: Option<i64>,
    limit: i64,
) -> Result<Page<Summed, i64>, StoreError> {
    let page = Page::cut(runs(connection, after, limit + 1)?, limit, |run| run.id, None);
    let ids: Vec<i64> = page.items.iter().map(|run| run.id).collect();
    let mut sums = sums(connection, see, &ids)?;
    Ok(page.map(|run| {
        let of_run = sums.remove(&run.id).unwrap_or_default();
        (run, of_run)
    }))
}

/// One run with what it found.
///
/// # Errors
/// As [`list`].
pub fn one(connection: &mut AnyConnection, see: &Visible, id: i64) -> Result<Option<Summed>, StoreError> {
    let Some(run) = find(connection, id)? else { return Ok(None) };
    let sums = sums(connection, see, &[id])?.remove(&id).unwrap_or_default();
    Ok(Some((run, sums)))
}

fn kind_of(name: &str) -> Result<FindingKind, StoreError> {
    FindingKind::parse(name).ok_or_else(|| StoreError::corrupt("reconciliation_findings.kind", name))
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// What runs found.
///
/// # Errors
/// As [`list`].
pub fn sums(connection: &mut AnyConnection, see: &Visible, ids: &[i64]) -> Result<HashMap<i64, Sums>, StoreError> {
    let mut found: HashMap<i64, Counts> = HashMap::new();
    let mut quiet: HashMap<i64, Counts> = HashMap::new();
    let rows: Vec<(i64, String, i64, i64)> = match visible::findings(see) {
        None => {
            reconciliation_counts::table.filter(reconciliation_counts::run_id.eq_any(ids.to_vec())).load(connection)?
        }
        Some(seen) => {
            let rows: Vec<(i64, String, i64)> = reconciliation_findings::table
                .filter(reconciliation_findings::run_id.eq_any(ids.to_vec()))
                .filter(seen)
                .group_by((reconciliation_findings::run_id, reconciliation_findings::kind))
                .select((reconciliation_findings::run_id, reconciliation_findings::kind, diesel::dsl::count_star()))
                .load(connection)?;
            rows.into_iter().map(|(run, kind, found)| (run, kind, found, 0)).collect()
        }
    };
    for (run, kind, all, hidden) in rows {
        let kind = kind_of(&kind)?;
        found.entry(run).or_default().add_all(kind, number(all));
        quiet.entry(run).or_default().add_all(kind, number(hidden));
    }
    // From the acknowledgements' side: there are few of them, and an index finds each in every run.
    let seen = visible::findings(see).unwrap_or_else(|| Condition::new("1 = 1"));
    let rows: Vec<(i64, String, i64)> = reconciliation_findings::table
        .inner_join(acknowledgements::table.on(acknowledgements::fingerprint.eq(reconciliation_findings::fingerprint)))
        .filter(reconciliation_findings::run_id.eq_any(ids.to_vec()))
        .filter(seen)
        .group_by((reconciliation_findings::run_id, reconciliation_findings::kind))
        .select((reconciliation_findings::run_id, reconciliation_findings::kind, diesel::dsl::count_star()))
        .load(connection)?;
    for (run, kind, acknowledged) in rows {
        quiet.entry(run).or_default().add_all(kind_of(&kind)?, number(acknowledged));
    }
    Ok(found
        .into_iter()
        .map(|(run, all)| {
            let acknowledged = quiet.remove(&run).unwrap_or_default();
            (run, Sums { loud: all.without(&acknowledged), acknowledged })
        })
        .collect())
}

/// Which findings; none is "any".
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    /// Of these kinds; empty for any.
    pub kinds: Vec<FindingKind>,
    /// Those that somebody has acknowledged, or those that nobody has.
    pub acknowledged: Option<bool>,
    /// Of this source.
    pub source: Option<String>,
    /// Of this tenant.
    pub tenant: Option<String>,
    /// About this account.
    pub platform_id: Option<String>,
    /// With this text in its IDs, its two sides or its explanation.
    pub text: Option<String>,
    /// The one with this fingerprint.
    pub fingerprint: Option<Fingerprint>,
}

/// A page of a run's findings in the order in which it came upon them, behind `after`.
///
/// # Errors
/// As [`list`].
pub fn findings(
    connection: &mut AnyConnection,
    see: &Visible,
    run: i64,
    filter: &FindingFilter,
    after: Option<i64>,
    limit: i64,
) -> Result<Page<Stored, i64>, StoreError> {
    let mut query = reconciliation_findings::table.filter(reconciliation_findings::run_id.eq(run)).into_boxed();
    if let Some(seen) = visible::findings(see) {
        query = query.filter(seen);
    }
    if !filter.kinds.is_empty() {
        let kinds: Vec<&str> = filter.kinds.iter().map(|kind| kind.as_str()).collect();
        query = query.filter(reconciliation_findings::kind.eq_any(kinds));
    }
    if let Some(acknowledged) = filter.acknowledged {
        let known = Condition::new(if acknowledged { "EXISTS " } else { "NOT EXISTS " })
            .sql("(SELECT 1 FROM acknowledgements a WHERE a.fingerprint = reconciliation_findings.fingerprint)");
        query = query.filter(known);
    }
    if let Some(source) = &filter.source {
        query = query.filter(reconciliation_findings::source.eq(source.clone()));
    }
    if let Some(tenant) = &filter.tenant {
        query = query.filter(reconciliation_findings::tenant.eq(tenant.clone()));
    }
    if let Some(platform_id) = &filter.platform_id {
        query = query.filter(reconciliation_findings::platform_id.eq(platform_id.clone()));
    }
    if let Some(fingerprint) = &filter.fingerprint {
        query = query.filter(reconciliation_findings::fingerprint.eq(fingerprint.to_string()));
    }
    if let Some(text) = &filter.text {
        // SQLite folds the case of ASCII letters only; the text as it was typed finds the others as they are written.
        let (typed, lower) = (containing(text), containing(&text.to_lowercase()));
        let mut with = Condition::new("1 = 0");
        for (column, folded) in [
            (" OR platform_id LIKE ", " OR LOWER(platform_id) LIKE "),
            (" OR external_id LIKE ", " OR LOWER(external_id) LIKE "),
            (" OR ours LIKE ", " OR LOWER(ours) LIKE "),
            (" OR theirs LIKE ", " OR LOWER(theirs) LIKE "),
            (" OR explanation LIKE ", " OR LOWER(explanation) LIKE "),
        ] {
            with = with.sql(column).text(&typed).sql(" ESCAPE '!'").sql(folded).text(&lower).sql(" ESCAPE '!'");
        }
        query = query.filter(with);
    }
    if let Some(after) = after {
        query = query.filter(reconciliation_findings::position.gt(after));
    }
    let rows: Vec<FindingRow> = query.order(reconciliation_findings::position).limit(limit + 1).load(connection)?;
    let items = rows.into_iter().map(FindingRow::into_stored).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(items, limit, |finding| finding.position, None))
}
