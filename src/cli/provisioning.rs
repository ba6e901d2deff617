//! `tiersync provisioning`.

use std::io::Write;

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::{entry, time};
use super::output::{Format, Listing, pages};
use super::{CliError, Common};
use crate::domain::ids::{ItemId, MoveId, ProvisioningId};
use crate::domain::operator::Visible;
use crate::domain::provisioning::{ItemState, RequestCause, RequestState};
use crate::ops::provisioning::{self as ops, ManageError, OpenError, reason};
use crate::ops::shown;
use crate::store::AnyConnection;
use crate::store::seen::provisioning::{self as seen, Listed, RequestFilter};
use crate::wire::provisioning::{AttemptView, ProvisioningItemWhole, ProvisioningView};

/// Rows read at once.
const PAGE: i64 = 500;

/// What the vendor's systems have to do again behind moves.
#[derive(Debug, Subcommand)]
pub(super) enum Provisioning {
    /// List requests, newest first
    List(List),
    /// Show one request
    Show(Show),
    /// List the items of one request
    Items(Items),
    /// Show one item with what was tried, by whom, and what came of it
    Item(One),
    /// Have all users and services of a customer provisioned again
    Open(Open),
    /// Have what failed of a request tried again
    Retry(Retry),
    /// Give up what waits or failed of a request
    Cancel(Cancel),
}

/// Which requests.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only in this state: pending, running, done, failed or cancelled
    #[arg(long, value_parser = state)]
    state: Option<RequestState>,
    /// Only of this customer: our id, the ExternalID, or the platform ID
    #[arg(long, value_name = "ACCOUNT")]
    customer: Option<String>,
    /// Only for this cause: move, users, products or manual
    #[arg(long, value_parser = cause)]
    cause: Option<RequestCause>,
    /// Only of this move
    #[arg(long = "move", value_name = "ID", value_parser = move_id)]
    of_move: Option<MoveId>,
    /// Only those opened at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which request.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id
    #[arg(value_parser = id)]
    request: ProvisioningId,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which items.
#[derive(Debug, Args)]
pub(super) struct Items {
    /// The id of their request
    #[arg(value_parser = id)]
    request: ProvisioningId,
    /// Only in this state: pending, running, done, failed or cancelled
    #[arg(long, value_parser = item_state)]
    state: Option<ItemState>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Which item.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Its id
    #[arg(value_parser = item_id)]
    item: ItemId,
    /// How to print; csv gives a row for each attempt
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Whose users and services.
#[derive(Debug, Args)]
pub(super) struct Open {
    /// The customer: our id, the ExternalID, or the platform ID
    customer: String,
    /// Why; shown with the request
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Which request.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// Its id
    #[arg(value_parser = id)]
    request: ProvisioningId,
}

/// Which request, and why.
#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// Its id
    #[arg(value_parser = id)]
    request: ProvisioningId,
    /// Why; shown with the request and its items
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn state(text: &str) -> Result<RequestState, String> {
    RequestState::parse(text).ok_or_else(|| "it is none of pending, running, done, failed, cancelled".to_owned())
}

fn item_state(text: &str) -> Result<ItemState, String> {
    ItemState::parse(text).ok_or_else(|| "it is none of pending, running, done, failed, cancelled".to_owned())
}

fn cause(text: &str) -> Result<RequestCause, String> {
    RequestCause::parse(text).ok_or_else(|| "it is none of move, users, products, manual".to_owned())
}

fn move_id(text: &str) -> Result<MoveId, String> {
    MoveId::parse(text).ok_or_else(|| "it is no id of a move, such as 0-12".to_owned())
}

fn item_id(text: &str) -> Result<ItemId, String> {
    ItemId::parse(text)
        .ok_or_else(|| "it is no id of an item; `tiersync provisioning items REQUEST` shows them".to_owned())
}

fn id(text: &str) -> Result<ProvisioningId, String> {
    ProvisioningId::parse(text).ok_or_else(|| "it is no id such as 0-12; see `tiersync provisioning list`".to_owned())
}

impl From<ManageError> for CliError {
    fn from(error: ManageError) -> Self {
        Self::Failed(format!("{error}; see `tiersync provisioning list`"))
    }
}

impl From<OpenError> for CliError {
    fn from(error: OpenError) -> Self {
        Self::Failed(error.to_string())
    }
}

const COLUMNS: [&str; 13] = [
    "id",
    "opened",
    "customer",
    "name",
    "cause",
    "state",
    "percent",
    "pending",
    "running",
    "done",
    "failed",
    "cancelled",
    "why",
];

fn row(listing: &mut Listing, view: &ProvisioningView) -> Result<(), CliError> {
    let number = |number: i64| number.to_string();
    let why = view.cancelled_why.as_deref().or(view.reason.as_deref()).unwrap_or_default();
    let cells = [
        &*view.id,
        &view.opened_at,
        &view.customer.id,
        &view.customer.name,
        view.cause,
        view.state,
        &number(view.percent),
        &number(view.pending),
        &number(view.running),
        &number(view.done),
        &number(view.failed),
        &number(view.cancelled),
        why,
    ];
    listing.row(view, &cells)
}

fn find(connection: &mut AnyConnection, id: ProvisioningId) -> Result<Listed, CliError> {
    seen::find(connection, &Visible::All, id)?.ok_or_else(|| ManageError::NoSuchRequest.into())
}

impl Provisioning {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(&mut common.open()?),
            Self::Show(show) => show.run(&mut common.open()?),
            Self::Items(items) => items.run(&mut common.open()?),
            Self::Item(one) => one.run(&mut common.open()?),
            Self::Open(open) => open.run(common),
            Self::Retry(retry) => retry.run(common),
            Self::Cancel(cancel) => cancel.run(common),
        }
    }
}

