//! A list as CSV (RFC 4180), whatever separates its cells.

use std::io::{BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use csv::StringRecord;

use super::cells::{self, Column};
use super::decode::Decoded;
use super::{ListError, MAX_ROW, Reading, Row};
use crate::wire::separated::{separator_of, unguarded};

/// Longest header, in bytes.
const MAX_HEADER: usize = 64 * 1024;

/// Bytes read at once.
const BUFFER: usize = 64 * 1024;

pub(super) struct CsvRows {
    reader: csv::Reader<Watched>,
    since_row: Arc<AtomicUsize>,
    reading: Reading,
    places: Vec<Option<usize>>,
    width: usize,
    record: StringRecord,
    /// Lines that were read before the reader began to count.
    before: u64,
    ended: bool,
}

/// Counts what was read since the last row, and leaves out the CR of every CRLF: the reader of CSV ends a row at it and
/// counts the LF into the next one's lines.
struct Watched {
    input: std::io::Chain<std::io::Cursor<Vec<u8>>, Decoded>,
    since_row: Arc<AtomicUsize>,
    /// A CR was read, and what follows it is not known yet.
    held: bool,
}

impl Watched {
    /// Fills `into` and says how many bytes were taken of `ahead` and how many stand in `into` now.
    fn pass(held: &mut bool, ahead: &[u8], into: &mut [u8]) -> (usize, usize) {
        let (mut taken, mut written) = (0, 0);
        for byte in ahead {
            if *held && *byte != b'\n' {
                let Some(room) = into.get_mut(written) else { break };
                *room = b'\r';
                written += 1;
            }
            *held = *byte == b'\r';
            if !*held {
                let Some(room) = into.get_mut(written) else { break };
                *room = *byte;
                written += 1;
            }
            taken += 1;
        }
        (taken, written)
    }
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let written = loop {
            let ahead = self.input.fill_buf()?;
            if ahead.is_empty() {
                match into.first_mut() {
                    Some(first) if std::mem::take(&mut self.held) => *first = b'\r',
                    _ => return Ok(0),
                }
                break 1;
            }
            let (taken, written) = Self::pass(&mut self.held, ahead, into);
            self.input.consume(taken);
            if written > 0 {
                break written;
            }
        };
        if self.since_row.fetch_add(written, Ordering::Relaxed) > MAX_ROW + BUFFER {
            return Err(std::io::Error::other("a row is longer than 1 MiB; is a quote not closed?"));
        }
        Ok(written)
    }
}

/// Opens the list and finds its columns.
pub(super) fn open(mut input: Decoded, mut reading: Reading) -> Result<(CsvRows, Vec<Column>), ListError> {
    let mut before = input.line_at - 1;
    let mut header = header(&mut input)?;
    if let Some(separator) = excel_separator(&header) {
        reading.separator = reading.separator.or(Some(separator));
        header = self::header(&mut input)?;
        before += 1;
    }
    if header.is_empty() {
        return Err(ListError::Usage("the list is empty; its first line must name the columns".to_owned()));
    }
    let separator = reading.separator.unwrap_or_else(|| separator_of(&header));
    let since_row = Arc::new(AtomicUsize::new(0));
    let input = std::io::Cursor::new(header).chain(input);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .buffer_capacity(BUFFER)
        .from_reader(Watched { input, since_row: Arc::clone(&since_row), held: false });
    let names: Vec<String> =
        reader.headers().map_err(|error| broken(&error, before))?.iter().map(|name| name.trim().to_owned()).collect();
    let places = places(&names, &reading)?;
    let columns = Column::ALL.into_iter().zip(&places).filter(|(_, place)| place.is_some()).map(|(c, _)| c).collect();
    let width = names.len();
    let record = StringRecord::new();
    Ok((CsvRows { reader, since_row, reading, places, width, record, before, ended: false }, columns))
}

