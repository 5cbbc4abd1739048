//! Objects that are used again.

mod charge;
mod depot;
mod lend;
mod limited;
mod magazine;
mod pooled;
#[cfg(feature = "object-pool")]
mod simple;
mod slots;
mod statistics;

pub use lend::Lend;
pub use limited::{Acquire, Exhausted, LimitedPool};
pub use pooled::Pooled;
#[cfg(feature = "object-pool")]
pub use simple::{SimplePool, SimplePooled};
pub use statistics::PoolStatistics;

use crate::shrink::{Shrink, Shrinkable};
use depot::{Depot, Open, Settings};
use std::fmt;
use std::sync::{Arc, Weak};

/// Lends objects that are costly to make: buffers, batches, arenas. For when any number may be out at once; where there is a limit,
/// [`LimitedPool`] waits.
///
/// Getting an object and giving it back takes no lock: each thread keeps up to 32 idle ones for itself, a *magazine*, and exchanges half
/// of it with the others' when it is empty or full. An object that is dropped on another thread goes to that thread. Clones share
/// the objects. When the last clone goes, idle objects are freed: what another thread keeps for itself, when it ends or next makes room
/// for a magazine.
///
/// ```
/// use pipe_mem::Pool;
///
/// let buffers = Pool::new(|| Vec::<u8>::with_capacity(4096), Vec::clear);
/// let mut buffer = buffers.get();
/// buffer.extend(b"abc");
/// drop(buffer);                                     // cleared, and back in the pool
/// let again = buffers.get();
/// assert!(again.is_empty() && again.capacity() == 4096);
/// assert_eq!((buffers.statistics().hits, buffers.statistics().misses), (1, 1));
/// ```
pub struct Pool<T: Send + 'static> {
    open: Arc<Open<T>>,
}

/// Enough for the batches in flight of a machine with many cores; what is idle beyond it is freed.
const MAX_IDLE: usize = 1024;

impl<T: Send + 'static> Pool<T> {
    /// An empty pool, which makes objects as they are asked for, and keeps up to 1,024 idle ones.
    ///
    /// `reset` is called with each object that comes back, by the thread that drops its guard. If it panics, the object is dropped.
    pub fn new(
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Self {
        Pool::keeping(MAX_IDLE, make, reset)
    }

    /// As [`Pool::new`], with at most `max_idle` idle objects, those that threads keep among them; more are freed. A thread keeps an eighth
    /// of them for itself at most, and all threads together a half: less than 8 cost a lock for each get.
    pub fn keeping(
        max_idle: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Self {
        let (make, reset) = (Box::new(make), Box::new(reset));
        let settings = Settings { make, reset, max_idle, limit: None, charge: None };
        Pool { open: Arc::new(Open(Arc::new(Depot::new(settings, None)))) }
    }

    /// An idle object, or a new one. Never waits for another.
    ///
    /// # Panics
    /// If `make` does.
    #[inline]
    pub fn get(&self) -> Pooled<T> {
        match magazine::take(&self.open.0) {
            Some(object) => Pooled::new(object),
            None => unreachable!("without a limit there is always one more"),
        }
    }

    /// Frees idle objects until `count` are left; what threads keep for themselves, they give up when they put back one the next time, or
    /// end. For when memory is short.
    pub fn shrink_to(&self, count: usize) {
        self.open.0.shrink_to(count);
    }

    /// What it has done so far.
    pub fn statistics(&self) -> PoolStatistics {
        self.open.0.statistics()
    }
}

impl<T: Send + 'static> Lend for Pool<T> {
    type Object = T;
    type Guard<'p> = Pooled<T>;

    /// Never `None`.
    fn try_get(&self) -> Option<Pooled<T>> {
        Some(self.get())
    }

    fn idle(&self) -> usize {
        self.statistics().idle
    }
}

impl<T: Send + 'static> Shrinkable for Pool<T> {
    fn shrinks(&self) -> Weak<dyn Shrink> {
        let weak: Weak<Open<T>> = Arc::downgrade(&self.open);
        weak
    }
}

impl<T: Send + 'static> Clone for Pool<T> {
    fn clone(&self) -> Self {
        Pool { open: self.open.clone() }
    }
}

impl<T: Send + 'static> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.statistics()).finish()
    }
}
