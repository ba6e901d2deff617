//! When what failed is tried again. All times are in microseconds.

/// A second.
pub const SECOND: i64 = 1_000_000;

/// How pauses grow and when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest pause behind the first failure; it doubles with each further one.
    pub first: i64,
    /// The longest pause at all. Raising it makes the end of an outage be noticed later.
    pub longest: i64,
    /// The shortest pause.
    pub least: i64,
    /// For how long nothing may be taken before a subscriber is parked.
    pub patience: i64,
}

/// Longest `Retry-After` that is obeyed; who wants longer is asked again after this.
const LONGEST_RETRY_AFTER: i64 = 24 * 3_600 * SECOND;

impl Default for Pace {
    /// 10 s, 20 s, 40 s and so on up to an hour, for three days: about 150 attempts, most of them in the last two days.
    fn default() -> Self {
        Self { first: 10 * SECOND, longest: 3_600 * SECOND, least: SECOND, patience: 72 * 3_600 * SECOND }
    }
}

impl Pace {
    /// The longest pause behind the `attempt`th failure in a row, counted from 1.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> i64 {
        let doubled = 1_i64.checked_shl(attempt.saturating_sub(1)).filter(|factor| *factor > 0);
        doubled.and_then(|factor| self.first.checked_mul(factor)).unwrap_or(self.longest).min(self.longest)
    }

    /// The pause behind the `attempt`th failure in a row. `chance`, from 0 to 1, falls anew each time, over the whole
    /// length: those who failed together do not come again together.
    #[must_use]
    pub fn pause(&self, attempt: u32, chance: f64, retry_after: Option<i64>) -> i64 {
        let drawn = (self.ceiling(attempt) as f64 * chance.clamp(0.0, 1.0)) as i64;
        let asked = retry_after.unwrap_or(0).clamp(0, LONGEST_RETRY_AFTER);
        drawn.max(self.least).max(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_up_to_an_hour() {
        let pace = Pace::default();
        for (attempt, seconds) in
            [(0, 10), (1, 10), (2, 20), (3, 40), (4, 80), (8, 1_280), (9, 2_560), (10, 3_600), (64, 3_600), (99, 3_600)]
        {
            assert_eq!(pace.ceiling(attempt), seconds * SECOND, "{attempt}");
        }
        assert_eq!(pace.ceiling(u32::MAX), 3_600 * SECOND);
    }

    #[test]
    fn pauses_fall_anywhere_below_the_ceiling() {
        let pace = Pace::default();
        for (attempt, chance, retry_after, seconds) in [
            (1, 0.0, None, 1),
            (1, 0.05, None, 1),
            (1, 0.5, None, 5),
            (1, 1.0, None, 10),
            (3, 0.25, None, 10),
            (3, 7.0, None, 40),
            (1, f64::NAN, None, 1),
            (1, 0.5, Some(2 * SECOND), 5),
            (1, 0.5, Some(30 * SECOND), 30),
            (1, 0.5, Some(-30 * SECOND), 5),
            (1, 0.5, Some(i64::MAX), 86_400),
        ] {
            assert_eq!(
                pace.pause(attempt, chance, retry_after),
                seconds * SECOND,
                "{attempt} {chance} {retry_after:?}"
            );
        }
    }

    #[test]
    fn three_days_are_some_hundred_and_fifty_attempts() {
        let pace = Pace::default();
        let (mut at, mut attempts) = (0, 0);
        while at < pace.patience {
            attempts += 1;
            at += pace.pause(attempts, 0.5, None);
        }
        assert!((140..170).contains(&attempts), "{attempts}");
    }
}
