//! What is counted, and how it is shown to Prometheus.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::RwLock;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::error::Failure;
use crate::auth::gate::{CredentialKind, Refusal};
use crate::domain::account::AccountKind;
use crate::domain::outcome::Outcome;
use crate::domain::provisioning::ItemState;
use crate::domain::reconcile::Counts;
use crate::domain::shape::ShapeKind;
use crate::ops::shape::Fresh;
use crate::ops::subscribers::Lag;
use crate::store::provisioning::Open;
use crate::tasks::subscribers;
use crate::writer::{BatchReport, Observer};

/// Upper bounds of the latency histograms, in seconds.
const SECONDS: [f64; 14] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Upper bounds of the batch size histogram, in calls.
const CALLS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// Handles by their labels, so that a call costs a look-up and no allocation.
struct Family<L, H>(RwLock<HashMap<L, H>>);

impl<L: Eq + Hash + Clone, H: Clone> Family<L, H> {
    fn new() -> Self {
        Self(RwLock::new(HashMap::new()))
    }

    fn get(&self, labels: &L, make: impl FnOnce() -> H) -> H {
        if let Ok(known) = self.0.read()
            && let Some(handle) = known.get(labels)
        {
            return handle.clone();
        }
        let made = make();
        match self.0.write() {
            Ok(mut known) => known.entry(labels.clone()).or_insert(made).clone(),
            Err(_) => made, // A poisoned lock costs a cache, not a count.
        }
    }
}

/// All metrics of one receiver. Nothing is global, so that several receivers fit in one process.
pub struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    calls: Family<(usize, &'static str, Outcome, i32), Counter>,
    seconds: Family<&'static str, Histogram>,
    batch_calls: Histogram,
    batch_seconds: Histogram,
    commit_seconds: Histogram,
}

fn label(name: &'static str, value: impl Into<SharedString>) -> Label {
    Label::new(name, value)
}

