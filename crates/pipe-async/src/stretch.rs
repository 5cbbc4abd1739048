//! What is between two async stages, before the first or behind the last: a stretch of sync nodes, with a thread of its own.
//!
//! The thread is there for the whole run, because the workers of a stretch are: their state may be `!Send` and is made once, where it is
//! used. It is a thread of our own and none of the runtime's: a pool of those may be full, and then stretches that wait for each other
//! would wait for ever; a runtime that shuts down waits for them; and paused time, in tests, stands still while one is busy.

use crate::edges::{Close, Edges, Next, Parcel};
use pipe_core::plan::{AnySource, BoxBatch, Line, Node, Outlet, RunState, Segment, Wait, Work, Worker, made};
use pipe_core::{Flow, Pace, Payload, Permit, RunError, Want};
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Nodes in a row that need no reactor.
pub(crate) struct Stretch {
    pub(crate) input: Input,
    pub(crate) nodes: Vec<Node<'static>>,
    /// `None` behind the sink.
    pub(crate) output: Option<usize>,
}

/// Where a stretch gets its batches.
pub(crate) enum Input {
    Source(Box<dyn AnySource>),
    Edge(usize),
}

/// How a part of the run ended.
pub(crate) enum End {
    /// Well: with all there was, or with enough. The stretch of the sink has committed it.
    Finished,
    /// Because another part ended badly.
    Stopped,
    Failed(RunError),
}

impl Stretch {
    /// Runs it to its end and tells its neighbours. When this returns all that it held has been dropped.
    pub(crate) fn run(mut self, edges: &Edges, run: &Arc<RunState>) -> End {
        let (input, output) = (self.input.edge(), self.output);
        let mut line = None;
        let ran = catch_unwind(AssertUnwindSafe(|| self.carry(&mut line, edges, run)));
        let end = match ran {
            Ok(Ok(end)) => end,
            Ok(Err(error)) => End::Failed(error),
            Err(thrown) => End::Failed(dropping(thrown)),
        };
        let end = end.without(self.input).without(line);
        let how = if matches!(end, End::Finished) { Close::Well } else { Close::Badly };
        if let Some(input) = input {
            edges.close_reader(input, how);
        }
        if let Some(output) = output {
            edges.close_writer(output, how);
        }
        end
    }

    /// What it makes and takes stays with the caller, who drops it behind the end that this comes to.
    fn carry(
        &mut self,
        line: &mut Option<Line<'static>>,
        edges: &Edges,
        run: &Arc<RunState>,
    ) -> Result<End, RunError> {
        // A source right before an async stage: its batches go on as they are.
        let bare = self.nodes.is_empty();
        let segments = self.nodes.iter().map(|node| node.segment).collect();
        let line = line.insert(Line::new(run.clone(), workers(take(&mut self.nodes), run)?));
        let mut end = Out { edges, run, edge: self.output, segments, waited: Duration::ZERO };
        let close = match &mut self.input {
            Input::Source(source) if bare => return Ok(pass(&mut **source, &mut end)?.end()),
            Input::Source(source) => pull(&mut **source, line, &mut end)?,
            Input::Edge(edge) => follow(*edge, line, &mut end)?,
        };
        if close == Close::Well {
            // A worker that was cancelled says that it has had enough.
            run.check()?;
            line.finish(&mut end)?;
        }
        Ok(close.end())
    }
}

/// The workers of these nodes, made on the thread that uses them.
pub(crate) fn workers(
    nodes: Vec<Node<'static>>,
    run: &Arc<RunState>,
) -> Result<Vec<Box<dyn Worker>>, RunError> {
    let build = |node: Node<'static>| match node.work {
        Work::Parallel(segment) => Segment::worker(segment, run.clone()),
        Work::Serial(worker) => Ok(worker as Box<dyn Worker>),
        Work::Async(never) => match never {},
    };
    made(nodes.into_iter().map(build))
}

impl Input {
    fn edge(&self) -> Option<usize> {
        match self {
            Input::Source(_) => None,
            Input::Edge(edge) => Some(*edge),
        }
    }
}

impl Close {
    pub(crate) fn end(self) -> End {
        match self {
            Close::Well => End::Finished,
            Close::Badly => End::Stopped,
        }
    }
}

impl End {
    /// The end of a part that has dropped this as well. What that threw is its failure, if it had none.
    pub(crate) fn without<T>(self, useless: T) -> Self {
        // An error whatever becomes of it: dropped as such, what was thrown throws nothing.
        match (self, catch_unwind(AssertUnwindSafe(|| drop(useless))).map_err(dropping)) {
            (End::Finished | End::Stopped, Err(error)) => End::Failed(error),
            (end, _) => end,
        }
    }
}

/// No stage owns this panic: it comes from the `Drop` of something that was on its way.
pub(crate) fn dropping(thrown: Box<dyn std::any::Any + Send>) -> RunError {
    RunError::Panicked { stage: "drop of an item".to_owned(), at: None, payload: Payload::new(thrown) }
}

