//! The Atria dialect: one page of XML that moves a customer to another reseller, for clients that were written for it.
//!
//! .NET's `WebClient` sends its credentials only to who asked for them, and throws an answer's body away unless it is 200.
//! So the first call is answered 401 with a challenge, and whatever a rule is against is answered 200 with an `error`.

mod moving;
mod naming;
mod refusal;

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use actix_web::web::{self, Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use self::refusal::Refusal;
use super::body;
use super::state::State;
use super::v1::operator::{self, Operator};
use crate::auth::basic::Basic;
use crate::wire::atria::{self, Charset, Done, MAX_BODY, SetCustomer};

/// All routes. IIS, where clients come from, has no case in its paths.
pub fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/{cortexapi:(?i:cortexapi)}")
            .service(
                web::resource("/{page:(?i:default\\.aspx)}")
                    .route(web::post().to(set))
                    .default_service(web::to(post_only)),
            )
            .default_service(web::to(not_found)),
    );
}

async fn post_only() -> HttpResponse {
    Refusal::WrongMethod.respond()
}

/// Which paths there are is no secret, so this asks for no credentials.
async fn not_found() -> HttpResponse {
    Refusal::NoSuchPage.respond()
}

/// Move a customer, as Atria's API does
///
/// The customer and its new parent are named by code, or else by name, exactly once among the accounts that the operator
/// sees. Service plans are matched by themselves. What a rule is against is answered 200 with an `error`.
#[utoipa::path(
    post,
    path = "/cortexapi/default.aspx",
    tag = "atria",
    request_body(content = String, content_type = "text/xml", description = "`<request version=\"1.0\" action=\"SET\"><customer><name>ATR</name><parent><name>HNP</name></parent><status>Provisioned</status></customer></request>`, up to 64 KiB"),
    responses(
        (status = 200, description = "Done, or refused by a rule: then `response/error` holds `code` and `message`", body = String, content_type = "text/xml"),
        (status = 400, description = "1001: no XML, or XML with a DOCTYPE, entities or processing instructions", body = String, content_type = "text/xml"),
        (status = 401, description = "1401: not authenticated; .NET sends its credentials then", body = String, content_type = "text/xml"),
        (status = 403, description = "1006: a viewer changes nothing", body = String, content_type = "text/xml"),
        (status = 408, description = "1408: the body came too slowly", body = String, content_type = "text/xml"),
        (status = 413, description = "1413: the body is larger than 64 KiB", body = String, content_type = "text/xml"),
        (status = 415, description = "1001: the body is compressed", body = String, content_type = "text/xml"),
        (status = 500, description = "1500: our fault", body = String, content_type = "text/xml"),
        (status = 503, description = "1503: the database cannot take it now; sending it again is safe", body = String, content_type = "text/xml"),
    ),
    security(("operator" = []))
)]
pub async fn set(request: HttpRequest, mut payload: Payload, state: Data<State>) -> HttpResponse {
    // Before anybody is refused: .NET sends the same call again on the same connection, behind this body.
    let read = body::read_up_to(&request, &mut payload, state.config.limits.body_timeout, MAX_BODY).await;
    let answered = match read {
        Ok(bytes) => answer(&request, &state, &bytes).await,
        Err(failure) => Err(failure.into()),
    };
    match answered {
        Ok(response) => response,
        Err(refusal) => body::with_rest(refusal.respond(), payload),
    }
}

async fn answer(request: &HttpRequest, state: &State, bytes: &[u8]) -> Result<HttpResponse, Refusal> {
    let operator = authenticate(request).await?;
    let done = carry_out(request, state, bytes, &operator).await;
    match &done {
        Ok((_, line)) => log::info!("atria code=0 operator={} {line}", operator.name),
        Err(refusal) => log::info!("atria code={} operator={}", refusal.code().number(), operator.name),
    }
    done.map(|(response, _)| response)
}

/// Lets an operator in by its name and its token.
async fn authenticate(request: &HttpRequest) -> Result<Operator, Refusal> {
    let Some(basic) = operator::authorization(request).and_then(Basic::of) else {
        return Err(Refusal::NotAuthenticated);
    };
    let operator = operator::of_token(request, basic.hash()).await?;
    if !basic.is_of(&operator.name) {
        log::warn!("atria: a token of {} came under another name, from {}", operator.name, operator.remote);
        return Err(Refusal::NotAuthenticated);
    }
    Ok(operator)
}

/// Reads the request and does it. Also gives what the log is to say: ids, no names of customers.
async fn carry_out(
    request: &HttpRequest,
    state: &State,
    bytes: &[u8],
    operator: &Operator,
) -> Result<(HttpResponse, String), Refusal> {
    operator.require_change()?;
    let SetCustomer { customer, parent } = read(request, state, bytes)?;
    let found = naming::accounts(operator, state, [&customer, &parent]).await?;
    let [moved, under] = &found;
    let ids = [moved, under].map(|listed| listed.account.id.to_string());
    let done = moving::commit(operator, moved, under).await?;
    let answer = atria::done(&Done {
        moved: done.id.as_deref(),
        request: done.request.as_deref(),
        customer: (&ids[0], &customer),
        parent: (&ids[1], &parent),
        message: &done.message,
    });
    let line = format!("customer={} parent={} move={}", ids[0], ids[1], done.id.as_deref().unwrap_or("-"));
    Ok((refusal::xml(&mut HttpResponse::Ok(), answer), line))
}

fn read(request: &HttpRequest, state: &State, bytes: &[u8]) -> Result<SetCustomer, Refusal> {
    let header = |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    if header(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Refusal::Compressed);
    }
    let said = header(CONTENT_TYPE).and_then(charset);
    let charset = Charset { said: said.as_deref(), code_page: state.config.atria.code_page };
    Ok(atria::read(bytes, charset)?)
}

/// The charset that a Content-Type says.
fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, label) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Some(label.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::charset;

    #[test]
    fn content_types() {
        for (header, said) in [
            ("text/xml", None),
            ("text/xml; charset=utf-8", Some("utf-8")),
            ("text/xml;a=b; Charset = \"Windows-1253\"", Some("Windows-1253")),
            ("", None),
        ] {
            assert_eq!(charset(header).as_deref(), said, "{header}");
        }
    }
}
