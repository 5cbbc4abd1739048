//! `computing`: operations that compute more than they wait, for drivers on several threads.

use super::costed::{ROUNDS, work};
use super::operations::yield_once;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::rng::mix;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many operations compute at the same time, and the most that did.
static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Woken once, as by an answer that has come, and then 10 us of work on it.
pub(crate) async fn computes(n: u64) -> u64 {
    yield_once().await;
    MOST.fetch_max(NOW.fetch_add(1, Relaxed) + 1, Relaxed);
    let output = work(mix(n), ROUNDS[4].1);
    NOW.fetch_sub(1, Relaxed);
    output
}

/// Times `work`, and fails if it kept one thread busy where it was told to take more, or more than it was told.
pub(crate) fn on_all_threads(
    job: &Job,
    work: impl FnOnce() -> Result<u64, BoxError>,
) -> Result<Outcome, BoxError> {
    let outcome = timed(job.size, work)?;
    let (most, workers) = (MOST.load(Relaxed), job.workers);
    if !(workers.min(2)..=workers).contains(&most) {
        return Err(format!("{most} operations computed at once, on {workers} threads").into());
    }
    Ok(outcome)
}
