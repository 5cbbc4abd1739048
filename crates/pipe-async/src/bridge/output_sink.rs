//! Where a pipeline ends whose outputs go on elsewhere.

use pipe_core::{BoxError, RunError, Sink};
use std::error::Error;
use std::fmt;
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc::Sender;

/// The sink of a run whose outputs are taken as they come: see [`Outputs`](crate::Outputs) and [`OutputIter`](crate::OutputIter). It waits
/// while as many as there is room for have not been taken.
pub struct OutputSink<T> {
    pub(super) to: To<T>,
}

/// To a task, or to a thread.
pub(super) enum To<T> {
    Task(Sender<Result<T, RunError>>),
    Thread(SyncSender<Result<T, RunError>>),
}

impl<T> To<T> {
    /// False: nobody is there to take it. Waits, on a thread that may be blocked.
    pub(super) fn give(&self, output: Result<T, RunError>) -> bool {
        match self {
            To::Task(sender) => sender.blocking_send(output).is_ok(),
            To::Thread(sender) => sender.send(output).is_ok(),
        }
    }
}

impl<T> Clone for To<T> {
    fn clone(&self) -> Self {
        match self {
            To::Task(sender) => To::Task(sender.clone()),
            To::Thread(sender) => To::Thread(sender.clone()),
        }
    }
}

impl<T: Send> Sink<T> for OutputSink<T> {
    type Done = ();

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        if self.to.give(Ok(item)) { Ok(()) } else { Err(Gone.into()) }
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Nobody reads this: who would is gone.
#[derive(Debug)]
struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody takes the outputs any more")
    }
}

impl Error for Gone {}

impl<T> fmt::Debug for OutputSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputSink").finish_non_exhaustive()
    }
}
