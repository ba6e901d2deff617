//! `tiersync accounts events`.

use clap::Args;

use super::operator::time;
use super::output::{Format, pages};
use super::set::Named;
use super::{CliError, Common};
use crate::domain::account_event::AskedKind;
use crate::domain::operator::Visible;
use crate::domain::outcome::Outcome;
use crate::ops::shown;
use crate::store::seen::events::{self, EventFilter};

/// Rows read at once.
const PAGE: i64 = 500;

/// Which events of which account.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    account: Named,
    /// Only of this kind: delivery, relation, service, user, site or act; or one of these, such as Accounts/Synchronize,
    /// relation.closed, service.suspended or accounts.set
    #[arg(long, value_parser = kind)]
    kind: Option<AskedKind>,
    /// Only with this outcome: applied, unchanged, repeated, stale, rejected or checked
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only before this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn kind(text: &str) -> Result<AskedKind, String> {
    AskedKind::parse(text).ok_or_else(|| {
        "it is none of delivery, relation, service, user, site, act, an endpoint, or a name such as relation.closed"
            .to_owned()
    })
}

fn outcome(text: &str) -> Result<Outcome, String> {
    Outcome::parse(text)
        .ok_or_else(|| "it is none of applied, unchanged, repeated, stale, rejected, checked".to_owned())
}

impl Events {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let account = self.account.find(&mut connection)?.account.id;
        let filter = EventFilter { kind: self.kind, outcome: self.outcome, since: self.since, until: self.until };
        let page = |after| {
            let page = events::of(&mut connection, &Visible::All, account, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        let columns =
            ["at", "type", "kind", "outcome", "code", "subject", "related", "changed", "cause", "delivery", "operator"];
        pages((self.format, self.limit), &columns, page, |listing, event| {
            let view = shown::event(event);
            let code = view.code.map(|code| code.to_string()).unwrap_or_default();
            let changed = view.changed.join(" ");
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let (subject, related) = (text(&view.subject), text(&view.related));
            let (delivery, operator) = (text(&view.delivery), text(&view.operator));
            let cells = [
                &*view.at,
                view.r#type,
                &view.kind,
                view.outcome,
                &code,
                &subject,
                &related,
                &changed,
                view.cause.unwrap_or_default(),
                &delivery,
                &operator,
            ];
            listing.row(&view, &cells)
        })
    }
}
