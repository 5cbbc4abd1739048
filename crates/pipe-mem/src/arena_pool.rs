//! Arenas that are used again.

use crate::arena::Arena;
use crate::pool::{Pool, PoolStatistics, Pooled};
use crate::shrink::{Shrink, Shrinkable};
use std::fmt;
use std::sync::Weak;

/// Lends [`Arena`]s, and resets those that come back. Clones share them.
///
/// An arena that has grown beyond the pool's limit gives its memory back to the allocator: one huge record does not stay.
///
/// ```
/// use pipe_mem::ArenaPool;
///
/// let arenas = ArenaPool::new();
/// let arena = arenas.get();
/// arena.text("only for this batch");
/// assert!(arena.bytes() > 0);
/// drop(arena);                                      // empty, and back in the pool
/// assert_eq!(arenas.statistics().idle, 1);
/// ```
#[derive(Clone)]
pub struct ArenaPool {
    arenas: Pool<Arena>,
}

/// Twice the batch that executors ask for at most.
const ARENA_MAX: usize = 512 << 10;

/// Enough for two batches in flight on each of many cores.
const IDLE_MAX: usize = 256;

impl ArenaPool {
    /// Keeps up to 256 idle arenas of at most 512 KiB.
    pub fn new() -> Self {
        ArenaPool::keeping(IDLE_MAX, ARENA_MAX)
    }

    /// Keeps up to `max_idle` idle arenas, each of at most `max_bytes`.
    pub fn keeping(max_idle: usize, max_bytes: usize) -> Self {
        let reset = move |arena: &mut Arena| match arena.bytes() > max_bytes {
            true => *arena = Arena::new(),
            false => arena.reset(),
        };
        ArenaPool { arenas: Pool::keeping(max_idle, Arena::new, reset) }
    }

    /// An empty arena.
    pub fn get(&self) -> Pooled<Arena> {
        self.arenas.get()
    }

    /// As [`Pool::shrink_to`].
    pub fn shrink_to(&self, count: usize) {
        self.arenas.shrink_to(count);
    }

    /// What the pool has done so far.
    pub fn statistics(&self) -> PoolStatistics {
        self.arenas.statistics()
    }
}

impl Shrinkable for ArenaPool {
    fn shrinks(&self) -> Weak<dyn Shrink> {
        self.arenas.shrinks()
    }
}

impl Default for ArenaPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ArenaPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ArenaPool").field(&self.statistics()).finish()
    }
}
