//! Services of tower, called by operations.

use pipe_core::BoxError;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::{Mutex, PoisonError};
use tower_service::Service;

/// Calls a service of tower for each item of an async stage: on a clone of its own, once that is ready. Clones of a service share what is
/// behind them, so a layer that limits concurrency or rate limits all calls together.
///
/// While the service is not ready its operation waits, and counts for the stage's
/// [`concurrency`](pipe_core::Pipeline::concurrency): when this many wait, no further item is taken from the source. A call that is dropped,
/// by a [`timeout`](pipe_core::Pipeline::timeout) for one, gives back what its clone had reserved. Retries, timeouts and rates can be layers
/// of the service or settings of the stage; in both they multiply.
///
/// ```
/// use pipe_async::{Async, ServiceCalls};
/// use pipe_core::from_iter;
/// # use std::future::{Ready, ready};
/// # use std::task::{Context, Poll};
/// # #[derive(Clone)]
/// # struct Doubles;
/// # impl tower_service::Service<u64> for Doubles {
/// #     type Response = u64;
/// #     type Error = std::io::Error;
/// #     type Future = Ready<Result<u64, std::io::Error>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> { Poll::Ready(Ok(())) }
/// #     fn call(&mut self, n: u64) -> Self::Future { ready(Ok(2 * n)) }
/// # }
///
/// let calls = ServiceCalls::new(Doubles); // impl Service<u64, Response = u64> + Clone
/// let doubled = from_iter(0..100u64)
///     .try_map_async(move |n| calls.call(n))
///     .concurrency(10)
///     .collect()
///     .run_on(&Async::tokio().blocking())?;
/// assert_eq!(doubled.value[99], 198);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct ServiceCalls<S> {
    /// What is cloned, and never called. Behind a lock, so that a service need not be `Sync`.
    service: Mutex<S>,
}

impl<S: Clone> ServiceCalls<S> {
    /// Calls clones of `service`.
    pub fn new(service: S) -> Self {
        ServiceCalls { service: Mutex::new(service) }
    }

    /// One call, on a clone that is made now. `Send` if the service, its future and the request are.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub fn call<R>(&self, request: R) -> impl Future<Output = Result<S::Response, ServiceError>> + use<S, R>
    where
        S: Service<R, Error: Into<BoxError>>,
    {
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        async move {
            let ready = poll_fn(|cx| service.poll_ready(cx)).await;
            ready.map_err(|source| ServiceError::NotReady { source: source.into() })?;
            service.call(request).await.map_err(|source| ServiceError::Call { source: source.into() })
        }
    }
}

impl<S> fmt::Debug for ServiceCalls<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceCalls").finish_non_exhaustive()
    }
}

/// Why a service did not answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServiceError {
    /// It failed before it was called: it will not become ready. The request was not sent.
    NotReady {
        /// The service's own error.
        source: BoxError,
    },
    /// The call failed.
    Call {
        /// The service's own error.
        source: BoxError,
    },
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::NotReady { source } => write!(f, "the service does not become ready: {source}"),
            ServiceError::Call { source } => write!(f, "the call failed: {source}"),
        }
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The source is printed by `Display`, so the chain goes on below it.
        let (ServiceError::NotReady { source } | ServiceError::Call { source }) = self;
        source.source()
    }
}
