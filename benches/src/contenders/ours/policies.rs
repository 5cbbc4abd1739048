//! What a policy costs where nothing fails.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::numbers::{lean, place, turn};
use pipe_core::{ErrorPolicy, Inline, RunError, fail, from_iter, skip};

pub(crate) fn skipping(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(checked(job.size, skip())?))
}

pub(crate) fn failing(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(checked(job.size, fail())?))
}

/// A stage that might fail, and never does, between two that cannot.
#[inline(never)]
fn checked(n: u64, policy: ErrorPolicy) -> Result<u64, RunError> {
    let report = from_iter(0..n)
        .map(place::<0>)
        .try_map(|x| if x % 3 == 0 { Ok(lean(x)) } else { Err("not a multiple of three") })
        .map(turn)
        .on_error(policy)
        .fold(|| 0, |sum, x| *sum = u64::wrapping_add(*sum, x), |all, part| *all = all.wrapping_add(part))
        .run_on(&Inline)?;
    Ok(report.value)
}
