//! A function whose results are kept, by what comes: words, keys that are known, and keys that never come again.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::looks::{add, computed, log_uniform, uniform};
use pipe_cache::{MemoStatistics, memoised};
use pipe_core::{Inline, RunError, from_iter};

/// The sum of all results, and what the memo says.
fn kept(keys: Vec<u64>, entries: usize, rounds: u64) -> Result<(u64, MemoStatistics), RunError> {
    let memo = memoised(entries, |key: &u64| computed(*key, rounds));
    let tally = memo.tally();
    let sum = from_iter(keys).stage(memo).fold(|| 0, add, |all, part| *all += part).run_on(&Inline)?;
    Ok((sum.value, tally.statistics()))
}

/// With a table for so many results as the job says: what it does not find.
pub(crate) fn missed(job: &Job) -> Result<Outcome, BoxError> {
    let (keys, mut found) = (log_uniform(job.size, 100_000), 0.0);
    let outcome = timed(job.size, || {
        let (sum, seen) = kept(keys, job.parameter as usize, 100)?;
        found = seen.hit_ratio();
        Ok(sum)
    })?;
    Ok(Outcome { counted: Some(100.0 * (1.0 - found)), ..outcome })
}

pub(crate) fn words(job: &Job) -> Result<Outcome, BoxError> {
    let keys = log_uniform(job.size, 100_000);
    timed(job.size, || Ok(kept(keys, 1 << 16, job.parameter)?.0))
}

pub(crate) fn known(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, 1_000);
    timed(job.size, || Ok(kept(keys, 1 << 16, job.parameter)?.0))
}

/// Keys that never come again.
pub(crate) fn new(job: &Job) -> Result<Outcome, BoxError> {
    let keys = uniform(job.size, u64::MAX);
    timed(job.size, || Ok(kept(keys, 1 << 16, job.parameter)?.0))
}

/// The pipeline without a memo, which `new` is compared with.
pub(crate) fn new_unkept(job: &Job) -> Result<Outcome, BoxError> {
    let (keys, rounds) = (uniform(job.size, u64::MAX), job.parameter);
    timed(job.size, || {
        let results = from_iter(keys).map(|key| computed(key, rounds));
        Ok(results.fold(|| 0, add, |all, part| *all += part).run_on(&Inline)?.value)
    })
}
