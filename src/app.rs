//! Puts the receiver together: migrations, writer, tasks, server. `serve`, `demo`, every test and the benchmark use this.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::{App as ActixApp, HttpServer, web};
use thiserror::Error;

use crate::config::Config;
use crate::http::metrics::Metrics;
use crate::http::state::State;
use crate::ops::alone::registered;
use crate::ops::reconcile::runs::{self, Job, Runs};
use crate::ops::shape::Shapes;
use crate::store::connection::{Database, Use};
use crate::store::{StoreError, migrate, pool};
use crate::tasks::subscribers::{Shared, Tempo};
use crate::tasks::{self, Tasks};
use crate::writer::faults::Faults;
use crate::writer::feed::Feed;
use crate::writer::now_micros;
use crate::writer::{Writer, WriterConfig, WriterThread};

/// How long calls under way may take to end when the receiver stops, in seconds.
const SHUTDOWN_SECONDS: u64 = 30;

/// How long an idle connection is kept: longer than the 60 s after which many proxies drop theirs, so that it is they
/// who close and no call is sent into a closing connection.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a request's line and headers may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Most connections per worker.
const MAX_CONNECTIONS: usize = 10_000;

/// Threads that write to PostgreSQL: while one waits for its commit, another looks up and plans. More than the server has
/// cores for only split the batches.
const LANES: usize = 2;

/// Why the receiver does not start.
#[derive(Debug, Error)]
pub enum AppError {
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}; is another receiver running? Choose another with --listen")]
    Listen(SocketAddr, std::io::Error),
    /// The database cannot be used.
    #[error("cannot use {0}: {1}")]
    Database(String, StoreError),
    /// The server failed.
    #[error("the server failed: {0}")]
    Server(std::io::Error),
}

/// What only tests and the benchmark set.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Failures on demand.
    pub faults: Faults,
    /// How many threads write to PostgreSQL, where not [`LANES`].
    pub lanes: Option<usize>,
    /// How fast subscribers are sent to, and how long is waited when that fails.
    pub tempo: Tempo,
    /// How often what was counted of the sources' calls is written, where not [`tasks::shape::EVERY`].
    pub shapes_every: Option<Duration>,
    /// Store nothing: what the stores are measured against.
    #[doc(hidden)]
    pub storing_nothing: bool,
}

/// Stops a receiver from elsewhere.
#[derive(Clone)]
pub struct Handle {
    server: ServerHandle,
    feed: Arc<Feed>,
}

impl Handle {
    /// Stops it: no new calls. With `graceful` those under way are answered first; who only waits for changes is let go
    /// at once. Takes effect whether or not anybody waits for the future.
    pub fn stop(&self, graceful: bool) -> impl Future<Output = ()> + use<> {
        self.feed.close();
        self.server.stop(graceful)
    }
}

/// A receiver that listens.
pub struct App {
    address: SocketAddr,
    server: Server,
    feed: Arc<Feed>,
    tasks: Tasks,
    writer: WriterThread,
}

