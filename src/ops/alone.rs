//! A writer for a command: the same batches, locks and chains as beside a server, in a process of its own.

use std::sync::Arc;

use crate::config::Config;
use crate::domain::policy::Policies;
use crate::store::StoreError;
use crate::store::connection::Database;
use crate::store::sources::Registered;
use crate::writer::faults::Faults;
use crate::writer::{BatchReport, Observer, Writer, WriterConfig, WriterThread};

/// Nobody scrapes a command.
struct Unobserved;

impl Observer for Unobserved {
    fn committed(&self, _: BatchReport) {}
    fn rerun(&self, _: &'static str) {}
}

/// The sources of a configuration, as the database knows them.
#[must_use]
pub fn registered(config: &Config) -> Vec<Registered> {
    config
        .sources
        .iter()
        .map(|source| Registered {
            id: source.credentials.id.to_string(),
            tenant_setting: source.tenant.as_ref().map(|rule| rule.setting.clone()).unwrap_or_default(),
        })
        .collect()
}

/// The rules of a configuration's sources.
#[must_use]
pub fn policies(config: &Config) -> Arc<Policies> {
    Arc::new(config.sources.iter().map(|source| (source.credentials.id.clone(), source.policy.clone())).collect())
}

/// Starts a writer on the configuration's database, whose schema must be up to date. Drop the writer and join the thread
/// before the process ends: that gives the chain back.
///
/// # Errors
/// [`StoreError`] when the database cannot be used as it is.
pub fn writer(config: &Config) -> Result<(Writer, WriterThread), StoreError> {
    Writer::start(WriterConfig {
        database: Database::parse(&config.database_url)?,
        queue: config.limits.queue,
        lanes: 1,
        sources: registered(config),
        observer: Arc::new(Unobserved),
        faults: Faults::default(),
    })
}
