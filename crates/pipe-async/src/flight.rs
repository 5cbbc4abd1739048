//! What an operation is for, and what comes of it.

use crate::slab::Thrown;
use pipe_core::{BoxError, Items, RunError};
use std::num::NonZeroU32;

/// An item on its way through a stage, beside its operation.
pub(crate) struct Flight<T> {
    /// What the window knows it by.
    pub(crate) mark: u64,
    /// The hash of its key, where there is a limit for each.
    pub(crate) key: u64,
    /// The item, for another attempt.
    pub(crate) copy: Option<Box<Items<T>>>,
    /// Which attempt it is. Never zero, so that an empty place for a flight needs no flag beside it.
    pub(crate) attempt: NonZeroU32,
}

impl<T> Flight<T> {
    /// Of an item that is tried once, whatever its key.
    pub(crate) fn new(mark: u64) -> Self {
        Flight { mark, key: 0, copy: None, attempt: NonZeroU32::MIN }
    }
}

/// The flights of the operations in a slab, by place. There only the marks lie beside the futures, and most stages need no more.
pub(crate) struct Flights<T> {
    /// `None`: the mark is all there is.
    kept: Option<Vec<Option<Flight<T>>>>,
}

impl<T> Flights<T> {
    /// `more`: there are keys, or further attempts.
    pub(crate) fn new(more: bool) -> Self {
        Flights { kept: more.then(Vec::new) }
    }

    /// Whether there is nothing in here: marks are all there is.
    pub(crate) fn are_marks(&self) -> bool {
        self.kept.is_none()
    }

    /// The operation at `place` has begun.
    pub(crate) fn put(&mut self, place: usize, flight: Flight<T>) {
        let Some(kept) = &mut self.kept else { return };
        if place >= kept.len() {
            kept.resize_with(place + 1, || None);
        }
        kept[place] = Some(flight);
    }

    /// The operation at `place` is over: what there is of it beside its mark.
    #[inline]
    pub(crate) fn take(&mut self, place: usize) -> Option<Flight<T>> {
        self.kept.as_mut()?.get_mut(place)?.take()
    }
}

/// An item that may start, as far as its key goes.
pub(crate) type Candidate<T> = (Flight<T>, T);

/// What an operation gave.
pub(crate) type Landing<T> = Thrown<Result<T, BoxError>>;

/// What came of an item.
pub(crate) enum Outcome<T> {
    Emitted(T),
    /// Boxed, as the next: they are few, and each place of a window has room for the largest.
    Failed(Box<Failed>),
    Ended(Box<RunError>),
}

/// An item that failed for good.
pub(crate) struct Failed {
    pub(crate) attempts: u32,
    pub(crate) error: BoxError,
}
