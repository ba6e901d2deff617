//! Runs of the reconciliation that this receiver works on: asked for, watched, read, cancelled.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use actix_web::web::{self, Bytes, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json, value::RawValue};
use tokio::time::Instant;

use super::Answered;
use super::change::entry;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::{Params, cursor};
use super::respond::{self, PageBody};
use crate::config::Config;
use crate::domain::operator::Visible;
use crate::domain::reconcile::{FindingKind, KeyField, Kinds, RunState, parse_duration};
use crate::http::body;
use crate::ops::reconcile::runs::{self, MAX_PLACES};
use crate::ops::reconcile::{Options, ReconcileError, looked_for};
use crate::store::reconciliations::{self, Asked, Stored};
use crate::store::seen::reconciliations::{self as seen, FindingFilter, Summed};
use crate::store::{AnyConnection, acknowledgements, audit};
use crate::wire::list::{Reading, Words, parse_word};
use crate::wire::reconcile::asked;
use crate::wire::reconcile::run::{LookedAt, RunView, by_kind};
use crate::wire::reconcile::show::{AcknowledgedView, FindingView, ProposalView};
use crate::wire::time::rfc3339;
use crate::writer::now_micros;

/// Bytes of a list that are written at once.
const PIECE: usize = 1024 * 1024;

/// How long a list may take to come, whatever its sender does. `body_timeout_seconds` bounds each pause.
const UPLOAD: Duration = Duration::from_secs(1_800);

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

/// What a run is asked for with.
struct Wanted {
    options: Options,
    reading: Reading,
    /// Parameters that are about a list were given.
    about_a_list: Option<&'static str>,
    only: Kinds,
    also: Kinds,
    said: Map<String, Value>,
}

fn wanted(request: &HttpRequest, config: &Config) -> Result<Wanted, Problem> {
    let mut params = Params::repeating(request, &["map", "word"])?;
    let mut said = Map::new();
    for (name, value) in params.iter() {
        match said.get_mut(name) {
            None => {
                said.insert(name.to_owned(), Value::from(value));
            }
            Some(Value::Array(values)) => values.push(Value::from(value)),
            Some(one) => *one = json!([one.clone(), value]),
        }
    }
    let about_a_list =
        ["map", "separator", "encoding", "word", "with_self_check"].into_iter().find(|name| said.contains_key(*name));
    let wrong = |name: &str, why: String| Problem::BadRequest(format!("The query parameter `{name}` {why}."));
    let mut map = Vec::new();
    for text in params.texts("map").iter().flat_map(|text| text.split(',')) {
        map.push(asked::mapped(text).map_err(|why| wrong("map", why))?);
    }
    let words = params.texts("word").iter().map(|text| parse_word(text)).collect::<Result<Vec<_>, _>>();
    let words = words.map_err(|why| wrong("word", why))?;
    let mut kinds = |name: &str| -> Result<Kinds, Problem> {
        let text = params.text(name).unwrap_or_default();
        text.split(',')
            .filter(|kind| !kind.is_empty())
            .map(|kind| asked::kind(kind.trim()).map_err(|why| wrong(name, format!("names \"{kind}\", which {why}"))))
            .collect()
    };
    let (only, also) = (kinds("check")?, kinds("also")?);
    let mut length = |name: &str, usual: i64| match params.text(name) {
        None => Ok(usual),
        Some(text) => parse_duration(&text).map_err(|why| wrong(name, why.to_owned())),
    };
    let usual = runs::self_check(config, now_micros());
    let (pending_after, flapping_within) =
        (length("pending_after", usual.pending_after)?, length("flapping_within", usual.flapping_within)?);
    let key = match params.text("key") {
        None => KeyField::PlatformId,
        Some(text) => asked::key(&text).map_err(|why| wrong("key", why))?,
    };
    let separator = params
        .text("separator")
        .map(|text| asked::separator(&text))
        .transpose()
        .map_err(|why| wrong("separator", why))?;
    let reading = Reading { key, map, separator, encoding: params.text("encoding"), words: Words::new(words) };
    let options = Options {
        self_check: params.flag("with_self_check")?,
        source: params.text("source"),
        tenant: params.text("tenant"),
        as_of: params.time("as_of")?,
        key,
        pending_after,
        flapping_within,
        ..usual
    };
    params.end()?;
    Ok(Wanted { options, reading, about_a_list, only, also, said })
}

