//! A bounded edge from one pipeline to another: a sink here, a source there.

use crate::batch::{Items, Spares};
use crate::error::RunError;
use crate::event::Event;
use crate::fan::backlog::Backlog;
use crate::fan::bell::Waiter;
use crate::fan::edge::{Edge, Entry};
use crate::item::Own;
use crate::opaque::opaque;
use crate::position::Position;
use crate::sink::Sink;
use crate::source::{Pulled, Source, Want};
use crate::stage::BoxError;
use crate::weigh::{Weigh, Weigher, Weighers};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// How much may lie on the edge of a [`branch`], and what happens beyond it.
///
/// ```
/// use pipe_core::{Bound, Overflow};
///
/// let newest = Bound { items: 1_000, overflow: Overflow::DropOldest, ..Bound::default() };
/// assert_eq!(newest.bytes, 1 << 20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// At most this many items: 16,384 unless set, two of the largest batches that a run asks for.
    pub items: usize,
    /// At most this many bytes: 1 MiB unless set. One item alone may be larger. They count beside the memory limits of both runs.
    pub bytes: usize,
    /// What a write does where there is no room: waits, unless set.
    pub overflow: Overflow,
    /// A wait that sees no progress for this long ends its run with [`BranchErrorKind::Stalled`](crate::BranchErrorKind::Stalled): 60 s
    /// unless set. Progress is, for who writes, that something is taken; for who reads, that something comes. Where items are rare
    /// (one side of a route), or a batch takes long to work on, set it to what is still sound; `Duration::MAX` means never.
    pub stall_after: Duration,
}

impl Default for Bound {
    fn default() -> Self {
        let stall_after = Duration::from_secs(60);
        Bound { items: 2 * Want::MOST.items, bytes: 1 << 20, overflow: Overflow::Block, stall_after }
    }
}

impl Bound {
    fn check(&self) -> Result<(), RunError> {
        let check = |field, zero, why| match zero {
            true => Err(RunError::Config { field, value: "0".to_owned(), why }),
            false => Ok(()),
        };
        check("branch.items", self.items == 0, "an edge that holds nothing passes nothing on")?;
        check("branch.bytes", self.bytes == 0, "an edge that holds nothing passes nothing on")?;
        check("branch.stall_after", self.stall_after.is_zero(), "a wait takes time")
    }
}

/// What a write into a [`branch`] does where there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overflow {
    /// Waits for the reader. Nothing is lost: where the reader is over, the write fails.
    #[default]
    Block,
    /// Makes room: for who wants to know how things are now. Where the reader is over, everything is dropped.
    DropOldest,
    /// Drops what is to be written: for who wants a sample. Where the reader is over, everything is dropped.
    DropNewest,
}

/// What a branch let through, when it was committed. `sent - dropped` items reach a reader that reads to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BranchReport {
    /// Items that were written.
    pub sent: u64,
    /// Those of them that no reader got: there was no room, or no reader any more.
    pub dropped: u64,
}

