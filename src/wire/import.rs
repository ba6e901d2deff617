//! An import as people and tools see it.

use serde::Serialize;
use utoipa::ToSchema;

/// A row of the list and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ToldView {
    /// The line of the list that it begins on, from 1.
    pub line: u64,
    /// The platform ID, as far as it could be read.
    pub platform_id: String,
    /// `created`, `changed`, `unchanged`, `kept` or `refused`.
    pub outcome: &'static str,
    /// The stable code of a refusal; null for a row that cannot be read, and for what is not refused.
    pub code: Option<i32>,
    /// Why it is not as the list says; empty where it is.
    pub why: String,
}

/// How many rows came to what.
#[derive(Debug, Serialize, ToSchema)]
pub struct SummaryView {
    /// All of them.
    pub rows: u64,
    /// New accounts.
    pub created: u64,
    /// Accounts that the list alone had described.
    pub changed: u64,
    /// In already.
    pub unchanged: u64,
    /// Left as somebody said later.
    pub kept: u64,
    /// Wrong.
    pub refused: u64,
    /// Whether nothing was written.
    pub dry_run: bool,
}
