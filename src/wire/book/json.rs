//! The objects of a JSON array or of JSON lines, one after the other.

use std::io::{BufRead, BufReader};

use super::{BookError, Cells, Field, Input, MAX_COLUMNS, MAX_ROW, Reading, Row};
use crate::wire::json::{self, Node, Value};
use crate::wire::{account, json::JsonError};

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Start,
    FirstOfArray,
    NextOfArray,
    CommaOrEnd,
    Objects,
    Nothing,
}

/// See the module.
pub(super) struct JsonRows {
    input: BufReader<Input>,
    reading: Reading,
    expects: Expects,
    line: u64,
    ended: bool,
}

/// Opens a list.
pub(super) fn open(input: Input, reading: Reading) -> JsonRows {
    JsonRows { input: BufReader::new(input), reading, expects: Expects::Start, line: 1, ended: false }
}

impl JsonRows {
    pub(super) fn next(&mut self) -> Option<Result<Row, BookError>> {
        if self.ended {
            return None;
        }
        match self.object() {
            Ok(Some((line, bytes))) => Some(Ok(self.row(line, &bytes))),
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

    fn broken<T>(&self, why: &str) -> Result<T, BookError> {
        Err(BookError::Broken(format!("line {}: {why}", self.line)))
    }

    fn peek(&mut self) -> Result<Option<u8>, BookError> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    /// The next object and the line that it begins on.
    fn object(&mut self) -> Result<Option<(u64, Vec<u8>)>, BookError> {
        use Expects::{CommaOrEnd, FirstOfArray, NextOfArray, Nothing, Objects, Start};
        loop {
            let Some(byte) = self.peek()? else {
                return match self.expects {
                    Start | Objects | Nothing => Ok(None),
                    FirstOfArray | NextOfArray | CommaOrEnd => self.broken("the list ends within its array"),
                };
            };
            self.expects = match (byte, self.expects) {
                (b'\n', expects) => {
                    self.line += 1;
                    expects
                }
                (b' ' | b'\t' | b'\r', expects) => expects,
                (b'[', Start) => FirstOfArray,
                (b',', CommaOrEnd) => NextOfArray,
                (b']', FirstOfArray | CommaOrEnd) => Nothing,
                (b'{', Start | Objects | FirstOfArray | NextOfArray) => {
                    let line = self.line;
                    let bytes = self.cut()?;
                    self.expects = if matches!(self.expects, Start | Objects) { Objects } else { CommaOrEnd };
                    return Ok(Some((line, bytes)));
                }
                _ => return self.broken("the list is neither a JSON array of objects nor one object behind the other"),
            };
            self.input.consume(1);
        }
    }

    /// Cuts out an object by its braces. Whether it is one is asked later, of it alone.
    fn cut(&mut self) -> Result<Vec<u8>, BookError> {
        let (mut bytes, mut depth, mut text, mut escaped) = (Vec::new(), 0_usize, false, false);
        loop {
            let Some(byte) = self.peek()? else { return self.broken("the list ends within an object") };
            self.input.consume(1);
            self.line += u64::from(byte == b'\n');
            bytes.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if text => escaped = true,
                b'"' => text = !text,
                b'{' if !text => depth += 1,
                b'}' if !text => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(bytes);
                    }
                }
                _ => {}
            }
            if bytes.len() > MAX_ROW {
                return self.broken("an object is longer than 1 MiB; look for a brace or a quote that is never closed");
            }
        }
    }

    fn row(&self, line: u64, bytes: &[u8]) -> Row {
        let mut cells = Cells::default();
        let read = match json::parse(bytes) {
            Ok(root) => self.fill(&root, &mut cells),
            Err(JsonError::NotJson) => Err("the object is no JSON in UTF-8".to_owned()),
            Err(JsonError::Refused(why)) => Err(why.to_owned()),
        };
        let mut row = cells.row(line);
        if let Err(why) = read {
            row.account = Err(why);
        }
        row
    }

    fn fill(&self, root: &Node<'_>, cells: &mut Cells) -> Result<(), String> {
        let members = root.members().unwrap_or_default();
        if members.len() > MAX_COLUMNS {
            return Err(format!("the object has more than {MAX_COLUMNS} keys"));
        }
        let fields = self.reading.fields(members.iter().map(|(name, _)| name.as_ref()));
        for ((name, node), field) in members.iter().zip(fields) {
            let Some(field) = field else { continue };
            match (&field, &node.value) {
                (Field::Options, _) => {
                    let read = account::options(Some(node), &|id| self.reading.is_secret(id));
                    for (id, value) in read.map_err(|refusal| refusal.message)?.unwrap_or_default().iter() {
                        cells.options.insert(id.clone(), value.clone());
                    }
                }
                // As `accounts list --format json` writes it.
                (Field::Reseller, Value::Object(_)) => {
                    for (part, of) in [("platform_id", Field::Reseller), ("since", Field::Since)] {
                        self.set(cells, &of, part, node.get(part))?;
                    }
                }
                (Field::Option(id), _) => {
                    if let Some(text) = account::text_of(Some(node), name).map_err(|refusal| refusal.message)? {
                        cells.options.insert(id.clone(), self.reading.option(id, &text));
                    }
                }
                _ => self.set(cells, &field, name, Some(node))?,
            }
        }
        Ok(())
    }

    fn set(&self, cells: &mut Cells, field: &Field, name: &str, node: Option<&Node<'_>>) -> Result<(), String> {
        if let Some(text) = account::text_of(node, name).map_err(|refusal| refusal.message)? {
            cells.set(field, &text);
        }
        Ok(())
    }
}
