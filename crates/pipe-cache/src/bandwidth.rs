//! How fast memory is here and now: the yardstick for kernels that are bound by it.

use crate::aligned::AlignedVec;
use crate::cache_sizes::CacheSizes;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The speed of a copy, measured.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Bandwidth {
    /// Bytes that were read and bytes that were written, per second: what STREAM counts (McCalpin, 1995). That a processor first reads a
    /// line which it will write does not count.
    pub bytes_per_second: f64,
    /// The bytes of each of the two buffers.
    pub buffer_bytes: usize,
    /// Whether the buffers are beyond the last cache, twice over, so that it is memory that was measured.
    pub beyond_caches: bool,
}

/// Copies are made at least so often, and at least this long; the fastest counts, as others use the memory too.
const ROUNDS: usize = 3;
const AT_LEAST: Duration = Duration::from_millis(20);

/// No buffer is larger, whatever the caches are.
const MOST_BYTES: usize = 1 << 30;

/// A machine that does not tell its caches is taken to have 32 MiB.
const USUAL_CACHE: usize = 32 << 20;

/// Measures the copy of buffers twice as large as the last cache: some ten milliseconds, and four times the cache in memory, which is
/// freed again; 2 GiB at most.
///
/// A kernel that reads and writes one column each, beyond the caches, can reach this and no more. It starts no threads: for the bandwidth of
/// several, call it on each of them at once and add up.
pub fn copy_bandwidth() -> Bandwidth {
    let cache = CacheSizes::read().last_level().unwrap_or(USUAL_CACHE);
    copy_bandwidth_of(cache.saturating_mul(2).min(MOST_BYTES))
}

/// Measures the copy of a buffer of `buffer_bytes` bytes, rounded up to whole cache lines, and at least one: of 16 KiB say, to compare with what
/// stays in the nearest cache.
///
/// ```
/// use pipe_cache::copy_bandwidth_of;
///
/// let near = copy_bandwidth_of(16 << 10);
/// assert!(near.bytes_per_second > 1e6 && near.buffer_bytes == 16 << 10);
/// println!("{near}");
/// ```
pub fn copy_bandwidth_of(buffer_bytes: usize) -> Bandwidth {
    let numbers = buffer_bytes.div_ceil(64).max(1) * 8;
    let mut from = AlignedVec::<u64>::zeroed(numbers);
    let mut to = AlignedVec::<u64>::zeroed(numbers);
    let (begun, mut rounds, mut best) = (Instant::now(), 0, Duration::MAX);
    let bytes = size_of_val(&from[..]);
    // What fits into a cache is copied several times between two looks at the clock.
    let repeats = ((1 << 20) / bytes).max(1);
    while rounds < ROUNDS || begun.elapsed() < AT_LEAST {
        let start = Instant::now();
        for _ in 0..repeats {
            to.copy_from_slice(black_box(&from));
            black_box(&mut to);
        }
        best = best.min(start.elapsed());
        rounds += 1;
        std::mem::swap(&mut from, &mut to);
    }
    let moved = 2.0 * (bytes * repeats) as f64;
    let cache = CacheSizes::read().last_level().unwrap_or(USUAL_CACHE);
    Bandwidth {
        bytes_per_second: moved / best.as_secs_f64().max(1e-9),
        buffer_bytes: bytes,
        beyond_caches: bytes / 2 >= cache,
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (speed, mebibytes) = (self.bytes_per_second / 1e9, self.buffer_bytes as f64 / f64::from(1 << 20));
        let place = if self.beyond_caches { "beyond the caches" } else { "within the caches" };
        write!(f, "{speed:.1} GB/s copied, read and written, {mebibytes:.2} MiB {place}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_whole_lines_and_at_least_one() {
        for (asked, got) in [(0, 64), (1, 64), (64, 64), (65, 128)] {
            let bandwidth = copy_bandwidth_of(asked);
            assert_eq!(bandwidth.buffer_bytes, got);
            assert!(bandwidth.bytes_per_second.is_finite() && bandwidth.bytes_per_second > 0.0);
        }
    }
}
