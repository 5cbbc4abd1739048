//! One edge: what is on it, how its sides were closed, and who sleeps there.

use pipe_core::Permit;
use pipe_core::plan::BoxBatch;
use std::collections::VecDeque;
use std::mem::take;
use std::sync::Condvar;
use std::time::Duration;

#[derive(Default)]
pub(super) struct Edge {
    pub(super) parcels: VecDeque<Parcel>,
    /// `None` while it may write.
    pub(super) writer: Option<Close>,
    /// `None` while it may read.
    pub(super) reader: Option<Close>,
    /// The threads that sleep, of each side one at most.
    pub(super) reader_sleeps: bool,
    pub(super) writer_sleeps: bool,
    /// The task found nothing on it, and is told when something is put.
    pub(super) task_reads: bool,
    /// The task found it full, or at least not empty, and is told when something is taken.
    pub(super) task_writes: bool,
    /// What the run's clock was last asked for by its reader, and whether it rings then.
    pub(super) alarm: Option<(Duration, bool)>,
}

/// Batches on an edge at most: what waits longer is not in a cache any more.
const PARCELS: usize = 8;

impl Edge {
    /// Whether the thread on this side is to be woken, which is a system call, and so it is once. One that writes is once its edge is half
    /// empty: then for several batches, and not for each. Before, its reader has batches to take, and asks this behind each.
    pub(super) fn wakes(&mut self, side: Side) -> bool {
        match side {
            Side::Reader => take(&mut self.reader_sleeps),
            Side::Writer => self.parcels.len() <= PARCELS / 2 && take(&mut self.writer_sleeps),
        }
    }

    pub(super) fn sleeps(&mut self, side: Side) -> &mut bool {
        match side {
            Side::Reader => &mut self.reader_sleeps,
            Side::Writer => &mut self.writer_sleeps,
        }
    }

    /// Whether it takes another batch. One that is empty does, whatever the budget says.
    pub(super) fn has_room(&self, is_overdrawn: bool) -> bool {
        self.parcels.is_empty() || (self.parcels.len() < PARCELS && !is_overdrawn)
    }

    pub(super) fn next(&mut self) -> Option<Next> {
        if let Some(parcel) = self.parcels.pop_front() {
            return Some(Next::Parcel(parcel));
        }
        self.writer.map(Next::End)
    }
}

/// What the threads of an edge sleep on.
#[derive(Default)]
pub(super) struct Sides {
    reader: Condvar,
    /// It may wait for bytes of the budget, too.
    writer: Condvar,
}

impl Sides {
    pub(super) fn of(&self, side: Side) -> &Condvar {
        match side {
            Side::Reader => &self.reader,
            Side::Writer => &self.writer,
        }
    }
}

/// One side of an edge.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side {
    Reader,
    Writer,
}

/// A batch on its way, and the bytes that it is charged.
pub(crate) struct Parcel {
    pub(crate) batch: BoxBatch,
    pub(crate) permit: Permit,
}

/// How a part of the run ended, and with it its side of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// All that there was has been handed on; or, of a reader: it has had enough. What comes behind or before ends well, too.
    Well,
    /// It or another part failed, or the run was stopped. What was handed on before still counts, but nothing is to be finished.
    Badly,
}

/// What a reader finds.
pub(crate) enum Next {
    Parcel(Parcel),
    End(Close),
}

/// What there is room for on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    None,
    /// For a full batch.
    Some,
    /// For whatever there is.
    Hungry,
}
