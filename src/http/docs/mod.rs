//! `/docs`: shows `/openapi.json` to people. The page is part of the program and loads nothing from elsewhere.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

/// Nothing but what this receiver serves itself; no page may show it in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn part(content_type: &'static str, text: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .content_type(content_type)
        .body(text)
}

/// The page.
pub async fn page() -> HttpResponse {
    part("text/html; charset=utf-8", include_str!("page.html"))
}

/// Its script.
pub async fn script() -> HttpResponse {
    part("text/javascript; charset=utf-8", include_str!("page.js"))
}

/// Its looks.
pub async fn style() -> HttpResponse {
    part("text/css; charset=utf-8", include_str!("page.css"))
}
