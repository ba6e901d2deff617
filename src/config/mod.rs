//! One typed configuration, from file, environment and flags; later wins.

pub mod atria;
pub mod extremecloud;
mod file;
pub mod first_start;
mod provisioning;
pub mod reconcile;
mod secrets;
pub mod sender;
mod sources;
pub mod subscribers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::auth::gate::SourceCredentials;
use crate::domain::definition::{OptionDefinition, OptionKind};
use crate::domain::field::FieldDefinition;
use crate::domain::policy::SourcePolicy;
use crate::domain::provisioning::Rules;
use crate::domain::redaction::is_secret_name;
use subscribers::Subscriber;

/// The file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "tiersync.toml";

/// The address that is listened on by default: this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// The database by default: a file beside the configuration.
pub const DEFAULT_DATABASE_URL: &str = "sqlite:tiersync.db";

/// For how many days bodies are kept by default.
pub const DEFAULT_RETENTION_DAYS: u32 = 90;

/// For how many days the change feed is kept by default: thirteen months, so that who reads once a year finds its place.
pub const DEFAULT_FEED_DAYS: u32 = 400;

/// What is wrong with a configuration. The text says where and what to do; it never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// A file that was named is not there or cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's reason.
        reason: String,
    },
    /// The file, the environment or a flag says something that does not work.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }
}

/// What to do with a call that lacks the tenant's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingTenant {
    /// Refuse it as malformed.
    Reject,
    /// Take it as of the tenant without a name.
    Default,
}

/// How a source's calls tell tenants apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRule {
    /// The field whose header `X-CloudPlatform-Setting-<field>` names the tenant.
    pub setting: String,
    /// What its absence means.
    pub missing: MissingTenant,
}

/// One platform installation.
#[derive(Debug, Clone)]
pub struct Source {
    /// Who may call, and how it shows that.
    pub credentials: Arc<SourceCredentials>,
    /// The rules for its accounts.
    pub policy: Arc<SourcePolicy>,
    /// How tenants are told apart, if they are.
    pub tenant: Option<TenantRule>,
    /// Most calls a second; none for no limit.
    pub calls_per_second: Option<u32>,
}

/// Bounds of what a caller may take from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the body of a call may take.
    pub body_timeout: Duration,
    /// How many calls may wait for the writer. More wait longer than a platform does.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_timeout: Duration::from_secs(10), queue: 4096 }
    }
}

/// Everything that `serve` runs on.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where the data is: `sqlite:FILE` or `postgres://…`.
    pub database_url: String,
    /// The base URL that platforms see, without the prefix; from the call's Host header if none.
    pub public_url: Option<String>,
    /// The platform installations.
    pub sources: Vec<Source>,
    /// The settings that partners are asked for.
    pub fields: Arc<[FieldDefinition]>,
    /// The synchronization options that accounts are asked for.
    pub sync_options: Arc<[OptionDefinition]>,
    /// What `Fields/ServiceDefinition` answers, as JSON.
    pub service_definition: Arc<str>,
    /// What `Fields/AdditionalInfo` answers, as a JSON object of texts.
    pub additional_info: Arc<str>,
    /// Who is told of changes.
    pub subscribers: Arc<[Arc<Subscriber>]>,
    /// Bounds.
    pub limits: Limits,
    /// For how many days bodies are kept; 0 for ever.
    pub retention_days: u32,
    /// For how many days the change feed is kept; 0 for ever.
    pub feed_days: u32,
    /// When the self-check runs, and what runs leave behind.
    pub reconcile: reconcile::Reconciling,
    /// How clients of the Atria dialect write.
    pub atria: atria::Atria,
    /// Whose accounts clients of the ExtremeCloud dialect see; none where it is not answered.
    pub extremecloud: Option<Arc<extremecloud::ExtremeCloud>>,
    /// How often items of provisioning are tried, and for how long each is lent out.
    pub provisioning: Rules,
}

/// What flags and environment say, over the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--listen` or `TIERSYNC_LISTEN`.
    pub listen: Option<String>,
    /// `--database-url` or `TIERSYNC_DATABASE_URL`.
    pub database_url: Option<String>,
    /// `TIERSYNC_RETENTION_DAYS`.
    pub retention_days: Option<String>,
}