impl List {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let customer = match &self.customer {
            Some(name) => Some(super::accounts::find(connection, name, None, None)?.account.id),
            None => None,
        };
        let filter = RequestFilter {
            state: self.state,
            customer,
            cause: self.cause,
            move_id: self.of_move.map(|id| id.0),
            since: self.since,
        };
        let page = |after| {
            let page = seen::list(connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &COLUMNS, page, |listing, listed| row(listing, &shown::provisioning(listed)))
    }
}

impl Show {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let view = shown::provisioning(&find(connection, self.request)?);
        if self.format != Format::Table {
            let mut listing = Listing::start(self.format, &COLUMNS)?;
            row(&mut listing, &view)?;
            return listing.end();
        }
        let whole = serde_json::to_value(&view).map_err(|error| CliError::Failed(error.to_string()))?;
        let mut listing = Listing::start(Format::Table, &["", ""])?;
        for (name, value) in whole.as_object().into_iter().flatten() {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => String::new(),
                serde_json::Value::Object(of) if name == "customer" => {
                    format!("{} {}", text(of, "id"), text(of, "name"))
                }
                other => other.to_string(),
            };
            listing.row(&(), &[name, &text])?;
        }
        listing.end()
    }
}

impl One {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let found = seen::item(connection, &Visible::All, self.item)?;
        let (listed, attempts) = found.ok_or_else(|| {
            CliError::Failed("there is no such item; see `tiersync provisioning items REQUEST`".to_owned())
        })?;
        let history = attempts.iter().map(|attempt| AttemptView::new(&listed.item, attempt)).collect();
        let view = ProvisioningItemWhole { item: shown::provisioning_item(&listed, true), history };
        if self.format == Format::Json {
            let mut listing = Listing::start(Format::Json, &[])?;
            listing.row(&view, &[])?;
            return listing.end();
        }
        if self.format == Format::Table {
            let whole = serde_json::to_value(&view.item).map_err(|error| CliError::Failed(error.to_string()))?;
            let mut listing = Listing::start(Format::Table, &["", ""])?;
            for (name, value) in whole.as_object().into_iter().flatten() {
                let text = match value {
                    serde_json::Value::String(text) => text.clone(),
                    serde_json::Value::Null => String::new(),
                    other => other.to_string(),
                };
                listing.row(&(), &[name, &text])?;
            }
            listing.end()?;
            writeln!(std::io::stdout(), "\nAttempts, newest first:")?;
        }
        let columns =
            ["attempt", "worker", "leased", "taken_at", "lease_until", "state", "reported_at", "reason", "next_try"];
        let mut listing = Listing::start(self.format, &columns)?;
        for one in &view.history {
            let cells = [
                &*one.attempt.to_string(),
                &one.worker,
                if one.leased { "yes" } else { "no" },
                &one.taken_at,
                one.lease_until.as_deref().unwrap_or_default(),
                one.state,
                one.reported_at.as_deref().unwrap_or_default(),
                one.reason.as_deref().unwrap_or_default(),
                one.next_try.as_deref().unwrap_or_default(),
            ];
            listing.row(one, &cells)?;
        }
        listing.end()
    }
}

