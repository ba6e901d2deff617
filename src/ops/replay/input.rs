//! Where calls come from: captures, HTTP archives, folders and lines of bodies. Lines are read as they are needed.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::ReplayError;
use crate::domain::call::Endpoint;
use crate::wire::capture::{Captured, Line, MAX_BODY_BYTES, MAX_LINE_BYTES, Shape, only_body, shape};
use crate::wire::har;

/// How much of a file's beginning tells it from another.
const BEGINNING: u64 = 64 * 1024;

/// Most files of one folder. Their names are held in memory.
const MAX_FILES: usize = 1_000_000;

/// What is known of calls of which there is nothing but the body.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Where they go.
    pub endpoint: Endpoint,
    /// Whose they are.
    pub tenant: String,
    /// The header that tells tenants apart, in archives.
    pub tenant_header: Option<String>,
}

enum Input {
    Lines { path: PathBuf, shape: Shape },
    Archive { calls: Arc<[Captured]> },
    Folder { files: Vec<PathBuf> },
}

/// All that is to be replayed, in order.
pub struct Inputs {
    inputs: Vec<Input>,
    plain: Plain,
    digest: String,
    others: usize,
    has_bodies: bool,
}

fn cannot(path: &Path, error: &std::io::Error) -> ReplayError {
    ReplayError::Unreachable(format!("cannot read {}: {error}", path.display()))
}

fn wrong(path: &Path, why: &str) -> ReplayError {
    ReplayError::Usage(format!("{}: {why}", path.display()))
}

impl Inputs {
    /// Looks at what is there; archives are read whole, all else only where it begins.
    ///
    /// # Errors
    /// [`ReplayError`] when something cannot be read or is nothing of what can be replayed.
    pub fn open(paths: &[PathBuf], plain: Plain) -> Result<Self, ReplayError> {
        let mut digest = Sha256::new();
        let mut opened = Self { inputs: Vec::new(), plain, digest: String::new(), others: 0, has_bodies: false };
        for path in paths {
            let metadata = std::fs::metadata(path).map_err(|error| cannot(path, &error))?;
            let input = if metadata.is_dir() {
                opened.has_bodies = true;
                folder(path, &mut digest)?
            } else {
                digest.update(metadata.len().to_be_bytes());
                let mut beginning = Vec::new();
                let file = File::open(path).map_err(|error| cannot(path, &error))?;
                file.take(BEGINNING).read_to_end(&mut beginning).map_err(|error| cannot(path, &error))?;
                digest.update(Sha256::digest(&beginning));
                opened.file(path, metadata.len())?
            };
            opened.inputs.push(input);
        }
        opened.digest = hex::encode(digest.finalize());
        Ok(opened)
    }

