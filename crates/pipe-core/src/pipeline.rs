//! What the user writes: a chain of adapters, then an end, then `run_on`.
//!
//! No bound speaks of the chain `C` before the pipeline runs: so errors stay short and checking is linear in the number of stages.

use crate::adapters::{Filter, FilterMap, FlatMap, Fold, Identity, Inspect, Map, MapWith, TryMap};
use crate::cancel::Cancel;
use crate::context::SINK;
use crate::error::RunError;
use crate::executor::Executor;
use crate::item::{Item, Own, Owned, Parser};
use crate::iter::Iter;
use crate::lower::{Boxed, Close, Cut, Feed, Lower, Start, StartIter};
use crate::order::Order;
use crate::plan::Nodes;
use crate::policy::ErrorPolicy;
use crate::report::Report;
use crate::run::{RunState, StageInfo};
use crate::sink::{ForEach, Merge, Sink};
use crate::source::{FromIter, Source};
use crate::stage::{BoxError, Step, Then};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// A pipeline under construction: what is upstream (`U`: the source and finished segments), the segment being fused (`C`), and what
/// comes out of it (`I`).
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<U, C, I> {
    pub(crate) up: U,
    pub(crate) chain: C,
    settings: Settings,
    item: PhantomData<fn() -> I>,
}

/// What the builder collects beside the types.
pub(crate) struct Settings {
    stages: Vec<StageInfo>,
    /// One per segment; the last is the open one.
    orders: Vec<Order>,
    cancel: Cancel,
}

impl Settings {
    fn new() -> Self {
        Settings { stages: Vec::new(), orders: vec![Order::default()], cancel: Cancel::new() }
    }

    fn run(self) -> Arc<RunState> {
        Arc::new(RunState::new(self.stages, self.orders, self.cancel))
    }
}

impl<S: Source> Pipeline<Start<S>, Identity, S::Item> {
    pub(crate) fn start(source: S) -> Self {
        Pipeline { up: Start(source), chain: Identity, settings: Settings::new(), item: PhantomData }
    }
}

impl<I: Iterator> Pipeline<StartIter<I>, Identity, Own<I::Item>> {
    pub(crate) fn start_iter(source: FromIter<I>) -> Self {
        Pipeline { up: StartIter(source), chain: Identity, settings: Settings::new(), item: PhantomData }
    }
}

/// Adapters.
impl<U, C, I: Item> Pipeline<U, C, I> {
    fn then<B, J>(mut self, name: &str, second: B) -> Pipeline<U, Then<C, B>, J> {
        let index = self.settings.stages.len();
        let id =
            u16::try_from(index).ok().filter(|id| *id < SINK).expect("a pipeline has at most 65,535 stages");
        let segment = self.settings.orders.len() - 1;
        self.settings.stages.push(StageInfo { name: format!("{name}#{id}"), policy: None, segment });
        let chain = Then::new(self.chain, second, id);
        Pipeline { up: self.up, chain, settings: self.settings, item: PhantomData }
    }

    /// Turns each item into something owned.
    pub fn map<T, F>(self, f: F) -> Pipeline<U, Then<C, Map<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> T + Send + Sync,
    {
        self.then("map", Map(f))
    }

    /// Keeps the items that `f` accepts.
    pub fn filter<F>(self, f: F) -> Pipeline<U, Then<C, Filter<F>>, I>
    where
        F: for<'a, 'b> Fn(&'b I::Of<'a>) -> bool + Send + Sync,
    {
        self.then("filter", Filter(f))
    }

    /// Maps, and keeps what is `Some`.
    pub fn filter_map<T, F>(self, f: F) -> Pipeline<U, Then<C, FilterMap<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> Option<T> + Send + Sync,
    {
        self.then("filter_map", FilterMap(f))
    }

