//! A run as a future that stays on its thread.

use pipe_core::{Finish, RunError};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A run whose task stays on its thread, on monoio or [in the task](crate::Async::in_task): a future of its result that is not `Send`, and so its
/// operations need not be. It does nothing before it is polled, and dropping it stops the run.
#[must_use = "a run does nothing until it is awaited"]
pub struct LocalRunning<T = ()> {
    future: Pin<Box<dyn Future<Output = Result<T, RunError>>>>,
}

impl<T> LocalRunning<T> {
    pub(crate) fn new(future: impl Future<Output = Result<T, RunError>> + 'static) -> Self {
        LocalRunning { future: Box::pin(future) }
    }
}

impl<T> Future for LocalRunning<T> {
    type Output = Result<T, RunError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.future.as_mut().poll(cx)
    }
}

impl Finish<'static> for LocalRunning {
    type With<T: Send + 'static> = LocalRunning<T>;

    fn with<T: Send + 'static>(
        self,
        end: impl FnOnce(Result<(), RunError>) -> Result<T, RunError> + Send + 'static,
    ) -> LocalRunning<T> {
        LocalRunning::new(async move { end(self.await) })
    }

    fn refused(error: RunError) -> Self {
        LocalRunning::new(async move { Err(error) })
    }
}

impl<T> fmt::Debug for LocalRunning<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalRunning").finish_non_exhaustive()
    }
}
