//! What machines ask: alive, ready, metrics, the description of the API.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::openapi;
use super::state::State;
use crate::store::{StoreError, migrate, pool};

/// The answer of `/healthz` and `/readyz`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Whether all is well.
    pub ok: bool,
    /// What is not; empty when all is well.
    pub problems: Vec<&'static str>,
}

/// Alive: the process answers.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Health { ok: true, problems: Vec::new() })
}

/// Ready: a call sent now would be stored.
pub async fn readyz(state: Data<State>) -> HttpResponse {
    let mut problems = Vec::new();
    if state.writer.is_full() {
        problems.push("the queue is full");
    }
    if !state.writer.is_available() {
        problems.push("the database is away");
    } else {
        let pool = state.pool.clone();
        let missing = actix_web::web::block(move || {
            let mut connection = pool::get(&pool)?;
            migrate::missing(&mut connection)
        })
        .await;
        match missing {
            Ok(Ok(missing)) if missing.is_empty() => {}
            Ok(Ok(_)) => problems.push("a migration is missing"),
            Ok(Err(StoreError::Unavailable(_))) => problems.push("the database is away"),
            Ok(Err(_)) | Err(_) => problems.push("the database does not answer as it should"),
        }
    }
    let health = Health { ok: problems.is_empty(), problems };
    if health.ok { HttpResponse::Ok().json(health) } else { HttpResponse::ServiceUnavailable().json(health) }
}

/// What is counted.
pub async fn metrics(state: Data<State>) -> HttpResponse {
    state.metrics.queue(state.writer.depth(), state.config.limits.queue);
    let feed = state.writer.feed();
    state.metrics.feed(feed.end(), feed.waiting());
    let pool = state.pool.state();
    state.metrics.pool(pool.connections, pool.idle_connections);
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.metrics.render())
}

/// The description of the API.
pub async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(openapi::json())
}
