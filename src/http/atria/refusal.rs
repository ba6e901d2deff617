//! The one place where what this dialect refuses becomes HTTP: an `error` in XML, with the codes of the platforms' answers.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::auth::basic::CHALLENGE;
use crate::domain::moves;
use crate::domain::outcome::Code;
use crate::http::error::Failure;
use crate::http::v1::problem::Problem;
use crate::wire::atria::{self, Unread};
use crate::writer::SubmitError;

/// Seconds after which a call that could not be answered may be sent again.
const RETRY_SECONDS: u32 = 5;

/// A call that moves nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No credentials, or none that are good.
    NotAuthenticated,
    /// The operator changes nothing, whatever it is about.
    Forbidden,
    /// There is no such page.
    NoSuchPage,
    /// The page answers POST alone.
    WrongMethod,
    /// The body is compressed.
    Compressed,
    /// The body is no request that is answered here.
    Unread(Unread),
    /// A name that is nobody's, or several accounts'.
    Unnamed(String),
    /// A rule is against it: why, and what to do next.
    Rule(Code, String),
    /// Several things are in the way of the move: all of them, at least one.
    Rules(Vec<moves::Refusal>),
    /// The body is too large, too slow or broken.
    Body(Failure),
    /// Our fault. The cause is in the log.
    Internal,
    /// The database cannot answer now.
    Unavailable,
}

impl Refusal {
    /// The code answered.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::NotAuthenticated => Code::NotAuthenticated,
            Self::Forbidden => Code::RuleBroken,
            Self::NoSuchPage => Code::NoSuchEndpoint,
            Self::WrongMethod => Code::WrongMethod,
            Self::Compressed | Self::Unread(_) => Code::Malformed,
            Self::Unnamed(_) => Code::UnknownAccount,
            Self::Rule(code, _) => *code,
            Self::Rules(reasons) => reasons.first().map_or(Code::RuleBroken, |first| first.code),
            Self::Body(failure) => failure.code(),
            Self::Internal => Code::Internal,
            Self::Unavailable => Code::Unavailable,
        }
    }

    /// WebClient throws the bodies of all but 200 away, so what a person is to read is 200.
    fn status(&self) -> StatusCode {
        match self {
            Self::Unnamed(_) | Self::Rule(..) | Self::Rules(_) | Self::Unread(Unread::NotUnderstood(_)) => {
                StatusCode::OK
            }
            Self::Unread(Unread::NotXml(_)) => StatusCode::BAD_REQUEST,
            Self::NotAuthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Compressed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(Failure::BodyTooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(Failure::BodyTooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the reader is told to do next. Nothing of a cause.
    fn message(&self) -> String {
        let text = match self {
            Self::NotAuthenticated => {
                "Not authenticated. Send the name of an operator and, as its password, a token that is neither expired nor \
                 revoked; `tiersync operator add` makes one."
            }
            Self::Forbidden => {
                "A viewer changes nothing. Use an operator that is a provider_admin or a reseller_admin."
            }
            Self::NoSuchPage => "There is nothing here. The page is /cortexapi/default.aspx.",
            Self::WrongMethod => "This page answers POST.",
            Self::Compressed => "Send the request as it is; compressed bodies are not read.",
            Self::Unread(unread) => return unread.to_string(),
            Self::Unnamed(why) | Self::Rule(_, why) => why,
            Self::Rules(reasons) => match reasons.as_slice() {
                [only] => &only.message,
                several => {
                    return format!(
                        "{} things are in the way of this move; each is a reason here. What has to be chosen is chosen by \
                         POST /v1/moves.",
                        several.len()
                    );
                }
            },
            Self::Body(Failure::BodyTooLarge) => "The body is larger than 64 KiB.",
            Self::Body(_) => "The body came too slowly, or broke off. Send the call again.",
            Self::Internal => "The call failed here; the receiver's log says why.",
            Self::Unavailable => "The database cannot answer now. Send the call again; that is always safe.",
        };
        text.to_owned()
    }

    /// The answer over HTTP.
    pub(super) fn respond(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        match self {
            Self::NotAuthenticated => {
                response.insert_header((WWW_AUTHENTICATE, CHALLENGE));
            }
            Self::WrongMethod => {
                response.insert_header((ALLOW, "POST"));
            }
            Self::Unavailable => {
                response.insert_header((RETRY_AFTER, RETRY_SECONDS.to_string()));
            }
            // What is left of the body would be read as the next call.
            Self::Body(_) => {
                response.force_close();
            }
            Self::Forbidden
            | Self::NoSuchPage
            | Self::Compressed
            | Self::Unread(_)
            | Self::Unnamed(_)
            | Self::Rule(..)
            | Self::Rules(_)
            | Self::Internal => {}
        }
        let reasons: Vec<String> = match self {
            Self::Rules(reasons) if reasons.len() > 1 => reasons.iter().map(|reason| reason.message.clone()).collect(),
            _ => Vec::new(),
        };
        xml(&mut response, atria::refused(self.code().number(), &self.message(), &reasons))
    }
}

/// An answer in XML.
pub(super) fn xml(response: &mut HttpResponseBuilder, body: String) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, "no-store")).content_type("text/xml; charset=utf-8").body(body)
}

impl From<Unread> for Refusal {
    fn from(unread: Unread) -> Self {
        Self::Unread(unread)
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Full | SubmitError::Unavailable | SubmitError::ShuttingDown => Self::Unavailable,
            SubmitError::Failed => Self::Internal,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotAuthenticated => Self::NotAuthenticated,
            Failure::NoSuchEndpoint => Self::NoSuchPage,
            Failure::WrongMethod(_) => Self::WrongMethod,
            Failure::BodyTooSlow | Failure::BodyTooLarge | Failure::BodyBroken => Self::Body(failure),
            Failure::TooManyCalls | Failure::Unavailable => Self::Unavailable,
            Failure::Internal => Self::Internal,
        }
    }
}

/// What reading for an operator fails with.
impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::NotAuthenticated => Self::NotAuthenticated,
            Problem::Forbidden => Self::Forbidden,
            Problem::NotFound | Problem::NotConfigured(_) => Self::NoSuchPage,
            Problem::MethodNotAllowed(_) => Self::WrongMethod,
            Problem::BadRequest(why) => Self::Rule(Code::Malformed, why),
            Problem::Conflict(why) | Problem::Gone(why) => Self::Rule(Code::Conflict, why),
            Problem::PreconditionFailed => {
                Self::Rule(Code::Conflict, "It changed meanwhile. Send the call again.".to_owned())
            }
            Problem::BodyTooLarge | Problem::ListTooLarge(_) => Self::Body(Failure::BodyTooLarge),
            Problem::BodyTooSlow => Self::Body(Failure::BodyTooSlow),
            Problem::NotJson | Problem::UnsupportedMedia(_) => Self::Compressed,
            Problem::Internal => Self::Internal,
            Problem::TooManyWait | Problem::TooMany(_) | Problem::Unavailable => Self::Unavailable,
        }
    }
}
