//! Looks into a table larger than the caches, and counters on lines of their own.

use crate::contender::Job;
use crate::contenders::looks::counted;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::looks::{add, fill, find, place, uniform};
use pipe_cache::{AlignedVec, Line, prefetch, probed};
use pipe_core::{Inline, from_iter};
use std::sync::atomic::AtomicU64;

pub(crate) fn probe(job: &Job) -> Result<Outcome, BoxError> {
    let places = job.parameter as usize;
    let mut table = AlignedVec::<u64>::zeroed(2 * places);
    fill(&mut table);
    let (table, keys) = (&table[..], uniform(job.size, job.parameter));
    timed(job.size, || {
        let fetch = |key: &u64| {
            let at = place(*key, places);
            prefetch(&table[2 * at]);
            // Four places to a line: who begins in its second half often ends in the next one.
            if at % 4 > 1 {
                prefetch(&table[2 * (at + 2) % table.len()]);
            }
        };
        let looks = from_iter(keys).stage(probed(32, fetch, |key| find(table, key)));
        let report = looks.fold(|| 0, add, |all, part| *all += part);
        Ok(report.run_on(&Inline)?.value)
    })
}

pub(crate) fn counters(job: &Job) -> Result<Outcome, BoxError> {
    let counters = [const { Line(AtomicU64::new(0)) }; 2];
    timed(job.size, || Ok(counted(job.size, &counters[0], &counters[1])))
}
