//! `tiersync operator audit`.

use clap::Args;

use super::operator::time;
use super::output::{Format, pages};
use super::{CliError, Common};
use crate::store::audit::{self, AuditFilter};
use crate::wire::people::AuditView;

/// Rows read at once.
const PAGE: i64 = 500;

/// Which changes.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// Only by this operator; `cli` is the command line
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Only at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only this action, such as operator.add
    #[arg(long)]
    action: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Audit {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let filter = AuditFilter { operator: self.operator, since: self.since, action: self.action };
        let columns = ["id", "at", "operator", "action", "subject", "remote", "detail"];
        let page = |after| {
            let items = audit::list(&mut connection, &filter, after, PAGE)?;
            let next = items.last().map(|(last, _)| *last);
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, (id, entry)| {
            let view = AuditView::new(
                *id,
                entry.at,
                [&entry.operator, &entry.action, &entry.subject, &entry.detail, &entry.remote],
            );
            let id = view.id.to_string();
            let cells = [&*id, &view.at, &view.operator, &view.action, &view.subject, &view.remote, view.detail.get()];
            listing.row(&view, &cells)
        })
    }
}
