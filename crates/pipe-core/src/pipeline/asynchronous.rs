//! Stages that wait: each is a segment of its own, run by the executor's reactor.

use crate::adapters::Identity;
use crate::async_step::{AsyncStep, MapAsync, TryMapAsync};
use crate::batch_call::BatchCall;
use crate::item::{Item, Own, Owned, Same};
use crate::lower::{AnyWorkers, Cut, Reactor};
use crate::operations::{Operations, Rate};
use crate::pipeline::Pipeline;
use crate::settings::{Emits, SegmentKind};
use crate::stage::BoxError;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::time::Duration;

/// What is upstream of a pipeline after an async step `A` that emits `T`.
pub type Async<U, C, I, A, T> = Cut<Cut<U, C, <I as Owned>::T, AnyWorkers>, A, T, Reactor>;

/// Async stages: only an executor with a reactor (`pipe-async`) runs a pipeline that has one.
impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Starts an asynchronous operation for each item, with up to 64 of them in flight, or as many as
    /// [`concurrency`](Pipeline::concurrency) says. Outputs come in the order of
    /// the items, unless the stage is `.unordered()`.
    pub fn map_async<J: Owned, F, Fut>(
        self,
        f: F,
    ) -> Pipeline<Async<U, C, J, MapAsync<F, J::T>, Fut::Output>, Identity, Own<Fut::Output>>
    where
        I: Same<J>,
        F: Fn(J::T) -> Fut + Send + Sync,
        Fut: Future<Output: Send + 'static>,
    {
        self.renamed::<J>().asynchronously("map_async", Emits::One, MapAsync::new(f))
    }

    /// As `map_async`, for operations that may fail; [`on_error`](Pipeline::on_error) says what happens to an item whose operation failed, and
    /// [`retry`](Pipeline::retry) how often it is tried.
    pub fn try_map_async<J: Owned, T, E, F, Fut>(
        self,
        f: F,
    ) -> Pipeline<Async<U, C, J, TryMapAsync<F, J::T, T, E>, T>, Identity, Own<T>>
    where
        I: Same<J>,
        T: Send + 'static,
        E: Into<BoxError>,
        F: Fn(J::T) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>>,
    {
        self.renamed::<J>().asynchronously("try_map_async", Emits::One, TryMapAsync::new(f))
    }
}

impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// An async stage of your own.
    pub fn stage_async<A: AsyncStep<In = I::T>>(
        self,
        step: A,
    ) -> Pipeline<Async<U, C, I, A, A::Out>, Identity, Own<A::Out>> {
        self.asynchronously("stage_async", Emits::One, step)
    }

    /// Starts one operation for each batch that [`batch`](Pipeline::batch) has collected: for services that answer many questions in one call.
    /// It returns one answer per item, in the order of the items; any other number of answers fails with
    /// [`WrongAnswers`](crate::WrongAnswers). A `.flat_map(|answers| answers)` after its settings makes single items of them again.
    ///
    /// ```
    /// use pipe_core::from_iter;
    /// use std::time::Duration;
    ///
    /// # async fn lengths(urls: Vec<String>) -> Result<Vec<usize>, String> { Ok(urls.iter().map(String::len).collect()) }
    /// # let urls = ["a".to_owned(), "bc".to_owned()];
    /// let answers = from_iter(urls)
    ///     .batch(100)
    ///     .or_after(Duration::from_millis(10))
    ///     .try_map_batch_async(lengths) // async fn lengths(urls: Vec<String>) -> Result<Vec<usize>, String>
    ///     .concurrency(8)
    ///     .flat_map(|answers| answers);
    /// # let _ = answers;
    /// ```
    pub fn try_map_batch_async<In, T, E, F, Fut>(
        self,
        f: F,
    ) -> Pipeline<Async<U, C, I, BatchCall<F, In, T, E>, Vec<T>>, Identity, Own<Vec<T>>>
    where
        I: Owned<T = Vec<In>>,
        In: Send + 'static,
        T: Send + 'static,
        E: Into<BoxError>,
        F: Fn(Vec<In>) -> Fut + Send + Sync,
        Fut: Future<Output = Result<Vec<T>, E>>,
    {
        self.asynchronously("try_map_batch_async", Emits::One, BatchCall::new(f))
    }

    fn asynchronously<A, T: Send + 'static>(
        self,
        name: &str,
        emits: Emits,
        step: A,
    ) -> Pipeline<Async<U, C, I, A, T>, Identity, Own<T>> {
        let mut before = self.cut::<AnyWorkers>(SegmentKind::Async);
        before.settings.add_stage(name, emits);
        let id = before.settings.cut(SegmentKind::Parallel);
        let up = Cut::new(before.up, step, id);
        Pipeline { up, chain: Identity, settings: before.settings, item: PhantomData }
    }
}

/// Settings of the async stage just added: right behind it.
impl<U, A, T, J: Item> Pipeline<Cut<U, A, T, Reactor>, Identity, J> {
    /// How many operations may be in flight: 64 unless set. Zero is a `Config` error.
    pub fn concurrency(mut self, operations: usize) -> Self {
        self.operations().concurrency = operations;
        self
    }

    /// Finds out how many operations the service can serve at once, and keeps that many in flight: starts with four, adds more as long as that
    /// does not make all of them slower, and never exceeds the [`concurrency`](Pipeline::concurrency). For a service whose capacity nobody
    /// knows, or that is shared with others. It settles within a few hundred operations, and probes again from time to time.
    ///
    /// Only latency counts, and a failed operation counts like any other. So this does not protect a service that sheds load by refusing at once:
    /// for that, set a [`rate`](Pipeline::rate), or [`retry`](Pipeline::retry) with a share.
    pub fn adaptive(mut self) -> Self {
        self.operations().adaptive = true;
        self
    }

    /// How many items may have entered the stage and not yet left it, counting those that wait for another attempt, for their key, or for a
    /// slower item before them: four times the concurrency unless set. It bounds what a single slow operation can hold up. Zero is a
    /// `Config` error.
    pub fn window(mut self, items: usize) -> Self {
        self.operations().window = Some(items);
        self
    }

    /// How long one attempt may take. After that its future is dropped, and the attempt has failed with [`TookTooLong`](crate::TookTooLong): tried again,
    /// skipped, or the end of the run, as [`retry`](Pipeline::retry) and [`on_error`](Pipeline::on_error) say. It is never cut off early, and
    /// at most a few milliseconds late, unless another operation keeps the reactor's thread. Zero is a `Config` error.
    pub fn timeout(mut self, span: Duration) -> Self {
        self.operations().timeout = Some(span);
        self
    }

    /// Limits how many attempts start per second; see [`per_second`](crate::per_second). Zero is a `Config` error.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.operations().rate = Some(rate);
        self
    }

    /// Allows at most `operations` in flight for items with the same key, such as the same host. While an item waits for its key, later items may
    /// start, up to the [`window`](Pipeline::window); their outputs wait for it, unless the stage is `.unordered()`. Zero is a `Config`
    /// error.
    pub fn per_key<K: Hash>(
        mut self,
        key: impl Fn(&A::In) -> K + Send + Sync + 'static,
        operations: usize,
    ) -> Self
    where
        A: AsyncStep,
    {
        let hasher = RandomState::new();
        self.operations().limit_keys(move |item: &A::In| hasher.hash_one(key(item)), operations);
        self
    }

    fn operations(&mut self) -> &mut Operations {
        &mut self.settings.last().operations
    }
}
