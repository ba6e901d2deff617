//! The very first start: a configuration with one source and fresh random credentials. The receiver never runs open.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use uuid::Uuid;

use super::{ConfigError, DEFAULT_DATABASE_URL, DEFAULT_LISTEN};
use crate::auth::secret::{new_api_key, new_signing_secret};

/// The credentials of a first start, to be shown once.
#[derive(Debug)]
pub struct FirstStart {
    /// The source's id.
    pub source: String,
    /// Its application id.
    pub application_id: String,
    /// Its key.
    pub api_key: String,
    /// The secret that signs live calls.
    pub signing_secret: String,
    /// The text of the configuration.
    pub toml: String,
}

/// Makes a configuration with one source named `name`.
#[must_use]
pub fn generate(name: &str, listen: Option<&str>, database_url: Option<&str>) -> FirstStart {
    let application_id = Uuid::new_v4().hyphenated().to_string().to_uppercase();
    let (api_key, signing_secret) = (new_api_key(), new_signing_secret());
    let (listen, database_url) = (listen.unwrap_or(DEFAULT_LISTEN), database_url.unwrap_or(DEFAULT_DATABASE_URL));
    let toml = format!(
        r#"# Written by the first `tiersync serve`. Every key is explained in README.md, "Configuration".
listen = {listen}
database_url = {database_url}

# One platform installation. Enter application_id and the API key at the platform.
[[source]]
id = "{name}"
application_id = "{application_id}"
api_keys = ["{api_key}"]
# Gateways that sign calls (Standard Webhooks) sign with this one.
signing_secrets = ["{signing_secret}"]
# Tools that resend captured calls sign with this one.
replay_secrets = ["{replay}"]
signature = "optional"

# Asks resellers for their partner ID where the platform does not send resellers themselves.
[[sync_option]]
id = "MPNID"
name = "Reseller (MPN ID)"
kind = "SimpleValue"
data_type = "Text"
required = false
applies_to = ["reseller_customer"]
partner_id = true
"#,
        listen = toml_text(listen),
        database_url = toml_text(database_url),
        replay = new_signing_secret(),
    );
    FirstStart { source: name.to_owned(), application_id, api_key, signing_secret, toml }
}

fn toml_text(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Writes the configuration where none is, readable by its owner alone.
///
/// # Errors
/// [`ConfigError`] when the file is there already or cannot be written.
pub fn write(path: &Path, first: &FirstStart) -> Result<(), ConfigError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let unwritable = |error: std::io::Error| ConfigError::Invalid(format!("cannot write {}: {error}", path.display()));
    let mut file = options.open(path).map_err(unwritable)?;
    file.write_all(first.toml.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)
}
