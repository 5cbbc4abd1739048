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
    /// The bytes of the item, and of its copy, as its batch was weighed. More than 4 GiB counts as 4 GiB.
    pub(crate) weight: u32,
}

impl<T> Flight<T> {
    /// Of an item that is tried once, whatever its key.
    pub(crate) fn new(mark: u64) -> Self {
        Flight { mark, key: 0, copy: None, attempt: NonZeroU32::MIN, weight: 0 }
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

/// The bytes of items that are kept beside their operations, and of copies: as each was weighed, for what comes later may weigh far less.
#[derive(Default)]
pub(crate) struct Kept {
    /// Of those that wait for their key, or are in flight.
    under_way: usize,
    /// Of those that wait for another attempt. There is only the copy.
    waiting: usize,
}

impl Kept {
    /// One is let in, or its wait is over.
    pub(crate) fn begin<T>(&mut self, flight: &Flight<T>) {
        self.under_way += flight.weight as usize;
    }

    /// Its operation is over, or never was.
    pub(crate) fn end<T>(&mut self, flight: &Flight<T>) {
        self.under_way -= flight.weight as usize;
    }

    pub(crate) fn begin_wait<T>(&mut self, flight: &Flight<T>) {
        self.waiting += flight.weight as usize;
    }

    pub(crate) fn end_wait<T>(&mut self, flight: &Flight<T>) {
        self.waiting -= flight.weight as usize;
    }

    /// Items.
    pub(crate) fn items(&self) -> usize {
        self.under_way
    }

    /// Their copies, where each has one.
    pub(crate) fn copies(&self) -> usize {
        self.under_way + self.waiting
    }
}

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
