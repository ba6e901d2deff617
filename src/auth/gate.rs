//! The decision whether a call is let in, on what it presents and the raw bytes of its body.

use std::sync::Arc;

use super::github;
use super::secret::{ApiKey, Fingerprint, SigningSecret};
use super::standard::Signed;
use crate::domain::call::SignedId;
use crate::domain::ids::SourceId;

/// Whether a source's calls must be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureRule {
    /// Signatures are not looked at.
    Off,
    /// What is present is verified, and a bad one refused.
    Optional,
    /// Unsigned calls are refused.
    Required,
}

/// The credentials of one source.
#[derive(Debug)]
pub struct SourceCredentials {
    /// The source.
    pub id: SourceId,
    /// `X-CloudPlatform-ApplicationId`.
    pub application_id: String,
    /// Its live keys.
    pub api_keys: Vec<ApiKey>,
    /// Its live signing secrets.
    pub signing_secrets: Vec<SigningSecret>,
    /// Secrets that may sign old calls.
    pub replay_secrets: Vec<SigningSecret>,
    /// Whether calls must be signed.
    pub rule: SignatureRule,
    /// Whether the Standard Webhooks scheme is taken.
    pub standard: bool,
    /// Whether the GitHub scheme is taken.
    pub github: bool,
    /// How far a signed time may be from ours, in seconds, either way.
    pub tolerance_seconds: i64,
    /// Whether a header that no signature covers tells tenants apart, so that a signature alone is not enough.
    pub tells_tenants_apart: bool,
}

/// A header that may be absent, and must not come twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header<'a> {
    /// Not there, or empty.
    Absent,
    /// Its text.
    One(&'a str),
    /// Several times, or no visible text.
    Unreadable,
}

/// What a call presents.
#[derive(Debug)]
pub struct Presented<'a> {
    /// The source that its path names.
    pub path_source: Option<&'a str>,
    /// `X-CloudPlatform-ApplicationId`.
    pub application_id: Header<'a>,
    /// `X-CloudPlatform-APIKey`.
    pub api_key: Header<'a>,
    /// `webhook-id`.
    pub webhook_id: Header<'a>,
    /// `webhook-timestamp`.
    pub webhook_timestamp: Header<'a>,
    /// `webhook-signature`.
    pub webhook_signature: Header<'a>,
    /// `X-Hub-Signature-256`.
    pub hub_signature: Header<'a>,
    /// The body as it came.
    pub body: &'a [u8],
}

/// Which credential let a call in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CredentialKind {
    /// An API key.
    ApiKey,
    /// A signing secret.
    SigningSecret,
    /// A replay secret.
    ReplaySecret,
}

impl CredentialKind {
    /// The name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::SigningSecret => "signing_secret",
            Self::ReplaySecret => "replay_secret",
        }
    }
}

/// A call that was let in.
#[derive(Debug)]
pub struct Verified {
    /// Position of the source in the list given.
    pub source: usize,
    /// Every credential that was good.
    pub credentials: Vec<(CredentialKind, Fingerprint)>,
    /// Whether a replay secret signed it.
    pub replayed: bool,
    /// Its id, if a valid signature covers one.
    pub signed_id: Option<SignedId>,
    /// Its signed time, if a valid signature covers one.
    pub signed_second: Option<i64>,
}

/// Why a call is not let in. The caller learns none of this; log and metrics do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Neither path nor header names a source.
    NoApplication,
    /// No source has this name or application id.
    UnknownApplication,
    /// Path and application id name different sources.
    SourceMismatch,
    /// A credential's header comes twice or is no visible text.
    UnreadableHeader,
    /// No key where one is needed.
    KeyMissing,
    /// A key that is none of the source's.
    KeyWrong,
    /// No signature where one is needed.
    SignatureMissing,
    /// Not all three headers of the scheme, or one of them is none.
    SignatureIncomplete,
    /// No live secret made it.
    SignatureWrong,
    /// Good, but too old.
    TimestampOld,
    /// Good, but from the future.
    TimestampFuture,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 11] = [
        Self::NoApplication,
        Self::UnknownApplication,
        Self::SourceMismatch,
        Self::UnreadableHeader,
        Self::KeyMissing,
        Self::KeyWrong,
        Self::SignatureMissing,
        Self::SignatureIncomplete,
        Self::SignatureWrong,
        Self::TimestampOld,
        Self::TimestampFuture,
    ];

    /// The name in log and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoApplication => "no_application",
            Self::UnknownApplication => "unknown_application",
            Self::SourceMismatch => "source_mismatch",
            Self::UnreadableHeader => "unreadable_header",
            Self::KeyMissing => "key_missing",
            Self::KeyWrong => "key_wrong",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureIncomplete => "signature_incomplete",
            Self::SignatureWrong => "signature_wrong",
            Self::TimestampOld => "timestamp_old",
            Self::TimestampFuture => "timestamp_future",
        }
    }
}

