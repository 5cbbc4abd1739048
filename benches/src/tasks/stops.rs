//! `cancel-returns-p99`, `panic-returns-p99`: many runs on items of 10 us, each of which ends early; the time counts from the item that
//! ends it until the run has returned, with all its threads idle or gone.

use super::costed::{ROUNDS, work};
use crate::measure::{BoxError, Outcome, timed};
use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The item that ends the run, 2 ms after its start; all threads are at work by then.
const AT: u64 = 200;

/// More items than a run that is cancelled can get through.
pub(crate) const ITEMS: u64 = 10_000_000;

/// The same for a panic, where it is 25 ms of work for two threads: rayon ends such a run when the others have done all that is theirs.
pub(crate) const ITEMS_BEHIND_A_PANIC: u64 = 5_000;

/// One run that ends early.
#[derive(Default)]
pub(crate) struct Stop(OnceLock<Instant>);

impl Stop {
    /// Works for 10 us, but for the one item at which the clock starts and `end` ends the run.
    pub(crate) fn work(&self, n: u64, end: impl FnOnce()) -> u64 {
        if n == AT {
            self.0.get_or_init(Instant::now);
            end();
        }
        // Nobody takes the output, so that the work would be left out.
        black_box(work(n, ROUNDS[4].1))
    }

    /// The time since then.
    pub(crate) fn elapsed(&self) -> Result<Duration, BoxError> {
        Ok(self.0.get().ok_or("nothing has ended this run")?.elapsed())
    }
}

/// So many runs, and the 99th percentile of what each of them returns.
pub(crate) fn percentile_of_runs(
    runs: u64,
    mut run: impl FnMut() -> Result<Duration, BoxError>,
) -> Result<Outcome, BoxError> {
    let mut took = Vec::new();
    let outcome = timed(runs, || {
        (0..runs).try_for_each(|_| run().map(|span| took.push(span)))?;
        Ok(format!("{runs} runs"))
    })?;
    Ok(Outcome { counted: percentile_99(took), ..outcome })
}

/// In seconds: the lowest one that at least 99 of 100 do not exceed.
pub(crate) fn percentile_99(spans: Vec<Duration>) -> Option<f64> {
    percentile(990, spans)
}

/// The same for 999 of 1,000.
pub(crate) fn percentile_999(spans: Vec<Duration>) -> Option<f64> {
    percentile(999, spans)
}

fn percentile(of_a_thousand: usize, mut spans: Vec<Duration>) -> Option<f64> {
    spans.sort_unstable();
    let rank = (spans.len() * of_a_thousand).div_ceil(1_000);
    Some(spans.get(rank.checked_sub(1)?)?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_be_above_the_percentile() {
        let seconds = |count: u64| (1..=count).rev().map(Duration::from_secs).collect();
        assert_eq!(percentile_99(seconds(100)), Some(99.0));
        assert_eq!(percentile_99(seconds(200)), Some(198.0));
        assert_eq!(percentile_99(seconds(10)), Some(10.0));
        assert_eq!(percentile_999(seconds(1_000)), Some(999.0));
        assert_eq!(percentile_99(Vec::new()), None);
    }
}
