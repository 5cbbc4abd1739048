//! Requests per path and status, from an Apache log, on all workers.

use super::MEMORY_LIMIT;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::access_log::{answer, hit};
use foldhash::fast::RandomState;
use pipe_core::skip;
use pipe_parallel::Parallel;
use std::collections::HashMap;

type Counts = HashMap<Vec<u8>, HashMap<u16, u64, RandomState>, RandomState>;

pub(crate) fn parallel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let report = pipe_stream::lines(job.input()?)?
            .parse(hit)
            .on_error(skip())
            .fold(Counts::default, |counts, hit| add(counts, hit.path, hit.status), merge)
            .run_on(&Parallel::new().workers(job.workers).memory_limit(MEMORY_LIMIT))?;
        let flat = |(path, counts): (Vec<u8>, HashMap<u16, u64, RandomState>)| {
            counts.into_iter().map(move |(status, count)| (path.clone(), status, count)).collect::<Vec<_>>()
        };
        Ok(answer(report.value.into_iter().flat_map(flat)))
    })
}

fn add(counts: &mut Counts, path: &[u8], status: u16) {
    match counts.get_mut(path) {
        Some(of_path) => *of_path.entry(status).or_default() += 1,
        None => drop(counts.insert(path.to_vec(), HashMap::from_iter([(status, 1)]))),
    }
}

fn merge(all: &mut Counts, part: Counts) {
    for (path, counts) in part {
        let known = all.entry(path).or_default();
        counts.into_iter().for_each(|(status, count)| *known.entry(status).or_default() += count);
    }
}