fn text(of: &serde_json::Map<String, serde_json::Value>, name: &str) -> String {
    of.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

impl Items {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let listed = find(connection, self.request)?;
        let page = |after: Option<ItemId>| {
            let page = seen::items(connection, &Visible::All, &listed.request, self.state, after, PAGE)?;
            Ok((page.items, page.next))
        };
        let columns = [
            "id",
            "kind",
            "service",
            "user",
            "from",
            "to",
            "state",
            "attempts",
            "worker",
            "lease_until",
            "not_before",
            "reason",
        ];
        pages((self.format, self.limit), &columns, page, |listing, item| {
            let view = shown::provisioning_item(item, true);
            let place = |at: &Option<crate::wire::change::PlanView>, ou: &Option<String>| match at {
                Some(at) if at.location.is_empty() => at.plan.clone(),
                Some(at) => format!("{} at {}", at.plan, at.location),
                None => ou.clone().unwrap_or_default(),
            };
            let service = view
                .service
                .as_ref()
                .map(|one| one.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| one.id.clone()));
            let user = view.user.as_ref().map(|one| one.login.clone().unwrap_or_else(|| one.id.clone()));
            let cells = [
                &*view.id,
                view.kind,
                service.as_deref().unwrap_or_default(),
                user.as_deref().unwrap_or_default(),
                &place(&view.from, &view.from_ou),
                &place(&view.to, &view.to_ou),
                view.state,
                &view.attempts.to_string(),
                view.worker.as_deref().unwrap_or_default(),
                view.lease_until.as_deref().unwrap_or_default(),
                view.not_before.as_deref().unwrap_or_default(),
                view.reason.as_deref().unwrap_or_default(),
            ];
            listing.row(&view, &cells)
        })
    }
}

impl Open {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let customer = super::accounts::find(&mut common.open()?, &self.customer, None, None)?.account.id;
        let why = reason(self.reason.as_deref());
        let detail = json!({"customer": customer.to_string(), "reason": why});
        let entry = entry("provisioning.open", "", &detail);
        let opened = common.write(move |connection| ops::open(connection, customer, why.as_deref(), &entry))??;
        writeln!(std::io::stdout(), "{opened} is opened; see `tiersync provisioning items {opened}`")?;
        Ok(())
    }
}

impl Retry {
    fn run(self, common: &Common) -> Result<(), CliError> {
        common.open()?;
        let entry = entry("provisioning.retry", &self.request.to_string(), &json!({}));
        let (_, items) = common.write(move |connection| ops::retry(connection, self.request, &entry))??;
        writeln!(std::io::stdout(), "{items} failed items of {} are tried again", self.request)?;
        Ok(())
    }
}

impl Cancel {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let why = reason(Some(&self.reason)).ok_or_else(|| CliError::Usage("--reason says why".to_owned()))?;
        common.open()?;
        let entry = entry("provisioning.cancel", &self.request.to_string(), &json!({"reason": why}));
        let (_, items) = common.write(move |connection| ops::cancel(connection, self.request, &why, &entry))??;
        writeln!(std::io::stdout(), "{items} items of {} are cancelled", self.request)?;
        Ok(())
    }
}
