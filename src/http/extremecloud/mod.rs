//! The ExtremeCloud dialect: partners and their tenants, below /v1 and under its bearer tokens, for clients that were
//! written for that service.

mod answer;
pub mod partners;
mod refusal;
pub mod tenants;

use std::sync::Arc;

use actix_web::web::{self, ServiceConfig};

use super::state::State;
use super::v1::problem::Problem;
use crate::config::extremecloud::ExtremeCloud;

pub use refusal::{RefusedBody, RefusedTenant};

/// What a handler gives.
type Answered = Result<actix_web::HttpResponse, Problem>;

/// All routes, below `/v1`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(
            web::resource("/msppartners")
                .route(web::get().to(partners::list))
                .route(web::post().to(partners::create))
                .default_service(web::to(get_or_post)),
        )
        .service(
            web::resource("/msppartners/{tenantId}")
                .route(web::get().to(partners::show))
                .route(web::put().to(partners::put))
                .route(web::delete().to(partners::end))
                .default_service(web::to(get_put_or_delete)),
        )
        .service(
            web::resource("/msptenants")
                .route(web::get().to(tenants::list))
                .route(web::post().to(tenants::create))
                .default_service(web::to(get_or_post)),
        )
        .service(
            web::resource("/msptenants/nametoidmap")
                .route(web::get().to(tenants::names))
                .default_service(web::to(get_only)),
        )
        .service(
            web::resource("/msptenants/{tenantId}")
                .route(web::get().to(tenants::show))
                .default_service(web::to(get_only)),
        );
}

/// Whose accounts are shown.
///
/// # Errors
/// [`Problem::NotConfigured`] where nobody's are.
fn cloud(state: &State) -> Result<Arc<ExtremeCloud>, Problem> {
    state.config.extremecloud.clone().ok_or(Problem::NotConfigured(
        "This dialect is not configured. Add a section [extremecloud] with source, tenant and msp_id to the configuration, \
         and restart; docs/extremecloud.md tells more.",
    ))
}

async fn get_only() -> Answered {
    Err(Problem::MethodNotAllowed("GET"))
}

async fn get_or_post() -> Answered {
    Err(Problem::MethodNotAllowed("GET, POST"))
}

async fn get_put_or_delete() -> Answered {
    Err(Problem::MethodNotAllowed("GET, PUT, DELETE"))
}
