//! A PostgreSQL cluster of our own: in a temporary folder, on a free port, gone with the test process.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};

/// A running cluster. Dropping it stops it and removes its folder.
pub struct Cluster {
    pub port: u16,
    folder: PathBuf,
    bin: PathBuf,
    server: Option<Child>,
    durable: bool,
}

/// The folder that holds initdb, wherever distributions put it.
fn bin() -> Option<PathBuf> {
    let in_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian =
        std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|dir| dir.path().join("bin"));
    let mut debian: Vec<PathBuf> = debian.collect();
    debian.sort();
    debian.into_iter().rev().chain(in_path).find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// PostgreSQL refuses to run as root: there it runs as the user that its package makes.
fn command(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Cluster {
    /// Starts one that saves itself the waiting for disks; none where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        Self::start_with(false)
    }

    /// Starts one, with `fsync` on where it is to be durable.
    pub fn start_with(durable: bool) -> Option<Self> {
        let bin = bin()?;
        let folder = tempfile::Builder::new().prefix("tiersync-pg").tempdir().unwrap().keep();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(&folder).status().unwrap().success());
        }
        let made = command(&bin.join("initdb"))
            .args(["-A", "trust", "-U", "tiersync", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(folder.join("data"))
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut cluster = Self { port: free_port(), folder, bin, server: None, durable };
        cluster.resume();
        Some(cluster)
    }

    /// Starts the server again after [`Cluster::halt`].
    pub fn resume(&mut self) {
        // The shell around it ends the server when our end of its standard input closes, however we end, and takes the
        // folder away unless it was only halted: nobody drops the cluster that all tests share.
        let script = "folder=\"$1\"; shift; \"$0\" \"$@\" & pid=$!; read _ && halted=1; kill -INT $pid; wait $pid; \
                      [ -n \"$halted\" ] || rm -rf \"$folder\"";
        let mut shell = command(Path::new("sh"));
        let log = std::fs::File::options().create(true).append(true).open(self.folder.join("log"));
        shell.arg("-c").arg(script).arg(self.bin.join("postgres")).arg(&self.folder);
        shell.arg("-D").arg(self.folder.join("data")).args(["-p", &self.port.to_string(), "-k"]).arg(&self.folder);
        shell.args(["-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400"]);
        if self.durable {
            // For measurements: what PostgreSQL's manual (19.4, 29.5) advises for a machine of its own; the defaults are
            // for one that is shared with everything else.
            shell.args(["-c", "fsync=on", "-c", "shared_buffers=1GB", "-c", "max_wal_size=4GB"]);
        } else {
            shell.args(["-c", "fsync=off"]);
        }
        shell.args(["-c", "deadlock_timeout=100ms"]);
        shell.stdin(Stdio::piped()).stdout(Stdio::null());
        shell.stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
        self.server = Some(shell.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(60);
        while PgConnection::establish(&self.url("public")).is_err() {
            assert!(
                Instant::now() < deadline,
                "PostgreSQL does not come up; see {}",
                self.folder.join("log").display()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server; clients lose their connections.
    pub fn halt(&mut self) {
        if let Some(mut server) = self.server.take() {
            let mut stdin = server.stdin.take().unwrap();
            let _ = stdin.write_all(b"\n");
            drop(stdin);
            server.wait().unwrap();
        }
    }

    /// The URL of a schema.
    pub fn url(&self, schema: &str) -> String {
        format!("postgres://tiersync@127.0.0.1:{}/postgres?options=-csearch_path%3D{schema}", self.port)
    }

    /// Makes an empty schema and returns its URL.
    pub fn new_schema(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::establish(&self.url("public")).unwrap();
        connection.batch_execute(&format!("CREATE SCHEMA {name}")).unwrap();
        self.url(&name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.halt();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The cluster that most tests share, each with a schema of its own.
///
/// None where PostgreSQL is not installed, which is said loudly and fails under CI.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    let shared = SHARED.get_or_init(Cluster::start).as_ref();
    if shared.is_none() {
        eprintln!(
            "!!! PostgreSQL is not installed: its half of the tests does NOT run. Install the package postgresql. !!!"
        );
        assert!(std::env::var_os("CI").is_none(), "under CI PostgreSQL must be installed");
    }
    shared
}
