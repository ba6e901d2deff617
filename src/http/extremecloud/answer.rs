//! Bodies as this dialect has them: JSON whose charset is said, read and written.

use std::io::{BufWriter, Read, Seek, SeekFrom, Write};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use actix_web::web::{self, Bytes, Payload};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use tempfile::SpooledTempFile;
use tokio::time::timeout;

use super::Answered;
use crate::domain::operator::Visible;
use crate::http::body;
use crate::http::v1::MAX_BODY;
use crate::http::v1::operator::Operator;
use crate::http::v1::problem::Problem;
use crate::ops::extremecloud::ShowError;
use crate::store::AnyConnection;
use crate::wire::extremecloud::{Asked, Body, read};

/// What answers say that they are.
const JSON: &str = "application/json;charset=UTF-8";

/// Bytes of an answer up to which it is kept in memory; a longer one waits in a file until it is sent.
const IN_MEMORY: usize = 256 * 1024;

/// Bytes that are sent at once.
const CHUNK: usize = 64 * 1024;

impl From<ShowError> for Problem {
    fn from(error: ShowError) -> Self {
        match error {
            ShowError::Store(error) => error.into(),
            ShowError::Write(error) => {
                log::error!("v1: an answer cannot be written down: {error}");
                Self::Internal
            }
        }
    }
}

/// Lets only JSON in UTF-8 go on; the charset may be left out.
fn require_json(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !matches!(header(CONTENT_ENCODING).trim().to_ascii_lowercase().as_str(), "" | "identity") {
        return Err(Problem::UnsupportedMedia("Send the body as it is, without a Content-Encoding."));
    }
    if body::media_type(request) != "application/json" {
        return Err(Problem::NotJson);
    }
    let parameters = header(CONTENT_TYPE).split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let foreign = charsets.any(|(_, charset)| {
        let charset = charset.trim().trim_matches('"');
        !charset.eq_ignore_ascii_case("utf-8") && !charset.eq_ignore_ascii_case("utf8")
    });
    if foreign {
        return Err(Problem::UnsupportedMedia(
            "Send the body in UTF-8: `Content-Type: application/json;charset=UTF-8`.",
        ));
    }
    Ok(())
}

/// Reads what is asked.
///
/// # Errors
/// [`Problem`] when it is no JSON in UTF-8, too large or too slow, or when an attribute is not as it must be.
pub(super) async fn asked(
    operator: &Operator,
    request: &HttpRequest,
    payload: &mut Payload,
    what: Body,
) -> Result<Asked, Problem> {
    require_json(request)?;
    let patience = operator.state.config.limits.body_timeout;
    let bytes = body::read_up_to(request, payload, patience, MAX_BODY).await?;
    read(&bytes, what).map_err(|why| Problem::BadRequest(why.0))
}

/// What is written into an answer.
pub(super) type Out<'a> = &'a mut dyn Write;

/// Answers with what `write` makes of the database: whole, so that nothing breaks off in the middle, and with its length.
///
/// # Errors
/// What `write` fails with, and [`Problem::Unavailable`] where too many lists are under way for too long.
pub(super) async fn list<F>(operator: &Operator, write: F) -> Answered
where
    F: FnOnce(&mut AnyConnection, &Visible, Out<'_>) -> Result<(), ShowError> + Send + 'static,
{
    let state = operator.state.clone();
    // Each goes through all accounts within the bounds, and keeps one of the readers busy meanwhile.
    let permit = timeout(state.config.limits.body_timeout, state.searches.acquire()).await;
    let Ok(Ok(_permit)) = permit else { return Err(Problem::Unavailable) };
    written(operator, StatusCode::OK, None, write).await
}

/// As [`list`], for one element; `location` is where something new is.
///
/// # Errors
/// What `write` fails with.
pub(super) async fn written<F>(operator: &Operator, status: StatusCode, location: Option<String>, write: F) -> Answered
where
    F: FnOnce(&mut AnyConnection, &Visible, Out<'_>) -> Result<(), ShowError> + Send + 'static,
{
    let spooled = operator.read(move |connection, see| {
        let mut out = BufWriter::new(SpooledTempFile::new(IN_MEMORY));
        write(connection, see, &mut out)?;
        let mut spool = out.into_inner().map_err(|error| Problem::from(ShowError::from(error.into_error())))?;
        let length = spool.stream_position().map_err(ShowError::from)?;
        spool.seek(SeekFrom::Start(0)).map_err(ShowError::from)?;
        Ok((spool, length))
    });
    let (spool, length) = spooled.await?;
    let mut response = HttpResponse::build(status);
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((CONTENT_TYPE, JSON));
    if let Some(location) = location {
        response.insert_header((LOCATION, location));
    }
    Ok(response.body(SizedStream::new(length, stream::unfold(Some(spool), next_chunk))))
}

/// Reads what is sent next, on a thread that may block.
async fn next_chunk(spool: Option<SpooledTempFile>) -> Option<(std::io::Result<Bytes>, Option<SpooledTempFile>)> {
    let mut spool = spool?;
    let read = web::block(move || {
        let mut chunk = vec![0; CHUNK];
        let read = spool.read(&mut chunk)?;
        chunk.truncate(read);
        Ok((chunk, spool))
    });
    match read.await.unwrap_or_else(|_| Err(std::io::Error::other("the reader is gone"))) {
        Ok((chunk, _)) if chunk.is_empty() => None,
        Ok((chunk, spool)) => Some((Ok(Bytes::from(chunk)), Some(spool))),
        Err(error) => Some((Err(error), None)),
    }
}
