//! A fixed number of objects, made at once, on the crate `object-pool`.

use super::lend::Lend;
use object_pool::Reusable;
use pipe_core::RunError;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::{fmt, mem, thread};

/// A fixed number of objects, all made in the beginning. The crate [`object-pool`](https://docs.rs/object-pool) does the work.
///
/// For a handful of things that exist whether they are used or not: tables, codecs, devices. One lock for each get and each drop, and
/// guards that borrow the pool. For buffers that come and go by the million, [`Pool`](crate::Pool).
///
/// ```
/// use pipe_mem::SimplePool;
///
/// let tables = SimplePool::new(2, || vec![0u32; 256], |table| table.fill(0))?;
/// let mut table = tables.try_get().expect("nobody else has one");
/// table[7] += 1;
/// drop(table);
/// assert_eq!(tables.idle(), 2);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct SimplePool<T> {
    objects: object_pool::Pool<T>,
    make: Box<dyn Fn() -> T + Send + Sync>,
    reset: Box<dyn Fn(&mut T) + Send + Sync>,
    /// Objects that were dropped and not made again yet.
    missing: AtomicUsize,
    poisoned: AtomicU64,
}

impl<T> SimplePool<T> {
    /// Makes `size` objects. `reset` is as in [`Pool::new`](crate::Pool::new).
    ///
    /// # Errors
    /// [`RunError::Config`] if `size` is zero.
    pub fn new(
        size: usize,
        make: impl Fn() -> T + Send + Sync + 'static,
        reset: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Result<Self, RunError> {
        if size == 0 {
            let (field, value) = ("simple_pool.size", "0".to_owned());
            return Err(RunError::Config { field, value, why: "there would be nothing to lend" });
        }
        let objects = object_pool::Pool::new(size, &make);
        let (make, reset) = (Box::new(make), Box::new(reset));
        let (missing, poisoned) = (AtomicUsize::new(0), AtomicU64::new(0));
        Ok(SimplePool { objects, make, reset, missing, poisoned })
    }

    /// An object, without waiting. `None`: all are out.
    ///
    /// # Panics
    /// If `make` does, which is called again only for an object that was dropped.
    pub fn try_get(&self) -> Option<SimplePooled<'_, T>> {
        let object = self.objects.try_pull().or_else(|| self.again())?;
        Some(SimplePooled { pool: self, object: Some(object) })
    }

    /// Makes one in the place of one that was dropped.
    fn again(&self) -> Option<Reusable<'_, T>> {
        // Relaxed: the count publishes nothing, it only says how many may be made.
        self.missing.fetch_update(Relaxed, Relaxed, |missing| missing.checked_sub(1)).ok()?;
        let unless_made = Missing(&self.missing);
        let object = (self.make)();
        mem::forget(unless_made);
        Some(Reusable::new(&self.objects, object))
    }

    /// How many objects lie ready.
    pub fn idle(&self) -> usize {
        self.objects.len()
    }

    /// How many objects were dropped because their guard was dropped by a panic. New ones take their places.
    pub fn poisoned(&self) -> u64 {
        self.poisoned.load(Relaxed)
    }
}

/// Counts one more as missing when it is dropped.
struct Missing<'p>(&'p AtomicUsize);

impl Drop for Missing<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl<T> Lend for SimplePool<T> {
    type Object = T;
    type Guard<'p>
        = SimplePooled<'p, T>
    where
        T: 'p;

    fn try_get(&self) -> Option<SimplePooled<'_, T>> {
        SimplePool::try_get(self)
    }

    fn idle(&self) -> usize {
        SimplePool::idle(self)
    }
}

impl<T> fmt::Debug for SimplePool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimplePool").field("idle", &self.idle()).finish_non_exhaustive()
    }
}

/// An object of a [`SimplePool`]. Dropping it gives the object back; while the thread panics, the object is dropped instead.
pub struct SimplePooled<'p, T> {
    pool: &'p SimplePool<T>,
    /// `None` only while it is being dropped.
    object: Option<Reusable<'p, T>>,
}

impl<T> Deref for SimplePooled<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.object {
            Some(object) => object,
            None => unreachable!("a guard has its object until it is dropped"),
        }
    }
}

impl<T> DerefMut for SimplePooled<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.object {
            Some(object) => object,
            None => unreachable!("a guard has its object until it is dropped"),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for SimplePooled<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T> Drop for SimplePooled<'_, T> {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        // Declared first, so dropped last: a place is free when its object is gone.
        let unless_kept = Missing(&self.pool.missing);
        let (objects, mut object) = object.detach();
        if thread::panicking() {
            self.pool.poisoned.fetch_add(1, Relaxed);
            return;
        }
        (self.pool.reset)(&mut object);
        mem::forget(unless_kept);
        objects.attach(object);
    }
}
