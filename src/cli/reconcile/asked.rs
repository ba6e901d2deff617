//! What is typed on the command line.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::reconcile::{FindingKind, KeyField};
use crate::wire::list::Column;

/// Now, in microseconds since 1970.
pub(super) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

pub(super) fn kind(text: &str) -> Result<FindingKind, String> {
    FindingKind::parse(text)
        .ok_or_else(|| format!("is none of {}", names(FindingKind::ALL.iter().map(|kind| kind.as_str()))))
}

pub(super) fn key(text: &str) -> Result<KeyField, String> {
    KeyField::parse(text).ok_or_else(|| format!("is none of {}", names(KeyField::ALL.iter().map(|key| key.as_str()))))
}

pub(super) fn mapped(text: &str) -> Result<(Column, String), String> {
    let (ours, theirs) = text.split_once('=').ok_or("is OURS=THEIRS, such as platform_id=CustomerNo")?;
    let column = Column::parse(ours.trim())
        .ok_or_else(|| format!("\"{ours}\" is none of {}", names(Column::ALL.iter().map(|column| column.as_str()))))?;
    if theirs.trim().is_empty() {
        return Err(format!("does not say how the list calls {ours}"));
    }
    Ok((column, theirs.trim().to_owned()))
}

pub(super) fn separator(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'"' | b'\n' | b'\r') => {
            Ok(*byte)
        }
        _ => Err("is one character, such as ; or |, or tab".to_owned()),
    }
}

/// A time's length in microseconds.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    const WRONG: &str = "is a number with s, m, h or d behind it, such as 36h or 7d";
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or(WRONG)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(WRONG.to_owned()),
    };
    let number: u32 = number.parse().map_err(|_| WRONG)?;
    Ok(i64::from(number) * seconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("36h"), Ok(129_600_000_000));
        assert_eq!(duration("0s"), Ok(0));
        for wrong in ["", "d", "7", "-1d", "1w", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

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
