//! Lengths of time as they are written.

/// Reads a length of time such as `36h` or `7d`, in microseconds.
///
/// # Errors
/// The end of a sentence that begins with what was written.
pub fn parse_duration(text: &str) -> Result<i64, &'static str> {
    const WRONG: &str = "is a number with s, m, h or d behind it, such as 36h or 7d";
    let split = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(split).ok_or(WRONG)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(WRONG),
    };
    let number: u32 = number.parse().map_err(|_| WRONG)?;
    Ok(i64::from(number) * seconds * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("36h"), Ok(129_600_000_000));
        assert_eq!(parse_duration("0s"), Ok(0));
        for wrong in ["", "d", "7", "-1d", "1w", "é"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
