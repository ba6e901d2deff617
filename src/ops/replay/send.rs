//! Sends one call and reads its answer.

use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri};
use secrecy::ExposeSecret;

use super::ReplayError;
use super::answer::{self, Attempt};
use super::letter::Letter;
use super::line::{Line, Receiver, broken};
use crate::config::sender::Sender;
use crate::domain::call::Endpoint;

/// How long one call may take. A receiver may let it wait 25 s for its commit.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest answer that is read, in bytes. The protocol's is a few hundred.
const MAX_ANSWER: usize = 1024 * 1024;

/// Headers that a call has at most.
const HEADERS: usize = 12;

const APPLICATION_ID: HeaderName = HeaderName::from_static("x-cloudplatform-applicationid");
const API_KEY: HeaderName = HeaderName::from_static("x-cloudplatform-apikey");
const TRACK_ID: HeaderName = HeaderName::from_static("x-cloudplatform-trackid");
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What all calls of a run have in common, worked out once.
pub(super) struct Client<'a> {
    receiver: &'a Receiver,
    sender: &'a Sender,
    /// Where each endpoint is, asking only or for good.
    paths: Vec<(Endpoint, bool, Uri)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    tenant_header: Option<HeaderName>,
    dry_run: bool,
}

impl<'a> Client<'a> {
    /// A client of this receiver. With `dry_run` every call only asks.
    ///
    /// # Errors
    /// [`ReplayError::Usage`] when something that is to stand in a header or in the URL cannot.
    pub(super) fn new(receiver: &'a Receiver, sender: &'a Sender, dry_run: bool) -> Result<Self, ReplayError> {
        let unfit = |what: &str| ReplayError::Usage(format!("{what} has characters that cannot stand in a header"));
        let value = |text: &str, what: &str| HeaderValue::from_str(text).map_err(|_| unfit(what));
        let mut headers = vec![
            (HOST, value(&receiver.authority, "the host of --to")?),
            (USER_AGENT, HeaderValue::from_static(concat!("tiersync/", env!("CARGO_PKG_VERSION")))),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (APPLICATION_ID, value(&sender.application_id, "the application id")?),
        ];
        if let Some(key) = &sender.api_key {
            let mut key = value(key.expose_secret(), "the API key")?;
            key.set_sensitive(true);
            headers.push((API_KEY, key));
        }
        let tenant_header = sender.tenant_setting.as_ref().map(|name| {
            HeaderName::try_from(format!("X-CloudPlatform-Setting-{name}"))
                .map_err(|_| unfit("the name of the tenant setting"))
        });
        let mut paths = Vec::new();
        for endpoint in Endpoint::ALL {
            for (asks, query) in [(false, ""), (true, "?checkonly=true")] {
                let path = format!("{}/{}{query}", receiver.path, endpoint.as_str());
                let path = Uri::try_from(path).map_err(|error| ReplayError::Usage(format!("--to: {error}")))?;
                paths.push((endpoint, asks, path));
            }
        }
        Ok(Self { receiver, sender, paths, headers, tenant_header: tenant_header.transpose()?, dry_run })
    }

    /// Sends a call once, over this line or, where it is none any more, over a new one. `now` is in seconds since 1970.
    pub(super) async fn send(&self, line: &mut Option<Line>, letter: &Letter, now: i64) -> Attempt {
        let Some(request) = self.request(letter, now) else {
            return Attempt::Failed("its tenant or track id has characters that cannot stand in a header".to_owned());
        };
        match tokio::time::timeout(PATIENCE, self.exchange(line, request)).await {
            Ok(Ok((status, headers, body))) => answer::read(letter.endpoint, status, &headers, &body),
            Ok(Err(attempt)) => attempt,
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                Attempt::Again { why, after: None, silent: true }
            }
        }
    }

    fn request(&self, letter: &Letter, now: i64) -> Option<Request<Full<Bytes>>> {
        let asks = letter.check_only || self.dry_run;
        let path = self.paths.iter().find(|(endpoint, only, _)| (*endpoint, *only) == (letter.endpoint, asks));
        let mut headers = HeaderMap::with_capacity(HEADERS);
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
        if let (Some(name), false) = (&self.tenant_header, letter.tenant.is_empty()) {
            headers.insert(name, bytes(&letter.tenant).ok()?);
        }
        if let Some(track) = &letter.track_id {
            headers.insert(TRACK_ID, bytes(track).ok()?);
        }
        if let Some((second, signature)) = letter.signature(self.sender, now) {
            headers.insert(WEBHOOK_ID, bytes(&letter.id).ok()?);
            headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(second));
            headers.insert(WEBHOOK_SIGNATURE, HeaderValue::try_from(signature).ok()?);
        }
        let mut request = Request::new(Full::new(letter.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path?.2.clone();
        *request.headers_mut() = headers;
        Some(request)
    }

    /// Sends a request and reads all of its answer. A line that was not read to its end is not kept.
    async fn exchange(
        &self,
        kept: &mut Option<Line>,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Attempt> {
        let mut line = match kept.take() {
            Some(mut line) => match line.ready().await {
                Ok(()) => line,
                // The receiver closed it meanwhile.
                Err(_) => self.receiver.open().await?,
            },
            None => self.receiver.open().await?,
        };
        let answer = line.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, body) = Response::into_parts(answer);
        let body = whole(body).await?;
        *kept = Some(line);
        Ok((head.status, head.headers, body))
    }
}

fn bytes(text: &str) -> Result<HeaderValue, hyper::http::header::InvalidHeaderValue> {
    HeaderValue::from_bytes(text.as_bytes())
}

/// Reads a body, mostly one piece, up to a limit.
async fn whole(mut body: Incoming) -> Result<Bytes, Attempt> {
    let (mut first, mut all) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|error| broken(&error))?.into_data() else { continue };
        if first.len() + all.len() + piece.len() > MAX_ANSWER {
            return Err(Attempt::Failed("an answer of more than 1 MiB".to_owned()));
        }
        match first.is_empty() && all.is_empty() {
            true => first = piece,
            false => {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&piece);
            }
        }
    }
    Ok(if all.is_empty() { first } else { all.into() })
}
