//! What a run leaves is dropped at its end: the user's closures, states and sources, whose `Drop` may throw. What happened first is the
//! run's error, and what is thrown behind it says nothing new.

use crate::error::{Payload, RunError};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::panicking;

/// Drops this, of a run that may have gone well. For executors: `ran.and(left(source))` keeps the failure that a run had before.
///
/// # Errors
/// What it throws then.
pub fn left<T>(rest: T) -> Result<(), RunError> {
    catch_unwind(AssertUnwindSafe(|| drop(rest))).map_err(thrown_by_rest)
}

/// Drops what a failure has made useless, whatever that throws. For executors, and wherever nobody is there to be told.
pub fn discard<T>(useless: T) {
    // As an error: what was thrown may throw as well when it is dropped, and a `Payload` contains that.
    let _ = left(useless);
}

/// All that is made, in order: workers of nodes, say. For executors.
///
/// # Errors
/// The first one, whatever the `Drop` of what was made before it, or was not made yet, throws.
pub fn made<T>(mut making: impl Iterator<Item = Result<T, RunError>>) -> Result<Vec<T>, RunError> {
    let mut made = Vec::new();
    match making.by_ref().find_map(|one| one.map(|one| made.push(one)).err()) {
        None => Ok(made),
        Some(error) => {
            discard(making);
            made.into_iter().for_each(discard);
            Err(error)
        }
    }
}

/// Drops each of these by itself, so that no panic meets another, which would end the process.
///
/// # Panics
/// With what was thrown first, behind the last of them; not while the thread panics already.
pub(crate) fn drop_each<T>(all: impl IntoIterator<Item = T>) {
    let drop_one = |one| catch_unwind(AssertUnwindSafe(|| drop(one))).err().map(Payload::new);
    let first = all.into_iter().filter_map(drop_one).fold(None, |first, next| first.or(Some(next)));
    if let Some(first) = first.filter(|_| !panicking()) {
        resume_unwind(first.into_inner());
    }
}

/// The error of a run in whose end something was thrown that no stage owns.
pub(crate) fn thrown_by_rest(thrown: Box<dyn Any + Send>) -> RunError {
    let (stage, payload) = ("drop of what the run left".to_owned(), Payload::new(thrown));
    RunError::Panicked { stage, at: None, payload }
}
