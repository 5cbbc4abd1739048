//! Eight stages over borrowed rows, on the calling thread.

use crate::contender::{Job, instance};
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::rows;
use pipe_core::{Inline, RunError, skip};
use pipe_stream::Text;

pub(crate) fn inline(job: &Job) -> Result<Outcome, BoxError> {
    let log = Text::new(rows::log(job.size));
    timed(job.size, || Ok(instance!(job, sum, &log)?))
}

#[inline(never)]
fn sum<const K: u64>(log: &Text) -> Result<u64, RunError> {
    let report = log
        .clone()
        .pipeline()
        .parse(rows::row)
        .filter(rows::failed)
        .map(rows::figures::<K>)
        .map(rows::weigh)
        .filter(rows::sampled)
        .map(rows::lean)
        .map(rows::turn)
        .on_error(skip())
        .fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all = all.wrapping_add(part))
        .run_on(&Inline)?;
    Ok(report.value)
}
