//! Statistics of each weather station from a large file: one definition, run on all workers or on the calling thread.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::stations::{Stats, answer, reading};
use foldhash::fast::RandomState;
use pipe_core::{BlockingExecutor, Inline, skip};
use pipe_parallel::Parallel;
use std::collections::HashMap;

type Stations = HashMap<Vec<u8>, Stats, RandomState>;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    stations(job, &Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))
}

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    stations(job, &Inline)
}

fn stations(job: &Job, executor: &impl for<'p> BlockingExecutor<'p>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let report = pipe_stream::lines(job.input()?)?
            .parse(reading)
            .on_error(skip())
            .fold(
                Stations::default,
                |part, reading| match part.get_mut(reading.name) {
                    Some(stats) => stats.add(reading.tenths),
                    None => drop(part.insert(reading.name.to_vec(), Stats::of(reading.tenths))),
                },
                |all, part| {
                    for (name, stats) in part {
                        all.entry(name).and_modify(|known| known.merge(&stats)).or_insert(stats);
                    }
                },
            )
            .run_on(executor)?;
        Ok(answer(report.value))
    })
}
