//! `tiersync sources`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::operator::time;
use super::output::{Format, pages};
use super::{CliError, Common};
use crate::ops::shape;
use crate::store::{AnyConnection, sources};
use crate::wire::time::rfc3339;

/// Rows read at once.
const PAGE: i64 = 500;

/// The platform installations.
#[derive(Debug, Subcommand)]
pub(super) enum Sources {
    /// List the sources that were ever configured
    List(List),
    /// List the fields, options and values that sources send, with how often and since when
    Shape(Shape),
}

/// How to list them.
#[derive(Debug, Args)]
pub(super) struct List {
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// What to list of whom.
#[derive(Debug, Args)]
pub(super) struct Shape {
    /// Only of this source
    source: Option<String>,
    /// Only what was seen for the first time at or after this time (RFC 3339, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only what neither protocol nor configuration describe
    #[arg(long)]
    unknown: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

impl Sources {
    pub(super) fn run(self, common: &Common) -> Result<(), CliError> {
        match self {
            Self::List(list) => list.run(common),
            Self::Shape(shape) => shape.run(&mut common.open()?),
        }
    }
}

impl List {
    fn run(self, common: &Common) -> Result<(), CliError> {
        let (config, mut connection) = (common.load()?, common.open()?);
        let columns = ["id", "registered_at", "configured", "tenant_setting"];
        let page = |after: Option<String>| {
            let items = sources::list(&mut connection, &after.unwrap_or_default(), PAGE)?;
            let next = items.last().map(|last| last.id.clone());
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, source| {
            let configured = config.sources.iter().any(|known| known.credentials.id.as_str() == source.id);
            let (registered_at, tenant_setting) = (rfc3339(source.registered_at), &source.tenant_setting);
            let whole = json!({
                "id": source.id,
                "registered_at": registered_at,
                "configured": configured,
                "tenant_setting": (!tenant_setting.is_empty()).then_some(tenant_setting),
            });
            let answer = if configured { "yes" } else { "no" };
            listing.row(&whole, &[&source.id, &registered_at, answer, tenant_setting])
        })
    }
}

impl Shape {
    fn run(self, connection: &mut AnyConnection) -> Result<(), CliError> {
        let columns = ["source", "kind", "name", "value", "known", "count", "first_seen", "last_seen"];
        let page = |after: Option<_>| {
            let (mut items, next) = shape::page(connection, self.source.as_deref(), self.since, after.as_ref(), PAGE)?;
            items.retain(|view| !(self.unknown && view.known));
            Ok((items, next))
        };
        pages((self.format, self.limit), &columns, page, |listing, view| {
            let known = if view.known { "yes" } else { "no" };
            let (value, count) = (view.value.as_deref().unwrap_or_default(), view.count.to_string());
            let cells = [&*view.source, view.kind, &view.name, value, known, &count, &view.first_seen, &view.last_seen];
            listing.row(view, &cells)
        })
    }
}
