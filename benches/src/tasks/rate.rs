//! `rate-*`: operations that may start a thousand times a second, after a burst. What is counted is how far a program is from that.

use super::operations::add;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::rng::mix;
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Operations that may start in a second.
pub(crate) const LIMIT: u32 = 1_000;

/// In which [`LIMIT`] divided by ten may start, and a burst.
const WINDOW: Duration = Duration::from_millis(100);

thread_local! {
    /// When each operation started. All contenders start theirs on one thread.
    static STARTS: RefCell<Vec<Instant>> = const { RefCell::new(Vec::new()) };
}

/// Over at its first poll, which is noted.
pub(crate) async fn noted(n: u64) -> u64 {
    STARTS.with_borrow_mut(|starts| starts.push(Instant::now()));
    mix(n)
}

/// How far the rate is from [`LIMIT`] in the long run, in percent of it. The workload's parameter is the burst.
pub(crate) fn in_the_long_run(
    job: &Job,
    work: impl FnOnce() -> Result<u64, BoxError>,
) -> Result<Outcome, BoxError> {
    told(job, work, |starts, burst| {
        // What starts at once after the pause before the run is no part of the rate.
        let (first, last) = (starts.get(burst.checked_sub(1)?)?, starts.last()?);
        let per_second = (starts.len() - burst) as f64 / (*last - *first).as_secs_f64();
        Some(100.0 * (per_second / f64::from(LIMIT) - 1.0).abs())
    })
}

/// How many more than the limit and the burst allow start within the 100 ms that have the most, in percent of the limit.
pub(crate) fn in_any_window(
    job: &Job,
    work: impl FnOnce() -> Result<u64, BoxError>,
) -> Result<Outcome, BoxError> {
    told(job, work, |starts, burst| {
        let within = |at: usize| starts[at..].partition_point(|start| *start - starts[at] < WINDOW);
        let most = (0..starts.len()).map(within).max()? as f64;
        let allowed = f64::from(LIMIT) * WINDOW.as_secs_f64();
        Some((100.0 * (most - burst as f64 - allowed) / allowed).max(0.0))
    })
}

fn told(
    job: &Job,
    work: impl FnOnce() -> Result<u64, BoxError>,
    figure: impl FnOnce(&[Instant], usize) -> Option<f64>,
) -> Result<Outcome, BoxError> {
    let outcome = timed(job.size, work)?;
    Ok(Outcome { counted: figure(&STARTS.take(), job.parameter as usize), ..outcome })
}

/// By hand: a tick of tokio's interval before each operation, which is a burst of one.
pub(crate) async fn by_interval(operations: u64) -> u64 {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / LIMIT);
    let mut sum = 0;
    for n in 0..operations {
        ticks.tick().await;
        sum = add(sum, noted(n).await);
    }
    sum
}
