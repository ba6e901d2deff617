//! /v1: JSON for vendors and tools, one file a resource. A handler names who may, what is asked for, and answers; what
//! an operator sees is decided in `store::seen`, which is all that a file here may read accounts, relations and
//! deliveries with (a test looks).

pub mod accounts;
pub mod acknowledgements;
pub mod audit;
pub mod branding;
pub mod cases;
pub mod change;
pub mod changes;
pub mod create;
pub mod customers;
pub mod deliveries;
pub mod erase;
pub mod events;
pub mod history;
pub mod import;
pub mod list;
pub mod me;
pub mod moves;
pub mod names;
pub mod operator;
pub mod partners;
pub mod patch;
pub mod plans;
pub mod problem;
pub mod profile;
pub mod promote;
pub mod provisioning;
pub mod query;
pub mod reconciliations;
pub mod relations;
pub mod respond;
pub mod services;
pub mod sites;
pub mod sources;
pub mod subscribers;
pub mod users;

use actix_web::web;
use actix_web::{HttpResponse, Resource, Route};

use problem::Problem;

/// What a handler gives.
type Answered = Result<HttpResponse, Problem>;

/// Largest body of a call, in bytes. Raising it raises what one operator can make the receiver hold in memory.
pub const MAX_BODY: usize = 4 * 1024 * 1024;

