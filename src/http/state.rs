//! What every handler has at hand.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::metrics::Metrics;
use crate::auth::gate::SourceCredentials;
use crate::config::Config;
use crate::ops::reconcile::runs::Runs;
use crate::ops::shape::Shapes;
use crate::store::pool::Pool;
use crate::writer::Writer;

/// Most look-ups by name at once. Each goes through all accounts, a part at a time, and keeps one of the readers busy
/// meanwhile.
const MAX_SEARCHES: usize = 2;

/// Shared by all workers.
pub struct State {
    /// The configuration.
    pub config: Config,
    /// Who may call, in the order of the configuration's sources.
    pub credentials: Vec<Arc<SourceCredentials>>,
    /// Hands calls to the writer.
    pub writer: Writer,
    /// Connections for reading.
    pub pool: Pool,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What sources send.
    pub shapes: Arc<Shapes>,
    /// Reconciliations under way.
    pub runs: Arc<Runs>,
    /// Permits for look-ups that no index serves.
    pub searches: Semaphore,
    limiters: Vec<Option<DefaultDirectRateLimiter>>,
}

impl State {
    /// Puts everything together.
    #[must_use]
    pub fn new(
        config: Config,
        writer: Writer,
        pool: Pool,
        metrics: Arc<Metrics>,
        shapes: Arc<Shapes>,
        runs: Arc<Runs>,
    ) -> Self {
        let credentials = config.sources.iter().map(|source| source.credentials.clone()).collect();
        let limiters = config
            .sources
            .iter()
            .map(|source| {
                let rate = source.calls_per_second.and_then(NonZeroU32::new)?;
                Some(RateLimiter::direct(Quota::per_second(rate)))
            })
            .collect();
        Self {
            config,
            credentials,
            writer,
            pool,
            metrics,
            shapes,
            runs,
            searches: Semaphore::new(MAX_SEARCHES),
            limiters,
        }
    }

    /// Whether the source at this position may send one more call now.
    #[must_use]
    pub fn may_call(&self, source: usize) -> bool {
        match self.limiters.get(source) {
            Some(Some(limiter)) => limiter.check().is_ok(),
            _ => true,
        }
    }
}
