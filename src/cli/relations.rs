//! `tiersync relations`.

use clap::{Args, Subcommand};

use super::operator::time;
use super::output::{Format, pages};
use super::{CliError, Common, accounts};
use crate::domain::operator::Visible;
use crate::domain::relation::{Axis, RelationState};
use crate::ops::shown;
use crate::store::seen::relations::{self, RelationFilter};

/// Rows read at once.
const PAGE: i64 = 500;

/// Who resells to whom, now and then.
#[derive(Debug, Subcommand)]
pub(super) enum Relations {
    /// List relations, also those that have ended
    List(List),
}

/// Which relations.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only what held at this time (RFC 3339, or a day, which means its beginning in UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    on: Option<i64>,
    /// As it was known at this time (RFC 3339, or a day, which means its beginning in UTC)
    #[arg(long, value_name = "TIME", value_parser = time)]
    known: Option<i64>,
    /// Only of customers of this source
    #[arg(long)]
    source: Option<String>,
    /// Only of customers of this tenant
    #[arg(long)]
    tenant: Option<String>,
    /// Only to this reseller: our id, its ExternalID or its platform ID
    #[arg(long, value_name = "ACCOUNT")]
    reseller: Option<String>,
    /// Only of this customer: our id, its ExternalID or its platform ID
    #[arg(long, value_name = "ACCOUNT")]
    customer: Option<String>,
    /// Only to a reseller, or only to a partner of the vendor's registry
    #[arg(long, value_parser = axis)]
    axis: Option<Axis>,
    /// Only in this state: linked, pending or unprovisioned
    #[arg(long, value_parser = state)]
    state: Option<RelationState>,
    /// Only what has not ended
    #[arg(long)]
    open: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

fn axis(text: &str) -> Result<Axis, String> {
    Axis::parse(text).ok_or_else(|| "it is neither reseller nor partner".to_owned())
}

fn state(text: &str) -> Result<RelationState, String> {
    RelationState::parse(text).ok_or_else(|| "it is none of linked, pending, unprovisioned".to_owned())
}

impl Relations {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        let Self::List(list) = self;
        list.run(common)
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let mut connection = common.open()?;
        let mut named = |name: Option<&str>| match name {
            Some(name) => accounts::find(&mut connection, name, None, None).map(|listed| Some(listed.account.id)),
            None => Ok(None),
        };
        let (reseller, customer) = (named(self.reseller.as_deref())?, named(self.customer.as_deref())?);
        let filter = RelationFilter {
            source: self.source,
            tenant: self.tenant,
            reseller,
            customer,
            axis: self.axis,
            state: self.state,
            open: self.open,
            on: self.on,
            known: self.known,
        };
        let columns =
            ["id", "axis", "customer", "customer_name", "reseller", "partner_id", "state", "from", "to", "cause"];
        let page = |after| {
            let page = relations::list(&mut connection, &Visible::All, &filter, after, PAGE)?;
            Ok((page.items, page.next))
        };
        pages((self.format, self.limit), &columns, page, |listing, related| {
            let view = shown::relation(related);
            let reseller = view.reseller.as_ref();
            let reseller = reseller.and_then(|one| one.platform_id.as_deref().or(one.external_id.as_deref()));
            let cells = [
                &*view.id,
                view.axis,
                &view.customer.platform_id,
                &view.customer.name,
                reseller.unwrap_or_default(),
                view.partner_id.as_deref().unwrap_or_default(),
                view.state,
                &view.from,
                view.to.as_deref().unwrap_or_default(),
                view.cause,
            ];
            listing.row(&view, &cells)
        })
    }
}
