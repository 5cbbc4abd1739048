//! What an async stage does with one item: it starts an operation. No runtime is named here.

use crate::opaque::opaque;
use crate::stage::BoxError;
use std::future::Future;
use std::marker::PhantomData;

/// An async stage. It holds closures and settings; its operations are futures that the executor's reactor drives.
///
/// The trait does not ask whether the future is `Send`: the executor does, where it says [`Drives`](crate::Drives).
pub trait AsyncStep: Send + Sync {
    /// What it takes.
    type In: Send + 'static;
    /// What it emits.
    type Out: Send + 'static;
    /// One operation.
    type Future: Future;

    /// Starts the operation of one item. Nothing happens before it is polled.
    fn call(&self, item: Self::In) -> Self::Future;

    /// What an operation's output is: an item, or a failure.
    ///
    /// # Errors
    /// The operation's own.
    fn settle(output: <Self::Future as Future>::Output) -> Result<Self::Out, BoxError>;
}

/// Made by [`Pipeline::map_async`](crate::Pipeline::map_async).
pub struct MapAsync<F, T> {
    map: F,
    item: PhantomData<fn(T)>,
}

opaque!([F, T] MapAsync[F, T]);

impl<F, T> MapAsync<F, T> {
    pub(crate) fn new(map: F) -> Self {
        MapAsync { map, item: PhantomData }
    }
}

impl<T, F, Fut> AsyncStep for MapAsync<F, T>
where
    T: Send + 'static,
    F: Fn(T) -> Fut + Send + Sync,
    Fut: Future<Output: Send + 'static>,
{
    type In = T;
    type Out = Fut::Output;
    type Future = Fut;

    fn call(&self, item: T) -> Fut {
        (self.map)(item)
    }

    fn settle(output: Fut::Output) -> Result<Fut::Output, BoxError> {
        Ok(output)
    }
}

/// Made by [`Pipeline::try_map_async`](crate::Pipeline::try_map_async).
pub struct TryMapAsync<F, T, U, E> {
    map: F,
    items: PhantomData<fn(T) -> (U, E)>,
}

opaque!([F, T, U, E] TryMapAsync[F, T, U, E]);

impl<F, T, U, E> TryMapAsync<F, T, U, E> {
    pub(crate) fn new(map: F) -> Self {
        TryMapAsync { map, items: PhantomData }
    }
}

impl<T, U, E, F, Fut> AsyncStep for TryMapAsync<F, T, U, E>
where
    T: Send + 'static,
    U: Send + 'static,
    E: Into<BoxError>,
    F: Fn(T) -> Fut + Send + Sync,
    Fut: Future<Output = Result<U, E>>,
{
    type In = T;
    type Out = U;
    type Future = Fut;

    fn call(&self, item: T) -> Fut {
        (self.map)(item)
    }

    fn settle(output: Result<U, E>) -> Result<U, BoxError> {
        output.map_err(Into::into)
    }
}
