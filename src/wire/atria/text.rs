//! From bytes to text. .NET's `UploadString` sends what its client's `Encoding` makes of a text, says nothing of it, and
//! leaves the declaration in the text as it was typed: the code page of the machine under "utf-8" is usual.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::Unread;

/// What is known of a body's encoding before it is read.
#[derive(Debug, Clone, Copy)]
pub struct Charset<'a> {
    /// What the Content-Type says, if it says anything.
    pub said: Option<&'a str>,
    /// What bytes are taken for that are no UTF-8 and say nothing else: the code page of the callers' machines.
    pub code_page: &'static Encoding,
}

/// Decodes a body: by its byte-order mark, by what its Content-Type says, as UTF-8 where it is, by its declaration, or by
/// the code page. That is the order of RFC 7303, 3, but for UTF-8, which a text of another code page is not by accident.
pub(super) fn decode<'a>(bytes: &'a [u8], charset: Charset<'_>) -> Result<Cow<'a, str>, Unread> {
    if let Some((marked, length)) = Encoding::for_bom(bytes) {
        return exactly(marked, bytes.get(length..).unwrap_or_default());
    }
    if let Some(label) = charset.said {
        return exactly(known(label)?, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    match declared(bytes).and_then(Encoding::for_label_no_replacement) {
        Some(encoding) if encoding != UTF_8 => exactly(encoding, bytes),
        _ => exactly(charset.code_page, bytes),
    }
}

fn known(label: &str) -> Result<&'static Encoding, Unread> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        Unread::NotXml("The charset of the Content-Type is not known. Send UTF-8, and say utf-8 or nothing.".to_owned())
    })
}

fn exactly<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, Unread> {
    encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| {
        let name = encoding.name();
        Unread::NotXml(format!(
            "The body holds bytes that are no {name}. Set the client's Encoding to UTF-8: \
             `$client.Encoding = [System.Text.Encoding]::UTF8`."
        ))
    })
}

/// The label of the declaration, which is ASCII in every encoding that gets here.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = bytes.trim_ascii_start();
    if !bytes.starts_with(b"<?xml") {
        return None;
    }
    let end = bytes.windows(2).position(|two| two == b"?>")?;
    let declaration = bytes.get(..end)?;
    let at = declaration.windows(8).position(|word| word == b"encoding")?;
    let rest = declaration.get(at + 8..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    rest.get(..rest.iter().position(|byte| byte == quote)?)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{WINDOWS_1252, WINDOWS_1253};

    use super::*;

    fn decoded(bytes: &[u8], said: Option<&str>) -> Option<String> {
        let charset = Charset { said, code_page: WINDOWS_1252 };
        decode(bytes, charset).ok().map(Cow::into_owned)
    }

    #[test]
    fn what_says_most_decides() {
        for (bytes, said, text) in [
            (&b"a\xc3\xa9"[..], None, Some("aé")),
            (b"\xef\xbb\xbfa", None, Some("a")),
            (b"\xff\xfea\0\xe9\0", None, Some("aé")),
            (b"\xfe\xff\0a", Some("utf-8"), Some("a")),
            // The code page under a declaration that was typed for another.
            (b"<?xml version='1.0' encoding=\"utf-8\"?>\xe9", None, Some("<?xml version='1.0' encoding=\"utf-8\"?>é")),
            (
                b"<?xml version=\"1.0\" encoding='windows-1253'?>\xe1",
                None,
                Some("<?xml version=\"1.0\" encoding='windows-1253'?>α"),
            ),
            (b"<?xml encoding='nothing'?>\xe9", None, Some("<?xml encoding='nothing'?>é")),
            (b"\xe1", Some("windows-1253"), Some("α")),
            (b"\xe1", Some("ISO-8859-7"), Some("α")),
            (b"\xe1", Some("utf-8"), None),
            (b"a", Some("klingon"), None),
            (b"", None, Some("")),
        ] {
            assert_eq!(decoded(bytes, said).as_deref(), text, "{bytes:?} {said:?}");
        }
        let greek = Charset { said: None, code_page: WINDOWS_1253 };
        assert_eq!(decode(b"\xe1", greek).ok().as_deref(), Some("α"));
        // 0xD2 is nothing in that code page.
        assert!(matches!(decode(b"\xd2", greek), Err(Unread::NotXml(_))));
    }
}
