//! Starts a run: what is asked for, and the list that comes with it.

use super::view;
use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use actix_web::web::{self, Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::config::Config;
use crate::domain::reconcile::{KeyField, Kinds, parse_duration};
use crate::http::body;
use crate::http::v1::Answered;
use crate::http::v1::change::entry;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::{Problem, ProblemBody};
use crate::http::v1::query::Params;
use crate::ops::reconcile::runs::{self, MAX_PLACES};
use crate::ops::reconcile::{Options, ReconcileError, looked_for};
use crate::store::audit;
use crate::store::reconciliations::{self, Asked};
use crate::store::seen::reconciliations::{self as seen};
use crate::wire::list::{Reading, Words, parse_word};
use crate::wire::reconcile::asked;
use crate::wire::reconcile::run::RunView;
use crate::writer::now_micros;

/// Bytes of a list that are written at once.
const PIECE: usize = 1024 * 1024;

/// How long a list may take to come, whatever its sender does. `body_timeout_seconds` bounds each pause.
const UPLOAD: Duration = Duration::from_secs(1_800);

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