/// All routes below `/v1`.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/v1")
            .service(resource("/me", web::get().to(me::show)))
            .configure(super::extremecloud::routes)
            .service(
                web::resource("/accounts")
                    .route(web::get().to(accounts::list))
                    .route(web::post().to(create::create))
                    .default_service(web::to(get_or_post)),
            )
            .service(resource("/accounts/count", web::get().to(accounts::count)))
            .service(resource("/accounts/tree", web::get().to(accounts::tree)))
            .service(post("/accounts/import", web::post().to(import::import)))
            .service(
                web::resource("/accounts/{account}")
                    .route(web::get().to(accounts::show))
                    .route(web::patch().to(patch::change))
                    .route(web::delete().to(erase::erase))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(post("/accounts/{account}/terminate", web::post().to(moves::terminate::terminate)))
            .service(post("/accounts/{account}/revive", web::post().to(erase::revive)))
            .service(post("/accounts/{account}/promote", web::post().to(promote::promote)))
            .service(post("/accounts/{account}/demote", web::post().to(promote::demote)))
            .service(resource("/accounts/{account}/names", web::get().to(names::list)))
            .service(resource("/accounts/{account}/history", web::get().to(history::list)))
            .service(
                web::resource("/accounts/{account}/plans")
                    .route(web::get().to(plans::show))
                    .route(web::put().to(plans::put))
                    .route(web::patch().to(plans::change))
                    .default_service(web::to(get_put_or_patch)),
            )
            .service(
                web::resource("/accounts/{account}/profile")
                    .route(web::get().to(profile::show))
                    .route(web::patch().to(profile::change))
                    .default_service(web::to(get_or_patch)),
            )
            .service(
                web::resource("/accounts/{account}/contacts")
                    .route(web::get().to(profile::contacts::list))
                    .route(web::post().to(profile::contacts::add))
                    .default_service(web::to(get_or_post)),
            )
            .service(
                web::resource("/accounts/{account}/contacts/{contact}")
                    .route(web::get().to(profile::contacts::show))
                    .route(web::patch().to(profile::contacts::change))
                    .route(web::delete().to(profile::contacts::remove))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(
                web::resource("/accounts/{account}/logins")
                    .route(web::get().to(profile::logins::list))
                    .route(web::post().to(profile::logins::add))
                    .default_service(web::to(get_or_post)),
            )
            .service(
                web::resource("/accounts/{account}/logins/{login}")
                    .route(web::get().to(profile::logins::show))
                    .route(web::patch().to(profile::logins::change))
                    .route(web::delete().to(profile::logins::remove))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(resource("/accounts/{account}/events", web::get().to(events::list)))
            .service(
                web::resource("/moves")
                    .route(web::get().to(moves::list))
                    .route(web::post().to(moves::start::start))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/moves/batch", web::post().to(moves::batch::start)))
            .service(post("/moves/users", web::post().to(moves::users::start)))
            .service(resource("/moves/{move}", web::get().to(moves::show)))
            .service(post("/moves/{move}/accept", web::post().to(moves::decide::accept)))
            .service(post("/moves/{move}/decline", web::post().to(moves::decide::decline)))
            .service(post("/moves/{move}/withdraw", web::post().to(moves::decide::withdraw)))
            .service(
                web::resource("/accounts/{account}/services")
                    .route(web::get().to(services::list))
                    .route(web::post().to(services::change::create))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/accounts/{account}/services/move", web::post().to(services::products::give)))
            .service(resource("/services", web::get().to(services::everywhere)))
            .service(
                web::resource("/services/{service}")
                    .route(web::get().to(services::show))
                    .route(web::patch().to(services::change::change))
                    .default_service(web::to(get_or_patch)),
            )
            .service(post("/services/{service}/suspend", web::post().to(services::change::suspend)))
            .service(post("/services/{service}/activate", web::post().to(services::change::activate)))
            .service(post("/services/{service}/end", web::post().to(services::change::end)))
            .service(resource("/services/{service}/history", web::get().to(services::history)))
            .service(
                web::resource("/accounts/{account}/users")
                    .route(web::get().to(users::list))
                    .route(web::post().to(users::change::create))
                    .default_service(web::to(get_or_post)),
            )
            .service(
                web::resource("/users/{user}")
                    .route(web::get().to(users::show))
                    .route(web::patch().to(users::change::change))
                    .default_service(web::to(get_or_patch)),
            )
            .service(
                web::resource("/users/{user}/services")
                    .route(web::put().to(users::change::services))
                    .default_service(web::to(put_only)),
            )
            .service(post("/users/{user}/end", web::post().to(users::change::end)))
            .service(resource("/users/{user}/history", web::get().to(users::history)))
            .service(
                web::resource("/accounts/{account}/customers")
                    .route(web::get().to(customers::list))
                    .route(web::post().to(customers::add))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/accounts/{account}/customers/delete", web::post().to(customers::delete::many)))
            .service(post("/customers/delete", web::post().to(customers::delete::many_of_any)))
            .service(
                web::resource("/customers/{customer}")
                    .route(web::get().to(customers::show))
                    .route(web::patch().to(customers::change))
                    .route(web::delete().to(customers::delete::remove))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(
                web::resource("/accounts/{account}/sites")
                    .route(web::get().to(sites::list))
                    .route(web::post().to(sites::change::add))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/accounts/{account}/sites/delete", web::post().to(sites::change::many)))
            .service(resource("/accounts/{account}/probes", web::get().to(sites::probes::of_account)))
            .service(
                web::resource("/sites/{site}")
                    .route(web::get().to(sites::show))
                    .route(web::patch().to(sites::change::change))
                    .route(web::delete().to(sites::change::remove))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(resource("/sites/{site}/history", web::get().to(sites::history)))
            .service(
                web::resource("/sites/{site}/probes")
                    .route(web::get().to(sites::probes::list))
                    .route(web::post().to(sites::probes::add))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/sites/{site}/probes/delete", web::post().to(sites::probes::many)))
            .service(
                web::resource("/probes/{probe}")
                    .route(web::get().to(sites::probes::show))
                    .route(web::patch().to(sites::probes::change))
                    .route(web::delete().to(sites::probes::remove))
                    .default_service(web::to(get_patch_or_delete)),
            )
            .service(resource("/probes/{probe}/history", web::get().to(sites::probes::history)))
            .service(
                web::resource("/accounts/{account}/branding")
                    .route(web::get().to(branding::show))
                    .route(web::put().to(branding::put))
                    .route(web::delete().to(branding::clear))
                    .default_service(web::to(get_put_or_delete)),
            )
            .service(
                web::resource("/accounts/{account}/branding/logo")
                    .route(web::get().to(branding::logo))
                    .route(web::put().to(branding::put_logo))
                    .route(web::delete().to(branding::clear_logo))
                    .default_service(web::to(get_put_or_delete)),
            )
            .service(resource("/relations", web::get().to(relations::list)))
            .service(resource("/partners", web::get().to(partners::list)))
            .service(post("/partners/import", web::post().to(partners::upload)))
            .service(
                web::resource("/partners/{partner}")
                    .route(web::get().to(partners::show))
                    .route(web::put().to(partners::put))
                    .route(web::delete().to(partners::end))
                    .default_service(web::to(get_put_or_delete)),
            )
            .service(
                web::resource("/provisioning-requests")
                    .route(web::get().to(provisioning::list))
                    .route(web::post().to(provisioning::open))
                    .default_service(web::to(get_or_post)),
            )
            .service(post("/provisioning-requests/lease", web::post().to(provisioning::lease::take)))
            .service(resource("/provisioning-requests/{provisioning}", web::get().to(provisioning::show)))
            .service(resource("/provisioning-requests/{provisioning}/items", web::get().to(provisioning::items)))
            .service(post("/provisioning-requests/{provisioning}/retry", web::post().to(provisioning::retry)))
            .service(post("/provisioning-requests/{provisioning}/cancel", web::post().to(provisioning::cancel)))
            .service(resource("/provisioning-items/{item}", web::get().to(provisioning::item)))
            .service(post("/provisioning-items/{item}/report", web::post().to(provisioning::report::report)))
            .service(resource("/deliveries", web::get().to(deliveries::list)))
            .service(resource("/deliveries/{delivery}", web::get().to(deliveries::show)))
            .service(post("/deliveries/{delivery}/reprocess", web::post().to(cases::reprocess)))
            .service(post("/deliveries/{delivery}/resolve", web::post().to(cases::resolve)))
            .service(resource("/cases", web::get().to(cases::list)))
            .service(resource("/cases/{case}", web::get().to(cases::show)))
            .service(resource("/audit", web::get().to(audit::list)))
            .service(resource("/changes", web::get().to(changes::list)))
            .service(resource("/sources/{source}/shape", web::get().to(sources::shape)))
            .service(resource("/subscribers", web::get().to(subscribers::list)))
            .service(resource("/subscribers/{subscriber}", web::get().to(subscribers::show)))
            .service(post("/subscribers/{subscriber}/resume", web::post().to(subscribers::resume)))
            .service(post("/subscribers/{subscriber}/replay", web::post().to(subscribers::replay)))
            .service(
                web::resource("/reconciliations")
                    .route(web::get().to(reconciliations::list))
                    .route(web::post().to(reconciliations::start::start))
                    .default_service(web::to(get_or_post)),
            )
            .service(
                web::resource("/reconciliations/{reconciliation}")
                    .route(web::get().to(reconciliations::show))
                    .route(web::delete().to(reconciliations::end))
                    .default_service(web::to(get_or_delete)),
            )
            .service(resource(
                "/reconciliations/{reconciliation}/findings",
                web::get().to(reconciliations::findings::findings),
            ))
            .service(post("/reconciliations/{reconciliation}/acknowledge", web::post().to(acknowledgements::all)))
            .service(
                web::resource("/reconciliations/{reconciliation}/findings/{finding}/acknowledgement")
                    .route(web::put().to(acknowledgements::put))
                    .route(web::delete().to(acknowledgements::delete))
                    .default_service(web::to(put_or_delete)),
            )
            .service(resource("/acknowledgements", web::get().to(acknowledgements::list)))
            .service(
                web::resource("/acknowledgements/{fingerprint}")
                    .route(web::delete().to(acknowledgements::forget))
                    .default_service(web::to(delete_only)),
            )
            .default_service(web::to(not_found)),
    );
}

/// A path that answers GET.
fn resource(path: &str, get: Route) -> Resource {
    web::resource(path).route(get).default_service(web::to(get_only))
}

/// A path that answers POST.
fn post(path: &str, post: Route) -> Resource {
    web::resource(path).route(post).default_service(web::to(post_only))
}

async fn post_only() -> Answered {
    Err(Problem::MethodNotAllowed("POST"))
}

async fn get_patch_or_delete() -> Answered {
    Err(Problem::MethodNotAllowed("GET, PATCH, DELETE"))
}

async fn get_or_patch() -> Answered {
    Err(Problem::MethodNotAllowed("GET, PATCH"))
}

async fn get_put_or_delete() -> Answered {
    Err(Problem::MethodNotAllowed("GET, PUT, DELETE"))
}

async fn get_put_or_patch() -> Answered {
    Err(Problem::MethodNotAllowed("GET, PUT, PATCH"))
}

async fn put_only() -> Answered {
    Err(Problem::MethodNotAllowed("PUT"))
}

async fn get_or_delete() -> Answered {
    Err(Problem::MethodNotAllowed("GET, DELETE"))
}

async fn get_or_post() -> Answered {
    Err(Problem::MethodNotAllowed("GET, POST"))
}

async fn put_or_delete() -> Answered {
    Err(Problem::MethodNotAllowed("PUT, DELETE"))
}

async fn delete_only() -> Answered {
    Err(Problem::MethodNotAllowed("DELETE"))
}

/// Which paths there are is no secret, so this asks for no token.
async fn not_found() -> Answered {
    Err(Problem::NotFound)
}

async fn get_only() -> Answered {
    Err(Problem::MethodNotAllowed("GET"))
}
