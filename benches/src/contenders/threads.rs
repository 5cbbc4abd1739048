//! The standard library alone: a thread for each operation in flight.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::rng::mix;
use crate::tasks::operations::LONG;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{Builder, scope, sleep};

/// A tenth of the operations in flight that others have, and ten of them on each thread, one after the other.
pub(crate) fn a_tenth(job: &Job) -> Result<Outcome, BoxError> {
    let threads = job.parameter.min(job.size) / 10;
    timed(job.size, || {
        let (next, sum) = (AtomicU64::new(0), AtomicU64::new(0));
        let all_are_there = Barrier::new(threads as usize);
        let work = || {
            all_are_there.wait();
            let of_this_thread = || Some(next.fetch_add(1, Relaxed)).filter(|n| *n < job.size);
            while let Some(n) = of_this_thread() {
                sleep(LONG / 10);
                sum.fetch_add(mix(n), Relaxed);
            }
        };
        scope(|scope| (0..threads).try_for_each(|_| Builder::new().spawn_scoped(scope, work).map(drop)))?;
        Ok(sum.into_inner())
    })
}
