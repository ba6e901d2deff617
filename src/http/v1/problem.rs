//! The one place where failures under /v1 become HTTP: problem documents (RFC 9457).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::Failure;
use crate::store::StoreError;
use crate::writer::SubmitError;

/// Seconds after which a call that could not be answered may be sent again.
const RETRY_SECONDS: u32 = 5;

/// A call under /v1 that gets no answer of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No token, or none that is good.
    NotAuthenticated,
    /// The role may not do this, whatever it is about.
    Forbidden,
    /// There is no such thing, or it is not for this operator to see: the two look the same.
    NotFound,
    /// What would answer is not configured, and how it is.
    NotConfigured(&'static str),
    /// The path answers other methods: these.
    MethodNotAllowed(&'static str),
    /// A query parameter, a part of the path or a field of the body is wrong, and how.
    BadRequest(String),
    /// It contradicts what is there, and how.
    Conflict(String),
    /// It was there once, and what to do now.
    Gone(String),
    /// As many wait for the change feed as may.
    TooManyWait,
    /// The resource is another version than `If-Match` names.
    PreconditionFailed,
    /// The body is larger than [`super::MAX_BODY`].
    BodyTooLarge,
    /// The list is larger than so many MiB.
    ListTooLarge(u64),
    /// The body came too slowly.
    BodyTooSlow,
    /// The body is no JSON by its Content-Type.
    NotJson,
    /// The body is in a form that is not read, and which one is.
    UnsupportedMedia(&'static str),
    /// Too much waits already, and what to do.
    TooMany(String),
    /// Our fault. The cause goes to the log.
    Internal,
    /// The database cannot answer now.
    Unavailable,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Names the kind of problem for ever.
    #[serde(rename = "type")]
    #[schema(example = "urn:tiersync:problem:not_found")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong with this call, and what to do next.
    pub detail: String,
    /// The end of `type`, for programs.
    pub code: &'static str,
}

impl Problem {
    /// The table: code, title and status of every problem.
    fn row(&self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::NotAuthenticated => ("not_authenticated", "Not authenticated", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", "Not for this role", StatusCode::FORBIDDEN),
            Self::NotConfigured(_) => ("not_configured", "Not configured", StatusCode::NOT_FOUND),
            Self::NotFound => ("not_found", "Not found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed(_) => ("method_not_allowed", "Method not allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::BadRequest(_) => ("bad_request", "Bad request", StatusCode::BAD_REQUEST),
            Self::Conflict(_) => ("conflict", "Conflict", StatusCode::CONFLICT),
            Self::Gone(_) => ("gone", "Gone", StatusCode::GONE),
            Self::TooManyWait => ("too_many_wait", "Too many wait", StatusCode::TOO_MANY_REQUESTS),
            Self::PreconditionFailed => ("precondition_failed", "Another version", StatusCode::PRECONDITION_FAILED),
            Self::BodyTooLarge | Self::ListTooLarge(_) => {
                ("body_too_large", "Body too large", StatusCode::PAYLOAD_TOO_LARGE)
            }
            Self::BodyTooSlow => ("body_too_slow", "Body too slow", StatusCode::REQUEST_TIMEOUT),
            Self::NotJson => ("not_json", "Not JSON", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::UnsupportedMedia(_) => {
                ("unsupported_media", "Unsupported media type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::TooMany(_) => ("too_many", "Too many", StatusCode::TOO_MANY_REQUESTS),
            Self::Internal => ("internal", "Internal error", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable => ("unavailable", "Unavailable", StatusCode::SERVICE_UNAVAILABLE),
        }
    }

    /// What is told of this one call. Nothing of a cause.
    fn detail(&self) -> String {
        let text = match self {
            Self::NotAuthenticated => {
                "Send `Authorization: Bearer tsk_…` with a token that is neither expired nor revoked; `tiersync operator \
                 add` makes one."
            }
            Self::Forbidden => "The role of this operator does not cover this. GET /v1/me shows the role.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed(_) => "This path answers other methods; see the Allow header.",
            Self::BadRequest(detail) | Self::Conflict(detail) | Self::Gone(detail) | Self::TooMany(detail) => detail,
            Self::ListTooLarge(mib) => {
                return format!(
                    "The list is larger than {mib} MiB; `max_upload_mib` below `[reconcile]` allows more, and \
                     `tiersync reconcile --against` knows no bound."
                );
            }
            Self::UnsupportedMedia(detail) | Self::NotConfigured(detail) => detail,
            Self::TooManyWait => {
                "Too many callers, or too many calls of this token, wait for changes already. Ask without `wait`, or later."
            }
            Self::PreconditionFailed => {
                "It changed since it was read. Read it again, then send the change with its new ETag in If-Match."
            }
            Self::BodyTooLarge => "The body is larger than 4 MiB.",
            Self::BodyTooSlow => "The body came too slowly, or broke off. Send the call again.",
            Self::NotJson => "Send the body as `Content-Type: application/json`.",
            Self::Internal => "The call failed here; the receiver's log says why.",
            Self::Unavailable => "The database cannot answer now. Send the call again.",
        };
        text.to_owned()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().0)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.row().2
    }

    fn error_response(&self) -> HttpResponse {
        self.answer(false)
    }
}

impl Problem {
    /// The answer to a call whose body was not read to its end.
    #[must_use]
    pub fn closing(&self) -> HttpResponse {
        self.answer(true)
    }

    fn answer(&self, close: bool) -> HttpResponse {
        let (code, title, status) = self.row();
        let mut response = HttpResponse::build(status);
        if close {
            response.force_close();
        }
        match self {
            Self::NotAuthenticated => {
                response.insert_header((WWW_AUTHENTICATE, "Bearer realm=\"tiersync\""));
            }
            Self::MethodNotAllowed(allowed) => {
                response.insert_header((ALLOW, *allowed));
            }
            Self::Unavailable | Self::TooManyWait | Self::TooMany(_) => {
                response.insert_header((RETRY_AFTER, RETRY_SECONDS.to_string()));
            }
            // What is left of the body would be read as the next call.
            Self::BodyTooLarge | Self::ListTooLarge(_) | Self::BodyTooSlow => {
                response.force_close();
            }
            Self::Forbidden
            | Self::NotFound
            | Self::NotConfigured(_)
            | Self::BadRequest(_)
            | Self::Conflict(_)
            | Self::Gone(_)
            | Self::PreconditionFailed
            | Self::NotJson
            | Self::UnsupportedMedia(_)
            | Self::Internal => {}
        }
        let kind = format!("urn:tiersync:problem:{code}");
        let body = ProblemBody { kind, title, status: status.as_u16(), detail: self.detail(), code };
        response
            .insert_header((CACHE_CONTROL, "no-store"))
            .content_type("application/problem+json")
            .body(serde_json::to_string(&body).unwrap_or_default())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_)
            | StoreError::Contended(_)
            | StoreError::Held(_)
            | StoreError::PlacesTaken
            | StoreError::CommitLost(_) => {
                log::warn!("v1: {error}");
                Self::Unavailable
            }
            StoreError::Corrupt(_) | StoreError::Failed(_) => {
                log::error!("v1: {error}");
                Self::Internal
            }
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full | SubmitError::Unavailable | SubmitError::ShuttingDown => Self::Unavailable,
            SubmitError::Failed => Self::Internal,
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotAuthenticated => Self::NotAuthenticated,
            Failure::NoSuchEndpoint => Self::NotFound,
            Failure::WrongMethod(allowed) => Self::MethodNotAllowed(allowed),
            Failure::BodyTooSlow | Failure::BodyBroken => Self::BodyTooSlow,
            Failure::BodyTooLarge => Self::BodyTooLarge,
            Failure::TooManyCalls | Failure::Unavailable => Self::Unavailable,
            Failure::Internal => Self::Internal,
        }
    }
}
