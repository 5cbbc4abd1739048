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

/// What is upstream of a pipeline behind an async step `A` that emits `T`.
pub type Async<U, C, I, A, T> = Cut<Cut<U, C, <I as Owned>::T, AnyWorkers>, A, T, Reactor>;

/// Async stages: only an executor with a reactor (`pipe-async`) runs a pipeline that has one.
impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Starts an operation for each item: 64 at a time, or as [`concurrency`](Pipeline::concurrency) says. Outputs come in the order of
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

    /// As `map_async`, for operations that may fail; [`on_error`](Pipeline::on_error) says what that does.
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

    /// Starts an operation for each batch, behind [`batch`](Pipeline::batch): for services that answer many questions
    /// in one call. It gives an answer for each item, in their order; another number of answers is the stage's error,
    /// [`WrongAnswers`](crate::WrongAnswers). A `.flat_map(|answers| answers)` behind its settings deals them out.
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

    /// Keeps no more operations in flight than make the service answer sooner: starts with four, goes up to the
    /// [`concurrency`](Pipeline::concurrency), and follows the latency, so that some queue in the service and not all
    /// of them. For a service of which nobody knows how much it can do, or that is shared with others. It finds that
    /// out within some hundred operations, and looks again now and then.
    ///
    /// An operation that fails counts as one that was answered: a service that refuses at once what is too much for it
    /// is not spared by this; set a [`rate`](Pipeline::rate), or [`retry`](Pipeline::retry) with a share.
    pub fn adaptive(mut self) -> Self {
        self.operations().adaptive = true;
        self
    }

    /// How many items may be between the start of their operation and their turn to go on, those that wait for another attempt or for
    /// their key among them: four times the concurrency unless set. What one slow operation can hold up is at most that much.
    /// Zero is a `Config` error.
    pub fn window(mut self, items: usize) -> Self {
        self.operations().window = Some(items);
        self
    }

    /// How long one attempt may take. Then its future is dropped, and it has failed with [`TookTooLong`](crate::TookTooLong): tried again,
    /// skipped, or the end of the run, as [`retry`](Pipeline::retry) and [`on_error`](Pipeline::on_error) say. It is never cut off early, and
    /// at most a few milliseconds late, unless another operation keeps the reactor's thread. Zero is a `Config` error.
    pub fn timeout(mut self, span: Duration) -> Self {
        self.operations().timeout = Some(span);
        self
    }

    /// How many attempts may start in how much time: [`per_second`](crate::per_second). Zero is a `Config` error.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.operations().rate = Some(rate);
        self
    }

    /// At most so many operations in flight for items that have the same key, such as one host. Others overtake an item that waits for its
    /// key, as far as the [`window`](Pipeline::window) goes; what they give waits for its turn behind it, unless the stage is
    /// `.unordered()`. Zero is a `Config` error.
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
