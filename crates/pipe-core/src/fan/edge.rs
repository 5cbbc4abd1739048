//! The edge between two runs: one queue, one lock, one writer, one reader.
//!
//! ```text
//! writer --put--> [ queue: at most this many items and bytes ] --take--> reader
//!        <--room-- (condition variable)                      --waker-->
//! ```
//!
//! # Protocol
//!
//! All that both sides know is in [`State`], under the lock. Each side asks and, where the answer is no, says that it waits *before it
//! lets go of the lock*; the other side changes the state under the same lock and then wakes. So no wake-up falls between question and
//! wait. In particular:
//!
//! * **The reader waits** by leaving a waker. Every `put`, the commit and the writer's drop take it and wake it, after the lock: what is
//!   woken may run at once, and does not find the lock held.
//! * **The writer waits** on `room`, which gives the lock free and sleeps in one step. Every `take` and the reader's drop notify it.
//! * **The writer ends** once: `Open -> Committed` in `commit`, or `Open -> Abandoned` in `Drop`. The reader looks at the end only when the
//!   queue is empty, except for `Abandoned`: what a failed run has sent is not to be worked on.
//! * **The reader ends** once, in `Drop`. It takes the queue with it, so memory does not wait for the writer.
//! * **A drop on both sides at once**: whoever gets the lock second sees what the first has done; nobody waits in `Drop`.
//! * **A stall**: both sides wait with a limit. For the writer each `take` starts it anew; for the reader any `put` ends the wait. So the
//!   wait for a run that hangs, was never started, or waits for this one in a circle, ends too.
//!
//! Items are dropped, and wakers woken, outside the lock: both run foreign code. A poisoned lock is used on, since no foreign code runs
//! between two changes that belong together.
//!
//! # A lock per item
//!
//! `put` locks for each item. A buffer on the writer's side would save that and hold items back: where both branches of a `tee` are
//! zipped, the item that the reader waits for would lie in one buffer while the writer waits for room in the other. The lock is
//! contended only when the reader takes a batch.

use crate::batch::{Items, Spares};
use crate::fan::backlog::Backlog;
use crate::fan::branch::{Bound, BranchReport, Overflow};
use crate::fan::branch_error::{BranchError, BranchErrorKind};
use crate::fan::patience::Patience;
use crate::position::Position;
use crate::source::Want;
use crate::stage::BoxError;
use crate::weigh::Weigher;
use std::collections::VecDeque;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

pub(super) struct Edge<T> {
    name: String,
    bound: Bound,
    state: Mutex<State<T>>,
    room: Condvar,
}

struct State<T> {
    /// Invariant: within the bound, or one item alone.
    queue: VecDeque<Entry<T>>,
    /// The weight of the queue.
    bytes: usize,
    writer: Writer,
    reader: Reader,
    /// Items that were written, and those of them that were discarded since.
    report: BranchReport,
    /// How often the reader took something, so that the writer sees progress.
    takes: u64,
    /// The reader waits with this.
    waker: Option<Waker>,
    behind: Option<Behind<T>>,
}

/// What is behind the queue.
struct Behind<T> {
    backlog: Box<dyn Backlog<T>>,
    weigher: Option<Weigher<T>>,
    /// Items in there. While there are any, all that comes goes there, so the order stays.
    waiting: usize,
    /// How many went there so far, and their bytes.
    spilled: (u64, u64),
}

/// An item on the edge.
pub(super) struct Entry<T> {
    pub(super) position: u64,
    pub(super) item: T,
    /// What it owns elsewhere, in bytes.
    pub(super) heap: usize,
}

impl<T> Entry<T> {
    fn weight(&self) -> usize {
        size_of::<T>().saturating_add(self.heap)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Open,
    Committed,
    Abandoned,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Here,
    Gone { unread: usize },
}

impl<T> Edge<T> {
    pub(super) fn new(name: &str, bound: Bound) -> Self {
        let state = State {
            queue: VecDeque::new(),
            bytes: 0,
            writer: Writer::Open,
            reader: Reader::Here,
            report: BranchReport { sent: 0, dropped: 0 },
            takes: 0,
            waker: None,
            behind: None,
        };
        Edge { name: name.to_owned(), bound, state: Mutex::new(state), room: Condvar::new() }
    }

