//! `tiersync deliveries`.

use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

pub(super) use super::operator::time;
use super::output::{Format, Listing, pages};
use super::prune::Prune;
use super::quarantine::{CasesList, Reprocess, Resolve};
use super::{CliError, Common, export};
use crate::domain::call::Endpoint;
use crate::domain::ids::{AccountId, DeliveryId};
use crate::domain::ledger::Head;
use crate::domain::outcome::Outcome;
use crate::ops::verify;
use crate::store::AnyConnection;
use crate::store::deliveries::{self, DeliveryFilter};
use crate::wire::show::DeliveryView;

/// Rows read at once.
const PAGE: i64 = 500;

/// The ledger.
#[derive(Debug, Subcommand)]
pub(super) enum Deliveries {
    /// List deliveries, newest first
    List(List),
    /// Show one delivery with its body
    Show(Show),
    /// List the quarantine: refused calls that can be put right, one case an account, content and code
    Cases(CasesList),
    /// Run refused calls again under the rules of today, at their own event times
    Reprocess(Reprocess),
    /// Close cases of the quarantine by hand
    Resolve(Resolve),
    /// Empty the bodies of old deliveries; their rows stay
    Prune(Prune),
    /// Write calls with their bodies as JSON lines, to keep or to replay
    Export(export::Export),
    /// Prove that no row of the ledger was changed, removed or swapped
    Verify(Verify),
}

/// Which deliveries.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this source
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only at this endpoint, such as Accounts/Synchronize
    #[arg(long, value_parser = endpoint)]
    endpoint: Option<Endpoint>,
    /// Only about this account: the id that `accounts list` shows
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<AccountId>,
    /// Only those that name this platform ID
    #[arg(long, value_name = "ID")]
    platform_id: Option<String>,
    /// Only with this signed id, and what repeats it
    #[arg(long, value_name = "ID")]
    webhook_id: Option<String>,
    /// Only with this X-CloudPlatform-TrackId
    #[arg(long, value_name = "ID")]
    track_id: Option<String>,
    /// Only with this outcome: applied, unchanged, repeated, stale, rejected or checked
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only answered with this code
    #[arg(long)]
    code: Option<i32>,
    /// Only received at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only received before this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which delivery.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The id that `deliveries list` shows
    #[arg(value_parser = delivery)]
    delivery: DeliveryId,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to prove.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A head that an earlier run printed: finds a tail that was cut since
    #[arg(long, value_name = "HEAD", value_parser = head)]
    expect: Vec<Head>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names: Vec<&str> = Endpoint::ALL.into_iter().map(Endpoint::as_str).collect();
        format!("it is none of {}", names.join(", "))
    })
}

pub(super) fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "it is no id such as 0-12; `tiersync accounts list` shows them".to_owned())
}

pub(super) fn delivery(text: &str) -> Result<DeliveryId, String> {
    DeliveryId::parse(text).ok_or_else(|| "it is no id such as 0-12; `tiersync deliveries list` shows them".to_owned())
}

pub(super) fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Outcome::ALL.into_iter().map(Outcome::as_str).collect();
        format!("it is none of {}", names.join(", "))
    })
}

fn head(text: &str) -> Result<Head, String> {
    verify::parse_head(text)
        .ok_or_else(|| "it is no head such as 0-12:9f86…, as `deliveries verify` prints it".to_owned())
}

