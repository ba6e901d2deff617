//! From the file's shape to the typed configuration, with every complaint that can be made before serving.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use secrecy::{ExposeSecret, SecretString};

use super::file::{File, PredefinedEntry, SourceEntry, SyncOptionEntry};
use super::secrets::{Distinct, Written};
use super::{
    Config, ConfigError, DEFAULT_DATABASE_URL, DEFAULT_FEED_DAYS, DEFAULT_LISTEN, DEFAULT_RETENTION_DAYS, Limits,
    MissingTenant, Overrides, Source, TenantRule,
};
use crate::auth::gate::{SignatureRule, SourceCredentials};
use crate::auth::secret::{ApiKey, SecretError, SigningSecret};
use crate::domain::account::AccountKind;
use crate::domain::definition::{DataType, OptionDefinition, OptionKind, PredefinedValue};
use crate::domain::field::{FieldDefinition, FieldKind};
use crate::domain::ids::SourceId;
use crate::domain::policy::{Likeness, MissingRole, ResellerChange, SourcePolicy};
use crate::domain::redaction::is_secret_name;

/// Most calls that may wait: beyond a million they wait longer than any platform does, and fill the memory.
const MAX_QUEUE: usize = 1_000_000;

/// Longest that bodies are kept, but for ever: a hundred years. Times of day would not hold much more.
const MAX_RETENTION_DAYS: u32 = 36_500;

/// Longest that a body may take. A caller that needs longer only holds a connection.
const MAX_BODY_TIMEOUT: Duration = Duration::from_secs(600);

/// Longest tolerance: a day. Beyond that a captured call could be sent again long after.
const MAX_TOLERANCE_SECONDS: i64 = 86_400;

pub(super) fn invalid<T>(message: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::invalid(message))
}

/// One of several words, or a complaint that lists them.
fn word<T: Copy>(what: &str, said: &str, words: &[(&str, T)]) -> Result<T, ConfigError> {
    match words.iter().find(|(word, _)| *word == said) {
        Some((_, value)) => Ok(*value),
        None => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            invalid(format!("{what} = \"{said}\" is none of {}", words.join(", ")))
        }
    }
}

pub(super) fn build(file: File, overrides: &Overrides) -> Result<Config, ConfigError> {
    let listen = overrides.listen.as_deref().or(file.listen.as_deref()).unwrap_or(DEFAULT_LISTEN);
    let listen = listen.parse().map_err(|_| {
        ConfigError::invalid(format!("listen = \"{listen}\" is no address with a port, such as {DEFAULT_LISTEN}"))
    })?;
    let database_url =
        overrides.database_url.clone().or(file.database_url).unwrap_or_else(|| DEFAULT_DATABASE_URL.to_owned());
    if !["sqlite:", "postgres://", "postgresql://"].iter().any(|scheme| database_url.starts_with(scheme)) {
        return invalid("database_url begins with neither sqlite: nor postgres://");
    }
    if let Some(url) = &file.public_url
        && !url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
    {
        return invalid("public_url is no link that begins with http:// or https://");
    }
    let limits = Limits {
        body_timeout: file.body_timeout_seconds.map_or(Limits::default().body_timeout, Duration::from_secs),
        queue: file.queue.unwrap_or(Limits::default().queue),
    };
    if limits.body_timeout.is_zero() || limits.body_timeout > MAX_BODY_TIMEOUT {
        return invalid("body_timeout_seconds must be 1 to 600");
    }
    if !(1..=MAX_QUEUE).contains(&limits.queue) {
        return invalid("queue must be 1 to 1000000");
    }
    let retention_days = retention_days(overrides.retention_days.as_deref(), file.retention_days)?;
    let feed_days = feed_days(file.feed_days)?;
    let fields = file.field.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    // They become names of headers, which have no case.
    let field_ids: Vec<String> = fields.iter().map(|field| field.id.to_ascii_lowercase()).collect();
    distinct("fields", field_ids.iter().map(String::as_str))?;
    let sync_options = file.sync_option.iter().map(sync_option).collect::<Result<Vec<_>, _>>()?;
    distinct("sync_options", sync_options.iter().map(|option| option.id.as_str()))?;
    if sync_options.iter().filter(|option| option.partner_id).count() > 1 {
        return invalid("more than one sync_option has partner_id = true: which one names the partner?");
    }
    let service_definition = match &file.service_definition_file {
        Some(path) => service_definition(path)?,
        None => "{\"ProductTypes\":[]}".to_owned(),
    };
    let mut secrets = Distinct::default();
    let mut sources = Vec::with_capacity(file.source.len());
    for entry in &file.source {
        sources.push(source(entry, &fields, &sync_options, &mut secrets)?);
    }
    distinct_sources(&sources)?;
    let extremecloud = super::extremecloud::build(file.extremecloud.as_ref(), &sources)?;
    let subscribers = super::subscribers::build(&file.subscriber, &sources, &mut secrets)?;
    Ok(Config {
        listen,
        database_url,
        public_url: file.public_url.map(|url| url.trim_end_matches('/').to_owned()),
        sources,
        fields: fields.into(),
        sync_options: sync_options.into(),
        service_definition: service_definition.into(),
        additional_info: serde_json::json!(file.additional_info).to_string().into(),
        subscribers: subscribers.into(),
        limits,
        retention_days,
        feed_days,
        reconcile: super::reconcile::build(&file.reconcile)?,
        atria: super::atria::build(&file.atria)?,
        extremecloud: extremecloud.map(Arc::new),
        provisioning: super::provisioning::build(&file.provisioning)?,
    })
}

