//! `slow-consumer`: whoever takes the outputs computes with each of them. What counts is whether operations in flight notice.

use super::operations::{ANSWER, add, during, half_together};
use super::stops::percentile_999;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::rng::mix;
use std::cell::RefCell;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long the consumer computes with an output.
const TAKES: Duration = Duration::from_micros(50);

thread_local! {
    /// How long each operation was under way. All contenders poll on one thread.
    static SPANS: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
}

/// Waits for 10 ms, and notes how long that was.
pub(crate) async fn operation(n: u64) -> u64 {
    let begun = Instant::now();
    during(sleep(ANSWER)).await;
    SPANS.with_borrow_mut(|spans| spans.push(begun.elapsed()));
    mix(n)
}

pub(crate) fn consume(sum: u64, output: u64) -> u64 {
    let begun = Instant::now();
    while begun.elapsed() < TAKES {
        std::hint::spin_loop();
    }
    add(sum, output)
}

/// Times `work`; what is counted is how long one operation in a thousand takes at the least.
pub(crate) fn spans(job: &Job, work: impl FnOnce() -> Result<u64, BoxError>) -> Result<Outcome, BoxError> {
    let outcome = half_together(job, work)?;
    Ok(Outcome { counted: percentile_999(SPANS.take()), ..outcome })
}
