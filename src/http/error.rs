//! The one place where failures become HTTP. Every code has its status here, and every answer the platforms' shape.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::{Answer, Code, Outcome};
use crate::wire::answer;
use crate::writer::SubmitError;

/// Seconds after which a platform should try again. An action in progress is retried every 5 s (protocol.md, "The
/// account"), so more would only be ignored.
const RETRY_SECONDS: u32 = 5;

/// A call that gets no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Not let in.
    NotAuthenticated,
    /// No endpoint of this path.
    NoSuchEndpoint,
    /// The endpoint answers another method.
    WrongMethod(&'static str),
    /// The body came too slowly.
    BodyTooSlow,
    /// The body is too large.
    BodyTooLarge,
    /// The body broke off.
    BodyBroken,
    /// More calls than the source may send.
    TooManyCalls,
    /// Our fault.
    Internal,
    /// The database cannot take it now.
    Unavailable,
}

impl Failure {
    /// The code answered.
    #[must_use]
    pub fn code(self) -> Code {
        match self {
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::NoSuchEndpoint => Code::NoSuchEndpoint,
            Self::WrongMethod(_) => Code::WrongMethod,
            Self::BodyTooSlow => Code::BodyTooSlow,
            Self::BodyTooLarge => Code::BodyTooLarge,
            Self::BodyBroken => Code::Malformed,
            Self::TooManyCalls => Code::TooManyCalls,
            Self::Internal => Code::Internal,
            Self::Unavailable => Code::Unavailable,
        }
    }

    /// What the reader is told to do next. Nothing of a cause.
    fn message(self) -> &'static str {
        match self {
            Self::NotAuthenticated => {
                "Not authenticated. Send X-CloudPlatform-ApplicationId and X-CloudPlatform-APIKey of one source, and a \
                 valid signature where the source asks for one."
            }
            Self::NoSuchEndpoint => "No such endpoint. See GET Discovery for those that there are.",
            Self::WrongMethod(_) => "This endpoint answers another method; see the Allow header.",
            Self::BodyTooSlow => "The body came too slowly. Send the call again.",
            Self::BodyTooLarge => "The body is larger than 256 KiB.",
            Self::BodyBroken => "The body broke off. Send the call again.",
            Self::TooManyCalls => "Too many calls. Send the call again later.",
            Self::Internal => "The call failed here. Send it again; if it fails again, give the vendor its TrackId.",
            Self::Unavailable => "It is not certain that the call was stored. Send it again; that is always safe.",
        }
    }

    /// The answer over HTTP.
    #[must_use]
    pub fn respond(self) -> HttpResponse {
        let mut response = HttpResponse::build(status(self.code()));
        match self {
            Self::WrongMethod(allowed) => {
                response.insert_header((ALLOW, allowed));
            }
            Self::TooManyCalls | Self::Unavailable => {
                response.insert_header((RETRY_AFTER, RETRY_SECONDS.to_string()));
            }
            // What is left of the body would be read as the next call.
            Self::BodyTooSlow | Self::BodyTooLarge | Self::BodyBroken => {
                response.force_close();
            }
            Self::NotAuthenticated | Self::NoSuchEndpoint | Self::Internal => {}
        }
        with(&mut response, &Answer::refused(self.code(), self.message()))
    }
}

impl From<SubmitError> for Failure {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full | SubmitError::Unavailable | SubmitError::ShuttingDown => Self::Unavailable,
            SubmitError::Failed => Self::Internal,
        }
    }
}

/// The table of design.md, "Answers to platforms".
fn status(code: Code) -> StatusCode {
    match code {
        Code::Done
        | Code::Exists
        | Code::Unclassifiable
        | Code::InvalidOption
        | Code::Conflict
        | Code::UnknownAccount
        | Code::RuleBroken => StatusCode::OK,
        Code::Malformed => StatusCode::BAD_REQUEST,
        Code::NotAuthenticated => StatusCode::UNAUTHORIZED,
        Code::NoSuchEndpoint => StatusCode::NOT_FOUND,
        Code::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
        Code::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
        Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::TooManyCalls => StatusCode::TOO_MANY_REQUESTS,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn with(response: &mut HttpResponseBuilder, answer: &Answer) -> HttpResponse {
    response.content_type("application/json").body(answer::json(answer))
}

/// Tells replay tools what became of a call: the protocol's own answer does not tell a repeat or a stale call from one
/// that was applied. Platforms do not look at it.
pub const OUTCOME_HEADER: &str = "X-Tiersync-Outcome";

/// The answer of a delivery. 1001 is 400 only where the body is no JSON at all.
#[must_use]
pub fn answered(answer: &Answer, outcome: Outcome, not_json: bool) -> HttpResponse {
    let status = match answer.code {
        Code::Malformed if !not_json => StatusCode::OK,
        code => status(code),
    };
    with(HttpResponse::build(status).insert_header((OUTCOME_HEADER, outcome.as_str())), answer)
}

/// The answer of a machine endpoint to anything but GET.
pub async fn wrong_method() -> HttpResponse {
    Failure::WrongMethod("GET").respond()
}
