//! Stages that wait: each is a segment of its own, run by the executor's reactor.

use crate::adapters::Identity;
use crate::async_step::{AsyncStep, MapAsync, TryMapAsync};
use crate::item::{Item, Own, Owned};
use crate::lower::{AnyWorkers, Cut, Reactor};
use crate::pipeline::Pipeline;
use crate::settings::{Emits, SegmentKind};
use crate::stage::BoxError;
use std::future::Future;
use std::marker::PhantomData;

/// What is upstream of a pipeline behind an async step `A` that emits `T`.
pub type Async<U, C, I, A, T> = Cut<Cut<U, C, <I as Owned>::T, AnyWorkers>, A, T, Reactor>;

/// Async stages: only an executor with a reactor (`pipe-async`) runs a pipeline that has one.
impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// Starts an operation for each item: 64 at a time, or as [`concurrency`](Pipeline::concurrency) says. Outputs come in the order of
    /// the items, unless the stage is `.unordered()`.
    pub fn map_async<F, Fut>(
        self,
        f: F,
    ) -> Pipeline<Async<U, C, I, MapAsync<F, I::T>, Fut::Output>, Identity, Own<Fut::Output>>
    where
        F: Fn(I::T) -> Fut + Send + Sync,
        Fut: Future<Output: Send + 'static>,
    {
        self.asynchronously("map_async", Emits::One, MapAsync::new(f))
    }

    /// As `map_async`, for operations that may fail; [`on_error`](Pipeline::on_error) says what that does.
    pub fn try_map_async<T, E, F, Fut>(
        self,
        f: F,
    ) -> Pipeline<Async<U, C, I, TryMapAsync<F, I::T, T, E>, T>, Identity, Own<T>>
    where
        T: Send + 'static,
        E: Into<BoxError>,
        F: Fn(I::T) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, E>>,
    {
        self.asynchronously("try_map_async", Emits::One, TryMapAsync::new(f))
    }

    /// An async stage of your own.
    pub fn stage_async<A: AsyncStep<In = I::T>>(
        self,
        step: A,
    ) -> Pipeline<Async<U, C, I, A, A::Out>, Identity, Own<A::Out>> {
        self.asynchronously("stage_async", Emits::One, step)
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

impl<U, A, T, J: Item> Pipeline<Cut<U, A, T, Reactor>, Identity, J> {
    /// How many operations of the async stage just added may be in flight: right behind it. Zero is a `Config` error.
    pub fn concurrency(mut self, operations: usize) -> Self {
        self.settings.last().concurrency = operations;
        self
    }
}
