//! What the platform asks of us: options, settings, products, and which endpoints there are.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::path::{Description, Found, Target};
use super::presented;
use crate::http::body;
use crate::http::error::Failure;
use crate::http::state::State;
use crate::wire::definitions;
use crate::writer::now_micros;

/// Answers a description.
pub(super) async fn answer(
    request: &HttpRequest,
    payload: &mut Payload,
    state: &Data<State>,
    found: &Found,
    description: Description,
) -> Result<HttpResponse, Failure> {
    let bytes = body::read(request, payload, state.config.limits.body_timeout).await?;
    let verified = presented::authenticate(request, state, found, &bytes, now_micros())?;
    let source = state.config.sources.get(verified.source).ok_or(Failure::Internal)?;
    let json = |body: &str| HttpResponse::Ok().content_type("application/json").body(body.to_owned());
    let response = match description {
        Description::SyncOptions => shown(&definitions::sync_options(&state.config.sync_options)),
        Description::Fields => shown(&definitions::fields(&state.config.fields)),
        Description::ServiceDefinition => json(&state.config.service_definition),
        Description::AdditionalInfo => json(&state.config.additional_info),
        Description::Discovery => {
            let endpoints: Vec<(&str, &str, bool)> =
                Target::ALL.into_iter().map(|target| (target.name(), target.method(), target.has_precheck())).collect();
            let base_url = base_url(request, state, found);
            shown(&definitions::discovery(&base_url, source.policy.reseller_support, &endpoints))
        }
    };
    log::info!(
        "call source={} endpoint={} track={}",
        source.credentials.id,
        Target::Describe(description).name(),
        presented::track_id(request).as_deref().unwrap_or("-")
    );
    Ok(response)
}

fn shown<T: Serialize>(body: &T) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// The URL that the caller reached us by, or the configured one, with the prefix that it used.
fn base_url(request: &HttpRequest, state: &State, found: &Found) -> String {
    match &state.config.public_url {
        Some(url) => format!("{url}{}", found.prefix),
        None => {
            let connection = request.connection_info();
            format!("{}://{}{}", connection.scheme(), connection.host(), found.prefix)
        }
    }
}
