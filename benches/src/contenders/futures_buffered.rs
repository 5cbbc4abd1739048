//! The crate `futures-buffered`: the same with a slab of futures, on tokio's runtime of one thread.

use crate::contender::Job;
use crate::contenders::tokio::block_on;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::operations::{
    self, ANSWER, LONG, MILLISECOND, TIMEOUT, add, add_in_order, half_together, sleeps, tail, together,
};
use crate::tasks::slow_consumer;
use futures_buffered::BufferedStreamExt;
use futures_util::StreamExt;
use futures_util::stream::iter;
use tokio::time::{sleep, timeout};

fn unordered<Fut: Future<Output = u64>>(job: &Job, operation: impl Fn(u64) -> Fut) -> Result<u64, BoxError> {
    let outputs = iter(0..job.size).map(operation).buffered_unordered(job.parameter as usize);
    block_on(outputs.fold(0, async |sum, n| add(sum, n)))
}

pub(crate) fn ready(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || unordered(job, operations::ready))
}

pub(crate) fn yielding(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, operations::yields))
}

pub(crate) fn sleeping(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || unordered(job, |n| sleeps(n, sleep(MILLISECOND))))
}

pub(crate) fn answers(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || unordered(job, |n| sleeps(n, sleep(ANSWER))))
}

pub(crate) fn long(job: &Job) -> Result<Outcome, BoxError> {
    half_together(job, || unordered(job, |n| sleeps(n, sleep(LONG))))
}

pub(crate) fn slow_consumer(job: &Job) -> Result<Outcome, BoxError> {
    slow_consumer::spans(job, || {
        let outputs = iter(0..job.size).map(slow_consumer::operation);
        let outputs = outputs.buffered_unordered(job.parameter as usize);
        block_on(outputs.fold(0, async |sum, n| slow_consumer::consume(sum, n)))
    })
}

pub(crate) fn timed_out(job: &Job) -> Result<Outcome, BoxError> {
    let operation = async |n| timeout(TIMEOUT, sleeps(n, sleep(MILLISECOND))).await.expect("none is slow");
    together(job, || unordered(job, operation))
}

pub(crate) fn ordered(job: &Job) -> Result<Outcome, BoxError> {
    together(job, || {
        let outputs = iter(0..job.size).map(|n| sleeps(n, sleep(tail(n))));
        let outputs = outputs.buffered_ordered(job.parameter as usize);
        block_on(outputs.fold(0, async |sum, n| add_in_order(sum, n)))
    })
}
