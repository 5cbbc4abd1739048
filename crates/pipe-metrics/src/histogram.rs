//! How often which times were seen: a histogram of fixed size.
//!
//! ```text
//! buckets: 0 1 .. 7 | 8 9 .. 15 | 16 18 .. 30 | 32 36 .. 60 | ...       each power of two has eight
//! ```
//!
//! Log-linear, as in HdrHistogram: the error of a value is a constant share of it, an eighth at most, and a recording is two atomic
//! additions without a lock. 2.4 KiB hold all times up to 18 minutes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Buckets for each power of two.
const STEPS: usize = 8;

/// Times of 2^40 nanoseconds, 18 minutes, and more are in the last bucket.
const LARGEST: u32 = 40;

const BUCKETS: usize = (LARGEST as usize - 2) * STEPS + 1;

pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
}

fn bucket(nanoseconds: u64) -> usize {
    if nanoseconds < STEPS as u64 {
        return nanoseconds as usize;
    }
    let exponent = nanoseconds.ilog2();
    let step = (nanoseconds >> (exponent - 3)) as usize % STEPS;
    ((exponent as usize - 2) * STEPS + step).min(BUCKETS - 1)
}

/// The smallest time of a bucket, in nanoseconds.
fn lowest(bucket: usize) -> u64 {
    match (bucket / STEPS, bucket % STEPS) {
        (0, step) => step as u64,
        (power, step) => ((STEPS + step) as u64) << (power - 1),
    }
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Histogram { counts: [const { AtomicU64::new(0) }; BUCKETS], nanoseconds: AtomicU64::new(0) }
    }

    pub(crate) fn record(&self, span: Duration) {
        let nanoseconds = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Relaxed);
    }

    pub(crate) fn read(&self) -> Distribution {
        let counts = self.counts.iter().map(|count| count.load(Relaxed)).collect();
        Distribution { counts, nanoseconds: self.nanoseconds.load(Relaxed) }
    }
}

/// What a histogram has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    counts: Box<[u64]>,
    nanoseconds: u64,
}

impl Distribution {
    /// How many times there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them added up.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds)
    }

    /// The time that a share of them was not longer than, an eighth too large at most: 0.5 is the median, 0.99 what one in a hundred
    /// exceeds. Zero where there are none.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = ((share.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(lowest(bucket + 1) - 1);
            }
        }
        Duration::ZERO
    }

    /// How many were shorter than 2^`power` nanoseconds. Exact, since these are bounds of buckets.
    #[cfg(any(feature = "prometheus", test))]
    pub(crate) fn below(&self, power: u32) -> u64 {
        let end = bucket(1 << power.min(LARGEST - 1));
        self.counts[..end].iter().sum()
    }

    /// The middle of each bucket in seconds, with how many came into it since `before`.
    #[cfg(feature = "metrics")]
    pub(crate) fn since<'d>(
        &'d self,
        before: Option<&'d Distribution>,
    ) -> impl Iterator<Item = (f64, u64)> + 'd {
        self.counts.iter().enumerate().filter_map(move |(bucket, count)| {
            let new = count.saturating_sub(before.map_or(0, |before| before.counts[bucket]));
            let middle = (lowest(bucket) + lowest(bucket + 1) - 1) as f64 / 2e9;
            (new > 0).then_some((middle, new))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_whose_bounds_enclose_it() {
        let powers = (0..LARGEST).flat_map(|power| [1u64 << power, (1 << power) + 1, (1 << power) * 3 / 2]);
        for nanoseconds in powers.chain(0..5_000).chain([u64::MAX]) {
            let at = bucket(nanoseconds);
            assert!(lowest(at) <= nanoseconds, "{nanoseconds} is in bucket {at}");
            assert!(at == BUCKETS - 1 || nanoseconds < lowest(at + 1), "{nanoseconds} is in bucket {at}");
        }
    }

    #[test]
    fn a_quantile_is_an_eighth_too_large_at_most() {
        let histogram = Histogram::new();
        (1..=100_000u64).for_each(|n| histogram.record(Duration::from_nanos(n * 10)));
        let seen = histogram.read();
        assert_eq!((seen.count(), seen.sum().as_nanos()), (100_000, 50_000_500_000));
        for share in [0.01, 0.5, 0.9, 0.99, 1.0] {
            let (found, exact) = (seen.quantile(share).as_nanos() as f64, share * 1e6);
            assert!(found >= exact - 1.0 && found <= exact * 1.125, "{share}: {found}, and it is {exact}");
        }
        assert_eq!(Histogram::new().read().quantile(0.5), Duration::ZERO);
    }

    #[test]
    fn what_is_below_a_power_of_two_is_exact() {
        let histogram = Histogram::new();
        (0..5_000u64).for_each(|n| histogram.record(Duration::from_nanos(n)));
        for power in 0..13 {
            assert_eq!(histogram.read().below(power), 5_000.min(1 << power), "below 2^{power}");
        }
    }
}