/// Start a reconciliation
///
/// The body is the list: CSV with any separator, a JSON array, or JSON lines. Without a body it is the self-check. The
/// answer comes as soon as the list is there; `Location` says where to look for what is found. For provider_admin.
#[utoipa::path(
    post,
    path = "/v1/reconciliations",
    tag = "v1",
    params(
        ("map" = Option<Vec<String>>, Query, description = "How the list calls our columns, such as platform_id=CustomerNo,reseller_id=PartnerNo; several times."),
        ("key" = Option<String>, Query, description = "By what accounts are matched: platform_id (default), external_id, code or email."),
        ("separator" = Option<String>, Query, description = "What separates cells: one character, or tab; found in the header by default."),
        ("encoding" = Option<String>, Query, description = "The list's encoding, such as windows-1253; utf-8 by default."),
        ("word" = Option<Vec<String>>, Query, description = "What a word of the list means, such as Partner=reseller; several times."),
        ("source" = Option<String>, Query, description = "Only accounts of this source."),
        ("tenant" = Option<String>, Query, description = "Only accounts of this tenant."),
        ("as_of" = Option<String>, Query, description = "As it was, and as it was known, at this time (RFC 3339, or a day)."),
        ("check" = Option<String>, Query, description = "Look for these kinds only, separated by commas."),
        ("also" = Option<String>, Query, description = "Look for these kinds, too."),
        ("with_self_check" = Option<bool>, Query, description = "With a list: look also for what is wrong with our own data."),
        ("pending_after" = Option<String>, Query, description = "How long a customer may wait for its reseller, such as 36h."),
        ("flapping_within" = Option<String>, Query, description = "How long a way to another reseller and back may take, such as 30d."),
    ),
    request_body(content = String, description = "The list, as it is; none for the self-check.", content_type = "text/csv"),
    responses(
        (status = 202, description = "It waits for its turn.", body = RunView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many wait.", body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn start(operator: Operator, request: HttpRequest, mut payload: Payload) -> Answered {
    match started(&operator, &request, &mut payload).await {
        Ok(response) => Ok(response),
        Err(problem) => {
            // What is left of a list would be read as the next call, however long that takes.
            Ok(body::with_rest(problem.closing(), payload))
        }
    }
}

async fn started(operator: &Operator, request: &HttpRequest, payload: &mut Payload) -> Answered {
    operator.require_provider()?;
    let state = &operator.state;
    let Wanted { mut options, reading, about_a_list, only, also, said } = wanted(request, &state.config)?;
    let header =
        |name| request.headers().get(name).and_then(|value: &actix_web::http::header::HeaderValue| value.to_str().ok());
    if header(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/")) {
        let why =
            "Send the list itself as the body, such as with `curl --data-binary @customers.csv`; forms are not read.";
        return Err(Problem::UnsupportedMedia(why));
    }
    if header(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::UnsupportedMedia("Send the list as it is; compressed bodies are not read."));
    }
    let Some(place) = state.runs.place() else {
        return Err(Problem::TooMany(format!(
            "{MAX_PLACES} reconciliations wait here already. Send it again when one has ended; GET /v1/reconciliations \
             shows them."
        )));
    };
    let list = upload(operator, request, payload).await?;
    if let (None, Some(name)) = (&list, about_a_list) {
        return Err(Problem::BadRequest(format!(
            "The query parameter `{name}` is about a list, and the body is empty. Send the list as the body."
        )));
    }
    options.self_check |= list.is_none();
    options.kinds = looked_for(list.is_some(), options.self_check, only, also).map_err(|error| match error {
        ReconcileError::Usage(why) => Problem::BadRequest(format!("{why}. Send a list as the body.")),
        _ => Problem::Internal,
    })?;
    let asked = Asked {
        at: now_micros(),
        has_list: list.is_some(),
        slot: None,
        requested_by: Some(operator.name.clone()),
        options: Value::Object(said).to_string(),
        worker: state.runs.worker().to_owned(),
    };
    let against = if list.is_some() { "list" } else { "nothing" };
    let entry = entry(operator, "reconciliations.start", "", &json!({ "against": against }));
    let added = state.writer.work(move |connection| {
        let id = reconciliations::add(connection, &asked)?;
        let subject = id.map(|id| id.to_string()).unwrap_or_default();
        audit::record(connection, &audit::Entry { subject, ..entry.clone() })?;
        Ok(id)
    });
    let id = added.await?.ok_or(Problem::Internal)?;
    state.runs.submit(id, list.map(|file| (file, reading)), options, false, place);
    let shown = operator.read(move |connection, see| {
        let run = seen::one(connection, see, id)?.ok_or(Problem::NotFound)?;
        Ok(view(&run, see))
    });
    let text = serde_json::to_string(&shown.await?).map_err(|_| Problem::Internal)?;
    Ok(HttpResponse::Accepted()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((LOCATION, format!("/v1/reconciliations/{id}")))
        .content_type("application/json")
        .body(text))
}

