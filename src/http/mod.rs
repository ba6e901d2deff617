//! HTTP: every route in this file, one table of errors, one folder for the platforms' endpoints.

pub mod atria;
pub mod body;
pub mod docs;
pub mod error;
pub mod extremecloud;
pub mod machine;
pub mod metrics;
pub mod openapi;
pub mod platform;
pub mod state;
pub mod v1;

use actix_web::web;

/// First segments that no platform prefix reaches: they are ours, now or later.
pub const RESERVED: [&str; 8] = ["v1", "console", "cortexapi", "docs", "healthz", "readyz", "metrics", "openapi.json"];

/// All routes.
pub fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/healthz")
                .route(web::get().to(machine::healthz))
                .default_service(web::to(error::wrong_method)),
        )
        .service(
            web::resource("/readyz")
                .route(web::get().to(machine::readyz))
                .default_service(web::to(error::wrong_method)),
        )
        .service(
            web::resource("/metrics")
                .route(web::get().to(machine::metrics))
                .default_service(web::to(error::wrong_method)),
        )
        .service(
            web::resource("/openapi.json")
                .route(web::get().to(machine::openapi))
                .default_service(web::to(error::wrong_method)),
        )
        .service(web::resource("/docs").route(web::get().to(docs::page)).default_service(web::to(error::wrong_method)))
        .service(
            web::resource("/docs/page.js")
                .route(web::get().to(docs::script))
                .default_service(web::to(error::wrong_method)),
        )
        .service(
            web::resource("/docs/page.css")
                .route(web::get().to(docs::style))
                .default_service(web::to(error::wrong_method)),
        )
        .configure(v1::routes)
        .configure(atria::routes)
        // The platforms' endpoints lie under any prefix and in any case, so they are matched by their last segments.
        .default_service(web::to(platform::dispatch));
}
