//! What resellers may sell, as lists and as JSON. Lists are CSV, a JSON array, or JSON lines, read row by row, so that a
//! bad one is told with its line and does not stop the others.

mod list;
mod shown;
#[cfg(test)]
mod tests;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::offer::Offer;

pub use list::{read, read_one};
pub use shown::{OfferRecord, OfferView, PlansView, SellerView};

/// Most rows of one list. Each is held in memory while the list is at work, some 500 bytes.
pub const MAX_ROWS: usize = 500_000;

/// The columns of a list, and the keys of a JSON object.
pub const COLUMNS: [&str; 5] = ["reseller", "service", "plan", "locations", "directory_ou"];

/// What a row says. A row without service and plan is about the reseller alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferRow {
    /// Where it stands in the list, from 1.
    pub line: u64,
    /// The reseller: `source/tenant/platform_id`, or an ExternalID.
    pub reseller: String,
    /// What it may sell.
    pub offer: Option<Offer>,
    /// The distinguished name of its organizational unit; none where the row does not say.
    pub directory_ou: Option<String>,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadRow {
    /// Where it stands in the list, from 1.
    pub line: u64,
    /// Whom it is about, as far as it tells.
    pub reseller: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A row, or why it cannot be taken.
pub type Row = Result<OfferRow, BadRow>;
