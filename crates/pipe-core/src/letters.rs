//! Where failed records are written down.

use crate::error::{Payload, RunError};
use crate::position::Position;
use crate::stage::BoxError;
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// A failed record: enough to find out why, and to try it again.
#[derive(Debug)]
#[non_exhaustive]
pub struct DeadLetter<'a> {
    /// The stage that failed.
    pub stage: &'a str,
    /// Where the record was in the source. `None` outside any: what a stage emitted when it finished.
    pub at: Option<Position>,
    /// The record as it entered the segment, where that is bytes that can be read again: a line. An owned item was moved into the stage
    /// and is gone.
    pub record: Option<&'a [u8]>,
    /// The stage's own error.
    pub error: &'a (dyn Error + 'static),
    /// How often the record was tried: 1, or more with [`Pipeline::retry`](crate::Pipeline::retry).
    pub attempts: u32,
    /// How many more failures the same record had, where a stage made several items of it.
    pub more: u64,
}

impl DeadLetter<'_> {
    /// The error and what caused it, outermost first.
    pub fn causes(&self) -> impl Iterator<Item = String> + '_ {
        let mut next: Option<&(dyn Error + 'static)> = Some(self.error);
        std::iter::from_fn(move || {
            let error = next?;
            next = error.source();
            Some(error.to_string())
        })
    }
}

impl fmt::Display for DeadLetter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stage {} failed", self.stage)?;
        self.at.map_or(Ok(()), |at| write!(f, " at {at}"))?;
        write!(f, ": {}", self.error)
    }
}

/// Takes dead letters: a file, a queue, or a closure.
///
/// Letters come from whichever worker met the failure: one at a time, not in the order of the source. Each names its position.
pub trait DeadLetters: Send {
    /// Takes one.
    ///
    /// # Errors
    /// Ends the run with [`RunError::DeadLetters`](crate::RunError::DeadLetters): a failed record is never lost silently.
    fn write(&mut self, letter: &DeadLetter<'_>) -> Result<(), BoxError>;

    /// Called once when the run ends, well or not; before the sink commits.
    ///
    /// # Errors
    /// As for `write`.
    fn finish(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<F: FnMut(&DeadLetter<'_>) + Send> DeadLetters for F {
    fn write(&mut self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        self(letter);
        Ok(())
    }
}

/// Dead letters shared by the stages and workers of a run.
#[derive(Clone)]
pub(crate) struct Letters {
    open: Arc<Mutex<Open>>,
}

struct Open {
    letters: Box<dyn DeadLetters>,
    finished: bool,
}

impl Letters {
    pub(crate) fn new(letters: impl DeadLetters + 'static) -> Self {
        Letters { open: Arc::new(Mutex::new(Open { letters: Box::new(letters), finished: false })) }
    }

    pub(crate) fn write(&self, letter: &DeadLetter<'_>) -> Result<(), RunError> {
        self.tell(letter.stage, letter.at, |open| open.letters.write(letter))
    }

    /// Once, however many stages share it; `stage` is one of them.
    pub(crate) fn finish(&self, stage: &str) -> Result<(), RunError> {
        self.tell(stage, None, |open| match std::mem::replace(&mut open.finished, true) {
            true => Ok(()),
            false => open.letters.finish(),
        })
    }

    /// The letters are the user's, as a stage is: they may fail, and they may panic.
    fn tell(
        &self,
        stage: &str,
        at: Option<Position>,
        tell: impl FnOnce(&mut Open) -> Result<(), BoxError>,
    ) -> Result<(), RunError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let told = catch_unwind(AssertUnwindSafe(|| tell(&mut open)));
        let told = told.map_err(|thrown| RunError::Panicked {
            stage: format!("dead letters of {stage}"),
            at,
            payload: Payload::new(thrown),
        })?;
        told.map_err(|source| RunError::DeadLetters { stage: stage.to_owned(), source })
    }
}
