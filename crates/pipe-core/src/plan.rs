//! A pipeline made ready for an executor: a source, and a list of nodes whose types are erased.
//!
//! A batch costs one virtual call per slice; an item costs none. The type of the batch on an edge is known to the two nodes that share
//! it and to nobody else, so an executor is ordinary code, not generic over the pipeline.

use crate::batch::Batch;
use crate::error::RunError;
pub use crate::left::{discard, left, made};
pub use crate::line::{Line, LineOf, SerialLine};
use crate::opaque::opaque;
pub use crate::run::{Failure, RunState};
use crate::source::Want;
use crate::stage::Flow;
pub use crate::waits::Wait;
use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// What an executor runs. It may borrow from the caller for `'p`.
///
/// `A` is how the executor drives async stages ([`Executor::Async`](crate::Executor::Async)).
pub struct Plan<'p, A = Infallible> {
    form: Form<'p, A>,
    run: Arc<RunState>,
}

opaque!(['p, A] Plan['p, A]);

enum Form<'p, A> {
    Nodes(Nodes<'p, A>),
    Loop(Box<dyn Loop<'p> + 'p>),
}

/// A plan as a list: what every pipeline can be.
pub struct Nodes<'p, A = Infallible> {
    /// Where batches come from.
    pub source: Box<dyn AnySource + 'p>,
    /// Segments in order, and the sink last: one `Serial` node.
    pub nodes: Vec<Node<'p, A>>,
    /// The worker of the first node, a parallel one, that this thread has used already, with its state: it must be used on.
    pub first: Option<Box<dyn Worker + 'p>>,
}

opaque!(['p, A] Nodes['p, A]);

impl<'p> Nodes<'p, Infallible> {
    /// The same nodes for an executor that could drive more.
    pub fn widen<A>(self) -> Nodes<'p, A> {
        let nodes = self.nodes.into_iter().map(Node::widen).collect();
        Nodes { source: self.source, nodes, first: self.first }
    }
}

impl<'p, A> Plan<'p, A> {
    /// A plan of these nodes, for an executor that hands on what another one has begun: the rest of the source, serial workers with the state that
    /// they have, and the worker of the first node, if that was used.
    pub fn from_nodes(nodes: Nodes<'p, A>, run: Arc<RunState>) -> Self {
        Plan { form: Form::Nodes(nodes), run }
    }

    pub(crate) fn of_loop(whole: Box<dyn Loop<'p> + 'p>, run: Arc<RunState>) -> Self {
        Plan { form: Form::Loop(whole), run }
    }

    /// What all workers share.
    pub fn run(&self) -> &Arc<RunState> {
        &self.run
    }

    /// The plan as a list of nodes.
    pub fn into_nodes(self) -> Nodes<'p, A> {
        match self.form {
            Form::Nodes(nodes) => nodes,
            Form::Loop(whole) => whole.open().widen(),
        }
    }

    /// The plan as one loop.
    ///
    /// # Errors
    /// Its nodes, if it has not that form: its source is no iterator, or it has more than one segment.
    pub fn into_loop(self) -> Result<Box<dyn Loop<'p> + 'p>, Nodes<'p, A>> {
        match self.form {
            Form::Nodes(nodes) => Err(nodes),
            Form::Loop(whole) => Ok(whole),
        }
    }
}

/// Source, chain and sink as the loop that one would write by hand: one thread, no batch in between.
pub trait Loop<'p> {
    /// Runs up to `limit` items from the source into the sink, fewer if the run was stopped. `Done`: the source is at its end;
    /// `Enough`: a stage has had enough.
    ///
    /// # Errors
    /// As for a worker, the source or the sink.
    fn run(&mut self, limit: usize) -> Result<Ran, RunError>;

    /// After the last item, once: lets each stage emit what it kept, and commits the sink.
    ///
    /// # Errors
    /// As for `run`.
    fn finish(&mut self) -> Result<(), RunError>;

    /// Takes it apart, to go on with several workers. Not after an error or the end.
    fn open(self: Box<Self>) -> Nodes<'p>;
}

/// One node of a plan.
pub struct Node<'p, A = Infallible> {
    /// The index of its segment, for [`RunState::order`] and the like. That of the sink is one more than the last.
    pub segment: usize,
    /// By how many workers it may be run.
    pub work: Work<'p, A>,
}

opaque!(['p, A] Node['p, A]);

/// By how many workers a node may be run.
pub enum Work<'p, A = Infallible> {
    /// A fused segment: any number of workers, each built on the thread that uses it.
    Parallel(Arc<dyn Segment<'p> + 'p>),
    /// One worker for the whole run, called by one thread at a time, its batches in order. It may move between threads.
    Serial(Box<dyn Worker + Send + 'p>),
    /// An async stage, as the executor drives it.
    Async(A),
}

opaque!(['p, A] Work['p, A]);