impl Metrics {
    /// Describes everything that will be counted.
    #[must_use]
    pub fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let builder = match builder.set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS) {
            Ok(builder) => builder,
            Err(_) => PrometheusBuilder::new(), // Only an empty list of buckets is refused.
        };
        let builder = match builder.set_buckets_for_metric(Matcher::Full("tiersync_batch_calls".to_owned()), &CALLS) {
            Ok(builder) => builder,
            Err(_) => PrometheusBuilder::new(),
        };
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        for (name, unit, text) in [
            ("tiersync_call_seconds", Unit::Seconds, "From the last byte of a call to its answer, by endpoint"),
            ("tiersync_batch_calls", Unit::Count, "Calls of a committed batch"),
            ("tiersync_batch_seconds", Unit::Seconds, "Work on a batch before its commit"),
            ("tiersync_commit_seconds", Unit::Seconds, "Commit of a batch"),
        ] {
            recorder.describe_histogram(KeyName::from(name), Some(unit), text.into());
        }
        for (name, text) in [
            ("tiersync_calls_total", "Deliveries, by source, endpoint, outcome and code"),
            ("tiersync_failures_total", "Calls that became no delivery, by code"),
            ("tiersync_authentication_failures_total", "Calls that were not let in, by reason"),
            ("tiersync_batch_reruns_total", "Batches that ran again, by reason"),
            ("tiersync_shape_new_total", "Fields, options and values that a source sent for the first time, by kind"),
            ("tiersync_bodies_emptied_total", "Bodies that retention emptied"),
            ("tiersync_subscriber_deliveries_total", "Events sent from here, by subscriber and result"),
            ("tiersync_provisioning_leases_total", "Items of provisioning that were taken here"),
            ("tiersync_provisioning_reports_total", "Reports of items taken here, by what each made of its item"),
        ] {
            recorder.describe_counter(KeyName::from(name), None, text.into());
        }
        for (name, text) in [
            ("tiersync_queue_depth", "Calls that wait for the writer"),
            ("tiersync_queue_capacity", "Calls that can wait for the writer"),
            ("tiersync_pool_connections", "Readers' connections, by state"),
            ("tiersync_accounts", "Accounts that are alive, by kind"),
            ("tiersync_relations_pending", "Open relations whose reseller has not come"),
            ("tiersync_credential_last_used_seconds", "When a key or secret was last used, in seconds since 1970"),
            ("tiersync_feed_position", "Position of the change feed's last entry that is known to be durable"),
            ("tiersync_feed_waiting", "Readers that wait for the change feed to go on"),
            (
                "tiersync_reconcile_findings",
                "What the last scheduled self-check found and nobody acknowledged, by kind",
            ),
            ("tiersync_reconcile_last_run_seconds", "When the last scheduled self-check ended, in seconds since 1970"),
            ("tiersync_wal_bytes", "Size of SQLite's write-ahead log"),
            ("tiersync_subscriber_lag_events", "Changes that a subscriber may still have to be sent"),
            ("tiersync_subscriber_lag_seconds", "How long the oldest of them has waited"),
            ("tiersync_subscriber_held_events", "Events held back, since one of their account was refused"),
            ("tiersync_subscriber_given_up_accounts", "Accounts whose event is not tried any longer"),
            ("tiersync_provisioning_items", "Items of provisioning, by state: pending, running and failed"),
            (
                "tiersync_provisioning_oldest_open_seconds",
                "When the oldest open provisioning request was opened, in seconds since 1970; 0 where none is open",
            ),
            ("tiersync_subscriber_parked", "1 where nothing is sent until somebody resumes the subscriber"),
        ] {
            recorder.describe_gauge(KeyName::from(name), None, text.into());
        }
        let histogram = |name: &'static str| recorder.register_histogram(&Key::from_static_name(name), &METADATA);
        let (batch_calls, batch_seconds, commit_seconds) = (
            histogram("tiersync_batch_calls"),
            histogram("tiersync_batch_seconds"),
            histogram("tiersync_commit_seconds"),
        );
        Self {
            handle,
            calls: Family::new(),
            seconds: Family::new(),
            batch_calls,
            batch_seconds,
            commit_seconds,
            recorder,
        }
    }

    fn counter(&self, name: &'static str, labels: Vec<Label>) -> Counter {
        self.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    fn gauge(&self, name: &'static str, labels: Vec<Label>) -> Gauge {
        self.recorder.register_gauge(&Key::from_parts(name, labels), &METADATA)
    }

    /// A delivery was answered.
    pub fn answered(&self, source: (usize, &str), endpoint: &'static str, outcome: Outcome, code: i32, took: Duration) {
        let (position, name) = source;
        let counter = self.calls.get(&(position, endpoint, outcome, code), || {
            self.counter(
                "tiersync_calls_total",
                vec![
                    label("source", name.to_owned()),
                    label("endpoint", endpoint),
                    label("outcome", outcome.as_str()),
                    label("code", code.to_string()),
                ],
            )
        });
        counter.increment(1);
        let seconds = self.seconds.get(&endpoint, || {
            let key = Key::from_parts("tiersync_call_seconds", vec![label("endpoint", endpoint)]);
            self.recorder.register_histogram(&key, &METADATA)
        });
        seconds.record(took.as_secs_f64());
    }

    /// A call became no delivery.
    pub fn failed(&self, failure: Failure) {
        self.counter("tiersync_failures_total", vec![label("code", failure.code().number().to_string())]).increment(1);
    }

    /// A call was not let in.
    pub fn refused(&self, refusal: Refusal) {
        self.counter("tiersync_authentication_failures_total", vec![label("reason", refusal.as_str())]).increment(1);
    }

    /// A credential was used, `second` seconds after 1970.
    pub fn credential_used(&self, source: &str, kind: CredentialKind, fingerprint: &str, second: i64) {
        self.gauge(
            "tiersync_credential_last_used_seconds",
            vec![
                label("source", source.to_owned()),
                label("kind", kind.as_str()),
                label("fingerprint", fingerprint.to_owned()),
            ],
        )
        .set(second as f64);
    }

    /// The queue as it is now.
    pub fn queue(&self, depth: usize, capacity: usize) {
        self.gauge("tiersync_queue_depth", Vec::new()).set(depth as f64);
        self.gauge("tiersync_queue_capacity", Vec::new()).set(capacity as f64);
    }

    /// How far the change feed is, and how many wait for it.
    pub fn feed(&self, end: i64, waiting: usize) {
        self.gauge("tiersync_feed_position", Vec::new()).set(end as f64);
        self.gauge("tiersync_feed_waiting", Vec::new()).set(waiting as f64);
    }

    /// The pool as it is now.
    pub fn pool(&self, connections: u32, idle: u32) {
        let busy = connections.saturating_sub(idle);
        self.gauge("tiersync_pool_connections", vec![label("state", "idle")]).set(f64::from(idle));
        self.gauge("tiersync_pool_connections", vec![label("state", "busy")]).set(f64::from(busy));
    }

    /// Accounts and relations as last counted.
    pub fn counted(&self, accounts: &[(AccountKind, i64)], pending: i64) {
        for (kind, count) in accounts {
            self.gauge("tiersync_accounts", vec![label("kind", kind.as_str())]).set(*count as f64);
        }
        self.gauge("tiersync_relations_pending", Vec::new()).set(pending as f64);
    }

    /// A source sent something for the first time.
    pub fn shape_new(&self, source: &str, fresh: Fresh) {
        let counts =
            [(ShapeKind::Field, fresh.fields), (ShapeKind::Option, fresh.options), (ShapeKind::Value, fresh.values)];
        for (kind, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let labels = vec![label("source", source.to_owned()), label("kind", kind.as_str())];
            self.counter("tiersync_shape_new_total", labels).increment(count);
        }
    }

    /// Retention emptied so many bodies.
    pub fn bodies_emptied(&self, bodies: u64) {
        self.counter("tiersync_bodies_emptied_total", Vec::new()).increment(bodies);
    }

    /// What the newest scheduled self-check found, which ended at this time in microseconds since 1970.
    pub fn reconciled(&self, at: i64, counts: &Counts) {
        for (kind, count) in counts.iter().filter(|(kind, _)| kind.is_of_the_self_check()) {
            self.gauge("tiersync_reconcile_findings", vec![label("kind", kind.as_str())]).set(count as f64);
        }
        self.gauge("tiersync_reconcile_last_run_seconds", Vec::new()).set((at / 1_000_000) as f64);
    }

    /// What is open of provisioning, as last counted.
    pub fn provisioning(&self, open: &Open) {
        for (state, count) in [("pending", open.pending), ("running", open.running), ("failed", open.failed)] {
            self.gauge("tiersync_provisioning_items", vec![label("state", state)]).set(count as f64);
        }
        let oldest = open.oldest.map_or(0, |oldest| oldest / 1_000_000);
        self.gauge("tiersync_provisioning_oldest_open_seconds", Vec::new()).set(oldest as f64);
    }

    /// Items were taken.
    pub fn provisioning_leased(&self, items: usize) {
        self.counter("tiersync_provisioning_leases_total", Vec::new()).increment(items as u64);
    }

    /// A report made this of its item.
    pub fn provisioning_reported(&self, state: ItemState) {
        self.counter("tiersync_provisioning_reports_total", vec![label("state", state.as_str())]).increment(1);
    }

    /// The size of the write-ahead log.
    pub fn log_bytes(&self, bytes: u64) {
        self.gauge("tiersync_wal_bytes", Vec::new()).set(bytes as f64);
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds what histograms gathered; without it they grow between two scrapes.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Observer for Metrics {
    fn committed(&self, report: BatchReport) {
        self.batch_calls.record(report.calls as f64);
        self.batch_seconds.record(report.work.as_secs_f64());
        self.commit_seconds.record(report.commit.as_secs_f64());
    }

    fn rerun(&self, reason: &'static str) {
        self.counter("tiersync_batch_reruns_total", vec![label("reason", reason)]).increment(1);
    }
}

impl subscribers::Observer for Metrics {
    fn sent(&self, subscriber: &str, result: &'static str) {
        let labels = vec![label("subscriber", subscriber.to_owned()), label("result", result)];
        self.counter("tiersync_subscriber_deliveries_total", labels).increment(1);
    }

    fn stands(&self, subscriber: &str, lag: &Lag, parked: bool) {
        for (name, value) in [
            ("tiersync_subscriber_lag_events", lag.events as f64),
            ("tiersync_subscriber_lag_seconds", lag.micros as f64 / 1e6),
            ("tiersync_subscriber_held_events", lag.held.events as f64),
            ("tiersync_subscriber_given_up_accounts", lag.held.given_up as f64),
            ("tiersync_subscriber_parked", f64::from(u8::from(parked))),
        ] {
            self.gauge(name, vec![label("subscriber", subscriber.to_owned())]).set(value);
        }
    }
}
