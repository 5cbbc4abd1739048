//! The guard of an object that is out, and the object with its seat.

use super::depot::Depot;
use super::magazine;
use pipe_core::{Permit, Weigh};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::{fmt, thread};

/// An object of a [`Pool`](crate::Pool) or a [`LimitedPool`](crate::LimitedPool). Dropping it gives the object back, on any thread.
///
/// Once the pool is gone, and while its thread panics, the object is dropped instead.
pub struct Pooled<T: Send + 'static> {
    /// `None` only while it is being dropped.
    object: Option<Object<T>>,
}

/// Boxed, so that getting and putting back move a pointer, however large the value is.
pub(super) type Object<T> = Box<Seated<T>>;

/// An object and its place in the account of its pool.
pub(super) struct Seated<T: Send + 'static> {
    // In this order: first the value is dropped, then it is counted out.
    pub(super) value: T,
    pub(super) seat: Seat<T>,
}

/// That an object is counted as live. Goes with the object wherever it lies, so that getting one counts no references.
pub(super) struct Seat<T: Send + 'static> {
    pub(super) depot: Arc<Depot<T>>,
    /// What it counts for in the budget of the pool, if that has one.
    pub(super) permit: Option<Permit>,
}

impl<T: Send + 'static> Drop for Seat<T> {
    fn drop(&mut self) {
        self.depot.leave(self.permit.take());
    }
}

impl<T: Send + 'static> Pooled<T> {
    #[inline]
    pub(super) fn new(object: Object<T>) -> Self {
        Pooled { object: Some(object) }
    }
}

impl<T: Send + 'static> Deref for Pooled<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.object {
            Some(object) => &object.value,
            None => unreachable!("a guard has its object until it is dropped"),
        }
    }
}

impl<T: Send + 'static> DerefMut for Pooled<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.object {
            Some(object) => &mut object.value,
            None => unreachable!("a guard has its object until it is dropped"),
        }
    }
}

impl<T: Send + 'static> Drop for Pooled<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else { return };
        if thread::panicking() {
            return poison(&object);
        }
        // A hook that panics drops the object with it.
        object.seat.depot.reset(&mut object.value);
        magazine::put(object);
    }
}

/// While it is out it counts for who has it, without what its pool counts in a budget of its own; what lies idle counts for nobody else.
impl<T: Weigh + Send + 'static> Weigh for Pooled<T> {
    fn heap(&self) -> usize {
        let counted =
            self.object.as_ref().and_then(|object| object.seat.permit.as_ref()).map_or(0, Permit::bytes);
        (size_of::<Seated<T>>() + (**self).heap()).saturating_sub(counted)
    }
}

#[cold]
fn poison<T: Send + 'static>(object: &Seated<T>) {
    object.seat.depot.note_poisoned();
}

impl<T: Send + fmt::Debug + 'static> fmt::Debug for Pooled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