/// Pulls batches and carries each through the line, until the source ends or nobody wants more.
fn pull(source: &mut dyn AnySource, line: &mut Line<'static>, end: &mut Out<'_>) -> Result<Close, RunError> {
    let mut pace = Pace::new(Pace::BATCH, Want::MOST.items);
    loop {
        end.run.check()?;
        let Some(permit) = end.admit() else { return Ok(end.refused()) };
        let (started, waited, before) = (Instant::now(), end.waited, line.taken());
        let Some((batch, permit)) = read(source, pace.items(), permit, end.run)? else {
            return Ok(Close::Well);
        };
        let flow = line.carry(batch, end)?;
        end.give_back(permit);
        if flow.is_break() {
            return Ok(end.refused());
        }
        // Without the time that it waited for room, or a slow neighbour would make the batches small.
        let busy = started.elapsed().saturating_sub(end.waited - waited);
        pace.learn((line.taken() - before) as usize, busy);
    }
}

/// As `pull`, without anything to do for the line: batches keep their permits. The time is that of the source alone.
fn pass(source: &mut dyn AnySource, end: &mut Out<'_>) -> Result<Close, RunError> {
    let mut pace = Pace::new(Pace::BATCH, Want::MOST.items);
    loop {
        end.run.check()?;
        let Some(permit) = end.admit() else { return Ok(end.refused()) };
        let (started, items) = (Instant::now(), pace.items());
        let Some((batch, permit)) = read(source, items, permit, end.run)? else {
            return Ok(Close::Well);
        };
        pace.learn(items, started.elapsed());
        if end.send(Parcel { batch, permit }).is_break() {
            return Ok(end.refused());
        }
    }
}

/// A batch, and a permit for what it has. `None`: the source is at its end.
pub(crate) fn read(
    source: &mut dyn AnySource,
    items: usize,
    mut permit: Permit,
    run: &RunState,
) -> Result<Option<(BoxBatch, Permit)>, RunError> {
    let Some(batch) = source.pull(Want { items, bytes: run.batch_bytes() })? else { return Ok(None) };
    let (wanted, limit) = (batch.bytes(), run.budget().limit());
    permit.resize(wanted);
    if wanted > limit {
        return Err(run.budget().refusal("source", wanted, run.budget().in_use()));
    }
    Ok(Some((batch, permit)))
}

/// Carries what comes over an edge through the line.
fn follow(edge: usize, line: &mut Line<'static>, end: &mut Out<'_>) -> Result<Close, RunError> {
    loop {
        let flow = match end.wait(Wait::Input, |edges, _| edges.take(edge, line.due())) {
            Some(Next::End(close)) => return Ok(close),
            Some(Next::Parcel(Parcel { batch, permit })) => {
                let flow = line.carry(batch, end)?;
                end.give_back(permit);
                flow
            }
            None => {
                let flow = line.look(end)?;
                end.gave_back();
                flow
            }
        };
        // A line that finds its outlet closed drops the batch, and would take the next.
        if flow.is_break() || end.is_closed() {
            let close = end.refused();
            // Before the line is finished, which may take its time: nobody needs to wait on.
            end.edges.close_reader(edge, close);
            return Ok(close);
        }
    }
}

/// What is behind the line: an edge, or nothing.
struct Out<'e> {
    edges: &'e Edges,
    run: &'e Arc<RunState>,
    edge: Option<usize>,
    /// Those that this thread is for.
    segments: Vec<usize>,
    /// How long it waited for room so far.
    waited: Duration,
}

impl Out<'_> {
    /// Waits, and counts that.
    fn wait<R>(&mut self, wait: Wait, sleep: impl FnOnce(&Edges, &mut Duration) -> R) -> R {
        let clock = self.run.clock();
        let since = clock.now();
        let slept = sleep(self.edges, &mut self.waited);
        let span = clock.now().saturating_sub(since);
        self.segments.iter().for_each(|&segment| self.run.count_waited(segment, wait, span));
        slept
    }

    fn admit(&mut self) -> Option<Permit> {
        let bytes = self.run.batch_bytes();
        match self.edge {
            Some(edge) => self.wait(Wait::Room, |edges, _| edges.admit(edge, bytes)),
            // Nobody else is there to hold anything.
            None => Some(self.run.budget().overdraw(bytes)),
        }
    }

    fn give_back(&self, permit: Permit) {
        self.edges.give_back(permit);
    }

    fn send(&mut self, parcel: Parcel) -> Flow {
        let edge = self.edge.expect("a sink emits nothing");
        self.wait(Wait::Room, |edges, waited| edges.put(edge, parcel, waited))
    }

    /// Why the line stopped: the reader failed, or the reader, or the line itself, has had enough.
    fn refused(&self) -> Close {
        self.edge.and_then(|edge| self.edges.reader(edge)).unwrap_or(Close::Well)
    }
}

impl Outlet for Out<'_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let permit = self.run.budget().overdraw(batch.bytes());
        self.send(Parcel { batch, permit })
    }

    fn is_closed(&self) -> bool {
        self.edge.is_some_and(|edge| self.edges.reader(edge).is_some())
    }

    fn wait_for_room(&mut self) -> Flow {
        let Some(edge) = self.edge else { return Flow::Continue(()) };
        self.wait(Wait::Room, |edges, waited| edges.wait_for_room(edge, waited))
    }

    fn gave_back(&mut self) {
        self.edges.ring();
    }
}
