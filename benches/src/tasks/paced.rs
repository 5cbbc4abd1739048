//! `latency-*`, `idle-*`: a source that gives its items when they are due, as a socket or a sensor does, and how long each of them
//! takes from there to the sink.

use super::costed::{ROUNDS, work};
use super::stops::percentile_99;
use crate::measure::{BoxError, Outcome, timed};
use crate::rng::mix;
use std::time::{Duration, Instant};

/// An item, and when it was given.
#[derive(Clone, Copy)]
pub(crate) struct Stamped {
    value: u64,
    given: Instant,
}

/// So many items, at even intervals.
pub(crate) struct Paced {
    next: u64,
    end: u64,
    interval: Duration,
    start: Option<Instant>,
}

/// From here on the system wakes a sleeper early enough.
const SLEEP_FROM: Duration = Duration::from_micros(500);

impl Paced {
    pub(crate) fn new(items: u64, per_second: u64) -> Self {
        Self { next: 0, end: items, interval: Duration::from_secs(1) / per_second as u32, start: None }
    }
}

impl Iterator for Paced {
    type Item = Stamped;

    fn next(&mut self) -> Option<Stamped> {
        if self.next == self.end {
            return None;
        }
        let due = *self.start.get_or_insert_with(Instant::now) + self.interval * self.next as u32;
        if self.interval >= SLEEP_FROM {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        while Instant::now() < due {
            std::hint::spin_loop();
        }
        self.next += 1;
        Some(Stamped { value: mix(self.next), given: Instant::now() })
    }
}

/// 1 us of work.
pub(crate) fn handle(item: Stamped) -> Stamped {
    Stamped { value: work(item.value, ROUNDS[3].1), ..item }
}

/// The sink: the sum of all values, and how long each was on its way.
#[derive(Default)]
pub(crate) struct Latencies {
    sum: u64,
    spans: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn take(&mut self, item: Stamped) {
        self.sum = self.sum.wrapping_add(item.value);
        self.spans.push(item.given.elapsed());
    }
}

/// Times `work`, which hands `items` items to the sink; what is counted is the 99th percentile.
pub(crate) fn latencies(
    items: u64,
    work: impl FnOnce(&mut Latencies) -> Result<(), BoxError>,
) -> Result<Outcome, BoxError> {
    let mut sink = Latencies::default();
    let outcome = timed(items, || {
        work(&mut sink)?;
        Ok(format!("{:016x}", sink.sum))
    })?;
    Ok(Outcome { counted: percentile_99(sink.spans), ..outcome })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_item_is_given_before_it_is_due() {
        let start = Instant::now();
        let given: Vec<Duration> =
            Paced::new(20, 10_000).map(|item| item.given.duration_since(start)).collect();
        assert_eq!(given.len(), 20);
        let due = (0..20).map(|index| Duration::from_micros(100) * index);
        assert!(given.iter().zip(due).all(|(given, due)| *given >= due), "{given:?}");
    }
}
