//! The description of every endpoint that exists, in OpenAPI 3.1.

#![allow(dead_code)] // The functions here carry descriptions; the routes are matched by their last segments.

use std::sync::LazyLock;

use utoipa::OpenApi;

use super::atria;
use super::extremecloud;
use super::machine::Health;
use super::v1;
use crate::wire::answer::AnswerBody;
use crate::wire::definitions::{DiscoveryBody, FieldsBody, SyncOptionsBody};

/// The account object of the platforms. Every field may be absent or null; only `ID` must be there.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
struct AccountBody {
    /// The platform's ID of the account: text, or a number taken as its decimal text.
    #[schema(rename = "ID", example = "1082801", max_length = 128)]
    id: String,
    /// `Reseller` or `User`, in any case.
    #[schema(example = "User")]
    role: Option<String>,
    /// The vendor's ID, once known.
    #[schema(rename = "ExternalID")]
    external_id: Option<String>,
    /// The reseller's ID in the platform; absent keeps a known customer's reseller, empty says "none".
    #[schema(rename = "ResellerID", example = "1082733")]
    reseller_id: Option<String>,
    /// The vendor's ID of the reseller.
    #[schema(rename = "ResellerExternalID")]
    reseller_external_id: Option<String>,
    name: Option<String>,
    code: Option<String>,
    phone: Option<String>,
    fax: Option<String>,
    web_site: Option<String>,
    email: Option<String>,
    is_test: Option<bool>,
    description: Option<String>,
    #[schema(value_type = Object)]
    extra_details: Option<()>,
    /// The whole set of synchronization options: text, number, bool or list each.
    #[schema(value_type = Object)]
    sync_options: Option<()>,
    #[schema(value_type = Object)]
    contact_details: Option<()>,
    #[schema(value_type = Object)]
    address: Option<()>,
}

/// An attribute of a service.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
struct AttributeBody {
    #[schema(rename = "ID")]
    id: Option<String>,
    name: Option<String>,
    #[schema(value_type = String)]
    value: Option<()>,
    code: Option<String>,
}

/// An add-on that an order names.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
struct AddOnBody {
    /// Its ID, once known; without one its `ProductID` tells it from the others.
    #[schema(rename = "ID")]
    id: Option<String>,
    name: Option<String>,
    #[schema(rename = "ProductID")]
    product_id: Option<String>,
    /// `None` for one that is only listed.
    action_type: Option<String>,
    quantity: Option<i64>,
    attribute_list: Option<Vec<AttributeBody>>,
}

/// An order of a subscription. `Account` must be there, and `ID` in all but a Create.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase")]
struct OrderBody {
    /// What the Create answered as Result.
    #[schema(rename = "ID", max_length = 128)]
    id: Option<String>,
    /// The platform's own ID of the subscription, where it has one.
    #[schema(rename = "SubscriptionID", max_length = 128)]
    subscription_id: Option<String>,
    name: Option<String>,
    service_type: Option<String>,
    #[schema(rename = "ProductID")]
    product_id: Option<String>,
    action_type: Option<String>,
    quantity: Option<i64>,
    is_trial: Option<bool>,
    location: Option<String>,
    attribute_list: Option<Vec<AttributeBody>>,
    addons: Option<Vec<AddOnBody>>,
    account: AccountBody,
}

macro_rules! call {
    ($function:ident, $path:literal, $summary:literal) => {
        call!($function, $path, $summary, AccountBody);
    };
    ($function:ident, $path:literal, $summary:literal, $body:ty) => {
        #[doc = $summary]
        #[utoipa::path(
            post,
            path = $path,
            tag = "platform",
            params(("checkonly" = Option<bool>, Query, description = "Judge the call and write nothing but its delivery; also taken from the body.")),
            request_body = $body,
            responses(
                (status = 200, description = "Answered; Code tells how", body = AnswerBody),
                (status = 400, description = "1001: the body is no JSON", body = AnswerBody),
                (status = 401, description = "1401: not authenticated", body = AnswerBody),
                (status = 408, description = "1408: the body came too slowly", body = AnswerBody),
                (status = 413, description = "1413: the body is larger than 256 KiB", body = AnswerBody),
                (status = 429, description = "1429: too many calls", body = AnswerBody),
                (status = 500, description = "1500: our fault", body = AnswerBody),
                (status = 503, description = "1503: not stored; sending it again is safe", body = AnswerBody),
            ),
            security(("application_id" = [], "api_key" = []), ("webhook_signature" = []))
        )]
        fn $function() {}
    };
}