/// The first line with its end. It must be read before the separator is known.
fn header(input: &mut Decoded) -> Result<Vec<u8>, ListError> {
    let mut header = Vec::new();
    input.by_ref().take(MAX_HEADER as u64).read_until(b'\n', &mut header)?;
    if header.len() >= MAX_HEADER {
        return Err(ListError::Broken("line 1: the header is longer than 64 KiB; is this a list?".to_owned()));
    }
    Ok(header)
}

/// The line `sep=;` that spreadsheets write for each other.
fn excel_separator(header: &[u8]) -> Option<u8> {
    match header.strip_prefix(b"sep=")?.trim_ascii_end() {
        [separator] => Some(*separator),
        // A tab is white space.
        [] if header.starts_with(b"sep=\t") => Some(b'\t'),
        _ => None,
    }
}

/// Whether two names are the same but for their case. Capitals are compared, since a Greek sigma has two small letters.
fn same(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_uppercase).eq(b.chars().flat_map(char::to_uppercase))
}

/// Where each of our columns stands.
fn places(names: &[String], reading: &Reading) -> Result<Vec<Option<usize>>, ListError> {
    let there = || names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let mut places = Vec::with_capacity(Column::ALL.len());
    for column in Column::ALL {
        let mut place = None;
        for name in reading.names(column) {
            let mut found = names.iter().enumerate().filter(|(_, known)| same(known, name.trim()));
            place = found.next().map(|(at, _)| at);
            if found.next().is_some() {
                return Err(ListError::Usage(format!(
                    "two columns of the list are called \"{name}\"; rename one, or map another with --map {}=…",
                    column.as_str()
                )));
            }
            if place.is_some() {
                break;
            }
        }
        if place.is_none() && reading.mapped(column) {
            let name = reading.names(column).join("");
            return Err(ListError::Usage(format!("the list has no column \"{name}\"; it has {}", there())));
        }
        places.push(place);
    }
    let key = Column::of_key(reading.key);
    if places.get(key as usize).copied().flatten().is_none() {
        return Err(ListError::Usage(format!(
            "no column of the list is called {0}; say which one it is with --map {0}=…; it has {1}",
            key.as_str(),
            there()
        )));
    }
    Ok(places)
}

fn broken(error: &csv::Error, before: u64) -> ListError {
    match (error.position(), error.kind()) {
        (_, csv::ErrorKind::Io(error)) => ListError::Broken(error.to_string()),
        (Some(position), _) => ListError::Broken(format!("line {}: {error}", position.line() + before)),
        (None, _) => ListError::Broken(error.to_string()),
    }
}

impl CsvRows {
    pub(super) fn next(&mut self) -> Option<Result<Row, ListError>> {
        if self.ended {
            return None;
        }
        loop {
            self.since_row.store(0, Ordering::Relaxed);
            let begins = self.reader.position().line() + self.before;
            match self.reader.read_record(&mut self.record) {
                // Spreadsheets end their lists with rows of separators alone.
                Ok(true) if self.record.iter().all(|cell| cell.trim().is_empty()) => {}
                Ok(true) => break,
                Ok(false) => {
                    self.ended = true;
                    return None;
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(match error.kind() {
                        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::Other => {
                            ListError::Broken(format!("line {begins}: {error}"))
                        }
                        _ => broken(&error, self.before),
                    }));
                }
            }
        }
        let line = self.record.position().map_or(0, csv::Position::line) + self.before;
        if self.record.len() != self.width {
            let why = format!("has {} cells where the header has {}", self.record.len(), self.width);
            return Some(Ok(self.named_alone(line, why)));
        }
        Some(Ok(cells::read(line, &self.reading, &|column| self.cell(column))))
    }

    fn cell(&self, column: Column) -> cells::Cell<'_> {
        self.record.get((*self.places.get(column as usize)?)?).map(unguarded)
    }

    /// A row whose cells may have slipped: not even its name can be trusted.
    fn named_alone(&self, line: u64, why: String) -> Row {
        Row::Spoiled { line, why, account: None }
    }
}
