//! What a reconciliation is asked for with, on the command line and in the query of a call.

use crate::domain::reconcile::{FindingKind, Fingerprint, KeyField};
use crate::wire::list::Column;

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Reads the name of a kind.
///
/// # Errors
/// The end of a sentence that begins with what was said.
pub fn kind(text: &str) -> Result<FindingKind, String> {
    FindingKind::parse(text)
        .ok_or_else(|| format!("is none of {}", names(FindingKind::ALL.iter().map(|kind| kind.as_str()))))
}

/// Reads the name of a key.
///
/// # Errors
/// The end of a sentence that begins with what was said.
pub fn key(text: &str) -> Result<KeyField, String> {
    KeyField::parse(text).ok_or_else(|| format!("is none of {}", names(KeyField::ALL.iter().map(|key| key.as_str()))))
}

/// Reads `OURS=THEIRS`: how a list calls one of our columns.
///
/// # Errors
/// The end of a sentence that begins with what was said.
pub fn mapped(text: &str) -> Result<(Column, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("is OURS=THEIRS, such as platform_id=CustomerNo")?;
    let column = Column::parse(ours.trim())
        .ok_or_else(|| format!("\"{ours}\" is none of {}", names(Column::ALL.iter().map(|column| column.as_str()))))?;
    if theirs.trim().is_empty() {
        return Err(format!("does not say how the list calls {ours}"));
    }
    Ok((column, theirs.trim().to_owned()))
}

/// Reads what separates cells.
///
/// # Errors
/// The end of a sentence that begins with what was said.
pub fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r') => {
            Ok(*byte)
        }
        _ => Err("is one character, such as ; or |, or tab".to_owned()),
    }
}

/// Kinds of findings, or single ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// All of a kind.
    Kind(FindingKind),
    /// One.
    One(Fingerprint),
}

impl Chosen {
    /// Whether a finding is meant.
    #[must_use]
    pub fn is(self, kind: FindingKind, fingerprint: Fingerprint) -> bool {
        match self {
            Self::Kind(chosen) => chosen == kind,
            Self::One(chosen) => chosen == fingerprint,
        }
    }

    /// The fingerprint, where a single finding is meant.
    #[must_use]
    pub const fn one(self) -> Option<Fingerprint> {
        match self {
            Self::Kind(_) => None,
            Self::One(chosen) => Some(chosen),
        }
    }
}

/// Reads the name of a kind, or a fingerprint.
///
/// # Errors
/// The end of a sentence that begins with what was said.
pub fn chosen(text: &str) -> Result<Chosen, String> {
    match Fingerprint::parse(text) {
        Some(one) => Ok(Chosen::One(one)),
        None => kind(text).map(Chosen::Kind).map_err(|why| format!("is no fingerprint, and {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators() {
        assert_eq!((separator(";"), separator("tab")), (Ok(b';'), Ok(b'\t')));
        for wrong in ["", ";;", "a", "\"", "·"] {
            assert!(separator(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn maps() {
        assert_eq!(mapped("reseller_id=Partner No"), Ok((Column::ResellerId, "Partner No".to_owned())));
        for wrong in ["reseller_id", "reseller=x", "reseller_id="] {
            assert!(mapped(wrong).is_err(), "{wrong}");
        }
    }
}
