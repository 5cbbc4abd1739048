//! From the types of a pipeline to a plan: each finished segment becomes one erased node.

use crate::async_step::AsyncStep;
use crate::batch::{Batch, Items};
use crate::error::{Payload, RunError};
use crate::executor::{Drives, Executor};
use crate::inline::Inline;
use crate::item::{Item, Own};
use crate::observer::{Part, Watched};
use crate::opaque::opaque;
use crate::plan::{AnySource, BoxBatch, Node, Nodes, Plan, Work};
use crate::run::RunState;
use crate::segment::{Chain, Fused, FusedWorker, Slot};
use crate::sink::Sink;
use crate::sink_node::{Done, SinkNode};
use crate::source::{FromIter, Source, Want};
use crate::stage::{BoxError, Stage, Step};
use crate::straight::Straight;
use crate::timed;
use std::any::TypeId;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What feeds a segment: its items, and the batch that carries them.
pub trait Feed {
    /// The items.
    type Item: Item;
    /// The batch.
    type Batch: for<'a> Batch<Item<'a> = <Self::Item as Item>::Of<'a>> + Send + 'static;
}

/// What is lowered by itself, which a [`StartIter`] is not. A trait of its own, because it has no parameter: so the compiler knows that
/// nobody else can implement it for `StartIter`, and the impls for `Cut<U, ..>` and `Cut<StartIter<I>, ..>` do not overlap.
pub trait Upstream: Feed {}

impl<S: Source> Upstream for Start<S> {}
impl<U, C, T: Send + 'static, K> Upstream for Cut<U, C, T, K> {}
impl<T: Send + 'static> Upstream for Boxed<'_, T> {}

/// A part of a pipeline that can become nodes of a plan for the executor `X`. Implemented by the types that the builder makes.
pub trait Lower<'p, X: Executor<'p> + ?Sized> {
    /// Pushes its nodes, from the source on, and returns the source.
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p>;
}

/// The last part of a pipeline, whose items `T` go into a sink.
#[diagnostic::on_unimplemented(
    message = "this pipeline cannot be run as it stands",
    label = "a stage of it is not what it should be",
    note = "mostly another error says which one: see to that first, and this one goes away"
)]
pub trait Close<'p, X: Executor<'p> + ?Sized, T> {
    /// The whole pipeline. What the sink leaves behind at its commit goes to `done`.
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p, X::Async>
    where
        S: Sink<T, Done: 'p> + 'p;
}

/// The beginning of a pipeline: its source.
pub struct Start<S>(pub(crate) S);

opaque!([S] Start[S]);

impl<S: Source> Feed for Start<S> {
    type Item = S::Item;
    type Batch = S::Batch;
}

impl<'p, X: Executor<'p> + ?Sized, S: Source + 'p> Lower<'p, X> for Start<S> {
    fn lower(mut self, _: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        self.0.stopped_by(run.source_stop());
        Box::new(Counted { source: self.0, run: run.clone() })
    }
}

/// A source that counts what it gives and turns its panics into errors.
pub(crate) struct Counted<S> {
    pub(crate) source: S,
    pub(crate) run: Arc<RunState>,
}

impl<S: Source> AnySource for Counted<S> {
    fn pull(&mut self, want: Want) -> Result<Option<BoxBatch>, RunError> {
        self.counted(|source| source.pull(want))
    }

    fn pull_until(
        &mut self,
        want: Want,
        is_due: &mut dyn FnMut() -> bool,
    ) -> Result<Option<BoxBatch>, RunError> {
        self.counted(|source| source.pull_until(want, is_due))
    }
}

impl<S: Source> Counted<S> {
    fn counted(
        &mut self,
        pull: impl FnOnce(&mut S) -> Result<Option<S::Batch>, BoxError>,
    ) -> Result<Option<BoxBatch>, RunError> {
        if self.run.reads_no_more() {
            return Ok(None);
        }
        let mut watched = Watched::begin(&self.run, Some(Part::Source));
        let pulled = catch_unwind(AssertUnwindSafe(|| {
            let pulled = pull(&mut self.source);
            self.source.take_events().into_iter().for_each(|event| self.run.note(event));
            pulled
        }));
        self.run.count_source_busy(watched.stop());
        let pulled = pulled.map_err(|thrown| RunError::Panicked {
            stage: "source".to_owned(),
            at: None,
            payload: Payload::new(thrown),
        })?;
        let Some(batch) = pulled.map_err(|source| RunError::Source { source })? else {
            self.run.budget().wants_no_more();
            return Ok(None);
        };
        let bytes = batch.payload();
        self.run.count_pulled(bytes);
        watched.tell(0, bytes, Duration::ZERO);
        Ok(Some(Box::new(batch)))
    }
}

