//! Somebody else's list of accounts: CSV with any separator, a JSON array or JSON lines, in any encoding that the web
//! knows, read as a stream. What cannot be read is told with its line and never guessed.

mod cells;
mod csv;
mod decode;
mod json;
#[cfg(test)]
mod tests;

use std::io::{BufRead, Read};

use thiserror::Error;

use crate::domain::account::AccountKind;
use crate::domain::reconcile::{KeyField, Theirs};

pub use cells::{Column, Meaning, Words};

/// Longest row of cells, in bytes. A quote that is never closed must not read the rest of a list into memory.
const MAX_ROW: usize = 1024 * 1024;

/// Why a list cannot be read.
#[derive(Debug, Error)]
pub enum ListError {
    /// It was asked for wrongly.
    #[error("{0}")]
    Usage(String),
    /// It is broken at some place, which the text names.
    #[error("{0}")]
    Broken(String),
}

impl From<std::io::Error> for ListError {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// How a list is to be read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The field that names its accounts: each row must have it.
    pub key: KeyField,
    /// How the list calls our columns; what is not named here is looked for under its own name.
    pub map: Vec<(Column, String)>,
    /// What separates cells; none to find out.
    pub separator: Option<u8>,
    /// The encoding's label, as the Encoding Standard of the WHATWG has it; none for UTF-8.
    pub encoding: Option<String>,
    /// How the list calls kinds and states.
    pub words: Words,
}

impl Reading {
    /// A list in UTF-8 with our own names.
    #[must_use]
    pub fn by(key: KeyField) -> Self {
        Self { key, map: Vec::new(), separator: None, encoding: None, words: Words::default() }
    }

    /// How the list may call a column, in the order in which the names are tried.
    fn names(&self, column: Column) -> Vec<&str> {
        match self.map.iter().find(|(mapped, _)| *mapped == column) {
            Some((_, name)) => vec![name],
            None => column.names().to_vec(),
        }
    }

    fn mapped(&self, column: Column) -> bool {
        self.map.iter().any(|(mapped, _)| *mapped == column)
    }
}

/// A row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// An account.
    Account(Theirs),
    /// A row that cannot be read whole. Where its account can be told, it is there and spoiled.
    Spoiled {
        /// The line that it begins on.
        line: u64,
        /// What is wrong with it.
        why: String,
        /// Its account.
        account: Option<Theirs>,
    },
}

enum Rows {
    Csv(csv::CsvRows),
    Json(json::JsonRows),
}

/// A list being read.
pub struct List {
    rows: Rows,
    columns: Vec<Column>,
}

impl std::fmt::Debug for List {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("List").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl List {
    /// Opens a list and reads its header, or the first of its objects.
    ///
    /// # Errors
    /// [`ListError`] for an unknown encoding, a column that is not there, bytes that are not of the encoding.
    pub fn open(input: impl Read + Send + 'static, reading: Reading) -> Result<Self, ListError> {
        let mut input = decode::Decoded::new(Box::new(input), reading.encoding.as_deref())?;
        let (rows, columns) = match first_letter(&mut input)? {
            Some(b'[' | b'{') => {
                let (rows, columns) = json::open(input, reading)?;
                (Rows::Json(rows), columns)
            }
            _ => {
                let (rows, columns) = csv::open(input, reading)?;
                (Rows::Csv(rows), columns)
            }
        };
        Ok(Self { rows, columns })
    }

    /// Which of our columns it has. Of JSON, what its first object has.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether it has a column.
    #[must_use]
    pub fn has(&self, column: Column) -> bool {
        self.columns.contains(&column)
    }
}

impl Iterator for List {
    type Item = Result<Row, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.rows {
            Rows::Csv(rows) => rows.next(),
            Rows::Json(rows) => rows.next(),
        }
    }
}

/// The first byte that is no white space, which stays there. White space before it is skipped.
fn first_letter(input: &mut decode::Decoded) -> Result<Option<u8>, ListError> {
    loop {
        let ahead = input.fill_buf()?;
        if ahead.is_empty() {
            return Ok(None);
        }
        let blank = ahead.iter().take_while(|byte| matches!(byte, b' ' | b'\r' | b'\n')).count();
        let letter = ahead.get(blank).copied();
        input.consume(blank);
        if letter.is_some() {
            return Ok(letter);
        }
    }
}

/// Reads `WORD=MEANING`, where the meaning is a kind or a state of accounts.
///
/// # Errors
/// A sentence for whoever typed it.
pub fn parse_word(text: &str) -> Result<(String, cells::Meaning), String> {
    let (word, meaning) = text.rsplit_once('=').ok_or("is WORD=MEANING, such as Partner=reseller")?;
    let meaning = match (meaning.trim(), AccountKind::parse(meaning.trim())) {
        (_, Some(kind)) => cells::Meaning::Kind(kind),
        ("active", _) => cells::Meaning::Active,
        ("deleted", _) => cells::Meaning::Deleted,
        (other, _) => {
            return Err(format!(
                "\"{other}\" is none of reseller, reseller_customer, direct_customer, active and deleted"
            ));
        }
    };
    Ok((word.to_owned(), meaning))
}
