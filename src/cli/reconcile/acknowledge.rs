//! `tiersync reconcile --acknowledge` and `--withdraw`.

use std::collections::BTreeSet;
use std::io::Write;

use serde_json::json;

use super::super::CliError;
use super::super::operator::entry;
use super::Reconcile;
use crate::config::Config;
use crate::domain::operator::COMMAND_LINE;
use crate::domain::reconcile::{Counts, Finding, Fingerprint};
use crate::ops::alone;
use crate::ops::reconcile::{ReconcileError, Report};
use crate::store::acknowledgements::{self, Acknowledgement};
use crate::store::audit;
use crate::store::connection::{Database, Use};
use crate::store::{AnyConnection, StoreError};
use crate::wire::reconcile::asked::Chosen;
use crate::wire::reconcile::show::AcknowledgedView;
use crate::writer::now_micros;
use crate::writer::{SubmitError, Writer, WriterThread};

/// Acknowledgements of one write transaction.
const BATCH: usize = 500;

/// What is known of findings, and what becomes known in this run.
pub(super) struct Known<'a> {
    asked: &'a Reconcile,
    connection: AnyConnection,
    writer: Option<(Writer, WriterThread)>,
    taken: Vec<Acknowledgement>,
    given: Vec<Fingerprint>,
    newly: Counts,
    again: Counts,
    /// Fingerprints that were named and not met yet.
    missed: BTreeSet<Fingerprint>,
}

impl<'a> Known<'a> {
    pub(super) fn new(asked: &'a Reconcile, config: &Config, database: &Database) -> Result<Self, CliError> {
        let writes = !asked.acknowledge.is_empty() || !asked.withdraw.is_empty();
        Ok(Self {
            asked,
            connection: database.connect(Use::Read)?,
            writer: writes.then(|| alone::writer(config)).transpose()?,
            taken: Vec::new(),
            given: Vec::new(),
            newly: Counts::default(),
            again: Counts::default(),
            missed: asked.acknowledge.iter().chain(&asked.withdraw).filter_map(|one| one.one()).collect(),
        })
    }

    fn is_chosen(chosen: &[Chosen], finding: &Finding) -> Option<Fingerprint> {
        if chosen.is_empty() {
            return None;
        }
        let fingerprint = finding.fingerprint();
        chosen.iter().any(|one| one.is(finding.kind, fingerprint)).then_some(fingerprint)
    }

    /// Acknowledges a finding that is to be; true if it was.
    pub(super) fn takes(&mut self, finding: &Finding) -> Result<bool, ReconcileError> {
        let Some(fingerprint) = Self::is_chosen(&self.asked.acknowledge, finding) else { return Ok(false) };
        self.missed.remove(&fingerprint);
        self.newly.add(finding.kind);
        self.taken.push(Acknowledgement {
            fingerprint,
            kind: finding.kind,
            source: finding.source.clone(),
            tenant: finding.tenant.clone(),
            platform_id: finding.platform_id.clone(),
            note: self.asked.note.clone().unwrap_or_default(),
            operator: COMMAND_LINE.to_owned(),
            at: now_micros(),
        });
        if self.taken.len() >= BATCH {
            self.flush()?;
        }
        Ok(true)
    }

    /// Who knows of an acknowledged finding; none for one of which that is taken back.
    pub(super) fn still(&mut self, finding: &Finding) -> Result<Option<AcknowledgedView>, ReconcileError> {
        if !self.missed.is_empty() {
            self.missed.remove(&finding.fingerprint());
        }
        if let Some(fingerprint) = Self::is_chosen(&self.asked.withdraw, finding) {
            self.again.add(finding.kind);
            self.given.push(fingerprint);
            if self.given.len() >= BATCH {
                self.flush()?;
            }
            return Ok(None);
        }
        let nobody = || AcknowledgedView::new("", "", 0);
        if !self.asked.show_acknowledged {
            return Ok(Some(nobody()));
        }
        let fingerprint = finding.fingerprint();
        let found = acknowledgements::of(&mut self.connection, &[fingerprint])?;
        let known = found.get(&fingerprint);
        Ok(Some(known.map_or_else(nobody, |known| AcknowledgedView::new(&known.note, &known.operator, known.at))))
    }

    fn flush(&mut self) -> Result<(), ReconcileError> {
        let Some((writer, _)) = &self.writer else { return Ok(()) };
        let failed = |error: SubmitError| match error {
            SubmitError::Failed => ReconcileError::Broken("the acknowledgements could not be written".to_owned()),
            other => ReconcileError::Unreachable(format!("{other}; run the command again")),
        };
        let (taken, given) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.given));
        let subject = |one: Option<&Fingerprint>, count: usize| match one {
            Some(one) if count == 1 => one.to_string(),
            _ => String::new(),
        };
        if !taken.is_empty() {
            let of = subject(taken.first().map(|one| &one.fingerprint), taken.len());
            let detail = json!({ "findings": taken.len(), "note": self.asked.note });
            let entry = entry("reconcile.acknowledge", &of, &detail);
            let kept = writer.work_blocking(move |connection| -> Result<(), StoreError> {
                acknowledgements::keep(connection, &taken)?;
                audit::record(connection, &entry)
            });
            kept.map_err(failed)?;
        }
        if !given.is_empty() {
            let entry =
                entry("reconcile.withdraw", &subject(given.first(), given.len()), &json!({ "findings": given.len() }));
            let gone = writer.work_blocking(move |connection| -> Result<(), StoreError> {
                acknowledgements::withdraw(connection, &given)?;
                audit::record(connection, &entry)
            });
            gone.map_err(failed)?;
        }
        Ok(())
    }

    /// Writes what is left, says what became of it, and counts what is shown.
    pub(super) fn end(mut self, report: &mut Report) -> Result<(), CliError> {
        self.flush()?;
        if let Some((writer, thread)) = self.writer.take() {
            drop(writer);
            thread.join();
        }
        let mut err = std::io::stderr();
        if !self.asked.acknowledge.is_empty() {
            writeln!(err, "{} acknowledged; they stay quiet until they change", self.newly.total())?;
        }
        if !self.asked.withdraw.is_empty() {
            match self.again.total() {
                1 => writeln!(err, "1 acknowledgement taken back")?,
                many => writeln!(err, "{many} acknowledgements taken back")?,
            }
        }
        let what = if self.asked.withdraw.is_empty() { "finding" } else { "acknowledged finding" };
        for fingerprint in &self.missed {
            writeln!(
                err,
                "{fingerprint}: this run came upon no such {what}; give it the list and flags that found it"
            )?;
        }
        let quiet = report.acknowledged.without(&self.again);
        if self.asked.show_acknowledged {
            report.tally.counts = report.tally.counts.and(&report.acknowledged);
        } else {
            report.tally.counts = report.tally.counts.and(&self.again).without(&self.newly);
            if quiet.total() > 0 {
                let many = quiet.total();
                writeln!(err, "{many} acknowledged before and not shown; --show-acknowledged shows them")?;
            }
        }
        Ok(())
    }
}
