//! Proves the ledger: every chain whole, every row as it was written, every body the one that was hashed.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::ids::DeliveryId;
use crate::domain::ledger::{GENESIS, Head};
use crate::store::{AnyConnection, StoreError, chains, deliveries};

/// Rows read at once.
const PAGE: i64 = 1_000;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A row was changed, or the one before it was swapped.
    Changed(DeliveryId),
    /// A row holds what no row can hold.
    Unreadable(DeliveryId, String),
    /// Rows are missing, from the first to the last.
    Missing(DeliveryId, DeliveryId),
    /// A body is another than its row says.
    BodyChanged(DeliveryId),
    /// A chain has more rows than its head says.
    BeyondHead(DeliveryId),
    /// Rows of a chain that has no head.
    NoHead(i64),
    /// The expected head is not in the ledger: its tail was cut, or it was written anew.
    HeadMissing(DeliveryId),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(id) => write!(f, "delivery {id}: the row was changed or stands in another's place"),
            Self::Unreadable(id, why) => write!(f, "delivery {id}: {why}"),
            Self::Missing(first, last) if first == last => write!(f, "delivery {first}: the row is missing"),
            Self::Missing(first, last) => write!(f, "deliveries {first} to {last}: the rows are missing"),
            Self::BodyChanged(id) => write!(f, "delivery {id}: the body was changed"),
            Self::BeyondHead(id) => write!(f, "delivery {id}: the row stands behind the end of its chain"),
            Self::NoHead(chain) => write!(f, "chain {chain}: its head is missing"),
            Self::HeadMissing(id) => {
                write!(f, "delivery {id}: the expected head is not there; the tail was cut or rewritten")
            }
        }
    }
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Rows read.
    pub rows: u64,
    /// Bodies that were emptied.
    pub heads: Vec<Head>,
    /// What does not hold, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Whether there are more findings than are listed.
    pub truncated: bool,
}

/// Most findings listed. A wholly rewritten ledger would otherwise fill the memory.
pub const MAX_FINDINGS: usize = 1_000;

impl Report {
    fn find(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.truncated = true;
        }
    }
}

/// A head as it is written down: `chain-position:hash`.
#[must_use]
pub fn head_text(head: &Head) -> String {
    format!("{}-{}:{}", head.chain, head.position, hex::encode(head.hash))
}

/// Reads what [`head_text`] writes.
#[must_use]
pub fn parse_head(text: &str) -> Option<Head> {
    let (id, hash) = text.trim().split_once(':')?;
    let id = DeliveryId::parse(id)?.row();
    let hash = hex::decode(hash).ok()?.try_into().ok()?;
    Some(Head { chain: id.chain(), position: id.position(), hash })
}

/// Verifies every chain, and that each expected head is in it. `progress` is told rows read and rows expected.
///
/// # Errors
/// [`StoreError`] when the database cannot be read.
pub fn verify(
    connection: &mut AnyConnection,
    expected: &[Head],
    progress: &dyn Fn(u64, u64),
) -> Result<Report, StoreError> {
    let mut report = Report { heads: chains::heads(connection)?, ..Report::default() };
    let total = report.heads.iter().map(|head| u64::try_from(head.position).unwrap_or(0)).sum();
    for head in report.heads.clone() {
        chain(connection, &head, expected, &mut report, &|rows| progress(rows, total))?;
    }
    let known = |chain: i64| report.heads.iter().any(|head| head.chain == chain);
    let mut findings: Vec<Finding> = expected
        .iter()
        .filter(|head| !known(head.chain))
        .map(|head| Finding::HeadMissing(DeliveryId::issue(head.chain, head.position)))
        .collect();
    if let Some(last) = deliveries::last_id(connection)? {
        findings.extend((0..=last.row().chain()).filter(|chain| !known(*chain)).map(Finding::NoHead));
    }
    findings.into_iter().for_each(|finding| report.find(finding));
    Ok(report)
}

fn chain(
    connection: &mut AnyConnection,
    head: &Head,
    expected: &[Head],
    report: &mut Report,
    progress: &dyn Fn(u64),
) -> Result<(), StoreError> {
    let (mut position, mut previous) = (0, GENESIS);
    let mut found: Vec<&Head> = Vec::new();
    loop {
        let rows = deliveries::chain_rows(connection, head.chain, position, PAGE)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            report.rows += 1;
            let here = row.id.row().position();
            let gap = here != position + 1;
            if gap && position < head.position {
                let last = DeliveryId::issue(head.chain, (here - 1).min(head.position));
                report.find(Finding::Missing(DeliveryId::issue(head.chain, position + 1), last));
            }
            if here > head.position {
                report.find(Finding::BeyondHead(row.id));
            }
            position = here;
            match row.delivery {
                Err(error) => {
                    report.find(Finding::Unreadable(row.id, error.to_string()));
                    previous = GENESIS;
                }
                Ok((delivery, stored)) => {
                    // Behind a gap the hash before is not known: the row itself cannot be judged, those after it can.
                    if !gap && delivery.hash(&previous).as_slice() != stored {
                        report.find(Finding::Changed(row.id));
                    }
                    if let Some(body) = row.body
                        && Sha256::digest(&body).as_slice() != delivery.body_digest
                    {
                        report.find(Finding::BodyChanged(row.id));
                    }
                    // Go on from what is stored, so that one changed row is one finding.
                    previous = stored.try_into().unwrap_or(GENESIS);
                }
            }
            found.extend(
                expected.iter().filter(|head| {
                    head.chain == row.id.row().chain() && head.position == here && head.hash == previous
                }),
            );
        }
        progress(report.rows);
    }
    if position < head.position {
        let (first, last) = (DeliveryId::issue(head.chain, position + 1), DeliveryId::issue(head.chain, head.position));
        report.find(Finding::Missing(first, last));
    } else if position == head.position && previous != head.hash {
        report.find(Finding::Changed(DeliveryId::issue(head.chain, head.position)));
    }
    for wanted in expected.iter().filter(|wanted| wanted.chain == head.chain && !found.contains(wanted)) {
        report.find(Finding::HeadMissing(DeliveryId::issue(wanted.chain, wanted.position)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_read_what_they_write() {
        let head = Head { chain: 2, position: 9, hash: [7; 32] };
        assert_eq!(parse_head(&head_text(&head)), Some(head));
        for wrong in ["", "2-9", "2-9:", "2-9:zz", "2-9:00"] {
            assert_eq!(parse_head(wrong), None, "{wrong}");
        }
    }
}
