//! A stretch without a thread: the task that drives the operations runs it too, a batch at a time.
//!
//! Then nothing happens at the same time, and no batch changes threads. The price is that what blocks in source, stages or sink blocks
//! all operations; so this is only where somebody has asked for it.
//!
//! What is behind an output edge cannot be run while something is put on it. So the edge is asked for room before each slice of a batch;
//! where there is none, what is left of the batch waits. A slice, in the worst case one item, is carried to its end: if that alone is more
//! than the run's limit, it is an error.

use crate::driver::Progress;
use crate::edges::{Close, Edges, Next, Parcel, Room};
use crate::ends::Ends;
use crate::runtime::Timer;
use crate::stretch::{End, Input, Stretch, dropping, read, workers};
use pipe_core::plan::{AnyBatch, BoxBatch, Line, Node, Outlet, RunState, Wait, discard};
use pipe_core::{Flow, Pace, Permit, RunError, Want};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// A stretch as a part of the task, if the runtime permits that: [`Infallible`] where it does not.
pub(crate) trait Inside {
    /// Takes a batch, and carries it to its end.
    fn step(&mut self, edges: &Edges, run: &Arc<RunState>, ends: &Ends, cx: &mut Context<'_>) -> Progress;

    /// The task stands still from now on.
    fn begin_lack(&mut self, now: Duration);

    /// The task goes on.
    fn count_lack(&mut self, run: &RunState, now: Duration);

    /// Drops what it holds, and tells its neighbours.
    fn end(&mut self, end: End, edges: &Edges, ends: &Ends);
}

impl Inside for Infallible {
    fn step(&mut self, _: &Edges, _: &Arc<RunState>, _: &Ends, _: &mut Context<'_>) -> Progress {
        match *self {}
    }

    fn begin_lack(&mut self, _: Duration) {
        match *self {}
    }

    fn count_lack(&mut self, _: &RunState, _: Duration) {
        match *self {}
    }

    fn end(&mut self, _: End, _: &Edges, _: &Ends) {
        match *self {}
    }
}

/// A stretch that is run a batch at a time, on the timer `C`.
pub(crate) struct PolledStretch<C> {
    place: usize,
    segments: Vec<usize>,
    /// `None` after its end.
    work: Option<Work>,
    /// For what is kept until it is old enough.
    timer: C,
    /// When the run's clock was asked to ring, and whether it does.
    alarm: Option<(Duration, bool)>,
    /// What the last step did not find.
    lacks: Option<Wait>,
    /// Since when the task stands still.
    since: Duration,
}

struct Work {
    input: Input,
    /// Nodes whose workers have not been made.
    nodes: Vec<Node<'static>>,
    /// `None` before the first step.
    line: Option<Line<'static>>,
    output: Option<usize>,
    pace: Pace,
    rest: Rest,
}

/// What is left of a batch because there was no room for more of its outputs.
#[derive(Default)]
struct Rest {
    /// The next one last.
    pieces: Vec<BoxBatch>,
    /// For all of them.
    permit: Option<Permit>,
}

/// What came of a step.
enum Stepped {
    Moved,
    Waits(Wait),
    Over(Close),
}

impl<C: Timer> PolledStretch<C> {
    pub(crate) fn new(place: usize, stretch: Stretch) -> Self {
        let Stretch { input, nodes, output } = stretch;
        let segments = nodes.iter().map(|node| node.segment).collect();
        let pace = Pace::new(Pace::BATCH, Want::MOST.items);
        let work = Work { input, nodes, line: None, output, pace, rest: Rest::default() };
        PolledStretch {
            place,
            segments,
            work: Some(work),
            timer: C::start(),
            alarm: None,
            lacks: None,
            since: Duration::ZERO,
        }
    }

