//! What captured calls would do if they were replayed into this database, without sending or writing anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ReplayError;
use super::input::Inputs;
use super::letter::{Letter, Manner};
use super::only::Only;
use crate::config::{Config, MissingTenant, Source};
use crate::domain::call::{Call, Request, SignedId};
use crate::domain::ids::{Scope, Tenant};
use crate::ops::what_if::{Prediction, WhatIf};
use crate::store::{AnyConnection, StoreError};
use crate::wire::intent::{self, Reading};
use crate::wire::named::Named;

/// Which calls, and by which rules.
pub struct Predicting<'a> {
    /// Where the calls are.
    pub inputs: &'a Inputs,
    /// The rules.
    pub config: &'a Config,
    /// The source that they would be sent as.
    pub source: &'a Source,
    /// Conditions that each call must meet.
    pub only: &'a [Only],
    /// When bodies without a time happened, in microseconds since 1970.
    pub at: Option<i64>,
    /// Whether calls that were refused would be sent for good.
    pub refused: bool,
}

/// Why predicting ended early.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The capture cannot be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Predicts calls in the order of the capture and gives each to `seen`. `now` is in microseconds since 1970. Returns how
/// many had no body any more.
///
/// # Errors
/// What `seen` fails with, or [`PredictError`].
pub fn predict<E: From<PredictError>>(
    predicting: &Predicting<'_>,
    connection: &mut AnyConnection,
    now: i64,
    seen: &mut dyn FnMut(&Letter, &Prediction) -> Result<(), E>,
) -> Result<u64, E> {
    let manner = Manner::AsCaptured(predicting.at);
    let name = predicting.source.credentials.id.as_str();
    let mut what_if = WhatIf::default();
    let mut emptied = 0;
    for (position, call) in (1..).zip(predicting.inputs.calls()) {
        let mut call = call.map_err(PredictError::from)?;
        let named = Named::of(call.body.as_deref().unwrap_or_default());
        if !predicting.only.iter().all(|only| only.meets(&call, &named)) {
            continue;
        }
        let asks = call.only_asks() && !predicting.refused;
        let account = named.id.as_ref().map(ToString::to_string);
        let source = call.source.clone().unwrap_or_else(|| name.to_owned());
        let letter = Letter::of(position, &mut call, account, &source, &manner, now.div_euclid(1_000_000));
        let Some(mut letter) = letter.map_err(PredictError::from)? else {
            emptied += 1;
            continue;
        };
        letter.check_only |= asks;
        let call = as_received(predicting, &letter, now);
        let policy = Arc::clone(&predicting.source.policy);
        let prediction = what_if.predict(connection, &call, &policy).map_err(PredictError::from)?;
        seen(&letter, &prediction)?;
    }
    Ok(emptied)
}

/// The call as the receiver would read it.
fn as_received(predicting: &Predicting<'_>, letter: &Letter, now: i64) -> Call {
    let config = predicting.config;
    let read = intent::read(Reading {
        endpoint: letter.endpoint,
        body: &letter.body,
        query: if letter.check_only { "checkonly=true" } else { "" },
        is_secret_option: &|id| config.is_secret_option(id),
        secret_options: &|| config.secret_options(),
        fields: &config.fields,
        settings: BTreeMap::new(),
    });
    let (tenant, refusal) = tenant(predicting.source, &letter.tenant);
    let intent = match refusal {
        Some(why) => intent::refused(&why, false, None),
        None => read.intent,
    };
    let second = now.div_euclid(1_000_000);
    Call {
        scope: Scope { source: predicting.source.credentials.id.clone(), tenant },
        endpoint: letter.endpoint,
        check_only: read.check_only,
        replayed: true,
        event_second: letter.second.map_or(second, |signed| signed.min(second)),
        received_at: now,
        signed_id: Some(SignedId(letter.id.as_str().into())),
        intent,
        again: None,
        request: Request {
            path: format!("/api/{}", letter.endpoint.as_str()),
            track_id: letter.track_id.clone(),
            headers: "{}".to_owned(),
            digest: Sha256::digest(&read.stored_body).into(),
            body: read.stored_body,
        },
    }
}

/// The tenant that the call would belong to, or why to none.
fn tenant(source: &Source, name: &str) -> (Tenant, Option<String>) {
    match &source.tenant {
        None => (Tenant::none(), None),
        Some(rule) if name.is_empty() && rule.missing == MissingTenant::Default => (Tenant::none(), None),
        Some(rule) if name.is_empty() => (
            Tenant::none(),
            Some(format!("X-CloudPlatform-Setting-{} is missing: whose account is this?", rule.setting)),
        ),
        Some(rule) => match Tenant::parse(name) {
            Ok(tenant) => (tenant, None),
            Err(error) => (Tenant::none(), Some(format!("X-CloudPlatform-Setting-{} {error}.", rule.setting))),
        },
    }
}
