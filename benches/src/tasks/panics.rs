//! `panic-returns`: a stage panics at one item of many; the time counts from there until the run gives its error.

use crate::measure::Outcome;
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

/// Some work, and a panic in the middle of the input.
pub(crate) struct Thrower {
    at: u64,
    thrown: OnceLock<Instant>,
}

impl Thrower {
    pub(crate) fn new(items: u64) -> Self {
        Thrower { at: items / 4, thrown: OnceLock::new() }
    }

    /// About 100 ns, so that threads pay.
    pub(crate) fn work(&self, n: u64) -> u64 {
        if n == self.at {
            self.thrown.get_or_init(Instant::now);
            // Not `panic!`: the hook would print.
            std::panic::resume_unwind(Box::new(n));
        }
        (0..60).fold(n, |x, _| black_box(x).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    }

    /// The item that panics.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }
}

/// What a run was that ended with the panic of item `at`.
pub(crate) fn outcome(items: u64, thrower: &Thrower, at: u64) -> Outcome {
    let seconds = thrower.thrown.get().map_or(f64::NAN, |thrown| thrown.elapsed().as_secs_f64());
    Outcome {
        items,
        seconds,
        cpu_seconds: None,
        peak_rss_bytes: None,
        counted: None,
        answer: at.to_string(),
        weight: None,
    }
}
