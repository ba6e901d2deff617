//! The vendor's registry of partners: listed, changed, taken in as a list.

use actix_web::HttpRequest;
use actix_web::web::{self, Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Answered;
use super::change::{body, entry};
use super::list::require_plain;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, text_cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::PartnerId;
use crate::domain::partner::PartnerStatus;
use crate::http::body as raw;
use crate::ops::partners::import::{self, How, ImportError, Report};
use crate::ops::partners::{self, RemoveError};
use crate::ops::shown;
use crate::store::partners::list::PartnerFilter;
use crate::store::seen::partners as seen;
use crate::wire::partners::{self as rows, BadRow, PartnerRow, RegisteredView};
use crate::writer::now_micros;

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::NothingLeft => Self::BadRequest(format!("{error}.")),
            ImportError::Write(error) => error.into(),
        }
    }
}

impl From<RemoveError> for Problem {
    fn from(error: RemoveError) -> Self {
        match error {
            RemoveError::NoSuchPartner(_) => Self::NotFound,
            RemoveError::IsSuccessor(..) => Self::Conflict(format!("{error}.")),
            RemoveError::Write(error) => error.into(),
        }
    }
}

/// List partners
///
/// In the order of their IDs. A reseller_admin sees the partners that are linked to its resellers.
#[utoipa::path(
    get,
    path = "/v1/partners",
    tag = "v1",
    params(
        ("status" = Option<String>, Query, description = "active, suspended or ended at this moment."),
        ("q" = Option<String>, Query, description = "With this text in ID, alias or name, in any case."),
        ("named" = Option<String>, Query, description = "With this ID or alias."),
        ("linked" = Option<String>, Query, description = "true: with an account as a reseller; false: without one."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<RegisteredView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let now = now_micros();
    let filter = PartnerFilter {
        status: params
            .parsed("status", "active, suspended or ended", PartnerStatus::parse)?
            .map(|status| (status, now)),
        text: params.text("q"),
        named: params.parsed("named", "an ID of up to 128 characters", |text| PartnerId::parse(text).ok())?,
        linked: params.parsed("linked", "true or false", |text| text.parse().ok())?,
    };
    let (limit, after) = (params.limit()?, params.after_text("partners")?);
    params.end()?;
    let after = after.map(|id| PartnerId::stored(&id));
    let page = operator.read(move |connection, see| Ok(seen::list(connection, see, &filter, after.as_ref(), limit)?));
    let (items, next) = page.await?;
    let next = next.map(|id| text_cursor("partners", id.as_str()));
    respond::page(items.iter().map(|listed| shown::partner(listed, now)).collect(), next)
}

fn named(path: &str) -> Result<PartnerId, Problem> {
    PartnerId::parse(path).map_err(|_| Problem::NotFound)
}

/// The partner as it is shown alone, with its customers counted.
async fn view(operator: &Operator, id: PartnerId) -> Result<RegisteredView, Problem> {
    let found = operator.read(move |connection, see| {
        let listed = seen::find(connection, see, &id)?.ok_or(Problem::NotFound)?;
        let customers = seen::customers(connection, &listed)?;
        Ok((listed, customers))
    });
    let (listed, customers) = found.await?;
    Ok(RegisteredView { customers: Some(customers), ..shown::partner(&listed, now_micros()) })
}

/// Show one partner
#[utoipa::path(
    get,
    path = "/v1/partners/{partner}",
    tag = "v1",
    params(("partner" = String, Path, description = "Its ID, or an alias.")),
    responses(
        (status = 200, body = RegisteredView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let view = view(&operator, named(&id)?).await?;
    respond::single(&request, &view)
}

/// A partner as it is to be. What is left out is "none", but for the status, which is active.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerBody {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// active, suspended or ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// From when the status holds (RFC 3339, or a day).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_from: Option<String>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_until: Option<String>,
    /// Other IDs that mean it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Vec<String>>,
    /// The partner that takes its customers over; with `successor_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<String>,
    /// When it takes them over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor_from: Option<String>,
    /// Its account as a reseller: `source/tenant/platform_id`, or an ExternalID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller: Option<String>,
}

/// Takes one row in and shows the partner.
async fn take(operator: &Operator, action: &str, row: PartnerRow) -> Answered {
    let id = row.id.clone();
    let (writer, entry) = (operator.state.writer.clone(), entry(operator, action, id.as_str(), &json!({})));
    let done = web::block(move || import::run(&writer, vec![Ok(row)], How::default(), &entry, &|_| {}));
    let report = done.await.map_err(|_| Problem::Internal)??;
    if let Some(bad) = report.bad.first() {
        return Err(Problem::BadRequest(format!("The partner cannot be so: {}.", bad.reason)));
    }
    respond::fresh(&view(operator, id).await?)
}

/// Put a partner into the registry
///
/// New or changed, whole: what is left out is "none". Its customers are related in the same commit.
#[utoipa::path(
    put,
    path = "/v1/partners/{partner}",
    tag = "v1",
    params(("partner" = String, Path, description = "Its ID.")),
    request_body = PartnerBody,
    responses(
        (status = 200, description = "The partner as it is now.", body = RegisteredView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn put(operator: Operator, id: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let sent: PartnerBody = body(&operator, &request, &mut payload).await?;
    let id = PartnerId::parse(&id).map_err(|error| Problem::BadRequest(format!("The ID of the partner {error}.")))?;
    let mut object = match serde_json::to_value(&sent) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    object.insert("partner_id".to_owned(), Value::from(id.as_str()));
    let row = rows::row_of(&object, 1)
        .map_err(|bad| Problem::BadRequest(format!("The partner cannot be so: {}.", bad.reason)))?;
    take(&operator, "partners.put", row.whole()).await
}

/// End a partner, or take it away
///
/// It stays in the registry with the status `ended`, and its customers stay related to it. With `remove=true` it was a
/// mistake: nobody has its IDs any longer, and its customers wait again.
#[utoipa::path(
    delete,
    path = "/v1/partners/{partner}",
    tag = "v1",
    params(
        ("partner" = String, Path, description = "Its ID."),
        ("remove" = Option<bool>, Query, description = "true: take it out of the registry."),
    ),
    responses(
        (status = 200, description = "The partner as it is now.", body = RegisteredView),
        (status = 204, description = "It is taken away."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is the successor of another one.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn end(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    let mut params = Params::of(&request)?;
    let remove = params.flag("remove")?;
    params.end()?;
    let id = named(&id)?;
    if remove {
        let (writer, entry) =
            (operator.state.writer.clone(), entry(&operator, "partners.remove", id.as_str(), &json!({})));
        let done = web::block(move || partners::remove(&writer, &id, &entry));
        done.await.map_err(|_| Problem::Internal)??;
        return Ok(respond::nothing());
    }
    let wanted = id.clone();
    let found = operator
        .read(move |connection, see| seen::find(connection, see, &wanted)?.ok_or(Problem::NotFound))
        .await?
        .stored
        .partner;
    let now = now_micros();
    if found.id != id {
        return Err(Problem::NotFound);
    }
    if found.standing.at(now) == PartnerStatus::Ended {
        return respond::fresh(&view(&operator, id).await?);
    }
    take(&operator, "partners.end", import::ending(id, now)).await
}

/// What became of a list.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // Counts of partners, of customers, and the rows that were not taken.
pub struct ImportView {
    pub dry_run: bool,
    pub new: u64,
    pub changed: u64,
    pub unchanged: u64,
    pub ended: u64,
    pub customers_linked: u64,
    pub customers_moved: u64,
    pub customers_unlinked: u64,
    /// At most 1,000 rows.
    pub bad: Vec<BadRow>,
    /// How many rows were not taken.
    pub bad_rows: usize,
}

/// Most bad rows that an answer tells.
const MOST_BAD: usize = 1_000;

impl ImportView {
    fn new(report: Report, dry_run: bool) -> Self {
        let Report { new, changed, unchanged, ended, customers, mut bad } = report;
        let bad_rows = bad.len();
        bad.truncate(MOST_BAD);
        Self {
            dry_run,
            new,
            changed,
            unchanged,
            ended,
            customers_linked: customers.linked,
            customers_moved: customers.moved,
            customers_unlinked: customers.unlinked,
            bad,
            bad_rows,
        }
    }
}

/// Take a list of partners in
///
/// CSV, a JSON array or JSON lines, up to 4 MiB. Good rows go in whatever the bad ones say. The same list again changes
/// nothing.
#[utoipa::path(
    post,
    path = "/v1/partners/import",
    tag = "v1",
    params(
        ("replace" = Option<bool>, Query, description = "true: partners that are not in the list end."),
        ("dry_run" = Option<bool>, Query, description = "true: say what would happen, and change nothing."),
    ),
    request_body(content = String, content_type = "text/csv", description = "partner_id, name, status, status_from, status_until, aliases, successor, successor_from, reseller"),
    responses(
        (status = 200, description = "It was taken; `bad` tells the rows that were not.", body = ImportView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn upload(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    require_plain(&request)?;
    let mut params = Params::of(&request)?;
    let how = How { replace: params.flag("replace")?, dry_run: params.flag("dry_run")? };
    params.end()?;
    let patience = operator.state.config.limits.body_timeout;
    let bytes = raw::read_up_to(&request, &mut payload, patience, super::MAX_BODY).await?;
    let list = rows::read(&bytes).map_err(|reason| Problem::BadRequest(format!("{reason}.")))?;
    let (writer, entry) = (operator.state.writer.clone(), entry(&operator, "partners.import", "upload", &json!({})));
    let done = web::block(move || import::run(&writer, list, how, &entry, &|_| {}));
    let report = done.await.map_err(|_| Problem::Internal)??;
    respond::fresh(&ImportView::new(report, how.dry_run))
}
