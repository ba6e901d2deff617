//! Prints findings as they come. A page's counts stand above its findings, so that these wait in a temporary file.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};

use super::super::CliError;
use super::super::output::{Format, Listing, limit};
use super::Printed;
use crate::ops::reconcile::{ReconcileError, Report};
use crate::wire::reconcile::html::{self, Heading};
use crate::wire::reconcile::show::{COLUMNS, FindingView};

/// Troubles that are told one by one; the rest is counted.
const MAX_TROUBLES: usize = 100;

/// The columns of a table: as much as a screen takes. All else is in the other formats.
const TABLE: [&str; 8] = ["finding", "source", "platform_id", "ours", "theirs", "since", "delivery", "proposal"];

enum Body {
    Listing(Box<Listing>),
    Html { rows: BufWriter<File>, sink: Box<dyn Write> },
}

/// Findings being printed.
pub(super) struct Printing {
    printed: Printed,
    most: u64,
    asked: Option<usize>,
    body: Body,
    count: u64,
    troubles: Vec<String>,
    troubled: u64,
}

impl Printing {
    pub(super) fn start(printed: Printed, asked: Option<usize>, sink: Box<dyn Write>) -> Result<Self, CliError> {
        let (format, columns) = match printed {
            Printed::Table => (Format::Table, &TABLE[..]),
            Printed::Csv => (Format::Csv, &COLUMNS[..]),
            Printed::Json | Printed::Html => (Format::Json, &[][..]),
        };
        let body = match printed {
            Printed::Html => Body::Html { rows: BufWriter::new(tempfile::tempfile()?), sink },
            _ => Body::Listing(Box::new(Listing::to(sink, format, columns)?)),
        };
        let most = limit(format, asked) as u64;
        Ok(Self { printed, most, asked, body, count: 0, troubles: Vec::new(), troubled: 0 })
    }

    /// Takes a finding.
    pub(super) fn finding(&mut self, finding: &FindingView) -> Result<(), ReconcileError> {
        let number = self.count;
        self.count += 1;
        if number >= self.most {
            return Ok(());
        }
        let cells = finding.cells();
        match &mut self.body {
            Body::Html { rows, .. } => Ok(html::row(rows, finding)?),
            Body::Listing(listing) => {
                let row = if self.printed == Printed::Table {
                    let [kind, source, tenant, id, external, ours, theirs, since, delivery, _, proposal, ..] = &cells;
                    let source = if tenant.is_empty() { source.clone() } else { format!("{source}/{tenant}") };
                    let id = if id.is_empty() { external } else { id };
                    let known = finding.acknowledged.as_ref().map(|known| format!("acknowledged: {}", known.note));
                    let proposal = known.as_ref().unwrap_or(proposal);
                    listing.row(finding, &[kind, &source, id, ours, theirs, since, delivery, proposal])
                } else {
                    listing.row(finding, &cells.each_ref().map(String::as_str))
                };
                row.map_err(|error| match error {
                    CliError::Closed => ReconcileError::Closed,
                    other => ReconcileError::Broken(other.to_string()),
                })
            }
        }
    }

    /// Takes what could not be compared, and says so at once.
    pub(super) fn trouble(&mut self, why: &str) {
        self.troubled += 1;
        if self.troubles.len() < MAX_TROUBLES {
            let printable: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            // Nothing is left to do if this cannot be written.
            let _ = writeln!(std::io::stderr(), "{printable}");
            self.troubles.push(printable);
        }
    }

    /// Ends what is printed, and sums it up on stderr.
    pub(super) fn end(self, about: &[String], report: &Report) -> Result<(), CliError> {
        let shown = self.count.min(self.most);
        let mut err = std::io::stderr();
        match self.body {
            Body::Listing(listing) => listing.end()?,
            Body::Html { rows, sink } => {
                let mut out = BufWriter::new(sink);
                let heading = Heading {
                    about: about.to_vec(),
                    counts: report.tally.counts,
                    troubles: self.troubles.clone(),
                    troubled: self.troubled,
                };
                html::begin(&mut out, &heading)?;
                let mut rows = rows.into_inner().map_err(std::io::IntoInnerError::into_error)?;
                rows.rewind()?;
                std::io::copy(&mut rows, &mut out)?;
                html::end(&mut out, report.tally.counts.total())?;
                out.flush()?;
            }
        }
        if shown < self.count && self.asked.is_none() {
            let hidden = self.count - shown;
            writeln!(err, "There are {hidden} more; see them with --limit N, --format csv, json or html.")?;
        }
        if self.printed == Printed::Table {
            let tally = &report.tally;
            writeln!(err, "{} of our accounts, {} of theirs", tally.ours, tally.theirs)?;
            for (kind, count) in tally.counts.iter().filter(|(_, count)| *count > 0) {
                writeln!(err, "{count:>9}  {}", kind.as_str())?;
            }
        }
        if report.tally.unmatched > 0 {
            writeln!(err, "{} of our accounts lack the key and were not compared", report.tally.unmatched)?;
        }
        let told = self.troubles.len() as u64;
        if self.troubled > told {
            writeln!(err, "{} more could not be compared", self.troubled - told)?;
        }
        Ok(())
    }
}
