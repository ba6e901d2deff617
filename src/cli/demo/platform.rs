//! The platform of the demonstration: a client that sends the story's calls over HTTP, keyed and signed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;
use serde_json::Value;

use super::story::{Said, Step};
use crate::auth::secret::SigningSecret;
use crate::auth::standard;
use crate::cli::CliError;
use crate::config::first_start::FirstStart;
use crate::domain::call::Endpoint;

/// How long one call may take. The receiver is in this process, so only a hung machine takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Platform {
    agent: ureq::Agent,
    base: String,
    application_id: String,
    api_key: String,
    secret: SigningSecret,
    /// The vendor's IDs that were answered, by the platform's.
    known: HashMap<String, String>,
    /// What was sent under each `webhook-id`, as a gateway keeps it to deliver it again.
    bodies: HashMap<String, String>,
    sent: usize,
}

/// What a call was answered.
pub(super) struct Answered {
    pub code: i64,
    pub message: String,
}

impl Platform {
    pub(super) fn new(address: SocketAddr, credentials: &FirstStart) -> Result<Self, CliError> {
        let secret = SigningSecret::parse(&SecretString::from(credentials.signing_secret.clone()))
            .map_err(|error| CliError::Failed(error.to_string()))?;
        // No proxy: the receiver is this process.
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .proxy(None)
            .build()
            .new_agent();
        Ok(Self {
            agent,
            base: format!("http://{address}/api"),
            application_id: credentials.application_id.clone(),
            api_key: credentials.api_key.clone(),
            secret,
            known: HashMap::new(),
            bodies: HashMap::new(),
            sent: 0,
        })
    }

    /// Sends one call and remembers the vendor's ID that it is answered with, as a platform does.
    pub(super) fn send(&mut self, step: &Step) -> Result<Answered, CliError> {
        self.sent += 1;
        let fresh = format!("demo-{}", self.sent);
        let id = step.webhook_id.unwrap_or(&fresh);
        let body = step.body(&self.known).or_else(|| self.bodies.get(id).cloned()).unwrap_or_default();
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let signature = standard::sign(&self.secret, id, i64::try_from(second).unwrap_or(i64::MAX), body.as_bytes());
        let failed = |error: ureq::Error| CliError::Failed(format!("the demonstration's call failed: {error}"));
        let mut response = self
            .agent
            .post(format!("{}/{}", self.base, step.endpoint.as_str()))
            .header("Content-Type", "application/json")
            .header("X-CloudPlatform-ApplicationId", &self.application_id)
            .header("X-CloudPlatform-APIKey", &self.api_key)
            .header("X-CloudPlatform-TrackId", format!("demo-track-{}", self.sent))
            .header("webhook-id", id)
            .header("webhook-timestamp", second.to_string())
            .header("webhook-signature", signature)
            .send(body.as_bytes())
            .map_err(failed)?;
        let answer: Value = response.body_mut().read_json().map_err(failed)?;
        let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.bodies.entry(id.to_owned()).or_insert(body);
        let code = answer.get("Code").and_then(Value::as_i64).unwrap_or(-1);
        if code == 0 && step.endpoint == Endpoint::Synchronize && matches!(step.said, Said::Account(_)) {
            self.known.insert(step.id().to_owned(), text("Result"));
        }
        Ok(Answered { code, message: text("Message") })
    }
}
