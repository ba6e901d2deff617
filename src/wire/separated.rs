//! What lists of cells have in common, whoever writes or reads them.

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
