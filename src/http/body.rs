//! Reading a body, bounded in size and time.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::{Instant, timeout_at};

use super::error::Failure;

/// Largest body of a platform call, in bytes. Raising it raises what a burst can hold in memory: queue times this.
pub const MAX_BODY: usize = 256 * 1024;

/// Reads a body.
///
/// # Errors
/// [`Failure`] when it is too large, too slow or breaks off. The connection must be closed then: the rest of the body
/// would be taken for the next call.
pub async fn read(request: &HttpRequest, payload: &mut Payload, patience: Duration) -> Result<Bytes, Failure> {
    read_up_to(request, payload, patience, MAX_BODY).await
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// As [`read`].
pub async fn read_up_to(
    request: &HttpRequest,
    payload: &mut Payload,
    patience: Duration,
    most: usize,
) -> Result<Bytes, Failure> {
    let announced = announced(request).map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced.is_some_and(|length| length > most) {
        return Err(Failure::BodyTooLarge);
    }
    let deadline = Instant::now() + patience;
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(MAX_BODY));
    loop {
        // The server's own timeout covers the headers only.
        let chunk = timeout_at(deadline, next(payload)).await.map_err(|_| Failure::BodyTooSlow)?;
        match chunk {
            None => return Ok(body.freeze()),
            Some(Err(_)) => return Err(Failure::BodyBroken),
            Some(Ok(chunk)) if body.len() + chunk.len() > most => return Err(Failure::BodyTooLarge),
            Some(Ok(chunk)) => body.extend_from_slice(&chunk),
        }
    }
}

/// The length that a body is said to have.
#[must_use]
pub fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What a body is said to be, in small letters and without parameters; empty where that is not said.
#[must_use]
pub fn media_type(request: &HttpRequest) -> String {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Reads the next piece of a body; none at its end.
///
/// # Errors
/// [`Failure`] when it has not come until then, or the body breaks off.
pub async fn chunk(payload: &mut Payload, until: Instant) -> Result<Option<Bytes>, Failure> {
    match timeout_at(until, next(payload)).await.map_err(|_| Failure::BodyTooSlow)? {
        None => Ok(None),
        Some(chunk) => chunk.map(Some).map_err(|_| Failure::BodyBroken),
    }
}

async fn next(payload: &mut Payload) -> Option<Result<Bytes, actix_web::error::PayloadError>> {
    use std::future::poll_fn;
    poll_fn(|context| futures_core::Stream::poll_next(Pin::new(&mut *payload), context)).await
}

/// An answer that was given before the whole body came, together with what is left of that body.
struct Early {
    answer: BoxBody,
    _rest: Payload,
}

impl MessageBody for Early {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(context)
    }
}

/// Keeps what is left of a body until its answer is sent.
///
/// Were it dropped before, actix would read chunks to their end, however long that takes, to use the connection again.
pub fn with_rest(response: HttpResponse, rest: Payload) -> HttpResponse {
    response.map_body(|_, answer| Early { answer, _rest: rest }.boxed())
}
