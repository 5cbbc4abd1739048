//! Operations in flight: how many, in how much memory, at which rate, and beside whoever takes what they give.

use super::operations::{self, Ends};
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{ANSWER, LONG, add, half_together, sleeps};
use crate::tasks::{rate, slow_consumer};
use pipe_async::Async;
use pipe_core::{from_iter, per_second};
use tokio::time::sleep;

pub(crate) fn answers(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || operations::unordered(job, Ends::OnThreads, |n| sleeps(n, sleep(ANSWER))))
}

pub(crate) fn long(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || operations::unordered(job, Ends::OnThreads, |n| sleeps(n, sleep(LONG))))
}

pub(crate) fn long_in_task(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || operations::unordered(job, Ends::InTask, |n| sleeps(n, sleep(LONG))))
}

pub(crate) fn slow_consumer(job: &Job) -> Result<Outcome, BoxError> {
    slow_consumer::spans(job, || consumed(job))
}

pub(crate) fn rate(job: &Job) -> Result<Outcome, BoxError> {
    rate::in_the_long_run(job, || at_a_rate(job))
}

pub(crate) fn rate_in_any_window(job: &Job) -> Result<Outcome, BoxError> {
    rate::in_any_window(job, || at_a_rate(job))
}

fn consumed(job: &Job) -> Result<u64, BoxError> {
    let outputs = from_iter(0..job.size).map_async(slow_consumer::operation);
    let outputs = outputs.concurrency(job.parameter as usize).unordered();
    let consume = |sum: &mut u64, n| *sum = slow_consumer::consume(*sum, n);
    let sum = outputs.fold(|| 0, consume, |all, part| *all = add(*all, part));
    Ok(sum.run_on(&Async::tokio().blocking())?.value)
}

fn at_a_rate(job: &Job) -> Result<u64, BoxError> {
    let limit = per_second(rate::LIMIT).burst(job.parameter as u32);
    let outputs = from_iter(0..job.size).map_async(rate::noted).concurrency(1_000).unordered().rate(limit);
    let sum = outputs.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    Ok(sum.run_on(&Async::tokio().blocking())?.value)
}
