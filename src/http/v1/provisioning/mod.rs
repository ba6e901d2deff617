//! Provisioning requests: listed, shown with their items, opened by hand, tried again, given up.

pub mod lease;
pub mod report;

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::accounts::one;
use super::change::{body, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::domain::ids::{ItemId, MoveId, ProvisioningId};
use crate::domain::operator::Visible;
use crate::domain::provisioning::{ItemState, MAX_REASON, RequestCause, RequestState};
use crate::ops::provisioning::{self as ops, ManageError, OpenError, reason};
use crate::ops::shown;
use crate::store::seen::Page;
use crate::store::seen::provisioning::{self as seen, RequestFilter};
use crate::wire::provisioning::{AttemptView, ProvisioningItemView, ProvisioningItemWhole, ProvisioningView};

/// The states of requests and items.
const STATES: &str = "pending, running, done, failed or cancelled";

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoSuchAccount => Self::NotFound,
            OpenError::Deleted | OpenError::NothingToDo | OpenError::TooMuch => {
                Self::Conflict(format!("No request is opened: {error}."))
            }
        }
    }
}

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NoSuchRequest => Self::NotFound,
            ManageError::NothingFailed | ManageError::Cancelled(_) | ManageError::Done => {
                Self::Conflict(format!("Nothing is changed: {error}."))
            }
        }
    }
}

fn id(path: &str) -> Result<ProvisioningId, Problem> {
    ProvisioningId::parse(path).ok_or(Problem::NotFound)
}