impl Deliveries {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        match self {
            Self::List(list) => list.run(&mut connection),
            Self::Show(show) => show.run(&mut connection),
            Self::Cases(cases) => cases.run(&mut connection),
            Self::Reprocess(reprocess) => reprocess.run(common, &mut connection),
            Self::Resolve(resolve) => resolve.run(common, &mut connection),
            Self::Prune(prune) => prune.run(common, &mut connection),
            Self::Export(export) => export.run(&mut connection),
            Self::Verify(verify) => verify.run(&mut connection),
        }
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let filter = DeliveryFilter {
            source: self.source,
            tenant: self.tenant,
            endpoint: self.endpoint,
            account: self.account,
            outcome: self.outcome,
            code: self.code,
            since: self.since,
            until: self.until,
            webhook_id: self.webhook_id,
            track_id: self.track_id,
            platform_id: self.platform_id,
        };
        let columns = ["id", "received_at", "source", "endpoint", "platform_id", "outcome", "code", "message"];
        let page = |after| {
            let items = deliveries::list(connection, &filter, after, PAGE)?;
            let next = items.last().map(|(last, _)| (last.received_at, last.id));
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, (delivery, hash)| {
            let view = DeliveryView::new(delivery, hash);
            let code = view.code.to_string();
            let platform_id = view.platform_id.clone().unwrap_or_default();
            let cells = [
                &*view.id,
                &view.received_at,
                &view.source,
                view.endpoint,
                &platform_id,
                view.outcome,
                &code,
                &view.message,
            ];
            listing.row(&view, &cells)
        })
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let Some((delivery, hash)) = deliveries::find(connection, self.delivery)? else {
            return Err(CliError::Failed(format!(
                "there is no delivery {}; see `tiersync deliveries list`",
                self.delivery
            )));
        };
        let body = deliveries::body(connection, delivery.body_of)?;
        let mut view = DeliveryView::new(&delivery, &hash);
        view.body = Some(body.map(|body| String::from_utf8_lossy(&body).into_owned()));
        if self.format != Format::Table {
            let mut listing = Listing::start(self.format, &["id", "outcome", "code", "message", "body"])?;
            let code = view.code.to_string();
            let body = view.body.clone().flatten().unwrap_or_default();
            listing.row(&view, &[&view.id, view.outcome, &code, &view.message, &body])?;
            return listing.end();
        }
        let whole = serde_json::to_value(&view).map_err(|error| CliError::Failed(error.to_string()))?;
        let mut listing = Listing::start(Format::Table, &["", ""])?;
        for (name, value) in whole.as_object().into_iter().flatten().filter(|(name, _)| *name != "body") {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            listing.row(&(), &[name, &text])?;
        }
        listing.end()?;
        match view.body.flatten() {
            Some(body) => writeln!(std::io::stdout(), "\n{body}")?,
            None => writeln!(std::io::stdout(), "\n(the body was emptied)")?,
        }
        Ok(())
    }
}

impl Verify {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rows, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        let report = verify::verify(connection, &self.expect, &|rows, total| {
            bar.set_length(total);
            bar.set_position(rows);
        })?;
        bar.finish_and_clear();
        let heads: Vec<String> = report.heads.iter().map(verify::head_text).collect();
        let mut out = std::io::stdout();
        match self.format {
            Format::Json => {
                let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
                let report = json!({
                    "rows": report.rows,
                    "bodies_emptied": report.bodies_emptied,
                    "heads": heads,
                    "findings": findings,
                    "truncated": report.truncated,
                });
                writeln!(out, "{report}")?;
            }
            Format::Csv => {
                let mut listing = Listing::start(Format::Csv, &["finding"])?;
                for finding in &report.findings {
                    listing.row(&(), &[&finding.to_string()])?;
                }
                listing.end()?;
            }
            Format::Table => {
                for finding in &report.findings {
                    writeln!(out, "{finding}")?;
                }
                if report.truncated {
                    writeln!(out, "… and more")?;
                }
                for head in &heads {
                    writeln!(out, "head {head}")?;
                }
            }
        }
        match report.findings.len() {
            0 => {
                if self.format == Format::Table {
                    let emptied = match report.bodies_emptied {
                        0 => String::new(),
                        emptied => format!("; {emptied} bodies were emptied"),
                    };
                    let (rows, chains) = (report.rows, heads.len());
                    writeln!(out, "{rows} rows in {chains} chain(s): nothing changed, missing or swapped{emptied}")?;
                }
                Ok(())
            }
            findings => Err(CliError::Failed(format!("the ledger does not hold: {findings} finding(s)"))),
        }
    }
}
