//! What a call presents of itself, read from its headers, and the gate behind it.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName};

use super::path::Found;
use crate::auth::gate::{self, Header, Presented, Verified};
use crate::http::error::Failure;
use crate::http::state::State;

const APPLICATION_ID: &str = "x-cloudplatform-applicationid";
const API_KEY: &str = "x-cloudplatform-apikey";
const TRACK_ID: &str = "x-cloudplatform-trackid";
const BASE_URI: &str = "x-cloudplatform-baseuri";
const SETTING: &str = "x-cloudplatform-setting-";

/// Longest TrackId kept, in characters.
const MAX_TRACK_ID: usize = 128;

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Header<'a> {
    let mut values = headers.get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => match value.to_str().map(str::trim) {
            Ok("") => Header::Absent,
            Ok(text) => Header::One(text),
            Err(_) => Header::Unreadable,
        },
        (Some(_), Some(_)) => Header::Unreadable,
    }
}

/// Lets a call in on its headers and the raw bytes of its body, before anything of it is parsed.
pub(super) fn authenticate(
    request: &HttpRequest,
    state: &State,
    found: &Found,
    body: &[u8],
    now: i64,
) -> Result<Verified, Failure> {
    let headers = request.headers();
    let presented = Presented {
        path_source: found.source.as_deref(),
        application_id: header(headers, APPLICATION_ID),
        api_key: header(headers, API_KEY),
        webhook_id: header(headers, "webhook-id"),
        webhook_timestamp: header(headers, "webhook-timestamp"),
        webhook_signature: header(headers, "webhook-signature"),
        hub_signature: header(headers, "x-hub-signature-256"),
        body,
    };
    let second = now.div_euclid(1_000_000);
    match gate::authenticate(&state.credentials, &presented, second) {
        Ok(verified) => {
            if let Some(source) = state.credentials.get(verified.source) {
                for (kind, fingerprint) in &verified.credentials {
                    state.metrics.credential_used(source.id.as_str(), *kind, fingerprint.as_str(), second);
                }
            }
            if state.may_call(verified.source) { Ok(verified) } else { Err(Failure::TooManyCalls) }
        }
        Err(refusal) => {
            state.metrics.refused(refusal);
            let track = track_id(request);
            log::warn!(
                "call code=1401 endpoint={} reason={} track={}",
                found.target.name(),
                refusal.as_str(),
                track.as_deref().unwrap_or("-")
            );
            Err(Failure::NotAuthenticated)
        }
    }
}

/// The TrackId, if it is one visible line.
pub(super) fn track_id(request: &HttpRequest) -> Option<String> {
    match header(request.headers(), TRACK_ID) {
        Header::One(text) => Some(text.chars().take(MAX_TRACK_ID).collect()),
        Header::Absent | Header::Unreadable => None,
    }
}

/// A setting's header. Partners' names need not be ASCII, so its bytes are taken as UTF-8.
pub(super) fn setting(request: &HttpRequest, field: &str) -> Result<Option<String>, &'static str> {
    let Ok(name) = HeaderName::try_from(format!("{SETTING}{}", field.to_ascii_lowercase())) else {
        return Ok(None);
    };
    let mut values = request.headers().get_all(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err("comes twice"),
        (Some(value), None) => match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Err(_) => Err("is no UTF-8"),
        },
    }
}

/// The headers that matter to whoever asks later, as one JSON object. Keys, signatures, tokens and settings are left out.
pub(super) fn kept(request: &HttpRequest, verified: &Verified) -> String {
    let mut kept = serde_json::Map::new();
    for name in ["content-type", "x-api-version", BASE_URI, "webhook-timestamp", "user-agent"] {
        if let Header::One(text) = header(request.headers(), name) {
            kept.insert(name.to_owned(), text.chars().take(256).collect::<String>().into());
        }
    }
    let credentials: Vec<String> =
        verified.credentials.iter().map(|(kind, print)| format!("{}:{}", kind.as_str(), print.as_str())).collect();
    kept.insert("credentials".to_owned(), credentials.into());
    serde_json::Value::Object(kept).to_string()
}
