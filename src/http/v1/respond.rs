//! Answers of /v1: pages, single resources with an ETag, nothing that a shared cache may keep.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::problem::Problem;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    /// The rows; they may be fewer than `limit`, even none, while there is a next page.
    pub items: Vec<T>,
    /// What to send as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// A page of the change feed, which has no end.
#[derive(Debug, Serialize, ToSchema)]
pub struct FeedBody<T> {
    /// The entries, at most `limit`.
    pub items: Vec<T>,
    /// What to send as `after` to go on, always there.
    pub next: String,
}

fn json(body: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(body).map_err(|error| {
        log::error!("v1: an answer is no JSON: {error}");
        Problem::Internal
    })
}

/// Anything but a single resource.
///
/// # Errors
/// [`Problem::Internal`] when it cannot be written as JSON.
pub fn fresh(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = json(body)?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).content_type("application/json").body(body))
}

/// Nothing but that it is done.
#[must_use]
pub fn nothing() -> HttpResponse {
    HttpResponse::NoContent().insert_header((CACHE_CONTROL, "no-store")).finish()
}

/// A page.
///
/// # Errors
/// As [`fresh`].
pub fn page<T: Serialize>(items: Vec<T>, next: Option<String>) -> Result<HttpResponse, Problem> {
    fresh(&PageBody { items, next })
}

/// A single resource: with an ETag, and 304 where the caller has this version.
///
/// The tag is the hash of what is sent. A revision would miss what is shown along with it, such as a reseller's name.
///
/// # Errors
/// As [`fresh`].
pub fn single(request: &HttpRequest, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = json(body)?;
    let tag = tag(&body);
    // A private cache may keep it, if it asks again each time.
    let headers = [(CACHE_CONTROL, "private, no-cache".to_owned()), (ETAG, tag.clone())];
    let mut response = if has(request, &tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    for header in headers {
        response.insert_header(header);
    }
    if has(request, &tag) {
        return Ok(response.finish());
    }
    Ok(response.content_type("application/json").body(body))
}

/// A single resource that was made, with where it is and the ETag that it has.
///
/// # Errors
/// As [`fresh`].
pub fn created(path: &str, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = json(body)?;
    let mut response = HttpResponse::Created();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((ETAG, tag(&body)));
    Ok(response.insert_header((LOCATION, path)).content_type("application/json").body(body))
}

/// Refuses a change of what is another version than `If-Match` names, where that is sent; says whether it is.
///
/// # Errors
/// [`Problem::PreconditionFailed`], and as [`fresh`].
pub fn require_match(request: &HttpRequest, body: &impl Serialize) -> Result<bool, Problem> {
    if !request.headers().contains_key(IF_MATCH) {
        return Ok(false);
    }
    if matches(request, body)? { Ok(true) } else { Err(Problem::PreconditionFailed) }
}

/// A single resource behind a change of it, with the ETag that it has now.
///
/// # Errors
/// As [`fresh`].
pub fn current(body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let body = json(body)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((ETAG, tag(&body)));
    Ok(response.content_type("application/json").body(body))
}

fn tag(body: &str) -> String {
    let digest = hex::encode(Sha256::digest(body.as_bytes()));
    format!("\"{}\"", digest.get(..32).unwrap_or_default())
}

/// Whether `If-Match` names what the resource is now; it is compared strongly, so weak tags match nothing (RFC 9110,
/// 13.1.1).
///
/// # Errors
/// As [`fresh`].
pub fn matches(request: &HttpRequest, body: &impl Serialize) -> Result<bool, Problem> {
    let tag = tag(&json(body)?);
    let mut headers = request.headers().get_all(IF_MATCH).filter_map(|header| header.to_str().ok());
    Ok(headers.any(|header| header.split(',').map(str::trim).any(|have| have == "*" || have == tag)))
}

/// Whether `If-None-Match` names this tag; it is compared weakly (RFC 9110, 13.1.2).
fn has(request: &HttpRequest, tag: &str) -> bool {
    request.headers().get_all(IF_NONE_MATCH).filter_map(|header| header.to_str().ok()).any(|header| {
        header.split(',').map(str::trim).any(|have| have == "*" || have.strip_prefix("W/").unwrap_or(have) == tag)
    })
}