impl<'p> Node<'p, Infallible> {
    pub(crate) fn widen<A>(self) -> Node<'p, A> {
        let work = match self.work {
            Work::Parallel(segment) => Work::Parallel(segment),
            Work::Serial(worker) => Work::Serial(worker),
            Work::Async(never) => match never {},
        };
        Node { segment: self.segment, work }
    }
}

/// A source whose batch type is erased.
pub trait AnySource: Send {
    /// The next batch; `None` at the end. Not called again after that or an error.
    ///
    /// # Errors
    /// The source's own error, or its panic.
    fn pull(&mut self, want: Want) -> Result<Option<BoxBatch>, RunError>;

    /// As `pull`; the batch also ends when `is_due` says so, asked after each item: [`Source::pull_until`](crate::Source::pull_until).
    ///
    /// # Errors
    /// As for `pull`.
    fn pull_until(
        &mut self,
        want: Want,
        is_due: &mut dyn FnMut() -> bool,
    ) -> Result<Option<BoxBatch>, RunError>;
}

/// A batch whose type is erased.
pub trait AnyBatch: Send {
    /// [`Batch::bytes`].
    fn bytes(&self) -> usize;
    /// [`Batch::split`].
    fn split(&mut self) -> Option<BoxBatch>;
    /// For the node that knows the type.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// A batch on an edge.
pub type BoxBatch = Box<dyn AnyBatch>;

impl<B: Batch + Send + 'static> AnyBatch for B {
    fn bytes(&self) -> usize {
        Batch::bytes(self)
    }

    fn split(&mut self) -> Option<BoxBatch> {
        Batch::split(self).map(|back| Box::new(back) as BoxBatch)
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

/// A fused chain of stages: the definition, shared by its workers.
pub trait Segment<'p>: Send + Sync {
    /// Builds a worker on this thread, where it stays.
    ///
    /// # Errors
    /// A stage panicked while it made its state.
    fn worker(self: Arc<Self>, run: Arc<RunState>) -> Result<Box<dyn Worker + 'p>, RunError>;
}

/// One worker of a node.
///
/// It keeps what it emits until its buffer is full or it is flushed; then it hands the batch to `next`. A full buffer is handed on in
/// the middle of an item, so an item that explodes needs no more memory than others.
pub trait Worker {
    /// Runs up to `limit` items of the batch, fewer if the run was cancelled. Between two calls the executor looks whether the run was
    /// stopped.
    ///
    /// # Errors
    /// A stage failed or panicked. The worker is not used again, its batch is dropped.
    fn run(&mut self, batch: &mut dyn AnyBatch, limit: usize, next: &mut dyn Outlet)
    -> Result<Ran, RunError>;

    /// Hands on what it holds.
    fn flush(&mut self, next: &mut dyn Outlet);

    /// When it wants to be looked at though no batch comes, by the run's clock: it keeps something that is old enough then.
    fn due(&self) -> Option<Duration> {
        None
    }

    /// When that time has come: lets its stages emit what is old enough, and hands it on. An executor that cannot wait
    /// for a batch and for a time at once need not call it; then what is old goes on with the next batch.
    ///
    /// # Errors
    /// As for `run`.
    fn look(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        self.flush(next);
        Ok(())
    }

    /// After the last batch, once: lets each stage emit what it kept, and flushes. A sink commits here.
    ///
    /// # Errors
    /// As for `run`.
    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError>;
}

/// How far a worker came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// It lent `n` items, as many as it was allowed, or fewer if it was asked to pause; there may be more.
    More(usize),
    /// The batch is empty.
    Done(usize),
    /// Stopped in the middle: a stage has had enough, or the outlet refused a batch. The rest of the batch is to be dropped.
    Enough(usize),
}

/// Where a worker's full batches go: the next node, a queue, an iterator.
pub trait Outlet {
    /// Takes a batch; it may wait for room. `Break` means: no more, for whatever reason the executor keeps.
    fn put(&mut self, batch: BoxBatch) -> Flow;

    /// Whether it is known that nothing more is wanted. Looked at between slices.
    fn is_closed(&self) -> bool {
        false
    }

    /// Between the slices of a batch: what is left of it, of which some may be given away by [`AnyBatch::split`]. A [`Line`] asks the outlet
    /// behind it, for the batches that it is given itself.
    fn share(&mut self, rest: &mut dyn AnyBatch) {
        let _ = rest;
    }

    /// A worker keeps back what it may have to drop, and has found the memory limit overdrawn. Waits until there is room, or until nobody
    /// else could make any before this one goes on: with an order, when its batch is the next. What it waits with is put here only after that.
    /// `Break`: nothing of it is wanted any more. Where one thread does everything there is nobody to wait for.
    fn wait_for_room(&mut self) -> Flow {
        Flow::Continue(())
    }

    /// A worker has given back bytes that it kept back, and may now wait for something else than room: for who waits for room.
    fn gave_back(&mut self) {}

    /// Whether what is put here has left its segment for good.
    #[doc(hidden)]
    fn counts(&self) -> bool {
        true
    }
}

/// Behind the sink, which emits nothing: the outlet of a [`Line`] that ends in one.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEnd;

impl Outlet for NoEnd {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}
