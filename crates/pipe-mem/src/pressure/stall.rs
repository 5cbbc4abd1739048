//! Waits for memory, as Linux counts them since 4.20 (PSI, "pressure stall information").
//!
//! The averages are read at each look. A trigger would tell sooner, but it needs a thread that waits for it, and the permission to write to
//! the file.

use super::reading::{Gauge, Reading, Scope};
use std::fs;
use std::path::PathBuf;

/// A file such as `/proc/pressure/memory`, or `memory.pressure` of a control group.
pub(super) struct Stall {
    pub(super) scope: Scope,
    pub(super) file: PathBuf,
}

impl Gauge for Stall {
    fn read(&mut self) -> Option<Reading> {
        let (some, full) = averages(&fs::read_to_string(&self.file).ok()?)?;
        Some(Reading::Stall { scope: self.scope, some, full })
    }
}

/// `avg10` of both lines.
fn averages(text: &str) -> Option<(f64, f64)> {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().find_map(|field| field.strip_prefix("avg10="))?.parse::<f64>().ok()
    };
    Some((of("some ")?, of("full ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_averages_of_ten_seconds_are_read_and_nothing_else_is() {
        let text =
            "some avg10=1.25 avg60=0.02 avg300=0.00 total=594192\nfull avg10=0.50 avg60=9 avg300=9 total=9\n";
        assert_eq!(averages(text), Some((1.25, 0.5)));
        for wrong in ["", "some avg10=1.25", "some avg10=x\nfull avg10=1", "full avg60=1\nsome avg60=1"] {
            assert_eq!(averages(wrong), None, "{wrong}");
        }
    }
}
