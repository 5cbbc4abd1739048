//! Batches that end by age: those of a live source, whose items are not to wait long for each other.

use pipe_core::plan::{AnySource, BoxBatch, RunState};
use pipe_core::{RunError, Want};
use std::time::Duration;

/// Pulls a batch. If there is a longest delay, the batch ends with the first item that comes when it is over: so an item waits for that long,
/// and for the one item more that the source was just asked for.
pub(crate) fn pull<'p>(
    source: &mut (dyn AnySource + 'p),
    want: Want,
    max_delay: Option<Duration>,
    run: &RunState,
) -> Result<Option<BoxBatch>, RunError> {
    let Some(delay) = max_delay else { return source.pull(want) };
    let clock = run.clock();
    let due = clock.now().saturating_add(delay);
    source.pull_until(want, &mut || clock.now() >= due)
}
