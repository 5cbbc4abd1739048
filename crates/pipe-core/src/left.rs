//! What a run leaves is dropped at its end: the user's closures, states and sources, whose `Drop` may throw.

use crate::error::{Payload, RunError};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Drops this.
///
/// # Errors
/// What it throws then.
pub(crate) fn left<T>(rest: T) -> Result<(), RunError> {
    catch_unwind(AssertUnwindSafe(|| drop(rest))).map_err(thrown_by_rest)
}

/// The error of a run in whose end something was thrown that no stage owns.
pub(crate) fn thrown_by_rest(thrown: Box<dyn Any + Send>) -> RunError {
    let (stage, payload) = ("drop of what the run left".to_owned(), Payload::new(thrown));
    RunError::Panicked { stage, at: None, payload }
}
