//! Proves the ledger: every chain whole, every row as it was written, every body the one that was hashed.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::ids::DeliveryId;
use crate::domain::ledger::{GENESIS, Head};
use crate::store::deliveries::{self, VerifyRow};
use crate::store::{AnyConnection, StoreError, chains};

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
    /// A row where no chain has one: positions begin with 1 and chains with 0.
    NoPlace(DeliveryId),
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
            Self::NoPlace(id) => write!(f, "delivery {id} (id {}): no chain has a row there", id.0),
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
    /// Bodies that are no longer there. No finding: the digest of each stays in its row, and with it the chain.
    pub bodies_emptied: u64,
    /// Where each chain ended when this began: it is verified up to there.
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
/// A receiver may be writing meanwhile: each chain is verified up to the head that was read first, and what stands behind
/// it is compared with heads that are read after it.
///
/// # Errors
/// [`StoreError`] when the database cannot be read.
pub fn verify(
    connection: &mut AnyConnection,
    expected: &[Head],
    progress: &dyn Fn(u64, u64),
) -> Result<Report, StoreError> {
    let heads = chains::heads(connection)?;
    let total = heads.iter().map(|head| u64::try_from(head.position).unwrap_or(0)).sum();
    let mut report = Report { heads: heads.clone(), ..Report::default() };
    for head in &heads {
        let mut walk = Walk { expected, found: Vec::new(), position: 0, previous: GENESIS, report: &mut report };
        walk.up_to_head(connection, head, &|rows| progress(rows, total))?;
        walk.behind_head(connection, head)?;
        let found = walk.found;
        for wanted in expected.iter().filter(|wanted| wanted.chain == head.chain && !found.contains(wanted)) {
            report.find(Finding::HeadMissing(DeliveryId::issue(wanted.chain, wanted.position)));
        }
    }
    let (misplaced, first_rows) = deliveries::edges(connection, i64::try_from(MAX_FINDINGS).unwrap_or(i64::MAX))?;
    misplaced.into_iter().for_each(|id| report.find(Finding::NoPlace(id)));
    // Read after the rows: a chain that was opened meanwhile has its head in here.
    let heads_now = chains::heads(connection)?;
    let known = |chain: i64| heads.iter().chain(&heads_now).any(|head| head.chain == chain);
    for head in expected.iter().filter(|head| !known(head.chain)) {
        report.find(Finding::HeadMissing(DeliveryId::issue(head.chain, head.position)));
    }
    for first in first_rows {
        if first.row().position() == 0 {
            report.find(Finding::NoPlace(first));
        }
        if !known(first.row().chain()) {
            report.find(Finding::NoHead(first.row().chain()));
        }
    }
    Ok(report)
}

/// One chain, row by row.
struct Walk<'e, 'r> {
    expected: &'e [Head],
    /// Those of `expected` that were met.
    found: Vec<&'e Head>,
    /// The last row that was read.
    position: i64,
    /// The hash that it holds.
    previous: [u8; 32],
    report: &'r mut Report,
}

impl Walk<'_, '_> {
    fn up_to_head(
        &mut self,
        connection: &mut AnyConnection,
        head: &Head,
        progress: &dyn Fn(u64),
    ) -> Result<(), StoreError> {
        loop {
            let rows = deliveries::chain_rows(connection, head.chain, self.position, head.position, PAGE)?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let here = row.id.row().position();
                if here != self.position + 1 {
                    let (first, last) = (self.position + 1, here - 1);
                    let (first, last) = (DeliveryId::issue(head.chain, first), DeliveryId::issue(head.chain, last));
                    self.report.find(Finding::Missing(first, last));
                }
                self.judge(row);
                self.report.rows += 1;
            }
            progress(self.report.rows);
        }
        if self.position < head.position {
            let (first, last) = (self.position + 1, head.position);
            let (first, last) = (DeliveryId::issue(head.chain, first), DeliveryId::issue(head.chain, last));
            self.report.find(Finding::Missing(first, last));
        } else if self.previous != head.hash {
            self.report.find(Finding::Changed(DeliveryId::issue(head.chain, head.position)));
        }
        Ok(())
    }

    /// What stands behind the head was committed since, or is forged: a head read afterwards tells which.
    fn behind_head(&mut self, connection: &mut AnyConnection, head: &Head) -> Result<(), StoreError> {
        let last = deliveries::last_of_chain(connection, head.chain)?.map_or(0, |id| id.row().position());
        let now = |connection: &mut AnyConnection| -> Result<Head, StoreError> {
            Ok(chains::heads(connection)?.into_iter().find(|now| now.chain == head.chain).unwrap_or(*head))
        };
        if last <= head.position {
            return Ok(());
        }
        let from = now(connection)?;
        if from.position != self.position {
            (self.position, self.previous) = (from.position, from.hash);
        }
        loop {
            let rows = deliveries::chain_rows(connection, head.chain, self.position, last, PAGE)?;
            if rows.is_empty() {
                return Ok(());
            }
            let end = now(connection)?.position;
            for row in rows {
                if row.id.row().position() > end {
                    self.report.find(Finding::BeyondHead(row.id));
                    self.report.rows += 1;
                }
                self.judge(row);
            }
        }
    }

    fn judge(&mut self, row: VerifyRow) {
        let (chain, here) = (row.id.row().chain(), row.id.row().position());
        let gap = here != self.position + 1;
        self.position = here;
        match row.delivery {
            Err(error) => {
                self.report.find(Finding::Unreadable(row.id, error.to_string()));
                self.previous = GENESIS;
            }
            Ok((delivery, stored)) => {
                // Behind a gap the hash before is not known: the row itself cannot be judged, those after it can.
                if !gap && delivery.hash(&self.previous).as_slice() != stored {
                    self.report.find(Finding::Changed(row.id));
                }
                match row.body {
                    Some(body) if Sha256::digest(&body).as_slice() != delivery.body_digest => {
                        self.report.find(Finding::BodyChanged(row.id));
                    }
                    None if delivery.body_of == row.id => self.report.bodies_emptied += 1,
                    _ => {}
                }
                // Go on from what is stored, so that one changed row is one finding.
                self.previous = stored.try_into().unwrap_or(GENESIS);
            }
        }
        let hash = self.previous;
        let met = |head: &&Head| head.chain == chain && head.position == here && head.hash == hash;
        self.found.extend(self.expected.iter().filter(met));
    }
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
