//! Writes what was counted of the sources' calls, every few seconds and when the receiver stops.

use std::time::Duration;

use super::Stop;
use crate::ops::shape::{Shapes, Unwritten};
use crate::writer::Writer;

/// How often, unless said otherwise. What was counted since the last time is lost where the process is killed.
pub const EVERY: Duration = Duration::from_secs(3);

/// Runs until stopped, so often, and writes the rest then: whoever stops it lets the writer live until it has ended.
pub fn run_until(stop: &Stop, shapes: &Shapes, writer: &Writer, every: Duration) {
    let mut unwritten = Unwritten::new();
    loop {
        let stopped = stop.within(every);
        if let Err(error) = shapes.write(writer, &mut unwritten) {
            log::debug!("what sources send is written later: {error}");
        }
        if stopped {
            if !unwritten.is_empty() {
                log::warn!("{} counts of what sources send were not written", unwritten.len());
            }
            return;
        }
    }
}
