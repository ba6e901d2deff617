//! The endpoints that marketplace platforms call, under any prefix and in any case.

mod call;
mod describe;
pub mod path;
mod presented;

use actix_web::http::Method;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::body;
use super::error::Failure;
use super::state::State;
use path::Target;

/// Finds the endpoint that a path ends in and lets it answer.
pub async fn dispatch(request: HttpRequest, mut payload: Payload, state: Data<State>) -> HttpResponse {
    let answered = match path::find(request.uri().path()) {
        None => Err(Failure::NoSuchEndpoint),
        Some(found) => match found.target {
            target if request.method().as_str() != target.method() => Err(Failure::WrongMethod(target.method())),
            Target::Call(endpoint) => call::answer(&request, &mut payload, &state, &found, endpoint).await,
            Target::Describe(description) => {
                describe::answer(&request, &mut payload, &state, &found, description).await
            }
        },
    };
    answered.unwrap_or_else(|failure| {
        state.metrics.failed(failure);
        // Whoever was not let in is logged with the reason, which is not known here.
        if failure == Failure::NotAuthenticated {
            return body::with_rest(failure.respond(), payload);
        }
        log::info!(
            "call method={} code={} endpoint={}",
            if *request.method() == Method::POST { "POST" } else { "other" },
            failure.code().number(),
            path::find(request.uri().path()).map_or("none", |found| found.target.name()),
        );
        body::with_rest(failure.respond(), payload)
    })
}
