//! How long a wait may see no progress.

use std::time::{Duration, Instant};

/// A limit that starts anew with each sign of progress.
pub(super) struct Patience {
    limit: Duration,
    /// How much progress there was when the wait began, or began anew, and when that was.
    since: Option<(u64, Instant)>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Patience { limit, since: None }
    }

    /// What is left of the limit now, at so much progress.
    ///
    /// # Errors
    /// How long there was none, where nothing is left.
    pub(super) fn left(&mut self, progress: u64, now: Instant) -> Result<Duration, Duration> {
        let before = self.since.filter(|(before, _)| *before == progress);
        let (_, start) = *self.since.insert(before.unwrap_or((progress, now)));
        let waited = now.saturating_duration_since(start);
        self.limit.checked_sub(waited).filter(|left| !left.is_zero()).ok_or(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_starts_with_the_wait_and_anew_with_each_progress() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut patience = Patience::new(ms(100));
        assert_eq!(patience.left(7, start + ms(1_000)), Ok(ms(100)));
        assert_eq!(patience.left(7, start + ms(1_099)), Ok(ms(1)));
        assert_eq!(patience.left(8, start + ms(1_099)), Ok(ms(100)));
        // As often as there is progress.
        for n in 0..50 {
            assert_eq!(patience.left(9 + n, start + ms(1_150 + 99 * n)), Ok(ms(100)));
        }
        assert_eq!(patience.left(58, start + ms(6_100)), Ok(ms(1)));
        assert_eq!(patience.left(58, start + ms(6_101)), Err(ms(100)));
    }

    #[test]
    fn at_the_limit_nothing_is_left_and_a_wait_without_a_limit_never_ends() {
        let (start, ms) = (Instant::now(), Duration::from_millis);
        let mut patience = Patience::new(ms(100));
        patience.left(0, start).unwrap();
        assert_eq!(patience.left(0, start + ms(100)), Err(ms(100)));
        assert_eq!(patience.left(0, start + ms(250)), Err(ms(250)));
        let mut endless = Patience::new(Duration::MAX);
        endless.left(0, start).unwrap();
        assert_eq!(endless.left(0, start + ms(1)), Ok(Duration::MAX - ms(1)));
    }
}
