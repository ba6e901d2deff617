//! `tiersync deliveries cases`, `reprocess` and `resolve`: the quarantine.

use clap::{ArgGroup, Args};
use serde_json::json;

use super::operator::entry;
use super::output::{Format, Listing, pages};
use super::{CliError, Common};
use crate::config::Config;
use crate::domain::case::Case;
use crate::domain::ids::DeliveryId;
use crate::domain::outcome::Outcome;
use crate::ops::alone;
use crate::ops::quarantine::{self, Prepared, QuarantineError};
use crate::store::AnyConnection;
use crate::store::audit;
use crate::store::cases::{self, CaseFilter};
use crate::wire::case::CaseView;
use crate::wire::time::rfc3339_second;
use crate::writer::Writer;
use crate::writer::now_micros;

/// Rows read at once.
const PAGE: i64 = 200;

/// Longest reason for closing a case, in characters.
const MAX_WHY: usize = 500;

/// Which cases to list.
#[derive(Debug, Args)]
pub(super) struct CasesList {
    /// Open or closed ones [default: open]
    #[arg(long, value_parser = ["open", "closed", "all"], default_value = "open", hide_default_value = true)]
    state: String,
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only about the account with this platform ID
    #[arg(long, value_name = "ID")]
    platform_id: Option<String>,
    /// Only answered with this code: 1002, 1003, 1004 or 1006
    #[arg(long)]
    code: Option<i32>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to run again.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).multiple(true).args(["id", "code"])))]
pub(super) struct Reprocess {
    /// A case, or a delivery that belongs to one; may be repeated
    #[arg(long, value_name = "ID", value_parser = super::deliveries::delivery)]
    id: Vec<DeliveryId>,
    /// Every open case with this code; may be repeated
    #[arg(long)]
    code: Vec<i32>,
    /// With --code: only of this source
    #[arg(long, requires = "code")]
    source: Option<String>,
    /// Take over a change of reseller that `reseller_change` holds back or refuses
    #[arg(long)]
    accept: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to close by hand.
#[derive(Debug, Args)]
pub(super) struct Resolve {
    /// The case, or a delivery that belongs to it; may be repeated
    #[arg(long, value_name = "ID", required = true, value_parser = super::deliveries::delivery)]
    id: Vec<DeliveryId>,
    /// Why it is done with; kept with the case
    #[arg(long, value_name = "TEXT", value_parser = why)]
    why: String,
}

fn why(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => Err("it is empty; say why the case is done with".to_owned()),
        1..=MAX_WHY => Ok(text.to_owned()),
        _ => Err(format!("it is longer than {MAX_WHY} characters")),
    }
}

impl From<QuarantineError> for CliError {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::Store(error) => error.into(),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl CasesList {
    pub(super) fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let filter = CaseFilter {
            open: match self.state.as_str() {
                "open" => Some(true),
                "closed" => Some(false),
                _ => None,
            },
            source: self.source,
            tenant: self.tenant,
            platform_id: self.platform_id,
            codes: self.code.into_iter().collect(),
        };
        let columns = ["id", "source", "platform_id", "endpoint", "code", "first", "last", "count", "state"];
        let page = |after| {
            let items = cases::list(connection, &filter, after, PAGE)?;
            let next = items.last().map(|last| (last.refusals.event_second, last.id));
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, case| {
            let view = CaseView::new(case);
            let (code, count) = (view.code.to_string(), view.count.to_string());
            let state = view.closed_as.unwrap_or(view.state);
            let cells = [
                &*view.id,
                &view.source,
                &view.platform_id,
                view.endpoint,
                &code,
                &view.first,
                &view.last,
                &count,
                state,
            ];
            listing.row(&view, &cells)
        })
    }
}

/// What is counted on the way.
struct Running<'a> {
    config: &'a Config,
    writer: &'a Writer,
    listing: Listing,
    accept: bool,
    refused: usize,
}

