//! Where the time of a run goes: how long each node was busy, by two looks at the clock per batch.
//!
//! ```text
//! run: |--- busy ---|== put: the nodes behind, or a wait for room ==|--- busy ---|
//! ```
//!
//! A worker hands on full batches in the middle of its own work, and what is behind it then runs inside of its call. So what it spends in
//! `put` is subtracted: it is another node's time, or nobody's.

use crate::error::RunError;
use crate::observer::{Part, Watched};
use crate::plan::{AnyBatch, BoxBatch, Node, Outlet, Ran, Segment, Work, Worker};
use crate::run::RunState;
use crate::stage::Flow;
use std::sync::Arc;
use std::time::Duration;

/// A parallel node whose workers are timed.
pub(crate) fn parallel<'p, A>(segment: Arc<dyn Segment<'p> + 'p>, id: usize) -> Node<'p, A> {
    Node { segment: id, work: Work::Parallel(Arc::new(TimedSegment { segment, id })) }
}

/// A serial node that is timed.
pub(crate) fn serial<'p, A>(
    worker: Box<dyn Worker + Send + 'p>,
    id: usize,
    run: &Arc<RunState>,
) -> Node<'p, A> {
    Node { segment: id, work: Work::Serial(Box::new(Timed::new(worker, id, run.clone()))) }
}

/// A worker whose time is written to the account of its segment; that of the sink is one more than the last.
pub(crate) struct Timed<W: ?Sized> {
    worker: Box<W>,
    id: usize,
    part: Option<Part>,
    run: Arc<RunState>,
}

impl<W: Worker + ?Sized> Timed<W> {
    pub(crate) fn new(worker: Box<W>, id: usize, run: Arc<RunState>) -> Self {
        Timed { worker, id, part: run.part(id), run }
    }

    /// Calls the worker and counts what is its own of the time that this took. `items`: how many it took.
    fn count<R>(
        &mut self,
        next: &mut dyn Outlet,
        call: impl FnOnce(&mut W, &mut dyn Outlet) -> R,
        items: impl FnOnce(&R) -> usize,
    ) -> R {
        let (run, mut away) = (&*self.run, Duration::ZERO);
        let mut watched = Watched::begin(run, self.part);
        let result = call(&mut self.worker, &mut Away { next, run, away: &mut away });
        run.count_busy(self.id, watched.stop().saturating_sub(away));
        watched.tell(items(&result), 0, away);
        result
    }
}

impl<W: Worker + ?Sized> Worker for Timed<W> {
    fn run(
        &mut self,
        batch: &mut dyn AnyBatch,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<Ran, RunError> {
        self.count(next, |worker, next| worker.run(batch, limit, next), items)
    }

    /// Not timed: all it does is `put`.
    fn flush(&mut self, next: &mut dyn Outlet) {
        self.worker.flush(next);
    }

    fn due(&self) -> Option<Duration> {
        self.worker.due()
    }

    fn look(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        self.count(next, |worker, next| worker.look(next), |_| 0)
    }

    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        self.count(next, |worker, next| worker.finish(next), |_| 0)
    }
}

/// How many items were taken. None are known of a slice that failed.
pub(crate) fn items(ran: &Result<Ran, RunError>) -> usize {
    match ran {
        Ok(Ran::More(items) | Ran::Done(items) | Ran::Enough(items)) => *items,
        Err(_) => 0,
    }
}

/// A segment whose workers are timed.
struct TimedSegment<'p> {
    segment: Arc<dyn Segment<'p> + 'p>,
    id: usize,
}

impl<'p> Segment<'p> for TimedSegment<'p> {
    fn worker(self: Arc<Self>, run: Arc<RunState>) -> Result<Box<dyn Worker + 'p>, RunError> {
        let worker = self.segment.clone().worker(run.clone())?;
        Ok(Box::new(Timed::new(worker, self.id, run)))
    }
}

/// Measures how long the call is in what comes behind.
struct Away<'a> {
    next: &'a mut dyn Outlet,
    run: &'a RunState,
    away: &'a mut Duration,
}

impl Outlet for Away<'_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let started = self.run.clock().now();
        let flow = self.next.put(batch);
        *self.away += self.run.clock().now().saturating_sub(started);
        flow
    }

    fn is_closed(&self) -> bool {
        self.next.is_closed()
    }

    fn wait_for_room(&mut self) -> Flow {
        let started = self.run.clock().now();
        let flow = self.next.wait_for_room();
        *self.away += self.run.clock().now().saturating_sub(started);
        flow
    }

    fn gave_back(&mut self) {
        self.next.gave_back();
    }

    fn counts(&self) -> bool {
        self.next.counts()
    }
}
