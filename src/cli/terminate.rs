//! `tiersync terminate`.

use std::collections::HashMap;
use std::io::Write;

use clap::{ArgGroup, Args};
use serde_json::json;

use super::accounts::find;
use super::moving::{Teller, list, unnamed};
use super::operator::entry;
use super::output::Format;
use super::{CliError, Common};
use crate::ops::find as names;
use crate::ops::moves::Reader;
use crate::ops::moves::many::Told;
use crate::ops::moves::terminate::{Deleted, Target, TerminateError, Termination};
use crate::ops::{alone, shown};
use crate::store::AnyConnection;
use crate::wire::moves_list::{BadRow, Row};

/// Which reseller to bring to its end.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").required(true).args(["to", "unassign", "csv"]))]
pub(super) struct Terminate {
    /// The reseller: our id, its ExternalID or its platform ID
    account: String,
    /// Only of this source, where several have the ID
    #[arg(long)]
    source: Option<String>,
    /// Only of this tenant, where several have the ID
    #[arg(long)]
    tenant: Option<String>,
    /// All customers go to this reseller, by any of its names
    #[arg(long, value_name = "RESELLER")]
    to: Option<String>,
    /// All customers become those of nobody
    #[arg(long)]
    unassign: bool,
    /// Each customer goes where this list says, as for `tiersync move --csv`; who is not in it stays
    #[arg(long, value_name = "FILE")]
    csv: Option<String>,
    /// Only looks at it, and says which customers could not be moved
    #[arg(long)]
    preview: bool,
    /// Also tell of customers that are moved
    #[arg(long)]
    all: bool,
    /// Why; kept with the moves and in the audit trail
    #[arg(long, value_name = "TEXT", value_parser = super::set::reason)]
    reason: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl From<TerminateError> for CliError {
    fn from(error: TerminateError) -> Self {
        match error {
            TerminateError::Refused(refusal) => refusal.into(),
            TerminateError::Moves(error) => error.into(),
            TerminateError::Store(error) => error.into(),
            TerminateError::Write(_) => Self::Unreachable(error.to_string()),
            TerminateError::Partners(_) | TerminateError::Delete(_) => Self::Failed(error.to_string()),
        }
    }
}

impl Terminate {
    fn target(&self, connection: &mut AnyConnection, scope: (&str, &str)) -> Result<Target, CliError> {
        let (source, tenant) = (Some(scope.0), Some(scope.1));
        if let Some(name) = &self.to {
            return Ok(Target::One(find(connection, name, source, tenant)?.account.key));
        }
        let Some(file) = &self.csv else { return Ok(Target::Nobody) };
        let mut targets = HashMap::new();
        let bad = |line: u64, why: &str| CliError::Failed(format!("{file}, line {line}: {why}; nothing is done"));
        for row in list(file)? {
            let Row { line, customer, reseller, choices } =
                row.map_err(|BadRow { line, reason, .. }| bad(line, &reason))?;
            let mut account = |name: &str| match names::account(connection, name, source, tenant) {
                Ok(listed) => Ok(listed.account),
                Err(error) => match unnamed(error) {
                    Ok(refusal) => Err(bad(line, &refusal.message)),
                    Err(error) => Err(error.into()),
                },
            };
            let id = account(&customer)?.id;
            let to = reseller.as_deref().map(&mut account).transpose()?.map(|to| to.key);
            if targets.insert(id, (to, choices)).is_some() {
                return Err(bad(line, "names a customer for the second time"));
            }
        }
        Ok(Target::Listed(targets))
    }

    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let config = common.load()?;
        let mut connection = common.open()?;
        let (source, tenant) = (self.source.as_deref(), self.tenant.as_deref());
        let reseller = find(&mut connection, &self.account, source, tenant)?.account;
        let scope = (reseller.key.scope.source.as_str(), reseller.key.scope.tenant.as_str());
        let target = self.target(&mut connection, scope)?;
        let entry = entry("accounts.terminate", &reseller.id.to_string(), &json!({"reason": self.reason}));
        let mut teller = Teller::new(self.format, self.all, None)?;
        let mut tell = |told: &Told| teller.tell(told);
        let writer = if self.preview { None } else { Some(alone::writer(&config)?) };
        let termination = Termination {
            config: &config,
            reader: Reader::Own(&mut connection),
            writer: writer.as_ref().map(|(writer, _)| writer),
            reseller: &reseller,
            target: &target,
            entry,
            reason: self.reason.clone(),
        };
        let done = termination.run(&mut tell);
        if let Some((writer, thread)) = writer {
            drop(writer);
            thread.join();
        }
        let report = done?;
        let summary = &report.customers;
        let ended = if self.preview { "; nothing is written (--preview)" } else { "" };
        let words = format!(
            "{} customers: {} moved, {} unchanged, {} refused; {} left{ended}",
            summary.rows, summary.moved, summary.unchanged, summary.refused, report.left
        );
        teller.end(&shown::terminated(&report, Vec::new()), &words)?;
        if self.format == Format::Table {
            let mut out = std::io::stdout();
            if report.frozen {
                writeln!(out, "the reseller is frozen: it takes no new customers")?;
            }
            let which: Vec<String> = report.partners.iter().map(ToString::to_string).collect();
            match (report.left, which.as_slice()) {
                (_, []) => {}
                (0, which) if !self.preview => writeln!(out, "ended partners: {}", which.join(", "))?,
                (_, which) => writeln!(out, "partners that end with it: {}", which.join(", "))?,
            }
            let delete = match &report.delete {
                Deleted::Already => "the platform has deleted it already".to_owned(),
                Deleted::NotSent => "the platform has yet to send its Delete".to_owned(),
                Deleted::Waits => "its Delete waits in quarantine until no customer is left".to_owned(),
                Deleted::Done => "its Delete, which was held back, is done".to_owned(),
                Deleted::Refused(message) => format!("its Delete is refused again: {message}"),
            };
            writeln!(out, "{delete}")?;
        }
        match (report.left, &report.delete) {
            (0, Deleted::Refused(_)) => Err(CliError::Failed("the Delete is refused again; see above".to_owned())),
            (0, _) => Ok(()),
            (left, _) if self.preview => {
                Err(CliError::Failed(format!("{left} customers could not be moved; see above")))
            }
            (left, _) => {
                Err(CliError::Failed(format!("{left} customers are left; put right what is above, and run it again")))
            }
        }
    }
}