/// List provisioning requests
///
/// What the vendor's systems have to do again behind moves, one row a request, newest first. A page may be short, even
/// empty, while there is a next one. A reseller_admin sees those of its customers, as far as they were opened while each
/// was its own.
#[utoipa::path(
    get,
    path = "/v1/provisioning-requests",
    tag = "v1",
    params(
        ("state" = Option<String>, Query, description = "pending, running, done, failed or cancelled."),
        ("customer" = Option<String>, Query, description = "Of this account: its id or ExternalID."),
        ("cause" = Option<String>, Query, description = "move, users, products or manual."),
        ("move" = Option<String>, Query, description = "Of this move, by id."),
        ("since" = Option<String>, Query, description = "Opened at or after this time (RFC 3339, or a day)."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ProvisioningView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Several accounts have this ExternalID.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let customer = params.text("customer");
    let mut filter = RequestFilter {
        state: params.parsed("state", STATES, RequestState::parse)?,
        customer: None,
        cause: params.parsed("cause", "move, users, products or manual", RequestCause::parse)?,
        move_id: params.parsed("move", "the id of a move", MoveId::parse)?.map(|id| id.0),
        since: params.time("since")?,
    };
    let (limit, after) = (params.limit()?, params.after::<2>("provisioning")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        if let Some(name) = customer {
            match one(connection, see, &name)? {
                Some(found) => filter.customer = Some(found.account.id),
                None => return Ok(Page::empty()),
            }
        }
        Ok(seen::list(connection, see, &filter, after.map(|[at, id]| (at, id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|(at, id)| cursor("provisioning", [at, id]));
    respond::page(page.items.iter().map(shown::provisioning).collect(), next)
}

/// Show one provisioning request
#[utoipa::path(
    get,
    path = "/v1/provisioning-requests/{provisioning}",
    tag = "v1",
    params(("provisioning" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = ProvisioningView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let view = view(&operator, id(&path)?).await?;
    respond::single(&request, &view)
}

/// A request as it is shown alone.
async fn view(operator: &Operator, id: ProvisioningId) -> Result<ProvisioningView, Problem> {
    let found = operator.read(move |connection, see| seen::find(connection, see, id)?.ok_or(Problem::NotFound));
    Ok(shown::provisioning(&found.await?))
}

/// List the items of a provisioning request
///
/// In the order in which they are handed out, the directory's first.
#[utoipa::path(
    get,
    path = "/v1/provisioning-requests/{provisioning}/items",
    tag = "v1",
    params(
        ("provisioning" = String, Path, description = "Its id."),
        ("state" = Option<String>, Query, description = "pending, running, done, failed or cancelled."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ProvisioningItemView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn items(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let state = params.parsed("state", STATES, ItemState::parse)?;
    let (limit, after) = (params.limit()?, params.after::<1>("provisioning-items")?);
    params.end()?;
    let id = id(&path)?;
    let page = operator.read(move |connection, see| {
        let found = seen::find(connection, see, id)?.ok_or(Problem::NotFound)?;
        Ok(seen::items(connection, see, &found.request, state, after.map(|[id]| ItemId(id)), limit)?)
    });
    let page = page.await?;
    let next = page.next.map(|id| cursor("provisioning-items", [id.0]));
    let whole = operator.visible == Visible::All;
    respond::page(page.items.iter().map(|item| shown::provisioning_item(item, whole)).collect(), next)
}

/// Show one item of a provisioning request
///
/// With what was tried, by whom, and what came of it.
#[utoipa::path(
    get,
    path = "/v1/provisioning-items/{item}",
    tag = "v1",
    params(("item" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = ProvisioningItemWhole),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn item(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    Params::of(&request)?.end()?;
    let id = ItemId::parse(&path).ok_or(Problem::NotFound)?;
    let found = operator.read(move |connection, see| seen::item(connection, see, id)?.ok_or(Problem::NotFound));
    let (listed, attempts) = found.await?;
    let history = attempts.iter().map(|attempt| AttemptView::new(&listed.item, attempt)).collect();
    let item = shown::provisioning_item(&listed, operator.visible == Visible::All);
    respond::single(&request, &ProvisioningItemWhole { item, history })
}

/// Whose users and services are to be provisioned again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpenBody {
    /// The account: its id or ExternalID.
    pub customer: String,
    /// Why; shown with the request.
    pub reason: Option<String>,
}

/// Have a customer provisioned again
///
/// Opens a request with an item for each of the customer's users and services, on the plans and where they are. What still
/// waits of the customer's earlier requests is cancelled. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/provisioning-requests",
    tag = "v1",
    request_body = OpenBody,
    responses(
        (status = 200, description = "The request.", body = ProvisioningView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing to provision, or too much.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn open(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let asked: OpenBody = body(&operator, &request, &mut payload).await?;
    if asked.customer.is_empty() {
        return Err(Problem::BadRequest("Say which customer: {\"customer\": its id or ExternalID}.".to_owned()));
    }
    let why = checked_reason(asked.reason.as_deref())?;
    let name = asked.customer;
    let found = operator.read(move |connection, see| one(connection, see, &name)?.ok_or(Problem::NotFound)).await?;
    let customer = found.account.id;
    let detail = json!({"customer": customer.to_string(), "reason": why});
    let entry = entry(&operator, "provisioning.open", "", &detail);
    let opened =
        operator.state.writer.work(move |connection| ops::open(connection, customer, why.as_deref(), &entry)).await??;
    respond::current(&view(&operator, opened).await?)
}

/// A reason, refused where it is too long to be kept whole.
fn checked_reason(text: Option<&str>) -> Result<Option<String>, Problem> {
    if text.is_some_and(|text| text.chars().count() > MAX_REASON) {
        return Err(Problem::BadRequest(format!("The reason has more than {MAX_REASON} characters.")));
    }
    Ok(reason(text))
}

/// Try failed items again
///
/// Each may be tried as often as at first. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/provisioning-requests/{provisioning}/retry",
    tag = "v1",
    params(("provisioning" = String, Path, description = "Its id.")),
    responses(
        (status = 200, description = "The request as it is now.", body = ProvisioningView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Nothing failed, or it is cancelled.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn retry(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let id = id(&path)?;
    let entry = entry(&operator, "provisioning.retry", &id.to_string(), &json!({}));
    operator.state.writer.work(move |connection| ops::retry(connection, id, &entry)).await??;
    respond::current(&view(&operator, id).await?)
}

/// Why a request is given up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CancelBody {
    /// Why; shown with the request and its items.
    pub reason: String,
}

/// Cancel a provisioning request
///
/// What waits or failed is not to be done any longer; what somebody is at work on may still be reported. Cancelling it
/// again changes nothing. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/provisioning-requests/{provisioning}/cancel",
    tag = "v1",
    params(("provisioning" = String, Path, description = "Its id.")),
    request_body = CancelBody,
    responses(
        (status = 200, description = "The request as it is now.", body = ProvisioningView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is done.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn cancel(operator: Operator, path: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let id = id(&path)?;
    let asked: CancelBody = body(&operator, &request, &mut payload).await?;
    let Some(why) = checked_reason(Some(&asked.reason))? else {
        return Err(Problem::BadRequest("Say why: {\"reason\": \"…\"}.".to_owned()));
    };
    let entry = entry(&operator, "provisioning.cancel", &id.to_string(), &json!({"reason": why}));
    operator.state.writer.work(move |connection| ops::cancel(connection, id, &why, &entry)).await??;
    respond::current(&view(&operator, id).await?)
}
