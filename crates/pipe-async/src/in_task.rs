//! A stretch without a thread: the task that drives the operations runs it too, a batch at a time.
//!
//! Then nothing happens at the same time, and no batch changes threads. The price is that what blocks in source, stages or sink blocks
//! all operations; so this is only where somebody has asked for it.
//!
//! An output edge is asked for room before a batch is taken, not before each that comes of it: one item that explodes fills its edge with
//! all of it.

use crate::driver::Progress;
use crate::edges::{Close, Edges, Next, Parcel, Room};
use crate::ends::Ends;
use crate::runtime::Timer;
use crate::stretch::{End, Input, Stretch, dropping, read, workers};
use pipe_core::plan::{BoxBatch, Line, Node, Outlet, RunState};
use pipe_core::{Flow, Pace, RunError, Want};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// A stretch as a part of the task, if the runtime permits that: [`Infallible`] where it does not.
pub(crate) trait Inside {
    /// Takes a batch, and carries it to its end.
    fn step(&mut self, edges: &Edges, run: &Arc<RunState>, ends: &Ends, cx: &mut Context<'_>) -> Progress;

    /// Drops what it holds, and tells its neighbours.
    fn end(&mut self, end: End, edges: &Edges, ends: &Ends);
}

impl Inside for Infallible {
    fn step(&mut self, _: &Edges, _: &Arc<RunState>, _: &Ends, _: &mut Context<'_>) -> Progress {
        match *self {}
    }

    fn end(&mut self, _: End, _: &Edges, _: &Ends) {
        match *self {}
    }
}

/// A stretch that is run a batch at a time, on the timer `C`.
pub(crate) struct InTask<C> {
    place: usize,
    /// `None` after its end.
    work: Option<Work>,
    /// For what is kept until it is old enough.
    timer: C,
}

struct Work {
    input: Input,
    /// Nodes whose workers have not been made.
    nodes: Vec<Node<'static>>,
    /// `None` before the first step.
    line: Option<Line<'static>>,
    output: Option<usize>,
    pace: Pace,
}

/// What came of a step.
enum Stepped {
    Moved,
    /// For a batch, for room, or for bytes.
    Waits,
    Over(Close),
}

impl<C: Timer> InTask<C> {
    pub(crate) fn new(place: usize, stretch: Stretch) -> Self {
        let Stretch { input, nodes, output } = stretch;
        let pace = Pace::new(Pace::BATCH, Want::MOST.items);
        InTask { place, work: Some(Work { input, nodes, line: None, output, pace }), timer: C::start() }
    }

    /// Has the task woken when what is kept is old enough. True if it is.
    fn is_due(&mut self, due: Option<Duration>, run: &RunState, cx: &mut Context<'_>) -> bool {
        let Some(left) = due.map(|due| due.saturating_sub(run.clock().now())) else { return false };
        // Its clock may lag behind the run's: then the time is looked at again.
        left.is_zero() || self.timer.poll_until(self.timer.now().saturating_add(left), cx).is_ready()
    }
}

impl<C: Timer> Inside for InTask<C> {
    fn step(&mut self, edges: &Edges, run: &Arc<RunState>, ends: &Ends, cx: &mut Context<'_>) -> Progress {
        let Some(mut work) = self.work.take() else { return Progress::default() };
        // Under `catch_unwind` because items are dropped here; stages are watched by the line.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            work.advance(edges, run).and_then(|stepped| match stepped {
                Stepped::Waits if self.is_due(work.due(), run, cx) => work.look(edges, run),
                stepped => Ok(stepped),
            })
        }));
        self.work = Some(work);
        let end = match stepped {
            Ok(Ok(Stepped::Waits)) => return Progress::default(),
            Ok(Ok(Stepped::Moved)) => return Progress { moved: true, operations: 0 },
            Ok(Ok(Stepped::Over(close))) => close.end(),
            Ok(Err(error)) => End::Failed(error),
            Err(thrown) => End::Failed(dropping(thrown)),
        };
        self.end(end, edges, ends);
        Progress { moved: true, operations: 0 }
    }

    fn end(&mut self, end: End, edges: &Edges, ends: &Ends) {
        let end = match self.work.take() {
            // By themselves: no panic is to meet another.
            Some(Work { input, nodes, line, .. }) => end.without(input).without(nodes).without(line),
            None => end,
        };
        let how = if matches!(end, End::Finished) { Close::Well } else { Close::Badly };
        edges.close_around(self.place, how);
        ends.set(self.place, end);
    }
}

