//! What sources send.

use actix_web::HttpRequest;
use actix_web::web::Path;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Answered;
use super::operator::Operator;
use super::problem::{Problem, ProblemBody};
use super::query::Params;
use super::respond::{self, PageBody};
use crate::domain::shape::{ShapeKey, ShapeKind};
use crate::ops::shape;
use crate::store::sources;
use crate::wire::shape::ShapeView;

/// List the fields, options and values that a source sends
///
/// With how often and since when; by kind, name and value. Not for a reseller_admin: it is about all accounts together.
#[utoipa::path(
    get,
    path = "/v1/sources/{source}/shape",
    tag = "v1",
    params(
        ("source" = String, Path, description = "The source's id."),
        ("since" = Option<String>, Query, description = "Seen first at or after this time (RFC 3339, or a day)."),
        ("limit" = Option<u32>, Query, description = "1 to 500, 50 by default."),
        ("after" = Option<String>, Query, description = "The `next` of the page before."),
    ),
    responses(
        (status = 200, body = PageBody<ShapeView>),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn shape(operator: Operator, request: HttpRequest, source: Path<String>) -> Answered {
    operator.require_all()?;
    let source = source.into_inner();
    let mut params = Params::of(&request)?;
    let (since, limit) = (params.time("since")?, params.limit()?);
    let after = params.parsed("after", "the `next` of a page of this list", |text| read_cursor(&source, text))?;
    params.end()?;
    let page = operator.read(move |connection, _| {
        // PostgreSQL takes no NUL in a text, and no source has one.
        if source.contains('\0') || !sources::is_known(connection, &source)? {
            return Err(Problem::NotFound);
        }
        Ok(shape::page(connection, Some(&source), since, after.as_ref(), limit)?)
    });
    let (items, next) = page.await?;
    respond::page(items, next.as_ref().map(cursor))
}

/// A place in the list of one source.
fn cursor(key: &ShapeKey) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!(["shape", key.kind.as_str(), key.name, key.value]).to_string())
}

fn read_cursor(source: &str, text: &str) -> Option<ShapeKey> {
    let parts: [String; 4] = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let [list, kind, name, value] = parts;
    if list != "shape" || [&name, &value].into_iter().any(|text| text.contains('\0')) {
        return None;
    }
    Some(ShapeKey { source: source.to_owned(), kind: ShapeKind::parse(&kind)?, name, value })
}