fn feed_days(said: Option<i64>) -> Result<u32, ConfigError> {
    let days = said.map_or(Ok(DEFAULT_FEED_DAYS), u32::try_from);
    days.ok().filter(|days| *days <= MAX_RETENTION_DAYS).map_or_else(
        || {
            let said = said.unwrap_or_default();
            invalid(format!("feed_days = {said} is no number of days from 1 to 36500, and not 0, which is for ever"))
        },
        Ok,
    )
}

fn retention_days(said: Option<&str>, file: Option<i64>) -> Result<u32, ConfigError> {
    let days = match (said, file) {
        (Some(said), _) => said.trim().parse().ok(),
        (None, Some(days)) => u32::try_from(days).ok(),
        (None, None) => Some(DEFAULT_RETENTION_DAYS),
    };
    match days.filter(|days| *days <= MAX_RETENTION_DAYS) {
        Some(days) => Ok(days),
        None => {
            let said = said.map_or_else(|| file.unwrap_or_default().to_string(), |said| format!("{said:?}"));
            invalid(format!(
                "retention_days = {said} is no number of days from 1 to 36500, and not 0, which is for ever"
            ))
        }
    }
}

fn distinct<'a>(what: &str, ids: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            return invalid(format!("two {what} have the id \"{id}\""));
        }
    }
    Ok(())
}

fn distinct_sources(sources: &[Source]) -> Result<(), ConfigError> {
    let mut ids = HashSet::new();
    let mut applications = HashSet::new();
    for source in sources {
        let credentials = &source.credentials;
        if !ids.insert(credentials.id.as_str()) {
            return invalid(format!("two sources are named \"{}\"", credentials.id));
        }
        if !applications.insert(credentials.application_id.to_ascii_lowercase()) {
            return invalid(format!("source \"{}\": another source has the same application_id", credentials.id));
        }
    }
    Ok(())
}

fn service_definition(path: &str) -> Result<String, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable {
        path: format!("service_definition_file {path}"),
        reason: error.to_string(),
    })?;
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(value) if value.is_object() => Ok(value.to_string()),
        _ => invalid(format!("service_definition_file {path} holds no JSON object")),
    }
}

