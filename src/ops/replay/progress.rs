//! `--resume`: which calls have finished, in a file that survives an interruption at any moment.
//!
//! The first line tells what is being replayed, each further one the position of a call that was answered. A line that was
//! cut off counts as not written: that call goes again under the same id.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ReplayError;

/// How long finished calls may wait to be written, and what is written to be flushed to disk. What is lost with the
/// process goes again, which is safe; it only takes time.
const WRITE_EVERY: Duration = Duration::from_millis(50);
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Longest line that is read: the first one holds the options, the others a number.
const MAX_LINE: u64 = 64 * 1024;

/// Positions, as ranges.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Finished(BTreeMap<u64, u64>);

impl Finished {
    /// Adds a position.
    pub fn insert(&mut self, position: u64) {
        if self.contains(position) {
            return;
        }
        let before = self.0.range(..position).next_back().map(|(first, last)| (*first, *last));
        let first = match before {
            Some((first, last)) if last.checked_add(1) == Some(position) => first,
            _ => position,
        };
        let last = position.checked_add(1).and_then(|next| self.0.remove(&next)).unwrap_or(position);
        self.0.insert(first, last);
    }

    /// Whether a position is among them.
    #[must_use]
    pub fn contains(&self, position: u64) -> bool {
        self.0.range(..=position).next_back().is_some_and(|(_, last)| position <= *last)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }
}

/// What a progress file is about.
#[derive(Debug, Clone)]
pub struct About {
    /// Tells the inputs from others.
    pub capture: String,
    /// Receiver, source and choice of calls.
    pub options: String,
    /// What makes the ids of fresh calls.
    pub seed: String,
}

/// The file.
pub struct Progress {
    path: PathBuf,
    file: File,
    pending: Vec<u8>,
    written: Instant,
    flushed: Instant,
}

fn unusable(path: &Path, error: &std::io::Error) -> ReplayError {
    ReplayError::Unreachable(format!("cannot use {}: {error}", path.display()))
}

impl Progress {
    /// Opens the file, or begins one. What was finished, and the seed that the file holds.
    ///
    /// # Errors
    /// [`ReplayError`] when it cannot be used, or is about something else.
    pub fn open(path: &Path, about: &About) -> Result<(Self, Finished, String), ReplayError> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| unusable(path, &error))?;
        let (header, finished, whole) = read(&file).map_err(|error| unusable(path, &error))?;
        let seed = match header {
            Some(header) => judge(path, &header, about)?,
            None => about.seed.clone(),
        };
        let mut begin = || {
            file.set_len(whole)?;
            file.seek(SeekFrom::End(0))?;
            if whole == 0 {
                let header = json!({
                    "tiersync_replay": 1, "capture": about.capture, "options": about.options, "seed": about.seed,
                });
                writeln!(file, "{header}")?;
                file.sync_all()?;
            }
            Ok(())
        };
        begin().map_err(|error| unusable(path, &error))?;
        let now = Instant::now();
        let progress = Self { path: path.to_owned(), file, pending: Vec::new(), written: now, flushed: now };
        Ok((progress, finished, seed))
    }

    /// Notes that a call was answered.
    ///
    /// # Errors
    /// [`ReplayError`] when the file cannot be written.
    pub fn finished(&mut self, position: u64) -> Result<(), ReplayError> {
        self.pending.extend_from_slice(position.to_string().as_bytes());
        self.pending.push(b'\n');
        if self.written.elapsed() < WRITE_EVERY {
            return Ok(());
        }
        self.write(self.flushed.elapsed() >= FLUSH_EVERY)
    }

    /// Writes what waits, and flushes it to disk.
    ///
    /// # Errors
    /// [`ReplayError`] when the file cannot be written.
    pub fn flush(&mut self) -> Result<(), ReplayError> {
        self.write(true)
    }

    fn write(&mut self, flush: bool) -> Result<(), ReplayError> {
        let write = |file: &mut File| {
            file.write_all(&self.pending)?;
            if flush { file.sync_data() } else { Ok(()) }
        };
        write(&mut self.file).map_err(|error| unusable(&self.path, &error))?;
        self.pending.clear();
        self.written = Instant::now();
        if flush {
            self.flushed = self.written;
        }
        Ok(())
    }
}

/// The first line, what was finished, and where the last whole line ends.
fn read(file: &File) -> std::io::Result<(Option<String>, Finished, u64)> {
    let mut lines = BufReader::new(file);
    let (mut header, mut finished, mut whole) = (None, Finished::default(), 0);
    let mut line = String::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(MAX_LINE).read_line(&mut line)?;
        let Some(text) = line.strip_suffix('\n') else {
            return match (&header, read) {
                // Somebody else's file is not begun anew.
                (None, 1..) => Err(std::io::Error::other("it is no progress file of a replay")),
                _ => Ok((header, finished, whole)),
            };
        };
        whole += read as u64;
        match (&header, text.parse()) {
            (None, _) => header = Some(text.to_owned()),
            (Some(_), Ok(position)) => finished.insert(position),
            (Some(_), Err(_)) => return Err(std::io::Error::other("it is no progress file of a replay")),
        }
    }
}

fn judge(path: &Path, header: &str, about: &About) -> Result<String, ReplayError> {
    let refused = |why: &str| Err(ReplayError::Usage(format!("{}: {why}", path.display())));
    let Ok(header) = serde_json::from_str::<Value>(header) else {
        return refused("it is no progress file of a replay; name another one with --resume");
    };
    let said = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
    if header.get("tiersync_replay").and_then(Value::as_u64) != Some(1) {
        return refused("it is no progress file of a replay; name another one with --resume");
    }
    if said("capture") != about.capture {
        return refused("it belongs to another capture, or this one was changed; begin a new file with --resume");
    }
    if said("options") != about.options {
        return refused(&format!(
            "it was begun with other options ({}); give the same, or begin a new file with --resume",
            said("options")
        ));
    }
    Ok(said("seed").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_become_ranges() {
        let mut finished = Finished::default();
        for position in [5, 1, 2, 4, 3, 3, 9] {
            finished.insert(position);
        }
        assert_eq!(finished, Finished([(1, 5), (9, 9)].into()));
        assert_eq!(finished.count(), 6);
        assert!(finished.contains(4) && !finished.contains(6) && !finished.contains(0) && !finished.contains(10));
    }
}
