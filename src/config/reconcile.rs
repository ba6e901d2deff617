//! When the self-check runs, and what runs leave behind.

use super::ConfigError;
use super::file::ReconcileEntry;
use crate::domain::reconcile::parse_duration;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// The shortest time between two scheduled runs.
const SHORTEST: i64 = 60_000_000;

/// The longest.
const LONGEST: i64 = 366 * DAY;

/// Most runs that may be kept. Each is read when runs are listed.
const MAX_RUNS: i64 = 10_000;

/// Most findings of a run that may be kept. A page that filters by text looks at all of them.
const MAX_FINDINGS: i64 = 1_000_000;

/// Largest list that may be allowed, in MiB: it stands in a temporary file, and so does its sorted copy.
const MAX_UPLOAD_MIB: i64 = 65_536;

/// When the self-check runs by itself. Receivers agree on its turns, so that none is taken
/// twice; one that nobody took while no receiver ran is made up for at the next start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// So often, in microseconds, counted from midnight UTC in 1970.
    Every(i64),
    /// At this time of each day, in microseconds from midnight UTC.
    At(i64),
}

impl Schedule {
    /// The turn that it is time for, by the time at which it begins, at this time in microseconds since 1970.
    #[must_use]
    pub fn turn(self, now: i64) -> i64 {
        // The time at which it begins, so that a schedule that is changed goes on from what was done under the old one.
        match self {
            Self::Every(every) => now - now.rem_euclid(every),
            Self::At(at) => now - (now - at).rem_euclid(DAY),
        }
    }
}

/// `[reconcile]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconciling {
    /// When the self-check runs by itself; none for never.
    pub schedule: Option<Schedule>,
    /// How long a customer may wait for its reseller, in microseconds.
    pub pending_older_than: i64,
    /// How long a way to another reseller and back may take to be told, in microseconds.
    pub flapping_within: i64,
    /// Finished runs that are kept.
    pub keep_runs: i64,
    /// Findings of a run that are kept, and as many that are acknowledged.
    pub keep_findings: i64,
    /// Largest list that may be sent, in bytes.
    pub max_upload: u64,
}

impl Default for Reconciling {
    fn default() -> Self {
        Self {
            schedule: None,
            pending_older_than: DAY,
            flapping_within: 30 * DAY,
            keep_runs: 30,
            keep_findings: 100_000,
            max_upload: 512 * 1_024 * 1_024,
        }
    }
}

pub(super) fn build(entry: &ReconcileEntry) -> Result<Reconciling, ConfigError> {
    let usual = Reconciling::default();
    let length = |name: &str, said: &Option<String>, usual: i64| match said {
        None => Ok(usual),
        Some(said) => {
            parse_duration(said).map_err(|why| ConfigError::invalid(format!("reconcile.{name} = \"{said}\": it {why}")))
        }
    };
    let number = |name: &str, said: Option<i64>, usual: i64, most: i64| match said.unwrap_or(usual) {
        number if (1..=most).contains(&number) => Ok(number),
        _ => Err(ConfigError::invalid(format!("reconcile.{name} must be 1 to {most}"))),
    };
    let schedule = match (&entry.every, &entry.at) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            return Err(ConfigError::invalid("reconcile has every and at; a schedule is one of the two"));
        }
        (Some(_), None) => {
            let every = length("every", &entry.every, 0)?;
            if !(SHORTEST..=LONGEST).contains(&every) {
                return Err(ConfigError::invalid("reconcile.every must be 1m to 366d"));
            }
            Some(Schedule::Every(every))
        }
        (None, Some(at)) => Some(Schedule::At(time_of_day(at).ok_or_else(|| {
            ConfigError::invalid(format!("reconcile.at = \"{at}\" is no time of day in UTC, such as 03:00"))
        })?)),
    };
    let mib = number("max_upload_mib", entry.max_upload_mib, 512, MAX_UPLOAD_MIB)?;
    Ok(Reconciling {
        schedule,
        pending_older_than: length("pending_older_than", &entry.pending_older_than, usual.pending_older_than)?,
        flapping_within: length("flapping_within", &entry.flapping_within, usual.flapping_within)?,
        keep_runs: number("keep_runs", entry.keep_runs, usual.keep_runs, MAX_RUNS)?,
        keep_findings: number("keep_findings", entry.keep_findings, usual.keep_findings, MAX_FINDINGS)?,
        max_upload: mib.unsigned_abs() * 1_024 * 1_024,
    })
}

/// `HH:MM`, in microseconds from midnight.
fn time_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most: i64| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
            .filter(|number: &i64| *number < most)
    };
    Some((number(hour, 24)? * 60 + number(minute, 60)?) * 60_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns() {
        let hour = 3_600_000_000;
        let every = Schedule::Every(24 * hour);
        assert_eq!((every.turn(0), every.turn(DAY - 1), every.turn(DAY)), (0, 0, DAY));
        let at = Schedule::At(3 * hour);
        assert_eq!(at.turn(3 * hour - 1), 3 * hour - DAY, "yesterday's");
        assert_eq!((at.turn(3 * hour), at.turn(27 * hour - 1), at.turn(27 * hour)), (3 * hour, 3 * hour, 27 * hour));
    }

    #[test]
    fn times_of_day() {
        assert_eq!(time_of_day("00:00"), Some(0));
        assert_eq!(time_of_day("23:59"), Some(86_340_000_000));
        for wrong in ["", "3:00", "24:00", "03:60", "03", "+3:00", "03:00:00", "aa:bb"] {
            assert_eq!(time_of_day(wrong), None, "{wrong}");
        }
    }
}