/// Takes the body into a file that nobody else can open and that is gone with the run; none where it is empty.
async fn upload(operator: &Operator, request: &HttpRequest, payload: &mut Payload) -> Result<Option<File>, Problem> {
    let config = &operator.state.config;
    let most = config.reconcile.max_upload;
    let too_large = || Problem::ListTooLarge(most / (1024 * 1024));
    if body::announced(request).is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let until = Instant::now() + UPLOAD;
    let mut file: Option<File> = None;
    let (mut taken, mut waiting) = (0_u64, Vec::with_capacity(0));
    loop {
        let patience = until.min(Instant::now() + config.limits.body_timeout);
        let chunk: Option<Bytes> = body::chunk(payload, patience).await?;
        let ended = chunk.is_none();
        if let Some(chunk) = chunk {
            taken += chunk.len() as u64;
            if taken > most {
                return Err(too_large());
            }
            waiting.extend_from_slice(&chunk);
        }
        if waiting.len() >= PIECE || (ended && !waiting.is_empty()) {
            let (piece, into) = (std::mem::take(&mut waiting), file.take());
            let written = web::block(move || {
                let mut file = into.map_or_else(tempfile::tempfile, Ok)?;
                file.write_all(&piece)?;
                Ok::<_, std::io::Error>(file)
            });
            file = Some(written.await.map_err(|_| Problem::Internal)?.map_err(|error| {
                log::error!("v1: a list cannot be written to a temporary file: {error}");
                Problem::Unavailable
            })?);
        }
        if ended {
            break;
        }
    }
    if let Some(file) = &mut file {
        file.rewind().map_err(|_| Problem::Internal)?;
    }
    Ok(file)
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

/// Findings as they are shown, with who knows of them.
pub(super) fn shown(connection: &mut AnyConnection, stored: &[Stored]) -> Result<Vec<FindingView>, Problem> {
    let fingerprints: Vec<_> = stored.iter().map(|one| one.fingerprint).collect();
    let known = acknowledgements::of(connection, &fingerprints)?;
    let filled = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    stored
        .iter()
        .map(|one| {
            let proposal: ProposalView = serde_json::from_str(&one.proposal).map_err(|error| {
                log::error!("v1: a stored proposal cannot be read: {error}");
                Problem::Internal
            })?;
            Ok(FindingView {
                finding: one.kind.as_str(),
                source: one.source.clone(),
                tenant: one.tenant.clone(),
                id: one.account.map(|id| id.to_string()),
                platform_id: filled(&one.platform_id),
                external_id: filled(&one.external_id),
                ours: one.ours.clone(),
                theirs: one.theirs.clone(),
                since: one.since.map(rfc3339),
                delivery: one.delivery.map(|id| id.to_string()),
                line: one.line.and_then(|line| u64::try_from(line).ok()),
                proposal,
                explanation: one.explanation.clone(),
                fingerprint: one.fingerprint.to_string(),
                acknowledged: known
                    .get(&one.fingerprint)
                    .map(|known| AcknowledgedView::new(&known.note, &known.operator, known.at)),
            })
        })
        .collect()
}

/// List what a reconciliation found
///
/// In the order in which it came upon it. What was acknowledged is left out unless it is asked for. A reseller_admin sees
/// findings about its accounts that name no other reseller.
#[utoipa::path(
    get,
    path = "/v1/reconciliations/{reconciliation}/findings",
    tag = "v1",
    params(
        ("reconciliation" = String, Path, description = "Its id."),
        ("kind" = Option<String>, Query, description = "Of these kinds, separated by commas."),
        ("acknowledged" = Option<String>, Query, description = "false (default), true or all."),
        ("source" = Option<String>, Query, description = "Of this source."),
        ("tenant" = Option<String>, Query, description = "Of this tenant."),
        ("platform_id" = Option<String>, Query, description = "About the account with this platform ID."),
        ("q" = Option<String>, Query, description = "With this text in its IDs, its two sides or its explanation."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<FindingView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn findings(operator: Operator, id: Path<String>, request: HttpRequest) -> Answered {
    let mut params = Params::of(&request)?;
    let kinds = params.parsed("kind", "a list of kinds such as drift,flapping", |text| {
        text.split(',').map(|kind| FindingKind::parse(kind.trim())).collect::<Option<Vec<_>>>()
    })?;
    let acknowledged = params.parsed("acknowledged", "false, true or all", |text| match text {
        "false" => Some(Some(false)),
        "true" => Some(Some(true)),
        "all" => Some(None),
        _ => None,
    })?;
    let filter = FindingFilter {
        kinds: kinds.unwrap_or_default(),
        acknowledged: acknowledged.unwrap_or(Some(false)),
        source: params.text("source"),
        tenant: params.text("tenant"),
        platform_id: params.text("platform_id"),
        text: params.text("q"),
        fingerprint: None,
    };
    let (limit, after) = (params.limit()?, params.after::<2>("findings")?);
    params.end()?;
    let id = parse_id(&id)?;
    let after = match after {
        Some([run, position]) if run == id => Some(position),
        Some(_) => {
            let why = "The query parameter `after` is not the `next` of a page of this list.";
            return Err(Problem::BadRequest(why.to_owned()));
        }
        None => None,
    };
    let page = operator.read(move |connection, see| {
        reconciliations::find(connection, id)?.ok_or(Problem::NotFound)?;
        let page = seen::findings(connection, see, id, &filter, after, limit)?;
        Ok((shown(connection, &page.items)?, page.next))
    });
    let (items, next) = page.await?;
    respond::page(items, next.map(|position| cursor("findings", [id, position])))
}