impl Reprocess {
    pub(super) fn run(self, common: &Common, connection: &mut AnyConnection) -> Result<(), CliError> {
        let config = common.load()?;
        let (writer, thread) = alone::writer(&config)?;
        let listing = Listing::start(self.format, &["case", "event_time", "delivery", "outcome", "code", "message"])?;
        let mut running = Running { config: &config, writer: &writer, listing, accept: self.accept, refused: 0 };
        let done = self.all(connection, &mut running);
        let Running { listing, refused, .. } = running;
        // The chain is given back whether or not everything worked.
        drop(writer);
        thread.join();
        done?;
        listing.end()?;
        match refused {
            0 => Ok(()),
            refused => Err(CliError::Failed(format!(
                "{refused} still refused; the message says what to put right, `deliveries resolve` closes what is done with"
            ))),
        }
    }

    fn all(&self, connection: &mut AnyConnection, running: &mut Running<'_>) -> Result<(), CliError> {
        let began = now_micros();
        let mut prepared = Vec::new();
        for id in &self.id {
            prepared.push(quarantine::prepare(running.config, connection, *id, self.accept, began)?);
        }
        prepared.sort_by_key(|prepared| (prepared.call.event_second, prepared.original));
        prepared.dedup_by_key(|prepared| prepared.original);
        for prepared in prepared {
            running.run(prepared)?;
        }
        if self.code.is_empty() {
            return Ok(());
        }
        let filter = CaseFilter {
            open: Some(true),
            source: self.source.clone(),
            codes: self.code.clone(),
            ..CaseFilter::default()
        };
        let mut after = None;
        loop {
            let page = cases::list(connection, &filter, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.refusals.event_second, last.id));
            // What this run itself opens is not run again.
            for case in page.into_iter().filter(|case| case.refusals.first_at < began) {
                running.case(connection, case)?;
            }
        }
    }
}

impl Running<'_> {
    fn case(&mut self, connection: &mut AnyConnection, case: Case) -> Result<(), CliError> {
        let id = case.id.to_string();
        match quarantine::prepare_case(self.config, connection, case, self.accept, now_micros()) {
            Ok(prepared) => self.run(prepared),
            Err(QuarantineError::Store(error)) => Err(error.into()),
            Err(error) => {
                self.refused += 1;
                let message = error.to_string();
                let row = json!({"case": id, "outcome": "skipped", "message": message});
                self.listing.row(&row, &[&id, "", "", "skipped", "", &message])
            }
        }
    }

    fn run(&mut self, prepared: Prepared) -> Result<(), CliError> {
        let Prepared { case, original, mut call, policy } = prepared;
        call.received_at = now_micros();
        let said = entry("deliveries.reprocess", &original.to_string(), &json!({"accept": self.accept}));
        let failed = |error| CliError::Failed(format!("delivery {original} was not run again: {error}; try again"));
        self.writer.work_blocking(move |connection| audit::record(connection, &said)).map_err(failed)?;
        let event_time = rfc3339_second(call.event_second);
        let answered = self.writer.submit_blocking(call, policy).map_err(failed)?;
        if answered.outcome == Outcome::Rejected {
            self.refused += 1;
        }
        let case = case.map_or_else(|| original.to_string(), |case| case.id.to_string());
        let (delivery, code) = (answered.delivery.to_string(), answered.answer.code.number());
        let (outcome, message) = (answered.outcome.as_str(), &answered.answer.message);
        let row = json!({"case": case, "event_time": event_time, "delivery": delivery, "outcome": outcome,
            "code": code, "message": message});
        self.listing.row(&row, &[&case, &event_time, &delivery, outcome, &code.to_string(), message])
    }
}

impl Resolve {
    pub(super) fn run(self, common: &Common, connection: &mut AnyConnection) -> Result<(), CliError> {
        let mut found = Vec::new();
        for id in &self.id {
            found.push(quarantine::open_case(connection, *id)?.id);
        }
        let (why, now) = (self.why, now_micros());
        common.write(move |connection| {
            for case in &found {
                if quarantine::resolve(connection, *case, &why, now)? {
                    let said = entry("deliveries.resolve", &case.to_string(), &json!({"why": why}));
                    audit::record(connection, &said)?;
                }
            }
            Ok(())
        })
    }
}
