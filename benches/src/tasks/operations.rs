//! `ready-*`, `yields-*`, `sleeps-*`, `tail`, `in-flight`, `memory`: operations that wait and compute nothing, so that what is measured is who keeps them
//! in flight. How many are is counted here for all workloads of operations.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::rng::mix;
use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

pub(crate) const MILLISECOND: Duration = Duration::from_millis(1);

/// What an operation takes where the throughput follows from how many are in flight.
pub(crate) const ANSWER: Duration = Duration::from_millis(10);

/// What an operation takes where all are to be in flight at once.
pub(crate) const LONG: Duration = Duration::from_millis(500);

/// What an attempt may take where operations are timed: none ever does.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

thread_local! {
    /// How many operations are in flight, and the most that were. All contenders poll on one thread.
    static IN_FLIGHT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Over at its first poll.
pub(crate) async fn ready(n: u64) -> u64 {
    mix(n)
}

/// Over at its second poll, for which it asks at once.
pub(crate) async fn yields(n: u64) -> u64 {
    during(yield_once()).await;
    mix(n)
}

/// As long as `span` says, on the runtime's own timer.
pub(crate) async fn sleeps(n: u64, sleep: impl Future) -> u64 {
    during(sleep).await;
    mix(n)
}

/// One operation in a hundred takes a hundred times as long as the others.
pub(crate) fn tail(n: u64) -> Duration {
    MILLISECOND * if mix(n).is_multiple_of(100) { 100 } else { 1 }
}

pub(crate) fn yield_once() -> impl Future<Output = ()> {
    let mut yielded = false;
    poll_fn(move |cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Counts the operation as in flight, from its first poll to its end.
pub(crate) async fn during<T>(operation: impl Future<Output = T>) -> T {
    IN_FLIGHT.with(|cell| {
        let (now, most) = cell.get();
        cell.set((now + 1, most.max(now + 1)));
    });
    let output = operation.await;
    IN_FLIGHT.with(|cell| cell.set((cell.get().0 - 1, cell.get().1)));
    output
}

/// Operations that are in flight together at the least. How many more depends on how many can be started before the first is over.
const TOGETHER: u64 = 100;

/// Times `work`, and fails if operations ran one after the other, or more at once than the workload says.
pub(crate) fn together(job: &Job, work: impl FnOnce() -> Result<u64, BoxError>) -> Result<Outcome, BoxError> {
    at_once(job, TOGETHER, work)
}

/// The same where operations take so long that at least half of those that may be in flight are.
pub(crate) fn half_together(
    job: &Job,
    work: impl FnOnce() -> Result<u64, BoxError>,
) -> Result<Outcome, BoxError> {
    at_once(job, job.parameter.min(job.size).div_ceil(2), work)
}

fn at_once(job: &Job, least: u64, work: impl FnOnce() -> Result<u64, BoxError>) -> Result<Outcome, BoxError> {
    let outcome = timed(job.size, work)?;
    between(IN_FLIGHT.get().1 as u64, least, job)?;
    Ok(outcome)
}

/// The same for who counts by itself how many were in flight at once.
pub(crate) fn reached(job: &Job, reached: u64) -> Result<(), BoxError> {
    between(reached, TOGETHER, job)
}

fn between(reached: u64, least: u64, job: &Job) -> Result<(), BoxError> {
    let most = job.parameter.min(job.size);
    let least = least.min(most);
    if (least..=most).contains(&reached) {
        return Ok(());
    }
    Err(format!("{reached} operations were in flight at once, and not {least} to {most}").into())
}

/// The sum of all outputs.
pub(crate) fn add(sum: u64, output: u64) -> u64 {
    sum.wrapping_add(output)
}

/// A sum that depends on the order.
pub(crate) fn add_in_order(sum: u64, output: u64) -> u64 {
    sum.wrapping_mul(31).wrapping_add(output)
}
