//! How often, and how soon, a failed record is tried again.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Attempts and the waits between them, for [`Pipeline::retry`](crate::Pipeline::retry).
///
/// The wait doubles from one attempt to the next up to a limit. Of each wait a random half is cut off (*equal jitter*; Brooker,
/// "Exponential Backoff And Jitter", 2015), so that what failed together does not come back together.
///
/// ```
/// use pipe_core::{Inline, exponential, from_iter};
/// use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
/// use std::time::Duration;
///
/// let calls = AtomicU32::new(0);
/// let flaky = |n: u32| if calls.fetch_add(1, Relaxed) % 3 == 2 { Ok(n) } else { Err("busy") };
/// let all = from_iter([7, 8, 9]).try_map(flaky).retry(exponential(3).first(Duration::from_micros(10))).collect();
/// assert_eq!(all.run_on(&Inline)?.value, [7, 8, 9]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    most: Duration,
    /// In millionths.
    share: Option<u32>,
}

/// Attempts beyond the first that are allowed whatever the share says: a short run may have a bad beginning.
const RESERVE: u64 = 10;

/// At most `attempts` attempts in all. The first wait is 100 ms, none is longer than 30 s. Zero is a `Config` error.
pub const fn exponential(attempts: u32) -> Retry {
    Retry { attempts, first: Duration::from_millis(100), most: Duration::from_secs(30), share: None }
}

impl Retry {
    /// How long the first wait is. None is shorter than this one, so a limit below it is raised.
    pub const fn first(mut self, wait: Duration) -> Self {
        self.first = wait;
        if self.most.as_nanos() < wait.as_nanos() {
            self.most = wait;
        }
        self
    }

    /// How long a wait may become.
    pub const fn most(mut self, wait: Duration) -> Self {
        self.most = if wait.as_nanos() < self.first.as_nanos() { self.first } else { wait };
        self
    }

    /// How many attempts beyond the first there may be, as a share of the items that the segment has taken so far, and ten more: 0.1 lets
    /// a service that is down get a tenth more than its load, and not a multiple. What fails when they are used up has failed for good.
    /// No such limit unless set; a share below zero, or none at all, counts as zero.
    pub const fn share(mut self, share: f64) -> Self {
        // The cast saturates, and makes zero of what is no number.
        self.share = Some((share * 1e6) as u32);
        self
    }

    /// Whether attempt number `attempt` (from 1), which has failed, is followed by another one; with this many attempts beyond the first
    /// so far, for this many items.
    pub(crate) fn allows(&self, attempt: u32, retried: u64, taken: u64) -> bool {
        let within = |share: u32| {
            let share = u128::from(taken) * u128::from(share) / 1_000_000;
            u128::from(retried) < share + u128::from(RESERVE)
        };
        attempt < self.attempts && self.share.is_none_or(within)
    }

    /// How many attempts there are in all.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The wait after attempt number `attempt` (from 1) of the record at `at`: between half of the full wait and all of it.
    pub fn wait(&self, attempt: u32, at: u64) -> Duration {
        let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(doubled).min(self.most);
        // Random enough: the hasher has a random key for each process.
        thread_local!(static KEY: RandomState = RandomState::new());
        let random = KEY.with(|key| key.hash_one((attempt, at)));
        let cut = full.as_nanos() as u64 / 2;
        full - Duration::from_nanos(((u128::from(random) * u128::from(cut)) >> 64) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_limits_attempts_beyond_the_first_and_not_the_first() {
        let retry = exponential(3).share(0.1);
        assert!(retry.allows(1, 9, 0) && !retry.allows(1, 10, 0) && !retry.allows(3, 0, 1_000));
        assert!(retry.allows(2, 109, 1_000) && !retry.allows(2, 110, 1_000));
        assert!(exponential(3).allows(2, u64::MAX, 0));
        assert!(!exponential(3).share(f64::NAN).allows(1, 10, u64::MAX));
        assert!(exponential(3).share(f64::INFINITY).allows(1, 1_000_000, 1_000_000));
    }

    #[test]
    fn waits_double_to_the_limit_and_lose_at_most_half() {
        let retry = exponential(100).first(Duration::from_millis(8)).most(Duration::from_millis(50));
        for (attempt, full) in [(1, 8), (2, 16), (3, 32), (4, 50), (99, 50)] {
            for at in 0..100 {
                let (wait, full) = (retry.wait(attempt, at), Duration::from_millis(full));
                assert!(full / 2 <= wait && wait <= full, "attempt {attempt}: {wait:?} of {full:?}");
            }
        }
        let distinct: std::collections::HashSet<_> = (0..100).map(|at| retry.wait(4, at)).collect();
        assert!(distinct.len() > 50, "jitter spreads");
    }
}
