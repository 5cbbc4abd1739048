//! A source whose items lie in an arena.

use crate::arena::Arena;
use crate::arena_pool::ArenaPool;
use crate::pool::Pooled;
use pipe_core::{
    Batch, BoxError, Cancel, Event, Flow, Identity, Item, Pipeline, Pulled, Reread, RunError, Source, Start,
    Want, from_source,
};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Builds the items of a source in an arena: rows that borrow from it, made without asking the allocator.
///
/// Each batch gets an arena from a pool when a worker begins with it, on the thread of that worker, and gives it back at its end. The
/// arena is reset after each item, once all stages of the segment are done with it, so it stays as large as the largest item and in the
/// nearest cache. A row may hold the `&Arena`: then stages can put what they make there as well.
///
/// ```
/// use pipe_core::{FromIter, Inline, rows};
/// use pipe_mem::{Arena, InArena};
/// use std::convert::Infallible;
///
/// struct Reading<'a> { arena: &'a Arena, name: &'a str, values: &'a [f32] }
/// rows!(Reading);
///
/// fn reading(arena: &Arena, id: u64) -> Reading<'_> {
///     let name = arena.format(format_args!("sensor-{id}"));
///     Reading { arena, name, values: arena.slice_with(16, |k| k as f32) }
/// }
///
/// fn scaled(row: Reading<'_>) -> Result<Reading<'_>, Infallible> {
///     let values = row.arena.slice_with(row.values.len(), |k| row.values[k] * 2.0);
///     Ok(Reading { values, ..row })
/// }
///
/// let sum = InArena::new(FromIter::new(0..1_000u64), reading)
///     .pipeline()
///     .filter(|row| !row.name.ends_with('7'))
///     .parse(scaled)
///     .map(|row| row.values.iter().sum::<f32>())
///     .fold(|| 0.0, |sum, x| *sum += f64::from(x), |all, part| *all += part)
///     .run_on(&Inline)?;
/// assert_eq!(sum.value, 900.0 * 240.0);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct InArena<S, F, O> {
    source: S,
    build: Arc<F>,
    arenas: ArenaPool,
    item: PhantomData<fn() -> O>,
}

impl<S: fmt::Debug, F, O> fmt::Debug for InArena<S, F, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InArena")
            .field("source", &self.source)
            .field("arenas", &self.arenas)
            .finish_non_exhaustive()
    }
}

/// A function from an arena and an item of `I` to a row of `O` that borrows from the arena.
///
/// A helper for [`InArena::new`], implemented for the functions that it takes: `fn(&Arena, In<'_>) -> Row<'_>`.
#[diagnostic::on_unimplemented(
    message = "this function does not build a row in an arena",
    note = "it is a named `fn(&Arena, In) -> Row<'_>`, and `rows!` names the row"
)]
pub trait Build<'a, 'b, I: Item, O: Item> {
    /// Calls it.
    fn build(&self, arena: &'a Arena, item: I::Of<'b>) -> O::Of<'a>;
}

impl<'a, 'b, I: Item, O: Item, F: Fn(&'a Arena, I::Of<'b>) -> O::Of<'a>> Build<'a, 'b, I, O> for F {
    #[inline(always)]
    fn build(&self, arena: &'a Arena, item: I::Of<'b>) -> O::Of<'a> {
        self(arena, item)
    }
}

impl<S: Source, F, O: Item> InArena<S, F, O> {
    /// The items of `source`, each made into a row by `build`.
    pub fn new(source: S, build: F) -> Self
    where
        F: Fn(&'static Arena, <S::Item as Item>::Of<'static>) -> O + for<'a, 'b> Build<'a, 'b, S::Item, O>,
    {
        InArena { source, build: Arc::new(build), arenas: ArenaPool::new(), item: PhantomData }
    }

    /// Takes the arenas from this pool, which others may share.
    pub fn arenas(mut self, arenas: &ArenaPool) -> Self {
        self.arenas = arenas.clone();
        self
    }

    /// The pipeline that starts with these rows.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, O>
    where
        Self: Source<Item = O>,
    {
        from_source(self)
    }

    fn batch(&self, batch: S::Batch) -> ArenaBatch<S::Batch, F, S::Item, O> {
        let (build, arenas) = (self.build.clone(), self.arenas.clone());
        ArenaBatch { batch, arena: None, build, arenas, item: PhantomData }
    }
}

impl<S, F, O> Source for InArena<S, F, O>
where
    S: Source<Item: 'static>,
    O: Item + 'static,
    F: for<'a, 'b> Build<'a, 'b, S::Item, O> + Send + Sync + 'static,
{
    type Item = O;
    type Batch = ArenaBatch<S::Batch, F, S::Item, O>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        Ok(self.source.pull(want)?.map(|batch| self.batch(batch)))
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        match self.source.poll_pull(want, waker) {
            Poll::Ready(pulled) => Poll::Ready(pulled.map(|batch| batch.map(|batch| self.batch(batch)))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn check(&self) -> Result<(), RunError> {
        self.source.check()
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.source.take_events()
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        self.source.stopped_by(stop);
    }
}

/// The batch of an [`InArena`]: the batch of its source, and an arena while it is being worked on.
pub struct ArenaBatch<B, F, I, O> {
    batch: B,
    arena: Option<Pooled<Arena>>,
    build: Arc<F>,
    arenas: ArenaPool,
    item: PhantomData<fn(I) -> O>,
}

impl<B: fmt::Debug, F, I, O> fmt::Debug for ArenaBatch<B, F, I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArenaBatch")
            .field("batch", &self.batch)
            .field("arena", &self.arena)
            .finish_non_exhaustive()
    }
}

impl<B, F, I, O> Batch for ArenaBatch<B, F, I, O>
where
    I: Item,
    O: Item,
    B: for<'b> Batch<Item<'b> = I::Of<'b>>,
    F: for<'a, 'b> Build<'a, 'b, I, O>,
{
    type Item<'a> = O::Of<'a>;

    fn bytes(&self) -> usize {
        self.batch.bytes() + self.arena.as_ref().map_or(0, |arena| arena.bytes())
    }

    fn payload(&self) -> usize {
        self.batch.payload()
    }

    fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, O::Of<'a>) -> Flow) -> usize {
        let arena: &mut Arena = self.arena.get_or_insert_with(|| self.arenas.get());
        let build = &*self.build;
        self.batch.drive(
            limit,
            #[inline(always)]
            |position, item| {
                let flow = each(position, build.build(arena, item));
                arena.reset();
                flow
            },
        )
    }

    fn position(&self) -> u64 {
        self.batch.position()
    }

    fn split(&mut self) -> Option<Self> {
        let batch = self.batch.split()?;
        let (build, arenas) = (self.build.clone(), self.arenas.clone());
        Some(ArenaBatch { batch, arena: None, build, arenas, item: PhantomData })
    }

    fn record(&self, position: u64) -> Option<&[u8]> {
        self.batch.record(position)
    }
}

impl<B, F, I, O> Reread for ArenaBatch<B, F, I, O>
where
    I: Item,
    O: Item,
    B: Reread + for<'b> Batch<Item<'b> = I::Of<'b>>,
    F: for<'a, 'b> Build<'a, 'b, I, O>,
{
    /// The record is built again, in an arena of its own.
    fn reread(&self) -> Option<Self> {
        let batch = self.batch.reread()?;
        let (build, arenas) = (self.build.clone(), self.arenas.clone());
        Some(ArenaBatch { batch, arena: None, build, arenas, item: PhantomData })
    }
}
