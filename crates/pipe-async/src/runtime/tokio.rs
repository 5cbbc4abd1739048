//! tokio.

use pipe_core::RunError;
use std::future::Future;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};

/// A timer.
pub(crate) type Sleep = tokio::time::Sleep;

/// Waits for `span`; panics when the runtime has no timers.
pub(crate) fn sleep(span: Duration) -> Sleep {
    tokio::time::sleep(span)
}

/// Whether this thread is inside a runtime.
pub(crate) fn check() -> Result<(), RunError> {
    Handle::try_current().map(drop).map_err(|error| RunError::Config {
        field: "runtime",
        value: error.to_string(),
        why: "a run on tokio is awaited inside a tokio runtime",
    })
}

/// Takes the future out of tokio's own budget. tokio makes a task that has done 128 things wait, and then each operation that is ready is
/// polled in vain and puts itself in the queue again: at 10,000 in flight that costs 20 times the work itself. The conductor has a budget
/// of its own.
pub(crate) fn unconstrained<F: Future>(future: F) -> impl Future<Output = F::Output> {
    tokio::task::unconstrained(future)
}

/// Runs a future on this thread, on a runtime made for it.
pub(crate) fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
    let refused = |value: String, why| Err(RunError::Config { field: "runtime", value, why });
    if Handle::try_current().is_ok() {
        return refused("blocking".to_owned(), "inside a runtime a run is awaited");
    }
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => refused(error.to_string(), "the system refused what a runtime needs"),
    }
}