macro_rules! description {
    ($function:ident, $path:literal, $body:ty, $summary:literal) => {
        #[doc = $summary]
        #[utoipa::path(
            get,
            path = $path,
            tag = "platform",
            responses((status = 200, body = $body), (status = 401, description = "1401: not authenticated", body = AnswerBody)),
            security(("application_id" = [], "api_key" = []), ("webhook_signature" = []))
        )]
        fn $function() {}
    };
}

call!(synchronize, "/api/Accounts/Synchronize", "Create or update an account; Result is its ExternalID");
call!(exists, "/api/Accounts/Exists", "Whether an account exists: Code 1, with its ExternalID, or 0");
call!(delete, "/api/Accounts/Delete", "End an account; its rows and history stay");
call!(is_reseller, "/api/Accounts/IsReseller", "Whether an account is a reseller: Result \"true\" or \"false\"");
call!(create, "/api/Subscriptions/Create", "Order a subscription; Result is its ID ever after", OrderBody);
call!(update, "/api/Subscriptions/Update", "Change a subscription", OrderBody);
call!(cancel, "/api/Subscriptions/Cancel", "End a subscription and its add-ons", OrderBody);
call!(suspend, "/api/Subscriptions/Suspend", "Suspend a subscription", OrderBody);
call!(activate, "/api/Subscriptions/Activate", "Activate a suspended subscription", OrderBody);
call!(upgrade, "/api/Subscriptions/UpgradeToPaid", "Make a trial a subscription that is paid for", OrderBody);
call!(
    create_add_ons,
    "/api/Addons/Create",
    "Order add-ons of a subscription; Result is the subscription's ID",
    OrderBody
);
call!(update_add_ons, "/api/Addons/Update", "Change add-ons of a subscription", OrderBody);
call!(cancel_add_ons, "/api/Addons/Cancel", "End add-ons of a subscription", OrderBody);
description!(
    sync_options,
    "/api/Accounts/SyncOptions",
    SyncOptionsBody,
    "The synchronization options that accounts are asked for"
);
description!(fields, "/api/Fields/Get", FieldsBody, "The settings that partners are asked for");
description!(service_definition, "/api/Fields/ServiceDefinition", serde_json::Value, "The product types of the vendor");
description!(additional_info, "/api/Fields/AdditionalInfo", serde_json::Value, "A map of texts");
description!(discovery, "/api/Discovery", DiscoveryBody, "The endpoints, with their URLs");

/// Judge settings: a list of complaints, empty when all is well
#[utoipa::path(
    post,
    path = "/api/Fields/Validate",
    tag = "platform",
    request_body(content = serde_json::Value, description = "{\"Fields\":[{\"ID\",\"Values\"}]}, or a map from field ID to value"),
    responses((status = 200, body = Vec<String>), (status = 401, description = "1401: not authenticated", body = AnswerBody)),
    security(("application_id" = [], "api_key" = []), ("webhook_signature" = []))
)]
fn validate() {}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "machine", responses((status = 200, body = Health)))]
fn healthz() {}

/// Whether a call sent now would be stored
#[utoipa::path(get, path = "/readyz", tag = "machine", responses((status = 200, body = Health), (status = 503, body = Health)))]
fn readyz() {}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "machine", responses((status = 200, content_type = "text/plain", body = String)))]
fn metrics() {}

/// This description
#[utoipa::path(get, path = "/openapi.json", tag = "machine", responses((status = 200, body = serde_json::Value)))]
fn openapi() {}

