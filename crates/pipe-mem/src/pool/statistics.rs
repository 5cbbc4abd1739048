//! What a pool has done so far.

/// Counts since the pool was made. Exact while no other thread uses the pool, otherwise as of about now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStatistics {
    /// Objects that were lent again.
    pub hits: u64,
    /// Objects that had to be made.
    pub misses: u64,
    /// Acquisitions that had to wait.
    pub waits: u64,
    /// Objects that were dropped because their guard was dropped by a panic.
    pub poisoned: u64,
    /// Objects that exist: idle ones and those that are out.
    pub live: usize,
    /// Objects that lie ready, in the pool and with its threads.
    pub idle: usize,
}