impl Config {
    /// Loads the configuration: the named file, or `tiersync.toml` where it exists, or nothing but defaults.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong and where.
    pub fn load(overrides: &Overrides) -> Result<Self, ConfigError> {
        let file = match text(overrides)? {
            Some((path, text)) => parse(&path, &text)?,
            None => file::File::default(),
        };
        sources::build(file, overrides)
    }

    /// As [`Config::load`], from a text at hand.
    ///
    /// # Errors
    /// [`ConfigError`] says what is wrong and where.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        sources::build(file::parse(text)?, &Overrides::default())
    }

    /// For how long bodies are kept; none for ever.
    #[must_use]
    pub fn retention(&self) -> Option<Duration> {
        (self.retention_days > 0).then(|| Duration::from_secs(u64::from(self.retention_days) * 86_400))
    }

    /// For how long the change feed is kept; none for ever.
    #[must_use]
    pub fn feed_retention(&self) -> Option<Duration> {
        (self.feed_days > 0).then(|| Duration::from_secs(u64::from(self.feed_days) * 86_400))
    }

    /// The synchronization options that are entered behind a mask.
    #[must_use]
    pub fn secret_options(&self) -> Vec<String> {
        let masked = self.sync_options.iter().filter(|definition| definition.kind == OptionKind::Mask);
        masked.map(|definition| definition.id.clone()).collect()
    }

    /// Whether the value of a synchronization option is a secret: its name says so, or it is entered behind a mask.
    #[must_use]
    pub fn is_secret_option(&self, id: &str) -> bool {
        is_secret_name(id)
            || self.sync_options.iter().any(|definition| definition.id == id && definition.kind == OptionKind::Mask)
    }
}

/// The configuration file and what it holds; none where there is none.
fn text(overrides: &Overrides) -> Result<Option<(PathBuf, String)>, ConfigError> {
    let path = match &overrides.file {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
        None => return Ok(None),
    };
    let text = read(&path)?;
    Ok(Some((path, text)))
}

