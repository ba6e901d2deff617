//! What lists of cells have in common, whoever writes or reads them.

use std::borrow::Cow;

/// What may separate cells where nobody says so, the likelier ones first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What separates the cells of the header, the first line that is not empty: the candidate that stands most often in it,
/// outside of quotes.
pub(super) fn separator_of(start: &[u8]) -> u8 {
    let mut counts = [0_usize; SEPARATORS.len()];
    let mut quoted = false;
    let blank = start.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    for byte in start.iter().skip(blank) {
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' if !quoted => break,
            _ if quoted => {}
            byte => {
                for (count, separator) in counts.iter_mut().zip(SEPARATORS) {
                    *count += usize::from(*byte == separator);
                }
            }
        }
    }
    let most = counts.iter().copied().max().unwrap_or_default();
    counts.iter().zip(SEPARATORS).find(|(count, _)| **count == most).map_or(b',', |(_, separator)| separator)
}

/// Whether a spreadsheet would run a cell.
fn is_formula(cell: &str) -> bool {
    cell.starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// A cell as it goes out, with a sign before it that keeps spreadsheets from running it.
#[must_use]
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { Cow::Owned(format!("'{cell}")) } else { Cow::Borrowed(cell) }
}

/// A cell as it was before [`guarded`].
pub(super) fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_went() {
        for (cell, out) in [
            ("=1+1", "'=1+1"),
            ("+30 210", "'+30 210"),
            ("-5", "'-5"),
            ("@home", "'@home"),
            ("a=b", "a=b"),
            ("'s", "'s"),
            ("", ""),
        ] {
            assert_eq!(guarded(cell), out);
            assert_eq!(unguarded(out), cell);
        }
    }
}
