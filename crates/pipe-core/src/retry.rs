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
}

/// At most `attempts` attempts in all. The first wait is 100 ms, none is longer than 30 s. Zero is a `Config` error.
pub const fn exponential(attempts: u32) -> Retry {
    Retry { attempts, first: Duration::from_millis(100), most: Duration::from_secs(30) }
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
