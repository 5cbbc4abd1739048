//! Looks into a table larger than the caches, results that are kept and counters on lines of their own.

use crate::contender::Job;
use crate::contenders::looks::counted;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::looks::{computed, fill, find, log_uniform, place, uniform};
use pipe_cache::{AlignedVec, Line, memoised, prefetch, probed};
use pipe_core::{Inline, RunError, from_iter};
use std::sync::atomic::AtomicU64;

pub(crate) fn probe(job: &Job) -> Result<Outcome, BoxError> {
    let places = job.parameter as usize;
    let mut table = AlignedVec::<u64>::zeroed(2 * places);
    fill(&mut table);
    let (table, keys) = (&table[..], uniform(job.size, job.parameter));
    timed(job.size, || {
        let fetch = |key: &u64| prefetch(&table[2 * place(*key, places)]);
        let looks = from_iter(keys).stage(probed(32, fetch, |key| find(table, key)));
        let report = looks.fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all += part);
        Ok(report.run_on(&Inline)?.value)
    })
}

fn kept(keys: Vec<u64>, rounds: u64) -> Result<u64, RunError> {
    let results = from_iter(keys).stage(memoised(1 << 16, |key: &u64| computed(*key, rounds)));
    let sum = results.fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all += part);
    Ok(sum.run_on(&Inline)?.value)
}

pub(crate) fn words(job: &Job) -> Result<Outcome, BoxError> {
    let keys = log_uniform(job.size, 100_000);
    timed(job.size, || Ok(kept(keys, job.parameter)?))
}

pub(crate) fn known(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, 1_000);
    timed(job.size, || Ok(kept(keys, job.parameter)?))
}

/// Keys that never come again.
pub(crate) fn new(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, u64::MAX);
    timed(job.size, || Ok(kept(keys, job.parameter)?))
}

/// The pipeline without a memo, which `new` is compared with.
pub(crate) fn new_unkept(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, u64::MAX);
    timed(job.size, || {
        let results = from_iter(keys).map(|key| computed(key, job.parameter));
        let sum = results.fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all += part);
        Ok(sum.run_on(&Inline)?.value)
    })
}

pub(crate) fn counters(job: &Job) -> Result<Outcome, BoxError> {
    let counters = [const { Line(AtomicU64::new(0)) }; 2];
    timed(job.size, || Ok(counted(job.size, &counters[0], &counters[1])))
}
