//! From the types of a pipeline to a plan: each finished segment becomes one erased node.

use crate::batch::{Batch, Items};
use crate::error::{Payload, RunError};
use crate::item::{Item, Own};
use crate::plan::{AnySource, BoxBatch, Node, Nodes, Plan};
use crate::run::RunState;
use crate::segment::{Chain, Fused};
use crate::sink::Sink;
use crate::sink_node::{Done, SinkNode};
use crate::source::{FromIter, Source, Want};
use crate::stage::Step;
use crate::straight::Straight;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What feeds a segment: its items, and the batch that carries them.
pub trait Feed {
    /// The items.
    type Item: Item;
    /// The batch.
    type Batch: for<'a> Batch<Item<'a> = <Self::Item as Item>::Of<'a>> + Send + 'static;
}

/// A part of a pipeline that can become nodes of a plan. Implemented by the types that the builder makes.
pub trait Lower<'p> {
    /// Pushes its nodes, from the source on, and returns the source.
    fn lower(self, nodes: &mut Vec<Node<'p>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p>;
}

/// The last part of a pipeline, whose items `T` go into a sink.
pub trait Close<'p, T>: Lower<'p> {
    /// The whole pipeline. What the sink leaves behind at its commit goes to `done`.
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p>
    where
        S: Sink<T, Done: 'p> + 'p;
}

/// The beginning of a pipeline: its source.
pub struct Start<S>(pub(crate) S);

impl<S: Source> Feed for Start<S> {
    type Item = S::Item;
    type Batch = S::Batch;
}

impl<'p, S: Source + 'p> Lower<'p> for Start<S> {
    fn lower(self, _: &mut Vec<Node<'p>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
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
        let pulled = catch_unwind(AssertUnwindSafe(|| self.source.pull(want)));
        let pulled = pulled.map_err(|thrown| RunError::Panicked {
            stage: "source".to_owned(),
            at: None,
            payload: Payload::new(thrown),
        })?;
        let Some(batch) = pulled.map_err(|source| RunError::Source { source })? else { return Ok(None) };
        self.run.count_pulled(batch.payload());
        Ok(Some(Box::new(batch)))
    }
}

/// A finished segment: what is upstream, its chain, and the owned items that leave it. With `TRACK` these carry the position that they
/// came from: true unless the sink follows, which counts items itself.
pub struct Cut<U, C, T, const TRACK: bool> {
    up: U,
    chain: C,
    items: PhantomData<fn() -> T>,
}

impl<U, C, T, const TRACK: bool> Cut<U, C, T, TRACK> {
    pub(crate) fn new(up: U, chain: C) -> Self {
        Cut { up, chain, items: PhantomData }
    }
}

impl<U, C, T: Send + 'static, const TRACK: bool> Feed for Cut<U, C, T, TRACK> {
    type Item = Own<T>;
    type Batch = Items<T>;
}

impl<'p, U, C, T, const TRACK: bool> Lower<'p> for Cut<U, C, T, TRACK>
where
    U: Lower<'p> + Feed<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let source = self.up.lower(nodes, run);
        let id = nodes.len();
        nodes.push(Node::Parallel(Arc::new(Fused::<C, U::Batch, U::Item, T, TRACK>::new(self.chain, id))));
        source
    }
}

impl<'p, U, C, T> Close<'p, T> for Cut<U, C, T, false>
where
    U: Lower<'p> + Feed<Item: 'p>,
    T: Send + 'static,
    C: for<'a> Chain<'a, U::Item, Own<T>> + 'p,
{
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p>
    where
        S: Sink<T, Done: 'p> + 'p,
    {
        let mut nodes = Vec::new();
        let source = self.lower(&mut nodes, &run);
        nodes.push(Node::Serial(Box::new(SinkNode::<T, S>::new(sink, done, &run))));
        Plan::of_nodes(Nodes { source, nodes, first: None }, run)
    }
}

/// The beginning of a pipeline over an iterator.
///
/// Beside [`Start`], because one segment between an iterator and a sink can be run as the loop that one would write by hand; a batch in
/// between would cost more than cheap steps do.
pub struct StartIter<I: Iterator>(pub(crate) FromIter<I>);

impl<I: Iterator<Item: Send + 'static> + Send> Feed for StartIter<I> {
    type Item = Own<I::Item>;
    type Batch = Items<I::Item>;
}

// `StartIter` itself is not `Lower`: so the two impls below do not overlap with those for `Cut<U, ..>` above.

impl<'p, I, C, T, const TRACK: bool> Lower<'p> for Cut<StartIter<I>, C, T, TRACK>
where
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
{
    fn lower(self, nodes: &mut Vec<Node<'p>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        let up = Start(self.up.0);
        Cut::<Start<FromIter<I>>, C, T, TRACK>::new(up, self.chain).lower(nodes, run)
    }
}

impl<'p, I, C, T> Close<'p, T> for Cut<StartIter<I>, C, T, false>
where
    I: Iterator<Item: Send + 'static> + Send + 'p,
    T: Send + 'static,
    C: Step<I::Item, Out = T> + 'p,
{
    fn close<S>(self, sink: S, done: Done<S::Done>, run: Arc<RunState>) -> Plan<'p>
    where
        S: Sink<T, Done: 'p> + 'p,
    {
        let straight = Straight::new(self.up.0, self.chain, SinkNode::new(sink, done, &run), run.clone());
        Plan::of_loop(Box::new(straight), run)
    }
}

/// What is upstream, without its type.
pub struct Boxed<'p, T> {
    lower: Box<dyn FnOnce(&mut Vec<Node<'p>>, &Arc<RunState>) -> Box<dyn AnySource + 'p> + 'p>,
    items: PhantomData<fn() -> T>,
}

impl<'p, T> Boxed<'p, T> {
    pub(crate) fn new(up: impl Lower<'p> + 'p) -> Self {
        Boxed { lower: Box::new(move |nodes, run| up.lower(nodes, run)), items: PhantomData }
    }
}

impl<T: Send + 'static> Feed for Boxed<'_, T> {
    type Item = Own<T>;
    type Batch = Items<T>;
}

impl<'p, T> Lower<'p> for Boxed<'p, T> {
    fn lower(self, nodes: &mut Vec<Node<'p>>, run: &Arc<RunState>) -> Box<dyn AnySource + 'p> {
        (self.lower)(nodes, run)
    }
}