impl App {
    /// Migrates, starts writer, tasks and server. Must run within an actix system.
    ///
    /// # Errors
    /// [`AppError`] says what stands in the way.
    pub fn build(config: Config, options: Options) -> Result<Self, AppError> {
        let listen = config.listen;
        let listener = TcpListener::bind(listen).map_err(|error| AppError::Listen(listen, error))?;
        let address = listener.local_addr().map_err(|error| AppError::Listen(listen, error))?;
        let unusable = |error| AppError::Database(shown(&config), error);
        let database = Database::parse(&config.database_url).map_err(unusable)?;
        let run =
            database.connect(Use::Write).and_then(|mut connection| migrate::run(&mut connection)).map_err(unusable)?;
        for name in run {
            log::info!("migrated {name}");
        }
        let metrics = Arc::new(Metrics::new());
        let (writer, thread) = if options.storing_nothing {
            Writer::storing_nothing(config.limits.queue)
        } else {
            Writer::start(WriterConfig {
                database: database.clone(),
                queue: config.limits.queue,
                lanes: options.lanes.unwrap_or(LANES),
                sources: registered(&config),
                observer: metrics.clone(),
                faults: options.faults,
            })
        }
        .map_err(unusable)?;
        let pool = pool::build(&database);
        let mut tasks = start_tasks(&database, &pool, &metrics).map_err(unusable)?;
        let keep = tasks::retention::Keep { bodies: config.retention(), feed: config.feed_retention() };
        if keep.bodies.is_some() || keep.feed.is_some() {
            start_retention(&mut tasks, &pool, &writer, &metrics, keep).map_err(unusable)?;
        }
        let feed = writer.feed().clone();
        if !options.storing_nothing {
            start_feed(&mut tasks, &database, &pool, &writer).map_err(unusable)?;
            start_subscribers(&mut tasks, &config, &pool, &writer, &metrics, options.tempo).map_err(unusable)?;
        }
        start_partners(&mut tasks, &pool, &writer).map_err(unusable)?;
        if !options.storing_nothing {
            start_provisioning(&mut tasks, &config, &pool, &writer, &metrics).map_err(unusable)?;
        }
        let shapes = pool::get(&pool).and_then(|mut connection| Shapes::load(&config, &mut connection));
        let shapes = Arc::new(shapes.map_err(unusable)?);
        start_shapes(&mut tasks, &shapes, &writer, options.shapes_every).map_err(unusable)?;
        let (runs, waiting) = Runs::new();
        if !options.storing_nothing {
            let receiver = Receiver { database: &database, pool: &pool, writer: &writer, metrics: &metrics };
            start_reconciliations(&mut tasks, &receiver, &config, &runs, waiting).map_err(unusable)?;
        }
        let state = web::Data::new(State::new(config, writer, pool, metrics, shapes, runs));
        let server = HttpServer::new(move || ActixApp::new().app_data(state.clone()).configure(crate::http::routes))
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEADER_TIMEOUT)
            .max_connections(MAX_CONNECTIONS)
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .disable_signals()
            .listen(listener)
            .map_err(AppError::Server)?
            .run();
        Ok(Self { address, server, feed, tasks, writer: thread })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops it from elsewhere.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { server: self.server.handle(), feed: self.feed.clone() }
    }

    /// Serves until stopped: no new calls, those under way are answered, the queue is drained, tasks end.
    ///
    /// # Errors
    /// [`AppError::Server`] when the server fails.
    pub async fn run_until_stopped(self) -> Result<(), AppError> {
        let served = self.server.await.map_err(AppError::Server);
        drop(self.tasks);
        // Every worker is gone by now, and with them every handle to the writer.
        let joined = web::block(move || self.writer.join()).await;
        if joined.is_err() {
            log::error!("the writer was not waited for");
        }
        served
    }
}

fn shown(config: &Config) -> String {
    Database::parse(&config.database_url).map_or_else(|_| "the database".to_owned(), |database| database.shown())
}

fn start_tasks(database: &Database, pool: &pool::Pool, metrics: &Arc<Metrics>) -> Result<Tasks, StoreError> {
    let mut tasks = Tasks::default();
    if database.file().is_some() {
        let (database, metrics) = (database.clone(), metrics.clone());
        tasks.start("checkpoint", move |stop| {
            tasks::checkpoint::run_until(stop, &database, &|bytes| metrics.log_bytes(bytes));
        })?;
    }
    let (pool, metrics) = (pool.clone(), metrics.clone());
    tasks.start("gauges", move |stop| {
        let counted = |kinds: &[_], pending| metrics.counted(kinds, pending);
        tasks::gauges::run_until(stop, &pool, &counted, &|| metrics.upkeep());
    })?;
    Ok(tasks)
}

fn start_retention(
    tasks: &mut Tasks,
    pool: &pool::Pool,
    writer: &Writer,
    metrics: &Arc<Metrics>,
    keep: tasks::retention::Keep,
) -> Result<(), StoreError> {
    let (pool, writer, metrics) = (pool.clone(), writer.clone(), metrics.clone());
    tasks.start("retention", move |stop| {
        tasks::retention::run_until(stop, &pool, &writer, keep, &|bodies| metrics.bodies_emptied(bodies));
    })
}

fn start_feed(tasks: &mut Tasks, database: &Database, pool: &pool::Pool, writer: &Writer) -> Result<(), StoreError> {
    let (pool, writer, seen_is_durable) = (pool.clone(), writer.clone(), database.is_postgres());
    tasks.start("feed", move |stop| tasks::feed::run_until(stop, &pool, &writer, seen_is_durable))
}

