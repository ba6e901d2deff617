//! The shape of the configuration file.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ConfigError;
use super::secrets::Written;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    pub listen: Option<String>,
    pub database_url: Option<String>,
    pub public_url: Option<String>,
    pub body_timeout_seconds: Option<u64>,
    pub queue: Option<usize>,
    pub retention_days: Option<i64>,
    pub feed_days: Option<i64>,
    pub service_definition_file: Option<String>,
    pub additional_info: BTreeMap<String, String>,
    pub reconcile: ReconcileEntry,
    pub atria: AtriaEntry,
    pub extremecloud: Option<ExtremeCloudEntry>,
    pub provisioning: ProvisioningEntry,
    pub source: Vec<SourceEntry>,
    pub field: Vec<FieldEntry>,
    pub sync_option: Vec<SyncOptionEntry>,
    pub subscriber: Vec<SubscriberEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AtriaEntry {
    pub code_page: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ExtremeCloudEntry {
    pub source: Option<String>,
    pub tenant: Option<String>,
    pub msp_id: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ReconcileEntry {
    pub every: Option<String>,
    pub at: Option<String>,
    pub pending_older_than: Option<String>,
    pub flapping_within: Option<String>,
    pub keep_runs: Option<i64>,
    pub keep_findings: Option<i64>,
    pub max_upload_mib: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProvisioningEntry {
    pub max_attempts: Option<i64>,
    pub lease_seconds: Option<i64>,
    pub retry_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceEntry {
    pub id: String,
    pub application_id: String,
    #[serde(default)]
    pub api_keys: Vec<Written>,
    #[serde(default)]
    pub signing_secrets: Vec<Written>,
    #[serde(default)]
    pub replay_secrets: Vec<Written>,
    #[serde(default = "optional")]
    pub signature: String,
    #[serde(default = "standard")]
    pub signature_schemes: Vec<String>,
    #[serde(default = "five_minutes")]
    pub tolerance_seconds: i64,
    #[serde(default = "yes")]
    pub reseller_support: bool,
    #[serde(default = "reject")]
    pub missing_role: String,
    #[serde(default = "accept")]
    pub reseller_change: String,
    #[serde(default)]
    pub adopt: Vec<String>,
    pub tenant_setting: Option<String>,
    pub missing_tenant: Option<String>,
    pub calls_per_second: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldEntry {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    #[serde(default = "text")]
    pub kind: String,
    #[serde(default)]
    pub required: bool,
    #[serde(default = "field_length")]
    pub max_length: usize,
    #[serde(default)]
    pub sort_order: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SyncOptionEntry {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    #[serde(default = "simple_value")]
    pub kind: String,
    #[serde(default = "text")]
    pub data_type: String,
    #[serde(default)]
    pub sort_order: i64,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default = "yes")]
    pub available_to_storefront: bool,
    #[serde(default)]
    pub predefined_values: Vec<PredefinedEntry>,
    pub applies_to: Option<Vec<String>>,
    pub pattern: Option<String>,
    #[serde(default)]
    pub partner_id: bool,
    #[serde(default)]
    pub must_exist: bool,
}

/// A value to choose from: `"gold"`, or a table with its parts.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum PredefinedEntry {
    Plain(String),
    Table(PredefinedTable),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PredefinedTable {
    pub id: String,
    pub name: Option<String>,
    #[serde(default)]
    pub sort_order: i64,
    pub description: Option<String>,
    #[serde(default)]
    pub is_default: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubscriberEntry {
    pub id: String,
    /// Its query may hold a secret.
    pub url: Written,
    pub secret: OneOrMore,
    #[serde(default = "everything")]
    pub events: Vec<String>,
    #[serde(default)]
    pub sources: Vec<String>,
    #[serde(default)]
    pub tenants: Vec<String>,
    #[serde(default)]
    pub allow_private: bool,
    #[serde(default = "half_a_minute")]
    pub timeout_seconds: u64,
    #[serde(default = "four")]
    pub parallel: usize,
}

/// A secret, or several while they are changed.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(Written),
    More(Vec<Written>),
}

impl OneOrMore {
    pub(super) fn all(&self) -> &[Written] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(more) => more,
        }
    }
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}
fn half_a_minute() -> u64 {
    30
}
fn four() -> usize {
    4
}
fn optional() -> String {
    "optional".to_owned()
}
fn standard() -> Vec<String> {
    vec!["standard".to_owned()]
}
fn five_minutes() -> i64 {
    300
}
fn yes() -> bool {
    true
}
fn reject() -> String {
    "reject".to_owned()
}
fn accept() -> String {
    "accept".to_owned()
}
fn text() -> String {
    "Text".to_owned()
}
fn simple_value() -> String {
    "SimpleValue".to_owned()
}
fn field_length() -> usize {
    256
}

/// Reads the file's text.
///
/// The parser's own message quotes the line it fails on, which may hold a secret: only its plain sentence and the line
/// number go on.
pub(super) fn parse(text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        ConfigError::invalid(format!("line {line}: {}", error.message()))
    })
}