fn parse(path: &Path, text: &str) -> Result<file::File, ConfigError> {
    file::parse(text).map_err(|error| match error {
        ConfigError::Invalid(message) => ConfigError::invalid(format!("{}: {message}", path.display())),
        other => other,
    })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: path.display().to_string(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn source(extra: &str) -> String {
        format!("[[source]]\nid = \"a\"\napplication_id = \"A\"\napi_keys = [\"{KEY}\"]\n{extra}\n")
    }

    fn keyless(extra: &str) -> String {
        source(&format!("signing_secrets = [\"{SECRET}\"]\n{extra}")).replace(&format!("\"{KEY}\""), "")
    }

    fn option(extra: &str) -> String {
        source(&format!("[[sync_option]]\nid = \"X\"\nname = \"X\"\n{extra}"))
    }

    fn field(id: &str, kind: &str) -> String {
        format!("[[field]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"{kind}\"\n")
    }

    fn complaint(toml: &str) -> String {
        match Config::from_toml(toml) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_example_of_the_design_is_read() -> Result<(), ConfigError> {
        let config = Config::from_toml(&format!(
            r#"
            listen = "127.0.0.1:8080"
            database_url = "sqlite:tiersync.db"
            [[source]]
            id = "interworks-eu"
            application_id = "B6708CA0-7CBE-4696-AD64-B465F3C878DC"
            api_keys = ["{KEY}"]
            signing_secrets = ["{SECRET}"]
            signature = "optional"
            signature_schemes = ["standard"]
            tolerance_seconds = 300
            reseller_support = true
            missing_role = "reject"
            reseller_change = "accept"
            tenant_setting = "Organisation"
            missing_tenant = "reject"
            [[field]]
            id = "Organisation"
            name = "Organisation"
            kind = "Text"
            required = true
            [[sync_option]]
            id = "MPNID"
            name = "Reseller (MPN ID)"
            description = ""
            kind = "SimpleValue"
            data_type = "Text"
            sort_order = 0
            required = false
            read_only = false
            available_to_storefront = true
            predefined_values = []
            applies_to = ["reseller_customer"]
            pattern = "^[0-9]{{5,10}}$"
            partner_id = true
            "#
        ))?;
        assert_eq!(config.sources.len(), 1);
        assert!(config.sync_options.iter().all(|option| option.partner_id && option.description.is_none()));
        assert_eq!(config.fields.len(), 1);
        Ok(())
    }

    #[test]
    fn complaints_say_where_and_what_and_no_secret() {
        for (toml, part) in [
            (source("sigature = \"off\""), "sigature"),
            (source("signature = \"sometimes\""), "sometimes"),
            (
                format!(
                    "{}{}",
                    source(""),
                    source("").replace("\"A\"", "\"B\"").replace(KEY, "fedcba9876543210fedcba9876543210")
                ),
                "two sources are named \"a\"",
            ),
            (
                format!("{}{}", source(""), source("").replace("\"a\"", "\"b\"").replace("\"A\"", "\"B\"")),
                "same secret",
            ),
            (
                format!(
                    "{}{}",
                    source(""),
                    source("").replace("\"a\"", "\"b\"").replace(KEY, "fedcba9876543210fedcba9876543210")
                ),
                "application_id",
            ),
            (source(&format!("signing_secrets = [\"{SECRET}\"]\nreplay_secrets = [\"{SECRET}\"]")), "same secret"),
            (
                source(
                    "signing_secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA==\", \
                     \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwAA\"]",
                ),
                "same secret",
            ),
            (source(&format!("signing_secrets = [\"{SECRET}\"]")).replace(KEY, SECRET), "same secret"),
            (source("signature = \"required\""), "signing_secrets"),
            (source(&format!("signature = \"off\"\nsigning_secrets = [\"{SECRET}\"]")), "signature"),
            (source("signing_secrets = [\"plain\"]"), "whsec_"),
            (source("tenant_setting = \"Nope\""), "[[field]]"),
            (source("missing_tenant = \"default\""), "tenant_setting"),
            (source("").replace(KEY, "short"), "too short"),
            (source("").replace(KEY, "env:TIERSYNC_NO_SUCH_VARIABLE"), "TIERSYNC_NO_SUCH_VARIABLE"),
            (source("").replace(KEY, "file:/no/such/file"), "/no/such/file"),
            (format!("api_keys = []\n{}", source("")), "api_keys"),
            (source("[[sync_option]]\nid = \"X\"\nname = \"X\"\npattern = \"(\""), "pattern"),
            (source("[[sync_option]]\nid = \"X\"\nname = \"X\"\nkind = \"Text\""), "SimpleValue"),
            (
                source("[[sync_option]]\nid = \"X\"\nname = \"X\"\n[[sync_option]]\nid = \"X\"\nname = \"X\""),
                "two sync_options",
            ),
            (option("kind = \"Mask\"\npartner_id = true"), "needs a single value in clear"),
            (option("kind = \"Boolean\"\npartner_id = true"), "needs a single value in clear"),
            (option("kind = \"ListMultiSelect\"\npartner_id = true"), "needs a single value in clear"),
            (option("partner_id = true").replace("\"X\"", "\"X-Token\""), "its id is that of a secret"),
            (option("applies_to = []"), "applies_to"),
            (option("kind = \"Boolean\"\npattern = \"x\""), "pattern is never"),
            (option("kind = \"List\"\npattern = \"x\"\npredefined_values = [\"x\"]"), "pattern is never"),
            (option("kind = \"ListMultiSelect\"\npattern = \"x\"\npredefined_values = [\"x\"]"), "pattern is never"),
            (source(&format!("tenant_setting = \"Org\"\n{}", field("Org", "PasswordText"))), "stored in clear"),
            (source(&format!("tenant_setting = \"OrgToken\"\n{}", field("OrgToken", "Text"))), "stored in clear"),
            (source(&format!("{}{}", field("Org", "Text"), field("ORG", "Text"))), "two fields have the id \"org\""),
            (keyless(&format!("tenant_setting = \"Org\"\n{}", field("Org", "Text"))), "tenant_setting needs api_keys"),
            (keyless("signature_schemes = [\"github\"]"), "needs api_keys"),
            (
                source(&format!(
                    "signature = \"required\"\nsignature_schemes = [\"github\"]\nreplay_secrets = [\"{SECRET}\"]"
                )),
                "never uses replay_secrets",
            ),
            (source(&format!("signing_secrets = [\"{SECRET}\"]\nsignature_schemes = []")), "signature_schemes = []"),
            (format!("queue = 1000001\n{}", source("")), "queue must be 1 to 1000000"),
            (format!("queue = 0\n{}", source("")), "queue must be 1 to 1000000"),
            (format!("body_timeout_seconds = 601\n{}", source("")), "body_timeout_seconds must be 1 to 600"),
            (format!("body_timeout_seconds = 0\n{}", source("")), "body_timeout_seconds must be 1 to 600"),
            (format!("retention_days = 36501\n{}", source("")), "retention_days = 36501"),
            (format!("retention_days = -1\n{}", source("")), "retention_days = -1"),
            (format!("feed_days = 36501\n{}", source("")), "feed_days = 36501"),
            (format!("feed_days = -1\n{}", source("")), "feed_days = -1"),
            (source("[reconcile]\nevery = \"59s\""), "reconcile.every must be 1m to 366d"),
            (source("[reconcile]\nevery = \"1w\""), "reconcile.every = \"1w\""),
            (source("[reconcile]\nat = \"25:00\""), "no time of day"),
            (source("[reconcile]\nat = \"03:00\"\nevery = \"1d\""), "one of the two"),
            (source("[reconcile]\nkeep_runs = 0"), "reconcile.keep_runs must be 1 to 10000"),
            (source("[reconcile]\nmax_upload_mib = -1"), "reconcile.max_upload_mib"),
            (source("[provisioning]\nmax_attempts = 0"), "provisioning.max_attempts must be 1 to 100"),
            (source("[provisioning]\nlease_seconds = 86401"), "provisioning.lease_seconds must be 1 to 86400"),
            (source("[provisioning]\nretry = 5"), "retry"),
            (source("[reconcile]\npending_after = \"1d\""), "pending_after"),
            (source("tolerance_seconds = -1"), "tolerance_seconds"),
            ("listen = \"everywhere\"".to_owned(), "listen"),
            ("database_url = \"mysql://x\"".to_owned(), "database_url"),
        ] {
            let complaint = complaint(&toml);
            assert!(complaint.contains(part), "{part:?} not in {complaint:?}");
            assert!(!complaint.contains(KEY) && !complaint.contains("MfKQ9r8GK"), "a secret shows in {complaint:?}");
        }
    }

    #[test]
    fn what_is_near_a_complaint_and_works_is_accepted() {
        for toml in [
            option("kind = \"List\"\npredefined_values = [\"x\"]\npartner_id = true"),
            option("kind = \"List\"\npattern = \"x\""),
            source(&format!("tenant_setting = \"Org\"\n{}", field("Org", "Text"))),
            source(&format!("signing_secrets = [\"{SECRET}\"]\nsignature_schemes = [\"github\"]")),
            source("signature_schemes = []"),
            keyless("signature_schemes = [\"standard\", \"github\"]"),
            format!("queue = 1000000\nbody_timeout_seconds = 600\n{}", source("")),
            format!("retention_days = 36500\n{}", source("")),
            format!("retention_days = 0\n{}", source("")),
            format!("feed_days = 0\n{}", source("")),
            format!("feed_days = 36500\n{}", source("")),
        ] {
            assert_eq!(complaint(&toml), "accepted", "{toml}");
        }
    }

    #[test]
    fn bodies_are_kept_for_ninety_days_or_as_the_environment_says_over_the_file() -> Result<(), ConfigError> {
        let days = |days: u64| Some(Duration::from_secs(days * 86_400));
        let file = |text: &str| file::parse(&format!("{text}\n{}", source("")));
        let said = |days: &str| Overrides { retention_days: Some(days.to_owned()), ..Overrides::default() };
        assert_eq!(sources::build(file("")?, &Overrides::default())?.retention(), days(90));
        assert_eq!(sources::build(file("retention_days = 7")?, &Overrides::default())?.retention(), days(7));
        assert_eq!(sources::build(file("retention_days = 7")?, &said("30"))?.retention(), days(30));
        assert_eq!(sources::build(file("retention_days = 7")?, &said("0"))?.retention(), None);
        for wrong in ["", "never", "-1", "36501", "1.5"] {
            let complaint = sources::build(file("")?, &said(wrong)).err().map(|error| error.to_string());
            assert!(complaint.is_some_and(|text| text.contains("retention_days")), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn debug_shows_no_secret() -> Result<(), ConfigError> {
        let shown = format!("{:?}", Config::from_toml(&source(&format!("signing_secrets = [\"{SECRET}\"]")))?);
        assert!(!shown.contains(KEY) && !shown.contains("MfKQ9r8GK"));
        Ok(())
    }
}
