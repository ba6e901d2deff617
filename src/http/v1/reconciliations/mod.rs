//! Runs of the reconciliation that this receiver works on: asked for, watched, read, cancelled.

pub mod findings;
pub mod start;

use std::time::Duration;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{json, value::RawValue};
use tokio::time::Instant;

use crate::domain::operator::Visible;
use crate::domain::reconcile::RunState;
use crate::http::v1::Answered;
use crate::http::v1::change::entry;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::{Params, cursor};
use crate::http::v1::respond::{self, PageBody};
use crate::ops::reconcile::runs::{self};
use crate::store::audit;
use crate::store::reconciliations::{self};
use crate::store::seen::reconciliations::{self as seen, Summed};
use crate::wire::reconcile::run::{LookedAt, RunView, by_kind};
use crate::wire::time::rfc3339;
use crate::writer::now_micros;

/// Longest that somebody may wait for a run's end in one call.
const MAX_WAIT: u64 = 60;

/// How often a run is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(200);

/// What is said of a cancelled run.
fn cancelled(by: &str) -> String {
    format!("cancelled by {by}")
}

/// A run as this operator sees it: what is told of everybody is not for a reseller_admin.
fn view((run, sums): &Summed, see: &Visible) -> RunView {
    let everything = *see == Visible::All;
    let (findings, acknowledged) = (sums.loud.total(), sums.acknowledged.total());
    let told = || run.told.lines().map(str::to_owned).collect();
    let finished = run.state == RunState::Done;
    RunView {
        id: run.id.to_string(),
        state: run.state.as_str(),
        reason: run.reason.clone().filter(|_| everything),
        against: if run.has_list { "list" } else { "nothing" },
        scheduled: run.scheduled,
        requested_by: run.requested_by.clone().filter(|_| everything),
        requested_at: rfc3339(run.id),
        started_at: run.started_at.map(rfc3339),
        finished_at: run.finished_at.map(rfc3339),
        options: RawValue::from_string(run.options.clone()).ok().filter(|_| everything),
        accounts: (everything && finished).then_some(LookedAt { ours: run.ours, theirs: run.theirs }),
        findings,
        counts: by_kind(&sums.loud),
        acknowledged,
        acknowledged_counts: by_kind(&sums.acknowledged),
        listed: everything.then_some(run.stored),
        cut: everything && finished && i64::try_from(findings + acknowledged).is_ok_and(|found| found > run.stored),
        troubles: (everything && finished).then_some(run.troubles),
        told: if everything { told() } else { Vec::new() },
    }
}

fn parse_id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::NotFound)
}

/// List reconciliations
///
/// Newest first: those asked for here, and the self-checks of the schedule. A reseller_admin sees what was found about its
/// accounts counted.
#[utoipa::path(
    get,
    path = "/v1/reconciliations",
    tag = "v1",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<RunView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(operator: Operator, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let (limit, after) = (params.limit()?, params.after::<1>("reconciliations")?);
    params.end()?;
    let page = operator.read(move |connection, see| {
        let page = seen::list(connection, see, after.map(|[id]| id), limit)?;
        Ok((page.items.iter().map(|run| view(run, see)).collect::<Vec<_>>(), page.next))
    });
    let (items, next) = page.await?;
    respond::page(items, next.map(|id| cursor("reconciliations", [id])))
}

/// Show one reconciliation
///
/// `wait` answers as soon as it has ended, or after so many seconds.
#[utoipa::path(
    get,
    path = "/v1/reconciliations/{reconciliation}",
    tag = "v1",
    params(
        ("reconciliation" = String, Path, description = "Its id."),
        ("wait" = Option<u32>, Query, description = "Wait for its end for at most so many seconds, up to 60."),
    ),
    responses(
        (status = 200, body = RunView),
        (status = 304, description = "The caller has this version, by If-None-Match."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let within = |text: &str| text.parse::<u64>().ok().filter(|seconds| *seconds <= MAX_WAIT);
    let wait = params.parsed("wait", "a number of seconds up to 60", within)?.unwrap_or(0);
    params.end()?;
    let id = parse_id(&id)?;
    let until = Instant::now() + Duration::from_secs(wait);
    while Instant::now() < until {
        let state = operator.read(move |connection, _| Ok(reconciliations::find(connection, id)?.map(|run| run.state)));
        if state.await?.is_none_or(RunState::is_finished) {
            break;
        }
        tokio::time::sleep_until(until.min(Instant::now() + LOOK)).await;
    }
    let shown = operator.read(move |connection, see| {
        let run = seen::one(connection, see, id)?.ok_or(Problem::NotFound)?;
        Ok(view(&run, see))
    });
    respond::single(&request, &shown.await?)
}

/// Cancel or remove a reconciliation
///
/// One that has not ended is cancelled and stays as failed; one that has ended is removed with what it found. For
/// provider_admin.
#[utoipa::path(
    delete,
    path = "/v1/reconciliations/{reconciliation}",
    tag = "v1",
    params(("reconciliation" = String, Path, description = "Its id.")),
    responses(
        (status = 204, description = "It is cancelled, or removed."),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn end(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    operator.require_provider()?;
    Params::of(&request)?.end()?;
    let id = parse_id(&id)?;
    let run =
        operator.read(move |connection, _| reconciliations::find(connection, id)?.ok_or(Problem::NotFound)).await?;
    let action = if run.state.is_finished() { "reconciliations.remove" } else { "reconciliations.cancel" };
    let entry = entry(&operator, action, &id.to_string(), &json!({}));
    let (why, now) = (cancelled(&operator.name), now_micros());
    let ended = operator.state.writer.work(move |connection| {
        let cancelled = reconciliations::fail(connection, id, now, &why, false)?;
        if cancelled || run.state.is_finished() {
            audit::record(connection, &entry)?;
        }
        Ok(cancelled)
    });
    if !ended.await? && run.state.is_finished() {
        let writer = operator.state.writer.clone();
        web::block(move || runs::remove(&writer, id)).await.map_err(|_| Problem::Internal)??;
    }
    let state = operator.state.clone();
    // Whoever works on it sees that somebody ended it; it stops with its next look.
    let beaten = web::block(move || state.runs.beat(&state.writer, now_micros())).await;
    if !matches!(beaten, Ok(Ok(()))) {
        log::debug!("a cancelled reconciliation ends a little later");
    }
    Ok(HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish())
}
