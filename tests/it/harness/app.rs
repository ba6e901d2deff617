//! The built application on a free port, with a database of its own.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;

use tempfile::TempDir;
use tiersync::app::{App, Handle, Options};
use tiersync::config::Config;
use tiersync::store::AnyConnection;
use tiersync::store::connection::{Database, Use};
use tiersync::tasks::subscribers::Tempo;

use super::client::{Call, Reply};
use super::postgres;

pub const APPLICATION_ID: &str = "B6708CA0-7CBE-4696-AD64-B465F3C878DC";
pub const API_KEY: &str = "key-of-the-tests-0123456789abcdef";
pub const OTHER_KEY: &str = "second-key-of-the-tests-0123456789";
pub const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const REPLAY: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Which database a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Both databases, or SQLite alone where PostgreSQL is missing.
pub fn backends() -> Vec<Backend> {
    match postgres::shared() {
        Some(_) => vec![Backend::Sqlite, Backend::Postgres],
        None => vec![Backend::Sqlite],
    }
}

/// A configuration with one source `eu`: `source` goes into its table, `rest` behind it.
pub fn config(source: &str, rest: &str) -> String {
    format!(
        "[[source]]\nid = \"eu\"\napplication_id = \"{APPLICATION_ID}\"\napi_keys = [\"{API_KEY}\", \"{OTHER_KEY}\"]\n\
         signing_secrets = [\"{SIGNING}\"]\nreplay_secrets = [\"{REPLAY}\"]\n{source}\n{rest}\n"
    )
}

/// The option that names a partner, as in the protocol's own example.
pub const MPNID: &str = "[[sync_option]]\nid = \"MPNID\"\nname = \"Reseller (MPN ID)\"\nkind = \"SimpleValue\"\n\
                         data_type = \"Text\"\napplies_to = [\"reseller_customer\"]\npattern = \"^[0-9]{5,10}$\"\n\
                         partner_id = true\n";

/// A running receiver.
pub struct TestApp {
    pub address: SocketAddr,
    pub database_url: String,
    config: String,
    lanes: Option<usize>,
    tempo: Tempo,
    stopping: Option<(Handle, JoinHandle<()>)>,
    /// Keeps the folder of the SQLite file.
    _folder: Option<std::sync::Arc<TempDir>>,
}

impl TestApp {
    /// Starts one with the usual configuration and an empty database.
    pub fn start(backend: Backend) -> Self {
        Self::with(backend, &config("", MPNID))
    }

    /// Starts one with this configuration (its `listen` and `database_url` are overridden).
    pub fn with(backend: Backend, toml: &str) -> Self {
        Self::with_options(backend, toml, Options::default())
    }

    /// As [`TestApp::with`], with faults.
    pub fn with_options(backend: Backend, toml: &str, options: Options) -> Self {
        match backend {
            Backend::Sqlite => {
                let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
                let url = format!("sqlite:{}", folder.path().join("tiersync.db").display());
                Self::on(&url, toml, options, Some(folder))
            }
            Backend::Postgres => Self::on(&postgres::shared().unwrap().new_schema(), toml, options, None),
        }
    }

    /// Starts one on a database that is there: a second receiver, or one after a restart.
    ///
    /// It writes one chain unless the options say otherwise, so that rows have the ids that tests name.
    pub fn on(url: &str, toml: &str, mut options: Options, folder: Option<std::sync::Arc<TempDir>>) -> Self {
        options.lanes.get_or_insert(1);
        let (lanes, tempo) = (options.lanes, options.tempo);
        let mut config = Config::from_toml(toml).unwrap();
        config.listen = "127.0.0.1:0".parse().unwrap();
        url.clone_into(&mut config.database_url);
        let (started, ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = App::build(config, options).unwrap();
                started.send((app.address(), app.handle())).unwrap();
                app.run_until_stopped().await.unwrap();
            });
        });
        let (address, handle) = ready.recv().expect("the application starts");
        Self {
            address,
            database_url: url.to_owned(),
            config: toml.to_owned(),
            lanes,
            tempo,
            stopping: Some((handle, thread)),
            _folder: folder,
        }
    }

    /// Another receiver on the same database.
    pub fn second(&self) -> Self {
        let options = Options { lanes: self.lanes, tempo: self.tempo, ..Options::default() };
        Self::on(&self.database_url, &self.config, options, self._folder.clone())
    }

    /// Stops this one and starts it again on the same database.
    pub fn restart(mut self) -> Self {
        self.stop();
        self.second()
    }

    /// Stops it as SIGTERM does: calls under way are answered.
    pub fn stop(&mut self) {
        if let Some((handle, thread)) = self.stopping.take() {
            // The server stops whether or not anybody waits for the future.
            drop(handle.stop(true));
            thread.join().unwrap();
        }
    }

    /// A connection of our own to its database. It may write: tests tamper.
    pub fn database(&self) -> AnyConnection {
        Database::parse(&self.database_url).unwrap().connect(Use::Write).unwrap()
    }

    /// An authentic Synchronize.
    pub fn synchronize(&self, body: &str) -> Reply {
        Call::synchronize(body).send(self)
    }

    /// A GET without credentials.
    pub fn get(&self, path: &str) -> Reply {
        Call::new("GET", path).send(self)
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop();
    }
}
