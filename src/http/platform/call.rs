//! A call that becomes a delivery: let in, read, submitted, answered.

use std::collections::BTreeMap;
use std::time::Instant;

use actix_web::http::header::CONTENT_ENCODING;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};

use super::path::Found;
use super::presented;
use crate::auth::gate::Verified;
use crate::config::{MissingTenant, Source};
use crate::domain::call::{Call, Endpoint, Intent, Request};
use crate::domain::ids::{Scope, Tenant};
use crate::domain::outcome::Code;
use crate::http::body;
use crate::http::error::{self, Failure};
use crate::http::state::State;
use crate::ops::shape::Fresh;
use crate::wire::intent::{self, Reading};
use crate::writer::Answered;
use crate::writer::now_micros;

/// Answers a call of a platform.
pub(super) async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    state: &Data<State>,
    found: &Found,
    endpoint: Endpoint,
) -> Result<HttpResponse, Failure> {
    let bytes = body::read(request, payload, state.config.limits.body_timeout).await?;
    let (began, received_at) = (Instant::now(), now_micros());
    let verified = presented::authenticate(request, state, found, &bytes, received_at)?;
    let source = state.config.sources.get(verified.source).ok_or(Failure::Internal)?;
    let call = read(request, state, source, &verified, endpoint, &bytes, received_at);
    let not_json = matches!(call.intent, Intent::Refused { not_json: true, .. });
    let track = call.request.track_id.clone();
    let answered = state.writer.submit(call, source.policy.clone()).await?;
    let code = answered.answer.code.number();
    let name = source.credentials.id.as_str();
    state.metrics.answered((verified.source, name), endpoint.as_str(), answered.outcome, code, began.elapsed());
    log_call(name, endpoint, &verified, track.as_deref(), &answered);
    Ok(respond(endpoint, &answered, not_json))
}

/// One line a call: never a body, a secret or personal data.
fn log_call(source: &str, endpoint: Endpoint, verified: &Verified, track: Option<&str>, answered: &Answered) {
    let (kind, print) = verified.credentials.last().map_or(("-", "-"), |(kind, print)| (kind.as_str(), print.as_str()));
    log::info!(
        "call delivery={} source={source} endpoint={} outcome={} code={} track={} credential={kind}:{print}",
        answered.delivery,
        endpoint.as_str(),
        answered.outcome.as_str(),
        answered.answer.code.number(),
        track.unwrap_or("-"),
    );
}

/// `Fields/Validate` answers a bare list of complaints; everything else the one shape.
fn respond(endpoint: Endpoint, answered: &Answered, not_json: bool) -> HttpResponse {
    match (&answered.answer.result, endpoint, answered.answer.code) {
        (Some(complaints), Endpoint::ValidateFields, Code::Done) => {
            let outcome = (error::OUTCOME_HEADER, answered.outcome.as_str());
            HttpResponse::Ok().content_type("application/json").insert_header(outcome).body(complaints.clone())
        }
        _ => error::answered(&answered.answer, answered.outcome, not_json),
    }
}

/// From bytes to a call. Everything that is wrong with it becomes a refusal that the ledger keeps.
fn read(
    request: &HttpRequest,
    state: &State,
    source: &Source,
    verified: &Verified,
    endpoint: Endpoint,
    bytes: &[u8],
    received_at: i64,
) -> Call {
    let (settings, settings_refusal) = settings(request, state, endpoint);
    let reading = Reading {
        endpoint,
        body: bytes,
        query: request.uri().query().unwrap_or_default(),
        is_secret_option: &|id| state.config.is_secret_option(id),
        secret_options: &|| state.config.secret_options(),
        fields: &state.config.fields,
        settings,
    };
    let read = match encoding(request) {
        Some(refusal) => intent::unread(&reading, bytes, refusal, true),
        None => intent::read_seen(reading, &|root| {
            let fresh =
                state.shapes.observe(verified.source, root, received_at, &|id| state.config.is_secret_option(id));
            if fresh != Fresh::default() {
                state.metrics.shape_new(source.credentials.id.as_str(), fresh);
            }
        }),
    };
    let (tenant, tenant_refusal) = tenant(request, source, endpoint);
    let platform_id = platform_id(&read.intent);
    let intent = match (&read.intent, tenant_refusal.or(settings_refusal)) {
        (Intent::Refused { .. }, _) | (_, None) => read.intent,
        (_, Some(refusal)) => intent::refused(&refusal, false, platform_id),
    };
    let second = received_at.div_euclid(1_000_000);
    let event_second = match verified.signed_second {
        Some(signed) if verified.replayed => signed.min(second),
        _ => second,
    };
    Call {
        scope: Scope { source: source.credentials.id.clone(), tenant },
        endpoint,
        check_only: read.check_only,
        replayed: verified.replayed,
        event_second,
        received_at,
        signed_id: verified.signed_id.clone(),
        intent,
        again: None,
        request: Request {
            path: request.uri().path().chars().take(1024).collect(),
            track_id: presented::track_id(request),
            headers: presented::kept(request, verified),
            digest: Sha256::digest(&read.stored_body).into(),
            body: read.stored_body,
        },
    }
}

fn platform_id(intent: &Intent) -> Option<crate::domain::ids::PlatformId> {
    match intent {
        Intent::Synchronize(submitted) => Some(submitted.id.clone()),
        Intent::Service(order) => Some(order.account.id.clone()),
        Intent::Delete { id, .. } | Intent::Exists { id } | Intent::IsReseller { id } => Some(id.clone()),
        Intent::Refused { .. } | Intent::Validated { .. } => None,
    }
}

/// Compressed bodies are refused: a small one may unfold to a huge one.
fn encoding(request: &HttpRequest) -> Option<&'static str> {
    let encodings: Vec<_> = request.headers().get_all(CONTENT_ENCODING).collect();
    let plain = encodings.iter().all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    (!plain).then_some("Compressed bodies are refused. Send the call without Content-Encoding.")
}

/// The tenant that the call belongs to, or why it belongs to none.
fn tenant(request: &HttpRequest, source: &Source, endpoint: Endpoint) -> (Tenant, Option<String>) {
    let Some(rule) = &source.tenant else {
        return (Tenant::none(), None);
    };
    let refused = |what: String| (Tenant::none(), Some(what));
    let header = &rule.setting;
    match presented::setting(request, header) {
        Ok(Some(text)) => match Tenant::parse(&text) {
            Ok(tenant) => (tenant, None),
            Err(error) => refused(format!("X-CloudPlatform-Setting-{header} {error}.")),
        },
        // Settings that are being validated are not in force yet, so their header may be missing.
        Ok(None) if endpoint == Endpoint::ValidateFields || rule.missing == MissingTenant::Default => {
            (Tenant::none(), None)
        }
        Ok(None) => refused(format!("X-CloudPlatform-Setting-{header} is missing: whose account is this?")),
        Err(what) => refused(format!("X-CloudPlatform-Setting-{header} {what}.")),
    }
}

/// Settings that come in headers count for `Fields/Validate` where the body does not have them.
fn settings(request: &HttpRequest, state: &State, endpoint: Endpoint) -> (BTreeMap<String, String>, Option<String>) {
    let mut settings = BTreeMap::new();
    if endpoint != Endpoint::ValidateFields {
        return (settings, None);
    }
    for field in state.config.fields.iter() {
        match presented::setting(request, &field.id) {
            Ok(Some(text)) => {
                settings.insert(field.id.clone(), text);
            }
            Ok(None) => {}
            Err(what) => return (settings, Some(format!("X-CloudPlatform-Setting-{} {what}.", field.id))),
        }
    }
    (settings, None)
}
