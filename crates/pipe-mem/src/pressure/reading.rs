//! What a gauge says, and which level that is.

use super::level::PressureLevel;
use std::fmt;

/// Something that tells how short memory is. Those of the system are found by [`Pressure::of_this_process`](super::Pressure); a test
/// scripts its own.
pub trait Gauge: Send {
    /// Reads it once more; `None`: it does not say, now or ever. Called at most ten times a second.
    fn read(&mut self) -> Option<Reading>;
}

impl<F: FnMut() -> Option<Reading> + Send> Gauge for F {
    fn read(&mut self) -> Option<Reading> {
        self()
    }
}

/// Whose memory a [`Reading`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// That of the control group of this process, or of a group above it.
    Group,
    /// That of the machine.
    Machine,
}

/// What a [`Gauge`] says.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reading {
    /// How much of the last ten seconds was lost in waits for memory, in percent (PSI, `avg10`).
    Stall {
        /// Whose.
        scope: Scope,
        /// Some task waited.
        some: f64,
        /// All tasks waited.
        full: f64,
    },
    /// How much of a limit is in use, in bytes, without files that nobody looked at again: the system drops these first.
    Usage {
        /// Whose.
        scope: Scope,
        /// In use.
        used: u64,
        /// What there is.
        limit: u64,
    },
    /// The control group had not enough memory, and nothing was left to drop.
    OutOfMemory {
        /// How often since the last reading.
        times: u64,
    },
}

/// Of ten seconds, in percent. The thresholds of GLib's memory monitor for Linux: 70 ms of 2 s, 100 ms of 2 s, and 100 ms of 2 s in which
/// all waited.
const SOME_MODERATE: f64 = 3.5;
const SOME_HIGH: f64 = 5.0;
const FULL_CRITICAL: f64 = 5.0;

/// In percent of the limit.
const USED: [(u64, PressureLevel); 3] =
    [(95, PressureLevel::Critical), (90, PressureLevel::High), (80, PressureLevel::Moderate)];

/// This many bytes to spare are no pressure, whatever share of a large machine they are: 32 times what a run takes unless it is told.
const TO_SPARE: u64 = 8 << 30;

impl Reading {
    /// Which level this is, by itself.
    pub fn level(&self) -> PressureLevel {
        match *self {
            Reading::Stall { full, .. } if full >= FULL_CRITICAL => PressureLevel::Critical,
            Reading::Stall { some, .. } if some >= SOME_HIGH => PressureLevel::High,
            Reading::Stall { some, .. } if some >= SOME_MODERATE => PressureLevel::Moderate,
            Reading::Stall { .. } => PressureLevel::Normal,
            Reading::Usage { used, limit, .. } if limit.saturating_sub(used) >= TO_SPARE => {
                PressureLevel::Normal
            }
            Reading::Usage { used, limit, .. } => {
                let reached =
                    |percent: u64| u128::from(used) * 100 >= u128::from(limit) * u128::from(percent);
                let level = USED.into_iter().find(|(percent, _)| reached(*percent));
                level.map_or(PressureLevel::Normal, |(_, level)| level)
            }
            Reading::OutOfMemory { times: 0 } => PressureLevel::Normal,
            Reading::OutOfMemory { .. } => PressureLevel::Critical,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scope::Group => "the control group",
            Scope::Machine => "the machine",
        })
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reading::Stall { scope, some, full } => {
                write!(f, "{scope} waited for memory {some} % of 10 s, all of it {full} %")
            }
            Reading::Usage { scope, used, limit } => {
                write!(f, "{scope} uses {} of {} MiB", used >> 20, limit >> 20)
            }
            Reading::OutOfMemory { times } => {
                write!(f, "the control group was out of memory, times: {times}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PressureLevel::{Critical, High, Moderate, Normal};

    #[test]
    fn waits_for_memory_have_the_thresholds_of_glib() {
        let level = |some, full| Reading::Stall { scope: Scope::Machine, some, full }.level();
        assert_eq!([level(0.0, 0.0), level(3.49, 3.49), level(f64::NAN, f64::NAN)], [Normal; 3]);
        assert_eq!([level(3.5, 0.0), level(4.99, 4.99)], [Moderate; 2]);
        assert_eq!([level(5.0, 0.0), level(100.0, 4.99)], [High; 2]);
        assert_eq!([level(5.0, 5.0), level(100.0, 100.0)], [Critical; 2]);
    }

    #[test]
    fn usage_is_a_share_of_the_limit_unless_there_is_much_to_spare() {
        let level = |used, limit| Reading::Usage { scope: Scope::Group, used, limit }.level();
        let of_a_thousand = [0, 799, 800, 899, 900, 949, 950, 1_000, 2_000].map(|used| level(used, 1_000));
        assert_eq!(
            of_a_thousand,
            [Normal, Normal, Moderate, Moderate, High, High, Critical, Critical, Critical]
        );
        let tebibyte = 1 << 40;
        assert_eq!(level(tebibyte - TO_SPARE, tebibyte), Normal);
        assert_eq!(level(tebibyte - TO_SPARE + 1, tebibyte), Critical);
        assert_eq!([level(u64::MAX, u64::MAX), level(1, 0)], [Critical; 2]);
    }

    #[test]
    fn a_group_that_was_out_of_memory_since_the_last_look_is_critical() {
        assert_eq!(
            [0, 1, 9].map(|times| Reading::OutOfMemory { times }.level()),
            [Normal, Critical, Critical]
        );
    }
}
