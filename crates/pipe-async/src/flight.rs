//! What an operation is for, and what comes of it.

use crate::slab::Thrown;
use pipe_core::{BoxError, Items, RunError};
use std::num::NonZeroU32;

/// An item on its way through a stage, beside its operation. Small: it lies in each slot.
pub(crate) struct Flight<T> {
    /// Its number in the window.
    pub(crate) number: u64,
    /// Where it was in the source.
    pub(crate) at: u64,
    /// The hash of its key, where there is a limit for each.
    pub(crate) key: u64,
    /// The item, for another attempt.
    pub(crate) copy: Option<Box<Items<T>>>,
    /// Which attempt it is. Never zero, so that a slot without a flight needs no flag beside it: that is eight bytes for each operation.
    pub(crate) attempt: NonZeroU32,
}

/// An item that may start, as far as its key goes.
pub(crate) type Candidate<T> = (Flight<T>, T);

/// What an operation gave.
pub(crate) type Landing<T> = Thrown<Result<T, BoxError>>;

/// What came of an item.
pub(crate) enum Outcome<T> {
    Emitted {
        at: u64,
        item: T,
    },
    /// Boxed, as the next: they are few, and each place of a window has room for the largest.
    Failed(Box<Failed>),
    Ended(Box<RunError>),
}

/// An item that failed for good.
pub(crate) struct Failed {
    pub(crate) at: u64,
    pub(crate) attempts: u32,
    pub(crate) error: BoxError,
}