/// This description as a page
#[utoipa::path(get, path = "/docs", tag = "machine", responses((status = 200, content_type = "text/html", body = String)))]
fn docs() {}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tiersync",
        description = "The Account Synchronize endpoint of a cloud vendor. The platforms' endpoints lie under any prefix \
                       and in any case; /api is the canonical one, /s/<source id>/api names the source.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        synchronize,
        exists,
        delete,
        is_reseller,
        create,
        update,
        cancel,
        suspend,
        activate,
        upgrade,
        create_add_ons,
        update_add_ons,
        cancel_add_ons,
        sync_options,
        fields,
        validate,
        service_definition,
        additional_info,
        discovery,
        healthz,
        readyz,
        metrics,
        openapi,
        docs,
        atria::set,
        extremecloud::partners::list,
        extremecloud::partners::create,
        extremecloud::partners::show,
        extremecloud::partners::put,
        extremecloud::partners::end,
        extremecloud::tenants::list,
        extremecloud::tenants::create,
        extremecloud::tenants::names,
        extremecloud::tenants::show,
        v1::me::show,
        v1::accounts::list,
        v1::create::create,
        v1::accounts::count,
        v1::accounts::tree,
        v1::accounts::show,
        v1::names::list,
        v1::history::list,
        v1::moves::list,
        v1::moves::show,
        v1::moves::start::start,
        v1::moves::decide::accept,
        v1::moves::decide::decline,
        v1::moves::decide::withdraw,
        v1::moves::users::start,
        v1::moves::batch::start,
        v1::moves::terminate::terminate,
        v1::services::list,
        v1::services::show,
        v1::services::history,
        v1::profile::show,
        v1::profile::change,
        v1::profile::contacts::list,
        v1::profile::contacts::show,
        v1::profile::contacts::add,
        v1::profile::contacts::change,
        v1::profile::contacts::remove,
        v1::profile::logins::list,
        v1::profile::logins::show,
        v1::profile::logins::add,
        v1::profile::logins::change,
        v1::profile::logins::remove,
        v1::events::list,
        v1::services::everywhere,
        v1::services::change::create,
        v1::services::change::change,
        v1::services::change::suspend,
        v1::services::change::activate,
        v1::services::change::end,
        v1::services::products::give,
        v1::users::list,
        v1::users::show,
        v1::users::history,
        v1::users::change::create,
        v1::users::change::change,
        v1::users::change::services,
        v1::users::change::end,
        v1::customers::list,
        v1::customers::add,
        v1::customers::show,
        v1::customers::change,
        v1::customers::delete::remove,
        v1::customers::delete::many,
        v1::customers::delete::many_of_any,
        v1::sites::list,
        v1::sites::show,
        v1::sites::history,
        v1::sites::change::add,
        v1::sites::change::change,
        v1::sites::change::remove,
        v1::sites::change::many,
        v1::sites::probes::list,
        v1::sites::probes::of_account,
        v1::sites::probes::show,
        v1::sites::probes::history,
        v1::sites::probes::add,
        v1::sites::probes::change,
        v1::sites::probes::remove,
        v1::sites::probes::many,
        v1::branding::show,
        v1::branding::put,
        v1::branding::clear,
        v1::branding::logo,
        v1::branding::put_logo,
        v1::branding::clear_logo,
        v1::relations::list,
        v1::partners::list,
        v1::partners::show,
        v1::partners::put,
        v1::partners::end,
        v1::partners::upload,
        v1::provisioning::list,
        v1::provisioning::open,
        v1::provisioning::lease::take,
        v1::provisioning::show,
        v1::provisioning::items,
        v1::provisioning::retry,
        v1::provisioning::cancel,
        v1::provisioning::item,
        v1::provisioning::report::report,
        v1::plans::show,
        v1::plans::put,
        v1::plans::change,
        v1::promote::promote,
        v1::promote::demote,
        v1::deliveries::list,
        v1::deliveries::show,
        v1::cases::list,
        v1::cases::show,
        v1::cases::reprocess,
        v1::cases::resolve,
        v1::patch::change,
        v1::import::import,
        v1::erase::erase,
        v1::erase::revive,
        v1::audit::list,
        v1::changes::list,
        v1::sources::shape,
        v1::subscribers::list,
        v1::subscribers::show,
        v1::subscribers::resume,
        v1::subscribers::replay,
        v1::reconciliations::list,
        v1::reconciliations::start::start,
        v1::reconciliations::show,
        v1::reconciliations::end,
        v1::reconciliations::findings::findings,
        v1::acknowledgements::put,
        v1::acknowledgements::delete,
        v1::acknowledgements::all,
        v1::acknowledgements::list,
        v1::acknowledgements::forget
    ),
    modifiers(&Security)
)]
struct Description;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("operator", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
        for (name, header) in [
            ("application_id", "X-CloudPlatform-ApplicationId"),
            ("api_key", "X-CloudPlatform-APIKey"),
            ("webhook_signature", "webhook-signature"),
        ] {
            components.add_security_scheme(name, SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(header))));
        }
    }
}

static JSON: LazyLock<String> = LazyLock::new(|| Description::openapi().to_json().unwrap_or_default());

/// The description as JSON.
#[must_use]
pub fn json() -> &'static str {
    &JSON
}
