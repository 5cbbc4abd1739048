//! Work in the work of others.

use super::rayon::pool;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::nested::{INNER, value};
use crate::tasks::reduced::answer;
use rayon::prelude::*;

/// Where a thread waits for the inner items it takes others, also those of another outer item.
pub(crate) fn rayon(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size * INNER, || {
        let inner = |outer| {
            (0..INNER).into_par_iter().map(|inner| value(outer, inner)).reduce(|| 0, u64::wrapping_add)
        };
        let outer = || (0..job.size).into_par_iter().map(inner).reduce(|| 0, u64::wrapping_add);
        Ok(answer(pool(job)?.install(outer)))
    })
}

pub(crate) fn sequential(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size * INNER, || {
        let inner = |outer| (0..INNER).map(move |inner| value(outer, inner));
        Ok(answer((0..job.size).flat_map(inner).fold(0, u64::wrapping_add)))
    })
}
