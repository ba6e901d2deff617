//! Bytes in some encoding to UTF-8, as a stream. Bytes that are not of the encoding end it, with their line.

use std::io::{BufRead, Error, ErrorKind, Read};

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::ListError;

/// Bytes read and text decoded at once.
const CHUNK: usize = 64 * 1024;

/// A stream in UTF-8, its byte-order mark skipped.
pub(super) struct Decoded {
    input: Box<dyn Read + Send>,
    encoding: &'static Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    text: Vec<u8>,
    at: usize,
    end: usize,
    /// The line that the text behind `end` begins on.
    line: u64,
    /// The line of the byte at `at`.
    pub(super) line_at: u64,
    input_ended: bool,
    ended: bool,
}

impl Decoded {
    /// Decodes `input` from the encoding of this label, UTF-8 without one.
    pub(super) fn new(mut input: Box<dyn Read + Send>, label: Option<&str>) -> Result<Self, ListError> {
        let encoding = match label {
            None => UTF_8,
            Some(label) => Encoding::for_label_no_replacement(label.trim().as_bytes()).ok_or_else(|| {
                ListError::Usage(format!(
                    "\"{label}\" is no encoding; name one as browsers do, such as utf-8, windows-1253 or utf-16le"
                ))
            })?,
        };
        let mut raw = vec![0; CHUNK];
        let raw_end = read_some(&mut *input, &mut raw)?;
        if let Some((marked, _)) = Encoding::for_bom(raw.get(..raw_end).unwrap_or_default())
            && marked != encoding
        {
            return Err(ListError::Usage(format!(
                "the list begins with the byte-order mark of {0}; say --encoding {0}",
                marked.name().to_ascii_lowercase()
            )));
        }
        Ok(Self {
            input,
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            raw,
            raw_at: 0,
            raw_end,
            text: vec![0; CHUNK],
            at: 0,
            end: 0,
            line: 1,
            line_at: 1,
            input_ended: raw_end == 0,
            ended: false,
        })
    }

    fn refill(&mut self) -> std::io::Result<()> {
        while self.at == self.end && !self.ended {
            if self.raw_at == self.raw_end && !self.input_ended {
                (self.raw_at, self.raw_end) = (0, read_some(&mut *self.input, &mut self.raw)?);
                self.input_ended = self.raw_end == 0;
            }
            let raw = self.raw.get(self.raw_at..self.raw_end).unwrap_or_default();
            let (result, read, written) =
                self.decoder.decode_to_utf8_without_replacement(raw, &mut self.text, self.input_ended);
            self.raw_at += read;
            (self.at, self.end) = (0, written);
            let text = self.text.get(..written).unwrap_or_default();
            self.line += text.iter().filter(|byte| **byte == b'\n').count() as u64;
            match result {
                DecoderResult::Malformed(..) => {
                    let hint = if self.encoding == UTF_8 { "; name its encoding with --encoding" } else { "" };
                    let name = self.encoding.name();
                    return Err(Error::new(
                        ErrorKind::InvalidData,
                        format!("line {}: bytes that are no {name}{hint}", self.line),
                    ));
                }
                DecoderResult::InputEmpty => self.ended = self.input_ended,
                DecoderResult::OutputFull => {}
            }
        }
        Ok(())
    }
}

fn read_some(input: &mut dyn Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    // A byte-order mark must not be torn in two, so that small reads are gathered.
    while filled < into.len() {
        match input.read(into.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.refill()?;
        Ok(self.text.get(self.at..self.end).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        let end = self.end.min(self.at + amount);
        let passed = self.text.get(self.at..end).unwrap_or_default();
        self.line_at += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = end;
    }
}

impl Read for Decoded {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let ahead = self.fill_buf()?;
        let taken = ahead.len().min(into.len());
        if let (Some(to), Some(from)) = (into.get_mut(..taken), ahead.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.consume(taken);
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &'static [u8], label: Option<&str>) -> Result<String, String> {
        let mut text = String::new();
        Decoded::new(Box::new(bytes), label)
            .map_err(|error| error.to_string())?
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[test]
    fn encodings() {
        assert_eq!(decoded(b"\xcc\xe1\xf1\xdf\xe1", Some("windows-1253")).as_deref(), Ok("Μαρία"));
        assert_eq!(decoded(b"\xef\xbb\xbfid", None).as_deref(), Ok("id"), "the mark is skipped");
        assert_eq!(decoded(b"\xff\xfea\0b\0", Some("utf-16le")).as_deref(), Ok("ab"));
        assert_eq!(decoded(b"", None).as_deref(), Ok(""));
    }

    #[test]
    fn what_is_not_of_the_encoding_is_refused_with_its_line() {
        for (bytes, label, why) in [
            (&b"a\nb\nc\xff\nd"[..], None, "line 3: bytes that are no UTF-8; name its encoding with --encoding"),
            (b"a\n\xd2", Some("windows-1253"), "line 2: bytes that are no windows-1253"),
            (b"a\n\xce", None, "line 2: bytes that are no UTF-8"),
            (b"\xff\xfea\0", None, "say --encoding utf-16le"),
            (b"a", Some("klingon"), "\"klingon\" is no encoding"),
            (b"a", Some("iso-2022-kr"), "is no encoding"),
        ] {
            let told = decoded(bytes, label).err().unwrap_or_default();
            assert!(told.contains(why), "{told}");
        }
    }
}