fn source(
    entry: &SourceEntry,
    fields: &[FieldDefinition],
    options: &[OptionDefinition],
    distinct: &mut Distinct,
) -> Result<Source, ConfigError> {
    let name = &entry.id;
    let at = |key: &str| format!("source \"{name}\": {key}");
    let url_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty()
        || name.len() > 64
        || !name.chars().all(url_safe)
        || name.starts_with('.')
        || name == SourceId::LOCAL
    {
        return invalid(format!(
            "source id \"{name}\" must be 1 to 64 letters, digits, - _ . (it stands in paths), and not \"{}\"",
            SourceId::LOCAL
        ));
    }
    if entry.application_id.trim().is_empty() {
        return invalid(at("application_id is empty"));
    }
    let rule = word(
        &at("signature"),
        &entry.signature,
        &[("off", SignatureRule::Off), ("optional", SignatureRule::Optional), ("required", SignatureRule::Required)],
    )?;
    let schemes = entry
        .signature_schemes
        .iter()
        .map(|scheme| word(&at("signature_schemes"), scheme, &[("standard", true), ("github", false)]))
        .collect::<Result<Vec<bool>, _>>()?;
    let api_keys = resolve(&entry.api_keys, &at("api_keys"), distinct, |secret| {
        Ok((ApiKey::parse(secret)?, secret.expose_secret().as_bytes().to_vec()))
    })?;
    let signing_secrets = resolve(&entry.signing_secrets, &at("signing_secrets"), distinct, signing)?;
    let replay_secrets = resolve(&entry.replay_secrets, &at("replay_secrets"), distinct, signing)?;
    let has_secrets = !signing_secrets.is_empty() || !replay_secrets.is_empty();
    if rule == SignatureRule::Off && has_secrets {
        return invalid(at(
            "signature = \"off\" would never use the signing_secrets and replay_secrets that are there",
        ));
    }
    if has_secrets && schemes.is_empty() {
        return invalid(at("signature_schemes = [] would never use the secrets that are there"));
    }
    if rule == SignatureRule::Required && (!has_secrets || schemes.is_empty()) {
        return invalid(at("signature = \"required\" needs signing_secrets and signature_schemes"));
    }
    if api_keys.is_empty() && !has_secrets {
        return invalid(at("api_keys and signing_secrets are both empty: nobody could call"));
    }
    // Replays are signed in the standard way only.
    let standard = schemes.contains(&true);
    if rule == SignatureRule::Required && !standard && signing_secrets.is_empty() {
        return invalid(at(
            "signature_schemes without \"standard\" never uses replay_secrets, and there are no signing_secrets: nobody \
             could call",
        ));
    }
    if api_keys.is_empty() && !standard {
        return invalid(at("signature_schemes without \"standard\" needs api_keys: nobody could call"));
    }
    if api_keys.is_empty() && entry.tenant_setting.is_some() {
        return invalid(at("tenant_setting needs api_keys, since no signature covers headers: nobody could call"));
    }
    if !(0..=MAX_TOLERANCE_SECONDS).contains(&entry.tolerance_seconds) {
        return invalid(at("tolerance_seconds must be 0 to 86400"));
    }
    if entry.calls_per_second == Some(0) {
        return invalid(at("calls_per_second must be at least 1; leave it out for no limit"));
    }
    let tenant = tenant(entry, fields, &at)?;
    Ok(Source {
        credentials: Arc::new(SourceCredentials {
            id: SourceId::stored(name),
            application_id: entry.application_id.trim().to_owned(),
            api_keys,
            signing_secrets,
            replay_secrets,
            rule,
            standard,
            github: schemes.contains(&false),
            tolerance_seconds: entry.tolerance_seconds,
            tells_tenants_apart: tenant.is_some(),
        }),
        policy: Arc::new(SourcePolicy {
            missing_role: word(
                &at("missing_role"),
                &entry.missing_role,
                &[("reject", MissingRole::Reject), ("user", MissingRole::User)],
            )?,
            reseller_change: word(
                &at("reseller_change"),
                &entry.reseller_change,
                &[
                    ("accept", ResellerChange::Accept),
                    ("review", ResellerChange::Review),
                    ("refuse", ResellerChange::Refuse),
                ],
            )?,
            reseller_support: entry.reseller_support,
            adopt: entry
                .adopt
                .iter()
                .map(|rule| {
                    word(&at("adopt"), rule, &[("code", Likeness::Code), ("email_and_name", Likeness::EmailAndName)])
                })
                .collect::<Result<_, _>>()?,
            options: options.to_vec(),
        }),
        tenant,
        calls_per_second: entry.calls_per_second,
    })
}

/// `parse` gives the secret and the bytes by which it is told from others, besides its text.
pub(super) fn resolve<T>(
    written: &[Written],
    list: &str,
    distinct: &mut Distinct,
    parse: impl Fn(&SecretString) -> Result<(T, Vec<u8>), SecretError>,
) -> Result<Vec<T>, ConfigError> {
    written
        .iter()
        .map(|written| {
            let secret = written.resolve(list)?;
            let (parsed, bytes) = parse(&secret).map_err(|error| ConfigError::invalid(format!("{list}: {error}")))?;
            let text = secret.expose_secret().as_bytes();
            distinct.take(text, list)?;
            if bytes != text {
                distinct.take(&bytes, list)?;
            }
            Ok(parsed)
        })
        .collect()
}

pub(super) fn signing(secret: &SecretString) -> Result<(SigningSecret, Vec<u8>), SecretError> {
    let parsed = SigningSecret::parse(secret)?;
    let bytes = parsed.key().to_vec();
    Ok((parsed, bytes))
}

fn tenant(
    entry: &SourceEntry,
    fields: &[FieldDefinition],
    at: &dyn Fn(&str) -> String,
) -> Result<Option<TenantRule>, ConfigError> {
    let Some(setting) = &entry.tenant_setting else {
        return match &entry.missing_tenant {
            Some(_) => invalid(at("missing_tenant means nothing without tenant_setting")),
            None => Ok(None),
        };
    };
    let Some(field) = fields.iter().find(|field| field.id == *setting) else {
        return invalid(at(&format!(
            "tenant_setting = \"{setting}\" is the id of no [[field]], so no partner is asked for it"
        )));
    };
    if field.kind == FieldKind::PasswordText || is_secret_name(setting) {
        return invalid(at(&format!("tenant_setting = \"{setting}\" is a secret, and tenants are stored in clear")));
    }
    let missing = word(
        &at("missing_tenant"),
        entry.missing_tenant.as_deref().unwrap_or("reject"),
        &[("reject", MissingTenant::Reject), ("default", MissingTenant::Default)],
    )?;
    Ok(Some(TenantRule { setting: setting.clone(), missing }))
}

