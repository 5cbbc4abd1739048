//! The executor as one that waits for its runs, for programs without a runtime.

use crate::executor::Async;

/// [`Async`] on a runtime of its own, made for each run, with the calling thread as its only one: `run_on` returns when the run is over.
///
/// Not to be used inside a runtime, whose thread it would block: that is a `Config` error. Wait there for the run itself.
#[derive(Debug, Clone)]
pub struct Blocking<R> {
    pub(crate) inner: Async<R>,
}