/// A finished segment: what is upstream, its chain (or async step), and the owned items `T` that leave it. `K` says who runs it.
pub struct Cut<U, C, T, K> {
    up: U,
    chain: C,
    id: usize,
    types: PhantomData<fn() -> (T, K)>,
}

opaque!([U, C, T, K] Cut[U, C, T, K]);

/// Run by any number of workers.
#[derive(Debug)]
pub enum AnyWorkers {}

/// Run by one worker at a time, in order.
#[derive(Debug)]
pub enum OneWorker {}

/// Run by a reactor.
#[derive(Debug)]
pub enum Reactor {}

/// Run by any number of workers, and followed by the sink.
#[derive(Debug)]
pub enum Last {}

impl<U, C, T, K> Cut<U, C, T, K> {
    pub(crate) fn new(up: U, chain: C, id: usize) -> Self {
        Cut { up, chain, id, types: PhantomData }
    }

    pub(crate) fn chain_mut(&mut self) -> &mut C {
        &mut self.chain
    }
}

impl<U, C, T: Send + 'static, K> Feed for Cut<U, C, T, K> {
    type Item = Own<T>;
    type Batch = Items<T>;
}

impl<'p, X, U, C, T> Lower<'p, X> for Cut<U, C, T, AnyWorkers>
where
    X: Executor<'p> + ?Sized,
    U: Lower<'p, X> + Upstream<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        lower_parallel::<X, U, C, T, true>(self.up, self.chain, self.id, nodes, run)
    }
}

/// One parallel node, unless it would only hand on the batches that it gets.
fn lower_parallel<'p, X, U, C, T, const TRACK: bool>(
    up: U,
    chain: C,
    id: usize,
    nodes: &mut Vec<Node<'p, X::Async>>,
    run: &Arc<RunState>,
) -> Box<dyn AnySource + 'p>
where
    X: Executor<'p> + ?Sized,
    U: Lower<'p, X> + Upstream<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    let source = up.lower(nodes, run);
    if C::EMPTY && TypeId::of::<U::Batch>() == TypeId::of::<Items<T>>() {
        run.elide(id);
        return source;
    }
    let segment = Fused::<C, U::Batch, U::Item, T, TRACK>::new(chain, id);
    nodes.push(timed::parallel(Arc::new(segment), id));
    source
}

impl<'p, X, U, C, T> Lower<'p, X> for Cut<U, C, T, OneWorker>
where
    X: Executor<'p> + ?Sized,
    U: Lower<'p, X> + Upstream<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + Stage<State: Send> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let source = self.up.lower(nodes, run);
        let segment = Fused::<C, U::Batch, U::Item, T, true>::new(self.chain, self.id);
        let worker = FusedWorker::new(Arc::new(segment), Slot::Unmade, run.clone());
        nodes.push(timed::serial(Box::new(worker), self.id, run));
        source
    }
}

impl<'p, X, U, A, T> Lower<'p, X> for Cut<U, A, T, Reactor>
where
    X: Drives<'p, A> + ?Sized,
    U: Lower<'p, X> + Upstream<Item = Own<A::In>, Batch = Items<A::In>>,
    A: AsyncStep<Out = T>,
    T: Send + 'static,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let source = self.up.lower(nodes, run);
        nodes.push(Node { segment: self.id, work: Work::Async(X::drive(self.chain, self.id, run)) });
        source
    }
}

/// Nobody behind it needs positions: an iterator, or most sinks.
impl<'p, X, U, C, T> Lower<'p, X> for Cut<U, C, T, Last>
where
    X: Executor<'p> + ?Sized,
    U: Lower<'p, X> + Upstream<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        lower_parallel::<X, U, C, T, false>(self.up, self.chain, self.id, nodes, run)
    }
}

