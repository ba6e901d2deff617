//! A subscriber to send to: takes, refuses, hangs, breaks off, goes down and comes back on the same port.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use standardwebhooks::Webhook;
use tiersync::app::Options;
use tiersync::domain::subscriber::pace::Pace;
use tiersync::tasks::subscribers::Tempo;
use ureq::http::HeaderMap;

use crate::commands_binary::until;

pub const SECRET: &str = "whsec_b3VyLW93bi1zZWNyZXQtb2YtdGhlLXRlc3RzLTEyMw==";

/// Something that was received.
#[derive(Debug, Clone)]
pub struct Received {
    pub at: Instant,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
    /// Whether it was taken.
    pub taken: bool,
}

impl Received {
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn position(&self) -> i64 {
        self.json()["data"]["change"]["position"].as_i64().unwrap()
    }

    pub fn account(&self) -> String {
        self.json()["partitionkey"].as_str().unwrap().to_owned()
    }

    pub fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Whether the reference library takes its signature.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let mut headers = HeaderMap::new();
        for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
            headers.insert(name, self.headers[name].parse().unwrap());
        }
        Webhook::new(secret).unwrap().verify(self.body.as_bytes(), &headers).is_ok()
    }
}

/// What to do with it.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answer this status with these lines of head.
    Answer(u16, String),
    /// Answer nothing until the sender gives up.
    Hang,
    /// Close the connection.
    BreakOff,
}

pub fn status(status: u16) -> Act {
    Act::Answer(status, String::new())
}

type Decide = Box<dyn FnMut(&Received) -> Act + Send>;

struct Inner {
    received: Mutex<Vec<Received>>,
    decide: Mutex<Decide>,
    down: AtomicBool,
    /// Most that were under way at once.
    going: AtomicUsize,
    most: AtomicUsize,
}

pub struct Crm {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    listening: Option<JoinHandle<()>>,
}

impl Crm {
    /// One that takes everything.
    pub fn start() -> Self {
        let inner = Arc::new(Inner {
            received: Mutex::new(Vec::new()),
            decide: Mutex::new(Box::new(|_| status(204))),
            down: AtomicBool::new(true),
            going: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        });
        let mut crm = Self { address: ([127, 0, 0, 1], 0).into(), inner, listening: None };
        crm.up();
        crm
    }

    /// From now on.
    pub fn decide(&self, decide: impl FnMut(&Received) -> Act + Send + 'static) {
        *self.inner.decide.lock().unwrap() = Box::new(decide);
    }

    /// Listens again, on the port that it had.
    pub fn up(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        self.inner.down.store(false, Ordering::SeqCst);
        let inner = self.inner.clone();
        self.listening = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if inner.down.load(Ordering::SeqCst) {
                    return;
                }
                let inner = inner.clone();
                std::thread::spawn(move || drop(serve(&inner, &stream.unwrap())));
            }
        }));
    }

    /// Nobody listens any longer.
    pub fn down(&mut self) {
        if let Some(listening) = self.listening.take() {
            self.inner.down.store(true, Ordering::SeqCst);
            drop(TcpStream::connect(self.address));
            listening.join().unwrap();
        }
    }

    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| one.taken).collect()
    }

    pub fn forget(&self) {
        self.inner.received.lock().unwrap().clear();
    }

    pub fn most_at_once(&self) -> usize {
        self.inner.most.load(Ordering::SeqCst)
    }

    /// Waits until every change from `from` to `to` was taken.
    pub fn has(&self, from: i64, to: i64) {
        until(&format!("{from} to {to} are taken"), || {
            let taken: HashSet<i64> = self.taken().iter().map(Received::position).collect();
            (from..=to).all(|position| taken.contains(&position))
        });
    }

    /// Each account's events were taken in their order, the first time that each was.
    pub fn assert_in_order(&self) {
        let mut last: HashMap<String, i64> = HashMap::new();
        let mut seen = HashSet::new();
        for one in self.taken().iter().filter(|one| seen.insert(one.position())) {
            let before = last.insert(one.account(), one.position()).unwrap_or(0);
            assert!(before < one.position(), "{} came behind {before}", one.position());
        }
    }
}

impl Drop for Crm {
    fn drop(&mut self) {
        self.down();
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Received { at: Instant::now(), path, headers, body: String::from_utf8(body).ok()?, taken: false })
}

fn serve(inner: &Inner, stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    while let Some(mut received) = read(&mut reader) {
        if inner.down.load(Ordering::SeqCst) {
            return Ok(());
        }
        let going = inner.going.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most.fetch_max(going, Ordering::SeqCst);
        let act = (inner.decide.lock().unwrap())(&received);
        received.taken = matches!(act, Act::Answer(200..=299, _));
        inner.received.lock().unwrap().push(received);
        inner.going.fetch_sub(1, Ordering::SeqCst);
        let mut out = stream;
        match act {
            Act::Answer(status, head) => {
                write!(out, "HTTP/1.1 {status} Said\r\n{head}Content-Length: 0\r\n\r\n")?;
            }
            Act::BreakOff => return Ok(()),
            Act::Hang => {
                // Until the sender closes the connection.
                let _ = reader.read(&mut [0]);
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A table that sends to it.
pub fn subscriber(crm: &Crm, lines: &str) -> String {
    let url = format!("http://{}/hooks", crm.address);
    format!("[[subscriber]]\nid = \"crm\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\nallow_private = true\n{lines}\n")
}

/// Everything as in the world, only faster.
pub fn hurried() -> Options {
    let milli = 1_000;
    let pace = Pace { first: 20 * milli, longest: 100 * milli, least: milli, patience: Pace::default().patience };
    Options {
        tempo: Tempo {
            pace,
            beat: Duration::from_millis(50),
            lease: Duration::from_millis(500),
            flush: Duration::from_millis(20),
            retry: Duration::from_millis(50),
            grace: Duration::from_secs(2),
        },
        ..Options::default()
    }
}

/// As [`hurried`], and who takes nothing for so long is parked.
pub fn impatient(millis: i64) -> Options {
    let mut options = hurried();
    options.tempo.pace.patience = millis * 1_000;
    options
}
