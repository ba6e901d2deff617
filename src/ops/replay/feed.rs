//! The reading side of a run: reads ahead, makes up calls, and works out what each of them touches.

use tokio::sync::mpsc::Sender as Outlet;

use super::ReplayError;
use super::claims::Reader;
use super::halt::Halt;
use super::letter::Letter;
use super::order::Claims;
use super::report::Report;
use super::run::{Replay, now};
use crate::wire::capture::Captured;
use crate::wire::named::Named;

/// Calls, and bytes of their bodies, that are handed over together. Fewer wake the sending side more often, more keep it
/// waiting at the start.
const BATCH_CALLS: usize = 64;
const BATCH_BYTES: usize = 1024 * 1024;

/// Batches that may wait to be taken.
pub(super) const BATCHES: usize = 4;

/// Calls in the order of the capture, each with what it touches.
pub(super) type Batch = Vec<(Letter, Claims)>;

/// See the module.
pub(super) struct Feed<'a> {
    replay: &'a Replay<'a>,
    halt: &'a Halt,
    tell: &'a (dyn Fn() + Sync),
    outlet: Outlet<Batch>,
    batch: Batch,
    bytes: usize,
    /// What was read; nothing of what was answered.
    report: Report,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        replay: &'a Replay<'a>,
        halt: &'a Halt,
        tell: &'a (dyn Fn() + Sync),
        outlet: Outlet<Batch>,
    ) -> Self {
        Self { replay, halt, tell, outlet, batch: Batch::new(), bytes: 0, report: Report::default() }
    }

    /// Reads all that there is, as fast as it is taken, or until the run is to end.
    pub(super) fn run(mut self) -> Result<Report, ReplayError> {
        let replay = self.replay;
        let mut reader: Option<Reader> = None;
        let mut captured_for: Option<String> = None;
        let now = now();
        for (at, call) in replay.inputs.calls().enumerate() {
            let (position, mut call) = (at as u64 + 1, call?);
            if self.halt.asked().is_some() {
                return Ok(self.report);
            }
            let named = Named::of(call.body.as_deref().unwrap_or_default());
            let is_wanted = replay.only.iter().all(|only| only.meets(&call, &named));
            let source = call.source.clone().unwrap_or_else(|| replay.source.to_owned());
            if is_wanted {
                one_source(&source, &mut captured_for)?;
                self.has_tenant_header(position, &call)?;
            }
            let account = named.id.as_ref().map(ToString::to_string);
            let only_asks = call.only_asks() && !replay.refused;
            let mut letter = Letter::of(position, &mut call, account, &source, replay.manner, now)?;
            if let Some(letter) = &mut letter {
                letter.check_only |= only_asks;
            }
            let id = letter.as_ref().map(|letter| letter.id.as_str());
            let reader = reader.get_or_insert_with(|| Reader::new(&source));
            let claims = reader.read(&call, &named, id);
            self.report.read += 1;
            let left = match &letter {
                _ if !is_wanted => Some(&mut self.report.left_out),
                _ if replay.finished.contains(position) => Some(&mut self.report.finished_before),
                None => Some(&mut self.report.without_body),
                Some(_) => None,
            };
            match (left, letter) {
                (None, Some(letter)) => {
                    self.report.only_asked += u64::from(only_asks);
                    if !self.hand_over(letter, claims) {
                        return Ok(self.report);
                    }
                }
                (left, _) => {
                    left.into_iter().for_each(|count| *count += 1);
                    (self.tell)();
                }
            }
        }
        self.flush();
        Ok(self.report)
    }

    /// Puts a call to the others. Whether there is still somebody who takes them.
    fn hand_over(&mut self, letter: Letter, claims: Claims) -> bool {
        self.bytes += letter.body.len();
        self.batch.push((letter, claims));
        if self.batch.len() < BATCH_CALLS && self.bytes < BATCH_BYTES {
            return true;
        }
        self.flush()
    }

    fn flush(&mut self) -> bool {
        self.bytes = 0;
        let batch = std::mem::replace(&mut self.batch, Batch::with_capacity(BATCH_CALLS));
        self.outlet.blocking_send(batch).is_ok()
    }

    fn has_tenant_header(&self, position: u64, call: &Captured) -> Result<(), ReplayError> {
        if call.tenant.is_empty() || self.replay.sender.tenant_setting.is_some() {
            return Ok(());
        }
        Err(ReplayError::Usage(format!(
            "call {position} is of a tenant, and source {} has no tenant_setting; say with --tenant-setting NAME which \
             header X-CloudPlatform-Setting-NAME tells tenants apart",
            self.replay.source
        )))
    }
}

/// Accounts of two sources would become accounts of one.
fn one_source(source: &str, known: &mut Option<String>) -> Result<(), ReplayError> {
    let first = known.get_or_insert_with(|| source.to_owned());
    if first == source {
        return Ok(());
    }
    Err(ReplayError::Usage(format!(
        "there are calls of the sources {first} and {source}; replay one at a time, with --only source={first}"
    )))
}
