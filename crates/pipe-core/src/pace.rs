//! How many items fit into a span of time: the size of batches.
//!
//! Sizes are aimed at a time, because an item may cost 1 ns or 1 s. They at most double from one measurement to the next and shrink at
//! once: so a run that starts with one item is at thousands after a dozen measurements, and one heavy item costs at most one span.

use std::time::Duration;

/// Learns how many items take about `span`.
#[derive(Debug, Clone)]
pub struct Pace {
    span_ns: f64,
    items: f64,
    most: f64,
}

impl Pace {
    /// Batches, and the slices of longer ones: 100 us. Moving a batch between cores costs about 1 us, most of it cache lines on their way,
    /// and so 1 %; at 50 us it was 2 %. Longer ones make the last batch of a run, and every stop, longer too.
    pub const BATCH: Duration = Duration::from_micros(100);

    /// Aims at `span`; starts with one item and never exceeds `most`.
    pub fn new(span: Duration, most: usize) -> Self {
        Pace { span_ns: nanoseconds(span), items: 1.0, most: most.max(1) as f64 }
    }

    /// How many items to take next. At least one.
    pub fn items(&self) -> usize {
        self.items as usize
    }

    /// Learns that `items` took `elapsed`.
    pub fn learn(&mut self, items: usize, elapsed: Duration) {
        if items == 0 {
            return;
        }
        let fit = items as f64 * self.span_ns / nanoseconds(elapsed).max(1.0);
        self.items = fit.min(self.items * 2.0).clamp(1.0, self.most);
    }
}

/// Through `u64`: a conversion from `u128`, which `as_nanos` gives, is a call of some 40 instructions.
fn nanoseconds(span: Duration) -> f64 {
    span.as_secs() as f64 * 1e9 + f64::from(span.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(pace: &mut Pace, ns_per_item: u64) -> usize {
        let items = pace.items();
        pace.learn(items, Duration::from_nanos(ns_per_item * items as u64));
        pace.items()
    }

    #[test]
    fn doubles_to_the_span_and_shrinks_at_once() {
        let mut pace = Pace::new(Duration::from_micros(50), 4096);
        let sizes: Vec<usize> = (0..9).map(|_| learn(&mut pace, 500)).collect();
        assert_eq!(sizes, [2, 4, 8, 16, 32, 64, 100, 100, 100]);
        assert_eq!(learn(&mut pace, 1_000_000), 1);
        pace.learn(0, Duration::ZERO);
        assert_eq!(pace.items(), 1);
    }

    #[test]
    fn never_exceeds_its_bound_also_when_the_clock_stands_still() {
        let mut pace = Pace::new(Duration::from_micros(50), 100);
        for _ in 0..20 {
            let items = pace.items();
            pace.learn(items, Duration::ZERO);
        }
        assert_eq!(pace.items(), 100);
    }
}
