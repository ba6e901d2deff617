//! Rows of cells, with any separator (RFC 4180, with whatever ends a line). Own reading rather than a library's, since
//! each row is told of by the line that it begins on, however lines end and whatever stands between.

use std::io::{BufRead, BufReader, Cursor, Read};

use super::{BookError, Cells, Field, Input, MAX_COLUMNS, MAX_ROW, Reading, Row};
use crate::wire::separated::{separator_of, unguarded};
use crate::wire::{account, json};

/// A row as it stands there.
struct Record {
    line: u64,
    cells: Vec<Vec<u8>>,
}

/// See the module.
pub(super) struct CsvRows {
    input: BufReader<Input>,
    separator: u8,
    columns: Vec<(String, Option<Field>)>,
    reading: Reading,
    line: u64,
    ended: bool,
}

/// Opens a list that begins with `start`; also gives the columns that mean nothing.
pub(super) fn open(
    start: Vec<u8>,
    input: Box<dyn Read + Send>,
    reading: Reading,
) -> Result<(CsvRows, Vec<String>), BookError> {
    let separator = reading.separator.unwrap_or_else(|| separator_of(&start));
    let input = BufReader::new(Cursor::new(start).chain(input));
    let mut rows = CsvRows { input, separator, columns: Vec::new(), reading, line: 1, ended: false };
    let Some(header) = rows.record()? else {
        return Err(BookError::Usage("the list is empty; its first row names the columns".to_owned()));
    };
    if header.cells.len() > MAX_COLUMNS {
        return Err(BookError::Usage(format!("the list has more than {MAX_COLUMNS} columns; leave some out")));
    }
    let names: Vec<String> = header.cells.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
    let fields = rows.reading.fields(names.iter().map(String::as_str));
    rows.columns = names.into_iter().zip(fields).collect();
    check(&rows.columns, &rows.reading)?;
    let unused = rows.columns.iter().filter(|(name, field)| field.is_none() && !name.is_empty());
    let unused = unused.map(|(name, _)| name.clone()).collect();
    Ok((rows, unused))
}

fn check(columns: &[(String, Option<Field>)], reading: &Reading) -> Result<(), BookError> {
    for (at, (name, field)) in columns.iter().enumerate() {
        if let Some(field) = field
            && columns.iter().take(at).any(|(_, other)| other.as_ref() == Some(field))
        {
            return Err(BookError::Usage(format!(
                "{} is there twice, also as column \"{name}\"; say with --map {}=COLUMN which one it is",
                field.as_str(),
                field.as_str()
            )));
        }
    }
    let has = |field: &Field| columns.iter().any(|(_, column)| column.as_ref() == Some(field));
    if let Some((field, column)) = reading.map.iter().find(|(field, _)| !has(field)) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        return Err(BookError::Usage(format!(
            "the list has no column \"{column}\" for {}; its columns are {}",
            field.as_str(),
            names.join(", ")
        )));
    }
    if !has(&Field::PlatformId) {
        return Err(BookError::Usage(
            "the list has no column platform_id; say with --map platform_id=COLUMN which one it is".to_owned(),
        ));
    }
    Ok(())
}

/// Where in a row the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Start,
    Bare,
    Quoted,
    /// Behind a quote within a quoted cell: its end, or the first of two.
    Quote,
}

impl CsvRows {
    fn peek(&mut self) -> Result<Option<u8>, BookError> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    /// Takes the end of a line: a carriage return, a line feed, or both.
    fn end_line(&mut self, byte: u8) -> Result<(), BookError> {
        self.line += 1;
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.input.consume(1);
        }
        Ok(())
    }

    /// The next row in which anything stands; none at the end.
    fn record(&mut self) -> Result<Option<Record>, BookError> {
        loop {
            let Some(record) = self.any_record()? else { return Ok(None) };
            if record.cells.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                return Ok(Some(record));
            }
        }
    }

    fn any_record(&mut self) -> Result<Option<Record>, BookError> {
        let mut record = Record { line: self.line, cells: Vec::new() };
        let (mut cell, mut within, mut length) = (Vec::new(), Within::Start, 0_usize);
        loop {
            let Some(byte) = self.peek()? else {
                if within == Within::Quoted {
                    return self.endless(record.line);
                }
                if length == 0 {
                    return Ok(None);
                }
                record.cells.push(cell);
                return Ok(Some(record));
            };
            self.input.consume(1);
            length += 1;
            if length > MAX_ROW {
                return self.endless(record.line);
            }
            within = match (within, byte) {
                (Within::Start, b'"') => Within::Quoted,
                (Within::Quoted, b'"') => Within::Quote,
                (Within::Quoted, byte) => {
                    self.line += u64::from(byte == b'\n');
                    cell.push(byte);
                    Within::Quoted
                }
                (Within::Quote, b'"') => {
                    cell.push(byte);
                    Within::Quoted
                }
                (_, byte) if byte == self.separator => {
                    record.cells.push(std::mem::take(&mut cell));
                    Within::Start
                }
                (_, b'\r' | b'\n') => {
                    self.end_line(byte)?;
                    record.cells.push(cell);
                    return Ok(Some(record));
                }
                (_, byte) => {
                    cell.push(byte);
                    Within::Bare
                }
            };
        }
    }

    fn endless<T>(&self, line: u64) -> Result<T, BookError> {
        Err(BookError::Broken(format!(
            "the row that begins on line {line} does not end; look for a quote that is never closed"
        )))
    }

    pub(super) fn next(&mut self) -> Option<Result<Row, BookError>> {
        if self.ended {
            return None;
        }
        match self.record() {
            Ok(Some(record)) => Some(Ok(self.row(&record))),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }

    fn row(&self, record: &Record) -> Row {
        let mut cells = Cells::default();
        let mut wrong = None;
        for ((name, field), cell) in self.columns.iter().zip(&record.cells) {
            let Some(field) = field else { continue };
            let Ok(text) = std::str::from_utf8(cell) else {
                wrong.get_or_insert_with(|| format!("column \"{name}\" is no UTF-8; save the list as UTF-8"));
                continue;
            };
            if let Err(why) = self.cell(&mut cells, field, unguarded(text)) {
                wrong.get_or_insert(why);
            }
        }
        if record.cells.len() != self.columns.len() {
            wrong = Some(format!("the row has {} cells, the header {}", record.cells.len(), self.columns.len()));
        }
        let mut row = cells.row(record.line);
        if let Some(why) = wrong {
            row.account = Err(why);
        }
        row
    }

    fn cell(&self, cells: &mut Cells, field: &Field, text: &str) -> Result<(), String> {
        match field {
            Field::Option(_) | Field::Options if text.trim().is_empty() => {}
            Field::Option(id) => {
                if text.chars().count() > crate::domain::options::MAX_TEXT_CHARS {
                    return Err(format!("option {id} is longer than 4096 characters"));
                }
                cells.options.insert(id.clone(), self.reading.option(id, text.trim()));
            }
            Field::Options => {
                let root = json::parse(text.as_bytes()).map_err(|_| "options is no JSON object".to_owned())?;
                let read = account::options(Some(&root), &|id| self.reading.is_secret(id));
                for (id, value) in read.map_err(|refusal| refusal.message)?.unwrap_or_default().iter() {
                    cells.options.insert(id.clone(), value.clone());
                }
            }
            field => cells.set(field, text),
        }
        Ok(())
    }
}
