//! The quarantine: listed, run again, closed by hand.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::change::{body, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::DeliveryId;
use crate::ops::quarantine::{self, QuarantineError};
use crate::store::audit;
use crate::store::cases::CaseFilter;
use crate::store::seen::{cases, deliveries};
use crate::wire::case::CaseView;
use crate::writer::now_micros;

/// Longest reason for closing a case, in characters.
const MAX_WHY: usize = 500;

impl From<QuarantineError> for Problem {
    fn from(error: QuarantineError) -> Self {
        match error {
            QuarantineError::NotFound(_) => Self::NotFound,
            QuarantineError::Store(error) => error.into(),
            other => Self::Conflict(format!("{other}.")),
        }
    }
}

/// List cases
///
/// Oldest event first.
#[utoipa::path(
    get,
    path = "/v1/cases",
    tag = "v1",
    params(
        ("state" = Option<String>, Query, description = "open, closed or all; open by default."),
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("platform_id" = Option<String>, Query, description = "About the account with this platform ID."),
        ("code" = Option<i32>, Query, description = "Answered with this code."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<CaseView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let state = params.parsed("state", "open, closed or all", |text| match text {
        "open" => Some(Some(true)),
        "closed" => Some(Some(false)),
        "all" => Some(None),
        _ => None,
    })?;
    let code: Option<i32> = params.parsed("code", "a number", |text| text.parse().ok())?;
    let filter = CaseFilter {
        open: state.unwrap_or(Some(true)),
        source: params.text("source"),
        tenant: params.text("tenant"),
        platform_id: params.text("platform_id"),
        codes: code.into_iter().collect(),
    };
    let (limit, after) = (params.limit()?, params.after::<2>("cases")?);
    params.end()?;
    let after = after.map(|[second, id]| (second, DeliveryId(id)));
    let page = operator.read(move |connection, see| Ok(cases::list(connection, see, &filter, after, limit)?)).await?;
    let next = page.next.map(|(second, id)| cursor("cases", [second, id.0]));
    respond::page(page.items.iter().map(CaseView::new).collect(), next)
}

/// Show one case
#[utoipa::path(
    get,
    path = "/v1/cases/{case}",
    tag = "v1",
    params(("case" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = CaseView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let id = DeliveryId::parse(&id).ok_or(Problem::NotFound)?;
    let case = operator.read(move |connection, see| cases::find(connection, see, id)?.ok_or(Problem::NotFound)).await?;
    respond::single(&request, &CaseView::new(&case))
}

/// How a call is to be run again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReprocessBody {
    /// Take over a change of reseller that `reseller_change` holds back or refuses. For provider_admin alone.
    pub accept: bool,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
#[allow(missing_docs)] // Named as in the ledger.
pub struct ReprocessedView {
    pub case: Option<String>,
    pub original: String,
    pub delivery: String,
    pub outcome: &'static str,
    pub code: i32,
    pub message: String,
    pub result: Option<String>,
}

/// Run a refused call again
///
/// Under the rules of today and at its own event time. The id is a case's, or a delivery's that belongs to one.
#[utoipa::path(
    post,
    path = "/v1/deliveries/{delivery}/reprocess",
    tag = "v1",
    params(("delivery" = String, Path, description = "A delivery or a case.")),
    request_body = ReprocessBody,
    responses(
        (status = 200, description = "It ran; outcome and code tell how.", body = ReprocessedView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not in quarantine, or its body was emptied.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn reprocess(operator: Operator, id: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let id = DeliveryId::parse(&id).ok_or(Problem::NotFound)?;
    let body: Result<ReprocessBody, Problem> = body(&operator, &request, &mut payload).await;
    // Who does not see it learns nothing from what is wrong with the body, either.
    operator.read(move |connection, see| deliveries::find(connection, see, id)?.ok_or(Problem::NotFound)).await?;
    let ReprocessBody { accept } = body?;
    if accept {
        operator.require_provider()?;
    }
    let state = operator.state.clone();
    let prepared = operator
        .read(move |connection, _| Ok(quarantine::prepare(&state.config, connection, id, accept, now_micros())?));
    let prepared = prepared.await?;
    let entry = entry(&operator, "deliveries.reprocess", &id.to_string(), &json!({"accept": accept}));
    operator.state.writer.work(move |connection| audit::record(connection, &entry)).await?;
    let answered = operator.state.writer.submit(prepared.call, prepared.policy).await?;
    respond::fresh(&ReprocessedView {
        case: prepared.case.map(|case| case.id.to_string()),
        original: prepared.original.to_string(),
        delivery: answered.delivery.to_string(),
        outcome: answered.outcome.as_str(),
        code: answered.answer.code.number(),
        message: answered.answer.message,
        result: answered.answer.result,
    })
}

/// Why a case is done with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResolveBody {
    /// The reason; kept with the case. Up to 500 characters.
    pub why: String,
}

/// Close a case by hand
#[utoipa::path(
    post,
    path = "/v1/deliveries/{delivery}/resolve",
    tag = "v1",
    params(("delivery" = String, Path, description = "A case, or a delivery that belongs to it.")),
    request_body = ResolveBody,
    responses(
        (status = 200, body = CaseView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is closed already, or was never open.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn resolve(operator: Operator, id: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_change()?;
    Params::of(&request)?.end()?;
    let id = DeliveryId::parse(&id).ok_or(Problem::NotFound)?;
    let body: Result<ResolveBody, Problem> = body(&operator, &request, &mut payload).await;
    // Who does not see it learns nothing from what is wrong with the body, either.
    let found = operator.read(move |connection, see| {
        deliveries::find(connection, see, id)?.ok_or(Problem::NotFound)?;
        Ok(quarantine::open_case(connection, id)?)
    });
    let case = found.await?.id;
    let why = body?.why.trim().to_owned();
    if why.is_empty() || why.chars().count() > MAX_WHY {
        return Err(Problem::BadRequest("Say `why` in 1 to 500 characters; it is kept with the case.".to_owned()));
    }
    let entry = entry(&operator, "deliveries.resolve", &case.to_string(), &json!({"why": why}));
    let closed = operator.state.writer.work(move |connection| {
        let closed = quarantine::resolve(connection, case, &why, now_micros())?;
        if closed {
            audit::record(connection, &entry)?;
        }
        Ok(closed)
    });
    if !closed.await? {
        return Err(Problem::Conflict("Somebody closed this case at the same moment.".to_owned()));
    }
    let case =
        operator.read(move |connection, see| cases::find(connection, see, case)?.ok_or(Problem::NotFound)).await?;
    respond::fresh(&CaseView::new(&case))
}
