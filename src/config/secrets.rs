//! Secrets as written in the file: literally, or `env:NAME`, or `file:PATH`.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::ConfigError;

/// A secret as the file has it; `Debug` shows nothing of a literal one.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Written(String);

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Written {
    /// The secret itself. `list` names the list it stands in, for complaints.
    pub(super) fn resolve(&self, list: &str) -> Result<SecretString, ConfigError> {
        let text = if let Some(name) = self.0.strip_prefix("env:") {
            std::env::var(name)
                .map_err(|_| ConfigError::invalid(format!("{list}: the environment has no variable {name}")))?
        } else if let Some(path) = self.0.strip_prefix("file:") {
            std::fs::read_to_string(path)
                .map_err(|error| ConfigError::invalid(format!("{list}: cannot read {path}: {error}")))?
        } else {
            self.0.clone()
        };
        let text = text.trim();
        if text.is_empty() {
            return Err(ConfigError::invalid(format!("{list}: a secret is empty")));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}

/// Sees to it that no secret stands in two lists, or twice in one: a rotation could not tell them apart.
#[derive(Default)]
pub(super) struct Distinct(HashMap<[u8; 32], String>);

impl Distinct {
    /// `secret` is a secret as it is written, or the bytes that it stands for: base64 is written with padding or without.
    pub(super) fn take(&mut self, secret: &[u8], list: &str) -> Result<(), ConfigError> {
        match self.0.insert(Sha256::digest(secret).into(), list.to_owned()) {
            None => Ok(()),
            Some(other) => Err(ConfigError::invalid(format!(
                "{list} and {other} hold the same secret; make a new one with `tiersync secret new`"
            ))),
        }
    }
}
