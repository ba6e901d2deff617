//! `tiersync deliveries export`.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::CliError;
use super::deliveries::{account, endpoint, outcome, time};
use crate::domain::call::Endpoint;
use crate::domain::ids::AccountId;
use crate::domain::outcome::Outcome;
use crate::ops::export;
use crate::store::AnyConnection;
use crate::store::deliveries::DeliveryFilter;

/// Which calls, and where to.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Only received at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only received before this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
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
    /// Only with this outcome: applied, unchanged, repeated, stale, rejected or checked
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only answered with this code
    #[arg(long)]
    code: Option<i32>,
    /// Write to this file, which only you may read [default: standard output]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let filter = DeliveryFilter {
            source: self.source,
            tenant: self.tenant,
            endpoint: self.endpoint,
            account: self.account,
            outcome: self.outcome,
            code: self.code,
            since: self.since,
            until: self.until,
            ..DeliveryFilter::default()
        };
        let mut out: Box<dyn Write> = match &self.output {
            Some(path) => Box::new(BufWriter::new(private(path)?)),
            None => Box::new(BufWriter::new(std::io::stdout())),
        };
        let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} rows, {per_sec}, {eta} left") {
            bar.set_style(style);
        }
        let progress = |rows, total| {
            bar.set_length(total);
            bar.set_position(rows);
        };
        let exported =
            export::export(connection, &filter, &progress, &mut |line| Ok::<_, CliError>(writeln!(out, "{line}")?))?;
        out.flush()?;
        bar.finish_and_clear();
        if exported.emptied > 0 {
            writeln!(
                std::io::stderr(),
                "{} of {} calls have no body any more; they are written with \"body\": null and cannot be replayed",
                exported.emptied,
                exported.calls
            )?;
        }
        if self.output.is_some() {
            writeln!(std::io::stderr(), "{} calls written", exported.calls)?;
        }
        Ok(())
    }
}

/// A new or emptied file for captured calls, which hold personal data.
fn private(path: &PathBuf) -> Result<File, CliError> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| CliError::Unreachable(format!("cannot write {}: {error}", path.display())))
}
