//! How peers end early: rayon looks at a flag for each item, which is what its users do, and passes panics on.

use super::rayon::pool;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::stops::{ITEMS, ITEMS_BEHIND_A_PANIC, Stop, percentile_of_runs};
use rayon::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

pub(crate) fn rayon_flag(job: &Job) -> Result<Outcome, BoxError> {
    let pool = pool(job)?;
    percentile_of_runs(job.size, || {
        let (stop, flag) = (Stop::default(), AtomicBool::new(false));
        let ended = pool.install(|| {
            (0..ITEMS).into_par_iter().try_for_each(|n| {
                stop.work(n, || flag.store(true, Relaxed));
                (!flag.load(Relaxed)).then_some(())
            })
        });
        if ended.is_some() {
            return Err("the flag ends it".into());
        }
        stop.elapsed()
    })
}

pub(crate) fn rayon_panic(job: &Job) -> Result<Outcome, BoxError> {
    let pool = pool(job)?;
    percentile_of_runs(job.size, || {
        let stop = Stop::default();
        // Not `panic!`: the hook would print.
        let all = || {
            (0..ITEMS_BEHIND_A_PANIC)
                .into_par_iter()
                .for_each(|n| _ = stop.work(n, || resume_unwind(Box::new(n))))
        };
        catch_unwind(AssertUnwindSafe(|| pool.install(all))).err().ok_or("an item panics")?;
        stop.elapsed()
    })
}