impl<'p, X, U, C, T> Close<'p, X, T> for Cut<U, C, T, Last>
where
    X: Executor<'p> + ?Sized,
    U: Lower<'p, X> + Upstream<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p, X::Async>
    where
        S: Sink<T, Done: 'p> + 'p,
    {
        let (mut nodes, last) = (Vec::new(), self.id);
        let source = if S::POSITIONS {
            lower_parallel::<X, U, C, T, true>(self.up, self.chain, self.id, &mut nodes, &run)
        } else {
            self.lower(&mut nodes, &run)
        };
        let sink = SinkNode::<T, S>::new(sink, done, &run);
        nodes.push(timed::serial(Box::new(sink), last + 1, &run));
        Plan::from_nodes(Nodes { source, nodes, first: None }, run)
    }
}

/// The beginning of a pipeline over an iterator.
///
/// Beside [`Start`], because one segment between an iterator and a sink can be run as the loop that one would write by hand; a batch in
/// between would cost more than cheap steps do.
pub struct StartIter<I: Iterator>(pub(crate) FromIter<I>);

opaque!([I: Iterator] StartIter[I]);

impl<I: Iterator<Item: Send + 'static> + Send> Feed for StartIter<I> {
    type Item = Own<I::Item>;
    type Batch = Items<I::Item>;
}

impl<'p, X, I, C, T> Lower<'p, X> for Cut<StartIter<I>, C, T, AnyWorkers>
where
    X: Executor<'p> + ?Sized,
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let up = Start(self.up.weighed(run));
        Lower::<'p, X>::lower(
            Cut::<Start<FromIter<I>>, C, T, AnyWorkers>::new(up, self.chain, self.id),
            nodes,
            run,
        )
    }
}

impl<'p, X, I, C, T> Lower<'p, X> for Cut<StartIter<I>, C, T, Last>
where
    X: Executor<'p> + ?Sized,
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let up = Start(self.up.weighed(run));
        Lower::<'p, X>::lower(Cut::<Start<FromIter<I>>, C, T, Last>::new(up, self.chain, self.id), nodes, run)
    }
}

impl<'p, X, I, C, T> Close<'p, X, T> for Cut<StartIter<I>, C, T, Last>
where
    X: Executor<'p> + ?Sized,
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
{
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p, X::Async>
    where
        S: Sink<T, Done: 'p> + 'p,
    {
        if S::POSITIONS || run.again::<Items<I::Item>>(self.id).is_some() {
            let up = Start(self.up.weighed(&run));
            let cut = Cut::<Start<FromIter<I>>, C, T, Last>::new(up, self.chain, self.id);
            return Close::<'p, X, T>::close(cut, sink, done, run);
        }
        let source = self.up.weighed(&run);
        let straight = Straight::new(source, self.chain, SinkNode::new(sink, done, &run), run.clone());
        Plan::of_loop(Box::new(straight), run)
    }
}

impl<I: Iterator<Item: 'static>> StartIter<I> {
    /// Items that own memory are weighed while they are read. Where a batch is let go by its age they come one by one.
    fn weighed(mut self, run: &RunState) -> FromIter<I> {
        self.0.weigher = run.weigher();
        if run.has_age() {
            self.0.most = 1;
        }
        self.0
    }
}

/// What is upstream, without its type.
pub struct Boxed<'p, T> {
    lower: Box<LowerBoxed<'p>>,
    items: PhantomData<fn() -> T>,
}

opaque!(['p, T] Boxed['p, T]);

type LowerBoxed<'p> =
    dyn FnOnce(&mut Vec<Node<'p, Infallible>>, &Arc<RunState>) -> Box<dyn AnySource + 'p> + Send + 'p;

impl<'p, T> Boxed<'p, T> {
    pub(crate) fn new(up: impl Lower<'p, Inline> + Send + 'p) -> Self {
        Boxed { lower: Box::new(move |nodes, run| up.lower(nodes, run)), items: PhantomData }
    }
}

impl<T: Send + 'static> Feed for Boxed<'_, T> {
    type Item = Own<T>;
    type Batch = Items<T>;
}

impl<'p, X: Executor<'p> + ?Sized, T> Lower<'p, X> for Boxed<'p, T> {
    fn lower(self, nodes: &mut Vec<Node<'p, X::Async>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let mut own = Vec::new();
        let source = (self.lower)(&mut own, run);
        nodes.extend(own.into_iter().map(Node::widen));
        source
    }
}