impl Work {
    fn due(&self) -> Option<Duration> {
        self.line.as_ref().and_then(Line::due)
    }

    fn advance(&mut self, edges: &Edges, run: &Arc<RunState>) -> Result<Stepped, RunError> {
        let mut end = Ahead { edges, run, edge: self.output };
        if self.output.is_some_and(|edge| edges.room(edge) == Room::None) {
            return Ok(Stepped::Waits);
        }
        run.check()?;
        let line = match &mut self.line {
            Some(line) => line,
            none => none.insert(Line::new(run.clone(), workers(std::mem::take(&mut self.nodes), run)?)),
        };
        if end.is_closed() {
            return went(Flow::Break(()), line, &mut end);
        }
        let flow = match &mut self.input {
            Input::Source(source) => {
                // As on a thread of its own: a batch is charged before it is read.
                let Some(permit) = run.budget().try_take(run.batch_bytes()) else {
                    return Ok(Stepped::Waits);
                };
                let (started, items) = (run.measure(), self.pace.items());
                let read = read(&mut **source, items, permit, run)?;
                let Some((batch, permit)) = read else { return finish(line, &mut end) };
                let flow = line.carry(batch, &mut end)?;
                drop(permit);
                // Also where there is nothing to do for the line.
                self.pace.learn(items, run.measure().saturating_sub(started));
                flow
            }
            Input::Edge(edge) => match edges.try_take(*edge) {
                None => return Ok(Stepped::Waits),
                Some(Next::End(Close::Badly)) => return Ok(Stepped::Over(Close::Badly)),
                Some(Next::End(Close::Well)) => return finish(line, &mut end),
                Some(Next::Parcel(Parcel { batch, permit })) => {
                    let flow = line.carry(batch, &mut end)?;
                    drop(permit);
                    flow
                }
            },
        };
        went(flow, line, &mut end)
    }

    fn look(&mut self, edges: &Edges, run: &Arc<RunState>) -> Result<Stepped, RunError> {
        let mut end = Ahead { edges, run, edge: self.output };
        let Some(line) = &mut self.line else { return Ok(Stepped::Waits) };
        let flow = line.look(&mut end)?;
        went(flow, line, &mut end)
    }
}

fn went(flow: Flow, line: &mut Line<'static>, end: &mut Ahead<'_>) -> Result<Stepped, RunError> {
    if flow.is_continue() && !end.is_closed() {
        return Ok(Stepped::Moved);
    }
    // It has had enough, or who is behind it: both finish if that was well.
    match end.refused() {
        Close::Well => finish(line, end),
        Close::Badly => Ok(Stepped::Over(Close::Badly)),
    }
}

fn finish(line: &mut Line<'static>, end: &mut Ahead<'_>) -> Result<Stepped, RunError> {
    // A worker that was cancelled says that it has had enough.
    end.run.check()?;
    line.finish(end)?;
    Ok(Stepped::Over(Close::Well))
}

/// What is behind the line: an edge, or nothing.
struct Ahead<'e> {
    edges: &'e Edges,
    run: &'e Arc<RunState>,
    edge: Option<usize>,
}

impl Ahead<'_> {
    /// Why the line stopped: the reader failed, or the reader, or the line itself, has had enough.
    fn refused(&self) -> Close {
        self.edge.and_then(|edge| self.edges.reader(edge)).unwrap_or(Close::Well)
    }
}

impl Outlet for Ahead<'_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let edge = self.edge.expect("a sink emits nothing");
        let permit = self.run.budget().overdraw(batch.bytes());
        self.edges.try_put(edge, Parcel { batch, permit });
        if self.is_closed() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    fn is_closed(&self) -> bool {
        self.edge.is_some_and(|edge| self.edges.reader(edge).is_some())
    }
}
