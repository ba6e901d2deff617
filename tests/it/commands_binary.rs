//! The real binary as a child process: one command at a time, or serving.

use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::postgres;
use crate::harness::{Backend, Call};

/// Longest that anything here may take before the test gives up.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `done` says so.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A folder with a configuration and a database of its own, to run the binary in.
pub struct Place {
    pub folder: TempDir,
    pub database_url: String,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    /// An empty folder and an empty database; no configuration yet.
    pub fn empty(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database_url = match backend {
            Backend::Sqlite => format!("sqlite:{}", folder.path().join("tiersync.db").display()),
            Backend::Postgres => postgres::shared().unwrap().new_schema(),
        };
        Self { folder, database_url }
    }

    /// As [`Place::empty`], with a `tiersync.toml` of this text behind the database and a free port to listen on.
    pub fn with(backend: Backend, toml: &str) -> Self {
        let place = Self::empty(backend);
        place.configure(toml);
        place
    }

    /// Writes `tiersync.toml`.
    pub fn configure(&self, toml: &str) {
        let head = format!("listen = \"127.0.0.1:0\"\ndatabase_url = \"{}\"\n", self.database_url);
        std::fs::write(self.path("tiersync.toml"), format!("{head}{toml}")).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary in this folder, with nothing of our own environment that it listens to.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiersync"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for name in [
            "TIERSYNC_CONFIG",
            "TIERSYNC_DATABASE_URL",
            "TIERSYNC_LISTEN",
            "TIERSYNC_RETENTION_DAYS",
            "RUST_LOG",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command to its end.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must end well, and gives what it printed.
    pub fn fine<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    }

    /// Starts `tiersync serve` and waits until it is ready.
    pub fn serve(&self) -> Serving {
        self.serve_with(&["serve"])
    }

    /// As [`Place::serve`], with these arguments.
    pub fn serve_with<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Serving {
        let (out, log) = (self.path("out"), self.path("log"));
        let mut command = self.command(arguments);
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&log).unwrap());
        let mut serving = Serving { child: command.spawn().unwrap(), address: ([127, 0, 0, 1], 0).into(), out, log };
        until("it listens", || {
            assert!(serving.child.try_wait().unwrap().is_none(), "it ended: {}", serving.log());
            let log = serving.log();
            let listening = log.split_once("listening on http://").and_then(|(_, rest)| rest.split_once(' '));
            listening.is_some_and(|(address, _)| {
                serving.address = address.parse().unwrap();
                true
            })
        });
        let ready = Call::new("GET", "/readyz");
        until("it is ready", || ready.try_send(serving.address).is_ok_and(|reply| reply.status == 200));
        serving
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it was not killed"),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It failed with this exit code and one line on stderr that holds `part`.
    #[track_caller]
    pub fn failed(&self, code: i32, part: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let lines: Vec<&str> = self.err.lines().collect();
        assert!(matches!(lines[..], [line] if line.starts_with("tiersync: ")), "not one line: {self:?}");
        assert!(self.err.contains(part), "{part:?} is not in {self:?}");
    }
}

/// A running `tiersync serve`. Dropping it kills it.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
    out: PathBuf,
    log: PathBuf,
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

impl Serving {
    /// What it logged.
    pub fn log(&self) -> String {
        read(&self.log)
    }

    /// What it printed.
    pub fn out(&self) -> String {
        read(&self.out)
    }

    /// Ends it at once, as a power cut does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        assert_eq!(self.child.wait().unwrap().signal(), Some(9));
    }

    /// Asks it to end, without waiting.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end and gives everything that it logged.
    pub fn log_when_ended(self) -> String {
        let log = self.log.clone();
        assert_eq!(self.wait().code(), Some(0));
        read(&log)
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