/// What tasks are started with.
struct Receiver<'a> {
    database: &'a Database,
    pool: &'a pool::Pool,
    writer: &'a Writer,
    metrics: &'a Arc<Metrics>,
}

fn start_reconciliations(
    tasks: &mut Tasks,
    receiver: &Receiver<'_>,
    config: &Config,
    runs: &Arc<Runs>,
    waiting: std::sync::mpsc::Receiver<Job>,
) -> Result<(), StoreError> {
    // Before anybody is answered, so that none sees a run that nobody works on. A thread, since this one may not block.
    let swept = std::thread::scope(|scope| {
        let sweep = || {
            let alone = receiver.database.file().is_some();
            runs::sweep(&mut *pool::get(receiver.pool)?, receiver.writer, now_micros(), alone)
        };
        scope.spawn(sweep).join()
    });
    match swept {
        Ok(Ok(0)) => {}
        Ok(Ok(some)) => log::warn!("{some} reconciliations were interrupted"),
        Ok(Err(error)) => log::warn!("reconciliations that were interrupted are looked for later: {error}"),
        Err(_) => log::error!("nobody looked for reconciliations that were interrupted"),
    }
    let (pool, writer, metrics) = (receiver.pool.clone(), receiver.writer.clone(), receiver.metrics.clone());
    let (config, runs, database) = (Arc::new(config.clone()), runs.clone(), receiver.database.clone());
    let (for_pool, for_writer, for_metrics) = (pool.clone(), writer.clone(), metrics.clone());
    let (for_config, for_runs) = (config.clone(), runs.clone());
    tasks.start("reconcile", move |stop| {
        let told = |at, counts: &_| for_metrics.reconciled(at, counts);
        tasks::reconcile::work_until(
            stop,
            &for_runs,
            &waiting,
            &database,
            &for_pool,
            &for_writer,
            &for_config,
            &now_micros,
            &told,
        );
    })?;
    tasks.start("schedule", move |stop| {
        let told = |at, counts: &_| metrics.reconciled(at, counts);
        tasks::reconcile::keep_time_until(stop, &runs, &pool, &writer, &config, &now_micros, &told);
    })
}

fn start_shapes(
    tasks: &mut Tasks,
    shapes: &Arc<Shapes>,
    writer: &Writer,
    every: Option<Duration>,
) -> Result<(), StoreError> {
    let (shapes, writer, every) = (shapes.clone(), writer.clone(), every.unwrap_or(tasks::shape::EVERY));
    tasks.start("shape", move |stop| tasks::shape::run_until(stop, &shapes, &writer, every))
}

fn start_subscribers(
    tasks: &mut Tasks,
    config: &Config,
    pool: &pool::Pool,
    writer: &Writer,
    metrics: &Arc<Metrics>,
    tempo: Tempo,
) -> Result<(), StoreError> {
    if config.subscribers.is_empty() {
        return Ok(());
    }
    let shared = Arc::new(Shared {
        subscribers: config.subscribers.clone(),
        base: config.public_url.clone(),
        pool: pool.clone(),
        writer: writer.clone(),
        observer: metrics.clone(),
        tempo,
    });
    // Before anybody can call: what the first call changes is for them.
    // From a thread that may block, which this one may not.
    let registered = std::thread::scope(|scope| scope.spawn(|| tasks::subscribers::register(&shared)).join());
    registered.unwrap_or_else(|_| Err(StoreError::Failed("registering subscribers panicked".to_owned())))?;
    tasks.start("subscribers", move |stop| tasks::subscribers::run_until(stop, &shared))
}

fn start_partners(tasks: &mut Tasks, pool: &pool::Pool, writer: &Writer) -> Result<(), StoreError> {
    let (pool, writer) = (pool.clone(), writer.clone());
    tasks.start("partners", move |stop| {
        tasks::partners::run_until(stop, &pool, &writer, &now_micros);
    })
}

fn start_provisioning(
    tasks: &mut Tasks,
    config: &Config,
    pool: &pool::Pool,
    writer: &Writer,
    metrics: &Arc<Metrics>,
) -> Result<(), StoreError> {
    let (rules, pool, writer, metrics) = (config.provisioning, pool.clone(), writer.clone(), metrics.clone());
    tasks.start("provisioning", move |stop| {
        tasks::provisioning::run_until(stop, &pool, &writer, rules, &now_micros, &|open| metrics.provisioning(open));
    })
}