fn field(entry: &super::file::FieldEntry) -> Result<FieldDefinition, ConfigError> {
    let at = |key: &str| format!("field \"{}\": {key}", entry.id);
    // It becomes the end of a header's name (RFC 9110, 5.6.2: token).
    if entry.id.is_empty() || !entry.id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return invalid(format!(
            "field id \"{}\" must be letters, digits, - _ . since it ends a header's name",
            entry.id
        ));
    }
    let Some(kind) = FieldKind::parse(&entry.kind) else {
        return invalid(at(&format!("kind = \"{}\" is none of Text, PasswordText, Number, Boolean", entry.kind)));
    };
    if entry.max_length == 0 {
        return invalid(at("max_length must be at least 1"));
    }
    Ok(FieldDefinition {
        id: entry.id.clone(),
        name: entry.name.clone(),
        description: entry.description.clone().filter(|text| !text.is_empty()),
        kind,
        required: entry.required,
        max_length: entry.max_length,
        sort_order: entry.sort_order,
    })
}

fn sync_option(entry: &SyncOptionEntry) -> Result<OptionDefinition, ConfigError> {
    let at = |key: &str| format!("sync_option \"{}\": {key}", entry.id);
    if entry.id.trim().is_empty() || entry.id.trim() != entry.id {
        return invalid(at("its id is empty or begins or ends with a space"));
    }
    let kinds: Vec<(&str, OptionKind)> = OptionKind::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect();
    let data_types: Vec<(&str, DataType)> = DataType::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect();
    let accounts: Vec<(&str, AccountKind)> = AccountKind::ALL.into_iter().map(|kind| (kind.as_str(), kind)).collect();
    let applies_to = match &entry.applies_to {
        None => AccountKind::ALL.to_vec(),
        Some(kinds) => {
            kinds.iter().map(|kind| word(&at("applies_to"), kind, &accounts)).collect::<Result<Vec<_>, _>>()?
        }
    };
    let pattern = match &entry.pattern {
        None => None,
        Some(pattern) => Some(Regex::new(pattern).map_err(|error| {
            let reason = error.to_string();
            ConfigError::invalid(at(&format!("pattern: {}", reason.lines().last().unwrap_or_default())))
        })?),
    };
    let definition = OptionDefinition {
        id: entry.id.clone(),
        name: entry.name.clone(),
        description: entry.description.clone().filter(|text| !text.is_empty()),
        kind: word(&at("kind"), &entry.kind, &kinds)?,
        data_type: word(&at("data_type"), &entry.data_type, &data_types)?,
        sort_order: entry.sort_order,
        required: entry.required,
        read_only: entry.read_only,
        available_to_storefront: entry.available_to_storefront,
        predefined_values: entry.predefined_values.iter().map(predefined).collect(),
        applies_to,
        pattern,
        partner_id: entry.partner_id,
        must_exist: entry.must_exist,
    };
    match never(&definition) {
        Some(complaint) => invalid(at(complaint)),
        None => Ok(definition),
    }
}

/// What of a definition can never come to anything, if something cannot.
fn never(definition: &OptionDefinition) -> Option<&'static str> {
    let kind = definition.kind;
    if definition.applies_to.is_empty() {
        return Some("applies_to = [] asks nobody for it; leave it out for every kind of account");
    }
    let chosen = matches!(kind, OptionKind::List | OptionKind::ListMultiSelect);
    if definition.pattern.is_some()
        && (kind == OptionKind::Boolean || chosen && !definition.predefined_values.is_empty())
    {
        return Some("pattern is never looked at where the value is true or false or one of predefined_values");
    }
    if !definition.partner_id {
        return definition
            .must_exist
            .then_some("must_exist = true asks for a partner of the registry, so it needs partner_id = true");
    }
    if matches!(kind, OptionKind::Mask | OptionKind::Boolean | OptionKind::ListMultiSelect) {
        return Some("partner_id = true needs a single value in clear: not kind Mask, Boolean or ListMultiSelect");
    }
    is_secret_name(&definition.id)
        .then_some("partner_id = true, but its id is that of a secret, which is not stored and so names nobody")
}

fn predefined(entry: &PredefinedEntry) -> PredefinedValue {
    match entry {
        PredefinedEntry::Plain(id) => {
            PredefinedValue { id: id.clone(), sort_order: 0, name: id.clone(), description: None, is_default: false }
        }
        PredefinedEntry::Table(table) => PredefinedValue {
            id: table.id.clone(),
            sort_order: table.sort_order,
            name: table.name.clone().unwrap_or_else(|| table.id.clone()),
            description: table.description.clone(),
            is_default: table.is_default,
        },
    }
}
