//! Reporting what became of an item.

use actix_web::HttpRequest;
use actix_web::web::{Path, Payload};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::ids::ItemId;
use crate::domain::provisioning::{Report, Word};
use crate::http::v1::Answered;
use crate::http::v1::change::body;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::http::v1::respond;
use crate::ops::provisioning::{self as ops, reason};
use crate::store::provisioning::{Answer, Told};
use crate::wire::provisioning::ReportedView;
use crate::wire::time::rfc3339;
use crate::writer::now_micros;

/// Longest lease that is looked up, in characters.
const MAX_LEASE: usize = 128;

/// What became of an item.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportBody {
    /// The lease that it was taken with; none where an event told of it.
    pub lease: Option<String>,
    /// Without a lease: the attempt that the event named. The first report of an attempt counts.
    pub attempt: Option<i64>,
    /// done, failed, or running to extend the lease.
    pub state: String,
    /// What went wrong; kept up to 1,000 characters.
    pub reason: Option<String>,
    /// Of failed: whether it is worth another try, later and not more often than `max_attempts`.
    pub retry: bool,
}

/// Report an item
///
/// The same report again is answered the same, and nothing happens twice. A report that contradicts what is there is
/// refused and recorded nowhere: one under a lease that ran out while somebody else took the item, or one that says
/// something else than the first. For provider_admin and provisioner.
#[utoipa::path(
    post,
    path = "/v1/provisioning-items/{item}/report",
    tag = "v1",
    params(("item" = String, Path, description = "Its id.")),
    request_body = ReportBody,
    responses(
        (status = 200, description = "It counts, or did before.", body = ReportedView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It contradicts what is there; the detail says how.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn report(operator: Operator, path: Path<String>, request: HttpRequest, mut payload: Payload) -> Answered {
    operator.require_provisioning()?;
    Params::of(&request)?.end()?;
    let id = ItemId::parse(&path).ok_or(Problem::NotFound)?;
    let asked: ReportBody = body(&operator, &request, &mut payload).await?;
    let word = Word::parse(&asked.state)
        .ok_or_else(|| Problem::BadRequest("`state` is none of done, failed, running.".to_owned()))?;
    if asked.lease.as_ref().is_some_and(|lease| lease.is_empty() || lease.len() > MAX_LEASE) {
        return Err(Problem::BadRequest(
            "`lease` is none that was handed out; leave it out to report without.".to_owned(),
        ));
    }
    if asked.retry && word != Word::Failed {
        return Err(Problem::BadRequest("`retry` goes with the state failed alone.".to_owned()));
    }
    let report = Report {
        lease: asked.lease,
        attempt: asked.attempt,
        worker: operator.name.clone(),
        word,
        reason: reason(asked.reason.as_deref()),
        retry: asked.retry,
    };
    let rules = operator.state.config.provisioning;
    let told = operator
        .state
        .writer
        .work(move |connection| ops::report(connection, id, &report, &rules, now_micros()))
        .await?;
    let told = told.ok_or(Problem::NotFound)?;
    if let Answer::Ended { end, repeated: false, .. } = &told.answer {
        operator.state.metrics.provisioning_reported(end.outcome);
    }
    respond::fresh(&answered(told)?)
}

fn answered(told: Told) -> Result<ReportedView, Problem> {
    let (item, request) = (told.item.id.to_string(), told.item.request.to_string());
    match told.answer {
        Answer::Refused(why) => Err(Problem::Conflict(why.to_string())),
        Answer::Extended { attempt, until } => Ok(ReportedView {
            item,
            request,
            attempt,
            reported: Word::Running.as_str(),
            state: Word::Running.as_str(),
            reason: None,
            reported_at: None,
            next_try: None,
            lease_until: Some(rfc3339(until)),
        }),
        Answer::Ended { attempt, end, .. } => Ok(ReportedView {
            item,
            request,
            attempt,
            reported: if end.done { Word::Done } else { Word::Failed }.as_str(),
            state: end.outcome.as_str(),
            reason: end.reason,
            reported_at: Some(rfc3339(end.at)),
            next_try: end.next_try.map(rfc3339),
            lease_until: None,
        }),
    }
}
