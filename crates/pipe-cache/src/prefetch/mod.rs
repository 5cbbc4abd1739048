//! Fetching memory before it is needed.

mod probed;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod processor;

pub use probed::{Probed, probed};

/// Asks the processor to fetch the cache line at which this begins, and does not wait for it.
///
/// Worth it where the next steps branch on what is there, which keeps the processor from running ahead by itself: a look into a hash table,
/// a walk down a tree. Independent reads and sequential ones it overlaps on its own. A hint: it changes nothing but time, and on
/// processors other than `x86_64` and `aarch64` not even that.
///
/// ```
/// use pipe_cache::prefetch;
///
/// let table = vec![7_u64; 1 << 20];
/// prefetch(&table[123_456]);
/// // .. something else for a few hundred cycles, then
/// assert_eq!(table[123_456], 7);
/// ```
#[inline(always)]
pub fn prefetch<T: ?Sized>(place: &T) {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    processor::fetch((&raw const *place).cast());
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = place;
}
