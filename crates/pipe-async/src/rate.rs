//! How many operations may start now, where a rate is set.
//!
//! The generic cell rate algorithm (ITU-T I.371, annex A, as a virtual schedule): operations are scheduled an interval apart, and may start
//! earlier than that by the tolerance that the burst says. One number is all its state.

use pipe_core::Rate;
use std::time::Duration;

/// Says when the next operation may start.
pub(crate) struct Throttle {
    rate: Rate,
    /// When the next operation is scheduled.
    scheduled: Duration,
}

/// Timers are late by a millisecond or two. An operation that waited for its turn takes its scheduled time and not the time when the timer
/// came, else each wait would lower the rate; by no more than this, or a pause of the whole program would be made up for at once.
const LATE: Duration = Duration::from_millis(2);

impl Throttle {
    pub(crate) fn new(rate: Rate) -> Self {
        Throttle { rate, scheduled: Duration::ZERO }
    }

    /// Lets an operation start, or says when one may. `has_waited`: this one, or the one before it, was told to wait.
    pub(crate) fn admit(&mut self, now: Duration, waited: Waited) -> Result<(), Duration> {
        let earliest = self.scheduled.saturating_sub(self.rate.tolerance());
        if now < earliest {
            return Err(earliest);
        }
        let late = match waited {
            Waited::Yes => LATE,
            Waited::No => Duration::ZERO,
        };
        self.scheduled = self.scheduled.max(now.saturating_sub(late)).saturating_add(self.rate.interval());
        Ok(())
    }
}

/// Whether operations have been waiting for their time without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::per_second;
    use pipe_core::testing::Rng;

    /// When operations start that are all there from the beginning, with timers that are late by up to `late`.
    fn starts(rate: Rate, count: usize, late: Duration) -> Vec<Duration> {
        let (mut rng, mut throttle) = (Rng::new(1), Throttle::new(rate));
        let (mut now, mut waited, mut all) = (Duration::from_secs(5), Waited::No, Vec::new());
        while all.len() < count {
            match throttle.admit(now, waited) {
                Ok(()) => all.push(now),
                Err(at) => {
                    now = at + late.mul_f64(rng.below(1_000) as f64 / 1_000.0);
                    waited = Waited::Yes;
                }
            }
        }
        all
    }

    #[test]
    fn the_rate_is_kept_within_a_hundredth_though_timers_are_late() {
        for (limit, burst) in [(50, 1), (500, 1), (500, 50), (20_000, 1), (20_000, 100)] {
            for late in [0, 500, 1_900] {
                let count = 4 * limit as usize;
                let all = starts(per_second(limit).burst(burst), count, Duration::from_micros(late));
                let seconds = (all[count - 1] - all[0]).as_secs_f64();
                let rate = (count as f64 - f64::from(burst)) / seconds;
                assert!(
                    (rate / f64::from(limit) - 1.0).abs() < 0.01,
                    "{rate} of {limit}, burst {burst}, late {late}"
                );
            }
        }
    }

    #[test]
    fn no_stretch_of_time_has_more_than_its_share_and_the_burst() {
        for (limit, burst) in [(50, 1), (500, 1), (500, 50), (5_000, 10)] {
            let all = starts(per_second(limit).burst(burst), 2_000, Duration::from_micros(1_500));
            let window = Duration::from_millis(100);
            for (index, start) in all.iter().enumerate() {
                let within = all[index..].iter().take_while(|at| **at < *start + window).count();
                let share = f64::from(limit) * (window + LATE).as_secs_f64();
                assert!(within as f64 <= share + f64::from(burst), "{within} at {limit}, burst {burst}");
            }
        }
    }

    #[test]
    fn a_rate_of_once_in_all_time_lets_its_burst_start_and_nothing_more() {
        for burst in [1, 3, u32::MAX] {
            let mut throttle = Throttle::new(Rate::new(1, Duration::MAX).burst(burst));
            let now = Duration::from_secs(1);
            assert_eq!(throttle.admit(now, Waited::No), Ok(()));
            // The time of the second is out of range: with a burst it may be any time before.
            assert_eq!(throttle.admit(now, Waited::No).is_ok(), burst > 1, "burst {burst}");
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut throttle = Throttle::new(per_second(10).burst(3));
        let at = Duration::from_secs(100);
        let started = (0..10).filter(|_| throttle.admit(at, Waited::No).is_ok()).count();
        assert_eq!(started, 3);
    }
}