    /// Has the task woken when what is kept is old enough. True if it is.
    fn is_due(&mut self, due: Option<Duration>, edges: &Edges, run: &RunState, cx: &mut Context<'_>) -> bool {
        let Some(due) = due else { return false };
        let left = due.saturating_sub(run.clock().now());
        if left.is_zero() {
            return true;
        }
        if self.alarm.is_none_or(|(at, _)| at != due) {
            self.alarm = Some((due, run.clock().wake_at(due, edges.bell())));
        }
        match self.alarm {
            Some((_, true)) => false,
            // Its clock may lag behind the run's: then the time is looked at again.
            _ => self.timer.poll_until(self.timer.now().saturating_add(left), cx).is_ready(),
        }
    }
}

impl<C: Timer> Inside for PolledStretch<C> {
    fn step(&mut self, edges: &Edges, run: &Arc<RunState>, ends: &Ends, cx: &mut Context<'_>) -> Progress {
        let Some(mut work) = self.work.take() else { return Progress::default() };
        // Under `catch_unwind` because items are dropped here; stages are watched by the line.
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            work.advance(edges, run).and_then(|stepped| match stepped {
                Stepped::Waits(_) if self.is_due(work.due(), edges, run, cx) => work.look(edges, run),
                stepped => Ok(stepped),
            })
        }));
        self.work = Some(work);
        self.lacks = None;
        let end = match stepped {
            Ok(Ok(Stepped::Waits(wait))) => {
                self.lacks = Some(wait);
                return Progress::default();
            }
            Ok(Ok(Stepped::Moved)) => return Progress { moved: true, operations: 0 },
            Ok(Ok(Stepped::Over(close))) => close.end(),
            Ok(Err(error)) => End::Failed(error),
            Err(thrown) => End::Failed(dropping(thrown)),
        };
        self.end(end, edges, ends);
        Progress { moved: true, operations: 0 }
    }

    fn begin_lack(&mut self, now: Duration) {
        self.since = now;
    }

    fn count_lack(&mut self, run: &RunState, now: Duration) {
        if let Some(wait) = self.lacks.take() {
            let span = now.saturating_sub(self.since);
            self.segments.iter().for_each(|&segment| run.count_waited(segment, wait, span));
        }
    }

    fn end(&mut self, end: End, edges: &Edges, ends: &Ends) {
        let end = match self.work.take() {
            // By themselves: no panic is to meet another.
            Some(Work { input, nodes, line, rest, .. }) => {
                let end = rest.pieces.into_iter().fold(end, End::without);
                end.without(input).without(nodes).without(line)
            }
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
        if self.output.is_some_and(|edge| edges.room(edge) == Room::None) {
            return Ok(Stepped::Waits(Wait::Room));
        }
        run.check()?;
        let line = match &mut self.line {
            Some(line) => line,
            none => none.insert(Line::new(run.clone(), workers(std::mem::take(&mut self.nodes), run)?)),
        };
        let mut end = Ahead::new(edges, run, self.output, &mut self.rest);
        if end.is_closed() {
            return went(Flow::Break(()), line, &mut end);
        }
        if let Some(piece) = end.rest.pieces.pop() {
            let flow = end.carry(line, piece)?;
            return went(flow, line, &mut end);
        }
        let flow = match &mut self.input {
            Input::Source(source) => {
                // As on a thread of its own: a batch is charged before it is read.
                let Some(permit) = run.budget().try_take(run.batch_bytes()) else {
                    return Ok(Stepped::Waits(Wait::Room));
                };
                let (started, items) = (run.measure(), self.pace.items());
                let read = read(&mut **source, items, permit, run)?;
                let Some((batch, permit)) = read else { return finish(line, &mut end) };
                end.rest.permit = Some(permit);
                let flow = end.carry(line, batch)?;
                // Also where there is nothing to do for the line.
                self.pace.learn(items, run.measure().saturating_sub(started));
                flow
            }
            Input::Edge(edge) => match edges.try_take(*edge) {
                None => return Ok(Stepped::Waits(Wait::Input)),
                Some(Next::End(Close::Badly)) => return Ok(Stepped::Over(Close::Badly)),
                Some(Next::End(Close::Well)) => return finish(line, &mut end),
                Some(Next::Parcel(Parcel { batch, permit })) => {
                    end.rest.permit = Some(permit);
                    end.carry(line, batch)?
                }
            },
        };
        went(flow, line, &mut end)
    }

    fn look(&mut self, edges: &Edges, run: &Arc<RunState>) -> Result<Stepped, RunError> {
        let Some(line) = &mut self.line else { return Ok(Stepped::Waits(Wait::Input)) };
        let mut end = Ahead::new(edges, run, self.output, &mut self.rest);
        let looked = line.look(&mut end);
        let flow = end.overfull(looked)?;
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
    let finished = line.finish(end);
    end.overfull(finished)?;
    Ok(Stepped::Over(Close::Well))
}

/// What is behind the line: an edge, or nothing.
struct Ahead<'e> {
    edges: &'e Edges,
    run: &'e Arc<RunState>,
    edge: Option<usize>,
    rest: &'e mut Rest,
    /// What was put in this step.
    bytes: usize,
    /// One slice had more outputs than may wait.
    error: Option<RunError>,
}

impl<'e> Ahead<'e> {
    fn new(edges: &'e Edges, run: &'e Arc<RunState>, edge: Option<usize>, rest: &'e mut Rest) -> Self {
        Ahead { edges, run, edge, rest, bytes: 0, error: None }
    }

    /// Carries a batch through the line, or a piece of one, as far as there is room for what comes of it.
    fn carry(&mut self, line: &mut Line<'static>, batch: BoxBatch) -> Result<Flow, RunError> {
        let carried = line.carry(batch, self);
        let flow = self.overfull(carried)?;
        if self.rest.pieces.is_empty() || flow.is_break() {
            // Nobody's any more, and neither is what they throw; each by itself, so that no panic meets another.
            std::mem::take(self.rest).pieces.into_iter().for_each(discard);
        }
        Ok(flow)
    }

    /// The error of who stopped the line because there was too much, before what the line itself says of that.
    fn overfull<T>(&mut self, result: Result<T, RunError>) -> Result<T, RunError> {
        self.error.take().map_or(result, Err)
    }

    /// Why the line stopped: the reader failed, or the reader, or the line itself, has had enough.
    fn refused(&self) -> Close {
        self.edge.and_then(|edge| self.edges.reader(edge)).unwrap_or(Close::Well)
    }
}

impl Outlet for Ahead<'_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let edge = self.edge.expect("a sink emits nothing");
        let (bytes, most) = (batch.bytes(), self.run.budget().limit().max(Want::MOST.bytes));
        if self.bytes > 0 && self.bytes.saturating_add(bytes) > most {
            let refusal = self.run.budget().refusal("outputs of an item", bytes, self.bytes);
            self.error.get_or_insert(refusal);
            return Flow::Break(());
        }
        self.bytes += bytes;
        let permit = self.run.budget().overdraw(bytes);
        self.edges.try_put(edge, Parcel { batch, permit });
        if self.is_closed() { Flow::Break(()) } else { Flow::Continue(()) }
    }

    fn is_closed(&self) -> bool {
        self.error.is_some() || self.edge.is_some_and(|edge| self.edges.reader(edge).is_some())
    }

    /// Before each slice: keeps all but one item back where there is no room for more.
    fn share(&mut self, rest: &mut dyn AnyBatch) {
        let is_full = || self.edge.is_some_and(|edge| self.edges.room(edge) == Room::None);
        if self.bytes > 0 && is_full() {
            self.rest.pieces.extend(std::iter::from_fn(|| rest.split()));
        }
    }
}
