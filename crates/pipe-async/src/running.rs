//! A run as a future.

use pipe_core::{Finish, RunError};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A run: a future of its result, which does nothing before it is polled. `Send`, so it may be spawned.
///
/// Dropping it stops the run: operations in flight are dropped at once, the threads of sync stages end after the item that they are
/// working on, and the sink is dropped uncommitted. To stop it and see the end, use a [`Cancel`](pipe_core::Cancel) or a
/// [`Run`](pipe_core::Run).
#[must_use = "a run does nothing until it is awaited"]
pub struct Running<T = ()> {
    future: Pin<Box<dyn Future<Output = Result<T, RunError>> + Send>>,
}

impl<T> Running<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T, RunError>> + Send + 'static) -> Self {
        Running { future: Box::pin(future) }
    }
}

impl<T> Future for Running<T> {
    type Output = Result<T, RunError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl Finish<'static> for Running {
    type With<T: Send + 'static> = Running<T>;

    fn with<T: Send + 'static>(
        self,
        end: impl FnOnce(Result<(), RunError>) -> Result<T, RunError> + Send + 'static,
    ) -> Running<T> {
        Running::new(async move { end(self.await) })
    }

    fn refused(error: RunError) -> Self {
        Running::new(async move { Err(error) })
    }
}

impl<T> fmt::Debug for Running<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}
