//! Lists of partners: CSV, a JSON array, or JSON lines. Row by row, so that a bad one is told with its line and does not
//! stop the others.

mod list;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::call::Said;
use crate::domain::ids::PartnerId;
use crate::domain::partner::{Partner, PartnerStatus, Standing, Successor};

pub(super) use list::line_of;
pub use list::{read, row_of};
pub use shown::{PartnerRecord, PartnerResellerView, RegisteredView};

/// Most rows of one list. Each is held in memory while the list is at work, some 500 bytes.
pub const MAX_ROWS: usize = 200_000;

/// The columns of a list, and the keys of a JSON object.
pub const COLUMNS: [&str; 9] = [
    "partner_id",
    "name",
    "status",
    "status_from",
    "status_until",
    "aliases",
    "successor",
    "successor_from",
    "reseller",
];

/// What a row says of a partner. What it does not say stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerRow {
    /// Where it stands in the list, from 1.
    pub line: u64,
    /// The partner.
    pub id: PartnerId,
    /// Its name.
    pub name: Said<String>,
    /// Its status; none is active.
    pub status: Said<PartnerStatus>,
    /// Microseconds since 1970.
    pub from: Said<i64>,
    /// Microseconds since 1970.
    pub until: Said<i64>,
    /// All of its aliases.
    pub aliases: Said<BTreeSet<PartnerId>>,
    /// Who takes its customers over.
    pub successor: Said<PartnerId>,
    /// Microseconds since 1970.
    pub successor_from: Said<i64>,
    /// Its account as a reseller: `source/tenant/platform_id`, or an ExternalID.
    pub reseller: Said<String>,
}

/// A row that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadRow {
    /// Where it stands in the list, from 1.
    pub line: u64,
    /// Whom it is about, as far as it tells.
    pub partner_id: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A row, or why it cannot be taken.
pub type Row = Result<PartnerRow, BadRow>;

fn or_else<T>(said: &Said<T>, before: T, none: T) -> T
where
    T: Clone,
{
    match said {
        Said::Absent => before,
        Said::Nothing => none,
        Said::Value(value) => value.clone(),
    }
}

impl PartnerRow {
    /// A row that says nothing.
    #[must_use]
    pub fn of(id: PartnerId) -> Self {
        Self {
            line: 1,
            id,
            name: Said::Absent,
            status: Said::Absent,
            from: Said::Absent,
            until: Said::Absent,
            aliases: Said::Absent,
            successor: Said::Absent,
            successor_from: Said::Absent,
            reseller: Said::Absent,
        }
    }

    /// The row that says "none" wherever it says nothing: what is sent is the whole partner.
    #[must_use]
    pub fn whole(self) -> Self {
        fn none<T>(said: Said<T>) -> Said<T> {
            if matches!(said, Said::Absent) { Said::Nothing } else { said }
        }
        Self {
            line: self.line,
            id: self.id,
            name: none(self.name),
            status: none(self.status),
            from: none(self.from),
            until: none(self.until),
            aliases: none(self.aliases),
            successor: none(self.successor),
            successor_from: none(self.successor_from),
            reseller: none(self.reseller),
        }
    }

    /// The partner after the row, but for its account, which has to be looked up.
    ///
    /// # Errors
    /// Why it cannot be so.
    pub fn onto(&self, before: &Partner) -> Result<Partner, String> {
        let (named, since) = match &before.successor {
            Some(Successor { id, from }) => (Some(id.clone()), Some(*from)),
            None => (None, None),
        };
        let successor = match &self.successor {
            Said::Absent => named,
            Said::Nothing => None,
            Said::Value(id) => Some(id.clone()),
        };
        let from = match self.successor_from {
            Said::Absent => since,
            Said::Nothing => None,
            Said::Value(at) => Some(at),
        };
        let successor = match (successor, from) {
            (Some(id), Some(from)) => Some(Successor { id, from }),
            (Some(id), None) => {
                return Err(format!("its successor {id} has no date; say in successor_from when it takes over"));
            }
            (None, Some(_)) if matches!(self.successor_from, Said::Value(_)) => {
                return Err(
                    "it has a successor_from but no successor; name the successor, or leave both empty".to_owned()
                );
            }
            (None, _) => None,
        };
        let status = or_else(&self.status, before.standing.status, PartnerStatus::Active);
        // The dates of another status say nothing of this one.
        let same = status == before.standing.status;
        let time = |said: &Said<i64>, before: Option<i64>| match said {
            Said::Absent => before.filter(|_| same),
            Said::Nothing => None,
            Said::Value(at) => Some(*at),
        };
        let partner = Partner {
            id: self.id.clone(),
            name: or_else(&self.name, before.name.clone(), String::new()),
            standing: Standing {
                status,
                from: time(&self.from, before.standing.from),
                until: time(&self.until, before.standing.until),
            },
            aliases: or_else(&self.aliases, before.aliases.clone(), BTreeSet::new()),
            successor,
            reseller: before.reseller,
        };
        partner.check().map_err(|error| error.to_string())?;
        Ok(partner)
    }
}