    pub(super) fn bound(&self) -> &Bound {
        &self.bound
    }

    /// Gives the queue something behind it, where there is room.
    pub(super) fn spill_to(&self, backlog: Box<dyn Backlog<T>>, weigher: Option<Weigher<T>>) {
        self.lock().behind = Some(Behind { backlog, weigher, waiting: 0, spilled: (0, 0) });
    }

    /// At the end, once: how many items went behind the queue, if any did, and their bytes.
    pub(super) fn take_spilled(&self) -> Option<(u64, u64)> {
        let mut state = self.lock();
        let at_end = state.writer == Writer::Committed && state.queue.is_empty();
        let behind = state.behind.as_mut().filter(|behind| at_end && behind.waiting == 0)?;
        Some(mem::take(&mut behind.spilled)).filter(|(items, _)| *items > 0)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Puts an item on the edge. What has to give way is put into `gone`, for the caller to drop.
    pub(super) fn put(&self, entry: Entry<T>, gone: &mut Vec<T>) -> Result<(), BoxError> {
        let mut state = self.lock();
        let weight = entry.weight();
        let has_room = state.has_room(weight, &self.bound);
        let reader = state.reader;
        if let (Some(behind), Reader::Here) = (&mut state.behind, reader) {
            if behind.waiting > 0 || !has_room {
                behind.push(entry)?;
                state.report.sent += 1;
                wake(state);
                return Ok(());
            }
        } else if self.bound.overflow == Overflow::Block {
            state = self.wait_for_room(state, weight)?;
        }
        state.report.sent += 1;
        if self.bound.overflow == Overflow::DropOldest {
            state.give_way(weight, &self.bound, gone);
        }
        if state.reader != Reader::Here || !state.has_room(weight, &self.bound) {
            state.report.dropped += 1;
            gone.push(entry.item);
            return Ok(());
        }
        state.bytes += weight;
        state.queue.push_back(entry);
        wake(state);
        Ok(())
    }

    /// Waits until an item of this weight fits.
    fn wait_for_room<'s>(
        &'s self,
        mut state: MutexGuard<'s, State<T>>,
        weight: usize,
    ) -> Result<MutexGuard<'s, State<T>>, BranchError> {
        let mut patience = Patience::new(self.bound.stall_after);
        loop {
            if let Reader::Gone { unread } = state.reader {
                return Err(self.error(BranchErrorKind::Closed { unread }));
            }
            if state.has_room(weight, &self.bound) {
                return Ok(state);
            }
            // The clock is read only by who has to wait.
            let left = patience.left(state.takes, Instant::now()).map_err(|waited| {
                let (items, bytes) = (state.queue.len(), state.bytes);
                self.error(BranchErrorKind::Stalled { waited, items, bytes })
            })?;
            state = self.room.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What is there, at most this much; `None` at the end. `Pending`: nothing yet, `waker` will be woken.
    pub(super) fn take(
        &self,
        want: Want,
        spares: &Spares<T>,
        waker: &Waker,
    ) -> Poll<Result<Option<Items<T>>, BoxError>> {
        let mut state = self.lock();
        if state.writer != Writer::Abandoned {
            state.refill(want)?;
        }
        match state.writer {
            Writer::Abandoned => return Poll::Ready(Err(self.error(BranchErrorKind::Abandoned).into())),
            Writer::Committed if state.queue.is_empty() => return Poll::Ready(Ok(None)),
            Writer::Open if state.queue.is_empty() => {
                let before = state.waker.replace(waker.clone());
                drop(state);
                drop(before);
                return Poll::Pending;
            }
            Writer::Open | Writer::Committed => {}
        }
        let batch = state.batch(want, spares);
        state.takes += 1;
        drop(state);
        self.room.notify_one();
        Poll::Ready(Ok(Some(batch)))
    }

    /// The good end of the writer.
    pub(super) fn commit(&self) -> Result<BranchReport, BranchError> {
        let mut state = self.lock();
        match state.reader {
            Reader::Gone { unread } if unread > 0 && self.bound.overflow == Overflow::Block => {
                return Err(self.error(BranchErrorKind::Closed { unread }));
            }
            Reader::Gone { .. } | Reader::Here => {}
        }
        state.writer = Writer::Committed;
        let report = state.report;
        wake(state);
        Ok(report)
    }

    /// The writer is dropped. After a commit that means nothing.
    pub(super) fn writer_gone(&self) {
        let mut state = self.lock();
        if state.writer == Writer::Open {
            state.writer = Writer::Abandoned;
            wake(state);
        }
    }

    /// The reader is dropped.
    pub(super) fn reader_gone(&self) {
        let mut state = self.lock();
        let (queue, waker, behind) = (mem::take(&mut state.queue), state.waker.take(), state.behind.take());
        state.bytes = 0;
        let unread = queue.len() + behind.as_ref().map_or(0, |behind| behind.waiting);
        state.reader = Reader::Gone { unread };
        state.report.dropped += unread as u64;
        drop(state);
        self.room.notify_one();
        drop((queue, waker, behind));
    }

    /// That a reader has waited this long.
    pub(super) fn stalled(&self, waited: std::time::Duration) -> BranchError {
        let state = self.lock();
        let (items, bytes) = (state.queue.len(), state.bytes);
        self.error(BranchErrorKind::Stalled { waited, items, bytes })
    }

    #[cold]
    fn error(&self, kind: BranchErrorKind) -> BranchError {
        BranchError::new(&self.name, kind)
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of the lock, and wakes the reader if it waits.
fn wake<T>(mut state: MutexGuard<'_, State<T>>) {
    let waker = state.waker.take();
    drop(state);
    waker.into_iter().for_each(Waker::wake);
}

impl<T> Behind<T> {
    fn push(&mut self, entry: Entry<T>) -> Result<(), BoxError> {
        let bytes = self.backlog.push(Position::from_raw(entry.position), entry.item)?;
        self.waiting += 1;
        self.spilled = (self.spilled.0 + 1, self.spilled.1 + bytes);
        Ok(())
    }

    fn pop(&mut self) -> Result<Option<Entry<T>>, BoxError> {
        if self.waiting == 0 {
            return Ok(None);
        }
        let (position, item) = self.backlog.pop()?.ok_or("a backlog has lost what was put into it")?;
        self.waiting -= 1;
        let heap = self.weigher.map_or(0, |weigher| weigher(&item));
        Ok(Some(Entry { position: position.raw(), item, heap }))
    }
}

impl<T> State<T> {
    /// Brings a batch to the empty queue from behind it.
    fn refill(&mut self, want: Want) -> Result<(), BoxError> {
        let Some(behind) = self.behind.as_mut().filter(|_| self.queue.is_empty()) else { return Ok(()) };
        while self.queue.len() < want.items
            && self.bytes < want.bytes
            && let Some(entry) = behind.pop()?
        {
            self.bytes += entry.weight();
            self.queue.push_back(entry);
        }
        Ok(())
    }

    /// One item alone always fits, however heavy: else it could never pass.
    fn has_room(&self, weight: usize, bound: &Bound) -> bool {
        let fits = || self.queue.len() < bound.items && self.bytes.saturating_add(weight) <= bound.bytes;
        self.queue.is_empty() || fits()
    }

    /// Takes the oldest away until there is room.
    fn give_way(&mut self, weight: usize, bound: &Bound, gone: &mut Vec<T>) {
        while !self.has_room(weight, bound) {
            let Some(oldest) = self.queue.pop_front() else { return };
            self.bytes -= oldest.weight();
            self.report.dropped += 1;
            gone.push(oldest.item);
        }
    }

    /// At least one item, of a queue that has one.
    fn batch(&mut self, want: Want, spares: &Spares<T>) -> Items<T> {
        let (mut items, mut positions, mut heap) = (spares.take(), Vec::new(), 0);
        while items.is_empty() || items.len() < want.items && heap + items.len() * size_of::<T>() < want.bytes
        {
            let Some(entry) = self.queue.pop_front() else { break };
            self.bytes -= entry.weight();
            heap += entry.heap;
            positions.push(entry.position);
            items.push(entry.item);
        }
        Items::at(positions, items).owning(heap).returning_to(spares)
    }
}
