//! A run that a receiver works on, as every API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::reconcile::Counts;

/// How many accounts were looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // Two sides.
pub struct LookedAt {
    pub ours: i64,
    pub theirs: i64,
}

/// A run as shown. Null is what is not known yet, and for a reseller_admin what is about everybody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunView {
    /// Its id.
    pub id: String,
    /// `queued`, `running`, `done` or `failed`.
    pub state: &'static str,
    /// Why it failed, and what to do.
    pub reason: Option<String>,
    /// `nothing` for a self-check, or `list`.
    pub against: &'static str,
    /// Whether the schedule asked for it.
    pub scheduled: bool,
    /// The operator who asked for it.
    pub requested_by: Option<String>,
    /// When it was asked for.
    pub requested_at: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub finished_at: Option<String>,
    /// What was asked for.
    #[schema(value_type = Option<Object>)]
    pub options: Option<Box<RawValue>>,
    /// How many accounts were looked at.
    pub accounts: Option<LookedAt>,
    /// How many findings nobody has acknowledged.
    pub findings: u64,
    /// The same by kind; without those of which there are none.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many findings somebody has acknowledged.
    pub acknowledged: u64,
    /// The same by kind.
    pub acknowledged_counts: BTreeMap<&'static str, u64>,
    /// Findings that can be listed.
    pub listed: Option<i64>,
    /// Whether there are more than can be listed.
    pub cut: bool,
    /// Lines of the list that could not be compared, or not whole.
    pub troubles: Option<i64>,
    /// What is wrong with the first of them.
    pub told: Vec<String>,
}

/// Counts by kind, without those of which there are none.
#[must_use]
pub fn by_kind(counts: &Counts) -> BTreeMap<&'static str, u64> {
    counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| (kind.as_str(), count)).collect()
}
