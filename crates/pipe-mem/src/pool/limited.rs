//! A pool with a limit, and the waiting for it: by a thread, or by a future.

use super::charge::Charge;
use super::depot::{Depot, Open, Settings};
use super::lend::Lend;
use super::pooled::Pooled;
use super::statistics::PoolStatistics;
use crate::shrink::{Shrink, Shrinkable};
use pipe_core::{Budget, Permit, RunError, Weigh};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Lends at most a fixed number of objects at once; whoever asks for one more waits for its turn. For connections, large buffers, licences.
///
/// First come, first served: nobody overtakes a waiter. The limit is exact, so each `get` takes a lock; objects that are got a million times a
/// second and need no limit belong in a [`Pool`](crate::Pool). Clones share the objects.
///
/// ```
/// use pipe_mem::LimitedPool;
/// use std::time::Duration;
///
/// let seats = LimitedPool::new(2, || Vec::<u8>::with_capacity(1 << 20), Vec::clear)?;
/// let (one, two) = (seats.try_get(), seats.try_get());
/// assert!(two.is_some() && seats.try_get().is_none());
/// drop(one);
/// let third = seats.get_within(Duration::from_secs(1))?;     // or `seats.get().await`, on any runtime
/// # drop(third);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LimitedPool<T: Send + 'static> {
    open: Arc<Open<T>>,
}

impl<T: Send + 'static> LimitedPool<T> {
    /// An empty pool, which makes up to `limit` objects as they are asked for. `reset` is as in [`Pool::new`](crate::Pool::new).
    ///
    /// # Errors
    /// [`RunError::Config`] if `limit` is zero.
    pub fn new(
        limit: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Result<Self, RunError> {
        Self::make(limit, None, make, reset)
    }

    /// As [`LimitedPool::new`], and charges a budget: every object, idle or out, counts as unspillable in a budget of the pool's own below
    /// `budget`, and no more are made than have room there. `each` are the bytes that an object owns at least, beyond its own size; they
    /// are granted before it is made.
    ///
    /// What an object that comes back owns beyond that is counted then: where there is no room for it the object is dropped. The pool
    /// keeps room for one object while it has none. So a waiter always waits for an object of this pool, and never for memory that others hold.
    ///
    /// ```
    /// use pipe_core::Budget;
    /// use pipe_mem::LimitedPool;
    ///
    /// let process = Budget::new(1 << 20);
    /// let buffers = LimitedPool::charging(&process, 400_000, 8, || Vec::<u8>::with_capacity(400_000), Vec::clear)?;
    /// let (one, two) = (buffers.try_get(), buffers.try_get());
    /// assert!(two.is_some() && buffers.try_get().is_none(), "two of 400,000 bytes fit");
    /// assert!(process.in_use() >= 800_000);
    /// drop((one, two));
    /// buffers.shrink_to(0);
    /// assert!(process.in_use() < 401_000);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    ///
    /// # Errors
    /// [`RunError::Config`] if `limit` is zero. [`RunError::Budget`] if the budget has no room for one object now.
    pub fn charging(
        budget: &Budget,
        each: usize,
        limit: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Result<Self, RunError>
    where
        T: Weigh,
    {
        Self::make(limit, Some(Charge::new(budget, each)?), make, reset)
    }

    fn make(
        limit: usize,
        charge: Option<(Charge<T>, Permit)>,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Result<Self, RunError> {
        if limit == 0 {
            let (field, value) = ("limited_pool.limit", "0".to_owned());
            return Err(RunError::Config { field, value, why: "every get would wait for ever" });
        }
        let (make, reset) = (Box::new(make), Box::new(reset));
        let (charge, reserve) = charge.unzip();
        let settings = Settings { make, reset, max_idle: limit, limit: Some(limit), charge };
        Ok(LimitedPool { open: Arc::new(Open(Arc::new(Depot::new(settings, reserve)))) })
    }

    /// An object, without waiting. `None`: all are out, its budget has no room for more, or others wait already.
    ///
    /// # Panics
    /// If `make` does; the place is free again.
    pub fn try_get(&self) -> Option<Pooled<T>> {
        self.open.0.take().map(Pooled::new)
    }

    /// An object as soon as one is there and it is this one's turn. Dropping the future leaves the line.
    pub fn get(&self) -> Acquire<'_, T> {
        Acquire { depot: &self.open.0, ticket: None }
    }

    /// An object; the thread waits for it, but not longer than `patience`.
    ///
    /// # Errors
    /// [`Exhausted`], when the time is over.
    pub fn get_within(&self, patience: Duration) -> Result<Pooled<T>, Exhausted> {
        if let Some(object) = self.try_get() {
            return Ok(object);
        }
        let start = Instant::now();
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut acquire = pin!(self.get());
        loop {
            if let Poll::Ready(object) = acquire.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Ok(object);
            }
            let waited = start.elapsed();
            match patience.checked_sub(waited) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return Err(Exhausted { limit: self.limit(), live: self.statistics().live, waited }),
            }
        }
    }

    /// How many objects there may be.
    pub fn limit(&self) -> usize {
        self.open.0.limit().unwrap_or(usize::MAX)
    }

    /// Frees idle objects until `count` are left. For when memory is short.
    pub fn shrink_to(&self, count: usize) {
        self.open.0.shrink_to(count);
    }

    /// What it has done so far.
    pub fn statistics(&self) -> PoolStatistics {
        self.open.0.statistics()
    }
}

impl<T: Send + 'static> Lend for LimitedPool<T> {
    type Object = T;
    type Guard<'p> = Pooled<T>;

    fn try_get(&self) -> Option<Pooled<T>> {
        LimitedPool::try_get(self)
    }

    fn idle(&self) -> usize {
        self.statistics().idle
    }
}

impl<T: Send + 'static> Shrinkable for LimitedPool<T> {
    fn shrinks(&self) -> Weak<dyn Shrink> {
        let weak: Weak<Open<T>> = Arc::downgrade(&self.open);
        weak
    }
}

impl<T: Send + 'static> Clone for LimitedPool<T> {
    fn clone(&self) -> Self {
        LimitedPool { open: self.open.clone() }
    }
}

impl<T: Send + 'static> fmt::Debug for LimitedPool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LimitedPool").field(&self.limit()).field(&self.statistics()).finish()
    }
}

/// Becomes an object of a [`LimitedPool`]. Needs no runtime.
#[must_use = "a future waits only while it is polled"]
pub struct Acquire<'p, T: Send + 'static> {
    depot: &'p Arc<Depot<T>>,
    /// The place in the line, once it has one.
    ticket: Option<u64>,
}

impl<T: Send + 'static> Future for Acquire<'_, T> {
    type Output = Pooled<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Pooled<T>> {
        let this = &mut *self;
        this.depot.poll_take(&mut this.ticket, cx.waker()).map(Pooled::new)
    }
}

impl<T: Send + 'static> fmt::Debug for Acquire<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Drop for Acquire<'_, T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.depot.leave_line(ticket);
        }
    }
}

/// No object came back in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exhausted {
    /// How many objects there may be.
    pub limit: usize,
    /// How many there are, all of them out. Fewer than `limit` where the budget of the pool has no room for more.
    pub live: usize,
    /// How long this waited.
    pub waited: Duration,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {} objects came back within {:?}", self.live, self.waited)?;
        match self.live < self.limit {
            true => write!(f, ", and there was no room for more, of {} at most", self.limit),
            false => Ok(()),
        }
    }
}

impl Error for Exhausted {}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
