//! The decimal text of a JSON number: `3456890`, `3456890.0` and `3.45689e6` are one number and one text.

/// Most digits that a number may unfold to. `1e400` would otherwise be four hundred characters of ID.
const MAX_DIGITS: i64 = 64;

/// Writes a number of RFC 8259 without exponent, without leading zeros and without trailing zeros behind the point.
///
/// None when the text is no such number or unfolds to more than 64 digits.
#[must_use]
pub fn decimal_text(number: &str) -> Option<String> {
    let (negative, rest) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: String = [whole, fraction].concat();
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let length = i64::try_from(digits.len()).ok()?;
    if point.abs() > MAX_DIGITS || length > MAX_DIGITS {
        return None;
    }
    let (whole, fraction) = if point <= 0 {
        ("0".to_owned(), format!("{}{digits}", "0".repeat(usize::try_from(-point).ok()?)))
    } else if point >= length {
        (format!("{digits}{}", "0".repeat(usize::try_from(point - length).ok()?)), String::new())
    } else {
        let at = usize::try_from(point).ok()?;
        (digits.get(..at)?.to_owned(), digits.get(at..)?.to_owned())
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && !(whole == "0" && fraction.is_empty()) { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use super::decimal_text;

    #[test]
    fn table() {
        for (number, text) in [
            ("3456890", Some("3456890")),
            ("3456890.0", Some("3456890")),
            ("3.45689e6", Some("3456890")),
            ("1E+3", Some("1000")),
            ("12.50", Some("12.5")),
            ("5e-3", Some("0.005")),
            ("-0", Some("0")),
            ("-0.10", Some("-0.1")),
            ("10000000000000000000000", Some("10000000000000000000000")),
            ("1e400", None),
            ("1e-400", None),
            ("1e99999999999999999999", None),
            ("", None),
            ("abc", None),
            ("1,5", None),
        ] {
            assert_eq!(decimal_text(number).as_deref(), text, "{number}");
        }
    }
}