/// A bounded edge between two pipelines: what is written into the sink comes out of the source, in order and with its positions.
///
/// The sink ends one pipeline, alone or in a [`tee`](crate::tee) or [`route`](crate::route). The source starts another, on whichever executor
/// suits it; the two run at the same time, so one of them has a thread of its own. Their fates are joined:
///
/// * The source ends when the sink is committed. When the sink is dropped without that, the source fails with
///   [`BranchErrorKind::Abandoned`](crate::BranchErrorKind::Abandoned).
/// * When the source is dropped before its end, a sink that blocks fails with
///   [`BranchErrorKind::Closed`](crate::BranchErrorKind::Closed), at its next write, or at its commit if something was unread. One
///   that may drop items counts them.
///
/// Items are weighed as on any edge: strings and vectors of numbers with what they own, others by their size, unless
/// [`BranchSink::weighed`] says otherwise. A write costs a lock, which is contended only when the reader takes a batch.
///
/// As a read that blocks, a wait is not interrupted when its own run is cancelled; it ends when the other side moves or ends, at the latest
/// after [`Bound::stall_after`]. What bounded edges make impossible is said at [`concat()`](crate::concat()).
///
/// ```
/// use pipe_core::{Bound, Inline, branch, from_iter, from_source, tee};
/// use std::thread;
///
/// let (into, out) = branch("totals", Bound::default())?;
/// let numbers = from_iter(1..=4u64).to(tee(Vec::new(), into));
/// let totals = from_source(out).scan(|| 0, |sum, n| { *sum += n; *sum }).collect();
///
/// let (numbers, totals) = thread::scope(|scope| {
///     let totals = scope.spawn(|| totals.run_on(&Inline));
///     (numbers.run_on(&Inline), totals.join().unwrap())
/// });
/// let (numbers, sent) = numbers?.value;
/// assert_eq!((numbers, totals?.value), (vec![1, 2, 3, 4], vec![1, 3, 6, 10]));
/// assert_eq!((sent.sent, sent.dropped), (4, 0));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// # Errors
/// `Config`, where a bound is zero.
pub fn branch<T: 'static>(name: &str, bound: Bound) -> Result<(BranchSink<T>, BranchSource<T>), RunError> {
    bound.check()?;
    let edge = Arc::new(Edge::new(name, bound));
    let sink = BranchSink { edge: edge.clone(), weigher: Weighers::default().get(), gone: Vec::new() };
    Ok((sink, BranchSource { edge, spares: Spares::new(), waiter: Waiter::new() }))
}

/// The near side of a [`branch`].
pub struct BranchSink<T> {
    edge: Arc<Edge<T>>,
    weigher: Option<Weigher<T>>,
    /// What the edge gave back to be dropped. Kept for its memory only.
    gone: Vec<T>,
}

opaque!([T] BranchSink[T]);

impl<T: Weigh> BranchSink<T> {
    /// Weighs items with [`Weigh`].
    pub fn weighed(mut self) -> Self {
        self.weigher = Some(T::heap);
        self
    }
}

impl<T> BranchSink<T> {
    /// Puts items behind the edge that find no room on it, whatever [`Bound::overflow`] says: then a write never waits, and nothing is
    /// lost. They come out in order. `pipe-stream` has a queue on disk for it. How many went there is an event of the run that reads.
    ///
    /// Said before anything is written, and behind [`weighed`](BranchSink::weighed).
    pub fn spilling(self, backlog: impl Backlog<T> + 'static) -> Self {
        self.edge.spill_to(Box::new(backlog), self.weigher);
        self
    }
}

impl<T: Send> Sink<T> for BranchSink<T> {
    type Done = BranchReport;

    const POSITIONS: bool = true;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        self.write_at(Position::from_raw(0), item)
    }

    fn write_at(&mut self, position: Position, item: T) -> Result<(), BoxError> {
        let heap = self.weigher.map_or(0, |weigher| weigher(&item));
        let written = self.edge.put(Entry { position: position.raw(), item, heap }, &mut self.gone);
        self.gone.clear();
        written
    }

    fn commit(self) -> Result<BranchReport, BoxError> {
        Ok(self.edge.commit()?)
    }
}

impl<T> Drop for BranchSink<T> {
    fn drop(&mut self) {
        self.edge.writer_gone();
    }
}

/// The far side of a [`branch`].
pub struct BranchSource<T> {
    edge: Arc<Edge<T>>,
    spares: Spares<T>,
    waiter: Waiter,
}

opaque!([T] BranchSource[T]);

impl<T: Send + 'static> Source for BranchSource<T> {
    type Item = Own<T>;
    type Batch = Items<T>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<T>>, BoxError> {
        let limit = self.edge.bound().stall_after;
        let taken = self.waiter.until(limit, |waker| self.edge.take(want, &self.spares, waker));
        taken.map_err(|waited| self.edge.stalled(waited))?
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Items<T>> {
        self.edge.take(want, &self.spares, waker)
    }

    fn take_events(&mut self) -> Vec<Event> {
        let Some((times, bytes)) = self.edge.take_spilled() else { return Vec::new() };
        vec![Event::Spilled { stage: format!("branch {}", self.edge.name()), times, bytes }]
    }
}

impl<T> Drop for BranchSource<T> {
    fn drop(&mut self) {
        self.edge.reader_gone();
    }
}