    /// Maps to something owned, or fails the item; [`Pipeline::on_error`] says what that does.
    pub fn try_map<T, E: Into<BoxError>, F>(self, f: F) -> Pipeline<U, Then<C, TryMap<F>>, Own<T>>
    where
        F: for<'a> Fn(I::Of<'a>) -> Result<T, E> + Send + Sync,
    {
        self.then("try_map", TryMap(f))
    }

    /// Turns each item into a row that borrows from it, or fails the item. `f` is a named function, `rows!` names the row.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter, rows};
    /// use std::num::ParseIntError;
    ///
    /// struct Reading<'a> { name: &'a str, value: i64 }
    /// rows!(Reading);
    ///
    /// fn reading(line: &str) -> Result<Reading<'_>, ParseIntError> {
    ///     let (name, value) = line.split_once(';').unwrap_or((line, ""));
    ///     Ok(Reading { name, value: value.parse()? })
    /// }
    ///
    /// # struct Texts(Vec<&'static str>);
    /// # impl pipe_core::Source for Texts {
    /// #     type Item = &'static str;
    /// #     type Batch = TextBatch;
    /// #     fn pull(&mut self, _: pipe_core::Want) -> Result<Option<TextBatch>, pipe_core::BoxError> {
    /// #         Ok(self.0.pop().map(|text| TextBatch(Some(text))))
    /// #     }
    /// # }
    /// # struct TextBatch(Option<&'static str>);
    /// # impl pipe_core::Batch for TextBatch {
    /// #     type Item<'a> = &'a str;
    /// #     fn bytes(&self) -> usize { 0 }
    /// #     fn drive(&mut self, _: usize, mut each: impl for<'a> FnMut(u64, &'a str) -> pipe_core::Flow) -> usize {
    /// #         self.0.take().map_or(0, |text| { let _ = each(0, text); 1 })
    /// #     }
    /// #     fn position(&self) -> u64 { 0 }
    /// # }
    /// # let texts = pipe_core::from_source(Texts(vec!["b;2", "a;40"]));
    /// let sum = texts // a source of `&str`
    ///     .parse(reading)
    ///     .filter(|reading| reading.name == "a")
    ///     .map(|reading| reading.value)
    ///     .fold(|| 0, |sum, value| *sum += value, |all, part| *all += part)
    ///     .run_on(&Inline)?;
    /// assert_eq!(sum.value, 40);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn parse<O: Item, E: Into<BoxError>, F>(self, f: F) -> Pipeline<U, Then<C, TryMap<F>>, O>
    where
        F: Fn(I::Of<'static>) -> Result<O, E> + for<'a> Parser<'a, I, O, E> + Send + Sync,
    {
        self.then("parse", TryMap(f))
    }

    /// Turns each item into any number of owned ones. What `f` returns is iterated lazily: an item may explode into more than memory
    /// holds.
    pub fn flat_map<T: IntoIterator, F>(self, f: F) -> Pipeline<U, Then<C, FlatMap<F>>, Own<T::Item>>
    where
        F: for<'a> Fn(I::Of<'a>) -> T + Send + Sync,
    {
        self.then("flat_map", FlatMap(f))
    }

    /// Maps with a state that each worker makes for itself, once, on its own thread: a decoder, an arena, a random generator. It may be
    /// `!Send`. The result must not depend on which worker got which item.
    pub fn map_with<S, T, N, F>(self, new: N, f: F) -> Pipeline<U, Then<C, MapWith<N, F>>, Own<T>>
    where
        N: Fn() -> S + Send + Sync,
        F: for<'a, 'b> Fn(&'b mut S, I::Of<'a>) -> T + Send + Sync,
    {
        self.then("map_with", MapWith { new, map: f })
    }

    /// Looks at each item.
    pub fn inspect<F>(self, f: F) -> Pipeline<U, Then<C, Inspect<F>>, I>
    where
        F: for<'a, 'b> Fn(&'b I::Of<'a>) + Send + Sync,
    {
        self.then("inspect", Inspect(f))
    }

    /// A stage of your own that emits owned items.
    pub fn stage<T, B>(self, stage: B) -> Pipeline<U, Then<C, B>, Own<T>>
    where
        B: for<'a> Step<I::Of<'a>, Out = T>,
    {
        self.then("stage", stage)
    }
}

/// Settings of the stage just added, or of its segment.
impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Names the last stage, in errors and reports.
    pub fn named(mut self, name: &str) -> Self {
        if let Some(last) = self.settings.stages.last_mut() {
            name.clone_into(&mut last.name);
        }
        self
    }

    /// What a failed item does, for all stages above that have no policy yet. Right after a stage it therefore is that stage's own.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter, skip};
    ///
    /// let numbers = from_iter(["1", "two", "3"]).try_map(str::parse::<u8>).on_error(skip()).collect().run_on(&Inline)?;
    /// assert_eq!((numbers.skipped(), numbers.value), (1, vec![1, 3]));
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn on_error(mut self, policy: ErrorPolicy) -> Self {
        for stage in self.settings.stages.iter_mut().filter(|stage| stage.policy.is_none()) {
            stage.policy = Some(policy);
        }
        self
    }

    /// Lets the outputs of this segment leave it in any order, so that none waits for a slow predecessor.
    pub fn unordered(mut self) -> Self {
        *self.settings.orders.last_mut().expect("there is always an open segment") = Order::Any;
        self
    }

    /// Stops the run when `cancel` is switched on.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.settings.cancel = cancel.clone();
        self
    }
}

