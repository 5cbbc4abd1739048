//! What can let go of memory that it could do without.

use crate::pressure::PressureLevel;
use std::sync::{Arc, Weak};

/// Holds memory that it could do without: idle objects, values that are kept in case they are asked for.
pub trait Shrink: Send + Sync {
    /// Keeps no more than befits this level, and returns how many things it let go. Asked when the level changes, to `Normal` too, and again
    /// with each look while it is higher; one after the other, by whoever asks for the level.
    fn shrink(&self, level: PressureLevel) -> usize;
}

/// What can be registered with [`Pressure::shrinks`](crate::Pressure::shrinks): the pools, and an `Arc` of anything that is [`Shrink`].
pub trait Shrinkable {
    /// What is to shrink. A weak reference: registering keeps nothing alive.
    fn shrinks(&self) -> Weak<dyn Shrink>;
}

impl<S: Shrink + 'static> Shrinkable for Arc<S> {
    fn shrinks(&self) -> Weak<dyn Shrink> {
        let weak: Weak<S> = Arc::downgrade(self);
        weak
    }
}