    fn file(&mut self, path: &Path, size: u64) -> Result<Input, ReplayError> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("har")) {
            return self.archive(path, size);
        }
        let first = match Lines::open(path)?.find(|line| !matches!(line, Ok(line) if line.trim().is_empty())) {
            None => return Ok(Input::Lines { path: path.to_owned(), shape: Shape::Calls }),
            // An archive may be one line of any length.
            Some(Err(ReplayError::Broken(_))) => return self.archive(path, size),
            Some(first) => first?,
        };
        match shape(first.trim_start_matches('\u{feff}')) {
            Shape::Archive | Shape::NoLine => self.archive(path, size),
            shape => {
                self.has_bodies |= shape == Shape::Bodies;
                Ok(Input::Lines { path: path.to_owned(), shape })
            }
        }
    }

    fn archive(&mut self, path: &Path, size: u64) -> Result<Input, ReplayError> {
        if size > har::MAX_ARCHIVE_BYTES {
            return Err(wrong(path, "an archive of more than 256 MiB is not read; split it"));
        }
        let bytes = std::fs::read(path).map_err(|error| cannot(path, &error))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let read = har::read(bytes, self.plain.tenant_header.as_deref()).map_err(|why| wrong(path, &why))?;
        self.others += read.others;
        Ok(Input::Archive { calls: read.calls.into() })
    }

    /// Tells these inputs from others.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Whether some of them are bodies without a time.
    #[must_use]
    pub fn has_bodies(&self) -> bool {
        self.has_bodies
    }

    /// Entries of archives that are no calls of the protocol.
    #[must_use]
    pub fn others(&self) -> usize {
        self.others
    }

    /// How many calls there are, give or take empty lines.
    ///
    /// # Errors
    /// [`ReplayError`] when a file cannot be read.
    pub fn count(&self) -> Result<u64, ReplayError> {
        let mut count = 0;
        for input in &self.inputs {
            count += match input {
                Input::Lines { path, .. } => lines(path).map_err(|error| cannot(path, &error))?,
                Input::Archive { calls } => calls.len() as u64,
                Input::Folder { files } => files.len() as u64,
            };
        }
        Ok(count)
    }

    /// The calls, in order.
    pub fn calls(&self) -> impl Iterator<Item = Result<Captured, ReplayError>> + '_ {
        self.inputs.iter().flat_map(move |input| -> Box<dyn Iterator<Item = _> + '_> {
            match input {
                Input::Archive { calls } => Box::new(calls.iter().cloned().map(Ok)),
                Input::Folder { files } => Box::new(files.iter().map(|path| self.body(path))),
                Input::Lines { path, shape } => {
                    match Lines::open(path) {
                        Ok(lines) => Box::new(lines.enumerate().filter_map(move |(at, line)| match line {
                            Ok(line) if line.trim().is_empty() => None,
                            Ok(line) => Some(self.line(line, *shape).map_err(|why| {
                                ReplayError::Broken(format!("{} line {}: {why}", path.display(), at + 1))
                            })),
                            Err(error) => Some(Err(error)),
                        })),
                        Err(error) => Box::new(std::iter::once(Err(error))),
                    }
                }
            }
        })
    }

    fn line(&self, line: String, shape: Shape) -> Result<Captured, String> {
        let line = match line.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => line,
        };
        match shape {
            Shape::Calls => Line::read(&line),
            _ => Ok(only_body(line, self.plain.endpoint, &self.plain.tenant)),
        }
    }

    fn body(&self, path: &Path) -> Result<Captured, ReplayError> {
        let file = File::open(path).map_err(|error| cannot(path, &error))?;
        let mut bytes = Vec::new();
        let most = MAX_BODY_BYTES as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map_err(|error| cannot(path, &error))?;
        if bytes.len() > MAX_BODY_BYTES {
            return Err(ReplayError::Broken(format!("{}: a body of more than 256 KiB is not sent", path.display())));
        }
        let body = String::from_utf8(bytes)
            .map_err(|_| ReplayError::Broken(format!("{}: the body is no UTF-8", path.display())))?;
        Ok(only_body(body, self.plain.endpoint, &self.plain.tenant))
    }
}

/// The `*.json` files of a folder, by name.
fn folder(path: &Path, digest: &mut Sha256) -> Result<Input, ReplayError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| cannot(path, &error))? {
        let file = entry.map_err(|error| cannot(path, &error))?.path();
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            files.push(file);
        }
        if files.len() > MAX_FILES {
            return Err(wrong(path, "more than a million files; make JSON lines of them"));
        }
    }
    if files.is_empty() {
        return Err(wrong(path, "there is no *.json in this folder"));
    }
    files.sort();
    for file in &files {
        digest.update(file.file_name().unwrap_or_default().as_encoded_bytes());
        digest.update([0]);
        digest.update(std::fs::metadata(file).map_err(|error| cannot(file, &error))?.len().to_be_bytes());
    }
    Ok(Input::Folder { files })
}

/// How many lines a file has.
fn lines(path: &Path) -> std::io::Result<u64> {
    let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
    let (mut count, mut ended) = (0, true);
    loop {
        let bytes = file.fill_buf()?;
        let Some(last) = bytes.last() else { return Ok(count + u64::from(!ended)) };
        ended = *last == b'\n';
        count += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let read = bytes.len();
        file.consume(read);
    }
}

/// The lines of a file, each of a bounded length.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    at: usize,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, ReplayError> {
        let file = File::open(path).map_err(|error| cannot(path, &error))?;
        Ok(Self { path: path.to_owned(), file: BufReader::with_capacity(1 << 18, file), at: 0 })
    }
}

impl Iterator for Lines {
    type Item = Result<String, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut line = Vec::new();
        self.at += 1;
        let broken = |why: &str| ReplayError::Broken(format!("{} line {}: {why}", self.path.display(), self.at));
        match self.file.by_ref().take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut line) {
            Err(error) => Some(Err(cannot(&self.path, &error))),
            Ok(0) => None,
            Ok(read) if read == MAX_LINE_BYTES => Some(Err(broken("it is longer than 2 MiB"))),
            Ok(_) => {
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                Some(String::from_utf8(line).map_err(|_| broken("it is no UTF-8")))
            }
        }
    }
}
