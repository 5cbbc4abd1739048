//! An async stage between its edges: it takes batches, lets the stage work, and hands its outputs on.

use crate::driver::{AsyncWorker, Progress, Released, Standing};
use crate::edges::{Close, Edges, Next, Parcel, Room};
use crate::ends::Ends;
use crate::stretch::{End, dropping};
use pipe_core::Permit;
use pipe_core::plan::{RunState, Wait};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Context;
use std::time::Duration;

/// An async stage between its edges.
pub(super) struct Post<W: ?Sized> {
    place: usize,
    /// `None` after its end.
    worker: Option<Box<W>>,
    /// For all that it holds.
    permit: Permit,
    /// How its input was closed.
    input: Option<Close>,
    /// Since when the task stands still, and what would let it start more operations.
    lacked: Option<(Wait, Duration)>,
}

impl<W: AsyncWorker + ?Sized> Post<W> {
    pub(super) fn new(place: usize, worker: Box<W>, permit: Permit) -> Self {
        Post { place, worker: Some(worker), permit, input: None, lacked: None }
    }

    /// Takes, works, hands on.
    pub(super) fn step(
        &mut self,
        round: Round,
        edges: &Edges,
        run: &RunState,
        ends: &Ends,
        cx: &Context<'_>,
    ) -> Progress {
        let Some(mut worker) = self.worker.take() else { return Progress::default() };
        let before = self.permit.bytes();
        // Under `catch_unwind` because items are dropped here, too; the operations themselves are watched one by one.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            let progress = self.advance(&mut *worker, round, edges, run, cx);
            (progress, self.standing(&mut *worker, edges), worker.bytes())
        }));
        self.worker = Some(worker);
        match stepped {
            Ok((progress, None, bytes)) => {
                self.permit.resize(bytes);
                if self.permit.bytes() < before {
                    edges.ring_threads();
                }
                progress
            }
            Ok((progress, Some(end), _)) => {
                self.end(end, edges, ends);
                Progress { moved: true, ..progress }
            }
            Err(thrown) => {
                self.end(End::Failed(dropping(thrown)), edges, ends);
                Progress { moved: true, operations: 0 }
            }
        }
    }

    fn advance(
        &mut self,
        worker: &mut W,
        round: Round,
        edges: &Edges,
        run: &RunState,
        cx: &Context<'_>,
    ) -> Progress {
        let mut moved = false;
        while self.input.is_none() && worker.wants() {
            match edges.try_take(self.place - 1) {
                None => break,
                Some(Next::End(close)) => self.input = Some(close),
                Some(Next::Parcel(Parcel { batch, permit })) => {
                    worker.offer(batch);
                    drop(permit);
                }
            }
            moved = true;
        }
        if moved {
            // Permits went back.
            edges.ring_threads();
        }
        let mut progress = worker.advance(round.most, cx.waker());
        // To wake a thread costs as much as many operations. So while there are more of these, a reader gets full batches.
        let hand = if progress.moved { round.hand } else { Hand::Anything };
        progress.moved |= self.hand_on(worker, hand, edges, run) || moved;
        progress
    }

    /// The task stands still from here on.
    pub(super) fn begin_lack(&mut self, now: Duration) {
        let lacks = self.worker.as_ref().and_then(|worker| worker.lacks());
        // Behind the end of its input it needs none.
        let lacks = lacks.filter(|wait| *wait == Wait::Room || self.input.is_none());
        self.lacked = lacks.map(|wait| (wait, now));
    }

    /// The task goes on.
    pub(super) fn count_lack(&mut self, run: &RunState, now: Duration) {
        if let (Some((wait, since)), Some(worker)) = (self.lacked.take(), &self.worker) {
            run.count_waited(worker.segment(), wait, now.saturating_sub(since));
        }
    }

    /// Puts outputs on the edge. True if there were any.
    fn hand_on(&mut self, worker: &mut W, hand: Hand, edges: &Edges, run: &RunState) -> bool {
        let (most, mut moved) = (run.batch_bytes(), false);
        loop {
            let wanted = match (worker.released(most), hand) {
                (Released::Nothing, _) | (Released::Some, Hand::Batches) => false,
                (Released::Some, Hand::Anything) => edges.room(self.place) == Room::Hungry,
                (Released::Batch, _) => edges.room(self.place) != Room::None,
            };
            let Some(batch) = wanted.then(|| worker.take(most)).flatten() else { return moved };
            let permit = run.budget().overdraw(batch.bytes());
            // Now, and not behind the step: a reader that is quick makes room for another, and all would count twice.
            self.permit.resize(worker.bytes());
            edges.try_put(self.place, Parcel { batch, permit });
            moved = true;
        }
    }

    /// Whether, and how, it has come to its end.
    fn standing(&self, worker: &mut W, edges: &Edges) -> Option<End> {
        match edges.reader(self.place) {
            Some(Close::Well) => return Some(End::Finished),
            Some(Close::Badly) => return Some(End::Stopped),
            None => {}
        }
        match (worker.standing(), self.input) {
            (Standing::Failed(error), _) => Some(End::Failed(error)),
            (Standing::Idle, Some(Close::Well)) => Some(End::Finished),
            (Standing::Idle, Some(Close::Badly)) => Some(End::Stopped),
            (Standing::Idle, None) | (Standing::Busy, _) => None,
        }
    }

    /// Drops what it holds, and tells its neighbours.
    pub(super) fn end(&mut self, end: End, edges: &Edges, ends: &Ends) {
        let end = end.without(self.worker.take());
        self.permit.resize(0);
        let how = if matches!(end, End::Finished) { Close::Well } else { Close::Badly };
        ends.set(self.place, end);
        edges.close_reader(self.place - 1, how);
        edges.close_writer(self.place, how);
    }
}

/// What each stage may do in a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    /// How many operations it may start, and poll.
    pub(super) most: usize,
    pub(super) hand: Hand,
}

/// What is put on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// Full batches; and whatever there is, if the reader has nothing to do.
    Anything,
    Batches,
}