/// Lets a call in or says why not. `now` is in seconds since 1970.
///
/// # Errors
/// The first [`Refusal`] that applies.
pub fn authenticate(
    sources: &[Arc<SourceCredentials>],
    presented: &Presented<'_>,
    now: i64,
) -> Result<Verified, Refusal> {
    let (position, source) = find_source(sources, presented)?;
    let mut verified =
        Verified { source: position, credentials: Vec::new(), replayed: false, signed_id: None, signed_second: None };
    let keyed = match presented.api_key {
        Header::Absent => false,
        Header::Unreadable => return Err(Refusal::UnreadableHeader),
        Header::One(key) => {
            // Every key is compared, so that the time tells nothing of which one it is.
            let matching = source
                .api_keys
                .iter()
                .fold(None, |found, known| if known.matches(key.as_bytes()) { Some(known) } else { found });
            let known = matching.ok_or(Refusal::KeyWrong)?;
            verified.credentials.push((CredentialKind::ApiKey, known.fingerprint().clone()));
            true
        }
    };
    let signed = source.rule != SignatureRule::Off && verify_standard(source, presented, now, &mut verified)?;
    let hub_signed =
        source.rule != SignatureRule::Off && source.github && verify_github(source, presented, &mut verified)?;
    if source.rule == SignatureRule::Required && !signed && !hub_signed {
        return Err(Refusal::SignatureMissing);
    }
    let signature_is_enough = signed && presented.path_source.is_some() && !source.tells_tenants_apart;
    if keyed || signature_is_enough { Ok(verified) } else { Err(Refusal::KeyMissing) }
}

fn find_source<'s>(
    sources: &'s [Arc<SourceCredentials>],
    presented: &Presented<'_>,
) -> Result<(usize, &'s SourceCredentials), Refusal> {
    let by_path = match presented.path_source {
        Some(name) => {
            Some(sources.iter().position(|source| source.id.as_str() == name).ok_or(Refusal::UnknownApplication)?)
        }
        None => None,
    };
    let by_application = match presented.application_id {
        Header::Absent => None,
        Header::Unreadable => return Err(Refusal::UnreadableHeader),
        Header::One(id) => Some(
            sources
                .iter()
                .position(|source| source.application_id.eq_ignore_ascii_case(id))
                .ok_or(Refusal::UnknownApplication)?,
        ),
    };
    let position = match (by_path, by_application) {
        (Some(a), Some(b)) if a != b => return Err(Refusal::SourceMismatch),
        (Some(position), _) | (None, Some(position)) => position,
        (None, None) => return Err(Refusal::NoApplication),
    };
    sources.get(position).map(|source| (position, source.as_ref())).ok_or(Refusal::UnknownApplication)
}

fn verify_standard(
    source: &SourceCredentials,
    presented: &Presented<'_>,
    now: i64,
    verified: &mut Verified,
) -> Result<bool, Refusal> {
    use Header::{Absent, One, Unreadable};
    if !source.standard {
        return Ok(false);
    }
    let signed = match (presented.webhook_id, presented.webhook_timestamp, presented.webhook_signature) {
        (Absent, Absent, Absent) => return Ok(false),
        (Unreadable, _, _) | (_, Unreadable, _) | (_, _, Unreadable) => return Err(Refusal::UnreadableHeader),
        (One(id), One(timestamp), One(signatures)) => {
            Signed::read(id, timestamp, signatures).ok_or(Refusal::SignatureIncomplete)?
        }
        _ => return Err(Refusal::SignatureIncomplete),
    };
    let age = now.saturating_sub(signed.second);
    let live = signed.verify(presented.body, &source.signing_secrets);
    let replay = signed.verify(presented.body, &source.replay_secrets);
    let (kind, secret) = match (live, replay) {
        (Some(secret), _) if age.abs() <= source.tolerance_seconds => (CredentialKind::SigningSecret, secret),
        (_, Some(secret)) if age >= -source.tolerance_seconds => (CredentialKind::ReplaySecret, secret),
        (None, None) => return Err(Refusal::SignatureWrong),
        _ if age < 0 => return Err(Refusal::TimestampFuture),
        _ => return Err(Refusal::TimestampOld),
    };
    verified.credentials.push((kind, secret.fingerprint().clone()));
    verified.replayed = kind == CredentialKind::ReplaySecret;
    verified.signed_id = Some(SignedId(Arc::from(signed.id)));
    verified.signed_second = Some(signed.second);
    Ok(true)
}

fn verify_github(
    source: &SourceCredentials,
    presented: &Presented<'_>,
    verified: &mut Verified,
) -> Result<bool, Refusal> {
    match presented.hub_signature {
        Header::Absent => Ok(false),
        Header::Unreadable => Err(Refusal::UnreadableHeader),
        Header::One(header) => {
            let secret =
                github::verify(header, presented.body, &source.signing_secrets).ok_or(Refusal::SignatureWrong)?;
            verified.credentials.push((CredentialKind::SigningSecret, secret.fingerprint().clone()));
            Ok(true)
        }
    }
}
