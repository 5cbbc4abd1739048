//! How a run fails.

use crate::consumer::Consumer;
use crate::position::Position;
use crate::stage::BoxError;
use std::any::Any;
use std::error::Error;
use std::fmt;
use std::mem::{forget, replace};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Why a run did not end well. With several failures, the one at the lowest input position.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// A stage reported a failed item, and its policy is to fail.
    Stage {
        /// The stage's name.
        stage: String,
        /// Where the item was in the source: index or byte offset. `None` outside any item: while finishing, say.
        at: Option<Position>,
        /// The stage's own error.
        source: BoxError,
    },
    /// A closure panicked.
    Panicked {
        /// The innermost stage that the panic passed; `source` or `sink` for those.
        stage: String,
        /// Where the item was in the source, if one was being worked on.
        at: Option<Position>,
        /// What was thrown.
        payload: Payload,
    },
    /// The source could not go on.
    Source {
        /// Its own error.
        source: BoxError,
    },
    /// The sink could not go on, or could not finish.
    Sink {
        /// How many items it had taken.
        written: u64,
        /// Its own error.
        source: BoxError,
    },
    /// Dead letters could not be written, or not be finished.
    DeadLetters {
        /// The stage whose failures they are.
        stage: String,
        /// The error of where they go.
        source: BoxError,
    },
    /// A stage failed on a larger share of the items than its policy allows.
    TooManyFailures {
        /// The stage.
        stage: String,
        /// Items that failed in it.
        failed: u64,
        /// Items that its segment took.
        taken: u64,
        /// The share that is allowed.
        ratio: f64,
    },
    /// The run was cancelled.
    Cancelled,
    /// Its deadline passed, or that of its drain.
    TimedOut,
    /// Something alone is larger than the memory limit: a batch of one item, the accumulators of a fold, the outputs that an iterator or
    /// an attempt must keep.
    Budget {
        /// The stage that asked for it.
        stage: String,
        /// Bytes asked for.
        wanted: usize,
        /// Bytes in use.
        in_use: usize,
        /// The limit, in bytes.
        limit: usize,
        /// The holders of the largest parts of it: up to three, the largest first.
        holders: Vec<Consumer>,
    },
    /// A setting makes no sense. Reported before anything runs.
    Config {
        /// Which setting.
        field: &'static str,
        /// What it was.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl RunError {
    /// The stage's, source's or sink's own error, if it is an `E`.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter};
    /// use std::num::TryFromIntError;
    ///
    /// let failed = from_iter([1u32, 2, 300]).try_map(u8::try_from).named("narrow").collect().run_on(&Inline).unwrap_err();
    /// assert_eq!(failed.to_string(), "stage narrow failed at 2: out of range integral type conversion attempted");
    /// assert!(failed.stage_error::<TryFromIntError>().is_some());
    /// ```
    pub fn stage_error<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            RunError::Stage { source, .. }
            | RunError::Source { source }
            | RunError::Sink { source, .. }
            | RunError::DeadLetters { source, .. } => source.downcast_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |at: &Option<Position>| at.map_or(String::new(), |at| format!(" at {at}"));
        match self {
            RunError::Stage { stage, at, source } => {
                write!(f, "stage {stage} failed{}: {source}", place(at))
            }
            RunError::Panicked { stage, at, payload } => {
                write!(f, "stage {stage} panicked{}: {}", place(at), payload.message())
            }
            RunError::Source { source } => write!(f, "source: {source}"),
            RunError::Sink { written, source } => write!(f, "sink, after {written} items: {source}"),
            RunError::DeadLetters { stage, source } => write!(f, "dead letters of stage {stage}: {source}"),
            RunError::TooManyFailures { stage, failed, taken, ratio } => {
                write!(f, "stage {stage} failed on {failed} of {taken} items, more than {}%", ratio * 100.0)
            }
            RunError::Cancelled => write!(f, "cancelled"),
            RunError::TimedOut => write!(f, "not over by its deadline"),
            RunError::Budget { stage, wanted, in_use, limit, holders } => {
                write!(
                    f,
                    "{stage} wants {wanted} bytes with {in_use} in use, and the memory limit is {limit}"
                )?;
                let held = |(at, holder)| write!(f, "{} {holder}", if at == 0 { "; held by" } else { "," });
                holders.iter().enumerate().try_for_each(held)
            }
            RunError::Config { field, value, why } => write!(f, "{field} = {value}: {why}"),
        }
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            RunError::Stage { source, .. }
            | RunError::Source { source }
            | RunError::Sink { source, .. }
            | RunError::DeadLetters { source, .. } => source.source(),
            _ => None,
        }
    }
}

/// What a closure threw when it panicked. Dropped, it throws nothing, whatever the `Drop` of what was thrown does.
pub struct Payload {
    // A payload is `Send` but not `Sync`; behind a mutex a `RunError` is both, as `Box<dyn Error + Send + Sync>` asks.
    thrown: Mutex<Box<dyn Any + Send>>,
}

impl Payload {
    /// Wraps what `catch_unwind` caught.
    pub fn new(thrown: Box<dyn Any + Send>) -> Self {
        Payload { thrown: Mutex::new(thrown) }
    }

    /// The message, for `panic!` with a text; a general sentence for other payloads.
    pub fn message(&self) -> String {
        let thrown = self.thrown.lock().unwrap_or_else(PoisonError::into_inner);
        let text = thrown
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| thrown.downcast_ref::<String>().map(String::as_str));
        text.unwrap_or("a payload that is not a text").to_owned()
    }

    /// What was thrown, for `resume_unwind`.
    pub fn into_inner(mut self) -> Box<dyn Any + Send> {
        self.take()
    }

    /// Leaves a unit, which takes no memory.
    fn take(&mut self) -> Box<dyn Any + Send> {
        replace(self.thrown.get_mut().unwrap_or_else(PoisonError::into_inner), Box::new(()))
    }
}

/// A run drops payloads where a second panic would end the process, or a thread that others wait for.
impl Drop for Payload {
    fn drop(&mut self) {
        let thrown = self.take();
        if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(thrown))) {
            // It may throw as well, and so may what it throws: somebody has to make an end of it.
            forget(second);
        }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Payload").field(&self.message()).finish()
    }
}
