//! Logs through env_logger, written by a thread of their own: a terminal or pipe that does not read must not hold up the
//! HTTP workers. Lines that find no room are dropped and counted.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use env_logger::{Builder, Env, Target};

/// Lines that may wait. A call writes one of about 150 bytes.
const QUEUE: usize = 8_192;

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What the thread is told.
enum Message {
    Line(Vec<u8>),
    /// Everything before is to be written; then say so.
    Flush(SyncSender<()>),
}

static QUEUED: OnceLock<SyncSender<Message>> = OnceLock::new();

struct Lines(SyncSender<Message>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if self.0.try_send(Message::Line(line.to_vec())).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write(messages: &Receiver<Message>) {
    let mut stderr = std::io::stderr();
    while let Ok(first) = messages.recv() {
        let (mut lines, mut flushed) = (Vec::new(), Vec::new());
        for message in std::iter::once(first).chain(messages.try_iter().take(256)) {
            match message {
                Message::Line(line) => lines.extend(line),
                Message::Flush(done) => flushed.push(done),
            }
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            lines.extend(format!("[{dropped} log lines were dropped: stderr is not read fast enough]\n").into_bytes());
        }
        // A closed stderr is no reason to stop serving.
        let _ = stderr.write_all(&lines);
        for done in flushed {
            let _ = done.try_send(());
        }
    }
}

/// Waits until the lines so far are written, but not for ever: nobody may be reading.
pub(super) fn finish() {
    if let Some(queued) = QUEUED.get() {
        let (done, written) = sync_channel(1);
        if queued.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Starts logging at `level` unless RUST_LOG says otherwise.
pub(super) fn start(level: &str) {
    let (sender, receiver) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver));
    let mut builder = Builder::from_env(Env::default().default_filter_or(level));
    builder.format_target(false);
    if writer.is_ok() {
        let _ = QUEUED.set(sender.clone());
        builder.target(Target::Pipe(Box::new(Lines(sender))));
    }
    // A second start, as in tests, keeps the first.
    let _ = builder.try_init();
}
