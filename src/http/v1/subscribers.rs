//! Subscribers: how they stand, resumed, sent the past again.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::Answered;
use super::change::{body, entry};
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond::{self, PageBody};
use crate::domain::subscriber::is_id;
use crate::ops::subscribers::{self, From as Behind, ManageError, configured};
use crate::store::subscribers as kept;
use crate::wire::subscriber::SubscriberView;
use crate::wire::time::parse_time;
use crate::writer::now_micros;

impl From<ManageError> for Problem {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NotKept(_) => Self::NotFound,
            ManageError::Ahead { .. } | ManageError::Pruned { .. } | ManageError::Configured(_) => {
                Self::Conflict(format!("{error}."))
            }
        }
    }
}

/// List subscribers
///
/// Those that are configured here or ever were, by id, with how far each is; all on one page. For provider_admin.
#[utoipa::path(
    get,
    path = "/v1/subscribers",
    tag = "v1",
    responses(
        (status = 200, body = PageBody<SubscriberView>),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let state = operator.state.clone();
    let views =
        operator.read(move |connection, _| Ok(subscribers::views(connection, &state.config, now_micros())?)).await?;
    respond::page(views, None)
}

/// How one subscriber stands now.
async fn shown(operator: &Operator, id: String) -> Result<SubscriberView, Problem> {
    let state = operator.state.clone();
    let shown = operator.read(move |connection, _| {
        let (subscriber, kept) = (configured(&state.config, &id), kept::find(connection, &id)?);
        if subscriber.is_none() && kept.is_none() {
            return Err(Problem::NotFound);
        }
        Ok(subscribers::view(connection, subscriber, kept.as_ref(), now_micros())?)
    });
    shown.await
}

fn id(path: &str) -> Result<String, Problem> {
    if is_id(path) { Ok(path.to_owned()) } else { Err(Problem::NotFound) }
}

/// Show one subscriber
///
/// For provider_admin.
#[utoipa::path(
    get,
    path = "/v1/subscribers/{subscriber}",
    tag = "v1",
    params(("subscriber" = String, Path, description = "Its id.")),
    responses(
        (status = 200, body = SubscriberView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    // How long something has waited differs from call to call, so that no tag would ever match.
    respond::fresh(&shown(&operator, id(&path)?).await?)
}

/// Resume a subscriber
///
/// It goes on where it stood, and what was given up is tried again. Takes effect within seconds. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/subscribers/{subscriber}/resume",
    tag = "v1",
    params(("subscriber" = String, Path, description = "Its id.")),
    responses(
        (status = 200, description = "How it stands now.", body = SubscriberView),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn resume(operator: Operator, path: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let id = id(&path)?;
    let (subject, entry) = (id.clone(), entry(&operator, "subscribers.resume", &id, &json!({})));
    operator.state.writer.work(move |connection| subscribers::resume(connection, &subject, &entry)).await??;
    respond::fresh(&shown(&operator, id).await?)
}

/// Where to send the past from: one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReplayBody {
    /// What was committed at or after this time (RFC 3339, or a day).
    pub since: Option<String>,
    /// What stands behind this position of the feed; 0 for everything that is kept.
    pub after: Option<i64>,
}

/// Send the past again
///
/// Sets a subscriber back and resumes it: it is sent everything behind that place once more, under the same ids and with
/// the accounts as they are now. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/subscribers/{subscriber}/replay",
    tag = "v1",
    params(("subscriber" = String, Path, description = "Its id.")),
    request_body = ReplayBody,
    responses(
        (status = 200, description = "How it stands now.", body = SubscriberView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "That is not the past, or kept no longer.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn replay(operator: Operator, path: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let id = id(&path)?;
    let ReplayBody { since, after } = body(&operator, &request, &mut payload).await?;
    let wrong = || {
        let why = "Say either `since`, a time such as 2026-11-21T10:00:00Z or a day, or `after`, a position from 0.";
        Problem::BadRequest(why.to_owned())
    };
    let from = match (since, after) {
        (Some(since), None) => Behind::Time(parse_time(&since).ok_or_else(wrong)?),
        (None, Some(after)) if after >= 0 => Behind::Position(after),
        _ => return Err(wrong()),
    };
    let entry = entry(&operator, "subscribers.replay", &id, &subscribers::said(from));
    let subject = id.clone();
    operator.state.writer.work(move |connection| subscribers::replay(connection, &subject, from, &entry)).await??;
    respond::fresh(&shown(&operator, id).await?)
}
