//! How clients of the Atria dialect write.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::ConfigError;
use super::file::AtriaEntry;

/// `[atria]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Atria {
    /// The code page of the callers' machines, for bodies that are no UTF-8 and do not say what they are.
    pub code_page: &'static Encoding,
}

/// Checks what the file says.
pub(super) fn build(entry: &AtriaEntry) -> Result<Atria, ConfigError> {
    let Some(label) = &entry.code_page else { return Ok(Atria { code_page: WINDOWS_1252 }) };
    match Encoding::for_label_no_replacement(label.trim().as_bytes()) {
        Some(code_page) if code_page.is_ascii_compatible() => Ok(Atria { code_page }),
        _ => Err(ConfigError::invalid(format!(
            "atria: code_page = \"{label}\" is no code page; name one as browsers do, such as windows-1252 or windows-1253"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1253;

    use super::*;

    #[test]
    fn code_pages() {
        let built = |label: Option<&str>| build(&AtriaEntry { code_page: label.map(str::to_owned) }).ok();
        assert_eq!(built(None), Some(Atria { code_page: WINDOWS_1252 }));
        assert_eq!(built(Some("Windows-1253")), Some(Atria { code_page: WINDOWS_1253 }));
        for wrong in ["", "1253", "utf-16le"] {
            assert_eq!(built(Some(wrong)), None, "{wrong}");
        }
    }
}
