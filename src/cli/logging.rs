//! Logs through env_logger, written by a thread of their own: a terminal or pipe that does not read must not hold up the
//! HTTP workers. Lines that find no room are dropped and counted.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use env_logger::{Builder, Env, Target};

/// Lines that may wait. A call writes one of about 150 bytes.
const QUEUE: usize = 8_192;

static DROPPED: AtomicU64 = AtomicU64::new(0);

struct Lines(SyncSender<Vec<u8>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        if self.0.try_send(line.to_vec()).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write(lines: &Receiver<Vec<u8>>) {
    let mut stderr = std::io::stderr();
    while let Ok(first) = lines.recv() {
        let mut batch = first;
        batch.extend(lines.try_iter().take(256).flatten());
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            batch.extend(format!("[{dropped} log lines were dropped: stderr is not read fast enough]\n").into_bytes());
        }
        // A closed stderr is no reason to stop serving.
        let _ = stderr.write_all(&batch);
    }
}

/// Starts logging at `level` unless RUST_LOG says otherwise.
pub(super) fn start(level: &str) {
    let (sender, receiver) = sync_channel(QUEUE);
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver));
    let mut builder = Builder::from_env(Env::default().default_filter_or(level));
    builder.format_target(false);
    if writer.is_ok() {
        builder.target(Target::Pipe(Box::new(Lines(sender))));
    }
    // A second start, as in tests, keeps the first.
    let _ = builder.try_init();
}
