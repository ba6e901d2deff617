//! How often items of provisioning are tried, and how long whoever takes one may work on it.

use super::ConfigError;
use super::file::ProvisioningEntry;
use crate::domain::provisioning::{MAX_ATTEMPTS, MAX_LEASE_SECONDS, Rules};

/// Longest pause before the second attempt that may be configured, in seconds.
const MAX_RETRY_SECONDS: i64 = 3_600;

pub(super) fn build(entry: &ProvisioningEntry) -> Result<Rules, ConfigError> {
    let usual = Rules::default();
    let number = |name: &str, said: Option<i64>, usual: i64, most: i64| match said.unwrap_or(usual) {
        number if (1..=most).contains(&number) => Ok(number),
        _ => Err(ConfigError::invalid(format!("provisioning.{name} must be 1 to {most}"))),
    };
    Ok(Rules {
        max_attempts: number("max_attempts", entry.max_attempts, usual.max_attempts, MAX_ATTEMPTS)?,
        lease_seconds: number("lease_seconds", entry.lease_seconds, usual.lease_seconds, MAX_LEASE_SECONDS)?,
        retry_seconds: number("retry_seconds", entry.retry_seconds, usual.retry_seconds, MAX_RETRY_SECONDS)?,
    })
}
