//! The outputs of a run, as a stream or as an iterator.

use super::output_sink::{OutputSink, To};
use futures_core::Stream;
use pipe_core::{Payload, RunError};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{self, sync_channel};
use std::task::{Context, Poll};
use std::thread;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::AbortHandle;

/// The outputs of a run as a stream, for async programs. If the run fails, or panics, its error is the last item.
///
/// The run is a task, or on a thread, of its own. So it goes on while the consumer does something else, up to `room` outputs ahead, which
/// a stream that is driven by being polled does not. Dropped, it ends the run.
///
/// ```
/// use pipe_async::{Async, Outputs};
/// use pipe_core::from_iter;
/// use std::{future::poll_fn, pin::Pin};
/// use futures_core::Stream;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), pipe_core::RunError> {
/// let mut squares = Outputs::spawned(16, |sink| {
///     from_iter(1..4u64).map_async(|n| async move { n * n }).to(sink).run_on(&Async::tokio())
/// })?;
/// let mut sum = 0;
/// // Or `while let Some(square) = squares.next().await`, with `StreamExt`.
/// while let Some(square) = poll_fn(|cx| Pin::new(&mut squares).poll_next(cx)).await {
///     sum += square?;
/// }
/// assert_eq!(sum, 14);
/// # Ok(())
/// # }
/// ```
pub struct Outputs<T> {
    outputs: Receiver<Result<T, RunError>>,
    end: End,
    task: AbortHandle,
}

impl<T: Send + 'static> Outputs<T> {
    /// Of a run that is a future, which becomes a task of the runtime.
    ///
    /// # Errors
    /// [`RunError::Config`] outside of a runtime, or if `room` is zero or more than 2^20.
    pub fn spawned<R, F>(room: usize, run: impl FnOnce(OutputSink<T>) -> F) -> Result<Self, RunError>
    where
        R: Send,
        F: Future<Output = Result<R, RunError>> + Send + 'static,
    {
        let (handle, (sender, outputs)) = (current()?, channel(checked(room)?));
        let run = run(OutputSink { to: To::Task(sender.clone()) });
        let end = End::default();
        let reached = end.clone();
        let task = handle.spawn(async move {
            if let Err(error) = run.await {
                // If nobody is there to hear it, nobody has an interest in it.
                drop(sender.send(Err(error)).await);
            }
            reached.reached();
        });
        Ok(Outputs { outputs, end, task: task.abort_handle() })
    }

    /// Of a run that blocks, on `Inline` or on `Parallel` say, which gets a thread of the runtime for such work. When this is dropped it ends
    /// with the next output.
    ///
    /// # Errors
    /// [`RunError::Config`] outside of a runtime, or if `room` is zero or more than 2^20.
    pub fn blocking<R>(
        room: usize,
        run: impl FnOnce(OutputSink<T>) -> Result<R, RunError> + Send + 'static,
    ) -> Result<Self, RunError> {
        let (handle, (sender, outputs)) = (current()?, channel(checked(room)?));
        let end = End::default();
        let reached = end.clone();
        let task = handle.spawn_blocking(move || tell(To::Task(sender), &reached, run));
        Ok(Outputs { outputs, end, task: task.abort_handle() })
    }
}

impl<T> Stream for Outputs<T> {
    type Item = Result<T, RunError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.outputs.poll_recv(cx).map(|output| output.or_else(|| self.end.broken()))
    }
}

impl<T> Drop for Outputs<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The outputs of a run as an iterator, for programs and pipelines that block. If the run fails, or panics, its error is the last item.
///
/// The run is on a thread of its own, and up to `room` outputs ahead. Dropped, it ends with the next output. So an async stage can stand in
/// front of a pipeline that runs on another executor:
///
/// ```
/// use pipe_async::{Async, OutputIter};
/// use pipe_core::{Inline, from_iter};
///
/// let fetched = OutputIter::new(16, |sink| {
///     let pages = from_iter(1..4u64).map_async(|n| async move { format!("page {n}") });
///     pages.to(sink).run_on(&Async::tokio().blocking())
/// })?;
/// // `Inline`, or `Parallel`.
/// let lengths = from_iter(fetched).try_map(|page| page).map(|page| page.len()).collect().run_on(&Inline)?;
/// assert_eq!(lengths.value, [6, 6, 6]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct OutputIter<T> {
    outputs: mpsc::Receiver<Result<T, RunError>>,
    end: End,
}

/// Whether there is no more because there was no more. A run that panics, or whose runtime ends, closes the channel as well.
#[derive(Clone, Default)]
struct End(Arc<AtomicBool>);

impl End {
    /// The run has returned, and what it returned was told.
    fn reached(&self) {
        self.0.store(true, SeqCst);
    }

    /// The last item of a run that never returned, once.
    fn broken<T>(&self) -> Option<Result<T, RunError>> {
        let broken = !self.0.swap(true, SeqCst);
        broken.then(|| {
            let payload = Payload::new(Box::new("it panicked, or its runtime ended before it did"));
            Err(RunError::Panicked { stage: "the run of these outputs".to_owned(), at: None, payload })
        })
    }
}

impl<T: Send + 'static> OutputIter<T> {
    /// Of a run that blocks. `Async` does with [`blocking`](crate::Async::blocking); inside a runtime too, since the thread is not part of it.
    ///
    /// # Errors
    /// [`RunError::Config`] if `room` is zero or more than 2^20, or the system refuses a thread.
    pub fn new<R>(
        room: usize,
        run: impl FnOnce(OutputSink<T>) -> Result<R, RunError> + Send + 'static,
    ) -> Result<Self, RunError> {
        let (sender, outputs) = sync_channel(checked(room)?);
        let end = End::default();
        let reached = end.clone();
        let body = move || tell(To::Thread(sender), &reached, run);
        match thread::Builder::new().name("outputs".to_owned()).spawn(body) {
            Ok(_) => Ok(OutputIter { outputs, end }),
            Err(error) => Err(RunError::Config {
                field: "thread",
                value: error.to_string(),
                why: "the system refused what a run needs",
            }),
        }
    }
}

impl<T> Iterator for OutputIter<T> {
    type Item = Result<T, RunError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.outputs.recv().ok().or_else(|| self.end.broken())
    }
}

/// Runs, and tells how it failed.
fn tell<T, R>(to: To<T>, end: &End, run: impl FnOnce(OutputSink<T>) -> Result<R, RunError>) {
    if let Err(error) = run(OutputSink { to: to.clone() }) {
        to.give(Err(error));
    }
    end.reached();
}

fn current() -> Result<Handle, RunError> {
    Handle::try_current().map_err(|error| RunError::Config {
        field: "runtime",
        value: error.to_string(),
        why: "a stream of outputs is made inside a tokio runtime",
    })
}

/// The most outputs that there may be room for: places for all of them are made beforehand.
const MOST: usize = 1 << 20;

fn checked(room: usize) -> Result<usize, RunError> {
    let why = match room {
        0 => "no output would ever be taken",
        1..=MOST => return Ok(room),
        _ => "places are made beforehand, for a million outputs at most",
    };
    Err(RunError::Config { field: "room", value: room.to_string(), why })
}

impl<T> fmt::Debug for Outputs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("ready", &self.outputs.len()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for OutputIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputIter").finish_non_exhaustive()
    }
}
