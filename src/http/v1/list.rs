//! Lists that are sent as a body: what is refused before one is read.

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};

use super::problem::Problem;

/// Refuses a form, whose parts would be read as lines of the list, and a compressed body, which nobody unpacks.
///
/// A body without a type, and the type that curl gives one unless it is told otherwise, may be a list.
///
/// # Errors
/// [`Problem::UnsupportedMedia`], which says how to send it.
pub fn require_plain(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("multipart/")) {
        let why = "Send the list itself as the body, such as with `curl --data-binary @list.csv`; forms are not read.";
        return Err(Problem::UnsupportedMedia(why));
    }
    if header(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::UnsupportedMedia("Send the list as it is; compressed bodies are not read."));
    }
    Ok(())
}
