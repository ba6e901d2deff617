//! What every change under /v1 has in common: a small JSON body, and a line in the audit trail.

use actix_web::HttpRequest;
use actix_web::web::Payload;
use serde::de::DeserializeOwned;

use super::MAX_BODY;
use super::operator::Operator;
use super::problem::Problem;
use crate::http::body;
use crate::ops::set;
use crate::store::audit::Entry;
use crate::writer::acts::ActList;
use crate::writer::now_micros;

/// Reads a body as JSON; an empty one is the default.
///
/// # Errors
/// [`Problem`] when it is no JSON, has unknown fields, is too large or comes too slowly.
pub async fn body<T: DeserializeOwned + Default>(
    operator: &Operator,
    request: &HttpRequest,
    payload: &mut Payload,
) -> Result<T, Problem> {
    let bytes = body::read_up_to(request, payload, operator.state.config.limits.body_timeout, MAX_BODY).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    if body::media_type(request) != "application/json" {
        return Err(Problem::NotJson);
    }
    // serde would take an array for the fields in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::BadRequest("The body is not as it must be: it is no JSON object.".to_owned()));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::BadRequest(format!("The body is not as it must be: {error}.")))
}

/// What the audit trail says of a change by this operator.
#[must_use]
pub fn entry(operator: &Operator, action: &str, subject: &str, detail: &serde_json::Value) -> Entry {
    Entry {
        at: now_micros(),
        operator: operator.name.clone(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail: detail.to_string(),
        remote: operator.remote.clone(),
    }
}

/// Has a list of acts done that is one change; `guarded`, it is for the version alone that `If-Match` named, and another
/// change that came before it at this moment has it fail as one that came earlier would.
///
/// # Errors
/// [`Problem`] with the first refusal.
pub async fn done(operator: &Operator, list: ActList, guarded: bool) -> Result<(), Problem> {
    match set::changed(&operator.acts(list).await?) {
        Ok(_) => Ok(()),
        Err(error) if guarded && error.is_late() => Err(Problem::PreconditionFailed),
        Err(error) => Err(error.into()),
    }
}
