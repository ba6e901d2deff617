//! The other side of a source: what is needed to send calls as its platform, for `tiersync replay`.

use secrecy::SecretString;

use super::file::{self, SourceEntry};
use super::secrets::Written;
use super::{ConfigError, Overrides};
use crate::auth::secret::SigningSecret;

/// What a sender shows and signs with.
#[derive(Debug)]
pub struct Sender {
    /// `X-CloudPlatform-ApplicationId`.
    pub application_id: String,
    /// `X-CloudPlatform-APIKey`; none where a signature alone lets a call in.
    pub api_key: Option<SecretString>,
    /// Signs old calls.
    pub replay_secret: Option<SigningSecret>,
    /// Signs live calls.
    pub signing_secret: Option<SigningSecret>,
    /// The setting whose header `X-CloudPlatform-Setting-<setting>` tells tenants apart.
    pub tenant_setting: Option<String>,
}

/// What flags say of a sender, over the configuration; each literal, `env:NAME` or `file:PATH` as in the file.
#[derive(Default)]
pub struct SenderOverrides {
    /// `--application-id`.
    pub application_id: Option<String>,
    /// `--api-key`.
    pub api_key: Option<String>,
    /// `--secret`: takes the place of both secrets.
    pub secret: Option<String>,
    /// `--tenant-setting`.
    pub tenant_setting: Option<String>,
}

impl std::fmt::Debug for SenderOverrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SenderOverrides(…)")
    }
}

impl Sender {
    /// The sender of a source of the configuration: its application id, first key and first secrets. What a flag gives
    /// need not stand there; with an application id from a flag the source need not, either.
    ///
    /// # Errors
    /// [`ConfigError`] says what is missing, or which of them is none. It never holds a secret.
    pub fn load(overrides: &Overrides, source: &str, flags: &SenderOverrides) -> Result<Self, ConfigError> {
        let file = match super::text(overrides)? {
            Some((path, text)) => super::parse(&path, &text)?,
            None => file::File::default(),
        };
        let entry = file.source.into_iter().find(|entry| entry.id == source);
        if entry.is_none() && flags.application_id.is_none() {
            return Err(ConfigError::invalid(format!(
                "the configuration has no [[source]] with the id \"{source}\"; name one of it, or give --application-id, \
                 --api-key and --secret"
            )));
        }
        let application_id = match (&flags.application_id, &entry) {
            (Some(written), _) => exposed(written, "--application-id")?,
            (None, Some(entry)) => entry.application_id.trim().to_owned(),
            (None, None) => String::new(),
        };
        let first =
            |list: fn(&SourceEntry) -> &Vec<Written>, name: &str| match entry.as_ref().and_then(|e| list(e).first()) {
                Some(written) => written.resolve(&format!("source \"{source}\": {name}")).map(Some),
                None => Ok(None),
            };
        let api_key = match &flags.api_key {
            Some(written) => Some(resolve(written, "--api-key")?),
            None => first(|entry| &entry.api_keys, "api_keys")?,
        };
        let (replay_secret, signing_secret) = match &flags.secret {
            Some(written) => {
                let secret = || signing(resolve(written, "--secret")?, "--secret");
                (Some(secret()?), Some(secret()?))
            }
            None => (
                first(|entry| &entry.replay_secrets, "replay_secrets")?
                    .map(|secret| signing(secret, "replay_secrets"))
                    .transpose()?,
                first(|entry| &entry.signing_secrets, "signing_secrets")?
                    .map(|secret| signing(secret, "signing_secrets"))
                    .transpose()?,
            ),
        };
        let tenant_setting = flags.tenant_setting.clone().or_else(|| entry.and_then(|entry| entry.tenant_setting));
        Ok(Self { application_id, api_key, replay_secret, signing_secret, tenant_setting })
    }
}

fn resolve(written: &str, flag: &str) -> Result<SecretString, ConfigError> {
    Written::from(written).resolve(flag)
}

fn exposed(written: &str, flag: &str) -> Result<String, ConfigError> {
    use secrecy::ExposeSecret;
    Ok(resolve(written, flag)?.expose_secret().to_owned())
}

fn signing(secret: SecretString, list: &str) -> Result<SigningSecret, ConfigError> {
    SigningSecret::parse(&secret).map_err(|error| ConfigError::invalid(format!("{list}: {error}")))
}
