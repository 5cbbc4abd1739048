//! What the tables of a memo have done.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts over all workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoStatistics {
    /// Items that a worker found in its own table.
    pub hits: u64,
    /// Items that it did not find there.
    pub misses: u64,
    /// Of the misses, those that the [shared](crate::Memo::shared) table knew.
    pub shared_hits: u64,
    /// Results that had to go from a worker's own table for others.
    pub evicted: u64,
    /// Items that were computed without a look, because looking did not pay.
    pub bypassed: u64,
}

impl MemoStatistics {
    /// Of the items that were looked up, the part that was found, in either table. Zero if none was looked up.
    pub fn hit_ratio(&self) -> f64 {
        (self.hits + self.shared_hits) as f64 / ((self.hits + self.misses) as f64).max(1.0)
    }
}

impl fmt::Display for MemoStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MemoStatistics { hits, misses, evicted, bypassed, .. } = self;
        let percent = 100.0 * self.hit_ratio();
        write!(f, "{percent:.1}% of {} looked up were found, {evicted} evicted, ", hits + misses)?;
        write!(f, "{bypassed} computed without a look")
    }
}

/// Reads the counts of a memo that is in a pipeline.
#[derive(Debug, Clone)]
pub struct MemoTally(pub(super) Arc<Totals>);

impl MemoTally {
    /// What has been counted so far: exact once the run is over; while it runs, each worker is up to some hundred thousand items late.
    pub fn statistics(&self) -> MemoStatistics {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Totals { hits, misses, shared_hits, evicted, bypassed, .. } = &*self.0;
        MemoStatistics {
            hits: read(hits),
            misses: read(misses),
            shared_hits: read(shared_hits),
            evicted: read(evicted),
            bypassed: read(bypassed),
        }
    }
}

/// What workers add to, once per block.
#[derive(Debug, Default)]
pub(super) struct Totals {
    hits: AtomicU64,
    misses: AtomicU64,
    shared_hits: AtomicU64,
    evicted: AtomicU64,
    bypassed: AtomicU64,
    /// Workers that have begun and not left.
    workers: AtomicUsize,
}

impl Totals {
    pub(super) fn worker_begins(&self) {
        self.workers.fetch_add(1, Ordering::Relaxed);
    }

    /// Behind its last `add`. Says whether it was the last one, for now: it then sees what all have added.
    pub(super) fn worker_leaves(&self) -> bool {
        self.workers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn add(&self, seen: MemoStatistics) {
        self.hits.fetch_add(seen.hits, Ordering::Relaxed);
        self.misses.fetch_add(seen.misses, Ordering::Relaxed);
        self.shared_hits.fetch_add(seen.shared_hits, Ordering::Relaxed);
        self.evicted.fetch_add(seen.evicted, Ordering::Relaxed);
        self.bypassed.fetch_add(seen.bypassed, Ordering::Relaxed);
    }
}
