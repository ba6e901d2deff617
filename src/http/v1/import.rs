//! Importing the vendor's list of accounts.

use std::io::Cursor;

use actix_web::HttpRequest;
use actix_web::web::{self, Payload};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::change::entry;
use super::list::require_plain;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::{Answered, MAX_BODY, respond};
use crate::domain::ids::Tenant;
use crate::http::body;
use crate::ops::import::{self, Fate, Import, ImportError, Summary, Target, Tenants, Told, Whose};
use crate::ops::{alone, shown};
use crate::wire::book::{Book, BookFormat, Reading, parse_mapping};
use crate::wire::import::{SummaryView, ToldView};
use crate::writer::now_micros;

/// Most rows that one answer tells of.
const MAX_TOLD: usize = 1_000;

/// What an import came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedView {
    /// How many rows came to what.
    pub summary: SummaryView,
    /// The rows that are not as the list says: kept and refused ones.
    pub rows: Vec<ToldView>,
    /// Whether there are more of these than are told.
    pub more: bool,
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Book(_) | ImportError::Broken { .. } => {
                Self::BadRequest(format!("The list cannot be read: {error}."))
            }
            ImportError::TooLong => Self::BodyTooLarge,
            ImportError::Write { error, .. } => error.into(),
            ImportError::Store(error) => error.into(),
            ImportError::Told(_) => Self::Internal,
        }
    }
}

fn bad(why: impl std::fmt::Display) -> Problem {
    Problem::BadRequest(format!("{why}."))
}

fn format(request: &HttpRequest) -> Result<BookFormat, Problem> {
    match body::media_type(request).as_str() {
        "text/csv" => Ok(BookFormat::Csv),
        "application/json" | "application/x-ndjson" | "application/jsonl" => Ok(BookFormat::Json),
        _ => Err(bad("Send the list as `Content-Type: text/csv`, application/json or application/x-ndjson")),
    }
}

/// What the query says of the list.
struct Asked {
    whose: Whose,
    tenant: Option<Tenant>,
    dry_run: bool,
    reading: Reading,
}

impl Asked {
    fn of(operator: &Operator, request: &HttpRequest) -> Result<Self, Problem> {
        let config = &operator.state.config;
        let mut params = Params::of(request)?;
        let source = params.text("source").ok_or_else(|| bad("Say with ?source= whose accounts these are"))?;
        let tenant = params.text("tenant").as_deref().map(Tenant::parse).transpose();
        let tenant = tenant.map_err(|error| bad(format_args!("The tenant {error}")))?;
        let dry_run = params.flag("dry_run")?;
        let map = match params.text("map") {
            Some(map) => map.split(',').map(parse_mapping).collect::<Result<_, _>>(),
            None => Ok(Vec::new()),
        };
        let map = map.map_err(|why| bad(format_args!("A part of map {why}")))?;
        params.end()?;
        let whose = Whose::of(config, &source).ok_or_else(|| {
            bad("No source of the configuration is called so; local is for accounts that no platform sends yet")
        })?;
        if tenant.is_some() && whose.tenants == Tenants::None {
            return Err(bad("The source tells no tenants apart; leave tenant out"));
        }
        let reading =
            Reading { format: format(request)?, map, separator: None, secret_options: config.secret_options() };
        Ok(Self { whose, tenant, dry_run, reading })
    }
}

/// Import the vendor's list of accounts
///
/// As `tiersync accounts import` does: CSV with a header, a JSON array or JSON lines, of at most 4 MiB. Good rows go in,
/// the others are told of with their line; the same list again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/accounts/import",
    tag = "v1",
    params(
        ("source" = String, Query, description = "Whose accounts they are."),
        ("tenant" = Option<String>, Query, description = "The tenant of rows that name none."),
        ("dry_run" = Option<bool>, Query, description = "Only say what would become of the rows."),
        ("map" = Option<String>, Query, description = "How the list calls fields: FIELD=COLUMN,…"),
    ),
    request_body(content((String = "text/csv"), (Vec<serde_json::Value> = "application/json"), (String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "What became of the rows, refused ones included.", body = ImportedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn import(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    require_plain(&request)?;
    let Asked { whose, tenant, dry_run, reading } = Asked::of(&operator, &request)?;
    let patience = operator.state.config.limits.body_timeout;
    let list = body::read_up_to(&request, &mut payload, patience, MAX_BODY).await?;
    let entry = entry(&operator, "accounts.import", whose.source.as_str(), &json!({}));
    let policies = alone::policies(&operator.state.config);
    let run = move |target: Target<'_>| -> Result<(Summary, Vec<ToldView>, bool), Problem> {
        let plan = Import { whose: &whose, tenant, policies, at: now_micros(), entry };
        let book = Book::open(Box::new(Cursor::new(list)), reading).map_err(ImportError::from)?;
        let (mut rows, mut more) = (Vec::new(), false);
        let summary = import::run(&plan, book, target, &mut |told: &Told| {
            if matches!(told.fate, Fate::Kept(_) | Fate::Refused(..)) {
                if rows.len() < MAX_TOLD {
                    rows.push(shown::told(told));
                } else {
                    more = true;
                }
            }
            Ok(())
        })?;
        Ok((summary, rows, more))
    };
    let (summary, rows, more) = if dry_run {
        operator.read(move |connection, _| run(Target::Preview(connection))).await?
    } else {
        let writer = operator.state.writer.clone();
        web::block(move || run(Target::Writer(&writer))).await.map_err(|_| Problem::Internal)??
    };
    respond::fresh(&ImportedView { summary: shown::summary(&summary, dry_run), rows, more })
}