/// Edges.
impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// Ends the fused segment: what follows is compiled apart, takes batches of owned items and may be ordered otherwise. Chains of more
    /// than 32 stages compile faster with one in the middle.
    pub fn edge(mut self) -> Pipeline<Cut<U, C, I::T, true>, Identity, Own<I::T>> {
        self.settings.orders.push(Order::default());
        Pipeline {
            up: Cut::new(self.up, self.chain),
            chain: Identity,
            settings: self.settings,
            item: PhantomData,
        }
    }

    /// An edge at which the type ends too, so that a pipeline can be returned from a function.
    ///
    /// ```
    /// use pipe_core::{Boxed, Identity, Inline, Own, Pipeline, from_iter};
    ///
    /// fn squares(to: u64) -> Pipeline<Boxed<'static, u64>, Identity, Own<u64>> {
    ///     from_iter(0..to).map(|n| n * n).boxed()
    /// }
    ///
    /// assert_eq!(squares(4).map(|n| n + 1).collect().run_on(&Inline)?.value, [1, 2, 5, 10]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn boxed<'p>(self) -> Pipeline<Boxed<'p, I::T>, Identity, Own<I::T>>
    where
        Cut<U, C, I::T, true>: Lower<'p> + 'p,
    {
        let Pipeline { up, chain, settings, item } = self.edge();
        Pipeline { up: Boxed::new(up), chain, settings, item }
    }
}

/// Ends.
impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Ends in a sink.
    pub fn to<S: Sink<I::T>>(self, sink: S) -> Whole<U, C, I, S>
    where
        I: Owned,
    {
        Whole { pipeline: self, sink }
    }

    /// Ends in a vector.
    pub fn collect(self) -> Whole<U, C, I, Vec<I::T>>
    where
        I: Owned,
    {
        self.to(Vec::new())
    }

    /// Ends in a closure, called by one thread at a time and in order (unless the pipeline is unordered).
    pub fn for_each<F>(self, f: F) -> Whole<U, C, I, ForEach<F>>
    where
        I: Owned,
        F: FnMut(I::T) + Send,
    {
        self.to(ForEach(f))
    }

    /// Ends in one accumulator: each worker folds its items into its own, and these are merged at the end. It takes borrowed rows.
    ///
    /// `merge` must give the same result however the items were distributed; a sum of floats therefore differs in its last digits.
    pub fn fold<A, N, F, M>(
        self,
        new: N,
        f: F,
        merge: M,
    ) -> Whole<U, Then<C, Fold<N, F>>, Own<A>, Merge<A, M>>
    where
        A: Send + 'static,
        N: Fn() -> A + Send + Sync,
        F: for<'a, 'b> Fn(&'b mut A, I::Of<'a>) + Send + Sync,
        M: FnMut(&mut A, A) + Send,
    {
        Whole { pipeline: self.then("fold", Fold { new, fold: f }), sink: Merge { into: None, merge } }
    }
}

/// Iterator out.
impl<U: Feed, C, I: Owned> Pipeline<U, C, I> {
    /// The pipeline as an iterator, pulled batch by batch on this thread. Dropping it drops the rest.
    ///
    /// ```
    /// use pipe_core::from_iter;
    ///
    /// let first: Result<Vec<u64>, _> = from_iter(0..).map(|n| n * n).iter().take(3).collect();
    /// assert_eq!(first?, [0, 1, 4]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn iter<'p>(self) -> Iter<'p, I::T>
    where
        Cut<U, C, I::T, false>: Lower<'p>,
    {
        let run = self.settings.run();
        let mut nodes = Vec::new();
        let source = Cut::<_, _, I::T, false>::new(self.up, self.chain).lower(&mut nodes, &run);
        Iter::new(Nodes { source, nodes, first: None }, run)
    }
}

/// A complete pipeline: source, stages and sink.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Whole<U, C, I, S> {
    pipeline: Pipeline<U, C, I>,
    sink: S,
}

impl<U: Feed, C, I: Owned, S> Whole<U, C, I, S> {
    /// Stops the run when `cancel` is switched on.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.pipeline = self.pipeline.cancelled_by(cancel);
        self
    }

    /// Runs it to the end.
    ///
    /// # Errors
    /// The failure at the lowest position; see [`RunError`]. The sink is then dropped without a commit.
    pub fn run_on<'p, X: Executor<'p> + ?Sized>(self, executor: &X) -> Result<Report<S::Done>, RunError>
    where
        Cut<U, C, I::T, false>: Close<'p, I::T>,
        S: Sink<I::T, Done: 'p> + 'p,
    {
        let Pipeline { up, chain, settings, .. } = self.pipeline;
        let run = settings.run();
        let done = Arc::new(Mutex::new(None));
        let last = Cut::<_, _, I::T, false>::new(up, chain);
        executor.execute(last.close(self.sink, done.clone(), run.clone()))?;
        let value = done.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(run.report(value.expect("an executor that returns `Ok` has finished the sink")))
    }
}
