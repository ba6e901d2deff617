//! The objects of a JSON array or of JSON lines, one after the other, without holding more than one.

use std::io::{BufRead, Error, ErrorKind, Result};

/// Longest object, in bytes. A brace or a quote that is never closed must not read the rest of a list into memory.
const MAX_OBJECT: usize = 1024 * 1024;

/// Cuts a stream into objects.
pub(super) struct Objects<R> {
    input: R,
    /// The line of what is read next.
    line: u64,
    array: bool,
    /// What may come next.
    expects: Expects,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Start,
    ObjectOrEnd,
    Object,
    CommaOrEnd,
    Nothing,
}

impl<R: BufRead> Objects<R> {
    /// The objects of a stream that begins on this line of its list.
    pub(super) fn new(input: R, line: u64) -> Self {
        Self { input, line, array: false, expects: Expects::Start }
    }

    /// Reads the next object into `into` and returns the line that it begins on; none at the end.
    ///
    /// # Errors
    /// What the stream fails with, and its line and a sentence where there is no object.
    pub(super) fn next(&mut self, into: &mut Vec<u8>) -> Result<Option<u64>> {
        into.clear();
        loop {
            let Some(byte) = self.peek()? else {
                return match (self.array, self.expects) {
                    (false, _) | (_, Expects::Nothing) => Ok(None),
                    _ => Err(self.broken("the list ends within its array")),
                };
            };
            match (byte, self.expects) {
                (b' ' | b'\t' | b'\r' | b'\n', _) => {
                    self.line += u64::from(byte == b'\n');
                    self.input.consume(1);
                }
                (b'[', Expects::Start) => {
                    self.array = true;
                    self.expects = Expects::ObjectOrEnd;
                    self.input.consume(1);
                }
                (b',', Expects::CommaOrEnd) if self.array => {
                    self.expects = Expects::Object;
                    self.input.consume(1);
                }
                (b']', Expects::ObjectOrEnd | Expects::CommaOrEnd) if self.array => {
                    self.expects = Expects::Nothing;
                    self.input.consume(1);
                }
                (b'{', Expects::Start | Expects::ObjectOrEnd | Expects::Object) => {
                    let line = self.line;
                    self.object(into)?;
                    self.expects = if self.array { Expects::CommaOrEnd } else { Expects::Object };
                    return Ok(Some(line));
                }
                _ => return Err(self.broken("there is no JSON object where one must be")),
            }
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::new(ErrorKind::InvalidData, format!("line {}: {why}", self.line))
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.input.fill_buf()?.first().copied())
    }

    /// Takes bytes up to the brace that closes the object. Whether they are JSON is seen when they are read.
    fn object(&mut self, into: &mut Vec<u8>) -> Result<()> {
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        loop {
            let ahead = self.input.fill_buf()?;
            if ahead.is_empty() {
                return Err(self.broken("the list ends within an object"));
            }
            let mut taken = 0;
            let mut closed = false;
            for byte in ahead {
                taken += 1;
                self.line += u64::from(*byte == b'\n');
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    b'{' if !quoted => depth += 1,
                    b'}' if !quoted => {
                        depth -= 1;
                        if depth == 0 {
                            closed = true;
                            break;
                        }
                    }
                    _ => {}
                }
            }
            into.extend_from_slice(ahead.get(..taken).unwrap_or_default());
            self.input.consume(taken);
            if into.len() > MAX_OBJECT {
                return Err(self.broken("an object is longer than 1 MiB; is a brace or a quote not closed?"));
            }
            if closed {
                return Ok(());
            }
        }
    }
}
